//! The inventory: hosts, groups, and variables that remember where they came from.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::source::{Node, Span};

/// Name of a host in the inventory.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HostName(pub Arc<str>);

/// Name of a group.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct GroupName(pub Arc<str>);

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for HostName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<&str> for GroupName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

/// All hosts and groups, in file order. `all` and `ungrouped` are always there.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Hosts in the order in which they first appear.
    pub hosts: IndexMap<HostName, Host>,
    /// Groups in the order in which they first appear, `all` first.
    pub groups: IndexMap<GroupName, Group>,
}

/// A host.
#[derive(Clone, Debug)]
pub struct Host {
    /// Where it first appears.
    pub span: Option<Span>,
    /// Groups that name it directly.
    pub groups: Vec<GroupName>,
    /// Every candidate value of every variable that the inventory gives to this host, weakest first:
    /// all levels of [`Level`] up to `PlaybookHostVars`, already in Ansible's order. The last one wins.
    pub variables: IndexMap<String, Vec<Variable>>,
}

/// A group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Where it first appears.
    pub span: Option<Span>,
    /// Hosts named directly, in order.
    pub hosts: Vec<HostName>,
    /// Groups directly inside, in order.
    pub children: Vec<GroupName>,
    /// Groups directly around.
    pub parents: Vec<GroupName>,
    /// Longest path from `all`.
    pub depth: usize,
    /// `ansible_group_priority`.
    pub priority: i64,
    /// Every candidate value of every variable that this group itself gives, weakest first.
    pub variables: IndexMap<String, Vec<Variable>>,
}

/// A value of a variable and where it came from.
#[derive(Clone, Debug)]
pub struct Variable {
    /// The value.
    pub node: Arc<Node>,
    /// Where it came from.
    pub origin: Origin,
}

/// Where a value came from: the level of precedence and the group, if it is one's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    /// The level.
    pub level: Level,
    /// The group whose variable it is.
    pub group: Option<GroupName>,
}

/// Levels of precedence, weakest first
/// (Ansible: Using variables, "Understanding variable precedence").
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// `vars:` of a group in an inventory file.
    InventoryGroup,
    /// `group_vars/all` beside the inventory.
    InventoryGroupVarsAll,
    /// `group_vars/all` beside the playbook.
    PlaybookGroupVarsAll,
    /// `group_vars/*` beside the inventory.
    InventoryGroupVars,
    /// `group_vars/*` beside the playbook.
    PlaybookGroupVars,
    /// Variables of a host in an inventory file.
    InventoryHost,
    /// `host_vars/*` beside the inventory.
    InventoryHostVars,
    /// `host_vars/*` beside the playbook.
    PlaybookHostVars,
}
