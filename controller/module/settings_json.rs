//! `settings_json`: keys of a JSON file of settings, edited in place.

use serde_json::{Map, Value};

use super::place;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::document::json::JsonEdit;
use crate::operation::settings::{EditSettings, SettingsEdit};

/// The module.
pub(super) struct SettingsJson;

static SPEC: ModuleSpec = ModuleSpec {
    name: "settings_json",
    options: &[
        OptionSpec::new("path", OptionKind::Path).required(),
        OptionSpec::new("set", OptionKind::Map).limited(keys),
        OptionSpec::new("remove", OptionKind::List).limited(paths),
        OptionSpec::new("create", OptionKind::Bool),
        OptionSpec::new("backup", OptionKind::Bool),
    ],
    platforms: Platforms::Any,
    ..ModuleSpec::EMPTY
};

/// A limit of `set`.
fn keys(set: &Value) -> Result<(), String> {
    let set = set.as_object().cloned().unwrap_or_default();
    JsonEdit::new(set, Vec::new()).map(drop)
}

/// A limit of `remove`.
fn paths(remove: &Value) -> Result<(), String> {
    let remove = remove.as_array().into_iter().flatten().map(path).collect::<Result<_, _>>()?;
    JsonEdit::new(Map::new(), remove).map(drop)
}

/// Reads a path of keys: a list, or text with dots in between.
fn path(value: &Value) -> Result<Vec<String>, String> {
    const HINT: &str = "hint: write `Section.Key`, or a list of keys if there are dots in them";
    let key = |value: &Value| match value {
        Value::String(key) => Ok(key.clone()),
        _ => Err(format!("a key of `remove` is not text\n{HINT}")),
    };
    match value {
        Value::String(text) => Ok(text.split('.').map(str::to_owned).collect()),
        Value::Array(keys) => keys.iter().map(key).collect(),
        _ => Err(format!("`remove` takes paths of keys\n{HINT}")),
    }
}

impl Module for SettingsJson {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let set = options.get("set").and_then(Value::as_object).cloned();
        let remove = options.get("remove").and_then(Value::as_array);
        if set.is_none() && remove.is_none() {
            return Err(ModuleError::new("`settings_json` needs `set` or `remove`"));
        }
        let remove =
            remove.into_iter().flatten().map(path).collect::<Result<_, _>>().map_err(ModuleError::new)?;
        let edit = JsonEdit::new(set.unwrap_or_default(), remove).map_err(ModuleError::new)?;
        Ok(Work::Host(Box::new(EditSettings::new(
            place::path(options, "path")?,
            SettingsEdit::Json(edit),
            options.flag("create", false),
            options.flag("backup", false),
            context.platform,
        ))))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::{plan, plan_on};
    use crate::module::Work;
    use crate::operation::Mode;
    use crate::shell::Platform;
    use serde_json::json;

    #[test]
    fn both_platforms_have_it() {
        let options = json!({"path": "x.json", "set": {"a": 1}});
        let text = |work| match work {
            Work::Host(mut operation) => operation.first(Mode::default()).text,
            Work::Control(control) => panic!("{control:?}"),
        };
        assert!(
            text(plan("settings_json", options.clone()).unwrap()).contains("pf_read_for_edit './x.json'")
        );
        assert!(
            text(plan_on(Platform::Windows, "settings_json", options).unwrap()).starts_with("read path:")
        );
    }

    #[test]
    fn mistakes_are_refused() {
        for (options, expected) in [
            (json!({"path": "/x"}), "needs `set` or `remove`"),
            (json!({"path": "/x", "set": {"a": 1, "A": 2}}), "one key for .NET"),
            (json!({"path": "/x", "set": [1]}), "not a mapping"),
            (json!({"path": "/x", "remove": [{"a": 1}]}), "takes paths of keys"),
            (json!({"path": "/x", "remove": [["a", 1]]}), "is not text"),
            (json!({"path": "/x", "remove": ["a..b"]}), "empty key"),
            (json!({"path": "/x", "set": {}, "mode": "0600"}), "no option `mode`"),
        ] {
            let error = plan("settings_json", options.clone()).unwrap_err().message;
            assert!(error.contains(expected), "{options}: {error}");
        }
    }
}
