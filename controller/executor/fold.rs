//! The recap as a fold over events, counted as ansible-core 2.19 counts.
//!
//! A task counts once per host, however many loop items or tries it had. A failure that is ignored counts
//! as `ok` and `ignored`, and as `changed` if it changed something; one that a `rescue` took over counts as
//! `rescued` only, once for the task, not as `failed`, and never as `changed`. Handlers, `Gathering Facts` and
//! dynamic includes count like tasks, `meta` does not. Unlike in Ansible, targets whose every task was still to come
//! have a line too, of zeros. A rollback that stops at a point counts as a failure, and so does a host
//! that another run holds.

use indexmap::IndexMap;

use super::event::{Event, EventKind, HostStatus, Recap, Status};

/// Counts of all hosts that did something.
#[derive(Clone, Debug, Default)]
pub struct RecapFold {
    hosts: IndexMap<String, Recap>,
}

impl RecapFold {
    /// Takes the next event.
    pub fn event(&mut self, event: &Event) {
        if let EventKind::RunStarted { hosts, again, .. } = &event.kind {
            self.begin(hosts);
            self.again(again);
        }
        if let Some(host) = &event.host {
            self.host_event(host, &event.kind);
        }
    }

    /// Every target has a line, whether it has its turn or not.
    pub fn begin(&mut self, targets: &[String]) {
        for host in targets {
            self.of(host);
        }
    }

    /// These hosts are tried again: that they failed or were unreachable does not count any more.
    pub fn again(&mut self, hosts: &[String]) {
        for host in hosts {
            let recap = self.of(host);
            (recap.failed, recap.unreachable) = (0, 0);
        }
    }

    /// Takes what happened on a host.
    pub fn host_event(&mut self, host: &str, kind: &EventKind) {
        match kind {
            EventKind::TaskFinished { status, changed, .. } => count(self.of(host), *status, *changed),
            EventKind::HostFinished { status: HostStatus::Unreachable, .. } => self.of(host).unreachable = 1,
            EventKind::HostFinished { status: HostStatus::RollbackFailed | HostStatus::Held, .. } => {
                self.of(host).failed += 1;
            }
            EventKind::PointRestored { .. } => self.of(host).rolled_back += 1,
            _ => {}
        }
    }

    /// The counts so far, sorted by name as Ansible's recap is.
    pub fn hosts(&self) -> IndexMap<String, Recap> {
        let mut hosts = self.hosts.clone();
        hosts.sort_unstable_keys();
        hosts
    }

    fn of(&mut self, host: &str) -> &mut Recap {
        if !self.hosts.contains_key(host) {
            self.hosts.insert(host.to_owned(), Recap::default());
        }
        &mut self.hosts[host]
    }
}

fn count(recap: &mut Recap, status: Status, changed: bool) {
    match status {
        Status::Ok | Status::Changed => {
            recap.ok += 1;
            recap.changed += u64::from(changed || status == Status::Changed);
        }
        Status::Ignored => {
            recap.ok += 1;
            recap.ignored += 1;
            recap.changed += u64::from(changed);
        }
        Status::Skipped => recap.skipped += 1,
        Status::Failed => recap.failed += 1,
        Status::Rescued => recap.rescued += 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::testing::{finished, host_finished};

    fn fold(tasks: &[(Status, bool)]) -> Recap {
        let mut fold = RecapFold::default();
        for (status, changed) in tasks {
            fold.event(&finished("a", "task", *status, *changed));
        }
        fold.hosts()["a"]
    }

    /// ansible-core 2.19.14 on: facts; `true`; `false` ignored; the same with `changed_when`; a false `when`; a
    /// loop that notifies; a loop of false `when`s; an empty loop; the handler; a failing `until`, ignored; a
    /// block of `true` and `false` that is rescued, with `always`; `set_fact`; `assert`.
    #[test]
    fn counts_as_ansible_does() {
        use Status::{Changed, Ignored, Ok, Rescued, Skipped};
        let recap = fold(&[
            (Ok, false),
            (Changed, true),
            (Ignored, true),
            (Ignored, true),
            (Skipped, false),
            (Changed, true),
            (Skipped, false),
            (Skipped, false),
            (Changed, true),
            (Ignored, false),
            (Changed, true),
            (Rescued, true),
            (Ok, false),
            (Ok, false),
            (Ok, false),
            (Ok, false),
        ]);
        let expected = Recap { ok: 12, changed: 6, skipped: 3, rescued: 1, ignored: 3, ..Recap::default() };
        assert_eq!(recap, expected);
    }

    /// A rescued failure, a failure inside its `rescue`, and the `always` that still ran.
    #[test]
    fn a_failing_rescue_fails() {
        let recap = fold(&[(Status::Rescued, true), (Status::Failed, false), (Status::Changed, true)]);
        assert_eq!(recap, Recap { ok: 1, changed: 1, failed: 1, rescued: 1, ..Recap::default() });
    }

    #[test]
    fn a_failure_never_counts_as_a_change() {
        assert_eq!(fold(&[(Status::Failed, true)]), Recap { failed: 1, ..Recap::default() });
    }

    #[test]
    fn unreachable_counts_once_and_targets_without_a_task_have_zeros() {
        let mut fold = RecapFold::default();
        fold.event(&host_finished("d", HostStatus::Unreachable, "no route"));
        fold.event(&host_finished("d", HostStatus::Unreachable, "no route"));
        fold.event(&host_finished("a", HostStatus::Ok, ""));
        fold.event(&finished("c", "task", Status::Ok, false));
        let hosts = fold.hosts();
        assert_eq!(hosts.keys().collect::<Vec<_>>(), ["c", "d"]);
        assert_eq!(hosts["d"], Recap { unreachable: 1, ..Recap::default() });
        fold.begin(&["b".to_owned(), "d".to_owned()]);
        let hosts = fold.hosts();
        assert_eq!(hosts.keys().collect::<Vec<_>>(), ["b", "c", "d"]);
        assert_eq!((hosts["b"], hosts["d"].unreachable), (Recap::default(), 1));
    }
}
