//! The matrix: connectors, agents, hosts, managed systems and jobs as rows, sorted by name.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{View, connectors_of, version_text};
use super::{
    AgentRow, Audit, AuditSources, Certificates, ConnectorRow, JobRow, Sources, SystemRow, Usage, check,
};
use crate::preflight::AskedHost;
use crate::preflight::host::INTEGRATED;

/// Audits: findings and matrix.
#[must_use]
pub fn audit(sources: Sources<'_>, limit: Option<String>) -> Audit {
    let view = View::new(sources);
    let serving = Serving::new(&view);
    let mut audit = Audit {
        sources: AuditSources {
            configuration: sources.configuration.is_some(),
            hosts: sources.observed.is_some(),
            limit,
        },
        findings: check(sources),
        connectors: connectors(&view, &serving),
        agents: agents(&view, &serving),
        managed_systems: systems(&view),
        ..Audit::default()
    };
    if let Some(observed) = sources.observed {
        let asked = |(host, seen): (&String, &super::ObservedHost)| AskedHost {
            host: host.clone(),
            answered: seen.no_answer.is_none(),
        };
        audit.hosts = observed.hosts.iter().map(asked).collect();
        audit.certificates = certificates(&view);
    }
    audit
}

/// Jobs by what they are for.
struct Serving<'a> {
    /// By connector.
    connectors: BTreeMap<&'a str, BTreeSet<JobRow>>,
    /// By the agent that they run on.
    agents: BTreeMap<&'a str, BTreeSet<JobRow>>,
}

impl<'a> Serving<'a> {
    fn new(view: &View<'a>) -> Self {
        let mut serving = Self { connectors: BTreeMap::new(), agents: BTreeMap::new() };
        let Some(configuration) = view.configuration else { return serving };
        let mut of_agent: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for connector in &configuration.connectors {
            if let Some(agent) = &connector.agent {
                of_agent.entry(agent).or_default().push(&connector.identifier);
            }
        }
        // `CreateConnectorsJobs` makes one for the page of each connector, which runs when somebody presses a button there.
        let of_page = |job: &&super::Job| {
            job.scaffolding.as_ref().is_some_and(|from| from.element == "CreateConnectorsJobs")
        };
        for job in configuration.jobs.iter().filter(|job| !of_page(job)) {
            let row = JobRow {
                identifier: job.identifier.clone(),
                schedule: job.cron.clone(),
                agent: job.agent.clone(),
            };
            let tasks = || job.tasks.iter().filter_map(|index| configuration.tasks.get(*index));
            let mut connectors: BTreeSet<&str> = tasks().flat_map(|task| connectors_of(view, task)).collect();
            if let Some(scaffolding) = &job.scaffolding {
                connectors.extend(scaffolding.connector.as_deref());
                if scaffolding.connector.is_none() && connectors.is_empty() {
                    let all = scaffolding.agent.as_deref().and_then(|agent| of_agent.get(agent));
                    connectors.extend(all.into_iter().flatten());
                }
            }
            for connector in connectors {
                serving.connectors.entry(connector).or_default().insert(row.clone());
            }
            let agents: BTreeSet<&str> = job
                .agent
                .as_deref()
                .into_iter()
                .chain(tasks().filter_map(|task| task.agent.as_deref()))
                .collect();
            for agent in agents {
                serving.agents.entry(agent).or_default().insert(row.clone());
            }
        }
        serving
    }
}

fn owned<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    let sorted: BTreeSet<&str> = names.into_iter().collect();
    sorted.into_iter().map(str::to_owned).collect()
}

fn connectors(view: &View<'_>, serving: &Serving<'_>) -> Vec<ConnectorRow> {
    let mut connections: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for connection in view.configuration.into_iter().flat_map(|configuration| &configuration.connections) {
        connections.entry(&connection.connector).or_default().push(&connection.identifier);
    }
    let mut systems: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (_, _, connector, system) in view.managed_systems() {
        systems.entry(&connector.identifier).or_default().push(&system.name);
    }
    let all: BTreeSet<&str> = view.connectors.keys().chain(view.serving.keys()).copied().collect();
    let rows = all.into_iter().map(|name| {
        let configured = view.connectors.get(name);
        let declared = view.serving.get(name).map(Vec::as_slice).unwrap_or_default();
        let agent = view.agent_of(name);
        let place = match (configured, declared.first()) {
            (Some(connector), _) => connector.place.clone(),
            (None, Some((host, _))) => host.place.clone(),
            (None, None) => String::new(),
        };
        ConnectorRow {
            identifier: name.to_owned(),
            agent: agent.map(str::to_owned),
            hosts: agent.map(|agent| owned(view.hosts_of(agent))).unwrap_or_default(),
            declared: owned(declared.iter().map(|(_, agent)| agent.identifier.as_str())),
            managed_systems: owned(systems.get(name).into_iter().flatten().copied()),
            connections: owned(connections.get(name).into_iter().flatten().copied()),
            jobs: serving.connectors.get(name).into_iter().flatten().cloned().collect(),
            deactivated: configured.is_some_and(|connector| connector.deactivated),
            place,
        }
    });
    // With `--limit` a connector counts if one of the agents that it is said to be on does.
    let selected = |row: &ConnectorRow| {
        view.selects(row.agent.as_deref()) || row.declared.iter().any(|agent| view.selects(Some(agent)))
    };
    rows.filter(selected).collect()
}

fn agents(view: &View<'_>, serving: &Serving<'_>) -> Vec<AgentRow> {
    let mut serves: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for name in view.connectors.keys().chain(view.serving.keys()) {
        if let Some(agent) = view.agent_of(name) {
            serves.entry(agent).or_default().insert(name);
        }
    }
    let declared = view.declared_agents().map(|(_, agent)| agent.identifier.as_str());
    let mut all: BTreeSet<&str> =
        view.agents.keys().chain(view.running.keys()).chain(serves.keys()).copied().collect();
    all.extend(declared);
    if !serves.contains_key(INTEGRATED) && !view.running.contains_key(INTEGRATED) {
        all.remove(INTEGRATED);
    }
    let rows = all.into_iter().filter(|name| view.selects(Some(name))).map(|name| {
        let hosts = view.hosts_of(name);
        let versions = view.installations().filter_map(|(_, one)| {
            let (agent, _) = one.agent.as_ref()?;
            (agent == name).then(|| one.version.as_deref().map(version_text)).flatten()
        });
        let versions: BTreeSet<String> = versions.collect();
        let configured = view.agents.get(name).and_then(|agent| agent.uri.clone());
        let declared = || {
            let mut agents = view.declared_agents().filter(|(_, agent)| agent.identifier == name);
            agents.find_map(|(_, agent)| agent.uri.clone())
        };
        let groups = view.declared.hosts.iter().filter(|host| hosts.contains(&host.name.as_str()));
        AgentRow {
            identifier: name.to_owned(),
            connectors: owned(serves.get(name).into_iter().flatten().copied()),
            uri: configured.or_else(declared),
            jobs: serving.agents.get(name).into_iter().flatten().cloned().collect(),
            versions: versions.into_iter().collect(),
            maintenance_groups: owned(groups.filter_map(|host| host.maintenance_group.as_deref())),
            hosts: owned(hosts),
        }
    });
    rows.collect()
}

fn systems(view: &View<'_>) -> Vec<SystemRow> {
    #[derive(Default)]
    struct System<'a> {
        kind: Option<&'a String>,
        address: Option<&'a String>,
        connectors: BTreeSet<&'a str>,
        agents: BTreeSet<&'a str>,
    }
    let mut rows: BTreeMap<&str, System<'_>> = BTreeMap::new();
    for (_, agent, connector, system) in view.managed_systems() {
        let row = rows.entry(&system.name).or_default();
        row.kind = row.kind.or(system.kind.as_ref());
        row.address = row.address.or(system.address.as_ref());
        row.connectors.insert(&connector.identifier);
        row.agents.insert(view.agent_of(&connector.identifier).unwrap_or(&agent.identifier));
    }
    let rows = rows.into_iter().filter(|(_, row)| row.agents.iter().any(|agent| view.selects(Some(agent))));
    rows.map(|(name, row)| SystemRow {
        name: name.to_owned(),
        kind: row.kind.cloned(),
        address: row.address.cloned(),
        connectors: owned(row.connectors),
        agents: owned(row.agents),
    })
    .collect()
}

fn certificates(view: &View<'_>) -> Vec<Certificates> {
    let mut rows: Vec<Certificates> = view
        .installations()
        .flat_map(|(host, one)| one.certificates.iter().map(move |certificate| (host, certificate)))
        .flat_map(|(host, seen)| {
            let usage = match seen.usage {
                Usage::Identity => "identity",
                Usage::Encryption => "encryption",
                Usage::Reset => "reset",
                Usage::Tls => "tls",
            };
            seen.judged.iter().map(move |certificate| Certificates {
                host: host.to_owned(),
                usage: usage.to_owned(),
                certificate: certificate.clone(),
            })
        })
        .collect();
    rows.sort_by(|a, b| {
        (&a.host, &a.usage, &a.certificate.thumbprint).cmp(&(&b.host, &b.usage, &b.certificate.thumbprint))
    });
    rows
}
