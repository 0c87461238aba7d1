//! What `apply`, `plan` and `lab run` have in common: load everything, ask, run, show.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::args::{BecomeArgs, ConnectionArgs, Global, InventoryArgs, Output, RolloutArgs};
use super::confirm::{confirm, confirm_again, targets};
use super::interrupt::Interruptions;
use super::load::{self, Loaded, Reach};
use super::resume::{Begun, Resumed};
use super::terminal::{self, Environment};
use super::trust::inventory_variable;
use super::{CommandError, show};
use crate::executor::{
    Claimant, Desks, Dispatcher, PreparedPlay, RunContext, RunOptions, Selection, cancellation, execute,
    prepare,
};
use crate::inventory::{HostName, InventorySource};
use crate::journal::{RunRecord, digests};
use crate::plan::{self, BecomeDefaults, FileCache, RunScope};
use crate::playbook::{self, Playbook};
use crate::secrets::{Masks, Seal};
use crate::settings::Gathering;
use crate::template::Engine;
use crate::transport::settled;

/// Stack of a worker thread: blocks within blocks and handlers are futures within futures. Only what is used takes memory.
const STACK: usize = 8 << 20;

/// A rollout that was asked for.
pub(super) struct Request<'a> {
    /// `apply`, `plan`, `lab run`.
    pub command: &'a str,
    pub playbooks: &'a [PathBuf],
    pub inventory: &'a InventoryArgs,
    pub connection: &'a ConnectionArgs,
    pub r#become: &'a BecomeArgs,
    pub rollout: &'a RolloutArgs,
    pub check: bool,
    pub diff: bool,
    /// Whether to exit with 2 when something would change (`plan --exit-code`).
    pub exit_code: bool,
    /// Never asks (`lab`).
    pub trusted: bool,
}

/// Runs a rollout and returns the exit code.
pub(super) fn run(
    request: &Request<'_>,
    global: &Global,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let prepared = prepare_all(request, None, global, environment)?;
    if let Some(listing) = listing(request, &prepared, global.output) {
        std::io::stdout().write_all(listing.as_bytes())?;
        return Ok(0);
    }
    confirm(request, &prepared.plays, &prepared.loaded.inventory, environment)?;
    start(request, prepared, None, global, environment)
}

/// Goes on with a run.
pub(super) fn resume(
    request: &Request<'_>,
    resumed: Resumed,
    global: &Global,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let prepared = prepare_all(request, Some(&resumed), global, environment)?;
    resumed.check_inputs(inputs(request, &prepared, environment))?;
    confirm_again(request, &prepared.plays, environment)?;
    start(request, prepared, Some(resumed), global, environment)
}

fn start(
    request: &Request<'_>,
    prepared: Prepared,
    resumed: Option<Resumed>,
    global: &Global,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(STACK)
        .worker_threads(std::thread::available_parallelism().map_or(2, |cores| cores.get().min(8)))
        .enable_all()
        .build()?;
    runtime.block_on(settled(roll_out(request, prepared, resumed, global, environment)))
}

/// Everything that is known before a host is touched.
struct Prepared {
    loaded: Loaded,
    playbooks: Vec<Playbook>,
    scope: Arc<RunScope>,
    engine: Engine,
    plays: Vec<PreparedPlay>,
}

fn prepare_all(
    request: &Request<'_>,
    resumed: Option<&Resumed>,
    global: &Global,
    environment: &Environment,
) -> Result<Prepared, CommandError> {
    let directory = request.playbooks.first().and_then(|path| path.parent()).map(Path::to_path_buf);
    let mut loaded = load::optional_inventory(request.inventory, directory.as_deref(), global, environment)?;
    let options = playbook::LoadOptions {
        roles_path: loaded.settings.roles_path.clone(),
        home: environment.home.clone(),
        vault: loaded.vault.clone(),
    };
    let mut playbooks = Vec::new();
    for path in request.playbooks {
        let (playbook, diagnostics) = playbook::load(path, &options);
        loaded.diagnostics.extend(diagnostics);
        playbooks.extend(playbook);
    }
    let mut magic = load::magic(&loaded, environment);
    let args = request.rollout;
    let mut set = |name: &str, value: Value| magic.insert(name.to_owned(), Arc::new(value));
    set("ansible_check_mode", json!(request.check));
    set("ansible_diff_mode", json!(request.diff));
    set("ansible_forks", json!(forks(args, &loaded)));
    set("ansible_verbosity", json!(global.verbose));
    set(
        "ansible_run_tags",
        json!(if args.tags.is_empty() { vec!["all".to_owned()] } else { args.tags.clone() }),
    );
    set("ansible_skip_tags", json!(args.skip_tags));
    if let Some(limit) = &request.inventory.limit {
        set("ansible_limit", json!(limit));
    }
    let lookups = super::lookups::LocalLookups {
        folder: directory.unwrap_or_default(),
        home: environment.home.clone(),
        vault: loaded.vault.clone(),
    };
    let engine = Engine::new_with(Box::new(lookups), loaded.vault.clone());
    let scope = Arc::new(load::run_scope(&loaded, &args.extra_vars, magic, environment)?);
    let limit = load::parse_limit(request.inventory.limit.as_deref(), environment)?;
    let limited = limit.is_some();
    if limited {
        // A part of the limit that matches nothing is about the command line, not about a play.
        loaded.select(request.inventory.limit.as_deref(), environment)?;
    }
    if let Err(error) = plan::waves(&[()], Some(&json!(args.serial))) {
        return Err(CommandError::user(format!("`--serial`: {error}")).hint("for example `1,10%,50%`"));
    }
    let selection = Selection {
        limit,
        tags: args.tags.clone(),
        skip_tags: args.skip_tags.clone(),
        start_at: args.start_at_task.clone(),
        serial: (!args.serial.is_empty()).then(|| json!(args.serial)),
        r#become: request.r#become.enabled || loaded.settings.r#become.enabled == Some(true),
        gather_explicitly: loaded.settings.gathering == Some(Gathering::Explicit),
        force_handlers: args.force_handlers || loaded.settings.force_handlers == Some(true),
        on_failure: args.on_failure.map(Into::into),
        rollback_scope: args.rollback_scope.map(Into::into),
        waves: resumed.map(Resumed::waves).unwrap_or_default(),
    };
    let complete = playbooks.len() == request.playbooks.len();
    let mut plays = Vec::new();
    if complete && !loaded.diagnostics.has_errors() {
        let (prepared, diagnostics) = prepare(&playbooks, &scope, &engine, &selection);
        loaded.diagnostics.extend(diagnostics);
        plays = prepared;
        let reach = Reach::new(request.connection, &loaded.settings, None, environment)?;
        loaded.diagnostics.extend(super::connections::check(&plays, &scope, &engine, &reach));
    }
    loaded.check(environment)?;
    let without = loaded.sources.is_empty();
    let listed = request.rollout.list_tasks || request.rollout.list_tags;
    if request.rollout.syntax_check || (without && listed) {
        return Ok(Prepared { loaded, playbooks, scope, engine, plays });
    }
    if plays.iter().all(|play| play.waves.is_empty()) {
        if without {
            return Err(load::no_inventory());
        }
        let what = if limited { "`hosts` and `--limit` together select" } else { "`hosts` selects" };
        return Err(CommandError::user(format!("no hosts to target: {what} none"))
            .hint("`paceline inventory list` shows what there is"));
    }
    Ok(Prepared { loaded, playbooks, scope, engine, plays })
}

fn forks(args: &RolloutArgs, loaded: &Loaded) -> usize {
    args.forks.map(|forks| forks as usize).or(loaded.settings.forks).unwrap_or(50)
}

/// Returns what `--list-*` and `--syntax-check` print.
fn listing(request: &Request<'_>, prepared: &Prepared, output: Output) -> Option<String> {
    let args = request.rollout;
    let (syntax, listed) = (args.syntax_check, args.list_hosts || args.list_tasks || args.list_tags);
    if !syntax && !listed {
        return None;
    }
    if syntax && output == Output::Human {
        let names = request.playbooks.iter().map(|path| format!("\nplaybook: {}\n", path.display()));
        return Some(names.collect());
    }
    let mut plays = prepared.plays.iter();
    let (mut text, mut documents) = (String::new(), Vec::new());
    for playbook in &prepared.playbooks {
        let hosts: Vec<Vec<String>> = plays
            .by_ref()
            .take(playbook.plays.len())
            .map(|play| play.waves.iter().flatten().map(ToString::to_string).collect())
            .collect();
        let listing = playbook::Listing {
            tasks: args.list_tasks && !syntax,
            tags: args.list_tags && !syntax,
            hosts: (args.list_hosts && !syntax).then_some(&hosts),
            only: &args.tags,
            skip: &args.skip_tags,
        };
        match output {
            Output::Json => documents.push(playbook::list_json(playbook, &listing)),
            _ => text.push_str(&playbook::list(playbook, &listing)),
        }
    }
    Some(match output {
        Output::Json => format!("{}\n", json!({ "playbooks": documents })),
        _ => text,
    })
}

/// Asks for the passwords that the options want.
fn passwords(
    request: &Request<'_>,
    loaded: &Loaded,
) -> Result<(Option<SecretString>, Option<SecretString>), CommandError> {
    let ask = terminal::password;
    let login = if request.connection.ask_pass { Some(ask("SSH password: ")?) } else { None };
    let asks = request.r#become.ask_become_pass || loaded.settings.r#become.ask_password == Some(true);
    let r#become = if asks { Some(ask("BECOME password: ")?) } else { None };
    Ok((login, r#become))
}

async fn roll_out(
    request: &Request<'_>,
    prepared: Prepared,
    resumed: Option<Resumed>,
    global: &Global,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let files = inputs(request, &prepared, environment);
    let Prepared { loaded, scope, engine, plays, .. } = prepared;
    let (login_password, become_password) = passwords(request, &loaded)?;
    let masks = masks(&login_password, &become_password, &scope, &engine, &plays);
    let reach = Reach::new(request.connection, &loaded.settings, login_password, environment)?;
    terminal::raise_file_limit();
    let playbooks: Vec<String> = request.playbooks.iter().map(|path| path.display().to_string()).collect();
    let begun = match resumed {
        Some(resumed) => resumed.begin()?,
        None => {
            let record =
                |id: &str, seal: &Seal| record(id, seal, request, &loaded, &plays, files, environment);
            Begun::new(&global.state_dir, record)?
        }
    };
    let folder = begun.folder.clone();
    let claimant = (!request.check).then(|| Claimant {
        run: begun.record.run.clone(),
        incarnation: begun.record.incarnation,
        operator: terminal::operator(environment),
        since: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
        skip_held: request.rollout.skip_held,
    });
    let options = RunOptions {
        check: request.check,
        diff: request.diff,
        forks: forks(request.rollout, &loaded),
        verbosity: global.verbose,
        exit_code: request.exit_code,
        agreed: request.rollout.yes || request.trusted,
    };
    let (observer, screen) = show::reporter(global, environment, request.diff, !request.trusted)?;
    let past = begun.replay.as_ref().map(|replay| replay.past()).unwrap_or_default();
    let (emitter, dispatcher) =
        Dispatcher::go_on(folder.id().to_owned(), Some(begun.journal), vec![observer], past);
    let (canceller, cancel) = cancellation();
    let settings = &loaded.settings.r#become;
    let inventory = loaded.inventory.clone();
    let context = Arc::new(RunContext {
        id: folder.id().to_owned(),
        options,
        scope,
        engine,
        files: FileCache::new(environment.home.clone(), loaded.vault.clone()),
        become_defaults: BecomeDefaults {
            enabled: request.r#become.enabled || settings.enabled == Some(true),
            user: request.r#become.become_user.clone().or_else(|| settings.user.clone()),
            method: request.r#become.become_method.clone().or_else(|| settings.method.clone()),
            exe: settings.exe.clone(),
            flags: settings.flags.clone(),
            password: become_password,
        },
        permits: Semaphore::new(options.forks),
        emitter: emitter.clone(),
        cancel,
        claimant,
        folder: Some(folder.clone()),
        replay: begun.replay.map(Arc::new),
        // What changes nothing cannot be gone on with.
        seal: Some(begun.seal).filter(|_| !request.check),
        assume: begun.assume,
        left_out: begun.left_out,
        masks: Arc::new(masks),
        desks: Desks::default(),
        targets: Box::new(move |host, variables| reach.target(host, &inventory, variables)),
        ask: if environment.can_ask && global.output == Output::Human {
            Some(Box::new(show::ask))
        } else if request.rollout.yes || request.trusted {
            Some(Box::new(show::answered))
        } else {
            None
        },
    });
    let signals = tokio::spawn(show::watch_signals(Interruptions::take(), canceller, emitter));
    let verdict = execute(context, request.command, playbooks, plays).await;
    signals.abort();
    let _ = signals.await;
    let code = show::conclude(dispatcher, screen, options.exit_code(verdict)).await;
    begun.lock.finish();
    code
}

/// Values that must not appear anywhere: prompted passwords, and those that the inventory holds.
fn masks(
    login: &Option<SecretString>,
    r#become: &Option<SecretString>,
    scope: &Arc<RunScope>,
    engine: &Engine,
    plays: &[PreparedPlay],
) -> Masks {
    use secrecy::ExposeSecret;
    const SECRETS: [&str; 9] = [
        "ansible_password",
        "ansible_ssh_pass",
        "ansible_ssh_password",
        "ansible_become_password",
        "ansible_become_pass",
        "ansible_sudo_pass",
        "ansible_sudo_password",
        "ansible_ssh_private_key_passphrase",
        "ansible_private_key_passphrase",
    ];
    let mut values: BTreeSet<String> =
        login.iter().chain(r#become).map(|secret| secret.expose_secret().to_owned()).collect();
    let hosts: BTreeSet<_> = plays.iter().flat_map(|play| play.waves.iter().flatten()).collect();
    for host in hosts {
        // What cannot be rendered hides nothing; the host that needs it is refused when it is connected to.
        let found =
            SECRETS.iter().filter_map(|name| inventory_variable(scope, engine, host, name).ok().flatten());
        values.extend(found.map(|value| crate::module::to_text(&value)));
    }
    Masks::new(values.iter().map(String::as_str))
}

/// The files that the run is made of: playbooks, roles, inventories, variables. Templates and files that are copied do
/// not belong to them: to mend one of these is how a failed task is mended.
fn inputs(request: &Request<'_>, prepared: &Prepared, environment: &Environment) -> Vec<PathBuf> {
    let mut files: BTreeSet<PathBuf> = BTreeSet::new();
    let mut variables = |folder: Option<&Path>| {
        let folder = folder.unwrap_or(Path::new("."));
        files.extend(
            ["group_vars", "host_vars"]
                .map(|name| folder.join(name))
                .into_iter()
                .filter(|path| path.exists()),
        );
    };
    request.playbooks.iter().for_each(|path| variables(path.parent()));
    for source in &prepared.loaded.sources {
        if let InventorySource::Path(path) = source {
            variables(if path.is_dir() { Some(path) } else { path.parent() });
        }
    }
    files.extend(request.playbooks.iter().cloned());
    files.extend(prepared.loaded.sources.iter().filter_map(|source| match source {
        InventorySource::Path(path) => Some(path.clone()),
        InventorySource::List(_) => None,
    }));
    let home = environment.home.as_deref();
    let named = request.rollout.extra_vars.iter().filter_map(|option| option.trim().strip_prefix('@'));
    files.extend(named.map(|path| crate::source::expand(path, home)));
    for play in &prepared.plays {
        files.extend(play.context.compiled.sources());
    }
    files.into_iter().collect()
}

/// The waves of each play, which a resumed run keeps.
fn waves(plays: &[PreparedPlay]) -> Vec<Vec<Vec<String>>> {
    let names = |wave: &Vec<HostName>| wave.iter().map(ToString::to_string).collect();
    plays.iter().map(|play| play.waves.iter().map(names).collect()).collect()
}

/// What `run.json` says: what was asked, without any secret.
fn record(
    id: &str,
    seal: &Seal,
    request: &Request<'_>,
    loaded: &Loaded,
    plays: &[PreparedPlay],
    files: Vec<PathBuf>,
    environment: &Environment,
) -> RunRecord {
    let arguments = super::resume::seal_arguments(seal, environment);
    let absolute = |path: &PathBuf| environment.folder.join(path);
    RunRecord {
        run: id.to_owned(),
        started_at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
        command: request.command.to_owned(),
        playbooks: request.playbooks.iter().map(|path| path.display().to_string()).collect(),
        inventories: loaded.sources.iter().map(|source| terminal::source_text(source, environment)).collect(),
        limit: request.inventory.limit.clone(),
        targets: targets(plays),
        waves: waves(plays),
        options: terminal::option_names(),
        arguments,
        digests: digests(files),
        operator: terminal::operator(environment),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        incarnation: 1,
        folder: environment.folder.clone(),
        playbook_dir: request
            .playbooks
            .first()
            .and_then(|path| absolute(path).parent().map(Path::to_path_buf)),
        vault: request.inventory.vault.recorded(environment),
        user: request.connection.user.clone(),
        private_key: request.connection.private_key.as_ref().map(absolute),
        known_hosts: request.connection.known_hosts.iter().map(absolute).collect(),
        check: request.check,
        r#become: request.r#become.enabled,
        become_user: request.r#become.become_user.clone(),
    }
}
