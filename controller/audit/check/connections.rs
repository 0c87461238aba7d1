//! Connections: their settings belong on the host of the agent that serves their connector, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use super::agents::{on_agent, subject};
use super::view::View;
use super::words::{fold, names};
use crate::audit::Installation;
use crate::audit::catalogue as rules;
use crate::preflight::Finding;
use crate::preflight::host::INTEGRATED;

/// Characters that an identifier of a connection must not have ("Create a connector").
const FORBIDDEN: &[char] = &['<', '>', ':', '"', '/', '\\', '|', '?', '*', '_'];

/// Identifiers against the rules of the product.
pub(super) fn identifiers(view: &View<'_>, findings: &mut Vec<Finding>) {
    for connection in view.configuration.into_iter().flat_map(|configuration| &configuration.connections) {
        let name = &connection.identifier;
        let what = match name.chars().find(|c| FORBIDDEN.contains(c)) {
            Some(c) => format!("has the character `{c}` in it"),
            None if name.starts_with(|first: char| first.is_ascii_digit()) => {
                "begins with a digit".to_owned()
            }
            None => continue,
        };
        let message = format!("the identifier of the connection `{name}` {what}");
        let found =
            rules::CONNECTION_IDENTIFIER.found(format!("connection {name}"), &*connection.place, message);
        findings.push(found.of_connector(&connection.connector));
    }
}

/// Connections of connectors that are not there.
pub(super) fn connectors(view: &View<'_>, findings: &mut Vec<Finding>) {
    for connection in view.configuration.into_iter().flat_map(|configuration| &configuration.connections) {
        let (name, connector) = (&connection.identifier, &connection.connector);
        if !view.connectors.contains_key(connector.as_str()) {
            let message = match connector.as_str() {
                "" => format!("the connection `{name}` is of no connector"),
                _ => format!(
                    "the connection `{name}` is of the connector `{connector}`, which the configuration does not have"
                ),
            };
            let found = rules::CONNECTION_CONNECTOR_UNKNOWN.found(
                format!("connection {name}"),
                &*connection.place,
                message,
            );
            findings.push(found);
        }
    }
}

/// An agent on a host that was looked at, with the folded names of its settings: .NET compares them so.
struct Looked<'a> {
    host: &'a str,
    settings: BTreeSet<String>,
}

/// Settings that the serving agent lacks. Where nobody looked at that agent, or where a vault may have them, nothing is said.
pub(super) fn missing<'a>(view: &View<'a>, findings: &mut Vec<Finding>) {
    let installed = view.installed();
    let looked_at = |(agent, ones): (&String, &Vec<(&'a str, &'a Installation)>)| {
        let looked = ones.iter().filter(|(_, one)| one.vault.is_none());
        let looked = looked.map(|(host, one)| Looked {
            host,
            settings: one.connections.keys().map(|name| fold(name)).collect(),
        });
        (agent.clone(), looked.collect::<Vec<_>>())
    };
    let looked: BTreeMap<String, Vec<Looked<'_>>> = installed.iter().map(looked_at).collect();
    for connection in view.configuration.into_iter().flat_map(|configuration| &configuration.connections) {
        let Some(connector) = view.connectors.get(connection.connector.as_str()) else { continue };
        let Some(agent) = connector.agent.as_deref().filter(|agent| *agent != INTEGRATED) else { continue };
        if connector.deactivated {
            continue;
        }
        let name = &connection.identifier;
        let lack = looked.get(&view.canonical(agent)).into_iter().flatten();
        let lack = lack.filter(|one| !one.settings.contains(&fold(name)));
        let without: Vec<&str> = lack.map(|one| one.host).collect();
        if let Some(first) = without.first() {
            let message = format!(
                "the agent `{agent}` on {} has no settings for the connection `{name}`",
                names(without.iter().copied())
            );
            let found = rules::CONNECTION_SETTINGS_MISSING.found(
                format!("connection {name}"),
                &*connection.place,
                message,
            );
            findings.push(found.on(first).of_agent(agent).of_connector(&connector.identifier));
        }
    }
}

/// Settings on hosts that do not serve the connection.
pub(super) fn leftover(view: &View<'_>, findings: &mut Vec<Finding>) {
    if view.configuration.is_none() {
        return;
    }
    for (host, one) in view.installations() {
        let Some((own, _)) = &one.agent else { continue };
        for (name, settings) in &one.connections {
            let with = if settings.secret { ", with a secret in them" } else { "" };
            let Some(connection) = view.connections.get(&fold(name)) else {
                let message = format!(
                    "`{host}` has settings for `{name}`, which is no connection of the configuration{with}"
                );
                let found = rules::CONNECTION_SETTINGS_UNKNOWN.found(
                    format!("connection {name} on {host}"),
                    &*settings.place,
                    message,
                );
                findings.push(on_agent(found, host, one));
                continue;
            };
            let Some(connector) = view.connectors.get(connection.connector.as_str()) else { continue };
            let Some(agent) = connector.agent.as_deref().filter(|agent| !view.is_one(agent, own)) else {
                continue;
            };
            // Agents that nobody knows have a finding of their own, and so has a host that calls its agent otherwise.
            if view.is_configured(agent) && !view.is_declared_on(agent, host) {
                let message = format!(
                    "`{host}` runs `{own}` and has settings for `{name}`, which the agent `{agent}` serves{with}"
                );
                let found = rules::CONNECTION_SETTINGS_LEFTOVER.found(
                    format!("connection {name} on {host}"),
                    &*settings.place,
                    message,
                );
                findings.push(found.on(host).of_agent(own).of_connector(&connector.identifier));
            }
        }
    }
}

/// Files that the agent refuses to read.
pub(super) fn outside(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (host, one) in view.installations() {
        let Some((roots, place)) = &one.sources else { continue };
        let roots: Vec<Vec<String>> = roots.iter().map(|root| parts(&one.folder, root)).collect();
        for (name, settings) in &one.connections {
            let Some(path) = &settings.path else { continue };
            let wanted = parts(&one.folder, path);
            if !roots.iter().any(|root| wanted.starts_with(root)) {
                let message = format!(
                    "`{path}` of the connection `{name}` on `{host}` is in none of the folders of `SourcesRootPaths` ({place})"
                );
                let about = format!("connection {name} of {}", subject(host, one));
                let found = rules::SOURCE_PATH_OUTSIDE.found(about, &*settings.place, message);
                let found = on_agent(found, host, one);
                let connection = view.connections.get(&fold(name));
                findings.push(match connection {
                    Some(connection) => found.of_connector(&connection.connector),
                    None => found,
                });
            }
        }
    }
}

/// A path of Windows in parts; a relative one begins in `Runtime`, where the agent runs. The drive's case does not count, that of
/// the folders does.
fn parts(folder: &str, path: &str) -> Vec<String> {
    let absolute = path.starts_with(['/', '\\']) || path.get(1..2) == Some(":");
    let full = if absolute { path.to_owned() } else { format!("{folder}/Runtime/{path}") };
    let mut parts: Vec<String> = Vec::new();
    for part in full.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".") {
        match part {
            ".." => {
                parts.pop();
            }
            drive if parts.is_empty() && drive.ends_with(':') => parts.push(drive.to_ascii_uppercase()),
            other => parts.push(other.to_owned()),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_by_their_parts() {
        let inside = |root: &str, path: &str| parts(r"C:\A", path).starts_with(&parts(r"C:\A", root));
        assert!(inside(r"C:\A\Sources", "c:/A/Sources/hr.csv"));
        assert!(inside("../Sources", r"C:\A\Sources\hr.csv"));
        assert!(inside("C:/A/Sources/", r"..\Sources\x\..\hr.csv"));
        assert!(!inside("C:/A/Sources", "C:/A/Sources2/hr.csv"));
        assert!(!inside("C:/A/Sources", "C:/A/sources/hr.csv"));
        assert!(!inside("C:/A/Sources", "C:/A/Sources/../hr.csv"));
    }
}
