//! A task on one host, from its first step to its registered result.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::evaluate::{Item, Settled};
use super::event::Status;
use crate::journal::{KeptResult, Position};
use crate::operation::{Diff, Outcome};
use crate::plan::CompiledTask;

/// The result of one item (or of a task without a loop), as it is registered.
#[derive(Clone, Debug, Default)]
pub(super) struct ItemResult {
    pub value: Map<String, Value>,
    pub changed: bool,
    pub failed: bool,
    pub skipped: bool,
    /// Whether nothing can undo what it did, or would do.
    pub irreversible: bool,
    /// Whether only a plan skips it: its condition asks for what earlier tasks would have made.
    pub unplanned: bool,
    /// Last lines of a command's output.
    pub tail: Vec<String>,
    /// Whether it came from a step, whose event keeps it for `resume`.
    pub of_step: bool,
}

/// A task that has started on a host and is not over.
#[derive(Debug)]
pub(super) struct Slot {
    pub id: u64,
    /// Where it stands in the run.
    pub at: Position,
    pub task: Arc<CompiledTask>,
    pub settled: Settled,
    pub looped: bool,
    pub items: Vec<Item>,
    pub labels: Vec<Option<String>>,
    pub results: Vec<Option<ItemResult>>,
    /// Whether items may still be added.
    pub open: bool,
    /// The hosts that did it for this one.
    pub delegates: Vec<String>,
    /// What the registered variable was before.
    pub before: Option<crate::template::Binding>,
}

impl Slot {
    /// Tells whether every item has a result.
    pub(super) fn is_complete(&self) -> bool {
        !self.open && self.results.iter().all(Option::is_some)
    }

    /// Makes the result of the task from those of its items
    /// (Ansible: Registering variables with a loop).
    pub(super) fn result(&self) -> ItemResult {
        let mut results: Vec<ItemResult> = self.results.iter().flatten().cloned().collect();
        if !self.looped {
            return results.pop().unwrap_or_default();
        }
        let changed = results.iter().any(|result| result.changed);
        let failed = results.iter().any(|result| result.failed);
        let skipped = results.iter().all(|result| result.skipped);
        let irreversible = results.iter().any(|result| result.irreversible);
        let unplanned = results.iter().any(|result| result.unplanned);
        let tail = results.iter_mut().find(|result| result.failed).map(|result| result.tail.split_off(0));
        let mut value = Map::new();
        let message = match (failed, skipped) {
            (true, _) => "One or more items failed",
            (_, true) => "All items skipped",
            _ => "All items completed",
        };
        if results.is_empty() {
            value.insert("skipped_reason".into(), json!("No items in the list"));
        } else {
            value.insert("msg".into(), json!(message));
        }
        value.insert(
            "results".into(),
            results.into_iter().map(|result| Value::Object(result.value)).collect(),
        );
        value.insert("changed".into(), json!(changed));
        value.insert("skipped".into(), json!(skipped));
        if failed {
            value.insert("failed".into(), json!(true));
        }
        ItemResult {
            value,
            changed,
            failed,
            skipped,
            irreversible,
            unplanned,
            tail: tail.unwrap_or_default(),
            of_step: false,
        }
    }

    /// Says why the task failed, in a line or a few.
    pub(super) fn failure_message(&self) -> Option<String> {
        let failed: Vec<(usize, &ItemResult)> = self
            .results
            .iter()
            .enumerate()
            .filter_map(|(index, result)| Some((index, result.as_ref()?)))
            .filter(|(_, result)| result.failed)
            .collect();
        let (index, first) = failed.first()?;
        if self.settled.no_log {
            return Some("the result is hidden because of `no_log`".to_owned());
        }
        let message = first.message().unwrap_or_else(|| "failed".to_owned());
        let item = self.labels.get(*index).and_then(Option::as_ref);
        let more = match failed.len() {
            1 => String::new(),
            count => format!(" (and {} more of {} items)", count - 1, self.results.len()),
        };
        Some(match item {
            Some(item) => format!("item `{item}`: {message}{more}"),
            None => format!("{message}{more}"),
        })
    }
}

impl ItemResult {
    /// What is kept for `resume`; `whole` where something may read its fields.
    pub(super) fn keep(&self, whole: bool) -> KeptResult {
        let value = if whole || self.failed { self.value.clone() } else { Map::new() };
        let (changed, failed, skipped) = (self.changed, self.failed, self.skipped);
        KeptResult { changed, failed, skipped, value, facts: Map::new() }
    }

    /// Makes a result of what was kept.
    pub(super) fn of_kept(kept: &KeptResult, of_step: bool) -> Self {
        let KeptResult { changed, failed, skipped, .. } = *kept;
        let mut value = kept.value.clone();
        value.entry("changed").or_insert(json!(changed));
        value.entry("failed").or_insert(json!(failed));
        if skipped {
            value.entry("skipped").or_insert(json!(true));
        }
        Self {
            value,
            changed,
            failed,
            skipped,
            irreversible: false,
            unplanned: false,
            tail: Vec::new(),
            of_step,
        }
    }

    /// Makes the result of an operation.
    pub(super) fn of_outcome(outcome: &Outcome, tail: Vec<String>) -> Self {
        let mut value = outcome.result.clone();
        value.insert("changed".into(), json!(outcome.changed));
        value.insert("failed".into(), json!(outcome.failed));
        if outcome.skipped {
            value.insert("skipped".into(), json!(true));
        }
        if !outcome.facts.is_empty() {
            value.insert("ansible_facts".into(), Value::Object(outcome.facts.clone()));
        }
        // What an operation registers has Ansible's shape; the pairs of texts are for people.
        if !outcome.diff.is_empty() {
            value.entry("diff").or_insert_with(|| outcome.diff.iter().map(diff_value).collect());
        }
        let Outcome { changed, failed, skipped, .. } = *outcome;
        Self { value, changed, failed, skipped, irreversible: false, unplanned: false, tail, of_step: true }
    }

    /// Makes a failure with a message.
    pub(super) fn failure(message: impl Into<String>) -> Self {
        let mut value = Map::new();
        value.insert("changed".into(), json!(false));
        value.insert("failed".into(), json!(true));
        value.insert("msg".into(), json!(message.into()));
        Self { value, failed: true, ..Self::default() }
    }

    /// Makes the result of a condition that does not hold, given as it is written.
    pub(super) fn skip(condition: Value) -> Self {
        let mut value = Map::new();
        value.insert("changed".into(), json!(false));
        value.insert("skipped".into(), json!(true));
        value.insert("skip_reason".into(), json!("Conditional result was False"));
        value.insert("false_condition".into(), condition);
        Self { value, skipped: true, ..Self::default() }
    }

    /// Takes over what a module returned as a whole.
    pub(super) fn of_map(value: Map<String, Value>) -> Self {
        let flag = |name: &str| value.get(name).and_then(Value::as_bool).unwrap_or(false);
        let (changed, failed, skipped) = (flag("changed"), flag("failed"), flag("skipped"));
        let mut value = value;
        value.entry("changed").or_insert(json!(false));
        value.entry("failed").or_insert(json!(false));
        Self { value, changed, failed, skipped, ..Self::default() }
    }

    /// Sets the verdict of `changed_when` or `failed_when`.
    pub(super) fn judge(&mut self, name: &str, verdict: bool) {
        self.value.insert(name.to_owned(), json!(verdict));
        if name == "failed" {
            self.failed = verdict;
            self.value.insert("failed_when_result".into(), json!(verdict));
        } else {
            self.changed = verdict;
        }
    }

    /// Returns the status of a step with this result.
    pub(super) fn status(&self, ignored: bool) -> Status {
        match self {
            Self { failed: true, .. } if ignored => Status::Ignored,
            Self { failed: true, .. } => Status::Failed,
            Self { skipped: true, .. } => Status::Skipped,
            Self { changed: true, .. } => Status::Changed,
            _ => Status::Ok,
        }
    }

    /// Returns `msg` as text.
    pub(super) fn message(&self) -> Option<String> {
        match self.value.get("msg")? {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    }
}

fn diff_value(diff: &Diff) -> Value {
    json!({
        "before_header": diff.before_header, "after_header": diff.after_header,
        "before": diff.before, "after": diff.after,
    })
}

impl Slot {
    /// What the terminal says about the end of a task.
    pub(super) fn message(&self, result: &ItemResult) -> Option<String> {
        if result.failed {
            return self.failure_message();
        }
        if self.settled.no_log {
            return None;
        }
        if result.skipped {
            return result
                .value
                .get("skip_reason")
                .or_else(|| result.value.get("skipped_reason"))
                .and_then(Value::as_str)
                .map(str::to_owned);
        }
        matches!(self.task.task.module, "debug" | "assert" | "connector_move").then(|| shown(self)).flatten()
    }
}

/// What `debug` says, one line for each item.
fn shown(slot: &Slot) -> Option<String> {
    let lines: Vec<String> = slot
        .results
        .iter()
        .flatten()
        .filter(|result| !result.skipped)
        .filter_map(|result| {
            result.message().or_else(|| {
                const HIDDEN: [&str; 6] =
                    ["changed", "failed", "_ansible_verbose_always", "ansible_loop_var", "skipped", "msg"];
                let variable = slot.task.task.looping.as_ref().map(|looping| looping.variable.as_str());
                let (name, value) = result
                    .value
                    .iter()
                    .find(|(name, _)| !HIDDEN.contains(&name.as_str()) && Some(name.as_str()) != variable)?;
                Some(format!("{name}: {}", serde_json::to_string_pretty(value).ok()?))
            })
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registered_difference_keeps_the_shape_that_its_operation_gave_it() {
        let pair = Diff { before: "a".to_owned(), ..Diff::default() };
        let mut outcome = Outcome { diff: vec![pair], ..Outcome::default() };
        let registered =
            |outcome: &Outcome| ItemResult::of_outcome(outcome, Vec::new()).value["diff"].clone();
        assert_eq!(registered(&outcome)[0]["before"], "a");
        let own = json!({ "before": { "state": "absent" }, "after": { "state": "directory" } });
        outcome.result.insert("diff".to_owned(), own.clone());
        assert_eq!(registered(&outcome), own);
    }
}
