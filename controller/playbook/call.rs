//! Reads what stands behind a module's name and checks it against the module's options.

use super::arguments;
use super::keywords::Place;
use super::load::Loader;
use super::tasks::Folder;
use super::values::{is_identifier, is_template, is_templated, listed};
use crate::module::{self, FreeForm, ModuleSpec, OptionKind};
use crate::source::{Diagnostic, Node, NodeValue, Span, search};

/// A module as a task names it.
pub(super) struct Called {
    pub(super) spec: &'static ModuleSpec,
    /// Its name as written.
    pub(super) name: String,
    pub(super) span: Span,
    /// What stands behind the name.
    pub(super) value: Node,
}

impl Called {
    pub(super) fn new(spec: &'static ModuleSpec, key: &Node, value: &Node) -> Self {
        let name = key.as_str().unwrap_or_default().to_owned();
        Self { spec, name, span: key.span.clone(), value: value.clone() }
    }
}

/// Options by canonical name, or one template in place of all of them.
pub(super) type CheckedOptions = (Vec<(String, Node)>, Option<Node>);

impl Loader<'_> {
    /// Reads `action`: `module key=value ...`, or a mapping with the key `module`.
    pub(super) fn action(&mut self, key: &str, value: &Node) -> Option<Called> {
        let (name, rest) = match &value.value {
            NodeValue::String(text) => {
                let (name, rest) = text.trim().split_once([' ', '\n']).unwrap_or((text.trim(), ""));
                let rest = Node::new(value.span.clone(), NodeValue::String(rest.to_owned()));
                (Node::new(value.span.clone(), NodeValue::String(name.to_owned())), rest)
            }
            NodeValue::Mapping(entries) if value.get("module").is_some() => {
                let rest =
                    entries.iter().filter(|(key, _)| key.as_str() != Some("module")).cloned().collect();
                let rest = Node::new(value.span.clone(), NodeValue::Mapping(rest));
                (value.get("module")?.clone(), rest)
            }
            _ => {
                self.wrong(key, value, "a module with its options");
                return None;
            }
        };
        let word = self.literal(key, &name)?;
        match module::lookup(word) {
            Some(found) => Some(Called::new(found.spec(), &name, &rest)),
            None => {
                self.unknown_module(&name, Place::Task);
                None
            }
        }
    }

    /// Puts together the options of a task and checks their names and literal values.
    pub(super) fn options(&mut self, call: &Called, args: Option<&Node>) -> CheckedOptions {
        let mut given = Vec::new();
        let mut template = None;
        let mut cut = false;
        match &call.value.value {
            NodeValue::Null => {}
            NodeValue::Mapping(entries) => given.extend(entries.iter().cloned()),
            NodeValue::String(text) if call.spec.free_form == FreeForm::Pairs && is_one_template(text) => {
                template = self.options_template(call);
            }
            NodeValue::String(text) => match self.split(call, text) {
                Some(pairs) => given = pairs,
                None => cut = true,
            },
            _ => {
                let message = format!("`{}` takes options, not {}", call.name, call.value.kind());
                self.report(Diagnostic::error(&call.value.span, message));
                cut = true;
            }
        }
        self.merge_args(call, args, &mut given);
        if template.is_none() {
            self.add_defaults(call.spec, &mut given);
        }
        let options = self.check_options(call, given, !cut && template.is_none());
        (options, template)
    }

    fn options_template(&mut self, call: &Called) -> Option<Node> {
        if !call.spec.open {
            let message = format!("the options of `{}` have to be known before the run", call.name);
            self.report(
                Diagnostic::error(&call.value.span, message)
                    .hint("write a mapping, with a template for each value"),
            );
        }
        self.template(&call.value)
    }

    /// Splits `key=value` text or a command line; reports if it cannot be split.
    fn split(&mut self, call: &Called, text: &str) -> Option<Vec<(Node, Node)>> {
        let span = &call.value.span;
        let is_command = COMMANDS.contains(&call.spec.name);
        let found = match arguments::split(text, is_command) {
            Ok(found) => found,
            Err(error) => {
                let hint = "close it, or write the options as a mapping (commands: `cmd: |`)";
                self.report(Diagnostic::error(span, error.to_string()).hint(hint));
                return None;
            }
        };
        let mut written = Written { span, taken: 0 };
        let mut given: Vec<(Node, Node)> =
            found.pairs.into_iter().map(|(key, value)| (written.node(key), written.node(value))).collect();
        if found.text.is_empty() {
            return Some(given);
        }
        written.taken = 0;
        match call.spec.free_form {
            FreeForm::Option(name) | FreeForm::Verbatim(name) => {
                let key = Node::new(span.clone(), NodeValue::String(name.to_owned()));
                given.push((key, written.node(found.text)));
            }
            FreeForm::Pairs => {
                let message = format!("`{}` takes `option=value` pairs, not `{}`", call.name, found.text);
                let error = Diagnostic::error(&written.node(found.text).span, message);
                self.report(error.hint("write the options as a mapping"));
            }
        }
        Some(given)
    }

    /// Adds what `args` gives; what stands behind the module's name wins, as in Ansible.
    fn merge_args(&mut self, call: &Called, args: Option<&Node>, given: &mut Vec<(Node, Node)>) {
        let Some(args) = args else { return };
        if !args.is_mapping() && !args.is_null() {
            self.wrong("args", args, "a mapping of options");
            return;
        }
        let canonical = |key: &Node| {
            let name = key.key_text();
            call.spec.option(&name).map_or(name, |option| option.name.to_owned())
        };
        for (key, value) in args.entries() {
            if given.iter().any(|(other, _)| canonical(other) == canonical(key)) {
                let message = format!("option `{}` is given behind `{}` too", key.key_text(), call.name);
                self.report(Diagnostic::error(&key.span, message).hint("give it once"));
            } else {
                given.push((key.clone(), value.clone()));
            }
        }
    }

    /// Checks names and values; whether something is missing only if `complete`.
    fn check_options(
        &mut self,
        call: &Called,
        given: Vec<(Node, Node)>,
        mut complete: bool,
    ) -> Vec<(String, Node)> {
        let mut options: Vec<(String, Node)> = Vec::with_capacity(given.len());
        for (key, value) in given {
            let name = key.key_text();
            let option = match call.spec.check_name(&name) {
                Ok(option) => option,
                Err(text) => {
                    self.report_text(&key.span, &text);
                    complete = false;
                    continue;
                }
            };
            let canonical = option.map_or(name.as_str(), |option| option.name).to_owned();
            if options.iter().any(|(other, _)| *other == canonical) {
                let message = format!("option `{canonical}` of `{}` is given twice", call.spec.name);
                self.report(Diagnostic::error(&key.span, message).hint("give it once"));
                continue;
            }
            if option.is_none() && !is_template(&name) && !is_identifier(&name) {
                let message = format!("`{name}` cannot be the name of a variable");
                self.report(
                    Diagnostic::error(&key.span, message).hint("use letters, digits and underscores"),
                );
            }
            if option.is_none() {
                self.templates(&key);
            }
            if call.spec.is_raw(&canonical) {
                self.raw_option(&value);
            } else {
                self.templates(&value);
            }
            if let Some(option) = option.filter(|_| is_literal(&value)) {
                self.check_value(option, &name, call.spec, &value);
            }
            options.push((canonical, value));
        }
        let missing = call.spec.missing(options.iter().map(|(name, _)| name.as_str()));
        if complete && !missing.is_empty() {
            let names: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
            self.report(Diagnostic::error(&call.span, format!("`{}` needs {}", call.name, names.join(", "))));
        }
        options
    }

    /// Checks the template file that a task names; one with delimiters of its own is left to the run. Returns the
    /// variables that it looks up.
    pub(super) fn check_template_file(
        &mut self,
        spec: &ModuleSpec,
        options: &[(String, Node)],
        folder: &Folder,
    ) -> Vec<&'static str> {
        let own = options.iter().any(|(name, _)| name.ends_with("_string"));
        let source = options.iter().find(|(name, _)| name == "src").map(|(_, value)| value);
        let Some(name) = source.filter(|value| spec.name == "template" && !own && is_literal(value)) else {
            return Vec::new();
        };
        let Some(name) = name.as_str() else { return Vec::new() };
        let roots = folder.role.iter().map(|role| role.path.clone()).chain([self.directory.clone()]);
        let roots: Vec<_> = roots.collect();
        let roots = roots.iter().map(|root| root.as_path());
        match search(roots, "templates", name, self.options.home.as_deref()) {
            Ok(path) if path.is_file() => self.template_file(&path),
            _ => Vec::new(),
        }
    }

    /// Checks an option that is an expression without braces; other values than text are the module's.
    fn raw_option(&mut self, value: &Node) {
        for item in listed(value).iter().filter(|item| item.as_str().is_some()) {
            self.condition(item);
        }
    }

    fn check_value(&mut self, option: &module::OptionSpec, name: &str, spec: &ModuleSpec, value: &Node) {
        let rendered = value.to_value();
        if let Err(text) = module::check_option(option, &rendered) {
            let mut text = match spec.free_form {
                FreeForm::Option(free) if free == name => format!("`{}`: {text}", spec.name),
                _ => format!("option `{name}` of `{}`: {text}", spec.name),
            };
            if let (OptionKind::Choice(choices), Some(word)) = (option.kind, value.as_str())
                && let Some(meant) = crate::source::suggestion(word, choices.iter().copied())
            {
                text = format!("{}\nhint: {meant}", text.split("\nhint: ").next().unwrap_or_default());
            }
            self.report_text(&value.span, &text);
        } else if let (OptionKind::Mode, NodeValue::Int(number)) = (option.kind, &value.value) {
            self.check_mode_spelling(*number, value);
        }
    }

    /// Warns about `mode: 644`, a decimal number that was meant to be octal.
    fn check_mode_spelling(&mut self, number: i64, value: &Node) {
        let written = value.span.file.text().get(value.span.start..value.span.end).unwrap_or_default().trim();
        let decimal = written.chars().all(|digit| digit.is_ascii_digit()) && !written.starts_with('0');
        if decimal && number > 7 {
            let message = format!("mode {written} is a decimal number, {number:04o} in octal");
            let octal = written.chars().all(|digit| digit.is_digit(8));
            let meant = if octal { format!("0{written}") } else { format!("{number:04o}") };
            self.report(Diagnostic::warning(&value.span, message).hint(format!("write `\"{meant}\"`")));
        }
    }
}

/// The text that options are cut out of.
struct Written<'a> {
    span: &'a Span,
    /// Bytes that earlier options took.
    taken: usize,
}

impl Written<'_> {
    /// Makes a node for a part of the text, at its place if it stands there as it is.
    fn node(&mut self, part: String) -> Node {
        let text = self.span.file.text().get(self.span.start..self.span.end).unwrap_or_default();
        let found = text.get(self.taken..).and_then(|rest| rest.find(&part)).filter(|_| !part.is_empty());
        let span = match found {
            Some(at) => {
                let start = self.span.start + self.taken + at;
                self.taken += at + part.len();
                Span::new(self.span.file.clone(), start, start + part.len())
            }
            None => self.span.clone(),
        };
        Node::new(span, NodeValue::String(part))
    }
}

/// Modules whose text is a command line: a word with `=` belongs to it unless it is one of their options.
const COMMANDS: &[&str] = &["command", "shell", "script", "raw", "win_command", "win_shell"];

fn is_one_template(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("{{") && text.ends_with("}}") && text.matches("{{").count() == 1
}

/// Tells whether nothing in a tree has to be rendered or decrypted.
pub(super) fn is_literal(node: &Node) -> bool {
    match &node.value {
        NodeValue::Vault(_) => false,
        NodeValue::Sequence(items) => items.iter().all(is_literal),
        NodeValue::Mapping(entries) => entries.iter().all(|(_, value)| is_literal(value)),
        _ => !is_templated(node),
    }
}
