//! What a playbook says, after parsing and validation. Everything that may hold a template stays a
//! [`Node`]; everything that may not is already a value.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::include::Include;
use super::include_vars::VarsCandidates;
use super::policy::{Guard, OnFailure, RollbackScope};
use crate::source::{Node, Span};

/// A playbook file.
#[derive(Clone, Debug)]
pub struct Playbook {
    /// The file.
    pub path: PathBuf,
    /// Its folder: `playbook_dir`, root of `files/`, `templates/`, `roles/`, `group_vars/`.
    pub directory: PathBuf,
    /// Its plays, in order.
    pub plays: Vec<Play>,
}

/// A play.
#[derive(Clone, Debug)]
pub struct Play {
    /// Place of the play.
    pub span: Span,
    /// Folder of the playbook that it stands in, its `playbook_dir`: not that of the playbook that was
    /// asked for when it was imported from another folder.
    pub directory: PathBuf,
    /// `name`, else the pattern.
    pub name: Node,
    /// `hosts`: a pattern or a list of patterns.
    pub hosts: Node,
    /// `gather_facts`, if written.
    pub gather_facts: Option<Node>,
    /// `vars`, in file order.
    pub vars: Vec<(String, Arc<Node>)>,
    /// `vars_files`: file names, or lists of which the first one that exists counts.
    pub vars_files: Vec<Node>,
    /// `serial`: a number, a percentage, or a list of them.
    pub serial: Option<Node>,
    /// `max_fail_percentage`.
    pub max_fail_percentage: Option<Node>,
    /// `any_errors_fatal`.
    pub any_errors_fatal: Option<Node>,
    /// `on_failure`, if written.
    pub on_failure: Option<OnFailure>,
    /// `rollback_scope`, if written.
    pub rollback_scope: Option<RollbackScope>,
    /// `order`, if written.
    pub order: Option<Order>,
    /// `strategy`, if written.
    pub strategy: Option<Strategy>,
    /// `force_handlers`, if written.
    pub force_handlers: Option<Node>,
    /// `remote_user`, `port`, `connection`, `timeout` are here as variables would be: (variable name, value).
    pub connection: Vec<(&'static str, Arc<Node>)>,
    /// What its tasks inherit: `become*`, `environment`, `tags`, `check_mode`, `diff`, `no_log`, ...
    pub directives: Arc<Directives>,
    /// Roles used with `roles:`, dependencies first, in the order in which they run.
    pub roles: Vec<Arc<Role>>,
    /// `pre_tasks`, without the gathering of facts.
    pub pre_tasks: Vec<Entry>,
    /// Roles that `include_role` may use, which are not there from the start.
    pub included_roles: Vec<Arc<Role>>,
    /// Tasks of the roles, then `tasks`.
    pub tasks: Vec<Entry>,
    /// `post_tasks`.
    pub post_tasks: Vec<Entry>,
    /// Handlers of the roles, then of the play, in the order in which they run. Never blocks.
    pub handlers: Vec<Arc<Task>>,
}

/// A role as used by a play.
#[derive(Debug)]
pub struct Role {
    /// Its name, as tasks show it.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// `defaults/main.yml`.
    pub defaults: Vec<(String, Arc<Node>)>,
    /// `vars/main.yml`.
    pub vars: Vec<(String, Arc<Node>)>,
    /// Parameters given where it is used.
    pub params: Vec<(String, Arc<Node>)>,
    /// Whether each use of it runs. Otherwise a host that has run a task of it skips later uses; uses
    /// with the same parameters, tags and conditions share one `Arc<Role>`, so compare the pointers.
    pub allow_duplicates: bool,
    /// Whether `include_role` brings it: its handlers are there when a host has included it, and its variables are
    /// for its own tasks.
    pub dynamic: bool,
    /// Whether a task imports or includes it.
    pub by_task: bool,
    /// Names of the roles whose tasks include or import it, the nearest first.
    pub included_from: Vec<String>,
    /// The roles that it was used from, outermost first.
    pub parents: Vec<Arc<Self>>,
    /// The roles that it depends on.
    pub dependencies: Dependencies,
}

/// The roles that a role depends on, which are read after it. They know it as one of their parents, so that they are not
/// shown with it.
#[derive(Default)]
pub struct Dependencies(pub(super) OnceLock<Vec<Arc<Role>>>);

impl Dependencies {
    /// Lists them, in the order in which they run.
    pub fn list(&self) -> &[Arc<Role>] {
        self.0.get().map_or(&[], Vec::as_slice)
    }
}

impl std::fmt::Debug for Dependencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.list().iter().map(|role| &role.name)).finish()
    }
}

/// One entry of a list of tasks.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A task.
    Task(Arc<Task>),
    /// A block.
    Block(Arc<Block>),
}

/// A block.
#[derive(Debug)]
pub struct Block {
    /// Place of the block.
    pub span: Span,
    /// `name`.
    pub name: Option<Node>,
    /// What its tasks inherit.
    pub directives: Arc<Directives>,
    /// `block`.
    pub entries: Vec<Entry>,
    /// `rescue`.
    pub rescue: Vec<Entry>,
    /// `always`.
    pub always: Vec<Entry>,
    /// `guard`.
    pub guard: Option<Guard>,
    /// The role it came from.
    pub role: Option<Arc<Role>>,
    /// Whether this block holds one use of its role, from first to last task, dependencies included.
    pub role_use: bool,
}

/// Keywords that plays, blocks, roles and tasks share. Inheritance, inner wins unless said otherwise.
#[derive(Clone, Debug, Default)]
pub struct Directives {
    /// `when`: all must hold; those of blocks come in front.
    pub when: Vec<Node>,
    /// `vars`.
    pub vars: Vec<(String, Arc<Node>)>,
    /// `environment`: mappings, merged from the outside in.
    pub environment: Vec<Node>,
    /// `become`, `become_user`, `become_method`, `become_flags`, `become_exe`.
    pub r#become: Become,
    /// `tags`, added to those inherited.
    pub tags: Vec<String>,
    /// `ignore_errors`.
    pub ignore_errors: Option<Node>,
    /// `ignore_unreachable`.
    pub ignore_unreachable: Option<Node>,
    /// `any_errors_fatal` of a block or task.
    pub any_errors_fatal: Option<Node>,
    /// `no_log`.
    pub no_log: Option<Node>,
    /// `check_mode`.
    pub check_mode: Option<Node>,
    /// `diff`.
    pub diff: Option<Node>,
    /// `run_once`.
    pub run_once: Option<Node>,
    /// `timeout` of a task, in seconds.
    pub timeout: Option<Node>,
    /// `remote_user`; a play has it among its connection variables, elsewhere it is refused.
    pub remote_user: Option<Node>,
    /// `delegate_to`: the host that does the work.
    pub delegate_to: Option<Node>,
    /// `delegate_facts`: whether facts belong to that host.
    pub delegate_facts: Option<Node>,
    /// `async`, in seconds: how long the task may take.
    pub within: Option<Node>,
}

/// `become` and its companions; each one is inherited by itself.
#[derive(Clone, Debug, Default)]
pub struct Become {
    /// `become`.
    pub enabled: Option<Node>,
    /// `become_user`.
    pub user: Option<Node>,
    /// `become_method`: only `sudo` is supported now.
    pub method: Option<Node>,
    /// `become_flags`.
    pub flags: Option<Node>,
    /// `become_exe`.
    pub exe: Option<Node>,
}

/// A task or handler.
#[derive(Debug)]
pub struct Task {
    /// Place of the task.
    pub span: Span,
    /// `name`; else the module's name is shown.
    pub name: Option<Node>,
    /// Short name of the module, known to the registry.
    pub module: &'static str,
    /// The module's name as written.
    pub module_as_written: String,
    /// Place of the module's name.
    pub module_span: Span,
    /// Options under their canonical names, not yet rendered. `key=value` text and `args:` are already merged in.
    pub options: Vec<(String, Node)>,
    /// The whole argument when it is one template, `module: "{{ options }}"`; refused by the parser
    /// unless the module accepts any option name.
    pub options_template: Option<Node>,
    /// Keywords; those of the blocks around are not merged in.
    pub directives: Directives,
    /// `loop`, `with_items`.
    pub looping: Option<Loop>,
    /// `register`.
    pub register: Option<String>,
    /// `notify`.
    pub notify: Vec<Node>,
    /// `listen` of a handler.
    pub listen: Vec<String>,
    /// `changed_when`: all must hold.
    pub changed_when: Option<Vec<Node>>,
    /// `failed_when`: all must hold.
    pub failed_when: Option<Vec<Node>>,
    /// `until`, `retries`, `delay`.
    pub retry: Option<Retry>,
    /// `covers`: paths that are saved before it runs.
    pub covers: Vec<Node>,
    /// `rollback`: what undoes it.
    pub rollback: Vec<Arc<Self>>,
    /// Variables that its template file looks up, as far as it is known before the run.
    pub file_names: Vec<&'static str>,
    /// The role it came from.
    pub role: Option<Arc<Role>>,
    /// What it stands for, if it is `include_tasks` or `include_role`.
    pub include: Option<Include>,
    /// The files that it may read, if it is `include_vars`.
    pub vars_files: Option<Arc<VarsCandidates>>,
}

/// `loop` or `with_...`, and `loop_control`.
#[derive(Clone, Debug)]
pub struct Loop {
    /// The list, or a template that gives one.
    pub items: Node,
    /// The lookup that makes the items of a `with_...`; nothing for `loop`.
    pub lookup: Option<&'static str>,
    /// `loop_var`, `item` unless given.
    pub variable: String,
    /// `index_var`.
    pub index: Option<String>,
    /// `label`.
    pub label: Option<Node>,
    /// `pause`, in seconds.
    pub pause: Option<Node>,
    /// `extended`.
    pub extended: bool,
    /// `extended_allitems`: whether `ansible_loop.allitems` is there.
    pub all_items: bool,
    /// `break_when`: what ends the loop behind an item.
    pub break_when: Vec<Node>,
}

/// `until`, `retries`, `delay`.
#[derive(Clone, Debug)]
pub struct Retry {
    /// `until`: all must hold; without it the task is tried until it does not fail.
    pub until: Vec<Node>,
    /// `retries`, 3 unless given.
    pub retries: Option<Node>,
    /// `delay` in seconds, 5 unless given.
    pub delay: Option<Node>,
}

/// `order`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Order {
    /// As in the inventory.
    #[default]
    Inventory,
    /// The other way round.
    ReverseInventory,
    /// By name.
    Sorted,
    /// By name, the other way round.
    ReverseSorted,
    /// At random.
    Shuffle,
}

/// `strategy`, where written out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Strategy {
    /// All hosts of a wave start a task together.
    Linear,
    /// Each host goes on by itself.
    HostPinned,
}
