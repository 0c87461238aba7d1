//! A peer of the contract: how a command is opened, and which shell answers.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use paceline::transport::local::{LocalOptions, exec};
use paceline::transport::{BoxedWrite, Process};
use paceline_remote::{
    CloseReason, Dialect, Group, Login, Nonce, Pipes, ShellEvent, ShellHandle, ShellInfo, StartOptions, Step,
    command_line_for, start,
};
use tokio::sync::mpsc;

type Opened = Pin<Box<dyn Future<Output = Process> + Send>>;

/// Where a session can be opened.
pub(crate) struct Peer {
    /// The words that start its POSIX shell.
    pub(crate) shell: &'static str,
    /// Opens a command as the transport does.
    pub(crate) exec: Box<dyn Fn(String) -> Opened + Send + Sync>,
}

/// The controller's own machine.
pub(crate) fn local(shell: &'static str) -> Peer {
    let options = LocalOptions::default();
    Peer { shell, exec: Box::new(move |command| open(command, options.clone())) }
}

/// Busybox with its applets first in the path.
pub(crate) fn local_busybox() -> Peer {
    let path = format!("{}:{}", applets().display(), std::env::var("PATH").unwrap());
    let options = LocalOptions { environment: vec![("PATH".into(), path.into())], ..LocalOptions::default() };
    Peer { shell: "/bin/busybox sh", exec: Box::new(move |command| open(command, options.clone())) }
}

fn open(command: String, options: LocalOptions) -> Opened {
    Box::pin(async move { exec(&command, &options).await.unwrap() })
}

/// A directory with a link for every applet, made once.
fn applets() -> PathBuf {
    static APPLETS: OnceLock<tempfile::TempDir> = OnceLock::new();
    let directory = APPLETS.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let listed =
            Command::new("/bin/busybox").arg("--list").output().expect("install it: apt-get install busybox");
        for applet in String::from_utf8(listed.stdout).unwrap().lines() {
            std::os::unix::fs::symlink("/bin/busybox", directory.path().join(applet)).unwrap();
        }
        directory
    });
    directory.path().to_owned()
}

/// No check may hang.
pub(crate) async fn within_limit(check: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(60), check).await.expect("the check ends in time");
}

/// How a session is opened.
pub(crate) struct Setting {
    pub(crate) output_cap: u64,
    pub(crate) library: String,
    /// Goes around standard input.
    pub(crate) wrap: Box<dyn FnOnce(BoxedWrite) -> BoxedWrite + Send>,
}

impl Default for Setting {
    fn default() -> Self {
        Self { output_cap: 64 << 20, library: String::new(), wrap: Box::new(|stdin| stdin) }
    }
}

/// A session with the events it gave.
pub(crate) struct Session {
    pub(crate) handle: ShellHandle,
    pub(crate) events: mpsc::Receiver<ShellEvent>,
    pub(crate) info: ShellInfo,
    next: u64,
}

/// Options for a plain login.
pub(crate) fn options(nonce: Nonce, login: Login) -> StartOptions {
    StartOptions {
        dialect: Dialect::Posix,
        nonce,
        login,
        password: None,
        timeout: Duration::from_secs(20),
        library: String::new(),
        opening: String::new(),
        output_cap: 64 << 20,
        waiting: None,
    }
}

/// The streams of a process.
pub(crate) fn pipes(process: Process) -> Pipes {
    Pipes { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr }
}

impl Session {
    /// A session that was started elsewhere.
    pub(crate) fn of(started: paceline_remote::Started) -> Self {
        Self { handle: started.handle, events: started.events, info: started.info, next: 1 }
    }

    pub(crate) async fn open(peer: &Peer) -> Self {
        Self::open_with(peer, Setting::default()).await
    }

    pub(crate) async fn open_with(peer: &Peer, setting: Setting) -> Self {
        let nonce = Nonce::new();
        let process = (peer.exec)(command_line_for(&nonce, &Login::Plain, peer.shell)).await;
        let mut pipes = pipes(process);
        pipes.stdin = (setting.wrap)(pipes.stdin);
        let mut options = options(nonce, Login::Plain);
        options.library = setting.library;
        options.output_cap = setting.output_cap;
        let started = start(pipes, options).await.unwrap();
        Self { handle: started.handle, events: started.events, info: started.info, next: 1 }
    }

    /// Makes a step with the next number.
    pub(crate) fn step(&mut self, text: impl Into<String>) -> Step {
        let id = self.next;
        self.next += 1;
        Step { id, epoch: 1, text: text.into(), ..Step::default() }
    }

    /// Runs one step in an epoch of its own.
    pub(crate) async fn run(&mut self, text: impl Into<String>) -> Answer {
        let mut step = self.step(text);
        step.epoch = step.id;
        self.run_step(step).await
    }

    /// Runs a step with a payload.
    pub(crate) async fn run_with(&mut self, text: &str, payload: Vec<u8>) -> Answer {
        let mut step = self.step(text);
        step.epoch = step.id;
        step.payload = Some(Arc::new(payload));
        self.run_step(step).await
    }

    pub(crate) async fn run_step(&mut self, step: Step) -> Answer {
        let id = step.id;
        self.handle.send(step).await.unwrap();
        self.answer(id).await
    }

    /// Sends steps in one go and returns their answers.
    pub(crate) async fn run_all(&mut self, steps: Vec<Step>) -> Vec<Answer> {
        let ids: Vec<_> = steps.iter().map(|step| step.id).collect();
        self.handle.send_all(steps).await.unwrap();
        let mut answers = Vec::new();
        for id in ids {
            answers.push(self.answer(id).await);
        }
        answers
    }

    /// Reads events up to the end of a step; all of them must be of this step.
    pub(crate) async fn answer(&mut self, id: u64) -> Answer {
        let mut answer = Answer::default();
        loop {
            let event = self.events.recv().await.expect("the session tells why it ends");
            let of = match event {
                ShellEvent::Started { step } => {
                    answer.started = true;
                    step
                }
                ShellEvent::Value { step, name, text } => {
                    answer.values.push((name, text));
                    step
                }
                ShellEvent::Blob { step, name, bytes } => {
                    answer.blobs.push((name, bytes));
                    step
                }
                ShellEvent::Output { step, stderr, bytes } => {
                    if stderr { &mut answer.stderr } else { &mut answer.stdout }.extend_from_slice(&bytes);
                    step
                }
                ShellEvent::CommandEnded { step, rc, timed_out, dropped } => {
                    answer.rc = Some(rc);
                    answer.timed_out = timed_out;
                    answer.dropped = dropped;
                    step
                }
                ShellEvent::Finished { step, status } => {
                    assert_eq!(step, id);
                    answer.status = Some(status);
                    return answer;
                }
                ShellEvent::Skipped { step } => {
                    assert_eq!(step, id);
                    return answer;
                }
                ShellEvent::Closed(reason) => panic!("step {id}: the session ended: {reason}"),
            };
            assert_eq!(of, id);
        }
    }

    /// Reads events up to the end of the session.
    pub(crate) async fn closed(&mut self) -> CloseReason {
        loop {
            if let ShellEvent::Closed(reason) = self.events.recv().await.unwrap() {
                return reason;
            }
        }
    }
}

/// What became of a step.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) started: bool,
    /// None when it was held back.
    pub(crate) status: Option<i32>,
    pub(crate) values: Vec<(String, String)>,
    pub(crate) blobs: Vec<(String, Vec<u8>)>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) rc: Option<i32>,
    pub(crate) timed_out: bool,
    pub(crate) dropped: u64,
}

impl Answer {
    /// The value reported under `name`.
    pub(crate) fn value(&self, name: &str) -> &str {
        let found = self.values.iter().find(|(key, _)| key == name);
        found.map_or_else(|| panic!("no value `{name}` in {self:?}"), |(_, text)| text)
    }

    /// Standard output as text.
    pub(crate) fn out(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }
}

/// One word of POSIX sh.
pub(crate) fn quote(word: &str) -> String {
    paceline::shell::quote(word)
}

/// Gives a step a group.
pub(crate) fn in_group(mut step: Step, group: Group) -> Step {
    step.group = group;
    step
}
