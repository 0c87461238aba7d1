//! What the executor itself does for a task: facts, `meta`, `pause`, the local end of `fetch`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::evaluate::{Item, Settled};
use super::pipeline::Landed;
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
            Control::SetFacts(values) => {
                for (name, value) in &values {
                    self.evaluator().learn(name, value.clone());
                }
                ItemResult::of_map(
                    [("ansible_facts".to_owned(), Value::Object(values))].into_iter().collect(),
                )
            }
            Control::Meta(action) => return self.meta(&action).await,
            Control::Pause { seconds, prompt, .. } => self.pause(seconds, prompt).await?,
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
    async fn meta(&mut self, action: &str) -> Result<ItemResult, Stop> {
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
            "clear_facts" => {
                self.host.learned.write().unwrap_or_else(std::sync::PoisonError::into_inner).clear_facts();
            }
            "reset_connection" => {
                if let Some(mut link) = self.host.link.take() {
                    link.close().await;
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
    async fn pause(&mut self, seconds: Option<u64>, prompt: Option<String>) -> Result<ItemResult, Stop> {
        let start = std::time::Instant::now();
        match (seconds, &self.run.ask) {
            (Some(seconds), _) => self.sleep(Duration::from_secs(seconds)).await?,
            (None, Some(ask)) => {
                let question = prompt.unwrap_or_else(|| "press Enter to go on".to_owned());
                let answer = ask(question);
                tokio::select! {
                    answer = answer => drop(answer),
                    () = self.run.cancel.reached(1) => return Err(Stop::Cancelled),
                }
            }
            (None, None) => {
                let message = "`pause` without `seconds` needs a person at a terminal, and there is none";
                return Ok(ItemResult::failure(message));
            }
        }
        let delta = start.elapsed().as_secs();
        let mut result = ItemResult::default();
        result.value.insert("changed".into(), json!(false));
        result.value.insert("delta".into(), json!(delta));
        result.value.insert("msg".into(), json!(format!("paused for {delta} seconds")));
        Ok(result)
    }
}
