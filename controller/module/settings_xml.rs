//! `settings_xml`: attributes, texts and elements of an XML file of settings, edited in place.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::place;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work, to_bool, to_text,
};
use crate::document::xml::{ElementEdit, ElementPath, XmlEdit};
use crate::operation::settings::{EditSettings, SettingsEdit};
use crate::source::suggestion;

/// The module.
pub(super) struct SettingsXml;

static SPEC: ModuleSpec = ModuleSpec {
    name: "settings_xml",
    options: &[
        OptionSpec::new("path", OptionKind::Path).required(),
        OptionSpec::new("edits", OptionKind::List).required(),
        OptionSpec::new("namespaces", OptionKind::Map),
        OptionSpec::new("backup", OptionKind::Bool),
    ],
    platforms: Platforms::Any,
    ..ModuleSpec::EMPTY
};

/// What an entry of `edits` may have.
const FIELDS: &[&str] = &["path", "attributes", "text", "state", "create"];

fn element(edit: &Value, namespaces: &BTreeMap<String, String>) -> Result<ElementEdit, String> {
    let Value::Object(edit) = edit else {
        return Err("an entry of `edits` is not a mapping\nhint: give it `path` and `attributes`".to_owned());
    };
    if let Some(unknown) = edit.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        let hint = suggestion(unknown, FIELDS.iter().copied())
            .unwrap_or_else(|| "it takes `path`, `attributes`, `text`, `state` and `create`".to_owned());
        return Err(format!("an entry of `edits` has no `{unknown}`\nhint: {hint}"));
    }
    let given = |name: &str| edit.get(name).filter(|value| !value.is_null());
    let Some(Value::String(path)) = given("path") else {
        return Err(
            "an entry of `edits` has no `path`\nhint: write it as `/configuration/appSettings/add[@key='x']`"
                .to_owned(),
        );
    };
    let path = ElementPath::parse(path, namespaces)?;
    let attributes = match given("attributes") {
        None => Map::new(),
        Some(Value::Object(attributes)) => attributes.clone(),
        Some(_) => return Err(format!("`{path}`: `attributes` is not a mapping")),
    };
    let absent = match given("state") {
        None => false,
        Some(Value::String(state)) if state == "present" => false,
        Some(Value::String(state)) if state == "absent" => true,
        Some(_) => return Err(format!("`{path}`: `state` is `present` or `absent`")),
    };
    let create = match given("create") {
        None => false,
        Some(value) => to_bool(value).map_err(|why| format!("`{path}`: `create`: {why}"))?,
    };
    let text = match given("text") {
        Some(Value::Array(_) | Value::Object(_)) => return Err(format!("`{path}`: `text` is not text")),
        Some(Value::Bool(value)) => Some(value.to_string()),
        other => other.map(to_text),
    };
    ElementEdit::new(path, &attributes, text, absent, create)
}

impl Module for SettingsXml {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let mut namespaces = BTreeMap::new();
        for (prefix, name) in options.get("namespaces").and_then(Value::as_object).into_iter().flatten() {
            let Some(name) = name.as_str().filter(|name| !name.is_empty()) else {
                return Err(ModuleError::new(format!("the namespace of `{prefix}` is not a name")));
            };
            namespaces.insert(prefix.clone(), name.to_owned());
        }
        let edits = options.get("edits").and_then(Value::as_array).into_iter().flatten();
        let edits: Vec<ElementEdit> = edits
            .map(|edit| element(edit, &namespaces))
            .collect::<Result<_, _>>()
            .map_err(ModuleError::new)?;
        if edits.is_empty() {
            return Err(ModuleError::new("`edits` of `settings_xml` is empty"));
        }
        Ok(Work::Host(Box::new(EditSettings::new(
            place::path(options, "path")?,
            SettingsEdit::Xml(XmlEdit::new(edits)),
            false,
            options.flag("backup", false),
            context.platform,
        ))))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    #[test]
    fn mistakes_are_refused() {
        for (edits, expected) in [
            (json!([]), "is empty"),
            (json!(["/a"]), "is not a mapping"),
            (json!([{"attributes": {}}]), "has no `path`"),
            (json!([{"path": "/a", "attribute": {}}]), "did you mean `attributes`?"),
            (json!([{"path": "/a", "attributes": ["x"]}]), "not a mapping"),
            (json!([{"path": "/a", "state": "gone"}]), "`present` or `absent`"),
            (json!([{"path": "/a", "create": "maybe"}]), "not a boolean"),
            (json!([{"path": "/a", "text": ["x"]}]), "is not text"),
            (json!([{"path": "/x:a", "create": true}]), "prefix `x` is unknown"),
        ] {
            let error = plan("settings_xml", json!({"path": "/x", "edits": edits})).unwrap_err().message;
            assert!(error.contains(expected), "{edits}: {error}");
        }
        let edits = json!([{"path": "/x:a", "create": true}, {"path": "/b", "text": true}]);
        plan("settings_xml", json!({"path": "/x", "edits": edits, "namespaces": {"x": "urn:x"}})).unwrap();
    }
}
