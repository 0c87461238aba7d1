//! Questions to an audit: who serves a connector, what stops with an agent, who else could serve.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::check::same;
use super::{Audit, Observed, SystemRow};
use crate::preflight::Finding;
use crate::preflight::host::Reached;
use crate::source::did_you_mean;

/// A name that an audit does not have.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no {kind} `{name}`")]
pub struct UnknownName {
    /// `connector` or `agent`.
    pub kind: &'static str,
    /// What was asked for.
    pub name: String,
    /// The name that was probably meant.
    pub like: Option<String>,
}

impl UnknownName {
    fn new<'a>(kind: &'static str, name: &str, all: impl Iterator<Item = &'a str>) -> Self {
        Self { kind, name: name.to_owned(), like: did_you_mean(name, all).map(str::to_owned) }
    }

    /// What to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match &self.like {
            Some(like) => format!("did you mean `{like}`?"),
            None => format!("`paceline audit` lists each {} that there is", self.kind),
        }
    }
}

/// An agent and whether its host reaches the managed system of a connector.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CouldServe {
    /// The agent.
    pub agent: String,
    /// A host that runs it.
    pub host: String,
    /// `HOST:PORT` of the managed system.
    pub address: String,
    /// `yes`, `no` or `unknown`.
    pub reached: String,
    /// Why not, or why it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Whether it serves the connector now.
    pub serves: bool,
}

impl Audit {
    /// What there is about one connector: its row, its agent, its managed systems, and findings about these.
    ///
    /// # Errors
    /// There is no such connector.
    pub fn of_connector(&self, name: &str) -> Result<Self, UnknownName> {
        let Some(row) = self.connectors.iter().find(|row| row.identifier == name) else {
            let all = self.connectors.iter().map(|row| row.identifier.as_str());
            return Err(UnknownName::new("connector", name, all));
        };
        let jobs: BTreeSet<String> = row.jobs.iter().map(|job| format!("job {}", job.identifier)).collect();
        let connections: BTreeSet<String> =
            row.connections.iter().map(|name| format!("connection {name}")).collect();
        let about = |finding: &Finding| match &finding.connector {
            Some(connector) => connector == name,
            None => {
                let subject = finding.subject.as_ref();
                let part =
                    subject.is_some_and(|subject| jobs.contains(subject) || connections.contains(subject));
                let of_agent = finding.agent.is_some() && finding.agent == row.agent;
                let system = |system: &String| {
                    subject.is_some_and(|subject| *subject == format!("managed system {system}"))
                };
                let on_host = finding.agent.is_none()
                    && finding.host.as_ref().is_some_and(|host| row.hosts.contains(host));
                let task_or_job = subject
                    .is_some_and(|subject| subject.starts_with("job ") || subject.starts_with("task "));
                // Other jobs of the agent, and its tasks for other connectors, are not about this one.
                part || row.managed_systems.iter().any(system) || on_host || (of_agent && !task_or_job)
            }
        };
        let agents = self.agents.iter().filter(|agent| Some(&agent.identifier) == row.agent.as_ref());
        let systems = self.managed_systems.iter().filter(|system| row.managed_systems.contains(&system.name));
        Ok(Self {
            connectors: vec![row.clone()],
            agents: agents.cloned().collect(),
            managed_systems: systems.cloned().collect(),
            ..self.filtered(about, |host| row.hosts.iter().any(|own| own == host))
        })
    }

    /// What there is about one agent: its row, its connectors, their managed systems, and findings about these.
    ///
    /// # Errors
    /// There is no such agent.
    pub fn of_agent(&self, name: &str) -> Result<Self, UnknownName> {
        let Some(row) = self.agents.iter().find(|row| row.identifier == name) else {
            let all = self.agents.iter().map(|row| row.identifier.as_str());
            return Err(UnknownName::new("agent", name, all));
        };
        let serves = |connector: &str| row.connectors.iter().any(|own| own == connector);
        let jobs: BTreeSet<String> = row.jobs.iter().map(|job| format!("job {}", job.identifier)).collect();
        let about = |finding: &Finding| {
            finding.agent.as_deref().is_some_and(|agent| same(agent, name))
                || finding.connector.as_deref().is_some_and(serves)
                || finding.agent.is_none()
                    && finding.host.as_ref().is_some_and(|host| row.hosts.contains(host))
                || finding.subject.as_ref().is_some_and(|subject| jobs.contains(subject))
        };
        let connectors = self.connectors.iter().filter(|connector| serves(&connector.identifier));
        let systems =
            self.managed_systems.iter().filter(|system| system.connectors.iter().any(|one| serves(one)));
        Ok(Self {
            connectors: connectors.cloned().collect(),
            agents: vec![row.clone()],
            managed_systems: systems.cloned().collect(),
            ..self.filtered(about, |host| row.hosts.iter().any(|own| own == host))
        })
    }

    /// Findings, hosts and certificates that count; no rows.
    fn filtered(&self, about: impl Fn(&Finding) -> bool, on: impl Fn(&str) -> bool) -> Self {
        Self {
            sources: self.sources.clone(),
            findings: self.findings.iter().filter(|finding| about(finding)).cloned().collect(),
            waived: self.waived.iter().filter(|waived| about(&waived.finding)).cloned().collect(),
            certificates: self.certificates.iter().filter(|one| on(&one.host)).cloned().collect(),
            hosts: self.hosts.iter().filter(|one| on(&one.host)).cloned().collect(),
            ..Self::default()
        }
    }

    /// Whether nobody but one agent goes to a managed system.
    #[must_use]
    pub fn only_through(system: &SystemRow, agent: &str) -> bool {
        system.agents.iter().all(|other| other == agent)
    }

    /// Which agents' hosts reach the managed systems of a connector: the question of the install guide before a connector is
    /// declared. Agents whose hosts were not asked are left out.
    ///
    /// # Errors
    /// There is no such connector.
    pub fn could_serve(&self, connector: &str, observed: &Observed) -> Result<Vec<CouldServe>, UnknownName> {
        let Some(row) = self.connectors.iter().find(|row| row.identifier == connector) else {
            let all = self.connectors.iter().map(|row| row.identifier.as_str());
            return Err(UnknownName::new("connector", connector, all));
        };
        let mut could = Vec::new();
        for address in self.addresses(&row.managed_systems) {
            for agent in &self.agents {
                for host in &agent.hosts {
                    let Some(seen) = observed.hosts.get(host) else { continue };
                    let (reached, message) = match (seen.reached.get(&address), &seen.no_answer) {
                        (Some(Reached::Yes), _) => ("yes", ""),
                        (Some(Reached::No(reason)), _) => ("no", reason.as_str()),
                        (Some(Reached::Unknown(reason)), _) => ("unknown", reason.as_str()),
                        (None, Some(reason)) => ("unknown", reason.as_str()),
                        (None, None) => ("unknown", "it was not asked"),
                    };
                    could.push(CouldServe {
                        agent: agent.identifier.clone(),
                        host: host.clone(),
                        address: address.clone(),
                        reached: reached.to_owned(),
                        message: message.split('\n').next().unwrap_or_default().to_owned(),
                        serves: row.agent.as_ref() == Some(&agent.identifier),
                    });
                }
            }
        }
        // Those that reach it first, and among these the one that serves.
        could.sort_by_key(|one| {
            (one.reached != "yes", one.reached != "unknown", !one.serves, one.agent.clone(), one.host.clone())
        });
        Ok(could)
    }

    /// `HOST:PORT` of managed systems, as far as they are known.
    #[must_use]
    pub fn addresses(&self, systems: &[String]) -> Vec<String> {
        let known = self.managed_systems.iter().filter(|system| systems.contains(&system.name));
        let addresses: BTreeSet<String> = known.filter_map(|system| system.address.clone()).collect();
        addresses.into_iter().collect()
    }
}
