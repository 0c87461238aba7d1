//! `paceline runs prune`: removes what old runs left on hosts, then the runs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::CommandError;
use super::args::{ConnectionArgs, Global, InventoryArgs, Output};
use super::recorded::{self, Passwords, Way};
use super::terminal::{self, Environment};
use crate::executor::event::EventKind;
use crate::executor::{Visit, VisitError, Visitor};
use crate::hostlog::{escape_json, percent_encode_host, sanitize_line};
use crate::journal::{self, RunFolder, RunLock, RunRecord, short_id};
use crate::transport::settled;
use crate::ui::counted;

/// Hosts that are visited at once.
const AT_ONCE: usize = 50;

/// Remove old runs: their rollback points on the hosts, their journals and logs here
#[derive(Args, Clone, Debug)]
pub(super) struct PruneArgs {
    /// Keep this many of the newest runs that may have changed hosts, and the plans since
    #[arg(long, value_name = "N", required_unless_present = "older_than", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// Remove only what is older than this
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    older_than: Option<u32>,
    /// Show what would be removed, remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Leave the hosts alone: their points stay there, and can no longer be restored by the id of the run
    #[arg(long, conflicts_with = "limit")]
    local_only: bool,
    #[command(flatten)]
    inventory: InventoryArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Ask for the password of become
    #[arg(short = 'K', long, help_heading = "Become")]
    ask_become_pass: bool,
}

/// A run that is to be removed.
struct Old {
    folder: RunFolder,
    record: RunRecord,
    _lock: Option<RunLock>,
    /// Points that were removed, by host.
    pruned: BTreeMap<String, u64>,
    /// Why it stays, by host; the empty name is the run itself.
    stays: BTreeMap<String, String>,
    unreachable: bool,
}

pub(super) fn run(args: &PruneArgs, global: &Global, environment: &Environment) -> Result<u8, CommandError> {
    let chosen = choose(args, global)?;
    if chosen.is_empty() || args.dry_run {
        return told(&chosen, args, global);
    }
    let mut chosen = chosen;
    if !args.local_only {
        let passwords = Passwords::ask(args.connection.ask_pass, args.ask_become_pass)?;
        let visits = visits(&mut chosen, args, &passwords, global, environment);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(settled(on_hosts(&mut chosen, visits)));
    }
    let _state = journal::state_lock(&global.state_dir).map_err(CommandError::failed)?;
    for old in chosen.iter_mut().filter(|old| old.stays.is_empty()) {
        if let Err(error) = std::fs::remove_dir_all(old.folder.path()) {
            old.stays.insert(String::new(), format!("its folder cannot be removed: {error}"));
        }
    }
    told(&chosen, args, global)
}

/// The runs to remove, the newest first, each under its lock.
fn choose(args: &PruneArgs, global: &Global) -> Result<Vec<Old>, CommandError> {
    let runs = journal::runs(&global.state_dir).map_err(CommandError::failed)?;
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let _state = journal::state_lock(&global.state_dir).map_err(CommandError::failed)?;
    let days = args.older_than.map(i64::from);
    let cutoff = days.map(|days| jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days));
    let keep = args.keep.unwrap_or(1) as usize;
    let (mut changing, mut rollout_kept, mut points_kept) = (0, false, false);
    let mut needed: BTreeSet<String> = BTreeSet::new();
    let mut chosen = Vec::new();
    for folder in runs {
        let record = RunRecord::read(&folder.record()).unwrap_or_default();
        let may_have_changed = record.command != "plan" && !record.check;
        let is_rollout = may_have_changed && record.command != "rollback";
        let young = cutoff.is_some_and(|cutoff| {
            record.started_at.parse::<jiff::Timestamp>().is_ok_and(|started| started > cutoff)
        });
        // `rollback latest` means the newest rollout that left points, whatever came after it.
        let newest = is_rollout && !std::mem::replace(&mut rollout_kept, true);
        let restorable = is_rollout && !points_kept && has_points(&folder);
        points_kept |= restorable;
        let latest = newest || restorable;
        let kept = changing < keep || young || latest || needed.contains(folder.id()) || folder.is_running();
        changing += usize::from(may_have_changed);
        if kept {
            if record.command == "rollback" {
                needed.extend(unfinished_rollback_of(&folder));
            }
            continue;
        }
        let lock = match args.dry_run {
            true => None,
            // Somebody is at work on it: it is left for the next time.
            false => match folder.take("prune") {
                Ok(lock) => Some(lock),
                Err(_) => continue,
            },
        };
        let (pruned, stays) = (BTreeMap::new(), BTreeMap::new());
        chosen.push(Old { folder, record, _lock: lock, pruned, stays, unreachable: false });
    }
    Ok(chosen)
}

fn has_points(folder: &RunFolder) -> bool {
    let events = journal::read(&folder.journal()).into_iter().flatten();
    events.flatten().any(|event| matches!(event.kind, EventKind::RollbackPoint { .. }))
}

/// The run whose points a rollback still has to restore.
fn unfinished_rollback_of(folder: &RunFolder) -> Option<String> {
    let ended_well = journal::last(&folder.journal())
        .ok()
        .flatten()
        .is_some_and(|event| matches!(event.kind, EventKind::RunFinished { exit_code: 0, .. }));
    if ended_well {
        return None;
    }
    let first = journal::read(&folder.journal()).ok()?.find_map(Result::ok)?;
    match first.kind {
        EventKind::RunStarted { playbooks, .. } => playbooks.into_iter().next(),
        _ => None,
    }
}

/// A host, and which of the runs left something there.
struct HostWork {
    visit: Visit,
    runs: Vec<usize>,
}

/// The hosts to visit, each once for each user and way.
fn visits(
    chosen: &mut [Old],
    args: &PruneArgs,
    passwords: &Passwords,
    global: &Global,
    environment: &Environment,
) -> Vec<HostWork> {
    let mut work: BTreeMap<(String, Option<String>, String), HostWork> = BTreeMap::new();
    for (index, old) in chosen.iter_mut().enumerate() {
        let changed = old.record.command != "plan" && !old.record.check;
        // The hosts of a lab are gone, and a rollback leaves no points of its own.
        if !changed || matches!(old.record.command.as_str(), "lab run" | "rollback") {
            continue;
        }
        let Ok(hosts) = recorded::hosts(&old.folder) else { continue };
        let left: Vec<_> = hosts.into_iter().filter(|(_, host)| !host.users.is_empty()).collect();
        if left.is_empty() {
            continue;
        }
        let (record, passwords) = (&old.record, passwords.clone());
        let way = Way::of_run(record, &args.inventory, &args.connection, passwords, global, environment);
        let selected = way.and_then(|way| {
            let limit = args.inventory.limit.as_deref();
            let hosts = limit.map(|limit| way.loaded.select(Some(limit), environment)).transpose()?;
            Ok((way, hosts))
        });
        let (way, selected) = match selected {
            Ok(found) => found,
            Err(error) => {
                let why = error.rendered.unwrap_or_else(|| error.messages.join("; "));
                let first = why.lines().next().unwrap_or_default().to_owned();
                old.stays.insert(String::new(), format!("its hosts cannot be found: {first}"));
                continue;
            }
        };
        for (name, host) in left {
            if selected.as_ref().is_some_and(|hosts| !hosts.iter().any(|host| *host.0 == *name)) {
                old.stays.insert(name, "not selected".to_owned());
                continue;
            }
            for user in host.users {
                let reached = host.reached.as_deref();
                let key = (name.clone(), user.clone(), serde_json::to_string(&reached).unwrap_or_default());
                let visit = || HostWork { visit: way.visit(&name, reached, user), runs: Vec::new() };
                work.entry(key).or_insert_with(visit).runs.push(index);
            }
        }
    }
    work.into_values().collect()
}

/// What became of the runs on one host.
struct Visited {
    host: String,
    /// By run: the points that were removed, or why not.
    runs: Vec<(usize, Result<u64, String>)>,
    unreachable: bool,
}

async fn on_hosts(chosen: &mut [Old], work: Vec<HostWork>) {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut visiting = JoinSet::new();
    for HostWork { visit, runs } in work {
        let permits = permits.clone();
        let ids: Vec<_> = runs.iter().map(|&run| (run, chosen[run].folder.id().to_owned())).collect();
        visiting.spawn(async move {
            let _permit = permits.acquire().await;
            one_host(visit, ids).await
        });
    }
    while let Some(visited) = visiting.join_next().await {
        let Ok(Visited { host, runs, unreachable }) = visited else { continue };
        for (run, result) in runs {
            let old = &mut chosen[run];
            old.unreachable |= unreachable;
            match result {
                Ok(points) => *old.pruned.entry(host.clone()).or_default() += points,
                Err(message) => drop(old.stays.insert(host.clone(), message)),
            }
        }
    }
}

async fn one_host(visit: Visit, runs: Vec<(usize, String)>) -> Visited {
    let host = visit.name.to_string();
    let name = percent_encode_host(&host);
    let mut results = Vec::new();
    let mut visitor = match Visitor::enter(visit).await {
        Ok(visitor) => visitor,
        Err(error) => {
            let failed = |(run, _)| (run, Err(format!("it could not be reached: {error}")));
            return Visited { host, runs: runs.into_iter().map(failed).collect(), unreachable: true };
        }
    };
    let mut lost: Option<VisitError> = None;
    for (run, id) in runs {
        let result = match &lost {
            Some(error) => Err(error.to_string()),
            None => match visitor.ask(visitor.texts().prune_run(&id, &name)).await {
                Ok(answered) if answered.done => {
                    Ok(answered.value("pruned").and_then(|points| points.parse().ok()).unwrap_or(0))
                }
                Ok(answered) => Err(answered.value("msg").unwrap_or("it could not be removed").to_owned()),
                Err(error) => {
                    let message = error.to_string();
                    lost = Some(error);
                    Err(message)
                }
            },
        };
        results.push((run, result));
    }
    if lost.is_none() {
        // Claims that are left take little room; the next run or prune collects them.
        let _ = visitor.ask(visitor.texts().prune_claims()).await;
    }
    visitor.leave().await;
    Visited { host, runs: results, unreachable: lost.is_some() }
}

fn told(chosen: &[Old], args: &PruneArgs, global: &Global) -> Result<u8, CommandError> {
    let mut out = std::io::stdout().lock();
    let (gone, kept): (Vec<&Old>, Vec<&Old>) = chosen.iter().partition(|old| old.stays.is_empty());
    if global.output == Output::Json {
        let about = |old: &&Old| {
            json!({
                "run": old.folder.id(),
                "command": old.record.command,
                "started_at": old.record.started_at,
                "points": old.pruned,
            })
        };
        let kept: Vec<Value> = kept
            .iter()
            .map(|old| {
                let mut told = about(old);
                told["stays"] = json!(old.stays);
                told
            })
            .collect();
        let document = json!({
            "dry_run": args.dry_run,
            "removed": gone.iter().map(about).collect::<Vec<_>>(),
            "kept": kept,
        });
        writeln!(out, "{}", escape_json(&document.to_string()))?;
    } else {
        for old in &gone {
            let points = match old.pruned.values().sum::<u64>() {
                0 => String::new(),
                points => format!(
                    "; {} on {}",
                    counted(points as usize, "point"),
                    counted(old.pruned.len(), "host")
                ),
            };
            let would = if args.dry_run { "would remove" } else { "removed" };
            writeln!(out, "{would} {}{points}", about(old))?;
        }
        for old in &kept {
            writeln!(out, "kept {} for the next time", about(old))?;
            for (host, why) in &old.stays {
                let host = if host.is_empty() { String::new() } else { format!("{}: ", sanitize_line(host)) };
                writeln!(out, "  {host}{}", sanitize_line(why))?;
            }
        }
        if chosen.is_empty() {
            writeln!(out, "nothing to remove")?;
        }
    }
    terminal::flush(out)?;
    Ok(match kept.iter().any(|old| old.unreachable) {
        true => 4,
        false => {
            let failed = |why: &String| why != "not selected";
            2 * u8::from(kept.iter().any(|old| old.stays.values().any(failed)))
        }
    })
}

/// `0198f1e2-3b4c (apply site.yml, 2026-05-09)`.
fn about(old: &Old) -> String {
    let RunRecord { command, playbooks, started_at, .. } = &old.record;
    let names: Vec<&str> = playbooks.iter().map(|path| path.rsplit('/').next().unwrap_or(path)).collect();
    let day = started_at.get(..10).unwrap_or("without a date");
    let what = format!("{command} {}", names.join(" "));
    format!("{} ({}, {day})", short_id(old.folder.id()), sanitize_line(what.trim()))
}
