//! Sessions on a model of a Windows host: as a child process, and behind a real sshd.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use paceline::operation::SessionText;
use paceline::operation::windows::Call;
use paceline::shell::Platform;
use paceline::transport::local::{LocalOptions, exec};
use paceline::transport::{BoxedWrite, Connection, Process};
use paceline_remote::{Dialect, Login, Nonce, Pipes, StartError, StartOptions, Started, start};

use crate::contract::peer::Session;

/// What a session on Windows is opened with.
pub(crate) const TEXTS: SessionText = SessionText(Platform::Windows);

/// A model of a host, in a folder of its own.
pub(crate) struct Model {
    folder: tempfile::TempDir,
}

/// How its commands are opened.
#[derive(Clone)]
pub(crate) enum Way {
    /// A child process.
    Child(PathBuf),
    /// A connection to an sshd whose forced command is the model.
    Ssh(Connection),
}

/// What is special about a session.
pub(crate) struct Setting {
    pub(crate) opening: String,
    pub(crate) output_cap: u64,
    /// Goes around standard input.
    pub(crate) wrap: Box<dyn FnOnce(BoxedWrite) -> BoxedWrite + Send>,
}

impl Default for Setting {
    fn default() -> Self {
        Self { opening: String::new(), output_cap: 64 << 20, wrap: Box::new(|stdin| stdin) }
    }
}

/// Where the model's Python package lies.
pub(crate) fn support() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support")
}

impl Model {
    pub(crate) fn new() -> Self {
        let model = Self { folder: tempfile::Builder::new().prefix("windows-").tempdir().unwrap() };
        model.control(&["new"], &["WIN-1"]);
        model
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().join("host")
    }

    pub(crate) fn child(&self) -> Way {
        Way::Child(self.folder())
    }

    /// Asks or changes the model from outside.
    pub(crate) fn control(&self, command: &[&str], arguments: &[&str]) -> String {
        let output = Command::new("python3")
            .args(["-m", "windows.control"])
            .args(command)
            .arg(self.folder())
            .args(arguments)
            .env("PYTHONPATH", support())
            .output()
            .expect("python3 is there: apt-get install python3");
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Puts a local file onto the host.
    pub(crate) fn write(&self, path: &str, from: &Path) {
        let status = Command::new("python3")
            .args(["-m", "windows.control", "write"])
            .arg(self.folder())
            .arg(path)
            .env("PYTHONPATH", support())
            .stdin(std::fs::File::open(from).unwrap())
            .status()
            .expect("python3 is there: apt-get install python3");
        assert!(status.success(), "{path}");
    }

    /// How often `count NAME` of the test program ran.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.control(&["get"], &["counters", name]).trim().parse().unwrap_or(0)
    }

    /// The folder of a run on it.
    pub(crate) fn run_folder(&self, run: &str) -> PathBuf {
        let found = walk(&self.folder()).into_iter().find(|path| path.ends_with(format!("runs/{run}/web")));
        found.unwrap_or_else(|| panic!("no folder of run `{run}` on the model"))
    }

    /// The private folders of sessions that are there.
    pub(crate) fn sessions(&self) -> usize {
        std::fs::read_dir(self.folder().join("run")).map_or(0, |entries| entries.count())
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            all.extend(walk(&entry.path()));
            all.push(entry.path());
        }
    }
    all
}

impl Way {
    /// Opens a command line on the host.
    pub(crate) async fn exec(&self, line: &str) -> Process {
        match self {
            Self::Ssh(connection) => connection.exec(line).await.unwrap(),
            Self::Child(folder) => {
                let environment = vec![
                    ("PYTHONPATH".into(), support().into()),
                    ("SSH_ORIGINAL_COMMAND".into(), line.into()),
                ];
                let options = LocalOptions { environment, ..LocalOptions::default() };
                let command = format!(
                    "exec python3 -m windows.shell {}",
                    paceline::shell::quote(folder.to_str().unwrap())
                );
                exec(&command, &options).await.unwrap()
            }
        }
    }

    pub(crate) async fn open(&self) -> Session {
        self.open_with(Setting::default()).await
    }

    pub(crate) async fn open_with(&self, setting: Setting) -> Session {
        Session::of(self.start(setting).await.unwrap())
    }

    pub(crate) async fn start(&self, setting: Setting) -> Result<Started, StartError> {
        let nonce = Nonce::new();
        let line = Dialect::PowerShell.command_line(&nonce, &Login::Plain);
        let mut pipes = pipes(self.exec(&line).await);
        pipes.stdin = (setting.wrap)(pipes.stdin);
        start(pipes, options(nonce, setting.opening, setting.output_cap)).await
    }
}

pub(crate) fn options(nonce: Nonce, opening: String, output_cap: u64) -> StartOptions {
    StartOptions {
        dialect: Dialect::PowerShell,
        nonce,
        login: Login::Plain,
        password: None,
        timeout: Duration::from_secs(20),
        library: TEXTS.library().to_owned(),
        opening,
        output_cap,
        waiting: None,
    }
}

pub(crate) fn pipes(process: Process) -> Pipes {
    Pipes { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr }
}

/// A step that runs the model's test program.
pub(crate) fn program(words: &[&str]) -> String {
    Call::new("command").list("argv", std::iter::once("paceline-test").chain(words.iter().copied())).text()
}

/// No check may hang.
pub(crate) async fn within_limit(check: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(90), check).await.expect("the check ends in time");
}
