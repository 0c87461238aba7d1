//! What a run was and how it ended, in one line.

use std::path::PathBuf;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Serialize;

use crate::executor::RecapFold;
use crate::executor::event::{Event, EventKind, Recap};
use crate::journal::{JournalError, RunFolder, last, read};

/// How a run ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunResult {
    /// A controller is at work on it.
    Running,
    /// All is well.
    Ok,
    /// A host failed.
    Failed,
    /// A host did not answer.
    Unreachable,
    /// Every host that failed was restored.
    RolledBack,
    /// A person stopped it.
    Cancelled,
    /// The controller met an error of its own.
    Error,
    /// The controller ended without a word: killed, or the machine went down.
    Interrupted,
}

impl RunResult {
    /// By the exit code of the program.
    fn of(exit_code: u8) -> Self {
        match exit_code {
            0 => Self::Ok,
            2 => Self::Failed,
            3 => Self::RolledBack,
            4 => Self::Unreachable,
            99 => Self::Cancelled,
            _ => Self::Error,
        }
    }

    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::RolledBack => "rolled back",
            Self::Cancelled => "cancelled",
            Self::Error => "error",
            Self::Interrupted => "interrupted",
        }
    }
}

/// One run of the list.
#[derive(Clone, Debug, Serialize)]
pub struct RunSummary {
    /// The run.
    pub run: String,
    /// When its first event was: RFC 3339, UTC.
    pub started_at: String,
    /// `apply`, `plan`, `rollback`, `lab run`.
    pub command: String,
    /// Playbooks, as given.
    pub playbooks: Vec<String>,
    /// Whether nothing was changed on purpose.
    pub check: bool,
    /// Targets.
    pub hosts: usize,
    /// Hosts that did something and did not fail.
    pub ok: usize,
    /// Hosts with a failed task.
    pub failed: usize,
    /// Hosts that did not answer.
    pub unreachable: usize,
    /// How it ended.
    pub result: RunResult,
    /// Exit code of the program, if it came to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// Milliseconds it took, or has taken so far.
    pub duration_ms: u64,
}

impl RunSummary {
    /// Reads what the list needs: the first and the last event of a run that ended, else all.
    pub fn read(folder: &RunFolder) -> Result<Self, JournalError> {
        let path = folder.journal();
        let mut summary = Self::new(folder.id());
        let mut events = read(&path)?.filter_map(Result::ok);
        if let Some(event) = events.next() {
            summary.event(&event);
        }
        match last(&path)? {
            Some(event) if matches!(event.kind, EventKind::RunFinished { .. }) => summary.event(&event),
            _ => {
                let mut fold = RecapFold::default();
                for event in events {
                    fold.event(&event);
                    summary.event(&event);
                }
                summary.count(&fold.hosts());
                summary.settle(folder);
            }
        }
        Ok(summary)
    }

    pub(super) fn new(run: &str) -> Self {
        Self {
            run: run.to_owned(),
            started_at: String::new(),
            command: String::new(),
            playbooks: Vec::new(),
            check: false,
            hosts: 0,
            ok: 0,
            failed: 0,
            unreachable: 0,
            result: RunResult::Interrupted,
            exit_code: None,
            duration_ms: 0,
        }
    }

    /// Takes the next event. A run that is resumed starts and finishes more than once.
    pub(super) fn event(&mut self, event: &Event) {
        if self.started_at.is_empty() {
            self.started_at.clone_from(&event.at);
        }
        self.duration_ms = between(&self.started_at, &event.at);
        match &event.kind {
            EventKind::RunStarted { command, playbooks, hosts, check, .. } => {
                if self.command.is_empty() {
                    self.command.clone_from(command);
                    self.playbooks.clone_from(playbooks);
                    self.check = *check;
                }
                self.hosts = self.hosts.max(hosts.len());
                self.result = RunResult::Interrupted;
                self.exit_code = None;
            }
            EventKind::RunFinished { hosts, exit_code, .. } => {
                self.count(hosts);
                self.result = RunResult::of(*exit_code);
                // `plan --exit-code` says with 2 that something would change.
                if self.result == RunResult::Failed && self.check && self.failed == 0 {
                    self.result = RunResult::Ok;
                }
                self.exit_code = Some(*exit_code);
            }
            _ => {}
        }
    }

    pub(super) fn count(&mut self, hosts: &IndexMap<String, Recap>) {
        self.unreachable = hosts.values().filter(|recap| recap.unreachable > 0).count();
        self.failed = hosts.values().filter(|recap| recap.unreachable == 0 && recap.failed > 0).count();
        // Targets that never had their turn are none of these.
        let idle = hosts.values().filter(|recap| **recap == Recap::default()).count();
        self.ok = hosts.len() - self.unreachable - self.failed - idle;
    }

    /// Tells a run that goes on from one that broke off, and how long either has been seen at work: events are
    /// few while commands are long.
    pub(super) fn settle(&mut self, folder: &RunFolder) {
        if self.exit_code.is_some() {
            return;
        }
        let until = if folder.is_running() {
            self.result = RunResult::Running;
            Some(Timestamp::now())
        } else {
            last_written(folder)
        };
        if let (Ok(from), Some(until)) = (self.started_at.parse::<Timestamp>(), until) {
            let seen = u64::try_from(until.as_millisecond() - from.as_millisecond()).unwrap_or_default();
            self.duration_ms = self.duration_ms.max(seen);
        }
    }
}

/// When a run last wrote to its journal or to the log of a host.
fn last_written(folder: &RunFolder) -> Option<Timestamp> {
    let logs = std::fs::read_dir(folder.hosts()).into_iter().flatten().flatten().map(|entry| entry.path());
    let written = |path: PathBuf| std::fs::metadata(path).and_then(|about| about.modified()).ok();
    let newest = logs.chain([folder.journal()]).filter_map(written).max()?;
    Timestamp::try_from(newest).ok()
}

/// Milliseconds between two times.
fn between(from: &str, to: &str) -> u64 {
    match (from.parse::<Timestamp>(), to.parse::<Timestamp>()) {
        (Ok(from), Ok(to)) => u64::try_from(to.as_millisecond() - from.as_millisecond()).unwrap_or_default(),
        _ => 0,
    }
}

/// `2026-05-09 07:29:33Z`.
pub(super) fn second(at: &str) -> String {
    at.parse::<Timestamp>().map_or_else(|_| at.to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs::{self, File};

    use super::super::testing::{RUN, START, State, write};
    use super::*;

    #[test]
    fn a_run_that_ended_is_told_by_its_last_event() {
        let state = State::new();
        let summary = RunSummary::read(&state.run()).unwrap();
        assert_eq!(summary.run, RUN);
        assert_eq!((summary.hosts, summary.ok, summary.failed, summary.unreachable), (4, 1, 1, 1));
        assert_eq!(
            (summary.result, summary.exit_code, summary.duration_ms),
            (RunResult::Unreachable, Some(4), 9_500)
        );
    }

    #[test]
    fn a_run_that_broke_off_is_told_by_all_its_events() {
        let state = State::new();
        state.cut_last_line();
        let summary = RunSummary::read(&state.run()).unwrap();
        assert_eq!((summary.ok, summary.failed, summary.unreachable), (1, 1, 1));
        assert_eq!((summary.result, summary.exit_code), (RunResult::Interrupted, None));

        // A command was at work for a minute when the controller was killed; only its log grew.
        write(&state.run().host_log("web-1"), "", START + 60);
        let took = RunSummary::read(&state.run()).unwrap().duration_ms;
        assert_eq!(took, 60_000);

        let lock = File::create(state.run().lock()).unwrap();
        lock.lock().unwrap();
        let running = RunSummary::read(&state.run()).unwrap();
        assert_eq!(running.result, RunResult::Running);
        assert!(running.duration_ms > 1_000_000, "it began in May 2026: {}", running.duration_ms);
    }

    #[test]
    fn a_run_without_a_line_is_told_too() {
        let state = State::new();
        fs::write(state.run().journal(), "{\"seq\":1").unwrap();
        let summary = RunSummary::read(&state.run()).unwrap();
        assert_eq!((summary.result, summary.hosts), (RunResult::Interrupted, 0));
    }
}
