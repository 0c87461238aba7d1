//! The steps that were sent and are not over: shared by the writer, which waits for room, and the
//! reader, which checks every frame against the step in hand.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

/// Most steps ahead of their results.
pub(crate) const STEPS_AHEAD: usize = 64;
/// Bytes ahead of their results, beyond which nothing more is sent.
pub(crate) const BYTES_AHEAD: usize = 256 * 1024;

/// Steps in the order they were sent.
#[derive(Debug, Default)]
pub(crate) struct Outstanding {
    inner: Mutex<Inner>,
    /// Told when something changed.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    steps: VecDeque<Sent>,
    bytes: usize,
    closed: bool,
    /// The piece of a payload that is on its way: its step, and who waits for it.
    piece: Option<(u64, oneshot::Sender<bool>)>,
}

#[derive(Debug)]
struct Sent {
    id: u64,
    bytes: usize,
    started: bool,
}

/// What became of a wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Over;

impl Outstanding {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for further steps and bytes; a step may overshoot the bytes, so that none is too large.
    pub(crate) fn room(&self) -> (usize, usize) {
        let inner = self.lock();
        (STEPS_AHEAD.saturating_sub(inner.steps.len()), BYTES_AHEAD.saturating_sub(inner.bytes))
    }

    /// Waits for room; ends when the session does.
    pub(crate) async fn wait_for_room(&self) -> Result<(), Over> {
        loop {
            let changed = self.changed.notified();
            if self.lock().closed {
                return Err(Over);
            }
            let (steps, bytes) = self.room();
            if steps > 0 && bytes > 0 {
                return Ok(());
            }
            changed.await;
        }
    }

    /// Notes a step before it is written.
    pub(crate) fn push(&self, id: u64, bytes: usize) {
        let mut inner = self.lock();
        inner.bytes += bytes;
        inner.steps.push_back(Sent { id, bytes, started: false });
    }

    /// The step in hand must be `id` and not have started; it has now.
    pub(crate) fn start(&self, id: u64) -> bool {
        match self.lock().steps.front_mut() {
            Some(step) if step.id == id && !step.started => {
                step.started = true;
                true
            }
            _ => false,
        }
    }

    /// Whether `id` is the step in hand and has (not) started.
    pub(crate) fn in_hand(&self, id: u64, started: bool) -> bool {
        self.lock().steps.front().is_some_and(|step| step.id == id && step.started == started)
    }

    /// The step in hand is over.
    pub(crate) fn pop(&self) {
        let mut inner = self.lock();
        if let Some(step) = inner.steps.pop_front() {
            inner.bytes = inner.bytes.saturating_sub(step.bytes);
        }
        drop(inner);
        self.changed.notify_waiters();
    }

    /// Announces a piece of a payload that the host has to acknowledge. The answer tells whether
    /// the rest is wanted; there is none when the session ends.
    pub(crate) fn expect_stored(&self, id: u64) -> oneshot::Receiver<bool> {
        let (sender, receiver) = oneshot::channel();
        let mut inner = self.lock();
        inner.piece = (!inner.closed).then_some((id, sender));
        receiver
    }

    /// Takes an acknowledgement, if one was expected for the step in hand.
    pub(crate) fn stored(&self, id: u64, wanted: bool) -> bool {
        if !self.in_hand(id, false) {
            return false;
        }
        match self.lock().piece.take() {
            // The writer may be gone; then the session is about to end.
            Some((expected, waiting)) if expected == id => {
                let _ = waiting.send(wanted);
                true
            }
            _ => false,
        }
    }

    /// Whether all steps are over.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().steps.is_empty()
    }

    /// The session is over.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.piece = None;
        drop(inner);
        self.changed.notify_waiters();
    }

    /// Whether the session is over.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_step_in_hand_may_start_and_only_once() {
        let outstanding = Outstanding::default();
        outstanding.push(1, 10);
        outstanding.push(2, 10);
        assert!(!outstanding.start(2));
        assert!(outstanding.start(1));
        assert!(!outstanding.start(1));
        assert!(outstanding.in_hand(1, true));
        outstanding.pop();
        assert!(outstanding.in_hand(2, false));
        assert_eq!(outstanding.room(), (STEPS_AHEAD - 1, BYTES_AHEAD - 10));
    }
}
