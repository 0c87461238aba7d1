//! Turns the YAML parser's complaint into a message that names the likely mistake.

use std::sync::Arc;

use granit_parser::{ErrorKind, ScanError};

use super::yaml::Limits;
use super::{Diagnostic, SourceFile, Span};

/// Finds the first character that no YAML file may hold.
pub(super) fn forbidden_character(file: &Arc<SourceFile>) -> Option<Diagnostic> {
    let allowed = |character: char| {
        matches!(character, '\t' | '\n' | '\r' | '\u{85}' | ' '..='~' | '\u{a0}'..)
            && !matches!(character, '\u{fffe}' | '\u{ffff}')
    };
    let (at, character) = file.text().char_indices().find(|(_, character)| !allowed(*character))?;
    let span = Span::new(file.clone(), at, at + character.len_utf8());
    let message = format!("the control character U+{:04X} is not allowed in YAML", u32::from(character));
    Some(Diagnostic::error(&span, message).hint(r#"write it as an escape in double quotes: "\x1b""#))
}

/// The message for a template that starts a value without quotes.
pub(super) fn unquoted_template(span: &Span) -> Diagnostic {
    Diagnostic::error(span, "a value that starts with `{{` has to be quoted")
        .hint("put the whole value in quotes: \"{{ ... }}\"; else YAML reads a mapping")
}

/// Explains a syntax error.
pub(super) fn diagnose(file: &Arc<SourceFile>, error: &ScanError, limits: &Limits) -> Diagnostic {
    let at = error.marker().byte_offset().unwrap_or(file.text().len()).min(file.text().len());
    let (line, _) = file.line_column(at);
    // The parser often notices on the line behind the one with the mistake.
    for candidate in [line, line.saturating_sub(1)] {
        if let Some(found) = likely_mistake(file, candidate, error.kind()) {
            return found;
        }
    }
    let span = Span::new(file.clone(), at, at);
    let (message, hint) = explain(error.kind(), limits);
    let diagnostic = Diagnostic::error(&span, message);
    match hint {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    }
}

fn likely_mistake(file: &Arc<SourceFile>, line: usize, kind: &ErrorKind) -> Option<Diagnostic> {
    let text = file.line(line)?;
    let line_start = text.as_ptr() as usize - file.text().as_ptr() as usize;
    let span = |start: usize, end: usize| Span::new(file.clone(), line_start + start, line_start + end);
    let indentation = text.len() - text.trim_start().len();
    if let Some(tab) = text[..indentation].find('\t') {
        let place = span(tab, tab + 1);
        return Some(
            Diagnostic::error(&place, "a tab is used as indentation")
                .hint("YAML is indented with spaces only"),
        );
    }
    let body = &text[indentation..];
    if body.starts_with('#') {
        return None;
    }
    if let Some(at) = template_start(text) {
        let end = text.rfind("}}").map_or(text.len(), |close| close + 2).max(at + 2);
        return Some(unquoted_template(&span(at, end)));
    }
    if matches!(
        kind,
        ErrorKind::MappingValueNotAllowed | ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey
    ) && let Some(first) = text.find(": ")
        && !text[first + 2..].trim_start().starts_with(['"', '\''])
        && let Some(second) = text[first + 2..].find(": ").map(|at| first + 2 + at)
    {
        let place = span(second, second + 1);
        let message = "a second `: ` stands in this unquoted value";
        let value = text[first + 2..].trim();
        return Some(
            Diagnostic::error(&place, message)
                .hint(format!("quote the value: {} '{value}'", &body[..first + 1 - indentation])),
        );
    }
    None
}

/// Finds `{{` at the start of an unquoted value.
fn template_start(line: &str) -> Option<usize> {
    line.match_indices("{{").map(|(at, _)| at).find(|at| {
        let before = line[..*at].trim_end();
        before.len() < *at
            && (before.ends_with(':') || before.ends_with('-'))
            && !before.contains(['"', '\'', '#'])
    })
}

fn explain(kind: &ErrorKind, limits: &Limits) -> (String, Option<&'static str>) {
    let siblings = Some("lines of one block start in the same column");
    let (message, hint) = match kind {
        ErrorKind::RecursionLimitExceeded => {
            return (format!("nested deeper than {} levels", limits.depth), None);
        }
        ErrorKind::UnknownAnchor => ("this alias refers to an anchor that is not defined before it", None),
        ErrorKind::UnclosedQuotedScalar => ("a quote is opened and not closed", None),
        ErrorKind::UnclosedFlowCollection { open } => {
            return (format!("`{open}` is opened and not closed"), None);
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            return (format!("`{open}` is closed by `{close}`"), None);
        }
        ErrorKind::MisplacedFlowCollectionEnd => ("a bracket is closed that was not opened", None),
        ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping => {
            ("the file ends inside of brackets", Some("close `[` or `{`"))
        }
        ErrorKind::UnexpectedEof
        | ErrorKind::UnexpectedEofBlockMapping
        | ErrorKind::UnexpectedEofBlockSequence => ("the file ends too early", None),
        ErrorKind::ExpectedFlowMappingSeparator => ("`,` or `}` is expected here", None),
        ErrorKind::ExpectedFlowSequenceSeparator => ("`,` or `]` is expected here", None),
        ErrorKind::ExpectedBlockMappingKey => ("a `key:` is expected here", siblings),
        ErrorKind::ExpectedBlockSequenceEntry => ("a list item (`- `) is expected here", siblings),
        ErrorKind::BlockSequenceEntryNotAllowed => ("a list item is not allowed here", siblings),
        ErrorKind::MappingValueNotAllowed => ("a `key: value` pair is not allowed here", siblings),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            ("`:` is missing behind this key", siblings)
        }
        ErrorKind::InvalidIndentation => ("this line's indentation fits no block around it", siblings),
        ErrorKind::InvalidTrailingDoubleQuotedScalar | ErrorKind::InvalidTrailingSingleQuotedScalar => (
            "text follows the closing quote",
            Some("quote the whole value, or double the quote inside of it"),
        ),
        ErrorKind::UnknownQuotedScalarEscape => {
            ("this `\\` escape is unknown in double quotes", Some(r"write `\\`, or use single quotes"))
        }
        ErrorKind::InvalidQuotedScalarHexEscape => {
            ("this `\\` escape needs hexadecimal digits", Some(r"write `\\`, or use single quotes"))
        }
        ErrorKind::UnexpectedCharacter { character } => {
            let message = format!("a value cannot start with `{}`", character.escape_default());
            return (message, Some("quote the value"));
        }
        other => return (words(other), None),
    };
    (message.to_owned(), hint)
}

/// Spells the parser's name of an error as words.
fn words(kind: &ErrorKind) -> String {
    let name = format!("{kind:?}");
    let mut text = String::from("not valid YAML:");
    for character in name.chars().take_while(|character| character.is_ascii_alphanumeric()) {
        if character.is_ascii_uppercase() {
            text.push(' ');
        }
        text.push(character.to_ascii_lowercase());
    }
    text
}
