//! The result of an audit: what JSON, tables, baselines and pages are made of.
//!
//! Its JSON is stable: rows are sorted, and nothing in it depends on the time of day.

use serde::{Deserialize, Serialize};

use super::{CouldServe, Drift};
use crate::preflight::certificate::Certificate;
use crate::preflight::{AskedHost, Finding};

/// What an audit found (DESIGN 3.5).
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Audit {
    /// What it was made from.
    #[serde(default)]
    pub sources: AuditSources,
    /// What is wrong, worst first, then by id and place.
    pub findings: Vec<Finding>,
    /// Connectors by identifier.
    pub connectors: Vec<ConnectorRow>,
    /// Agents by identifier.
    pub agents: Vec<AgentRow>,
    /// Managed systems by name.
    #[serde(default)]
    pub managed_systems: Vec<SystemRow>,
    /// Findings that somebody waived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<Waived>,
    /// Certificates that were seen on hosts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Certificates>,
    /// Hosts that were asked; none without `--live`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<AskedHost>,
    /// What changed since the baseline; nothing where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Vec<Drift>>,
    /// The answer to `--who-could-serve`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub could_serve: Option<Vec<CouldServe>>,
}

/// What an audit was made from, besides the inventory.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct AuditSources {
    /// Whether the server's configuration was read.
    pub configuration: bool,
    /// Whether hosts were asked.
    pub hosts: bool,
    /// `--limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
}

/// A connector.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ConnectorRow {
    /// Its identifier.
    pub identifier: String,
    /// The configured agent where there is a configuration, else the declared one; if several hosts declare it under
    /// several agents, the first by name.
    pub agent: Option<String>,
    /// Hosts that run that agent.
    pub hosts: Vec<String>,
    /// Agents that the inventory gives it to.
    #[serde(default)]
    pub declared: Vec<String>,
    /// Managed systems by name.
    #[serde(default)]
    pub managed_systems: Vec<String>,
    /// Its connections.
    #[serde(default)]
    pub connections: Vec<String>,
    /// Jobs that need it.
    #[serde(default)]
    pub jobs: Vec<JobRow>,
    /// Whether it is deactivated.
    #[serde(default)]
    pub deactivated: bool,
    /// Where it is defined.
    #[serde(default)]
    pub place: String,
}

/// A job.
#[derive(Clone, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct JobRow {
    /// Its identifier.
    pub identifier: String,
    /// `CronTabExpression`.
    pub schedule: Option<String>,
    /// The agent it runs on; none for the server.
    pub agent: Option<String>,
}

/// An agent.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct AgentRow {
    /// Its identifier.
    pub identifier: String,
    /// Hosts that run it.
    pub hosts: Vec<String>,
    /// Connectors that it serves.
    pub connectors: Vec<String>,
    /// Where it answers.
    #[serde(default)]
    pub uri: Option<String>,
    /// Its jobs.
    #[serde(default)]
    pub jobs: Vec<JobRow>,
    /// The version seen on its hosts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// `maintenance_group` of its hosts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maintenance_groups: Vec<String>,
}

/// A managed system.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct SystemRow {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Option<String>,
    /// `HOST:PORT`.
    pub address: Option<String>,
    /// Connectors that connect to it.
    pub connectors: Vec<String>,
    /// Agents that serve these connectors.
    #[serde(default)]
    pub agents: Vec<String>,
}

/// A finding that somebody waived.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Waived {
    /// The finding.
    pub finding: Finding,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which it is, `YYYY-MM-DD`.
    pub until: Option<String>,
}

/// A certificate of an agent.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Certificates {
    /// The host.
    pub host: String,
    /// What it is for: `identity`, `encryption`, `reset` or `tls`.
    pub usage: String,
    /// Itself.
    #[serde(flatten)]
    pub certificate: Certificate,
}
