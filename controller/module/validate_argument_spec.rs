//! `validate_argument_spec`: checks variables against the specification of a role's arguments. Roles with `meta/argument_specs.yml` get
//! such a task in front of their own.

use serde_json::{Map, Value, json};

use super::{
    Control, FreeForm, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, Options,
    Platforms, Work, to_bool, to_int, to_text,
};
use crate::source::{Node, NodeValue, SourceFile, Span, suggestion};

/// The module.
pub(super) struct ValidateArgumentSpec;

static SPEC: ModuleSpec = ModuleSpec {
    name: "validate_argument_spec",
    options: &[
        OptionSpec::new("argument_spec", OptionKind::Map).required(),
        OptionSpec::new("provided_arguments", OptionKind::Map),
        OptionSpec::new("validate_args_context", OptionKind::Map),
    ],
    free_form: FreeForm::Pairs,
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

/// The types of arguments.
pub(crate) const TYPES: &[&str] =
    &["bits", "bool", "bytes", "dict", "float", "int", "json", "jsonarg", "list", "path", "raw", "str"];
/// How deep options may hold options.
const DEEPEST: usize = 16;

impl Module for ValidateArgumentSpec {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let map = |name: &str| options.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        let (spec, about) = (map("argument_spec"), map("validate_args_context"));
        let mut given = Map::new();
        for name in spec.keys() {
            let known = context.condition;
            if known(&text(&format!("{name} is defined")))? {
                given.insert(name.clone(), (context.variable)(&text(name))?);
            }
        }
        given.extend(map("provided_arguments"));
        let mut errors = Vec::new();
        check_all(&spec, &given, "", 0, &mut errors);
        let mut result = Map::new();
        if errors.is_empty() {
            result.insert("msg".into(), json!("The arg spec validation passed"));
        } else {
            let whose = match about.get("name").and_then(Value::as_str) {
                Some(role) => format!(" of role `{role}`"),
                None => String::new(),
            };
            let message = format!("the arguments{whose} are not as specified: {}", errors.join("; "));
            result.insert("failed".into(), json!(true));
            result.insert("msg".into(), json!(message));
            result.insert("argument_errors".into(), json!(errors));
            result.insert("argument_spec_data".into(), Value::Object(spec));
        }
        result.insert("validate_args_context".into(), Value::Object(about));
        Ok(Work::Control(Control::Result(result)))
    }
}

/// An expression that stands in no file.
fn text(expression: &str) -> Node {
    let file =
        SourceFile::new("argument_specs", std::path::Path::new("argument_specs"), expression.to_owned());
    Node::new(Span::new(file, 0, expression.len()), NodeValue::String(expression.to_owned()))
}

fn check_all(
    spec: &Map<String, Value>,
    given: &Map<String, Value>,
    path: &str,
    depth: usize,
    errors: &mut Vec<String>,
) {
    if depth > DEEPEST {
        errors.push(format!("`{path}` is specified over {DEEPEST} deep"));
        return;
    }
    let aliases = |option: &Value| -> Vec<String> {
        option.get("aliases").and_then(Value::as_array).into_iter().flatten().map(to_text).collect()
    };
    for name in given.keys() {
        let known = spec.iter().any(|(known, option)| known == name || aliases(option).contains(name));
        if !known {
            let hint = suggestion(name, spec.keys().map(String::as_str));
            let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            errors.push(format!("`{path}{name}` is no argument{hint}"));
        }
    }
    for (name, option) in spec {
        let value = given.get(name).or_else(|| aliases(option).iter().find_map(|alias| given.get(alias)));
        let required = option.get("required").is_some_and(|value| to_bool(value).unwrap_or(false));
        match value {
            None if required => errors.push(format!("`{path}{name}` is missing")),
            None | Some(Value::Null) => {}
            Some(value) => check(option, value, &format!("{path}{name}"), depth, errors),
        }
    }
}

fn check(option: &Value, value: &Value, path: &str, depth: usize, errors: &mut Vec<String>) {
    let word = |name: &str| option.get(name).and_then(Value::as_str);
    let kind = word("type").unwrap_or("str");
    let value = match converted(kind, value) {
        Ok(value) => value,
        Err(wanted) => {
            errors.push(format!("`{path}` has to be {wanted}, not {}", shown(value)));
            return;
        }
    };
    let mut items = vec![(path.to_owned(), value.clone())];
    if let (Some(elements), Value::Array(list)) = (word("elements"), &value) {
        items.clear();
        for (index, item) in list.iter().enumerate() {
            match converted(elements, item) {
                Ok(item) => items.push((format!("{path}[{index}]"), item)),
                Err(wanted) => {
                    errors.push(format!("`{path}[{index}]` has to be {wanted}, not {}", shown(item)));
                }
            }
        }
    }
    if let Some(choices) = option.get("choices").and_then(Value::as_array) {
        let choices: Vec<String> = choices.iter().map(to_text).collect();
        let chosen = items.iter().flat_map(|(path, item)| match item {
            Value::Array(list) => list.iter().map(|item| (path, item)).collect(),
            item => vec![(path, item)],
        });
        for (path, item) in chosen.filter(|(_, item)| !choices.contains(&to_text(item))) {
            errors.push(format!("`{path}` has to be one of `{}`, not {}", choices.join("`, `"), shown(item)));
        }
    }
    if let Some(inner) = option.get("options").and_then(Value::as_object) {
        for (path, item) in &items {
            if let Value::Object(map) = item {
                check_all(inner, map, &format!("{path}."), depth + 1, errors);
            }
        }
    }
}

/// What a value is as a type, as Ansible converts it; else what it has to be.
fn converted(kind: &str, value: &Value) -> Result<Value, &'static str> {
    let text = value.as_str().map(str::trim);
    match kind {
        "int" => match value {
            Value::Bool(flag) => Ok(json!(i64::from(*flag))),
            value => to_int(value).map(|number| json!(number)).map_err(|_| "a whole number"),
        },
        "float" => match value {
            Value::Number(_) | Value::Bool(_) => Ok(value.clone()),
            _ => text.and_then(|text| text.parse::<f64>().ok()).map(|number| json!(number)).ok_or("a number"),
        },
        "bool" => to_bool(value).map(Value::Bool).map_err(|_| "a boolean"),
        "list" => match value {
            Value::Array(_) => Ok(value.clone()),
            Value::String(text) => Ok(text.split(',').map(|word| json!(word.trim())).collect()),
            Value::Number(_) => Ok(json!([to_text(value)])),
            _ => Err("a list"),
        },
        "dict" => match value {
            Value::Object(_) => Ok(value.clone()),
            Value::String(text) => pairs(text).ok_or("a mapping"),
            _ => Err("a mapping"),
        },
        "bytes" | "bits" => match value {
            Value::Number(_) => Ok(value.clone()),
            _ if text.is_some_and(is_size) => Ok(value.clone()),
            _ => Err("a size such as `10M`"),
        },
        "path" | "str" => match value {
            Value::String(_) => Ok(value.clone()),
            other => Ok(json!(to_text(other))),
        },
        "json" | "jsonarg" => match value {
            Value::String(_) | Value::Object(_) | Value::Array(_) => Ok(value.clone()),
            _ => Err("JSON"),
        },
        _ => Ok(value.clone()),
    }
}

/// Text as a mapping: JSON, or `key=value` pairs.
fn pairs(text: &str) -> Option<Value> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str::<Map<String, Value>>(text).ok().map(Value::Object);
    }
    let words = text.split([',', ' ']).filter(|word| !word.trim().is_empty());
    let pairs = words.map(|word| {
        let (key, value) = word.split_once('=')?;
        Some((key.trim().to_owned(), json!(value.trim())))
    });
    let pairs: Option<Map<String, Value>> = pairs.collect();
    pairs.filter(|pairs| !pairs.is_empty()).map(Value::Object)
}

fn is_size(text: &str) -> bool {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = text[digits.len()..].to_ascii_uppercase();
    let first = unit.chars().next();
    digits.trim().parse::<f64>().is_ok() && first.is_none_or(|unit| "BKMGTPEZY".contains(unit))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        Value::Null => "nothing".to_owned(),
        other => {
            let text = to_text(other);
            if text.chars().count() > 60 { "this text".to_owned() } else { format!("`{text}`") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(spec: &Value, given: &Value) -> Vec<String> {
        let map = |value: &Value| value.as_object().cloned().unwrap_or_default();
        let mut errors = Vec::new();
        check_all(&map(spec), &map(given), "", 0, &mut errors);
        errors
    }

    #[test]
    fn types_and_choices_are_those_of_ansible() {
        for (kind, value, fits) in [
            ("str", json!(1), true),
            ("str", json!([1]), true),
            ("int", json!("12"), true),
            ("int", json!("x"), false),
            ("int", json!(1.5), false),
            ("float", json!("1.5"), true),
            ("float", json!([]), false),
            ("bool", json!("yes"), true),
            ("bool", json!("maybe"), false),
            ("list", json!("a,b"), true),
            ("list", json!({}), false),
            ("dict", json!("a=1"), true),
            ("dict", json!("a"), false),
            ("dict", json!([]), false),
            ("bytes", json!("10M"), true),
            ("bytes", json!("many"), false),
            ("raw", json!({}), true),
        ] {
            let found = errors(&json!({"x": {"type": kind}}), &json!({ "x": value }));
            assert_eq!(found.is_empty(), fits, "{kind} {value}: {found:?}");
        }
    }

    #[test]
    fn every_error_names_its_argument() {
        let spec = json!({
            "port": {"type": "int", "required": true},
            "mode": {"choices": ["a", "b"]},
            "hosts": {"type": "list", "elements": "dict", "options": {"name": {"required": true}, "weight": {"type": "int"}}},
        });
        let given = json!({"mode": "c", "hosts": [{"name": "x"}, {"wieght": 1}, 3]});
        assert_eq!(
            errors(&spec, &given),
            [
                "`port` is missing",
                "`mode` has to be one of `a`, `b`, not `c`",
                "`hosts[2]` has to be a mapping, not `3`",
                "`hosts[1].wieght` is no argument (did you mean `weight`?)",
                "`hosts[1].name` is missing",
            ]
        );
    }
}
