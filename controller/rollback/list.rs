//! Lists the points that lie on a host, for `rollback --plan` and for hosts whose journal is lost.

use serde_json::{Map, Value, json};

use crate::operation::{Mode, Operation, Outcome, Point, Program, Progress, Reply, SessionText, restored};

/// A point that lies on a host.
#[derive(Clone, Debug)]
pub struct ListedPoint {
    /// The point.
    pub point: Point,
    /// `saved`, `restored`, or `incomplete` (its step was cut off before it changed anything).
    pub state: String,
}

impl ListedPoint {
    /// The points of an outcome of [`ListPoints`].
    pub fn of(outcome: &Outcome) -> Vec<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let read = |value: &Value| {
            let (kind, path) = (text(&value["kind"])?, text(&value["path"])?);
            let point = Point { number: value["number"].as_u64()?, kind, path };
            Some(Self { point, state: text(&value["state"])? })
        };
        outcome
            .result
            .get("points")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(read)
            .collect()
    }
}

/// Lists the points of the session's run and host, newest first. The outcome's result has them as
/// `points`: `number`, `kind`, `state`, `path`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListPoints;

impl ListPoints {
    /// Reads the points from a reply.
    pub fn read(reply: &Reply) -> Vec<ListedPoint> {
        restored::listed(reply).into_iter().map(|(point, state)| ListedPoint { point, state }).collect()
    }
}

impl Operation for ListPoints {
    fn first(&mut self, mode: Mode) -> Program {
        Program { text: SessionText(mode.platform).list_points(), ..Program::default() }
    }

    fn next(&mut self, reply: Reply, _mode: Mode) -> Progress {
        let points: Vec<Value> = Self::read(&reply)
            .iter()
            .map(|listed| {
                let Point { number, kind, path } = &listed.point;
                json!({ "number": number, "kind": kind, "state": listed.state, "path": path })
            })
            .collect();
        let result = Map::from_iter([("points".to_owned(), Value::Array(points))]);
        Progress::Done(Outcome { failed: reply.status != 0, result, ..Outcome::default() })
    }
}

/// Adds the points that lie on the host under `login`, and that the journal does not know because their step's result was
/// lost. `points` has the newest first, and keeps that order.
pub fn add_unknown<L: Clone + PartialEq>(points: &mut Vec<(L, Point)>, login: &L, listed: Vec<ListedPoint>) {
    // Oldest first, so that each finds its elders in place.
    let mut unknown: Vec<Point> =
        listed.into_iter().filter(|listed| listed.state == "saved").map(|listed| listed.point).collect();
    unknown.sort_by_key(|point| point.number);
    for point in unknown {
        let same = |entry: &&(L, Point)| entry.0 == *login;
        if points.iter().filter(same).any(|(_, known)| known.number == point.number) {
            continue;
        }
        // Behind all newer ones of this login; without any, it is the newest of all.
        let newer = |(of, known): &(L, Point)| of == login && known.number > point.number;
        let at = points.iter().rposition(newer).map_or(0, |last| last + 1);
        points.insert(at, (login.clone(), point));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(number: u64) -> Point {
        Point { number, kind: "file".to_owned(), path: format!("/{number}") }
    }

    #[test]
    fn what_the_journal_does_not_know_takes_its_place() {
        let mut points = vec![("root", point(4)), ("me", point(2)), ("root", point(1))];
        let listed = |numbers: &[u64]| {
            let listed = |&number| ListedPoint { point: point(number), state: "saved".to_owned() };
            numbers.iter().map(listed).collect::<Vec<_>>()
        };
        add_unknown(&mut points, &"root", listed(&[6, 5, 4, 3, 1]));
        add_unknown(&mut points, &"me", listed(&[2, 1]));
        let order: Vec<_> = points.iter().map(|(login, point)| (*login, point.number)).collect();
        assert_eq!(
            order,
            [("root", 6), ("root", 5), ("root", 4), ("root", 3), ("me", 2), ("me", 1), ("root", 1)]
        );
        let mut points = vec![("me", point(1))];
        let restored = ListedPoint { point: point(2), state: "restored".to_owned() };
        add_unknown(&mut points, &"me", vec![restored]);
        assert_eq!(points.len(), 1);
    }
}
