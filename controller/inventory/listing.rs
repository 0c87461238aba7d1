//! `inventory list` and `inventory host`: as JSON, what `ansible-inventory --list` and `--host` print;
//! and a list for people.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{GroupName, Host, HostName, Inventory};

/// The JSON of `ansible-inventory --list`, keys sorted; with `selected`, only these hosts appear.
pub fn list(inventory: &Inventory, selected: Option<&[HostName]>) -> Value {
    let all = GroupName::from("all");
    let available: HashSet<&HostName> = match selected {
        Some(selected) => selected.iter().collect(),
        None => inventory.hosts.keys().collect(),
    };
    let mut groups = Map::new();
    let mut seen = HashSet::new();
    add_group(inventory, &all, &available, &mut seen, &mut groups);
    let hostvars: Map<String, Value> = inventory
        .hosts
        .iter()
        .filter(|(name, host)| available.contains(name) && !host.variables.is_empty())
        .map(|(name, host)| (name.to_string(), host_variables(host)))
        .collect();
    groups.insert("_meta".to_owned(), json!({ "hostvars": hostvars, "profile": "inventory_legacy" }));
    sorted(Value::Object(groups))
}

/// The JSON of `ansible-inventory --host HOST`, keys sorted; nothing for an unknown host.
pub fn host(inventory: &Inventory, name: &HostName) -> Option<Value> {
    inventory.hosts.get(name).map(|host| sorted(host_variables(host)))
}

/// A list for people: every host with its address and groups.
pub fn human_list(inventory: &Inventory, hosts: &[HostName]) -> String {
    let width = hosts.iter().map(|name| name.0.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for name in hosts {
        let address = inventory
            .variable(name, "ansible_host")
            .filter(|variable| !variable.node.span.file.is_encrypted())
            .and_then(|variable| variable.node.as_str().map(ToOwned::to_owned))
            .filter(|address| *address != *name.0);
        let groups: Vec<String> = inventory.group_names(name).iter().map(ToString::to_string).collect();
        let padding = " ".repeat(width - name.0.chars().count());
        let address = address.map(|address| format!("  ({address})")).unwrap_or_default();
        text.push_str(&format!("{name}{padding}  {}{address}\n", groups.join(", ")));
    }
    let plural = if hosts.len() == 1 { "" } else { "s" };
    text.push_str(&format!("{} host{plural}\n", hosts.len()));
    text
}

fn add_group(
    inventory: &Inventory,
    name: &GroupName,
    available: &HashSet<&HostName>,
    seen: &mut HashSet<GroupName>,
    into: &mut Map<String, Value>,
) {
    let Some(group) = inventory.groups.get(name) else { return };
    let mut entry = Map::new();
    let hosts: Vec<&str> =
        group.hosts.iter().filter(|host| available.contains(host)).map(|host| &*host.0).collect();
    if &*name.0 != "all" && !hosts.is_empty() {
        entry.insert("hosts".to_owned(), json!(hosts));
    }
    if !group.children.is_empty() {
        let children: Vec<&str> = group.children.iter().map(|child| &*child.0).collect();
        entry.insert("children".to_owned(), json!(children));
    }
    if !entry.is_empty() {
        into.insert(name.to_string(), Value::Object(entry));
    }
    for child in &group.children {
        if seen.insert(child.clone()) {
            add_group(inventory, child, available, seen, into);
        }
    }
}

fn host_variables(host: &Host) -> Value {
    host.variables
        .iter()
        .filter_map(|(name, candidates)| Some((name.clone(), candidates.last()?.node.to_shown())))
        .collect()
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let mut entries: Vec<(String, Value)> = entries.into_iter().collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            entries.into_iter().map(|(key, value)| (key, sorted(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::fixture::clean;
    use super::*;

    const HOSTS: &str = "
all:
  hosts:
    h1: {d: 2001-01-02, u: !unsafe '{{ x }}', v: !vault '$ANSIBLE_VAULT;1.1;AES256', t: '{{ 1 + 1 }}', n: }
    b1:
web:
  hosts: {h1: {}, 'w[01:02]': {x: 1}}
  vars: {a: {z: 1, b: [1, {c: 2}]}}
  children: {sub: {hosts: {w02: }}, empty: }
";

    /// Printed by `ansible-inventory --list` of ansible-core 2.19.14.
    #[test]
    fn prints_what_ansible_inventory_prints() {
        let a = json!({"b": [1, {"c": 2}], "z": 1});
        let expected = json!({
            "_meta": {
                "hostvars": {
                    "h1": {
                        "a": a, "d": "2001-01-02", "n": null, "t": "{{ 1 + 1 }}", "u": {"__ansible_unsafe": "{{ x }}"},
                        "v": {"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256"},
                    },
                    "w01": {"a": a, "x": 1},
                    "w02": {"a": a, "x": 1},
                },
                "profile": "inventory_legacy",
            },
            "all": {"children": ["ungrouped", "web"]},
            "sub": {"hosts": ["w02"]},
            "ungrouped": {"hosts": ["b1"]},
            "web": {"children": ["sub", "empty"], "hosts": ["h1", "w01", "w02"]},
        });
        assert_eq!(list(&clean(&[("hosts.yml", HOSTS)]), None).to_string(), expected.to_string());
    }

    #[test]
    fn a_limit_leaves_the_selected_hosts() {
        let inventory = clean(&[("hosts.yml", HOSTS)]);
        let shown = list(&inventory, Some(&["w01".into()]));
        assert_eq!(shown["_meta"]["hostvars"].as_object().unwrap().len(), 1);
        assert_eq!(shown["web"]["hosts"], json!(["w01"]));
        assert_eq!(shown["web"]["children"], json!(["sub", "empty"]));
        assert!(shown.get("sub").is_none() && shown.get("ungrouped").is_none());
    }

    #[test]
    fn shows_one_host() {
        let inventory = clean(&[("hosts.yml", HOSTS)]);
        assert_eq!(host(&inventory, &"b1".into()), Some(json!({})));
        assert_eq!(host(&inventory, &"w02".into()).unwrap()["x"], json!(1));
        assert_eq!(host(&inventory, &"nope".into()), None);
    }

    #[test]
    fn lists_for_people() {
        let inventory = clean(&[(
            "hosts.yml",
            "web: {hosts: {long-name: {ansible_host: 10.0.0.1}, b: {}}}\nx: {hosts: {b: {}}}\n",
        )]);
        let hosts = inventory.hosts_of(&"all".into());
        assert_eq!(
            human_list(&inventory, &hosts),
            "long-name  web  (10.0.0.1)\nb          web, x\n2 hosts\n"
        );
    }
}
