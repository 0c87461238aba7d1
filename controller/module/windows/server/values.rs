//! Options and results in the forms that these modules share.

use serde_json::{Map, Value, json};

use crate::module::{ModuleError, OptionValues, Options, to_text};
use crate::operation::windows::{Ensure, States};

/// A boolean as the wire has it.
pub(super) fn truth(value: bool) -> String {
    if value { "true" } else { "false" }.to_owned()
}

/// A value of a mapping as text: booleans in small letters, nothing for null.
pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::Bool(value) => truth(*value),
        Value::Null => String::new(),
        other => to_text(other),
    }
}

/// A value of a mapping as the values of an attribute.
pub(super) fn values(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(scalar).collect(),
        other => vec![scalar(other)],
    }
}

/// A required option that must hold something, and nothing that no name holds.
pub(super) fn name(options: &Options, option: &str) -> Result<String, ModuleError> {
    let name = options.text(option).unwrap_or_default().trim();
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(ModuleError::new(format!("`{option}` is empty, or holds control characters")));
    }
    Ok(name.to_owned())
}

/// Sets attributes from options of text: option, attribute.
pub(super) fn set_texts(ensure: &mut Ensure, options: &Options, pairs: &[(&str, &str)]) {
    for (option, attribute) in pairs {
        if let Some(text) = options.text(option) {
            ensure.set.push(((*attribute).to_owned(), vec![text.to_owned()]));
        }
    }
}

/// Sets attributes from boolean options: option, attribute.
pub(super) fn set_flags(ensure: &mut Ensure, options: &Options, pairs: &[(&str, &str)]) {
    for (option, attribute) in pairs {
        if let Some(value) = options.bool(option) {
            ensure.set.push(((*attribute).to_owned(), vec![truth(value)]));
        }
    }
}

/// Adds the fields of the registered variable: an attribute under a name, as text.
pub(super) fn tell_texts(result: &mut Map<String, Value>, states: &States, pairs: &[(&str, &str)]) {
    for (attribute, field) in pairs {
        if let Some(text) = states.now(attribute) {
            result.insert((*field).to_owned(), text.into());
        }
    }
}

/// Adds boolean fields.
pub(super) fn tell_flags(result: &mut Map<String, Value>, states: &States, pairs: &[(&str, &str)]) {
    for (attribute, field) in pairs {
        if let Some(text) = states.now(attribute) {
            result.insert((*field).to_owned(), (text == "true").into());
        }
    }
}

/// The attributes under dotted names as nested mappings.
pub(super) fn nested<'a>(
    attributes: impl Iterator<Item = (&'a String, &'a Vec<String>)>,
) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, values) in attributes {
        let value = match values.as_slice() {
            [one] => json!(one),
            more => json!(more),
        };
        let mut at = &mut all;
        let mut parts = name.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                at.insert(part.to_owned(), value);
                break;
            }
            let inner = at.entry(part.to_owned()).or_insert_with(|| json!({}));
            let Value::Object(inner) = inner else { break };
            at = inner;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_names_become_mappings() {
        let attributes = [
            ("a".to_owned(), vec!["1".to_owned()]),
            ("b.c.d".to_owned(), vec!["2".to_owned(), "3".to_owned()]),
            ("b.e".to_owned(), Vec::new()),
        ];
        let all = nested(attributes.iter().map(|(name, values)| (name, values)));
        assert_eq!(Value::Object(all), json!({"a": "1", "b": {"c": {"d": ["2", "3"]}, "e": []}}));
    }
}
