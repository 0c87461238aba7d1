//! A command on a lab host: a real `/bin/sh` with the host's own HOME, TMPDIR and environment.
//!
//! It behaves as under sshd: bytes are exact, output waits for the window, the end of the connection is end of
//! file for the shell, which then ends by itself. Then what is left of its process group is killed.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use russh::server::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// Input that may wait for a command that does not read. Beyond it the connection waits too; below it a command
/// that writes before it reads cannot block its own connection.
const INPUT_LIMIT: usize = 64 * 1024 * 1024;
/// How long a shell may take to end by itself when the lab is closing.
const GRACE: Duration = Duration::from_secs(2);
/// Marks the processes of a host, so that those which left its process groups are found at the end.
const MARK: &str = "PACELINE_LAB_HOST";

/// The folders of a host.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) root: PathBuf,
}

impl Place {
    pub(super) fn create(root: &Path) -> io::Result<Self> {
        create_private(root)?;
        let place = Self { root: root.canonicalize()? };
        for folder in [place.home(), place.temporary()] {
            create_private(&folder)?;
        }
        Ok(place)
    }

    pub(super) fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }
}

/// Creates a folder, and those above it, for their owner only.
pub(super) fn create_private(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Starts a command as sshd would start it through the login shell.
pub(super) fn start(place: &Place, command: &[u8]) -> io::Result<Child> {
    Command::new("/bin/sh")
        .arg("-c")
        .arg(OsStr::from_bytes(command))
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", place.home())
        .env("TMPDIR", place.temporary())
        .env("SHELL", "/bin/sh")
        .env("LANG", "C.UTF-8")
        .env(MARK, &place.root)
        .current_dir(place.home())
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Carries the bytes of a command until it and its output have ended.
pub(super) async fn attend(
    mut child: Child,
    channel: Channel<Msg>,
    handle: Handle,
    gone: CancellationToken,
    stop: CancellationToken,
) {
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let id = channel.id();
    let (read, write) = channel.split();
    let write = Arc::new(write);
    let output =
        child.stdout.take().map(|pipe| tokio::spawn(send(pipe, Arc::clone(&write), None, gone.clone())));
    let errors =
        child.stderr.take().map(|pipe| tokio::spawn(send(pipe, Arc::clone(&write), Some(1), gone.clone())));
    let closed = CancellationToken::new();
    let input = child.stdin.take().map(|pipe| tokio::spawn(receive(read, pipe, group, closed.clone())));

    let status = tokio::select! {
        status = child.wait() => status,
        () = stop.cancelled() => {
            let patience = tokio::time::timeout(GRACE, child.wait()).await;
            kill_group(group, Signal::KILL);
            match patience {
                Ok(status) => status,
                Err(_) => child.wait().await,
            }
        }
    };
    if let Ok(status) = status {
        let _ = match (status.code(), status.signal()) {
            (Some(code), _) => handle.exit_status_request(id, code.cast_unsigned()).await,
            (None, signal) => {
                handle.exit_signal_request(id, name_of(signal), false, String::new(), String::new()).await
            }
        };
    }
    // As under sshd, the channel stays open as long as somebody holds the pipes, or until it is closed.
    let drained = async {
        for task in [output, errors].into_iter().flatten() {
            let _ = task.await;
        }
    };
    tokio::select! {
        () = drained => {}
        () = closed.cancelled() => {}
        () = stop.cancelled() => {}
    }
    if gone.is_cancelled() || stop.is_cancelled() {
        kill_group(group, Signal::KILL);
    }
    let _ = write.eof().await;
    let _ = write.close().await;
    if let Some(input) = input {
        input.abort();
    }
}

/// Sends what comes out of `pipe`, as fast as the window allows.
async fn send(
    mut pipe: impl AsyncRead + Unpin,
    write: Arc<ChannelWriteHalf<Msg>>,
    kind: Option<u32>,
    gone: CancellationToken,
) {
    let sending = async {
        let mut buffer = vec![0; 32 * 1024];
        while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
            let chunk = buffer[..length].to_vec();
            let sent = match kind {
                None => write.data_bytes(chunk).await,
                Some(kind) => write.extended_data_bytes(kind, chunk).await,
            };
            if sent.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = sending => {}
        () = gone.cancelled() => {}
    }
}

/// Passes the channel's data to the command, and its signals to the process group.
async fn receive(
    mut read: ChannelReadHalf,
    mut pipe: ChildStdin,
    group: Option<Pid>,
    closed: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(INPUT_LIMIT));
    let (queue, mut waiting) = mpsc::unbounded_channel();
    let freed = Arc::clone(&room);
    let writer = tokio::spawn(async move {
        while let Some(message) = waiting.recv().await {
            let ChannelMsg::Data { data } = message else { continue };
            // A command that closed its input does not stop the rest from being taken.
            let _ = pipe.write_all(&data).await;
            freed.add_permits(data.len());
        }
    });
    let mut queue = Some(queue);
    while let Some(message) = read.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                let Ok(permits) = room.acquire_many(u32::try_from(data.len()).unwrap_or(u32::MAX)).await
                else {
                    break;
                };
                permits.forget();
                if let Some(queue) = &queue {
                    let _ = queue.send(ChannelMsg::Data { data });
                }
            }
            ChannelMsg::Eof => queue = None,
            ChannelMsg::Signal { signal } => {
                if let Some(signal) = number_of(&signal) {
                    kill_group(group, signal);
                }
            }
            ChannelMsg::Close => break,
            _ => {}
        }
    }
    drop(queue);
    closed.cancel();
    let _ = writer.await;
}

fn kill_group(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        // It is no error that nobody is left.
        let _ = kill_process_group(group, signal);
    }
}

fn number_of(signal: &Sig) -> Option<Signal> {
    Some(match signal {
        Sig::HUP => Signal::HUP,
        Sig::INT => Signal::INT,
        Sig::KILL => Signal::KILL,
        Sig::QUIT => Signal::QUIT,
        Sig::TERM => Signal::TERM,
        Sig::USR1 => Signal::USR1,
        _ => return None,
    })
}

fn name_of(signal: Option<i32>) -> Sig {
    match signal.and_then(Signal::from_named_raw) {
        Some(Signal::HUP) => Sig::HUP,
        Some(Signal::INT) => Sig::INT,
        Some(Signal::KILL) => Sig::KILL,
        Some(Signal::QUIT) => Sig::QUIT,
        Some(Signal::TERM) => Sig::TERM,
        Some(Signal::PIPE) => Sig::PIPE,
        Some(Signal::ABORT) => Sig::ABRT,
        Some(Signal::SEGV) => Sig::SEGV,
        Some(Signal::USR1) => Sig::USR1,
        other => {
            Sig::Custom(other.map_or_else(|| "UNKNOWN".to_owned(), |signal| signal.as_raw().to_string()))
        }
    }
}

/// Ends the processes of the hosts that live in `roots`, also those in no known process group, such as daemons. They
/// are found by their environment, so this does nothing where there is no `/proc`.
pub(super) fn sweep(roots: &[PathBuf]) {
    let mark = |root: &PathBuf| [MARK.as_bytes(), b"=", root.as_os_str().as_bytes()].concat();
    let marks: HashSet<Vec<u8>> = roots.iter().map(mark).collect();
    let Ok(processes) = std::fs::read_dir("/proc") else { return };
    for process in processes.flatten() {
        let pid = process.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        let Some(pid) = pid.filter(|pid| *pid != rustix::process::getpid()) else { continue };
        let Ok(environment) = std::fs::read(process.path().join("environ")) else { continue };
        if environment.split(|byte| *byte == 0).any(|entry| marks.contains(entry)) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}
