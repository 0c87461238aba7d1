//! Writes attributes, texts and elements in the style of the document around them.

use super::parse::{Attribute, Document, Element};
use super::path::Step;
use crate::document::{indent_at, line_end, line_indent};

/// How a document is laid out.
pub(super) struct Style<'t> {
    text: &'t str,
    end: &'static str,
    unit: String,
}

impl<'t> Style<'t> {
    /// Reads the style: the indentation is that of the first element below the root.
    pub(super) fn of(text: &'t str, document: &Document) -> Self {
        let root = &document.elements[0];
        let first = root.children.first().map(|&number| &document.elements[number]);
        let base = line_indent(text, root.open.start).len();
        let unit = first
            .and_then(|first| indent_at(text, first.open.start))
            .and_then(|indent| indent.get(base..))
            .filter(|unit| !unit.is_empty());
        Self { text, end: line_end(text), unit: unit.unwrap_or("  ").to_owned() }
    }

    /// The text with another value for an attribute.
    pub(super) fn value(&self, attribute: &Attribute, value: &str) -> String {
        let quote = self.text[..attribute.raw.start].chars().next_back().unwrap_or('"');
        let escaped = escape_value(value, quote);
        [&self.text[..attribute.raw.start], &escaped, &self.text[attribute.raw.end..]].concat()
    }

    /// The text with one more attribute.
    pub(super) fn attribute(&self, element: &Element, name: &str, value: &str) -> String {
        // The new one stands as the last one does: on the same line, or on a line of its own.
        let (at, gap) = match element.attributes.last() {
            Some(last) => {
                let before = &self.text[..last.start];
                (last.raw.end + 1, &before[before.trim_end().len()..])
            }
            None => (element.open.start + 1 + element.name.len(), " "),
        };
        let written = format!("{gap}{name}=\"{}\"", escape_value(value, '"'));
        [&self.text[..at], &written, &self.text[at..]].concat()
    }

    /// The text without an attribute.
    pub(super) fn without_attribute(&self, attribute: &Attribute) -> String {
        let before = self.text[..attribute.start].trim_end();
        [before, &self.text[attribute.raw.end + 1..]].concat()
    }

    /// The text with another text in an element that holds no elements.
    pub(super) fn content(&self, element: &Element, value: &str) -> String {
        let escaped = escape_text(value);
        match &element.close {
            Some(close) => [&self.text[..element.open.end], &escaped, &self.text[close.start..]].concat(),
            None => {
                let open = opened(&self.text[element.open.clone()]);
                let tail = format!("{escaped}</{}>", element.name);
                [&self.text[..element.open.start], &open, &tail, &self.text[element.open.end..]].concat()
            }
        }
    }

    /// The text with one more element at the end of `parent`.
    pub(super) fn child(&self, document: &Document, parent: &Element, step: &Step) -> String {
        let prefix = match parent.name.split_once(':') {
            Some((prefix, _)) if !step.namespace.is_empty() => format!("{prefix}:"),
            _ => String::new(),
        };
        let attributes: String = step
            .attributes
            .iter()
            .map(|(name, value)| format!(" {name}=\"{}\"", escape_value(value, '"')))
            .collect();
        let written = format!("<{prefix}{}{attributes} />", step.local);
        let outer = line_indent(self.text, parent.open.start);
        let Some(close) = &parent.close else {
            let open = opened(&self.text[parent.open.clone()]);
            let inner =
                format!("{}{outer}{}{written}{}{outer}</{}>", self.end, self.unit, self.end, parent.name);
            return [&self.text[..parent.open.start], &open, &inner, &self.text[parent.open.end..]].concat();
        };
        let last = parent.children.last().map(|&number| &document.elements[number]);
        let own_line = last.and_then(|last| indent_at(self.text, last.open.start)).map(str::to_owned);
        // In front of the blanks that stand before the end tag, so that these go on doing so.
        let inside = &self.text[parent.open.end..close.start];
        let lines = inside.contains('\n') || inside.trim().is_empty();
        if !lines {
            return [&self.text[..close.start], &written, &self.text[close.start..]].concat();
        }
        let indent = own_line.unwrap_or_else(|| format!("{outer}{}", self.unit));
        let own_line = indent_at(self.text, close.start)
            .map(|indent| close.start - indent.len())
            .filter(|&start| self.text[..start].ends_with('\n'));
        match own_line {
            Some(start) => [&self.text[..start], &indent, &written, self.end, &self.text[start..]].concat(),
            None => {
                let inner = format!("{}{indent}{written}{}{outer}", self.end, self.end);
                let before = self.text[..close.start].trim_end_matches([' ', '\t']);
                [before, &inner, &self.text[close.start..]].concat()
            }
        }
    }

    /// The text without an element; its line goes with it if nothing else stands there.
    pub(super) fn without(&self, element: &Element) -> String {
        let (mut start, mut end) = (element.open.start, element.end());
        let rest = self.text[end..].trim_start_matches([' ', '\t']);
        let line = if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
        if let Some(indent) = indent_at(self.text, start).filter(|_| line > 0) {
            start -= indent.len();
            end = self.text.len() - rest.len() + line;
        }
        [&self.text[..start], &self.text[end..]].concat()
    }
}

/// The start tag of what was an empty element.
fn opened(tag: &str) -> String {
    format!("{}>", tag.trim_end_matches("/>").trim_end())
}

fn escape_text(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#13;")
}

fn escape_value(value: &str, quote: char) -> String {
    let value = escape_text(value).replace('\n', "&#10;").replace('\t', "&#9;");
    if quote == '\'' { value.replace('\'', "&apos;") } else { value.replace('"', "&quot;") }
}
