//! An audit as nodes and edges. Names that are only spoken of (a connector's agent that nothing declares, a connector
//! of a finding) are nodes too, so that no finding is without a place; headings count what the audit itself lists.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::audit::Audit;
use crate::preflight::{Finding, Severity};

/// The columns, from left to right.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Column {
    Host,
    Agent,
    Connector,
    System,
}

impl Column {
    pub(super) const ALL: [Self; 4] = [Self::Host, Self::Agent, Self::Connector, Self::System];

    /// What one thing in it is called.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Agent => "agent",
            Self::Connector => "connector",
            Self::System => "managed system",
        }
    }

    /// Its place among the columns.
    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// A thing, or several that were merged.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub column: Column,
    pub name: String,
    /// A word more about it.
    pub about: String,
    pub worst: Option<Severity>,
    /// Findings about it.
    pub findings: usize,
    /// How many things it stands for.
    pub count: usize,
    /// How many of them the audit lists; the others are only spoken of.
    pub listed: usize,
}

/// How two things belong together.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Tie {
    /// As it is configured, or by the only source there is.
    Real,
    /// The inventory alone says so, and the configuration something else.
    Meant,
}

/// Nodes, and edges from a column to one right of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    pub nodes: Vec<Node>,
    pub edges: BTreeMap<(usize, usize), Tie>,
}

impl Graph {
    /// Joins two nodes; what is real counts more.
    pub(super) fn join(&mut self, from: usize, to: usize, tie: Tie) {
        let known = self.edges.entry((from, to)).or_insert(tie);
        *known = (*known).min(tie);
    }
}

#[derive(Default)]
struct Builder {
    graph: Graph,
    known: HashMap<(Column, String), usize>,
}

impl Builder {
    fn node(&mut self, column: Column, name: &str) -> usize {
        if let Some(&at) = self.known.get(&(column, name.to_owned())) {
            return at;
        }
        let at = self.graph.nodes.len();
        self.known.insert((column, name.to_owned()), at);
        let (name, about) = (name.to_owned(), String::new());
        self.graph.nodes.push(Node { column, name, about, worst: None, findings: 0, count: 1, listed: 0 });
        at
    }

    /// A node for what the audit lists.
    fn listed(&mut self, column: Column, name: &str) -> usize {
        let at = self.node(column, name);
        self.graph.nodes[at].listed = 1;
        at
    }

    fn about(&mut self, at: usize, text: String) {
        self.graph.nodes[at].about = text;
    }

    fn found(&mut self, at: usize, severity: Severity) {
        let node = &mut self.graph.nodes[at];
        node.worst = node.worst.max(Some(severity));
        node.findings += 1;
    }
}

/// Takes an audit apart.
pub(super) fn graph(audit: &Audit) -> Graph {
    let mut builder = Builder::default();
    for agent in &audit.agents {
        let at = builder.listed(Column::Agent, &agent.identifier);
        let words: BTreeSet<&str> =
            agent.versions.iter().chain(&agent.maintenance_groups).map(String::as_str).collect();
        builder.about(at, words.into_iter().collect::<Vec<_>>().join(", "));
        for host in &agent.hosts {
            let host = builder.listed(Column::Host, host);
            builder.graph.join(host, at, Tie::Real);
        }
    }
    for connector in &audit.connectors {
        let at = builder.listed(Column::Connector, &connector.identifier);
        let about = match connector.jobs.len() {
            _ if connector.deactivated => "deactivated".to_owned(),
            0 => String::new(),
            jobs => super::super::page::some(jobs, "job"),
        };
        builder.about(at, about);
        if let Some(agent) = &connector.agent {
            let agent = builder.node(Column::Agent, agent);
            builder.graph.join(agent, at, Tie::Real);
        }
        for agent in connector.declared.iter().filter(|agent| Some(*agent) != connector.agent.as_ref()) {
            let agent = builder.node(Column::Agent, agent);
            builder.graph.join(agent, at, Tie::Meant);
        }
        for system in &connector.managed_systems {
            let system = builder.listed(Column::System, system);
            builder.graph.join(at, system, Tie::Real);
        }
    }
    for system in &audit.managed_systems {
        let at = builder.listed(Column::System, &system.name);
        let about = system.kind.as_ref().or(system.address.as_ref()).cloned();
        builder.about(at, about.unwrap_or_default());
        for connector in &system.connectors {
            let connector = builder.node(Column::Connector, connector);
            builder.graph.join(connector, at, Tie::Real);
        }
    }
    for asked in &audit.hosts {
        builder.listed(Column::Host, &asked.host);
    }
    for finding in &audit.findings {
        place(finding, &mut builder);
    }
    builder.graph
}

/// The managed system that a finding is about.
pub(in super::super) fn system_of(finding: &Finding) -> Option<&str> {
    let subject = finding.subject.as_deref()?;
    subject.strip_prefix("managed system ").filter(|name| !name.is_empty())
}

fn place(finding: &Finding, builder: &mut Builder) {
    let named = [
        (Column::Host, &finding.host),
        (Column::Agent, &finding.agent),
        (Column::Connector, &finding.connector),
    ];
    for (column, name) in named {
        if let Some(name) = name {
            let at = builder.node(column, name);
            // A host is one of the inventory; other names may be nobody's.
            if column == Column::Host {
                builder.graph.nodes[at].listed = 1;
            } else if builder.graph.nodes[at].listed == 0 {
                builder.about(at, "unknown".to_owned());
            }
            builder.found(at, finding.severity);
        }
    }
    if let Some(name) = system_of(finding) {
        let at = builder.node(Column::System, name);
        builder.found(at, finding.severity);
    }
    if finding.id == "managed-system-unreachable"
        && let Some(connector) = &finding.connector
    {
        let connector = builder.node(Column::Connector, connector);
        let systems: Vec<usize> = builder
            .graph
            .edges
            .keys()
            .filter(|(from, to)| *from == connector && builder.graph.nodes[*to].column == Column::System)
            .map(|(_, to)| *to)
            .collect();
        // Only one of several may be meant; which one is in the finding's text.
        if let [system] = systems[..] {
            builder.found(system, finding.severity);
        }
    }
}
