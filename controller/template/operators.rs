//! The operators of expressions with Python's meaning, as the rewriter puts them into templates.

use minijinja::Error;
use minijinja::value::{Tuple, Value, ValueKind};

use super::error::{fail, fail_with_hint};
use super::python::{
    MAX_SIZE, as_float, as_integer, check, compare, entries, is_list, items, text, truth, type_name,
};
use super::registry::Spec;
use super::value::{Missing, is_omit};
use super::{formats, registry};

pub(super) const OPERATORS: &[Spec] = &[
    Spec::new("op:check", &[], |call| Ok(call.input.clone())),
    Spec::new("op:truth", &[], |call| truth(&call.input).map(Value::from)),
    Spec::new("op:not", &[], |call| truth(&call.input).map(|value| Value::from(!value))),
    Spec::new("op:iter", &[], |call| iterable(&call.input)),
    Spec::lenient("op:attribute", &["name"], |call| attribute(&call.input, call.need(0)?)),
    Spec::lenient("op:item", &["key"], |call| item(&call.input, call.need(0)?)),
    Spec::new("op:neg", &[], |call| negative(&call.input)),
    Spec::new("op:==", &["right"], |call| Ok(Value::from(equal(&call.input, call.need(0)?)))),
    Spec::new("op:!=", &["right"], |call| Ok(Value::from(!equal(&call.input, call.need(0)?)))),
    Spec::new("op:<", &["right"], |call| Ok(Value::from(compare("<", &call.input, call.need(0)?)?.is_lt()))),
    Spec::new("op:<=", &["right"], |call| {
        Ok(Value::from(compare("<=", &call.input, call.need(0)?)?.is_le()))
    }),
    Spec::new("op:>", &["right"], |call| Ok(Value::from(compare(">", &call.input, call.need(0)?)?.is_gt()))),
    Spec::new("op:>=", &["right"], |call| {
        Ok(Value::from(compare(">=", &call.input, call.need(0)?)?.is_ge()))
    }),
    Spec::new("op:in", &["right"], |call| contains(call.need(0)?, &call.input).map(Value::from)),
    Spec::new("op:notin", &["right"], |call| {
        contains(call.need(0)?, &call.input).map(|found| Value::from(!found))
    }),
    Spec::new("op:+", &["right"], |call| add(&call.input, call.need(0)?)),
    Spec::new("op:-", &["right"], |call| arithmetic("-", &call.input, call.need(0)?)),
    Spec::new("op:*", &["right"], |call| multiply(&call.input, call.need(0)?)),
    Spec::new("op:/", &["right"], |call| arithmetic("/", &call.input, call.need(0)?)),
    Spec::new("op://", &["right"], |call| arithmetic("//", &call.input, call.need(0)?)),
    Spec::new("op:%", &["right"], |call| remainder(&call.input, call.need(0)?)),
    Spec::new("op:**", &["right"], |call| power(&call.input, call.need(0)?)),
    Spec::new("op:~", &["right"], |call| {
        let joined = text(&call.input)? + &text(call.need(0)?)?;
        if joined.len() > MAX_SIZE {
            Err(fail("the text becomes too large"))
        } else {
            Ok(Value::from(joined))
        }
    }),
];

/// Makes what a loop goes over: keys of dictionaries, characters of text.
fn iterable(value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => Ok(value.clone()),
        _ => items(value).map(Value::from),
    }
}

/// Compares for equality: numbers by value, lists and dictionaries by content.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    if left.kind() == ValueKind::Plain || right.kind() == ValueKind::Plain {
        return is_omit(left) && is_omit(right);
    }
    left == right
}

/// The methods of dictionaries, which hide entries of their names from `x.name`.
const DICTIONARY: &[&str] = &[
    "clear",
    "copy",
    "fromkeys",
    "get",
    "items",
    "keys",
    "pop",
    "popitem",
    "setdefault",
    "update",
    "values",
];

/// `value.name`: an attribute, else an item.
pub(super) fn attribute(value: &Value, name: &Value) -> Result<Value, Error> {
    if let (ValueKind::Map, Some(name)) = (value.kind(), name.as_str()) {
        let namespace = value.as_object().is_some_and(|object| object.type_name().contains("Namespace"));
        if DICTIONARY.contains(&name) && !namespace {
            return Err(fail_with_hint(
                format!("`{name}` is a method of dictionaries"),
                format!("call it, `.{name}()`, or read the entry with `['{name}']`"),
            ));
        }
    }
    item(value, name)
}

/// `value[key]`: an entry, an item counted from either end, or a character.
pub(super) fn item(value: &Value, key: &Value) -> Result<Value, Error> {
    if value.downcast_object_ref::<Missing>().is_some() {
        return Ok(value.clone());
    }
    check(value)?;
    check(key)?;
    let found = match value.kind() {
        ValueKind::Map | ValueKind::Plain => value.get_item(key)?,
        ValueKind::Seq | ValueKind::Iterable | ValueKind::String => match as_integer(key) {
            Some(index) => {
                let length = match value.as_str() {
                    Some(text) => text.chars().count(),
                    None => super::python::length(value)?,
                };
                let index =
                    if index < 0 { index + i128::try_from(length).unwrap_or(i128::MAX) } else { index };
                match (usize::try_from(index), value.as_str()) {
                    (Err(_), _) => Value::UNDEFINED,
                    (Ok(index), Some(text)) => {
                        text.chars().nth(index).map_or(Value::UNDEFINED, |c| Value::from(c.to_string()))
                    }
                    (Ok(index), None) => value.get_item_by_index(index)?,
                }
            }
            None => Value::UNDEFINED,
        },
        _ => Value::UNDEFINED,
    };
    if !found.is_undefined() {
        return Ok(found);
    }
    let wanted = text(key)?;
    let hint = match value.kind() {
        ValueKind::Map => {
            let keys: Vec<String> = entry_names(value);
            registry::suggest(&wanted, keys.iter().map(String::as_str))
        }
        _ => None,
    };
    let message = match value.kind() {
        ValueKind::Map => format!("the dictionary has no entry `{wanted}`"),
        ValueKind::Seq | ValueKind::Iterable if as_integer(key).is_some() => {
            format!("the list has no item {wanted}")
        }
        _ => format!("`{}` has no attribute `{wanted}`", type_name(value)),
    };
    Ok(Missing::undefined(message, hint))
}

fn entry_names(value: &Value) -> Vec<String> {
    let keys = value.try_iter().into_iter().flatten().take(1000);
    keys.filter_map(|key| key.as_str().map(str::to_owned)).collect()
}

/// `needle in haystack`.
pub(super) fn contains(haystack: &Value, needle: &Value) -> Result<bool, Error> {
    check(haystack)?;
    check(needle)?;
    if let Some(text) = haystack.as_str() {
        return needle
            .as_str()
            .map(|needle| text.contains(needle))
            .ok_or_else(|| fail(format!("`in` looks for text in text, not for `{}`", type_name(needle))));
    }
    match haystack.kind() {
        ValueKind::Map => Ok(entries_has(haystack, needle)),
        ValueKind::Seq | ValueKind::Iterable => Ok(items(haystack)?.iter().any(|item| equal(item, needle))),
        _ => Err(fail(format!("`in` cannot look into `{}`", type_name(haystack)))),
    }
}

fn entries_has(map: &Value, key: &Value) -> bool {
    map.as_object().is_some_and(|object| object.get_value(key).is_some_and(|value| !value.is_undefined()))
}

fn unsupported(operator: &str, left: &Value, right: &Value) -> Error {
    let (left, right) = (type_name(left), type_name(right));
    let error = format!("`{operator}` does not work on `{left}` and `{right}`");
    match (operator, left, right) {
        ("+", "str", "int" | "float") | ("+", "int" | "float", "str") => {
            fail_with_hint(error, "join text with `~`, or convert with the filter `int`")
        }
        (_, "str", "int" | "float") | (_, "int" | "float", "str") => {
            fail_with_hint(error, "convert the text with the filter `int` or `float`")
        }
        _ => fail(error),
    }
}

fn negative(value: &Value) -> Result<Value, Error> {
    match (as_integer(value), as_float(value)) {
        (Some(integer), _) => integer.checked_neg().map(Value::from).ok_or_else(too_large),
        (_, Some(float)) => Ok(Value::from(-float)),
        _ => Err(fail(format!("`-` does not work on `{}`", type_name(value)))),
    }
}

fn too_large() -> Error {
    fail("the number becomes too large")
}

fn add(left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        if left.len() + right.len() > MAX_SIZE {
            return Err(fail("the text becomes too large"));
        }
        return Ok(Value::from(format!("{left}{right}")));
    }
    if is_list(left) && is_list(right) && left.is_tuple() == right.is_tuple() {
        let mut list = items(left)?;
        list.extend(items(right)?);
        return Ok(if left.is_tuple() { Value::from(Tuple::from(list)) } else { Value::from(list) });
    }
    arithmetic("+", left, right)
}

fn multiply(left: &Value, right: &Value) -> Result<Value, Error> {
    for (repeated, count) in [(left, right), (right, left)] {
        let Some(count) = as_integer(count) else { continue };
        let length = match repeated.as_str() {
            Some(text) => text.len(),
            None if is_list(repeated) => super::python::length(repeated)?,
            None => continue,
        };
        let count = usize::try_from(count.max(0)).map_err(|_| too_large())?;
        if length.checked_mul(count).is_none_or(|size| size > MAX_SIZE) {
            return Err(fail("the result of `*` becomes too large"));
        }
        return match repeated.as_str() {
            Some(text) => Ok(Value::from(text.repeat(count))),
            None => Ok(Value::from(vec![items(repeated)?; count].concat())),
        };
    }
    arithmetic("*", left, right)
}

fn arithmetic(operator: &str, left: &Value, right: &Value) -> Result<Value, Error> {
    let by_zero = || fail("division by zero");
    if let (Some(a), Some(b)) = (as_integer(left), as_integer(right)) {
        let result = match operator {
            "+" => a.checked_add(b),
            "-" => a.checked_sub(b),
            "*" => a.checked_mul(b),
            "//" if b == 0 => return Err(by_zero()),
            "//" => a.checked_div(b).map(|quotient| quotient - i128::from(a % b != 0 && (a < 0) != (b < 0))),
            _ => {
                if b == 0 {
                    return Err(by_zero());
                }
                let (Some(a), Some(b)) = (as_float(left), as_float(right)) else { return Err(too_large()) };
                return Ok(Value::from(a / b));
            }
        };
        return result.map(Value::from).ok_or_else(too_large);
    }
    let (Some(a), Some(b)) = (as_float(left), as_float(right)) else {
        return Err(unsupported(operator, left, right));
    };
    Ok(Value::from(match operator {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        _ if b == 0.0 => return Err(by_zero()),
        "//" => (a / b).floor(),
        _ => a / b,
    }))
}

/// `%`: the remainder with the sign of the divisor, or text formatting.
fn remainder(left: &Value, right: &Value) -> Result<Value, Error> {
    if let Some(format) = left.as_str() {
        let args = if right.is_tuple() { items(right)? } else { vec![right.clone()] };
        let mapping = if right.kind() == ValueKind::Map { Some(entries(right)?) } else { None };
        return formats::percent(format, &args, mapping.as_deref()).map(Value::from);
    }
    if let (Some(a), Some(b)) = (as_integer(left), as_integer(right)) {
        let rest = a.checked_rem(b).ok_or_else(|| fail("division by zero"))?;
        return Ok(Value::from(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }));
    }
    let (Some(a), Some(b)) = (as_float(left), as_float(right)) else {
        return Err(unsupported("%", left, right));
    };
    if b == 0.0 {
        return Err(fail("division by zero"));
    }
    let rest = a % b;
    Ok(Value::from(if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }))
}

fn power(left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(a), Some(b)) = (as_integer(left), as_integer(right))
        && let Ok(exponent) = u32::try_from(b)
    {
        return a.checked_pow(exponent).map(Value::from).ok_or_else(too_large);
    }
    match (as_float(left), as_float(right)) {
        (Some(a), Some(b)) => Ok(Value::from(a.powf(b))),
        _ => Err(unsupported("**", left, right)),
    }
}
