//! The one error type of the command line: what went wrong, what to do, which exit code.

use std::error::Error;
use std::fmt::Display;

use crate::source::Diagnostics;

/// An error that ends the program.
#[derive(Debug)]
pub struct CommandError {
    /// Whose fault it is; decides the exit code.
    pub kind: ErrorKind,
    /// Diagnostics, rendered.
    pub rendered: Option<String>,
    /// What to print, one entry each.
    pub messages: Vec<String>,
    /// What to do next.
    pub hints: Vec<String>,
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorKind {
    /// The user's input: exit code 1, nothing was touched.
    User,
    /// Ours: exit code 250.
    Internal,
    /// The reader of our output went away: no message.
    BrokenPipe,
    /// A person pressed Ctrl-C: exit code 99, no message.
    Interrupted,
}

impl CommandError {
    /// Makes an error about the user's input.
    pub fn user(message: impl Display) -> Self {
        Self { kind: ErrorKind::User, rendered: None, messages: vec![message.to_string()], hints: Vec::new() }
    }

    /// Makes an error about the user's input from one of the library, with its causes.
    pub fn failed(error: impl Error) -> Self {
        Self::user(with_causes(&error))
    }

    /// Makes an error that should not happen.
    pub fn internal(message: impl Display) -> Self {
        Self { kind: ErrorKind::Internal, ..Self::user(message) }
    }

    /// Makes the end of a program that a person interrupted.
    pub fn interrupted() -> Self {
        Self::silent(ErrorKind::Interrupted)
    }

    fn silent(kind: ErrorKind) -> Self {
        Self { kind, rendered: None, messages: Vec::new(), hints: Vec::new() }
    }

    /// Makes an error from diagnostics.
    pub fn diagnostics(diagnostics: &Diagnostics, color: bool) -> Self {
        let text = diagnostics.render(color).trim_end().to_owned();
        Self { kind: ErrorKind::User, rendered: Some(text), messages: Vec::new(), hints: Vec::new() }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Returns the exit code (DESIGN 3.1).
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            ErrorKind::User => 1,
            ErrorKind::Internal => 250,
            ErrorKind::BrokenPipe => 0,
            ErrorKind::Interrupted => 99,
        }
    }
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::silent(ErrorKind::BrokenPipe);
        }
        Self::failed(error)
    }
}

/// The text of an error with what caused it. Some texts name their cause already, and some end in a hint.
fn with_causes(error: &dyn Error) -> String {
    let text = error.to_string();
    let (message, hint) = match text.split_once("\nhint: ") {
        Some((message, hint)) => (message, Some(hint)),
        None => (text.as_str(), None),
    };
    let mut message = message.to_owned();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        if !message.contains(&reason) {
            message = format!("{message}: {reason}");
        }
        cause = error.source();
    }
    match hint {
        Some(hint) => format!("{message}\nhint: {hint}"),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Outer {
        #[error("cannot read `a`\nhint: look at it")]
        Hint(#[source] io::Error),
        #[error("cannot read `a`: {0}")]
        Named(#[source] io::Error),
    }

    #[test]
    fn causes_are_told_once_and_before_the_hint() {
        let full = || io::Error::other("the disk is full");
        let text = |error| CommandError::failed(error).messages.concat();
        assert_eq!(text(Outer::Hint(full())), "cannot read `a`: the disk is full\nhint: look at it");
        assert_eq!(text(Outer::Named(full())), "cannot read `a`: the disk is full");
    }
}
