//! Steps sent ahead of their results to one remote shell.
//!
//! Steps go out in order and land in order. When one does not end well, or its operation has more to
//! say ([`Progress::Again`]), the host holds back the later ones of the same epoch; here they are
//! marked as unsent, and go out again under the next epoch unless the worker discards them first.
//! Nothing is sent while a result waits to be looked at, so a failure is always seen before more work.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use paceline_remote::{CloseReason, Group, ShellEvent, Step};

use super::landed::{Carried, Landed, Ticket};
use super::lease;
use super::link::{LinkError, OpenShell};
use super::sink::{Sink, StepLabel};
use crate::operation::{Mode, Operation, Payload, Program, Progress, Reply, SessionText, probe_ahead};
use crate::shell::{self, Platform};

/// Steps that may be ahead of their results.
const STEPS_AHEAD: usize = 64;
/// Bytes that may be ahead of their results.
const BYTES_AHEAD: usize = 256 * 1024;
/// Output of one step that is kept in memory: a little more than may be registered, so that a value that
/// is too large is seen to be.
const OUTPUT_KEPT: usize = 17 * 1024 * 1024;
/// Exit status of a step about which the controller decides.
const DECIDE: i32 = 75;
/// Time that a step may take beyond its own limit before the controller intervenes.
const GRACE: Duration = Duration::from_secs(20);

/// A step on its way.
pub(super) struct Flight {
    pub ticket: Ticket,
    pub step: u64,
    pub label: StepLabel,
    pub operation: Box<dyn Operation>,
    pub mode: Mode,
    pub group: Group,
    /// Statements that export `environment`; empty for none.
    pub exports: String,
    task_limit: Option<Duration>,
    program: Program,
    reply: Reply,
    wire: Option<u64>,
    epoch: u64,
    announced: bool,
    sent: Option<Instant>,
    begun: Option<Instant>,
    content_sent: bool,
    /// How many programs of the operation began before this one.
    programs: u64,
    /// What an attempt that was cut off has done, for a step that is repeated.
    carried: Option<Carried>,
    /// Whether the operation had more to say than its first program.
    asked: bool,
}

/// What comes next out of a pipeline.
pub(super) enum Next {
    /// A step is over.
    Landed(Box<Landed>),
    /// A program that does not run in the remote shell is due: the worker runs it and hands the
    /// reply to [`Pipeline::resume`].
    Outside(Box<Flight>),
}

impl Flight {
    pub(super) fn new(
        ticket: Ticket,
        step: u64,
        label: StepLabel,
        mut operation: Box<dyn Operation>,
        mode: Mode,
        group: Group,
        exports: String,
    ) -> Self {
        let program = operation.first(mode);
        Self {
            ticket,
            step,
            label,
            operation,
            mode,
            group,
            exports,
            task_limit: None,
            program,
            reply: Reply::default(),
            wire: None,
            epoch: 0,
            announced: false,
            sent: None,
            begun: None,
            content_sent: false,
            programs: 0,
            carried: None,
            asked: false,
        }
    }

    /// Goes on with a program that is not the operation's first one, because `programs` of them are over.
    pub(super) fn continued(mut self, program: Program, programs: u64) -> Self {
        (self.program, self.programs, self.asked) = (program, programs, true);
        self
    }

    /// Adds what an attempt that was cut off has done.
    pub(super) fn carrying(mut self, carried: Carried) -> Self {
        let points: Vec<u64> = carried.points.iter().map(|point| point.number).collect();
        self.program.text.insert_str(0, &SessionText(self.mode.platform).sweep(&points));
        self.carried = Some(carried);
        self
    }

    /// Ends the step after `timeout`, unless its program has a shorter limit of its own.
    pub(super) fn limit(&mut self, timeout: Option<Duration>) {
        self.task_limit = timeout;
        self.program.timeout = match (self.program.timeout, timeout) {
            (Some(own), Some(task)) => Some(own.min(task)),
            (own, task) => own.or(task),
        };
    }

    /// The text of the program, with what sets its environment in front.
    fn text(&self) -> String {
        match self.mode.platform {
            Platform::Posix => shell::with_environment(&self.exports, &self.program.text),
            Platform::Windows => [self.exports.as_str(), &self.program.text].concat(),
        }
    }

    /// Announces the step, once.
    pub(super) async fn announce(&mut self, sink: &mut Sink) {
        if !std::mem::replace(&mut self.announced, true) {
            sink.step_started(self.step, &self.label).await;
        }
    }

    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    /// Tells whether the program runs outside the remote shell.
    fn is_outside(&self) -> bool {
        self.program.raw || self.program.tcp.is_some()
    }

    fn bytes(&self) -> usize {
        self.program.text.len() + self.program.payload.as_ref().map_or(0, |payload| payload.bytes().len())
    }
}

/// What waiting for a host came to.
pub(super) enum Waited {
    /// What comes next; nothing, if that is the end.
    Next(Option<Box<Next>>),
    /// It was to be stopped. Nothing was lost: waiting may go on.
    Stopped,
}

/// The steps of one host on their way to one shell.
#[derive(Default)]
pub(super) struct Pipeline {
    flights: VecDeque<Flight>,
    landed: VecDeque<Landed>,
    wires: u64,
    epoch: u64,
    item_failed: bool,
    stopping: bool,
}

impl Pipeline {
    /// Takes a step to be sent; after [`Self::stop`] it is forgotten at once.
    pub(super) fn push(&mut self, flight: Flight) {
        if !self.stopping {
            self.flights.push_back(flight);
        }
    }

    /// Tells whether nothing is on its way and nothing waits to be looked at.
    pub(super) fn is_idle(&self) -> bool {
        self.flights.is_empty() && self.landed.is_empty()
    }

    /// Tells whether a result waits to be looked at.
    pub(super) fn has_landed(&self) -> bool {
        !self.landed.is_empty()
    }

    /// Tells whether enough is ahead.
    pub(super) fn is_full(&self) -> bool {
        self.flights.len() >= STEPS_AHEAD
            || self.flights.iter().map(Flight::bytes).sum::<usize>() >= BYTES_AHEAD
    }

    /// Forgets the steps of this task and of all later ones; the host does not run them.
    pub(super) fn discard_from(&mut self, slot: u64) {
        self.flights.retain(|flight| flight.ticket.slot < slot);
        self.landed.retain(|landed| landed.ticket.slot < slot);
    }

    /// Forgets everything after a lost shell and returns the steps that may have been running.
    pub(super) fn abandon(&mut self) -> Vec<(Ticket, u64, bool)> {
        self.landed.clear();
        self.wires = 0;
        self.epoch = 0;
        self.item_failed = false;
        self.flights.drain(..).map(|flight| (flight.ticket, flight.step, flight.begun.is_some())).collect()
    }

    /// Sends what is unsent. Intents are durable in the journal before the host gets a step. A step has its number
    /// exactly when the host gets it: there is no wait between the two.
    pub(super) async fn flush(&mut self, shell: &mut OpenShell, sink: &mut Sink) -> Result<(), LinkError> {
        loop {
            let sendable = self.sendable();
            let unsent = self.flights.iter().take(sendable).any(|flight| flight.wire.is_none());
            if !unsent || !self.landed.is_empty() {
                return Ok(());
            }
            let mut changes = false;
            for flight in self.flights.iter_mut().take(sendable).filter(|flight| flight.wire.is_none()) {
                changes |= !flight.mode.check;
                flight.announce(sink).await;
            }
            if changes {
                sink.commit().await?;
            }
            let steps = self.number(sendable, shell);
            if shell.handle.send_all(steps).await.is_err() {
                return Err(self.why_closed(shell, sink).await);
            }
        }
    }

    /// Numbers what is unsent and makes steps of it.
    fn number(&mut self, sendable: usize, shell: &mut OpenShell) -> Vec<Step> {
        self.wires = self.wires.max(shell.sent.0);
        self.epoch = self.epoch.max(shell.sent.1);
        let mut looks = self.looks(sendable).into_iter();
        let mut steps = Vec::new();
        for flight in self.flights.iter_mut().take(sendable).filter(|flight| flight.wire.is_none()) {
            self.wires += 1;
            flight.wire = Some(self.wires);
            flight.epoch = self.epoch;
            flight.sent = Some(Instant::now());
            flight.content_sent |= flight.program.content;
            let mut text = looks.next().unwrap_or_default();
            text.push_str(&flight.text());
            steps.push(Step {
                id: self.wires,
                epoch: self.epoch + 1,
                text,
                payload: flight.program.payload.clone().map(shared_bytes),
                timeout: flight.program.timeout,
                group: flight.group,
                name: Some(format!("{}.{}", flight.step, flight.programs + 1)),
            });
        }
        shell.sent = (self.wires, self.epoch);
        steps
    }

    /// A shell that takes no more has said why.
    async fn why_closed(&mut self, shell: &mut OpenShell, sink: &mut Sink) -> LinkError {
        while let Some(event) = shell.events.recv().await {
            if let Err(error) = self.take(event, sink).await {
                return error;
            }
        }
        LinkError::Closed
    }

    /// For each unsent step, the text in front of it that reads ahead what it and the steps behind it look at.
    /// Steps that will probably write are not worth it: what was read holds only until something changes.
    fn looks(&self, sendable: usize) -> Vec<String> {
        let unsent = self.flights.iter().take(sendable).filter(|flight| flight.wire.is_none());
        let paths: Vec<Vec<String>> = unsent
            .map(|flight| {
                let posix = flight.mode.platform == Platform::Posix;
                if flight.mode.eager || flight.asked || !posix {
                    Vec::new()
                } else {
                    flight.operation.looks_at()
                }
            })
            .collect();
        let mut looks = Vec::with_capacity(paths.len());
        for row in paths.chunk_by(|one, next| one.is_empty() == next.is_empty()) {
            looks.push(probe_ahead(row).map_or_else(String::new, |text| text + "\n"));
            looks.resize(looks.len() + row.len() - 1, String::new());
        }
        looks
    }

    /// Sends nothing more; steps that the host holds back are forgotten.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        self.flights.retain(|flight| flight.wire.is_some());
    }

    /// Tells whether nothing more is sent.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// How many of the steps may be on the host now: those in front of the first one that runs outside
    /// the shell, and behind a failed item only the rest of its loop.
    fn sendable(&self) -> usize {
        if self.stopping {
            return 0;
        }
        let inside = self.flights.iter().take_while(|flight| !flight.is_outside()).count();
        let last = self.flights.iter().position(|flight| flight.group == Group::LastItem);
        match last {
            Some(last) if self.item_failed => inside.min(last + 1),
            _ => inside,
        }
    }

    /// Returns what comes next (nothing, if that is the end), if no shell is needed for it.
    pub(super) fn next_without_shell(&mut self) -> Option<Option<Next>> {
        if let Some(landed) = self.landed.pop_front() {
            return Some(Some(Next::Landed(Box::new(landed))));
        }
        match self.flights.front() {
            None => Some(None),
            Some(front) if front.is_outside() => {
                Some(self.flights.pop_front().map(|flight| Next::Outside(Box::new(flight))))
            }
            Some(_) => None,
        }
    }

    /// Returns what comes next. Sends what is unsent first.
    pub(super) async fn next(
        &mut self,
        shell: &mut OpenShell,
        sink: &mut Sink,
    ) -> Result<Option<Next>, LinkError> {
        match self.next_until(shell, sink, std::future::pending()).await? {
            Waited::Next(next) => Ok(next.map(|next| *next)),
            Waited::Stopped => Ok(None),
        }
    }

    /// Returns what comes next, or that `stop` happened while the host was waited for. What the host has said is
    /// taken to its end, and what is being sent is sent, so nothing is lost by stopping.
    pub(super) async fn next_until(
        &mut self,
        shell: &mut OpenShell,
        sink: &mut Sink,
        stop: impl Future<Output = ()>,
    ) -> Result<Waited, LinkError> {
        let mut stop = std::pin::pin!(stop);
        loop {
            if let Some(next) = self.next_without_shell() {
                return Ok(Waited::Next(next.map(Box::new)));
            }
            self.flush(shell, sink).await?;
            if self.landed.is_empty() {
                let limit = self.intervene_at();
                let event = tokio::select! {
                    biased;
                    () = &mut stop => return Ok(Waited::Stopped),
                    event = shell.events.recv() => event.ok_or(LinkError::Closed)?,
                    () = sleep_until(limit) => return Err(LinkError::TimedOut),
                };
                self.take(event, sink).await?;
            }
        }
    }

    /// When the step in front has outlived its own time limit by so much that the host's watcher
    /// cannot be trusted any more.
    fn intervene_at(&self) -> Option<Instant> {
        let front = self.flights.front()?;
        Some(front.begun? + front.program.timeout? + GRACE)
    }

    async fn take(&mut self, event: ShellEvent, sink: &mut Sink) -> Result<(), LinkError> {
        let wire = match &event {
            ShellEvent::Closed(CloseReason::Fenced(why)) => return Err(lease::fenced(why)),
            ShellEvent::Closed(reason) => return Err(LinkError::Lost(reason.to_string())),
            ShellEvent::Started { step }
            | ShellEvent::Value { step, .. }
            | ShellEvent::Blob { step, .. }
            | ShellEvent::Output { step, .. }
            | ShellEvent::CommandEnded { step, .. }
            | ShellEvent::Finished { step, .. }
            | ShellEvent::Skipped { step } => *step,
        };
        let Some(index) = self.flights.iter().position(|flight| flight.wire == Some(wire)) else {
            return Ok(());
        };
        let flight = &mut self.flights[index];
        match event {
            ShellEvent::Started { .. } => flight.begun = Some(Instant::now()),
            ShellEvent::Value { name, text, .. } => flight.reply.values.push((name, text)),
            ShellEvent::Blob { name, bytes, .. } => flight.reply.blobs.push((name, bytes)),
            ShellEvent::Output { stderr, bytes, .. } => {
                let kept = if stderr { &mut flight.reply.stderr } else { &mut flight.reply.stdout };
                let room = (OUTPUT_KEPT + 1).saturating_sub(kept.len());
                kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
                sink.output(&flight.label, stderr, &bytes).await;
            }
            ShellEvent::CommandEnded { rc, timed_out, dropped, .. } => {
                flight.reply.rc = Some(rc);
                flight.reply.timed_out = timed_out;
                flight.reply.dropped += dropped;
            }
            ShellEvent::Finished { status, .. } => self.finished(index, status, sink).await,
            ShellEvent::Skipped { .. } if self.stopping => {
                self.flights.remove(index);
            }
            ShellEvent::Skipped { .. } => {
                // Held back although its epoch was thought to be good: only a new one helps.
                if flight.epoch == self.epoch {
                    self.epoch += 1;
                }
                flight.wire = None;
            }
            ShellEvent::Closed(_) => {}
        }
        Ok(())
    }

    /// Takes the reply to a program that the worker ran outside the shell.
    pub(super) async fn resume(&mut self, flight: Flight, mut reply: Reply, sink: &mut Sink) {
        let status = reply.status;
        self.flights.push_front(flight);
        if let Some(flight) = self.flights.front_mut() {
            std::mem::swap(&mut flight.reply, &mut reply);
        }
        self.finished(0, status, sink).await;
    }

    async fn finished(&mut self, index: usize, status: i32, sink: &mut Sink) {
        let flight = &mut self.flights[index];
        let mut reply = std::mem::take(&mut flight.reply);
        reply.status = status;
        if let Some(since) = flight.begun.or(flight.sent) {
            reply.duration_ms = since.elapsed().as_millis() as u64;
        }
        sink.output_ended(flight.step, &flight.label, reply.dropped).await;
        reply.limit = flight.program.timeout;
        let (rc, duration_ms) = (reply.rc, reply.duration_ms);
        let tail = tail(&reply);
        match flight.operation.next(reply, flight.mode) {
            Progress::Again(_) if self.stopping => {
                // Nothing more is sent: the step goes on when the run is resumed, from what the host noted of it.
                self.flights.remove(index);
            }
            Progress::Again(program) => {
                let wanted = program.content && !flight.mode.eager;
                flight.program = program;
                flight.programs += 1;
                flight.asked = true;
                flight.limit(flight.task_limit);
                self.next_epoch(index);
                if wanted {
                    self.expect_missing(index + 1);
                }
            }
            Progress::Done(mut outcome) => {
                let Some(mut flight) = self.flights.remove(index) else { return };
                if let Some(carried) = flight.carried.take() {
                    carried.add_to(&mut outcome);
                }
                match flight.group {
                    Group::Alone => {
                        if status != 0 {
                            self.next_epoch(index);
                        }
                    }
                    // The host holds back the rest of the loop too when the controller had to decide.
                    Group::Item if status == DECIDE => self.next_epoch(index),
                    Group::Item => self.item_failed |= status != 0,
                    Group::LastItem => {
                        if status != 0 || std::mem::take(&mut self.item_failed) {
                            self.next_epoch(index);
                        }
                    }
                }
                self.landed.push_back(Landed {
                    ticket: flight.ticket,
                    step: flight.step,
                    at: flight.label.at,
                    outcome,
                    rc,
                    duration_ms,
                    tail,
                    irreversible: flight.operation.irreversible(),
                    wanted_content: flight.content_sent && !flight.mode.eager,
                });
            }
        }
    }

    /// Content was missing on the host: what comes behind is probably missing too, and small content
    /// goes out with its step instead of being asked for.
    fn expect_missing(&mut self, from: usize) {
        for flight in self.flights.iter_mut().skip(from).filter(|flight| !flight.asked && !flight.mode.eager)
        {
            flight.mode.eager = true;
            flight.program = flight.operation.first(flight.mode);
            flight.limit(flight.task_limit);
        }
    }

    /// The host holds back everything from `index` on: it has to be sent again.
    fn next_epoch(&mut self, index: usize) {
        self.epoch += 1;
        if self.stopping {
            self.flights.truncate(index);
        }
        for flight in self.flights.iter_mut().skip(index) {
            flight.wire = None;
            flight.begun = None;
        }
    }
}

async fn sleep_until(limit: Option<Instant>) {
    match limit {
        Some(limit) => tokio::time::sleep_until(limit.into()).await,
        None => std::future::pending().await,
    }
}

/// Takes the last lines of a command's output: standard error if there is any, else standard output.
pub(super) fn tail(reply: &Reply) -> Vec<String> {
    const LINES: usize = 10;
    const BYTES: usize = 4096;
    let bytes = if reply.stderr.is_empty() { &reply.stdout } else { &reply.stderr };
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(BYTES)..]).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

fn shared_bytes(payload: Payload) -> Arc<dyn AsRef<[u8]> + Send + Sync> {
    match payload {
        Payload::Content(content) => content,
        Payload::Bytes(bytes) => Arc::new(bytes),
    }
}
