//! `win_environment` and `win_path`: environment variables of the machine and of users.

use serde_json::{Map, Value};

use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work, to_text,
};
use crate::operation::windows::{Call, Ensure, Step};

/// The module for variables.
pub(super) struct WinEnvironment;

/// The module for elements of `PATH` and its like.
pub(super) struct WinPath;

static ENVIRONMENT: ModuleSpec = ModuleSpec {
    name: "win_environment",
    aliases: &["ansible.windows.win_environment"],
    options: &[
        OptionSpec::new("name", OptionKind::Text).limited(a_name),
        OptionSpec::new("value", OptionKind::Text),
        OptionSpec::new("variables", OptionKind::Map),
        OptionSpec::new("level", OptionKind::Choice(&["machine", "process", "user"])).required(),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

static PATH: ModuleSpec = ModuleSpec {
    name: "win_path",
    aliases: &["ansible.windows.win_path"],
    options: &[
        OptionSpec::new("name", OptionKind::Text).limited(a_name),
        OptionSpec::new("elements", OptionKind::List).required(),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
        OptionSpec::new("scope", OptionKind::Choice(&["machine", "user"])),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

fn a_name(name: &Value) -> Result<(), String> {
    match name.as_str() {
        Some(name) if name.is_empty() || name.contains(['=', '\0']) => {
            Err(format!("`{name}` cannot be the name of an environment variable"))
        }
        _ => Ok(()),
    }
}

/// One variable; without a value it goes.
fn variable(name: &str, level: &str, value: Option<String>) -> Ensure {
    let mut ensure = Ensure::new("environment", vec![("name", name.to_owned()), ("level", level.to_owned())]);
    match value {
        Some(value) => ensure.set.push(("value".to_owned(), vec![value])),
        None => ensure.present = false,
    }
    ensure.describe = Box::new(|states| {
        let value = |side: &Option<std::collections::BTreeMap<String, Vec<String>>>| {
            let first = side.as_ref().and_then(|side| side.get("value")?.first().cloned());
            first.map_or(Value::Null, Value::from)
        };
        Map::from_iter([
            ("before_value".to_owned(), value(&states.before)),
            ("value".to_owned(), value(&states.after)),
        ])
    });
    ensure
}

impl Module for WinEnvironment {
    fn spec(&self) -> &'static ModuleSpec {
        &ENVIRONMENT
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let level = options.text("level").unwrap_or("machine");
        let absent = options.text("state") == Some("absent");
        match (options.text("name"), options.map("variables")) {
            (Some(_), Some(_)) => {
                Err(ModuleError::new("`win_environment` takes `name` or `variables`, not both"))
            }
            (None, None) => Err(ModuleError::new("`win_environment` needs `name` or `variables`")),
            (Some(name), None) => {
                let value = options.text("value").filter(|value| !value.is_empty() && !absent);
                if value.is_none() && !absent {
                    return Err(ModuleError::new(
                        "`win_environment` needs `value`\nhint: a variable without one does not exist: use `state: absent`",
                    ));
                }
                Ok(Work::Host(Box::new(variable(name, level, value.map(str::to_owned)))))
            }
            (None, Some(_)) if absent || options.contains_key("value") => Err(ModuleError::new(
                "`win_environment` with `variables` takes neither `value` nor `state: absent`\nhint: an empty value removes a variable",
            )),
            (None, Some(variables)) => several(variables, level),
        }
    }
}

/// Several variables in one step, each with a point of its own.
fn several(variables: &Map<String, Value>, level: &str) -> Result<Work, ModuleError> {
    let mut call = Call::new("environment_set").with("level", level);
    let mut pairs = Vec::new();
    for (name, value) in variables {
        a_name(&Value::from(name.as_str())).map_err(ModuleError::new)?;
        pairs.push((name.clone(), if value.is_null() { String::new() } else { to_text(value) }));
    }
    call = call
        .list("names", pairs.iter().map(|(name, _)| name.as_str()))
        .list("values", pairs.iter().map(|(_, value)| value.as_str()));
    Ok(Work::Host(Box::new(Step::new(call).telling(move |_, _, outcome| {
        let values = pairs.iter().map(|(name, value)| (name.clone(), Value::from(value.clone())));
        outcome.result.insert("values".to_owned(), Value::Object(values.collect()));
    }))))
}

impl Module for WinPath {
    fn spec(&self) -> &'static ModuleSpec {
        &PATH
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let elements = options.texts("elements").unwrap_or_default();
        if elements.is_empty()
            || elements.iter().any(|element| element.trim().is_empty() || element.contains(';'))
        {
            return Err(ModuleError::new(
                "option `elements` of `win_path` needs folders, one an element\nhint: write a list, without semicolons",
            ));
        }
        let call = Call::new("path_elements")
            .with("name", options.text("name").unwrap_or("PATH"))
            .with("level", options.text("scope").unwrap_or("machine"))
            .list("elements", elements.iter().map(String::as_str))
            .with("want", options.text("state").unwrap_or("present"));
        Ok(Work::Host(Box::new(Step::new(call))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{refused, text, told};
    use serde_json::json;

    #[test]
    fn options_become_calls() {
        for (module, options, expected) in [
            (
                "win_environment",
                json!({"name": "A", "value": "b", "level": "machine"}),
                "ensure kind=environment key.name=A key.level=machine want=present set.value=b",
            ),
            (
                "win_environment",
                json!({"name": "A", "level": "user", "state": "absent"}),
                "ensure kind=environment key.name=A key.level=user want=absent",
            ),
            (
                "win_environment",
                json!({"variables": {"A": 1, "B": null}, "level": "machine"}),
                "environment_set level=machine names=A|B values=1|",
            ),
            (
                "win_path",
                json!({"elements": ["C:\\a", "C:\\b"], "scope": "user", "state": "absent"}),
                "path_elements name=PATH level=user elements=C:\\a|C:\\b want=absent",
            ),
        ] {
            assert_eq!(text(module, options), expected);
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for (module, options, expected) in [
            ("win_environment", json!({"name": "A", "value": "b"}), "level"),
            ("win_environment", json!({"name": "A", "level": "user"}), "needs `value`"),
            ("win_environment", json!({"name": "A=B", "value": "b", "level": "user"}), "cannot be the name"),
            ("win_environment", json!({"level": "user"}), "needs `name`"),
            ("win_environment", json!({"name": "A", "variables": {}, "level": "user"}), "not both"),
            ("win_path", json!({"elements": ["C:\\a;C:\\b"]}), "semicolons"),
        ] {
            let error = refused(module, options);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn values_are_told() {
        let values =
            [("before_exists", "0"), ("after_exists", "1"), ("after.value", "Yg=="), ("changed", "1")];
        let options = json!({"name": "A", "value": "b", "level": "machine"});
        let (outcome, result) = told("win_environment", options, 0, &values);
        assert!(outcome.changed);
        assert_eq!((&result["before_value"], &result["value"]), (&json!(null), &json!("b")));
    }
}
