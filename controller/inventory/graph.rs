//! `inventory graph`: the tree of groups and hosts, as `ansible-inventory --graph` draws it.

use indexmap::IndexMap;

use super::{GroupName, Inventory, Variable, python};

/// Draws the tree from `start` down, with variables if asked; nothing for an unknown group.
pub fn graph(inventory: &Inventory, start: &GroupName, variables: bool) -> Option<String> {
    inventory.groups.get(start)?;
    let mut lines = Vec::new();
    draw(inventory, start, 0, variables, &mut lines);
    lines.push(String::new());
    Some(lines.join("\n"))
}

fn draw(inventory: &Inventory, name: &GroupName, depth: usize, variables: bool, lines: &mut Vec<String>) {
    let Some(group) = inventory.groups.get(name) else { return };
    lines.push(branch(&format!("@{name}:"), depth));
    for child in &group.children {
        draw(inventory, child, depth + 1, variables, lines);
    }
    if &*name.0 != "all" {
        for host in &group.hosts {
            lines.push(branch(&host.0, depth + 1));
            if variables && let Some(host) = inventory.hosts.get(host) {
                draw_variables(&host.variables, None, depth + 2, lines);
            }
        }
    }
    if variables {
        let priority = (group.priority != 1).then_some(group.priority);
        draw_variables(&group.variables, priority, depth + 1, lines);
    }
}

fn draw_variables(
    variables: &IndexMap<String, Vec<Variable>>,
    priority: Option<i64>,
    depth: usize,
    lines: &mut Vec<String>,
) {
    let mut shown: Vec<(&str, String)> = variables
        .iter()
        .filter_map(|(name, candidates)| Some((name.as_str(), python::text(&candidates.last()?.node))))
        .filter(|(name, _)| priority.is_none() || *name != "ansible_group_priority")
        .collect();
    if let Some(priority) = priority {
        shown.push(("ansible_group_priority", priority.to_string()));
    }
    shown.sort();
    lines.extend(shown.iter().map(|(name, value)| branch(&format!("{{{name} = {value}}}"), depth)));
}

fn branch(text: &str, depth: usize) -> String {
    if depth == 0 { text.to_owned() } else { format!("{}--{text}", "  |".repeat(depth)) }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::clean;
    use super::*;

    /// Printed by `ansible-inventory --graph --vars` of ansible-core 2.19.14.
    #[test]
    fn draws_what_ansible_draws() {
        let inventory = clean(&[
            (
                "hosts.yml",
                "all: {hosts: {b1: }}\nweb: {hosts: {w1: {s: it's}}, vars: {a: {z: [1, yes]}, ansible_group_priority: 5}, children: {sub: {hosts: {w1: }}, empty: {vars: {q: ~}}}}\n",
            ),
            ("group_vars/all.yml", "n: 3\n"),
        ]);
        insta::assert_snapshot!(graph(&inventory, &"all".into(), true).unwrap_or_default(), @r"
        @all:
          |--@ungrouped:
          |  |--b1
          |  |  |--{n = 3}
          |--@web:
          |  |--@sub:
          |  |  |--w1
          |  |  |  |--{a = {'z': [1, True]}}
          |  |  |  |--{n = 3}
          |  |  |  |--{s = it's}
          |  |--@empty:
          |  |  |--{q = None}
          |  |--w1
          |  |  |--{a = {'z': [1, True]}}
          |  |  |--{n = 3}
          |  |  |--{s = it's}
          |  |--{a = {'z': [1, True]}}
          |  |--{ansible_group_priority = 5}
          |--{n = 3}
        ");
        assert_eq!(graph(&inventory, &"sub".into(), false).as_deref(), Some("@sub:\n  |--w1\n"));
        assert_eq!(graph(&inventory, &"nope".into(), false), None);
    }
}
