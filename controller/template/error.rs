//! Why a template could not be rendered, and how the causes travel through the template machine.

use std::fmt;

use minijinja::{Error, ErrorKind};
use thiserror::Error as ThisError;

use crate::source::Diagnostic;

/// Why a node or a file could not be rendered.
#[derive(Debug, ThisError)]
pub enum TemplateError {
    /// A value is needed that a step still has to deliver: wait for it, then render again.
    #[error("`{name}` is not known yet")]
    Pending {
        /// The variable.
        name: String,
    },
    /// Something that is not defined was used.
    #[error("{}", .0.message)]
    Undefined(Box<Diagnostic>),
    /// Everything else: syntax, wrong types, failed filters.
    #[error("{}", .0.message)]
    Failed(Box<Diagnostic>),
}

impl TemplateError {
    /// Returns the message with its place; a pending value has none.
    pub fn diagnostic(&self) -> Option<&Diagnostic> {
        match self {
            Self::Pending { .. } => None,
            Self::Undefined(diagnostic) | Self::Failed(diagnostic) => Some(diagnostic),
        }
    }

    /// Turns the error into a message; a pending value becomes one without a place.
    pub fn into_diagnostic(self) -> Diagnostic {
        match self {
            Self::Pending { .. } => Diagnostic::bare(self.to_string()),
            Self::Undefined(diagnostic) | Self::Failed(diagnostic) => *diagnostic,
        }
    }
}

/// What an error of ours carries through minijinja.
#[derive(Clone, Debug)]
pub(super) struct Cause {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) undefined: bool,
    /// The variable that nothing defines, if that is the cause.
    pub(super) variable: Option<String>,
    /// Set when the error arose inside a variable's own template, whose place is the better one.
    pub(super) diagnostic: Option<Box<Diagnostic>>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Cause {}

impl Cause {
    pub(super) fn into_error(self) -> Error {
        Error::new(ErrorKind::InvalidOperation, self.message.clone()).with_source(self)
    }
}

/// Makes an error with a message.
pub(super) fn fail(message: impl Into<String>) -> Error {
    Cause { message: message.into(), hint: None, undefined: false, variable: None, diagnostic: None }
        .into_error()
}

/// Makes an error with a message and a hint.
pub(super) fn fail_with_hint(message: impl Into<String>, hint: impl Into<String>) -> Error {
    Cause {
        message: message.into(),
        hint: Some(hint.into()),
        undefined: false,
        variable: None,
        diagnostic: None,
    }
    .into_error()
}

/// Finds what an error is about: our own cause if there is one, else minijinja's words.
pub(super) fn cause_of(error: &Error) -> Cause {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(cause) = inner.downcast_ref::<Cause>() {
            return cause.clone();
        }
        source = inner.source();
    }
    let message = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "the template takes too long or makes too much".to_owned(),
        (kind, None) => kind.to_string(),
        (_, Some(detail)) => detail.to_owned(),
    };
    Cause { message, hint: None, undefined: false, variable: None, diagnostic: None }
}
