//! What is wrong in a document, and where.

use std::fmt;

/// Something in a document that an edit cannot go on with. Values of the document are not part of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What is wrong, with a `hint:` line where there is something to do.
    pub message: String,
}

impl Problem {
    /// Makes a problem of a byte offset.
    pub(crate) fn new(text: &str, at: usize, message: impl Into<String>) -> Self {
        let (line, column) = place(text, at);
        Self { line, column, message: message.into() }
    }

    /// Makes a problem of the whole file.
    pub(crate) fn at_start(message: impl Into<String>) -> Self {
        Self { line: 1, column: 1, message: message.into() }
    }

    /// The message behind `PATH:LINE:COLUMN`.
    pub fn in_file(&self, path: &str) -> String {
        format!("{path}:{self}")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// Line and column of a byte offset, as editors count: a byte order mark takes no column.
pub(crate) fn place(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (line, before[start..].chars().filter(|char| *char != '\u{feff}').count() + 1)
}
