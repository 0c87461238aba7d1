//! Reads inventory files into hosts and groups, before anything is known about precedence.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::address::Address;
use super::{Group, GroupName, Host, HostName, Inventory};
use crate::source::{Diagnostic, Diagnostics, Node, NodeValue, SourceFile, Span, suggestion};

const GROUP_KEYS: [&str; 3] = ["hosts", "vars", "children"];

/// A variable as it stands in a file.
#[derive(Clone, Debug)]
pub(super) struct VariableEntry {
    pub(super) name: String,
    pub(super) node: Arc<Node>,
}

impl VariableEntry {
    /// Takes a key and its value, with a warning if no template can ever say that name.
    pub(super) fn checked(key: &Node, node: Arc<Node>, diagnostics: &mut Diagnostics) -> Self {
        let name = key.key_text();
        let start = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if !start || !name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_') {
            let message = format!("`{}` is not a valid name for a variable", name.escape_debug());
            let hint = "use letters, digits and `_`, and no digit in front";
            diagnostics.push(Diagnostic::warning(&key.span, message).hint(hint));
        }
        Self { name, node }
    }
}

/// Hosts and groups as the files name them.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub(super) inventory: Inventory,
    /// `vars:` of groups, in order of appearance.
    pub(super) group_vars: HashMap<GroupName, Vec<VariableEntry>>,
    /// Variables of hosts in inventory files, in order of appearance.
    pub(super) host_vars: HashMap<HostName, Vec<VariableEntry>>,
    pub(super) diagnostics: Diagnostics,
}

impl Builder {
    /// Starts with `all` and `ungrouped`.
    pub(super) fn new() -> Self {
        let mut builder = Self::default();
        let all = builder.group("all", None);
        let ungrouped = builder.group("ungrouped", None);
        builder.link(&all, &ungrouped);
        builder
    }

    /// Adds the hosts of a `host1,host2,` list.
    pub(super) fn add_list(&mut self, list: &str) {
        let file = SourceFile::new("-i", "", list);
        let ungrouped = GroupName::from("ungrouped");
        let mut at = 0;
        for piece in list.split(',') {
            let name = piece.trim();
            let start = at + piece.len() - piece.trim_start().len();
            at += piece.len() + 1;
            if name.is_empty() {
                continue;
            }
            let key = Node::new(
                Span::new(file.clone(), start, start + name.len()),
                NodeValue::String(name.to_owned()),
            );
            if name.contains('[') && !name.starts_with('[') {
                let message = format!("`{name}` is a range, and lists of hosts do not expand ranges");
                self.diagnostics.push(Diagnostic::error(&key.span, message).hint("use an inventory file"));
                continue;
            }
            self.add_hosts(&ungrouped, &key, None);
        }
    }

    /// Adds the groups of an inventory file.
    pub(super) fn add_tree(&mut self, root: Node) {
        let entries = match root.value {
            NodeValue::Mapping(entries) => entries,
            NodeValue::Null => {
                self.diagnostics.push(Diagnostic::warning(&root.span, "this inventory file is empty"));
                return;
            }
            _ => {
                let place = Span::new(root.span.file.clone(), root.span.start, root.span.start);
                let message = format!("an inventory is a mapping of groups, not {}", root.kind());
                self.diagnostics
                    .push(Diagnostic::error(&place, message).hint("begin with `all:` and `hosts:` below it"));
                return;
            }
        };
        if let Some((key, _)) =
            entries.iter().find(|(key, value)| key.as_str() == Some("plugin") && value.as_str().is_some())
        {
            let message = "this file configures an inventory plugin, and inventory plugins are not supported";
            let hint = "write what it finds to a file: `ansible-inventory -i FILE --list --yaml --export > hosts.yml`";
            self.diagnostics.push(Diagnostic::error(&key.span, message).hint(hint));
            return;
        }
        for (key, value) in entries {
            self.add_group(&key, value, true);
        }
    }

    fn add_group(&mut self, key: &Node, value: Node, top: bool) -> Option<GroupName> {
        let name = self.group_name(key)?;
        let group = self.group(&name, Some(&key.span));
        let sections = match value.value {
            NodeValue::Null => return Some(group),
            NodeValue::Mapping(sections) => sections,
            _ => {
                let message = format!(
                    "the group `{group}` is a mapping with `hosts`, `vars` and `children`, not {}",
                    value.kind()
                );
                self.diagnostics.push(Diagnostic::error(&value.span, message));
                return Some(group);
            }
        };
        for (section, content) in sections {
            match section.as_str() {
                Some("hosts") => {
                    for (key, variables) in self.named(content, &group, "hosts") {
                        self.add_hosts(&group, &key, Some(variables));
                    }
                }
                Some("children") => {
                    for (key, value) in self.named(content, &group, "children") {
                        let Some(child) = self.add_group(&key, value, false) else { continue };
                        self.add_child(&group, &child, &key.span);
                    }
                }
                Some("vars") => self.add_group_vars(&group, content),
                _ => self.refuse_section(&group, &section, top),
            }
        }
        Some(group)
    }

    fn refuse_section(&mut self, group: &GroupName, section: &Node, top: bool) {
        let word = section.key_text();
        let message = format!("the group `{group}` has no place for `{}`", word.escape_debug());
        let hint = if top && GROUP_KEYS.contains(&&*group.0) {
            format!("the keys at the top are groups; put `{group}:` under `all:`")
        } else {
            let known = "a group has `hosts`, `vars` and `children`";
            suggestion(&word, GROUP_KEYS).map_or_else(|| known.to_owned(), |found| format!("{found} {known}"))
        };
        self.diagnostics.push(Diagnostic::error(&section.span, message).hint(hint));
    }

    /// The entries of `hosts:` and `children:`: a mapping, one name, or nothing.
    fn named(&mut self, content: Node, group: &GroupName, section: &str) -> Vec<(Node, Node)> {
        match content.value {
            NodeValue::Null => Vec::new(),
            NodeValue::Mapping(entries) => entries,
            NodeValue::String(_) => {
                let nothing = Node::new(content.span.clone(), NodeValue::Null);
                vec![(content, nothing)]
            }
            _ => {
                let message =
                    format!("`{section}` of the group `{group}` is a mapping, not {}", content.kind());
                let place = Span::new(content.span.file.clone(), content.span.start, content.span.start);
                let hint = "write every name on its own line as a key: `name:`";
                self.diagnostics.push(Diagnostic::error(&place, message).hint(hint));
                Vec::new()
            }
        }
    }

    pub(super) fn add_group_vars(&mut self, group: &GroupName, content: Node) {
        let entries = match content.value {
            NodeValue::Null => return,
            NodeValue::Mapping(entries) => entries,
            _ => {
                let message = format!("`vars` of the group `{group}` is a mapping, not {}", content.kind());
                self.diagnostics.push(Diagnostic::error(&content.span, message));
                return;
            }
        };
        for (key, value) in entries {
            if key.as_str() == Some("ansible_group_priority") {
                let priority = value.as_int().or_else(|| value.as_str()?.trim().parse().ok());
                match (priority, self.inventory.groups.get_mut(group)) {
                    (Some(priority), Some(group)) => group.priority = priority,
                    _ => {
                        let message =
                            format!("`ansible_group_priority` is a whole number, not {}", value.kind());
                        self.diagnostics.push(Diagnostic::error(&value.span, message));
                    }
                }
                continue;
            }
            let entry = VariableEntry::checked(&key, Arc::new(value), &mut self.diagnostics);
            self.group_vars.entry(group.clone()).or_default().push(entry);
        }
    }

    pub(super) fn add_hosts(&mut self, group: &GroupName, key: &Node, variables: Option<Node>) {
        let Some(text) = key.as_str() else {
            let message = format!("the name of a host is text, not {}", key.kind());
            self.diagnostics.push(
                Diagnostic::error(&key.span, message).hint(format!("quote it: `\"{}\"`", key.key_text())),
            );
            return;
        };
        let address = match Address::read(text) {
            Ok(address) => address,
            Err(error) => {
                self.diagnostics.push(Diagnostic::error(&key.span, error.to_string()));
                return;
            }
        };
        if let Some(problem) = address.names.iter().find_map(|name| unusable(name)) {
            let message = format!("`{}` cannot be the name of a host: {problem}", text.escape_debug());
            self.diagnostics.push(Diagnostic::error(&key.span, message));
            return;
        }
        let mut entries = Vec::new();
        let port = address.port.map(|port| {
            let node = Node::new(key.span.clone(), NodeValue::Int(i64::from(port)));
            VariableEntry { name: "ansible_port".to_owned(), node: Arc::new(node) }
        });
        match variables.map(|node| (node.kind(), node.span, node.value)) {
            None | Some((_, _, NodeValue::Null)) => {}
            Some((_, _, NodeValue::Mapping(pairs))) => {
                for (key, value) in pairs {
                    entries.push(VariableEntry::checked(&key, Arc::new(value), &mut self.diagnostics));
                }
            }
            Some((kind, span, _)) => {
                let message = format!("the variables of the host `{text}` are a mapping, not {kind}");
                self.diagnostics.push(Diagnostic::error(&span, message));
            }
        }
        for name in address.names {
            let name = HostName::from(name.as_str());
            if let Some(port) = &port {
                match self.inventory.hosts.get(&name).and_then(|host| host.span.as_ref()) {
                    // As in Ansible, a port behind the name counts where the host is named first, and nowhere else.
                    Some(first) => self.port_too_late(&name, &port.node.span, first.place()),
                    None => self.host_vars.entry(name.clone()).or_default().push(port.clone()),
                }
            }
            let host = self.inventory.hosts.entry(name.clone()).or_insert_with(|| Host {
                span: Some(key.span.clone()),
                groups: Vec::new(),
                variables: IndexMap::new(),
            });
            if !host.groups.contains(group) {
                host.groups.push(group.clone());
                if let Some(group) = self.inventory.groups.get_mut(group) {
                    group.hosts.push(name.clone());
                }
            }
            if !entries.is_empty() {
                self.host_vars.entry(name).or_default().extend(entries.iter().cloned());
            }
        }
    }

    fn port_too_late(&mut self, host: &HostName, span: &Span, first: String) {
        let message = format!("this port has no effect: the host `{host}` is known already from {first}");
        let hint =
            "set `ansible_port` as a variable of the host, or write the port where the host is named first";
        self.diagnostics.push(Diagnostic::warning(span, message).hint(hint));
    }

    pub(super) fn group_name(&mut self, key: &Node) -> Option<String> {
        let Some(text) = key.as_str() else {
            let message = format!("the name of a group is text, not {}", key.kind());
            self.diagnostics.push(
                Diagnostic::error(&key.span, message).hint(format!("quote it: `\"{}\"`", key.key_text())),
            );
            return None;
        };
        if let Some(problem) = unusable(text) {
            let message = format!("`{}` cannot be the name of a group: {problem}", text.escape_debug());
            self.diagnostics.push(Diagnostic::error(&key.span, message));
            return None;
        }
        Some(text.to_owned())
    }

    pub(super) fn group(&mut self, name: &str, span: Option<&Span>) -> GroupName {
        let name = GroupName::from(name);
        let group = self.inventory.groups.entry(name.clone()).or_insert_with(|| Group {
            span: None,
            hosts: Vec::new(),
            children: Vec::new(),
            parents: Vec::new(),
            depth: 0,
            priority: 1,
            variables: IndexMap::new(),
        });
        if group.span.is_none() {
            group.span = span.cloned();
        }
        name
    }

    pub(super) fn add_child(&mut self, parent: &GroupName, child: &GroupName, span: &Span) {
        if parent == child || &*child.0 == "all" || self.reaches(child, parent) {
            let message = if parent == child {
                format!("the group `{child}` is its own child")
            } else if &*child.0 == "all" {
                format!("`all` holds every group, so it cannot be a child of `{parent}`")
            } else {
                format!("the group `{child}` cannot be a child of `{parent}`, which it holds already")
            };
            self.diagnostics
                .push(Diagnostic::error(span, message).hint("groups may not hold each other in a circle"));
            return;
        }
        self.link(parent, child);
    }

    /// Puts `child` into `parent`, once.
    pub(super) fn link(&mut self, parent: &GroupName, child: &GroupName) {
        let groups = &mut self.inventory.groups;
        if let Some(group) = groups.get_mut(parent)
            && !group.children.contains(child)
        {
            group.children.push(child.clone());
            if let Some(group) = groups.get_mut(child) {
                group.parents.push(parent.clone());
            }
        }
    }

    fn reaches(&self, from: &GroupName, to: &GroupName) -> bool {
        let mut pending = vec![from];
        let mut seen = std::collections::HashSet::new();
        while let Some(name) = pending.pop() {
            if name == to {
                return true;
            }
            if seen.insert(name)
                && let Some(group) = self.inventory.groups.get(name)
            {
                pending.extend(&group.children);
            }
        }
        false
    }
}

/// Says why a name cannot be used: names become parts of file names and of lines of text.
fn unusable(name: &str) -> Option<&'static str> {
    let hidden = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    if name.is_empty() {
        Some("it is empty")
    } else if name
        .chars()
        .any(|character| character.is_control() || character.is_whitespace() || hidden(character))
    {
        Some("it holds a blank or a control character")
    } else if name.contains(['/', '\\']) {
        Some("it holds a slash")
    } else if name == "." || name == ".." {
        Some("it names a folder")
    } else if name.contains(',') {
        Some("it holds a comma")
    } else if name.starts_with(['!', '&', '@', '~', '-']) {
        Some("it starts like a pattern or an option")
    } else {
        None
    }
}
