//! Restores the rollback points of a run on many hosts, newest first.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indexmap::IndexMap;
use paceline_remote::Group;
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::cancel::Cancel;
use super::dispatcher::Emitter;
use super::event::{EventKind, HostStatus, NOT_STARTED, Status};
use super::landed::{Landed, Ticket};
use super::lease::Claimant;
use super::link::{Link, LinkError, PointsPlace};
use super::pipeline::{Flight, Next, Pipeline};
use super::run::Verdict;
use super::sink::{Sink, StepLabel};
use crate::hostlog::percent_encode_host;
use crate::inventory::HostName;
use crate::journal::{Position, RunFolder};
use crate::operation::{Mode, Operation, Point};
use crate::plan::Login;
use crate::rollback::{ListPoints, ListedPoint, RestoreTimes, add_unknown, visits};
use crate::secrets::Masks;
use crate::transport::{Target, TransportError};

/// A host to restore.
pub struct RestoreHost {
    /// The host.
    pub name: HostName,
    /// How to reach it, or why that is not known.
    pub target: Result<Target, TransportError>,
    /// `paceline_base`, if the host has one.
    pub base: Option<String>,
    /// Seconds that its lease holds.
    pub lease: u64,
    /// Its points, the newest first, each with the login that saved it.
    pub points: Vec<(Login, Point)>,
    /// Logins under which the host is asked for points that the journal does not know: a step of the run was cut off.
    pub look: Vec<Login>,
    /// Password of the logins that need one.
    pub password: Option<SecretString>,
    /// What ran on it that nothing can undo.
    pub irreversible: Vec<String>,
    /// Why it could not be asked what is on it, with a hint.
    pub unreachable: Option<(String, Option<String>)>,
}

/// What a restore needs besides its hosts.
pub struct Restore {
    /// The run whose points are restored.
    pub of: String,
    /// Hosts at work at once.
    pub forks: usize,
    /// Where events go.
    pub emitter: Emitter,
    /// How far the restore has been cancelled.
    pub cancel: Cancel,
    /// Folder of the restore's own run.
    pub folder: RunFolder,
    /// For whom hosts are leased.
    pub claimant: Claimant,
    /// Whether what somebody changed after the run is put aside, and not a reason to refuse.
    pub force: bool,
}

/// Restores; the last event is `run_finished`.
pub async fn restore(restore: Arc<Restore>, hosts: Vec<RestoreHost>) -> Verdict {
    let start = Instant::now();
    let emitter = &restore.emitter;
    emitter
        .emit(EventKind::RunStarted {
            command: "rollback".to_owned(),
            playbooks: vec![restore.of.clone()],
            hosts: hosts.iter().map(|host| host.name.to_string()).collect(),
            check: false,
            forks: restore.forks,
            incarnation: 1,
            again: Vec::new(),
        })
        .await;
    let permits = Arc::new(Semaphore::new(restore.forks));
    let mut workers = JoinSet::new();
    let stopped = Arc::new(AtomicBool::new(false));
    for host in hosts {
        let (restore, permits, stopped) = (restore.clone(), permits.clone(), stopped.clone());
        workers.spawn(async move {
            let _permit = permits.acquire().await;
            if restore.cancel.level() > 0 {
                return HostStatus::Cancelled;
            }
            if stopped.load(Ordering::Acquire) {
                let (status, message) = (HostStatus::Cancelled, Some(NOT_STARTED.to_owned()));
                let event = EventKind::HostFinished { status, message, hint: None };
                restore.emitter.host(&host.name.0, event).await;
                return status;
            }
            let status = one_host(&restore, host).await;
            if status == HostStatus::Held && !restore.claimant.skip_held {
                stopped.store(true, Ordering::Release);
            }
            status
        });
    }
    let mut verdict = Verdict::default();
    while let Some(joined) = workers.join_next().await {
        match joined {
            Ok(HostStatus::Unreachable) => verdict.unreachable += 1,
            Ok(HostStatus::RollbackFailed) => verdict.failed += 1,
            Ok(HostStatus::Held) => verdict.held += 1,
            Err(error) => {
                (verdict.failed, verdict.internal) = (verdict.failed + 1, true);
                let message = format!("internal error: a worker ended: {error}");
                emitter.emit(EventKind::Warning { message }).await;
            }
            Ok(HostStatus::RolledBack) => verdict.changed += 1,
            Ok(_) => {}
        }
    }
    verdict.cancelled = restore.cancel.level() > 0;
    emitter
        .emit(EventKind::RunFinished {
            hosts: IndexMap::new(),
            exit_code: verdict.exit_code(),
            duration_ms: start.elapsed().as_millis() as u64,
        })
        .await;
    verdict
}

async fn one_host(restore: &Restore, host: RestoreHost) -> HostStatus {
    let RestoreHost { name, target, base, lease, mut points, look, password, irreversible, unreachable } =
        host;
    let mut sink =
        Sink::new(restore.emitter.clone(), name.0.clone(), Some(restore.folder.hosts()), Masks::default());
    for task in irreversible {
        let message = format!("`{task}` ran something that nothing here can undo");
        sink.host_event(EventKind::Warning { message }).await;
    }
    if let Some((message, hint)) = unreachable {
        let (status, message) = (HostStatus::Unreachable, Some(message));
        sink.host_event(EventKind::HostFinished { status, message, hint }).await;
        return status;
    }
    let restored = match target {
        Err(error) => Err(error.into()),
        Ok(target) => {
            let place = PointsPlace {
                base,
                run: restore.of.clone(),
                host: percent_encode_host(&name.0),
                ledger: false,
            };
            let claim = restore.claimant.on(&name, lease);
            let mut link = Link::new(target, place).leasing(claim, restore.emitter.clone());
            let (cancel, password) = (&restore.cancel, password.as_ref());
            let work = async {
                add_unknown_points(&mut link, &mut sink, &mut points, &look, password).await?;
                match restore.force {
                    true => restore_points_with(cancel, &mut link, &mut sink, points, password, true).await,
                    false => restore_points(cancel, &mut link, &mut sink, points, password).await,
                }
            };
            let restored = tokio::select! {
                restored = work => Some(restored),
                () = restore.cancel.reached(2) => None,
            };
            let restored = match restored {
                Some(Err(error)) => Some(Err(link.reason(error).await)),
                restored => restored,
            };
            link.close(false).await;
            match restored {
                Some(restored) => restored,
                None => return HostStatus::Cancelled,
            }
        }
    };
    let (status, message, hint) = match restored {
        Ok(None) => (HostStatus::RolledBack, None, None),
        Ok(Some(message)) => (HostStatus::RollbackFailed, Some(message), None),
        Err(error @ LinkError::Held { .. }) => (HostStatus::Held, Some(error.to_string()), error.hint()),
        Err(error) => (HostStatus::Unreachable, Some(error.to_string()), error.hint()),
    };
    sink.host_event(EventKind::HostFinished { status, message, hint }).await;
    status
}

/// Asks the host for points of steps whose result was lost. A login that the host refuses has saved none.
async fn add_unknown_points(
    link: &mut Link,
    sink: &mut Sink,
    points: &mut Vec<(Login, Point)>,
    look: &[Login],
    password: Option<&SecretString>,
) -> Result<(), LinkError> {
    if look.is_empty() {
        return Ok(());
    }
    connect(link, sink).await?;
    for login in look {
        let list = Box::new(ListPoints);
        let landed = match run(link, sink, login, password, (0, "points on the host"), list).await {
            Ok(landed) => landed,
            Err(error) if error.is_become() => continue,
            Err(error) => return Err(error),
        };
        let listed = ListedPoint::of(&landed.outcome);
        add_unknown(points, login, listed);
        sink.step_finished(0, &"restore".into(), looked(&landed)).await;
    }
    Ok(())
}

async fn connect(link: &mut Link, sink: &mut Sink) -> Result<(), LinkError> {
    if let Some(duration_ms) = link.connect().await? {
        let reached = link.reached();
        sink.host_event(EventKind::HostConnected { duration_ms, reached }).await;
    }
    Ok(())
}

/// The end of a step that changed nothing.
fn looked(landed: &Landed) -> EventKind {
    EventKind::StepFinished {
        status: Status::Ok,
        changed: false,
        rc: None,
        duration_ms: landed.duration_ms,
        item: None,
        message: None,
        diff: None,
    }
}

/// Restores the points one by one, then gives the folders their times. Returns what went wrong first: an older point is
/// not restored over one that is still in the way, but all others are.
pub(super) async fn restore_points(
    cancel: &Cancel,
    link: &mut Link,
    sink: &mut Sink,
    points: Vec<(Login, Point)>,
    password: Option<&SecretString>,
) -> Result<Option<String>, LinkError> {
    restore_points_with(cancel, link, sink, points, password, false).await
}

/// The same; `force` puts aside what somebody changed after the run, which is a reason to refuse otherwise.
pub(super) async fn restore_points_with(
    cancel: &Cancel,
    link: &mut Link,
    sink: &mut Sink,
    points: Vec<(Login, Point)>,
    password: Option<&SecretString>,
    force: bool,
) -> Result<Option<String>, LinkError> {
    connect(link, sink).await?;
    let task: Arc<str> = "restore".into();
    let mut problem = None;
    let mut in_the_way: Vec<Point> = Vec::new();
    let mut failures = 0_usize;
    let mut restored: Vec<(Login, u64)> = Vec::new();
    let visits = visits(&points, force);
    let count = visits.len() as u64;
    for (index, (login, visit)) in visits.into_iter().enumerate() {
        let point = visit.point.clone();
        if cancel.level() > 0 {
            problem = Some("cancelled in front of the remaining points".to_owned());
            failures = 1;
            break;
        }
        if visit.is_of_a_path() && waits_for(&point, &in_the_way) {
            failures += 1;
            in_the_way.push(point);
            continue;
        }
        let step = index as u64 + 1;
        let operation = Box::new(visit.clone());
        let landed = run(link, sink, &login, password, (step, &visit.label()), operation).await?;
        let failed = landed.outcome.failed;
        let message = landed.outcome.result.get("msg").and_then(|msg| msg.as_str()).map(str::to_owned);
        let aside = landed.outcome.result.get("replaced").and_then(|paths| paths.as_array());
        for path in aside.into_iter().flatten().filter_map(|path| path.as_str()) {
            let message =
                format!("what was newer than point {} (`{}`) is kept in `{path}`", point.number, point.path);
            sink.host_event(EventKind::Warning { message }).await;
        }
        if !failed && visit.last {
            let (covers, path) = (point.kind.clone(), point.path.clone());
            let event = EventKind::PointRestored { point: point.number, covers, path };
            sink.step_event(step, &task, event).await;
            restored.push((login, point.number));
        }
        let status = match (failed, landed.outcome.changed) {
            (true, _) => Status::Failed,
            (false, true) => Status::Changed,
            (false, false) => Status::Ok,
        };
        sink.step_finished(
            step,
            &task,
            EventKind::StepFinished {
                status,
                changed: landed.outcome.changed,
                rc: None,
                duration_ms: landed.duration_ms,
                item: Some(visit.label()),
                message: message.clone().filter(|_| failed),
                diff: None,
            },
        )
        .await;
        if failed {
            let reason = message.unwrap_or_else(|| "it could not be restored".to_owned());
            problem.get_or_insert_with(|| format!("point {} (`{}`): {reason}", point.number, point.path));
            failures += 1;
            if visit.is_of_a_path() {
                in_the_way.push(point);
            }
        }
    }
    restore_times(link, sink, restored, password, count + 1).await?;
    let others = failures.saturating_sub(1);
    Ok(problem.map(|problem| match others {
        0 => problem,
        others => format!(
            "{problem} ({} for it or failed)",
            if others == 1 { "1 more point waits".to_owned() } else { format!("{others} more points wait") }
        ),
    }))
}

/// Gives the folders their times: those of the oldest point count, whoever saved it. `step` is the first free number.
async fn restore_times(
    link: &mut Link,
    sink: &mut Sink,
    restored: Vec<(Login, u64)>,
    password: Option<&SecretString>,
    step: u64,
) -> Result<(), LinkError> {
    let rows: Vec<_> = restored.chunk_by(|one, other| one.0 == other.0).collect();
    for (index, row) in rows.iter().enumerate() {
        let login = &row[0].0;
        let numbers = row.iter().map(|(_, number)| *number).collect();
        let last = !rows[index + 1..].iter().any(|row| row[0].0 == *login);
        let times = Box::new(RestoreTimes { numbers, last });
        let step = step + index as u64;
        let landed = run(link, sink, login, password, (step, "times of folders"), times).await?;
        sink.step_finished(step, &"restore".into(), looked(&landed)).await;
    }
    Ok(())
}

/// Runs one operation of a restore to its end.
pub(super) async fn run(
    link: &mut Link,
    sink: &mut Sink,
    login: &Login,
    password: Option<&SecretString>,
    (step, item): (u64, &str),
    operation: Box<dyn Operation>,
) -> Result<Landed, LinkError> {
    let label = StepLabel {
        task: "restore".into(),
        module: "rollback".to_owned(),
        item: Some(item.to_owned()),
        at: Position::default(),
        hidden: false,
    };
    let ticket = Ticket { slot: step, item: 0 };
    let mut pipeline = Pipeline::default();
    let mode = Mode { platform: link.texts().0, ..Mode::default() };
    pipeline.push(Flight::new(ticket, step, label, operation, mode, Group::Alone, String::new()));
    let shell = link.shell(login, password).await?;
    match pipeline.next(shell, sink).await? {
        Some(Next::Landed(landed)) => Ok(*landed),
        Some(Next::Outside(_)) | None => Err(LinkError::Closed),
    }
}

/// Tells whether a point must wait until a newer one that failed is restored: it covers the same path, or one above or
/// below it.
fn waits_for(point: &Point, failed: &[Point]) -> bool {
    let below = |path: &str, folder: &str| {
        path.strip_prefix(folder.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let at = comparable(&point.path);
    let related = |failed: &Point| {
        let other = comparable(&failed.path);
        below(&other, &at) || below(&at, &other)
    };
    failed.iter().any(related)
}

/// A path of Windows names the same thing in upper and lower case, and has other separators.
fn comparable(path: &str) -> Cow<'_, str> {
    match path.as_bytes() {
        [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic() => {
            path.replace('\\', "/").to_lowercase().into()
        }
        _ => path.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_way_is_restored() {
        let point =
            |kind: &str, path: &str| Point { number: 1, kind: kind.to_owned(), path: path.to_owned() };
        let failed = [point("absent", "/opt/agent/log")];
        for (kind, path, waits) in [
            ("absent", "/opt/agent", true),
            ("absent", "/opt/agent/log/old", true),
            ("file", "/opt/agent/log", true),
            ("file", "/opt/agent/logger", false),
            ("file", "/etc/agent.conf", false),
            ("times", "/opt", true),
            ("file", "/opt/agent\\log", false),
        ] {
            assert_eq!(waits_for(&point(kind, path), &failed), waits, "{kind} {path}");
        }
        let failed = [point("absent", r"C:\Agent\Log")];
        assert!(waits_for(&point("file", r"c:\agent\log\x"), &failed));
        assert!(!waits_for(&point("file", r"C:\Agent\Logs"), &failed));
        let failed = [point("absent", "C:\\Acme\\Runtime"), point("pool", "pool Acme")];
        for (kind, path, waits) in [
            ("absent", "c:\\acme", true),
            ("file", "C:\\Acme\\runtime\\web.config", true),
            ("file", "C:\\Acme\\RuntimeOld", false),
            ("pool", "pool Acme", true),
            ("pool", "pool AcmeOther", false),
        ] {
            assert_eq!(waits_for(&point(kind, path), &failed), waits, "{kind} {path}");
        }
    }
}
