//! Finds what runs left on a host, when the controller does not know any more.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ListPoints;
use crate::operation::{Mode, Operation, Outcome, Program, Progress, Reply, SessionText, restored};

/// A run that left rollback points on a host.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct FoundRun {
    /// Its id.
    pub run: String,
    /// Points of it.
    pub points: u64,
    /// Points that have not been restored.
    pub left: u64,
}

/// Lists the runs that left points on the session's host, the newest first. The outcome's result has them
/// as `runs`: `run`, `points`, `left`.
#[derive(Clone, Copy, Debug, Default)]
pub struct FindRuns;

impl FindRuns {
    /// Reads the runs from a reply. What cannot be the id of a run is left out.
    pub fn read(reply: &Reply) -> Vec<FoundRun> {
        let mut runs: Vec<FoundRun> = restored::runs(reply)
            .into_iter()
            .filter(|(run, ..)| is_run(run))
            .map(|(run, points, left)| FoundRun { run, points, left })
            .collect();
        runs.sort_by(|one, other| other.run.cmp(&one.run));
        runs
    }
}

impl Operation for FindRuns {
    fn first(&mut self, mode: Mode) -> Program {
        Program { text: SessionText(mode.platform).list_runs(), ..Program::default() }
    }

    fn next(&mut self, reply: Reply, _mode: Mode) -> Progress {
        let runs: Vec<Value> = Self::read(&reply)
            .into_iter()
            .map(|found| json!({ "run": found.run, "points": found.points, "left": found.left }))
            .collect();
        let result = Map::from_iter([("runs".to_owned(), Value::Array(runs))]);
        Progress::Done(Outcome { failed: reply.status != 0, result, ..Outcome::default() })
    }
}

/// Tells whether a name that a host gave can be the id of a run.
fn is_run(name: &str) -> bool {
    let shape = |part: char| part.is_ascii_hexdigit() || part == '-';
    (1..=64).contains(&name.len()) && name.chars().all(shape) && !name.starts_with('-')
}

/// Lists the points of one run, from a session that was opened for none.
#[derive(Clone, Debug)]
pub struct FindPoints {
    /// `paceline_base`, if the host has one.
    pub base: Option<String>,
    /// The run, whose name the host gave.
    pub run: String,
    /// The host, percent-encoded.
    pub host: String,
}

impl Operation for FindPoints {
    fn first(&mut self, mode: Mode) -> Program {
        let mut program = ListPoints.first(mode);
        let points = SessionText(mode.platform).open_points(self.base.as_deref(), &self.run, &self.host);
        program.text = [&points, "\n", &program.text].concat();
        program
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        ListPoints.next(reply, mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_says_is_not_believed() {
        let values = ["01a2 3 1", "../../etc 1 1", "01b2%0A 1 1", "01c2 many 1", "01d2 4 0", "-rf 1 1"];
        let values = values.map(|text| ("run".to_owned(), text.to_owned())).to_vec();
        let runs = FindRuns::read(&Reply { values, ..Reply::default() });
        let names: Vec<&str> = runs.iter().map(|found| found.run.as_str()).collect();
        assert_eq!(names, ["01d2", "01a2"]);
        assert_eq!((runs[1].points, runs[1].left), (3, 1));
    }
}
