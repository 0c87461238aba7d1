//! One line of a text file: what `lineinfile` makes of the file's bytes. Pure.
//!
//! As in Ansible, patterns see bytes: each byte is one character here, and classes such as `\w` are
//! those of ASCII.

use std::sync::Arc;

use fancy_regex::{Captures, Regex, RegexBuilder};

pub(super) use super::text::Edited;
use super::text::{Shape, TextEdit};
use crate::template::regexes;

/// What is looked for.
#[derive(Clone, Debug)]
pub enum Find {
    /// Lines in which this pattern is found.
    Pattern(Arc<Regex>),
    /// Lines that hold this text.
    Text(String),
    /// Lines that are equal to the line.
    Line,
}

/// Where a line goes that is not there yet.
#[derive(Clone, Debug)]
pub enum Insert {
    /// Behind the last line.
    End,
    /// Before the first line.
    Start,
    /// Behind the last (or first) line in which a pattern is found, else at the end.
    After(Arc<Regex>),
    /// Before it.
    Before(Arc<Regex>),
}

/// An edit of one line.
#[derive(Clone, Debug)]
pub enum LineEdit {
    /// The line shall be there.
    Present {
        /// What it replaces.
        find: Find,
        /// The line, without its end.
        line: String,
        /// Whether groups of the pattern are put into the line; then nothing is added.
        backrefs: bool,
        /// Where it goes if nothing is found.
        insert: Insert,
        /// Whether the first match counts, not the last.
        first: bool,
    },
    /// No such line shall be there.
    Absent {
        /// What is removed.
        find: Find,
        /// The line, for [`Find::Line`].
        line: String,
    },
}

/// Compiles a pattern of Python's `re` for bytes.
///
/// # Errors
/// The message: what is wrong with it.
pub fn pattern(text: &str) -> Result<Arc<Regex>, String> {
    let translated = ascii_classes(&regexes::translate(&bytes_as_text(text.as_bytes())));
    RegexBuilder::new(&translated).backtrack_limit(1_000_000).build().map(Arc::new).map_err(|error| {
        format!(
            "the regular expression `{text}` is not valid: {error}\nhint: Python's `re` syntax is understood"
        )
    })
}

/// Replaces the classes of letters, digits and blanks by what they are for Python's bytes.
fn ascii_classes(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    let mut class = false;
    while let Some(char) = chars.next() {
        match char {
            '\\' => match (chars.next(), class) {
                (Some('d'), false) => out.push_str("[0-9]"),
                (Some('d'), true) => out.push_str("0-9"),
                (Some('D'), false) => out.push_str("[^0-9]"),
                (Some('w'), false) => out.push_str("[0-9A-Za-z_]"),
                (Some('w'), true) => out.push_str("0-9A-Za-z_"),
                (Some('W'), false) => out.push_str("[^0-9A-Za-z_]"),
                (Some('s'), false) => out.push_str("[\\t-\\r ]"),
                (Some('s'), true) => out.push_str("\\t-\\r "),
                (Some('S'), false) => out.push_str("[^\\t-\\r ]"),
                (Some('b'), false) => {
                    out.push_str("(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))");
                }
                (Some(other), _) => out.extend(['\\', other]),
                (None, _) => out.push('\\'),
            },
            '[' if !class => {
                class = true;
                out.push('[');
            }
            ']' => {
                class = false;
                out.push(']');
            }
            char => out.push(char),
        }
    }
    out
}

/// One character for each byte.
pub(super) fn bytes_as_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn text_as_bytes(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect()
}

fn without_end(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

pub(super) fn found<'t>(regex: &Regex, line: &'t str) -> Result<Option<Captures<'t, str>>, String> {
    regex.captures(line).map_err(|error| format!("the regular expression takes too long: {error}"))
}

impl LineEdit {
    /// Edits the bytes of a file.
    ///
    /// # Errors
    /// A pattern takes too long, or the line names a group that the pattern does not have.
    pub(super) fn apply(&self, bytes: &[u8]) -> Result<Edited, String> {
        let text = bytes_as_text(bytes);
        let lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        match self {
            Self::Absent { find, line } => absent(find, line, &lines),
            Self::Present { find, line, backrefs, insert, first } => {
                let line = bytes_as_text(line.as_bytes());
                let mut lines = lines;
                let message = present(&mut lines, find, &line, *backrefs, insert, *first)?;
                Ok(Edited::new(text_as_bytes(&lines.concat()), message))
            }
        }
    }
}

impl TextEdit for LineEdit {
    fn edit(&self, bytes: Option<&[u8]>) -> Result<Edited, String> {
        self.apply(bytes.unwrap_or_default())
    }

    fn shape(&self) -> Shape {
        Shape::Line
    }

    fn without_file(&self, _path: &str, _create: bool) -> Option<String> {
        matches!(self, Self::Absent { .. }).then(|| "file not present".to_owned())
    }
}

fn absent(find: &Find, line: &str, lines: &[String]) -> Result<Edited, String> {
    let line = bytes_as_text(line.as_bytes());
    let mut kept = String::new();
    let mut count = 0;
    for current in lines {
        let gone = match find {
            Find::Pattern(regex) => found(regex, current)?.is_some(),
            Find::Text(text) => current.contains(&bytes_as_text(text.as_bytes())),
            Find::Line => without_end(current) == line,
        };
        if gone { count += 1 } else { kept.push_str(current) }
    }
    let message = if count > 0 { format!("{count} line(s) removed") } else { String::new() };
    Ok(Edited { found: Some(count), ..Edited::new(text_as_bytes(&kept), message) })
}

/// Where the line is, and with what groups; then where it would go.
fn present(
    lines: &mut Vec<String>,
    find: &Find,
    line: &str,
    backrefs: bool,
    insert: &Insert,
    first: bool,
) -> Result<&'static str, String> {
    let ended = |line: &str| if line.ends_with('\n') { line.to_owned() } else { format!("{line}\n") };
    let mut at = None;
    let mut replacement = line.to_owned();
    for (number, current) in lines.iter().enumerate() {
        let matched = match find {
            Find::Pattern(regex) => match found(regex, current)? {
                Some(captures) => {
                    if backrefs {
                        replacement.clear();
                        regexes::expand(line, &captures, &mut replacement).map_err(|error| {
                            error.detail().map_or_else(|| error.to_string(), str::to_owned)
                        })?;
                    }
                    true
                }
                None => false,
            },
            Find::Text(text) => current.contains(&bytes_as_text(text.as_bytes())),
            Find::Line => false,
        };
        if matched {
            at = Some(number);
            if first {
                break;
            }
        }
    }
    let mut place = None;
    if at.is_none() {
        for (number, current) in lines.iter().enumerate() {
            if without_end(current) == line {
                at = Some(number);
                continue;
            }
            let (regex, behind) = match insert {
                Insert::After(regex) => (regex, 1),
                Insert::Before(regex) => (regex, 0),
                Insert::End | Insert::Start => continue,
            };
            if found(regex, current)?.is_some() {
                place = Some(number + behind);
                if first {
                    break;
                }
            }
        }
    }
    if let Some(at) = at {
        let new = ended(&replacement);
        if lines[at] == new {
            return Ok("");
        }
        lines[at] = new;
        return Ok("line replaced");
    }
    if backrefs {
        return Ok("");
    }
    let new = format!("{line}\n");
    match (insert, place) {
        (Insert::Start, _) => lines.insert(0, new),
        (Insert::After(_), Some(place)) => {
            // The line that is already there counts, the one at the end of the file too.
            let there = lines.get(place).or(lines.last()).map(|there| without_end(there));
            if there == Some(line) {
                return Ok("");
            }
            lines.insert(place, new);
        }
        (Insert::Before(_), Some(place)) => lines.insert(place, new),
        (_, _) => {
            if lines.last().is_some_and(|last| !last.ends_with(['\n', '\r'])) {
                lines.push("\n".to_owned());
            }
            lines.push(new);
        }
    }
    Ok("line added")
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn edit(find: Find, line: &str, backrefs: bool, bytes: &[u8]) -> (Vec<u8>, String) {
        let insert = Insert::End;
        let line = line.to_owned();
        let edited = LineEdit::Present { find, line, backrefs, insert, first: false }.apply(bytes).unwrap();
        (edited.bytes, edited.message)
    }

    #[test]
    fn bytes_that_are_no_text_survive() {
        let found = Find::Pattern(pattern("^a.$").unwrap());
        assert_eq!(edit(found, "c", false, b"a\xff\n\xfe\x00\n").0, b"c\n\xfe\x00\n");
        let line = "\u{e9}\u{20ac}";
        assert_eq!(edit(Find::Line, line, false, b"x\n").0, format!("x\n{line}\n").as_bytes());
        assert_eq!(edit(Find::Line, line, false, format!("{line}\n").as_bytes()).1, "");
    }

    #[test]
    fn classes_are_those_of_ascii() {
        let matches =
            |text: &str, line: &[u8]| pattern(text).unwrap().is_match(&bytes_as_text(line)).unwrap();
        assert!(!matches(r"^\w+$", "\u{e9}".as_bytes()));
        assert!(matches(r"^[\w-]+$", b"a-1"));
        assert!(matches(r"\bx\b", "\u{e9}x".as_bytes()));
        assert!(matches(r"^a\s*=\s*\d+\Z", b"a = 12"));
        assert!(!matches(r"^a$", b"a\r\n"));
        assert!(matches(r"^[]a]+$", b"]a\n"));
        assert!(pattern("(").unwrap_err().contains("hint"));
    }
}
