//! Diagnostics as text: message, place, excerpt with a caret line, hint.

use std::fmt::Write as _;

use super::{Diagnostic, Diagnostics, Severity, Span};

/// Widest excerpt, in terminal cells.
const WIDEST: usize = 100;
/// Cells that are kept in front of the caret when a line is cut.
const BEFORE_CARET: usize = 50;

impl Diagnostics {
    /// Writes all messages, a blank line between them, and a count when there are several.
    pub fn render(&self, color: bool) -> String {
        let mut text: Vec<String> = self.0.iter().map(|diagnostic| diagnostic.render(color)).collect();
        if self.0.len() > 1 {
            text.push(format!("{}\n", self.count()));
        }
        text.join("\n")
    }

    fn count(&self) -> String {
        let of = |severity| self.0.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        let parts = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Info, "note")];
        let parts: Vec<String> = parts
            .into_iter()
            .map(|(severity, name)| (of(severity), name))
            .filter(|(count, _)| *count > 0)
            .map(|(count, name)| super::counted(count, name))
            .collect();
        parts.join(", ")
    }
}

impl Diagnostic {
    /// Writes the message with its place, excerpt and hint, each line ended.
    pub fn render(&self, color: bool) -> String {
        let paint = Paint { color };
        let (word, code) = match self.severity {
            Severity::Error => ("error", "1;31"),
            Severity::Warning => ("warning", "1;33"),
            Severity::Info => ("info", "1;36"),
        };
        let shown = |text: &str| visible_block(&self.without_secrets(text));
        let mut text = format!("{}: {}\n", paint.with(code, word), shown(&self.message));
        if let Some(span) = &self.span {
            excerpt(&mut text, span, &paint, code);
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "{}: {}", paint.with("1;32", "hint"), shown(hint));
        }
        text
    }

    /// Text about an encrypted file without what stands in it, as far as that is no key: messages quote what they are about.
    pub fn without_secrets<'t>(&self, text: &'t str) -> std::borrow::Cow<'t, str> {
        let Some(file) = self.span.as_ref().map(|span| &span.file).filter(|file| file.is_encrypted()) else {
            return text.into();
        };
        let mut out = String::with_capacity(text.len());
        for (at, part) in text.split('`').enumerate() {
            if at > 0 {
                out.push('`');
            }
            let quoted = at % 2 == 1;
            out.push_str(if quoted && !is_key(part, file.text()) { "…" } else { part });
        }
        out.into()
    }
}

/// Tells whether a word is a name that says nothing of a file's content: one of its keys, or none of its words.
fn is_key(word: &str, text: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-');
    if !word.chars().all(plain) {
        return false;
    }
    let mut found = text.match_indices(word).peekable();
    found.peek().is_none()
        || found.any(|(at, _)| text[at + word.len()..].trim_start_matches(['"', '\'']).starts_with(':'))
}

struct Paint {
    color: bool,
}

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

fn excerpt(text: &mut String, span: &Span, paint: &Paint, code: &str) {
    let place = visible_block(&span.place());
    let (number, column) = span.file.line_column(span.start);
    let line = span.file.line(number).unwrap_or_default();
    if span.file.text().is_empty() || number == 0 || span.file.is_encrypted() {
        let _ = writeln!(text, " {} {place}", paint.with("34", "-->"));
        return;
    }
    let gutter = number.to_string().len();
    let blank = " ".repeat(gutter);
    let bar = paint.with("34", "|");
    let _ = writeln!(text, "{blank}{} {place}", paint.with("34", "-->"));
    let _ = writeln!(text, "{blank} {bar}");
    if number > 1
        && let Some(before) = span.file.line(number - 1)
        && !before.trim().is_empty()
    {
        let shown = cut(before, 0, 0).0;
        let label = format!("{:>gutter$}", number - 1);
        let _ = writeln!(text, "{} {bar} {shown}", paint.with("34", &label));
    }
    let first = column - 1;
    let length = line.chars().count();
    let (last_line, last_column) = span.file.line_column(span.end);
    let last = if last_line == number { last_column - 1 } else { first + 1 };
    let (shown, offset, width) = cut(line, first, last.clamp(first + 1, length.max(first + 1)));
    let _ = writeln!(text, "{} {bar} {shown}", paint.with("34", &number.to_string()));
    let carets = paint.with(code, &"^".repeat(width.max(1)));
    let _ = writeln!(text, "{blank} {bar} {}{carets}", " ".repeat(offset));
}

/// Cuts a line to a width that fits a terminal, around the characters `first..last`; returns it with
/// the cell where they start and the cells that they take.
fn cut(line: &str, first: usize, last: usize) -> (String, usize, usize) {
    // A line may be as long as the file. What is further away than this is not shown whatever it is.
    let dropped = first.saturating_sub(2 * WIDEST);
    let (first, last) = (first - dropped, last - dropped);
    let cells: Vec<(String, usize)> = line.chars().skip(dropped).take(first + 2 * WIDEST).map(cell).collect();
    let before: usize = cells.iter().take(first).map(|(_, width)| width).sum();
    let total: usize = cells.iter().map(|(_, width)| width).sum();
    let mut skipped = 0;
    let mut from = 0;
    if total > WIDEST && before > BEFORE_CARET {
        while before - skipped > BEFORE_CARET {
            skipped += cells[from].1;
            from += 1;
        }
    }
    let mut shown = String::new();
    let mut offset = before - skipped;
    if from + dropped > 0 {
        shown.push('…');
        offset += 1;
    }
    let (mut used, mut marked) = (0, 0);
    for (at, (glyph, width)) in cells.iter().enumerate().skip(from) {
        if used + width > WIDEST {
            shown.push('…');
            break;
        }
        used += width;
        shown.push_str(glyph);
        if (first..last).contains(&at) {
            marked += width;
        }
    }
    (shown, offset, marked)
}

/// How a character is shown and how many cells it takes.
fn cell(character: char) -> (String, usize) {
    match character {
        '\t' => ("    ".to_owned(), 4),
        hidden if is_hidden(hidden) => {
            let name = format!("<U+{:04X}>", u32::from(hidden));
            let width = name.len();
            (name, width)
        }
        shown => (shown.to_string(), width(shown)),
    }
}

/// Characters that would steer the terminal or hide from the reader.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Makes hidden characters of a text visible; line ends stay.
fn visible_block(text: &str) -> String {
    text.chars()
        .map(|character| if character == '\n' { "\n".to_owned() } else { cell(character).0 })
        .collect()
}

/// Cells that a character takes in a terminal (Unicode Standard Annex 11, the common ranges).
fn width(character: char) -> usize {
    match u32::from(character) {
        0x300..=0x36f
        | 0x483..=0x489
        | 0x591..=0x5bd
        | 0x610..=0x61a
        | 0x64b..=0x65f
        | 0x1ab0..=0x1aff
        | 0x1dc0..=0x1dff
        | 0x20d0..=0x20ff
        | 0xfe00..=0xfe0f
        | 0xfe20..=0xfe2f => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0x33ff
        | 0x3400..=0x4dbf
        | 0x4e00..=0x9fff
        | 0xa000..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f680..=0x1f6ff
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::source::SourceFile;

    fn file(text: &str) -> Arc<SourceFile> {
        SourceFile::new("hosts.yml", "", text)
    }

    #[test]
    fn shows_place_excerpt_caret_and_hint() {
        let span = Span::new(file("all:\n  host:\n    a:\n"), 7, 11);
        let shown =
            Diagnostic::error(&span, "unknown key `host`").hint("did you mean `hosts`?").render(false);
        insta::assert_snapshot!(shown, @r"
        error: unknown key `host`
         --> hosts.yml:2:3
          |
        1 | all:
        2 |   host:
          |   ^^^^
        hint: did you mean `hosts`?
        ");
    }

    #[test]
    fn keeps_the_caret_under_wide_characters_and_tabs() {
        let text = "名前:\tx\u{1b}[2J: 値";
        let at = text.find('値').unwrap_or_default();
        let span = Span::new(file(text), at, at + 3);
        insta::assert_snapshot!(Diagnostic::error(&span, "no").render(false), @r"
        error: no
         --> hosts.yml:1:12
          |
        1 | 名前:    x<U+001B>[2J: 値
          |                        ^^
        ");
    }

    #[test]
    fn cuts_long_lines_around_the_caret() {
        let text = format!("{}here{}", "a".repeat(300), "b".repeat(300));
        let shown = Diagnostic::error(&Span::new(file(&text), 300, 304), "no").render(false);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[3].chars().count() < 110 && lines[3].contains("here"));
        assert_eq!(lines[3].chars().position(|c| c == 'h'), lines[4].chars().position(|c| c == '^'));
        assert_eq!(lines[4].matches('^').count(), 4);
    }

    #[test]
    fn takes_no_more_of_a_line_than_it_shows() {
        let text = format!("{}here{}", "é".repeat(3_000_000), "b".repeat(3_000_000));
        let at = text.find('h').unwrap_or_default();
        let before = std::time::Instant::now();
        let shown = Diagnostic::error(&Span::new(file(&text), at, at + 4), "no").render(false);
        assert!(shown.len() < 1_000 && shown.contains("…") && shown.contains("here"), "{shown}");
        assert!(before.elapsed().as_secs() < 20);
    }

    #[test]
    fn survives_a_place_behind_the_end() {
        let span = Span::new(file("a:\n"), 99, 120);
        assert!(Diagnostic::error(&span, "no").render(true).contains("hosts.yml:2:1"));
        let empty = Span::new(file(""), 0, 0);
        assert_eq!(Diagnostic::error(&empty, "no").render(false), "error: no\n --> hosts.yml:1:1\n");
    }

    #[test]
    fn counts_several() {
        let span = Span::new(file("a"), 0, 1);
        let all = Diagnostics(vec![
            Diagnostic::error(&span, "x"),
            Diagnostic::warning(&span, "y"),
            Diagnostic::bare("z"),
        ]);
        assert!(all.render(false).ends_with("\n2 errors, 1 warning\n"));
        assert_eq!(Diagnostics::from(Diagnostic::bare("z")).render(false), "error: z\n");
    }
}
