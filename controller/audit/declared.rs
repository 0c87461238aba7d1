//! What the inventory means: hosts with the agents they run.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::inventory::Agent;

/// What the inventory declares, in its order.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// All hosts of the inventory, those without agents too.
    pub hosts: Vec<DeclaredHost>,
}

impl Declared {
    /// `HOST:PORT` of the managed systems that a connector connects to, each once: all that anybody gives for them.
    #[must_use]
    pub fn addresses(&self, connector: &str) -> Vec<String> {
        let all = || {
            let agents = self.hosts.iter().flat_map(|host| &host.agents);
            agents.flat_map(|agent| &agent.connectors).filter_map(|connector| {
                Some((connector.identifier.as_str(), connector.managed_system.as_ref()?))
            })
        };
        let systems: BTreeSet<&str> =
            all().filter(|(of, _)| *of == connector).map(|(_, system)| system.name.as_str()).collect();
        let named = all().filter(|(_, system)| systems.contains(system.name.as_str()));
        let addresses: BTreeSet<&String> = named.filter_map(|(_, system)| system.address.as_ref()).collect();
        addresses.into_iter().cloned().collect()
    }
}

/// A host of the inventory.
#[derive(Clone, Debug, Default)]
pub struct DeclaredHost {
    /// Its name.
    pub name: String,
    /// Where its agents stand: `FILE:LINE`, else `HOST:agent`.
    pub place: String,
    /// Its agents.
    pub agents: Vec<Agent>,
    /// Why the variable `agent` assigns none, if it is there and means something else; and what to do.
    pub foreign: Option<(String, Option<String>)>,
    /// The variable `maintenance_group`.
    pub maintenance_group: Option<String>,
    /// Whether `--limit` selected it; the others are known but neither asked nor judged alone.
    pub selected: bool,
}

impl DeclaredHost {
    /// Reads what the rendered variable `agent` of a host assigns; one of another shape assigns nothing.
    #[must_use]
    pub fn read(name: &str, place: Option<String>, agent: Option<&Value>) -> Self {
        let place = place.unwrap_or_else(|| format!("{name}:agent"));
        let mut host = Self { name: name.to_owned(), place, selected: true, ..Self::default() };
        match agent.map(Agent::read) {
            None => {}
            Some(Ok(agents)) => host.agents = agents,
            Some(Err(error)) => host.foreign = Some((error.message, error.hint)),
        }
        host
    }
}
