//! Questions that everybody asks an inventory.

use std::collections::HashSet;

use super::{Group, GroupName, Host, HostName, Inventory, Variable};

impl Inventory {
    /// Returns a group.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(&GroupName::from(name))
    }

    /// Returns a host.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.get(&HostName::from(name))
    }

    /// Returns the winning value of a host's variable.
    pub fn variable(&self, host: &HostName, name: &str) -> Option<&Variable> {
        self.hosts.get(host)?.variables.get(name)?.last()
    }

    /// Returns these groups and all around them, weakest first: by depth, then
    /// `ansible_group_priority`, then name.
    pub fn groups_around(&self, groups: &[GroupName]) -> Vec<GroupName> {
        let mut seen: HashSet<GroupName> = HashSet::new();
        let mut pending: Vec<GroupName> = groups.to_vec();
        pending.push(GroupName::from("all"));
        while let Some(name) = pending.pop() {
            if let Some(group) = self.groups.get(&name)
                && seen.insert(name)
            {
                pending.extend(group.parents.iter().cloned());
            }
        }
        let mut sorted: Vec<GroupName> = seen.into_iter().collect();
        sorted.sort_by_cached_key(|name| {
            let group = self.groups.get(name);
            (group.map_or(0, |group| group.depth), group.map_or(1, |group| group.priority), name.clone())
        });
        sorted
    }

    /// Returns the names of all groups that hold a host, directly or not, without `all`, sorted: the
    /// variable `group_names`.
    pub fn group_names(&self, host: &HostName) -> Vec<GroupName> {
        let direct = self.hosts.get(host).map(|host| host.groups.as_slice()).unwrap_or_default();
        let mut names = self.groups_around(direct);
        names.retain(|name| &*name.0 != "all");
        names.sort();
        names
    }

    /// Returns a group and all groups inside of it: itself, its children in order, their children, ...
    pub fn groups_inside(&self, group: &GroupName) -> Vec<GroupName> {
        let mut ordered: Vec<GroupName> = Vec::new();
        let mut seen: HashSet<GroupName> = HashSet::new();
        if self.groups.contains_key(group) {
            seen.insert(group.clone());
            ordered.push(group.clone());
        }
        let mut next = 0;
        while let Some(group) = ordered.get(next).and_then(|name| self.groups.get(name)) {
            next += 1;
            for child in &group.children {
                if seen.insert(child.clone()) {
                    ordered.push(child.clone());
                }
            }
        }
        ordered
    }

    /// Returns the hosts of a group and of all groups inside of it, each once: its own first, then
    /// those of its children in order, and so on.
    pub fn hosts_of(&self, group: &GroupName) -> Vec<HostName> {
        let mut seen: HashSet<&HostName> = HashSet::new();
        let mut hosts = Vec::new();
        for group in self.groups_inside(group) {
            for host in self.groups.get(&group).map(|group| group.hosts.as_slice()).unwrap_or_default() {
                if seen.insert(host) {
                    hosts.push(host.clone());
                }
            }
        }
        hosts
    }
}
