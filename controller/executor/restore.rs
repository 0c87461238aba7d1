//! Restores the rollback points of a run on many hosts, newest first.

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
use super::lease::Claimant;
use super::link::{Link, LinkError, PointsPlace};
use super::pipeline::{Flight, Next, Pipeline, Ticket};
use super::run::Verdict;
use super::sink::{Sink, StepLabel};
use crate::hostlog::percent_encode_host;
use crate::inventory::HostName;
use crate::journal::{Position, RunFolder};
use crate::operation::{Mode, Point};
use crate::plan::Login;
use crate::rollback::RestorePoint;
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
    /// Password of the logins that need one.
    pub password: Option<SecretString>,
    /// What ran on it that nothing can undo.
    pub irreversible: Vec<String>,
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
    let RestoreHost { name, target, base, lease, points, password, irreversible } = host;
    let mut sink =
        Sink::new(restore.emitter.clone(), name.0.clone(), Some(restore.folder.hosts()), Masks::default());
    for task in irreversible {
        let message = format!("`{task}` ran something that nothing here can undo");
        sink.host_event(EventKind::Warning { message }).await;
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
            let work = restore_points(&restore.cancel, &mut link, &mut sink, points, password.as_ref());
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

/// Restores the points one by one. Returns what went wrong first: an older point is not restored over one that is
/// still in the way, but all others are.
pub(super) async fn restore_points(
    cancel: &Cancel,
    link: &mut Link,
    sink: &mut Sink,
    points: Vec<(Login, Point)>,
    password: Option<&SecretString>,
) -> Result<Option<String>, LinkError> {
    if let Some(duration_ms) = link.connect().await? {
        let reached = link.reached();
        sink.host_event(EventKind::HostConnected { duration_ms, reached }).await;
    }
    let task: Arc<str> = "restore".into();
    let mut problem = None;
    let mut in_the_way: Vec<Point> = Vec::new();
    for (index, (login, point)) in points.into_iter().enumerate() {
        if cancel.level() > 0 {
            return Ok(Some("cancelled in front of the remaining points".to_owned()));
        }
        if waits_for(&point, &in_the_way) {
            in_the_way.push(point);
            continue;
        }
        let step = index as u64 + 1;
        let label = StepLabel {
            task: task.clone(),
            module: "rollback".to_owned(),
            item: Some(point.path.clone()),
            hidden: false,
            at: Position::default(),
        };
        let ticket = Ticket { slot: step, item: 0 };
        let mode = Mode::default();
        let operation = Box::new(RestorePoint { point: point.clone() });
        let mut pipeline = Pipeline::default();
        pipeline.push(Flight::new(ticket, step, label, operation, mode, Group::Alone, String::new()));
        let shell = link.shell(&login, password).await?;
        let landed = match pipeline.next(shell, sink).await? {
            Some(Next::Landed(landed)) => *landed,
            Some(Next::Outside(_)) | None => return Err(LinkError::Closed),
        };
        let failed = landed.outcome.failed;
        let message = landed.outcome.result.get("msg").and_then(|msg| msg.as_str()).map(str::to_owned);
        if !failed {
            let (covers, path) = (point.kind.clone(), point.path.clone());
            let event = EventKind::PointRestored { point: point.number, covers, path };
            sink.step_event(step, &task, event).await;
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
                item: Some(point.path.clone()),
                message: message.clone().filter(|_| failed),
                diff: None,
            },
        )
        .await;
        if failed {
            let reason = message.unwrap_or_else(|| "it could not be restored".to_owned());
            problem.get_or_insert_with(|| format!("point {} (`{}`): {reason}", point.number, point.path));
            in_the_way.push(point);
        }
    }
    let others = in_the_way.len().saturating_sub(1);
    Ok(problem.map(|problem| match others {
        0 => problem,
        others => format!("{problem} ({others} more points wait for it or failed)"),
    }))
}

/// Tells whether a point must wait until a newer one that failed is restored: it covers the same path, or one above or
/// below it.
fn waits_for(point: &Point, failed: &[Point]) -> bool {
    let below = |path: &str, folder: &str| {
        path.strip_prefix(folder.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let related = |failed: &Point| below(&failed.path, &point.path) || below(&point.path, &failed.path);
    failed.iter().any(related)
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
        ] {
            assert_eq!(waits_for(&point(kind, path), &failed), waits, "{kind} {path}");
        }
    }
}
