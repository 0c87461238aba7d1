//! Blocks with a `guard`: the host undoes what they changed unless the controller confirms over a new connection.
//!
//! A guard is armed in each remote shell in front of the first step that the block sends there. At the end of the
//! block, behind the handlers that it notified, a new connection with the same login confirms. When none can be
//! made, or the old one is lost within the block, the host restores by itself; the worker waits for that, as long
//! as the time of the guard, and asks what became of it. A failed task fires the guard at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use paceline_remote::Group;
use secrecy::SecretString;

use super::evaluate::Settled;
use super::event::{EventKind, Status};
use super::landed::{Landed, Ticket};
use super::link::{Link, LinkError};
use super::pipeline::{Flight, Next, Pipeline};
use super::sink::{Sink, StepLabel};
use super::wave::WaveStop;
use super::worker::{Stop, Worker};
use crate::journal::Position;
use crate::operation::guard::{Guard, GuardReport};
use crate::operation::{Mode, Point};
use crate::plan::{CompiledBlock, CompiledGuard, Login};
use crate::playbook::OnFailure;
use crate::shell::Platform;

/// Seconds by which the guard of each further shell fires later: all are confirmed before the second one can fire.
const LATER: u64 = 15;
/// How long a guard may take to restore, beyond its time.
const RESTORING: Duration = Duration::from_secs(60);
/// Time between two attempts to reach the host.
const PAUSE: Duration = Duration::from_secs(1);

/// The guard of the block that a host is in.
pub(super) struct Guarding {
    seconds: u64,
    place: String,
    since: Option<Instant>,
    armed: Vec<Armed>,
    /// Makes a new connection to the same host with the same login.
    link: Option<Link>,
}

/// Nothing on Windows restores a host without its controller: a rollback point is restored by a session.
const NOT_ON_WINDOWS: &str = "the guard is not supported on Windows: nothing there could undo the block without the \
     controller\nhint: take `guard` away for these hosts, and use `on_failure: rollback`";

/// A guard in one remote shell.
struct Armed {
    login: Login,
    password: Option<SecretString>,
    folder: String,
    /// When it fires by itself, or a little before.
    until: Instant,
}

/// What became of the guards of a block.
enum Found {
    Confirmed,
    /// All have fired and are done with it.
    Fired(Vec<(Login, GuardReport)>),
    /// Not decided, or not over yet.
    Armed,
}

impl Guarding {
    fn new(guard: &CompiledGuard) -> Self {
        let place = guard.guard.span.place();
        Self { seconds: guard.guard.seconds, place, since: None, armed: Vec::new(), link: None }
    }

    /// When the last guard fires by itself.
    fn until(&self) -> Instant {
        self.armed.iter().map(|armed| armed.until).max().unwrap_or_else(Instant::now)
    }

    fn hint(&self) -> String {
        format!(
            "the block at `{}` is guarded: the host restores what it changed within {} s by itself, unless it was restarted meanwhile",
            self.place, self.seconds
        )
    }
}

impl Worker<'_> {
    /// Runs a block with `guard`, and the handlers that it notifies.
    pub(super) async fn guarded(&mut self, block: &CompiledBlock, guard: &CompiledGuard) -> Result<(), Stop> {
        self.drain().await?;
        let outer = std::mem::take(&mut self.notified);
        self.guard = Some(Guarding::new(guard));
        let mut result = self.parts(block).await;
        let ran = self.notified.clone();
        if result.is_ok() {
            result = self.flush_handlers(guard.flush).await;
        }
        if matches!(result, Err(Stop::EndHost | Stop::Wave))
            && let Err(stop) = self.drain().await
        {
            result = Err(stop);
        }
        let flushed = result.is_ok();
        // Handlers that a block notified which is undone have nothing to do.
        self.notified = outer.into_iter().filter(|handler| !flushed || !ran.contains(handler)).collect();
        let guarding = self.guard.take().filter(|guarding| !guarding.armed.is_empty());
        let result = match guarding {
            Some(guarding) => self.settle(guarding, result).await,
            None => result,
        };
        match result {
            Err(Stop::Failed) if self.play.on_failure == OnFailure::Continue && self.rescue_depth == 0 => {
                self.host.left.failures += 1;
                Ok(())
            }
            result => result,
        }
    }

    /// Arms the guard of the block in the shell of this task, if that has not happened. Returns why it cannot be.
    pub(super) async fn arm(&mut self, settled: &Settled) -> Result<Option<String>, Stop> {
        let Some(guarding) = self.guard.as_ref().filter(|_| !settled.check) else { return Ok(None) };
        if settled.platform == Platform::Windows {
            return Ok(Some(NOT_ON_WINDOWS.to_owned()));
        }
        if guarding.armed.iter().any(|armed| armed.login == settled.login) {
            return Ok(None);
        }
        let spent = guarding.since.map_or(0, |since| since.elapsed().as_secs());
        let further = guarding.armed.len() as u64 * LATER;
        let seconds = guarding.seconds.saturating_sub(spent).max(1) + further;
        let step = self.next_step();
        let Some(link) = &mut self.host.link else { return Ok(None) };
        let again = link.again();
        let (name, script) = (step.to_string(), link.guard_script());
        let operation = Guard::Arm { seconds, name, script };
        let login = (&settled.login, settled.password.as_ref());
        let armed = Instant::now();
        let landed = match guard_step(link, &mut self.host.sink, step, login, operation).await {
            Ok(landed) => landed,
            Err(error) => return Err(self.lost(error)),
        };
        if landed.outcome.failed {
            let message = landed.outcome.result.get("msg").and_then(|msg| msg.as_str());
            return Ok(Some(format!("the guard cannot be armed: {}", message.unwrap_or("it failed"))));
        }
        let report = GuardReport::of(&landed.outcome);
        let event = EventKind::GuardArmed { seconds, point: report.mark, by: report.by };
        self.host.sink.host_event(event).await;
        if let Some(guarding) = &mut self.guard {
            guarding.since.get_or_insert(armed);
            guarding.link = Some(again);
            guarding.armed.push(Armed {
                login: settled.login.clone(),
                password: settled.password.clone(),
                folder: report.folder,
                until: armed + Duration::from_secs(seconds),
            });
        }
        Ok(None)
    }

    /// In a resumed run: fires the guard that an earlier incarnation left armed, so that it does not fire into the
    /// block when that is run again. Returns why that is not possible.
    pub(super) async fn settle_left_guards(&mut self, settled: &Settled) -> Result<Option<String>, Stop> {
        let left = self.host.replay.as_ref().is_some_and(|replay| replay.has_guard());
        if !left || settled.platform == Platform::Windows || self.settled_guards.contains(&settled.login) {
            return Ok(None);
        }
        self.settled_guards.push(settled.login.clone());
        let step = self.next_step();
        let Some(link) = &mut self.host.link else { return Ok(None) };
        let login = (&settled.login, settled.password.as_ref());
        let landed = match guard_step(link, &mut self.host.sink, step, login, Guard::FireLeft).await {
            Ok(landed) => landed,
            Err(error) => return Err(self.lost(error)),
        };
        let report = GuardReport::of(&landed.outcome);
        match report.state.as_str() {
            "fired" if report.done => {
                let complete = report.is_complete();
                self.tell_fired(&settled.login, report, "the run was interrupted in its block").await;
                let why = "the guard of an interrupted block did not restore everything; look at the host, then resume";
                Ok((!complete).then(|| why.to_owned()))
            }
            "fired" => {
                Ok(Some("the guard of an interrupted block is still restoring; resume later".to_owned()))
            }
            _ => Ok(None),
        }
    }

    /// Confirms or fires, by how the block ended.
    async fn settle(&mut self, guarding: Guarding, result: Result<(), Stop>) -> Result<(), Stop> {
        match result {
            Ok(()) | Err(Stop::EndHost) => self.confirm(guarding).await?,
            Err(Stop::Wave) if !matches!(self.wave.stopped(), Some(WaveStop::Budget { .. })) => {
                self.confirm(guarding).await?;
            }
            Err(Stop::Failed | Stop::FailedElsewhere | Stop::Wave) => self.fire(guarding).await?,
            Err(Stop::Unreachable { message, .. }) => return self.recover(guarding, message).await,
            Err(Stop::Cancelled) => {
                self.host.sink.host_event(EventKind::Warning { message: guarding.hint() }).await;
            }
            // The guard fires by itself; a resumed run looks after it first.
            Err(Stop::Undone { .. } | Stop::Held { .. } | Stop::InDoubt { .. }) => {}
        }
        result
    }

    /// Confirms over a new connection, for as long as the guard waits.
    async fn confirm(&mut self, guarding: Guarding) -> Result<(), Stop> {
        let (run, began) = (self.run, Instant::now());
        let until = guarding.armed.first().map_or(began, |armed| armed.until);
        let mut why = None;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let attempt = tokio::select! {
                attempt = tokio::time::timeout(left, self.ask(&guarding, Guard::Confirm)) => attempt,
                () = run.cancel.reached(2) => return Err(Stop::Cancelled),
            };
            match attempt {
                Ok(Ok(Found::Confirmed)) => {
                    let duration_ms = began.elapsed().as_millis() as u64;
                    self.host.sink.host_event(EventKind::GuardConfirmed { duration_ms }).await;
                    return Ok(());
                }
                Ok(Ok(_)) => break,
                Ok(Err(LinkError::Journal(_))) => return Err(Stop::Cancelled),
                Ok(Err(error)) => why = Some(error.to_string()),
                Err(_) => break,
            }
            tokio::time::sleep(PAUSE.min(left)).await;
        }
        // The old connection is of no use to anybody whom the host does not let in.
        self.abandon();
        let why = match why {
            Some(why) => format!("it could not be confirmed over a new connection: {why}"),
            None => "it was not confirmed in time".to_owned(),
        };
        self.recover(guarding, why).await
    }

    /// Fires over the connection that is there.
    async fn fire(&mut self, guarding: Guarding) -> Result<(), Stop> {
        for armed in guarding.armed.iter().rev() {
            let step = self.next_step();
            let Some(link) = &mut self.host.link else {
                return self.recover(guarding, "its connection was closed".to_owned()).await;
            };
            let login = (&armed.login, armed.password.as_ref());
            let operation = Guard::Fire(armed.folder.clone());
            let fired = guard_step(link, &mut self.host.sink, step, login, operation).await;
            match fired {
                Ok(landed) => {
                    let report = GuardReport::of(&landed.outcome);
                    self.tell_fired(&armed.login, report, "a task of the block failed").await;
                }
                Err(LinkError::Journal(_)) => return Err(Stop::Cancelled),
                Err(error) => {
                    self.abandon();
                    return self.recover(guarding, error.to_string()).await;
                }
            }
        }
        Ok(())
    }

    /// The host is lost, or does not let anybody in: waits until its guard has fired and tells so. A guard that
    /// still waits when the host is reached again is fired at once.
    async fn recover(&mut self, guarding: Guarding, why: String) -> Result<(), Stop> {
        let run = self.run;
        let until = guarding.until() + RESTORING;
        let mut last = None;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let attempt = tokio::select! {
                attempt = tokio::time::timeout(left, self.ask(&guarding, Guard::Fire)) => Some(attempt),
                () = run.cancel.reached(1) => None,
            };
            let Some(attempt) = attempt else {
                self.host.sink.host_event(EventKind::Warning { message: guarding.hint() }).await;
                return Err(Stop::Cancelled);
            };
            match attempt {
                Ok(Ok(Found::Confirmed)) => return Ok(()),
                Ok(Ok(Found::Fired(reports))) => {
                    let complete = reports.iter().all(|(_, report)| report.is_complete());
                    for (login, report) in reports {
                        self.tell_fired(&login, report, &why).await;
                    }
                    let message = format!("its guard undid the block at `{}`: {why}", guarding.place);
                    return Err(Stop::Undone { message, complete });
                }
                Ok(Ok(Found::Armed)) => {}
                Ok(Err(LinkError::Journal(_))) => return Err(Stop::Cancelled),
                Ok(Err(error)) => last = Some(error.to_string()),
                Err(_) => break,
            }
            tokio::time::sleep(PAUSE.min(left)).await;
        }
        let message = last
            .filter(|last| !why.contains(last.as_str()))
            .map_or(why.clone(), |last| format!("{why}; then: {last}"));
        Err(Stop::Unreachable { message, hint: Some(guarding.hint()) })
    }

    /// Does something with every guard over a new connection. All shells are opened before the first one is asked.
    async fn ask(&mut self, guarding: &Guarding, action: fn(String) -> Guard) -> Result<Found, LinkError> {
        let mut link = guarding.link.as_ref().ok_or(LinkError::Closed)?.again();
        link.connect().await?;
        for armed in &guarding.armed {
            link.shell(&armed.login, armed.password.as_ref()).await?;
        }
        let mut reports = Vec::new();
        for armed in &guarding.armed {
            let step = self.next_step();
            let login = (&armed.login, armed.password.as_ref());
            // A guard that fired is only asked: another one of the block must not be confirmed any more.
            let fired = reports.iter().any(|(_, report): &(Login, GuardReport)| report.state == "fired");
            let action = if fired { Guard::Fire } else { action };
            let operation = action(armed.folder.clone());
            let landed = guard_step(&mut link, &mut self.host.sink, step, login, operation).await?;
            reports.push((armed.login.clone(), GuardReport::of(&landed.outcome)));
        }
        link.close(false).await;
        let all = |state: &str| reports.iter().all(|(_, report)| report.state == state);
        if all("confirmed") {
            return Ok(Found::Confirmed);
        }
        if reports.iter().all(|(_, report)| report.state != "fired" || report.done) && !all("armed") {
            return Ok(Found::Fired(reports));
        }
        Ok(Found::Armed)
    }

    /// Tells what a guard restored. Its points need no second restore.
    async fn tell_fired(&mut self, login: &Login, report: GuardReport, reason: &str) {
        let event = EventKind::GuardFired { points: report.restored.len() as u64, reason: reason.to_owned() };
        self.host.sink.host_event(event).await;
        if !report.is_complete() {
            let problem = report.problem.as_deref().unwrap_or("it does not say that it is done");
            let message = format!("the guard did not restore everything: {problem}");
            self.host.sink.host_event(EventKind::Warning { message }).await;
        }
        for point in report.restored {
            let number = point.number;
            self.host.left.points.retain(|(saver, saved)| saver != login || saved.number != number);
            let Point { number, kind, path } = point;
            let event = EventKind::PointRestored { point: number, covers: kind, path };
            self.host.sink.host_event(event).await;
        }
    }
}

/// Runs one operation on a guard and waits for it.
async fn guard_step(
    link: &mut Link,
    sink: &mut Sink,
    step: u64,
    (login, password): (&Login, Option<&SecretString>),
    operation: Guard,
) -> Result<Landed, LinkError> {
    let task: Arc<str> = "guard".into();
    let (module, at) = ("guard".to_owned(), Position::default());
    let label = StepLabel { task: task.clone(), module, item: None, hidden: false, at };
    let ticket = Ticket { slot: step, item: 0 };
    let mut pipeline = Pipeline::default();
    let (mode, operation) = (Mode::default(), Box::new(operation));
    pipeline.push(Flight::new(ticket, step, label, operation, mode, Group::Alone, String::new()));
    let shell = link.shell(login, password).await?;
    let landed = match pipeline.next(shell, sink).await? {
        Some(Next::Landed(landed)) => *landed,
        Some(Next::Outside(_)) | None => return Err(LinkError::Closed),
    };
    let failed = landed.outcome.failed;
    let message = landed.outcome.result.get("msg").and_then(|msg| msg.as_str()).map(str::to_owned);
    let event = EventKind::StepFinished {
        status: if failed { Status::Failed } else { Status::Ok },
        changed: false,
        rc: None,
        duration_ms: landed.duration_ms,
        item: None,
        message: message.filter(|_| failed),
        diff: None,
    };
    sink.step_finished(step, &task, event).await;
    Ok(landed)
}
