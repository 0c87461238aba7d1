//! What an operation did.

use serde_json::{Map, Value};

/// The end of an operation.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Whether it changed (or, in check mode, would change) the host.
    pub changed: bool,
    /// Whether it failed; the message is `msg` in the result.
    pub failed: bool,
    /// Whether it skipped itself, as Ansible's `skipped: true`: the task counts as skipped.
    pub skipped: bool,
    /// Whether a value of the result is not whole because it is over 16 MiB: a task that registers it fails.
    pub cut: bool,
    /// The fields of the registered variable, as Ansible names them, without `changed` and `failed`.
    pub result: Map<String, Value>,
    /// Facts of the host (`setup`).
    pub facts: Map<String, Value>,
    /// Before and after, when asked for.
    pub diff: Vec<Diff>,
    /// Rollback points that were saved, oldest first.
    pub points: Vec<Point>,
    /// Bytes that were read from the host for the controller (`fetch`).
    pub bytes: Option<Vec<u8>>,
}

/// Before and after of one thing.
#[derive(Clone, Debug, Default)]
pub struct Diff {
    /// Heading of the old side (a path).
    pub before_header: String,
    /// Heading of the new side.
    pub after_header: String,
    /// Old text.
    pub before: String,
    /// New text.
    pub after: String,
}

/// A rollback point on the host.
#[derive(Clone, Debug)]
pub struct Point {
    /// Its number within the run and host; restored newest first.
    pub number: u64,
    /// What it covers: `file`, `absent`, `directory`, `link`, `mode`, ...
    pub kind: String,
    /// The path it covers.
    pub path: String,
}
