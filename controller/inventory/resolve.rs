//! Settles what follows from all files together: `all` and `ungrouped`, depths, and the order in
//! which the values of a variable win.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use super::build::{Builder, VariableEntry};
use super::vars_folder::VarsFolder;
use super::{GroupName, HostName, Inventory, Level, Origin, Variable};
use crate::source::{Diagnostic, Diagnostics};

/// Every candidate of every variable, weakest first.
type Candidates = IndexMap<String, Vec<Variable>>;

/// Finishes an inventory.
pub(super) fn resolve(
    mut builder: Builder,
    beside_inventory: &[VarsFolder],
    beside_playbook: Option<&VarsFolder>,
) -> (Inventory, Diagnostics) {
    attach_to_all(&mut builder);
    settle_ungrouped(&mut builder.inventory);
    settle_depths(&mut builder.inventory);
    warn_about_shared_names(&builder.inventory, &mut builder.diagnostics);
    let files = Files { builder: &builder, beside_inventory, beside_playbook };
    let group_variables: Vec<Candidates> =
        builder.inventory.groups.keys().map(|name| files.of_groups(std::slice::from_ref(name))).collect();
    let mut cache: HashMap<Vec<GroupName>, Candidates> = HashMap::new();
    let mut host_variables = Vec::with_capacity(builder.inventory.hosts.len());
    for (name, host) in &builder.inventory.hosts {
        if !cache.contains_key(&host.groups) {
            let around = builder.inventory.groups_around(&host.groups);
            cache.insert(host.groups.clone(), files.of_groups(&around));
        }
        let mut variables = cache.get(&host.groups).cloned().unwrap_or_default();
        files.add_host(name, &mut variables);
        host_variables.push(variables);
    }
    let Builder { mut inventory, diagnostics, .. } = builder;
    for (group, variables) in inventory.groups.values_mut().zip(group_variables) {
        group.variables = variables;
    }
    for (host, variables) in inventory.hosts.values_mut().zip(host_variables) {
        host.variables = variables;
    }
    (inventory, diagnostics)
}

/// Groups inside of no other one are inside of `all`.
fn attach_to_all(builder: &mut Builder) {
    let all = GroupName::from("all");
    let orphans: Vec<GroupName> = builder
        .inventory
        .groups
        .iter()
        .filter(|(name, group)| **name != all && group.parents.is_empty())
        .map(|(name, _)| name.clone())
        .collect();
    for orphan in orphans {
        builder.link(&all, &orphan);
    }
}

/// `ungrouped` holds the hosts that no group but `all` names.
fn settle_ungrouped(inventory: &mut Inventory) {
    let (all, ungrouped) = (GroupName::from("all"), GroupName::from("ungrouped"));
    let mut joined = Vec::new();
    let mut left = HashSet::new();
    for (name, host) in &mut inventory.hosts {
        let grouped = host.groups.iter().any(|group| *group != all && *group != ungrouped);
        let named = host.groups.contains(&ungrouped);
        if grouped && named {
            host.groups.retain(|group| *group != ungrouped);
            left.insert(name.clone());
        } else if !grouped && !named {
            host.groups.push(ungrouped.clone());
            joined.push(name.clone());
        }
    }
    if let Some(group) = inventory.groups.get_mut(&ungrouped) {
        group.hosts.retain(|name| !left.contains(name));
        group.hosts.extend(joined);
    }
}

/// The depth of a group is its longest way from `all`.
fn settle_depths(inventory: &mut Inventory) {
    let mut waiting: HashMap<GroupName, usize> =
        inventory.groups.iter().map(|(name, group)| (name.clone(), group.parents.len())).collect();
    let mut ready = vec![GroupName::from("all")];
    while let Some(name) = ready.pop() {
        let Some(group) = inventory.groups.get(&name) else { continue };
        let (depth, children) = (group.depth + 1, group.children.clone());
        for child in children {
            if let Some(group) = inventory.groups.get_mut(&child) {
                group.depth = group.depth.max(depth);
            }
            if let Some(open) = waiting.get_mut(&child) {
                *open -= 1;
                if *open == 0 {
                    ready.push(child);
                }
            }
        }
    }
}

fn warn_about_shared_names(inventory: &Inventory, diagnostics: &mut Diagnostics) {
    for (name, host) in &inventory.hosts {
        if !inventory.groups.contains_key(&GroupName(name.0.clone())) {
            continue;
        }
        let message = format!("`{name}` is both a host and a group; as a pattern it means the host");
        let mut warning = match &host.span {
            Some(span) => Diagnostic::warning(span, message),
            None => Diagnostic::bare(message),
        };
        warning.severity = crate::source::Severity::Warning;
        diagnostics.push(warning);
    }
}

struct Files<'a> {
    builder: &'a Builder,
    beside_inventory: &'a [VarsFolder],
    beside_playbook: Option<&'a VarsFolder>,
}

impl Files<'_> {
    /// The candidates that groups give, which are sorted already, weakest first.
    fn of_groups(&self, groups: &[GroupName]) -> Candidates {
        let mut candidates = Candidates::new();
        for group in groups {
            if let Some(entries) = self.builder.group_vars.get(group) {
                add(&mut candidates, entries, Level::InventoryGroup, Some(group));
            }
        }
        let is_all = |group: &&GroupName| &*group.0 == "all";
        let playbook = self.beside_playbook.map(std::slice::from_ref).unwrap_or_default();
        for (folders, level) in
            [(self.beside_inventory, Level::InventoryGroupVarsAll), (playbook, Level::PlaybookGroupVarsAll)]
        {
            add_folders(&mut candidates, folders, level, groups.iter().filter(is_all));
        }
        for (folders, level) in
            [(self.beside_inventory, Level::InventoryGroupVars), (playbook, Level::PlaybookGroupVars)]
        {
            add_folders(&mut candidates, folders, level, groups.iter().filter(|group| !is_all(group)));
        }
        candidates
    }

    fn add_host(&self, name: &HostName, candidates: &mut Candidates) {
        if let Some(entries) = self.builder.host_vars.get(name) {
            add(candidates, entries, Level::InventoryHost, None);
        }
        for folder in self.beside_inventory {
            if let Some(entries) = folder.hosts.get(name) {
                add(candidates, entries, Level::InventoryHostVars, None);
            }
        }
        if let Some(entries) = self.beside_playbook.and_then(|folder| folder.hosts.get(name)) {
            add(candidates, entries, Level::PlaybookHostVars, None);
        }
    }
}

fn add_folders<'a>(
    candidates: &mut Candidates,
    folders: &[VarsFolder],
    level: Level,
    groups: impl Iterator<Item = &'a GroupName> + Clone,
) {
    // The order of the sources counts before the order of the groups.
    for folder in folders {
        for group in groups.clone() {
            if let Some(entries) = folder.groups.get(group) {
                add(candidates, entries, level, Some(group));
            }
        }
    }
}

fn add(candidates: &mut Candidates, entries: &[VariableEntry], level: Level, group: Option<&GroupName>) {
    for entry in entries {
        let variable = Variable { node: entry.node.clone(), origin: Origin { level, group: group.cloned() } };
        match candidates.get_mut(&entry.name) {
            Some(known) => known.push(variable),
            None => {
                candidates.insert(entry.name.clone(), vec![variable]);
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::fixture::clean;
    use super::*;

    /// Facts observed with ansible-core 2.19.14.
    #[test]
    fn groups_win_by_depth_then_priority_then_name() {
        let inventory = clean(&[(
            "hosts.yml",
            "
prod: {children: {web: {}}}
web: {hosts: {h1: {}, h2: {}}, vars: {v: web}}
zeta: {hosts: {h1: {}}, vars: {v: zeta, ansible_group_priority: 10}}
db: {hosts: {h2: {}}, vars: {v: db}}
mid: {children: {leaf: {}}}
p2: {children: {mid: {}}}
p1: {children: {leaf: {}}}
leaf: {hosts: {h3: {}, h4: {}}, vars: {v: leaf}}
same: {hosts: {h5: {}}, vars: {v: same, ansible_group_priority: '2'}}
zz: {hosts: {h3: {}, h5: {}, h6: {}}, vars: {v: zz}}
yy: {hosts: {h6: {}}, vars: {v: yy}}
",
        )]);
        let value =
            |host: &str| inventory.variable(&host.into(), "v").unwrap().node.as_str().unwrap().to_owned();
        assert_eq!(value("h1"), "web", "deeper beats priority");
        assert_eq!(value("h2"), "web", "deeper beats the alphabet");
        assert_eq!(value("h3"), "leaf", "the longest way counts");
        assert_eq!(value("h5"), "same", "priority beats the alphabet");
        assert_eq!(value("h6"), "zz", "the alphabet is the last resort");
        assert_eq!(inventory.group("leaf").unwrap().depth, 3);
        assert_eq!(inventory.group("same").unwrap().priority, 2);
        assert!(inventory.variable(&"h1".into(), "ansible_group_priority").is_none());
    }

    #[test]
    fn every_level_beats_the_one_before() {
        let files = [
            ("hosts.yml", "all: {vars: {v: 0}}\nweb: {hosts: {h: {v: 5}}, vars: {v: 0}}\n"),
            ("group_vars/all.yml", "v: 1\n"),
            ("playbook/group_vars/all.yml", "v: 2\n"),
            ("group_vars/web.yml", "v: 3\n"),
            ("playbook/group_vars/web.yml", "v: 4\n"),
            ("host_vars/h.yml", "v: 6\n"),
            ("playbook/host_vars/h.yml", "v: 7\n"),
        ];
        let inventory = clean(&files);
        let candidates = &inventory.host("h").unwrap().variables["v"];
        let values: Vec<i64> = candidates.iter().filter_map(|candidate| candidate.node.as_int()).collect();
        assert_eq!(values, [0, 0, 1, 2, 3, 4, 5, 6, 7]);
        let levels: Vec<Level> = candidates.iter().map(|candidate| candidate.origin.level).collect();
        assert!(levels.is_sorted());
        for fewer in 1..files.len() {
            let inventory = clean(&files[..files.len() - fewer]);
            let winner = inventory.variable(&"h".into(), "v").unwrap().node.as_int();
            assert_eq!(winner, Some([6, 5, 5, 5, 5, 5][fewer - 1]));
        }
    }

    #[test]
    fn ungrouped_holds_what_no_group_names() {
        let inventory = clean(&[(
            "hosts.yml",
            "all: {hosts: {a: {}, b: {}}}\nungrouped: {hosts: {b: {}, c: {}}}\nweb: {hosts: {b: {}}}\n",
        )]);
        assert_eq!(inventory.group("ungrouped").unwrap().hosts, ["c", "a"].map(HostName::from));
        assert_eq!(inventory.group_names(&"b".into()), [GroupName::from("web")]);
        assert_eq!(inventory.hosts_of(&"all".into()), ["a", "b", "c"].map(HostName::from));
    }

    #[test]
    fn hosts_of_one_range_share_their_values() {
        let inventory = clean(&[("hosts.yml", "web: {hosts: {'w[1:3]': {v: {a: 1}}}}\n")]);
        let node = |host: &str| inventory.variable(&host.into(), "v").unwrap().node.clone();
        assert!(std::sync::Arc::ptr_eq(&node("w1"), &node("w3")));
    }
}
