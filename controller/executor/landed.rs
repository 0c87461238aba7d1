//! Steps that are over, and which item of which task they belong to.

use crate::journal::Position;
use crate::operation::{Outcome, Point};

/// Which item of which task a step belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ticket {
    /// Number of the task within its host.
    pub slot: u64,
    /// Index of the loop item.
    pub item: usize,
}

/// A step that is over.
pub(super) struct Landed {
    pub ticket: Ticket,
    pub step: u64,
    /// Where it stands in the run.
    pub at: Position,
    pub outcome: Outcome,
    pub rc: Option<i32>,
    pub duration_ms: u64,
    /// Last lines of the output of the user's command.
    pub tail: Vec<String>,
    /// Whether the host asked for content that was not sent with the step.
    pub wanted_content: bool,
    /// Whether it did what nothing can undo.
    pub irreversible: bool,
}

impl Landed {
    /// A step that could not be sent.
    pub(super) fn failed(message: String) -> Self {
        let mut outcome = Outcome { failed: true, ..Outcome::default() };
        outcome.result.insert("msg".into(), message.into());
        Self {
            ticket: Ticket { slot: 0, item: usize::MAX },
            step: 0,
            at: Position::default(),
            outcome,
            rc: None,
            duration_ms: 0,
            tail: Vec::new(),
            wanted_content: false,
            irreversible: false,
        }
    }
}

/// What an attempt that was cut off has done.
#[derive(Clone, Debug, Default)]
pub(super) struct Carried {
    /// Whether it changed something.
    pub changed: bool,
    /// Points that it saved.
    pub points: Vec<Point>,
}

impl Carried {
    /// Adds it to the outcome of the attempt that came to an end.
    pub(super) fn add_to(self, outcome: &mut Outcome) {
        outcome.changed |= self.changed && !outcome.failed;
        // An activation that is repeated reports the point of the attempt before.
        let known: Vec<u64> = outcome.points.iter().map(|point| point.number).collect();
        outcome.points.splice(0..0, self.points.into_iter().filter(|point| !known.contains(&point.number)));
    }
}
