//! What the bars show: a fold over events, drawn into a given number of columns and lines.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use super::fit::{pad, shorten, width};
use super::{Palette, Tone};
use crate::executor::event::{Event, EventKind, HostStatus, Status};
use crate::hostlog::sanitize_line;
use crate::source::counted;

/// Cells of the bar on a narrow and on a wide terminal.
const BAR: (usize, usize) = (16, 30);
/// From this many columns a terminal is wide.
const WIDE_COLUMNS: usize = 100;
/// Below this many columns there is no bar, only counts.
const BAR_COLUMNS: usize = 60;
/// Lines that are used at most, however tall the terminal is.
const MOST_LINES: usize = 24;

/// A step that was handed to a host.
struct Work {
    step: u64,
    task: String,
    since: Instant,
}

/// The state of the rollout.
pub(super) struct Board {
    palette: Palette,
    started: Instant,
    targets: usize,
    wave: Option<(usize, usize)>,
    /// Task executions of the play in hand.
    play_total: usize,
    play_done: usize,
    done: HashSet<String>,
    failed: HashSet<String>,
    unreachable: HashSet<String>,
    /// Steps are sent ahead of their results: the first is the one at work.
    at_work: HashMap<String, VecDeque<Work>>,
    stopping: bool,
    /// A person is asked something and types below it: nothing is drawn until the answer is there.
    asking: bool,
}

impl Board {
    pub(super) fn new(palette: Palette, now: Instant) -> Self {
        Self {
            palette,
            started: now,
            targets: 0,
            wave: None,
            play_total: 0,
            play_done: 0,
            done: HashSet::new(),
            failed: HashSet::new(),
            unreachable: HashSet::new(),
            at_work: HashMap::new(),
            stopping: false,
            asking: false,
        }
    }

    pub(super) fn event(&mut self, event: &Event, now: Instant) {
        let host = event.host.as_deref().unwrap_or_default();
        match &event.kind {
            EventKind::RunStarted { hosts, .. } => self.targets = hosts.len(),
            EventKind::PlayStarted { hosts, tasks, .. } => {
                self.play_total = hosts.len() * tasks;
                self.play_done = 0;
                self.wave = None;
                self.at_work.clear();
            }
            EventKind::WaveStarted { wave, waves, .. } => self.wave = Some((*wave, *waves)),
            EventKind::StepStarted { item, module, .. } => {
                let task = sanitize_line(event.task.as_deref().unwrap_or(module)).into_owned();
                let item =
                    item.as_ref().map(|item| format!(" ({})", sanitize_line(item))).unwrap_or_default();
                let text = format!("{task}{item}");
                let work = Work { step: event.step.unwrap_or_default(), task: text, since: now };
                self.at_work.entry(host.to_owned()).or_default().push_back(work);
            }
            // A host takes no further step of those it has once one failed.
            EventKind::StepFinished { status: Status::Failed | Status::Rescued, .. } => {
                drop(self.at_work.remove(host));
            }
            EventKind::StepFinished { .. } => self.leave(host, event.step, now),
            EventKind::TaskFinished { handler, .. } => {
                // `pause` is the only task while it asks: the hosts of its wave have met.
                self.asking = false;
                self.leave(host, event.step, now);
                self.play_done += usize::from(!handler);
            }
            EventKind::HostFinished { status, .. } => {
                self.at_work.remove(host);
                self.done.insert(host.to_owned());
                match status {
                    HostStatus::Unreachable => self.unreachable.insert(host.to_owned()),
                    HostStatus::Failed
                    | HostStatus::RollbackFailed
                    | HostStatus::Held
                    | HostStatus::InDoubt => self.failed.insert(host.to_owned()),
                    HostStatus::Ok | HostStatus::Cancelled | HostStatus::RolledBack => false,
                };
            }
            EventKind::Paused { seconds: None, .. } => self.asking = true,
            EventKind::RunCancelled { .. } => (self.stopping, self.asking) = (true, false),
            _ => {}
        }
    }

    /// A host is done with a step and those before it; the next one begins now.
    fn leave(&mut self, host: &str, step: Option<u64>, now: Instant) {
        let (Some(works), Some(step)) = (self.at_work.get_mut(host), step) else { return };
        let before = works.len();
        works.retain(|work| work.step > step);
        let after = works.len();
        match works.front_mut() {
            None => drop(self.at_work.remove(host)),
            Some(next) if after < before => next.since = now,
            Some(_) => {}
        }
    }

    /// The lines for a terminal of that size: the rollout, then the hosts at work, slowest first. None is wider
    /// than the terminal, and a third of its lines stay free for what is printed above.
    pub(super) fn draw(&self, now: Instant, columns: usize, rows: usize) -> Vec<String> {
        if self.targets == 0 || self.asking {
            return Vec::new();
        }
        // The last column stays free: some terminals wrap when it is filled.
        let columns = columns.saturating_sub(1);
        let mut lines = vec![self.rollout(now, columns)];
        let room = (rows * 2 / 3).min(MOST_LINES).saturating_sub(1);
        lines.extend(self.hosts(now, columns, room));
        lines
    }

    fn rollout(&self, now: Instant, columns: usize) -> String {
        let mut parts = vec![format!("{}/{}", self.done.len(), counted(self.targets, "host"))];
        if let Some((wave, waves)) = self.wave.filter(|(_, waves)| *waves > 1) {
            parts.push(format!("wave {wave}/{waves}"));
        }
        parts.push(format!("{} at work", self.at_work.len()));
        let bad = [(self.failed.len(), "failed"), (self.unreachable.len(), "unreachable")];
        parts.extend(
            bad.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")),
        );
        if self.stopping {
            parts.push("stopping".to_owned());
        }
        parts.push(clock(now.saturating_duration_since(self.started)));
        let text = parts.join("  ");
        let tone = if bad.iter().any(|(number, _)| *number > 0) { Tone::Failed } else { Tone::Ok };
        if columns < BAR_COLUMNS {
            return self.palette.paint(tone, &shorten(&text, columns));
        }
        let cells = if columns < WIDE_COLUMNS { BAR.0 } else { BAR.1 };
        format!("{} {}", self.palette.paint(tone, &self.bar(cells)), shorten(&text, columns - cells - 3))
    }

    fn bar(&self, cells: usize) -> String {
        let filled = (self.play_done * cells).checked_div(self.play_total).unwrap_or_default().min(cells);
        let head = if filled > 0 && filled < cells { ">" } else { "" };
        let body = "=".repeat(filled - head.len());
        format!("[{body}{head}{}]", " ".repeat(cells - filled))
    }

    fn hosts<'a>(&'a self, now: Instant, columns: usize, room: usize) -> Vec<String> {
        let first = |(host, works): (&'a String, &'a VecDeque<Work>)| Some((host.as_str(), works.front()?));
        let mut hosts: Vec<(&str, &Work)> = self.at_work.iter().filter_map(first).collect();
        hosts.sort_unstable_by_key(|&(host, work)| (work.since, host));
        let shown = if hosts.len() > room { room.saturating_sub(1) } else { hosts.len() };
        let more = hosts.len() - shown;
        hosts.truncate(shown);

        let names: Vec<String> = hosts.iter().map(|(host, _)| sanitize_line(host).into_owned()).collect();
        let widest = names.iter().map(|name| width(name)).max().unwrap_or_default().min(columns / 2);
        let mut lines: Vec<String> = hosts
            .iter()
            .zip(&names)
            .map(|((_, work), name)| {
                let time = clock(now.saturating_duration_since(work.since));
                let room = columns.saturating_sub(widest + 4 + 8);
                let line = format!(
                    "  {}  {} {time:>7}",
                    pad(&shorten(name, widest), widest),
                    pad(&shorten(&work.task, room), room)
                );
                shorten(&line, columns).into_owned()
            })
            .collect();
        if more > 0 && room > 0 {
            lines.push(self.palette.paint(Tone::Faint, &shorten(&format!("  +{more} more"), columns)));
        }
        lines
    }
}

/// `0:07`, `12:34`, `1:02:03`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::*;
    use super::*;

    fn board(events: &[(u64, Event)]) -> (Board, Instant) {
        let now = Instant::now();
        let mut board = Board::new(Palette { color: false }, now);
        for (seconds, event) in events {
            board.event(event, now + Duration::from_secs(*seconds));
        }
        (board, now)
    }

    fn drawn(events: &[(u64, Event)], at: u64, columns: usize, rows: usize) -> String {
        let (board, now) = board(events);
        let lines = board.draw(now + Duration::from_secs(at), columns, rows);
        lines.iter().map(|line| format!("{line}<")).collect::<Vec<_>>().join("\n")
    }

    const HOSTS: [&str; 4] = ["web-1.example", "web-2.example", "データベース.example", "db"];

    fn rollout() -> Vec<(u64, Event)> {
        vec![
            (0, run_started(&HOSTS, false)),
            (0, play_started(&HOSTS, 3)),
            (0, wave_started(1, 2, &HOSTS)),
            (
                1,
                started(
                    "web-2.example",
                    "Copy the settings files of the agent to its working directory",
                    None,
                ),
            ),
            (2, started("web-1.example", "Copy", Some("a"))),
            (2, Event { step: Some(2), ..started("web-1.example", "Start", None) }),
            (3, started("データベース.example", "再起動する", None)),
            (3, finished("db", "Copy", Status::Ok, false)),
            (4, finished("db", "Start", Status::Failed, false)),
            (4, host_finished("db", HostStatus::Failed, "")),
        ]
    }

    #[test]
    fn shows_the_slowest_hosts_first() {
        insta::assert_snapshot!(drawn(&rollout(), 75, 80, 24), @"
        [=>              ] 1/4 hosts  wave 1/2  3 at work  1 failed  1:15<
          web-2.example         Copy the settings files of the agent to its wo…    1:14<
          web-1.example         Copy (a)                                           1:13<
          データベース.example  再起動する                                         1:12<
        ");
    }

    #[test]
    fn never_shows_more_hosts_than_fit() {
        insta::assert_snapshot!(drawn(&rollout(), 75, 80, 5), @"
        [=>              ] 1/4 hosts  wave 1/2  3 at work  1 failed  1:15<
          web-2.example  Copy the settings files of the agent to its working d…    1:14<
          +2 more<
        ");
        insta::assert_snapshot!(drawn(&rollout(), 75, 80, 3), @"
        [=>              ] 1/4 hosts  wave 1/2  3 at work  1 failed  1:15<
          +3 more<
        ");
    }

    #[test]
    fn narrow_terminals_have_no_bar() {
        insta::assert_snapshot!(drawn(&rollout(), 75, 40, 24), @"
        1/4 hosts  wave 1/2  3 at work  1 fail…<
          web-2.example        Copy th…    1:14<
          web-1.example        Copy (a)    1:13<
          データベース.examp…  再起動…     1:12<
        ");
    }

    #[test]
    fn a_host_leaves_when_its_task_ends_and_ctrl_c_is_seen() {
        let mut events = rollout();
        events.push((5, finished("web-1.example", "Copy", Status::Ok, false)));
        events.push((5, host_finished("web-2.example", HostStatus::Unreachable, "")));
        events.push((6, event(None, None, EventKind::RunCancelled { level: 1 })));
        insta::assert_snapshot!(drawn(&events, 4000, 100, 24), @"
        [===>            ] 2/4 hosts  wave 1/2  2 at work  1 failed  1 unreachable  stopping  1:06:40<
          データベース.example  再起動する                                                          1:06:37<
          web-1.example         Start                                                               1:06:35<
        ");
    }

    #[test]
    fn nothing_before_the_run_starts() {
        assert_eq!(drawn(&[], 0, 80, 24), "");
    }

    proptest! {
        #[test]
        fn always_fits(columns in 1_usize..120, rows in 1_usize..40, names in prop::collection::vec("\\PC{1,60}", 0..40)) {
            let mut events = vec![(0, run_started(&HOSTS, false)), (0, play_started(&HOSTS, 3))];
            events.extend(names.iter().map(|name| (1, started(name, name, Some(name)))));
            let (board, now) = board(&events);
            let lines = board.draw(now, columns, rows);
            prop_assert!(lines.len() <= (rows * 2 / 3).max(1));
            for line in lines {
                prop_assert!(width(&line) < columns, "{line:?}");
            }
        }
    }
}
