//! Reads lists of tasks: tasks, blocks, and imports that stand for other lists.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arguments;
use super::keywords::Place;
use super::load::{Loader, folder};
use super::model::{Block, Directives, Entry, Role, Task};
use crate::source::{Diagnostic, Node, NodeValue, Span};

/// Where a list of tasks stands: what relative names in it refer to.
#[derive(Clone)]
pub(super) struct Folder {
    /// The role whose tasks these are.
    pub(super) role: Option<Arc<Role>>,
    /// Folder of the file.
    pub(super) path: PathBuf,
    /// Whether these are handlers.
    pub(super) handlers: bool,
    /// Whether a block around has `rescue` or `ignore_errors`.
    pub(super) rescued: bool,
}

impl Folder {
    /// The folder of a playbook.
    pub(super) fn playbook(directory: &Path) -> Self {
        Self { role: None, path: directory.to_path_buf(), handlers: false, rescued: false }
    }
}

impl Loader<'_> {
    /// Reads a list of tasks; `key` is the keyword it stands under.
    pub(super) fn entries(&mut self, key: &str, list: &Node, place: &Folder) -> Vec<Entry> {
        match &list.value {
            NodeValue::Null => Vec::new(),
            NodeValue::Sequence(items) => items.iter().filter_map(|item| self.entry(item, place)).collect(),
            _ => {
                self.wrong(key, list, "a list of tasks");
                Vec::new()
            }
        }
    }

    /// Reads the handlers of a play or role.
    pub(super) fn handlers(&mut self, list: &Node, place: &Folder) -> Vec<Arc<Task>> {
        let place = Folder { handlers: true, ..place.clone() };
        let mut handlers = Vec::new();
        for entry in self.entries("handlers", list, &place) {
            flatten(entry, &mut handlers);
        }
        handlers
    }

    fn entry(&mut self, node: &Node, place: &Folder) -> Option<Entry> {
        if !node.is_mapping() {
            let message = format!("a task is a mapping, not {}", node.kind());
            self.report(Diagnostic::error(&node.span, message).hint("write `- module: { option: value }`"));
            return None;
        }
        let keys = || node.entries().iter().map(|(key, _)| key);
        let has = |name: &str| keys().find(|key| builtin(key) == name);
        if let Some(key) = has("block").or_else(|| has("rescue")).or_else(|| has("always")) {
            if place.handlers {
                let error = Diagnostic::error(&key.span, "a block cannot be a handler");
                self.report(error.hint("give each handler its own entry, with the same `listen`"));
                return None;
            }
            return self.block(node, place).map(|block| Entry::Block(Arc::new(block)));
        }
        if let Some(key) = has("import_tasks") {
            return self.import_tasks(node, key, place);
        }
        if let Some(key) = has("import_role") {
            return self.import_role(node, key, place);
        }
        self.task(node, place).map(|task| Entry::Task(Arc::new(task)))
    }

    fn block(&mut self, node: &Node, place: &Folder) -> Option<Block> {
        let mut block = Block {
            span: node.span.clone(),
            name: None,
            directives: Arc::default(),
            entries: Vec::new(),
            rescue: Vec::new(),
            always: Vec::new(),
            guard: None,
            role: place.role.clone(),
            role_use: false,
        };
        let mut directives = Directives::default();
        let rescued = place.rescued || node.get("rescue").is_some() || node.get("ignore_errors").is_some();
        let guarded = Folder { rescued, ..place.clone() };
        let around = self.begin_defaults(node);
        for (key, value) in node.entries() {
            match key.as_str().unwrap_or_default() {
                "name" if value.is_null() => {}
                word @ "name" => block.name = self.text(word, value),
                word @ "block" => block.entries = self.entries(word, value, &guarded),
                word @ "rescue" => block.rescue = self.entries(word, value, place),
                word @ "always" => block.always = self.entries(word, value, place),
                "guard" => block.guard = self.guard(key, value),
                "module_defaults" => {}
                word if self.directive(&mut directives, word, value) => {}
                _ => self.unknown(key, Place::Block, &[]),
            }
        }
        self.end_defaults(around);
        if node.get("block").is_none() {
            let error = Diagnostic::error(&node.span, "`rescue` and `always` need a `block`");
            self.report(error);
            return None;
        }
        block.directives = Arc::new(directives);
        self.check_guards(&block);
        Some(block)
    }

    /// Reads what stands beside an import: its directives, and the value of the import itself.
    pub(super) fn import<'n>(&mut self, node: &'n Node, import: &Node, place: &Folder) -> Import<'n> {
        let mut found =
            Import { span: node.span.clone(), directives: Directives::default(), value: None, args: None };
        for (key, value) in node.entries() {
            match key.as_str().unwrap_or_default() {
                word if Some(word) == import.as_str() => found.value = Some(value),
                "name" => {}
                "args" => found.args = Some(value),
                "module_defaults" => {}
                word if self.directive(&mut found.directives, word, value) => {}
                word if word == "loop" || word == "loop_control" || word.starts_with("with_") => {
                    let message =
                        format!("`{word}` cannot be used with an import, which is read before the run");
                    self.report(Diagnostic::error(&key.span, message));
                }
                _ => self.unknown(key, Place::Import, &[]),
            }
        }
        if place.handlers
            && node.entries().iter().any(|(key, _)| {
                !["name", "args"].contains(&builtin(key)) && key.span.start != import.span.start
            })
        {
            let error =
                Diagnostic::error(&import.span, "keywords beside an import of handlers are not supported");
            self.report(error.hint("give them to each handler"));
        }
        found
    }

    fn import_tasks(&mut self, node: &Node, import: &Node, place: &Folder) -> Option<Entry> {
        let found = self.import(node, import, place);
        let name = self.imported_file(&found)?;
        let file = name.as_str().filter(|_| self.literal("import_tasks", &name).is_some())?;
        let candidates: Vec<PathBuf> = self.include_roots(place).iter().map(|root| root.join(file)).collect();
        let Some(path) = candidates.iter().find(|path| path.is_file()) else {
            let message = format!("there is no file `{file}`");
            let hint = format!("looked for `{}`", candidates[0].display());
            self.report(Diagnostic::error(&name.span, message).hint(hint));
            return None;
        };
        if !self.enter(path, Some(&name.span)) {
            return None;
        }
        let inner = Folder { path: folder(path), ..place.clone() };
        let around = self.begin_defaults(node);
        let entries = match self.file(path) {
            Some(list) => self.entries(file, &list, &inner),
            None => Vec::new(),
        };
        self.end_defaults(around);
        self.open.pop();
        Some(Entry::Block(Arc::new(Block {
            span: found.span,
            name: None,
            directives: Arc::new(found.directives),
            entries,
            rescue: Vec::new(),
            always: Vec::new(),
            guard: None,
            role: place.role.clone(),
            role_use: false,
        })))
    }

    /// Returns the file name that an `import_tasks` gives as text, `file=`, or option `file`.
    fn imported_file(&mut self, found: &Import<'_>) -> Option<Node> {
        let value = found.value?;
        let mut file = None;
        for options in [Some(value), found.args].into_iter().flatten() {
            for (key, value) in options.entries() {
                match key.as_str() {
                    Some("file") => file = Some(value.clone()),
                    _ => {
                        let message = format!("`import_tasks` has no option `{}`", key.key_text());
                        self.report(
                            Diagnostic::error(&key.span, message).hint("give variables under `vars`"),
                        );
                    }
                }
            }
        }
        if let Some(text) = value.as_str() {
            let words = arguments::split(text, false).unwrap_or_default();
            let pair = words.pairs.iter().find(|(key, _)| key == "file").map(|(_, name)| name);
            if words.pairs.len() > usize::from(pair.is_some()) {
                let error = Diagnostic::error(&value.span, "`import_tasks` takes the name of a file");
                self.report(error.hint("give variables under `vars`"));
            }
            let name = pair.cloned().unwrap_or(words.text);
            file = Some(Node::new(value.span.clone(), NodeValue::String(name)));
        }
        if file.is_none() {
            self.wrong("import_tasks", value, "the name of a file");
        }
        file
    }
}

/// An import as it is written.
pub(super) struct Import<'n> {
    pub(super) span: Span,
    pub(super) directives: Directives,
    pub(super) value: Option<&'n Node>,
    pub(super) args: Option<&'n Node>,
}

/// Returns a key without the collection that comes with Ansible.
fn builtin(key: &Node) -> &str {
    let word = key.as_str().unwrap_or_default();
    word.strip_prefix("ansible.builtin.").unwrap_or(word)
}

fn flatten(entry: Entry, handlers: &mut Vec<Arc<Task>>) {
    match entry {
        Entry::Task(task) => handlers.push(task),
        Entry::Block(block) => {
            for entry in &block.entries {
                flatten(entry.clone(), handlers);
            }
        }
    }
}
