//! `paceline trust`: host keys, reviewed by a person.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::args::{ConnectionArgs, Global, InventoryArgs, Output};
use super::load::{self, Loaded, Reach};
use super::terminal::Environment;
use super::{CommandError, terminal};
use crate::executor::connection_variable;
use crate::inventory::HostName;
use crate::plan::{HostScope, LoopScope, RunScope, TaskScope};
use crate::template::Engine;
use crate::transport::trust::{self, Status};
use crate::transport::{Target, Unrendered, Via};

/// Review host keys and write them to known_hosts
#[derive(Args, Debug)]
pub(super) struct TrustArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Ask hosts for their keys, show the fingerprints, and write them once they are confirmed
    Scan {
        #[command(flatten)]
        common: TrustCommon,
        /// Write the keys without asking (after the fingerprints were compared in another way)
        #[arg(short, long)]
        yes: bool,
    },
    /// List what is known about hosts
    List {
        #[command(flatten)]
        common: TrustCommon,
    },
    /// Forget the keys of hosts
    Forget {
        #[command(flatten)]
        common: TrustCommon,
    },
}

#[derive(Args, Debug)]
struct TrustCommon {
    #[command(flatten)]
    inventory: InventoryArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

pub(super) fn run(args: TrustArgs, global: &Global, environment: &Environment) -> Result<u8, CommandError> {
    let (Action::Scan { common, .. } | Action::List { common } | Action::Forget { common }) = &args.action;
    let loaded = load::inventory(&common.inventory, None, global, environment)?;
    loaded.check(environment)?;
    let hosts = loaded.select(common.inventory.limit.as_deref(), environment)?;
    let targets = targets(common, &loaded, &hosts, environment)?;
    let file = known_hosts(common, &targets, environment)?;
    match args.action {
        Action::Scan { yes, .. } => scan(&targets, &file, yes, global, environment),
        Action::List { .. } => list(&targets, &file, global),
        Action::Forget { .. } => {
            if common.inventory.limit.is_none() {
                return Err(CommandError::user("`trust forget` needs `-l`")
                    .hint("say which hosts to forget, `-l all` for every host of the inventory"));
            }
            forget(&targets, &file, global)
        }
    }
}

/// The file that is read and written: the first `--known-hosts`, else the one that the targets' connection
/// options name, else the user's own.
fn known_hosts(
    common: &TrustCommon,
    targets: &[Target],
    environment: &Environment,
) -> Result<PathBuf, CommandError> {
    let configured = || {
        targets.iter().find_map(|target| match &target.via {
            Via::Ssh { host_key, .. } => host_key.known_hosts.first().cloned(),
            Via::Local => None,
        })
    };
    let own = || environment.home.as_ref().map(|home| home.join(".ssh/known_hosts"));
    let given = common.connection.known_hosts.first().cloned();
    given
        .or_else(configured)
        .or_else(own)
        .ok_or_else(|| CommandError::user("`HOME` is not set").hint("name a file with `--known-hosts`"))
}

fn targets(
    common: &TrustCommon,
    loaded: &Loaded,
    hosts: &[HostName],
    environment: &Environment,
) -> Result<Vec<Target>, CommandError> {
    let reach = Reach::new(&common.connection, &loaded.settings, None, environment)?;
    let magic = load::magic(loaded, environment);
    let run = std::sync::Arc::new(load::run_scope(&loaded.inventory, &[], magic, environment)?);
    let engine = Engine::new();
    let mut targets = Vec::new();
    for host in hosts {
        let variable = |name: &str| inventory_variable(&run, &engine, host, name);
        targets.push(reach.target(host, &loaded.inventory, &variable).map_err(|error| {
            let hint = error.hint().map(str::to_owned);
            let error = CommandError::user(error);
            match hint {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })?);
    }
    Ok(targets)
}

/// Renders a variable of the inventory outside any play.
pub(super) fn inventory_variable(
    run: &std::sync::Arc<RunScope>,
    engine: &Engine,
    host: &HostName,
    name: &str,
) -> Result<Option<serde_json::Value>, Unrendered> {
    let learned = run.facts.of(host);
    let (task, item) = (TaskScope::default(), LoopScope::default());
    let scope = HostScope { run, play: None, host, learned: &learned, task, item };
    connection_variable(engine, &scope, name, None)
}

fn scan(
    targets: &[Target],
    file: &std::path::Path,
    yes: bool,
    global: &Global,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let warn = |message: &str| {
        let _ = writeln!(std::io::stderr(), "warning: {message}");
    };
    let scan = runtime.block_on(trust::scan(targets, &warn));
    let unknown: Vec<_> = scan.keys.iter().filter(|key| key.status == Status::Unknown).cloned().collect();
    let changed =
        scan.keys.iter().filter(|key| matches!(key.status, Status::Changed { .. } | Status::Revoked { .. }));
    let changed = changed.count();
    let mut out = std::io::stdout().lock();
    if global.output == Output::Json {
        let keys: Vec<_> = scan
            .keys
            .iter()
            .map(|key| {
                json!({
                    "host": key.host, "address": key.address, "port": key.port, "algorithm": key.algorithm,
                    "fingerprint": key.fingerprint, "key": key.key,
                    "status": match key.status {
                        Status::Known => "known",
                        Status::Unknown => "unknown",
                        Status::Changed { .. } => "changed",
                        Status::Revoked { .. } => "revoked",
                    },
                })
            })
            .collect();
        let failures: Vec<_> = scan
            .failures
            .iter()
            .map(|(host, error)| json!({"host": host, "message": error.to_string()}))
            .collect();
        writeln!(out, "{}", json!({"keys": keys, "failures": failures, "known_hosts": file}))?;
    } else {
        out.write_all(trust::render_scan(&scan).as_bytes())?;
    }
    terminal::flush(&mut out)?;
    drop(out);
    let code = if !scan.failures.is_empty() { 4 } else { u8::from(changed > 0) * 2 };
    if unknown.is_empty() {
        return Ok(code);
    }
    let question = format!(
        "Do these fingerprints match what the hosts themselves say? {} keys would be added to `{}`.",
        unknown.len(),
        file.display()
    );
    let confirmed = yes || (environment.can_ask && terminal::confirm(&question)?);
    if confirmed {
        let written = trust::write(file, &unknown).map_err(CommandError::user)?;
        writeln!(std::io::stderr(), "added {} to `{}`", counted(written), file.display())?;
    } else if !environment.can_ask {
        let hint = "compare the fingerprints, then run the same command with `--yes`";
        return Err(CommandError::user("nothing was written: nobody could be asked").hint(hint));
    } else {
        writeln!(std::io::stderr(), "nothing was written")?;
    }
    Ok(code)
}

fn counted(keys: usize) -> String {
    if keys == 1 { "1 key".to_owned() } else { format!("{keys} keys") }
}

fn list(targets: &[Target], file: &std::path::Path, global: &Global) -> Result<u8, CommandError> {
    let mut listed = Vec::new();
    for target in targets {
        if let Via::Ssh { address, port, .. } = &target.via {
            let found =
                trust::list(&[file.to_owned()], Some((address, *port))).map_err(CommandError::user)?;
            listed.extend(found);
        }
    }
    let mut out = std::io::stdout().lock();
    if global.output == Output::Json {
        let keys: Vec<_> = listed
            .iter()
            .map(|key| {
                json!({
                    "place": key.place, "names": key.names, "marker": key.marker,
                    "algorithm": key.algorithm, "fingerprint": key.fingerprint,
                })
            })
            .collect();
        writeln!(out, "{}", json!({ "keys": keys }))?;
    } else {
        out.write_all(trust::render_list(&listed).as_bytes())?;
    }
    terminal::flush(out)?;
    Ok(0)
}

fn forget(targets: &[Target], file: &std::path::Path, global: &Global) -> Result<u8, CommandError> {
    let mut removed = 0;
    for target in targets {
        if let Via::Ssh { address, port, .. } = &target.via {
            removed += trust::forget(file, address, *port).map_err(CommandError::user)?;
        }
    }
    let mut out = std::io::stdout().lock();
    match global.output {
        Output::Json => writeln!(out, "{}", json!({"removed": removed, "known_hosts": file}))?,
        Output::Human => writeln!(out, "removed {} from `{}`", counted(removed), file.display())?,
    }
    Ok(0)
}
