//! The three sources with what rules look up in them. Lookups are by hash, so that a configuration with 100,000
//! connectors is looked at once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::Sources;
use super::words::{fold, identifiers, same};
use crate::audit::{
    CheckOptions, Configuration, ConfiguredAgent, ConfiguredConnector, Connection, Declared, DeclaredHost,
    Installation, Observed,
};
use crate::inventory::{Agent, Connector, ManagedSystem};
use crate::preflight::Finding;
use crate::preflight::host::INTEGRATED;

/// What rules look at.
pub(in crate::audit) struct View<'a> {
    pub declared: &'a Declared,
    pub configuration: Option<&'a Configuration>,
    pub observed: Option<&'a Observed>,
    pub options: &'a CheckOptions,
    /// Agents of the configuration by identifier; the last one of a name counts, as it replaces the earlier ones.
    pub agents: HashMap<&'a str, &'a ConfiguredAgent>,
    /// Connectors of the configuration, likewise.
    pub connectors: HashMap<&'a str, &'a ConfiguredConnector>,
    /// Connections of the configuration by folded identifier.
    pub connections: HashMap<String, &'a Connection>,
    /// Hosts that run an agent.
    pub running: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// Agents that the inventory gives a connector to, with the host that says so.
    pub serving: BTreeMap<&'a str, Vec<(&'a DeclaredHost, &'a Agent)>>,
    /// Spellings of each agent that anybody runs or has configured, by the folded one.
    spellings: HashMap<String, BTreeSet<&'a str>>,
    /// Agents on hosts that `--limit` selects; nothing if it selects all.
    selected: Option<HashSet<String>>,
}

impl<'a> View<'a> {
    pub(in crate::audit) fn new(sources: Sources<'a>) -> Self {
        let Sources { declared, configuration, observed, options } = sources;
        let mut view = Self {
            declared,
            configuration,
            observed,
            options,
            agents: HashMap::new(),
            connectors: HashMap::new(),
            connections: HashMap::new(),
            running: BTreeMap::new(),
            serving: BTreeMap::new(),
            spellings: HashMap::new(),
            selected: None,
        };
        if let Some(configuration) = configuration {
            for agent in &configuration.agents {
                view.agents.insert(&agent.identifier, agent);
            }
            for connector in &configuration.connectors {
                view.connectors.insert(&connector.identifier, connector);
            }
            for connection in &configuration.connections {
                view.connections.insert(fold(&connection.identifier), connection);
            }
        }
        view.run();
        for (host, agent) in view.declared_agents() {
            for connector in &agent.connectors {
                view.serving.entry(&connector.identifier).or_default().push((host, agent));
            }
        }
        let spelled: Vec<&str> = view.running.keys().chain(view.agents.keys()).copied().collect();
        for name in spelled {
            view.spellings.entry(fold(name)).or_default().insert(name);
        }
        if declared.hosts.iter().any(|host| !host.selected) {
            let selected = |name: &&&str| {
                let hosts = &view.running[**name];
                declared.hosts.iter().any(|host| host.selected && hosts.contains(host.name.as_str()))
            };
            let agents = view.running.keys().filter(selected).map(|name| fold(name)).collect();
            view.selected = Some(agents);
        }
        view
    }

    /// Which host runs which agent: what hosts said counts for more than what the inventory says.
    fn run(&mut self) {
        for (host, agent) in self.declared_agents() {
            if self.denies(host, &agent.identifier).is_none() {
                self.running.entry(&agent.identifier).or_default().insert(&host.name);
            }
        }
        for (host, installation) in self.installations() {
            if let Some((agent, _)) = &installation.agent {
                self.running.entry(agent).or_default().insert(host);
            }
        }
    }

    /// The installations of a host, if it answered and all of them name an agent, but none of them this one.
    pub(super) fn denies(&self, host: &DeclaredHost, agent: &str) -> Option<&'a [Installation]> {
        let seen = self.observed?.hosts.get(&host.name)?;
        let named = |one: &Installation| one.agent.as_ref().is_some_and(|(name, _)| name != agent);
        let all = !seen.installations.is_empty() && seen.installations.iter().all(named);
        (seen.no_answer.is_none() && all).then_some(&seen.installations)
    }

    /// Agents of the inventory with their hosts.
    pub(in crate::audit) fn declared_agents(
        &self,
    ) -> impl Iterator<Item = (&'a DeclaredHost, &'a Agent)> + use<'a> {
        self.declared.hosts.iter().flat_map(|host| host.agents.iter().map(move |agent| (host, agent)))
    }

    /// Managed systems of the inventory with what serves them.
    pub(in crate::audit) fn managed_systems(
        &self,
    ) -> impl Iterator<Item = (&'a DeclaredHost, &'a Agent, &'a Connector, &'a ManagedSystem)> + use<'a> {
        self.declared_agents().flat_map(|(host, agent)| {
            let systems = agent
                .connectors
                .iter()
                .filter_map(|connector| Some((connector, connector.managed_system.as_ref()?)));
            systems.map(move |(connector, system)| (host, agent, connector, system))
        })
    }

    /// Agents that were found on hosts.
    pub(in crate::audit) fn installations(
        &self,
    ) -> impl Iterator<Item = (&'a str, &'a Installation)> + use<'a> {
        let hosts = self.observed.into_iter().flat_map(|observed| &observed.hosts);
        hosts.flat_map(|(name, host)| host.installations.iter().map(move |one| (name.as_str(), one)))
    }

    /// Installations by the [`Self::canonical`] name of their agent.
    pub(super) fn installed(&self) -> HashMap<String, Vec<(&'a str, &'a Installation)>> {
        let mut by_agent: HashMap<String, Vec<_>> = HashMap::new();
        for (host, installation) in self.installations() {
            if let Some((agent, _)) = &installation.agent {
                by_agent.entry(self.canonical(agent)).or_default().push((host, installation));
            }
        }
        by_agent
    }

    /// Whether the configuration has an agent, letter by letter as the server looks for it; `Local` needs no mention.
    pub(super) fn is_configured(&self, agent: &str) -> bool {
        agent == INTEGRATED || self.agents.contains_key(agent)
    }

    /// The agent of the configuration that a name is meant to be, if it differs in upper and lower case only.
    pub(super) fn configured_like(&self, agent: &str) -> Option<&'a str> {
        if fold(agent) == fold(INTEGRATED) {
            return Some(INTEGRATED);
        }
        self.spellings(agent).into_iter().find(|name| self.agents.contains_key(name))
    }

    /// One name for the spellings of an agent that stand for the same one: that of the configuration. Where the configuration
    /// has several, they are different agents.
    pub(super) fn canonical(&self, agent: &str) -> String {
        if self.is_configured(agent) {
            return agent.to_owned();
        }
        self.configured_like(agent).map_or_else(|| fold(agent), str::to_owned)
    }

    /// Whether two names are meant to be one agent.
    pub(super) fn is_one(&self, one: &str, other: &str) -> bool {
        one == other || same(one, other) && self.canonical(one) == self.canonical(other)
    }

    /// Whether the inventory gives an agent to a host.
    pub(super) fn is_declared_on(&self, agent: &str, host: &str) -> bool {
        let mut hosts = self.declared.hosts.iter().filter(|declared| declared.name == host);
        hosts.any(|declared| identifiers(&declared.agents).any(|name| self.is_one(name, agent)))
    }

    /// How an agent is spelt by those who run it and by the configuration.
    pub(super) fn spellings(&self, agent: &str) -> Vec<&'a str> {
        self.spellings.get(&fold(agent)).into_iter().flatten().copied().collect()
    }

    /// All of them that are spelt in several ways.
    pub(super) fn spelt_differently(&self) -> Vec<&BTreeSet<&'a str>> {
        self.spellings.values().filter(|names| names.len() > 1).collect()
    }

    /// Hosts that run an agent of exactly that name.
    pub(in crate::audit) fn hosts_of(&self, agent: &str) -> Vec<&'a str> {
        self.running.get(agent).into_iter().flatten().copied().collect()
    }

    /// The agent that serves a connector: the configured one, else the first of the inventory's.
    pub(in crate::audit) fn agent_of(&self, connector: &str) -> Option<&'a str> {
        match self.connectors.get(connector) {
            Some(configured) => configured.agent.as_deref(),
            None => self.serving.get(connector)?.iter().map(|(_, agent)| agent.identifier.as_str()).min(),
        }
    }

    /// Where the inventory or the configuration speaks of an agent.
    pub(super) fn place_of_agent(&self, agent: &str) -> String {
        if let Some(configured) = self.agents.get(agent) {
            return configured.place.clone();
        }
        let declared =
            self.declared.hosts.iter().find(|host| identifiers(&host.agents).any(|name| name == agent));
        if let Some(host) = declared {
            return host.place.clone();
        }
        let seen =
            self.installations().find_map(|(_, one)| one.agent.as_ref().filter(|(name, _)| name == agent));
        seen.map(|(_, place)| place.clone()).unwrap_or_default()
    }

    /// Whether `--limit` selects anything that a finding is about; what is about the server alone concerns all.
    pub(super) fn concerns(&self, finding: &Finding) -> bool {
        let Some(selected) = &self.selected else { return true };
        if let Some(name) = &finding.host {
            return self.declared.hosts.iter().any(|host| host.selected && host.name == *name);
        }
        let agent = finding.agent.as_deref();
        let agent =
            agent.or_else(|| finding.connector.as_deref().and_then(|connector| self.agent_of(connector)));
        match (agent, &finding.connector) {
            (Some(agent), _) => self.is_selected(agent, selected),
            (None, Some(_)) => false,
            (None, None) => true,
        }
    }

    fn is_selected(&self, agent: &str, selected: &HashSet<String>) -> bool {
        selected.contains(&fold(agent))
    }

    /// Whether `--limit` selects a host that runs an agent.
    pub(in crate::audit) fn selects(&self, agent: Option<&str>) -> bool {
        match &self.selected {
            None => true,
            Some(selected) => agent.is_some_and(|agent| self.is_selected(agent, selected)),
        }
    }
}
