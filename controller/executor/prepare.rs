//! From parsed playbooks to plays that can run: targets, waves, files of variables, compiled tasks.
//!
//! Everything that needs no host is done here, for all plays, so that a mistake in the last play is
//! found before the first host is touched.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::context::PlayContext;
use super::foreknown::Foreknown;
use super::wave::Budget;
use crate::inventory::{HostName, Inventory};
use crate::pattern::{self, Limit, Pattern};
use crate::plan::{
    self, Breach, Composition, Foresight, HostlessScope, Named, Participants, PlayScope, RunScope, Serving,
    StartAt,
};
use crate::playbook::{self, OnFailure, Order, Play, Playbook, Role, RollbackScope, Strategy, Task};
use crate::shell::Platform;
use crate::source::{Diagnostic, Diagnostics, Node, NodeValue};
use crate::template::{Engine, TemplateError};

/// A play that can run.
pub struct PreparedPlay {
    /// What its workers share.
    pub context: PlayContext,
    /// Its targets, cut into waves.
    pub waves: Vec<Vec<HostName>>,
    /// Whether its hosts start every task together.
    pub lockstep: bool,
    /// When it gives up.
    pub budget: Budget,
    /// Whether its `hosts` say `all`, written out or by a variable.
    pub names_all: bool,
    /// What is special about its waves; the waves themselves are in `waves`.
    pub composition: Composition,
    /// Whether its waves are those that `run.json` has.
    pub as_recorded: bool,
    /// Its targets with agents that it may change.
    pub touched: HashSet<HostName>,
    /// What the hosts of the inventory serve.
    pub serving: Arc<Serving>,
    /// Place of its `serial`, if it has one: `FILE:LINE:COLUMN`.
    pub serial: Option<String>,
}

impl PreparedPlay {
    /// Finds waves in which everybody stops who serves something; one list for each wave.
    pub fn breaches(&self) -> Vec<Vec<Breach>> {
        self.serving.breaches(&self.waves, &self.touched)
    }
}

/// What command line and `ansible.cfg` choose.
#[derive(Debug, Default)]
pub struct Selection {
    /// `--limit`.
    pub limit: Option<Limit>,
    /// `--tags`.
    pub tags: Vec<String>,
    /// `--skip-tags`.
    pub skip_tags: Vec<String>,
    /// `--serial`, for plays without one of their own.
    pub serial: Option<Value>,
    /// `--start-at-task`.
    pub start_at: Option<String>,
    /// `-b`, or `become` in `ansible.cfg`.
    pub r#become: bool,
    /// `gathering = explicit`: facts only where a play asks for them.
    pub gather_explicitly: bool,
    /// `--force-handlers`.
    pub force_handlers: bool,
    /// `--on-failure`, which counts more than the plays.
    pub on_failure: Option<OnFailure>,
    /// `--rollback-scope`, which counts more than the plays.
    pub rollback_scope: Option<RollbackScope>,
    /// The waves of each play of a run that goes on, which are kept where they still have the same hosts.
    pub waves: Vec<Vec<Vec<String>>>,
}

/// Prepares all plays of the playbooks. The diagnostics hold warnings too; with an error among them
/// the plays must not run.
pub fn prepare(
    playbooks: &[Playbook],
    scope: &Arc<RunScope>,
    engine: &Engine,
    selection: &Selection,
) -> (Vec<PreparedPlay>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let mut plays: Vec<PreparedPlay> = Vec::new();
    let (serving, with_agents) = Foreknown { run: scope, engine }.serving(&mut diagnostics);
    let (serving, mut foresight) = (Arc::new(serving), Foresight::default());
    let mut start = StartAt::new(selection.start_at.clone());
    for playbook in playbooks {
        for play in &playbook.plays {
            let number = plays.len();
            let preparing = Preparing {
                play,
                number,
                scope,
                engine,
                selection,
                serving: &serving,
                with_agents: &with_agents,
                foresight: &mut foresight,
                start: &mut start,
                diagnostics: &mut diagnostics,
            };
            plays.push(preparing.prepare());
        }
    }
    if let Some(name) = start.waits_for() {
        let error = Diagnostic::bare(format!("no task is called `{name}` (`--start-at-task`)"));
        diagnostics.push(error.hint(
            "`--list-tasks` lists them; tasks of `include_tasks` and `include_role` cannot be started at",
        ));
    }
    (plays, diagnostics)
}

struct Preparing<'a> {
    play: &'a Play,
    number: usize,
    scope: &'a Arc<RunScope>,
    engine: &'a Engine,
    selection: &'a Selection,
    serving: &'a Arc<Serving>,
    with_agents: &'a HashSet<HostName>,
    foresight: &'a mut Foresight,
    start: &'a mut StartAt,
    diagnostics: &'a mut Diagnostics,
}

impl Preparing<'_> {
    fn prepare(mut self) -> PreparedPlay {
        let play = self.play;
        let vars: Named = play.vars.iter().cloned().collect();
        let vars_files = self.vars_files(&vars);
        let directory = self.directory();
        let render = |node: &Node| -> Result<Value, TemplateError> {
            let scope = HostlessScope {
                run: self.scope,
                vars: &vars,
                vars_files: &vars_files,
                directory: &directory,
            };
            self.engine.render(node, &scope)
        };
        let mut problems = Vec::new();
        let mut setting = |node: Option<&Node>| match node.map(&render) {
            None => None,
            Some(Ok(value)) => Some(value),
            Some(Err(error)) => {
                problems.push(error.into_diagnostic());
                None
            }
        };
        let hosts = setting(Some(&play.hosts)).unwrap_or_default();
        let name = setting(Some(&play.name)).unwrap_or_default();
        let serial = setting(play.serial.as_ref()).or_else(|| self.selection.serial.clone());
        let max_fail = setting(play.max_fail_percentage.as_ref());
        let fatal = setting(play.any_errors_fatal.as_ref());
        let force = setting(play.force_handlers.as_ref());
        let gather = setting(play.gather_facts.as_ref());
        for problem in problems {
            self.diagnostics.push(problem);
        }
        let flag = |value: &Option<Value>| value.as_ref().and_then(plan::truth);
        let budget = Budget {
            max_fail_percentage: max_fail.as_ref().and_then(percentage),
            any_errors_fatal: flag(&fatal).unwrap_or(false),
        };
        if let (Some(value), None, Some(node)) =
            (&max_fail, budget.max_fail_percentage, &play.max_fail_percentage)
        {
            self.error(node, format!("`max_fail_percentage` must be a number, not `{value}`"));
        }
        let named = self.targets(&hosts);
        let targets = ordered(named.clone(), play.order.unwrap_or_default());
        let name = match name {
            Value::String(name) => name,
            other => crate::module::to_text(&other),
        };
        let wants_facts = flag(&gather).unwrap_or(!self.selection.gather_explicitly);
        let gathering = wants_facts.then(|| gathering_task(play));
        let mut start = std::mem::take(self.start);
        let others = plan::OtherHosts::among(self.variables(&vars, &vars_files));
        let tags = (self.selection.tags.as_slice(), self.selection.skip_tags.as_slice());
        let compiled = plan::compile(play, gathering, &others, tags, &mut start);
        *self.start = start;
        self.diagnostics.extend(plan::unguarded(&compiled));
        self.diagnostics.extend(plan::delegated_in_guards(&compiled));
        if let Some(host) = self.windows_host(&targets, &vars, &vars_files) {
            self.diagnostics.extend(plan::refused_on_windows(&compiled, &host.0, self.selection.r#become));
        }
        let handler_names = play.handlers.iter().map(|handler| {
            let node = handler.name.as_ref()?;
            render(node)
                .ok()
                .map(|value| crate::module::to_text(&value))
                .or_else(|| node.as_str().map(str::to_owned))
        });
        let lockstep = play.strategy == Some(Strategy::Linear)
            || budget.any_errors_fatal
            || compiled.any_errors_fatal
            || budget.max_fail_percentage.is_some();
        let magic = [
            ("ansible_play_name", json!(name)),
            (
                "ansible_role_names",
                json!(role_names(play, &|role| !role.by_task || !role.parents.is_empty())),
            ),
            (
                "ansible_play_role_names",
                json!(role_names(play, &|role| !role.by_task && role.parents.is_empty())),
            ),
            (
                "ansible_dependent_role_names",
                json!(role_names(play, &|role| !role.by_task && !role.parents.is_empty())),
            ),
            ("ansible_search_path", json!([*directory])),
            ("role_names", json!(role_names(play, &|role| !role.by_task && role.parents.is_empty()))),
        ];
        let magic = magic.map(|(name, value)| (name.to_owned(), Arc::new(value))).into_iter();
        let magic = magic.chain([("playbook_dir".to_owned(), directory.clone())]).collect();
        let handler_names = handler_names.collect();
        let participants = Participants::default();
        let mut scope = PlayScope { vars_files, vars, roles: play.roles.clone(), magic, participants };
        self.foresight.note(&compiled);
        let with_agents = targets.iter().filter(|host| self.with_agents.contains(*host)).cloned();
        let touched = self.foreknown().touched(with_agents, &scope, &compiled, self.foresight);
        let (mut composition, as_recorded) = match self.recorded(&targets) {
            Some(waves) => (Composition { waves, ..Composition::default() }, true),
            None => (self.compose(&targets, serial.as_ref(), &touched), false),
        };
        let waves = std::mem::take(&mut composition.waves);
        scope.participants = Participants::new(named);
        PreparedPlay {
            context: PlayContext {
                name,
                number: self.number,
                directory: self.play.directory.clone(),
                scope,
                compiled,
                handler_names,
                handler_tasks: play.handlers.clone(),
                force_handlers: flag(&force).unwrap_or(self.selection.force_handlers),
                on_failure: self.selection.on_failure.or(play.on_failure).unwrap_or_default(),
                rollback_scope: self.selection.rollback_scope.or(play.rollback_scope).unwrap_or_default(),
                connection: play.connection.clone(),
            },
            waves,
            names_all: pattern_text(&hosts).split([',', ':']).any(|part| matches!(part.trim(), "all" | "*")),
            lockstep,
            budget,
            composition,
            as_recorded,
            touched,
            serving: self.serving.clone(),
            serial: play.serial.as_ref().map(|node| node.span.place()),
        }
    }

    fn foreknown(&self) -> Foreknown<'_> {
        Foreknown { run: self.scope, engine: self.engine }
    }

    /// The waves that the run has had, if they have the same hosts.
    fn recorded(&self, targets: &[HostName]) -> Option<Vec<Vec<HostName>>> {
        let recorded = self.selection.waves.get(self.number)?;
        let hosts: HashSet<&str> = recorded.iter().flatten().map(String::as_str).collect();
        let same = hosts.len() == targets.len() && targets.iter().all(|host| hosts.contains(&*host.0));
        let wave = |wave: &Vec<String>| wave.iter().map(|host| HostName::from(host.as_str())).collect();
        same.then(|| recorded.iter().map(wave).collect())
    }

    /// Cuts the targets into waves. An `order` that is written out counts more than maintenance groups and what
    /// hosts serve; hosts without agents have neither.
    fn compose(
        &mut self,
        targets: &[HostName],
        serial: Option<&Value>,
        touched: &HashSet<HostName>,
    ) -> Composition {
        let minded = serial.is_some()
            && self.play.order.is_none()
            && targets.iter().any(|host| self.with_agents.contains(host));
        let composed = if minded {
            let groups =
                targets.iter().map(|host| self.foreknown().maintenance_group(host)).collect::<Vec<_>>();
            let mut names = HashMap::new();
            for (host, group) in targets.iter().zip(groups) {
                match group {
                    Ok(group) => drop(names.insert(host, group)),
                    Err(diagnostic) => self.diagnostics.push(diagnostic),
                }
            }
            let units = self.serving.units().filter(|unit| unit.iter().all(|host| touched.contains(host)));
            plan::compose(targets, serial, &|host| names.get(host).cloned().flatten(), units)
        } else {
            plan::waves(targets, serial).map(|waves| Composition { waves, ..Composition::default() })
        };
        composed.unwrap_or_else(|error| {
            self.error(self.play.serial.as_ref().unwrap_or(&self.play.hosts), error.to_string());
            Composition::default()
        })
    }

    /// All variables of the user's files that the play may see.
    fn variables<'v>(
        &'v self,
        vars: &'v Named,
        vars_files: &'v Named,
    ) -> impl Iterator<Item = (&'v str, &'v Node)> {
        let roles = self.play.roles.iter().chain(&self.play.included_roles);
        let roles = roles.flat_map(|role| role.defaults.iter().chain(&role.vars).chain(&role.params));
        let (hosts, groups) = (&self.scope.inventory.hosts, &self.scope.inventory.groups);
        let inventory =
            hosts.values().map(|host| &host.variables).chain(groups.values().map(|group| &group.variables));
        let inventory = inventory
            .flatten()
            .flat_map(|(name, values)| values.iter().map(move |value| (name, &value.node)));
        let named = vars.iter().chain(vars_files).chain(&self.scope.extra);
        let all = named.chain(roles.map(|(name, node)| (name, node))).chain(inventory);
        all.map(|(name, node)| (name.as_str(), node.as_ref()))
    }

    /// The first target of which variables that are written out say that it runs Windows, and that say nothing of `become`.
    fn windows_host<'t>(
        &self,
        targets: &'t [HostName],
        vars: &Named,
        vars_files: &Named,
    ) -> Option<&'t HostName> {
        const DECIDE: [&str; 3] = ["ansible_connection", "ansible_shell_type", "ansible_become"];
        let roles = self
            .play
            .roles
            .iter()
            .flat_map(|role| role.defaults.iter().chain(&role.vars).chain(&role.params));
        let others = vars.iter().chain(vars_files).chain(&self.scope.extra).map(|(name, _)| name.as_str());
        if others.chain(roles.map(|(name, _)| name.as_str())).any(|name| DECIDE.contains(&name)) {
            return None;
        }
        let literal = |host: &HostName, name: &str| {
            let text = self.scope.inventory.variable(host, name)?.node.as_str()?;
            (!text.contains("{{") && !text.contains("{%")).then_some(text)
        };
        targets.iter().find(|host| {
            let connection = literal(host, "ansible_connection");
            let connected =
                connection.is_some_and(|name| matches!(name.rsplit('.').next(), Some("winrm" | "psrp")));
            let shell = literal(host, "ansible_shell_type").and_then(Platform::of_shell_type);
            self.scope.inventory.variable(host, "ansible_become").is_none()
                && (connected || shell == Some(Platform::Windows))
        })
    }

    /// `playbook_dir`.
    fn directory(&self) -> Arc<Value> {
        Arc::new(json!(self.scope.absolute(&self.play.directory)))
    }

    fn error(&mut self, node: &Node, message: String) {
        self.diagnostics.push(Diagnostic::error(&node.span, message));
    }

    /// Selects the targets of the play, as its pattern names them.
    fn targets(&mut self, hosts: &Value) -> Vec<HostName> {
        let text = pattern_text(hosts);
        let selected = Pattern::parse(&text).and_then(|pattern| {
            pattern::select(&self.scope.inventory, &pattern, self.selection.limit.as_ref())
        });
        let selection = match selected {
            Ok(selection) => selection,
            Err(error) => {
                let hint = error.hint();
                let diagnostic =
                    Diagnostic { hint, ..Diagnostic::error(&self.play.hosts.span, error.to_string()) };
                self.diagnostics.push(diagnostic);
                return Vec::new();
            }
        };
        for unmatched in selection.unmatched {
            let message = format!("`{}` matches no host or group", unmatched.part);
            let hint = unmatched.suggestion.map(|name| format!("did you mean `{name}`?"));
            self.diagnostics.push(Diagnostic { hint, ..Diagnostic::warning(&self.play.hosts.span, message) });
        }
        selection.hosts
    }

    /// Loads `vars_files`; of a list, the first file that exists.
    fn vars_files(&mut self, vars: &Named) -> Named {
        let directory = self.directory();
        let mut loaded = Named::new();
        for entry in &self.play.vars_files {
            let candidates = match &entry.value {
                NodeValue::Sequence(nodes) => nodes.iter().collect(),
                _ => vec![entry],
            };
            let mut names = Vec::new();
            for node in candidates {
                let scope =
                    HostlessScope { run: self.scope, vars, vars_files: &loaded, directory: &directory };
                match self.engine.render_string(node, &scope) {
                    Ok(name) => names.push(name),
                    Err(error) => {
                        let hint = "`vars_files` are read once for all hosts: only `-e` and `vars` of the play can be used";
                        self.diagnostics.push(error.into_diagnostic().hint(hint));
                    }
                }
            }
            let found = names.iter().find_map(|name| playbook::find_vars_file(&self.play.directory, name));
            match found {
                Some(path) => {
                    let (variables, diagnostics) = playbook::read_vars_file(&path, self.engine.vault());
                    self.diagnostics.extend(diagnostics);
                    loaded.extend(variables);
                }
                None if names.is_empty() => {}
                None => self.error(entry, format!("there is no file `{}`", names.join("`, `"))),
            }
        }
        loaded
    }
}

/// `hosts` as one pattern.
fn pattern_text(hosts: &Value) -> String {
    match hosts {
        Value::Array(patterns) => patterns.iter().map(crate::module::to_text).collect::<Vec<_>>().join(","),
        other => crate::module::to_text(other),
    }
}

fn percentage(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().trim_end_matches('%').parse().ok(),
        _ => None,
    }
}

fn names(hosts: &[HostName]) -> Vec<&str> {
    hosts.iter().map(|host| &*host.0).collect()
}

fn role_names<'p>(play: &'p Play, which: &dyn Fn(&Role) -> bool) -> Vec<&'p str> {
    let mut names: Vec<&str> = Vec::new();
    for role in play.roles.iter().filter(|role| which(role)) {
        if !names.contains(&role.name.as_str()) {
            names.push(&role.name);
        }
    }
    names
}

fn ordered(mut hosts: Vec<HostName>, order: Order) -> Vec<HostName> {
    match order {
        Order::Inventory => {}
        Order::ReverseInventory => hosts.reverse(),
        Order::Sorted => hosts.sort(),
        Order::ReverseSorted => hosts.sort_by(|a, b| b.cmp(a)),
        Order::Shuffle => {
            let seed = std::hash::RandomState::new();
            hosts.sort_by_cached_key(|host| seed.hash_one(&*host.0));
        }
    }
    hosts
}

/// The task that gathers facts at the start of a play.
fn gathering_task(play: &Play) -> Arc<Task> {
    Arc::new(Task {
        span: play.span.clone(),
        name: None,
        module: "setup",
        module_as_written: "Gathering Facts".to_owned(),
        module_span: play.span.clone(),
        options: Vec::new(),
        options_template: None,
        directives: playbook::Directives { tags: vec!["always".to_owned()], ..Default::default() },
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
        role: None,
        include: None,
        vars_files: None,
    })
}

/// `groups`: every group with its hosts, in the order of the inventory.
pub fn groups_value(inventory: &Inventory) -> Value {
    let groups: BTreeMap<&str, Value> =
        inventory.groups.keys().map(|group| (&*group.0, json!(names(&inventory.hosts_of(group))))).collect();
    let ordered: IndexMap<&str, Value> = groups.into_iter().collect();
    json!(ordered)
}
