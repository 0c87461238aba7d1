//! `paceline rollback`: restores what a run changed, newest first.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::args::{ConnectionArgs, Global, InventoryArgs, Output};
use super::interrupt::Interruptions;
use super::later_runs::{self, InTheWay};
use super::load::{self, Loaded, Reach};
use super::recorded::as_recorded;
use super::terminal::{self, Environment};
use super::trust::inventory_variable;
use super::{CommandError, from_host, show};
use crate::executor::event::{EventKind, covered};
use crate::executor::{
    Claimant, Dispatcher, Given, Reached, Restore, RestoreHost, cancellation, lease_seconds, restore,
};
use crate::hostlog::sanitize_line;
use crate::inventory::HostName;
use crate::journal::{self, NewRun, RunFolder, RunRecord};
use crate::operation::Point;
use crate::pattern;
use crate::plan::{self, Login};
use crate::template::Engine;
use crate::transport::settled;

/// Restore what a run changed, newest first
#[derive(Args, Debug)]
pub(super) struct RollbackArgs {
    /// The run: its id, the start of it, or `latest` (the newest one that changed hosts)
    #[arg(required_unless_present = "from_host")]
    pub(super) run: Option<String>,
    #[command(flatten)]
    pub(super) inventory: InventoryArgs,
    /// Ask the hosts what can be restored, when the state folder is lost; without RUN, list their runs
    #[arg(long)]
    pub(super) from_host: bool,
    /// Go back to this point only: restore it and the newer ones (needs `-l` with one host)
    #[arg(long, value_name = "POINT")]
    pub(super) to: Option<u64>,
    /// Show what would be restored, change nothing
    #[arg(long)]
    pub(super) plan: bool,
    /// Restore what was changed after the run, too; what is there now is kept beside the points
    #[arg(long)]
    force: bool,
    /// Hosts at work at once
    #[arg(short, long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) forks: u32,
    /// Go on with the other hosts when another run holds one
    #[arg(long)]
    skip_held: bool,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    /// Look for the points of root (with `--from-host`; otherwise the journal tells whose they are)
    #[arg(short = 'b', long = "become", requires = "from_host", help_heading = "Become")]
    pub(super) r#become: bool,
    /// Ask for the password of become
    #[arg(short = 'K', long, help_heading = "Become")]
    pub(super) ask_become_pass: bool,
}

/// What the journal tells about one host.
#[derive(Default)]
pub(super) struct HostPoints {
    points: Vec<(Option<String>, Point)>,
    irreversible: Vec<String>,
    /// Whether a step was cut off: it may have saved what the journal does not know.
    unsure: bool,
    /// How it was reached last, in a journal that tells.
    reached: Option<Box<Reached>>,
}

impl HostPoints {
    /// Whether the run did nothing to the host.
    fn is_empty(&self) -> bool {
        self.points.is_empty() && self.irreversible.is_empty() && !self.unsure
    }

    fn cannot_undo(&mut self, task: String) {
        if !self.irreversible.contains(&task) {
            self.irreversible.push(task);
        }
    }

    /// Its points, oldest first.
    pub(super) fn points(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().map(|(_, point)| point)
    }
}

pub(super) fn run(
    mut args: RollbackArgs,
    global: &Global,
    environment: &Environment,
) -> Result<u8, CommandError> {
    if args.from_host {
        return from_host::run(&args, global, environment);
    }
    let folder = find(args.run.as_deref().unwrap_or_default(), global)?;
    let record = RunRecord::read(&folder.record()).unwrap_or_default();
    let given = as_recorded(&mut args.inventory, &mut args.connection, &record);
    let saved = points(&folder)?;
    let loaded =
        load::optional_inventory(&args.inventory, record.playbook_dir.as_deref(), global, environment)?;
    loaded.check(environment)?;
    let mut hosts = loaded.select(args.inventory.limit.as_deref(), environment)?;
    if args.inventory.limit.is_none() {
        // The controller itself is a target that no inventory has to name.
        let unnamed =
            |host: &HostName| pattern::is_localhost(&host.0) && !loaded.inventory.hosts.contains_key(host);
        hosts.extend(saved.keys().map(|host| HostName::from(host.as_str())).filter(unnamed));
    }
    hosts.retain(|host| saved.get(&*host.0).is_some_and(|host| !host.is_empty()));
    if args.to.is_some() && hosts.len() != 1 {
        return Err(CommandError::user("`--to` names a point of one host")
            .hint("select the host with `-l HOST`; `paceline runs show RUN --host HOST` lists its points"));
    }
    if let (Some(to), [host]) = (args.to, hosts.as_slice())
        && let Some(HostPoints { points, .. }) = saved.get(&*host.0)
        && !points.iter().any(|(_, point)| point.number == to)
    {
        let last = points.last().map_or(0, |(_, point)| point.number);
        return Err(CommandError::user(format!("`{}` has no rollback point {to} in this run", host.0)).hint(
            format!(
                "it has {last}; `paceline runs show {} --host {}` lists them",
                journal::short_id(folder.id()),
                host.0
            ),
        ));
    }
    if hosts.is_empty() {
        return Err(CommandError::user(format!(
            "run `{}` left nothing to restore on the selected hosts",
            folder.id()
        ))
        .hint(format!("`paceline runs show {}` tells what it did", journal::short_id(folder.id()))));
    }
    let in_the_way = later_runs::in_the_way(&global.state_dir, &folder, &saved, &hosts, args.to)?;
    if args.plan {
        return show_plan(&args, &folder, &saved, &hosts, &in_the_way, global);
    }
    if !args.force {
        later_runs::refuse(&folder, &in_the_way)?;
    }
    // Held to the end: two rollbacks of one run would restore over each other.
    let work = format!("rollback of {}", journal::short_id(folder.id()));
    let _lock = folder.take(&work).map_err(CommandError::failed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let become_user =
        record.r#become.then(|| record.become_user.clone().unwrap_or_else(|| "root".to_owned()));
    let chosen = Chosen { run: folder, saved, given, started_in: record.folder, become_user };
    runtime.block_on(settled(roll_back(&args, chosen, &hosts, &loaded, global, environment)))
}

/// The run that is rolled back.
struct Chosen {
    run: RunFolder,
    saved: HashMap<String, HostPoints>,
    /// Where the command line counts more than the way that the run took.
    given: Given,
    started_in: PathBuf,
    /// Whom `-b` of the run made its tasks become.
    become_user: Option<String>,
}

impl Chosen {
    /// The users that points may belong to, the login user first.
    fn users(&self) -> Vec<Option<String>> {
        let mut users = vec![None];
        let saved = self.saved.values().flat_map(|host| host.points.iter().map(|(user, _)| user.clone()));
        let asked = self.become_user.clone().map(Some);
        for user in saved.chain(asked) {
            if !users.contains(&user) {
                users.push(user);
            }
        }
        users
    }
}

/// The run that is meant. `latest` passes over plans and rollbacks, which changed nothing by themselves.
fn find(text: &str, global: &Global) -> Result<RunFolder, CommandError> {
    let runs = journal::runs(&global.state_dir).map_err(CommandError::failed)?;
    let (chosen, passed) = if text == "latest" {
        let mut rollouts = runs.iter().filter(|run| rolled_out(run)).peekable();
        let mut passed = Vec::new();
        while let Some(run) = rollouts.next_if(|run| !has_points(run)) {
            passed.push(journal::short_id(run.id()).to_owned());
        }
        (rollouts.next().cloned(), passed)
    } else {
        (Some(journal::resolve(&global.state_dir, text).map_err(CommandError::failed)?), Vec::new())
    };
    let up_to = |run: &&RunFolder| chosen.as_ref().is_none_or(|chosen| run.id() >= chosen.id());
    let at_work = |run: &&RunFolder| run.is_running() && (rolled_out(run) || is_rollback(run));
    if let Some(busy) = runs.iter().filter(up_to).find(at_work) {
        let newer = chosen.as_ref().filter(|chosen| chosen.id() != busy.id());
        let than = newer.map(|chosen| format!(", newer than `{}`,", chosen.id())).unwrap_or_default();
        return Err(CommandError::user(format!("run `{}`{than} is still at work", busy.id())).hint(
            "wait for its end or stop it with Ctrl-C; runs are rolled back one by one, the newest first",
        ));
    }
    let Some(chosen) = chosen else {
        let message = format!("no run in `{}` changed a host", global.state_dir.display());
        return Err(CommandError::user(message).hint("`--state-dir` names another state folder"));
    };
    if !passed.is_empty() {
        let _ = writeln!(
            std::io::stderr(),
            "warning: `{}` left nothing to restore; `latest` is `{}`",
            passed.join("`, `"),
            journal::short_id(chosen.id())
        );
    }
    Ok(chosen)
}

/// Whether a run left something to restore.
fn has_points(run: &RunFolder) -> bool {
    points(run).is_ok_and(|hosts| {
        hosts.values().any(|host| !host.points.is_empty() || host.unsure && !run.is_running())
    })
}

/// Whether a run may have changed hosts: neither a plan nor a rollback.
pub(super) fn rolled_out(run: &RunFolder) -> bool {
    RunRecord::read(&run.record())
        .is_none_or(|record| !matches!(record.command.as_str(), "plan" | "rollback") && !record.check)
}

fn is_rollback(run: &RunFolder) -> bool {
    RunRecord::read(&run.record()).is_some_and(|record| record.command == "rollback")
}

/// Prints what would be restored, from the journal alone.
fn show_plan(
    args: &RollbackArgs,
    of: &RunFolder,
    saved: &HashMap<String, HostPoints>,
    hosts: &[HostName],
    in_the_way: &[InTheWay],
    global: &Global,
) -> Result<u8, CommandError> {
    let mut out = std::io::stdout().lock();
    let mut listed = Vec::new();
    for host in hosts {
        let Some(HostPoints { points, irreversible, .. }) = saved.get(&*host.0) else { continue };
        let points = points.iter().rev().filter(|(_, point)| args.to.is_none_or(|to| point.number >= to));
        let points: Vec<&Point> = points.map(|(_, point)| point).collect();
        listed.push(json!({
            "host": &*host.0,
            "points": points
                .iter()
                .map(|point| json!({"point": point.number, "covers": point.kind, "path": point.path}))
                .collect::<Vec<_>>(),
            "irreversible": irreversible,
            "in_the_way": in_the_way
                .iter()
                .filter(|found| found.host == *host.0)
                .map(InTheWay::json)
                .collect::<Vec<_>>(),
        }));
        if global.output == Output::Human {
            writeln!(out, "{}:", sanitize_line(&host.0))?;
            for point in points {
                let what = covered(&point.kind, &point.path);
                let verb = if point.kind == "activation" { "repeat" } else { "restore" };
                writeln!(out, "  would {verb} point {}: {}", point.number, sanitize_line(&what))?;
            }
            for task in irreversible {
                writeln!(out, "  cannot be undone: {}", sanitize_line(task))?;
            }
            if saved.get(&*host.0).is_some_and(|host| host.unsure) {
                writeln!(out, "  a step was cut off: what else it saved is looked up on the host")?;
            }
            for found in in_the_way.iter().filter(|found| found.host == *host.0) {
                writeln!(out, "  {}", found.line())?;
            }
        }
    }
    if global.output == Output::Json {
        writeln!(out, "{}", json!({"run": of.id(), "hosts": listed}))?;
    }
    terminal::flush(out)?;
    Ok(0)
}

/// Reads the points of every host from the journal, oldest first.
pub(super) fn points(folder: &RunFolder) -> Result<HashMap<String, HostPoints>, CommandError> {
    let mut hosts: HashMap<String, HostPoints> = HashMap::new();
    let mut modules: HashMap<(String, u64), String> = HashMap::new();
    let mut ways: HashMap<String, Box<Reached>> = HashMap::new();
    let mut undone: HashSet<(String, u64)> = HashSet::new();
    let mut begun: HashSet<(String, u64)> = HashSet::new();
    for event in journal::read(&folder.journal()).map_err(CommandError::failed)? {
        // A damaged line loses what it said; the points on the host are still there.
        let Ok(event) = event else { continue };
        let Some(host) = event.host else { continue };
        // What the operation itself said of the task.
        if let EventKind::TaskFinished { changed: true, irreversible: true, .. } = event.kind {
            hosts.entry(host).or_default().cannot_undo(event.task.unwrap_or_default());
            continue;
        }
        if let EventKind::HostConnected { reached: Some(reached), .. } = event.kind {
            ways.insert(host, reached);
            continue;
        }
        let Some(step) = event.step else { continue };
        if let EventKind::StepFinished { .. } = event.kind {
            begun.remove(&(host.clone(), step));
        }
        match event.kind {
            EventKind::StepStarted { module, .. } => {
                begun.insert((host.clone(), step));
                modules.insert((host, step), module);
            }
            EventKind::RollbackPoint { point, covers, path, become_user } => {
                undone.insert((host.clone(), step));
                let point = Point { number: point, kind: covers, path };
                hosts.entry(host).or_default().points.push((become_user, point));
            }
            EventKind::StepFinished { changed: true, .. } => {
                let step = (host.clone(), step);
                let module = modules.get(&step).filter(|_| !undone.contains(&step));
                if module.is_some_and(|module| plan::leaves_no_way_back(module)) {
                    hosts.entry(host).or_default().cannot_undo(event.task.unwrap_or_default());
                }
            }
            _ => {}
        }
    }
    for (host, _) in begun {
        hosts.entry(host).or_default().unsure = true;
    }
    for (name, host) in &mut hosts {
        host.reached = ways.remove(name);
    }
    Ok(hosts)
}

async fn roll_back(
    args: &RollbackArgs,
    mut chosen: Chosen,
    hosts: &[HostName],
    loaded: &Loaded,
    global: &Global,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let ask = |asked: bool, text: &str| -> Result<Option<secrecy::SecretString>, CommandError> {
        if asked { terminal::password(text).map(Some) } else { Ok(None) }
    };
    let login_password = ask(args.connection.ask_pass, "SSH password: ")?;
    let become_password = ask(args.ask_become_pass, "BECOME password: ")?;
    let reach = Reach::new(&args.connection, &loaded.settings, login_password, environment)?;
    let scope = Arc::new(load::run_scope(loaded, &[], load::magic(loaded, environment), environment)?);
    let engine = Engine::with_vault(loaded.vault.clone());
    let users = chosen.users();
    let restored: Vec<RestoreHost> = hosts
        .iter()
        .map(|host| {
            let variable = |name: &str| inventory_variable(&scope, &engine, host, name);
            let refused = RefCell::new(None);
            let text = |name: &str| match variable(name) {
                Ok(value) => value.and_then(|value| value.as_str().map(str::to_owned)),
                Err(error) => {
                    refused.borrow_mut().get_or_insert_with(|| error.of(&host.0, name));
                    None
                }
            };
            let HostPoints { points, irreversible, unsure, reached } =
                chosen.saved.remove(&*host.0).unwrap_or_default();
            let mut target = reach.target(host, &loaded.inventory, &variable);
            let (base, exe, flags) = match reached {
                Some(reached) => {
                    if let Ok(target) = &mut target {
                        reached.apply(target, chosen.given, &chosen.started_in);
                    }
                    (reached.base, reached.become_exe, reached.become_flags)
                }
                None => (text("paceline_base"), text("ansible_become_exe"), text("ansible_become_flags")),
            };
            let login = |user: Option<String>| match user {
                None => Login::Plain,
                Some(user) => Login::Sudo { user, exe: exe.clone(), flags: flags.clone() },
            };
            let points: Vec<_> = points
                .into_iter()
                .rev()
                .filter(|(_, point)| args.to.is_none_or(|to| point.number >= to))
                .map(|(user, point)| (login(user), point))
                .collect();
            // `-b` of the run, and whoever saved points on other hosts, may have saved here, too.
            let look: Vec<Login> = match unsure {
                true => users.iter().map(|user| login(user.clone())).collect(),
                false => Vec::new(),
            };
            let wants_password =
                points.iter().map(|(login, _)| login).chain(&look).any(|login| *login != Login::Plain);
            let password = match wants_password {
                true => text("ansible_become_password").or_else(|| text("ansible_become_pass")),
                false => None,
            };
            let lease = lease_seconds(host, &variable);
            let (target, lease) = match (refused.into_inner(), target, lease) {
                (Some(error), _, _) | (None, Err(error), _) | (None, Ok(_), Err(error)) => (Err(error), 0),
                (None, Ok(target), Ok(lease)) => (Ok(target), lease),
            };
            let password = password.map(secrecy::SecretString::from).or_else(|| become_password.clone());
            RestoreHost {
                name: host.clone(),
                target,
                base,
                lease,
                points,
                look,
                password,
                irreversible,
                unreachable: None,
            }
        })
        .collect();
    terminal::raise_file_limit();
    // This process has the lock of that run, so that nobody else here is at work for it: what a dead controller left
    // leased is taken over, once its step in hand has ended.
    let heir = Some(jiff::Timestamp::now().as_second().unsigned_abs());
    carry_out(args, chosen.run.id(), heir, restored, global, environment).await
}

/// Restores the points of run `of`, as a run of its own. With `heir` it leases hosts as another start of that run, with this
/// number.
pub(super) async fn carry_out(
    args: &RollbackArgs,
    of: &str,
    heir: Option<u64>,
    hosts: Vec<RestoreHost>,
    global: &Global,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let record = |id: &str, _: &crate::secrets::Seal| RunRecord {
        run: id.to_owned(),
        started_at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
        command: "rollback".to_owned(),
        inventories: args.inventory.inventory.clone(),
        limit: args.inventory.limit.clone(),
        targets: hosts.iter().map(|host| host.name.to_string()).collect(),
        options: terminal::option_names(),
        operator: terminal::operator(environment),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        incarnation: 1,
        folder: environment.folder.clone(),
        ..RunRecord::default()
    };
    let new = NewRun::create(&global.state_dir, record).map_err(CommandError::failed)?;
    let claimant = Claimant {
        run: heir.map_or(new.folder.id(), |_| of).to_owned(),
        incarnation: heir.unwrap_or(1),
        operator: terminal::operator(environment),
        since: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
        skip_held: args.skip_held,
    };
    let journal = super::resume::watched(new.journal().map_err(CommandError::failed)?);
    let (observer, screen) = show::reporter(global, environment, false, false)?;
    let (emitter, dispatcher) = Dispatcher::start(new.folder.id().to_owned(), Some(journal), vec![observer]);
    let (canceller, cancel) = cancellation();
    let signals = tokio::spawn(show::watch_signals(Interruptions::take(), canceller, emitter.clone()));
    let context = Arc::new(Restore {
        of: of.to_owned(),
        forks: args.forks as usize,
        emitter,
        cancel,
        folder: new.folder.clone(),
        claimant,
        force: args.force,
    });
    let verdict = restore(context, hosts).await;
    signals.abort();
    let _ = signals.await;
    let code = show::conclude(dispatcher, screen, verdict.exit_code()).await;
    new.finish();
    code
}
