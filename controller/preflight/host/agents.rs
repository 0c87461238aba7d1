//! Agents as the inventory assigns them: what is wrong can be seen without any host.

use std::collections::BTreeMap;

use super::super::{Finding, Severity};
use super::Question;
use crate::inventory::{HostName, Inventory};

/// The identifier of the agent that is part of the server.
pub(crate) const INTEGRATED: &str = "Local";

/// What is wrong with the agents of one host.
pub(super) fn of_host(question: &Question) -> Vec<Finding> {
    let claimed = question.agents.iter().any(|agent| agent.identifier == INTEGRATED);
    claimed.then(|| reserved(&question.host, &question.agents_place)).into_iter().collect()
}

/// A host that claims the agent which is part of the server.
pub(crate) fn reserved(host: &str, place: &str) -> Finding {
    Finding::new(
        "agent-name-reserved",
        Severity::Error,
        place,
        format!("`{host}` claims the agent `{INTEGRATED}`, which is part of the server"),
        "give the agent an identifier of its own",
    )
    .on(host)
    .of_agent(INTEGRATED)
}

/// An agent as the inventory assigns it.
#[derive(Clone, Debug)]
pub struct AssignedAgents {
    /// Agents of each host, by their identifiers, with the place that says so.
    pub hosts: Vec<(HostName, Vec<String>, String)>,
}

impl AssignedAgents {
    /// Finds agents that several hosts run: which one of them works is for chance to decide.
    #[must_use]
    pub fn twice(&self) -> Vec<Finding> {
        let mut by_agent: BTreeMap<&str, Vec<(&HostName, &str)>> = BTreeMap::new();
        for (host, agents, place) in &self.hosts {
            for agent in agents.iter().filter(|agent| *agent != INTEGRATED) {
                by_agent.entry(agent).or_default().push((host, place));
            }
        }
        let several = by_agent.into_iter().filter(|(_, hosts)| hosts.len() > 1);
        several
            .map(|(agent, hosts)| {
                let names: Vec<String> = hosts.iter().map(|(host, _)| format!("`{}`", host.0)).collect();
                Finding::new(
                    "agent-on-two-hosts",
                    Severity::Error,
                    hosts[1].1,
                    format!("the agent `{agent}` is assigned to {}", names.join(" and ")),
                    "one agent runs on one host: give each an identifier of its own",
                )
                .of_agent(agent)
            })
            .collect()
    }
}

/// Where a variable of a host stands: `FILE:LINE`.
pub fn place_of(inventory: &Inventory, host: &HostName, variable: &str) -> Option<String> {
    let span = &inventory.variable(host, variable)?.node.span;
    Some(format!("{}:{}", span.file.name(), span.file.line_column(span.start).0))
}
