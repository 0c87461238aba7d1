//! Settings documents (JSON as .NET reads it, XML) that are edited key by key: text in, text out. Pure.
//!
//! Only what has to differ is written: comments, order, indentation, line ends, a byte order mark and everything else
//! that an edit does not name stay as they are, byte for byte. An edit is carried out one change at a time until nothing is
//! left to do, so that editing the result again changes nothing.

pub mod json;
mod place;
mod secret;
pub mod xml;

pub use place::Problem;
pub(crate) use secret::{holds_secret, is_secret_name};

/// The largest document that is edited, in bytes.
pub const LARGEST: usize = 4 << 20;

/// What an edit makes of a document.
#[derive(Debug, Eq, PartialEq)]
pub struct Edited {
    /// The new text; equal to the old one when nothing had to change.
    pub text: String,
    /// What was set or removed, by its path in the document; values are not in it.
    pub changes: Vec<String>,
}

/// Takes the text out of a file's bytes.
///
/// # Errors
/// It is too large, or not UTF-8.
pub(crate) fn text_of(bytes: &[u8]) -> Result<&str, Problem> {
    if bytes.len() > LARGEST {
        return Err(Problem::at_start(format!(
            "the file has {} bytes, more than an edit of settings takes ({LARGEST})",
            bytes.len()
        )));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Problem::at_start(
            "the file is UTF-16\nhint: save it as UTF-8; that is what .NET writes",
        ));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
        Problem::new(valid, valid.len(), "this is not UTF-8\nhint: save the file as UTF-8")
    })
}

/// The line end that a text uses first.
pub(crate) fn line_end(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// The blanks in front of what stands at `at`, if nothing else of its line does.
pub(crate) fn indent_at(text: &str, at: usize) -> Option<&str> {
    let line = &text[text[..at].rfind('\n').map_or(0, |end| end + 1)..at];
    line.chars().all(|char| matches!(char, ' ' | '\t')).then_some(line)
}

/// The blanks at the start of the line that `at` is in.
pub(crate) fn line_indent(text: &str, at: usize) -> &str {
    let line = &text[text[..at].rfind('\n').map_or(0, |end| end + 1)..at];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}
