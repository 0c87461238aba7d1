//! Finds the place in the file for a byte of a node's text, although quotes, escapes, folding and
//! indentation stand between the two.

use std::ops::Range;

use crate::source::{Node, Span};

/// Returns the place of the bytes `range` of the text of `node`.
pub(super) fn inside(node: &Node, range: Option<Range<usize>>) -> Span {
    let Some(range) = range else { return node.span.clone() };
    let Some(text) = node.as_str() else { return node.span.clone() };
    let file = &node.span.file;
    let Some(raw) = file.text().get(node.span.start..node.span.end) else { return node.span.clone() };
    let start = offset(raw, text, range.start);
    let end = offset(raw, text, range.end).max(start);
    Span::new(file.clone(), node.span.start + start, node.span.start + end)
}

/// Walks the raw text and the text it stands for side by side up to byte `target` of the latter.
fn offset(raw: &str, text: &str, target: usize) -> usize {
    let header = header(raw);
    let body = &raw[header..];
    if let Some(at) = body.find(text) {
        return header + at + target.min(text.len());
    }
    let mut raw_chars = body.char_indices().peekable();
    let mut text_chars = text.char_indices().peekable();
    while let Some(&(at, wanted)) = text_chars.peek() {
        let Some(&(raw_at, found)) = raw_chars.peek() else { break };
        if at >= target && found == wanted {
            return header + raw_at;
        }
        if found == wanted {
            raw_chars.next();
            text_chars.next();
            if found == '\'' && raw.starts_with('\'') {
                raw_chars.next_if(|(_, doubled)| *doubled == '\'');
            }
            if found == '\n' {
                while raw_chars
                    .next_if(|(_, c)| *c == ' ' && text_chars.peek().is_none_or(|(_, t)| *t != ' '))
                    .is_some()
                {}
            }
        } else if found == '\n' && wanted == ' ' {
            raw_chars.next();
            text_chars.next();
            while raw_chars.next_if(|(_, c)| c.is_whitespace()).is_some() {}
        } else if found.is_whitespace() {
            raw_chars.next();
        } else if found == '\\' && raw.starts_with('"') {
            raw_chars.next();
            let skipped = match raw_chars.next() {
                Some((_, 'x')) => 2,
                Some((_, 'u')) => 4,
                Some((_, 'U')) => 8,
                _ => 0,
            };
            for _ in 0..skipped {
                raw_chars.next();
            }
            text_chars.next();
        } else {
            raw_chars.next();
            text_chars.next();
        }
    }
    raw_chars.peek().map_or(raw.len(), |(at, _)| header + at)
}

/// Counts the bytes in front of the text: an opening quote or the line of a block scalar's header.
fn header(raw: &str) -> usize {
    match raw.chars().next() {
        Some('\'' | '"') => 1,
        Some('|' | '>') => raw.find('\n').map_or(raw.len(), |at| at + 1),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{NodeValue, SourceFile};

    fn column(file: &str, raw: &str, text: &str, part: &str) -> (usize, usize) {
        let source = SourceFile::new("p.yml", "", file);
        let start = file.find(raw).expect("raw is in file");
        let node = Node::new(
            Span::new(source.clone(), start, start + raw.len()),
            NodeValue::String(text.to_owned()),
        );
        let at = text.find(part).expect("part is in text");
        source.line_column(inside(&node, Some(at..at + part.len())).start)
    }

    #[test]
    fn finds_the_place_in_every_style() {
        let cases = [
            ("when: a | nope", "a | nope", "a | nope", "nope", (1, 11)),
            (
                "m: \"say \\\"{{ nope }}\\\"\"",
                "\"say \\\"{{ nope }}\\\"\"",
                "say \"{{ nope }}\"",
                "nope",
                (1, 14),
            ),
            ("m: 'it''s {{ nope }}'", "'it''s {{ nope }}'", "it's {{ nope }}", "nope", (1, 14)),
            (
                "m: |\n  one\n    two {{ nope }}\n",
                "|\n  one\n    two {{ nope }}\n",
                "one\n  two {{ nope }}\n",
                "nope",
                (3, 12),
            ),
            (
                "m: >-\n  one\n  two {{ nope }}",
                ">-\n  one\n  two {{ nope }}",
                "one two {{ nope }}",
                "nope",
                (3, 10),
            ),
            ("m: one\n  two {{ nope }}", "one\n  two {{ nope }}", "one two {{ nope }}", "nope", (2, 10)),
        ];
        for (file, raw, text, part, expected) in cases {
            assert_eq!(column(file, raw, text, part), expected, "{file}");
        }
    }
}
