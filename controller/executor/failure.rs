//! What becomes of a host on which a task failed: it stops, is restored, or goes on (`on_failure`); and whom a spent
//! failure budget takes back (`rollback_scope`).

use std::sync::Arc;

use secrecy::SecretString;
use tokio::task::JoinSet;

use super::context::{PlayContext, RunContext};
use super::event::{EventKind, HostStatus};
use super::link::{Link, LinkError};
use super::replay::HostReplay;
use super::restore::restore_points;
use super::wave::WaveStop;
use super::worker::{Condition, HostState};
use crate::inventory::HostName;
use crate::journal::short_id;
use crate::operation::Point;
use crate::plan::Login;
use crate::playbook::{OnFailure, RollbackScope};
use crate::ui::counted;

/// Tasks that a message names before it only counts.
const NAMES_SHOWN: usize = 3;

/// What a run has left on a host so far, as far as a way back is concerned.
#[derive(Default)]
pub(super) struct Left {
    /// The points, oldest first, each with the login that saved it.
    pub points: Vec<(Login, Point)>,
    /// The password of the logins that need one.
    pub password: Option<SecretString>,
    /// Tasks that ran and that nothing here can undo.
    pub irreversible: Vec<Arc<str>>,
    /// Tasks that failed while the host went on.
    pub failures: usize,
    /// Other hosts that were changed for this one (`delegate_to`).
    pub elsewhere: Vec<HostName>,
}

impl Left {
    /// What earlier incarnations of the run left.
    pub(super) fn of(replay: &HostReplay) -> Self {
        let login = |user: &Option<String>| match user {
            None => Login::Plain,
            Some(user) => Login::Sudo { user: user.clone(), exe: None, flags: None },
        };
        let points = replay.points().iter().map(|(user, point)| (login(user), point.clone())).collect();
        Self { points, ..Self::default() }
    }

    /// Notes that a task did what nothing can undo.
    pub(super) fn irreversible(&mut self, task: &Arc<str>) {
        if !self.irreversible.contains(task) {
            self.irreversible.push(task.clone());
        }
    }

    /// Adds what was noted while the session was at its desk.
    pub(super) fn join(&mut self, other: Self) {
        self.points.extend(other.points);
        self.failures += other.failures;
        other.irreversible.iter().for_each(|task| self.irreversible(task));
        other.elsewhere.into_iter().for_each(|host| self.changed_elsewhere(host));
    }

    /// Notes that another host was changed for this one.
    pub(super) fn changed_elsewhere(&mut self, host: HostName) {
        if !self.elsewhere.contains(&host) {
            self.elsewhere.push(host);
        }
    }

    /// Whether the run did anything to the host.
    fn is_empty(&self) -> bool {
        self.points.is_empty() && self.irreversible.is_empty()
    }

    /// Names what stays.
    fn stays(&self) -> Option<String> {
        let names: Vec<String> =
            self.irreversible.iter().take(NAMES_SHOWN).map(|task| format!("`{task}`")).collect();
        let more = self.irreversible.len().saturating_sub(NAMES_SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let own = (!names.is_empty()).then(|| format!("what {}{more} did stays", names.join(", ")));
        let others: Vec<String> = self.elsewhere.iter().map(|host| format!("`{host}`")).collect();
        let others =
            (!others.is_empty()).then(|| format!("what was done for it on {} stays", others.join(", ")));
        let parts: Vec<String> = own.into_iter().chain(others).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

impl PlayContext {
    /// Whether a host that fails is restored.
    pub(super) fn rolls_back(&self, run: &RunContext) -> bool {
        self.on_failure == OnFailure::Rollback && !run.options.check
    }

    /// Whether a spent failure budget takes back the whole wave.
    pub(super) fn rolls_back_waves(&self, run: &RunContext) -> bool {
        self.rolls_back(run) && self.rollback_scope == RollbackScope::Wave
    }
}

impl HostState {
    /// Restores all points that this run saved on the host, newest first, and returns how it stands then.
    /// `because` says why, where its own failed task does not say so.
    pub(super) async fn take_back(
        &mut self,
        run: &RunContext,
        play: &PlayContext,
        because: Option<String>,
    ) -> (Condition, EventKind) {
        let points: Vec<(Login, Point)> = self.left.points.iter().rev().cloned().collect();
        let count = points.len();
        self.sink.host_event(EventKind::HostRestoring { points: count as u64 }).await;
        let restored = tokio::select! {
            restored = self.restore(run, play, points) => Some(restored),
            () = run.cancel.reached(2) => None,
        };
        let name = self.name.clone();
        let again = || format!("`paceline rollback {} -l {name}` goes on with it", short_id(&run.id));
        let (condition, status, message, hint) = match restored {
            Some(Ok(None)) => {
                let message = match count {
                    0 => "there was nothing to restore".to_owned(),
                    count => format!("{} restored", counted(count, "point")),
                };
                (Condition::RolledBack, HostStatus::RolledBack, message, None)
            }
            Some(Ok(Some(problem))) => {
                (Condition::RollbackFailed, HostStatus::RollbackFailed, problem, Some(again()))
            }
            Some(Err(error)) => {
                let message = format!("{error}; it was being rolled back");
                (Condition::Unreachable, HostStatus::Unreachable, message, Some(again()))
            }
            None => {
                let message = "stopped while it was rolled back".to_owned();
                (Condition::RollbackFailed, HostStatus::RollbackFailed, message, Some(again()))
            }
        };
        let parts: Vec<String> = because.into_iter().chain([message]).chain(self.left.stays()).collect();
        let message = parts.join("; ");
        self.sink.number_behind(0);
        if condition == Condition::RolledBack {
            self.left.points.clear();
            self.sink.host_event(EventKind::HostRestored { points: count as u64 }).await;
        }
        (condition, EventKind::HostFinished { status, message: Some(message), hint })
    }

    /// What to do for a host that could not be rolled back, because it cannot be reached.
    pub(super) fn way_back(&self, run: &RunContext, play: &PlayContext) -> Option<String> {
        let points = counted(self.left.points.len(), "point");
        (play.rolls_back(run) && !self.left.points.is_empty()).then(|| {
            let run = short_id(&run.id);
            format!("{points} could not be restored; `paceline rollback {run} -l {}` does it when it answers again", self.name)
        })
    }

    async fn restore(
        &mut self,
        run: &RunContext,
        play: &PlayContext,
        points: Vec<(Login, Point)>,
    ) -> Result<Option<String>, LinkError> {
        if points.is_empty() {
            return Ok(None);
        }
        let mut link = match self.link.take() {
            Some(link) => link,
            None => Link::of(run, play, (&self.name, &self.learned))?,
        };
        self.sink.number_behind(self.steps);
        self.steps += points.len() as u64;
        let password = self.left.password.clone();
        // A connection that was lost, or given up by Ctrl-C, is dropped with the link.
        let restored =
            restore_points(&run.cancel, &mut link, &mut self.sink, points, password.as_ref()).await?;
        self.link = Some(link);
        Ok(restored)
    }

    /// A host whose tasks are over: tells how it ended.
    pub(super) async fn conclude(&mut self) {
        self.ended = true;
        let (status, message) = match self.left.failures {
            0 => (HostStatus::Ok, None),
            1 => {
                (HostStatus::Failed, Some("a task failed and it went on (`on_failure: continue`)".to_owned()))
            }
            count => (
                HostStatus::Failed,
                Some(format!("{count} tasks failed and it went on (`on_failure: continue`)")),
            ),
        };
        if status == HostStatus::Failed {
            self.condition = Condition::Failed;
        }
        self.sink.host_event(EventKind::HostFinished { status, message, hint: None }).await;
    }

    /// Behind its wave: closes the connection of a host that has nothing more to do.
    pub(super) async fn leave(&mut self, is_last: bool) {
        if is_last || self.condition != Condition::Active {
            self.part().await;
            if self.condition == Condition::Active && !self.ended {
                self.conclude().await;
            }
        }
        self.sink.rest();
    }
}

/// The hosts of a wave that is over, when the whole wave is taken back as soon as its budget is spent.
pub(super) struct Settling<'a> {
    pub run: &'a Arc<RunContext>,
    pub play: &'a Arc<PlayContext>,
    /// Why the wave stopped, if it did.
    pub stopped: Option<&'a WaveStop>,
    /// The hosts that spent the budget.
    pub failed: Vec<Arc<str>>,
}

impl Settling<'_> {
    /// Restores those that were fine, if it has to be; then each host leaves the wave.
    pub(super) async fn settle(&self, hosts: Vec<(HostState, bool)>) -> Vec<HostState> {
        let because = match self.stopped {
            Some(WaveStop::Budget { limit }) => Some(format!("{} failed ({limit})", self.names())),
            _ => None,
        };
        let mut leaving = JoinSet::new();
        for (mut host, is_last) in hosts {
            let (run, play, because) = (self.run.clone(), self.play.clone(), because.clone());
            leaving.spawn(async move {
                let fine = matches!(host.condition, Condition::Active | Condition::Stopped);
                if let (true, Some(because)) = (fine, because) {
                    if host.left.is_empty() {
                        host.stopped_by_others(&because).await;
                    } else {
                        let _permit = run.permits.acquire().await;
                        let (condition, event) = host.take_back(&run, &play, Some(because)).await;
                        host.condition = condition;
                        host.ended = true;
                        host.sink.host_event(event).await;
                    }
                }
                host.leave(is_last).await;
                host
            });
        }
        let mut left = Vec::new();
        while let Some(host) = leaving.join_next().await {
            left.extend(host.ok());
        }
        left
    }

    fn names(&self) -> String {
        let names: Vec<String> =
            self.failed.iter().take(NAMES_SHOWN).map(|host| format!("`{host}`")).collect();
        let more = self.failed.len().saturating_sub(NAMES_SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", names.join(", "))
    }
}

impl HostState {
    /// A host that the failure budget of others stopped, and on which there is nothing to restore.
    async fn stopped_by_others(&mut self, because: &str) {
        if self.condition == Condition::Stopped {
            self.ended = true;
            let message = Some(format!("the failure budget is spent: {because}"));
            let event = EventKind::HostFinished { status: HostStatus::Cancelled, message, hint: None };
            self.sink.host_event(event).await;
        }
    }
}
