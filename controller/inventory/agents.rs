//! Which agents a host runs and which connectors they serve: the variable `agent`.
//!
//! It is an ordinary variable, so a foreign inventory may use the name for something else; a value of
//! another shape is no error but a note.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{HostName, Inventory};
use crate::source::{Diagnostic, Diagnostics, suggestion};

/// A software agent on a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Agent {
    /// Its identifier in the product's configuration.
    pub identifier: String,
    /// Where it answers.
    pub uri: Option<String>,
    /// What it serves.
    pub connectors: Vec<Connector>,
}

/// What an agent serves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Connector {
    /// Its identifier in the product's configuration.
    pub identifier: String,
    /// What it connects to.
    pub managed_system: Option<ManagedSystem>,
}

/// What a connector connects to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ManagedSystem {
    /// Its name.
    pub name: String,
    /// What it is, such as `active-directory`.
    pub kind: Option<String>,
    /// `HOST:PORT`, where it answers.
    pub address: Option<String>,
}

/// A value that assigns no agent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct AgentShapeError {
    /// What differs.
    pub message: String,
    /// What to do, if a name in it is nearly one of ours.
    pub hint: Option<String>,
    /// Whether it was meant to be an agent: it has a key of one, and what differs is a name that is nearly right, or it
    /// has `identifier` and `connectors` alike. Anything else is somebody else's variable.
    pub meant: bool,
}

impl Agent {
    /// Reads the value of the variable `agent`: one agent, or a list of them.
    pub fn read(value: &Value) -> Result<Vec<Self>, AgentShapeError> {
        let read = match value {
            Value::Array(items) if !items.is_empty() => items.iter().map(Self::read_one).collect(),
            other => Self::read_one(other).map(|agent| vec![agent]),
        };
        read.map_err(|error: AgentShapeError| {
            let meant = is_meant(value, error.hint.is_some());
            AgentShapeError { meant, ..error }
        })
    }

    fn read_one(value: &Value) -> Result<Self, AgentShapeError> {
        let entries = mapping(value, "an agent")?;
        known(entries, "an agent", &["identifier", "uri", "connectors"])?;
        let connectors = match entries.get("connectors") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => items.iter().map(Connector::read).collect::<Result<_, _>>()?,
            Some(_) => return Err(shape("`connectors` of an agent is a list")),
        };
        Ok(Self { identifier: identifier(entries, "an agent")?, uri: optional(entries, "uri")?, connectors })
    }
}

impl Connector {
    fn read(value: &Value) -> Result<Self, AgentShapeError> {
        if let Value::String(identifier) = value {
            return Ok(Self { identifier: identifier.clone(), managed_system: None });
        }
        let entries = mapping(value, "a connector")?;
        known(entries, "a connector", &["identifier", "managed_system"])?;
        let managed_system = match entries.get("managed_system") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) => {
                Some(ManagedSystem { name: name.clone(), kind: None, address: None })
            }
            Some(value) => {
                let entries = mapping(value, "a managed system")?;
                known(entries, "a managed system", &["name", "kind", "address"])?;
                let name =
                    optional(entries, "name")?.ok_or_else(|| shape("a managed system has a `name`"))?;
                Some(ManagedSystem {
                    name,
                    kind: optional(entries, "kind")?,
                    address: optional(entries, "address")?,
                })
            }
        };
        Ok(Self { identifier: identifier(entries, "a connector")?, managed_system })
    }
}

impl Inventory {
    /// Reads the agents of a host from its variable `agent` as it stands, templates not rendered. A
    /// value of another shape gives no agents and a note.
    pub fn agents(&self, host: &HostName) -> (Vec<Agent>, Diagnostics) {
        let Some(variable) = self.variable(host, "agent") else {
            return (Vec::new(), Diagnostics::default());
        };
        match Agent::read(&variable.node.to_value()) {
            Ok(agents) => (agents, Diagnostics::default()),
            Err(error) => {
                let message = format!("the variable `agent` of `{host}` assigns no agent: {error}");
                let note = match error.meant {
                    true => Diagnostic::warning(&variable.node.span, message),
                    false => Diagnostic::info(&variable.node.span, message),
                };
                (Vec::new(), note.maybe_hint(error.hint).into())
            }
        }
    }

    /// Warns of variables `agent` that were meant to be agents and are none, once for each place. Values with templates in
    /// them may be right once they are rendered, and are passed over.
    pub fn malformed_agents(&self) -> Diagnostics {
        let mut places = HashSet::new();
        let mut found = Diagnostics::default();
        for host in self.hosts.keys() {
            let Some(variable) = self.variable(host, "agent") else { continue };
            let value = variable.node.to_value();
            let is_template = value.to_string().contains("{{");
            if is_template || !Agent::read(&value).is_err_and(|error| error.meant) {
                continue;
            }
            if places.insert(variable.node.span.place()) {
                found.extend(self.agents(host).1);
            }
        }
        found
    }
}

fn shape(message: &str) -> AgentShapeError {
    AgentShapeError { message: message.to_owned(), hint: None, meant: false }
}

/// Whether a value that is no agent was meant to be one.
fn is_meant(value: &Value, nearly: bool) -> bool {
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    items.iter().filter_map(Value::as_object).any(|entries| {
        let (named, serves) = (entries.contains_key("identifier"), entries.contains_key("connectors"));
        named && serves || (named || serves) && nearly
    })
}

fn mapping<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, AgentShapeError> {
    value.as_object().ok_or_else(|| shape(&format!("{what} is a mapping with an `identifier`")))
}

fn identifier(entries: &Map<String, Value>, what: &str) -> Result<String, AgentShapeError> {
    optional(entries, "identifier")?
        .filter(|identifier| !identifier.is_empty())
        .ok_or_else(|| shape(&format!("{what} has an `identifier`")))
}

fn optional(entries: &Map<String, Value>, key: &str) -> Result<Option<String>, AgentShapeError> {
    match entries.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(shape(&format!("`{key}` is text"))),
    }
}

fn known(entries: &Map<String, Value>, what: &str, keys: &[&'static str]) -> Result<(), AgentShapeError> {
    match entries.keys().find(|key| !keys.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(AgentShapeError {
            message: format!("{what} has no place for `{}`", key.escape_debug()),
            hint: suggestion(key, keys.iter().copied()),
            meant: false,
        }),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_one_agent_with_both_kinds_of_connectors() {
        let value = json!({"identifier": "ParisAD", "uri": "https://par-ad-01.corp.example", "connectors": [
            {"identifier": "CorpAD", "managed_system": {"name": "corp.example", "kind": "active-directory", "address": "dc1.corp.example:636"}},
            {"identifier": "HR", "managed_system": "hr.example"},
            "Exchange"]});
        let agents = Agent::read(&value).unwrap();
        assert_eq!(agents.len(), 1);
        let connectors = &agents[0].connectors;
        assert_eq!(
            connectors.iter().map(|connector| connector.identifier.as_str()).collect::<Vec<_>>(),
            ["CorpAD", "HR", "Exchange"]
        );
        assert_eq!(
            connectors[0].managed_system.as_ref().unwrap().address.as_deref(),
            Some("dc1.corp.example:636")
        );
        assert_eq!(connectors[2].managed_system, None);
    }

    #[test]
    fn reads_lists_of_agents() {
        let agents =
            Agent::read(&json!([{"identifier": "A"}, {"identifier": "B", "connectors": null}])).unwrap();
        assert_eq!(agents.iter().map(|agent| agent.identifier.as_str()).collect::<Vec<_>>(), ["A", "B"]);
    }

    #[test]
    fn says_what_differs_from_an_agent() {
        let message = |value: Value| Agent::read(&value).unwrap_err().to_string();
        assert_eq!(message(json!("telegraf")), "an agent is a mapping with an `identifier`");
        assert_eq!(message(json!({"version": 3})), "an agent has no place for `version`");
        assert_eq!(message(json!({"uri": "x"})), "an agent has an `identifier`");
        assert_eq!(message(json!({"identifier": 7})), "`identifier` is text");
        assert_eq!(
            message(json!({"identifier": "A", "connectors": "C"})),
            "`connectors` of an agent is a list"
        );
        assert_eq!(message(json!([])), "an agent is a mapping with an `identifier`");
        let typo = Agent::read(&json!({"identifier": "A", "conectors": []})).unwrap_err();
        assert_eq!(typo.hint.as_deref(), Some("did you mean `connectors`?"));
    }

    #[test]
    fn what_was_meant_to_be_an_agent_is_told_from_what_is_somebody_elses() {
        let meant = |value: Value| Agent::read(&value).unwrap_err().meant;
        for value in [
            json!({"identifier": "A", "connector": []}),
            json!({"identifer": "A", "connectors": []}),
            json!([{"identifier": "A"}, {"identifier": "B", "connectors": [{"identifier": "C", "managed_sytem": "x"}]}]),
            json!({"identifier": 7, "connectors": []}),
        ] {
            assert!(meant(value.clone()), "{value}");
        }
        for value in [
            json!("telegraf"),
            json!({"version": 3}),
            json!({"identifier": 7}),
            json!({"identifier": "A", "version": "2", "state": "present"}),
            json!({"connector": "x"}),
            json!([1, 2]),
        ] {
            assert!(!meant(value.clone()), "{value}");
        }
    }
}
