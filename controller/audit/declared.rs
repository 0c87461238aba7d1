//! What the inventory means: hosts with the agents they run.

use serde_json::Value;

use crate::inventory::Agent;

/// What the inventory declares, in its order.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// All hosts of the inventory, those without agents too.
    pub hosts: Vec<DeclaredHost>,
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
    /// Whether it was meant to assign one.
    pub malformed: bool,
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
            Some(Err(error)) => {
                host.malformed = error.meant;
                host.foreign = Some((error.message, error.hint));
            }
        }
        host
    }
}
