//! Connectors: which agent serves them, by the inventory and by the configuration.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::view::View;
use super::words::{fold, hinted, names};
use crate::audit::catalogue as rules;
use crate::preflight::Finding;
use crate::preflight::host::INTEGRATED;

/// Connectors that nobody can serve.
pub(super) fn without_agent(view: &View<'_>, findings: &mut Vec<Finding>) {
    for connector in view.connectors.values().filter(|connector| !connector.deactivated) {
        let name = &connector.identifier;
        let message = match &connector.agent {
            None => format!("the connector `{name}` has no agent"),
            Some(agent) if !view.is_configured(agent) => {
                format!(
                    "the connector `{name}` is on the agent `{agent}`, which the configuration does not have"
                )
            }
            Some(_) => continue,
        };
        let found =
            rules::CONNECTOR_WITHOUT_AGENT.found(format!("connector {name}"), connector.agent_at(), message);
        let found = found.of_connector(name);
        findings.push(match &connector.agent {
            Some(agent) => hinted(found, view.configured_like(agent)).of_agent(agent),
            None => found,
        });
    }
}

/// The agents that the inventory gives a connector to.
fn declared<'a>(view: &View<'a>, connector: &str) -> BTreeSet<&'a str> {
    view.serving.get(connector).into_iter().flatten().map(|(_, agent)| agent.identifier.as_str()).collect()
}

/// Inventory against configuration.
pub(super) fn mismatch(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (name, serving) in &view.serving {
        let Some(configured) = view.connectors.get(name) else { continue };
        let Some(agent) = configured.agent.as_deref().filter(|agent| view.is_configured(agent)) else {
            continue;
        };
        if serving.iter().any(|(_, declared)| view.is_one(&declared.identifier, agent)) {
            continue;
        }
        let (host, _) = serving[0];
        let meant = names(declared(view, name));
        let message = format!(
            "the connector `{name}` is on the agent `{agent}` by the configuration, and on {meant} by the inventory ({})",
            host.place
        );
        let found = rules::CONNECTOR_AGENT_MISMATCH.found(
            format!("connector {name}"),
            configured.agent_at(),
            message,
        );
        findings.push(found.of_agent(agent).of_connector(name));
    }
}

/// Connectors that the inventory gives to several agents.
pub(super) fn twice(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (name, serving) in &view.serving {
        let agents = declared(view, name);
        if agents.len() > 1 {
            let message = format!("the inventory gives the connector `{name}` to {}", names(agents));
            let (last, agent) = serving[serving.len() - 1];
            let found =
                rules::CONNECTOR_ON_TWO_AGENTS.found(format!("connector {name}"), &*last.place, message);
            findings.push(found.of_agent(&agent.identifier).of_connector(name));
        }
    }
}

/// Connectors that only one of the two knows.
pub(super) fn unknown(view: &View<'_>, findings: &mut Vec<Finding>) {
    if view.configuration.is_none() {
        return;
    }
    let spelt: HashMap<String, &str> = view.connectors.keys().map(|name| (fold(name), *name)).collect();
    for (name, serving) in view.serving.iter().filter(|(name, _)| !view.connectors.contains_key(*name)) {
        let (host, agent) = serving[0];
        let message = format!(
            "the configuration has no connector `{name}`, which the inventory gives to `{}`",
            agent.identifier
        );
        let mut found =
            rules::CONNECTOR_NOT_CONFIGURED.found(format!("connector {name}"), &*host.place, message);
        if let Some(like) = spelt.get(&fold(name)) {
            found.hint = format!("the configuration has `{like}`: write it like that");
        }
        findings.push(found.of_agent(&agent.identifier).of_connector(name));
    }
    // Who lists no connector of an agent has chosen not to; who lists some has forgotten the others.
    let lists: BTreeSet<&str> = view
        .declared_agents()
        .filter(|(_, agent)| !agent.connectors.is_empty())
        .map(|(_, agent)| agent.identifier.as_str())
        .collect();
    let declared_names: HashSet<String> = view.serving.keys().map(|name| fold(name)).collect();
    for connector in view.connectors.values() {
        let name = &connector.identifier;
        let Some(agent) =
            connector.agent.as_deref().filter(|agent| *agent != INTEGRATED && lists.contains(agent))
        else {
            continue;
        };
        // One that is written otherwise has a finding already.
        if !declared_names.contains(&fold(name)) {
            let message = format!(
                "the connector `{name}` is on the agent `{agent}`, for which the inventory lists others only"
            );
            let found =
                rules::CONNECTOR_NOT_DECLARED.found(format!("connector {name}"), &*connector.place, message);
            findings.push(found.of_agent(agent).of_connector(name));
        }
    }
}

/// Identifiers against the rule of the product's pages: a letter, then letters, digits, `.` and `-`.
pub(super) fn identifiers(view: &View<'_>, findings: &mut Vec<Finding>) {
    let configured =
        view.connectors.values().map(|connector| (connector.identifier.as_str(), connector.place.as_str()));
    let declared = view.serving.iter().map(|(name, serving)| (*name, serving[0].0.place.as_str()));
    for (name, place) in configured.chain(declared) {
        let fine = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
        if !fine {
            let message = format!("`{name}` is no identifier that the product's pages take for a connector");
            let found = rules::CONNECTOR_IDENTIFIER.found(format!("connector {name}"), place, message);
            findings.push(found.of_connector(name));
        }
    }
}
