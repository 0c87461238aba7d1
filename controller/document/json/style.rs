//! Writes values and members in the style of the document around them.

use serde_json::Value;

use super::parse::{Document, Member, Node};
use crate::document::{indent_at, line_end, line_indent};

/// Width up to which a list of plain values stays on its line.
const WIDTH: usize = 80;

/// How a document is laid out.
pub(super) struct Style<'t> {
    text: &'t str,
    end: &'static str,
    unit: String,
}

impl<'t> Style<'t> {
    /// Reads the style: the indentation is that of the first key.
    pub(super) fn of(text: &'t str, document: &Document) -> Self {
        let first = document.root.members().and_then(|members| members.first());
        let unit = first.and_then(|member| indent_at(text, member.start)).filter(|unit| !unit.is_empty());
        Self { text, end: line_end(text), unit: unit.unwrap_or("  ").to_owned() }
    }

    /// The text with another value for a member.
    pub(super) fn replaced(&self, member: &Member, value: &Value) -> String {
        let span = &member.value.span;
        let lines = indent_at(self.text, member.start).is_some() || self.text[span.clone()].contains('\n');
        let written =
            if lines { self.render(value, line_indent(self.text, span.start)) } else { inline(value) };
        [&self.text[..span.start], &written, &self.text[span.end..]].concat()
    }

    /// The text with one more member in an object.
    pub(super) fn inserted(&self, object: &Node, members: &[Member], key: &str, value: &Value) -> String {
        match members.last() {
            Some(last) => self.appended(object, members, last, key, value),
            None => self.filled(object, key, value),
        }
    }

    fn appended(&self, object: &Node, members: &[Member], last: &Member, key: &str, value: &Value) -> String {
        let behind = last.comma.map_or(last.value.span.end, |comma| comma + 1);
        let own_line = members.iter().rev().find_map(|member| indent_at(self.text, member.start));
        let multiline = self.text[object.span.start..members[0].start].contains('\n');
        let comma = if last.comma.is_some() { "" } else { "," };
        let trailing = if last.comma.is_some() { "," } else { "" };
        let Some(indent) = own_line.filter(|_| multiline) else {
            let written = format!("{comma} {}: {}{trailing}", quoted(key), inline(value));
            return [&self.text[..behind], &written, &self.text[behind..]].concat();
        };
        let at = self.end_of_line(behind, object.span.end - 1);
        let written =
            format!("{}{indent}{}: {}{trailing}", self.end, quoted(key), self.render(value, indent));
        // What follows on the line of the last member, a bracket say, goes to the next one.
        let rest = &self.text[at..object.span.end];
        let gap = if rest.trim_start_matches([' ', '\t']).starts_with(['\n', '\r']) {
            String::new()
        } else {
            format!("{}{}", self.end, line_indent(self.text, object.span.start))
        };
        [&self.text[..behind], comma, &self.text[behind..at], &written, &gap, &self.text[at..]].concat()
    }

    fn filled(&self, object: &Node, key: &str, value: &Value) -> String {
        let outer = line_indent(self.text, object.span.start);
        let indent = format!("{outer}{}", self.unit);
        let at = self.end_of_line(object.span.start + 1, object.span.end - 1);
        let written = format!("{}{indent}{}: {}", self.end, quoted(key), self.render(value, &indent));
        let rest = &self.text[at..object.span.end - 1];
        if rest.contains('\n') {
            return [&self.text[..at], &written, &self.text[at..]].concat();
        }
        [&self.text[..at], &written, self.end, outer, &self.text[object.span.end - 1..]].concat()
    }

    /// Behind the blanks and comments that follow on the same line; a comment of several lines is passed whole.
    fn end_of_line(&self, from: usize, limit: usize) -> usize {
        let mut at = from;
        loop {
            let rest = &self.text[at..limit];
            let next = rest.trim_start_matches([' ', '\t']);
            let blanks = rest.len() - next.len();
            if next.starts_with("//") {
                return at + blanks + next.find(['\r', '\n']).unwrap_or(next.len());
            } else if next.starts_with("/*") {
                at += blanks + next.find("*/").map_or(next.len(), |end| end + 2);
            } else {
                return at;
            }
        }
    }

    /// The text without a member.
    pub(super) fn removed(&self, members: &[Member], number: usize) -> String {
        let member = &members[number];
        let mut end = member.comma.map_or(member.value.span.end, |comma| comma + 1);
        let mut start = member.start;
        let alone = indent_at(self.text, start).and_then(|indent| {
            let rest = &self.text[self.end_of_line(end, self.text.len())..];
            let rest = rest.trim_start_matches([' ', '\t']);
            (rest.starts_with('\n') || rest.starts_with("\r\n"))
                .then(|| (indent, self.text.len() - rest.len()))
        });
        if let Some((indent, line_end)) = alone {
            start -= indent.len();
            end = line_end + if self.text[line_end..].starts_with('\r') { 2 } else { 1 };
        } else {
            end += self.text[end..].len() - self.text[end..].trim_start_matches([' ', '\t']).len();
        }
        let before = match members[..number].last() {
            // The last member goes without a comma behind it, so the one before it does now.
            Some(previous) if member.comma.is_none() => {
                let comma = previous.comma.unwrap_or(previous.value.span.end);
                let kept = &self.text[(comma + 1).min(start)..start];
                let kept = if alone.is_some() { kept } else { kept.trim_end_matches([' ', '\t']) };
                let space =
                    if alone.is_none() && self.text[end..].starts_with(['}', ']']) { " " } else { "" };
                [&self.text[..comma], kept, space].concat()
            }
            _ => self.text[..start].to_owned(),
        };
        before + &self.text[end..]
    }

    /// A value over as many lines as it takes; `indent` is that of the line where it begins.
    fn render(&self, value: &Value, indent: &str) -> String {
        let inner = format!("{indent}{}", self.unit);
        let lines = |open: &str, items: Vec<String>, close: &str| {
            let items: Vec<String> =
                items.into_iter().map(|item| format!("{}{inner}{item}", self.end)).collect();
            format!("{open}{}{}{indent}{close}", items.join(","), self.end)
        };
        match value {
            Value::Object(members) if !members.is_empty() => {
                let written = members
                    .iter()
                    .map(|(key, value)| format!("{}: {}", quoted(key), self.render(value, &inner)));
                lines("{", written.collect(), "}")
            }
            Value::Array(items) if !items.is_empty() => {
                let short = inline(value);
                let plain = items.iter().all(|item| !item.is_object() && !item.is_array());
                if plain && indent.len() + short.len() <= WIDTH {
                    return short;
                }
                lines("[", items.iter().map(|item| self.render(item, &inner)).collect(), "]")
            }
            other => inline(other),
        }
    }
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let members: Vec<String> =
                members.iter().map(|(key, value)| format!("{}: {}", quoted(key), inline(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Array(items) if !items.is_empty() => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn quoted(key: &str) -> String {
    Value::from(key).to_string()
}
