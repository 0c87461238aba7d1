//! Runs to draw, as journals that are written by hand.

use jiff::{SignedDuration, Timestamp};
use paceline::journal::RunFolder;
use paceline::report::html;
use serde_json::{Value, json};

pub(super) const RUN: &str = "0198f1e2-9999-7000-8000-000000000002";

/// A run in a state folder.
pub(super) struct Run {
    state: tempfile::TempDir,
    events: Vec<Value>,
    now: i64,
}

impl Run {
    /// A run that starts with these hosts.
    pub(super) fn of(hosts: &[String]) -> Self {
        let mut run = Self { state: tempfile::tempdir().unwrap(), events: Vec::new(), now: 0 };
        std::fs::create_dir_all(run.folder().hosts()).unwrap();
        run.at(0, json!({"kind": "run_started", "command": "apply", "playbooks": ["site.yml"], "hosts": hosts, "check": false, "forks": 50}));
        run.at(5, json!({"kind": "play_started", "play": "Install the agent", "hosts": hosts, "tasks": 3}));
        run
    }

    pub(super) fn folder(&self) -> RunFolder {
        RunFolder::new(self.state.path(), RUN)
    }

    /// Adds an event at a time in milliseconds.
    pub(super) fn at(&mut self, ms: i64, mut event: Value) {
        let start: Timestamp = "2026-05-09T07:29:33Z".parse().unwrap();
        self.now = self.now.max(ms);
        event["seq"] = json!(self.events.len() + 1);
        event["at"] = json!(start.checked_add(SignedDuration::from_millis(self.now)).unwrap().to_string());
        event["run"] = json!(RUN);
        self.events.push(event);
    }

    pub(super) fn log(&self, host: &str, text: &str) {
        std::fs::write(self.folder().host_log(host), text).unwrap();
    }

    /// A host that connects, changes a file, runs a command and ends.
    pub(super) fn host(&mut self, host: &str, from: i64, item: &str, diff: &str, fails: Option<&str>) {
        let of = |event: Value| {
            let mut event = event;
            event["host"] = json!(host);
            event
        };
        self.at(from, of(json!({"kind": "host_connected", "duration_ms": 80})));
        self.at(from + 5, of(json!({"task": "Settings", "step": 1, "kind": "step_started", "module": "template", "item": item})));
        self.at(from + 10, of(json!({"task": "Settings", "step": 1, "kind": "rollback_point", "point": 1, "covers": "file", "path": format!("/srv/{host}/settings.json")})));
        self.at(from + 30, of(json!({"task": "Settings", "step": 1, "kind": "step_finished", "status": "changed", "changed": true, "duration_ms": 25, "item": item, "diff": diff})));
        self.at(
            from + 31,
            of(json!({"task": "Settings", "kind": "task_finished", "status": "changed", "changed": true})),
        );
        self.at(
            from + 32,
            of(json!({"task": "Start", "step": 2, "kind": "step_started", "module": "command"})),
        );
        let (status, rc) = if fails.is_some() { ("failed", 3) } else { ("ok", 0) };
        self.at(from + 400, of(json!({"task": "Start", "step": 2, "kind": "step_finished", "status": status, "changed": false, "rc": rc, "duration_ms": 360, "message": fails})));
        let tail: Vec<&str> = fails.into_iter().collect();
        self.at(from + 401, of(json!({"task": "Start", "kind": "task_finished", "status": status, "changed": false, "message": fails, "output_tail": tail, "place": "site.yml:12:7"})));
        let ended = if fails.is_some() { "failed" } else { "ok" };
        self.at(from + 402, of(json!({"kind": "host_finished", "status": ended, "message": fails, "hint": fails.map(|_| "look at the agent's log")})));
    }

    /// Writes the journal, and draws it.
    pub(super) fn page(&self) -> String {
        let text: String = self.events.iter().map(|event| format!("{event}\n")).collect();
        std::fs::write(self.folder().journal(), text).unwrap();
        std::fs::write(self.folder().record(), json!({"operator": "ann@desk.example", "version": "0.1.0", "inventories": ["inventory/production"], "limit": "paris", "options": ["--diff"], "incarnation": 1}).to_string()).unwrap();
        let mut out = Vec::new();
        html::run(&self.folder(), "2026-05-09T08:00:00Z".parse().unwrap(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The last event, with the recap that follows from the hosts' ends.
    pub(super) fn finish(&mut self, code: u8) {
        let ends: Vec<(String, bool)> = self
            .events
            .iter()
            .filter(|event| event["kind"] == "host_finished")
            .map(|event| (event["host"].as_str().unwrap().to_owned(), event["status"] == "ok"))
            .collect();
        let recap = |ok: bool| json!({"ok": if ok { 2 } else { 1 }, "changed": 1, "unreachable": 0, "failed": u8::from(!ok), "skipped": 0, "rescued": 0, "ignored": 0, "rolled_back": 0});
        let hosts: serde_json::Map<String, Value> =
            ends.into_iter().map(|(host, ok)| (host, recap(ok))).collect();
        self.at(
            self.now + 20,
            json!({"kind": "run_finished", "hosts": hosts, "exit_code": code, "duration_ms": self.now + 20}),
        );
    }
}

pub(super) const DIFF: &str =
    "--- before: /etc/agent/settings.json\n+++ after: settings.j2\n@@ -1 +1 @@\n-old\n+new\n";

/// A run over many hosts in two waves; every `fault`th fails.
pub(super) fn fleet(count: usize, fault: usize) -> Run {
    let hosts: Vec<String> = (0..count).map(|n| format!("srv-{n:04}.corp.example")).collect();
    let mut run = Run::of(&hosts);
    for (wave, part) in hosts.chunks(count.div_ceil(2)).enumerate() {
        run.at(run.now + 5, json!({"kind": "wave_started", "wave": wave + 1, "waves": 2, "hosts": part, "stops": [
            {"connector": "CorpAD", "hosts": part[..1], "others": 0}, {"connector": "Exchange", "hosts": part[..1], "others": 1},
        ]}));
        for (n, host) in part.iter().enumerate() {
            let fails = (n % fault == 1).then_some("cannot open port 443");
            run.host(host, run.now + 10, "settings.json", DIFF, fails);
            run.log(
                host,
                &format!(
                    "2026-05-09 07:29:33.120Z step 1 TASK Settings [template]\n{}",
                    "  | a line of output\n".repeat(40)
                ),
            );
        }
    }
    run.finish(2);
    run
}
