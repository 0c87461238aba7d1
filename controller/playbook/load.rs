//! Loads a playbook with everything that literal names reach: imported playbooks, imported tasks,
//! roles with their dependencies, files of variables. All mistakes of all files are found in one go.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::defaults::Defaults;
use super::include::{Body, Context};
use super::model::{Play, Playbook, Role, Task};
use super::role::RoleUse;
use crate::secrets::vault::Vault;
use crate::source::{self, Diagnostic, Diagnostics, Node, NodeValue, Severity, Span};
use crate::template::{Engine, TextOptions};

/// What a load depends on besides the playbook.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Folders where roles are looked for, after `roles/` beside the playbook and before its folder.
    pub roles_path: Vec<PathBuf>,
    /// What `~` stands for in the names of files.
    pub home: Option<PathBuf>,
    /// What opens encrypted files.
    pub vault: Vault,
}

/// Loads the playbook at `path`. There is none if a message is an error.
pub fn load(path: &Path, options: &LoadOptions) -> (Option<Playbook>, Diagnostics) {
    let directory = folder(path);
    let mut loader = Loader::new(options, directory.clone());
    let plays = loader.playbook(path, None);
    if plays.is_empty() && !loader.diagnostics.has_errors() {
        loader.report(Diagnostic::bare(format!("`{}` holds no play", path.display())));
    }
    loader.sort();
    let playbook = Playbook { path: path.to_path_buf(), directory, plays };
    ((!loader.diagnostics.has_errors()).then_some(playbook), loader.diagnostics)
}

/// One load.
pub(super) struct Loader<'a> {
    pub(super) options: &'a LoadOptions,
    /// Folder of the playbook whose plays are being read.
    pub(super) directory: PathBuf,
    pub(super) diagnostics: Diagnostics,
    /// Files whose imports are being followed.
    pub(super) open: Vec<PathBuf>,
    /// Whether a play so far may have made files on the controller.
    pub(super) makes_files: bool,
    /// What the play in hand has gathered.
    pub(super) gathered: Gathered,
    /// How many includes are around what is read.
    pub(super) depth: usize,
    /// `module_defaults` around what is read, from the outside in.
    pub(super) defaults: Vec<Defaults>,
    files: HashMap<PathBuf, Option<Arc<Node>>>,
    /// Template files that were checked, with the variables that they look up.
    checked: HashMap<PathBuf, Vec<&'static str>>,
    engine: Engine,
}

/// Roles and handlers that a play gathers from wherever its roles are used.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) roles: Vec<Arc<Role>>,
    pub(super) uses: Vec<RoleUse>,
    pub(super) handlers: Vec<Arc<Task>>,
    /// `notify` entries of all tasks.
    pub(super) notified: Vec<Node>,
    /// Roles that `include_role` may use.
    pub(super) included_roles: Vec<Arc<Role>>,
    /// What includes stand for, read so far.
    pub(super) bodies: HashMap<Context, Arc<Body>>,
}

impl Gathered {
    /// How much there is now.
    pub(super) fn mark(&self) -> [usize; 5] {
        [
            self.roles.len(),
            self.uses.len(),
            self.handlers.len(),
            self.notified.len(),
            self.included_roles.len(),
        ]
    }

    /// Forgets what came behind a mark, because it cannot be used.
    pub(super) fn rewind(&mut self, [roles, uses, handlers, notified, included]: [usize; 5]) {
        self.roles.truncate(roles);
        self.uses.truncate(uses);
        self.handlers.truncate(handlers);
        self.notified.truncate(notified);
        self.included_roles.truncate(included);
    }
}

impl<'a> Loader<'a> {
    pub(super) fn new(options: &'a LoadOptions, directory: PathBuf) -> Self {
        Self {
            options,
            directory,
            diagnostics: Diagnostics::default(),
            open: Vec::new(),
            makes_files: false,
            gathered: Gathered::default(),
            depth: 0,
            defaults: Vec::new(),
            files: HashMap::new(),
            checked: HashMap::new(),
            engine: Engine::new(),
        }
    }

    /// Adds a message, once for each place.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        let place = |diagnostic: &Diagnostic| diagnostic.span.as_ref().map(Span::place);
        let known =
            |other: &Diagnostic| other.message == diagnostic.message && place(other) == place(&diagnostic);
        if !self.diagnostics.0.iter().any(known) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Counts the errors so far.
    pub(super) fn errors(&self) -> usize {
        self.diagnostics.0.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
    }

    /// Adds the messages about another file, once for each place.
    pub(super) fn report_all(&mut self, diagnostics: Diagnostics) {
        diagnostics.0.into_iter().for_each(|diagnostic| self.report(diagnostic));
    }

    /// Adds an error at a place; a hint may follow the text behind `\nhint: `.
    pub(super) fn report_text(&mut self, span: &Span, text: &str) {
        let (message, hint) = match text.split_once("\nhint: ") {
            Some((message, hint)) => (message, Some(hint.to_owned())),
            None => (text, None),
        };
        self.report(Diagnostic::error(span, message).maybe_hint(hint));
    }

    /// Puts the messages about each file in the order of its lines; files stay in the order of discovery.
    fn sort(&mut self) {
        let mut files: Vec<String> = Vec::new();
        for span in self.diagnostics.0.iter().filter_map(|diagnostic| diagnostic.span.as_ref()) {
            if !files.iter().any(|name| name == span.file.name()) {
                files.push(span.file.name().to_owned());
            }
        }
        self.diagnostics.0.sort_by_key(|diagnostic| match &diagnostic.span {
            Some(span) => (files.iter().position(|name| name == span.file.name()), span.start),
            None => (None, 0),
        });
    }

    /// Reads a file once; its own mistakes are reported once.
    pub(super) fn file(&mut self, path: &Path) -> Option<Arc<Node>> {
        if let Some(known) = self.files.get(path) {
            return known.clone();
        }
        let (node, diagnostics) = source::load(path, &path.display().to_string(), &self.options.vault);
        self.report_all(diagnostics);
        let node = node.map(Arc::new);
        self.files.insert(path.to_path_buf(), node.clone());
        node
    }

    /// Forgets files that could not be read, so that whoever names them next hears of their mistakes.
    pub(super) fn forget_unreadable(&mut self) {
        self.files.retain(|_, node| node.is_some());
        self.checked.clear();
    }

    /// Reads the plays of a playbook; `from` is the place that imports it.
    pub(super) fn playbook(&mut self, path: &Path, from: Option<&Span>) -> Vec<Play> {
        if !self.enter(path, from) {
            return Vec::new();
        }
        let mut plays = Vec::new();
        let before = std::mem::replace(&mut self.directory, folder(path));
        if let Some(span) = from.filter(|_| normal(&before) != normal(&self.directory)) {
            for name in ["group_vars", "host_vars"] {
                let unread = self.directory.join(name);
                if unread.exists() {
                    let warning = Diagnostic::warning(span, format!("`{}` is not read", unread.display()));
                    self.report(warning.hint("only those beside the playbook of the command line are"));
                }
            }
        }
        if let Some(root) = self.file(path) {
            match &root.value {
                NodeValue::Sequence(entries) => {
                    for entry in entries {
                        self.playbook_entry(entry, &mut plays);
                    }
                }
                NodeValue::Null => {}
                _ => {
                    let message = format!("a playbook is a list of plays, not {}", root.kind());
                    self.report(
                        Diagnostic::error(&root.span, message).hint("begin each play with `- hosts:`"),
                    );
                }
            }
        }
        self.directory = before;
        self.open.pop();
        plays
    }

    /// Notes that the imports of a file are being followed; a file that imports itself is an error.
    pub(super) fn enter(&mut self, path: &Path, from: Option<&Span>) -> bool {
        let path = normal(path);
        if let (true, Some(span)) = (self.open.contains(&path), from) {
            let message = format!("`{}` imports itself", path.display());
            self.report(Diagnostic::error(span, message));
            return false;
        }
        self.open.push(path);
        true
    }

    /// Checks the template syntax of a text.
    pub(super) fn template(&mut self, node: &Node) -> Option<Node> {
        self.templates(node);
        Some(node.clone())
    }

    /// Checks the template syntax of every text in a tree.
    pub(super) fn templates(&mut self, node: &Node) {
        let mut found = Diagnostics::default();
        self.engine.check(node, &mut found);
        self.report_all(found);
    }

    /// Checks the syntax of a template file, once; returns the variables that it looks up.
    pub(super) fn template_file(&mut self, path: &Path) -> Vec<&'static str> {
        if let Some(names) = self.checked.get(path) {
            return names.clone();
        }
        let mut found = Diagnostics::default();
        let mut names = Vec::new();
        match source::read(path, &path.display().to_string(), &self.options.vault) {
            Ok(file) => {
                self.engine.check_text(&file, &TextOptions::default(), &mut found);
                names = self.engine.text_names(&file, &TextOptions::default());
            }
            Err(error) => found.push(error),
        }
        self.report_all(found);
        self.checked.insert(path.to_path_buf(), names.clone());
        names
    }

    /// Checks the syntax of a condition.
    pub(super) fn condition(&mut self, node: &Node) -> Option<Node> {
        let mut found = Diagnostics::default();
        self.engine.check_condition(node, &mut found);
        self.report_all(found);
        Some(node.clone())
    }
}

/// Returns the folder that a file lies in.
pub(super) fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Takes `.` and `..` out of a path, without asking the disk.
pub fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if out.file_name().is_some() => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    if out.as_os_str().is_empty() { PathBuf::from(".") } else { out }
}
