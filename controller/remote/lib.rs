//! A framed, long-lived remote shell over any byte stream.
//!
//! One command is opened on a host ([`Dialect::command_line`]); over its standard streams [`start`] turns
//! `/bin/sh` or `powershell.exe` into a session that takes steps ahead of their results and answers in frames. A
//! [`ShellHandle`] sends [`Step`]s, [`ShellEvent`]s tell what became of them. The crate knows no
//! host, no SSH and no operation: bytes in, bytes out.
//!
//! Four rules carry the protocol. Nothing is believed before the sentinel line, and everything
//! after it is hostile data: a frame that is not expected ends the session. What is sent ends in
//! the session's token, which the shell checks before it runs anything, so that a body cut off by
//! a lost connection never runs. The shell writes a frame before each step and ends when it cannot
//! write, so that no queued step outlives the controller. The reader waits for the consumer of the
//! events only, never for the writer, and sending never waits for the host, so no depth of
//! queueing can lock both ends up.

mod beside;
mod dialect;
mod error;
mod frame;
mod login;
mod nonce;
mod outstanding;
mod powershell;
mod program;
mod reader;
mod session;
mod start;
mod step;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod writer;

pub use beside::{Aside, beside, beside_powershell, interrupt};
pub use dialect::Dialect;
pub use error::{CloseReason, SendError, StartError, StartPhase};
pub use login::{Login, command_line, command_line_for, quote_for_login};
pub use nonce::Nonce;
pub use powershell::{encode_command, quote_argv, quote_word, split_argv};
pub use session::{Pipes, ShellEvent, ShellHandle, ShellInfo, Started};
pub use start::{StartOptions, start};
pub use step::{Group, Step};
