//! `include_tasks` and `include_role`: what they may stand for, read and checked before the run.
//!
//! A plain name stands for one file or role, whose mistakes are those of the playbook. What a name with a template stands
//! for is found out by each host in the run, among files that were read here: nothing that a host says is ever
//! opened. A file that only such a name may mean, and that holds mistakes, is no reason to refuse the playbook: it
//! is warned about, and a host that comes to it fails.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::directives::is_flag;
use super::keywords::Place;
use super::load::{LoadOptions, Loader, folder, normal};
use super::model::{Directives, Entry, Loop, Role};
use super::names::{Names, names_of};
use super::role::FileNames;
use super::tasks::Folder;
use crate::source::{Diagnostic, Diagnostics, Node, NodeValue, Severity, Span};

/// How deep files may include one another.
pub const DEEPEST: usize = 40;
/// How many files or roles a name with a template may stand for.
const MOST: usize = 256;

/// What an include may stand for.
#[derive(Debug, Default)]
pub struct Include {
    /// `apply`: what the tasks get, as those of a block would.
    pub apply: Directives,
    /// `public` of a role: whether later tasks see its variables.
    pub public: bool,
    /// `allow_duplicates` of a role: whether it runs on a host that ran it already.
    pub again: bool,
    /// Folders that the name of a file is relative to, the first one first.
    pub roots: Vec<PathBuf>,
    /// The files or roles that were read for it.
    pub bodies: Vec<Arc<Body>>,
}

/// What names a body.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum BodyKey {
    /// A file of tasks.
    File(PathBuf),
    /// A role: its name, `tasks_from`, `vars_from`, `defaults_from`, `handlers_from`.
    Role([String; 5]),
}

impl fmt::Display for BodyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Role([name, tasks, ..]) if tasks == "main" => f.write_str(name),
            Self::Role([name, tasks, ..]) => write!(f, "{name}, {tasks}"),
        }
    }
}

/// Tasks that an include stands for. A file may include itself, so it is filled after it is known.
pub struct Body {
    /// What names it.
    pub key: BodyKey,
    /// The file that its tasks stand in; nothing for a role without tasks.
    pub path: Option<PathBuf>,
    entries: OnceLock<Vec<Entry>>,
    role: OnceLock<Arc<Role>>,
    problems: OnceLock<Diagnostics>,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({:?})", self.key)
    }
}

impl Body {
    fn new(key: BodyKey, path: Option<PathBuf>) -> Arc<Self> {
        let (entries, role, problems) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Arc::new(Self { key, path, entries, role, problems })
    }

    /// Its tasks.
    pub fn entries(&self) -> &[Entry] {
        self.entries.get().map_or(&[], Vec::as_slice)
    }

    /// The role, if it is one.
    pub fn role(&self) -> Option<&Arc<Role>> {
        self.role.get()
    }

    /// Why a host that comes to it fails: its first mistake, with its place.
    pub fn problem(&self) -> Option<String> {
        let first = self.problems.get()?.0.iter().find(|problem| problem.severity == Severity::Error)?;
        let place = first.span.as_ref().map(|span| format!(" (at {})", span.place())).unwrap_or_default();
        Some(format!("{}{place}", first.message))
    }
}

/// Tells bodies apart: the same file is another body in another role, or among handlers.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Context {
    key: BodyKey,
    role: usize,
    handlers: bool,
    rescued: bool,
    defaults: String,
}

/// Keywords that may stand beside an include; others mean nothing there, as in Ansible.
const BESIDE: &[&str] = &[
    "action",
    "args",
    "collections",
    "ignore_errors",
    "include_role",
    "include_tasks",
    "listen",
    "loop",
    "loop_control",
    "name",
    "no_log",
    "register",
    "run_once",
    "tags",
    "timeout",
    "vars",
    "when",
];

impl Loader<'_> {
    /// Reads what a task includes. `node` is the task, `options` are those of its module.
    pub(super) fn include(
        &mut self,
        module: &str,
        node: &Node,
        options: &[(String, Node)],
        looping: Option<&Loop>,
        place: &Folder,
    ) -> Include {
        for (key, _) in node.entries() {
            let word = key.as_str().unwrap_or_default();
            let word = word.strip_prefix("ansible.builtin.").unwrap_or(word);
            if !BESIDE.contains(&word) && !word.starts_with("with_") {
                let error = Diagnostic::error(&key.span, format!("`{word}` cannot be used with `{module}`"));
                self.report(error.hint("give it to its tasks, under `apply` of the include"));
            }
        }
        let mut include = Include { again: true, ..Include::default() };
        let given = |name: &str| options.iter().find(|(given, _)| given == name).map(|(_, value)| value);
        if let Some(apply) = given("apply") {
            include.apply = self.apply(apply);
        }
        if self.depth >= DEEPEST {
            let error =
                Diagnostic::error(&node.span, format!("files include one another over {DEEPEST} deep"));
            self.report(error);
            return include;
        }
        self.depth += 1;
        match module {
            "include_tasks" => {
                include.roots = self.include_roots(place);
                if let Some(name) = given("file") {
                    self.include_files(&mut include, name, looping, place);
                }
            }
            _ => {
                include.public = given("public").is_some_and(is_flag);
                include.again = given("allow_duplicates").is_none_or(is_flag);
                self.include_roles(&mut include, options, looping, place);
            }
        }
        self.depth -= 1;
        include
    }

    fn apply(&mut self, apply: &Node) -> Directives {
        let mut directives = Directives::default();
        if !apply.is_mapping() {
            self.wrong("apply", apply, "a mapping of keywords");
        }
        for (key, value) in apply.entries() {
            match key.as_str().unwrap_or_default() {
                "name" => {}
                word if self.directive(&mut directives, word, value) => {}
                _ => self.unknown(key, Place::Import, &[]),
            }
        }
        directives
    }

    /// Folders that the name of a file of tasks may be relative to.
    pub(super) fn include_roots(&self, place: &Folder) -> Vec<PathBuf> {
        let mut roots = vec![place.path.clone()];
        if let Some(role) = &place.role {
            roots.push(role.path.join(if place.handlers { "handlers" } else { "tasks" }));
            roots.push(role.path.clone());
        }
        roots.push(self.directory.clone());
        roots
    }

    fn include_files(&mut self, include: &mut Include, name: &Node, looping: Option<&Loop>, place: &Folder) {
        let known = self.known_folders(place);
        match names_of(name, looping, &known) {
            Names::Plain(names) => {
                for name in names {
                    let file = name.as_str().unwrap_or_default();
                    let found = include.roots.iter().map(|root| root.join(file)).find(|path| path.is_file());
                    let Some(path) = found else {
                        let message = format!("there is no file `{file}`");
                        let hint = format!("looked for `{}`", normal(&include.roots[0].join(file)).display());
                        self.report(Diagnostic::error(&name.span, message).hint(hint));
                        continue;
                    };
                    let body = self.file_body(&normal(&path), place);
                    if let Some(problems) = body.problems.get() {
                        self.report_all(problems.clone());
                    }
                    add(include, body);
                }
            }
            Names::Pattern(pattern) => {
                let files = pattern.files(&include.roots, place.handlers, MOST);
                if files.is_empty() {
                    let message = format!("no file is known that `{}` may name", pattern.text);
                    let hint =
                        format!("looked below `{}`; name the files under `loop`", include.roots[0].display());
                    self.report(Diagnostic::error(&name.span, message).hint(hint));
                }
                if files.len() >= MOST {
                    let message = format!("`{}` may name over {MOST} files", pattern.text);
                    self.report(
                        Diagnostic::error(&name.span, message).hint("keep them in a folder of their own"),
                    );
                }
                for path in files.into_iter().take(MOST) {
                    if is_list_of_tasks(&path, self.options) {
                        let (body, _) = self.quietly(&name.span, |loader| loader.file_body(&path, place));
                        add(include, body);
                    }
                }
            }
        }
    }

    /// What the names of folders stand for that are known before the run.
    pub(super) fn known_folders(&self, place: &Folder) -> Vec<(&'static str, String)> {
        let mut known = vec![("playbook_dir", self.directory.display().to_string())];
        known.extend(place.role.as_ref().map(|role| ("role_path", role.path.display().to_string())));
        known.extend(place.role.as_ref().map(|role| ("role_name", role.name.clone())));
        known
    }

    fn include_roles(
        &mut self,
        include: &mut Include,
        options: &[(String, Node)],
        looping: Option<&Loop>,
        place: &Folder,
    ) {
        let given = |name: &str| options.iter().find(|(given, _)| given == name).map(|(_, value)| value);
        let Some(name) = given("name") else { return };
        let validate = given("rolespec_validate").is_none_or(is_flag);
        let known = self.known_folders(place);
        let (roles, mut plain) = match names_of(name, looping, &known) {
            Names::Plain(names) => (names, true),
            Names::Pattern(pattern) => {
                let folders = self.role_folders(place.role.as_ref().map(|role| role.path.as_path()));
                let names = pattern.folders(&folders, MOST);
                let named = |name: String| Node::new(pattern.span.clone(), NodeValue::String(name));
                (names.into_iter().map(named).collect(), false)
            }
        };
        for role in roles {
            let mut uses =
                vec![[role.as_str().unwrap_or_default().to_owned(), main(), main(), main(), main()]];
            for (index, option, kind) in [
                (1, "tasks_from", "tasks"),
                (2, "vars_from", "vars"),
                (3, "defaults_from", "defaults"),
                (4, "handlers_from", "handlers"),
            ] {
                let Some(from) = given(option) else { continue };
                let names: Vec<String> = match names_of(from, looping, &known) {
                    Names::Plain(names) => names.iter().filter_map(Node::as_str).map(str::to_owned).collect(),
                    Names::Pattern(pattern) => {
                        plain = false;
                        let folders = self.role_folders(place.role.as_ref().map(|role| role.path.as_path()));
                        let name = role.as_str().unwrap_or_default();
                        let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_dir());
                        found.map(|path| pattern.stems(&path.join(kind), MOST)).unwrap_or_default()
                    }
                };
                uses = uses
                    .into_iter()
                    .flat_map(|used| {
                        names.iter().map(move |name| {
                            let mut used = used.clone();
                            used[index].clone_from(name);
                            used
                        })
                    })
                    .take(MOST)
                    .collect();
            }
            for names in uses {
                let body = if plain {
                    let body = self.role_body(&names, &role, validate, place);
                    if let Some(problems) = body.problems.get() {
                        self.report_all(problems.clone());
                    }
                    body
                } else {
                    self.quietly(&name.span, |loader| loader.role_body(&names, &role, validate, place)).0
                };
                add(include, body);
            }
        }
        if include.bodies.is_empty() && !plain {
            let message = "no role is known that this may name";
            self.report(Diagnostic::error(&name.span, message).hint("name the roles under `loop`"));
        }
    }

    fn context(&self, key: &BodyKey, place: &Folder) -> Context {
        Context {
            key: key.clone(),
            role: place.role.as_ref().map_or(0, |role| Arc::as_ptr(role).addr()),
            handlers: place.handlers,
            rescued: place.rescued,
            defaults: self.defaults_in_force(),
        }
    }

    fn file_body(&mut self, path: &Path, place: &Folder) -> Arc<Body> {
        let key = BodyKey::File(path.to_path_buf());
        let context = self.context(&key, place);
        if let Some(known) = self.gathered.bodies.get(&context) {
            return known.clone();
        }
        let body = Body::new(key, Some(path.to_path_buf()));
        self.gathered.bodies.insert(context, body.clone());
        // What it imports is a chain of its own: only the files of a chain may not come again.
        let open = std::mem::replace(&mut self.open, vec![normal(path)]);
        let inner = Folder { path: folder(path), ..place.clone() };
        let entries = match self.file(path) {
            Some(list) => self.entries("include_tasks", &list, &inner),
            None => Vec::new(),
        };
        self.open = open;
        let _ = body.entries.set(entries);
        body
    }

    fn role_body(&mut self, names: &[String; 5], role: &Node, validate: bool, place: &Folder) -> Arc<Body> {
        let key = BodyKey::Role(names.clone());
        let context = self.context(&key, place);
        if let Some(known) = self.gathered.bodies.get(&context) {
            return known.clone();
        }
        let body = Body::new(key, None);
        self.gathered.bodies.insert(context, body.clone());
        let open = std::mem::take(&mut self.open);
        let [_, tasks, vars, defaults, handlers] = names.clone();
        let files = FileNames { tasks, vars, defaults, handlers, again: true };
        let node = Node::new(role.span.clone(), NodeValue::String(names[0].clone()));
        let block = self.included_role(&node, files, validate, place);
        self.open = open;
        if let Some(role) = block.as_ref().and_then(|block| block.role.clone()) {
            let _ = body.role.set(role);
        }
        let _ = body.entries.set(block.into_iter().map(Entry::Block).collect());
        body
    }

    /// Reads what only a template may name: its mistakes become one warning at the include. Returns whether it has any.
    fn quietly(&mut self, at: &Span, read: impl FnOnce(&mut Self) -> Arc<Body>) -> (Arc<Body>, bool) {
        let before = std::mem::take(&mut self.diagnostics);
        let mark = self.gathered.mark();
        let body = read(self);
        let found = std::mem::replace(&mut self.diagnostics, before);
        if !found.has_errors() {
            self.report_all(found);
            return (body, false);
        }
        self.forget_unreadable();
        self.gathered.rewind(mark);
        let _ = body.problems.set(found);
        let problem = body.problem().unwrap_or_default();
        let message = format!("`{}`, which this may include, cannot be used: {problem}", body.key);
        self.report(Diagnostic::warning(at, message).hint("a host that comes to it fails"));
        (body, true)
    }
}

fn add(include: &mut Include, body: Arc<Body>) {
    if !include.bodies.iter().any(|known| Arc::ptr_eq(known, &body)) {
        include.bodies.push(body);
    }
}

fn main() -> String {
    "main".to_owned()
}

/// Tells whether a file may hold tasks: other YAML files lie in the same folders.
fn is_list_of_tasks(path: &Path, options: &LoadOptions) -> bool {
    let (node, diagnostics) = crate::source::load(path, &path.display().to_string(), &options.vault);
    let Some(node) = node else { return diagnostics.has_errors() };
    let is_play = |entry: &Node| entry.get("hosts").is_some() || entry.get("import_playbook").is_some();
    match &node.value {
        NodeValue::Sequence(entries) => entries.iter().all(Node::is_mapping) && !entries.iter().any(is_play),
        NodeValue::Null => true,
        _ => false,
    }
}
