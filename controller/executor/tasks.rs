//! How the tasks of one host begin and end: their slots, their places in the run, what is registered, told and notified.

use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};

use super::evaluate::{Item, Settled};
use super::event::{EventKind, Status};
use super::landed::Ticket;
use super::sink::StepLabel;
use super::slot::Slot;
use super::worker::{Stop, Worker};
use crate::journal::{Kept, Position};
use crate::plan::CompiledTask;
use crate::playbook::OnFailure;
use crate::template::Binding;

impl Worker<'_> {
    pub(super) fn open_slot(
        &mut self,
        task: &Arc<CompiledTask>,
        settled: Settled,
        looped: Option<usize>,
    ) -> &mut Slot {
        self.next_slot += 1;
        let at = self.next_place(task);
        self.passed(task);
        self.slots.push_back(Slot {
            id: self.next_slot,
            at,
            task: task.clone(),
            settled,
            looped: looped.is_some(),
            items: Vec::with_capacity(looped.unwrap_or(1)),
            labels: Vec::new(),
            results: Vec::new(),
            open: true,
            before: None,
            delegates: Vec::new(),
        });
        let last = self.slots.len() - 1;
        &mut self.slots[last]
    }

    /// No more items: from now on its registered result is awaited by readers.
    pub(super) fn close_slot(&mut self) {
        if let Some(slot) = self.slots.back_mut() {
            slot.open = false;
            if let Some(name) = &slot.task.task.register {
                let mut learned = self.host.learned.write().unwrap_or_else(PoisonError::into_inner);
                slot.before = learned.values.insert(name.clone(), Binding::Pending);
            }
        }
    }

    /// Ends the tasks that are complete, in order.
    pub(super) async fn commit(&mut self) -> Result<(), Stop> {
        while self.slots.front().is_some_and(Slot::is_complete) {
            let Some(slot) = self.slots.pop_front() else { break };
            self.finish(slot).await?;
        }
        Ok(())
    }

    /// Ends a task: registers its result, emits its event, notifies handlers.
    async fn finish(&mut self, slot: Slot) -> Result<(), Stop> {
        let result = slot.result();
        let ignored = result.failed && slot.settled.ignore_errors;
        let known = self.host.replay.as_ref().is_some_and(|replay| replay.task(&slot.at).is_some());
        self.host.changed |= result.changed;
        if let Some(name) = &slot.task.task.register {
            self.evaluator().learn(name, Value::Object(result.value.clone()));
        }
        let mut notify_problem = None;
        if result.changed && !result.failed && !slot.task.task.notify.is_empty() {
            match self.evaluator().notified(&slot.task, slot.items.first().unwrap_or(&Item::default())) {
                Ok(handlers) => self.notified.extend(handlers),
                Err(error) => notify_problem = Some(error.to_string()),
            }
        }
        let failed = (result.failed && !ignored) || notify_problem.is_some();
        let status = match result.status(ignored) {
            _ if failed && self.rescue_depth > 0 => Status::Rescued,
            _ if failed => Status::Failed,
            status => status,
        };
        if result.irreversible && !slot.settled.check {
            self.host.left.irreversible(&slot.settled.name);
        }
        let message = notify_problem.or_else(|| slot.message(&result));
        let is_meta = slot.task.task.module == "meta" && !failed;
        // What an earlier incarnation told is not told again.
        if !is_meta && !known {
            let event = EventKind::TaskFinished {
                status,
                changed: result.changed,
                message,
                output_tail: if slot.settled.no_log || !result.failed {
                    Vec::new()
                } else {
                    result.tail.clone()
                },
                handler: self.in_handlers,
                irreversible: result.irreversible,
                unplanned: result.unplanned && crate::plan::can_change(&slot.task),
                place: failed.then(|| slot.task.task.span.place()),
                delegates: slot.delegates.clone(),
            };
            // Behind a guarded block it goes on too, once that is undone.
            let went_on = failed && self.play.on_failure == OnFailure::Continue && self.rescue_depth == 0;
            let kept = Kept { items: self.kept_items(&slot), went_on, ..Kept::place(slot.at) };
            self.host.sink.finished(None, &slot.settled.name, event, kept, slot.settled.no_log).await;
            // Of a loop over `include_tasks` the recap counts every file that is included, as Ansible's does.
            let included = slot.results.iter().flatten().filter(|result| !result.skipped && !result.failed);
            let more = if slot.task.task.module == "include_tasks" { included.count() } else { 0 };
            for _ in 1..more {
                let event = EventKind::TaskFinished {
                    status: Status::Ok,
                    changed: false,
                    message: None,
                    output_tail: Vec::new(),
                    handler: self.in_handlers,
                    irreversible: false,
                    unplanned: false,
                    place: None,
                    delegates: Vec::new(),
                };
                self.host.sink.task_event(&slot.settled.name, event).await;
            }
        }
        if !failed {
            return Ok(());
        }
        if self.goes_on() {
            self.host.left.failures += 1;
        } else {
            self.discard_after(&slot);
        }
        if self.rescue_depth > 0 {
            let task = &slot.task.task;
            let args: serde_json::Map<String, Value> =
                task.options.iter().map(|(name, node)| (name.clone(), node.to_json())).collect();
            // A task without a name has an empty one here, not that of its module.
            let name = task.name.as_ref().map_or("", |_| &*slot.settled.name);
            let failed = json!({"name": name, "action": task.module_as_written, "args": args});
            self.evaluator().learn("ansible_failed_task", failed);
            self.evaluator().learn("ansible_failed_result", Value::Object(result.value));
        }
        // Told at once, so that the others do not go on while `always` runs here.
        if self.rescue_depth == 0
            && let Some((failed, of, limit)) = self.wave.failed(self.key(), slot.settled.any_errors_fatal)
        {
            self.run.emitter.emit(EventKind::BudgetExceeded { failed, of, limit }).await;
        }
        if self.goes_on() { Ok(()) } else { Err(Stop::Failed) }
    }

    /// Whether the host goes on with the next task when one fails.
    fn goes_on(&self) -> bool {
        self.play.on_failure == OnFailure::Continue && self.rescue_depth == 0 && self.guard.is_none()
    }

    /// Forgets tasks that were sent behind one that failed; their variables are as before.
    fn discard_after(&mut self, failed: &Slot) {
        self.pipeline.discard_from(failed.id + 1);
        self.forget_slots();
    }

    /// Forgets the tasks that have not ended. Other hosts may be waiting for what they register.
    pub(super) fn forget_slots(&mut self) {
        let mut learned = self.host.learned.write().unwrap_or_else(PoisonError::into_inner);
        while let Some(slot) = self.slots.pop_back() {
            if let Some(count) = self.passes.get_mut(&slot.task.key) {
                *count = count.saturating_sub(1);
            }
            let Some(name) = slot.task.task.register.as_ref().filter(|_| !slot.open) else { continue };
            match slot.before {
                Some(before) => learned.values.insert(name.clone(), before),
                None => learned.values.shift_remove(name),
            };
        }
    }

    /// Counts the next step of the host.
    pub(super) fn next_step(&mut self) -> u64 {
        self.host.steps += 1;
        self.host.steps
    }

    pub(super) fn ticket(&self) -> Ticket {
        let slot = self.slots.back();
        Ticket { slot: slot.map_or(0, |slot| slot.id), item: slot.map_or(0, |slot| slot.results.len()) }
    }

    /// Where the next visit of a task stands in the run.
    pub(super) fn next_place(&self, task: &CompiledTask) -> Position {
        let pass = self.passes.get(&task.key).copied().unwrap_or(0);
        Position { play: self.play.number, task: task.key, pass, ..Position::default() }
    }

    /// Counts a visit of a task.
    pub(super) fn passed(&mut self, task: &CompiledTask) {
        *self.passes.entry(task.key).or_insert(0) += 1;
    }

    /// Where the step that comes next stands in the run.
    pub(super) fn place(&self) -> Position {
        let at = self.slots.back().map_or_else(Position::default, |slot| slot.at);
        Position { item: self.item, attempt: self.attempt, ..at }
    }

    pub(super) fn step_label(&self, settled: &Settled, module: &str, label: Option<&str>) -> StepLabel {
        StepLabel {
            at: self.place(),
            task: settled.name.clone(),
            module: module.to_owned(),
            item: label.filter(|_| !settled.no_log).map(str::to_owned),
            hidden: settled.no_log,
        }
    }
}
