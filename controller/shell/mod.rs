//! Quoting and script text for POSIX sh: the only place that writes shell text.

mod environment;
mod quote;

pub use environment::{exports, sudo_line, with_environment};
pub use quote::quote;
