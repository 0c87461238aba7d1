//! Messages about the user's files: place, excerpt, caret, hint.

use super::Span;

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Worth saying; the work goes on.
    Info,
    /// Probably not meant; the work goes on.
    Warning,
    /// The work does not start.
    Error,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: lower case, no full stop, names in backticks.
    pub message: String,
    /// Where, if it is in a file.
    pub span: Option<Span>,
    /// What to do next.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Makes an error at a place.
    pub fn error(span: &Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), span: Some(span.clone()), hint: None }
    }

    /// Makes a warning at a place.
    pub fn warning(span: &Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(span, message) }
    }

    /// Makes a note at a place.
    pub fn info(span: &Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Info, ..Self::error(span, message) }
    }

    /// Makes an error that has no place in a file.
    pub fn bare(message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), span: None, hint: None }
    }

    /// Adds what to do next, if there is something.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// All messages about one load, in the order of discovery.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Adds a message.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all messages of another load.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Tells whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}
