//! Lists the points that lie on a host, for `rollback --plan` and for hosts whose journal is lost.

use serde_json::{Map, Value, json};

use crate::operation::{Mode, Operation, Outcome, Point, Program, Progress, Reply, restored};

/// A point that lies on a host.
#[derive(Clone, Debug)]
pub struct ListedPoint {
    /// The point.
    pub point: Point,
    /// `saved`, `restored`, or `incomplete` (its step was cut off before it changed anything).
    pub state: String,
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
    fn first(&mut self, _mode: Mode) -> Program {
        restored::list()
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
