//! Runs a command of the user: an argument vector, a shell's command line, or a script that is sent along.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::answer::{failure, points};
use super::library::call;
use super::{Content, Mode, Operation, Outcome, Payload, Program, Progress, Reply, windows};
use crate::shell::Platform;

/// Bytes of one output stream that a registered variable may hold.
const REGISTERED: usize = 16 << 20;

/// What runs.
#[derive(Clone, Debug)]
pub enum Start {
    /// A program and its arguments.
    Words {
        /// The program, then its arguments.
        argv: Vec<String>,
        /// Whether `$NAME` and `~` in them are expanded on the host.
        expand: bool,
    },
    /// A command line for a shell.
    Shell {
        /// The shell.
        executable: String,
        /// The command line.
        text: String,
    },
    /// A whole command line as a Windows host takes it.
    Line {
        /// The program and the rest.
        text: String,
    },
    /// A script for the PowerShell of a Windows host, which reads it from its standard input.
    PowerShell {
        /// The script.
        text: String,
        /// Whether the user's profile is loaded before.
        profile: bool,
    },
    /// A local file that is sent, run and removed.
    Script {
        /// Its content.
        content: Arc<Content>,
        /// Its name, without folders.
        name: String,
        /// The command line; the path of the file on the host is `$0`. On Windows what follows that path.
        text: String,
    },
}

/// A command of the user.
#[derive(Clone, Debug)]
pub struct Command {
    /// Which shell runs it.
    pub platform: Platform,
    /// What runs.
    pub start: Start,
    /// The folder to run it in.
    pub chdir: Option<String>,
    /// Nothing is done if this pattern matches a file.
    pub creates: Option<String>,
    /// Nothing is done unless this pattern matches a file.
    pub removes: Option<String>,
    /// Its standard input.
    pub stdin: Option<Vec<u8>>,
    /// Whether line ends at the end of its output are dropped.
    pub strip: bool,
    /// On Windows: the program that runs a script, with its first arguments.
    pub executable: Option<String>,
}

impl Command {
    /// Makes one that just runs.
    #[must_use]
    pub fn new(platform: Platform, start: Start) -> Self {
        let strip = platform == Platform::Posix;
        Self {
            platform,
            start,
            chdir: None,
            creates: None,
            removes: None,
            stdin: None,
            strip,
            executable: None,
        }
    }

    fn is_script(&self) -> bool {
        matches!(self.start, Start::Script { .. })
    }

    fn has_guard(&self) -> bool {
        self.creates.is_some() || self.removes.is_some()
    }

    /// What ran, as the registered variable tells it.
    fn shown(&self) -> Value {
        match &self.start {
            Start::Words { argv, .. } => json!(argv),
            Start::Shell { text, .. }
            | Start::Script { text, .. }
            | Start::Line { text }
            | Start::PowerShell { text, .. } => json!(text),
        }
    }

    fn skipped_by_guard(&self, guard: &str, check: bool) -> Outcome {
        let (path, state) = match guard {
            "creates" => (self.creates.as_deref().unwrap_or_default(), "exists"),
            _ => (self.removes.as_deref().unwrap_or_default(), "does not exist"),
        };
        if self.is_script() {
            let mut result = Map::new();
            result.insert("msg".to_owned(), format!("{path} {state}, matching {guard} option").into());
            return Outcome { skipped: true, result, ..Outcome::default() };
        }
        if self.platform == Platform::Windows {
            let mut result = self.result(Some(0), "", "");
            result.insert("msg".to_owned(), format!("skipped, since {path} {state}").into());
            return Outcome { skipped: true, result, ..Outcome::default() };
        }
        let verb = if check { "Would" } else { "Did" };
        let result = self.result(Some(0), &format!("skipped, since {path} {state}"), "");
        let message = format!("{verb} not run command since '{path}' {state}");
        self.finish(result, &message, Outcome::default())
    }

    fn in_check_mode(&self) -> Outcome {
        if self.is_script() {
            if self.has_guard() {
                return Outcome { changed: true, ..Outcome::default() };
            }
            let mut result = Map::new();
            result.insert("msg".to_owned(), "Check mode is not supported for this task.".into());
            return Outcome { skipped: true, result, ..Outcome::default() };
        }
        let result = self.result(Some(0), "", "");
        let outcome = Outcome { changed: self.has_guard(), skipped: !self.has_guard(), ..Outcome::default() };
        self.finish(result, "Command would have run if not in check mode", outcome)
    }

    fn result(&self, rc: Option<i32>, stdout: &str, stderr: &str) -> Map<String, Value> {
        let mut result = Map::new();
        if !self.is_script() {
            result.insert("cmd".to_owned(), self.shown());
        }
        output(&mut result, rc, stdout, stderr);
        if !self.is_script() {
            for name in ["start", "end", "delta"] {
                result.insert(name.to_owned(), Value::Null);
            }
        }
        result
    }

    fn finish(&self, mut result: Map<String, Value>, message: &str, outcome: Outcome) -> Outcome {
        if !self.is_script() || outcome.failed {
            result.insert("msg".to_owned(), message.into());
        }
        Outcome { result, ..outcome }
    }

    fn failed(&self, rc: Option<i32>, message: &str) -> Outcome {
        let result = self.result(rc, "", "");
        self.finish(result, message, Outcome { failed: true, ..Outcome::default() })
    }
}

/// A word of a command line as Ansible's results have it: in quotes only where a shell would need them.
fn as_told(word: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "_@%+=:,./-".contains(char);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\"'\"'"))
}

impl Operation for Command {
    fn first(&mut self, mode: Mode) -> Program {
        if self.platform == Platform::Windows {
            if mode.check && !self.has_guard() {
                return Program::default();
            }
            return windows::command::program(self, mode);
        }
        let how = if mode.check { "check" } else { "run" };
        let path = |path: &Option<String>| path.clone().unwrap_or_default();
        let flag = |flag: bool| if flag { "1" } else { "" };
        let (chdir, creates, removes) = (path(&self.chdir), path(&self.creates), path(&self.removes));
        let guard = [how, &chdir, &creates, &removes];
        let (text, payload) = match &self.start {
            _ if mode.check && !self.has_guard() => return Program::default(),
            Start::Script { content, name, text } => {
                let text = call("pl_script", guard.into_iter().chain([name.as_str(), text]));
                let payload = (!mode.check).then(|| Payload::Content(Arc::clone(content)));
                (text, payload)
            }
            Start::Words { argv, expand } => {
                let expand = *expand && argv.iter().any(|word| word.contains('$') || word.starts_with('~'));
                let head = guard.into_iter().chain([flag(expand), flag(self.stdin.is_some())]);
                let text = call("pl_command", head.chain(argv.iter().map(String::as_str)));
                (text, self.stdin.as_deref().map(|stdin| Payload::Bytes(stdin.into())))
            }
            // The other two are for Windows hosts, and are not made for others.
            Start::Line { text } | Start::PowerShell { text, .. } => (call("pl_command", [how, text]), None),
            Start::Shell { executable, text } => {
                let head = guard.into_iter().chain(["", flag(self.stdin.is_some())]);
                let text = call("pl_command", head.chain([executable.as_str(), "-c", text]));
                (text, self.stdin.as_deref().map(|stdin| Payload::Bytes(stdin.into())))
            }
        };
        Program { text, payload, user: !mode.check, ..Program::default() }
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        let points = points(&reply);
        let mut outcome = self.outcome(&reply, mode);
        outcome.points = points;
        Progress::Done(outcome)
    }

    fn saves_first(&self) -> bool {
        true
    }

    fn kept(&mut self) -> Option<Program> {
        Some(self.first(Mode::default()))
    }

    fn repeatable(&self) -> bool {
        false
    }

    /// What `creates` names is removed again, what `removes` names is brought back.
    fn irreversible(&self) -> bool {
        let single = |pattern: &Option<String>| {
            pattern.as_deref().is_some_and(|path| {
                let separators: &[char] =
                    if self.platform == Platform::Windows { &['/', '\\'] } else { &['/'] };
                let plain = path.split(separators).any(|part| !matches!(part, "" | "."));
                plain && !path.contains(['*', '?', '[']) && path.split(separators).all(|part| part != "..")
            })
        };
        !single(&self.creates) && !single(&self.removes)
    }
}

impl Command {
    fn outcome(&self, reply: &Reply, mode: Mode) -> Outcome {
        if reply.value("unarmed").is_some() {
            return failure(reply);
        }
        if let Some(guard) = reply.value("skip") {
            return self.skipped_by_guard(guard, mode.check);
        }
        match reply.value("fault") {
            Some("chdir") => {
                let path = self.chdir.as_deref().unwrap_or_default();
                let message = format!(
                    "Unable to change directory before execution: `{path}` is not a directory, or not open to this user"
                );
                return self.failed(None, &message);
            }
            Some(_) => {
                return self.failed(None, "the script could not be stored on the host");
            }
            None => {}
        }
        if mode.check {
            return self.in_check_mode();
        }
        if let Some(errno) = reply.value("missing") {
            let program = match &self.start {
                Start::Words { argv, .. } => argv.first().map_or("", String::as_str),
                Start::Shell { executable, .. } => executable,
                Start::Line { text } => text,
                Start::PowerShell { .. } => "powershell.exe",
                Start::Script { name, .. } if self.platform == Platform::Windows => name,
                Start::Script { .. } => "/bin/sh",
            };
            let reason = if errno == "2" { "was not found" } else { "is not a program that may be run" };
            let message = format!("Error executing command: `{program}` {reason}");
            let mut outcome = self.failed(errno.parse().ok(), &message);
            if let Start::Words { argv, .. } = &self.start {
                // What could not be started is told as one text, not as the list that it is otherwise.
                let line: Vec<String> = argv.iter().map(|word| as_told(word)).collect();
                outcome.result.insert("cmd".to_owned(), line.join(" ").into());
            }
            return outcome;
        }
        let (mut stdout, mut stderr) = (reply.stdout.as_slice(), reply.stderr.as_slice());
        let cut = reply.dropped > 0 || stdout.len() > REGISTERED || stderr.len() > REGISTERED;
        stdout = &stdout[..stdout.len().min(REGISTERED)];
        stderr = &stderr[..stderr.len().min(REGISTERED)];
        let (stdout, stderr) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
        let strip = |text: &str| {
            if self.strip { text.trim_end_matches(['\r', '\n']).to_owned() } else { text.to_owned() }
        };
        let mut result = self.result(reply.rc, &strip(&stdout), &strip(&stderr));
        if !self.is_script() {
            times(&mut result, Duration::from_millis(reply.duration_ms));
        }
        let failed = reply.rc != Some(0) || reply.timed_out;
        let message = match reply.rc {
            _ if reply.timed_out => reply.over_time(),
            Some(0) => String::new(),
            Some(_) => "non-zero return code".to_owned(),
            None => "the command ended without a status".to_owned(),
        };
        timed_out(&mut result, reply);
        let outcome = Outcome { changed: !reply.timed_out, failed, cut, ..Outcome::default() };
        self.finish(result, &message, outcome)
    }
}

/// A command line for the login shell, outside the session (`raw`).
#[derive(Clone, Debug)]
pub struct Raw {
    /// The command line as it stands.
    pub text: String,
}

impl Operation for Raw {
    fn first(&mut self, mode: Mode) -> Program {
        // Where nothing is to happen, there is nothing to run.
        let text = if mode.check { String::new() } else { self.text.clone() };
        Program { text, raw: true, user: true, ..Program::default() }
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        if mode.check {
            return Progress::Done(Outcome { skipped: true, ..Outcome::default() });
        }
        let cut = reply.dropped > 0 || reply.stdout.len() > REGISTERED || reply.stderr.len() > REGISTERED;
        let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(REGISTERED)]).into_owned();
        let mut result = Map::new();
        output(&mut result, reply.rc, &text(&reply.stdout), &text(&reply.stderr));
        let failed = reply.rc != Some(0) || reply.timed_out;
        timed_out(&mut result, &reply);
        if reply.timed_out {
            result.insert("msg".to_owned(), reply.over_time().into());
        } else if failed {
            result.insert("msg".to_owned(), "non-zero return code".into());
        }
        Progress::Done(Outcome { changed: !reply.timed_out, failed, cut, result, ..Outcome::default() })
    }

    fn repeatable(&self) -> bool {
        false
    }

    fn needs_shell(&self) -> bool {
        false
    }

    fn irreversible(&self) -> bool {
        true
    }
}

/// What `is timedout` looks for.
fn timed_out(result: &mut Map<String, Value>, reply: &Reply) {
    if reply.timed_out {
        let seconds = reply.limit.map(|limit| limit.as_secs());
        result.insert("timedout".to_owned(), json!({"period": seconds}));
    }
}

fn output(result: &mut Map<String, Value>, rc: Option<i32>, stdout: &str, stderr: &str) {
    result.insert("rc".to_owned(), json!(rc));
    for (name, text) in [("stdout", stdout), ("stderr", stderr)] {
        result.insert(name.to_owned(), text.into());
        result.insert(format!("{name}_lines"), lines(text).into());
    }
}

/// Splits text into lines as Python's `splitlines` does, which Ansible uses for `stdout_lines`.
fn lines(text: &str) -> Vec<&str> {
    const ENDS: &[char] =
        &['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let Some(at) = rest.find(ENDS) else {
            lines.push(rest);
            break;
        };
        lines.push(&rest[..at]);
        let end = &rest[at..];
        let width = if end.starts_with("\r\n") { 2 } else { end.chars().next().map_or(1, char::len_utf8) };
        rest = &end[width..];
    }
    lines
}

/// Fills in when the command ran, by the controller's clock, in its time zone.
fn times(result: &mut Map<String, Value>, took: Duration) {
    let end = jiff::ZonedDateTime::now();
    let start = end.checked_sub(took).unwrap_or_else(|_| end.clone());
    let format = "%Y-%m-%d %H:%M:%S%.6f";
    result.insert("start".to_owned(), start.strftime(format).to_string().into());
    result.insert("end".to_owned(), end.strftime(format).to_string().into());
    result.insert("delta".to_owned(), delta(took).into());
}

/// Writes a duration as Python does: `0:00:01.250000`, `2 days, 3:00:00.000000`.
fn delta(took: Duration) -> String {
    let seconds = took.as_secs();
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    let days = match days {
        0 => String::new(),
        1 => "1 day, ".to_owned(),
        days => format!("{days} days, "),
    };
    format!("{days}{hours}:{minutes:02}:{:02}.{:06}", seconds % 60, took.subsec_micros())
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
#[path = "command_tests.rs"]
mod tests;
