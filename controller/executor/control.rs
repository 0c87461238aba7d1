//! What the executor itself does for a task: facts, `meta`, `pause`, the local end of `fetch`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::evaluate::{Item, Settled};
use super::event::EventKind;
use super::landed::Landed;
use super::slot::ItemResult;
use super::steps::add_loop_fields;
use super::wave::WaveStop;
use super::worker::{Stop, Worker};
use crate::module::Control;
use crate::plan::CompiledTask;

impl Worker<'_> {
    /// Does what needs no step on the host.
    pub(super) async fn control(
        &mut self,
        task: &Arc<CompiledTask>,
        settled: &Settled,
        control: Control,
        item: &Item,
        label: Option<&str>,
    ) -> Result<ItemResult, Stop> {
        let mut result = match control {
            Control::Result(value) => ItemResult::of_map(value),
            Control::Include(options) => self.choose(task, item, &options),
            Control::IncludeVars(options) => self.include_vars(task, &options),
            Control::SetFacts(values) => {
                for (name, value) in &values {
                    self.teach(name, value.clone());
                }
                ItemResult::of_map(
                    [("ansible_facts".to_owned(), Value::Object(values))].into_iter().collect(),
                )
            }
            Control::Meta(action) => return self.meta(task, &action).await,
            Control::Pause { seconds, prompt, echo } => self.pause(settled, seconds, prompt, echo).await?,
            Control::Reboot(restart) => return self.reboot((task, settled, item, label), restart).await,
            Control::WaitForConnection(wait) => self.wait_for_connection(settled, wait).await?,
            Control::Fetch { operation, destination, fail_on_missing } => {
                let landed = self.at_once(task, settled, operation, label).await?;
                self.fetched(task, settled, item, landed, &destination, fail_on_missing).await
            }
        };
        self.verdicts(task, item, &mut result);
        add_loop_fields(task, item, &mut result);
        Ok(result)
    }

    /// `meta` actions.
    async fn meta(&mut self, task: &CompiledTask, action: &str) -> Result<ItemResult, Stop> {
        match action {
            "flush_handlers" => {
                let slot = self.slots.pop_back();
                let flush = slot.as_ref().map_or(0, |slot| slot.task.ordinal);
                let result = Box::pin(self.flush_handlers(flush)).await;
                self.slots.extend(slot);
                result?;
            }
            "end_host" => return Err(Stop::EndHost),
            "end_play" => {
                self.end_wave(WaveStop::EndPlay);
                return Err(Stop::Wave);
            }
            "end_batch" => {
                self.end_wave(WaveStop::EndBatch);
                return Err(Stop::Wave);
            }
            "end_role" => match &task.role {
                Some(role) => self.ended_role = Some(Arc::as_ptr(role).addr()),
                None => {
                    return Ok(ItemResult::failure("`meta: end_role` ends a role, and this task is in none"));
                }
            },
            "clear_facts" => {
                self.host.learned.write().unwrap_or_else(std::sync::PoisonError::into_inner).clear_facts();
            }
            "reset_connection" => {
                if let Some(mut link) = self.host.link.take() {
                    link.close(false).await;
                }
            }
            // `noop`.
            _ => {}
        }
        Ok(ItemResult::default())
    }

    /// Writes what was fetched to the local file that the controller chose.
    async fn fetched(
        &mut self,
        task: &CompiledTask,
        settled: &Settled,
        item: &Item,
        mut landed: Landed,
        destination: &std::path::Path,
        fail_on_missing: bool,
    ) -> ItemResult {
        let bytes = landed.outcome.bytes.take();
        if let Some(bytes) = bytes {
            match super::fetch::store(destination, &bytes, settled.check) {
                Ok(changed) => landed.outcome.changed = changed,
                Err(error) => {
                    landed.outcome.failed = true;
                    let message = format!("cannot write `{}`: {error}", destination.display());
                    landed.outcome.result.insert("msg".into(), json!(message));
                }
            }
        } else if !fail_on_missing {
            landed.outcome.failed = false;
        }
        self.judged(task, item, settled, landed, None).await
    }

    /// `pause`: waits, or asks a person to go on.
    async fn pause(
        &mut self,
        settled: &Settled,
        seconds: Option<u64>,
        prompt: Option<String>,
        echo: bool,
    ) -> Result<ItemResult, Stop> {
        let (start, began) = (std::time::Instant::now(), super::dispatcher::now());
        let mut typed = String::new();
        let event = EventKind::Paused { prompt, seconds };
        match (seconds, &self.run.ask) {
            (Some(seconds), _) => {
                self.host.sink.task_event(&settled.name, event).await;
                self.sleep(Duration::from_secs(seconds)).await?;
            }
            // Nothing is about to happen that somebody would have to look at first.
            (None, _) if settled.check => {}
            (None, Some(ask)) => {
                let answer = ask(echo);
                self.host.sink.task_event(&settled.name, event).await;
                tokio::select! {
                    answer = answer => typed = answer,
                    () = self.run.cancel.reached(1) => return Err(Stop::Cancelled),
                }
            }
            (None, None) => {
                let message = "`pause` without a time needs a person at a terminal, and there is none; \
                               hint: give `seconds` or `minutes`, or run with `--yes` to go on at once";
                return Ok(ItemResult::failure(message));
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let value = json!({
            "changed": false, "failed": false, "rc": 0, "stderr": "", "echo": echo, "user_input": typed,
            "start": began, "stop": super::dispatcher::now(), "delta": seconds as u64,
            "stdout": format!("Paused for {:.2} minutes", seconds / 60.0),
        });
        let Value::Object(value) = value else { return Ok(ItemResult::default()) };
        Ok(ItemResult::of_map(value))
    }
}
