//! What the inventory means: hosts with the agents they run.

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
    /// The variable `maintenance_group`.
    pub maintenance_group: Option<String>,
    /// Whether `--limit` selected it; the others are known but neither asked nor judged alone.
    pub selected: bool,
}
