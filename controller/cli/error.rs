//! The one error type of the command line: what went wrong, what to do, which exit code.

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
}

impl CommandError {
    /// Makes an error about the user's input.
    pub fn user(message: impl Display) -> Self {
        Self { kind: ErrorKind::User, rendered: None, messages: vec![message.to_string()], hints: Vec::new() }
    }

    /// Makes an error that should not happen.
    pub fn internal(message: impl Display) -> Self {
        Self { kind: ErrorKind::Internal, ..Self::user(message) }
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
        }
    }
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self {
                kind: ErrorKind::BrokenPipe,
                rendered: None,
                messages: Vec::new(),
                hints: Vec::new(),
            };
        }
        Self::user(error)
    }
}
