//! Merge keys (`<<`) and duplicate keys of a mapping.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Diagnostic, Diagnostics, Node, NodeValue};

/// Puts merged entries before a mapping's own and lets the last value of a key win, as PyYAML does.
pub(super) fn merge(
    own: Vec<(Node, Node)>,
    merges: Vec<Node>,
    diagnostics: &mut Diagnostics,
) -> Vec<(Node, Node)> {
    let mut entries: Vec<(Node, Node)> = Vec::with_capacity(own.len());
    let mut places: HashMap<KeyIdentity, (usize, bool)> = HashMap::with_capacity(own.len());
    let mut inherited = Vec::new();
    for merge in merges {
        match merge.value {
            NodeValue::Mapping(more) => inherited.extend(more),
            NodeValue::Sequence(items) => {
                // The first of a list is the strongest.
                for item in items.into_iter().rev() {
                    match item.value {
                        NodeValue::Mapping(more) => inherited.extend(more),
                        _ => refuse(&item, diagnostics),
                    }
                }
            }
            _ => refuse(&merge, diagnostics),
        }
    }
    let inherited = inherited.into_iter().map(|entry| (entry, false));
    for ((key, value), is_own) in inherited.chain(own.into_iter().map(|entry| (entry, true))) {
        match places.entry(KeyIdentity::of(&key)) {
            Entry::Vacant(free) => {
                free.insert((entries.len(), is_own));
                entries.push((key, value));
            }
            Entry::Occupied(mut taken) => {
                let (at, was_own) = *taken.get();
                if is_own && was_own {
                    let message =
                        format!("the key `{}` stands here a second time; this one wins", key.key_text());
                    let first = format!("the first one is at {}", entries[at].0.span.place());
                    diagnostics.push(Diagnostic::warning(&key.span, message).hint(first));
                }
                taken.insert((at, is_own));
                entries[at] = (key, value);
            }
        }
    }
    entries
}

fn refuse(node: &Node, diagnostics: &mut Diagnostics) {
    let message = format!("`<<` takes a mapping or a list of mappings, not {}", node.kind());
    diagnostics.push(Diagnostic::error(&node.span, message));
}

/// What makes two keys the same one: numbers and booleans by value, as in Python.
#[derive(Eq, Hash, PartialEq)]
enum KeyIdentity {
    Null,
    Number(i128),
    Float(u64),
    Text(String),
}

impl KeyIdentity {
    fn of(key: &Node) -> Self {
        match &key.value {
            NodeValue::Bool(value) => Self::Number(i128::from(*value)),
            NodeValue::Int(value) => Self::Number(i128::from(*value)),
            NodeValue::Large(value) => Self::Number(i128::from(*value)),
            #[expect(clippy::cast_possible_truncation, reason = "guarded by the test for a whole number")]
            NodeValue::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => {
                Self::Number(*value as i128)
            }
            NodeValue::Float(value) => Self::Float(value.to_bits()),
            NodeValue::String(text) | NodeValue::Unsafe(text) | NodeValue::Vault(text) => {
                Self::Text(text.clone())
            }
            NodeValue::Null | NodeValue::Sequence(_) | NodeValue::Mapping(_) => Self::Null,
        }
    }
}
