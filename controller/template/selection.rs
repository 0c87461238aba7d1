//! Filters that apply other filters and tests, or look into the items: `map`, `select` and kin.

use minijinja::Error;
use minijinja::value::{Tuple, Value};

use super::error::fail;
use super::operators::{equal, item};
use super::python::{compare, text, truth};
use super::registry::{self, Call, Spec};
use super::value::is_undefined;

pub(super) const FILTERS: &[Spec] = &[
    Spec::new("map", &["*", "**"], map),
    Spec::new("select", &["*", "**"], |call| select(call, None, true)),
    Spec::new("reject", &["*", "**"], |call| select(call, None, false)),
    Spec::new("selectattr", &["*", "**"], |call| select_by_attribute(call, true)),
    Spec::new("rejectattr", &["*", "**"], |call| select_by_attribute(call, false)),
    Spec::new("groupby", &["attribute", "default", "case_sensitive"], groupby),
    Spec::new("sort", &["reverse", "case_sensitive", "attribute"], |call| {
        let mut items = call.items()?;
        sort(&mut items, call.text_at(2)?.as_deref(), call.flag(1, false)?)?;
        if call.flag(0, false)? {
            items.reverse();
        }
        Ok(Value::from(items))
    }),
    Spec::new("min", &["case_sensitive", "attribute"], |call| extreme(call, false)),
    Spec::new("max", &["case_sensitive", "attribute"], |call| extreme(call, true)),
    Spec::new("sum", &["attribute", "start"], |call| {
        let attribute = call.text_at(0)?;
        let mut total = call.get(1).cloned().unwrap_or_else(|| Value::from(0));
        let plus = registry::filter("op:+").ok_or_else(|| fail("`+` is missing"))?;
        for value in call.items()? {
            let value = attribute.as_deref().map_or(Ok(value.clone()), |path| reach(&value, path))?;
            total = plus.call(total, vec![value], None)?;
        }
        Ok(total)
    }),
    Spec::new("unique", &["case_sensitive", "attribute"], |call| {
        let (sensitive, attribute) = (call.flag(0, false)?, call.text_at(1)?);
        let mut seen: Vec<Value> = Vec::new();
        let mut kept = Vec::new();
        for value in call.items()? {
            let key = attribute.as_deref().map_or(Ok(value.clone()), |path| reach(&value, path))?;
            let key = if sensitive { key } else { folded(key) };
            if !seen.iter().any(|seen| equal(seen, &key)) {
                seen.push(key);
                kept.push(value);
            }
        }
        Ok(Value::from(kept))
    }),
    Spec::new("extract", &["container", "morekeys"], |call| {
        let mut found = item(call.need(0)?, &call.input)?;
        if let Some(more) = call.get(1) {
            let keys =
                if super::python::is_list(more) { super::python::items(more)? } else { vec![more.clone()] };
            for key in keys {
                found = item(&found, &key)?;
            }
        }
        Ok(found)
    }),
];

/// Follows `a.b.0` into a value.
fn reach(value: &Value, path: &str) -> Result<Value, Error> {
    path.split('.').try_fold(value.clone(), |value, step| {
        let key = step.parse::<usize>().map_or_else(|_| Value::from(step), Value::from);
        item(&value, &key)
    })
}

fn map(call: &mut Call) -> Result<Value, Error> {
    let items = call.items()?;
    let keyword =
        |name: &str| call.keywords.iter().find(|(keyword, _)| keyword == name).map(|(_, value)| value);
    if call.rest.is_empty() {
        let attribute = keyword("attribute").ok_or_else(|| fail("`map` needs a filter or `attribute=`"))?;
        if let Some((other, _)) =
            call.keywords.iter().find(|(name, _)| name != "attribute" && name != "default")
        {
            return Err(fail(format!("`map` has no argument `{other}`")));
        }
        let default = keyword("default");
        let path = text(attribute)?;
        let reached = items.iter().map(|item| {
            let found = reach(item, &path)?;
            Ok(match default {
                Some(default) if is_undefined(&found) => default.clone(),
                _ => found,
            })
        });
        return Ok(Value::from(reached.collect::<Result<Vec<Value>, Error>>()?));
    }
    let name = text(&call.rest[0])?;
    let name = registry::filter_name(&name).map_err(|(message, _)| fail(message))?;
    let spec = registry::filter(name).ok_or_else(|| fail(format!("unknown filter `{name}`")))?;
    let args = arguments(call, 1);
    let mapped = items.into_iter().map(|item| spec.call(item, args.clone(), call.session.clone()));
    Ok(Value::from(mapped.collect::<Result<Vec<Value>, Error>>()?))
}

/// Collects the arguments that are handed on, keywords included.
fn arguments(call: &Call, from: usize) -> Vec<Value> {
    let mut args: Vec<Value> = call.rest.iter().skip(from).cloned().collect();
    if !call.keywords.is_empty() {
        let pairs = call.keywords.iter().map(|(name, value)| (name.as_str(), value.clone()));
        args.push(Value::from(pairs.collect::<minijinja::value::Kwargs>()));
    }
    args
}

fn select_by_attribute(call: &mut Call, keep: bool) -> Result<Value, Error> {
    if call.rest.is_empty() {
        return Err(fail(format!("`{}` needs the name of an attribute", call.name)));
    }
    let path = text(&call.rest.remove(0))?;
    select(call, Some(&path), keep)
}

fn select(call: &mut Call, path: Option<&str>, keep: bool) -> Result<Value, Error> {
    let spec = match call.rest.first() {
        None => None,
        Some(name) => {
            let name = text(name)?;
            let name = registry::test_name(&name).map_err(|(message, _)| fail(message))?;
            Some(registry::test(name).ok_or_else(|| fail(format!("unknown test `{name}`")))?)
        }
    };
    let args = arguments(call, 1);
    let mut kept = Vec::new();
    for item in call.items()? {
        let looked_at = path.map_or(Ok(item.clone()), |path| reach(&item, path))?;
        let holds = match spec {
            Some(spec) => spec.call(looked_at, args.clone(), None)?.is_true(),
            None if is_undefined(&looked_at) => false,
            None => truth(&looked_at)?,
        };
        if holds == keep {
            kept.push(item);
        }
    }
    Ok(Value::from(kept))
}

fn folded(value: Value) -> Value {
    match value.as_str() {
        Some(text) => Value::from(text.to_lowercase()),
        None => value,
    }
}

/// Sorts by value or by attributes; text without regard to case unless told otherwise.
fn sort(items: &mut Vec<Value>, attributes: Option<&str>, sensitive: bool) -> Result<(), Error> {
    let mut keyed = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        let keys = match attributes {
            None => vec![item.clone()],
            Some(paths) => paths.split(',').map(|path| reach(&item, path)).collect::<Result<_, _>>()?,
        };
        let keys: Vec<Value> = if sensitive { keys } else { keys.into_iter().map(folded).collect() };
        keyed.push((Value::from(keys), item));
    }
    // Everything has to be comparable before the sort, which cannot fail half way.
    for pair in keyed.windows(2) {
        compare("sort", &pair[0].0, &pair[1].0)?;
    }
    let mut failure = None;
    keyed.sort_by(|(left, _), (right, _)| {
        compare("sort", left, right).unwrap_or_else(|error| {
            failure.get_or_insert(error);
            std::cmp::Ordering::Equal
        })
    });
    if let Some(error) = failure {
        return Err(error);
    }
    items.extend(keyed.into_iter().map(|(_, item)| item));
    Ok(())
}

fn extreme(call: &mut Call, largest: bool) -> Result<Value, Error> {
    let (sensitive, attribute) = (call.flag(0, false)?, call.text_at(1)?);
    let mut best: Option<(Value, Value)> = None;
    for value in call.items()? {
        let key = attribute.as_deref().map_or(Ok(value.clone()), |path| reach(&value, path))?;
        let key = if sensitive { key } else { folded(key) };
        let better = match &best {
            None => true,
            Some((known, _)) => {
                let order = compare(call.name, &key, known)?;
                if largest { order.is_gt() } else { order.is_lt() }
            }
        };
        if better {
            best = Some((key, value));
        }
    }
    Ok(match best {
        Some((_, value)) => value,
        None => {
            super::value::Missing::undefined(format!("`{}` of an empty list is undefined", call.name), None)
        }
    })
}

fn groupby(call: &mut Call) -> Result<Value, Error> {
    let path = text(call.need(0)?)?;
    let default = call.get(1).cloned();
    let sensitive = call.flag(2, false)?;
    let mut groups: Vec<(Value, Value, Vec<Value>)> = Vec::new();
    for value in call.items()? {
        let mut shown = reach(&value, &path)?;
        if let (true, Some(default)) = (is_undefined(&shown), &default) {
            shown = default.clone();
        }
        super::python::check(&shown)?;
        let key = if sensitive { shown.clone() } else { folded(shown.clone()) };
        match groups.iter_mut().find(|(known, _, _)| equal(known, &key)) {
            Some((_, _, members)) => members.push(value),
            None => groups.push((key, shown, vec![value])),
        }
    }
    let mut failure = None;
    groups.sort_by(|(left, _, _), (right, _, _)| {
        compare("groupby", left, right).unwrap_or_else(|error| {
            failure.get_or_insert(error);
            std::cmp::Ordering::Equal
        })
    });
    if let Some(error) = failure {
        return Err(error);
    }
    let pairs =
        groups.into_iter().map(|(_, key, members)| Value::from(Tuple::from([key, Value::from(members)])));
    Ok(Value::from(pairs.collect::<Vec<_>>()))
}
