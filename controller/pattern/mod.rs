//! Host patterns: what `hosts:` and `--limit` select.
//!
//! A [`Pattern`] is parsed once; [`select`] evaluates it against an inventory. The meaning is
//! Ansible's ("Patterns: targeting hosts and groups"), except that a limit has to say something, and
//! every part of it has to match: a typo in a limit must never widen what a run touches.

mod error;
mod glob;
mod limit;
mod parse;
mod select;

pub use error::{PatternError, PatternErrorKind};
pub use limit::Limit;
pub use parse::Pattern;
/// Tells whether a name matches a shell glob as Python's `fnmatch` reads it.
pub fn glob_matches(glob: &str, name: &str) -> bool {
    glob::Glob::new(glob).matches(name)
}

pub use select::{Selection, Unmatched, is_localhost, select};
