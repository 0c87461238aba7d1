//! Finds and reads roles: `roles:` of a play, `import_role`, and the dependencies of roles.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::keywords::{Place, refused, supported};
use super::load::{Loader, normal};
use super::model::{Block, Directives, Entry, Role};
use super::tasks::Folder;
use super::values::is_identifier;
use super::vars_file;
use crate::source::{Diagnostic, Node, NodeValue, suggestion};

/// Endings of the files of a role, in the order in which they are tried.
const ENDINGS: &[&str] = &[".yml", ".yaml", ".json", ""];

/// A role that the play uses already.
pub(super) struct RoleUse {
    /// What makes two uses the same role: path, parameters, tags, conditions, variables.
    identity: String,
    /// Tags and conditions of the roles around it.
    around: String,
    role: Arc<Role>,
    block: Arc<Block>,
}

/// One use of a role, as it is written.
struct Request {
    directives: Directives,
    params: Vec<(String, Arc<Node>)>,
    /// Other names than `main` for the files, from `import_role`.
    names: FileNames,
    /// Whether `include_role` asks for it.
    dynamic: bool,
    /// Whether its arguments are checked.
    validate: bool,
    /// Whether a task asks for it.
    by_task: bool,
}

impl Default for Request {
    fn default() -> Self {
        let (directives, params, names) = (Directives::default(), Vec::new(), FileNames::default());
        Self { directives, params, names, dynamic: false, validate: true, by_task: false }
    }
}

pub(super) struct FileNames {
    pub(super) tasks: String,
    pub(super) vars: String,
    pub(super) defaults: String,
    pub(super) handlers: String,
    /// Whether the use runs even if the role ran before.
    pub(super) again: bool,
}

impl Default for FileNames {
    fn default() -> Self {
        let main = || "main".to_owned();
        Self { tasks: main(), vars: main(), defaults: main(), handlers: main(), again: false }
    }
}

/// What `meta` of a role says.
#[derive(Default)]
struct Meta {
    dependencies: Option<Node>,
    /// Whether each use of the role runs.
    allow_duplicates: bool,
    argument_specs: Option<Node>,
}

/// The roles around a dependency.
#[derive(Clone, Default)]
struct Around {
    paths: Vec<PathBuf>,
    inherited: String,
    params: Vec<(String, Arc<Node>)>,
    parents: Vec<Arc<Role>>,
    /// Names of roles whose tasks include or import this one.
    included_from: Vec<String>,
    /// A folder beside which roles are looked for too.
    beside: Option<PathBuf>,
    dynamic: bool,
}

impl Around {
    /// What is around a role that a task of `place` asks for.
    fn place(place: &Folder) -> Self {
        let Some(role) = &place.role else { return Self::default() };
        let parents = role.parents.iter().chain([role]).cloned().collect();
        let included_from = [&role.name].into_iter().chain(&role.included_from).cloned().collect();
        Self {
            parents,
            included_from,
            beside: Some(role.path.clone()),
            dynamic: role.dynamic,
            ..Self::default()
        }
    }
}

impl Loader<'_> {
    /// Reads `roles:` of a play.
    pub(super) fn roles(&mut self, list: &Node) -> Vec<Arc<Block>> {
        self.role_list("roles", list, &Around::default())
    }

    fn role_list(&mut self, key: &str, list: &Node, around: &Around) -> Vec<Arc<Block>> {
        match &list.value {
            NodeValue::Null => Vec::new(),
            NodeValue::Sequence(items) => {
                items.iter().filter_map(|item| self.role_entry(item, around)).collect()
            }
            _ => {
                self.wrong(key, list, "a list of roles");
                Vec::new()
            }
        }
    }

    fn role_entry(&mut self, entry: &Node, around: &Around) -> Option<Arc<Block>> {
        if !entry.is_mapping() {
            return self.role_use(entry, Request::default(), around);
        }
        let name = entry.get("role").or_else(|| entry.get("name"));
        let mut request = Request::default();
        for (key, value) in entry.entries() {
            match key.as_str().unwrap_or_default() {
                "role" | "name" => {}
                word if self.directive(&mut request.directives, word, value) => {}
                word if is_identifier(word) && refused(word).is_none() && !is_connection(word) => {
                    self.templates(value);
                    if let Some(hint) = suggestion(word, supported(Place::Role)) {
                        let message = format!("`{word}` is taken as a parameter of the role");
                        self.report(Diagnostic::warning(&key.span, message).hint(hint));
                    }
                    request.params.push((word.to_owned(), Arc::new(value.clone())));
                }
                _ => self.unknown(key, Place::Role, &[]),
            }
        }
        let Some(name) = name else {
            let error = Diagnostic::error(&entry.span, "the role has no name");
            self.report(error.hint("write `- role: NAME`"));
            return None;
        };
        self.role_use(name, request, around)
    }

    /// Reads `import_role`.
    pub(super) fn import_role(&mut self, node: &Node, import: &Node, place: &Folder) -> Option<Entry> {
        if place.handlers {
            let error = Diagnostic::error(&import.span, "`import_role` cannot be a handler");
            self.report(
                error.hint("handlers of a role come with it when it is used under `roles` or `tasks`"),
            );
            return None;
        }
        let found = self.import(node, import, place);
        let mut request = Request { directives: found.directives, by_task: true, ..Request::default() };
        request.names.again = true;
        let mut name = None;
        for options in [found.value, found.args].into_iter().flatten() {
            for (key, value) in options.entries() {
                let text = match key.as_str().unwrap_or_default() {
                    "name" | "role" => {
                        name = Some(value);
                        continue;
                    }
                    "tasks_from" => &mut request.names.tasks,
                    "vars_from" => &mut request.names.vars,
                    "defaults_from" => &mut request.names.defaults,
                    "handlers_from" => &mut request.names.handlers,
                    "allow_duplicates" => {
                        request.names.again = self.literal_boolean("allow_duplicates", value).unwrap_or(true);
                        continue;
                    }
                    "rolespec_validate" => {
                        request.validate = self.literal_boolean("rolespec_validate", value).unwrap_or(true);
                        continue;
                    }
                    "public" => {
                        if self.literal_boolean("public", value) == Some(false) {
                            let error =
                                Diagnostic::error(&key.span, "`public: false` has no effect on an import");
                            self.report(error.hint("use `include_role`, whose variables are its own"));
                        }
                        continue;
                    }
                    word => {
                        let known = ["name", "tasks_from", "vars_from", "defaults_from", "handlers_from"];
                        let error =
                            Diagnostic::error(&key.span, format!("`import_role` does not take `{word}`"));
                        self.report(error.maybe_hint(suggestion(word, known)));
                        continue;
                    }
                };
                if let Some(file) = self.literal("import_role", value) {
                    file.clone_into(text);
                }
            }
        }
        let Some(name) = name else {
            let error = Diagnostic::error(&import.span, "`import_role` needs `name`");
            self.report(error.hint("write `import_role: { name: NAME }`"));
            return None;
        };
        let around = self.begin_defaults(node);
        let used = self.role_use(name, request, &Around::place(place)).map(Entry::Block);
        self.end_defaults(around);
        used
    }

    /// Reads the role of an `include_role`.
    pub(super) fn included_role(
        &mut self,
        name: &Node,
        names: FileNames,
        validate: bool,
        place: &Folder,
    ) -> Option<Arc<Block>> {
        let request = Request { names, dynamic: true, validate, by_task: true, ..Request::default() };
        let around = Around { dynamic: true, ..Around::place(place) };
        self.role_use(name, request, &around)
    }

    /// Reads one use of a role; nothing if it would not run because the role ran before.
    fn role_use(&mut self, name: &Node, request: Request, around: &Around) -> Option<Arc<Block>> {
        let path = self.find_role(name, around)?;
        if around.paths.contains(&path) {
            let message = format!("role `{}` depends on itself", path.display());
            self.report(Diagnostic::error(&name.span, message));
            return None;
        }
        let identity = format!("{}|{}", identity(&path, &request), self.defaults_in_force());
        let before = self.gathered.uses.iter().find(|used| used.identity == identity);
        if let Some(used) = before {
            // The same tags and conditions decide about both uses: the second one can never run.
            let never = used.around == around.inherited && !used.role.allow_duplicates && !request.dynamic;
            let same_parents = used.role.parents.len() == around.parents.len()
                && used.role.parents.iter().zip(&around.parents).all(|(one, other)| Arc::ptr_eq(one, other));
            if never {
                return None;
            }
            if same_parents || !used.role.allow_duplicates {
                return Some(Arc::clone(&used.block));
            }
        }
        let Meta { dependencies, allow_duplicates, argument_specs } = self.meta(&path);
        let role = Arc::new(Role {
            name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            defaults: self.role_variables(&path, "defaults", &request.names.defaults, name),
            vars: self.role_variables(&path, "vars", &request.names.vars, name),
            params: request.params,
            allow_duplicates: allow_duplicates || request.names.again,
            dynamic: around.dynamic || request.dynamic,
            by_task: request.by_task,
            included_from: around.included_from.clone(),
            parents: around.parents.clone(),
            dependencies: super::model::Dependencies::default(),
            path: path.clone(),
        });
        let mut inner = around.clone();
        inner.paths.push(path.clone());
        inner.beside = Some(path.clone());
        inner.dynamic = role.dynamic;
        inner.parents.push(Arc::clone(&role));
        inner.inherited.push_str(&marks(&request.directives));
        inner.params.extend(role.params.iter().cloned());
        let mut entries: Vec<Entry> = Vec::new();
        if let Some(list) = dependencies {
            let blocks = self.role_list("dependencies", &list, &inner);
            let needed = blocks.iter().filter_map(|block| block.role.clone());
            let _ = role.dependencies.0.set(needed.collect());
            entries.extend(blocks.into_iter().map(Entry::Block));
        }
        match role.dynamic {
            true => self.gathered.included_roles.push(Arc::clone(&role)),
            false => self.gathered.roles.push(Arc::clone(&role)),
        }
        let folder = |kind: &str| Folder {
            role: Some(Arc::clone(&role)),
            path: path.join(kind),
            handlers: false,
            rescued: false,
        };
        if let Some(list) = self.role_file(&path, "handlers", &request.names.handlers, name) {
            let handlers = self.handlers(&list, &folder("handlers"));
            self.gathered.handlers.extend(handlers);
        }
        if let Some(specs) = argument_specs.filter(|_| request.validate) {
            let check = self.argument_check(&specs, &request.names.tasks, &role.params, &role);
            entries.extend(check.map(Entry::Task));
        }
        if let Some(list) = self.role_file(&path, "tasks", &request.names.tasks, name) {
            let file = list.span.file.path().to_path_buf();
            if self.enter(&file, Some(&name.span)) {
                entries.extend(self.entries("tasks", &list, &folder("tasks")));
                self.open.pop();
            }
        }
        let mut directives = request.directives;
        // A dependency sees the parameters of the roles that need it.
        directives.vars.splice(0..0, around.params.iter().cloned());
        let block = Arc::new(Block {
            span: name.span.clone(),
            name: None,
            directives: Arc::new(directives),
            entries,
            rescue: Vec::new(),
            always: Vec::new(),
            guard: None,
            role: Some(Arc::clone(&role)),
            role_use: true,
        });
        let used = RoleUse { identity, around: around.inherited.clone(), role, block: Arc::clone(&block) };
        self.gathered.uses.push(used);
        Some(block)
    }

    /// Folders where roles are looked for, the first one first; `beside` is the role that asks.
    pub(super) fn role_folders(&self, beside: Option<&Path>) -> Vec<PathBuf> {
        let mut folders = vec![self.directory.join("roles")];
        folders.extend(self.options.roles_path.iter().cloned());
        folders.extend(beside.and_then(Path::parent).map(Path::to_path_buf));
        folders.push(self.directory.clone());
        folders
    }

    fn find_role(&mut self, name: &Node, around: &Around) -> Option<PathBuf> {
        let word = self.literal("role", name)?;
        let folders = self.role_folders(around.beside.as_deref());
        if let Some(folder) = folders.iter().find(|folder| folder.join(word).is_dir()) {
            return Some(normal(&folder.join(word)));
        }
        let error = Diagnostic::error(&name.span, format!("there is no role `{word}`"));
        let present: Vec<String> =
            folders[..folders.len() - 1].iter().flat_map(|folder| names_in(folder)).collect();
        let hint = suggestion(word, present.iter().map(String::as_str)).unwrap_or_else(|| {
            let mut names: Vec<String> =
                folders.iter().map(|folder| format!("`{}`", folder.display())).collect();
            names.dedup();
            format!("looked in {}", names.join(", "))
        });
        self.report(error.hint(hint));
        None
    }

    /// Reads `meta/main.yml`: the dependencies, and whether each use of the role runs.
    fn meta(&mut self, role: &Path) -> Meta {
        let mut found = Meta::default();
        let specs = file_of(role, "meta", "argument_specs").and_then(|path| self.file(&path));
        if let Some(specs) = &specs {
            found.argument_specs = specs.get("argument_specs").cloned();
            for (key, _) in specs.entries().iter().filter(|(key, _)| key.as_str() != Some("argument_specs")) {
                let message = format!("`argument_specs` of a role has no `{}`", key.key_text());
                self.report(Diagnostic::error(&key.span, message).hint("its one key is `argument_specs`"));
            }
        }
        let Some(meta) = file_of(role, "meta", "main").and_then(|path| self.file(&path)) else {
            return found;
        };
        if !meta.is_mapping() && !meta.is_null() {
            let message = format!("`meta` of a role is a mapping, not {}", meta.kind());
            self.report(Diagnostic::error(&meta.span, message));
        }
        for (key, value) in meta.entries() {
            match key.as_str().unwrap_or_default() {
                "dependencies" => found.dependencies = Some(value.clone()),
                "allow_duplicates" => {
                    found.allow_duplicates = self.literal_boolean("allow_duplicates", value).unwrap_or(false);
                }
                "argument_specs" => {
                    found.argument_specs.get_or_insert_with(|| value.clone());
                }
                // What a catalogue of roles shows.
                "galaxy_info" | "collections" => {}
                word => {
                    let known = ["dependencies", "allow_duplicates", "galaxy_info"];
                    let error = Diagnostic::error(&key.span, format!("`meta` of a role has no `{word}`"));
                    self.report(error.maybe_hint(suggestion(word, known)));
                }
            }
        }
        found
    }

    /// Reads `tasks/main.yml` or `handlers/main.yml`; a file that was asked for by name has to exist.
    fn role_file(&mut self, role: &Path, kind: &str, file: &str, place: &Node) -> Option<Arc<Node>> {
        match file_of(role, kind, file) {
            Some(path) => self.file(&path),
            None => {
                self.missing(role, kind, file, place);
                None
            }
        }
    }

    /// Reads `defaults/main.yml` or `vars/main.yml`, which may be a folder of files.
    fn role_variables(
        &mut self,
        role: &Path,
        kind: &str,
        file: &str,
        place: &Node,
    ) -> Vec<(String, Arc<Node>)> {
        let folder = role.join(kind).join(file);
        let paths = match file_of(role, kind, file) {
            Some(path) => vec![path],
            None if folder.is_dir() => variables_below(&folder),
            None => {
                self.missing(role, kind, file, place);
                Vec::new()
            }
        };
        let mut variables: Vec<(String, Arc<Node>)> = Vec::new();
        for path in paths {
            let (more, diagnostics) = vars_file::read(&path, &self.options.vault);
            self.report_all(diagnostics);
            for (name, value) in more {
                variables.retain(|(known, _)| *known != name);
                variables.push((name, value));
            }
        }
        variables
    }

    fn missing(&mut self, role: &Path, kind: &str, file: &str, place: &Node) {
        if file != "main" {
            let message = format!("role `{}` has no `{kind}/{file}`", role.display());
            self.report(Diagnostic::error(&place.span, message));
        }
    }
}

fn is_connection(word: &str) -> bool {
    ["connection", "port", "remote_user"].contains(&word)
}

/// Finds a file of a role; its ending may be left out.
fn file_of(role: &Path, kind: &str, file: &str) -> Option<PathBuf> {
    ENDINGS.iter().map(|ending| role.join(kind).join(format!("{file}{ending}"))).find(|path| path.is_file())
}

/// Lists the files of variables in a folder and the folders below, by name.
fn variables_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in names_in(folder) {
        let path = folder.join(&name);
        let ending = path.extension().map(|ending| ending.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            found.extend(variables_below(&path));
        } else if ["yml", "yaml", "json", ""].contains(&ending.as_str()) && !name.ends_with('~') {
            found.push(path);
        }
    }
    found
}

/// Lists what is in a folder, by name, without hidden entries.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

fn identity(path: &Path, request: &Request) -> String {
    let vars = |vars: &[(String, Arc<Node>)]| -> String {
        vars.iter().map(|(name, value)| format!("{name}={};", value.to_json())).collect()
    };
    let names = &request.names;
    format!(
        "{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
        path.display(),
        vars(&request.params),
        vars(&request.directives.vars),
        marks(&request.directives),
        names.tasks,
        names.vars,
        names.defaults,
        names.handlers,
        names.again,
        request.dynamic,
        request.validate,
        request.by_task
    )
}

/// Tags and conditions as text, to compare them.
fn marks(directives: &Directives) -> String {
    let when: Vec<String> = directives.when.iter().map(|node| node.to_json().to_string()).collect();
    match (directives.tags.is_empty(), when.is_empty()) {
        (true, true) => String::new(),
        _ => format!("[{}|{}]", directives.tags.join(","), when.join(",")),
    }
}
