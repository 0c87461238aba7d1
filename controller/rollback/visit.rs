//! In which order the points of a host are visited: the run's services stop first, then everything comes
//! back newest first, then services and activations take note of it.

use super::RestorePoint;
use crate::operation::{Mode, Operation, Point, Program, Progress, Reply, SessionText};

/// Kinds of things that run, whose state comes back apart from everything else.
const RUNNING: [&str; 3] = ["service", "pool", "site"];

fn runs(point: &Point) -> bool {
    RUNNING.contains(&point.kind.as_str())
}

/// What a visit to a point is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// A service that the run started is stopped.
    Stop,
    /// The point is restored.
    Restore,
    /// A service that was running before the run is started.
    Start,
    /// An activation is repeated, the same one once.
    Activate,
    /// A service is found in its old state.
    Check,
}

/// One visit to one point.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The point.
    pub point: Point,
    /// What for.
    pub phase: Phase,
    /// Whether the point counts as restored after it.
    pub last: bool,
    /// Whether what somebody changed after the run is put aside, and not a reason to refuse.
    pub force: bool,
}

/// Plans the visits to the points of one host, which come newest first.
pub fn visits<T: Clone>(newest_first: &[(T, Point)], force: bool) -> Vec<(T, Visit)> {
    let running = || newest_first.iter().filter(|(_, point)| runs(point));
    // Of several states of a service the oldest is the one to come back to.
    let same = |one: &Point, other: &Point| one.kind == other.kind && one.path == other.path;
    let is_oldest = |point: &Point| {
        running()
            .rfind(|(_, other)| same(point, other))
            .is_some_and(|(_, oldest)| std::ptr::eq(oldest, point))
    };
    let services = || running().filter(|(_, point)| is_oldest(point));
    let visit = |(login, point): &(T, Point), phase| {
        let last = match phase {
            Phase::Stop | Phase::Start => false,
            Phase::Restore => !runs(point) || !is_oldest(point),
            Phase::Activate | Phase::Check => true,
        };
        (login.clone(), Visit { point: point.clone(), phase, last, force })
    };
    let activated = || newest_first.iter().filter(|(_, point)| point.kind == "activation");
    let restored = newest_first.iter().filter(|(_, point)| point.kind != "activation");
    let mut visits: Vec<_> = running().map(|entry| visit(entry, Phase::Stop)).collect();
    visits.extend(restored.map(|entry| visit(entry, Phase::Restore)));
    visits.extend(services().rev().map(|entry| visit(entry, Phase::Start)));
    visits.extend(activated().rev().map(|entry| visit(entry, Phase::Activate)));
    visits.extend(services().rev().map(|entry| visit(entry, Phase::Check)));
    visits
}

impl Visit {
    /// Whether the point is that of a path, so that older ones above and below it wait for it.
    pub fn is_of_a_path(&self) -> bool {
        !matches!(self.point.kind.as_str(), "service" | "activation" | "rollback")
    }

    fn restore(&self) -> RestorePoint {
        RestorePoint { point: self.point.clone(), force: self.force }
    }

    /// What the step is called.
    pub fn label(&self) -> String {
        let path = &self.point.path;
        match self.phase {
            Phase::Stop => format!("stop {path}"),
            Phase::Start => format!("start {path}"),
            Phase::Check => format!("look at {path}"),
            Phase::Restore | Phase::Activate => path.clone(),
        }
    }
}

impl Operation for Visit {
    fn first(&mut self, mode: Mode) -> Program {
        let word = match self.phase {
            Phase::Restore | Phase::Activate => {
                return self.restore().first(mode);
            }
            Phase::Stop => "stop",
            Phase::Start => "start",
            Phase::Check => "check",
        };
        if mode.check {
            return Program::default();
        }
        let text = SessionText(mode.platform).service_phase(word, self.point.number);
        Program { text, ..Program::default() }
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        self.restore().next(reply, mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_stop_first_and_are_looked_at_last() {
        let points: Vec<((), Point)> = [
            (7, "activation", "restart b"),
            (6, "service", "b"),
            (5, "activation", "restart a"),
            (4, "service", "a"),
            (3, "file", "/etc/a"),
            (2, "service", "a"),
            (1, "rollback", "Undo it"),
        ]
        .map(|(number, kind, path)| ((), Point { number, kind: kind.to_owned(), path: path.to_owned() }))
        .to_vec();
        let visits = visits(&points, false);
        let seen: Vec<(Phase, u64)> =
            visits.iter().map(|(_, visit)| (visit.phase, visit.point.number)).collect();
        use Phase::{Activate, Check, Restore, Start, Stop};
        let expected = [
            (Stop, vec![6, 4, 2]),
            (Restore, vec![6, 4, 3, 2, 1]),
            (Start, vec![2, 6]),
            (Activate, vec![5, 7]),
            (Check, vec![2, 6]),
        ];
        let expected: Vec<(Phase, u64)> = expected
            .into_iter()
            .flat_map(|(phase, numbers)| numbers.into_iter().map(move |number| (phase, number)))
            .collect();
        assert_eq!(seen, expected);
        let mut last: Vec<u64> =
            visits.iter().filter(|(_, visit)| visit.last).map(|(_, visit)| visit.point.number).collect();
        last.sort_unstable();
        assert_eq!(last, [1, 2, 3, 4, 5, 6, 7], "each point counts once");
    }

    #[test]
    fn pools_and_sites_run_too_and_keep_their_names_apart() {
        let points: Vec<((), Point)> = [(3, "site", "site a"), (2, "pool", "pool a"), (1, "pool", "pool a")]
            .map(|(number, kind, path)| ((), Point { number, kind: kind.to_owned(), path: path.to_owned() }))
            .to_vec();
        let seen: Vec<(Phase, u64)> =
            visits(&points, false).iter().map(|(_, visit)| (visit.phase, visit.point.number)).collect();
        use Phase::{Check, Restore, Start, Stop};
        let expected = [(Stop, 3), (Stop, 2), (Stop, 1), (Restore, 3), (Restore, 2), (Restore, 1)];
        let expected = [&expected[..], &[(Start, 1), (Start, 3), (Check, 1), (Check, 3)]].concat();
        assert_eq!(seen, expected);
    }
}
