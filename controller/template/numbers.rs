//! Filters on numbers and truth values.

use minijinja::Error;
use minijinja::value::{Value, ValueKind};

use super::error::fail;
use super::python::{as_float, as_integer, text, truth, type_name};
use super::registry::{Call, Spec};
use super::texts::wrong;

pub(super) const FILTERS: &[Spec] = &[
    Spec::new("bool", &[], |call| boolean(&call.input)),
    Spec::new("int", &["default", "base"], int),
    Spec::new("float", &["default"], float),
    Spec::new("abs", &[], |call| match (as_integer(&call.input), as_float(&call.input)) {
        (Some(integer), _) => Ok(Value::from(integer.abs())),
        (_, Some(float)) => Ok(Value::from(float.abs())),
        _ => Err(wrong("abs", "a number", &call.input)),
    }),
    Spec::new("round", &["precision", "method"], round),
    Spec::new("log", &["base"], |call| {
        let value = as_float(&call.input).ok_or_else(|| wrong("log", "a number", &call.input))?;
        let result = match call.get(0) {
            Some(base) => value.log(as_float(base).ok_or_else(|| wrong("log", "a number", base))?),
            None => value.ln(),
        };
        if result.is_finite() { Ok(Value::from(result)) } else { Err(fail("there is no such logarithm")) }
    }),
    Spec::new("pow", &["exponent"], |call| power(&call.input, call.need(0)?)),
    Spec::new("root", &["base"], |call| {
        let base = call.get(0).map_or(Some(2.0), as_float).ok_or_else(|| fail("`root` needs a number"))?;
        let value = as_float(&call.input).ok_or_else(|| wrong("root", "a number", &call.input))?;
        let root = if base.total_cmp(&2.0).is_eq() { value.sqrt() } else { value.powf(1.0 / base) };
        if root.is_nan() { Err(fail("there is no such root")) } else { Ok(Value::from(root)) }
    }),
    Spec::new("ternary", &["true_val", "false_val", "none_val"], |call| {
        if let (true, Some(none)) = (call.input.is_none(), call.get(2).filter(|value| !value.is_none())) {
            return Ok(none.clone());
        }
        let index = if truth(&call.input)? { 0 } else { 1 };
        call.need(index).cloned()
    }),
    Spec::new("human_readable", &["isbits", "unit"], human_readable),
    Spec::new("human_to_bytes", &["default_unit", "isbits"], human_to_bytes),
    Spec::new("filesizeformat", &["binary"], |call| {
        let bytes = as_float(&call.input).ok_or_else(|| wrong("filesizeformat", "a number", &call.input))?;
        let binary = call.flag(0, false)?;
        Ok(Value::from(file_size(bytes, binary)))
    }),
];

/// Reads the words that Ansible takes for truth; everything else is false.
fn boolean(value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::None => return Ok(Value::from(false)),
        ValueKind::Bool => return Ok(value.clone()),
        ValueKind::Number => {
            return Ok(Value::from(as_float(value).is_some_and(|float| float.total_cmp(&1.0).is_eq())));
        }
        ValueKind::String => {}
        _ => return Err(wrong("bool", "a truth value", value)),
    }
    let word = value.as_str().unwrap_or_default().to_lowercase();
    Ok(Value::from(matches!(word.as_str(), "yes" | "on" | "1" | "true" | "y" | "t" | "1.0")))
}

fn int(call: &mut Call) -> Result<Value, Error> {
    let default = call.get(0).cloned().unwrap_or_else(|| Value::from(0));
    let base = u32::try_from(call.integer(1)?.unwrap_or(10)).ok().filter(|base| *base <= 36 && *base != 1);
    let base = base.ok_or_else(|| fail("`int` takes a base of 2 to 36"))?;
    if let Some(integer) = as_integer(&call.input) {
        return Ok(Value::from(integer));
    }
    if let Some(float) = as_float(&call.input) {
        return Ok(whole(float).unwrap_or(default));
    }
    let Some(text) = call.input.as_str() else { return Ok(default) };
    Ok(match integer(text, base) {
        Some(integer) => Value::from(integer),
        None => text.trim().parse::<f64>().ok().and_then(whole).unwrap_or(default),
    })
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
fn whole(float: f64) -> Option<Value> {
    (float.abs() < 1e38).then(|| Value::from(float.trunc() as i128))
}

fn integer(text: &str, base: u32) -> Option<i128> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_lowercase();
    let (digits, base) = match (lower.get(..2), base) {
        (Some("0x"), 0 | 16) => (&lower[2..], 16),
        (Some("0b"), 0 | 2) => (&lower[2..], 2),
        (Some("0o"), 0 | 8) => (&lower[2..], 8),
        (_, 0) => (&lower[..], 10),
        _ => (&lower[..], base),
    };
    if digits.starts_with('_')
        || digits.ends_with('_')
        || digits.contains("__")
        || digits.starts_with(['+', '-'])
    {
        return None;
    }
    let value = i128::from_str_radix(&digits.replace('_', ""), base).ok()?;
    Some(if negative { -value } else { value })
}

fn float(call: &mut Call) -> Result<Value, Error> {
    let default = call.get(0).cloned().unwrap_or_else(|| Value::from(0.0));
    if let Some(float) = as_float(&call.input) {
        return Ok(Value::from(float));
    }
    let text = call.input.as_str().unwrap_or("none").trim();
    Ok(text.parse::<f64>().map_or(default, Value::from))
}

#[expect(clippy::cast_precision_loss, reason = "the precision is small")]
fn round(call: &mut Call) -> Result<Value, Error> {
    let value = as_float(&call.input).ok_or_else(|| wrong("round", "a number", &call.input))?;
    let precision = call.integer(0)?.unwrap_or(0).clamp(-300, 300);
    let scale = 10f64.powf(precision as f64);
    let rounded = match call.text_at(1)?.as_deref() {
        None | Some("common") if precision >= 0 => {
            // Formatting rounds the exact value, half to even, as Python does.
            let places = usize::try_from(precision).unwrap_or(0);
            format!("{value:.places$}").parse().unwrap_or(value)
        }
        None | Some("common") => (value * scale).round_ties_even() / scale,
        Some("ceil") => (value * scale).ceil() / scale,
        Some("floor") => (value * scale).floor() / scale,
        Some(other) => return Err(fail(format!("`round` has no method `{other}`"))),
    };
    match as_integer(&call.input) {
        // Python keeps integers as they are when the method is the common one.
        Some(integer) if call.get(1).is_none() && precision >= 0 => Ok(Value::from(integer)),
        Some(_) if call.get(1).is_none() => Ok(whole(rounded).unwrap_or_else(|| Value::from(rounded))),
        _ => Ok(Value::from(rounded)),
    }
}

fn power(left: &Value, right: &Value) -> Result<Value, Error> {
    match (as_float(left), as_float(right)) {
        (Some(left), Some(right)) => Ok(Value::from(left.powf(right))),
        _ => Err(fail(format!("`pow` needs numbers, not `{}` and `{}`", type_name(left), type_name(right)))),
    }
}

const UNITS: &[(&str, f64)] = &[
    ("Y", 1_208_925_819_614_629_174_706_176.0),
    ("Z", 1_180_591_620_717_411_303_424.0),
    ("E", 1_152_921_504_606_846_976.0),
    ("P", 1_125_899_906_842_624.0),
    ("T", 1_099_511_627_776.0),
    ("G", 1_073_741_824.0),
    ("M", 1_048_576.0),
    ("K", 1024.0),
    ("B", 1.0),
];

fn human_readable(call: &mut Call) -> Result<Value, Error> {
    let size = match call.input.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => as_float(&call.input),
    };
    let size = size.ok_or_else(|| fail("`human_readable` needs a number"))?;
    let base = if call.flag(0, false)? { "bits" } else { "Bytes" };
    let wanted = call.text_at(1)?;
    let mut chosen = ("B", 1.0);
    for (unit, limit) in UNITS {
        let fits = match &wanted {
            None => size >= *limit,
            Some(wanted) => wanted.to_uppercase().starts_with(unit),
        };
        if fits {
            chosen = (unit, *limit);
            break;
        }
    }
    let unit = if chosen.0 == "B" { base.to_owned() } else { format!("{}{}", chosen.0, &base[..1]) };
    Ok(Value::from(format!("{:.2} {unit}", size / chosen.1)))
}

#[expect(clippy::cast_possible_truncation, reason = "sizes are far below the limit")]
fn human_to_bytes(call: &mut Call) -> Result<Value, Error> {
    let written = text(&call.input)?;
    let trimmed = written.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let unreadable = || fail(format!("`human_to_bytes` cannot read `{written}`"));
    let number: f64 = trimmed[..digits].parse().map_err(|_| unreadable())?;
    let mut unit = trimmed[digits..].trim().to_owned();
    if unit.is_empty() {
        unit = call.text_at(0)?.unwrap_or_default();
    }
    if unit.is_empty() {
        return Ok(Value::from(number.round() as i64));
    }
    let upper = unit.to_uppercase();
    let (_, factor) = UNITS.iter().find(|(name, _)| upper.starts_with(name)).ok_or_else(unreadable)?;
    let wanted = if call.flag(1, false)? { 'b' } else { 'B' };
    if unit.chars().nth(1).is_some_and(|c| c != wanted && unit.len() == 2) {
        return Err(unreadable());
    }
    Ok(Value::from((number * factor).round() as i64))
}

fn file_size(bytes: f64, binary: bool) -> String {
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    if bytes < base {
        return if bytes.total_cmp(&1.0).is_eq() { "1 Byte".to_owned() } else { format!("{bytes:.0} Bytes") };
    }
    let names = if binary {
        ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
    } else {
        ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
    };
    let mut unit = base;
    for name in names {
        if bytes < unit * base || name.starts_with('Y') {
            return format!("{:.1} {name}", bytes / unit);
        }
        unit *= base;
    }
    format!("{bytes:.0} Bytes")
}
