//! `win_iis_webapppool` and `microsoft.iis.web_app_pool`: application pools.

use serde_json::{Map, Value, json};

use super::values::{name, nested, scalar, values};
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::{Call, Ensure, States};

/// The module.
pub(super) struct WebAppPool;

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_iis_webapppool",
    aliases: &["community.windows.win_iis_webapppool", "microsoft.iis.web_app_pool"],
    options: &[
        OptionSpec::new("name", OptionKind::Text).required(),
        OptionSpec::new(
            "state",
            OptionKind::Choice(&["absent", "present", "recycled", "restarted", "started", "stopped"]),
        ),
        OptionSpec::new("attributes", OptionKind::Map),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

/// Numbers that stand for words (learn.microsoft.com/iis/configuration/system.applicationhost/applicationpools/add).
static WORDS: &[(&str, &[&str])] = &[
    ("managedpipelinemode", &["Integrated", "Classic"]),
    ("startmode", &["OnDemand", "AlwaysRunning"]),
    (
        "processmodel.identitytype",
        &["LocalSystem", "LocalService", "NetworkService", "SpecificUser", "ApplicationPoolIdentity"],
    ),
    ("processmodel.idletimeoutaction", &["Terminate", "Suspend"]),
    ("processmodel.loadbalancercapabilities", &["", "TcpLevel", "HttpLevel"]),
];

/// The word of an attribute that was given as a number.
fn word(attribute: &str, text: String) -> String {
    let words = WORDS.iter().find(|(name, _)| attribute.eq_ignore_ascii_case(name)).map(|(_, words)| *words);
    let word = words.and_then(|words| words.get(text.parse::<usize>().ok()?));
    word.map_or(text, |word| (*word).to_owned())
}

/// Checks a name of an attribute: dotted words.
pub(super) fn attribute(name: &str) -> Result<&str, ModuleError> {
    let fine = |part: &str| !part.is_empty() && part.chars().all(|char| char.is_ascii_alphanumeric());
    if name.split('.').all(fine) {
        return Ok(name);
    }
    Err(ModuleError::new(format!(
        "`{name}` is no name of an attribute\nhint: write it as in applicationHost.config, with dots between \
         elements: `processModel.idleTimeout`"
    )))
}

/// Attributes that differ, as Ansible's `info`.
fn describe(states: &States, given: &Map<String, Value>) -> Map<String, Value> {
    let secret = |name: &String| !name.to_lowercase().ends_with("password");
    let attributes: Map<String, Value> = given
        .iter()
        .filter(|(name, _)| secret(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut result = Map::from_iter([("attributes".to_owned(), Value::Object(attributes))]);
    if let Some(after) = &states.after {
        let shown = after.iter().filter(|(name, _)| !name.starts_with('.'));
        result.insert("info".to_owned(), Value::Object(nested(shown)));
    } else {
        result.insert("info".to_owned(), json!({}));
    }
    result
}

impl Module for WebAppPool {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let name = name(options, "name")?;
        let mut pool = Ensure::new("pool", vec![("name", name.clone())]);
        let given = options.map("attributes").cloned().unwrap_or_default();
        let state = options.text("state").unwrap_or("present");
        pool.present = state != "absent";
        if pool.present {
            for (attribute_name, value) in &given {
                let attribute_name = attribute(attribute_name)?;
                if attribute_name.to_lowercase().ends_with("password") {
                    pool.secret.push((attribute_name.to_owned(), scalar(value)));
                    continue;
                }
                let list = attribute_name.eq_ignore_ascii_case("recycling.periodicRestart.schedule");
                let wanted = match value {
                    Value::String(text) if list => text
                        .split(',')
                        .map(|time| time.trim().to_owned())
                        .filter(|time| !time.is_empty())
                        .collect(),
                    Value::Null if list => Vec::new(),
                    value => values(value).into_iter().map(|text| word(attribute_name, text)).collect(),
                };
                pool.set.push((attribute_name.to_owned(), wanted));
            }
            let activate = |action: &str| {
                Call::new("activate").with("kind", "pool").with("key.name", &name).with("action", action)
            };
            match state {
                "started" | "stopped" => pool.set.push(("state".to_owned(), vec![state.to_owned()])),
                "restarted" => pool.then.push(activate("restart")),
                "recycled" => pool.then.push(activate("recycle")),
                _ => {}
            }
        }
        pool.then = std::mem::take(&mut pool.then).into_iter().map(|call| call.flag("quiet", true)).collect();
        pool.describe = Box::new(move |states| describe(states, &given));
        Ok(Work::Host(Box::new(pool)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, refused, said};
    use super::*;

    #[test]
    fn what_is_asked_for() {
        for (options, expected) in [
            (
                json!({"name": "Usercube", "state": "started", "attributes": {
                    "managedRuntimeVersion": "", "startMode": 1, "processModel.loadUserProfile": true,
                    "processModel.idleTimeout": "00:00:00", "recycling.periodicRestart.schedule": null,
                    "processModel.identityType": "SpecificUser", "processModel.password": "x"}}),
                "ensure kind=pool key.name=Usercube want=present set.managedRuntimeVersion= \
                 set.startMode=AlwaysRunning set.processModel.loadUserProfile=true \
                 set.processModel.idleTimeout=00:00:00 set.recycling.periodicRestart.schedule=[] \
                 set.processModel.identityType=SpecificUser set.state=started secret.processModel.password=x",
            ),
            (json!({"name": "x"}), "ensure kind=pool key.name=x want=present"),
            (
                json!({"name": "x", "state": "absent", "attributes": {"a": 1}}),
                "ensure kind=pool key.name=x want=absent",
            ),
            (
                json!({"name": "x", "state": "restarted"}),
                "ensure kind=pool key.name=x want=present\n\
                 activate kind=pool key.name=x action=restart quiet=1",
            ),
            (
                json!({"name": "x", "attributes": {"recycling.periodicRestart.schedule": "02:00:00, 03:00:00"}}),
                "ensure kind=pool key.name=x want=present \
                 set.recycling.periodicRestart.schedule=[02:00:00|03:00:00]",
            ),
        ] {
            assert_eq!(said("win_iis_webapppool", options), expected);
        }
        assert!(
            refused("win_iis_webapppool", json!({"name": "x", "attributes": {"a b": 1}})).contains("`a b`")
        );
    }

    #[test]
    fn results_are_those_of_ansible() {
        let outcome = answered(
            "microsoft.iis.web_app_pool",
            json!({"name": "x", "attributes": {"startMode": "AlwaysRunning", "processModel.password": "p"}}),
            0,
            &[
                ("changed", "1"),
                ("before_exists", "0"),
                ("after_exists", "1"),
                ("after.state", "started"),
                ("after.startMode", "AlwaysRunning"),
                ("after.processModel.idleTimeout", "00:00:00"),
                ("point", "1 pool pool x"),
            ],
        );
        assert!(outcome.changed);
        assert_eq!(
            Value::Object(outcome.result),
            json!({"attributes": {"startMode": "AlwaysRunning"},
                   "info": {"state": "started", "startMode": "AlwaysRunning",
                            "processModel": {"idleTimeout": "00:00:00"}}})
        );
    }
}
