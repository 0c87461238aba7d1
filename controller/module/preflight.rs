//! `preflight`: what has to be true of a host before a rollout. It changes nothing; errors fail the task.

use serde_json::{Map, Value};

use super::certificate_check::{fail_on, policy, within};
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, Options, Platforms, Work,
};
use crate::inventory::Agent;
use crate::operation::preflight::HostPreflight;
use crate::preflight::host::{OPTIONS, Question};
use crate::source::{Node, NodeValue, SourceFile, Span};

/// The module.
pub(super) struct PreflightModule;

static SPEC: ModuleSpec = ModuleSpec {
    name: "preflight",
    options: &[
        OptionSpec::new("agent", OptionKind::Any),
        OptionSpec::new("folder", OptionKind::Path),
        OptionSpec::new("server", OptionKind::Text),
        OptionSpec::new("site", OptionKind::Text),
        OptionSpec::new("certificates", OptionKind::List),
        OptionSpec::new("client", OptionKind::Text),
        OptionSpec::new("secret", OptionKind::Text),
        OptionSpec::new("hashed_secret", OptionKind::Text),
        OptionSpec::new("secret_expires", OptionKind::Text),
        OptionSpec::new("https_proxy", OptionKind::Text),
        OptionSpec::new("no_proxy", OptionKind::Text),
        OptionSpec::new("license", OptionKind::Any),
        OptionSpec::new("settings", OptionKind::Map),
        OptionSpec::new("archive", OptionKind::Path),
        OptionSpec::new("archive_sha256", OptionKind::Text),
        OptionSpec::new("bundle", OptionKind::Path),
        OptionSpec::new("bundle_sha256", OptionKind::Text),
        OptionSpec::new("version", OptionKind::Text),
        OptionSpec::new("server_version", OptionKind::Text),
        OptionSpec::new("processors", OptionKind::Int),
        OptionSpec::new("memory_gb", OptionKind::Float),
        OptionSpec::new("disk_gb", OptionKind::Float),
        OptionSpec::new("clock_seconds", OptionKind::Int),
        OptionSpec::new("connect_seconds", OptionKind::Int),
        OptionSpec::new("strict", OptionKind::Bool),
        OptionSpec::new("expires_within", OptionKind::Int).limited(|days| within(days, 0, 36_500)),
        OptionSpec::new("key_size", OptionKind::Int).limited(|bits| within(bits, 1024, 16_384)),
        OptionSpec::new("issuers", OptionKind::List).limited(super::certificate_check::issuers),
        OptionSpec::new("sdk_subjects", OptionKind::List),
        OptionSpec::new("sdk_thumbprints", OptionKind::List).limited(super::certificate_check::thumbprints),
        OptionSpec::new("fail_on", OptionKind::Choice(&["error", "warning", "info", "never"])),
    ],
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

impl Module for PreflightModule {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let agents = agents(options, context)?;
        let asked: Map<String, Value> = options
            .iter()
            .filter(|(name, _)| OPTIONS.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut question = Question::read(context.host, agents, &asked)
            .map_err(|error| ModuleError::new(format!("`preflight`: {error}")))?;
        question.look_at_shipped(|path| {
            let content = context.files.find("files", path).and_then(|path| context.files.opened(&path));
            content.map(|content| content.sha256.clone()).map_err(|error| error.message)
        });
        Ok(Work::Host(Box::new(HostPreflight::new(question, policy(options), fail_on(options)))))
    }
}

/// The agents of the option, or of the host's variable `agent`; a host without one has none.
fn agents(options: &Options, context: &ModuleContext<'_>) -> Result<Vec<Agent>, ModuleError> {
    let value = match options.get("agent") {
        Some(value) => value.clone(),
        None => {
            let text = "agent | default(none)";
            let file = SourceFile::new("preflight", "preflight", text);
            let node = Node::new(Span::new(file, 0, text.len()), NodeValue::String(text.to_owned()));
            (context.variable)(&node)?
        }
    };
    if value.is_null() {
        return Ok(Vec::new());
    }
    Agent::read(&value).map_err(|error| {
        let hint = error.hint.as_deref().unwrap_or("`identifier`, `uri` and `connectors` belong there");
        ModuleError::new(format!("`agent` assigns no agent: {error}\nhint: {hint}"))
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::super::testing::plan;

    #[test]
    fn wrong_options_are_refused() {
        let agent = json!({"identifier": "A"});
        assert!(plan("preflight", json!({"agent": agent, "disk_gb": 5, "folder": "/opt"})).is_ok());
        for (options, said) in [
            (json!({"agent": {"name": "A"}}), "no place for `name`"),
            (json!({"agent": agent, "certificates": [{"file": "x"}]}), "a list of paths"),
            (json!({"agent": agent, "disk_gb": -5}), "a number from 0"),
            (json!({"agent": agent, "ram": 5}), "no option `ram`"),
        ] {
            let error = plan("preflight", options).unwrap_err().message;
            assert!(error.contains(said), "{said}: {error}");
        }
    }
}
