//! The hosts of a run: how each ended, its steps, its rollback points, its log.

use super::logs::{Budget, LogView};
use crate::executor::event::{HostStatus, NOT_STARTED, Recap, Status};
use crate::journal::RunFolder;
use crate::report::account::{Account, HostAccount};
use crate::report::story::StepStory;
use crate::ui::duration;

/// Steps up to which all are shown; of a larger run those that changed something or did not go well.
const ALL_STEPS: usize = 4_000;
/// Steps of one host, and of all together.
const OF_HOST: usize = 500;
const STEPS: usize = 20_000;
/// Rollback points that are listed.
const POINTS: usize = 3_000;

/// How a host ended, in the groups that a page counts.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Ended {
    Failed,
    Unreachable,
    Other,
    RolledBack,
    /// The run broke off or is at work.
    Open,
    Ok,
    /// It had no turn.
    Idle,
}

impl Ended {
    fn value(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::Other => "other",
            Self::RolledBack => "rolled-back",
            Self::Open => "open",
            Self::Ok => "ok",
            Self::Idle => "idle",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::Other => "stopped or held",
            Self::RolledBack => "rolled back",
            Self::Open => "not at its end",
            Self::Ok => "done",
            Self::Idle => "had no turn",
        }
    }

    /// The mark beside its name.
    fn mark(self) -> &'static str {
        match self {
            Self::Failed | Self::Unreachable => "error",
            Self::Other | Self::RolledBack | Self::Open => "warning",
            Self::Ok => "ok",
            Self::Idle => "info",
        }
    }
}

/// How a host ended.
pub(super) fn ended(host: &HostAccount) -> Ended {
    match host.story.status {
        Some(HostStatus::Ok) => Ended::Ok,
        Some(HostStatus::Failed | HostStatus::RollbackFailed | HostStatus::InDoubt) => Ended::Failed,
        Some(HostStatus::Unreachable) => Ended::Unreachable,
        Some(HostStatus::RolledBack) => Ended::RolledBack,
        Some(HostStatus::Cancelled) if host.story.message.as_deref() == Some(NOT_STARTED) => Ended::Idle,
        Some(HostStatus::Cancelled | HostStatus::Held) => Ended::Other,
        None if host.from.is_none() => Ended::Idle,
        None => Ended::Open,
    }
}

/// How a host ended, in its own words.
pub(super) fn words(host: &HostAccount) -> &'static str {
    match (ended(host), host.story.status) {
        // Its journal says `cancelled`, which sounds as if something had been begun.
        (Ended::Idle, _) | (_, None) => ended(host).words(),
        (_, Some(status)) => status.words(),
    }
}

/// Whether something of the run changed it.
pub(super) fn has_changed(host: &HostAccount) -> bool {
    host.story.steps.iter().any(|step| step.changed || step.status == Some(Status::Changed))
}

/// A host of the page.
pub(super) struct HostView<'a> {
    pub name: &'a str,
    pub state: Ended,
    pub words: &'static str,
    pub message: Option<&'a str>,
    pub hint: Option<&'a str>,
    pub warnings: &'a [String],
    pub recap: Recap,
    pub took: String,
    pub steps: Vec<StepView<'a>>,
    pub steps_left_out: usize,
    pub points: usize,
    /// Steps of which nobody knows how they ended.
    pub unknown: usize,
    pub log: LogView,
    pub path: &'a str,
}

impl HostView<'_> {
    pub(super) fn value(&self) -> &'static str {
        self.state.value()
    }

    pub(super) fn mark(&self) -> &'static str {
        self.state.mark()
    }
}

/// A step of a host.
pub(super) struct StepView<'a> {
    pub step: &'a StepStory,
    pub number: String,
    pub status: &'static str,
    pub took: String,
    pub points: Vec<String>,
    pub told: Option<&'a str>,
}

/// Hosts, those that did not end well first. Logs of the first are sure to be shown.
pub(super) fn hosts<'a>(folder: &RunFolder, account: &'a Account, budget: &mut Budget) -> Vec<HostView<'a>> {
    let total: usize = account.hosts.values().map(|host| host.story.steps.len()).sum();
    let mut left = STEPS;
    let mut order: Vec<(&String, &HostAccount)> = account.hosts.iter().collect();
    order.sort_by_key(|(_, host)| ended(host));
    let view = |(name, host): (&'a String, &'a HostAccount)| {
        let wanted: Vec<&StepStory> =
            host.story.steps.iter().filter(|step| total <= ALL_STEPS || is_telling(step)).collect();
        let steps: Vec<StepView<'_>> = wanted.into_iter().take(OF_HOST.min(left)).map(step_view).collect();
        left -= steps.len();
        HostView {
            name,
            state: ended(host),
            words: words(host),
            message: host.story.message.as_deref(),
            hint: host.story.hint.as_deref(),
            warnings: &host.story.warnings,
            recap: host.story.recap.unwrap_or_default(),
            took: host
                .from
                .filter(|_| ended(host) != Ended::Idle)
                .map(|from| duration(host.to.abs_diff(from)))
                .unwrap_or_default(),
            steps_left_out: host.story.steps.len() - steps.len(),
            steps,
            points: host.story.steps.iter().map(|step| step.points.len()).sum(),
            unknown: account.story.unknown.iter().filter(|step| step.host == *name).count(),
            log: budget.take(&folder.host_log(name)),
            path: &host.story.log,
        }
    };
    order.into_iter().map(view).collect()
}

fn is_telling(step: &StepStory) -> bool {
    step.changed || !step.points.is_empty() || !matches!(step.status, Some(Status::Ok | Status::Skipped))
}

fn step_view(step: &StepStory) -> StepView<'_> {
    let good = matches!(step.status, Some(Status::Ok | Status::Changed));
    let status = match step.status {
        Some(Status::Ok) if step.changed => "changed",
        Some(status) => status.word(),
        None => "no result",
    };
    StepView {
        step,
        number: step.step.map(|number| number.to_string()).unwrap_or_default(),
        status,
        took: step.duration_ms.map(duration).unwrap_or_default(),
        points: step
            .points
            .iter()
            .map(|(number, covers, path)| format!("{number}: {covers} {path}"))
            .collect(),
        told: step.message.as_deref().filter(|message| !good && !message.is_empty()),
    }
}

/// The ends that there are, for the filter: value, words, hosts.
pub(super) fn states(hosts: &[HostView<'_>]) -> Vec<(&'static str, &'static str, usize)> {
    let mut states: Vec<(Ended, usize)> = Vec::new();
    for host in hosts {
        match states.iter_mut().find(|(state, _)| *state == host.state) {
            Some((_, count)) => *count += 1,
            None => states.push((host.state, 1)),
        }
    }
    states.into_iter().map(|(state, count)| (state.value(), state.words(), count)).collect()
}

/// The rollback points of a run.
#[derive(Default)]
pub(super) struct Points<'a> {
    pub rows: Vec<PointView<'a>>,
    pub left_out: usize,
    pub all: usize,
    pub hosts: usize,
    pub restored: usize,
    /// Tasks that left no way back, with the number of hosts.
    pub irreversible: Vec<(&'a str, usize)>,
}

/// A rollback point.
pub(super) struct PointView<'a> {
    pub host: &'a str,
    pub number: u64,
    pub covers: &'a str,
    pub path: &'a str,
    pub task: &'a str,
    pub restored: bool,
}

/// Lists rollback points, and what has none.
pub(super) fn points(account: &Account) -> Points<'_> {
    let mut points = Points::default();
    let mut irreversible: indexmap::IndexMap<&str, usize> = indexmap::IndexMap::new();
    for (name, host) in &account.hosts {
        let before = points.all;
        for step in &host.story.steps {
            for (number, covers, path) in &step.points {
                points.all += 1;
                let restored = host.restored.contains(number);
                points.restored += usize::from(restored);
                if points.rows.len() < POINTS {
                    points.rows.push(PointView {
                        host: name,
                        number: *number,
                        covers,
                        path,
                        task: &step.task,
                        restored,
                    });
                }
            }
        }
        points.hosts += usize::from(points.all > before);
        for task in &host.irreversible {
            *irreversible.entry(task).or_default() += 1;
        }
    }
    points.left_out = points.all - points.rows.len();
    points.irreversible = irreversible.into_iter().collect();
    points
}
