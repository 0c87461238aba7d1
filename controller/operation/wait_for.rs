//! Waits until a port, a file or a text in it is as wanted.
//!
//! Every probe is a program of its own, and a long pause is several of them: the host's shell is never busy for longer than
//! `SLICE`, so that a run that is stopped does not wait for it.

use std::time::{Duration, Instant};

use fancy_regex::Regex;
use serde_json::{Map, Value, json};

use super::answer::{said, state};
use super::library::call;
use super::{Mode, Operation, Outcome, Program, Progress, Reply, Tcp, windows};
use crate::shell::Platform;

/// Bytes of a port's answer that are searched.
const ANSWER: usize = 1 << 20;

/// Seconds that the host's shell sleeps at most before the controller hears of it.
const SLICE: u64 = 3;

/// What is waited for.
#[derive(Clone, Debug)]
pub enum Subject {
    /// Only time passes.
    Time,
    /// A file or folder.
    Path(String),
    /// A TCP port, seen from the host.
    Port {
        /// Name or address.
        host: String,
        /// The port.
        port: u16,
        /// Limit for one attempt, in seconds.
        connect_timeout: u64,
    },
}

/// Waits.
#[derive(Debug)]
pub struct WaitFor {
    /// Which shell looks.
    pub platform: Platform,
    /// What is looked at.
    pub subject: Subject,
    /// `state` as given: `started`, `present`, `stopped` or `absent`.
    pub state: String,
    /// A text that the file or the port has to say, as given and compiled.
    pub search: Option<(String, Regex)>,
    /// Seconds before the first look.
    pub delay: u64,
    /// Seconds between two looks.
    pub sleep: u64,
    /// Seconds after which it fails.
    pub timeout: u64,
    /// What to say then.
    pub message: Option<String>,
    /// When the first look began.
    pub since: Option<Instant>,
    /// What is left of a pause: its seconds, and whether a slice of it is on its way.
    pub pausing: (u64, bool),
}

impl WaitFor {
    fn is_absent(&self) -> bool {
        matches!(self.state.as_str(), "stopped" | "absent")
    }

    /// The same for a Windows host, whose .NET makes connections itself.
    fn call(&self, pause: u64) -> windows::Call {
        let pause = pause.to_string();
        let absent = self.is_absent();
        let search = self.search.is_some() && !absent;
        match &self.subject {
            Subject::Time => windows::Call::new("wait_time").with("seconds", &pause),
            Subject::Path(path) if search => {
                windows::Call::new("wait_text").with("path", path).with("pause", &pause)
            }
            Subject::Path(path) => {
                let want = if absent { "absent" } else { "present" };
                windows::Call::new("wait_path").with("path", path).with("want", want).with("pause", &pause)
            }
            Subject::Port { host, port, connect_timeout } => {
                let want = match search {
                    _ if absent => "closed",
                    true => "text",
                    false => "open",
                };
                windows::Call::new("wait_port")
                    .with("host", host)
                    .with("port", &port.to_string())
                    .with("want", want)
                    .with("pause", &pause)
                    .with("limit", &connect_timeout.to_string())
            }
        }
    }

    /// Looks after a pause, or begins with its first slice.
    fn look(&mut self, pause: u64) -> Program {
        if pause <= SLICE {
            self.pausing = (0, false);
            return self.probe(pause);
        }
        self.pausing = (pause - SLICE, true);
        let seconds = SLICE.to_string();
        let text = match self.platform {
            Platform::Windows => windows::Call::new("wait_time").with("seconds", &seconds).text(),
            Platform::Posix => call("pl_wait_time", [seconds.as_str()]),
        };
        Program { text, ..Program::default() }
    }

    fn probe(&self, pause: u64) -> Program {
        if self.platform == Platform::Windows {
            return Program { text: self.call(pause).text(), ..Program::default() };
        }
        let pause = pause.to_string();
        let text = match &self.subject {
            Subject::Time => call("pl_wait_time", [pause.as_str()]),
            Subject::Path(path) if self.search.is_some() && !self.is_absent() => {
                call("pl_wait_text", [pause.as_str(), path])
            }
            Subject::Path(path) => {
                let wanted = if self.is_absent() { "absent" } else { "present" };
                call("pl_wait_path", [pause.as_str(), wanted, path])
            }
            Subject::Port { host, port, connect_timeout } => {
                let wanted = match &self.search {
                    _ if self.is_absent() => "closed",
                    Some(_) => "text",
                    None => "open",
                };
                let (port, limit) = (port.to_string(), connect_timeout.to_string());
                call("pl_wait_port", [pause.as_str(), wanted, host, &port, &limit])
            }
        };
        Program { text, ..Program::default() }
    }

    /// The same through a channel of the connection, for hosts without a program that connects.
    fn channel(&self, pause: u64) -> Option<Program> {
        let Subject::Port { host, port, connect_timeout } = &self.subject else { return None };
        let tcp = Tcp {
            host: host.clone(),
            port: *port,
            delay: Duration::from_secs(pause),
            timeout: Duration::from_secs(*connect_timeout),
            send: Vec::new(),
            read: if self.search.is_some() && !self.is_absent() { ANSWER } else { 0 },
        };
        Some(Program { tcp: Some(tcp), ..Program::default() })
    }

    fn elapsed(&self) -> u64 {
        self.since.map_or(0, |since| since.elapsed().as_secs())
    }

    fn done(&self, reply: &Reply, groups: Vec<Value>, named: Map<String, Value>) -> Progress {
        let (path, port) = match &self.subject {
            Subject::Time => (Value::Null, Value::Null),
            Subject::Path(path) => (json!(path), Value::Null),
            Subject::Port { port, .. } => (Value::Null, json!(port)),
        };
        let result = json!({
            "state": self.state, "port": port, "path": path, "search_regex": self.search.as_ref().map(|(text, _)| text),
            "match_groups": groups, "match_groupdict": named, "elapsed": self.elapsed(),
        });
        let mut result = result.as_object().cloned().unwrap_or_default();
        if let Some(now) = state(reply, "now").filter(|_| !self.is_absent()) {
            now.describe(&mut result);
        }
        Progress::Done(Outcome { result, ..Outcome::default() })
    }

    fn failed(&self, message: String) -> Progress {
        let mut result = Map::new();
        result.insert("elapsed".to_owned(), self.elapsed().into());
        result.insert("msg".to_owned(), message.into());
        Progress::Done(Outcome { failed: true, result, ..Outcome::default() })
    }

    fn timed_out(&self) -> Progress {
        if let Some(message) = &self.message {
            return self.failed(message.clone());
        }
        let subject = match &self.subject {
            Subject::Time => String::new(),
            Subject::Path(path) => path.clone(),
            Subject::Port { host, port, .. } => format!("{host}:{port}"),
        };
        self.failed(match (&self.subject, &self.search) {
            (Subject::Path(_), _) if self.is_absent() => {
                format!("Timeout when waiting for {subject} to be absent.")
            }
            _ if self.is_absent() => format!("Timeout when waiting for {subject} to stop."),
            (_, Some((text, _))) => format!("Timeout when waiting for search string {text} in {subject}"),
            (Subject::Path(_), None) => format!("Timeout when waiting for file {subject}"),
            _ => format!("Timeout when waiting for {subject}"),
        })
    }

    /// Searches in what the file or the port said.
    fn found(&self, bytes: &[u8]) -> Option<(Vec<Value>, Map<String, Value>)> {
        let (_, regex) = self.search.as_ref()?;
        let text = String::from_utf8_lossy(bytes).into_owned();
        let captures = regex.captures(text.as_str()).ok()??;
        let value = |at: usize| captures.get(at).map_or(Value::Null, |found| found.as_str().into());
        let groups = (1..captures.len()).map(value).collect();
        let named = regex
            .capture_names()
            .enumerate()
            .filter_map(|(at, name)| Some((name?.to_owned(), value(at))))
            .collect();
        Some((groups, named))
    }
}

impl Operation for WaitFor {
    fn judged_here(&self) -> bool {
        true
    }

    fn first(&mut self, mode: Mode) -> Program {
        match self.subject {
            _ if mode.check => Program::default(),
            Subject::Time => self.look(self.timeout),
            _ => self.look(self.delay),
        }
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        if mode.check {
            let mut result = Map::new();
            result.insert("msg".to_owned(), "remote module (wait_for) does not support check mode".into());
            return Progress::Done(Outcome { skipped: true, result, ..Outcome::default() });
        }
        if self.since.is_none() {
            self.since = Instant::now().checked_sub(Duration::from_millis(reply.duration_ms));
        }
        if let (left, true) = self.pausing {
            if reply.status != 0 {
                let message = said(&reply, "msg")
                    .unwrap_or_else(|| format!("the host could not wait: status {}", reply.status));
                return self.failed(message);
            }
            return Progress::Again(self.look(left));
        }
        if reply.value("client").is_some()
            && let Some(program) = self.channel(0)
        {
            return Progress::Again(program);
        }
        // An answer through the channel has no values; whether it is what was wanted is decided here.
        let posix = self.platform == Platform::Posix;
        let channel = posix && matches!(self.subject, Subject::Port { .. }) && reply.rc.is_none();
        // Refused by sshd itself, which says nothing about the port.
        let reason = String::from_utf8_lossy(&reply.stderr);
        if channel && reason.contains("forbids") {
            return self.failed(format!(
                "the host has no bash or curl to look with, and {reason}\nhint: install one of them"
            ));
        }
        let searching = self.search.is_some() && !self.is_absent();
        if searching {
            let said = reply.blob("text").unwrap_or(&reply.stdout);
            if let Some((groups, named)) = self.found(said) {
                return self.done(&reply, groups, named);
            }
        } else if (reply.status == 0) != (channel && self.is_absent()) {
            return self.done(&reply, Vec::new(), Map::new());
        }
        if !matches!(reply.status, 0 | 1 | 75) {
            return self.failed(format!("the host could not look: status {}", reply.status));
        }
        if reply.status == 1
            && let Some(message) = said(&reply, "msg")
        {
            return self.failed(message);
        }
        if self.elapsed() >= self.timeout {
            return self.timed_out();
        }
        let again = if channel { self.channel(self.sleep) } else { None };
        Progress::Again(again.unwrap_or_else(|| self.look(self.sleep)))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::{Rehearsal, SHELLS};
    use super::*;

    fn wait(subject: Subject, state: &str) -> WaitFor {
        WaitFor {
            platform: Platform::Posix,
            subject,
            state: state.to_owned(),
            search: None,
            delay: 0,
            sleep: 1,
            timeout: 1,
            message: None,
            since: None,
            pausing: (0, false),
        }
    }

    fn port(port: u16) -> Subject {
        Subject::Port { host: "127.0.0.1".to_owned(), port, connect_timeout: 2 }
    }

    fn search(regex: &str, mut wait: WaitFor) -> WaitFor {
        wait.search = Some((regex.to_owned(), Regex::new(&format!("(?m){regex}")).unwrap()));
        wait
    }

    fn run(make: impl Fn() -> WaitFor) -> Vec<(bool, Value)> {
        SHELLS
            .iter()
            .map(|shell| {
                let outcome = Rehearsal::new(shell).run(&mut make(), Mode::default());
                (outcome.failed, Value::Object(outcome.result))
            })
            .collect()
    }

    #[test]
    fn files_are_waited_for() {
        for (failed, result) in run(|| wait(Subject::Path("/etc/passwd".to_owned()), "started")) {
            assert!(!failed);
            assert_eq!(result["state"], "file");
            assert_eq!(result["path"], "/etc/passwd");
            assert_eq!((&result["owner"], &result["mode"]), (&json!("root"), &json!("0644")));
        }
        for (failed, result) in run(|| wait(Subject::Path("/etc/nosuch".to_owned()), "absent")) {
            assert!(!failed);
            assert_eq!(result["state"], "absent");
        }
        for (failed, result) in run(|| wait(Subject::Path("/etc/nosuch".to_owned()), "present")) {
            assert!(failed);
            assert_eq!(result["msg"], "Timeout when waiting for file /etc/nosuch");
        }
        let make = || search("^(ro+)t:(?P<x>.):", wait(Subject::Path("/etc/passwd".to_owned()), "started"));
        for (failed, result) in run(make) {
            assert!(!failed, "{result}");
            assert_eq!(result["match_groups"], json!(["roo", "x"]));
            assert_eq!(result["match_groupdict"], json!({"x": "x"}));
        }
        for (failed, result) in
            run(|| search("nosuch", wait(Subject::Path("/etc/passwd".to_owned()), "started")))
        {
            assert!(failed);
            assert_eq!(result["msg"], "Timeout when waiting for search string nosuch in /etc/passwd");
        }
    }

    #[test]
    fn a_long_pause_is_taken_in_slices() {
        for (platform, slice) in
            [(Platform::Posix, "pl_wait_time '3'"), (Platform::Windows, "wait_time seconds:Mw==")]
        {
            let mut time = WaitFor { platform, timeout: 8, ..wait(Subject::Time, "started") };
            let mut text = time.first(Mode::default()).text;
            let mut looks = 0;
            loop {
                looks += 1;
                let reply = Reply { duration_ms: 3000, ..Reply::default() };
                if looks < 3 {
                    assert_eq!(text.replace('"', "'"), slice);
                } else {
                    assert!(text.contains('2') || text.contains("Mg=="), "{text}");
                }
                match time.next(reply, Mode::default()) {
                    Progress::Again(program) => text = program.text,
                    Progress::Done(outcome) => {
                        assert!(!outcome.failed);
                        break;
                    }
                }
            }
            assert_eq!(looks, 3);
            // The look at a file comes behind its delay.
            let mut path = WaitFor { platform, delay: 4, ..wait(Subject::Path("/x".to_owned()), "started") };
            assert!(path.first(Mode::default()).text.contains("wait_time"));
            let Progress::Again(program) = path.next(Reply::default(), Mode::default()) else {
                panic!("over")
            };
            assert!(program.text.contains("wait_path"), "{}", program.text);
            assert!(matches!(path.next(Reply::default(), Mode::default()), Progress::Done(_)));
        }
    }

    #[test]
    fn ports_are_waited_for() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let _ = std::io::Write::write_all(&mut { stream }, b"SSH-2.0-OpenSSH_9\r\n");
            }
        });
        // The applets of busybox cannot connect: there the operation asks for a channel.
        for shell in ["dash", "bash"] {
            let host = Rehearsal::new(shell);
            let run = |mut wait: WaitFor| host.run(&mut wait, Mode::default());
            assert!(!run(wait(port(open), "started")).failed);
            assert!(run(wait(port(1), "started")).failed);
            assert!(!run(wait(port(1), "stopped")).failed);
            assert!(run(wait(port(open), "stopped")).failed);
            assert!(!run(search("OpenSSH_\\d", wait(port(open), "started"))).failed);
        }
    }

    #[test]
    fn a_channel_stands_in_for_a_client() {
        let none = || Reply {
            status: 75,
            values: vec![("client".to_owned(), "none".to_owned())],
            ..Reply::default()
        };
        let step = |wait: &mut WaitFor, reply: Reply| wait.next(reply, Mode::default());
        for (state, status, done) in
            [("started", 0, true), ("started", 1, false), ("stopped", 0, false), ("stopped", 1, true)]
        {
            let mut wait = wait(port(9), state);
            let Progress::Again(program) = step(&mut wait, none()) else { panic!("no channel") };
            assert_eq!(program.tcp.unwrap().read, 0);
            match step(&mut wait, Reply { status, ..Reply::default() }) {
                Progress::Done(outcome) => assert!(done && !outcome.failed),
                Progress::Again(program) => {
                    assert!(!done);
                    assert_eq!(program.tcp.unwrap().delay, Duration::from_secs(1));
                }
            }
        }
        let mut wait = search("^SSH", wait(port(9), "started"));
        let Progress::Again(program) = step(&mut wait, none()) else { panic!("no channel") };
        assert_eq!(program.tcp.unwrap().read, ANSWER);
        let reply = Reply { stdout: b"SSH-2.0".to_vec(), timed_out: true, ..Reply::default() };
        assert!(matches!(step(&mut wait, reply), Progress::Done(Outcome { failed: false, .. })));
    }

    #[test]
    fn check_mode_skips_it() {
        let mut wait = wait(port(1), "started");
        let check = Mode { check: true, ..Mode::default() };
        assert!(wait.first(check).text.is_empty());
        assert!(matches!(wait.next(Reply::default(), check), Progress::Done(Outcome { skipped: true, .. })));
    }
}
