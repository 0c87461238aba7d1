//! The primitive operations: the only code that knows how to probe, diff, save, apply and restore.
//!
//! An operation is a small state machine without input or output of its own. It hands out a
//! [`Program`] for the host's remote shell, is given the [`Reply`], and either is over
//! ([`Progress::Done`]) or has another program. Most are over after one program, so the executor
//! sends many of them ahead; while one is not over, the later ones of its host are held back.

pub mod account;
mod answer;
pub mod attributes;
pub mod audit;
pub mod block;
pub mod certificate;
pub mod command;
mod content;
pub mod cron;
pub mod download;
pub mod edit;
pub mod facts;
pub mod file;
pub mod find;
pub mod glob;
pub mod guard;
#[cfg(test)]
mod guard_tests;
mod http;
pub mod keys;
mod lease;
mod library;
pub mod lines;
mod outcome;
pub mod packages;
pub mod ping;
pub mod preflight;
mod program;
pub mod put;
pub mod read;
pub mod remote_copy;
pub mod replace;
pub(crate) mod restored;
mod script;
pub mod service;
mod session;
pub mod settings;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod settings_tests;
pub mod stat;
pub mod temporary;
#[cfg(test)]
pub(crate) mod testing;
mod text;
pub mod tree;
pub mod unarchive;
pub mod undo;
pub mod uri;
pub mod wait_for;
mod walk;
pub mod windows;

pub use answer::{decode, reported_points};
pub use content::Content;
pub use lease::{Claim, Holder, LEASE_LEAST, LEASE_SECONDS, LeaseAnswer, Renewal, break_lease, show_lease};
pub use library::{library, open_points, probe_ahead};
pub use outcome::{Diff, Outcome, Point};
pub use program::{Mode, Operation, Payload, Program, Progress, Reply, Tcp};
pub use session::SessionText;
