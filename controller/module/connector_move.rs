//! `connector_move`: what has to move when another agent is to serve a connector. It reads the server's configuration on this machine and
//! asks no host.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::{
    Control, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options,
    Platforms, Work,
};
use crate::audit::{ConfigurationLimits, Declared, DeclaredHost, movement, read_configuration};
use crate::inventory::Agent;

/// The module.
pub(super) struct ConnectorMove;

static SPEC: ModuleSpec = ModuleSpec {
    name: "connector_move",
    options: &[
        OptionSpec::new("config", OptionKind::Path).required(),
        OptionSpec::new("settings", OptionKind::List),
        OptionSpec::new("connector", OptionKind::Text).required(),
        OptionSpec::new("to", OptionKind::Text).required(),
        OptionSpec::new("agents", OptionKind::Any).required(),
    ],
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

impl Module for ConnectorMove {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let given = |name: &str| options.text(name).unwrap_or_default();
        let declared = declared(options)?;
        let settings: Vec<PathBuf> =
            options.texts("settings").unwrap_or_default().iter().map(|path| local(path, context)).collect();
        let folder = local(given("config"), context);
        let (configuration, notes) = read_configuration(&folder, &settings, ConfigurationLimits::default());
        if notes.has_errors() {
            let text = notes.render(false);
            return Err(ModuleError::new(format!(
                "the server's configuration cannot be read\n{}",
                text.trim_end()
            )));
        }
        let movement = movement(&configuration, &declared, None, given("connector"), given("to"));
        let problems = movement.problems.join("; ");
        // One text with line ends: it is shown line by line.
        let msg =
            if problems.is_empty() { movement.to_string().trim_end().to_owned() } else { problems.clone() };
        let mut result: Map<String, Value> = match serde_json::to_value(&movement) {
            Ok(Value::Object(result)) => result,
            _ => Map::new(),
        };
        result.insert("msg".to_owned(), msg.into());
        result.insert("failed".to_owned(), (!problems.is_empty()).into());
        result.insert("changed".to_owned(), false.into());
        Ok(Work::Control(Control::Result(result)))
    }
}

/// A path of this machine: beside the playbook or role as for `copy`, else as it is for the command line.
fn local(path: &str, context: &ModuleContext<'_>) -> PathBuf {
    context.files.find("files", path).unwrap_or_else(|_| PathBuf::from(path))
}

/// The option `agents`: the variable `agent` by host.
fn declared(options: &Options) -> Result<Declared, ModuleError> {
    let agents = options.map("agents").ok_or_else(|| {
        ModuleError::new(
            "option `agents` of `connector_move` wants a mapping from hosts to their variable `agent`\nhint: \
             \"{{ dict(hosts | zip(hosts | map('extract', hostvars, 'agent'))) }}\", with a list of hosts as `hosts`",
        )
    })?;
    let mut declared = Declared::default();
    for (host, value) in agents {
        if value.is_null() {
            continue;
        }
        let agents = Agent::read(value).map_err(|error| {
            let hint = error.hint.as_deref().unwrap_or("`identifier`, `uri` and `connectors` belong there");
            ModuleError::new(format!("`agent` of `{host}` assigns no agent: {error}\nhint: {hint}"))
        })?;
        declared.hosts.push(DeclaredHost {
            name: host.clone(),
            place: format!("{host}:agent"),
            agents,
            selected: true,
            ..DeclaredHost::default()
        });
    }
    Ok(declared)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::super::testing::plan;
    use super::*;

    fn result(options: Value) -> Value {
        match plan("connector_move", options).unwrap() {
            Work::Control(Control::Result(result)) => Value::Object(result),
            other => panic!("{other:?}"),
        }
    }

    fn asked(config: &str, connector: &str, to: &str) -> Value {
        let agents = json!({"h1": {"identifier": "ParisAD", "connectors": ["CorpAD"]}, "h2": [{"identifier": "LyonAD"}], "h3": null});
        json!({"config": config, "connector": connector, "to": to, "agents": agents})
    }

    #[test]
    fn the_result_is_the_movement_and_its_text() {
        let config = concat!(env!("CARGO_MANIFEST_DIR"), "/configuration/production");
        let result = result(asked(config, "CorpAD", "LyonAD"));
        assert_eq!((&result["failed"], &result["changed"]), (&json!(false), &json!(false)));
        let text = result["msg"].as_str().unwrap();
        assert!(text.starts_with("connector CorpAD: ParisAD (h1) -> LyonAD (h2)\n"), "{text}");
        assert_eq!(result["connections"][0]["identifier"], "ADExportFulfillment");
        assert_eq!(result["from_hosts"], json!(["h1"]));
    }

    #[test]
    fn what_cannot_be_moved_fails_with_the_reason() {
        let config = concat!(env!("CARGO_MANIFEST_DIR"), "/configuration/production");
        for (connector, to, said) in [
            ("CorpAd", "LyonAD", "the configuration has no connector `CorpAd`; did you mean `CorpAD`?"),
            ("CorpAD", "ParisAD", "`ParisAD` serves `CorpAD` already"),
            ("CorpAD", "BerlinAD", "no host of the inventory runs the agent `BerlinAD`"),
            ("CorpAD", "Local", "`Local` is the agent within the server"),
        ] {
            let result = result(asked(config, connector, to));
            assert!(
                result["failed"] == true && result["msg"].as_str().unwrap().starts_with(said),
                "{result}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let error =
            plan("connector_move", asked("/nonexistent/missing", "CorpAD", "LyonAD")).unwrap_err().message;
        assert!(error.contains("cannot read `/nonexistent/missing`"), "{error}");
        for (agents, said) in
            [(json!(["h1"]), "a mapping from hosts"), (json!({"h1": {"name": "x"}}), "no place for `name`")]
        {
            let options = json!({"config": "x", "connector": "C", "to": "T", "agents": agents});
            assert!(plan("connector_move", options).unwrap_err().message.contains(said));
        }
    }
}
