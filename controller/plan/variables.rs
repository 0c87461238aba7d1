//! The variables of one host at one point of its play, resolved by Ansible's precedence.
//!
//! Strongest first: magic variables, loop variables, `-e`, `vars` of includes, role parameters, `set_fact` and registered
//! results, `include_vars`, `vars` of task and blocks, role vars, `vars_files`, play `vars`, facts, inventory, role
//! defaults. (Ansible: Using variables, "Understanding variable precedence".)

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::participants::Participants;
use crate::inventory::{HostName, Inventory};
use crate::playbook::Role;
use crate::source::Node;
use crate::template::{Binding, Scope, ScopeDirectory};

/// Named values of the user's files.
pub type Named = IndexMap<String, Arc<Node>>;

/// What is the same for a whole run.
#[derive(Debug)]
pub struct RunScope {
    /// The inventory.
    pub inventory: Arc<Inventory>,
    /// `-e`.
    pub extra: Named,
    /// Magic variables of the run: `playbook_dir`, `ansible_check_mode`, ...
    pub magic: IndexMap<String, Arc<Value>>,
    /// `groups`.
    pub groups: Arc<Value>,
    /// What hosts have learned: facts, `set_fact`, results.
    pub facts: FactStore,
    /// The folder that relative paths are relative to.
    pub folder: PathBuf,
}

impl RunScope {
    /// The inventory as it is now.
    pub fn inventory(&self) -> &Arc<Inventory> {
        &self.inventory
    }

    /// A path as variables have it: whole, whatever folder it is used in later.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        let mut whole = PathBuf::new();
        for component in self.folder.join(path).components() {
            match component {
                Component::CurDir => {}
                Component::ParentDir => drop(whole.pop()),
                other => whole.push(other),
            }
        }
        whole
    }
}

/// What is the same for all hosts of a play.
#[derive(Debug, Default)]
pub struct PlayScope {
    /// `vars_files`, the last one wins.
    pub vars_files: Named,
    /// `vars`.
    pub vars: Named,
    /// Roles of the play, in order.
    pub roles: Vec<Arc<Role>>,
    /// Magic variables of the play: `ansible_play_name`, ...
    pub magic: IndexMap<String, Arc<Value>>,
    /// Its hosts.
    pub participants: Participants,
}

/// What hosts have learned during the run.
#[derive(Debug, Default)]
pub struct FactStore(RwLock<HashMap<HostName, Arc<RwLock<HostValues>>>>);

/// What one host has learned.
#[derive(Debug, Default)]
pub struct HostValues {
    /// Facts: `ansible_facts`, without prefix.
    pub facts: Map<String, Value>,
    /// The same, under the names that are variables.
    injected: HashMap<String, Arc<Value>>,
    /// `set_fact` and registered results.
    pub values: IndexMap<String, Binding>,
    /// What `include_vars` brought.
    pub included: IndexMap<String, Binding>,
    /// Roles whose variables `include_role` made public, for the rest of the play.
    pub roles: Vec<Arc<Role>>,
}

/// Names that a fact may not set: they decide how a host is reached.
pub(super) fn is_connection_variable(name: &str) -> bool {
    const PREFIXES: [&str; 5] =
        ["ansible_ssh_", "ansible_become", "ansible_winrm_", "ansible_psrp_", "ansible_sudo"];
    const NAMES: [&str; 11] = [
        "ansible_connection",
        "ansible_host",
        "ansible_port",
        "ansible_user",
        "ansible_password",
        "ansible_private_key_file",
        "ansible_shell_type",
        "ansible_shell_executable",
        "ansible_python_interpreter",
        "ansible_timeout",
        "ansible_host_key_checking",
    ];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

impl HostValues {
    /// Adds gathered facts (names with or without `ansible_`). Facts never become connection variables.
    pub fn add_facts(&mut self, facts: Map<String, Value>) {
        for (name, value) in facts {
            let short = name.strip_prefix("ansible_").unwrap_or(&name).to_owned();
            let long = format!("ansible_{short}");
            if !is_connection_variable(&long) {
                self.injected.insert(long, Arc::new(value.clone()));
            }
            self.facts.insert(short, value);
        }
    }

    /// Forgets all facts (`meta: clear_facts`).
    pub fn clear_facts(&mut self) {
        self.facts.clear();
        self.injected.clear();
    }
}

impl FactStore {
    /// Returns what a host has learned, to read and to add to.
    pub fn of(&self, host: &HostName) -> Arc<RwLock<HostValues>> {
        if let Some(values) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(host) {
            return values.clone();
        }
        self.0.write().unwrap_or_else(PoisonError::into_inner).entry(host.clone()).or_default().clone()
    }
}

/// What is special to a task.
#[derive(Debug, Default)]
pub struct TaskScope<'a> {
    /// `vars` of blocks and task, from the outside in.
    pub vars: &'a [(String, Arc<Node>)],
    /// The role of the task.
    pub role: Option<&'a Role>,
    /// The folder of the file that the task stands in.
    pub folder: Option<&'a Path>,
    /// Values for this evaluation alone: a result that is being judged, the name of a template.
    pub local: Vec<(String, Binding)>,
    /// `vars` of the includes around the task and the items of their loops, from the outside in.
    pub frames: Vec<(String, Binding)>,
    /// Whether this is the evaluation of a task: then a host without an address is reached by its name.
    pub of_task: bool,
    /// Whether a plan asks what the rollout would find: then `ansible_check_mode` is false.
    pub as_applied: bool,
}

/// What is special to a loop item.
#[derive(Debug, Default)]
pub struct LoopScope {
    /// `item` or `loop_var`, `index_var`, `ansible_loop`, ...
    pub values: Vec<(String, Arc<Value>)>,
}

/// The variables of a host.
#[derive(Debug)]
pub struct HostScope<'a> {
    /// Of the run.
    pub run: &'a Arc<RunScope>,
    /// Of the play; nothing outside a play.
    pub play: Option<&'a PlayScope>,
    /// The host.
    pub host: &'a HostName,
    /// What it has learned.
    pub learned: &'a RwLock<HostValues>,
    /// Of the task.
    pub task: TaskScope<'a>,
    /// Of the loop item.
    pub item: LoopScope,
}

fn find<'a>(list: &'a [(String, Arc<Node>)], name: &str) -> Option<&'a Arc<Node>> {
    list.iter().rev().find(|(key, _)| key == name).map(|(_, node)| node)
}

fn data(value: Value) -> Option<Binding> {
    Some(Binding::Data(Arc::new(value)))
}

impl HostScope<'_> {
    fn magic(&self, name: &str) -> Option<Binding> {
        let inventory = &self.run.inventory;
        match name {
            "inventory_hostname" => data(json!(&*self.host.0)),
            "inventory_hostname_short" => data(json!(self.host.0.split('.').next().unwrap_or(&self.host.0))),
            "group_names" => {
                let names = inventory.group_names(self.host);
                data(names.iter().map(|group| json!(&*group.0)).collect())
            }
            "groups" => Some(Binding::Data(self.run.groups.clone())),
            "hostvars" => Some(Binding::Scopes(Arc::new(HostVariables { run: self.run.clone() }))),
            "ansible_facts" => {
                let learned = self.learned.read().unwrap_or_else(PoisonError::into_inner);
                data(Value::Object(learned.facts.clone()))
            }
            "role_name" | "ansible_role_name" => data(json!(self.task.role?.name)),
            "ansible_parent_role_names" => {
                let names = &self.task.role?.included_from;
                (!names.is_empty()).then(|| Binding::Data(Arc::new(json!(names))))
            }
            "ansible_check_mode" if self.task.as_applied => data(json!(false)),
            "role_path" => data(json!(self.run.absolute(&self.task.role?.path))),
            _ => self
                .play
                .and_then(|play| play.magic.get(name).cloned().or_else(|| play.participants.variable(name)))
                .or_else(|| self.run.magic.get(name).cloned())
                .map(Binding::Data),
        }
    }

    fn in_playbook(&self, name: &str, public: &[Arc<Role>]) -> Option<Arc<Node>> {
        let play = self.play?;
        let own_role = self.task.role.and_then(|role| near(role, &|role| find(&role.vars, name)));
        let public = || public.iter().rev().find_map(|role| find(&role.vars, name));
        own_role
            .or_else(public)
            .or_else(|| play.roles.iter().rev().find_map(|role| find(&role.vars, name)))
            .or_else(|| play.vars_files.get(name))
            .or_else(|| play.vars.get(name))
            .cloned()
    }

    fn default(&self, name: &str, public: &[Arc<Role>]) -> Option<Arc<Node>> {
        let own_role = self.task.role.and_then(|role| near(role, &|role| find(&role.defaults, name)));
        let public = || public.iter().rev().find_map(|role| find(&role.defaults, name));
        own_role
            .or_else(public)
            .or_else(|| self.play?.roles.iter().rev().find_map(|role| find(&role.defaults, name)))
            .cloned()
    }
}

/// What a role has for a name: itself, the roles that it depends on, those that it was used from.
fn near<'a>(role: &'a Role, of: &dyn Fn(&'a Role) -> Option<&'a Arc<Node>>) -> Option<&'a Arc<Node>> {
    of(role)
        .or_else(|| role.dependencies.list().iter().rev().find_map(|role| of(role)))
        .or_else(|| role.parents.iter().rev().find_map(|role| of(role)))
}

impl Scope for HostScope<'_> {
    fn lookup(&self, name: &str) -> Option<Binding> {
        let source = |node: &Arc<Node>| Binding::Source(node.clone());
        if let Some(binding) = self.magic(name) {
            return Some(binding);
        }
        if let Some((_, binding)) = self.task.local.iter().rev().find(|(key, _)| key == name) {
            return Some(binding.clone());
        }
        if let Some((_, value)) = self.item.values.iter().rev().find(|(key, _)| key == name) {
            return Some(Binding::Data(value.clone()));
        }
        if let Some(node) = self.run.extra.get(name) {
            return Some(source(node));
        }
        if let Some((_, binding)) = self.task.frames.iter().rev().find(|(key, _)| key == name) {
            return Some(binding.clone());
        }
        if let Some(node) = self.task.role.and_then(|role| find(&role.params, name)) {
            return Some(source(node));
        }
        let learned = self.learned.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(binding) = learned.values.get(name) {
            return Some(binding.clone());
        }
        if let Some(binding) = learned.included.get(name) {
            return Some(binding.clone());
        }
        if let Some(node) = find(self.task.vars, name) {
            return Some(source(node));
        }
        if let Some(node) = self.in_playbook(name, &learned.roles) {
            return Some(source(&node));
        }
        if let Some(value) = learned.injected.get(name) {
            return Some(Binding::Data(value.clone()));
        }
        let inventory = self.run.inventory.hosts.get(self.host).and_then(|host| host.variables.get(name));
        if let Some(variable) = inventory.and_then(|candidates| candidates.last()) {
            return Some(source(&variable.node));
        }
        if let Some(node) = self.default(name, &learned.roles) {
            return Some(source(&node));
        }
        (name == "ansible_host" && self.task.of_task).then(|| data(json!(&*self.host.0))).flatten()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            ["inventory_hostname", "inventory_hostname_short", "group_names", "groups", "ansible_facts"]
                .map(str::to_owned)
                .into();
        // Not among the entries of `hostvars` itself, which would have no end.
        if self.play.is_some() {
            names.push("hostvars".to_owned());
        }
        let learned = self.learned.read().unwrap_or_else(PoisonError::into_inner);
        names.extend(self.run.magic.keys().cloned());
        names.extend(self.run.extra.keys().cloned());
        names.extend(self.item.values.iter().map(|(name, _)| name.clone()));
        names.extend(learned.values.keys().cloned());
        names.extend(learned.injected.keys().chain(learned.included.keys()).cloned());
        names.extend(self.task.frames.iter().map(|(name, _)| name.clone()));
        if let Some(role) = self.task.role {
            let own = role.defaults.iter().chain(&role.vars).chain(&role.params);
            names.extend(own.map(|(name, _)| name.clone()));
        }
        names.extend(self.task.vars.iter().map(|(name, _)| name.clone()));
        if let Some(play) = self.play {
            names.extend(Participants::NAMES.map(str::to_owned));
            names.extend(play.magic.keys().chain(play.vars_files.keys()).chain(play.vars.keys()).cloned());
            let roles = play.roles.iter().flat_map(|role| role.defaults.iter().chain(&role.vars));
            names.extend(roles.map(|(name, _)| name.clone()));
        }
        if let Some(host) = self.run.inventory.hosts.get(self.host) {
            names.extend(host.variables.keys().cloned());
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    fn folders(&self) -> Vec<PathBuf> {
        let playbook = self.play.and_then(|play| play.magic.get("playbook_dir")?.as_str());
        let role = self.task.role.map(|role| role.path.as_path());
        let roots = role.into_iter().chain(self.task.folder).chain(playbook.map(Path::new));
        roots.map(Path::to_path_buf).collect()
    }
}

/// `hostvars`: the variables of every host, without those of the play.
#[derive(Debug)]
struct HostVariables {
    run: Arc<RunScope>,
}

impl ScopeDirectory for HostVariables {
    fn with_scope(&self, name: &str, read: &mut dyn FnMut(&dyn Scope)) -> bool {
        let host = HostName::from(name);
        if !self.run.inventory.hosts.contains_key(&host) {
            return false;
        }
        let learned = self.run.facts.of(&host);
        read(&HostScope {
            run: &self.run,
            play: None,
            host: &host,
            learned: &learned,
            task: TaskScope::default(),
            item: LoopScope::default(),
        });
        true
    }

    fn names(&self) -> Vec<String> {
        self.run.inventory.hosts.keys().map(|host| host.to_string()).collect()
    }
}

/// The variables that exist before a host is chosen: those that `hosts`, `serial` and names of plays
/// may use.
#[derive(Debug)]
pub struct HostlessScope<'a> {
    /// Of the run.
    pub run: &'a RunScope,
    /// `vars` of the play.
    pub vars: &'a Named,
    /// `vars_files` of the play.
    pub vars_files: &'a Named,
    /// `playbook_dir`.
    pub directory: &'a Arc<Value>,
}

impl Scope for HostlessScope<'_> {
    fn lookup(&self, name: &str) -> Option<Binding> {
        if name == "groups" {
            return Some(Binding::Data(self.run.groups.clone()));
        }
        if name == "playbook_dir" {
            return Some(Binding::Data(self.directory.clone()));
        }
        if let Some(value) = self.run.magic.get(name) {
            return Some(Binding::Data(value.clone()));
        }
        let files = [&self.run.extra, self.vars_files, self.vars];
        files.into_iter().find_map(|variables| variables.get(name)).cloned().map(Binding::Source)
    }

    fn names(&self) -> Vec<String> {
        let files = [&self.run.extra, self.vars_files, self.vars];
        let named = files.into_iter().flat_map(|variables| variables.keys().cloned());
        named.chain(self.run.magic.keys().cloned()).collect()
    }
}
