//! Users and groups of a POSIX host: the host says what it knows, the controller decides what its tools are told,
//! and a rollback point in front of them holds all that the host knew.

pub mod group;
pub mod user;

use serde_json::{Map, Value};

use super::answer::{failure, points};
use super::{Outcome, Progress, Reply};

/// What the host lacks.
fn missing(reply: &Reply, tools: &[&str]) -> Option<Progress> {
    let lacks: Vec<&str> = reply
        .values
        .iter()
        .filter(|(name, tool)| name == "notool" && tools.contains(&tool.as_str()))
        .map(|(_, tool)| tool.as_str())
        .collect();
    let tool = lacks.first()?;
    Some(failed(format!(
        "the host has no `{tool}`\nhint: install the package that brings it (`passwd`, `shadow` or `shadow-utils`)"
    )))
}

fn failed(message: String) -> Progress {
    let result = Map::from_iter([("msg".to_owned(), Value::String(message))]);
    Progress::Done(Outcome { failed: true, result, ..Outcome::default() })
}

/// The failure of a tool, with what it said.
pub(super) fn tool_failed(reply: &Reply) -> Outcome {
    let mut outcome = failure(reply);
    let said = String::from_utf8_lossy(&reply.stderr).trim().to_owned();
    if reply.value("tool").is_some() && !said.is_empty() {
        let message = outcome.result.get("msg").and_then(Value::as_str).unwrap_or_default();
        outcome.result.insert("msg".to_owned(), format!("{message}: {said}").into());
    }
    if let Some(rc) = reply.rc {
        outcome.result.insert("rc".to_owned(), rc.into());
    }
    outcome.points = points(reply);
    outcome
}
