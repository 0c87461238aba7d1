//! What undoes a step that has no way back of its own: `covers`, `rollback`, and what a handler activates.
//!
//! The shell functions save it at the moment when the step is about to change something: a command
//! that starts, a service that is told to act, the first rollback point of a file. What undoes the step
//! is kept on the host as a program, so that it can be restored without the controller.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::answer::{failure, points};
use super::library::call;
use super::windows::Call;
use super::{Mode, Operation, Outcome, Point, Program, Progress, Reply};
use crate::shell::{Platform, quote};

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
    /// Which shell runs it.
    pub platform: Platform,
    /// What it is called.
    pub name: String,
    /// Its only program.
    pub program: Program,
    /// Statements that export its environment; on Windows calls that set it.
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
        // Calls run one after the other until one fails; shell text has to say so.
        let windows = tasks.iter().any(|task| task.platform == Platform::Windows);
        let text = lines.join(if windows { "\n" } else { " &&\n" });
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
        if self.platform == Platform::Windows {
            let payload = self.program.payload.as_ref().map(|payload| STANDARD.encode(payload.bytes()));
            return Call::new("program_task")
                .with("name", &self.name)
                .with("seconds", &seconds)
                .flag("quiet", self.hidden)
                .maybe("payload", payload.as_deref())
                .with("text", &[self.exports.as_str(), &self.program.text].concat())
                .text();
        }
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

    /// The same for a Windows host.
    fn arm_calls(&self, mut program: Program) -> Program {
        let words = |kept: &Option<KeptProgram>| match kept {
            Some(kept) => vec![kept.name.clone(), kept.text.clone()],
            None => Vec::new(),
        };
        let (rollback, activation) = (words(&self.rollback), words(&self.activation));
        let mut text = Call::new("arm")
            .list("covers", self.covers.iter().map(String::as_str))
            .list("rollback", rollback.iter().map(String::as_str))
            .list("activation", activation.iter().map(String::as_str))
            .text();
        text.push('\n');
        if !self.operation.saves_first() {
            text.push_str(&Call::new("start_step").text());
            text.push('\n');
        }
        text.push_str(&program.text);
        program.text = text;
        program
    }

    fn arm(&self, mut program: Program, mode: Mode) -> Program {
        if mode.platform == Platform::Windows {
            return self.arm_calls(program);
        }
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
            let text = match mode.platform {
                Platform::Posix => "(exit 75)".to_owned(),
                Platform::Windows => Call::new("start_only").text(),
            };
            return self.arm(Program { text, ..Program::default() }, mode);
        }
        self.arm(program, mode)
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
            Progress::Again(program) => Progress::Again(self.arm(program, mode)),
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

    fn repeatable(&self) -> bool {
        self.operation.repeatable()
    }

    fn irreversible(&self) -> bool {
        let undone = !self.covers.is_empty() || self.rollback.is_some() || self.activation.is_some();
        !undone && self.operation.irreversible()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::operation::command::{Command, Raw, Start};

    const WINDOWS: Mode = Mode { check: false, diff: false, eager: false, platform: Platform::Windows };

    fn kept(name: &str) -> KeptProgram {
        let program = Program { text: "command line:YQ==".to_owned(), ..Program::default() };
        let exports = "environment names:QQ== values:Yg==\n".to_owned();
        let task =
            KeptTask { platform: Platform::Windows, name: name.to_owned(), program, exports, hidden: true };
        KeptProgram::new(name.to_owned(), &[task.clone(), task]).unwrap()
    }

    #[test]
    fn a_step_on_windows_is_armed_by_a_call_in_front() {
        let start = Start::Line { text: "a.exe".to_owned() };
        let command = Box::new(Command::new(Platform::Windows, start));
        let mut undoable = Undoable::new(command, vec!["C:\\x".to_owned()], Some(kept("undo")), None);
        let text = undoable.first(WINDOWS).text;
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("arm covers:QzpceA== rollback:dW5kbw==,"), "{text}");
        assert!(lines[0].ends_with(" activation"), "{text}");
        assert_eq!(lines[1..], ["command line:YS5leGU="]);
        assert!(!undoable.irreversible());
    }

    #[test]
    fn a_program_that_is_kept_is_calls_in_a_row() {
        let text = kept("undo").text;
        assert_eq!(text.lines().count(), 2);
        assert!(text.starts_with("program_task name:dW5kbw== seconds:MA== quiet:MQ== text:"), "{text}");
    }

    #[test]
    fn what_runs_outside_of_the_session_is_saved_for_before() {
        let raw = Box::new(Raw { text: "x".to_owned() });
        let mut undoable = Undoable::new(raw, Vec::new(), Some(kept("undo")), None);
        assert!(undoable.first(WINDOWS).text.ends_with("\nstart_step\nstart_only"));
        let Progress::Again(program) = undoable.next(Reply { status: 75, ..Reply::default() }, WINDOWS)
        else {
            panic!("over too early")
        };
        assert!(program.raw);
    }
}
