//! The head of the page: what was asked for, and how it ended.

use super::super::page::some;
use crate::report::RunResult;
use crate::report::account::Account;
use crate::report::html::run::hosts::{Ended, ended, has_changed};
use crate::ui::duration;

/// What was asked for.
pub(super) struct Asked {
    pub verdict: String,
    /// `ok`, `warning` or `error`.
    pub worst: &'static str,
    pub command: String,
    pub about: Vec<(&'static str, String)>,
    pub figures: Vec<(usize, &'static str, &'static str)>,
}

/// The title of the window.
pub(super) fn title(account: &Account) -> String {
    let summary = &account.story.summary;
    format!("{}: {}", command(account), summary.result.word())
}

fn command(account: &Account) -> String {
    let summary = &account.story.summary;
    format!("{} {}", summary.command, summary.playbooks.join(" ")).trim_end().to_owned()
}

impl Asked {
    pub(super) fn new(account: &Account) -> Self {
        let summary = &account.story.summary;
        let worst = match summary.result {
            RunResult::Ok => "ok",
            RunResult::Running | RunResult::RolledBack | RunResult::Cancelled | RunResult::Interrupted => {
                "warning"
            }
            RunResult::Failed | RunResult::Unreachable | RunResult::Error => "error",
        };
        Self {
            verdict: verdict(account),
            worst,
            command: command(account),
            about: about(account),
            figures: figures(account),
        }
    }
}

fn verdict(account: &Account) -> String {
    let summary = &account.story.summary;
    let of = some(summary.hosts, "host");
    match summary.result {
        RunResult::Ok if summary.check => format!("Checked {of}, nothing was changed"),
        RunResult::Ok => format!("Done on {of}"),
        RunResult::Running => format!("At work on {of}"),
        RunResult::Failed | RunResult::Unreachable => {
            let mut parts = Vec::new();
            if summary.failed > 0 {
                parts.push(format!("failed on {}", summary.failed));
            }
            if summary.unreachable > 0 {
                parts.push(format!("{} unreachable", summary.unreachable));
            }
            let parts = if parts.is_empty() { summary.result.word().to_owned() } else { parts.join(", ") };
            let mut letters = parts.chars();
            let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
            format!("{first}{} of {of}", letters.as_str())
        }
        RunResult::RolledBack => "Failed, and rolled back".to_owned(),
        RunResult::Cancelled => "Cancelled before its end".to_owned(),
        RunResult::Error => "Ended by an error".to_owned(),
        RunResult::Interrupted => "Broke off: the controller ended first".to_owned(),
    }
}

fn about(account: &Account) -> Vec<(&'static str, String)> {
    let (story, record) = (&account.story, &account.record);
    let summary = &story.summary;
    let mut about = vec![("Run", summary.run.clone())];
    if !record.inventories.is_empty() {
        about.push(("Inventory", record.inventories.join(", ")));
    }
    about.extend(record.limit.clone().map(|limit| ("Limit", limit)));
    if !record.options.is_empty() {
        about.push(("Options", record.options.join(" ")));
    }
    if !story.operator.is_empty() {
        about.push(("Asked by", story.operator.clone()));
    }
    about.push(("Started", crate::report::summary::second(&summary.started_at)));
    let running = summary.result == RunResult::Running;
    about.push((if running { "At work for" } else { "Took" }, duration(summary.duration_ms)));
    about.extend(summary.exit_code.map(|code| ("Exit code", code.to_string())));
    if account.forks > 0 {
        about.push(("Hosts at once", account.forks.to_string()));
    }
    if record.incarnation > 1 {
        about.push(("Times started", record.incarnation.to_string()));
    }
    if !story.version.is_empty() {
        about.push(("Version", story.version.clone()));
    }
    about
}

fn figures(account: &Account) -> Vec<(usize, &'static str, &'static str)> {
    let hosts = || account.hosts.values();
    let many = |wanted: Ended| hosts().filter(|host| ended(host) == wanted).count();
    let points: u64 = account.story.points.values().sum();
    let number = |count: usize, one: &'static str, many: &'static str| if count == 1 { one } else { many };
    let all = account.hosts.len();
    let mut figures = vec![(all, number(all, "host", "hosts"), ""), (many(Ended::Ok), "done", "good")];
    for (state, text, class) in [
        (Ended::Failed, "failed", "error"),
        (Ended::Unreachable, "unreachable", "error"),
        (Ended::RolledBack, "rolled back", "back"),
        (Ended::Other, "stopped or held", "warning"),
        (Ended::Open, "not at their end", "warning"),
        (Ended::Idle, "had no turn", ""),
    ] {
        let count = many(state);
        if count > 0 {
            figures.push((count, text, class));
        }
    }
    let changed = hosts().filter(|host| has_changed(host)).count();
    figures.push((changed, if account.story.summary.check { "would change" } else { "changed" }, ""));
    let unknown = account.story.unknown.len();
    if unknown > 0 {
        let text = number(unknown, "step with unknown result", "steps with unknown result");
        figures.push((unknown, text, "warning"));
    }
    if points > 0 {
        let points = usize::try_from(points).unwrap_or(usize::MAX);
        figures.push((points, number(points, "rollback point", "rollback points"), ""));
    }
    figures
}
