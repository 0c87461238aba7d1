//! `iis_config` (of ours): the attributes of any section of the IIS configuration, for the server, a site or an
//! application. They are written to applicationHost.config, so a site's own web.config stays as it is.

use serde_json::{Map, Value};

use super::iis_pool::attribute;
use super::values::{name, nested, scalar, values};
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::Ensure;

/// The module.
pub(super) struct IisConfig;

static SPEC: ModuleSpec = ModuleSpec {
    name: "iis_config",
    options: &[
        OptionSpec::new("section", OptionKind::Text).required(),
        OptionSpec::new("location", OptionKind::Text),
        OptionSpec::new("attributes", OptionKind::Map),
        OptionSpec::new("elements", OptionKind::List),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

/// An element of a collection as a row: `name=value` with `;` between, or the value alone.
fn row(value: &Value) -> Result<String, ModuleError> {
    let Value::Object(attributes) = value else { return Ok(scalar(value)) };
    let words = attributes.iter().map(|(name, value)| {
        let text = scalar(value).replace('%', "%25").replace(';', "%3b");
        attribute(name).map(|name| format!("{name}={text}"))
    });
    words.collect::<Result<Vec<_>, _>>().map(|words| words.join(";"))
}

impl Module for IisConfig {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let section = name(options, "section")?;
        let fine = |char: char| char.is_ascii_alphanumeric() || ".-/_".contains(char);
        if !section.chars().all(fine) || section.starts_with('/') {
            return Err(ModuleError::new(format!(
                "`{section}` is no section\nhint: write `system.webServer/applicationInitialization`"
            )));
        }
        let location = options.text("location").unwrap_or_default().trim_matches('/').to_owned();
        let mut config = Ensure::new("iis_config", vec![("section", section), ("location", location)]);
        for (name, value) in options.map("attributes").into_iter().flatten() {
            config.set.push((attribute(name)?.to_owned(), values(value)));
        }
        if let Some(elements) = options.list("elements") {
            let rows = elements.iter().map(row).collect::<Result<Vec<_>, _>>()?;
            config.set.push(("elements".to_owned(), rows));
        }
        if config.set.is_empty() {
            return Err(ModuleError::new(
                "`iis_config` has nothing to do\nhint: give it `attributes` or `elements`",
            ));
        }
        let named: Vec<String> = config.set.iter().map(|(name, _)| name.to_lowercase()).collect();
        config.describe = Box::new(move |states| {
            let after = states.after.iter().flatten();
            let asked = after.filter(|(name, _)| named.contains(&name.to_lowercase()));
            Map::from_iter([("attributes".to_owned(), Value::Object(nested(asked)))])
        });
        Ok(Work::Host(Box::new(config)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, refused, said};
    use serde_json::json;

    #[test]
    fn what_is_asked_for_and_answered() {
        let options = json!({
            "section": "system.webServer/applicationInitialization", "location": "Acme/",
            "attributes": {"doAppInitAfterRestart": true}, "elements": [{"initializationPage": "/a;b"}],
        });
        assert_eq!(
            said("iis_config", options.clone()),
            "ensure kind=iis_config key.section=system.webServer/applicationInitialization key.location=Acme \
             want=present set.doAppInitAfterRestart=true set.elements=initializationPage=/a%3bb"
        );
        let outcome = answered(
            "iis_config",
            options,
            0,
            &[("after_exists", "1"), ("after.doAppInitAfterRestart", "true"), ("after.other", "x")],
        );
        assert_eq!(outcome.result["attributes"], json!({"doAppInitAfterRestart": "true"}));
        refused("iis_config", json!({"section": "a b", "attributes": {"x": 1}}));
        refused("iis_config", json!({"section": "system.webServer/x"}));
    }
}
