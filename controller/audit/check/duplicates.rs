//! Identifiers that are there twice.

use std::collections::{HashMap, HashSet};

use super::view::View;
use super::words::fold;
use crate::audit::catalogue::IDENTIFIER_DUPLICATE;
use crate::preflight::Finding;

/// Agents that a host lists twice, and connectors that an agent lists twice.
pub(super) fn declared(view: &View<'_>, findings: &mut Vec<Finding>) {
    for host in view.declared.hosts.iter() {
        let mut agents = HashSet::new();
        for agent in &host.agents {
            if !agents.insert(&agent.identifier) {
                let message = format!("`{}` lists the agent `{}` twice", host.name, agent.identifier);
                let found =
                    IDENTIFIER_DUPLICATE.found(format!("agent {}", agent.identifier), &*host.place, message);
                findings.push(found.on(&host.name).of_agent(&agent.identifier));
            }
            let mut connectors = HashSet::new();
            for connector in
                agent.connectors.iter().filter(|connector| !connectors.insert(&connector.identifier))
            {
                let name = &connector.identifier;
                let message = format!(
                    "the agent `{}` on `{}` lists the connector `{name}` twice",
                    agent.identifier, host.name
                );
                let found = IDENTIFIER_DUPLICATE.found(format!("connector {name}"), &*host.place, message);
                findings.push(found.on(&host.name).of_agent(&agent.identifier).of_connector(name));
            }
        }
    }
}

/// Things of the configuration.
pub(super) fn configured(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(configuration) = view.configuration else { return };
    let agents = configuration.agents.iter().map(|one| (&one.identifier, &one.place));
    look("agent", agents, str::to_owned, |found, name| found.of_agent(name), findings);
    let connectors = configuration.connectors.iter().map(|one| (&one.identifier, &one.place));
    look("connector", connectors, str::to_owned, |found, name| found.of_connector(name), findings);
    // Connections name sections of settings, for which case does not count.
    let connections = configuration.connections.iter().map(|one| (&one.identifier, &one.place));
    look("connection", connections, fold, |found, _| found, findings);
    let jobs = configuration.jobs.iter().map(|one| (&one.identifier, &one.place));
    look("job", jobs, str::to_owned, |found, _| found, findings);
    // One that a step changes, or that a scaffolding makes, is meant to have a name that is there already.
    let written = configuration.tasks.iter().filter(|task| !task.overrides && !task.generated);
    let tasks = written.map(|one| (&one.identifier, &one.place));
    look("task", tasks, str::to_owned, |found, _| found, findings);
    let clients = configuration.clients.iter().map(|one| (&one.identifier, &one.place));
    look("client", clients, str::to_owned, |found, _| found, findings);
}

fn look<'c>(
    kind: &str,
    all: impl Iterator<Item = (&'c String, &'c String)>,
    key: fn(&str) -> String,
    of: fn(Finding, &str) -> Finding,
    findings: &mut Vec<Finding>,
) {
    let mut known: HashMap<String, (usize, &str, &str)> = HashMap::new();
    for (number, (name, place)) in all.enumerate().filter(|(_, (name, _))| !name.is_empty()) {
        let (earlier, first, at) = *known.entry(key(name)).or_insert((number, name, place));
        // Places do not tell them apart: two may stand on one line.
        if earlier != number {
            let message = if first == name {
                format!("the {kind} `{name}` is there already ({at})")
            } else {
                format!("the {kind} `{name}` differs from `{first}` ({at}) in upper and lower case only")
            };
            let finding = IDENTIFIER_DUPLICATE.found(format!("{kind} {first}"), place, message);
            findings.push(of(finding, first));
        }
    }
}
