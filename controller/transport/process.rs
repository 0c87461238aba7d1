//! A command that runs on a host.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

/// A readable stream of a host.
pub type BoxedRead = Box<dyn AsyncRead + Send + Unpin>;
/// A writable stream of a host.
pub type BoxedWrite = Box<dyn AsyncWrite + Send + Unpin>;

/// A stream in both directions (a TCP connection made by the host).
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// How a command ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExitStatus {
    /// With a status.
    Code(u32),
    /// By a signal.
    Signal,
    /// Unknown: the connection ended first.
    Lost,
}

/// A command that was started on a host. Dropping it closes its streams.
pub struct Process {
    /// Its standard input; shutting it down is end of file.
    pub stdin: BoxedWrite,
    /// Its standard output.
    pub stdout: BoxedRead,
    /// Its standard error.
    pub stderr: BoxedRead,
    /// Resolves when it ended.
    pub exit: oneshot::Receiver<ExitStatus>,
}
