//! What becomes of the events and the output of one host: the dispatcher and the host log.

use std::path::PathBuf;
use std::sync::Arc;

use super::dispatcher::{Draft, Emitter, JournalFailed};
use super::event::{Event, EventKind};
use crate::hostlog::{HostLog, HostLogError, OutputStream};
use crate::secrets::Masks;

/// What is shown of a step.
#[derive(Clone, Debug)]
pub(super) struct StepLabel {
    pub task: Arc<str>,
    pub module: String,
    pub item: Option<String>,
    /// `no_log`: its output reaches nothing.
    pub hidden: bool,
}

/// Events and output of one host.
pub(super) struct Sink {
    emitter: Emitter,
    host: Arc<str>,
    folder: Option<PathBuf>,
    masks: Masks,
    log: Option<HostLog>,
    broken: bool,
    /// Steps that came before those which are counted from 1 again.
    before: u64,
}

impl Sink {
    /// `folder` is where host logs go; without one there is none.
    pub(super) fn new(emitter: Emitter, host: Arc<str>, folder: Option<PathBuf>, masks: Masks) -> Self {
        Self { emitter, host, folder, masks, log: None, broken: false, before: 0 }
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
        let kind = EventKind::StepStarted { item: label.item.clone(), module: label.module.clone() };
        self.emit(Some(label.task.clone()), Some(step), kind).await;
    }

    pub(super) async fn step_finished(&mut self, step: u64, task: &Arc<str>, kind: EventKind) {
        self.emit(Some(task.clone()), Some(step), kind).await;
    }

    /// Takes output of a step; it is in the host log when this returns.
    pub(super) async fn output(&mut self, label: &StepLabel, stderr: bool, bytes: &[u8]) {
        if label.hidden {
            return;
        }
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

    async fn emit(&mut self, task: Option<Arc<str>>, step: Option<u64>, kind: EventKind) {
        let step = step.map(|step| self.before + step);
        let event = Event {
            seq: 0,
            at: super::dispatcher::now(),
            run: String::new(),
            host: None,
            task: task.as_deref().map(str::to_owned),
            step,
            kind,
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
        self.emitter.draft(Draft { host: Some(self.host.clone()), task, step, kind }).await;
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
        self.emitter.draft(Draft { host: Some(self.host.clone()), task: None, step: None, kind }).await;
    }
}
