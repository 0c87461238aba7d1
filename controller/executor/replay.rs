//! What earlier incarnations of a run left in its journal about every host, for `resume`.
//!
//! A resumed run takes every host through its plays again. A step whose result is kept is not sent: its task goes on with that
//! result, so that variables, facts, notified handlers, rescues and loops are as they were. What comes behind the last
//! kept result is sent as in any other run.

use std::collections::{HashMap, HashSet};

use super::dispatcher::Past;
use super::event::{Event, EventKind, HostStatus, Status};
use crate::journal::{Kept, KeptResult, Position};
use crate::operation::Point;
use crate::secrets::Seal;

/// A step that was handed to its host.
#[derive(Clone, Debug)]
pub(super) struct KeptStep {
    /// Its number.
    pub step: u64,
    /// Its result; none if it was lost with the connection or the controller.
    pub result: Option<KeptResult>,
}

/// One host in earlier incarnations.
#[derive(Clone, Debug, Default)]
pub struct HostReplay {
    steps: HashMap<Position, KeptStep>,
    tasks: HashMap<Position, Vec<Option<KeptResult>>>,
    last_step: u64,
    status: Option<HostStatus>,
    /// Whether a guard may still wait on the host.
    left_guard: bool,
    /// The task that failed the host, and what ran behind it: `always`, forced handlers.
    failed: Option<(Position, Vec<Position>)>,
    /// Tasks that failed and behind which the host went on.
    went_on: Vec<Position>,
    /// What ran since a guard was armed, as long as that is not confirmed: the host undoes it.
    guarded: Option<Guarded>,
    /// Points that the run saved and nobody restored, with the user that the step became.
    points: Vec<(Option<String>, Point)>,
}

/// What ran in a guarded block.
#[derive(Clone, Debug, Default)]
struct Guarded {
    ran: Vec<Position>,
    /// Whether a task of it failed and a `rescue` took over.
    rescued: bool,
    /// Whether the host undid it already.
    fired: bool,
}

impl HostReplay {
    /// Returns the step at a position.
    pub(super) fn step(&self, at: &Position) -> Option<&KeptStep> {
        self.steps.get(at)
    }

    /// Returns the kept results of the items of a task that was over; `None` for items that had a step.
    pub(super) fn task(&self, at: &Position) -> Option<&[Option<KeptResult>]> {
        self.tasks.get(at).map(Vec::as_slice)
    }

    /// Returns the number of the last step.
    pub(super) fn last_step(&self) -> u64 {
        self.last_step
    }

    /// Returns how the host ended; nothing if the controller died before.
    pub fn status(&self) -> Option<HostStatus> {
        self.status
    }

    /// Tells whether a guard was left armed.
    pub(super) fn has_guard(&self) -> bool {
        self.left_guard
    }

    /// Returns the points that the run saved and nobody restored, oldest first, with the user that the step became.
    pub(super) fn points(&self) -> &[(Option<String>, Point)] {
        &self.points
    }

    fn take(&mut self, step: Option<u64>, kind: &EventKind, kept: Option<Kept>) {
        match (kind, kept) {
            (EventKind::StepStarted { .. }, Some(kept)) => {
                let step = step.unwrap_or_default();
                self.last_step = self.last_step.max(step);
                self.behind(kept.at);
                let known = self.steps.entry(kept.at).or_insert(KeptStep { step, result: None });
                known.step = step;
            }
            (EventKind::StepStarted { .. }, None) => {
                self.last_step = self.last_step.max(step.unwrap_or_default());
            }
            (EventKind::StepFinished { .. }, Some(kept)) => {
                self.behind(kept.at);
                let step = step.unwrap_or_default();
                self.steps.insert(kept.at, KeptStep { step, result: kept.result });
            }
            (EventKind::TaskFinished { status, .. }, Some(kept)) => {
                self.behind(kept.at);
                self.tasks.insert(kept.at, kept.items);
                if let Some(guarded) = self.guarded.as_mut().filter(|guarded| !guarded.fired) {
                    guarded.rescued |= *status == Status::Rescued;
                }
                if *status == Status::Failed && kept.went_on {
                    self.went_on.push(kept.at);
                } else if *status == Status::Failed && self.failed.is_none() {
                    self.failed = Some((kept.at, Vec::new()));
                }
            }
            (EventKind::HostFinished { status, .. }, _) => self.status = Some(*status),
            (EventKind::GuardArmed { .. }, _) => {
                self.guarded.get_or_insert_default().fired = false;
            }
            (EventKind::GuardConfirmed { .. }, _) => self.guarded = None,
            (EventKind::GuardFired { .. }, _) => self.guarded.get_or_insert_default().fired = true,
            // Until it is said to be over, nobody knows what is left.
            (EventKind::HostRestoring { .. }, _) => self.status = Some(HostStatus::RollbackFailed),
            (EventKind::HostRestored { .. }, _) => self.forget(),
            (EventKind::RollbackPoint { point, covers, path, become_user }, _) => {
                let point = Point { number: *point, kind: covers.clone(), path: path.clone() };
                self.points.push((become_user.clone(), point));
            }
            (EventKind::PointRestored { point, path, .. }, _) => {
                self.points.retain(|(_, saved)| saved.number != *point || saved.path != *path);
            }
            _ => {}
        }
    }

    /// Nothing of it is on the host any more.
    fn forget(&mut self) {
        let (last_step, status) = (self.last_step, self.status);
        *self = Self { last_step, status, ..Self::default() };
    }

    /// Notes what ran although the host had failed, and what a guard may undo.
    fn behind(&mut self, at: Position) {
        if let Some(guarded) = self.guarded.as_mut().filter(|guarded| !guarded.fired) {
            guarded.ran.push(at);
        }
        if let Some((_, behind)) = &mut self.failed {
            behind.push(at);
        }
    }

    /// The host is tried again: its failed task is not over any more, and neither is what ran because of the failure.
    fn again(&mut self) {
        self.status = None;
        for at in std::mem::take(&mut self.went_on) {
            self.retry(at);
        }
        let failed = self.failed.take();
        if let Some(Guarded { ran, fired, rescued }) = self.guarded.take() {
            // A `rescue` around a block that was undone has gone on; otherwise the block begins anew.
            let elsewhere = failed.as_ref().is_some_and(|(at, _)| !ran.contains(at));
            if !fired || !(rescued || elsewhere) {
                self.left_guard |= !fired;
                self.drop_all(ran);
            }
        }
        if let Some((at, behind)) = failed {
            self.retry(at);
            self.drop_all(behind);
        }
    }

    fn drop_all(&mut self, places: Vec<Position>) {
        for place in places {
            self.steps.remove(&place);
            self.tasks.remove(&place);
        }
    }

    /// A task that failed is not over any more: its failed items are tried again.
    fn retry(&mut self, at: Position) {
        self.tasks.remove(&at);
        let failed: HashSet<usize> = self
            .steps
            .iter()
            .filter(|(place, step)| {
                place.of_task() == at && step.result.as_ref().is_some_and(|result| result.failed)
            })
            .map(|(place, _)| place.item)
            .collect();
        self.steps.retain(|place, _| place.of_task() != at || !failed.contains(&place.item));
    }
}

/// All hosts in earlier incarnations.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    hosts: HashMap<String, HostReplay>,
    past: Past,
    /// How often the run was started so far.
    incarnation: u64,
    /// Steps that a host did for another one: by host and number, for whom.
    delegated: HashMap<(String, u64), String>,
}

impl Replay {
    /// Reads what the events of a journal leave.
    pub fn of(events: impl IntoIterator<Item = Event>, seal: Option<&Seal>) -> Self {
        let mut replay = Self::default();
        for event in events {
            replay.past.seq = event.seq;
            replay.past.recap.event(&event);
            if let EventKind::RunStarted { again, incarnation, .. } = &event.kind {
                replay.incarnation = *incarnation;
                for host in again {
                    replay.hosts.entry(host.clone()).or_default().again();
                }
            }
            if let Some(host) = event.host {
                let kept = event.kept.map(|kept| kept.open(seal));
                let host = replay.whose(host, event.step, &event.kind);
                replay.hosts.entry(host).or_default().take(event.step, &event.kind, kept);
            }
        }
        replay
    }

    /// The host in whose plays an event counts: a step that was delegated is one of the host that it was for, but its
    /// number is the delegate's.
    fn whose(&mut self, host: String, step: Option<u64>, kind: &EventKind) -> String {
        let Some(number) = step else { return host };
        match kind {
            EventKind::StepStarted { for_host, .. } => {
                let did = self.hosts.entry(host.clone()).or_default();
                did.last_step = did.last_step.max(number);
                let Some(origin) = for_host else { return host };
                self.delegated.insert((host, number), origin.clone());
                origin.clone()
            }
            EventKind::StepFinished { .. } => {
                self.delegated.get(&(host.clone(), number)).cloned().unwrap_or(host)
            }
            _ => host,
        }
    }

    /// Returns the number and the recap of the events so far.
    pub fn past(&self) -> Past {
        self.past.clone()
    }

    /// Returns how often the run was started so far.
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Returns what is known of a host.
    pub fn host(&self, host: &str) -> Option<&HostReplay> {
        self.hosts.get(host)
    }

    /// Begins the next incarnation, in which these hosts are tried again.
    pub fn begin(&mut self, again: &[String]) {
        for host in again {
            self.hosts.entry(host.clone()).or_default().again();
        }
    }

    /// Returns the host that did a task for all, if one of `order` did.
    pub(super) fn did_for_all<'a>(
        &self,
        order: &'a [std::sync::Arc<str>],
        at: &Position,
    ) -> Option<&'a std::sync::Arc<str>> {
        order.iter().find(|host| self.host(host).is_some_and(|known| known.did(at)))
    }
}

impl HostReplay {
    fn did(&self, at: &Position) -> bool {
        self.tasks.contains_key(at) || self.steps.contains_key(at)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(task: u64, item: usize) -> Position {
        Position { task, item, ..Position::default() }
    }

    struct Journal(Vec<Event>);

    impl Journal {
        fn add(&mut self, step: Option<u64>, kind: serde_json::Value, kept: Option<Kept>) {
            let event = json!({"seq": self.0.len() + 1, "at": "", "run": "r", "host": "a", "step": step});
            let mut event = event.as_object().cloned().unwrap_or_default();
            event.extend(kind.as_object().cloned().unwrap_or_default());
            let mut event: Event = serde_json::from_value(event.into()).expect("an event");
            event.kept = kept.map(Box::new);
            self.0.push(event);
        }

        fn step(&mut self, number: u64, at: Position, result: Option<bool>) {
            self.add(
                Some(number),
                json!({"kind": "step_started", "module": "command"}),
                Some(Kept::place(at)),
            );
            if let Some(failed) = result {
                let kind =
                    json!({"kind": "step_finished", "status": "ok", "changed": true, "duration_ms": 1});
                let result = KeptResult { changed: true, failed, ..KeptResult::default() };
                self.add(Some(number), kind, Some(Kept::result(at, result)));
            }
        }

        fn task(&mut self, at: Position, status: &str) {
            let kind = json!({"kind": "task_finished", "status": status, "changed": true});
            self.add(None, kind, Some(Kept::place(at)));
        }
    }

    #[test]
    fn a_failed_loop_keeps_its_good_items_and_forgets_what_ran_behind_it() {
        let mut journal = Journal(Vec::new());
        journal.step(1, at(1, 0), Some(false));
        journal.task(at(1, 0), "changed");
        journal.step(2, at(2, 0), Some(false));
        journal.step(3, at(2, 1), Some(true));
        journal.task(at(2, 0), "failed");
        journal.step(4, at(3, 0), Some(false));
        journal.task(at(3, 0), "changed");
        journal.add(None, json!({"kind": "host_finished", "status": "failed"}), None);
        let mut replay = Replay::of(journal.0, None);
        let host = |replay: &Replay| replay.host("a").cloned().unwrap_or_default();
        assert_eq!(host(&replay).status(), Some(HostStatus::Failed));
        assert!(host(&replay).task(&at(2, 0)).is_some());
        replay.begin(&["a".to_owned()]);
        let host = host(&replay);
        assert!(host.task(&at(1, 0)).is_some() && host.step(&at(1, 0)).is_some());
        assert!(host.task(&at(2, 0)).is_none() && host.step(&at(2, 0)).is_some());
        assert!(host.step(&at(2, 1)).is_none() && host.step(&at(3, 0)).is_none());
        assert_eq!((host.last_step(), host.status()), (4, None));
    }

    #[test]
    fn a_lost_step_has_no_result() {
        let mut journal = Journal(Vec::new());
        journal.step(7, at(1, 0), None);
        let replay = Replay::of(journal.0, None);
        let step = replay.host("a").and_then(|host| host.step(&at(1, 0)).cloned());
        assert!(step.is_some_and(|step| step.step == 7 && step.result.is_none()));
    }
}
