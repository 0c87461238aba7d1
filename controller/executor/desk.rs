//! Where the session of a host is while its own worker does not use it, so that tasks of other hosts can be delegated
//! to it.
//!
//! A host has one session in a run, whoever its tasks are for: steps, rollback points and ledger of a host are numbered
//! in one row. Its worker holds the desk while it works. It leaves it wherever it waits for others: at barriers, and
//! between plays. A worker whose task is delegated takes a seat at the desk of the other host, one after the other in
//! the order in which they came. Nobody waits for a desk while he sits at one, so nobody waits forever.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::context::RunContext;
use super::failure::Left;
use super::link::Link;
use super::sink::Sink;
use super::worker::HostState;
use crate::inventory::HostName;

/// Numbers that are left free behind the steps of a worker that crashed.
const CRASHED: u64 = 1000;

/// What the tasks of a host need, whoever they are for.
#[derive(Default)]
pub(super) struct Session {
    pub link: Option<Link>,
    /// Steps so far.
    pub steps: u64,
    /// What the run has left on it.
    pub left: Left,
    /// Whether small content is sent without asking for the digest first.
    pub eager: bool,
    /// Where events and output of delegated steps go.
    pub sink: Option<Sink>,
    /// Whether its worker took it along.
    taken: bool,
}

/// The place of one session.
pub(super) type Desk = Arc<Mutex<Session>>;
/// The right to work with it.
pub(super) type Seat = OwnedMutexGuard<Session>;

/// The desks of all hosts of a run, made when they are first asked for.
#[derive(Default)]
pub struct Desks(StdMutex<HashMap<HostName, Desk>>);

impl Desks {
    /// Returns the desk of a host.
    pub(super) fn of(&self, run: &RunContext, host: &HostName) -> Desk {
        let mut desks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || {
            let replay = run.replay.as_ref().and_then(|replay| replay.host(&host.0));
            Arc::new(Mutex::new(Session {
                steps: replay.map_or(0, |replay| replay.last_step()),
                left: replay.map(Left::of).unwrap_or_default(),
                ..Session::default()
            }))
        };
        desks.entry(host.clone()).or_insert_with(made).clone()
    }

    /// Closes the sessions that are left, in order.
    pub(super) async fn close(&self) {
        let desks: Vec<Desk> =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).drain().map(|(_, desk)| desk).collect();
        for desk in desks {
            // Nobody is at work any more; a seat that a crashed worker left is none of a session.
            let Ok(mut session) = desk.try_lock() else { continue };
            let Some(mut link) = session.link.take() else { continue };
            let safe = match &session.sink {
                Some(sink) => sink.written().await.is_ok(),
                None => false,
            };
            link.close(safe).await;
        }
    }
}

impl HostState {
    /// Leaves the desk to others. Nothing is on its way.
    pub(super) fn leave_desk(&mut self) {
        let Some(mut seat) = self.seat.take() else { return };
        seat.link = self.link.take();
        seat.left = std::mem::take(&mut self.left);
        (seat.steps, seat.eager, seat.taken) = (self.steps, self.eager, false);
    }

    /// Comes back to the desk, once nobody else sits there.
    pub(super) async fn take_desk(&mut self) {
        if self.seat.is_none() {
            let seat = self.desk.clone().lock_owned().await;
            self.sit_down(seat);
        }
    }

    fn sit_down(&mut self, mut seat: Seat) {
        if std::mem::replace(&mut seat.taken, true) {
            // Whoever worked here crashed: what it did is in the journal, and its numbers are not used again.
            seat.steps = seat.steps.max(self.steps) + CRASHED;
        }
        self.link = seat.link.take();
        let meanwhile = std::mem::replace(&mut self.left, std::mem::take(&mut seat.left));
        self.left.join(meanwhile);
        (self.steps, self.eager) = (seat.steps, seat.eager);
        self.seat = Some(seat);
    }
}
