//! Bytes to and from a host: opens commands and gives their standard streams. Knows no shell.

mod connection;
mod error;
pub mod local;
mod process;
pub mod resolve;
mod settled;
pub mod ssh;
mod target;
pub mod trust;
mod variables;
pub mod winrm;

pub use connection::{Connection, connect};
pub use error::TransportError;
pub use local::LocalOptions;
pub use process::{BoxedRead, BoxedWrite, ByteStream, ExitStatus, Process};
pub use settled::settled;
pub use target::{AskPassphrase, Authentication, HostKeyPolicy, PassphraseOf, Target, Via};
pub use variables::{Lookup, Unrendered};
