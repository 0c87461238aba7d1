//! An operation that is one call: the library function looks, saves and changes by itself.

use std::fmt;

use super::call::Call;
use crate::operation::answer::{changed, failure, points};
use crate::operation::{Mode, Operation, Outcome, Payload, Program, Progress, Reply};

/// Makes the result of a reply; `changed`, points and a failure's message are there already.
pub type Tell = dyn Fn(&Reply, Mode, &mut Outcome) + Send + Sync;

/// One call.
pub struct Step {
    call: Call,
    payload: Option<Payload>,
    tell: Box<Tell>,
    looks_only: bool,
    judged: bool,
    again: bool,
    differs: bool,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its values may be secret.
        let text = self.call.clone().text();
        f.debug_tuple("Step").field(&text.split(' ').next()).finish()
    }
}

impl Step {
    /// Makes it; its result is empty.
    #[must_use]
    pub fn new(call: Call) -> Self {
        Self {
            call,
            payload: None,
            tell: Box::new(|_, _, _| {}),
            looks_only: false,
            judged: false,
            again: true,
            differs: false,
        }
    }

    /// Sends bytes along.
    #[must_use]
    pub fn with_payload(self, payload: Payload) -> Self {
        Self { payload: Some(payload), ..self }
    }

    /// Makes the result.
    #[must_use]
    pub fn telling(self, tell: impl Fn(&Reply, Mode, &mut Outcome) + Send + Sync + 'static) -> Self {
        Self { tell: Box::new(tell), ..self }
    }

    /// It changes nothing, so that check mode and rollback points are nothing to it.
    #[must_use]
    pub fn looking(self) -> Self {
        Self { looks_only: true, ..self }
    }

    /// The result may be a failure that the status does not show.
    #[must_use]
    pub fn judged(self) -> Self {
        Self { judged: true, ..self }
    }

    /// It tells what differs, where that is asked for.
    #[must_use]
    pub fn differing(self) -> Self {
        Self { differs: true, ..self }
    }

    /// Running it twice is not the same as running it once.
    #[must_use]
    pub fn once(self) -> Self {
        Self { again: false, ..self }
    }
}

impl Operation for Step {
    fn first(&mut self, mode: Mode) -> Program {
        let mut call = self.call.clone();
        if !self.looks_only {
            call = call.flag("check", mode.check);
        }
        call = call.flag("diff", self.differs && mode.diff);
        Program { text: call.text(), payload: self.payload.clone(), ..Program::default() }
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        let mut outcome = if reply.status == 0 { Outcome::default() } else { failure(&reply) };
        outcome.changed = changed(&reply);
        outcome.points = points(&reply);
        (self.tell)(&reply, mode, &mut outcome);
        Progress::Done(outcome)
    }

    fn judged_here(&self) -> bool {
        self.judged
    }

    fn repeatable(&self) -> bool {
        self.again
    }

    fn saves_first(&self) -> bool {
        true
    }

    fn kept(&mut self) -> Option<Program> {
        self.payload.is_none().then(|| self.first(Mode::default()))
    }
}
