//! What an operation and the executor say to each other.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Content, Outcome};
use crate::shell::Platform;

/// How to act.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mode {
    /// Only tell what would change (`--check`, `plan`, `check_mode: true`).
    pub check: bool,
    /// Return the difference between before and after.
    pub diff: bool,
    /// Content is probably missing on this host: send small content at once instead of asking for
    /// the digest first.
    pub eager: bool,
    /// Which shell the host has, for operations that exist for both.
    pub platform: Platform,
}

/// One body for the host's remote shell.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Trusted text: one or more calls of functions of the operation library. On POSIX it is shell text, arguments
    /// quoted by [`crate::shell`]; on Windows it is made by [`super::windows::Call`]. Its exit status: 0 done, 75 the controller has to decide
    /// ([`Progress::Again`] follows), anything else failed; both hold back the later steps.
    pub text: String,
    /// Bytes for the step, in the file `$pl_payload` when the text runs.
    pub payload: Option<Payload>,
    /// Whether content of a file goes with it, in the payload or in the text.
    pub content: bool,
    /// Ends the step's user command after this time.
    pub timeout: Option<Duration>,
    /// Runs outside the remote shell, through the login shell as `raw` wants it; `text` is the
    /// command line as it stands.
    pub raw: bool,
    /// Whether the user's command runs here, so that output is streamed to the host log.
    pub user: bool,
    /// Asks for a TCP connection that the host makes (an SSH direct-tcpip channel, or a socket of the
    /// controller for local hosts) instead of `text`. The reply's status is 0 when the connection was
    /// made, 1 when not; `stdout` holds what was read.
    pub tcp: Option<Tcp>,
}

/// A TCP connection made by the host, for hosts without a client program of their own.
#[derive(Clone)]
pub struct Tcp {
    /// Name or address, as the host resolves it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Seconds to wait before connecting.
    pub delay: Duration,
    /// Limit for connecting, and again for sending and reading.
    pub timeout: Duration,
    /// What to send once connected. May hold secrets.
    pub send: Vec<u8>,
    /// Reads until the end of the stream, this many bytes, or the time limit (then `timed_out` is
    /// set, and what was read so far is kept); 0 closes at once.
    pub read: usize,
}

impl fmt::Debug for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tcp({}:{}, {} bytes)", self.host, self.port, self.send.len())
    }
}

/// Bytes that go with a program.
#[derive(Clone)]
pub enum Payload {
    /// Shared content of a local file.
    Content(Arc<Content>),
    /// Bytes of this step alone (rendered text, the standard input of a command).
    Bytes(Arc<[u8]>),
}

impl Payload {
    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Content(content) => &content.bytes,
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.bytes().len())
    }
}

/// What the host answered to one program.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Exit status of the program's text.
    pub status: i32,
    /// Values that the operation library reported with `pl_v NAME TEXT`, in order.
    pub values: Vec<(String, String)>,
    /// Bytes that the operation library reported with `pl_b NAME FILE`, in order.
    pub blobs: Vec<(String, Vec<u8>)>,
    /// Exit status of the user's command, if one ran.
    pub rc: Option<i32>,
    /// Standard output of the user's command.
    pub stdout: Vec<u8>,
    /// Standard error of the user's command.
    pub stderr: Vec<u8>,
    /// Bytes of output beyond the cap that were dropped.
    pub dropped: u64,
    /// Whether the time limit ended it.
    pub timed_out: bool,
    /// The time limit, if there was one.
    pub limit: Option<Duration>,
    /// Time between the start and the end of the step, in milliseconds, measured here.
    pub duration_ms: u64,
}

impl Reply {
    /// What to say of a command that the time limit ended.
    pub(super) fn over_time(&self) -> String {
        let limit = self.limit.map_or_else(String::new, |limit| format!(" within {} s", limit.as_secs_f64()));
        format!("the command did not end{limit} and was stopped (`timeout`)")
    }

    /// Returns the last value reported under `name`.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the last text reported under `name`, its escapes undone.
    pub fn text(&self, name: &str) -> Option<String> {
        super::answer::said(self, name)
    }

    /// Returns all texts reported under `name`, in order.
    pub fn texts<'r>(&'r self, name: &'r str) -> impl Iterator<Item = String> + 'r {
        self.values
            .iter()
            .filter(move |(given, _)| given == name)
            .map(|(_, text)| super::answer::decode(text))
    }

    /// Returns the last bytes reported under `name`.
    pub fn blob(&self, name: &str) -> Option<&[u8]> {
        self.blobs.iter().rev().find(|(key, _)| key == name).map(|(_, bytes)| bytes.as_slice())
    }
}

/// What follows a reply.
#[derive(Debug)]
pub enum Progress {
    /// Another program has to run first.
    Again(Program),
    /// The operation is over.
    Done(Outcome),
}

/// An operation on one host.
pub trait Operation: fmt::Debug + Send + Sync {
    /// Returns the first program.
    fn first(&mut self, mode: Mode) -> Program;

    /// Takes the reply to the last program.
    fn next(&mut self, reply: Reply, mode: Mode) -> Progress;

    /// Lists the paths that the first program looks at, as far as they are known here. The states of
    /// several steps in a row can be read at once: see [`super::probe_ahead`].
    fn looks_at(&self) -> Vec<String> {
        Vec::new()
    }

    /// Tells whether the controller may find a failure that the exit status of the programs does not
    /// show: then later steps are not sent ahead of its result.
    fn judged_here(&self) -> bool {
        false
    }

    /// Tells whether running it again does no harm when it is not known whether it ran: it looks first and changes only
    /// what is not as it should be.
    fn repeatable(&self) -> bool {
        true
    }

    /// Tells whether the library saves what [`super::undo::Undoable`] names at the moment when the operation
    /// changes something. For all others it is saved before they run.
    fn saves_first(&self) -> bool {
        false
    }

    /// Returns the program that does all of it without the controller looking on, if there is one:
    /// what a host may keep and run later.
    fn kept(&mut self) -> Option<Program> {
        None
    }

    /// Tells whether any of its programs runs in the remote shell, so that one has to be open.
    fn needs_shell(&self) -> bool {
        true
    }

    /// Tells what `plan` and the confirmation have to say: whether nothing can undo it.
    fn irreversible(&self) -> bool {
        false
    }
}
