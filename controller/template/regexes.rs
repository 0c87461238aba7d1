//! Regular expressions as Python's `re` has them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use fancy_regex::{Captures, Regex, RegexBuilder};
use minijinja::Error;
use minijinja::value::Value;

use super::error::{fail, fail_with_hint};
use super::python::{MAX_SIZE, text, truth};
use super::registry::{Call, Spec};

pub(super) const FILTERS: &[Spec] = &[
    Spec::new(
        "regex_replace",
        &["pattern", "replacement", "ignorecase", "multiline", "count", "mandatory_count"],
        |call| {
            let pattern = call.text_at(0)?.unwrap_or_default();
            let replacement = call.text_at(1)?.unwrap_or_default();
            let regex = compile(&pattern, call.flag(2, false)?, call.flag(3, false)?)?;
            let count = usize::try_from(call.integer(4)?.unwrap_or(0)).unwrap_or(0);
            let subject = call.text()?;
            let (replaced, made) = replace(&regex, &subject, &replacement, count)?;
            let least = usize::try_from(call.integer(5)?.unwrap_or(0)).unwrap_or(0);
            if made < least {
                return Err(fail(format!("`regex_replace` needs {least} matches and found {made}")));
            }
            Ok(Value::from(replaced))
        },
    ),
    Spec::new("regex_search", &["*", "**"], search),
    Spec::new("regex_findall", &["regex", "multiline", "ignorecase"], findall),
    Spec::new("regex_escape", &["re_type"], |call| {
        let subject = call.text()?;
        match call.text_at(0)?.as_deref() {
            None | Some("python") => Ok(Value::from(escape(&subject))),
            Some("posix_basic") => {
                let escaped = subject.chars().flat_map(|c| {
                    let special = "].[^$*\\".contains(c);
                    special.then_some('\\').into_iter().chain([c])
                });
                Ok(Value::from(escaped.collect::<String>()))
            }
            Some(other) => Err(fail(format!("`regex_escape` does not know `{other}`"))),
        }
    }),
];

/// Compiles a pattern once.
pub(super) fn compile(pattern: &str, ignore_case: bool, multiline: bool) -> Result<Arc<Regex>, Error> {
    type Patterns = HashMap<(String, bool, bool), Arc<Regex>>;
    static PATTERNS: OnceLock<Mutex<Patterns>> = OnceLock::new();
    let patterns = PATTERNS.get_or_init(Mutex::default);
    let key = (pattern.to_owned(), ignore_case, multiline);
    if let Some(regex) = patterns.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(regex.clone());
    }
    let regex = RegexBuilder::new(&translate(pattern))
        .case_insensitive(ignore_case)
        .multi_line(multiline)
        .backtrack_limit(1_000_000)
        .build()
        .map_err(|error| {
            fail_with_hint(
                format!("the regular expression `{pattern}` is not valid: {error}"),
                "Python's `re` syntax is understood",
            )
        })?;
    let regex = Arc::new(regex);
    let mut patterns = patterns.lock().unwrap_or_else(PoisonError::into_inner);
    if patterns.len() >= 1024 {
        patterns.clear();
    }
    patterns.insert(key, regex.clone());
    Ok(regex)
}

/// Rewrites what Python spells differently: `\Z`, and `$`, which also fits before a last line end.
pub(crate) fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    let mut class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('Z') if !class => out.push_str("\\z"),
                Some(next) => {
                    out.push('\\');
                    out.push(next);
                }
                None => out.push('\\'),
            },
            '[' => {
                // Inside a class Python takes `[` as it is, and a first `]` too.
                if class {
                    out.push('\\');
                }
                out.push('[');
                if !class {
                    class = true;
                    let mut rest = chars.clone();
                    let mut first = rest.next();
                    if first == Some('^') {
                        chars.next();
                        out.push('^');
                        first = rest.next();
                    }
                    if first == Some(']') {
                        chars.next();
                        out.push_str("\\]");
                    }
                }
            }
            ']' => {
                class = false;
                out.push(']');
            }
            '&' | '~' if class => {
                out.push('\\');
                out.push(c);
            }
            '$' if !class => out.push_str("(?:$|(?=\\n\\z))"),
            c => out.push(c),
        }
    }
    out
}

/// Compiles a pattern for text, without keeping it.
///
/// # Errors
/// The message: what is wrong with it.
pub(crate) fn of_text(pattern: &str, multiline: bool, dot_all: bool) -> Result<Regex, String> {
    let translated = translate(pattern);
    let translated = if dot_all { format!("(?s){translated}") } else { translated };
    RegexBuilder::new(&translated).multi_line(multiline).backtrack_limit(1_000_000).build().map_err(|error| {
        format!("the regular expression `{pattern}` is not valid: {error}\nhint: Python's `re` syntax is understood")
    })
}

fn failed(error: &fancy_regex::Error) -> Error {
    fail(format!("the regular expression takes too long: {error}"))
}

fn replace(regex: &Regex, subject: &str, replacement: &str, count: usize) -> Result<(String, usize), Error> {
    let mut out = String::new();
    let mut end = 0;
    let mut made = 0;
    for captures in regex.captures_iter(subject) {
        let captures = captures.map_err(|error| failed(&error))?;
        let Some(whole) = captures.get(0) else { continue };
        out.push_str(&subject[end..whole.start()]);
        expand(replacement, &captures, &mut out)?;
        end = whole.end();
        made += 1;
        if out.len() > MAX_SIZE {
            return Err(fail("the text becomes too large"));
        }
        if made == count {
            break;
        }
    }
    out.push_str(&subject[end..]);
    Ok((out, made))
}

/// Writes a replacement: `\1`, `\g<1>`, `\g<name>`, `\n` and other escapes.
pub(crate) fn expand(replacement: &str, captures: &Captures<'_, str>, out: &mut String) -> Result<(), Error> {
    let group = |name: &str| -> Result<String, Error> {
        let unknown =
            || fail(format!("the replacement names the group `{name}`, which the pattern does not have"));
        match name.parse::<usize>() {
            Ok(index) if index >= captures.len() => Err(unknown()),
            Ok(index) => Ok(captures.get(index).map_or(String::new(), |found| found.as_str().to_owned())),
            Err(_) => captures.name(name).map(|found| found.as_str().to_owned()).ok_or_else(unknown),
        }
    };
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some(digit) if digit.is_ascii_digit() => {
                let mut name = digit.to_string();
                if let Some(second) = chars.next_if(char::is_ascii_digit) {
                    name.push(second);
                }
                out.push_str(&group(&name)?);
            }
            Some('g') if chars.next_if_eq(&'<').is_some() => {
                let name: String = chars.by_ref().take_while(|c| *c != '>').collect();
                out.push_str(&group(&name)?);
            }
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('\\') => out.push('\\'),
            Some(c) if c.is_ascii_alphabetic() => {
                return Err(fail(format!("the replacement has an unknown escape `\\{c}`")));
            }
            Some(c) => {
                out.push('\\');
                out.push(c);
            }
            None => out.push('\\'),
        }
    }
    Ok(())
}

fn flags(call: &mut Call) -> Result<(bool, bool), Error> {
    let (mut ignore_case, mut multiline) = (false, false);
    for (name, value) in &call.keywords {
        match name.as_str() {
            "ignorecase" => ignore_case = truth(value)?,
            "multiline" => multiline = truth(value)?,
            other => return Err(fail(format!("`{}` has no argument `{other}`", call.name))),
        }
    }
    Ok((ignore_case, multiline))
}

fn search(call: &mut Call) -> Result<Value, Error> {
    let (ignore_case, multiline) = flags(call)?;
    let Some(pattern) = call.rest.first() else { return Err(fail("`regex_search` needs a pattern")) };
    let regex = compile(&text(pattern)?, ignore_case, multiline)?;
    let mut groups = Vec::new();
    for wanted in &call.rest[1..] {
        let wanted = text(wanted)?;
        let name = wanted.strip_prefix("\\g<").and_then(|name| name.strip_suffix('>'));
        let name = name.or_else(|| wanted.strip_prefix('\\')).ok_or_else(|| {
            fail(format!("`regex_search` does not understand `{wanted}`; write `\\1` or `\\g<name>`"))
        })?;
        let known = match name.parse::<usize>() {
            Ok(index) => index < regex.captures_len(),
            Err(_) => regex.capture_names().flatten().any(|known| known == name),
        };
        if !known {
            return Err(fail(format!("the pattern has no group `{name}`")));
        }
        groups.push(name.to_owned());
    }
    let subject = call.text()?;
    let Some(captures) = regex.captures(&subject).map_err(|error| failed(&error))? else {
        return Ok(Value::from(()));
    };
    let group = |name: &String| {
        let found = name.parse::<usize>().map_or_else(|_| captures.name(name), |index| captures.get(index));
        found.map_or(Value::from(()), |found| Value::from(found.as_str()))
    };
    if groups.is_empty() {
        return Ok(group(&"0".to_owned()));
    }
    Ok(Value::from(groups.iter().map(group).collect::<Vec<_>>()))
}

fn findall(call: &mut Call) -> Result<Value, Error> {
    let pattern = text(call.need(0)?)?;
    let regex = compile(&pattern, call.flag(2, false)?, call.flag(1, false)?)?;
    let subject = call.text()?;
    let mut all = Vec::new();
    for captures in regex.captures_iter(&subject) {
        let captures = captures.map_err(|error| failed(&error))?;
        let group = |index: usize| Value::from(captures.get(index).map_or("", |found| found.as_str()));
        all.push(match captures.len() {
            1 => group(0),
            2 => group(1),
            count => Value::from((1..count).map(group).collect::<Vec<_>>()),
        });
    }
    Ok(Value::from(all))
}

/// Escapes as Python's `re.escape` does.
fn escape(subject: &str) -> String {
    let mut out = String::with_capacity(subject.len());
    for c in subject.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Tells whether a pattern fits at the start (`match`) or anywhere (`search`).
pub(super) fn fits(call: &Call, method: &str) -> Result<bool, Error> {
    let pattern = text(call.need(0)?)?;
    let regex = compile(&pattern, call.flag(1, false)?, call.flag(2, false)?)?;
    let subject = call.text()?;
    let found = |at_start: bool| -> Result<bool, Error> {
        if !at_start {
            return regex.is_match(&subject).map_err(|error| failed(&error));
        }
        let anchored = compile(&format!("\\A(?:{pattern})"), call.flag(1, false)?, call.flag(2, false)?)?;
        anchored.is_match(&subject).map_err(|error| failed(&error))
    };
    match method {
        "match" => found(true),
        "search" => found(false),
        "fullmatch" => {
            let whole = compile(&format!("\\A(?:{pattern})\\Z"), call.flag(1, false)?, call.flag(2, false)?)?;
            whole.is_match(&subject).map_err(|error| failed(&error))
        }
        other => Err(fail(format!("`regex` has no match type `{other}`"))),
    }
}
