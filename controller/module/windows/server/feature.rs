//! `win_feature`: roles and features of Windows Server.

use serde_json::{Map, Value, json};

use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::{Ensure, States, Values};

/// The module.
pub(super) struct Feature;

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_feature",
    aliases: &["ansible.windows.win_feature"],
    options: &[
        OptionSpec::new("name", OptionKind::List).required(),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
        OptionSpec::new("include_sub_features", OptionKind::Bool),
        OptionSpec::new("include_management_tools", OptionKind::Bool),
        OptionSpec::new("source", OptionKind::Text),
        OptionSpec::new("restart", OptionKind::Bool)
            .refused("register the result, and use `win_reboot` when `reboot_required` is true"),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

fn describe(states: &States) -> Map<String, Value> {
    let unchanged = if states.changed { "Success" } else { "NoChangeNeeded" };
    let results: Vec<Value> = states
        .other
        .iter()
        .filter(|(name, _)| name == "feature")
        .filter_map(|(_, text)| Values::read(text))
        .map(|Values(fields)| {
            let field = |at: usize| fields.get(at).cloned().unwrap_or_default();
            json!({
                "display_name": field(0), "id": field(1).parse::<i64>().unwrap_or_default(),
                "success": field(2).eq_ignore_ascii_case("true"),
                "reboot_required": field(3) != "No" && !field(3).eq_ignore_ascii_case("false"),
                "restart_needed": field(3) != "No" && !field(3).eq_ignore_ascii_case("false"),
                "skip_reason": field(4), "message": [],
            })
        })
        .collect();
    let Value::Object(result) = json!({
        "exitcode": states.said("exit_code").unwrap_or_else(|| unchanged.to_owned()),
        "success": states.said("success").is_none_or(|success| success == "true"),
        "reboot_required": states.reboot,
        "feature_result": results,
    }) else {
        return Map::new();
    };
    result
}

impl Module for Feature {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let names: Vec<String> = options
            .texts("name")
            .unwrap_or_default()
            .iter()
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        if names.is_empty() {
            return Err(ModuleError::new("`name` of `win_feature` is empty"));
        }
        if let Some(odd) = names.iter().find(|name| name.contains(['*', '?', '[']) || name.contains(' ')) {
            return Err(ModuleError::new(format!(
                "`{odd}` is no name of a feature\nhint: `Get-WindowsFeature` lists them; patterns are not taken"
            )));
        }
        // The thing is the host: its features are one list.
        let mut features = Ensure::new("feature", vec![("host", "features".to_owned())]);
        let absent = options.text("state") == Some("absent");
        let list = if absent { &mut features.remove } else { &mut features.add };
        list.push(("installed".to_owned(), names));
        let mut flag = |name: &'static str, holds: bool| {
            if holds {
                features.options.push((name, vec!["1".to_owned()]));
            }
        };
        flag("sub_features", options.flag("include_sub_features", false));
        flag("management_tools", !absent && options.flag("include_management_tools", false));
        if let Some(source) = options.text("source") {
            features.options.push(("source", vec![source.to_owned()]));
        }
        features.describe = Box::new(describe);
        Ok(Work::Host(Box::new(features)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, refused, said};
    use super::*;

    #[test]
    fn what_is_asked_for() {
        assert_eq!(
            said("win_feature", json!({"name": "Web-Server,Web-AppInit", "include_management_tools": true})),
            "ensure kind=feature key.host=features want=present add.installed=[Web-Server|Web-AppInit] \
             management_tools=1"
        );
        assert_eq!(
            said(
                "win_feature",
                json!({"name": ["RSAT"], "state": "absent", "include_sub_features": true, "source": "D:\\sxs"})
            ),
            "ensure kind=feature key.host=features want=present remove.installed=RSAT sub_features=1 \
             source=D:\\sxs"
        );
        refused("win_feature", json!({"name": "Web-*"}));
        refused("win_feature", json!({"name": []}));
    }

    #[test]
    fn results_are_those_of_ansible() {
        let outcome = answered(
            "win_feature",
            json!({"name": "Web-Server"}),
            0,
            &[
                ("changed", "1"),
                ("exit_code", "SuccessRestartRequired"),
                ("success", "true"),
                ("reboot", "1"),
                ("feature", "V2Vi,Mg==,VHJ1ZQ==,VHJ1ZQ==,Tm90U2tpcHBlZA=="),
            ],
        );
        assert!(outcome.changed);
        assert_eq!(outcome.result["reboot_required"], true);
        assert_eq!(outcome.result["exitcode"], "SuccessRestartRequired");
        assert_eq!(outcome.result["feature_result"][0]["display_name"], "Web");
        assert_eq!(outcome.result["feature_result"][0]["id"], 2);
        let none = answered("win_feature", json!({"name": "Web-Server"}), 0, &[]);
        assert_eq!(none.result["exitcode"], "NoChangeNeeded");
        assert_eq!(none.result["reboot_required"], false);
    }
}
