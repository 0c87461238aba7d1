//! All that a journal tells about a run, for its page: the story, the story of every host, and when each was at work.

use indexmap::IndexMap;
use jiff::Timestamp;

use super::ReportError;
use super::story::{HostStory, Story};
use crate::executor::RecapFold;
use crate::executor::event::{Event, EventKind};
use crate::journal::{JournalError, RunFolder, RunRecord, read};
use crate::plan::{Breach, Stop};

/// A run.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub story: Story,
    pub record: RunRecord,
    /// Targets, in the order of the inventory.
    pub hosts: IndexMap<String, HostAccount>,
    pub waves: Vec<Wave>,
    /// What happened to the run as a whole.
    pub marks: Vec<(i64, &'static str)>,
    /// When the run began and when it was last seen, in milliseconds since 1970.
    pub from: i64,
    pub to: i64,
    pub forks: usize,
    restoring_run: bool,
}

/// A host of a run.
#[derive(Clone, Debug)]
pub(super) struct HostAccount {
    pub story: HostStory,
    pub spans: Vec<Span>,
    /// When it first and last did something.
    pub from: Option<i64>,
    pub to: i64,
    /// Points that were restored.
    pub restored: Vec<u64>,
    /// Tasks that changed it and left no way back.
    pub irreversible: Vec<String>,
    open: IndexMap<u64, i64>,
    restoring: Option<i64>,
}

/// A time at which a host did something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Span {
    pub what: Doing,
    pub from: i64,
    pub to: i64,
}

/// What a host did. Where it did none of these it waited.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Doing {
    Connect,
    Work,
    Restore,
}

/// A wave.
#[derive(Clone, Debug)]
pub(super) struct Wave {
    pub play: String,
    pub number: usize,
    pub of: usize,
    pub hosts: usize,
    /// Connectors that stop while it works, and what its hosts alone serve.
    pub stops: Vec<Stop>,
    pub breaches: Vec<Breach>,
    pub from: i64,
    pub to: i64,
}

impl Account {
    /// Reads the journal of a run once.
    pub(super) fn read(folder: &RunFolder) -> Result<Self, ReportError> {
        let record = RunRecord::read(&folder.record()).unwrap_or_default();
        let mut account = Self {
            story: Story::new(folder, record.operator.clone(), record.version.clone()),
            record,
            hosts: IndexMap::new(),
            waves: Vec::new(),
            marks: Vec::new(),
            from: 0,
            to: 0,
            forks: 0,
            restoring_run: false,
        };
        let mut fold = RecapFold::default();
        for event in read(&folder.journal())? {
            match event {
                Ok(event) => {
                    fold.event(&event);
                    account.event(folder, event);
                }
                Err(JournalError::Damaged { .. }) => account.story.damaged += 1,
                Err(error) => return Err(error.into()),
            }
        }
        account.story.end(folder, &fold);
        let seen = account.from.saturating_add_unsigned(account.story.summary.duration_ms);
        account.to = account.to.max(seen);
        account.close_waves();
        for (name, recap) in fold.hosts() {
            if let Some(host) = account.hosts.get_mut(&name) {
                host.story.recap = Some(recap);
            }
        }
        let to = account.to;
        account.hosts.values_mut().for_each(|host| host.end(to));
        Ok(account)
    }

    fn event(&mut self, folder: &RunFolder, event: Event) {
        let at = event.at.parse::<Timestamp>().map_or(self.to, Timestamp::as_millisecond);
        if self.from == 0 {
            self.from = at;
        }
        self.to = self.to.max(at);
        self.story.summary.event(&event);
        match &event.kind {
            EventKind::RunStarted { hosts, forks, incarnation, command, .. } => {
                for host in hosts {
                    self.host(folder, host);
                }
                self.forks = *forks;
                self.restoring_run = command == "rollback";
                if *incarnation > 1 {
                    self.marks.push((at, "resumed"));
                }
            }
            EventKind::WaveStarted { wave, waves, hosts, stops, breaches } => {
                self.close_waves();
                let play = self.story.plays.last().map(|play| play.play.clone()).unwrap_or_default();
                let (number, of, hosts) = (*wave, *waves, hosts.len());
                let (stops, breaches) = (stops.clone(), breaches.clone());
                self.waves.push(Wave { play, number, of, hosts, stops, breaches, from: at, to: at });
            }
            EventKind::PlayStarted { .. } | EventKind::RunFinished { .. } => self.close_waves(),
            EventKind::BudgetExceeded { .. } => self.marks.push((at, "failure budget spent")),
            EventKind::RunCancelled { .. } => self.marks.push((at, "cancelled")),
            _ => {}
        }
        if let Some(name) = &event.host {
            let restoring_run = self.restoring_run;
            let host = self.host(folder, name);
            host.event(&event, at, restoring_run);
            host.story.event(event.clone());
        }
        self.story.event(event);
    }

    fn host(&mut self, folder: &RunFolder, name: &str) -> &mut HostAccount {
        self.hosts.entry(name.to_owned()).or_insert_with(|| HostAccount {
            story: HostStory::new(folder, name),
            spans: Vec::new(),
            from: None,
            to: 0,
            restored: Vec::new(),
            irreversible: Vec::new(),
            open: IndexMap::new(),
            restoring: None,
        })
    }

    /// A wave lasts until the next one or the end.
    fn close_waves(&mut self) {
        let to = self.to;
        if let Some(wave) = self.waves.last_mut().filter(|wave| wave.to == wave.from) {
            wave.to = to;
        }
    }
}

impl HostAccount {
    fn event(&mut self, event: &Event, at: i64, restoring_run: bool) {
        let before = if self.to > 0 { self.to } else { at };
        self.from.get_or_insert(at);
        self.to = at;
        match &event.kind {
            EventKind::HostConnected { duration_ms, .. } => {
                let from = at.saturating_sub_unsigned(*duration_ms);
                self.from = self.from.min(Some(from));
                self.push(Doing::Connect, from, at);
            }
            EventKind::StepStarted { .. } => {
                self.open.insert(event.step.unwrap_or_default(), at);
            }
            EventKind::StepFinished { .. } => {
                if let Some(from) = self.open.shift_remove(&event.step.unwrap_or_default()) {
                    self.push(Doing::Work, from, at);
                }
            }
            EventKind::TaskFinished { changed: true, irreversible: true, .. } => {
                self.irreversible.extend(event.task.clone());
            }
            EventKind::HostRestoring { .. } => self.restoring = Some(at),
            EventKind::PointRestored { point, .. } => {
                self.restored.push(*point);
                if self.restoring.is_none() {
                    self.push(Doing::Restore, if restoring_run { before } else { at }, at);
                }
            }
            EventKind::HostRestored { .. } | EventKind::HostFinished { .. } => {
                if let Some(from) = self.restoring.take() {
                    self.push(Doing::Restore, from, at);
                }
            }
            _ => {}
        }
    }

    fn push(&mut self, what: Doing, from: i64, to: i64) {
        self.spans.push(Span { what, from, to });
    }

    /// What is still open lasts until the run was last seen; a host that has ended does nothing any more.
    fn end(&mut self, seen: i64) {
        let to = if self.story.status.is_some() { self.to } else { seen };
        if self.from.is_some() {
            self.to = to;
        }
        for from in std::mem::take(&mut self.open).into_values() {
            self.push(Doing::Work, from, to);
        }
        if let Some(from) = self.restoring.take() {
            self.push(Doing::Restore, from, to);
        }
        self.spans.sort_by_key(|span| (span.what, span.from, span.to));
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::testing::State;
    use super::*;

    fn spans(account: &Account, host: &str) -> Vec<(Doing, i64, i64)> {
        let of = |span: &Span| (span.what, span.from - account.from, span.to - account.from);
        account.hosts[host].spans.iter().map(of).collect()
    }

    #[test]
    fn hosts_are_told_with_the_times_at_which_they_were_at_work() {
        let state = State::new();
        let account = Account::read(&state.run()).unwrap();
        assert_eq!(account.hosts.keys().collect::<Vec<_>>(), ["web-1", "web-2", "web-3", "web-4"]);
        assert_eq!(
            spans(&account, "web-1"),
            [(Doing::Connect, 1_496, 1_580), (Doing::Work, 1_975, 2_765), (Doing::Work, 3_555, 4_345)]
        );
        assert_eq!(account.hosts["web-1"].story.steps[0].points.len(), 1);
        assert_eq!(account.hosts["web-4"].from, None);
        let wave = &account.waves[0];
        assert_eq!((wave.number, wave.of, wave.hosts, wave.to - account.from), (1, 2, 3, 9_500));
        assert_eq!(account.marks.iter().map(|mark| mark.1).collect::<Vec<_>>(), ["failure budget spent"]);
        assert_eq!(account.to - account.from, 9_500);
    }

    #[test]
    fn a_step_without_a_result_lasts_until_the_run_was_last_seen() {
        let state = State::new();
        state.keep_lines(10);
        let account = Account::read(&state.run()).unwrap();
        assert_eq!(spans(&account, "web-1").last(), Some(&(Doing::Work, 3_555, 3_555)));
        assert_eq!(account.hosts["web-1"].story.status, None);
    }
}
