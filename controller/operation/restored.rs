//! The host's side of rollback: programs that restore and list points, and what they answer.

use serde_json::{Map, Value};

use super::answer::{decode, failure};
use super::library::call;
use super::{Outcome, Point, Program, Reply};

/// Restores the point of this number; `force` puts aside what somebody changed after the run.
pub(crate) fn program(number: u64, force: bool) -> Program {
    let text = call("pf_restore", [number.to_string().as_str(), if force { "1" } else { "" }]);
    Program { text, ..Program::default() }
}

/// Gives the folders of these points their times, the newest point first; `last` says that all have theirs now.
pub(crate) fn times(numbers: &[u64], last: bool) -> Program {
    let words: Vec<String> = numbers.iter().map(u64::to_string).collect();
    let mut calls: Vec<String> =
        words.chunks(500).map(|chunk| call("pf_restore_times", chunk.iter().map(String::as_str))).collect();
    calls.extend(last.then(|| "pf_restored_times".to_owned()));
    Program { text: calls.join("\n"), ..Program::default() }
}

/// Takes a look at the point of a service: `stop`, `start` or `check`.
pub(crate) fn service_phase(phase: &str, number: u64) -> Program {
    Program { text: call("pf_service_phase", [phase, number.to_string().as_str()]), ..Program::default() }
}

/// Whether it was restored now, was restored already, or why it could not be.
pub(crate) fn outcome(reply: &Reply) -> Outcome {
    if reply.status != 0 || reply.value("restored").is_none() {
        return failure(reply);
    }
    let restored = reply.value("restored").unwrap_or_default();
    let mut result = Map::from_iter([("restored".to_owned(), restored.into())]);
    let aside: Vec<Value> = reply
        .values
        .iter()
        .filter(|(name, _)| name == "replaced")
        .map(|(_, path)| decode(path).into())
        .collect();
    if !aside.is_empty() {
        result.insert("replaced".to_owned(), aside.into());
    }
    Outcome { changed: restored == "now", result, ..Outcome::default() }
}

/// Lists all points of the session's run and host.
pub(crate) fn list() -> Program {
    Program { text: "pf_points_list".to_owned(), ..Program::default() }
}

/// The listed points, newest first, each with its state.
pub(crate) fn listed(reply: &Reply) -> Vec<(Point, String)> {
    let parse = |text: String| {
        let mut parts = text.splitn(4, ' ');
        let number = parts.next()?.parse().ok()?;
        let (kind, state) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some((Point { number, kind, path: parts.next()?.to_owned() }, state))
    };
    reply
        .values
        .iter()
        .filter(|(name, _)| name == "listed")
        .filter_map(|(_, text)| parse(decode(text)))
        .collect()
}

/// Lists all runs that left points on the session's host.
pub(crate) fn list_runs() -> Program {
    Program { text: "pf_runs_list".to_owned(), ..Program::default() }
}

/// The listed runs, each with its points and those that are not restored.
pub(crate) fn runs(reply: &Reply) -> Vec<(String, u64, u64)> {
    let parse = |text: String| {
        let mut parts = text.splitn(3, ' ');
        let run = parts.next()?.to_owned();
        let mut number = || parts.next()?.parse().ok();
        Some((run, number()?, number()?))
    };
    reply
        .values
        .iter()
        .filter(|(name, _)| name == "run")
        .filter_map(|(_, text)| parse(decode(text)))
        .collect()
}
