//! What Python does with values where playbooks can see it: text, truth, order, type names.

use std::cmp::Ordering;
use std::fmt::Write as _;

use minijinja::Error;
use minijinja::value::{ObjectRepr, Value, ValueKind};

use super::error::fail;
use super::value::{Missing, Omit};

/// The most characters or items that one operation may make.
pub(super) const MAX_SIZE: usize = 64 * 1024 * 1024;

/// Names the type as Python does.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined | ValueKind::Invalid => "Undefined",
        ValueKind::None => "NoneType",
        ValueKind::Bool => "bool",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::String => "str",
        ValueKind::Bytes => "bytes",
        ValueKind::Map => "dict",
        ValueKind::Seq | ValueKind::Iterable if value.is_tuple() => "tuple",
        ValueKind::Seq | ValueKind::Iterable => "list",
        _ if value.downcast_object_ref::<Missing>().is_some() => "Undefined",
        _ => "object",
    }
}

/// Fails for values that must not be used: undefined ones and ones that hold an error.
pub(super) fn check(value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Invalid => Err(fail("a value could not be computed")),
        ValueKind::Undefined => Err(fail("an expression without a value is used (an `if` without `else`)")),
        ValueKind::Plain => match value.downcast_object_ref::<Missing>() {
            Some(missing) => Err(missing.error()),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Converts to a 64-bit or wider integer, booleans included.
pub(super) fn as_integer(value: &Value) -> Option<i128> {
    match value.kind() {
        ValueKind::Bool => Some(i128::from(value.is_true())),
        ValueKind::Number if value.is_integer() => i128::try_from(value.clone()).ok(),
        _ => None,
    }
}

/// Converts a number (booleans included) to a float.
pub(super) fn as_float(value: &Value) -> Option<f64> {
    match value.kind() {
        ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        ValueKind::Number => match as_integer(value) {
            #[expect(clippy::cast_precision_loss, reason = "Python rounds here too")]
            Some(integer) => Some(integer as f64),
            None => f64::try_from(value.clone()).ok(),
        },
        _ => None,
    }
}

/// Lists what iterating over the value gives: items, keys or characters.
pub(super) fn items(value: &Value) -> Result<Vec<Value>, Error> {
    check(value)?;
    if let Some(text) = value.as_str() {
        let mut buffer = [0; 4];
        return Ok(text.chars().map(|c| Value::from(&*c.encode_utf8(&mut buffer))).collect());
    }
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
            let mut items = Vec::new();
            for item in value.try_iter()? {
                if item.kind() == ValueKind::Invalid {
                    check(&item)?;
                }
                items.push(item);
                if items.len() > MAX_SIZE {
                    return Err(fail("too many items"));
                }
            }
            Ok(items)
        }
        _ => Err(fail(format!("`{}` cannot be iterated over", type_name(value)))),
    }
}

/// Lists the entries of a mapping.
pub(super) fn entries(value: &Value) -> Result<Vec<(Value, Value)>, Error> {
    check(value)?;
    let object = value
        .as_object()
        .filter(|object| object.repr() == ObjectRepr::Map)
        .ok_or_else(|| fail(format!("a dictionary is needed here, not `{}`", type_name(value))))?;
    let mut entries = Vec::new();
    for (key, value) in object.try_iter_pairs().into_iter().flatten() {
        if value.kind() == ValueKind::Invalid {
            check(&value)?;
        }
        entries.push((key, value));
    }
    Ok(entries)
}

/// Counts characters, items or entries.
pub(super) fn length(value: &Value) -> Result<usize, Error> {
    check(value)?;
    match value.len() {
        Some(length) => Ok(length),
        None if value.kind() == ValueKind::Iterable => items(value).map(|items| items.len()),
        None => Err(fail(format!("`{}` has no length", type_name(value)))),
    }
}

/// Decides whether the value counts as true.
pub(super) fn truth(value: &Value) -> Result<bool, Error> {
    check(value)?;
    Ok(match value.kind() {
        ValueKind::Iterable if value.len().is_none() => !items(value)?.is_empty(),
        _ => value.is_true(),
    })
}

/// Compares two values for order; only values of like types have one.
pub(super) fn compare(operator: &str, left: &Value, right: &Value) -> Result<Ordering, Error> {
    check(left)?;
    check(right)?;
    let unordered =
        || fail(format!("`{operator}` cannot compare `{}` with `{}`", type_name(left), type_name(right)));
    if let (Some(left), Some(right)) = (as_integer(left), as_integer(right)) {
        return Ok(left.cmp(&right));
    }
    if let (Some(left), Some(right)) = (as_float(left), as_float(right)) {
        return left.partial_cmp(&right).ok_or_else(unordered);
    }
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        return Ok(left.cmp(right));
    }
    if is_list(left) && is_list(right) && left.is_tuple() == right.is_tuple() {
        let (left, right) = (items(left)?, items(right)?);
        for (left, right) in left.iter().zip(&right) {
            if left != right {
                return compare(operator, left, right);
            }
        }
        return Ok(left.len().cmp(&right.len()));
    }
    Err(unordered())
}

/// Tells lists and tuples from everything else.
pub(super) fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

/// Writes the value as Python's `str` does.
pub(super) fn text(value: &Value) -> Result<String, Error> {
    written(value, true)
}

/// Writes the value as `{{ }}` does: like `str`, with tuples as lists.
pub(super) fn emitted(value: &Value) -> Result<String, Error> {
    written(value, false)
}

fn written(value: &Value, tuples: bool) -> Result<String, Error> {
    check(value)?;
    if let Some(text) = value.as_str() {
        return Ok(text.to_owned());
    }
    let mut out = String::new();
    repr(value, &mut out, tuples, 0)?;
    Ok(out)
}

/// Writes the value as Python's `repr` does.
pub(super) fn repr(value: &Value, out: &mut String, tuples: bool, depth: usize) -> Result<(), Error> {
    check(value)?;
    if depth > 100 {
        return Err(fail("a value is nested too deeply"));
    }
    if out.len() > MAX_SIZE {
        return Err(fail("the text becomes too large"));
    }
    match value.kind() {
        ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number => match as_integer(value) {
            Some(integer) => {
                let _ = write!(out, "{integer}");
            }
            None => out.push_str(&float(f64::try_from(value.clone())?)),
        },
        ValueKind::String => quoted(value.as_str().unwrap_or_default(), out),
        ValueKind::Seq | ValueKind::Iterable => {
            let tuple = tuples && value.is_tuple();
            let (open, close) = if tuple { ('(', ')') } else { ('[', ']') };
            out.push(open);
            let items = items(value)?;
            let mut first = true;
            for item in items.iter().filter(|item| item.downcast_object_ref::<Omit>().is_none()) {
                if !first {
                    out.push_str(", ");
                }
                first = false;
                repr(item, out, tuples, depth + 1)?;
            }
            if tuple && items.len() == 1 {
                out.push(',');
            }
            out.push(close);
        }
        ValueKind::Map => {
            out.push('{');
            let mut first = true;
            for (key, value) in entries(value)? {
                if value.downcast_object_ref::<Omit>().is_some() {
                    continue;
                }
                if !first {
                    out.push_str(", ");
                }
                first = false;
                repr(&key, out, tuples, depth + 1)?;
                out.push_str(": ");
                repr(&value, out, tuples, depth + 1)?;
            }
            out.push('}');
        }
        _ => {
            let _ = write!(out, "{value}");
        }
    }
    Ok(())
}

/// Writes a float as Python does: the shortest digits that read back, with `.0` or an exponent.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{value}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

fn quoted(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if unprintable(c) => {
                let code = u32::from(c);
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
            c => out.push(c),
        }
    }
    out.push(quote);
}

fn unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{a0}' | '\u{ad}' | '\u{1680}' | '\u{180e}' | '\u{2000}'..='\u{200f}')
        || matches!(c, '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{3000}' | '\u{feff}')
        || matches!(c, '\u{fff0}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
}
