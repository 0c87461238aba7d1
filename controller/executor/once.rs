//! Tasks that one host does for all (`run_once`, `pause`, `meta: end_play`), and tasks that may miss their host
//! (`ignore_unreachable`).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};

use super::evaluate::{EvaluateError, Item, Settled};
use super::event::{EventKind, Status};
use super::wave::{Ordinal, Shared};
use super::worker::{Stop, Worker};
use crate::journal::{Kept, KeptResult};
use crate::plan::CompiledTask;
use crate::template::Binding;

impl Worker<'_> {
    /// Runs a task; with `ignore_unreachable` a host that cannot be reached goes on to the next one.
    pub(super) async fn run_or_ignore(
        &mut self,
        task: &Arc<CompiledTask>,
        settled: Settled,
    ) -> Result<(), Stop> {
        if !settled.ignore_unreachable {
            return self.run_task(task, settled).await;
        }
        // Whatever is lost from here on is lost by this task.
        self.drain().await?;
        let at = self.next_place(task);
        if let Some(message) = self.was_unreachable(&at) {
            self.passed(task);
            if let Some(register) = &task.task.register {
                let value = json!({"changed": false, "msg": message, "unreachable": true});
                self.evaluator().learn(register, value);
            }
            return Ok(());
        }
        let name = settled.name.clone();
        match self.run_task(task, settled).await {
            Err(Stop::Unreachable { message, .. }) => {
                if let Some(register) = &task.task.register {
                    let value = json!({"changed": false, "msg": message, "unreachable": true});
                    self.evaluator().learn(register, value);
                }
                self.passed(task);
                let value = json!({"msg": message, "unreachable": true});
                let value = value.as_object().cloned().unwrap_or_default();
                let kept = KeptResult { value, ..KeptResult::default() };
                let kept = Kept { items: vec![Some(kept)], ..Kept::place(at) };
                let event = EventKind::TaskFinished {
                    status: Status::Ignored,
                    changed: false,
                    message: Some(message),
                    output_tail: Vec::new(),
                    handler: self.in_handlers,
                    irreversible: false,
                    unplanned: false,
                    place: None,
                    delegates: Vec::new(),
                };
                self.host.sink.finished(None, &name, event, kept, false).await;
                Ok(())
            }
            other => other,
        }
    }

    pub(super) fn once(&self, task: &CompiledTask) -> Result<bool, EvaluateError> {
        if task.for_all {
            return Ok(true);
        }
        let Some(node) = &task.directives.run_once else { return Ok(false) };
        let evaluator = self.evaluator();
        let value = self.run.engine.render(node, &evaluator.scope(task, &Item::default(), &[]))?;
        crate::plan::truth(&value)
            .ok_or_else(|| EvaluateError::Failed(format!("`run_once` must be a boolean, not {value}")))
    }

    /// `run_once`: the first host of the wave runs the task, all of them have its result.
    pub(super) async fn once_for_all(
        &mut self,
        task: &Arc<CompiledTask>,
        settled: Settled,
        ordinal: &Ordinal,
    ) -> Result<(), Stop> {
        let at = self.next_place(task);
        let before = self.run.replay.as_ref().and_then(|replay| replay.did_for_all(self.order, &at));
        if self.wave.elects(self.key(), ordinal, self.order, before) {
            let known = self.values();
            let result = self.run_or_ignore(task, settled).await;
            let result = match result {
                Ok(()) => self.drain().await,
                other => other,
            };
            let new = self.values().into_iter().filter(|(name, value)| known.get(name) != Some(value));
            let failed = matches!(
                result,
                Err(Stop::Failed | Stop::Unreachable { .. } | Stop::Held { .. } | Stop::Cancelled)
            );
            self.wave.share(ordinal, Shared { values: new.collect(), failed });
            return result;
        }
        self.permit = None;
        let (wave, run) = (self.wave, self.run);
        let shared = tokio::select! {
            shared = wave.shared(ordinal) => shared,
            () = run.cancel.reached(2) => return Err(Stop::Cancelled),
        };
        self.acquire().await?;
        match shared {
            Some(shared) if !shared.failed => {
                for (name, value) in shared.values {
                    self.evaluator().learn(&name, value);
                }
                Ok(())
            }
            _ => {
                self.drain().await?;
                Err(Stop::FailedElsewhere)
            }
        }
    }

    fn values(&self) -> HashMap<String, Value> {
        let learned = self.host.learned.read().unwrap_or_else(PoisonError::into_inner);
        let data = learned.values.iter().filter_map(|(name, binding)| match binding {
            Binding::Data(value) => Some((name.clone(), (**value).clone())),
            _ => None,
        });
        data.collect()
    }
}
