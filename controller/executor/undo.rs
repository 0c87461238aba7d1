//! What undoes a step: `covers` and `rollback` of its task with the variables that the host has now, and
//! the commands of handlers, which a rollback repeats.

use serde_json::Value;

use super::evaluate::{EvaluateError, Evaluator, Item, Settled};
use super::worker::{Stop, Worker};
use crate::module::{Work, to_text};
use crate::operation::Operation;
use crate::operation::undo::{KeptProgram, KeptTask, Undoable};
use crate::plan::CompiledTask;

/// What a task says about undoing it, evaluated.
#[derive(Debug, Default)]
pub(super) struct Undo {
    covers: Vec<String>,
    rollback: Option<KeptProgram>,
}

impl Worker<'_> {
    /// Gives an operation its way back, or says why there is none; `first` is false for further attempts.
    pub(super) async fn undoable(
        &mut self,
        task: &CompiledTask,
        settled: &Settled,
        item: &Item,
        operation: Box<dyn Operation>,
        first: bool,
    ) -> Result<Result<Box<dyn Operation>, String>, Stop> {
        loop {
            match self.evaluator().undo(task, item, settled) {
                Err(EvaluateError::Pending) => self.values_arrive().await?,
                Err(error) => return Ok(Err(error.to_string())),
                Ok(mut undo) => {
                    // What undoes the task does so once, however often it was tried.
                    undo.rollback = undo.rollback.filter(|_| first);
                    let operation = undo.of(operation, task, settled, self.in_handlers);
                    return Ok(operation.map_err(|error| error.to_string()));
                }
            }
        }
    }
}

impl Evaluator<'_> {
    /// Evaluates `covers` and `rollback` of a task.
    pub(super) fn undo(
        &self,
        task: &CompiledTask,
        item: &Item,
        settled: &Settled,
    ) -> Result<Undo, EvaluateError> {
        let mut undo = Undo::default();
        if settled.check {
            return Ok(undo);
        }
        for node in &task.task.covers {
            match self.run.engine.render(node, &self.scope(task, item, &[]))? {
                Value::Array(paths) => undo.covers.extend(paths.iter().map(to_text)),
                path => undo.covers.push(to_text(&path)),
            }
        }
        if let Some(path) = undo.covers.iter().find(|path| path.is_empty() || path.contains('\0')) {
            return Err(EvaluateError::Failed(format!("`covers`: {path:?} cannot be a path")));
        }
        let mut kept = Vec::new();
        for undoing in &task.undo {
            if self.all_hold(undoing, &undoing.directives.when, item, &[])?.is_ok() {
                kept.push(self.kept(undoing, item, settled)?);
            }
        }
        if let Some(first) = kept.first() {
            let name = match kept.len() {
                1 => first.name.clone(),
                count => format!("{} (and {} more)", first.name, count - 1),
            };
            undo.rollback = Some(program(name, &kept)?);
        }
        Ok(undo)
    }

    /// Evaluates one task of `rollback`.
    fn kept(&self, task: &CompiledTask, item: &Item, settled: &Settled) -> Result<KeptTask, EvaluateError> {
        let name = match settled.no_log {
            true => task.task.module_as_written.clone(),
            false => self.name(task).to_string(),
        };
        let failed = |problem: String| EvaluateError::Failed(format!("`rollback`, `{name}`: {problem}"));
        let work = self.work(task, item).map_err(|error| match error {
            EvaluateError::Pending => EvaluateError::Pending,
            EvaluateError::Failed(message) => failed(message),
        })?;
        let Work::Host(mut operation) = work else {
            return Err(failed("it does nothing on the host".to_owned()));
        };
        let Some(mut program) = operation.kept() else {
            let message = "its content is more than the host should keep (64 KiB)";
            return Err(failed(message.to_owned()));
        };
        program.timeout = settled.timeout;
        let exports = settled.exports.clone();
        Ok(KeptTask { platform: settled.platform, name, program, exports, hidden: settled.no_log })
    }
}

impl Undo {
    /// Gives an operation its way back. A command of a handler is what makes a change count: a rollback
    /// repeats it, when the old state is back.
    pub(super) fn of(
        self,
        mut operation: Box<dyn Operation>,
        task: &CompiledTask,
        settled: &Settled,
        handler: bool,
    ) -> Result<Box<dyn Operation>, EvaluateError> {
        if settled.check {
            return Ok(operation);
        }
        let command = matches!(
            task.task.module,
            "command" | "shell" | "script" | "win_command" | "win_powershell" | "win_shell"
        );
        // One that says how it is undone is undone, and not repeated.
        let undone = !self.covers.is_empty() || self.rollback.is_some() || !operation.irreversible();
        let activation = match operation.kept().filter(|_| handler && command && !undone) {
            None => None,
            Some(mut kept) => {
                kept.timeout = settled.timeout;
                let exports = settled.exports.clone();
                let name = settled.name.to_string();
                let kept = KeptTask {
                    platform: settled.platform,
                    name,
                    program: kept,
                    exports,
                    hidden: settled.no_log,
                };
                Some(program(settled.name.to_string(), &[kept])?)
            }
        };
        if self.covers.is_empty() && self.rollback.is_none() && activation.is_none() {
            return Ok(operation);
        }
        Ok(Box::new(Undoable::new(operation, self.covers, self.rollback, activation)))
    }
}

fn program(name: String, tasks: &[KeptTask]) -> Result<KeptProgram, EvaluateError> {
    let message = format!("`{name}` is more than the host should keep for a rollback (128 KiB)");
    KeptProgram::new(name, tasks).map_err(|_| EvaluateError::Failed(message))
}
