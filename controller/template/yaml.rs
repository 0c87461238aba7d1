//! Writes YAML as PyYAML does, for `to_yaml` and `to_nice_yaml`.

use std::fmt::Write as _;

use minijinja::Error;
use minijinja::value::{Value, ValueKind};

use super::error::fail;
use super::python::{self, MAX_SIZE, as_integer, compare, entries, items};
use super::value::is_omit;
use crate::source::{NodeValue, SourceFile};

/// Which lists and dictionaries stand on one line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flow {
    Always,
    /// Those that hold nothing but scalars.
    Leaves,
    Never,
}

/// How YAML is laid out.
pub(super) struct Layout {
    pub(super) indent: usize,
    pub(super) sort: bool,
    pub(super) width: usize,
    pub(super) flow: Flow,
    pub(super) unicode: bool,
}

/// Writes a document.
pub(super) fn write(value: &Value, layout: &Layout) -> Result<String, Error> {
    let mut out = String::new();
    if is_block(value, layout)? {
        block(value, layout, 0, &mut out)?;
    } else {
        flow(value, layout, 0, false, &mut out)?;
        out.push('\n');
    }
    Ok(out)
}

fn is_block(value: &Value, layout: &Layout) -> Result<bool, Error> {
    let inner = match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => items(value)?,
        ValueKind::Map => entries(value)?.into_iter().map(|(_, value)| value).collect(),
        _ => return Ok(false),
    };
    let nested =
        |value: &Value| matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map);
    Ok(match layout.flow {
        Flow::Always => false,
        Flow::Leaves => inner.iter().any(nested),
        Flow::Never => !inner.is_empty(),
    })
}

fn pairs(value: &Value, layout: &Layout) -> Result<Vec<(Value, Value)>, Error> {
    let mut pairs = entries(value)?;
    pairs.retain(|(_, value)| !is_omit(value));
    if layout.sort {
        // Keys of different types stay in order, as PyYAML leaves them.
        let comparable = pairs.windows(2).all(|pair| compare("sort", &pair[0].0, &pair[1].0).is_ok());
        if comparable {
            pairs.sort_by(|(left, _), (right, _)| {
                compare("sort", left, right).unwrap_or(std::cmp::Ordering::Equal)
            });
        }
    }
    Ok(pairs)
}

fn block(value: &Value, layout: &Layout, column: usize, out: &mut String) -> Result<(), Error> {
    if column > 200 * layout.indent || out.len() > MAX_SIZE {
        return Err(fail("a value is nested too deeply or too large"));
    }
    python::check(value)?;
    if value.kind() == ValueKind::Map {
        for (index, (key, value)) in pairs(value, layout)?.iter().enumerate() {
            if index > 0 {
                out.extend(std::iter::repeat_n(' ', column));
            }
            flow(key, layout, column, false, out)?;
            out.push(':');
            if is_block(value, layout)? {
                out.push('\n');
                // A list stands in the column of its key.
                let inner = if value.kind() == ValueKind::Map { column + layout.indent } else { column };
                out.extend(std::iter::repeat_n(' ', inner));
                block(value, layout, inner, out)?;
            } else {
                scalar_line(value, layout, column, out)?;
            }
        }
        return Ok(());
    }
    for (index, item) in items(value)?.iter().filter(|item| !is_omit(item)).enumerate() {
        if index > 0 {
            out.extend(std::iter::repeat_n(' ', column));
        }
        out.push('-');
        if is_block(item, layout)? {
            out.extend(std::iter::repeat_n(' ', layout.indent - 1));
            block(item, layout, column + layout.indent, out)?;
        } else {
            scalar_line(item, layout, column, out)?;
        }
    }
    Ok(())
}

fn scalar_line(value: &Value, layout: &Layout, column: usize, out: &mut String) -> Result<(), Error> {
    out.push(' ');
    flow(value, layout, column + layout.indent, false, out)?;
    out.push('\n');
    Ok(())
}

/// Writes what stands on one line; `inside` a list or dictionary of such, more text needs quotes.
fn flow(value: &Value, layout: &Layout, indent: usize, inside: bool, out: &mut String) -> Result<(), Error> {
    python::check(value)?;
    if indent > 10_000 || out.len() > MAX_SIZE {
        return Err(fail("a value is nested too deeply or too large"));
    }
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => match as_integer(value) {
            Some(integer) => {
                let _ = write!(out, "{integer}");
            }
            None => out.push_str(&float(f64::try_from(value.clone())?)),
        },
        ValueKind::String => string(value.as_str().unwrap_or_default(), layout, indent, inside, out),
        ValueKind::Map => {
            out.push('{');
            for (index, (key, value)) in pairs(value, layout)?.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                flow(key, layout, indent + layout.indent, true, out)?;
                out.push_str(": ");
                flow(value, layout, indent + layout.indent, true, out)?;
            }
            out.push('}');
        }
        ValueKind::Seq | ValueKind::Iterable => {
            out.push('[');
            for (index, item) in items(value)?.iter().filter(|item| !is_omit(item)).enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                flow(item, layout, indent + layout.indent, true, out)?;
            }
            out.push(']');
        }
        _ => return Err(fail("this value cannot be written as YAML")),
    }
    Ok(())
}

fn float(value: f64) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let text = python::float(value);
    match text.split_once('e') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0e{exponent}"),
        _ => text,
    }
}

fn string(text: &str, layout: &Layout, indent: usize, inside: bool, out: &mut String) {
    let special = text.chars().any(|c| {
        c.is_control() && c != '\n'
            || !layout.unicode && !c.is_ascii()
            || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
    });
    let edge_break = text.contains(" \n") || text.contains("\n ");
    if special || edge_break && text.contains('\n') {
        double_quoted(text, layout, out);
    } else if is_plain(text) && !(inside && text.contains([',', '?', '[', ']', '{', '}', ':'])) {
        folded(text, layout, indent, out);
    } else {
        out.push('\'');
        folded(&text.replace('\'', "''"), layout, indent, out);
        out.push('\'');
    }
}

/// Writes text that is broken at spaces where lines become too long.
fn folded(text: &str, layout: &Layout, indent: usize, out: &mut String) {
    let mut column = out.rfind('\n').map_or(out.len(), |at| out[at + 1..].chars().count());
    let lines: Vec<&str> = text.split('\n').collect();
    for (number, line) in lines.iter().enumerate() {
        if number > 0 {
            // A line end is written as an empty line; further ones only add lines.
            if number == 1 || !lines[number - 1].is_empty() {
                out.push('\n');
            }
            out.push('\n');
            if !line.is_empty() || number + 1 == lines.len() {
                out.extend(std::iter::repeat_n(' ', indent));
            }
            column = indent;
        }
        let words: Vec<&str> = line.split(' ').collect();
        for (index, word) in words.iter().enumerate() {
            if index > 0 {
                let inner = !words[index - 1].is_empty() && !word.is_empty();
                if inner && column > layout.width {
                    out.push('\n');
                    out.extend(std::iter::repeat_n(' ', indent));
                    column = indent;
                } else {
                    out.push(' ');
                    column += 1;
                }
            }
            out.push_str(word);
            column += word.chars().count();
        }
    }
}

fn double_quoted(text: &str, layout: &Layout, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        let _ = match c {
            '"' => write!(out, "\\\""),
            '\\' => write!(out, "\\\\"),
            '\0' => write!(out, "\\0"),
            '\u{7}' => write!(out, "\\a"),
            '\u{8}' => write!(out, "\\b"),
            '\t' => write!(out, "\\t"),
            '\n' => write!(out, "\\n"),
            '\u{b}' => write!(out, "\\v"),
            '\u{c}' => write!(out, "\\f"),
            '\r' => write!(out, "\\r"),
            '\u{1b}' => write!(out, "\\e"),
            '\u{85}' => write!(out, "\\N"),
            '\u{a0}' => write!(out, "\\_"),
            '\u{2028}' => write!(out, "\\L"),
            '\u{2029}' => write!(out, "\\P"),
            c if c.is_control() || c == '\u{feff}' || !layout.unicode && !c.is_ascii() => {
                match u32::from(c) {
                    code @ 0..=0xff => write!(out, "\\x{code:02X}"),
                    code @ 0x100..=0xffff => write!(out, "\\u{code:04X}"),
                    code => write!(out, "\\U{code:08X}"),
                }
            }
            c => write!(out, "{c}"),
        };
    }
    out.push('"');
}

/// Tells whether the text may stand without quotes: it reads back as the same text.
fn is_plain(text: &str) -> bool {
    if text.is_empty() || text.starts_with(' ') || text.ends_with(' ') || text.contains('\n') {
        return false;
    }
    if text.starts_with("---") || text.starts_with("...") {
        return false;
    }
    let mut previous = ' ';
    let mut chars = text.chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        let follows_space = chars.peek().is_none_or(|next| next.is_whitespace());
        if first {
            let indicator = "#,[]{}&*!|>'\"%@`".contains(c) || "?:-".contains(c) && follows_space;
            if indicator || matches!(c, '=' | '<') && text.len() <= 2 {
                return false;
            }
        } else if c == ':' && follows_space || c == '#' && previous.is_whitespace() {
            return false;
        }
        first = false;
        previous = c;
    }
    if text.contains([',', '[', ']', '{', '}', '?']) && text.starts_with(['?', ':']) {
        return false;
    }
    let file = SourceFile::new("", "", text);
    let (node, diagnostics) = crate::source::parse(&file);
    !diagnostics.has_errors()
        && node.is_some_and(|node| matches!(&node.value, NodeValue::String(read) if read == text))
        && !looks_like_date(text)
}

/// Tells whether PyYAML would read the text as a date.
fn looks_like_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let digits = |part: Option<&str>, least: usize, most: usize| {
        part.is_some_and(|part| {
            (least..=most).contains(&part.len()) && part.chars().all(|c| c.is_ascii_digit())
        })
    };
    digits(parts.next(), 4, 4)
        && digits(parts.next(), 1, 2)
        && parts.next().is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}
