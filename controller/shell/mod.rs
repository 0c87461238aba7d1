//! Quoting and script text for POSIX sh: the only place that writes shell text.

mod environment;
mod platform;
mod quote;

pub use environment::{exports, sudo_line, with_environment};
pub use platform::Platform;
pub use quote::quote;
