//! One call of a function that is not `ensure`: a question, an installer, a restart.

use std::fmt;
use std::time::Duration;

use super::call::Call;
use crate::operation::answer::{changed, failure, points};
use crate::operation::{Mode, Operation, Outcome, Payload, Program, Progress, Reply};

/// Makes the result of a reply; what it says of change and failure stands in the outcome already.
pub type Judge = dyn Fn(&Reply, &mut Outcome) + Send + Sync;

/// One call.
pub struct Act {
    /// The call, without `check`.
    pub call: Call,
    /// Bytes that go along.
    pub payload: Option<Payload>,
    /// Whether nothing can undo it.
    pub irreversible: bool,
    /// Whether running it again does no harm.
    pub repeatable: bool,
    /// How long it may take, where that is longer than a step without a limit may be silent.
    pub limit: Option<Duration>,
    /// Makes the result.
    pub judge: Box<Judge>,
}

impl Act {
    /// One that may be repeated, and has a way back.
    #[must_use]
    pub fn new(call: Call, judge: Box<Judge>) -> Self {
        Self { call, payload: None, irreversible: false, repeatable: true, limit: None, judge }
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the call: there may be a secret in it.
        f.debug_struct("Act").field("irreversible", &self.irreversible).finish_non_exhaustive()
    }
}

impl Operation for Act {
    fn first(&mut self, mode: Mode) -> Program {
        let text = self.call.clone().flag("check", mode.check).text();
        let timeout = if mode.check { None } else { self.limit };
        Program { text, payload: self.payload.clone(), timeout, ..Program::default() }
    }

    fn next(&mut self, reply: Reply, _mode: Mode) -> Progress {
        let mut outcome = if reply.status == 0 { Outcome::default() } else { failure(&reply) };
        outcome.changed = changed(&reply);
        outcome.points = points(&reply);
        (self.judge)(&reply, &mut outcome);
        Progress::Done(outcome)
    }

    fn saves_first(&self) -> bool {
        true
    }

    fn repeatable(&self) -> bool {
        self.repeatable
    }

    fn irreversible(&self) -> bool {
        self.irreversible
    }
}

/// Text that a function reported with `pl_v`.
#[must_use]
pub fn said(reply: &Reply, name: &str) -> Option<String> {
    crate::operation::answer::said(reply, name)
}

/// All texts of one name, in order.
#[must_use]
pub fn all_said(reply: &Reply, name: &str) -> Vec<String> {
    let named = reply.values.iter().filter(|(key, _)| key == name);
    named.map(|(_, text)| crate::operation::answer::decode(text)).collect()
}
