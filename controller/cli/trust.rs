//! `paceline trust`: host keys, reviewed by a person.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indexmap::IndexMap;
use serde_json::json;

use super::args::{ConnectionArgs, Global, InventoryArgs, Output};
use super::load::{self, Loaded, Reach};
use super::terminal::Environment;
use super::{CommandError, terminal};
use crate::executor::connection_variable;
use crate::inventory::HostName;
use crate::plan::{HostScope, LoopScope, RunScope, TaskScope};
use crate::source::counted;
use crate::template::Engine;
use crate::transport::trust::{self, Scan, ScannedKey, Status};
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
    let kept = kept(&targets)?;
    match args.action {
        Action::Scan { yes, .. } => scan(&targets, &kept, yes, global, environment),
        Action::List { .. } => list(&kept, &targets, global),
        Action::Forget { .. } => {
            if common.inventory.limit.is_none() {
                return Err(CommandError::user("`trust forget` needs `-l`")
                    .hint("say which hosts to forget, `-l all` for every host of the inventory"));
            }
            forget(&kept, global)
        }
    }
}

/// Where the keys of a host are kept: the file, and the name under which it lists them.
struct Kept {
    file: PathBuf,
    name: String,
}

/// Where the keys of each SSH host are kept: in the first `--known-hosts`, else in the file of the user that the host's
/// own connection options name. Places that several hosts share are there once.
fn kept(targets: &[Target]) -> Result<Vec<Kept>, CommandError> {
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for target in targets {
        let Via::Ssh { address, port, host_key, .. } = &target.via else { continue };
        let (file, name) = (own_file(&target.host, host_key.own.as_ref())?, host_key.name(address, *port));
        if seen.insert((file.clone(), name.clone())) {
            kept.push(Kept { file, name });
        }
    }
    Ok(kept)
}

/// The user's file for the keys of a host; those of the system are nobody's to write.
fn own_file(host: &str, file: Option<&PathBuf>) -> Result<PathBuf, CommandError> {
    file.cloned().ok_or_else(|| {
        CommandError::user(format!(
            "`{host}`: its connection options leave no `known_hosts` file of the user (`UserKnownHostsFile none`)"
        ))
        .hint("name a file with `--known-hosts FILE`")
    })
}

fn targets(
    common: &TrustCommon,
    loaded: &Loaded,
    hosts: &[HostName],
    environment: &Environment,
) -> Result<Vec<Target>, CommandError> {
    let reach = Reach::new(&common.connection, &loaded.settings, None, environment)?;
    let magic = load::magic(loaded, environment);
    let run = std::sync::Arc::new(load::run_scope(loaded, &[], magic, environment)?);
    let engine = Engine::with_vault(loaded.vault.clone());
    let mut targets = Vec::new();
    for host in hosts {
        let variable = |name: &str| inventory_variable(&run, &engine, host, name);
        targets.push(reach.target(host, &loaded.inventory, &variable).map_err(|error| {
            let hint = error.hint().map(str::to_owned);
            let error = CommandError::failed(error);
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

/// Asks until no host is left that is behind a jump host whose key was only now written.
fn scan(
    targets: &[Target],
    kept: &[Kept],
    yes: bool,
    global: &Global,
    environment: &Environment,
) -> Result<u8, CommandError> {
    for place in kept {
        trust::writable(&place.file).map_err(CommandError::user)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let warn = |message: &str| {
        let _ = writeln!(std::io::stderr(), "warning: {message}");
    };
    let json = global.output == Output::Json;
    let pins = runtime.block_on(trust::shown_pins(targets));
    if !json {
        print(&trust::render_pins(&pins))?;
        for host in trust::without_certificate(targets) {
            print(&format!("{host}  WinRM over http: no certificate, the login seals the messages\n"))?;
        }
    }
    if pins.iter().any(|(_, asked)| asked.as_ref().is_ok_and(|shown| shown.refused.is_some())) {
        let hint = "compare the certificates with what the hosts themselves say, then set `paceline_tls_pin` in the inventory";
        writeln!(std::io::stderr(), "hint: {hint}")?;
    }
    let mut asked = targets.to_vec();
    let mut total = Scan::default();
    loop {
        let scan = runtime.block_on(trust::scan(&asked, &warn));
        if !json {
            print(&trust::render_scan(&scan))?;
        }
        let unknown = by_file(&scan);
        total.keys.extend(scan.keys);
        total.failures.extend(scan.failures);
        total.waiting = scan.waiting;
        let shown = json && !yes;
        if shown {
            print(&scanned_json(&total, &pins))?;
        }
        let written = match unknown.and_then(|unknown| add(&unknown, yes, environment)) {
            Ok(written) => written,
            Err(error) => {
                if json && !shown {
                    print(&scanned_json(&total, &pins))?;
                }
                return Err(error);
            }
        };
        // What is shown as JSON before the question is all that is shown.
        if written == 0 || total.waiting.is_empty() || shown {
            break;
        }
        asked.retain(|target| total.waiting.iter().any(|waiting| waiting.host == target.host));
        writeln!(std::io::stderr(), "asking the hosts behind the jump hosts that were added")?;
    }
    if json && yes {
        print(&scanned_json(&total, &pins))?;
    }
    if !total.waiting.is_empty() {
        let hint = "run the same command again for the hosts behind jump hosts, once those are known";
        writeln!(std::io::stderr(), "hint: {hint}")?;
    }
    let changed = |key: &ScannedKey| matches!(key.status, Status::Changed { .. } | Status::Revoked { .. });
    let unasked = !total.failures.is_empty()
        || !total.waiting.is_empty()
        || pins.iter().any(|(_, asked)| asked.is_err());
    let other = pins
        .iter()
        .any(|(_, asked)| asked.as_ref().is_ok_and(|shown| shown.pinned && shown.refused.is_some()));
    Ok(if unasked { 4 } else { u8::from(other || total.keys.iter().any(changed)) * 2 })
}

fn print(text: &str) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    terminal::flush(&mut out)
}

fn scanned_json(scan: &Scan, pins: &[trust::AskedPin]) -> String {
    let keys: Vec<_> = scan
        .keys
        .iter()
        .map(|key| {
            json!({
                "host": key.host, "address": key.address, "port": key.port, "algorithm": key.algorithm,
                "fingerprint": key.fingerprint, "key": key.key, "jump": key.jump, "known_hosts": key.file,
                "status": match key.status {
                    Status::Known => "known",
                    Status::Unknown => "unknown",
                    Status::Changed { .. } => "changed",
                    Status::Revoked { .. } => "revoked",
                },
            })
        })
        .collect();
    let waiting: Vec<_> =
        scan.waiting.iter().map(|waiting| json!({"host": waiting.host, "jump": waiting.jump})).collect();
    let failures: Vec<_> = scan
        .failures
        .iter()
        .map(|(host, error)| json!({"host": host, "message": error.to_string()}))
        .chain(pins.iter().filter_map(|(host, asked)| {
            Some(json!({"host": host, "message": asked.as_ref().err()?.to_string()}))
        }))
        .collect();
    let certificates: Vec<_> = pins
        .iter()
        .filter_map(|(host, asked)| Some((host, asked.as_ref().ok()?)))
        .map(|(host, shown)| {
            json!({
                "host": host, "address": shown.address, "port": shown.port, "pin": shown.pin,
                "sha256": shown.sha256, "subject": shown.says.as_ref().map(|says| &says.subject),
                "issuer": shown.says.as_ref().map(|says| &says.issuer),
                "until": shown.says.as_ref().map(|says| &says.until),
                "pinned": shown.pinned, "trusted": shown.refused.is_none(), "reason": shown.refused,
            })
        })
        .collect();
    let all = json!({"keys": keys, "certificates": certificates, "waiting": waiting, "failures": failures});
    format!("{all}\n")
}

/// The keys that are new, each once, by the file to which they belong.
fn by_file(scan: &Scan) -> Result<IndexMap<PathBuf, Vec<ScannedKey>>, CommandError> {
    let mut files: IndexMap<PathBuf, Vec<ScannedKey>> = IndexMap::new();
    for key in scan.keys.iter().filter(|key| key.status == Status::Unknown) {
        let file = own_file(&key.host, key.file.as_ref())?;
        // The file of a jump host was not looked at before.
        trust::writable(&file).map_err(CommandError::user)?;
        let keys = files.entry(file).or_default();
        if !keys.iter().any(|known| known.name == key.name && known.key == key.key) {
            keys.push(key.clone());
        }
    }
    Ok(files)
}

/// Writes the keys, once it is confirmed that they are the hosts'. Returns how many were written.
fn add(
    files: &IndexMap<PathBuf, Vec<ScannedKey>>,
    yes: bool,
    environment: &Environment,
) -> Result<usize, CommandError> {
    if files.is_empty() {
        return Ok(0);
    }
    if !yes && !environment.can_ask {
        let hint = "compare the fingerprints, then run the same command with `--yes`";
        return Err(CommandError::user("nothing was written: nobody could be asked").hint(hint));
    }
    let counts: Vec<String> = files
        .iter()
        .map(|(file, keys)| format!("{} to `{}`", counted(keys.len(), "key"), file.display()))
        .collect();
    let question = format!(
        "Do these fingerprints match what the hosts themselves say? This would add {}.",
        counts.join(", ")
    );
    if !yes && !terminal::confirm(&question)? {
        writeln!(std::io::stderr(), "nothing was written")?;
        return Ok(0);
    }
    let mut written = 0;
    for (file, keys) in files {
        let added = trust::write(file, keys).map_err(CommandError::failed)?;
        writeln!(std::io::stderr(), "added {} to `{}`", counted(added, "key"), file.display())?;
        written += added;
    }
    Ok(written)
}

fn list(kept: &[Kept], targets: &[Target], global: &Global) -> Result<u8, CommandError> {
    let mut listed = Vec::new();
    for Kept { file, name } in kept {
        listed.extend(trust::list(std::slice::from_ref(file), Some(name)).map_err(CommandError::failed)?);
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
        let pins: Vec<_> =
            trust::inventory_pins(targets).map(|(host, pin)| json!({"host": host, "sha256": pin})).collect();
        writeln!(out, "{}", json!({ "keys": keys, "pins": pins }))?;
    } else {
        out.write_all(trust::render_list(&listed).as_bytes())?;
        for (host, pin) in trust::inventory_pins(targets) {
            writeln!(out, "{host}  `paceline_tls_pin`\n  SHA-256  {}", pin.to_uppercase())?;
        }
    }
    terminal::flush(out)?;
    Ok(0)
}

fn forget(kept: &[Kept], global: &Global) -> Result<u8, CommandError> {
    let mut removed: IndexMap<&Path, usize> = IndexMap::new();
    for Kept { file, name } in kept {
        *removed.entry(file).or_default() += trust::forget(file, name).map_err(CommandError::failed)?;
    }
    let mut out = std::io::stdout().lock();
    if global.output == Output::Json {
        let files: Vec<_> =
            removed.iter().map(|(file, removed)| json!({"known_hosts": file, "removed": removed})).collect();
        writeln!(out, "{}", json!({"removed": removed.values().sum::<usize>(), "files": files}))?;
    } else {
        for (file, removed) in removed {
            writeln!(out, "removed {} from `{}`", counted(removed, "key"), file.display())?;
        }
    }
    Ok(0)
}
