//! Hosts, groups and variables with their origin, from inventories in YAML and INI form and `group_vars`/`host_vars`.
//!
//! [`Inventory::load`] reads everything at once and reports every mistake of every file. The views
//! ([`list`], [`graph`], [`host`], [`explain`]) are pure functions of a loaded inventory. What selects
//! hosts is in `pattern`; nothing here renders templates.

mod address;
mod agents;
mod build;
mod explain;
#[cfg(test)]
mod fixture;
mod graph;
mod ini;
mod listing;
mod literal;
mod load;
mod model;
mod python;
mod query;
mod resolve;
mod source;
mod vars_folder;
mod words;

pub use address::{Address, RangeError, is_address};
pub use agents::{Agent, AgentShapeError, Connector, ManagedSystem};
pub use explain::{Candidate, Explanation, explain};
pub use graph::graph;
pub use listing::{host, human_list, list};
pub use model::{Group, GroupName, Host, HostName, Inventory, Level, Origin, Variable};
pub use source::InventorySource;
