//! Handlers of a host: which ones a notification reaches, and their run.

use std::sync::Arc;

use serde_json::Value;

use super::evaluate::{EvaluateError, Evaluator, Item};
use super::worker::{Stop, Worker};
use crate::plan::CompiledTask;
use crate::playbook::Role;

impl Worker<'_> {
    /// Runs the handlers that were notified, in definition order; those that they notify too.
    pub(super) async fn flush_handlers(&mut self, flush: usize) -> Result<(), Stop> {
        self.drain().await?;
        let handlers = &self.play.compiled.handlers;
        let was_in_handlers = std::mem::replace(&mut self.in_handlers, true);
        // Handlers do not see what is around the task that flushes them.
        let frames = std::mem::take(&mut self.frames);
        let mut result = Ok(());
        let notified = std::mem::take(&mut self.notified);
        self.notified = notified.into_iter().map(|handler| self.evaluator().latest(handler)).collect();
        while let Some(index) = self.notified.pop_first() {
            let mut ordinal = self.prefix.clone();
            ordinal.extend([flush, index]);
            result = self.start(&handlers[index], ordinal).await;
            if result.is_ok() {
                result = self.drain().await;
            }
            if result.is_err() {
                break;
            }
        }
        self.in_handlers = was_in_handlers;
        self.frames = frames;
        result
    }
}

impl Evaluator<'_> {
    /// Returns the keys of `handlers` that `notify` names, or the first name that no handler has.
    pub(super) fn notified(&self, task: &CompiledTask, item: &Item) -> Result<Vec<usize>, EvaluateError> {
        let mut found = Vec::new();
        for node in &task.task.notify {
            let rendered = self.run.engine.render(node, &self.scope(task, item, &[]))?;
            let names = match rendered {
                Value::Array(names) => names.iter().map(crate::module::to_text).collect(),
                other => vec![crate::module::to_text(&other)],
            };
            for name in names {
                let matching = self.play.handlers_called(&name, &|handler| self.is_here(handler));
                if matching.is_empty() {
                    let message = format!("no handler is called `{name}` or listens to it");
                    return Err(EvaluateError::Failed(message));
                }
                found.extend(matching);
            }
        }
        Ok(found)
    }

    /// The handler that runs for one that was notified: where a role came again, its latest handler of that name, as in Ansible.
    fn latest(&self, handler: usize) -> usize {
        let role = self.play.handler_tasks.get(handler).and_then(|handler| handler.role.as_ref());
        let name = self.play.handler_names.get(handler).and_then(Option::as_deref);
        let (Some(role), Some(name)) = (role, name) else { return handler };
        let full = format!("{} : {name}", role.name);
        match self.play.handlers_called(&full, &|handler| self.is_here(handler)).as_slice() {
            [latest] => *latest,
            _ => handler,
        }
    }

    /// Whether the host has a handler, and how late it came: one of an included role is there once the role was included.
    fn is_here(&self, handler: usize) -> Option<usize> {
        let role = self.play.handler_tasks.get(handler).and_then(|handler| handler.role.as_ref());
        let Some(role) = role.filter(|role| role.dynamic) else { return Some(0) };
        let brought = |role: &Arc<Role>| {
            let address = Arc::as_ptr(role).addr();
            self.brought?.iter().position(|known| *known == address).map(|at| at + 1)
        };
        brought(role).or_else(|| role.parents.iter().rev().find_map(brought))
    }
}
