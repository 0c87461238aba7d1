//! Orders the events of a run and hands each one to the journal and to whoever shows it.
//!
//! One thread takes events from a bounded channel, numbers them, and writes them to the journal.
//! Workers that are about to change a host ask for a commit first: all commits that wait are answered
//! by one write and one `fdatasync`, so the cost does not grow with the number of hosts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::event::{Event, EventKind};
use super::fold::RecapFold;
use crate::journal::{JournalWriter, Kept};

/// Events that wait for the dispatcher before senders have to wait.
const QUEUE: usize = 4096;

/// Exit code of a run whose journal could not be written: an internal error (DESIGN 3.1).
const JOURNAL_FAILED: u8 = 250;

/// Takes every event of a run, in order.
pub trait Observer: Send {
    /// Takes one event.
    fn event(&mut self, event: &Arc<Event>);
    /// The last event has been taken.
    fn finish(&mut self) {}
}

/// Returns the time as events have it: RFC 3339, UTC, microseconds.
pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// The journal cannot be written; no further step may start.
#[derive(Clone, Debug, Error)]
#[error("the journal cannot be written: {reason}")]
pub struct JournalFailed {
    /// What the system said.
    pub reason: String,
}

/// An event before it has a number.
#[derive(Debug)]
pub struct Draft {
    /// The host, where one is concerned.
    pub host: Option<Arc<str>>,
    /// Name of the task, where one is concerned.
    pub task: Option<Arc<str>>,
    /// Number of the step.
    pub step: Option<u64>,
    /// What happened.
    pub kind: EventKind,
    /// What the journal keeps with it.
    pub kept: Option<Box<Kept>>,
}

enum Message {
    Emit(Box<Draft>),
    Commit(oneshot::Sender<Result<(), JournalFailed>>),
    Written(oneshot::Sender<Result<(), JournalFailed>>),
}

/// The events of earlier incarnations of a run.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// Number of the last one.
    pub seq: u64,
    /// What they add up to.
    pub recap: RecapFold,
}

/// Hands events to the dispatcher.
#[derive(Clone, Debug)]
pub struct Emitter {
    sender: mpsc::Sender<Message>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Emit(draft) => draft.fmt(f),
            Self::Commit(_) => f.write_str("Commit"),
            Self::Written(_) => f.write_str("Written"),
        }
    }
}

impl Emitter {
    /// Emits an event that concerns no host.
    pub async fn emit(&self, kind: EventKind) {
        self.draft(Draft { host: None, task: None, step: None, kind, kept: None }).await;
    }

    /// Emits an event of a host.
    pub async fn host(&self, host: &Arc<str>, kind: EventKind) {
        self.draft(Draft { host: Some(host.clone()), task: None, step: None, kind, kept: None }).await;
    }

    /// Emits an event.
    pub async fn draft(&self, draft: Draft) {
        // The dispatcher outlives every emitter; after a crash of its thread there is nobody to tell.
        let _ = self.sender.send(Message::Emit(Box::new(draft))).await;
    }

    /// Waits until everything emitted so far is durable.
    ///
    /// # Errors
    /// The journal could not be written, now or earlier.
    pub async fn commit(&self) -> Result<(), JournalFailed> {
        self.ask(Message::Commit).await
    }

    /// Waits until everything emitted so far is in the hands of the system: a killed controller does not lose it.
    ///
    /// # Errors
    /// The journal could not be written, now or earlier.
    pub async fn written(&self) -> Result<(), JournalFailed> {
        self.ask(Message::Written).await
    }

    async fn ask(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<(), JournalFailed>>) -> Message,
    ) -> Result<(), JournalFailed> {
        let (sender, receiver) = oneshot::channel();
        let gone = || JournalFailed { reason: "the dispatcher ended".to_owned() };
        self.sender.send(message(sender)).await.map_err(|_| gone())?;
        receiver.await.map_err(|_| gone())?
    }
}

/// The dispatcher's thread.
#[derive(Debug)]
pub struct Dispatcher {
    thread: JoinHandle<Result<(), JournalFailed>>,
    syncs: Arc<AtomicU64>,
}

impl Dispatcher {
    /// Starts the dispatcher of a run. Without a journal (`inventory`-only runs, tests) commits are free.
    pub fn start(
        run: String,
        journal: Option<JournalWriter>,
        observers: Vec<Box<dyn Observer>>,
    ) -> (Emitter, Self) {
        Self::go_on(run, journal, observers, Past::default())
    }

    /// Starts the dispatcher of a run that goes on after `past`.
    pub fn go_on(
        run: String,
        journal: Option<JournalWriter>,
        observers: Vec<Box<dyn Observer>>,
        past: Past,
    ) -> (Emitter, Self) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let syncs = Arc::new(AtomicU64::new(0));
        let state = State {
            run,
            seq: past.seq,
            journal,
            observers,
            failed: None,
            syncs: syncs.clone(),
            unwritten: false,
            recap: past.recap,
        };
        let thread = std::thread::spawn(move || state.run(receiver));
        (Emitter { sender }, Self { thread, syncs })
    }

    /// Waits for the end, after the last [`Emitter`] is gone.
    ///
    /// # Errors
    /// The journal could not be written.
    pub fn finish(self) -> Result<(), JournalFailed> {
        match self.thread.join() {
            Ok(result) => result,
            Err(_) => Err(JournalFailed { reason: "the dispatcher crashed".to_owned() }),
        }
    }

    /// Counts the `fdatasync` calls so far.
    pub fn syncs(&self) -> Arc<AtomicU64> {
        self.syncs.clone()
    }
}

/// Who waits for what was taken to be written.
#[derive(Default)]
struct Waiting {
    replies: Vec<oneshot::Sender<Result<(), JournalFailed>>>,
    /// Whether one of them waits for the disk.
    durable: bool,
}

struct State {
    run: String,
    seq: u64,
    journal: Option<JournalWriter>,
    observers: Vec<Box<dyn Observer>>,
    failed: Option<JournalFailed>,
    syncs: Arc<AtomicU64>,
    unwritten: bool,
    recap: RecapFold,
}

impl State {
    fn run(mut self, mut receiver: mpsc::Receiver<Message>) -> Result<(), JournalFailed> {
        let mut waiting = Waiting::default();
        while let Some(message) = receiver.blocking_recv() {
            self.take(message, &mut waiting);
            while let Ok(message) = receiver.try_recv() {
                self.take(message, &mut waiting);
            }
            self.settle(waiting.durable);
            for reply in waiting.replies.drain(..) {
                let _ = reply.send(self.failed.clone().map_or(Ok(()), Err));
            }
            waiting.durable = false;
        }
        self.settle(true);
        for observer in &mut self.observers {
            observer.finish();
        }
        self.failed.map_or(Ok(()), Err)
    }

    fn take(&mut self, message: Message, waiting: &mut Waiting) {
        match message {
            Message::Emit(draft) => self.emit(*draft),
            Message::Commit(reply) => {
                waiting.durable = true;
                waiting.replies.push(reply);
            }
            Message::Written(reply) => waiting.replies.push(reply),
        }
    }

    fn emit(&mut self, mut draft: Draft) {
        self.seq += 1;
        if let EventKind::RunStarted { hosts, again, .. } = &draft.kind {
            self.recap.begin(hosts);
            self.recap.again(again);
        }
        if let Some(host) = &draft.host {
            self.recap.host_event(host, &draft.kind);
        }
        if let EventKind::RunFinished { hosts, exit_code, .. } = &mut draft.kind {
            *hosts = self.recap.hosts();
            // Whether everything before it could be written decides how the run ended.
            self.settle(true);
            if self.failed.is_some() {
                *exit_code = JOURNAL_FAILED;
            }
        }
        let event = Event {
            seq: self.seq,
            at: now(),
            run: self.run.clone(),
            host: draft.host.as_deref().map(str::to_owned),
            task: draft.task.as_deref().map(str::to_owned),
            step: draft.step,
            kind: draft.kind,
            kept: draft.kept,
        };
        if let Some(journal) = &mut self.journal {
            self.unwritten = true;
            if let Err(error) = journal.append(&event) {
                self.failed.get_or_insert(JournalFailed { reason: error.to_string() });
            }
        }
        let event = Arc::new(Event { kept: None, ..event });
        for observer in &mut self.observers {
            observer.event(&event);
        }
    }

    /// Writes what was appended; with `durable`, makes it survive a loss of power.
    fn settle(&mut self, durable: bool) {
        let Some(journal) = &mut self.journal else { return };
        if !self.unwritten && !durable {
            return;
        }
        if durable {
            self.syncs.fetch_add(1, Ordering::Relaxed);
        }
        let result = if durable { journal.sync() } else { journal.flush() };
        if let Err(error) = result {
            self.failed.get_or_insert(JournalFailed { reason: error.to_string() });
        }
        self.unwritten = false;
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// DESIGN section 6: at most two syncs per barrier for all hosts together, however many there are.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn hosts_that_wait_for_the_disk_together_share_a_sync() {
        const HOSTS: usize = 200;
        const BARRIERS: u64 = 5;
        let folder = tempfile::tempdir().unwrap();
        let journal = JournalWriter::create(&folder.path().join("journal.jsonl")).unwrap();
        let (emitter, dispatcher) = Dispatcher::start("r".to_owned(), Some(journal), Vec::new());
        let syncs = dispatcher.syncs();
        for _ in 0..BARRIERS {
            // The dispatcher is held up, so that all of them have come before it looks.
            let barrier = Arc::new(tokio::sync::Barrier::new(HOSTS));
            let hosts = (0..HOSTS).map(|number| {
                let (emitter, barrier) = (emitter.clone(), barrier.clone());
                tokio::spawn(async move {
                    barrier.wait().await;
                    let kind = EventKind::Warning { message: number.to_string() };
                    emitter.host(&number.to_string().into(), kind).await;
                    emitter.commit().await.unwrap();
                })
            });
            for host in hosts.collect::<Vec<_>>() {
                host.await.unwrap();
            }
        }
        drop(emitter);
        dispatcher.finish().unwrap();
        let lines = std::fs::read_to_string(folder.path().join("journal.jsonl")).unwrap().lines().count();
        assert_eq!(lines as u64, HOSTS as u64 * BARRIERS);
        let count = syncs.load(Ordering::Relaxed);
        // Each of 200 hosts alone would sync 1,000 times.
        assert!(
            count <= HOSTS as u64 * BARRIERS / 10,
            "{count} syncs for {BARRIERS} barriers of {HOSTS} hosts"
        );
        assert!(count >= BARRIERS);
    }
}
