//! A run and a host of a run as folds over the journal.

use indexmap::IndexMap;
use serde::Serialize;

use super::unknown::{OpenSteps, UnknownStep};
use super::{ReportError, RunSummary};
use crate::executor::RecapFold;
use crate::executor::event::{Event, EventKind, HostStatus, Recap, Status};
use crate::journal::{JournalError, RunFolder, RunRecord, read};

/// The story of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Story {
    /// What it was and how it ended.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// Who asked for it.
    pub operator: String,
    /// Version of the program.
    pub version: String,
    /// Its plays, in order.
    pub plays: Vec<PlayStory>,
    /// Failures, in order; ignored and rescued ones are left out.
    pub failures: Vec<Failure>,
    /// Hosts that ended otherwise than done, with reason.
    pub ends: Vec<HostEnd>,
    /// Steps that were started and of which nobody knows whether they ran to their end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<UnknownStep>,
    #[serde(skip)]
    open: OpenSteps,
    /// Rollback points that were saved, by host.
    pub points: IndexMap<String, u64>,
    /// What a person should read, in order.
    pub warnings: Vec<String>,
    /// Recap of every host that did something.
    pub recap: IndexMap<String, Recap>,
    /// Lines of the journal that are damaged.
    pub damaged: u64,
}

/// One play.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PlayStory {
    /// Its name.
    pub play: String,
    /// Number of its hosts.
    pub hosts: usize,
    /// Its waves: the hosts of each.
    pub waves: Vec<usize>,
    /// Why no further wave started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Its tasks in the order in which a host first finished them.
    pub tasks: IndexMap<String, Counts>,
}

/// Hosts by how a task ended on them.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counts {
    /// Nothing to do.
    pub ok: u64,
    /// Changed.
    pub changed: u64,
    /// Not run.
    pub skipped: u64,
    /// Failed.
    pub failed: u64,
    /// Failed and ignored.
    pub ignored: u64,
    /// Failed and rescued.
    pub rescued: u64,
}

/// A failed task.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// The host.
    pub host: String,
    /// The task.
    pub task: String,
    /// Why.
    pub message: String,
    /// Place of the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Last lines of its output.
    pub output_tail: Vec<String>,
}

/// A host that ended otherwise than done.
#[derive(Clone, Debug, Serialize)]
pub struct HostEnd {
    /// The host.
    pub host: String,
    /// How.
    pub status: HostStatus,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Story {
    /// Reads the story of a run.
    pub fn read(folder: &RunFolder) -> Result<Self, ReportError> {
        let record = RunRecord::read(&folder.record()).unwrap_or_default();
        let mut story = Self::new(folder, record.operator, record.version);
        let mut fold = RecapFold::default();
        for event in read(&folder.journal())? {
            match event {
                Ok(event) => {
                    fold.event(&event);
                    story.summary.event(&event);
                    story.event(event);
                }
                Err(JournalError::Damaged { .. }) => story.damaged += 1,
                Err(error) => return Err(error.into()),
            }
        }
        story.end(folder, &fold);
        Ok(story)
    }

    pub(super) fn new(folder: &RunFolder, operator: String, version: String) -> Self {
        Self {
            summary: RunSummary::new(folder.id()),
            operator,
            version,
            plays: Vec::new(),
            failures: Vec::new(),
            ends: Vec::new(),
            unknown: Vec::new(),
            open: OpenSteps::default(),
            points: IndexMap::new(),
            warnings: Vec::new(),
            recap: IndexMap::new(),
            damaged: 0,
        }
    }

    /// Settles what a run that has not finished leaves open.
    pub(super) fn end(&mut self, folder: &RunFolder, fold: &RecapFold) {
        if self.recap.is_empty() {
            self.recap = fold.hosts();
        }
        self.summary.count(&self.recap);
        self.summary.settle(folder);
        // While a controller is at work a step without a result is one that runs.
        if self.summary.result != super::RunResult::Running {
            self.unknown = std::mem::take(&mut self.open).left();
        }
    }

    fn play(&mut self) -> &mut PlayStory {
        if self.plays.is_empty() {
            self.plays.push(PlayStory::default());
        }
        self.plays.last_mut().expect("a play was pushed")
    }

    /// Takes the next event; the summary takes it apart.
    pub(super) fn event(&mut self, event: Event) {
        self.open.event(&event);
        let host = event.host.unwrap_or_default();
        let task = event.task.unwrap_or_default();
        match event.kind {
            EventKind::PlayStarted { play, hosts, .. } => {
                self.plays.push(PlayStory { play, hosts: hosts.len(), ..PlayStory::default() });
            }
            EventKind::WaveStarted { hosts, .. } => self.play().waves.push(hosts.len()),
            EventKind::BudgetExceeded { failed, of, limit } => {
                self.play().stopped =
                    Some(format!("{} of {} failed ({limit})", failed.len(), crate::ui::counted(of, "host")));
            }
            EventKind::RollbackPoint { .. } => *self.points.entry(host).or_default() += 1,
            EventKind::TaskFinished { status, changed, message, output_tail, place, .. } => {
                self.play().tasks.entry(task.clone()).or_default().add(status, changed);
                if status == Status::Failed {
                    let message = message.unwrap_or_default();
                    self.failures.push(Failure { host, task, message, place, output_tail });
                }
            }
            EventKind::HostFinished { status, message, hint } => {
                // A host that was resumed ends again.
                self.ends.retain(|end| end.host != host);
                if !matches!(status, HostStatus::Ok | HostStatus::RolledBack) {
                    self.ends.push(HostEnd { host, status, message, hint });
                }
            }
            EventKind::Warning { message } => self.warnings.push(message),
            EventKind::RunStarted { .. } => self.recap.clear(),
            EventKind::RunFinished { hosts, .. } => self.recap = hosts,
            EventKind::HostConnected { .. }
            | EventKind::LeaseTaken { .. }
            | EventKind::Paused { .. }
            | EventKind::StepStarted { .. }
            | EventKind::StepOutput { .. }
            | EventKind::StepFinished { .. }
            | EventKind::PointRestored { .. }
            | EventKind::GuardArmed { .. }
            | EventKind::GuardConfirmed { .. }
            | EventKind::GuardFired { .. }
            | EventKind::HostRestored { .. }
            | EventKind::HostRestoring { .. }
            | EventKind::RunCancelled { .. }
            | EventKind::Unknown => {}
        }
    }
}

impl Counts {
    fn add(&mut self, status: Status, changed: bool) {
        let count = match status {
            Status::Ok if changed => &mut self.changed,
            Status::Ok => &mut self.ok,
            Status::Changed => &mut self.changed,
            Status::Skipped => &mut self.skipped,
            Status::Failed => &mut self.failed,
            Status::Ignored => &mut self.ignored,
            Status::Rescued => &mut self.rescued,
        };
        *count += 1;
    }
}

/// The story of one host: its steps.
#[derive(Clone, Debug, Serialize)]
pub struct HostStory {
    /// The run.
    pub run: String,
    /// The host.
    pub host: String,
    /// Its steps, in order; tasks without a step stand between them.
    pub steps: Vec<StepStory>,
    /// How it ended, unless it is at work or the run broke off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<HostStatus>,
    /// Why it ended so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What a person should read about it, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Its recap, if it did something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recap: Option<Recap>,
    /// Its log.
    pub log: String,
}

/// One step, or a task that needed none.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StepStory {
    /// Its number; none for a task without a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// When it started.
    pub at: String,
    /// The task.
    pub task: String,
    /// Loop item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The module.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub module: String,
    /// How it ended; none if nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Whether it changed the host.
    pub changed: bool,
    /// Exit status of a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rc: Option<i64>,
    /// Milliseconds it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Unified diff of what it changed, if the run was asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// Rollback points: number, what is covered, path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<(u64, String, String)>,
    /// Whether its task is over.
    #[serde(skip)]
    ended: bool,
}

impl HostStory {
    /// Reads the story of a host of a run.
    pub fn read(folder: &RunFolder, host: &str) -> Result<Self, ReportError> {
        let mut story = Self::new(folder, host);
        let mut fold = RecapFold::default();
        let mut hosts = Vec::new();
        for event in read(&folder.journal())? {
            match event {
                Ok(event) => {
                    fold.event(&event);
                    if event.host.as_deref() == Some(host) {
                        story.event(event);
                    } else if let EventKind::RunStarted { hosts: targets, .. } = event.kind {
                        hosts = targets;
                    }
                }
                Err(JournalError::Damaged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        story.recap = fold.hosts().get(host).copied().filter(|recap| *recap != Recap::default());
        if story.recap.is_none() && !hosts.iter().any(|target| target == host) {
            return Err(unknown_host(folder, host, &hosts));
        }
        Ok(story)
    }

    pub(super) fn new(folder: &RunFolder, host: &str) -> Self {
        Self {
            run: folder.id().to_owned(),
            host: host.to_owned(),
            steps: Vec::new(),
            status: None,
            message: None,
            hint: None,
            warnings: Vec::new(),
            recap: None,
            log: folder.host_log(host).display().to_string(),
        }
    }

    /// Takes the next event of the host.
    pub(super) fn event(&mut self, event: Event) {
        let (at, number, task) = (event.at, event.step, event.task.unwrap_or_default());
        match event.kind {
            EventKind::StepStarted { item, module, .. } => {
                self.status = None;
                self.steps.push(StepStory { step: number, at, task, item, module, ..StepStory::default() });
            }
            EventKind::RollbackPoint { point, covers, path, .. } => {
                if let Some(step) = self.step(number) {
                    step.points.push((point, covers, path));
                }
            }
            EventKind::StepFinished { status, changed, rc, duration_ms, message, diff, .. } => {
                if let Some(step) = self.step(number) {
                    (step.status, step.changed, step.rc) = (Some(status), changed, rc);
                    (step.duration_ms, step.message, step.diff) = (Some(duration_ms), message, diff);
                }
            }
            EventKind::TaskFinished { status, changed, message, .. } => {
                self.task(at, task, status, changed, message);
            }
            EventKind::HostFinished { status, message, hint } => {
                (self.status, self.message, self.hint) = (Some(status), message, hint);
            }
            EventKind::Warning { message } => self.warnings.push(message),
            _ => {}
        }
    }

    /// The verdict of a task is the controller's: ignored, rescued, or failed by `failed_when`. A task without a
    /// step stands for itself.
    fn task(&mut self, at: String, task: String, status: Status, changed: bool, message: Option<String>) {
        let of_task = |step: &&mut StepStory| step.task == task && step.status.is_some() && !step.ended;
        let mut steps: Vec<&mut StepStory> = self.steps.iter_mut().filter(of_task).collect();
        let bad = |step: &&mut StepStory| {
            matches!(step.status, Some(Status::Failed | Status::Ignored | Status::Rescued))
        };
        let failed = steps.iter().any(bad);
        let Some(last) = steps.last_mut() else {
            let status = Some(status);
            self.steps.push(StepStory {
                at,
                task,
                status,
                changed,
                message,
                ended: true,
                ..StepStory::default()
            });
            return;
        };
        if matches!(status, Status::Failed | Status::Ignored | Status::Rescued) && !failed {
            last.status = Some(Status::Failed);
            last.message = last.message.take().or(message);
        }
        for step in steps {
            step.ended = true;
            if step.status == Some(Status::Failed) {
                step.status = Some(status);
            }
        }
    }

    fn step(&mut self, number: Option<u64>) -> Option<&mut StepStory> {
        self.steps.iter_mut().rev().find(|step| step.step.is_some() && step.step == number)
    }
}

/// The error for a host that took no part, with the name that was perhaps meant.
pub(super) fn unknown_host(folder: &RunFolder, host: &str, hosts: &[String]) -> ReportError {
    let likely =
        hosts.iter().max_by(|a, b| strsim::jaro_winkler(a, host).total_cmp(&strsim::jaro_winkler(b, host)));
    let hint = match likely.filter(|name| strsim::jaro_winkler(name, host) > 0.8) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("`paceline runs show {}` lists its hosts", folder.id()),
    };
    ReportError::UnknownHost { host: host.to_owned(), run: folder.id().to_owned(), hint }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::testing::State;
    use super::*;

    fn host_story(lines: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::new(folder.path(), "r");
        std::fs::create_dir_all(run.path()).unwrap();
        let head = r#"{"seq":1,"at":"","run":"r","host":"a","#;
        let text: String = lines.iter().map(|line| format!("{head}{line}}}\n")).collect();
        std::fs::write(run.journal(), text).unwrap();
        let words = |step: StepStory| {
            let number = step.step.map_or("-".to_owned(), |step| step.to_string());
            let status = step.status.map_or("?", Status::word);
            format!("{number} {} {status} {}", step.task, step.message.unwrap_or_default())
        };
        HostStory::read(&run, "a").unwrap().steps.into_iter().map(words).collect()
    }

    #[test]
    fn verdicts_find_their_steps_although_steps_are_sent_ahead() {
        let started = |step: u64, task: &str| {
            format!(r#""step":{step},"task":"{task}","kind":"step_started","module":"command""#)
        };
        let finished = |step: u64, task: &str, status: &str| {
            format!(
                r#""step":{step},"task":"{task}","kind":"step_finished","status":"{status}","changed":false,"duration_ms":1"#
            )
        };
        let task = |task: &str, status: &str| {
            format!(
                r#""task":"{task}","kind":"task_finished","status":"{status}","changed":false,"message":"why""#
            )
        };
        let lines = [
            started(1, "loop"),
            started(2, "loop"),
            started(3, "verdict"),
            finished(1, "loop", "failed"),
            finished(2, "loop", "ok"),
            task("loop", "ignored"),
            task("assert", "ok"),
            finished(3, "verdict", "ok"),
            task("verdict", "failed"),
            started(4, "lost"),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(
            host_story(&lines),
            ["1 loop ignored ", "2 loop ok ", "3 verdict failed why", "- assert ok why", "4 lost ? "]
        );
    }

    #[test]
    fn a_damaged_line_is_counted_and_passed() {
        let state = State::new();
        state.damage_line(5);
        let story = Story::read(&state.run()).unwrap();
        assert_eq!(story.damaged, 1);
        assert_eq!(story.summary.exit_code, Some(4));
    }

    #[test]
    fn a_host_that_took_no_part_is_named_with_a_guess() {
        let state = State::new();
        let error = HostStory::read(&state.run(), "web1").unwrap_err().to_string();
        assert!(error.ends_with("hint: did you mean `web-1`?"), "{error}");
        let error = HostStory::read(&state.run(), "zzz").unwrap_err().to_string();
        assert!(error.contains("lists its hosts"), "{error}");
    }

    #[test]
    fn a_target_that_had_no_turn_has_an_empty_story() {
        let story = HostStory::read(&State::new().run(), "web-4").unwrap();
        assert!(story.steps.is_empty() && story.recap.is_none() && story.status.is_none());
    }
}
