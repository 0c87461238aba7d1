//! `win_dsc`: one resource of Desired State Configuration. Its properties are further options of the task; which there are, and
//! of which types, only the host knows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::values::{name, scalar};
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::{Act, Call, said};
use crate::operation::{Outcome, Reply};

/// The module.
pub(super) struct Dsc;

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_dsc",
    aliases: &["ansible.windows.win_dsc"],
    options: &[
        OptionSpec::new("resource_name", OptionKind::Text).required(),
        OptionSpec::new("module_version", OptionKind::Text),
    ],
    open: true,
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

/// How deep a value may lie within others.
const DEEPEST: usize = 8;

/// Values as one word: base64 between commas, `-` for none.
fn pack(values: &[String]) -> String {
    if values.is_empty() {
        return "-".to_owned();
    }
    values.iter().map(|value| STANDARD.encode(value)).collect::<Vec<_>>().join(",")
}

/// A value as it travels: `t` and a text, `l` and values, `m` and names and values in turn.
fn travelling(value: &Value, depth: usize) -> Result<String, ModuleError> {
    if depth > DEEPEST {
        return Err(ModuleError::new(format!("values lie more than {DEEPEST} deep within each other")));
    }
    Ok(match value {
        Value::Array(items) => {
            let items = items.iter().map(|item| travelling(item, depth + 1));
            format!("l{}", pack(&items.collect::<Result<Vec<_>, _>>()?))
        }
        Value::Object(fields) => {
            let mut pairs = Vec::new();
            for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                pairs.push(name.clone());
                pairs.push(travelling(value, depth + 1)?);
            }
            format!("m{}", pack(&pairs))
        }
        value => format!("t{}", scalar(value)),
    })
}

/// A property's name, which becomes one of an argument.
fn property(name: &str) -> Result<(), ModuleError> {
    let fits = |char: char| char.is_ascii_alphanumeric() || char == '_';
    if name.is_empty() || name.len() > 200 || !name.chars().all(fits) {
        return Err(ModuleError::new(format!("`{name}` cannot be the name of a property of a resource")));
    }
    Ok(())
}

fn judge(reply: &Reply, outcome: &mut Outcome) {
    outcome.result.insert("reboot_required".to_owned(), reply.value("reboot").is_some().into());
    let version = said(reply, "module_version").filter(|version| !version.is_empty());
    outcome.result.insert("module_version".to_owned(), version.into());
}

impl Module for Dsc {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let resource = name(options, "resource_name")?;
        if resource.contains(['*', '?', '[']) {
            return Err(ModuleError::new(format!("`{resource}` is no name of a resource")));
        }
        let version =
            options.text("module_version").filter(|version| !version.eq_ignore_ascii_case("latest"));
        let mut call = Call::new("dsc").with("resource", &resource).maybe("version", version);
        let own = ["resource_name", "module_version"];
        for (name, value) in
            options.iter().filter(|(name, value)| !own.contains(&name.as_str()) && !value.is_null())
        {
            property(name)?;
            let login = name.strip_suffix("_password").filter(|login| {
                let user = format!("{login}_username");
                options.keys().any(|other| other.eq_ignore_ascii_case(&user))
            });
            call = match login {
                Some(login) => call.with(&format!("secret.{login}"), &scalar(value)),
                None => call.with(&format!("set.{name}"), &travelling(value, 0)?),
            };
        }
        let act = Act { irreversible: true, ..Act::new(call, Box::new(judge)) };
        Ok(Work::Host(Box::new(act)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, operation, refused, said};
    use serde_json::json;

    #[test]
    fn properties_are_data() {
        assert_eq!(
            said(
                "win_dsc",
                json!({"resource_name": "WindowsFeature", "module_version": "latest", "Name": "Web-Server",
                       "IncludeAllSubFeature": true, "Nothing": null})
            ),
            "dsc resource=WindowsFeature set.Name=tWeb-Server set.IncludeAllSubFeature=ttrue"
        );
        assert_eq!(
            said(
                "win_dsc",
                json!({"resource_name": "R", "module_version": "1.2", "List": ["a", 1], "Map": {"k": "v"}, "None": [],
                       "Login_username": "me", "Login_password": "geheim"})
            ),
            "dsc resource=R version=1.2 set.List=ldGE=,dDE= set.Map=maw==,dHY= set.None=l- set.Login_username=tme \
             secret.Login=geheim"
        );
        assert!(operation("win_dsc", json!({"resource_name": "R"})).irreversible());
        refused("win_dsc", json!({"resource_name": "W*"}));
        refused("win_dsc", json!({"resource_name": "R", "a b": 1}));
        let deep = (0..10).fold(json!("x"), |value, _| json!([value]));
        assert!(refused("win_dsc", json!({"resource_name": "R", "Deep": deep})).contains("deep"));
    }

    #[test]
    fn results_are_those_of_ansible() {
        let options = json!({"resource_name": "R"});
        let done =
            answered("win_dsc", options, 0, &[("changed", "1"), ("reboot", "1"), ("module_version", "1.1")]);
        assert!(done.changed);
        assert_eq!(done.result["reboot_required"], true);
        assert_eq!(done.result["module_version"], "1.1");
    }
}
