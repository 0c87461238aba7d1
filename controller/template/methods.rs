//! The methods of Python's text, lists and dictionaries that playbooks call.

use minijinja::value::{Kwargs, Tuple, Value, ValueKind};
use minijinja::{Error, ErrorKind};

use super::error::fail;
use super::operators::equal;
use super::python::{self, as_integer, check, entries, items, type_name};
use super::{formats, texts};

/// Calls a method.
pub(super) fn call(value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    check(value)?;
    let mut args = args.to_vec();
    let mut keywords = Vec::new();
    if let Some(last) = args.pop_if(|last| last.is_kwargs()) {
        let last = Kwargs::try_from(last)?;
        for keyword in last.args() {
            keywords.push((keyword.to_owned(), last.get::<Value>(keyword)?));
        }
    }
    for arg in args.iter().chain(keywords.iter().map(|(_, value)| value)) {
        check(arg)?;
    }
    let call = Method { name, args, keywords };
    let result = match value.kind() {
        ValueKind::String => text(value.as_str().unwrap_or_default(), &call),
        ValueKind::Map => dictionary(value, &call),
        ValueKind::Seq | ValueKind::Iterable => list(value, &call),
        _ => Ok(None),
    }?;
    result.ok_or_else(|| {
        Error::new(ErrorKind::UnknownMethod, format!("`{}` has no method `{name}`", type_name(value)))
    })
}

struct Method<'a> {
    name: &'a str,
    args: Vec<Value>,
    keywords: Vec<(String, Value)>,
}

impl Method<'_> {
    fn arg(&self, index: usize, keyword: &str) -> Option<&Value> {
        let named = || self.keywords.iter().find(|(name, _)| name == keyword).map(|(_, value)| value);
        self.args.get(index).or_else(named)
    }

    fn need(&self, index: usize) -> Result<&Value, Error> {
        self.args.get(index).ok_or_else(|| fail(format!("`{}()` needs an argument more", self.name)))
    }

    fn text(&self, index: usize) -> Result<&str, Error> {
        let value = self.need(index)?;
        value
            .as_str()
            .ok_or_else(|| fail(format!("`{}()` needs text, not `{}`", self.name, type_name(value))))
    }

    fn optional_text(&self, index: usize, keyword: &str) -> Result<Option<&str>, Error> {
        match self.arg(index, keyword).filter(|value| !value.is_none()) {
            None => Ok(None),
            Some(value) => value
                .as_str()
                .map(Some)
                .ok_or_else(|| fail(format!("`{}()` needs text, not `{}`", self.name, type_name(value)))),
        }
    }

    fn integer(&self, index: usize, keyword: &str) -> Result<Option<i128>, Error> {
        match self.arg(index, keyword) {
            None => Ok(None),
            Some(value) => as_integer(value).map(Some).ok_or_else(|| {
                fail(format!("`{}()` needs an integer, not `{}`", self.name, type_name(value)))
            }),
        }
    }

    fn size(&self, index: usize) -> Result<usize, Error> {
        let size = self.integer(index, "width")?.unwrap_or(0).max(0);
        usize::try_from(size)
            .ok()
            .filter(|size| *size <= python::MAX_SIZE)
            .ok_or_else(|| fail(format!("`{}()`: `{size}` is too large", self.name)))
    }

    /// Tells whether one of the texts of the argument (one, or several in a tuple or list) fits.
    fn any(&self, fits: impl Fn(&str) -> bool) -> Result<bool, Error> {
        let wanted = self.need(0)?;
        let wanted = if wanted.as_str().is_some() { vec![wanted.clone()] } else { items(wanted)? };
        Ok(wanted.iter().any(|text| text.as_str().is_some_and(&fits)))
    }
}

fn text(text: &str, call: &Method<'_>) -> Result<Option<Value>, Error> {
    let all = |test: fn(char) -> bool| Value::from(!text.is_empty() && text.chars().all(test));
    Ok(Some(match call.name {
        "lower" => Value::from(text.to_lowercase()),
        "upper" => Value::from(text.to_uppercase()),
        "title" => Value::from(texts::python_title(text)),
        "capitalize" => Value::from(texts::capitalize(text)),
        "swapcase" => Value::from(texts::swapcase(text)),
        "casefold" => Value::from(text.to_lowercase()),
        "strip" | "lstrip" | "rstrip" => {
            let chars = call.optional_text(0, "chars")?;
            let (start, end) = (call.name != "rstrip", call.name != "lstrip");
            Value::from(texts::strip(text, chars, start, end))
        }
        "split" | "rsplit" => {
            let separator = call.optional_text(0, "sep")?;
            let limit = call.integer(1, "maxsplit")?.unwrap_or(-1);
            Value::from(texts::split(text, separator, limit, call.name == "rsplit")?)
        }
        "splitlines" => {
            let keep = call.arg(0, "keepends").is_some_and(Value::is_true);
            Value::from(texts::lines(text, keep))
        }
        "partition" | "rpartition" => {
            let separator = call.text(0)?;
            let found = if call.name == "partition" { text.find(separator) } else { text.rfind(separator) };
            let parts = match found {
                Some(at) => [&text[..at], separator, &text[at + separator.len()..]],
                None if call.name == "partition" => [text, "", ""],
                None => ["", "", text],
            };
            Value::from(Tuple::from(parts.map(Value::from)))
        }
        "startswith" => Value::from(call.any(|start| text.starts_with(start))?),
        "endswith" => Value::from(call.any(|end| text.ends_with(end))?),
        "removeprefix" => Value::from(text.strip_prefix(call.text(0)?).unwrap_or(text)),
        "removesuffix" => Value::from(text.strip_suffix(call.text(0)?).unwrap_or(text)),
        "find" | "rfind" | "index" | "rindex" => {
            let wanted = call.text(0)?;
            let found = if call.name.starts_with('r') { text.rfind(wanted) } else { text.find(wanted) };
            match found {
                Some(at) => Value::from(text[..at].chars().count()),
                None if call.name.ends_with("find") => Value::from(-1),
                None => return Err(fail(format!("`{wanted}` is not in the text"))),
            }
        }
        "count" => Value::from(match call.text(0)? {
            "" => text.chars().count() + 1,
            wanted => text.matches(wanted).count(),
        }),
        "replace" => {
            let count = call.integer(2, "count")?.unwrap_or(-1);
            Value::from(texts::replace(text, call.text(0)?, call.text(1)?, count)?)
        }
        "join" => {
            let parts = items(call.need(0)?)?;
            let parts: Result<Vec<&str>, Error> = parts
                .iter()
                .map(|part| {
                    let wrong = || fail(format!("`join()` joins text, not `{}`", type_name(part)));
                    part.as_str().ok_or_else(wrong)
                })
                .collect();
            Value::from(parts?.join(text))
        }
        "format" => Value::from(formats::braces(text, &call.args, &call.keywords)?),
        "zfill" => {
            let width = call.size(0)?;
            let (sign, digits) = match text.strip_prefix(['-', '+']) {
                Some(digits) => (&text[..1], digits),
                None => ("", text),
            };
            let missing = width.saturating_sub(text.chars().count());
            Value::from(format!("{sign}{}{digits}", "0".repeat(missing)))
        }
        "ljust" | "rjust" | "center" => {
            let fill = call.optional_text(1, "fillchar")?.unwrap_or(" ").chars().next().unwrap_or(' ');
            Value::from(texts::pad(text, call.size(0)?, fill, call.name))
        }
        "expandtabs" => {
            let size = call.integer(0, "tabsize")?.unwrap_or(8).max(0);
            let size = usize::try_from(size).ok().filter(|size| *size <= 1000);
            Value::from(expand_tabs(text, size.ok_or_else(|| fail("`expandtabs()` takes up to 1000"))?))
        }
        "isdigit" | "isdecimal" | "isnumeric" => all(char::is_numeric),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isspace" => all(char::is_whitespace),
        "isupper" => {
            Value::from(text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase))
        }
        "islower" => {
            Value::from(text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase))
        }
        _ => return Ok(None),
    }))
}

/// Blanks up to the next multiple of `size` for each tab; as in Python a line begins at column 0, and no size means no blanks.
fn expand_tabs(text: &str, size: usize) -> String {
    let (mut expanded, mut column) = (String::with_capacity(text.len()), 0_usize);
    for character in text.chars() {
        match character {
            '\t' => {
                let blanks = size - column.checked_rem(size).unwrap_or(0);
                expanded.extend(std::iter::repeat_n(' ', blanks));
                column += blanks;
            }
            '\n' | '\r' => {
                expanded.push(character);
                column = 0;
            }
            other => {
                expanded.push(other);
                column += 1;
            }
        }
    }
    expanded
}

fn dictionary(value: &Value, call: &Method<'_>) -> Result<Option<Value>, Error> {
    Ok(Some(match call.name {
        "items" => {
            let pairs = entries(value)?.into_iter();
            Value::from(pairs.map(|(key, value)| Value::from(Tuple::from([key, value]))).collect::<Vec<_>>())
        }
        "keys" => Value::from(items(value)?),
        "values" => Value::from(entries(value)?.into_iter().map(|(_, value)| value).collect::<Vec<_>>()),
        "get" => {
            let found = value.get_item(call.need(0)?)?;
            if found.is_undefined() {
                call.arg(1, "default").cloned().unwrap_or(Value::from(()))
            } else {
                found
            }
        }
        "copy" => value.clone(),
        "update" | "pop" | "popitem" | "setdefault" | "clear" => return Err(changing(call.name, "combine")),
        _ => return Ok(None),
    }))
}

fn list(value: &Value, call: &Method<'_>) -> Result<Option<Value>, Error> {
    Ok(Some(match call.name {
        "index" => {
            let wanted = call.need(0)?;
            let found = items(value)?.iter().position(|item| equal(item, wanted));
            Value::from(found.ok_or_else(|| fail("`index()`: the value is not in the list"))?)
        }
        "count" => {
            let wanted = call.need(0)?;
            Value::from(items(value)?.iter().filter(|item| equal(item, wanted)).count())
        }
        "copy" => value.clone(),
        "append" | "extend" | "insert" | "remove" | "pop" | "clear" | "sort" | "reverse" => {
            return Err(changing(call.name, "+"));
        }
        _ => return Ok(None),
    }))
}

fn changing(name: &str, instead: &str) -> Error {
    super::error::fail_with_hint(
        format!("`{name}()` changes a value in place, which is not supported"),
        format!("make a new value with `{instead}` and `{{% set %}}`"),
    )
}
