//! What becomes of the events and the output of one host: the dispatcher and the host log.

use std::path::PathBuf;
use std::sync::Arc;

use super::context::RunContext;
use super::dispatcher::{Draft, Emitter, JournalFailed};
use super::event::{Event, EventKind};
use crate::hostlog::{HostLog, HostLogError, OutputStream};
use crate::inventory::HostName;
use crate::journal::{Kept, Position};
use crate::secrets::{Learned, Masks, Seal};

/// What is shown of a step.
#[derive(Clone, Debug)]
pub(super) struct StepLabel {
    pub task: Arc<str>,
    pub module: String,
    pub item: Option<String>,
    /// `no_log`: its output reaches nothing.
    pub hidden: bool,
    /// Where the step stands in the run.
    pub at: Position,
}

/// Events and output of one host.
pub(super) struct Sink {
    emitter: Emitter,
    host: Arc<str>,
    folder: Option<PathBuf>,
    masks: Masks,
    /// Secrets that become known during the run, and how many of them the masks hold.
    learned: Option<(Arc<Learned>, usize)>,
    log: Option<HostLog>,
    broken: bool,
    /// What seals results; without one nothing is kept for `resume`.
    seal: Option<Arc<Seal>>,
    /// Steps that came before those which are counted from 1 again.
    before: u64,
    /// The host that the steps are for, where it is another one.
    for_host: Option<Arc<str>>,
}

impl Sink {
    /// `folder` is where host logs go; without one there is none.
    pub(super) fn new(emitter: Emitter, host: Arc<str>, folder: Option<PathBuf>, masks: Masks) -> Self {
        Self {
            emitter,
            host,
            folder,
            masks,
            learned: None,
            log: None,
            broken: false,
            seal: None,
            before: 0,
            for_host: None,
        }
    }

    /// Hides what becomes known during the run as well.
    #[must_use]
    pub(super) fn learning(self, learned: Arc<Learned>) -> Self {
        Self { learned: Some((learned, 0)), ..self }
    }

    /// Takes what became known since it was looked last.
    fn refresh(&mut self) {
        let Some((learned, seen)) = &mut self.learned else { return };
        let count = learned.count();
        if *seen != count {
            *seen = count;
            self.masks = self.masks.and(&learned.masks());
            if let Some(log) = &mut self.log {
                log.set_masks(self.masks.clone());
            }
        }
    }

    /// Keeps results for `resume`, those with a secret in them sealed.
    #[must_use]
    pub(super) fn keeping(self, seal: Option<Arc<Seal>>) -> Self {
        Self { seal, ..self }
    }

    /// Where what another host does for this one goes.
    pub(super) fn of_other(&self, run: &RunContext, host: &HostName) -> Self {
        let other = Self::new(self.emitter.clone(), host.0.clone(), self.folder.clone(), self.masks.clone());
        let other = other.keeping(run.seal.clone());
        match &self.learned {
            Some((learned, _)) => other.learning(learned.clone()),
            None => other,
        }
    }

    /// From now on, steps are for this host.
    pub(super) fn works_for(&mut self, host: Option<Arc<str>>) {
        self.for_host = host;
    }

    /// From now on, steps are numbered behind so many others: a restore counts its own from 1.
    pub(super) fn number_behind(&mut self, steps: u64) {
        self.before = steps;
    }

    /// Closes the log's file until something is written again.
    pub(super) fn rest(&mut self) {
        self.log = None;
    }

    pub(super) async fn host_event(&mut self, kind: EventKind) {
        self.emit(None, None, kind).await;
    }

    pub(super) async fn task_event(&mut self, task: &Arc<str>, kind: EventKind) {
        self.emit(Some(task.clone()), None, kind).await;
    }

    pub(super) async fn step_event(&mut self, step: u64, task: &Arc<str>, kind: EventKind) {
        self.emit(Some(task.clone()), Some(step), kind).await;
    }

    pub(super) async fn step_started(&mut self, step: u64, label: &StepLabel) {
        let for_host = self.for_host.as_deref().map(str::to_owned);
        let kind =
            EventKind::StepStarted { item: label.item.clone(), module: label.module.clone(), for_host };
        let kept = self.keep(Kept::place(label.at), false);
        self.emit_kept(Some(label.task.clone()), Some(step), kind, kept).await;
    }

    pub(super) async fn step_finished(&mut self, step: u64, task: &Arc<str>, kind: EventKind) {
        self.emit(Some(task.clone()), Some(step), kind).await;
    }

    /// A step or task is over, and its result is kept; `hidden` for `no_log`.
    pub(super) async fn finished(
        &mut self,
        step: Option<u64>,
        task: &Arc<str>,
        kind: EventKind,
        kept: Kept,
        hidden: bool,
    ) {
        let kept = self.keep(kept, hidden);
        self.emit_kept(Some(task.clone()), step, kind, kept).await;
    }

    /// Seals what must not be read in passing.
    fn keep(&mut self, kept: Kept, hidden: bool) -> Option<Box<Kept>> {
        self.refresh();
        let seal = self.seal.as_ref()?;
        let secret = |text: String| matches!(self.masks.mask(&text), std::borrow::Cow::Owned(_));
        let sealed = kept.text().is_some_and(|text| hidden || secret(text));
        Some(Box::new(if sealed { kept.seal(seal) } else { kept }))
    }

    /// Takes output of a step; it is in the host log when this returns.
    pub(super) async fn output(&mut self, label: &StepLabel, stderr: bool, bytes: &[u8]) {
        if label.hidden {
            return;
        }
        self.refresh();
        let stream = if stderr { OutputStream::Stderr } else { OutputStream::Stdout };
        let written = match self.log() {
            Ok(Some(log)) => log.output(stream, bytes),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            self.give_up(error.to_string()).await;
        }
    }

    /// Takes output that reached an earlier incarnation in part or not at all.
    pub(super) async fn output_again(&mut self, label: &StepLabel, reply: &crate::operation::Reply) {
        for (stderr, bytes) in [(false, &reply.stdout), (true, &reply.stderr)] {
            if !bytes.is_empty() {
                self.output(label, stderr, bytes).await;
            }
        }
    }

    /// The output of a step is over: tells the journal what reached the log. `dropped` bytes never left the host.
    pub(super) async fn output_ended(&mut self, step: u64, label: &StepLabel, dropped: u64) {
        let pieces = match self.log.as_mut().map(|log| log.finish_output(dropped)) {
            None => return,
            Some(Ok(pieces)) => pieces,
            Some(Err(error)) => return self.give_up(error.to_string()).await,
        };
        for piece in pieces {
            let kind = EventKind::StepOutput {
                stream: piece.stream.name().to_owned(),
                offset: piece.offset,
                length: piece.length,
                sha256: piece.sha256,
                dropped: piece.dropped,
            };
            self.emit(Some(label.task.clone()), Some(step), kind).await;
        }
    }

    /// Waits until everything emitted so far is durable.
    pub(super) async fn commit(&self) -> Result<(), JournalFailed> {
        self.emitter.commit().await
    }

    /// Waits until everything emitted so far has been handed to the system, so that a killed controller does not lose it.
    pub(super) async fn written(&self) -> Result<(), JournalFailed> {
        self.emitter.written().await
    }

    async fn emit(&mut self, task: Option<Arc<str>>, step: Option<u64>, kind: EventKind) {
        self.emit_kept(task, step, kind, None).await;
    }

    async fn emit_kept(
        &mut self,
        task: Option<Arc<str>>,
        step: Option<u64>,
        kind: EventKind,
        kept: Option<Box<Kept>>,
    ) {
        self.refresh();
        let step = step.map(|step| self.before + step);
        let task = task.map(|task| match self.masks.mask(&task) {
            std::borrow::Cow::Owned(masked) => masked.into(),
            std::borrow::Cow::Borrowed(_) => task.clone(),
        });
        let event = Event {
            seq: 0,
            at: super::dispatcher::now(),
            run: String::new(),
            host: None,
            task: task.as_deref().map(str::to_owned),
            step,
            kind,
            kept: None,
        };
        let written = match self.log() {
            Ok(Some(log)) => log.event(&event),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            self.give_up(error.to_string()).await;
        }
        let mut kind = event.kind;
        kind.mask(&self.masks);
        self.emitter.draft(Draft { host: Some(self.host.clone()), task, step, kind, kept }).await;
    }

    fn log(&mut self) -> Result<Option<&mut HostLog>, HostLogError> {
        if let (None, false, Some(folder)) = (&self.log, self.broken, &self.folder) {
            self.log = Some(HostLog::create(folder, &self.host, self.masks.clone())?);
        }
        Ok(self.log.as_mut())
    }

    /// The log cannot be written: says so once and goes on without it.
    async fn give_up(&mut self, message: String) {
        self.broken = true;
        self.log = None;
        let kind = EventKind::Warning { message: format!("{message}; this host goes on without a log") };
        self.emitter.host(&self.host, kind).await;
    }
}
