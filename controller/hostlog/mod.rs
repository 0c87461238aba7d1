//! The readable log of one host: every step, its output, its result, its rollback points.
//!
//! A fold over the events of one host, plus the raw output of commands, which reaches no other place.
//! Secrets are masked first, then what could harm a terminal is made visible, then lines are marked.

mod error;
mod lines;
mod name;
mod output;
mod sanitize;
mod writer;

pub use error::HostLogError;
pub use name::percent_encode_host;
pub use output::{OutputPiece, OutputStream};
pub use sanitize::{Sanitizer, escape_json, sanitize_line, sanitize_text};
pub use writer::{HostLog, Limits};
