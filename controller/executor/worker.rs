//! Takes one host through the tasks of a play.
//!
//! The worker interprets tasks in order and hands their steps to the [`Pipeline`] without waiting for
//! results. It waits where it has to know: a registered value that is read, a verdict of
//! `failed_when`, `until`, a block with `rescue`, another user, a barrier of the wave. Tasks are
//! over, and their events are emitted, strictly in order; when one fails, the later ones that were
//! already sent are forgotten (the host holds them back by itself).

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::SemaphorePermit;

use super::context::{PlayContext, RunContext};
use super::delegate::{Away, Delegate};
use super::desk::{Desk, Seat};
use super::ending::worse;
use super::evaluate::{EvaluateError, Evaluator, Item, Settled};
use super::event::HostStatus;
use super::failure::Left;
use super::guard::Guarding;
use super::include::{Chosen, Frame};
use super::landed::Landed;
use super::link::{Link, LinkError};
use super::pipeline::{Next, Pipeline, Waited};
use super::replay::HostReplay;
use super::sink::Sink;
use super::slot::{ItemResult, Slot};
use super::wave::{Ordinal, Wave, WaveStop};
use crate::inventory::HostName;
use crate::plan::{CompiledBlock, CompiledEntry, CompiledGuard, CompiledTask, HostValues, Login};

/// How long to wait before another host's value is looked at again.
const ELSEWHERE: Duration = Duration::from_millis(5);

/// Why a worker stops in front of the end of its play.
#[derive(Debug)]
pub(super) enum Stop {
    /// A task failed; a rescue may take over.
    Failed,
    /// The `run_once` task failed on the host that ran it for all. As in Ansible no rescue takes over here.
    FailedElsewhere,
    /// The host cannot be worked on.
    Unreachable { message: String, hint: Option<String> },
    /// It is not known whether a step ran that must not run twice.
    InDoubt { message: String, hint: String },
    /// Another run holds the host, or took it over.
    Held { message: String, hint: Option<String> },
    /// `meta: end_host`.
    EndHost,
    /// The guard of a block undid it, and the host is not worked on any further.
    Undone { message: String, complete: bool },
    /// The wave ends: failure budget, `end_play`, `end_batch`.
    Wave,
    /// The run is cancelled, or the journal cannot be written.
    Cancelled,
}

/// How a host stands between plays.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Condition {
    /// It takes part.
    #[default]
    Active,
    /// A task failed.
    Failed,
    /// It cannot be reached.
    Unreachable,
    /// Another run holds it.
    Held,
    /// It is not known what a step did.
    InDoubt,
    /// A task failed, and what the run did was restored.
    RolledBack,
    /// A task failed, and not everything could be restored.
    RollbackFailed,
    /// It was stopped in front of its end.
    Cancelled,
    /// It was stopped in front of its end, because others failed.
    Stopped,
}

impl Condition {
    /// How a host stands that is left as it ended.
    pub(super) fn left(status: Option<HostStatus>) -> Self {
        match status {
            Some(HostStatus::Failed) => Self::Failed,
            Some(HostStatus::Unreachable) => Self::Unreachable,
            Some(HostStatus::RolledBack) => Self::RolledBack,
            Some(HostStatus::RollbackFailed) => Self::RollbackFailed,
            Some(HostStatus::Held) => Self::Held,
            Some(HostStatus::InDoubt) => Self::InDoubt,
            Some(HostStatus::Ok | HostStatus::Cancelled) | None => Self::Stopped,
        }
    }
}

/// What outlives a play.
pub(super) struct HostState {
    pub name: HostName,
    pub learned: Arc<RwLock<HostValues>>,
    pub link: Option<Link>,
    pub sink: Sink,
    pub condition: Condition,
    pub steps: u64,
    /// What the run has left on it.
    pub left: Left,
    /// Whether a task changed it, or would.
    pub changed: bool,
    /// Whether small content is sent without asking for the digest first.
    pub eager: bool,
    /// Whether its end was told.
    pub ended: bool,
    /// What earlier incarnations left of it, in a resumed run.
    pub replay: Option<Arc<HostReplay>>,
    /// Where its session is while others may use it, and the right to it.
    pub desk: Desk,
    pub seat: Option<Seat>,
}

impl HostState {
    /// Closes the connection in order, once what came over it is written down.
    pub(super) async fn part(&mut self) {
        if let Some(mut link) = self.link.take() {
            let safe = self.sink.written().await.is_ok();
            link.close(safe).await;
        }
    }
}

pub(super) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, Stop>> + Send + 'a>>;

/// One host in one wave.
pub(super) struct Worker<'a> {
    pub(super) run: &'a RunContext,
    pub(super) play: &'a PlayContext,
    pub(super) wave: &'a Wave,
    pub(super) order: &'a [Arc<str>],
    pub(super) host: HostState,
    pub(super) pipeline: Pipeline,
    pub(super) slots: VecDeque<Slot>,
    pub(super) next_slot: u64,
    pub(super) login: Login,
    pub(super) notified: BTreeSet<usize>,
    pub(super) rescue_depth: usize,
    /// The guard of the block that the host is in.
    pub(super) guard: Option<Guarding>,
    pub(super) in_handlers: bool,
    /// Whether what runs now runs even when the host or the wave has failed: `always`, forced handlers.
    pub(super) finishing: bool,
    pub(super) permit: Option<SemaphorePermit<'a>>,
    /// How often the host came to each task so far, by their keys.
    pub(super) passes: HashMap<u64, usize>,
    /// Logins whose guards of earlier incarnations were looked after.
    pub(super) settled_guards: Vec<Login>,
    /// The loop item and the attempt that are at work, for the position of their steps.
    pub(super) item: usize,
    pub(super) attempt: usize,
    /// Who does the item at work, and the seat there.
    pub(super) toward: Option<Delegate>,
    pub(super) away: Option<Away>,
    /// The includes that the host is in, from the outside in.
    pub(super) frames: Vec<Frame>,
    /// What the include at work stands for, before its tasks run.
    pub(super) chosen: Vec<Chosen>,
    /// What stands in front of the ordinals of tasks: nothing outside of includes.
    pub(super) prefix: Ordinal,
    /// Roles that `include_role` brought, by address, the latest one last.
    pub(super) brought: Vec<usize>,
    /// Roles that `include_role` used, each with its variables.
    pub(super) ran_roles: HashSet<String>,
    /// The role that `meta: end_role` ended, by address.
    pub(super) ended_role: Option<usize>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        run: &'a RunContext,
        play: &'a PlayContext,
        wave: &'a Wave,
        order: &'a [Arc<str>],
        host: HostState,
    ) -> Self {
        Self {
            run,
            play,
            wave,
            order,
            host,
            pipeline: Pipeline::default(),
            slots: VecDeque::new(),
            next_slot: 0,
            login: Login::Plain,
            notified: BTreeSet::new(),
            rescue_depth: 0,
            guard: None,
            in_handlers: false,
            finishing: false,
            permit: None,
            passes: HashMap::new(),
            settled_guards: Vec::new(),
            item: 0,
            attempt: 0,
            toward: None,
            away: None,
            frames: Vec::new(),
            chosen: Vec::new(),
            prefix: Ordinal::new(),
            brought: Vec::new(),
            ran_roles: HashSet::new(),
            ended_role: None,
        }
    }

    pub(super) fn key(&self) -> &Arc<str> {
        &self.host.name.0
    }

    pub(super) fn evaluator(&self) -> Evaluator<'_> {
        Evaluator {
            run: self.run,
            play: self.play,
            host: &self.host.name,
            learned: &self.host.learned,
            on: self.toward.as_ref(),
            frames: self.frame_vars(),
            brought: Some(&self.brought),
        }
    }

    /// Takes the host through the play.
    pub(super) async fn run(mut self) -> HostState {
        self.host.learned.write().unwrap_or_else(PoisonError::into_inner).roles.clear();
        let mut result = self.acquire().await;
        self.host.take_desk().await;
        if result.is_ok() {
            result = self.sections().await;
        }
        if matches!(result, Err(Stop::EndHost | Stop::Wave))
            && let Err(stop) = self.drain().await
        {
            // What was sent ahead is over before the host leaves: its results count, and its shell is used again.
            result = Err(stop);
        }
        if self.play.force_handlers && self.gave_up(&result) {
            let flush = self.play.compiled.sections.last().map_or(0, |section| section.flush);
            self.finishing = true;
            let after = self.flush_handlers(flush).await;
            result = worse(result, after);
        }
        self.end(result).await;
        self.wave.leave(&self.host.name.0);
        self.host
    }

    async fn sections(&mut self) -> Result<(), Stop> {
        for section in &self.play.compiled.sections {
            self.entries(&section.entries).await?;
            self.drain().await?;
            self.flush_handlers(section.flush).await?;
        }
        Ok(())
    }

    /// Waits until this host may be at work.
    pub(super) async fn acquire(&mut self) -> Result<(), Stop> {
        if self.permit.is_none() {
            let run = self.run;
            self.permit = tokio::select! {
                permit = run.permits.acquire() => permit.ok(),
                () = run.cancel.reached(1) => return Err(Stop::Cancelled),
            };
        }
        self.may_go_on()
    }

    /// Checks whether another task may start.
    fn may_go_on(&self) -> Result<(), Stop> {
        if self.run.cancel.level() > 0 {
            return Err(Stop::Cancelled);
        }
        match self.wave.stopped() {
            None => Ok(()),
            Some(WaveStop::Budget { .. }) if self.finishing => Ok(()),
            Some(_) => Err(Stop::Wave),
        }
    }

    pub(super) fn entries<'s>(&'s mut self, entries: &'s [CompiledEntry]) -> Work<'s, ()> {
        Box::pin(async move {
            for entry in entries {
                if self.is_over(entry) {
                    continue;
                }
                match entry {
                    CompiledEntry::Task(task) => self.task(task).await?,
                    CompiledEntry::Block(block) => match &block.guard {
                        Some(guard) => self.guarded_block(block, guard).await?,
                        None => self.parts(block).await?,
                    },
                }
            }
            Ok(())
        })
    }

    /// Whether `meta: end_role` ended the role of a task.
    fn is_over(&mut self, entry: &CompiledEntry) -> bool {
        let (Some(ended), CompiledEntry::Task(task)) = (self.ended_role, entry) else { return false };
        let same = task.role.as_ref().is_some_and(|role| Arc::as_ptr(role).addr() == ended);
        if !same {
            self.ended_role = None;
        }
        same
    }

    // Includes and blocks may be many levels deep. What is polled on the way down are futures on the heap, made by functions that
    // are over by then, so that a level takes little of the stack.

    fn guarded_block<'s>(&'s mut self, block: &'s CompiledBlock, guard: &'s CompiledGuard) -> Work<'s, ()> {
        Box::pin(self.guarded(block, guard))
    }

    /// Waits until every step is over, as [`Self::drain`] does.
    pub(super) fn drained(&mut self) -> Work<'_, ()> {
        Box::pin(self.drain())
    }

    /// Runs a block with `rescue` or `always`.
    pub(super) fn parts<'s>(&'s mut self, block: &'s CompiledBlock) -> Work<'s, ()> {
        Box::pin(self.run_parts(block))
    }

    async fn run_parts(&mut self, block: &CompiledBlock) -> Result<(), Stop> {
        self.drained().await?;
        let rescuing = usize::from(!block.rescue.is_empty());
        self.rescue_depth += rescuing;
        let mut result = self.entries(&block.entries).await;
        if result.is_ok() {
            result = self.drained().await;
        }
        self.rescue_depth -= rescuing;
        if matches!(result, Err(Stop::Failed)) && rescuing == 1 {
            result = self.entries(&block.rescue).await;
            if result.is_ok() {
                result = self.drained().await;
            }
        }
        if result.is_ok() || self.gave_up(&result) {
            let was_finishing = std::mem::replace(&mut self.finishing, true);
            let mut after = self.entries(&block.always).await;
            if after.is_ok() {
                after = self.drained().await;
            }
            self.finishing = was_finishing;
            result = worse(result, after);
        }
        result
    }

    /// Comes to a task: meets the other hosts if need be, then starts it.
    fn task<'s>(&'s mut self, task: &'s Arc<CompiledTask>) -> Work<'s, ()> {
        let mut ordinal = self.prefix.clone();
        ordinal.push(task.ordinal);
        Box::pin(self.start(task, ordinal))
    }

    pub(super) async fn start(&mut self, task: &Arc<CompiledTask>, ordinal: Ordinal) -> Result<(), Stop> {
        let begun = self.begin(task, &ordinal).await;
        if begun.is_err() {
            self.chosen.clear();
        }
        begun?;
        if !task.bodies.is_empty() {
            return self.go_through(task, &ordinal).await;
        }
        // What follows may ask whether there is a fact: no name tells beforehand that it is on its way.
        if task.task.module == "setup" { self.drained().await } else { Ok(()) }
    }

    fn begin<'s>(&'s mut self, task: &'s Arc<CompiledTask>, ordinal: &'s Ordinal) -> Work<'s, ()> {
        Box::pin(self.run_at(task, ordinal))
    }

    async fn run_at(&mut self, task: &Arc<CompiledTask>, ordinal: &Ordinal) -> Result<(), Stop> {
        self.may_go_on()?;
        if self.wave.lockstep || task.batch_barrier {
            self.drain().await?;
            self.meet(ordinal).await?;
        }
        if !task.is_delegated() {
            return self.settle_and_run(task, ordinal).await;
        }
        // Its result is told before others go on, who may be the delegate.
        self.host.leave_desk();
        let mut result = self.settle_and_run(task, ordinal).await;
        if result.is_ok() {
            result = self.drain().await;
        }
        if result.is_ok() {
            let mut behind = ordinal.clone();
            behind.last_mut().into_iter().for_each(|last| *last += 1);
            result = self.meet(&behind).await;
        }
        self.host.take_desk().await;
        result
    }

    /// Waits until no host of the wave is in front of `ordinal`. Meanwhile others may use the session.
    async fn meet(&mut self, ordinal: &Ordinal) -> Result<(), Stop> {
        self.host.leave_desk();
        self.wave.reach(self.key(), ordinal);
        self.permit = None;
        let (wave, run) = (self.wave, self.run);
        let met = tokio::select! {
            () = wave.all_at(ordinal) => Ok(()),
            () = run.cancel.reached(1) => Err(Stop::Cancelled),
        };
        let met = match met {
            Ok(()) => self.acquire().await,
            stop => stop,
        };
        self.host.take_desk().await;
        met
    }

    async fn settle_and_run(&mut self, task: &Arc<CompiledTask>, ordinal: &Ordinal) -> Result<(), Stop> {
        let settled = loop {
            match self.evaluator().settle(task) {
                Err(EvaluateError::Pending) => self.values_arrive().await?,
                other => break other,
            }
        };
        let settled = match settled {
            Ok(settled) => settled,
            Err(error) => return self.fail_at_once(task, error.to_string()).await,
        };
        match self.once(task) {
            Ok(true) => self.once_for_all(task, settled, ordinal).await?,
            Ok(false) => self.run_or_ignore(task, settled).await?,
            Err(error) => self.fail_at_once(task, error.to_string()).await?,
        }
        Ok(())
    }

    /// Opens a slot for a task that cannot even start, and fails it.
    async fn fail_at_once(&mut self, task: &Arc<CompiledTask>, message: String) -> Result<(), Stop> {
        let settled = Settled::plain(self.evaluator().name(task));
        let slot = self.open_slot(task, settled, None);
        slot.items.push(Item::default());
        slot.labels.push(None);
        slot.results.push(Some(ItemResult::failure(message)));
        self.close_slot();
        self.drain().await
    }

    /// Waits until every step is over and every task in front of an open one has ended.
    pub(super) async fn drain(&mut self) -> Result<(), Stop> {
        loop {
            self.commit().await?;
            if self.pipeline.is_idle() {
                // Steps that were sent ahead and taken back after Ctrl-C leave tasks without an end.
                let left = self.slots.iter().any(|slot| !slot.open);
                return if left { Err(Stop::Cancelled) } else { Ok(()) };
            }
            self.land().await?;
        }
    }

    /// Waits for values that are on their way: those of this host, or else those of another one.
    pub(super) async fn values_arrive(&mut self) -> Result<(), Stop> {
        if !self.pipeline.is_idle() || self.slots.front().is_some_and(Slot::is_complete) {
            return self.drain().await;
        }
        let seated = self.host.seat.is_some();
        self.host.leave_desk();
        let waited = tokio::select! {
            () = tokio::time::sleep(ELSEWHERE) => Ok(()),
            () = self.run.cancel.reached(1) => Err(Stop::Cancelled),
        };
        if seated {
            self.host.take_desk().await;
        }
        waited
    }

    /// Sends what waits and looks at results as long as too much is ahead.
    pub(super) async fn relieve(&mut self) -> Result<(), Stop> {
        while self.pipeline.is_full() || self.pipeline.has_landed() {
            self.land().await?;
            self.commit().await?;
        }
        Ok(())
    }

    /// Waits for one step and takes its result.
    pub(super) async fn land(&mut self) -> Result<(), Stop> {
        if let Some(landed) = self.fetch().await? {
            self.conclude(landed).await;
        }
        Ok(())
    }

    /// Waits for one step.
    pub(super) async fn fetch(&mut self) -> Result<Option<Landed>, Stop> {
        let run = self.run;
        let login = self.login.clone();
        let next = {
            let Some(link) = &mut self.host.link else { return Ok(None) };
            let mut stopping = self.pipeline.is_stopping();
            loop {
                let shell = match link.open(&login) {
                    Some(shell) => shell,
                    // `raw` needs none.
                    None => break self.pipeline.next_without_shell().ok_or(LinkError::Closed),
                };
                let stop = async {
                    match stopping {
                        false => run.cancel.reached(1).await,
                        true => std::future::pending().await,
                    }
                };
                let waited = tokio::select! {
                    waited = self.pipeline.next_until(shell, &mut self.host.sink, stop) => waited,
                    () = run.cancel.reached(2) => {
                        let _ = link.interrupt(&login).await;
                        return Err(Stop::Cancelled);
                    }
                };
                match waited {
                    Ok(Waited::Next(next)) => break Ok(next.map(|next| *next)),
                    Ok(Waited::Stopped) => {
                        stopping = true;
                        self.pipeline.stop();
                        let _ = link.hold(&login).await;
                    }
                    Err(error) => break Err(error),
                }
            }
        };
        match next {
            Ok(Some(Next::Landed(landed))) => Ok(Some(*landed)),
            Ok(Some(Next::Outside(flight))) => self.outside(*flight).await.map(|()| None),
            Ok(None) => Ok(None),
            Err(error) => {
                let error = match &self.host.link {
                    Some(link) => link.reason(error).await,
                    None => error,
                };
                Err(self.lost(error))
            }
        }
    }

    /// The connection is of no use any more.
    pub(super) fn lost(&mut self, error: LinkError) -> Stop {
        self.abandon();
        match error {
            LinkError::Journal(_) => Stop::Cancelled,
            LinkError::Held { message, hint } => Stop::Held { message, hint },
            error => Stop::Unreachable { message: error.to_string(), hint: error.hint() },
        }
    }

    /// Drops connection and steps at once.
    pub(super) fn abandon(&mut self) {
        self.pipeline.abandon();
        self.forget_slots();
        if let Some(mut link) = self.host.link.take() {
            link.abort();
        }
    }

    /// Ends the wave for all its hosts.
    pub(super) fn end_wave(&self, stop: WaveStop) {
        self.wave.end(stop);
    }
}
