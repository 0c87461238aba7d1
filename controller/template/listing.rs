//! Lookups that make lists, for `query(...)` and for `with_...`: data in, data out. The two that look for files ask [`Lookups`].

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::lookups::Lookups;
use super::session::Session;

/// Their names.
pub(super) const LISTS: &[&str] = &[
    "cartesian",
    "dict",
    "fileglob",
    "first_found",
    "flattened",
    "indexed_items",
    "items",
    "list",
    "nested",
    "sequence",
    "subelements",
    "together",
];

/// Most items that a lookup makes.
const MOST: usize = 1_000_000;

/// Finds the lookup of `with_NAME`.
pub fn loop_lookup(name: &str) -> Option<&'static str> {
    LISTS.iter().find(|known| **known == name).copied()
}

/// Lists the lookups that a `with_...` may name.
pub fn loop_lookups() -> impl Iterator<Item = &'static str> {
    LISTS.iter().copied()
}

/// Where files are looked for.
pub(super) struct Disk<'a> {
    pub(super) lookups: &'a dyn Lookups,
    pub(super) folders: &'a [PathBuf],
    /// The folder in each of them that comes first: `files`, `templates`, `vars`.
    pub(super) kind: &'a str,
}

impl Disk<'_> {
    /// Outside of a loop `first_found` looks into no folder `files`, as in Ansible.
    pub(super) fn of<'s>(name: &str, session: &'s Session, folders: &'s [PathBuf]) -> Disk<'s> {
        let kind = if name == "first_found" { "" } else { "files" };
        Disk { lookups: session.lookups(), folders, kind }
    }
}

/// Runs a lookup.
///
/// # Errors
/// What is wrong with its terms.
pub(super) fn run(
    name: &str,
    terms: &[Value],
    options: &Map<String, Value>,
    disk: &Disk<'_>,
) -> Result<Vec<Value>, String> {
    let found = match name {
        "items" => flatten_once(terms),
        "list" => terms.to_vec(),
        "flattened" => {
            let mut found = Vec::new();
            flatten_deeply(terms, &mut found, 0)?;
            found
        }
        "dict" => dict(terms)?,
        "indexed_items" => {
            let items = flatten_once(terms).into_iter();
            items.enumerate().map(|(index, item)| json!([index, item])).collect()
        }
        "nested" | "cartesian" => product(name, terms)?,
        "together" => together(terms)?,
        "sequence" => {
            if terms.is_empty() {
                [Value::String(String::new())]
                    .iter()
                    .try_fold(Vec::new(), |found, term| sequence(term, options, found))?
            } else {
                terms.iter().try_fold(Vec::new(), |found, term| sequence(term, options, found))?
            }
        }
        "subelements" => subelements(terms)?,
        "fileglob" => fileglob(terms, disk)?,
        "first_found" => first_found(terms, options, disk)?,
        other => return Err(format!("the lookup `{other}` makes no list")),
    };
    if found.len() > MOST { Err(format!("the lookup `{name}` makes too many items")) } else { Ok(found) }
}

fn flatten_once(terms: &[Value]) -> Vec<Value> {
    let mut found = Vec::with_capacity(terms.len());
    for term in terms {
        match term {
            Value::Array(items) => found.extend(items.iter().cloned()),
            other => found.push(other.clone()),
        }
    }
    found
}

fn flatten_deeply(terms: &[Value], found: &mut Vec<Value>, depth: usize) -> Result<(), String> {
    if depth > 64 {
        return Err("the lookup `flattened` got lists over 64 deep".to_owned());
    }
    for term in terms {
        match term {
            Value::Array(items) => flatten_deeply(items, found, depth + 1)?,
            other => found.push(other.clone()),
        }
    }
    Ok(())
}

fn dict(terms: &[Value]) -> Result<Vec<Value>, String> {
    let mut found = Vec::new();
    for term in flatten_once(terms) {
        let Value::Object(map) = term else {
            return Err(format!("the lookup `dict` needs a mapping, not {}", kind(&term)));
        };
        found.extend(map.into_iter().map(|(key, value)| json!({ "key": key, "value": value })));
    }
    Ok(found)
}

fn listed(term: &Value) -> Vec<Value> {
    match term {
        Value::Array(items) => items.clone(),
        other => vec![other.clone()],
    }
}

fn product(name: &str, terms: &[Value]) -> Result<Vec<Value>, String> {
    if terms.is_empty() {
        return Err(format!("the lookup `{name}` needs at least one list"));
    }
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for term in terms {
        let items = listed(term);
        if rows.len().saturating_mul(items.len()) > MOST {
            return Err(format!("the lookup `{name}` makes too many items"));
        }
        rows = rows
            .iter()
            .flat_map(|row| {
                items.iter().map(move |item| {
                    let mut row = row.clone();
                    row.extend(listed(item));
                    row
                })
            })
            .collect();
    }
    Ok(rows.into_iter().map(Value::Array).collect())
}

fn together(terms: &[Value]) -> Result<Vec<Value>, String> {
    if terms.is_empty() {
        return Err("the lookup `together` needs at least one list".to_owned());
    }
    let lists: Vec<Vec<Value>> = terms.iter().map(listed).collect();
    let longest = lists.iter().map(Vec::len).max().unwrap_or_default();
    let row = |at: usize| {
        let row = lists.iter().flat_map(|list| list.get(at).map_or_else(|| vec![Value::Null], listed));
        Value::Array(row.collect())
    };
    Ok((0..longest).map(row).collect())
}

/// `start=1 end=5 stride=2 format=host%02d`, `count=4`, `5`, `2-8`, `2-8/2`, `4:host%02d`.
fn sequence(term: &Value, options: &Map<String, Value>, mut found: Vec<Value>) -> Result<Vec<Value>, String> {
    let wrong = |text: &str| format!("the lookup `sequence` does not understand `{text}`");
    let number = |value: &str| -> Option<i64> {
        let value = value.trim();
        let (negative, digits) = match value.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, value),
        };
        let number = match (digits.strip_prefix("0x"), digits.strip_prefix('0')) {
            (Some(hex), _) => i64::from_str_radix(hex, 16).ok()?,
            (None, Some(octal)) if !octal.is_empty() => {
                i64::from_str_radix(octal.trim_start_matches('o'), 8).ok()?
            }
            _ => digits.parse().ok()?,
        };
        Some(if negative { -number } else { number })
    };
    let (mut start, mut end, mut count, mut stride) = (1_i64, None::<i64>, None::<i64>, None::<i64>);
    let mut format = "%d".to_owned();
    let text = crate::module::to_text(term);
    let mut pairs: Vec<(String, String)> =
        options.iter().map(|(name, value)| (name.clone(), crate::module::to_text(value))).collect();
    if text.contains('=') {
        for word in text.split_whitespace() {
            let (name, value) = word.split_once('=').ok_or_else(|| wrong(word))?;
            pairs.push((name.to_owned(), value.to_owned()));
        }
    } else if !text.trim().is_empty() {
        let (numbers, shape) = text.split_once(':').map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
        format = shape.map_or(format, str::to_owned);
        let (range, step) = numbers.split_once('/').map_or((numbers, None), |(a, b)| (a, Some(b)));
        let dash = range.get(1..).and_then(|rest| rest.find('-')).map(|at| at + 1);
        let (first, last) = dash.map_or((None, range), |at| (Some(&range[..at]), &range[at + 1..]));
        if let Some(first) = first {
            start = number(first).ok_or_else(|| wrong(&text))?;
        }
        end = Some(number(last).ok_or_else(|| wrong(&text))?);
        if let Some(step) = step {
            stride = Some(number(step).ok_or_else(|| wrong(&text))?);
        }
    }
    for (name, value) in pairs {
        let known = || number(&value).ok_or_else(|| wrong(&format!("{name}={value}")));
        match name.as_str() {
            "start" => start = known()?,
            "end" => end = Some(known()?),
            "count" => count = Some(known()?),
            "stride" => stride = Some(known()?),
            "format" => format.clone_from(&value),
            _ => return Err(wrong(&format!("{name}={value}"))),
        }
    }
    let stride = stride.unwrap_or(1);
    let end = match (count, end) {
        (Some(_), Some(_)) => return Err("the lookup `sequence` takes `count` or `end`, not both".to_owned()),
        (None, None) => return Err("the lookup `sequence` needs `count` or `end`".to_owned()),
        (Some(0), None) => return Ok(found),
        (Some(count), None) => count
            .checked_mul(stride)
            .and_then(|length| start.checked_add(length - stride.signum() * stride.abs())),
        (None, Some(end)) => Some(end),
    };
    let end = end.ok_or_else(|| "the numbers of the lookup `sequence` are too large".to_owned())?;
    if stride == 0 {
        return Ok(found);
    }
    if (stride > 0 && end < start) || (stride < 0 && end > start) {
        let way = if stride > 0 { "backwards" } else { "forwards" };
        return Err(format!("to count {way} the lookup `sequence` needs another sign of `stride`"));
    }
    let mut at = start;
    while if stride > 0 { at <= end } else { at >= end } {
        let number = minijinja::Value::from(at);
        let text = super::formats::percent(&format, &[number], None).map_err(|error| error.to_string())?;
        found.push(Value::String(text));
        if found.len() > MOST {
            return Err("the lookup `sequence` makes too many items".to_owned());
        }
        let Some(next) = at.checked_add(stride) else { break };
        at = next;
    }
    Ok(found)
}

fn subelements(terms: &[Value]) -> Result<Vec<Value>, String> {
    let (Some(outer), Some(Value::String(key)), true) = (terms.first(), terms.get(1), terms.len() <= 3)
    else {
        return Err("the lookup `subelements` needs a list and the name of a key".to_owned());
    };
    let flag = terms.get(2).and_then(|options| options.get("skip_missing"));
    let skip = flag.is_some_and(|value| crate::module::to_bool(value).unwrap_or(false));
    let items: Vec<&Value> = match outer {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => map.values().collect(),
        other => return Err(format!("the lookup `subelements` needs a list, not {}", kind(other))),
    };
    let mut found = Vec::new();
    for item in items {
        if item.get("skipped").and_then(Value::as_bool) == Some(true) {
            continue;
        }
        let mut inner = Some(item);
        for part in key.split('.') {
            inner = inner.and_then(|inner| inner.get(part));
        }
        match inner {
            Some(Value::Array(list)) => found.extend(list.iter().map(|sub| json!([item, sub]))),
            None if skip => {}
            None => return Err(format!("the lookup `subelements` found no key `{key}` in an item")),
            Some(other) => {
                return Err(format!("the lookup `subelements` needs a list at `{key}`, not {}", kind(other)));
            }
        }
    }
    Ok(found)
}

fn fileglob(terms: &[Value], disk: &Disk<'_>) -> Result<Vec<Value>, String> {
    let mut found = Vec::new();
    for term in flatten_once(terms) {
        let Value::String(pattern) = &term else {
            return Err(format!("the lookup `fileglob` needs patterns, not {}", kind(&term)));
        };
        found.extend(disk.lookups.glob(disk.kind, pattern, disk.folders)?.into_iter().map(Value::String));
    }
    Ok(found)
}

fn first_found(terms: &[Value], options: &Map<String, Value>, disk: &Disk<'_>) -> Result<Vec<Value>, String> {
    let mut wanted: Vec<String> = Vec::new();
    let mut skip = false;
    let words = |value: Option<&Value>, separators: &[char]| -> Vec<String> {
        let values = value.map(listed).unwrap_or_default();
        let texts = values.iter().map(crate::module::to_text);
        let words = texts
            .flat_map(|text| text.split(separators).map(|word| word.trim().to_owned()).collect::<Vec<_>>());
        words.filter(|word| !word.is_empty()).collect()
    };
    let mut search = |map: &Map<String, Value>| -> Result<Vec<String>, String> {
        if let Some(name) =
            map.keys().find(|name| !["files", "paths", "skip", "errors"].contains(&name.as_str()))
        {
            return Err(format!("the lookup `first_found` has no argument `{name}`"));
        }
        let files = words(map.get("files"), &[',', ';']);
        let paths = words(map.get("paths"), &[',', ':', ';']);
        skip |= map.get("skip").is_some_and(|value| crate::module::to_bool(value).unwrap_or(false));
        skip |= map.get("errors").and_then(Value::as_str) == Some("ignore");
        Ok(match paths.is_empty() {
            true => files,
            false => {
                paths.iter().flat_map(|path| files.iter().map(move |file| format!("{path}/{file}"))).collect()
            }
        })
    };
    for term in flatten_once(terms) {
        match &term {
            Value::Object(map) => wanted.extend(search(map)?),
            Value::Null => {}
            other => wanted.extend(words(Some(other), &[',', ';'])),
        }
    }
    if !options.is_empty() {
        let mut options = options.clone();
        // Names that stand in front of the keywords are files.
        if !wanted.is_empty() && !options.contains_key("files") {
            options.insert("files".to_owned(), json!(std::mem::take(&mut wanted)));
        }
        wanted.extend(search(&options)?);
    }
    for name in &wanted {
        if let Some(path) = disk.lookups.find(disk.kind, name, disk.folders) {
            return Ok(vec![Value::String(path)]);
        }
    }
    match skip {
        true => Ok(Vec::new()),
        false => {
            let names: Vec<String> = wanted.iter().map(|name| format!("`{name}`")).collect();
            Err(format!("the lookup `first_found` found none of {}", names.join(", ")))
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

#[cfg(test)]
mod tests {
    use super::super::lookups::NoLookups;
    use super::*;

    fn ask(name: &str, terms: &Value) -> Result<Value, String> {
        let disk = Disk { lookups: &NoLookups, folders: &[], kind: "files" };
        let terms = terms.as_array().cloned().unwrap_or_default();
        run(name, &terms, &Map::new(), &disk).map(Value::Array)
    }

    /// What ansible-core 2.19 makes of each was observed.
    #[test]
    fn lists_are_those_of_ansible() {
        for (name, terms, expected) in [
            ("items", json!([1, [2, [3]]]), json!([1, 2, [3]])),
            ("list", json!([1, [2, 3]]), json!([1, [2, 3]])),
            ("flattened", json!([1, [2, [3, [4]]]]), json!([1, 2, 3, 4])),
            (
                "dict",
                json!([{"b": 1, "a": [2]}]),
                json!([{"key": "b", "value": 1}, {"key": "a", "value": [2]}]),
            ),
            ("indexed_items", json!([["a"], "b"]), json!([[0, "a"], [1, "b"]])),
            ("nested", json!([[1, 2], ["a", "b"]]), json!([[1, "a"], [1, "b"], [2, "a"], [2, "b"]])),
            // This one and `flattened` are of community.general, which the comparisons do without.
            ("cartesian", json!([[1, 2], ["a"]]), json!([[1, "a"], [2, "a"]])),
            ("together", json!([[1, 2], ["a"]]), json!([[1, "a"], [2, null]])),
            ("sequence", json!(["start=0 end=6 stride=3 format=x%02x"]), json!(["x00", "x03", "x06"])),
            ("sequence", json!(["count=3"]), json!(["1", "2", "3"])),
            ("sequence", json!(["2-8/3:h%02d"]), json!(["h02", "h05", "h08"])),
            ("sequence", json!(["start=4 end=0 stride=-2"]), json!(["4", "2", "0"])),
            ("sequence", json!(["count=0"]), json!([])),
            (
                "subelements",
                json!([[{"n": 1, "k": ["a", "b"]}], "k"]),
                json!([[{"n": 1, "k": ["a", "b"]}, "a"], [{"n": 1, "k": ["a", "b"]}, "b"]]),
            ),
            ("subelements", json!([[{"n": 1}], "k", {"skip_missing": true}]), json!([])),
        ] {
            assert_eq!(ask(name, &terms), Ok(expected), "{name} {terms}");
        }
        for (name, terms, expected) in [
            ("dict", json!([1]), "needs a mapping"),
            ("nested", json!([]), "at least one list"),
            ("sequence", json!(["start=1"]), "needs `count` or `end`"),
            ("sequence", json!(["end=1 count=2"]), "not both"),
            ("sequence", json!(["nonsense"]), "does not understand"),
            ("sequence", json!(["end=9999999999"]), "too many items"),
            ("subelements", json!([[{"n": 1}], "k"]), "no key `k`"),
            ("first_found", json!(["a"]), "found none of `a`"),
        ] {
            let answer = ask(name, &terms);
            assert!(answer.as_ref().is_err_and(|text| text.contains(expected)), "{name} {terms}: {answer:?}");
        }
    }
}
