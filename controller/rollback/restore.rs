//! Restores one point.

use serde_json::Map;

use crate::operation::{Mode, Operation, Outcome, Point, Program, Progress, Reply, SessionText, restored};

/// Restores one rollback point. The outcome is changed if it was restored now, and failed with the
/// reason if it could not be. Where something newer was put aside, the result has its paths as `replaced`.
#[derive(Clone, Debug)]
pub struct RestorePoint {
    /// The point.
    pub point: Point,
    /// Whether what somebody changed after the run is put aside, and not a reason to refuse.
    pub force: bool,
}

/// Gives the folders of restored points their times, when all points of a host have been restored.
#[derive(Clone, Debug)]
pub struct RestoreTimes {
    /// Numbers of the points, the newest first.
    pub numbers: Vec<u64>,
    /// Whether these are the last ones of the session's folder of points.
    pub last: bool,
}

impl Operation for RestoreTimes {
    fn first(&mut self, mode: Mode) -> Program {
        let text = SessionText(mode.platform).restore_times(&self.numbers, self.last);
        Program { text, ..Program::default() }
    }

    fn next(&mut self, reply: Reply, _mode: Mode) -> Progress {
        Progress::Done(Outcome { failed: reply.status != 0, ..Outcome::default() })
    }
}

impl Operation for RestorePoint {
    fn first(&mut self, mode: Mode) -> Program {
        if mode.check {
            return Program::default();
        }
        let text = SessionText(mode.platform).restore(self.point.number, self.force);
        Program { text, ..Program::default() }
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        if mode.check {
            let mut result = Map::new();
            result.insert("path".to_owned(), self.point.path.clone().into());
            return Progress::Done(Outcome { changed: true, result, ..Outcome::default() });
        }
        let mut outcome = restored::outcome(&reply);
        outcome.result.insert("point".to_owned(), self.point.number.into());
        outcome.result.insert("path".to_owned(), self.point.path.clone().into());
        Progress::Done(outcome)
    }
}

/// Puts the points of one host into the order of restoring, down to the one numbered `to` (included).
pub fn newest_first(points: &[Point], to: Option<u64>) -> Vec<RestorePoint> {
    let mut points: Vec<Point> =
        points.iter().filter(|point| to.is_none_or(|to| point.number >= to)).cloned().collect();
    points.sort_by_key(|point| std::cmp::Reverse(point.number));
    points.dedup_by_key(|point| point.number);
    points.into_iter().map(|point| RestorePoint { point, force: false }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_point_comes_first_and_none_twice() {
        let point = |number| Point { number, kind: "file".to_owned(), path: format!("/{number}") };
        let numbers = |to| {
            newest_first(&[point(2), point(10), point(2), point(3)], to)
                .iter()
                .map(|restore| restore.point.number)
                .collect::<Vec<_>>()
        };
        assert_eq!(numbers(None), [10, 3, 2]);
        assert_eq!(numbers(Some(3)), [10, 3]);
    }
}
