//! The host's side of rollback: programs that restore and list points, and what they answer.

use serde_json::Map;

use super::answer::{decode, failure};
use super::library::call;
use super::{Outcome, Point, Program, Reply};

/// Restores the point of this number.
pub(crate) fn program(number: u64) -> Program {
    Program { text: call("pf_restore", [number.to_string().as_str()]), ..Program::default() }
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
    let result = Map::from_iter([("restored".to_owned(), restored.into())]);
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
