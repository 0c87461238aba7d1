//! What undoes a step that has no way back of its own: `covers`, `rollback`, and what a handler activates.
//!
//! The shell functions save it at the moment when the step is about to change something: a command
//! that starts, a service that is told to act, the first rollback point of a file. What undoes the step
//! is kept on the host as a program, so that it can be restored without the controller.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::answer::{failure, points};
use super::library::call;
use super::{Mode, Operation, Outcome, Point, Program, Progress, Reply};
use crate::shell::quote;

/// Bytes of a program that is kept on a host, content included.
const KEPT: usize = 128 << 10;

/// A program that the host keeps and can run by itself.
#[derive(Clone, Debug)]
pub struct KeptProgram {
    /// What it is called.
    pub name: String,
    text: String,
}

/// One operation that becomes a part of a [`KeptProgram`].
#[derive(Clone, Debug)]
pub struct KeptTask {
    /// What it is called.
    pub name: String,
    /// Its only program.
    pub program: Program,
    /// Statements that export its environment.
    pub exports: String,
    /// Whether what it prints is nobody's business (`no_log`).
    pub hidden: bool,
}

impl KeptProgram {
    /// Puts operations one behind the other.
    ///
    /// # Errors
    /// How much there is, if it is more than a host should keep.
    pub fn new(name: String, tasks: &[KeptTask]) -> Result<Self, usize> {
        let lines: Vec<String> = tasks.iter().map(KeptTask::line).collect();
        let text = lines.join(" &&\n");
        if text.len() > KEPT { Err(text.len()) } else { Ok(Self { name, text }) }
    }

    /// The words of `pf_arm` for it.
    fn words(program: Option<&Self>) -> String {
        program.map_or_else(String::new, |kept| format!("{} {}", quote(&kept.name), quote(&kept.text)))
    }
}

impl KeptTask {
    fn line(&self) -> String {
        let seconds = self.program.timeout.map_or(0, |limit| limit.as_secs().max(1)).to_string();
        let payload = self
            .program
            .payload
            .as_ref()
            .map_or_else(String::new, |payload| STANDARD.encode(payload.bytes()));
        let quiet = if self.hidden { "1" } else { "" };
        call("pf_program_task", [&self.name, &seconds, quiet, &self.exports, &payload, &self.program.text])
    }
}

/// An operation, and what undoes it.
#[derive(Debug)]
pub struct Undoable {
    operation: Box<dyn Operation>,
    covers: Vec<String>,
    rollback: Option<KeptProgram>,
    activation: Option<KeptProgram>,
    saved: Vec<Point>,
    /// Whether the first program only saves, because the operation's own runs outside the shell.
    saving: bool,
}

impl Undoable {
    /// Saves `covers` (paths; `~` and `$NAME` are expanded on the host) and keeps `rollback` before the
    /// operation changes anything; `activation` is repeated after a rollback.
    pub fn new(
        operation: Box<dyn Operation>,
        covers: Vec<String>,
        rollback: Option<KeptProgram>,
        activation: Option<KeptProgram>,
    ) -> Self {
        Self { operation, covers, rollback, activation, saved: Vec::new(), saving: false }
    }

    fn arm(&self, mut program: Program) -> Program {
        let covers: Vec<String> = self.covers.iter().map(|path| quote(path)).collect();
        let rollback = KeptProgram::words(self.rollback.as_ref());
        let activation = KeptProgram::words(self.activation.as_ref());
        let arm = call("pf_arm", [covers.join(" ").as_str(), &rollback, &activation]);
        let lines: [&str; 3] = if self.operation.saves_first() {
            ["\n", &program.text, ""]
        } else {
            ["\nif pf_start && pf_sync; then\n", &program.text, "\nelse\nfalse\nfi"]
        };
        program.text = [arm.as_str(), &lines.concat()].concat();
        program
    }
}

impl Operation for Undoable {
    fn first(&mut self, mode: Mode) -> Program {
        let program = self.operation.first(mode);
        if mode.check {
            return program;
        }
        self.saving = program.raw || program.tcp.is_some();
        if self.saving {
            return self.arm(Program { text: "(exit 75)".to_owned(), ..Program::default() });
        }
        self.arm(program)
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        if mode.check {
            return self.operation.next(reply, mode);
        }
        self.saved.extend(points(&reply));
        if std::mem::take(&mut self.saving) {
            return match reply.status {
                75 => Progress::Again(self.operation.first(mode)),
                _ => Progress::Done(failure(&reply)),
            };
        }
        if reply.value("unarmed").is_some() {
            let points = std::mem::take(&mut self.saved);
            return Progress::Done(Outcome { points, ..failure(&reply) });
        }
        match self.operation.next(reply, mode) {
            Progress::Again(program) if program.raw || program.tcp.is_some() => Progress::Again(program),
            Progress::Again(program) => Progress::Again(self.arm(program)),
            Progress::Done(mut outcome) => {
                outcome.points.append(&mut self.saved);
                outcome.points.sort_by_key(|point| point.number);
                outcome.points.dedup_by_key(|point| point.number);
                Progress::Done(outcome)
            }
        }
    }

    fn looks_at(&self) -> Vec<String> {
        self.operation.looks_at()
    }

    fn judged_here(&self) -> bool {
        self.operation.judged_here()
    }

    fn saves_first(&self) -> bool {
        self.operation.saves_first()
    }

    fn irreversible(&self) -> bool {
        let undone = !self.covers.is_empty() || self.rollback.is_some() || self.activation.is_some();
        !undone && self.operation.irreversible()
    }
}
