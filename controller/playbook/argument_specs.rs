//! `meta/argument_specs.yml` of a role: what its arguments have to be. A use of the role begins with a task that checks them.

use std::sync::Arc;

use super::load::Loader;
use super::model::{Directives, Role, Task};
use super::values::spelled_bool;
use crate::module::ARGUMENT_TYPES;
use crate::source::{Diagnostic, Node, NodeValue, Span, suggestion};

/// What an entry point may say, besides its options.
const ENTRY: &[&str] =
    &["author", "description", "notes", "options", "seealso", "short_description", "version_added"];
/// What describes an option, and has no effect.
const DOCUMENTATION: &[&str] = &["description", "version_added"];
/// What an option may say.
const OPTION: &[&str] =
    &["aliases", "choices", "default", "elements", "no_log", "options", "required", "type"];
/// What Ansible's modules have, and its roles do not heed.
const UNHEEDED: &[&str] = &[
    "apply_defaults",
    "mutually_exclusive",
    "required_by",
    "required_if",
    "required_one_of",
    "required_together",
];

impl Loader<'_> {
    /// Makes the task that checks the arguments of an entry point, if the role specifies it. `specs` is the mapping of entry
    /// points.
    pub(super) fn argument_check(
        &mut self,
        specs: &Node,
        entry: &str,
        params: &[(String, Arc<Node>)],
        role: &Arc<Role>,
    ) -> Option<Arc<Task>> {
        if !specs.is_mapping() {
            self.wrong("argument_specs", specs, "a mapping of entry points");
            return None;
        }
        for (key, spec) in specs.entries() {
            self.check_entry(key, spec);
        }
        let spec = specs.get(entry)?;
        let empty = Node::new(spec.span.clone(), NodeValue::Mapping(Vec::new()));
        let options = spec.get("options").filter(|options| options.is_mapping()).unwrap_or(&empty);
        for (name, value) in params {
            let known = |(key, option): &(Node, Node)| {
                let aliases = option.get("aliases").map(super::values::listed).unwrap_or_default();
                key.as_str() == Some(name) || aliases.iter().any(|alias| alias.as_str() == Some(name))
            };
            if !options.entries().iter().any(known) {
                let message = format!("role `{}` has no argument `{name}`", role.name);
                let names = options.entries().iter().filter_map(|(key, _)| key.as_str());
                self.report(Diagnostic::error(&value.span, message).maybe_hint(suggestion(name, names)));
            }
        }
        let mut name = format!("Validating arguments against arg spec '{entry}'");
        if let Some(short) = spec.get("short_description").map(Node::key_text) {
            name = format!("{name} - {short}");
        }
        let text = |text: &str| Node::new(spec.span.clone(), NodeValue::String(text.to_owned()));
        let about = [("type", "role"), ("name", &role.name), ("argument_spec_name", entry)];
        let about = about.into_iter().map(|(key, value)| (text(key), text(value))).collect();
        let about = Node::new(spec.span.clone(), NodeValue::Mapping(about));
        let arguments =
            vec![("argument_spec".to_owned(), bare(options)), ("validate_args_context".to_owned(), about)];
        Some(Arc::new(check(&spec.span, text(&name), arguments, role)))
    }

    fn check_entry(&mut self, key: &Node, spec: &Node) {
        if !spec.is_mapping() {
            self.wrong(&key.key_text(), spec, "a mapping with `options`");
            return;
        }
        for (key, value) in spec.entries() {
            match key.as_str().unwrap_or_default() {
                "options" if value.is_null() => {}
                "options" => self.check_options_of(value),
                word if ENTRY.contains(&word) => {}
                word if UNHEEDED.contains(&word) => self.unheeded(key),
                word => {
                    let error =
                        Diagnostic::error(&key.span, format!("a specification of arguments has no `{word}`"));
                    self.report(error.maybe_hint(suggestion(word, ENTRY.iter().copied())));
                }
            }
        }
    }

    fn unheeded(&mut self, key: &Node) {
        let message = format!("`{}` has no effect on the arguments of a role, as in Ansible", key.key_text());
        self.report(Diagnostic::warning(&key.span, message).hint("check it with `assert` in the role"));
    }

    fn check_options_of(&mut self, options: &Node) {
        if !options.is_mapping() {
            self.wrong("options", options, "a mapping of arguments");
            return;
        }
        for (name, option) in options.entries() {
            if !option.is_mapping() {
                self.wrong(&name.key_text(), option, "a mapping with `type`, `required` and so on");
                continue;
            }
            for (key, value) in option.entries() {
                match key.as_str().unwrap_or_default() {
                    word @ ("type" | "elements") => {
                        let kind = value.as_str().unwrap_or_default();
                        if !ARGUMENT_TYPES.contains(&kind) {
                            let error =
                                Diagnostic::error(&value.span, format!("`{word}` cannot be `{kind}`"));
                            let hint = suggestion(kind, ARGUMENT_TYPES.iter().copied());
                            self.report(error.hint(
                                hint.unwrap_or_else(|| format!("one of `{}`", ARGUMENT_TYPES.join("`, `"))),
                            ));
                        }
                    }
                    word @ "required" => drop(self.literal_boolean(word, value)),
                    word @ ("choices" | "aliases") if !value.is_sequence() => {
                        self.wrong(word, value, "a list");
                    }
                    "options" => self.check_options_of(value),
                    word if OPTION.contains(&word) || DOCUMENTATION.contains(&word) => {}
                    word if UNHEEDED.contains(&word) => self.unheeded(key),
                    word => {
                        let error = Diagnostic::error(&key.span, format!("an argument has no `{word}`"));
                        self.report(error.maybe_hint(suggestion(word, OPTION.iter().copied())));
                    }
                }
            }
            let has = |word: &str| option.get(word).is_some();
            let required = option.get("required").and_then(Node::as_str).and_then(spelled_bool);
            let required =
                required.unwrap_or_else(|| option.get("required").is_some_and(super::directives::is_flag));
            if required && has("default") {
                let message = format!("`{}` is required and has a default", name.key_text());
                self.report(Diagnostic::error(&name.span, message).hint("leave one of them out"));
            }
        }
    }
}

/// The specification without what only describes it, which need not be valid templates.
fn bare(options: &Node) -> Node {
    let entries = options.entries().iter().map(|(name, option)| {
        let kept = option.entries().iter().filter(|(key, _)| {
            let word = key.as_str().unwrap_or_default();
            OPTION.contains(&word) && word != "default"
        });
        let kept = kept.map(|(key, value)| match key.as_str() {
            Some("options") => (key.clone(), bare(value)),
            _ => (key.clone(), value.clone()),
        });
        (name.clone(), Node::new(option.span.clone(), NodeValue::Mapping(kept.collect())))
    });
    Node::new(options.span.clone(), NodeValue::Mapping(entries.collect()))
}

fn check(span: &Span, name: Node, options: Vec<(String, Node)>, role: &Arc<Role>) -> Task {
    Task {
        span: span.clone(),
        name: Some(name),
        module: "validate_argument_spec",
        module_as_written: "ansible.builtin.validate_argument_spec".to_owned(),
        module_span: span.clone(),
        options,
        options_template: None,
        directives: Directives { tags: vec!["always".to_owned()], ..Directives::default() },
        looping: None,
        register: None,
        notify: Vec::new(),
        listen: Vec::new(),
        changed_when: None,
        failed_when: None,
        retry: None,
        covers: Vec::new(),
        rollback: Vec::new(),
        file_names: Vec::new(),
        role: Some(role.clone()),
        include: None,
        vars_files: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Files;

    fn role(specs: &str, site: &str) -> String {
        let files = [
            ("site.yml", site),
            ("roles/r/meta/argument_specs.yml", specs),
            ("roles/r/tasks/main.yml", "- ping:\n"),
        ];
        Files::new(&files).messages()
    }

    #[test]
    fn mistakes_of_specifications_and_of_parameters_are_found_before_the_run() {
        let site = "- hosts: web\n  roles: [{ role: r, level: 1 }]\n";
        let good = "argument_specs:\n  main:\n    short_description: It\n    options: { level: { type: int, required: true, description: '{{ not a template' } }\n";
        assert_eq!(role(good, site), "");
        for (specs, expected) in [
            (
                "argument_specs: { main: { options: { level: { type: integer } } } }\n",
                "`type` cannot be `integer`",
            ),
            (
                "argument_specs: { main: { options: { level: { requird: true } } } }\n",
                "did you mean `required`?",
            ),
            (
                "argument_specs: { main: { options: { level: { required: true, default: 1 } } } }\n",
                "required and has a default",
            ),
            ("argument_specs: { main: { options: { levle: { type: int } } } }\n", "did you mean `levle`?"),
            ("argument_specs: { main: { option: {} } }\n", "did you mean `options`?"),
            ("argument_specs: [1]\n", "a mapping of entry points"),
        ] {
            let messages = role(specs, site);
            assert!(messages.contains(expected), "{specs}: {messages}");
        }
    }
}
