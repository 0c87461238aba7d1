//! The page of a run: what was asked, what went wrong, when each host was at work, what changed and what of it can
//! be taken back, the logs.
//!
//! Everything comes from the run's folder. Large runs are cut to what a browser can show; the page says what is left
//! out and where it is.

mod changes;
mod head;
mod hosts;
mod logs;
mod time;
mod trouble;

use std::io::Write;

use askama::Template;
use jiff::Timestamp;

use self::changes::{Changed, Unknown, changes, unknown};
use self::head::Asked;
use self::hosts::{HostView, Points};
use self::logs::{Budget, LogView};
use self::time::{TimeLine, time_line};
use self::trouble::{End, Trouble, ends, troubles};
use super::super::ReportError;
use super::super::account::Account;
use super::super::story::Counts;
use super::page::{Page, some, write};
use crate::journal::{RunFolder, short_id};

/// Writes a run as one HTML file that fetches nothing.
///
/// # Errors
/// The journal cannot be read, or `out` not be written.
pub fn run(folder: &RunFolder, at: Timestamp, out: &mut dyn Write) -> Result<(), ReportError> {
    let account = Account::read(folder)?;
    Ok(write(&RunPage::new(folder, &account, at), out)?)
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage<'a> {
    page: Page,
    asked: Asked,
    /// What the run is called on a command line.
    run: &'a str,
    troubles: Vec<Trouble<'a>>,
    ends: Vec<End<'a>>,
    warnings: Vec<&'a str>,
    warnings_left_out: usize,
    damaged: u64,
    time: TimeLine<'a>,
    plays: Vec<PlayView<'a>>,
    changes: Vec<Changed<'a>>,
    changes_left_out: usize,
    changed_hosts: usize,
    unknown: Vec<Unknown<'a>>,
    check: bool,
    points: Points<'a>,
    hosts: Vec<HostView<'a>>,
    states: Vec<(&'static str, &'static str, usize)>,
    quiet_steps: bool,
    folder: String,
}

/// The tasks of a play.
struct PlayView<'a> {
    play: &'a str,
    about: String,
    stopped: Option<&'a str>,
    tasks: Vec<(&'a str, [(&'static str, u64); 6])>,
}

impl<'a> RunPage<'a> {
    fn new(folder: &'a RunFolder, account: &'a Account, at: Timestamp) -> Self {
        const WARNINGS: usize = 200;
        let story = &account.story;
        let (changes, changes_left_out) = changes(account);
        let mut budget = Budget::default();
        let hosts = hosts::hosts(folder, account, &mut budget);
        Self {
            page: Page::new(head::title(account), at),
            asked: Asked::new(account),
            run: short_id(folder.id()),
            troubles: troubles(account),
            ends: ends(account),
            warnings: story.warnings.iter().take(WARNINGS).map(String::as_str).collect(),
            warnings_left_out: story.warnings.len().saturating_sub(WARNINGS),
            damaged: story.damaged,
            time: time_line(account),
            plays: plays(account),
            changed_hosts: account.hosts.values().filter(|host| hosts::has_changed(host)).count(),
            changes,
            changes_left_out,
            check: story.summary.check,
            unknown: unknown(account),
            points: hosts::points(account),
            states: hosts::states(&hosts),
            quiet_steps: hosts.iter().any(|host| host.steps_left_out > 0),
            hosts,
            folder: folder.hosts().display().to_string(),
        }
    }
}

fn plays(account: &Account) -> Vec<PlayView<'_>> {
    let row = |counts: &Counts| {
        [
            ("ok", counts.ok),
            ("changed", counts.changed),
            ("skipped", counts.skipped),
            ("failed", counts.failed),
            ("ignored", counts.ignored),
            ("rescued", counts.rescued),
        ]
    };
    let plays = account.story.plays.iter().map(|play| {
        let waves = match play.waves.len() {
            0 | 1 => String::new(),
            waves => format!(", {waves} waves"),
        };
        PlayView {
            play: &play.play,
            about: format!("{}{waves}", some(play.hosts, "host")),
            stopped: play.stopped.as_deref(),
            tasks: play.tasks.iter().map(|(task, counts)| (task.as_str(), row(counts))).collect(),
        }
    });
    plays.collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::super::testing::{START, State, write};
    use super::*;
    use crate::executor::event::NOT_STARTED;

    fn page(state: &State) -> String {
        let mut out = Vec::new();
        run(&state.run(), Timestamp::UNIX_EPOCH, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn steps_that_a_killed_controller_left_open_are_told_as_unknown() {
        let state = State::new();
        state.keep_lines(10);
        let html = page(&state);
        assert!(html.contains("<b>1</b> <span>step with unknown result</span>"), "the figures");
        assert!(html.contains("1 changed, 1 step with unknown result"), "the row of the host");
        let from = html.find("<details class=\"change unknown\"").unwrap();
        let told = &html[from..from + html[from..].find("</details>").unwrap()];
        for word in ["agent : Start", "<code>command</code>", "no way back", "web-1"] {
            assert!(told.contains(word), "{told}");
        }
        assert!(!page(&State::new()).contains("unknown result"));
    }

    #[test]
    fn hosts_that_a_cancelled_run_did_not_come_to_are_a_note() {
        let state = State::new();
        state.keep_lines(9);
        let path = state.run().journal();
        let mut text = std::fs::read_to_string(&path).unwrap();
        let head = format!(r#"{{"seq":30,"at":"2026-05-09T07:29:42.500000Z","run":"{}""#, state.run().id());
        for rest in [
            format!(
                r#""host":"web-4","kind":"host_finished","status":"cancelled","message":"{NOT_STARTED}""#
            ),
            r#""kind":"run_finished","hosts":{},"exit_code":99,"duration_ms":9500"#.to_owned(),
        ] {
            text.push_str(&format!("{head},{rest}}}\n"));
        }
        write(&path, &text, START);
        let html = page(&state);
        let from = html.find("<h3>had no turn <small>1 host</small>").unwrap();
        let mark = html[..from].rfind("<svg class=\"mark ").unwrap();
        assert!(html[mark..from].contains("#mark-info"), "{}", &html[mark..from]);
        let from = html.find("</svg> web-4</div>").unwrap();
        let row = &html[from..from + html[from..].find("class=\"end\"").unwrap()];
        assert!(!row.contains("<rect"), "{row}");
        assert!(html.contains("had no turn <small></small>"));
    }
}
