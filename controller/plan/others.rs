//! Which variables show a host what other hosts have learned. In front of a task that reads one, the hosts of its
//! wave meet, so that what it sees does not depend on who was faster.

use std::collections::HashSet;

use crate::playbook::{Directives, Task};
use crate::source::{Node, NodeValue};

/// Where Ansible keeps values of other hosts, and who of them is still there.
const WORDS: [&str; 4] = ["hostvars", "ansible_play_hosts", "play_hosts", "ansible_play_batch"];

/// The variables that read other hosts, directly or through each other.
#[derive(Debug)]
pub struct OtherHosts<'a>(HashSet<&'a str>);

impl<'a> OtherHosts<'a> {
    /// Looks through variables of the user's files.
    pub fn among(variables: impl Iterator<Item = (&'a str, &'a Node)>) -> Self {
        let templated: Vec<_> =
            variables.filter(|(_, node)| any_text(node, &|text| text.contains("{{"))).collect();
        let mut found = Self(WORDS.into());
        loop {
            let before = found.0.len();
            for (name, node) in &templated {
                if !found.0.contains(name) && found.are_in(node) {
                    found.0.insert(name);
                }
            }
            if found.0.len() == before {
                return found;
            }
        }
    }

    /// Tells whether a value mentions one of them.
    fn are_in(&self, node: &Node) -> bool {
        any_text(node, &|text| {
            let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            words.into_iter().any(|word| self.0.contains(word))
        })
    }

    /// Tells whether a task reads values of other hosts, as far as its text and its template file tell.
    pub fn are_read_by(&self, task: &Task, directives: &Directives) -> bool {
        let looping = task.looping.iter().flat_map(|looping| [Some(&looping.items), looping.label.as_ref()]);
        let verdicts = [&task.changed_when, &task.failed_when].into_iter().flatten().flatten();
        let texts = task
            .options
            .iter()
            .map(|(_, node)| node)
            .chain(&task.options_template)
            .chain(&directives.when)
            .chain(&directives.environment)
            .chain(directives.vars.iter().map(|(_, node)| node.as_ref()))
            .chain(looping.flatten())
            .chain(verdicts)
            .chain(task.retry.iter().flat_map(|retry| &retry.until))
            .chain(&task.covers);
        task.file_names.iter().any(|name| self.0.contains(name))
            || texts.into_iter().any(|node| self.are_in(node))
            || task.rollback.iter().any(|undoing| self.are_read_by(undoing, &undoing.directives))
    }
}

fn any_text(node: &Node, is: &dyn Fn(&str) -> bool) -> bool {
    match &node.value {
        NodeValue::String(text) => is(text),
        NodeValue::Sequence(items) => items.iter().any(|item| any_text(item, is)),
        NodeValue::Mapping(entries) => entries.iter().any(|(_, value)| any_text(value, is)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{SourceFile, Span};

    fn text(text: &str) -> Node {
        let span = Span::new(SourceFile::new("a.yml", std::path::Path::new("a.yml"), String::new()), 0, 0);
        Node::new(span, NodeValue::String(text.to_owned()))
    }

    #[test]
    fn variables_are_followed() {
        let nodes = [
            ("members", text("{{ groups.web | map('extract', hostvars) }}")),
            ("first", text("{{ members[0] }}")),
            ("mine", text("{{ members_of_mine }}")),
            ("said", text("hostvars without braces")),
        ];
        let found = OtherHosts::among(nodes.iter().map(|(name, node)| (*name, node)));
        for (value, expected) in [
            ("{{ first }}", true),
            ("members is defined", true),
            ("{{ mine }}", false),
            ("{{ said }}", false),
            ("{{ play_hosts | length }}", true),
        ] {
            assert_eq!(found.are_in(&text(value)), expected, "{value}");
        }
    }
}
