//! The tests: what may stand behind `is`.

use std::cmp::Ordering;

use minijinja::Error;
use minijinja::value::{Value, ValueKind};

use super::error::fail;
use super::operators::{contains, equal};
use super::python::{as_integer, check, compare, is_list, items, text, truth, type_name};
use super::regexes;
use super::registry::{self, Call, Spec};
use super::value::is_undefined;

pub(super) const TESTS: &[Spec] = &[
    Spec::lenient("defined", &[], |call| defined(call, true)),
    Spec::lenient("undefined", &[], |call| defined(call, false)),
    Spec::new("none", &[], |call| Ok(Value::from(call.input.is_none()))),
    Spec::new("boolean", &[], |call| Ok(Value::from(call.input.kind() == ValueKind::Bool))),
    Spec::new("true", &[], |call| {
        Ok(Value::from(call.input.kind() == ValueKind::Bool && call.input.is_true()))
    }),
    Spec::new("false", &[], |call| {
        Ok(Value::from(call.input.kind() == ValueKind::Bool && !call.input.is_true()))
    }),
    Spec::new("string", &[], |call| Ok(Value::from(call.input.kind() == ValueKind::String))),
    Spec::new("number", &[], |call| {
        Ok(Value::from(matches!(call.input.kind(), ValueKind::Number | ValueKind::Bool)))
    }),
    Spec::new("integer", &[], |call| Ok(Value::from(type_name(&call.input) == "int"))),
    Spec::new("float", &[], |call| Ok(Value::from(type_name(&call.input) == "float"))),
    Spec::new("mapping", &[], |call| Ok(Value::from(call.input.kind() == ValueKind::Map))),
    Spec::new("sequence", &[], |call| Ok(Value::from(is_iterable(&call.input)))),
    Spec::new("iterable", &[], |call| Ok(Value::from(is_iterable(&call.input)))),
    Spec::new("lower", &[], |call| letters(call, char::is_lowercase, char::is_uppercase)),
    Spec::new("upper", &[], |call| letters(call, char::is_uppercase, char::is_lowercase)),
    Spec::new("in", ONE, |call| contains(call.need(0)?, &call.input).map(Value::from)),
    Spec::new("contains", ONE, |call| contains(&call.input, call.need(0)?).map(Value::from)),
    Spec::new("eq", ONE, |call| Ok(Value::from(equal(&call.input, call.need(0)?)))),
    Spec::new("==", ONE, |call| Ok(Value::from(equal(&call.input, call.need(0)?)))),
    Spec::new("equalto", ONE, |call| Ok(Value::from(equal(&call.input, call.need(0)?)))),
    Spec::new("sameas", ONE, |call| {
        let other = call.need(0)?;
        Ok(Value::from(type_name(&call.input) == type_name(other) && equal(&call.input, other)))
    }),
    Spec::new("ne", ONE, |call| Ok(Value::from(!equal(&call.input, call.need(0)?)))),
    Spec::new("!=", ONE, |call| Ok(Value::from(!equal(&call.input, call.need(0)?)))),
    Spec::new("lt", ONE, |call| order(call, Ordering::is_lt)),
    Spec::new("<", ONE, |call| order(call, Ordering::is_lt)),
    Spec::new("lessthan", ONE, |call| order(call, Ordering::is_lt)),
    Spec::new("le", ONE, |call| order(call, Ordering::is_le)),
    Spec::new("<=", ONE, |call| order(call, Ordering::is_le)),
    Spec::new("gt", ONE, |call| order(call, Ordering::is_gt)),
    Spec::new(">", ONE, |call| order(call, Ordering::is_gt)),
    Spec::new("greaterthan", ONE, |call| order(call, Ordering::is_gt)),
    Spec::new("ge", ONE, |call| order(call, Ordering::is_ge)),
    Spec::new(">=", ONE, |call| order(call, Ordering::is_ge)),
    Spec::new("even", &[], |call| divisible(&call.input, 2)),
    Spec::new("odd", &[], |call| divisible(&call.input, 2).map(|even| Value::from(!even.is_true()))),
    Spec::new("divisibleby", ONE, |call| {
        let by = call.integer(0)?.unwrap_or(0);
        divisible(&call.input, by)
    }),
    Spec::new("truthy", &["convert_bool"], |call| truthy(call, true)),
    Spec::new("falsy", &["convert_bool"], |call| truthy(call, false)),
    Spec::new("any", &[], |call| {
        call.items()?.iter().try_fold(false, |found, item| Ok(found || truth(item)?)).map(Value::from)
    }),
    Spec::new("all", &[], |call| {
        call.items()?.iter().try_fold(true, |all, item| Ok(all && truth(item)?)).map(Value::from)
    }),
    Spec::new("subset", ONE, |call| within(&call.input, call.need(0)?)),
    Spec::new("issubset", ONE, |call| within(&call.input, call.need(0)?)),
    Spec::new("superset", ONE, |call| within(call.need(0)?, &call.input)),
    Spec::new("issuperset", ONE, |call| within(call.need(0)?, &call.input)),
    Spec::new("nan", &[], |call| Ok(Value::from(f64::try_from(call.input.clone()).is_ok_and(f64::is_nan)))),
    Spec::new("match", PATTERN, |call| regexes::fits(call, "match").map(Value::from)),
    Spec::new("search", PATTERN, |call| regexes::fits(call, "search").map(Value::from)),
    Spec::new("regex", &["pattern", "ignorecase", "multiline", "match_type"], |call| {
        let method = call.text_at(3)?.unwrap_or_else(|| "search".to_owned());
        regexes::fits(call, &method).map(Value::from)
    }),
    Spec::new("abs", &[], |call| Ok(Value::from(call.text()?.starts_with('/')))),
    Spec::new("is_abs", &[], |call| Ok(Value::from(call.text()?.starts_with('/')))),
    Spec::new("uri", &["schemes"], |call| uri(call, true)),
    Spec::new("url", &["schemes"], |call| uri(call, false)),
    Spec::new("version", VERSION, |call| version(call).map(Value::from)),
    Spec::new("version_compare", VERSION, |call| version(call).map(Value::from)),
    Spec::new("filter", &[], |call| Ok(Value::from(registry::filter_name(&call.text()?).is_ok()))),
    Spec::new("test", &[], |call| Ok(Value::from(registry::test_name(&call.text()?).is_ok()))),
    Spec::new("failed", &[], |call| result(call, &["failed"])),
    Spec::new("failure", &[], |call| result(call, &["failed"])),
    Spec::new("success", &[], |call| result(call, &["failed"]).map(|failed| Value::from(!failed.is_true()))),
    Spec::new("succeeded", &[], |call| {
        result(call, &["failed"]).map(|failed| Value::from(!failed.is_true()))
    }),
    Spec::new("successful", &[], |call| {
        result(call, &["failed"]).map(|failed| Value::from(!failed.is_true()))
    }),
    Spec::new("changed", &[], changed),
    Spec::new("change", &[], changed),
    Spec::new("skipped", &[], |call| result(call, &["skipped"])),
    Spec::new("skip", &[], |call| result(call, &["skipped"])),
    Spec::new("unreachable", &[], |call| result(call, &["unreachable"])),
    Spec::new("reachable", &[], |call| {
        result(call, &["unreachable"]).map(|lost| Value::from(!lost.is_true()))
    }),
    Spec::new("timedout", &[], |call| result(call, &["timedout"])),
    Spec::new("started", &[], |call| result(call, &["started"])),
    Spec::new("finished", &[], |call| result(call, &["finished"])),
];

const ONE: &[&str] = &["other"];
const PATTERN: &[&str] = &["pattern", "ignorecase", "multiline"];
const VERSION: &[&str] = &["version", "operator", "strict", "version_type"];

fn defined(call: &mut Call, wanted: bool) -> Result<Value, Error> {
    let undefined = is_undefined(&call.input);
    if !undefined {
        check(&call.input)?;
    }
    Ok(Value::from(undefined != wanted))
}

fn is_iterable(value: &Value) -> bool {
    is_list(value) || matches!(value.kind(), ValueKind::Map | ValueKind::String)
}

fn letters(call: &mut Call, has: fn(char) -> bool, has_not: fn(char) -> bool) -> Result<Value, Error> {
    let text = call.text()?;
    Ok(Value::from(text.chars().any(has) && !text.chars().any(has_not)))
}

fn order(call: &mut Call, holds: fn(Ordering) -> bool) -> Result<Value, Error> {
    compare(call.name, &call.input, call.need(0)?).map(|ordering| Value::from(holds(ordering)))
}

fn divisible(value: &Value, by: i128) -> Result<Value, Error> {
    let number =
        as_integer(value).ok_or_else(|| fail(format!("an integer is needed, not `{}`", type_name(value))))?;
    number.checked_rem(by).map(|rest| Value::from(rest == 0)).ok_or_else(|| fail("division by zero"))
}

fn truthy(call: &mut Call, wanted: bool) -> Result<Value, Error> {
    let mut value = call.input.clone();
    if call.flag(0, false)?
        && let Some(word) = value.as_str()
    {
        match word.to_lowercase().as_str() {
            "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => value = Value::from(true),
            "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => value = Value::from(false),
            _ => {}
        }
    }
    Ok(Value::from(truth(&value)? == wanted))
}

fn within(small: &Value, large: &Value) -> Result<Value, Error> {
    let large = items(large)?;
    Ok(Value::from(items(small)?.iter().all(|item| large.iter().any(|other| equal(item, other)))))
}

fn uri(call: &mut Call, any: bool) -> Result<Value, Error> {
    let text = call.text()?;
    let scheme = text.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    // Ansible takes any text for a URI; only the schemes that it is asked for narrow that.
    if any && call.get(0).is_none() {
        return Ok(Value::from(true));
    }
    let Some(scheme) = scheme else { return Ok(Value::from(false)) };
    if let Some(schemes) = call.get(0) {
        let wanted = items(schemes)?;
        if !wanted.iter().any(|wanted| wanted.as_str() == Some(scheme)) {
            return Ok(Value::from(false));
        }
    }
    let rest = &text[scheme.len() + 1..];
    let host = rest.strip_prefix("//").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    Ok(Value::from(any || host))
}

/// Reads a flag of a task's result.
fn result(call: &mut Call, names: &[&str]) -> Result<Value, Error> {
    if call.input.kind() != ValueKind::Map {
        return Err(fail(format!(
            "`{}` looks at the result of a task, not at `{}`",
            call.name,
            type_name(&call.input)
        )));
    }
    for name in names {
        let flag = call.input.get_attr(name)?;
        if !flag.is_undefined() && truth(&flag)? {
            return Ok(Value::from(true));
        }
    }
    Ok(Value::from(false))
}

/// A result of a loop is changed too if one of its items is.
fn changed(call: &mut Call) -> Result<Value, Error> {
    let own = result(call, &["changed"])?;
    if !call.input.get_attr("changed")?.is_undefined() {
        return Ok(own);
    }
    let results = call.input.get_attr("results")?;
    if !is_list(&results) {
        return Ok(own);
    }
    for item in items(&results)? {
        if item.kind() == ValueKind::Map && truth(&item.get_attr("changed")?).unwrap_or(false) {
            return Ok(Value::from(true));
        }
    }
    Ok(own)
}

fn version(call: &mut Call) -> Result<bool, Error> {
    let left = call.text()?;
    let right = text(call.need(0)?)?;
    let operator = call.text_at(1)?.unwrap_or_else(|| "eq".to_owned());
    let kind = call.text_at(3)?;
    let strict = call.get(2).filter(|strict| !strict.is_none()).map(truth).transpose()?.unwrap_or(false);
    if left.is_empty() || right.is_empty() {
        return Err(fail("`version` needs two versions, and one is empty"));
    }
    let ordering = match (strict, kind.as_deref()) {
        (false, None | Some("loose")) => loose(&left, &right)?,
        (true, None) | (false, Some("strict")) => dotted(&left, 2..=3)?.cmp_with(&dotted(&right, 2..=3)?),
        (false, Some("semver" | "semantic")) => dotted(&left, 3..=3)?.cmp_with(&dotted(&right, 3..=3)?),
        (false, Some("pep440")) => {
            return Err(fail("`version` does not compare by `pep440`"));
        }
        (_, Some(other)) => return Err(fail(format!("`version` does not know the version type `{other}`"))),
    };
    Ok(match operator.as_str() {
        "==" | "=" | "eq" => ordering.is_eq(),
        "!=" | "<>" | "ne" => ordering.is_ne(),
        "<" | "lt" => ordering.is_lt(),
        "<=" | "le" => ordering.is_le(),
        ">" | "gt" => ordering.is_gt(),
        ">=" | "ge" => ordering.is_ge(),
        other => return Err(fail(format!("`version` does not know the operator `{other}`"))),
    })
}

/// A part of a loose version: Python compares numbers with numbers and text with text only.
#[derive(Debug, Eq, PartialEq)]
enum Part {
    Number(u128),
    Text(String),
}

fn parts(version: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = version;
    while let Some(first) = rest.chars().next() {
        let kind = |c: char| {
            if c.is_ascii_digit() {
                0
            } else if c.is_ascii_lowercase() {
                1
            } else {
                2
            }
        };
        let end = rest.find(|c: char| c == '.' || kind(c) != kind(first)).unwrap_or(rest.len());
        if first == '.' {
            rest = &rest[1..];
            continue;
        }
        let (part, after) = rest.split_at(end);
        parts.push(part.parse().map_or_else(|_| Part::Text(part.to_owned()), Part::Number));
        rest = after;
    }
    parts
}

fn loose(left: &str, right: &str) -> Result<Ordering, Error> {
    let (left_parts, right_parts) = (parts(left), parts(right));
    for pair in left_parts.iter().zip(&right_parts) {
        let ordering = match pair {
            (Part::Number(left), Part::Number(right)) => left.cmp(right),
            (Part::Text(left), Part::Text(right)) => left.cmp(right),
            _ => return Err(fail(format!("the versions `{left}` and `{right}` cannot be compared"))),
        };
        if ordering.is_ne() {
            return Ok(ordering);
        }
    }
    Ok(left_parts.len().cmp(&right_parts.len()))
}

/// A version of numbers with an optional release candidate mark.
struct Dotted {
    numbers: Vec<u64>,
    pre: Option<Vec<Part>>,
}

impl Dotted {
    fn cmp_with(&self, other: &Self) -> Ordering {
        let length = self.numbers.len().max(other.numbers.len());
        let number = |version: &Self, index: usize| version.numbers.get(index).copied().unwrap_or(0);
        let numbers = (0..length).map(|index| number(self, index).cmp(&number(other, index)));
        let numbers = numbers.fold(Ordering::Equal, Ordering::then);
        numbers.then_with(|| match (&self.pre, &other.pre) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(left), Some(right)) => {
                let pairs = left.iter().zip(right).map(|pair| match pair {
                    (Part::Number(left), Part::Number(right)) => left.cmp(right),
                    (Part::Text(left), Part::Text(right)) => left.cmp(right),
                    (Part::Number(_), Part::Text(_)) => Ordering::Less,
                    (Part::Text(_), Part::Number(_)) => Ordering::Greater,
                });
                pairs.fold(Ordering::Equal, Ordering::then).then(left.len().cmp(&right.len()))
            }
        })
    }
}

fn dotted(version: &str, lengths: std::ops::RangeInclusive<usize>) -> Result<Dotted, Error> {
    let wrong = || fail(format!("`{version}` is not a version of this type"));
    let plain = version.split_once('+').map_or(version, |(plain, _)| plain);
    let end = plain.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(plain.len());
    let (numbers, rest) = plain.split_at(end);
    let numbers: Result<Vec<u64>, _> = numbers.trim_end_matches('.').split('.').map(str::parse).collect();
    let numbers = numbers.map_err(|_| wrong())?;
    if !lengths.contains(&numbers.len()) {
        return Err(wrong());
    }
    let rest = rest.trim_start_matches(['-', '.', '_']);
    let pre = (!rest.is_empty()).then(|| parts(&rest.replace('-', ".").to_lowercase()));
    Ok(Dotted { numbers, pre })
}
