//! Filters on lists and dictionaries.

use minijinja::Error;
use minijinja::value::{Tuple, Value, ValueKind};

use super::error::fail;
use super::operators::equal;
use super::python::{MAX_SIZE, as_integer, compare, entries, is_list, items, length, text, type_name};
use super::registry::{Call, Spec};
use super::texts::wrong;
use super::value::{Missing, is_undefined};

pub(super) const FILTERS: &[Spec] = &[
    Spec::new("length", &[], |call| length(&call.input).map(Value::from)),
    Spec::new("count", &[], |call| length(&call.input).map(Value::from)),
    Spec::new("list", &[], |call| call.items().map(Value::from)),
    Spec::new("first", &[], |call| match call.items()?.into_iter().next() {
        Some(first) => Ok(first),
        None => Ok(Missing::undefined("an empty list has no first item", None)),
    }),
    Spec::new("last", &[], |call| match call.items()?.pop() {
        Some(last) => Ok(last),
        None => Ok(Missing::undefined("an empty list has no last item", None)),
    }),
    Spec::new("join", &["d", "attribute"], join),
    Spec::new("reverse", &[], |call| {
        let mut items = call.items()?;
        items.reverse();
        match call.input.as_str() {
            Some(text) => Ok(Value::from(text.chars().rev().collect::<String>())),
            None => Ok(Value::from(items)),
        }
    }),
    Spec::new("flatten", &["levels", "skip_nulls"], |call| {
        let levels = call.integer(0)?.unwrap_or(i128::MAX);
        let skip_nulls = call.flag(1, true)?;
        let mut out = Vec::new();
        if !is_list(&call.input) {
            return Err(wrong("flatten", "a list", &call.input));
        }
        flatten(&call.items()?, levels, skip_nulls, &mut out)?;
        Ok(Value::from(out))
    }),
    Spec::new("difference", &["b"], |call| {
        let other = items(call.need(0)?)?;
        Ok(Value::from(distinct(call.items()?.into_iter().filter(|item| !has(&other, item)))))
    }),
    Spec::new("intersect", &["b"], |call| {
        let other = items(call.need(0)?)?;
        Ok(Value::from(distinct(call.items()?.into_iter().filter(|item| has(&other, item)))))
    }),
    Spec::new("union", &["b"], |call| {
        let other = items(call.need(0)?)?;
        Ok(Value::from(distinct(call.items()?.into_iter().chain(other))))
    }),
    Spec::new("symmetric_difference", &["b"], |call| {
        let (left, right) = (call.items()?, items(call.need(0)?)?);
        let both: Vec<Value> = left.iter().filter(|item| has(&right, item)).cloned().collect();
        Ok(Value::from(distinct(left.into_iter().chain(right).filter(|item| !has(&both, item)))))
    }),
    Spec::new("zip", &["*", "**"], |call| zip(call, false)),
    Spec::new("zip_longest", &["*", "**"], |call| zip(call, true)),
    Spec::new("product", &["*", "**"], product),
    Spec::new("batch", &["linecount", "fill_with"], |call| {
        let size = call.size(0, 0)?.max(1);
        let fill = call.get(1).cloned();
        let batches = call
            .items()?
            .chunks(size)
            .map(|batch| {
                let mut batch = batch.to_vec();
                if let Some(fill) = fill.as_ref().filter(|fill| !fill.is_none()) {
                    batch.resize(size.min(1_000_000), fill.clone());
                }
                Value::from(batch)
            })
            .collect::<Vec<_>>();
        Ok(Value::from(batches))
    }),
    Spec::new("slice", &["slices", "fill_with"], slice),
    Spec::new("dict2items", &["key_name", "value_name"], |call| {
        let key_name = call.text_at(0)?.unwrap_or_else(|| "key".to_owned());
        let value_name = call.text_at(1)?.unwrap_or_else(|| "value".to_owned());
        let pairs = dictionary(call)?.into_iter();
        let pairs = pairs.map(|(key, value)| Value::from_pairs([(&*key_name, key), (&*value_name, value)]));
        Ok(Value::from(pairs.collect::<Vec<_>>()))
    }),
    Spec::new("items2dict", &["key_name", "value_name"], |call| {
        let key_name = Value::from(call.text_at(0)?.unwrap_or_else(|| "key".to_owned()));
        let value_name = Value::from(call.text_at(1)?.unwrap_or_else(|| "value".to_owned()));
        let mut pairs = Vec::new();
        for item in call.items()? {
            let (key, value) = (item.get_item(&key_name)?, item.get_item(&value_name)?);
            if is_undefined(&key) || is_undefined(&value) {
                return Err(fail(format!("`items2dict` needs items with `{key_name}` and `{value_name}`")));
            }
            pairs.push((key, value));
        }
        Ok(Value::from_pairs(pairs))
    }),
    Spec::new("items", &[], |call| {
        let pairs = dictionary(call)?.into_iter().map(|(key, value)| Value::from(Tuple::from([key, value])));
        Ok(Value::from(pairs.collect::<Vec<_>>()))
    }),
    Spec::new("dictsort", &["case_sensitive", "by", "reverse"], dictsort),
    Spec::new("combine", &["*", "**"], combine),
    Spec::new("subelements", &["subelements", "skip_missing"], subelements),
    Spec::new("type_debug", &[], |call| Ok(Value::from(type_name(&call.input)))),
];

fn dictionary(call: &Call) -> Result<Vec<(Value, Value)>, Error> {
    entries(&call.input).map_err(|_| wrong(call.name, "a dictionary", &call.input))
}

fn has(list: &[Value], wanted: &Value) -> bool {
    list.iter().any(|item| equal(item, wanted))
}

fn distinct(items: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        if !has(&kept, &item) {
            kept.push(item);
        }
    }
    kept
}

fn join(call: &mut Call) -> Result<Value, Error> {
    let separator = call.text_at(0)?.unwrap_or_default();
    let attribute = call.get(1).cloned();
    let mut out = String::new();
    for (index, part) in call.items()?.iter().enumerate() {
        if index > 0 {
            out.push_str(&separator);
        }
        match &attribute {
            Some(attribute) => out.push_str(&text(&super::operators::item(part, attribute)?)?),
            None => out.push_str(&text(part)?),
        }
        if out.len() > MAX_SIZE {
            return Err(fail("the text becomes too large"));
        }
    }
    Ok(Value::from(out))
}

fn flatten(list: &[Value], levels: i128, skip_nulls: bool, out: &mut Vec<Value>) -> Result<(), Error> {
    for item in list {
        let nothing = item.is_none() || item.as_str().is_some_and(|text| text == "None" || text == "null");
        if nothing && skip_nulls {
            continue;
        }
        if is_list(item) && levels >= 1 {
            flatten(&items(item)?, levels - 1, skip_nulls, out)?;
        } else {
            out.push(item.clone());
        }
    }
    Ok(())
}

fn keyword(call: &mut Call, name: &str) -> Result<Option<Value>, Error> {
    let at = call.keywords.iter().position(|(keyword, _)| keyword == name);
    let found = at.map(|at| call.keywords.remove(at).1);
    match call.keywords.first() {
        Some((other, _)) => Err(fail(format!("`{}` has no argument `{other}`", call.name))),
        None => Ok(found),
    }
}

fn zip(call: &mut Call, longest: bool) -> Result<Value, Error> {
    let fill = keyword(call, if longest { "fillvalue" } else { "" })?.unwrap_or(Value::from(()));
    let mut lists = vec![call.items()?];
    for list in &call.rest {
        lists.push(items(list)?);
    }
    let lengths = lists.iter().map(Vec::len);
    let length = if longest { lengths.max() } else { lengths.min() }.unwrap_or(0);
    let rows = (0..length).map(|index| {
        let row = lists.iter().map(|list| list.get(index).unwrap_or(&fill).clone());
        Value::from(Tuple::from(row.collect::<Vec<_>>()))
    });
    Ok(Value::from(rows.collect::<Vec<_>>()))
}

fn product(call: &mut Call) -> Result<Value, Error> {
    let repeat = keyword(call, "repeat")?.as_ref().and_then(as_integer).unwrap_or(1);
    let mut lists = vec![call.items()?];
    for list in &call.rest {
        lists.push(items(list)?);
    }
    let once = lists.clone();
    for _ in 1..repeat.clamp(1, 32) {
        lists.extend(once.iter().cloned());
    }
    let size = lists.iter().try_fold(1usize, |size, list| size.checked_mul(list.len()));
    if size.is_none_or(|size| size > 1_000_000) {
        return Err(fail("`product` makes too many items"));
    }
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for list in &lists {
        rows = rows
            .iter()
            .flat_map(|row| list.iter().map(move |item| row.iter().chain([item]).cloned().collect()))
            .collect();
    }
    Ok(Value::from(rows.into_iter().map(|row| Value::from(Tuple::from(row))).collect::<Vec<_>>()))
}

fn slice(call: &mut Call) -> Result<Value, Error> {
    let count = call.size(0, 1)?.clamp(1, 1_000_000);
    let fill = call.get(1).filter(|fill| !fill.is_none()).cloned();
    let items = call.items()?;
    let (each, extra) = (items.len() / count, items.len() % count);
    let mut start = 0;
    let mut slices = Vec::with_capacity(count);
    for index in 0..count {
        let end = start + each + usize::from(index < extra);
        let mut slice = items[start..end].to_vec();
        if let Some(fill) = fill.as_ref().filter(|_| index >= extra && extra > 0) {
            slice.push(fill.clone());
        }
        slices.push(Value::from(slice));
        start = end;
    }
    Ok(Value::from(slices))
}

fn dictsort(call: &mut Call) -> Result<Value, Error> {
    let sensitive = call.flag(0, false)?;
    let by_value = match call.text_at(1)?.as_deref() {
        None | Some("key") => false,
        Some("value") => true,
        Some(other) => return Err(fail(format!("`dictsort` sorts by `key` or `value`, not by `{other}`"))),
    };
    let mut pairs = dictionary(call)?;
    let mut failure = None;
    let folded = |value: &Value| match value.as_str() {
        Some(text) if !sensitive => Value::from(text.to_lowercase()),
        _ => value.clone(),
    };
    pairs.sort_by(|left, right| {
        let (left, right) = if by_value { (&left.1, &right.1) } else { (&left.0, &right.0) };
        compare("dictsort", &folded(left), &folded(right)).unwrap_or_else(|error| {
            failure.get_or_insert(error);
            std::cmp::Ordering::Equal
        })
    });
    if let Some(error) = failure {
        return Err(error);
    }
    if call.flag(2, false)? {
        pairs.reverse();
    }
    Ok(Value::from(
        pairs.into_iter().map(|(key, value)| Value::from(Tuple::from([key, value]))).collect::<Vec<_>>(),
    ))
}

/// How `combine` treats what stands on both sides.
#[derive(Clone, Copy)]
struct Merge<'a> {
    recursive: bool,
    lists: &'a str,
}

fn combine(call: &mut Call) -> Result<Value, Error> {
    let mut recursive = false;
    let mut lists = "replace".to_owned();
    for (name, value) in &call.keywords {
        match name.as_str() {
            "recursive" => recursive = super::python::truth(value)?,
            "list_merge" => lists = text(value)?,
            other => return Err(fail(format!("`combine` has no argument `{other}`"))),
        }
    }
    if !matches!(&*lists, "replace" | "keep" | "append" | "prepend" | "append_rp" | "prepend_rp") {
        return Err(fail(format!("`combine` has no `list_merge` called `{lists}`")));
    }
    let mut parts = Vec::new();
    for part in std::iter::once(&call.input).chain(&call.rest) {
        if is_list(part) {
            parts.extend(items(part)?);
        } else {
            parts.push(part.clone());
        }
    }
    let mut whole: Option<Value> = None;
    for part in parts {
        if part.kind() != ValueKind::Map {
            return Err(wrong("combine", "dictionaries", &part));
        }
        whole = Some(match whole {
            None => part,
            Some(whole) => merge(&whole, &part, Merge { recursive, lists: &lists }, 0)?,
        });
    }
    Ok(whole.unwrap_or_else(|| Value::from_pairs(Vec::<(Value, Value)>::new())))
}

fn merge(low: &Value, high: &Value, how: Merge<'_>, depth: usize) -> Result<Value, Error> {
    if depth > 100 {
        return Err(fail("a value is nested too deeply"));
    }
    let mut merged: Vec<(Value, Value)> = entries(low)?;
    for (key, value) in entries(high)? {
        let Some(at) = merged.iter().position(|(known, _)| *known == key) else {
            merged.push((key, value));
            continue;
        };
        let old = merged[at].1.clone();
        merged[at].1 = if how.recursive && old.kind() == ValueKind::Map && value.kind() == ValueKind::Map {
            merge(&old, &value, how, depth + 1)?
        } else if is_list(&old) && is_list(&value) {
            merge_lists(&old, &value, how.lists)?
        } else {
            value
        };
    }
    Ok(Value::from_pairs(merged))
}

fn merge_lists(old: &Value, new: &Value, how: &str) -> Result<Value, Error> {
    let (old, new) = (items(old)?, items(new)?);
    let without = |list: &[Value], other: &[Value]| -> Vec<Value> {
        list.iter().filter(|item| !has(other, item)).cloned().collect()
    };
    Ok(Value::from(match how {
        "keep" => old,
        "append" => [old, new].concat(),
        "prepend" => [new, old].concat(),
        "append_rp" => [without(&old, &new), new].concat(),
        "prepend_rp" => [new.clone(), without(&old, &new)].concat(),
        _ => new,
    }))
}

fn subelements(call: &mut Call) -> Result<Value, Error> {
    let path = call.need(0)?;
    let path: Vec<String> = if is_list(path) {
        items(path)?.iter().map(text).collect::<Result<_, _>>()?
    } else {
        text(path)?.split('.').map(str::to_owned).collect()
    };
    let skip = call.flag(1, false)?;
    let outer = if call.input.kind() == ValueKind::Map {
        entries(&call.input)?.into_iter().map(|(_, value)| value).collect()
    } else {
        call.items()?
    };
    let mut pairs = Vec::new();
    for element in outer {
        let mut inner = element.clone();
        for step in &path {
            inner = super::operators::item(&inner, &Value::from(step.as_str()))?;
        }
        if is_undefined(&inner) && skip {
            continue;
        }
        if !is_list(&inner) {
            super::python::check(&inner)?;
            return Err(wrong("subelements", "lists inside the items", &inner));
        }
        for item in items(&inner)? {
            pairs.push(Value::from(Tuple::from([element.clone(), item])));
        }
    }
    Ok(Value::from(pairs))
}
