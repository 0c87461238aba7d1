//! Filters on text, and the text functions of Python behind them and behind the methods.

use std::fmt::Write as _;

use minijinja::Error;
use minijinja::value::Value;

use super::error::fail;
use super::formats::percent;
use super::python::{self, MAX_SIZE, text as to_text, truth, type_name};
use super::registry::{Call, Spec};
use super::value::is_undefined;

pub(super) const FILTERS: &[Spec] = &[
    Spec::lenient("default", DEFAULT, default),
    Spec::lenient("d", DEFAULT, default),
    Spec::lenient("mandatory", &["msg"], mandatory),
    Spec::new("lower", &[], |call| Ok(Value::from(call.text()?.to_lowercase()))),
    Spec::new("upper", &[], |call| Ok(Value::from(call.text()?.to_uppercase()))),
    Spec::new("title", &[], |call| Ok(Value::from(title(&call.text()?)))),
    Spec::new("capitalize", &[], |call| Ok(Value::from(capitalize(&call.text()?)))),
    Spec::new("trim", &["chars"], |call| {
        let chars = call.text_at(0)?;
        Ok(Value::from(strip(&call.text()?, chars.as_deref(), true, true)))
    }),
    Spec::new("string", &[], |call| call.text().map(Value::from)),
    Spec::new("replace", &["old", "new", "count"], |call| {
        let (old, new) = (to_text(call.need(0)?)?, to_text(call.need(1)?)?);
        replace(&call.text()?, &old, &new, call.integer(2)?.unwrap_or(-1)).map(Value::from)
    }),
    Spec::new("split", &["sep", "maxsplit"], |call| {
        let separator = call.text_at(0)?;
        let limit = call.integer(1)?.unwrap_or(-1);
        let text = call.input.as_str().ok_or_else(|| wrong("split", "text", &call.input))?;
        split(text, separator.as_deref(), limit, false).map(Value::from)
    }),
    Spec::new("indent", &["width", "first", "blank"], indent),
    Spec::new("center", &["width"], |call| {
        Ok(Value::from(pad(&call.text()?, call.size(0, 80)?, ' ', "center")))
    }),
    Spec::new("format", &["*", "**"], |call| {
        let named: Vec<(Value, Value)> =
            call.keywords.iter().map(|(name, value)| (Value::from(name), value.clone())).collect();
        let named = (!named.is_empty()).then_some(&named[..]);
        percent(&call.text()?, &call.rest, named).map(Value::from)
    }),
    Spec::new("wordwrap", &["width", "break_long_words", "wrapstring", "break_on_hyphens"], wordwrap),
    Spec::new("wordcount", &[], |call| {
        let text = call.text()?;
        Ok(Value::from(
            text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).count(),
        ))
    }),
    Spec::new("truncate", &["length", "killwords", "end", "leeway"], truncate),
    Spec::new(
        "comment",
        &["style", "decoration", "prefix", "prefix_count", "postfix", "postfix_count", "newline"],
        comment,
    ),
    Spec::new("quote", &[], |call| {
        let text = if call.input.is_none() { String::new() } else { call.text()? };
        Ok(Value::from(quote(&text)))
    }),
];

const DEFAULT: &[&str] = &["default_value", "boolean"];

fn default(call: &mut Call) -> Result<Value, Error> {
    let replaced = is_undefined(&call.input) || call.get(1).map_or(Ok(false), truth)? && !truth(&call.input)?;
    if replaced {
        return Ok(call.get(0).cloned().unwrap_or_else(|| Value::from("")));
    }
    python::check(&call.input)?;
    Ok(call.input.clone())
}

fn mandatory(call: &mut Call) -> Result<Value, Error> {
    if is_undefined(&call.input) {
        let message = call.text_at(0)?;
        let reason = python::check(&call.input).err().and_then(|error| error.detail().map(str::to_owned));
        return Err(fail(
            message.or(reason).unwrap_or_else(|| "a mandatory variable is not defined".to_owned()),
        ));
    }
    python::check(&call.input)?;
    Ok(call.input.clone())
}

pub(super) fn wrong(name: &str, wanted: &str, value: &Value) -> Error {
    fail(format!("`{name}` needs {wanted}, not `{}`", type_name(value)))
}

/// Writes the first letter of each word large, as Jinja's filter `title` does.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut start = true;
    for c in text.chars() {
        if start {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        start = c.is_whitespace() || matches!(c, '-' | '(' | '{' | '[' | '<');
    }
    out
}

/// Writes the first letter of each run of letters large, as Python's `str.title` does.
pub(super) fn python_title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphabetic();
    }
    out
}

pub(super) fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect(),
        None => String::new(),
    }
}

pub(super) fn swapcase(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if c.is_uppercase() { c.to_lowercase().collect::<Vec<_>>() } else { c.to_uppercase().collect() }
        })
        .collect()
}

pub(super) fn strip(text: &str, chars: Option<&str>, start: bool, end: bool) -> String {
    let fits = |c: char| chars.map_or(c.is_whitespace(), |chars| chars.contains(c));
    let text = if start { text.trim_start_matches(fits) } else { text };
    if end { text.trim_end_matches(fits) } else { text }.to_owned()
}

/// Splits as Python does: at runs of white space without a separator; a negative limit is none.
pub(super) fn split(
    text: &str,
    separator: Option<&str>,
    limit: i128,
    from_right: bool,
) -> Result<Vec<String>, Error> {
    let most = usize::try_from(limit).ok().map_or(usize::MAX, |limit| limit.saturating_add(1));
    let Some(separator) = separator else { return Ok(split_space(text, most, from_right)) };
    if separator.is_empty() {
        return Err(fail("the separator is empty"));
    }
    if from_right {
        let mut parts: Vec<String> = text.rsplitn(most, separator).map(str::to_owned).collect();
        parts.reverse();
        return Ok(parts);
    }
    Ok(text.splitn(most, separator).map(str::to_owned).collect())
}

fn split_space(text: &str, most: usize, from_right: bool) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = if from_right { text.trim_end() } else { text.trim_start() };
    while !rest.is_empty() {
        if parts.len() + 1 >= most {
            parts.push(rest.to_owned());
            break;
        }
        let cut = if from_right { rest.rfind(char::is_whitespace) } else { rest.find(char::is_whitespace) };
        match cut {
            None => {
                parts.push(rest.to_owned());
                break;
            }
            Some(at) if from_right => {
                let width = rest[at..].chars().next().map_or(1, char::len_utf8);
                parts.push(rest[at + width..].to_owned());
                rest = rest[..at].trim_end();
            }
            Some(at) => {
                parts.push(rest[..at].to_owned());
                rest = rest[at..].trim_start();
            }
        }
    }
    if from_right {
        parts.reverse();
    }
    parts
}

/// Splits at line ends.
pub(super) fn lines(text: &str, keep: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find([
            '\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}',
        ]);
        let Some(at) = end else {
            lines.push(rest.to_owned());
            break;
        };
        let width = if rest[at..].starts_with("\r\n") {
            2
        } else {
            rest[at..].chars().next().map_or(1, char::len_utf8)
        };
        lines.push(rest[..if keep { at + width } else { at }].to_owned());
        rest = &rest[at + width..];
    }
    lines
}

pub(super) fn replace(text: &str, old: &str, new: &str, count: i128) -> Result<String, Error> {
    let found = text.matches(old).count();
    if found.checked_mul(new.len()).is_none_or(|size| size > MAX_SIZE) {
        return Err(fail("the text becomes too large"));
    }
    Ok(match usize::try_from(count) {
        Ok(count) => text.replacen(old, new, count),
        Err(_) => text.replace(old, new),
    })
}

pub(super) fn pad(text: &str, width: usize, fill: char, how: &str) -> String {
    let length = text.chars().count();
    let missing = width.saturating_sub(length);
    let left = match how {
        "ljust" => 0,
        "rjust" => missing,
        // Python puts the odd one to the left when the width is odd.
        _ => missing / 2 + (missing & width & 1),
    };
    let fill = |count| std::iter::repeat_n(fill, count).collect::<String>();
    format!("{}{text}{}", fill(left), fill(missing - left))
}

fn indent(call: &mut Call) -> Result<Value, Error> {
    let prefix = match call.get(0) {
        Some(width) if width.as_str().is_some() => to_text(width)?,
        _ => " ".repeat(call.size(0, 4)?.min(10_000)),
    };
    let (first, blank) = (call.flag(1, false)?, call.flag(2, false)?);
    let text = call.text()?;
    // A line end at the end of the text opens one more, empty line.
    let mut all = lines(&text, false);
    if text.ends_with('\n') || text.is_empty() {
        all.push(String::new());
    }
    let mut out = String::with_capacity(text.len());
    for (index, line) in all.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if (index > 0 || first) && (blank || !line.is_empty()) {
            out.push_str(&prefix);
        }
        out.push_str(line);
    }
    Ok(Value::from(out))
}

fn wordwrap(call: &mut Call) -> Result<Value, Error> {
    let width = call.size(0, 79)?.max(1);
    let break_long = call.flag(1, true)?;
    let joint = call.text_at(2)?.unwrap_or_else(|| "\n".to_owned());
    let mut wrapped = Vec::new();
    for line in lines(&call.text()?, false) {
        let mut current = String::new();
        for word in line.split_whitespace() {
            let mut word = word;
            while break_long && word.chars().count() > width {
                if !current.is_empty() {
                    wrapped.push(std::mem::take(&mut current));
                }
                let cut = word.char_indices().nth(width).map_or(word.len(), |(at, _)| at);
                wrapped.push(word[..cut].to_owned());
                word = &word[cut..];
            }
            if !current.is_empty() && current.chars().count() + 1 + word.chars().count() > width {
                wrapped.push(std::mem::take(&mut current));
            }
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
        wrapped.push(current);
    }
    Ok(Value::from(wrapped.join(&joint)))
}

fn truncate(call: &mut Call) -> Result<Value, Error> {
    let length = call.size(0, 255)?;
    let end = call.text_at(2)?.unwrap_or_else(|| "...".to_owned());
    let leeway = call.size(3, 5)?;
    let text = call.text()?;
    if text.chars().count() <= length + leeway {
        return Ok(Value::from(text));
    }
    let kept: String = text.chars().take(length.saturating_sub(end.chars().count())).collect();
    let kept =
        if call.flag(1, false)? { &kept } else { kept.rsplit_once(' ').map_or(&*kept, |(before, _)| before) };
    Ok(Value::from(format!("{kept}{end}")))
}

fn comment(call: &mut Call) -> Result<Value, Error> {
    let style = call.text_at(0)?.unwrap_or_else(|| "plain".to_owned());
    let (beginning, decoration, end) = match style.as_str() {
        "plain" => ("", "# ", ""),
        "erlang" => ("", "% ", ""),
        "c" => ("", "// ", ""),
        "cblock" => ("/*", " * ", " */"),
        "xml" => ("<!--", " - ", "-->"),
        _ => return Err(fail(format!("`comment` has no style `{style}`"))),
    };
    let decoration = call.text_at(1)?.unwrap_or_else(|| decoration.to_owned());
    let prefix = call.text_at(2)?.unwrap_or_else(|| decoration.trim_end().to_owned());
    let postfix = call.text_at(4)?.unwrap_or_else(|| decoration.trim_end().to_owned());
    let newline = call.text_at(6)?.unwrap_or_else(|| "\n".to_owned());
    let mut out = String::new();
    if !beginning.is_empty() {
        out = format!("{beginning}{newline}");
    }
    for _ in 0..call.size(3, 1)?.min(1000) {
        let _ = write!(out, "{prefix}{newline}");
    }
    let text = call.text()?;
    for line in text.split(&newline) {
        out.push_str(format!("{decoration}{line}").trim_end());
        out.push_str(&newline);
    }
    let after = call.size(5, 1)?.min(1000);
    for index in 0..after {
        out.push_str(&postfix);
        if index + 1 < after {
            out.push_str(&newline);
        }
    }
    if !end.is_empty() {
        let _ = write!(out, "{newline}{end}");
    }
    Ok(Value::from(out))
}

/// Quotes for a POSIX shell.
pub(super) fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}
