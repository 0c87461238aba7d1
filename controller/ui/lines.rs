//! Events as lines of text: what is the same with and without bars.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::diff::diff_lines;
use super::recap::{End, TakenBack, banner, end_lines, recap_lines};
use super::stops::{arranged, breach, stopping};
use super::{Options, Palette, Tone};
use crate::executor::arrow;
use crate::executor::event::{Event, EventKind, HostStatus, NOT_STARTED, Status, covered};
use crate::hostlog::{sanitize_line, sanitize_text};
use crate::source::counted;

/// Names of hosts that a line lists before it only counts.
const NAMES_SHOWN: usize = 5;
/// Lines of a failure's message that are shown; the host log has all.
const MESSAGE_LINES: usize = 20;

/// A line, or a few that belong together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Line {
    /// For standard output.
    Data(String),
    /// For standard error.
    Warning(String),
}

/// Turns events into lines.
pub(super) struct Lines {
    options: Options,
    palette: Palette,
    /// From how many `-v` changes are shown.
    changes_from: u8,
    targets: usize,
    check: bool,
    /// Whether the run is a rollback, whose hosts are meant to be restored.
    is_rollback: bool,
    taken_back: TakenBack,
    /// Message of the last failed task of a host, so that its end does not repeat it.
    failures: HashMap<String, String>,
    /// Names of tasks that a plan could not look at.
    unplanned: HashSet<String>,
    /// First host that showed a diff, by the digest of task and diff.
    diffs: HashMap<[u8; 32], String>,
}

impl Lines {
    pub(super) fn new(options: Options, changes_from: u8) -> Self {
        let palette = Palette { color: options.color };
        Self {
            options,
            palette,
            changes_from,
            targets: 0,
            check: false,
            is_rollback: false,
            taken_back: TakenBack::default(),
            failures: HashMap::new(),
            unplanned: HashSet::new(),
            diffs: HashMap::new(),
        }
    }

    /// The lines of an event, in order.
    pub(super) fn event(&mut self, event: &Event) -> Vec<Line> {
        let host = sanitize_line(event.host.as_deref().unwrap_or_default()).into_owned();
        let task = sanitize_line(event.task.as_deref().unwrap_or_default()).into_owned();
        let verbosity = self.options.verbosity;
        let mut lines = Vec::new();
        match &event.kind {
            EventKind::RunStarted { command, playbooks, hosts, check, forks, incarnation, again } => {
                self.targets = hosts.len();
                self.check = *check;
                self.is_rollback = command == "rollback";
                let check = if *check { ", nothing is changed" } else { "" };
                let hosts = match *incarnation {
                    0 | 1 => counted(hosts.len(), "host"),
                    _ => format!("{} of {}", again.len(), counted(hosts.len(), "host")),
                };
                let command = if *incarnation > 1 { format!("resume {command}") } else { command.clone() };
                let text = format!(
                    "{command} {} on {hosts}, {forks} at once{check}; run {}",
                    playbooks.join(" "),
                    event.run
                );
                lines.push(sanitize_line(&text).into_owned());
            }
            EventKind::PlayStarted { play, hosts, tasks, maintenance_groups, moved } => {
                self.diffs.clear();
                lines.push(banner(&format!("PLAY [{}]", sanitize_line(play)), self.options.columns));
                lines.push(format!("{}, {}", counted(hosts.len(), "host"), counted(*tasks, "task")));
                lines.extend(arranged(maintenance_groups, moved, self.options.columns));
            }
            EventKind::WaveStarted { wave, waves, hosts, stops, breaches } => {
                if *waves > 1 {
                    lines.push(format!("\nWAVE {wave} of {waves}: {}", listed(hosts)));
                }
                lines.extend(stopping(stops, self.check, self.options.columns));
                let paint = |text: String| self.palette.paint(Tone::Warning, &text);
                lines.extend(breaches.iter().map(|found| paint(breach(found, self.options.columns))));
            }
            EventKind::HostConnected { duration_ms, .. } if verbosity >= 2 => {
                lines.push(format!("connected: [{host}] in {duration_ms} ms"));
            }
            EventKind::RollbackPoint { point, covers, path, .. } if verbosity >= 2 => {
                lines.push(format!("point: [{host}] {point} {}", sanitize_line(&covered(covers, path))));
            }
            EventKind::PointRestored { point, covers, path } => {
                let text = format!("restored: [{host}] {point} {}", sanitize_line(&covered(covers, path)));
                lines.push(self.palette.paint(Tone::Changed, &text));
            }
            EventKind::GuardArmed { seconds, .. } if verbosity >= 1 => {
                lines.push(format!("guard: [{host}] armed for {seconds} s"));
            }
            EventKind::GuardConfirmed { duration_ms } if verbosity >= 1 => {
                lines.push(format!("guard: [{host}] confirmed over a new connection in {duration_ms} ms"));
            }
            EventKind::GuardFired { points, reason } => {
                let points = counted(*points as usize, "point");
                let text = format!("guard: [{host}] fired, {points} restored: {}", sanitize_line(reason));
                lines.push(self.palette.paint(Tone::Failed, &text));
            }
            EventKind::StepFinished { status, item, diff, .. } => {
                self.step(&host, &task, *status, item.as_deref(), diff.as_deref(), &mut lines);
            }
            EventKind::TaskFinished {
                irreversible: true, status: Status::Changed | Status::Skipped, ..
            } if self.check => {
                let text =
                    format!("irreversible: [{host}] {task} => would run, and nothing here can undo it");
                lines.push(self.palette.paint(Tone::Warning, &text));
            }
            EventKind::TaskFinished { status, message, output_tail, place, unplanned, delegates, .. } => {
                if *unplanned {
                    self.unplanned.insert(task.clone());
                }
                let message = message.as_deref().unwrap_or_default();
                let shown = format!("{host}{}", sanitize_line(&arrow(delegates)));
                self.task(&shown, &task, *status, message, &mut lines);
                if *status == Status::Failed {
                    self.failures.insert(host, message.to_owned());
                    lines.extend(place.iter().map(|place| format!("  at {}", sanitize_line(place))));
                }
                let told = *status == Status::Failed
                    || (verbosity >= 1 && matches!(status, Status::Ignored | Status::Rescued));
                if told {
                    lines.extend(output_tail.iter().map(|line| format!("  | {}", sanitize_line(line))));
                }
            }
            EventKind::Paused { prompt, seconds } => {
                // No task asks about a wave.
                let by = if task.is_empty() { String::new() } else { format!("[{task}] ") };
                lines.extend(prompt.iter().map(|prompt| format!("{by}{}", sanitize_text(prompt))));
                lines.push(match seconds {
                    Some(seconds) => format!("{by}pausing for {}", counted(*seconds as usize, "second")),
                    None => format!("{by}press Enter to go on, Ctrl-C to stop"),
                });
            }
            EventKind::HostFinished { status, message, hint } => {
                self.ended(&host, *status);
                self.host(&host, *status, message.as_deref(), hint.as_deref(), &mut lines);
            }
            EventKind::BudgetExceeded { failed, of, limit } => {
                let text = format!(
                    "STOPPED: {} of {of} failed ({limit}), no further wave starts: {}",
                    failed.len(),
                    listed(failed)
                );
                lines.push(self.palette.paint(Tone::Failed, &sanitize_line(&text)));
            }
            EventKind::RunCancelled { level } => {
                let what = if *level <= 1 {
                    "stopping: the steps in hand are finished; Ctrl-C again closes the connections"
                } else {
                    "stopping: the connections are closed"
                };
                return vec![Line::Warning(self.palette.paint(Tone::Warning, what))];
            }
            EventKind::Warning { message } => {
                let of_host = if host.is_empty() { String::new() } else { format!("[{host}] ") };
                let text = format!("[WARNING]: {of_host}{}", sanitize_text(message).trim_end());
                return vec![Line::Warning(self.palette.paint(Tone::Warning, &text))];
            }
            EventKind::RunFinished { hosts, exit_code, duration_ms } => {
                lines.push(banner("PLAY RECAP", self.options.columns));
                lines.extend(recap_lines(hosts, self.palette, self.options.terminal));
                let (exit_code, duration_ms) = (*exit_code, *duration_ms);
                let end = End {
                    run: &event.run,
                    targets: self.targets,
                    exit_code,
                    duration_ms,
                    check: self.check,
                    taken_back: &self.taken_back,
                };
                lines.extend(end_lines(hosts, &end, &self.options));
                lines.extend(self.not_planned());
            }
            EventKind::HostConnected { .. }
            | EventKind::LeaseTaken { .. }
            | EventKind::HostRestored { .. }
            | EventKind::HostRestoring { .. }
            | EventKind::StepStarted { .. }
            | EventKind::RollbackPoint { .. }
            | EventKind::GuardArmed { .. }
            | EventKind::GuardConfirmed { .. }
            | EventKind::StepOutput { .. }
            | EventKind::Unknown => {}
        }
        lines.into_iter().map(Line::Data).collect()
    }

    /// Says that a plan is not all of it.
    fn not_planned(&self) -> Option<String> {
        let (tasks, them) = match self.unplanned.len() {
            0 => return None,
            1 => ("1 task".to_owned(), "it waits"),
            count => (counted(count, "task"), "they wait"),
        };
        let text = format!(
            "warning: {tasks} could not be planned, because {them} for what earlier ones make; `apply` may change more than this"
        );
        Some(self.palette.paint(Tone::Warning, &text))
    }

    /// Notes how a host ended: the last end counts.
    fn ended(&mut self, host: &str, status: HostStatus) {
        let TakenBack { rolled_back, rollback_failed } = &mut self.taken_back;
        rolled_back.remove(host);
        rollback_failed.remove(host);
        match status {
            HostStatus::RolledBack if !self.is_rollback => rolled_back.insert(host.to_owned()),
            HostStatus::RollbackFailed if !self.is_rollback => rollback_failed.insert(host.to_owned()),
            _ => false,
        };
    }

    /// A loop item from `-v` on, and the diff of a step. A diff that another host showed for the same task
    /// is named, not repeated.
    fn step(
        &mut self,
        host: &str,
        task: &str,
        status: Status,
        item: Option<&str>,
        diff: Option<&str>,
        lines: &mut Vec<String>,
    ) {
        if let Some(diff) = diff.filter(|_| self.options.diff) {
            let digest = Sha256::new().chain_update(task).chain_update([0]).chain_update(diff).finalize();
            match self.diffs.entry(digest.into()) {
                Entry::Occupied(first) if first.get() != host => {
                    lines.push(format!("diff: [{host}] {task}: the same as [{}]", first.get()));
                }
                entry => {
                    entry.or_insert_with(|| host.to_owned());
                    lines.push(format!("diff: [{host}] {task}"));
                    lines.extend(diff_lines(diff, self.palette));
                }
            }
        }
        if let Some(item) = item.filter(|_| self.options.verbosity >= 1) {
            let (word, tone) = word_and_tone(status);
            let text = format!("{word}: [{host}] {task} => (item={})", sanitize_line(item));
            lines.push(self.palette.paint(tone, &text));
        }
    }

    fn task(&self, host: &str, task: &str, status: Status, message: &str, lines: &mut Vec<String>) {
        let from = match status {
            Status::Ok if message.is_empty() => 1,
            Status::Skipped => 1,
            Status::Changed => self.changes_from,
            Status::Ok | Status::Failed | Status::Ignored | Status::Rescued => 0,
        };
        if self.options.verbosity < from {
            return;
        }
        let (word, tone) = word_and_tone(status);
        let head = if status == Status::Failed {
            format!("fatal: [{host}]: FAILED! => {task}")
        } else {
            format!("{word}: [{host}] {task}")
        };
        let limit = if status == Status::Ok { usize::MAX } else { MESSAGE_LINES };
        let joint = if status == Status::Failed { ": " } else { " => " };
        self.with_message(head, joint, message, limit, tone, lines);
    }

    /// A head and a message: on its line, or below it if it has several lines.
    fn with_message(
        &self,
        head: String,
        joint: &str,
        message: &str,
        limit: usize,
        tone: Tone,
        lines: &mut Vec<String>,
    ) {
        let message = sanitize_text(message.trim_end());
        let all: Vec<&str> = message.lines().collect();
        match all[..] {
            [] => lines.push(self.palette.paint(tone, &head)),
            [one] => lines.push(self.palette.paint(tone, &format!("{head}{joint}{one}"))),
            _ => {
                lines.push(self.palette.paint(tone, &format!("{head}{}", joint.trim_end())));
                lines.extend(
                    all.iter().take(limit).map(|line| self.palette.paint(tone, &format!("    {line}"))),
                );
                if all.len() > limit {
                    lines.push(format!("    ({} more lines in the host log)", all.len() - limit));
                }
            }
        }
    }

    fn host(
        &self,
        host: &str,
        status: HostStatus,
        message: Option<&str>,
        hint: Option<&str>,
        lines: &mut Vec<String>,
    ) {
        let (head, tone) = match status {
            HostStatus::Ok if self.options.verbosity < 2 => return,
            HostStatus::Ok => (format!("done: [{host}]"), Tone::Ok),
            // Its task said so already, unless there is more to say.
            HostStatus::Failed => {
                let known = self.failures.get(host).map(String::as_str);
                if hint.is_none() && (message.is_none() || known == message) {
                    return;
                }
                (format!("failed: [{host}]"), Tone::Failed)
            }
            HostStatus::Unreachable => (format!("fatal: [{host}]: UNREACHABLE!"), Tone::Unreachable),
            HostStatus::Cancelled if message == Some(NOT_STARTED) && self.options.verbosity < 1 => return,
            HostStatus::Cancelled => (format!("stopped: [{host}]"), Tone::Skipped),
            HostStatus::RolledBack => (format!("rolled back: [{host}]"), Tone::Changed),
            HostStatus::Held => (format!("fatal: [{host}]: HELD!"), Tone::Unreachable),
            HostStatus::InDoubt => (format!("fatal: [{host}]: IN DOUBT!"), Tone::Failed),
            HostStatus::RollbackFailed => (format!("fatal: [{host}]: ROLLBACK FAILED!"), Tone::Failed),
        };
        self.with_message(head, " => ", message.unwrap_or_default(), MESSAGE_LINES, tone, lines);
        lines.extend(hint.map(|hint| format!("  hint: {}", sanitize_text(hint).replace('\n', "\n        "))));
    }
}

fn word_and_tone(status: Status) -> (&'static str, Tone) {
    match status {
        Status::Ok => ("ok", Tone::Ok),
        Status::Changed => ("changed", Tone::Changed),
        Status::Skipped => ("skipping", Tone::Skipped),
        Status::Failed => ("failed", Tone::Failed),
        Status::Ignored => ("ignored", Tone::Skipped),
        Status::Rescued => ("rescued", Tone::Skipped),
    }
}

/// `2 hosts (a, b)`, `7 hosts (a, b, c, d, e and 2 more)`.
fn listed(hosts: &[String]) -> String {
    let names: Vec<_> = hosts.iter().take(NAMES_SHOWN).map(|host| sanitize_line(host)).collect();
    let more = hosts.len().saturating_sub(NAMES_SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{} ({}{more})", counted(hosts.len(), "host"), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn rendered(options: Options, events: &[Event]) -> String {
        let mut lines = Lines::new(options, 0);
        let texts = events.iter().flat_map(|event| lines.event(event)).map(|line| match line {
            Line::Data(text) => text,
            Line::Warning(text) => format!("2> {text}"),
        });
        texts.collect::<Vec<_>>().join("\n")
    }

    fn story() -> Vec<Event> {
        vec![
            run_started(&["web-1", "web-2", "web-3"], false),
            play_started(&["web-1", "web-2", "web-3"], 4),
            wave_started(1, 2, &["web-1", "web-2"]),
            event(Some("web-1"), None, EventKind::HostConnected { duration_ms: 84, reached: None }),
            started("web-1", "Copy", None),
            event(
                Some("web-1"),
                Some("Copy"),
                EventKind::RollbackPoint {
                    point: 1,
                    covers: "file".into(),
                    path: "/etc/a".into(),
                    become_user: None,
                },
            ),
            step_finished("web-1", "Copy", Some("a\x1b"), Some("-a\n+b\n")),
            finished("web-1", "Copy", Status::Changed, true),
            finished("web-1", "Check", Status::Ok, false),
            finished("web-1", "Later", Status::Skipped, false),
            told("web-1", "Say", Status::Ok, false, Some("hello\n{\n}"), &[]),
            told("web-1", "Try", Status::Ignored, false, Some("exit status 1"), &["tried"]),
            told("web-1", "Try", Status::Rescued, false, Some("exit status 1"), &[]),
            told(
                "web-1",
                "agent : Start",
                Status::Failed,
                false,
                Some("exit status 3"),
                &["Cannot open port\x1b]0;x\x07", "bye"],
            ),
            host_finished("web-1", HostStatus::Failed, "exit status 3"),
            host_finished("web-2", HostStatus::Unreachable, "connection refused"),
            event(
                None,
                None,
                EventKind::BudgetExceeded {
                    failed: vec!["web-1".into(), "web-2".into()],
                    of: 2,
                    limit: "max_fail_percentage: 30".into(),
                },
            ),
            event(None, None, EventKind::RunCancelled { level: 1 }),
            host_finished("web-3", HostStatus::Cancelled, "the failure budget is spent"),
            warning("the time of web-1 is wrong"),
            run_finished(&[], 4),
        ]
    }

    #[test]
    fn quiet_lines_show_what_matters() {
        insta::assert_snapshot!(rendered(Options::default(), &story()), @r"
        apply site.yml on 3 hosts, 50 at once; run 0198-run

        PLAY [Install the agent] *******************************************************
        3 hosts, 4 tasks

        WAVE 1 of 2: 2 hosts (web-1, web-2)
        changed: [web-1] Copy
        ok: [web-1] Say =>
            hello
            {
            }
        ignored: [web-1] Try => exit status 1
        rescued: [web-1] Try => exit status 1
        fatal: [web-1]: FAILED! => agent : Start: exit status 3
          at site.yml:12:7
          | Cannot open port\x1b]0;x\x07
          | bye
        fatal: [web-2]: UNREACHABLE! => connection refused
          hint: is sshd running there?
        STOPPED: 2 of 2 failed (max_fail_percentage: 30), no further wave starts: 2 hosts (web-1, web-2)
        2> stopping: the steps in hand are finished; Ctrl-C again closes the connections
        stopped: [web-3] => the failure budget is spent
        2> [WARNING]: the time of web-1 is wrong

        PLAY RECAP *********************************************************************

        run 0198-run took 12.3 s: 3 hosts, 0 changed, 3 without a task; exit code 4
        ");
    }

    #[test]
    fn more_v_more_lines() {
        let options = Options { verbosity: 2, ..Options::default() };
        let quiet = rendered(Options::default(), &story());
        let all = rendered(options, &story());
        let more: Vec<&str> = all.lines().filter(|line| !quiet.contains(line)).collect();
        insta::assert_snapshot!(more.join("\n"), @r"
        connected: [web-1] in 84 ms
        point: [web-1] 1 file /etc/a
        changed: [web-1] Copy => (item=a\x1b)
        ok: [web-1] Check
        skipping: [web-1] Later
          | tried
        ");
    }

    #[test]
    fn one_diff_is_shown_once() {
        let events = [
            step_finished("web-1", "Copy", None, Some("-a\n+b\n")),
            step_finished("web-2", "Copy", None, Some("-a\n+b\n")),
            step_finished("web-3", "Copy", None, Some("-a\n+c\n")),
        ];
        insta::assert_snapshot!(rendered(Options { diff: true, ..Options::default() }, &events), @"
        diff: [web-1] Copy
        -a
        +b
        diff: [web-2] Copy: the same as [web-1]
        diff: [web-3] Copy
        -a
        +c
        ");
        assert_eq!(rendered(Options::default(), &events), "");
    }

    #[test]
    fn long_failures_are_cut_and_debug_is_not() {
        let long = "line\n".repeat(30);
        let events = |status| [told("a", "t", status, false, Some(&long), &[])];
        assert_eq!(rendered(Options::default(), &events(Status::Ok)).lines().count(), 31);
        let failed = rendered(Options::default(), &events(Status::Failed));
        assert!(failed.contains("\n    (10 more lines in the host log)\n  at site.yml:12:7"), "{failed}");
    }

    #[test]
    fn check_mode_and_hostile_names_are_shown_as_such() {
        let events =
            [run_started(&["a"], true), finished("evil\x1b[2J\nok: [b]", "x\r", Status::Changed, true)];
        insta::assert_snapshot!(rendered(Options::default(), &events), @r"
        apply site.yml on 1 host, 50 at once, nothing is changed; run 0198-run
        changed: [evil\x1b[2J\nok: [b]] x\r
        ");
    }

    #[test]
    fn colours_carry_ansibles_meaning() {
        let options = Options { color: true, ..Options::default() };
        let text = rendered(options, &[finished("a", "t", Status::Changed, true), warning("x")]);
        assert_eq!(text, "\x1b[0;33mchanged: [a] t\x1b[0m\n2> \x1b[1;35m[WARNING]: x\x1b[0m");
    }
}
