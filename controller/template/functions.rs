//! The functions: `lookup`, `query`, `range`, `dict` and the few others.

use std::sync::Arc;

use minijinja::Error;
use minijinja::value::{Value, ValueKind};

use super::error::{Cause, fail};
use super::listing::{self, Disk};
use super::python::{as_integer, entries, is_list, items, text, truth};
use super::registry::{self, Call, Spec};
use super::session::{Session, unfinished};
use super::value::{Missing, from_json, to_json};

pub(super) const FUNCTIONS: &[Spec] = &[
    Spec::new("lookup", &["*", "**"], |call| lookup(call, false)),
    Spec::new("query", &["*", "**"], |call| lookup(call, true)),
    Spec::new("q", &["*", "**"], |call| lookup(call, true)),
    Spec::new("range", &["*"], range),
    Spec::new("dict", &["*", "**"], dict),
    Spec::new("undef", &["hint"], |call| {
        let message = call.text_at(0)?.unwrap_or_else(|| "a value has to be given here".to_owned());
        Ok(Missing::value(Cause { message, hint: None, undefined: true, variable: None, diagnostic: None }))
    }),
    // Known here for its name; minijinja's own is used.
    Spec::new("namespace", &["*", "**"], |_| Err(fail("`namespace` cannot be used here"))),
];

fn range(call: &mut Call) -> Result<Value, Error> {
    let numbers: Option<Vec<i128>> = call.rest.iter().map(as_integer).collect();
    let numbers = numbers.ok_or_else(|| fail("`range` needs integers"))?;
    let (start, stop, step) = match numbers[..] {
        [stop] => (0, stop, 1),
        [start, stop] => (start, stop, 1),
        [start, stop, step] => (start, stop, step),
        _ => return Err(fail("`range` takes one to three integers")),
    };
    if step == 0 {
        return Err(fail("`range` cannot step by zero"));
    }
    let count = if step > 0 { (stop - start + step - 1) / step } else { (start - stop - step - 1) / -step };
    if count > 1_000_000 {
        return Err(fail("`range` makes too many items"));
    }
    Ok(Value::from((0..count.max(0)).map(|index| Value::from(start + index * step)).collect::<Vec<_>>()))
}

fn dict(call: &mut Call) -> Result<Value, Error> {
    let mut pairs = Vec::new();
    match &call.rest[..] {
        [] => {}
        [from] if from.kind() == ValueKind::Map => pairs = entries(from)?,
        [from] => {
            for item in items(from)? {
                match &items(&item)?[..] {
                    [key, value] => pairs.push((key.clone(), value.clone())),
                    _ => return Err(fail("`dict` needs pairs")),
                }
            }
        }
        _ => return Err(fail("`dict` takes one dictionary or list of pairs")),
    }
    pairs.extend(call.keywords.iter().map(|(name, value)| (Value::from(name), value.clone())));
    Ok(Value::from_pairs(pairs))
}

/// Runs a lookup. `lookup` joins what it finds with commas, `query` gives the list.
fn lookup(call: &mut Call, list: bool) -> Result<Value, Error> {
    let session = call.session.clone().ok_or_else(|| fail("lookups cannot be used here"))?;
    if call.rest.is_empty() {
        return Err(fail(format!("`{}` needs the name of a lookup", call.name)));
    }
    let written = text(&call.rest.remove(0))?;
    let name = registry::lookup_name(&written).map_err(|(message, _)| fail(message))?;
    let mut wants_list = list;
    let mut default = None;
    let (mut rstrip, mut lstrip) = (true, false);
    let mut options = serde_json::Map::new();
    for (keyword, value) in &call.keywords {
        match (name, keyword.as_str()) {
            (_, "wantlist") => wants_list = truth(value)?,
            ("first_found" | "sequence", option) => {
                options.insert(option.to_owned(), to_json(value, 0)?);
            }
            ("env" | "vars", "default") => default = Some(value.clone()),
            ("file", "rstrip") => rstrip = truth(value)?,
            ("file", "lstrip") => lstrip = truth(value)?,
            (_, other) => return Err(fail(format!("the lookup `{name}` has no argument `{other}`"))),
        }
    }
    if listing::LISTS.contains(&name) {
        let made = list_lookup(name, call, &session, &options)?;
        return joined(name, made, wants_list);
    }
    let mut terms = Vec::new();
    for term in &call.rest {
        if is_list(term) {
            terms.extend(items(term)?);
        } else {
            terms.push(term.clone());
        }
    }
    let mut found = Vec::new();
    for term in &terms {
        let term = text(term)?;
        found.push(match name {
            "env" => match (session.lookups().env(&term), &default) {
                (Some(value), _) => Value::from(value),
                (None, Some(default)) => default.clone(),
                (None, None) => Value::from(""),
            },
            "file" => {
                let Some(folders) = session.folders() else { return Ok(unfinished(&term)) };
                let mut content = session.lookups().file(&term, &folders).map_err(fail)?;
                if rstrip {
                    content.truncate(content.trim_end().len());
                }
                if lstrip {
                    content.drain(..content.len() - content.trim_start().len());
                }
                Value::from(content)
            }
            "template" => {
                let Some(folders) = session.folders() else { return Ok(unfinished(&term)) };
                let content = session.lookups().template(&term, &folders).map_err(fail)?;
                session.template(&term, &content)?
            }
            _ => variable(&session, &term, default.as_ref())?,
        });
    }
    joined(name, found, wants_list)
}

/// Runs a lookup that makes a list of data.
fn list_lookup(
    name: &str,
    call: &Call,
    session: &Arc<Session>,
    options: &serde_json::Map<String, serde_json::Value>,
) -> Result<Vec<Value>, Error> {
    let reads = matches!(name, "fileglob" | "first_found");
    let folders = match reads.then(|| session.folders()) {
        None => Vec::new(),
        Some(Some(folders)) => folders,
        Some(None) => return Ok(vec![unfinished(name)]),
    };
    let terms: Vec<serde_json::Value> =
        call.rest.iter().map(|term| to_json(term, 0)).collect::<Result<_, _>>()?;
    let found = listing::run(name, &terms, options, &Disk::of(name, session, &folders)).map_err(fail)?;
    Ok(found.iter().map(from_json).collect())
}

fn joined(name: &str, found: Vec<Value>, wants_list: bool) -> Result<Value, Error> {
    if wants_list {
        return Ok(Value::from(found));
    }
    match &found[..] {
        [only] => Ok(only.clone()),
        _ if name == "vars" || found.iter().any(|value| value.as_str().is_none()) => Ok(Value::from(found)),
        _ => {
            let joined: Vec<String> = found.iter().map(text).collect::<Result<_, _>>()?;
            Ok(Value::from(joined.join(",")))
        }
    }
}

fn variable(session: &Arc<Session>, name: &str, default: Option<&Value>) -> Result<Value, Error> {
    match (session.get(name), default) {
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.clone()),
        (None, None) => Ok(Missing::undefined(format!("no variable is named `{name}`"), None)),
    }
}
