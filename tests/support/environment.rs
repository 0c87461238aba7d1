//! A clean place in which the real program runs: a home and a working folder of its own, and no variable from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use indexmap::IndexMap;
use paceline::executor::event::{Event, EventKind, Recap};

use super::running::{Ended, Running};

/// A folder that is gone at the end of the test.
pub(crate) struct Environment {
    folder: tempfile::TempDir,
}

impl Environment {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("paceline-").tempdir().unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        Self { folder }
    }

    /// The working folder of the program.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and the folders above it.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Text of a file.
    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The program, not yet started; an `apply` has its confirmations answered.
    pub(crate) fn paceline(&self, arguments: &[&str]) -> Command {
        let mut command = self.unanswered(arguments);
        let answered = arguments.iter().any(|argument| ["-y", "--yes"].contains(argument));
        if arguments.first() == Some(&"apply") && !answered {
            command.arg("--yes");
        }
        command
    }

    /// The program with nothing answered. `PACELINE_TEST_BINARY` puts another build to the test.
    pub(crate) fn unanswered(&self, arguments: &[&str]) -> Command {
        let built = env!("CARGO_BIN_EXE_paceline");
        let program = std::env::var_os("PACELINE_TEST_BINARY").unwrap_or_else(|| built.into());
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.folder())
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("TZ", "UTC");
        command
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.paceline(arguments))
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end()
    }

    /// Runs with `--output json`, checks the exit code, and reads the events.
    #[track_caller]
    pub(crate) fn events(&self, code: i32, arguments: &[&str]) -> Events {
        let mut all = arguments.to_vec();
        all.extend(["--output", "json"]);
        Events::read(&self.run(&all).expect(code))
    }
}

/// The events of one run.
pub(crate) struct Events(pub(crate) Vec<Event>);

impl Events {
    /// Reads the standard output of a run: every line is an event and the last one ends the run.
    #[track_caller]
    pub(crate) fn read(ended: &Ended) -> Self {
        let read = |line: &str| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("not an event: {error}: `{line}`\n{}", ended.stderr))
        };
        Self(ended.stdout.lines().map(read).collect())
    }

    /// The recap of `run_finished`.
    #[track_caller]
    pub(crate) fn recap(&self) -> &IndexMap<String, Recap> {
        match self.0.last().map(|event| &event.kind) {
            Some(EventKind::RunFinished { hosts, .. }) => hosts,
            other => panic!("the last event is {other:?}"),
        }
    }

    /// The recap of one host.
    #[track_caller]
    pub(crate) fn of(&self, host: &str) -> Recap {
        *self.recap().get(host).unwrap_or_else(|| panic!("no `{host}` in {:?}", self.recap()))
    }

    /// Why a host did not end well, with its hint.
    #[track_caller]
    pub(crate) fn reason(&self, host: &str) -> String {
        let reasons = self.0.iter().filter(|event| event.host.as_deref() == Some(host));
        let reason = reasons.filter_map(|event| match &event.kind {
            EventKind::HostFinished { message: Some(message), hint, .. } => {
                Some(format!("{message}\n{}", hint.as_deref().unwrap_or_default()))
            }
            EventKind::TaskFinished { message: Some(message), .. } => Some(message.clone()),
            _ => None,
        });
        reason.collect::<Vec<_>>().join("\n")
    }
}
