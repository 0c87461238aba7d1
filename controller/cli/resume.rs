//! `paceline resume`: goes on with every host of a run that is not done.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Parser, ValueEnum};
use serde::{Deserialize, Serialize};

use super::args::{ConnectionArgs, Global};
use super::rollout;
use super::terminal::Environment;
use super::vault_args::VaultArgs;
use super::{Cli, Command, CommandError, load};
use crate::executor::event::{Event, EventKind, HostStatus};
use crate::executor::{Assume, Replay};
use crate::hostlog::sanitize_text;
use crate::journal::{self, JournalWriter, NewRun, OpenRun, RunFolder, RunRecord};
use crate::pattern::{self, Limit, Pattern};
use crate::secrets::Seal;

/// Go on with every host of a run that is not done
///
/// Hosts that were interrupted, unreachable or held go on where they stopped; a host that failed tries its failed task
/// again. Steps that are finished are not repeated, and finished hosts are not contacted.
#[derive(Args, Debug)]
#[command(after_help = "\
A step that began and whose end nobody knows stops its host `in doubt`. Look at the host, then say
`--assume done` (go on behind it) or `--assume not-done` (run it again).")]
pub(super) struct ResumeArgs {
    /// The run: its id, the start of it, or `latest`
    run: String,
    /// Only hosts that match; the others stay as they are
    #[arg(short, long, value_name = "PATTERN", help_heading = "Targets")]
    limit: Option<String>,
    /// Leave hosts alone that failed
    #[arg(long, help_heading = "Targets")]
    skip_failed: bool,
    /// What to take for true of steps in doubt
    #[arg(long, value_enum, value_name = "done|not-done", help_heading = "Rollout")]
    assume: Option<AssumeArg>,
    /// Go on although playbook, inventory or variables are not as they were
    #[arg(long, help_heading = "Rollout")]
    force: bool,
    /// Hosts at work at once [default: as before]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = "Rollout")]
    forks: Option<u32>,
    /// Answer yes to every question of the playbook
    #[arg(short, long, help_heading = "Rollout")]
    yes: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Ask for the password of become
    #[arg(short = 'K', long, help_heading = "Become")]
    ask_become_pass: bool,
    #[command(flatten)]
    vault: VaultArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AssumeArg {
    /// They ran, and well
    Done,
    /// They did not run
    NotDone,
}

/// What a run was asked with, as it stands sealed in `run.json`.
#[derive(Debug, Deserialize, Serialize)]
struct Asked {
    arguments: Vec<String>,
    ansible_config: Option<String>,
}

/// Seals what the program was asked with.
pub(super) fn seal_arguments(seal: &Seal, environment: &Environment) -> Option<String> {
    let arguments = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let asked = Asked { arguments, ansible_config: environment.ansible_config.clone() };
    serde_json::to_vec(&asked).ok().map(|bytes| seal.seal(&bytes))
}

pub(super) fn run(args: ResumeArgs, global: &Global, environment: &Environment) -> Result<u8, CommandError> {
    // Everything that was asked is relative to where it was asked.
    let (given, mut global) = (&global.state_dir, global.clone());
    global.state_dir = environment.folder.join(&global.state_dir);
    let folder = find(&args.run, &global)?;
    may_be_resumed(&folder)?;
    let open = OpenRun::open(folder).map_err(|error| {
        let hint = match error {
            journal::OpenError::Lock(journal::LockError::Busy { .. }) => "or stop it with Ctrl-C",
            journal::OpenError::Lock(_) => "the state folder must be writable",
            _ => "run `paceline apply` again: what is done already is found unchanged",
        };
        CommandError::failed(error).hint(hint)
    })?;
    let seal = open.seal().map_err(|error| {
        CommandError::failed(error)
            .hint("without it nobody knows what was asked; run `paceline apply` again: what is done is found unchanged")
    })?;
    let sealed = open.record.arguments.as_deref().and_then(|sealed| seal.open(sealed));
    let asked = sealed.and_then(|bytes| serde_json::from_slice::<Asked>(&bytes).ok()).ok_or_else(|| {
        CommandError::user(format!("run `{}` does not tell what was asked", open.record.run)).hint(
            "it was made by another version; run `paceline apply` again: what is done is found unchanged",
        )
    })?;
    let mut environment = environment.clone();
    if open.record.folder == environment.folder {
        // Nothing moves, so that hints may name the state folder as the person does.
        global.state_dir.clone_from(given);
    } else if open.record.folder.is_dir() {
        std::env::set_current_dir(&open.record.folder)?;
        environment.folder.clone_from(&open.record.folder);
    }
    if asked.ansible_config.is_some() {
        environment.ansible_config.clone_from(&asked.ansible_config);
    }
    let cli = Cli::try_parse_from(&asked.arguments).map_err(|error| {
        CommandError::user(format!("what run `{}` was asked cannot be read: {error}", open.record.run))
    })?;
    global.no_ansible_cfg |= cli.global.no_ansible_cfg;
    let Command::Apply(mut apply) = cli.command else {
        return Err(CommandError::user(format!("run `{}` is no rollout", open.record.run)));
    };
    let connection = &mut apply.connection;
    connection.user = args.connection.user.clone().or(connection.user.take());
    connection.private_key = args.connection.private_key.clone().or(connection.private_key.take());
    connection.timeout = args.connection.timeout.or(connection.timeout);
    connection.ask_pass |= args.connection.ask_pass;
    if !args.connection.known_hosts.is_empty() {
        connection.known_hosts.clone_from(&args.connection.known_hosts);
    }
    apply.r#become.ask_become_pass |= args.ask_become_pass;
    if !args.vault.is_empty() {
        apply.inventory.vault = args.vault.clone();
    }
    apply.rollout.forks = args.forks.or(apply.rollout.forks);
    apply.rollout.yes |= args.yes;
    let mut replay = read(&open, &seal, args.force)?;
    let (left_out, chosen_out) = left_out(&args, &open, &replay, &global, &environment, &apply.inventory)?;
    let done = |host: &&String| {
        left_out.contains(*host) || replay.host(host).and_then(|host| host.status()) == Some(HostStatus::Ok)
    };
    let again: Vec<String> = open.record.targets.iter().filter(|host| !done(host)).cloned().collect();
    let restored = left_out.iter().any(|host| !chosen_out.contains(host));
    if again.is_empty() && restored {
        return Err(CommandError::user(format!(
            "no host of run `{}` is left to go on with",
            open.record.run
        ))
        .hint("`paceline apply` begins anew; what is done is found unchanged"));
    }
    replay.begin(&again);
    let assume = args.assume.map(|assume| match assume {
        AssumeArg::Done => Assume::Done,
        AssumeArg::NotDone => Assume::NotDone,
    });
    let resumed = Resumed { open, seal, replay, left_out, assume, force: args.force };
    rollout::resume(&apply.request(), resumed, &global, &environment)
}

/// The run that is meant. `latest` passes over what cannot be gone on with: plans and rollbacks.
fn find(text: &str, global: &Global) -> Result<RunFolder, CommandError> {
    if text == "latest" {
        let runs = journal::runs(&global.state_dir).map_err(CommandError::failed)?;
        let rollout = runs.into_iter().find(|run| {
            RunRecord::read(&run.record()).is_some_and(|record| record.command == "apply" && !record.check)
        });
        if let Some(rollout) = rollout {
            return Ok(rollout);
        }
    }
    journal::resolve(&global.state_dir, text).map_err(CommandError::failed)
}

/// Refuses runs that cannot be gone on with, and says what to do instead.
fn may_be_resumed(folder: &RunFolder) -> Result<(), CommandError> {
    let Some(record) = RunRecord::read(&folder.record()) else { return Ok(()) };
    let run = journal::short_id(folder.id());
    let (what, hint) = match record.command.as_str() {
        "rollback" => (
            "is a rollback",
            "roll the same run back again: points that are restored already stay as they are".to_owned(),
        ),
        "lab run" => (
            "was made on a lab, whose hosts are gone with it",
            "`paceline lab up` keeps them; then use `paceline apply` and `paceline resume`".to_owned(),
        ),
        _ if record.check || record.command == "plan" => {
            ("changes nothing, so that there is nothing to go on with", "plan again".to_owned())
        }
        _ => return Ok(()),
    };
    Err(CommandError::user(format!("run `{run}` {what}")).hint(hint))
}

/// Reads the journal; a damaged line loses results, so that steps might run twice.
fn read(open: &OpenRun, seal: &Seal, force: bool) -> Result<Replay, CommandError> {
    let path = open.folder.journal();
    if !path.exists() {
        return Ok(Replay::default());
    }
    let mut events: Vec<Event> = Vec::new();
    for event in journal::read(&path).map_err(CommandError::failed)? {
        match event {
            Ok(event) => events.push(event),
            Err(error) if force => {
                let _ = writeln!(std::io::stderr(), "warning: {error}; what it said is lost");
            }
            Err(error) => {
                return Err(CommandError::failed(error)
                    .hint("steps that it told of would run again; `--force` goes on all the same"));
            }
        }
    }
    Ok(Replay::of(events, Some(seal)))
}

/// The hosts that are not tried, and those among them that a person left out: those that `-l` does not select, failed ones with `--skip-failed`, and those that were
/// rolled back since.
fn left_out(
    args: &ResumeArgs,
    open: &OpenRun,
    replay: &Replay,
    global: &Global,
    environment: &Environment,
    inventory: &super::args::InventoryArgs,
) -> Result<(HashSet<String>, HashSet<String>), CommandError> {
    let mut left: HashSet<String> = HashSet::new();
    if let Some(limit) = &args.limit {
        let directory = open.record.playbook_dir.as_deref();
        let loaded = load::optional_inventory(inventory, directory, global, environment)?;
        let all = Pattern::parse("all").map_err(load::pattern_error)?;
        let limit = Limit::parse(limit, &environment.folder).map_err(load::pattern_error)?;
        let selection =
            pattern::select(&loaded.inventory, &all, Some(&limit)).map_err(load::pattern_error)?;
        let chosen: HashSet<&str> = selection.hosts.iter().map(|host| &*host.0).collect();
        left.extend(open.record.targets.iter().filter(|host| !chosen.contains(host.as_str())).cloned());
    }
    let status = |host: &str| replay.host(host).and_then(|host| host.status());
    if args.skip_failed {
        let failed =
            |host: &&String| matches!(status(host), Some(HostStatus::Failed | HostStatus::RolledBack));
        left.extend(open.record.targets.iter().filter(failed).cloned());
    }
    let chosen = left.clone();
    let mut warn = |host: &str, what: &str| {
        if left.insert(host.to_owned()) {
            let _ = writeln!(std::io::stderr(), "warning: `{}` {what}", crate::hostlog::sanitize_line(host));
        }
    };
    for host in &open.record.targets {
        if status(host) == Some(HostStatus::RollbackFailed) {
            warn(host, "could not be rolled back and is left alone; `paceline rollback` it first");
        }
    }
    for (host, by) in rolled_back_since(&open.folder, global)? {
        let by = journal::short_id(&by).to_owned();
        warn(&host, &format!("was rolled back by `{by}` and is left alone; `paceline apply` begins anew"));
    }
    Ok((left, chosen))
}

/// The hosts of a run on which later rollbacks restored something, each with the last such rollback.
fn rolled_back_since(folder: &RunFolder, global: &Global) -> Result<Vec<(String, String)>, CommandError> {
    let mut hosts: Vec<(String, String)> = Vec::new();
    for run in journal::runs(&global.state_dir).map_err(CommandError::failed)? {
        if run.id() <= folder.id() {
            break;
        }
        let rollback = RunRecord::read(&run.record()).is_some_and(|record| record.command == "rollback");
        let Ok(events) = journal::read(&run.journal()) else { continue };
        if !rollback {
            continue;
        }
        let mut of_this = false;
        for event in events.flatten() {
            match event.kind {
                EventKind::RunStarted { playbooks, .. } => {
                    of_this = playbooks.iter().any(|of| of == folder.id());
                }
                EventKind::PointRestored { .. }
                | EventKind::HostFinished {
                    status: HostStatus::RolledBack | HostStatus::RollbackFailed,
                    ..
                } if of_this => {
                    let Some(host) = event.host else { continue };
                    if !hosts.iter().any(|(known, _)| *known == host) {
                        hosts.push((host, run.id().to_owned()));
                    }
                }
                _ => {}
            }
        }
    }
    Ok(hosts)
}

/// A run that goes on.
pub(super) struct Resumed {
    open: OpenRun,
    seal: Seal,
    replay: Replay,
    left_out: HashSet<String>,
    assume: Option<Assume>,
    force: bool,
}

impl Resumed {
    /// The waves that the run began with, of each play.
    pub(super) fn waves(&self) -> Vec<Vec<Vec<String>>> {
        self.open.record.waves.clone()
    }

    /// Refuses to go on with other files than the run was made of.
    pub(super) fn check_inputs(&self, now: Vec<PathBuf>) -> Result<(), CommandError> {
        let changed = journal::changed(&self.open.folder, Some(&self.seal), &self.open.record.digests, now);
        if changed.is_empty() {
            return Ok(());
        }
        if self.force {
            for input in &changed {
                let _ = writeln!(std::io::stderr(), "warning: `{}` is not as it was", input.path);
            }
            return Ok(());
        }
        let mut error = CommandError::user("the files of the run are not as they were");
        error.messages.extend(changed.iter().map(|input| {
            let difference = sanitize_text(&input.difference);
            let break_or_space = if difference.contains('\n') { ":\n" } else { ": " };
            format!("`{}`{break_or_space}{}", input.path, difference.trim_end())
        }));
        Err(error.hint(
            "put them back, or say `--force`: finished tasks are told by their role, name and module, and are not repeated",
        ))
    }

    /// Begins the next incarnation.
    pub(super) fn begin(self) -> Result<Begun, CommandError> {
        let Self { mut open, seal, replay, left_out, assume, .. } = self;
        let journal = open.begin().map_err(CommandError::failed)?;
        Ok(Begun {
            folder: open.folder.clone(),
            record: open.record.clone(),
            journal: watched(journal),
            seal: Arc::new(seal),
            replay: Some(replay),
            left_out,
            assume,
            lock: Lock::Open(Box::new(open)),
        })
    }
}

/// A run whose folder is open, new or not.
pub(super) struct Begun {
    pub folder: RunFolder,
    pub record: RunRecord,
    pub journal: JournalWriter,
    pub seal: Arc<Seal>,
    pub replay: Option<Replay>,
    pub left_out: HashSet<String>,
    pub assume: Option<Assume>,
    pub lock: Lock,
}

/// What says that the run is at work.
pub(super) enum Lock {
    New(NewRun),
    Open(Box<OpenRun>),
}

impl Lock {
    /// Gives it back.
    pub(super) fn finish(self) {
        match self {
            Self::New(new) => new.finish(),
            Self::Open(open) => open.finish(),
        }
    }
}

impl Begun {
    /// Begins a new run.
    pub(super) fn new(
        state_dir: &Path,
        record: impl FnOnce(&str, &Seal) -> RunRecord,
    ) -> Result<Self, CommandError> {
        let new = NewRun::create(state_dir, record).map_err(CommandError::failed)?;
        let (folder, seal) = (new.folder.clone(), new.seal());
        let record = RunRecord::read(&folder.record()).unwrap_or_default();
        if !record.check {
            journal::keep(&folder, &seal, &record.digests)?;
        }
        let journal = watched(new.journal().map_err(CommandError::failed)?);
        let left_out = HashSet::new();
        Ok(Self { folder, record, journal, seal, replay: None, left_out, assume: None, lock: Lock::New(new) })
    }
}

/// In a build for tests, the environment may say behind which record the program is to be killed.
pub(super) fn watched(journal: JournalWriter) -> JournalWriter {
    let after =
        if cfg!(debug_assertions) { std::env::var("PACELINE_TEST_KILL_AFTER_RECORD").ok() } else { None };
    match after.and_then(|after| after.parse().ok()) {
        Some(after) => journal.killing_after(after),
        None => journal,
    }
}
