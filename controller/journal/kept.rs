//! What the journal keeps of steps and tasks beyond their events, so that a run can go on after its controller died.
//!
//! It stands in the journal's lines only, as the field `kept`, and never in what programs and people are shown. With the results
//! of finished steps at hand, a resumed run walks through its plays again and comes to the place where each host stopped, with
//! the same variables, notified handlers and loop positions, without asking any host.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::secrets::Seal;

/// Where a step or task stands in its run, the same in every incarnation.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Position {
    /// Number of the play, from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub play: usize,
    /// Key of the task within its play (`CompiledTask::key`), which a change of other tasks leaves as it is.
    pub task: u64,
    /// How often the host came to the task before: handlers may run several times.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pass: usize,
    /// Index of the loop item.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub item: usize,
    /// Number of the attempt of a task with `until`, from 1; 0 without.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempt: usize,
}

impl Position {
    /// The task itself.
    #[must_use]
    pub fn of_task(self) -> Self {
        Self { item: 0, attempt: 0, ..self }
    }
}

/// The result of one item as the tasks behind it see it: after `changed_when` and `failed_when`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct KeptResult {
    /// Whether it changed the host.
    #[serde(default, skip_serializing_if = "is_false")]
    pub changed: bool,
    /// Whether it failed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub failed: bool,
    /// Whether it was skipped.
    #[serde(default, skip_serializing_if = "is_false")]
    pub skipped: bool,
    /// What is registered, if anything may read it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub value: Map<String, Value>,
    /// Facts that it gave.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
}

/// What is kept with an event.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Kept {
    /// Where the step or task stands.
    pub at: Position,
    /// The result of a step that is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<KeptResult>,
    /// For a task that is over: the results of its items that had no step (skipped, `set_fact`, ...).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Option<KeptResult>>,
    /// `result` and `items`, sealed with the key of the run: they hold a secret, or the task says `no_log`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
}

/// What is sealed.
#[derive(Default, Deserialize, Serialize)]
struct Inside {
    result: Option<KeptResult>,
    items: Vec<Option<KeptResult>>,
}

impl Kept {
    /// Keeps the place only.
    pub fn place(at: Position) -> Self {
        Self { at, ..Self::default() }
    }

    /// Keeps the result of a step.
    pub fn result(at: Position, result: KeptResult) -> Self {
        Self { at, result: Some(result), ..Self::default() }
    }

    /// Returns the results as text, to look for secrets in it; nothing if there are none.
    pub fn text(&self) -> Option<String> {
        if self.result.is_none() && self.items.is_empty() {
            return None;
        }
        serde_json::to_string(&(&self.result, &self.items)).ok()
    }

    /// Seals the results.
    #[must_use]
    pub fn seal(self, seal: &Seal) -> Self {
        let inside = Inside { result: self.result, items: self.items };
        let sealed = serde_json::to_vec(&inside).ok().map(|bytes| seal.seal(&bytes));
        Self { at: self.at, sealed, ..Self::default() }
    }

    /// Opens the results, if they are sealed. With another key there are none.
    #[must_use]
    pub fn open(mut self, seal: Option<&Seal>) -> Self {
        if let (Some(sealed), Some(seal)) = (self.sealed.take(), seal)
            && let Some(bytes) = seal.open(&sealed)
            && let Ok(Inside { result, items }) = serde_json::from_slice(&bytes)
        {
            (self.result, self.items) = (result, items);
        }
        self
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sealed_result_tells_nothing_and_comes_back_with_its_key() {
        let at = Position { play: 1, task: 77, pass: 0, item: 3, attempt: 0 };
        let value = json!({"stdout": "the pass-word", "rc": 0}).as_object().unwrap().clone();
        let kept = Kept::result(at, KeptResult { changed: true, value, ..KeptResult::default() });
        let seal = Seal::new(&[7; 32]);
        let sealed = kept.clone().seal(&seal);
        let line = serde_json::to_string(&sealed).unwrap();
        assert!(!line.contains("pass-word") && !line.contains("stdout"), "{line}");
        let read: Kept = serde_json::from_str(&line).unwrap();
        assert_eq!(read.clone().open(Some(&seal)), kept);
        assert_eq!(read.clone().open(Some(&Seal::new(&[8; 32]))), Kept::place(at));
        assert_eq!(read.open(None), Kept::place(at));
    }

    #[test]
    fn what_is_nothing_takes_no_room() {
        let kept = Kept::place(Position { task: 5, ..Position::default() });
        assert_eq!(serde_json::to_string(&kept).unwrap(), r#"{"at":{"task":5}}"#);
        assert_eq!(kept.text(), None);
    }
}
