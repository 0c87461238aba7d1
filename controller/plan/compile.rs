//! A play flattened into numbered tasks, each with the keywords that it inherits.
//!
//! The number of a task (its ordinal) is its place in the order of a play in which every host runs
//! everything: the waves' barriers compare ordinals. Nothing here depends on a host.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::others::OtherHosts;
use super::start::StartAt;
use crate::playbook::{Become, Block, Body, Directives, Entry, Guard, Play, Role, Task, selected};
use crate::source::{Node, NodeValue};

/// A play, ready to run.
#[derive(Debug)]
pub struct CompiledPlay {
    /// Sections in order: gathering of facts and pre_tasks, roles and tasks, post_tasks.
    pub sections: Vec<Section>,
    /// Handlers in definition order; ordinals follow each section's end.
    pub handlers: Vec<Arc<CompiledTask>>,
    /// Ordinals used by tasks and by handler flushes.
    pub ordinals: usize,
    /// Tasks that would run, for the progress bar.
    pub tasks: usize,
    /// Whether a block or task has `any_errors_fatal`, so that the hosts go on together.
    pub any_errors_fatal: bool,
}

/// A section of a play; notified handlers run at its end.
#[derive(Debug)]
pub struct Section {
    /// Its entries.
    pub entries: Vec<CompiledEntry>,
    /// Ordinal of the handler flush at its end.
    pub flush: usize,
}

/// One entry.
#[derive(Clone, Debug)]
pub enum CompiledEntry {
    /// A task.
    Task(Arc<CompiledTask>),
    /// A block with `rescue`, `always` or `guard`; other blocks are dissolved.
    Block(Arc<CompiledBlock>),
}

/// A block with `rescue`, `always` or `guard`.
#[derive(Debug)]
pub struct CompiledBlock {
    /// `block`.
    pub entries: Vec<CompiledEntry>,
    /// `rescue`.
    pub rescue: Vec<CompiledEntry>,
    /// `always`.
    pub always: Vec<CompiledEntry>,
    /// `guard`.
    pub guard: Option<CompiledGuard>,
}

/// The guard of a block.
#[derive(Debug)]
pub struct CompiledGuard {
    /// What was written.
    pub guard: Guard,
    /// Ordinal of the handler flush at the end of the block.
    pub flush: usize,
}

/// A task with all that it inherits.
#[derive(Debug)]
pub struct CompiledTask {
    /// The task.
    pub task: Arc<Task>,
    /// Its ordinal.
    pub ordinal: usize,
    /// Names it within its play by what it is, not by where it stands: a resumed run finds it again although other
    /// tasks were changed, added or removed.
    pub key: u64,
    /// The role it is from.
    pub role: Option<Arc<Role>>,
    /// Inherited and own keywords. `when`, `vars`, `environment` and `tags` are concatenated from the
    /// outside in; of the others the innermost counts.
    pub directives: Directives,
    /// Whether hosts have to meet before it: `run_once`, or a value of another host.
    pub batch_barrier: bool,
    /// Whether one host does it for all, as with `run_once`: `pause`, `meta: end_play`, `meta: end_batch`.
    pub for_all: bool,
    /// Whether a guard is around it.
    pub guarded: bool,
    /// Whether it is the gathering of facts that a play starts with.
    pub gathering: bool,
    /// What it may include.
    pub bodies: Vec<CompiledBody>,
    /// The tasks of its `rollback`, with its own keywords around theirs. Its conditions are left out: they
    /// held when it ran.
    pub undo: Vec<Self>,
}

/// The tasks of a file or role that a task may include. Their ordinals begin at 0: they count below that of the include.
#[derive(Debug)]
pub struct CompiledBody {
    /// What was read.
    pub body: Arc<Body>,
    /// Its entries; nothing if they are those of the same body further out, which includes itself.
    pub entries: Option<Vec<CompiledEntry>>,
}

impl CompiledPlay {
    /// The files that its tasks stand in, and those with the defaults and variables of its roles.
    pub fn sources(&self) -> BTreeSet<PathBuf> {
        let mut files = BTreeSet::new();
        for task in self.all_tasks() {
            files.extend(
                task.task
                    .include
                    .iter()
                    .flat_map(|include| &include.bodies)
                    .filter_map(|body| body.path.clone()),
            );
            files.extend(task.task.vars_files.iter().flat_map(|files| files.paths()));
            let path = task.task.span.file.path();
            // The gathering of facts stands in no file.
            if path.is_file() {
                files.insert(path.to_owned());
            }
            if let Some(role) = &task.role {
                files.extend(
                    ["defaults", "vars"]
                        .map(|name| role.path.join(name))
                        .into_iter()
                        .filter(|path| path.exists()),
                );
            }
        }
        files
    }

    /// Tasks and handlers, wherever they stand.
    fn all_tasks(&self) -> Vec<&CompiledTask> {
        let mut waiting: Vec<&CompiledEntry> =
            self.sections.iter().flat_map(|section| &section.entries).collect();
        let mut tasks: Vec<&CompiledTask> = self.handlers.iter().map(Arc::as_ref).collect();
        waiting.extend(tasks.iter().flat_map(|handler| handler.included()));
        while let Some(entry) = waiting.pop() {
            match entry {
                CompiledEntry::Task(task) => {
                    tasks.push(task);
                    waiting.extend(task.included());
                }
                CompiledEntry::Block(block) => {
                    waiting.extend(block.entries.iter().chain(&block.rescue).chain(&block.always));
                }
            }
        }
        tasks
    }
}

impl CompiledTask {
    /// Whether another host may do its work (`delegate_to`). Actions about the run itself stay where they are.
    pub fn is_delegated(&self) -> bool {
        self.directives.delegate_to.is_some() && self.task.module != "meta" && self.bodies.is_empty()
    }

    /// The entries of everything that it may include, as far as they are not those of a file around it.
    pub fn included(&self) -> impl Iterator<Item = &CompiledEntry> {
        self.bodies.iter().filter_map(|body| body.entries.as_ref()).flatten()
    }

    /// Returns the unrendered name to show: the task's, else its module's.
    pub fn name(&self) -> Result<&Node, &str> {
        self.task.name.as_ref().ok_or(self.task.module_as_written.as_str())
    }
}

/// Compiles a play. `gather` is the task that gathers facts, if the play wants it; `others` are the variables that
/// read other hosts; `only` and `skip` are the tags of the command line.
pub fn compile(
    play: &Play,
    gather: Option<Arc<Task>>,
    others: &OtherHosts<'_>,
    (only, skip): (&[String], &[String]),
    start: &mut StartAt,
) -> CompiledPlay {
    let mut alike = HashMap::new();
    for entries in [&play.pre_tasks, &play.tasks, &play.post_tasks] {
        count_alike(entries, &mut alike);
    }
    for handler in &play.handlers {
        *alike.entry(identity(handler, false)).or_default() += 1;
    }
    let mut compiler = Compiler {
        next: 0,
        tasks: 0,
        handlers: play.handlers.len(),
        guarded: false,
        others,
        only,
        skip,
        used: Vec::new(),
        any_errors_fatal: false,
        named: HashMap::new(),
        alike,
        open: Vec::new(),
        within: 0,
        around_includes: Vec::new(),
        start,
    };
    let mut sections = Vec::new();
    for (index, list) in [&play.pre_tasks, &play.tasks, &play.post_tasks].into_iter().enumerate() {
        let mut entries = Vec::new();
        if index == 0
            && let Some(task) = &gather
        {
            let compiled = CompiledTask { gathering: true, ..compiler.task(task, &play.directives) };
            if selected(&compiled.directives.tags, only, skip) {
                compiler.tasks += 1;
                entries.push(CompiledEntry::Task(Arc::new(compiled)));
            }
        }
        compiler.entries(list, &play.directives, &mut entries);
        let flush = compiler.next;
        compiler.next += 1 + play.handlers.len();
        sections.push(Section { entries, flush });
    }
    if compiler.start.waits_for().is_some()
        && let Some(first) = sections.first_mut()
    {
        // Facts are gathered from the play on that has the task.
        let before = first.entries.len();
        first.entries.retain(|entry| !matches!(entry, CompiledEntry::Task(task) if task.gathering));
        compiler.tasks -= before - first.entries.len();
    }
    let handlers = play.handlers.iter().map(|task| Arc::new(compiler.task(task, &play.directives))).collect();
    CompiledPlay {
        sections,
        handlers,
        ordinals: compiler.next,
        tasks: compiler.tasks,
        any_errors_fatal: compiler.any_errors_fatal,
    }
}

struct Compiler<'a> {
    next: usize,
    tasks: usize,
    /// Handlers of the play.
    handlers: usize,
    /// Whether a guard is around what is compiled.
    guarded: bool,
    others: &'a OtherHosts<'a>,
    only: &'a [String],
    skip: &'a [String],
    /// Roles used so far, with the conditions of the use.
    used: Vec<(Arc<Role>, Vec<Node>)>,
    any_errors_fatal: bool,
    /// How many tasks there were that are named the same.
    named: HashMap<u64, u64>,
    /// How many tasks of the play have the same role, name and module.
    alike: HashMap<u64, usize>,
    /// Bodies around what is compiled.
    open: Vec<Arc<Body>>,
    /// Tells the bodies apart in the keys of tasks.
    within: u64,
    /// `vars` of the includes around what is compiled.
    around_includes: Vec<(String, Arc<Node>)>,
    start: &'a mut StartAt,
}

impl Compiler<'_> {
    /// Whether the run has come to its first task; tasks of includes are not looked at.
    fn has_come(&mut self, task: &Task) -> bool {
        !self.open.is_empty() || self.start.has_come(task)
    }

    fn entries(&mut self, list: &[Entry], outer: &Directives, into: &mut Vec<CompiledEntry>) {
        for entry in list {
            match entry {
                Entry::Task(task) => {
                    let compiled = self.task(task, outer);
                    if selected(&compiled.directives.tags, self.only, self.skip) && self.has_come(task) {
                        self.tasks += 1;
                        into.push(CompiledEntry::Task(Arc::new(compiled)));
                    }
                }
                Entry::Block(block) => self.block(block, outer, into),
            }
        }
    }

    fn block(&mut self, block: &Block, outer: &Directives, into: &mut Vec<CompiledEntry>) {
        let inherited = inherit(outer, &block.directives);
        let role = block.role.as_ref().filter(|role| block.role_use && !role.allow_duplicates);
        if role.is_some_and(|role| self.has_run(role, &inherited)) {
            return;
        }
        let before = self.tasks;
        self.parts(block, &inherited, into);
        // A use of which the tags leave nothing is none.
        if let Some(role) = role.filter(|_| self.tasks > before) {
            self.used.push((role.clone(), inherited.when));
        }
    }

    fn parts(&mut self, block: &Block, inherited: &Directives, into: &mut Vec<CompiledEntry>) {
        if block.rescue.is_empty() && block.always.is_empty() && block.guard.is_none() {
            return self.entries(&block.entries, inherited, into);
        }
        let was_guarded = self.guarded;
        self.guarded |= block.guard.is_some();
        let mut lists = [Vec::new(), Vec::new(), Vec::new()];
        let waited = self.start.waits_for().is_some() && self.open.is_empty();
        for (number, (list, compiled)) in
            [&block.entries, &block.rescue, &block.always].into_iter().zip(&mut lists).enumerate()
        {
            // Nothing starts in a `rescue`, which nothing has come to.
            let held = (number == 1 && waited).then(|| self.start.pause()).flatten();
            self.entries(list, inherited, compiled);
            if let Some(name) = held {
                self.start.go_on(name);
            }
        }
        self.guarded = was_guarded;
        let guard = block.guard.clone().map(|guard| {
            let flush = self.next;
            self.next += 1 + self.handlers;
            CompiledGuard { guard, flush }
        });
        let [entries, rescue, always] = lists;
        if !(entries.is_empty() && always.is_empty()) {
            into.push(CompiledEntry::Block(Arc::new(CompiledBlock { entries, rescue, always, guard })));
        }
    }

    /// Tells whether the tasks of a role were used before on the same condition: a role runs once for each set of
    /// parameters, unless it allows duplicates.
    fn has_run(&self, role: &Arc<Role>, inherited: &Directives) -> bool {
        self.used
            .iter()
            .any(|(used, when)| Arc::ptr_eq(used, role) && (when.is_empty() || *when == inherited.when))
    }

    fn task(&mut self, task: &Arc<Task>, outer: &Directives) -> CompiledTask {
        let directives = inherit(outer, &task.directives);
        let ordinal = self.next;
        self.next += 1;
        let fatal = directives.any_errors_fatal.as_ref();
        self.any_errors_fatal |= fatal.is_some_and(|node| !matches!(node.value, NodeValue::Bool(false)));
        let for_all = is_for_all(task);
        let mut batch_barrier = for_all
            || directives.run_once.is_some()
            || directives.delegate_to.is_some()
            || self.others.are_read_by(task, &directives);
        if !batch_barrier && !self.around_includes.is_empty() {
            let around = Directives { vars: self.around_includes.clone(), ..Directives::default() };
            batch_barrier = self.others.are_read_by(task, &around);
        }
        let around = Directives { when: Vec::new(), ..directives.clone() };
        let undo = task.rollback.iter().map(|undoing| CompiledTask {
            task: undoing.clone(),
            ordinal,
            key: 0,
            role: undoing.role.clone(),
            directives: inherit(&around, &undoing.directives),
            batch_barrier: false,
            for_all: false,
            guarded: self.guarded,
            gathering: false,
            bodies: Vec::new(),
            undo: Vec::new(),
        });
        let undo = undo.collect();
        let key = self.key(task);
        let bodies = self.bodies(task, key, outer);
        CompiledTask {
            task: task.clone(),
            ordinal,
            key,
            role: task.role.clone(),
            directives,
            batch_barrier,
            for_all,
            guarded: self.guarded,
            gathering: false,
            bodies,
            undo,
        }
    }
}

impl Compiler<'_> {
    /// Returns the key of a task: from its role, name and module. Where others have the same, its options count too, and
    /// of those that are still the same the number.
    fn key(&mut self, task: &Task) -> u64 {
        let alone = self.alike.get(&identity(task, false)).is_none_or(|count| *count < 2);
        let base = identity(task, !alone).wrapping_add(self.within);
        let count = self.named.entry(base).or_default();
        *count += 1;
        base.wrapping_add((*count - 1).wrapping_mul(0x9e37_79b9_7f4b)) & 0xffff_ffff_ffff
    }
}

impl Compiler<'_> {
    /// Compiles what a task may include. What is around the include is around its tasks, its own keywords are not; those of
    /// `apply` are.
    fn bodies(&mut self, task: &Task, key: u64, outer: &Directives) -> Vec<CompiledBody> {
        let Some(include) = &task.include else { return Vec::new() };
        let around = inherit(outer, &include.apply);
        let mut bodies = Vec::with_capacity(include.bodies.len());
        for body in &include.bodies {
            if self.open.iter().any(|open| Arc::ptr_eq(open, body)) {
                bodies.push(CompiledBody { body: body.clone(), entries: None });
                continue;
            }
            self.open.push(body.clone());
            let (next, tasks, used) = (std::mem::take(&mut self.next), self.tasks, self.used.clone());
            let within = self.within;
            self.within =
                within.wrapping_add(key).wrapping_mul(31).wrapping_add(named(&body.key.to_string()));
            let vars = self.around_includes.len();
            self.around_includes.extend(task.directives.vars.iter().cloned());
            let mut entries = Vec::new();
            self.entries(body.entries(), &around, &mut entries);
            self.around_includes.truncate(vars);
            // Where it is not known which tasks run, the include stands for them.
            let certain = include.bodies.len() == 1 && task.looping.is_none();
            let tasks = if certain { self.tasks } else { tasks };
            (self.next, self.tasks, self.used, self.within) = (next, tasks, used, within);
            self.open.pop();
            bodies.push(CompiledBody { body: body.clone(), entries: Some(entries) });
        }
        bodies
    }
}

/// A number for a text.
fn named(text: &str) -> u64 {
    Sha256::digest(text.as_bytes()).iter().take(6).fold(0, |key, byte| key << 8 | u64::from(*byte))
}

/// Names a task by its role, name and module, and by its options if it has no name or `whole` says so.
fn identity(task: &Task, whole: bool) -> u64 {
    let mut identity = Sha256::new();
    let mut part = |text: &str| {
        identity.update(text.len().to_le_bytes());
        identity.update(text.as_bytes());
    };
    part(task.role.as_ref().map_or("", |role| role.name.as_str()));
    part(&task.module_as_written);
    if let Some(name) = &task.name {
        part(&name.to_json().to_string());
    }
    if whole || task.name.is_none() {
        for (name, value) in &task.options {
            part(name);
            part(&value.to_json().to_string());
        }
    }
    // Whole numbers of this size survive every reader of JSON.
    identity.finalize().iter().take(6).fold(0, |key, byte| key << 8 | u64::from(*byte))
}

/// Counts tasks that are named the same.
fn count_alike(entries: &[Entry], alike: &mut HashMap<u64, usize>) {
    for entry in entries {
        match entry {
            Entry::Task(task) => *alike.entry(identity(task, false)).or_default() += 1,
            Entry::Block(block) => {
                for list in [&block.entries, &block.rescue, &block.always] {
                    count_alike(list, alike);
                }
            }
        }
    }
}

/// Merges the keywords of an inner level into those around it.
fn inherit(outer: &Directives, inner: &Directives) -> Directives {
    let concatenated = |outer: &[Node], inner: &[Node]| outer.iter().chain(inner).cloned().collect();
    let innermost = |outer: &Option<Node>, inner: &Option<Node>| inner.clone().or_else(|| outer.clone());
    let mut tags = outer.tags.clone();
    tags.extend(inner.tags.iter().filter(|tag| !outer.tags.contains(tag)).cloned());
    Directives {
        when: concatenated(&outer.when, &inner.when),
        vars: outer.vars.iter().chain(&inner.vars).cloned().collect(),
        environment: concatenated(&outer.environment, &inner.environment),
        r#become: Become {
            enabled: innermost(&outer.r#become.enabled, &inner.r#become.enabled),
            user: innermost(&outer.r#become.user, &inner.r#become.user),
            method: innermost(&outer.r#become.method, &inner.r#become.method),
            flags: innermost(&outer.r#become.flags, &inner.r#become.flags),
            exe: innermost(&outer.r#become.exe, &inner.r#become.exe),
        },
        tags,
        ignore_errors: innermost(&outer.ignore_errors, &inner.ignore_errors),
        ignore_unreachable: innermost(&outer.ignore_unreachable, &inner.ignore_unreachable),
        any_errors_fatal: innermost(&outer.any_errors_fatal, &inner.any_errors_fatal),
        no_log: innermost(&outer.no_log, &inner.no_log),
        check_mode: innermost(&outer.check_mode, &inner.check_mode),
        diff: innermost(&outer.diff, &inner.diff),
        run_once: innermost(&outer.run_once, &inner.run_once),
        timeout: innermost(&outer.timeout, &inner.timeout),
        remote_user: innermost(&outer.remote_user, &inner.remote_user),
        delegate_to: innermost(&outer.delegate_to, &inner.delegate_to),
        delegate_facts: innermost(&outer.delegate_facts, &inner.delegate_facts),
        within: innermost(&outer.within, &inner.within),
    }
}

/// Ansible does these once and not for each host: a question is asked once, a play ends for all.
fn is_for_all(task: &Task) -> bool {
    let action = task.options.iter().find(|(name, _)| name == "free_form");
    let action = action.and_then(|(_, node)| node.as_str()).unwrap_or_default();
    task.module == "pause" || task.module == "meta" && matches!(action, "end_play" | "end_batch")
}
