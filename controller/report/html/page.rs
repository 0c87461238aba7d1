//! What all pages share: head, policy, style, script, marks.
//!
//! A page is one file that fetches nothing. Its policy allows the one style and the one script in it, by their
//! digests, so that text which got past everything else could still do nothing.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::preflight::Severity;
use crate::source::counted;

const STYLE: &str = concat!(include_str!("page.css"), include_str!("run.css"), include_str!("print.css"));
const SCRIPT: &str = include_str!("page.js");

/// The frame of a page.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// The title of the window.
    pub title: String,
    /// When it was made.
    pub made: String,
    pub version: &'static str,
}

impl Page {
    pub(super) fn new(title: String, at: Timestamp) -> Self {
        Self { title, made: minute(at), version: env!("CARGO_PKG_VERSION") }
    }

    pub(super) fn style(&self) -> &'static str {
        STYLE
    }

    pub(super) fn script(&self) -> &'static str {
        SCRIPT
    }

    /// The content security policy: nothing but the style and the script that are here, and the empty icon.
    pub(super) fn policy(&self) -> String {
        let digest = |text: &str| STANDARD.encode(Sha256::digest(text));
        format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'",
            digest(STYLE),
            digest(SCRIPT)
        )
    }
}

/// `2026-05-09 07:29 UTC`.
pub(super) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `3 more hosts`, for templates, which hand out references.
pub(super) fn more(number: &usize, noun: &str) -> String {
    counted(*number, &format!("more {noun}"))
}

/// A severity as a page shows it: a class, a shape with a letter, a word.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Mark(pub Severity);

impl Mark {
    pub(super) fn word(self) -> &'static str {
        match self.0 {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

/// A list of which the first few are shown and the others can be opened.
#[derive(Clone, Debug, Default)]
pub(super) struct Few {
    pub first: Vec<String>,
    pub rest: Vec<String>,
    /// How many more there are that are left out altogether.
    pub left_out: usize,
}

impl Few {
    /// Names that stand in view, and at most so many behind them.
    const FIRST: usize = 4;
    const REST: usize = 1000;

    pub(super) fn of<'a>(names: impl IntoIterator<Item = &'a String>) -> Self {
        let mut names = names.into_iter().cloned();
        let mut first: Vec<String> = names.by_ref().take(Self::FIRST).collect();
        let mut rest: Vec<String> = names.by_ref().take(Self::REST).collect();
        // "1 more" takes as much room as the name.
        if rest.len() == 1 {
            first.append(&mut rest);
        }
        Self { first, rest, left_out: names.count() }
    }
}

/// `1 host`, `2 hosts`.
pub(super) fn some(count: usize, one: &str) -> String {
    crate::ui::counted(count, one)
}

/// A message in pieces: names stand between backticks, as in all messages, and are set apart on a page.
pub(super) fn prose(text: &str) -> Vec<(bool, &str)> {
    if text.matches('`').count() % 2 == 1 {
        return vec![(false, text)];
    }
    let pieces = text.split('`').enumerate().map(|(at, piece)| (at % 2 == 1, piece));
    pieces.filter(|(_, piece)| !piece.is_empty()).collect()
}

/// Writes a page.
pub(super) fn write(page: &impl Template, out: &mut dyn std::io::Write) -> std::io::Result<()> {
    let mut buffered = std::io::BufWriter::with_capacity(64 * 1024, out);
    Template::write_into(page, &mut buffered)?;
    std::io::Write::flush(&mut buffered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_between_backticks_are_set_apart() {
        assert_eq!(prose("`a` is not `b`."), [(true, "a"), (false, " is not "), (true, "b"), (false, ".")]);
        assert_eq!(prose("it`s"), [(false, "it`s")]);
        assert!(prose("").is_empty());
    }

    #[test]
    fn one_more_is_shown_instead_of_counted() {
        let names: Vec<String> = (0..6).map(|n| n.to_string()).collect();
        assert_eq!((Few::of(&names[..5]).first.len(), Few::of(&names[..5]).rest.len()), (5, 0));
        assert_eq!((Few::of(&names).first.len(), Few::of(&names).rest.len()), (4, 2));
    }
}
