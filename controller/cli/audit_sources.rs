//! What `paceline audit` looks at: the rendered inventory, the server's configuration, the hosts.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::CommandError;
use super::asking::Asking;
use super::audit::AuditArgs;
use super::audit_live;
use super::load::{self, Loaded};
use super::terminal::Environment;
use super::trust::inventory_variable;
use crate::audit::{
    Configuration, ConfigurationLimits, Declared, DeclaredHost, Observed, read_configuration,
};
use crate::inventory::HostName;
use crate::plan::RunScope;
use crate::preflight::certificate::Policy;
use crate::preflight::host::place_of;
use crate::template::Engine;

/// How the sources are read.
pub(super) struct Reading<'a> {
    args: &'a AuditArgs,
    loaded: &'a Loaded,
    environment: &'a Environment,
    scope: Arc<RunScope>,
    engine: Engine,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        args: &'a AuditArgs,
        loaded: &'a Loaded,
        environment: &'a Environment,
    ) -> Result<Self, CommandError> {
        let magic = load::magic(loaded, environment);
        let scope = Arc::new(load::run_scope(loaded, &args.asked.extra_vars, magic, environment)?);
        let engine = Engine::with_vault(loaded.vault.clone());
        Ok(Self { args, loaded, environment, scope, engine })
    }

    fn variable(&self, host: &HostName, name: &str) -> Result<Option<serde_json::Value>, CommandError> {
        inventory_variable(&self.scope, &self.engine, host, name)
            .map_err(|error| CommandError::failed(error.of(&host.0, name)))
    }

    /// What the inventory declares: all of its hosts, those that `--limit` leaves out as well.
    pub(super) fn declared(&self) -> Result<Declared, CommandError> {
        let selected = self.loaded.select(self.args.inventory.limit.as_deref(), self.environment)?;
        if selected.is_empty() {
            return Err(CommandError::user("no host is selected")
                .hint("`paceline inventory list` shows what there is; `-l` selects"));
        }
        let selected: std::collections::HashSet<&HostName> = selected.iter().collect();
        let mut declared = Declared::default();
        for name in self.loaded.inventory.hosts.keys() {
            let place = place_of(&self.loaded.inventory, name, "agent");
            let mut host = DeclaredHost::read(&name.0, place, self.variable(name, "agent")?.as_ref());
            host.selected = selected.contains(name);
            let group = self.variable(name, "maintenance_group")?;
            host.maintenance_group = group.and_then(|group| group.as_str().map(str::to_owned));
            declared.hosts.push(host);
        }
        Ok(declared)
    }

    /// What the server's configuration says.
    pub(super) fn configuration(&self) -> Result<Option<Configuration>, CommandError> {
        let Some(folder) = &self.args.config else { return Ok(None) };
        let limits = ConfigurationLimits::default();
        let (configuration, found) = read_configuration(folder, &self.args.server_settings, limits);
        load::check(&found, self.environment)?;
        Ok(Some(configuration))
    }

    /// What the hosts say: those that run an agent, or that have a folder for one.
    pub(super) fn observed(
        &self,
        declared: &Declared,
        configuration: Option<&Configuration>,
        policy: &Policy,
    ) -> Result<Option<Observed>, CommandError> {
        if !self.args.live {
            return Ok(None);
        }
        let mut hosts = Vec::new();
        for host in declared.hosts.iter().filter(|host| host.selected) {
            let name = HostName::from(host.name.as_str());
            let is_set = |variable| Ok::<_, CommandError>(self.variable(&name, variable)?.is_some());
            if !host.agents.is_empty() || is_set("agent_root")? || is_set("agent_roots")? {
                hosts.push(name);
            }
        }
        if hosts.is_empty() {
            return Err(CommandError::user("no selected host runs an agent, so that `--live` asks nobody")
                .hint("give hosts the variable `agent`, or leave `--live` out"));
        }
        let Self { args, loaded, environment, .. } = self;
        let asking = Asking::new(&args.asked, loaded, environment)?;
        let wanted = args.who_could_serve.as_deref();
        let addresses = Addresses::new(declared, configuration, wanted);
        let of = |host: &HostName| addresses.of(&host.0);
        audit_live::ask(&asking, &hosts, &of, policy, args.asked.forks).map(Some)
    }
}

/// What hosts are asked to reach: the managed systems that their agents serve.
struct Addresses {
    hosts: HashMap<String, BTreeSet<String>>,
    /// Of the connector that any of them could serve.
    all: BTreeSet<String>,
}

impl Addresses {
    fn new(declared: &Declared, configuration: Option<&Configuration>, wanted: Option<&str>) -> Self {
        let connectors = configuration.into_iter().flat_map(|configuration| &configuration.connectors);
        let configured: HashMap<&str, Option<&str>> =
            connectors.map(|one| (one.identifier.as_str(), one.agent.as_deref())).collect();
        let mut by_agent: HashMap<&str, BTreeSet<String>> = HashMap::new();
        let mut all = BTreeSet::new();
        for agent in declared.hosts.iter().flat_map(|host| &host.agents) {
            for connector in &agent.connectors {
                let system = connector.managed_system.as_ref();
                let Some(address) = system.and_then(|system| system.address.clone()) else { continue };
                if wanted == Some(&connector.identifier) {
                    all.insert(address.clone());
                }
                let serves = match configured.get(connector.identifier.as_str()) {
                    Some(serves) => *serves,
                    None => Some(agent.identifier.as_str()),
                };
                if let Some(serves) = serves {
                    by_agent.entry(serves).or_default().insert(address);
                }
            }
        }
        let mut hosts: HashMap<String, BTreeSet<String>> = HashMap::new();
        for host in &declared.hosts {
            let own = host.agents.iter().filter_map(|agent| by_agent.get(agent.identifier.as_str()));
            hosts.entry(host.name.clone()).or_default().extend(own.flatten().cloned());
        }
        Self { hosts, all }
    }

    fn of(&self, host: &str) -> Vec<String> {
        let own = self.hosts.get(host).into_iter().flatten();
        own.chain(&self.all).collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }
}
