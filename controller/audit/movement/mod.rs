//! What has to move when another agent is to serve a connector, and in which order (`playbooks/move-connector.yml`).
//!
//! The facts come from the three sources; the order is that of `steps.rs`. Nothing here changes anything: a person or a playbook does.

mod jobs;
mod steps;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Configuration, ConfiguredConnector, Declared, Observed};

pub use jobs::{JobFate, MovedJob};

/// What has to move.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Movement {
    /// The connector.
    pub connector: String,
    /// The agent that serves it by the configuration.
    pub from: Option<String>,
    /// The agent that is to serve it.
    pub to: String,
    /// Hosts that run the old agent.
    pub from_hosts: Vec<String>,
    /// Hosts that run the new agent.
    pub to_hosts: Vec<String>,
    /// Whether the inventory has the connector at the new agent, and at no other one.
    pub declared: bool,
    /// Why it cannot be moved like this; if there is one, the rest is not to be relied on.
    pub problems: Vec<String>,
    /// `NAME at HOST:PORT` of managed systems that the new host has to reach.
    pub managed_systems: Vec<String>,
    /// Its connections.
    pub connections: Vec<MovedConnection>,
    /// Jobs that need it.
    pub jobs: Vec<MovedJob>,
    /// What to edit in the XML, in the order of the files.
    pub changes: Vec<Change>,
    /// Jobs without schedule or name of their own that will synchronize it completely on the new agent.
    pub complete_jobs: Vec<String>,
    /// What to do, in order.
    pub steps: Vec<String>,
    /// What to do to take it back, in order.
    pub rollback: Vec<String>,
}

/// A connection whose settings are on a host.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct MovedConnection {
    /// Its identifier: the settings are `Connections.IDENTIFIER`.
    pub identifier: String,
    /// Its package.
    pub package: Option<String>,
    /// `FILE:LINE`.
    pub place: String,
    /// Whether a host of the new agent has the settings; unknown if it was not asked.
    pub on_new: Option<bool>,
    /// Whether a host of the old agent has them.
    pub on_old: Option<bool>,
    /// Whether a secret is among them; unknown if no host was asked.
    pub secret: Option<bool>,
    /// The path of a connection to files, as the old host has it.
    pub path: Option<String>,
}

/// An edit of the XML.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Change {
    /// `FILE:LINE`.
    pub place: String,
    /// What to do there.
    pub what: String,
}

/// Finds what has to move.
pub fn movement(
    configuration: &Configuration,
    declared: &Declared,
    observed: Option<&Observed>,
    connector: &str,
    to: &str,
) -> Movement {
    let mut movement = Movement { connector: connector.to_owned(), to: to.to_owned(), ..Movement::default() };
    let defined: Vec<&ConfiguredConnector> =
        configuration.connectors.iter().filter(|each| each.identifier == connector).collect();
    movement.to_hosts = hosts_of(declared, to);
    problems(&mut movement, configuration, declared, &defined);
    let Some(first) = defined.first() else { return movement };
    movement.from.clone_from(&first.agent);
    movement.from_hosts = first.agent.as_ref().map(|from| hosts_of(declared, from)).unwrap_or_default();
    movement.declared = at_new_agent(declared, connector, to);
    movement.managed_systems = managed_systems(declared, connector);
    movement.connections = connections(&movement, configuration, observed);
    let mut changes: Vec<Change> = defined
        .iter()
        .filter(|each| each.agent.as_deref() != Some(to))
        .map(|each| Change {
            place: each.agent_at().to_owned(),
            what: set_agent("Connector", &each.identifier, each.agent.as_deref(), to),
        })
        .collect();
    jobs::judge(&mut movement, configuration, &mut changes);
    movement.changes = in_order(changes);
    steps::write(&mut movement);
    movement
}

/// Says how to change the agent of an element.
fn set_agent(element: &str, identifier: &str, was: Option<&str>, to: &str) -> String {
    match was {
        Some(was) => format!("{element} `{identifier}`: Agent=\"{was}\" becomes Agent=\"{to}\""),
        None => format!("{element} `{identifier}`: add Agent=\"{to}\""),
    }
}

fn problems(
    movement: &mut Movement,
    configuration: &Configuration,
    declared: &Declared,
    defined: &[&ConfiguredConnector],
) {
    let (connector, to) = (&movement.connector, &movement.to);
    let mut problems = Vec::new();
    match defined {
        [] => {
            let names = configuration.connectors.iter().map(|each| each.identifier.as_str());
            let hint = crate::source::suggestion(connector, names)
                .map_or_else(String::new, |hint| format!("; {hint}"));
            problems.push(format!("the configuration has no connector `{connector}`{hint}"));
        }
        [one] if one.agent.as_ref() == Some(to) => {
            problems.push(format!("`{to}` serves `{connector}` already ({})", one.agent_at()));
        }
        [_] => {}
        several => {
            let places: Vec<_> = several.iter().map(|each| each.place.as_str()).collect();
            problems.push(format!("`{connector}` is defined more than once: {}", places.join(", ")));
        }
    }
    if !configuration.agents.iter().any(|agent| agent.identifier == *to) {
        let names = configuration.agents.iter().map(|agent| agent.identifier.as_str());
        let hint = crate::source::suggestion(to, names).map_or_else(String::new, |hint| format!("; {hint}"));
        if to != "Local" {
            problems.push(format!("the configuration has no agent `{to}`{hint}"));
        }
    }
    if to == "Local" {
        problems
            .push("`Local` is the agent within the server, which no host of the inventory runs".to_owned());
    } else if movement.to_hosts.is_empty() && !declared.hosts.is_empty() {
        problems.push(format!("no host of the inventory runs the agent `{to}`"));
    }
    movement.problems = problems;
}

fn hosts_of(declared: &Declared, agent: &str) -> Vec<String> {
    declared
        .hosts
        .iter()
        .filter(|host| host.agents.iter().any(|each| each.identifier == agent))
        .map(|host| host.name.clone())
        .collect()
}

fn at_new_agent(declared: &Declared, connector: &str, to: &str) -> bool {
    let agents = declared.hosts.iter().flat_map(|host| &host.agents);
    let serving = agents.filter(|agent| agent.connectors.iter().any(|each| each.identifier == connector));
    let mut serving = serving.map(|agent| agent.identifier == to).peekable();
    serving.peek().is_some() && serving.all(|new| new)
}

fn managed_systems(declared: &Declared, connector: &str) -> Vec<String> {
    let agents = declared.hosts.iter().flat_map(|host| &host.agents);
    let connectors = agents.flat_map(|agent| &agent.connectors).filter(|each| each.identifier == connector);
    let systems: BTreeSet<String> = connectors
        .filter_map(|each| each.managed_system.as_ref())
        .map(|system| match &system.address {
            Some(address) => format!("{} at {address}", system.name),
            None => system.name.clone(),
        })
        .collect();
    systems.into_iter().collect()
}

fn connections(
    movement: &Movement,
    configuration: &Configuration,
    observed: Option<&Observed>,
) -> Vec<MovedConnection> {
    let settings = |hosts: &[String], agent: Option<&str>, identifier: &str| {
        let mut asked = false;
        for host in hosts.iter().filter_map(|host| observed?.hosts.get(host)) {
            for installation in &host.installations {
                if installation.agent.as_ref().is_some_and(|(name, _)| Some(name.as_str()) != agent) {
                    continue;
                }
                asked = true;
                // .NET does not tell keys apart by case.
                let found =
                    installation.connections.iter().find(|(name, _)| name.eq_ignore_ascii_case(identifier));
                if let Some((_, found)) = found {
                    return (Some(true), Some(found.clone()));
                }
            }
        }
        (asked.then_some(false), None)
    };
    configuration
        .connections
        .iter()
        .filter(|connection| connection.connector == movement.connector)
        .map(|connection| {
            let identifier = connection.identifier.as_str();
            let (on_old, old) = settings(&movement.from_hosts, movement.from.as_deref(), identifier);
            let (on_new, new) = settings(&movement.to_hosts, Some(&movement.to), identifier);
            MovedConnection {
                identifier: identifier.to_owned(),
                package: connection.package.clone(),
                place: connection.place.clone(),
                on_new,
                on_old,
                secret: old.as_ref().or(new.as_ref()).map(|settings| settings.secret),
                path: old.and_then(|settings| settings.path),
            }
        })
        .collect()
}

/// Sorts by file and line, and drops what is there twice.
fn in_order(changes: Vec<Change>) -> Vec<Change> {
    let key = |change: &Change| {
        let (file, line) = change.place.rsplit_once(':').unwrap_or((&change.place, "0"));
        (file.to_owned(), line.parse::<usize>().unwrap_or_default())
    };
    let mut changes: Vec<Change> = changes.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    changes.sort_by_key(key);
    changes
}
