//! Stopping a run in three steps: finish the steps in hand, close the sessions, leave.

use tokio::sync::watch;

/// How far a run has been cancelled. Cheap to clone; every worker watches one.
#[derive(Clone, Debug)]
pub struct Cancel {
    level: watch::Receiver<u8>,
}

/// The other end: raises the level.
#[derive(Clone, Debug)]
pub struct Canceller {
    level: std::sync::Arc<watch::Sender<u8>>,
}

/// Makes a pair at level 0.
pub fn cancellation() -> (Canceller, Cancel) {
    let (sender, level) = watch::channel(0);
    (Canceller { level: std::sync::Arc::new(sender) }, Cancel { level })
}

impl Canceller {
    /// Raises the level by one and returns it: 1 finishes the steps in hand, 2 closes sessions.
    pub fn escalate(&self) -> u8 {
        self.level.send_modify(|level| *level = level.saturating_add(1));
        *self.level.borrow()
    }

    /// Raises the level to at least `level`.
    pub fn raise(&self, to: u8) {
        self.level.send_if_modified(|level| {
            let raised = *level < to;
            *level = (*level).max(to);
            raised
        });
    }
}

impl Cancel {
    /// Returns the level now.
    pub fn level(&self) -> u8 {
        *self.level.borrow()
    }

    /// Waits until the level is at least `level`; for ever if that never happens.
    pub async fn reached(&self, level: u8) {
        let mut receiver = self.level.clone();
        if receiver.wait_for(|now| *now >= level).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
