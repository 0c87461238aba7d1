//! A state folder with a run, for the tests of the reports.

use std::fs;
use std::path::Path;

use crate::executor::event::Event;
use crate::journal::RunFolder;

pub(super) const RUN: &str = "0198f1e2-9999-7000-8000-000000000002";
const OLDER: &str = "0198f1e2-3b4c-7000-8000-000000000001";

/// 2026-05-09 07:29:33Z, when the runs start.
pub(super) const START: u64 = 1_778_311_773;

/// Two waves over four hosts: one is done, one failed, one did not answer, one had no turn.
const JOURNAL: &str = r#"
{"kind":"run_started","command":"apply","playbooks":["site.yml"],"hosts":["web-1","web-2","web-3","web-4"],"check":false,"forks":50}
{"kind":"play_started","play":"Install the agent","hosts":["web-1","web-2","web-3","web-4"],"tasks":3}
{"kind":"wave_started","wave":1,"waves":2,"hosts":["web-1","web-2","web-3"]}
{"host":"web-3","kind":"host_finished","status":"unreachable","message":"connection refused","hint":"is sshd running there?"}
{"host":"web-1","kind":"host_connected","duration_ms":84}
{"host":"web-1","task":"Copy","step":1,"kind":"step_started","item":"a.json","module":"copy"}
{"host":"web-1","task":"Copy","step":1,"kind":"rollback_point","point":1,"covers":"file","path":"/etc/agent/a.json"}
{"host":"web-1","task":"Copy","step":1,"kind":"step_finished","status":"changed","changed":true,"duration_ms":12,"item":"a.json"}
{"host":"web-1","task":"Copy","kind":"task_finished","status":"changed","changed":true}
{"host":"web-1","task":"agent : Start","step":2,"kind":"step_started","module":"command"}
{"host":"web-1","task":"agent : Start","step":2,"kind":"step_output","stream":"stdout","offset":0,"length":5,"sha256":"00"}
{"host":"web-1","task":"agent : Start","step":2,"kind":"step_finished","status":"ok","changed":false,"rc":0,"duration_ms":1234}
{"host":"web-1","task":"agent : Start","kind":"task_finished","status":"ok","changed":false}
{"host":"web-1","task":"Later","kind":"task_finished","status":"skipped","changed":false,"message":"`when` was false"}
{"host":"web-1","kind":"host_finished","status":"ok"}
{"host":"web-2","task":"Copy","step":1,"kind":"step_started","item":"a.json","module":"copy"}
{"host":"web-2","task":"Copy","step":1,"kind":"step_finished","status":"ok","changed":false,"duration_ms":9,"item":"a.json"}
{"host":"web-2","task":"Copy","kind":"task_finished","status":"ok","changed":false}
{"host":"web-2","task":"agent : Start","step":2,"kind":"step_started","module":"command"}
{"host":"web-2","task":"agent : Start","step":2,"kind":"step_finished","status":"failed","changed":true,"rc":3,"duration_ms":70,"message":"exit status 3\u001b[2J"}
{"host":"web-2","task":"agent : Start","kind":"task_finished","status":"failed","changed":true,"message":"exit status 3\u001b[2J","output_tail":["Cannot open port","bye"],"place":"site.yml:12:7"}
{"host":"web-2","kind":"host_finished","status":"failed","message":"exit status 3"}
{"kind":"budget_exceeded","failed":["web-2","web-3"],"of":3,"limit":"max_fail_percentage: 30"}
{"kind":"warning","message":"the clock of web-2 is 4 minutes off"}
{"kind":"run_finished","hosts":{"web-1":{"ok":2,"changed":1,"unreachable":0,"failed":0,"skipped":1,"rescued":0,"ignored":0,"rolled_back":0},"web-2":{"ok":1,"changed":0,"unreachable":0,"failed":1,"skipped":0,"rescued":0,"ignored":0,"rolled_back":0},"web-3":{"ok":0,"changed":0,"unreachable":1,"failed":0,"skipped":0,"rescued":0,"ignored":0,"rolled_back":0}},"exit_code":4,"duration_ms":9500}
"#;

/// A state folder that holds [`RUN`].
pub(super) struct State(tempfile::TempDir);

impl State {
    pub(super) fn new() -> Self {
        let state = Self(tempfile::tempdir().expect("a folder can be made"));
        let record = r#"{"operator":"ann@desk","version":"0.1.0","incarnation":1}"#;
        state.add(RUN, &journal(RUN), Some(record));
        state
    }

    /// Adds an older run that broke off after its first event.
    pub(super) fn add_older(&self) {
        let whole = journal(OLDER);
        let first = whole.split_inclusive('\n').next().unwrap_or_default();
        self.add(OLDER, first, None);
    }

    fn add(&self, id: &str, journal: &str, record: Option<&str>) {
        let run = RunFolder::new(self.path(), id);
        fs::create_dir_all(run.hosts()).expect("folders can be made");
        write(&run.journal(), journal, START);
        if let Some(record) = record {
            fs::write(run.record(), record).expect("a file can be written");
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn run(&self) -> RunFolder {
        RunFolder::new(self.path(), RUN)
    }

    /// Tears the last line off in its middle.
    pub(super) fn cut_last_line(&self) {
        let text = self.journal();
        write(&self.run().journal(), &text[..text.len() - 40], START);
    }

    /// Keeps the first lines only.
    pub(super) fn keep_lines(&self, lines: usize) {
        let text = self.journal();
        let kept: String = text.split_inclusive('\n').take(lines).collect();
        write(&self.run().journal(), &kept, START);
    }

    /// Overwrites a line, counted from 1.
    pub(super) fn damage_line(&self, line: usize) {
        let text = self.journal();
        let lines =
            text.lines().enumerate().map(|(at, text)| if at + 1 == line { "{\"seq\":" } else { text });
        let text = lines.map(|line| format!("{line}\n")).collect::<String>();
        write(&self.run().journal(), &text, START);
    }

    fn journal(&self) -> String {
        fs::read_to_string(self.run().journal()).expect("the journal can be read")
    }
}

/// Writes a file that was last written `at` seconds after 1970: a run that broke off is told by that too.
pub(super) fn write(path: &Path, text: &str, at: u64) {
    fs::write(path, text).expect("a file can be written");
    let file = fs::File::options().append(true).open(path).expect("a file can be opened");
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(at);
    file.set_modified(time).expect("times can be set");
}

/// The journal with numbers, 395 ms between two events, and an end after 9.5 s.
fn journal(run: &str) -> String {
    let lines = JOURNAL.trim().lines().enumerate().map(|(at, line)| {
        let ms = if line.contains("run_finished") { 9_500 } else { at * 395 };
        let at_time = format!("2026-05-09T07:29:{:02}.{:03}000Z", 33 + ms / 1000, ms % 1000);
        let line = format!(r#"{{"seq":{},"at":"{at_time}","run":"{run}",{}"#, at + 1, &line[1..]);
        let event: Event = serde_json::from_str(&line).expect("the journal is valid");
        serde_json::to_string(&event).expect("an event can be written") + "\n"
    });
    lines.collect()
}
