//! What a host answers to programs that restore and list points.

use serde_json::{Map, Value};

use super::answer::{decode, failure};
use super::{Outcome, Point, Reply};

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
