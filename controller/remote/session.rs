//! What a session looks like from outside: a handle to send with, events to receive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use crate::dialect::Dialect;
use crate::error::{CloseReason, SendError};
use crate::login::{Login, sentinel};
use crate::nonce::Nonce;
use crate::outstanding::Outstanding;
use crate::step::Step;

/// The standard streams of the command that was opened on the host.
pub struct Pipes {
    /// Its standard input.
    pub stdin: Box<dyn AsyncWrite + Send + Unpin>,
    /// Its standard output.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// Its standard error.
    pub stderr: Box<dyn AsyncRead + Send + Unpin>,
}

/// A session that takes steps.
#[derive(Debug)]
pub struct Started {
    /// Sends steps.
    pub handle: ShellHandle,
    /// Tells what became of them. Must be read: the session waits for its consumer.
    pub events: mpsc::Receiver<ShellEvent>,
    /// What the shell said about itself.
    pub info: ShellInfo,
}

/// What the shell says about itself. It comes from the host: data, never text for a shell.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ShellInfo {
    /// Process id of the shell.
    pub pid: u32,
    /// User id. On Windows 0 is an elevated administrator, 1000 anybody else.
    pub uid: u32,
    /// User name.
    pub user: String,
    /// Home directory.
    pub home: String,
    /// The login's umask, as `umask` prints it.
    pub umask: String,
    /// `Linux` or `Windows`.
    pub os: String,
    /// Release of the kernel.
    pub kernel: String,
    /// Name of the host.
    pub hostname: String,
    /// Differs after a reboot.
    pub boot_id: Option<String>,
    /// The directory for temporary files: one of a fixed list; `%TEMP%` on Windows.
    pub temp: &'static str,
    /// The session's private directory (`$pl_d`), inside of `temp`.
    pub directory: String,
    /// What the library said of itself while it was loaded, by `plr_info NAME TEXT`.
    pub extra: Vec<(String, String)>,
}

impl ShellInfo {
    /// What the library said under a name.
    pub fn extra(&self, name: &str) -> Option<&str> {
        self.extra.iter().find(|(key, _)| key == name).map(|(_, text)| text.as_str())
    }
}

/// What happens in a session. The events of a step come in order: `Started`, then values, blobs,
/// output and ends of commands, then `Finished`; or only `Skipped`. The last event is `Closed`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ShellEvent {
    /// The step starts.
    Started {
        /// The step.
        step: u64,
    },
    /// `pl_v` reported a line. The session itself reports `pl_stderr` (what the text of a failing
    /// step wrote to its standard error, by lines) and `pl_incomplete` (a blob could not be sent
    /// whole; the text is its name).
    Value {
        /// The step.
        step: u64,
        /// Its name.
        name: String,
        /// Its text; what is not UTF-8 is replaced.
        text: String,
    },
    /// `pl_b` reported the bytes of a file.
    Blob {
        /// The step.
        step: u64,
        /// Its name.
        name: String,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A user command wrote something.
    Output {
        /// The step.
        step: u64,
        /// Whether it was to standard error.
        stderr: bool,
        /// What it wrote.
        bytes: Vec<u8>,
    },
    /// A user command is over, and all of its output has come.
    CommandEnded {
        /// The step.
        step: u64,
        /// Its exit status; 128 and the number of the signal that ended it.
        rc: i32,
        /// Whether the time limit ended it.
        timed_out: bool,
        /// Bytes of output beyond the cap. Output of more than twice the cap is counted in
        /// intervals, so that the number can be too low.
        dropped: u64,
    },
    /// The step is over.
    Finished {
        /// The step.
        step: u64,
        /// Exit status of its text.
        status: i32,
    },
    /// The step was held back by an earlier failure of its epoch, or by the lost lease.
    Skipped {
        /// The step.
        step: u64,
    },
    /// The session is over. Steps that started and did not finish are in doubt; others did not run.
    Closed(CloseReason),
}

/// What the writer is asked to do.
pub(crate) enum Order {
    /// Send these.
    Steps(Vec<Step>),
    /// Send what is queued, then end of file. With `forget` the host need not keep output of commands any longer.
    Close { forget: bool },
}

/// Sends steps to a session. Clones send to the same one; when the last is dropped, the session is
/// closed in order.
#[derive(Clone, Debug)]
pub struct ShellHandle {
    pub(crate) orders: mpsc::UnboundedSender<Order>,
    pub(crate) outstanding: Arc<Outstanding>,
    pub(crate) closing: Arc<AtomicBool>,
    pub(crate) nonce: Nonce,
    pub(crate) directory: String,
    pub(crate) name: Nonce,
    pub(crate) dialect: Dialect,
}

impl ShellHandle {
    /// Which shell it is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The random word in the name of the session's private folder, for [`crate::beside_powershell`].
    pub fn folder_name(&self) -> &Nonce {
        &self.name
    }

    /// Hands over a step. Never waits for the host: the queue takes what it is given, and at most
    /// 64 steps or about 256 KiB of it are on the host ahead of their results.
    pub async fn send(&self, step: Step) -> Result<(), SendError> {
        self.send_all(vec![step]).await
    }

    /// Hands over steps. Small ones without a payload travel together.
    pub async fn send_all(&self, steps: Vec<Step>) -> Result<(), SendError> {
        if steps.iter().any(|step| step.text.contains('\0')) {
            return Err(SendError::Nul);
        }
        if self.outstanding.is_closed() || self.closing.load(Ordering::Acquire) {
            return Err(SendError::Closed);
        }
        self.orders.send(Order::Steps(steps)).map_err(|_| SendError::Closed)
    }

    /// Returns the command line for a second channel of a POSIX session that ends the user command in hand: TERM, and
    /// KILL after two seconds. [`crate::interrupt`] drives it where sudo asks for a password.
    pub fn interrupt_line(&self, login: &Login) -> String {
        let Self { nonce, directory, .. } = self;
        let prefix = login.prefix(nonce);
        let sentinel = sentinel(nonce);
        format!(
            "exec {prefix}/bin/sh -c 'echo; echo {sentinel}; cd {directory} || exit 1; read -r p f <cur || exit 0; \
             case $p in 0|\"\") exit 0;; esac; echo >int; kill -s TERM -- -$p; kill -s CONT -- -$p; \
             for i in 1 2 3 4 5 6 7 8; do sleep 0.25; read -r q g <cur || exit 0; [ \"$q\" = \"$p\" ] || exit 0; done; \
             kill -s KILL -- -$p; exit 0'"
        )
    }

    /// The nonce of the command line, which sudo's prompt of the second channel repeats.
    pub fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// Returns the command line for a second channel of a POSIX session that holds back every step behind the one in hand.
    pub fn hold_line(&self, login: &Login) -> String {
        let Self { nonce, directory, .. } = self;
        let prefix = login.prefix(nonce);
        let sentinel = sentinel(nonce);
        format!("exec {prefix}/bin/sh -c 'echo; echo {sentinel}; cd {directory} && echo >hold'")
    }

    /// Lets the steps that were handed over run and ends the session; `Closed` follows. With `forget` all results are
    /// in safety, and the host drops the output of commands that it kept beside its ledger.
    pub async fn close(self, forget: bool) {
        self.closing.store(true, Ordering::Release);
        // The session is over already when nobody takes the order.
        let _ = self.orders.send(Order::Close { forget });
    }
}
