//! The tree that a YAML document becomes: every node with its place, scalars typed as Ansible types
//! them (YAML 1.1), mappings in file order.

use serde_json::{Value, json};

use super::Span;

/// A value and the place where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands; block text (`|`, `>`) begins at its first character.
    pub span: Span,
    /// What it is.
    pub value: NodeValue,
}

/// Nodes are equal when their values are, wherever they stand.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// The value of a node. Strings of these trees are the only text that may be compiled as a
/// template: they came from the user's files, never from a host.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeValue {
    /// `null`, `~` or nothing.
    Null,
    /// A YAML 1.1 boolean (`yes`, `no`, `on`, `off`, `true`, `false`).
    Bool(bool),
    /// A YAML 1.1 integer (decimal, `0x`, `0b`, leading-zero octal, sexagesimal).
    Int(i64),
    /// An integer above those.
    Large(u64),
    /// A float.
    Float(f64),
    /// Text, which may hold template expressions.
    String(String),
    /// Text under `!unsafe`: never a template.
    Unsafe(String),
    /// Ciphertext under `!vault`.
    Vault(String),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping, in file order, merge keys applied, without duplicates.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// What stands for a value out of a file that is encrypted as a whole.
    pub const HIDDEN: &str = "<vault>";

    /// Makes a node.
    pub fn new(span: Span, value: NodeValue) -> Self {
        Self { span, value }
    }

    /// Returns the text of a string (templates included), if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            NodeValue::String(text) | NodeValue::Unsafe(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the value under `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            NodeValue::Mapping(entries) => {
                entries.iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// Returns the entries of a mapping, in order; none for anything else.
    pub fn entries(&self) -> &[(Self, Self)] {
        match &self.value {
            NodeValue::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the items of a list, in order; none for anything else.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            NodeValue::Sequence(items) => items,
            _ => &[],
        }
    }

    /// Tells whether this is a mapping.
    pub fn is_mapping(&self) -> bool {
        matches!(self.value, NodeValue::Mapping(_))
    }

    /// Tells whether this is a list.
    pub fn is_sequence(&self) -> bool {
        matches!(self.value, NodeValue::Sequence(_))
    }

    /// Tells whether this is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self.value, NodeValue::Null)
    }

    /// Returns the boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            NodeValue::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self.value {
            NodeValue::Int(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the float, if it is one; an integer counts.
    pub fn as_float(&self) -> Option<f64> {
        match self.value {
            NodeValue::Float(value) => Some(value),
            #[expect(clippy::cast_precision_loss, reason = "as in Python")]
            NodeValue::Int(value) => Some(value as f64),
            #[expect(clippy::cast_precision_loss, reason = "as in Python")]
            NodeValue::Large(value) => Some(value as f64),
            _ => None,
        }
    }

    /// Returns a key as text, in the form that it has as a key of a JSON object.
    pub fn key_text(&self) -> String {
        match &self.value {
            NodeValue::Null => "null".to_owned(),
            NodeValue::Bool(value) => value.to_string(),
            NodeValue::Int(value) => value.to_string(),
            NodeValue::Large(value) => value.to_string(),
            NodeValue::Float(value) => format!("{value:?}"),
            NodeValue::String(text) | NodeValue::Unsafe(text) | NodeValue::Vault(text) => text.clone(),
            NodeValue::Sequence(_) | NodeValue::Mapping(_) => self.kind().to_owned(),
        }
    }

    /// Returns the value as JSON, templates as they stand. Text under `!unsafe` is
    /// `{"__ansible_unsafe": TEXT}` and ciphertext `{"__ansible_vault": TEXT}`, as Ansible writes
    /// them; a float that JSON does not know becomes its name as a string.
    pub fn to_json(&self) -> Value {
        match &self.value {
            NodeValue::Unsafe(text) => json!({ "__ansible_unsafe": text }),
            NodeValue::Vault(text) => json!({ "__ansible_vault": text }),
            NodeValue::Sequence(items) => items.iter().map(Self::to_json).collect(),
            NodeValue::Mapping(entries) => {
                entries.iter().map(|(key, value)| (key.key_text(), value.to_json())).collect()
            }
            _ => self.to_value(),
        }
    }

    /// As [`Node::to_json`], for eyes: a value out of a file that is encrypted as a whole is [`Node::HIDDEN`].
    pub fn to_shown(&self) -> Value {
        match &self.value {
            NodeValue::Sequence(items) => items.iter().map(Self::to_shown).collect(),
            NodeValue::Mapping(entries) => {
                entries.iter().map(|(key, value)| (key.key_text(), value.to_shown())).collect()
            }
            _ if self.span.file.is_encrypted() => Value::from(Self::HIDDEN),
            _ => self.to_json(),
        }
    }

    /// Returns the value as JSON, with the text under `!unsafe` and ciphertext as plain strings.
    pub fn to_value(&self) -> Value {
        match &self.value {
            NodeValue::Null => Value::Null,
            NodeValue::Bool(value) => Value::Bool(*value),
            NodeValue::Int(value) => Value::from(*value),
            NodeValue::Large(value) => Value::from(*value),
            NodeValue::Float(value) => float_to_json(*value),
            NodeValue::String(text) | NodeValue::Unsafe(text) | NodeValue::Vault(text) => {
                Value::String(text.clone())
            }
            NodeValue::Sequence(items) => items.iter().map(Self::to_value).collect(),
            NodeValue::Mapping(entries) => {
                entries.iter().map(|(key, value)| (key.key_text(), value.to_value())).collect()
            }
        }
    }

    /// Marks all text in this tree as never a template.
    pub fn mark_unsafe(&mut self) {
        match &mut self.value {
            NodeValue::String(text) => self.value = NodeValue::Unsafe(std::mem::take(text)),
            NodeValue::Sequence(items) => items.iter_mut().for_each(Self::mark_unsafe),
            NodeValue::Mapping(entries) => entries.iter_mut().for_each(|(_, value)| value.mark_unsafe()),
            _ => {}
        }
    }

    /// Names the kind for messages: `a mapping`, `a list`, `a string`, ...
    pub fn kind(&self) -> &'static str {
        match self.value {
            NodeValue::Null => "nothing",
            NodeValue::Bool(_) => "a boolean",
            NodeValue::Int(_) | NodeValue::Large(_) => "an integer",
            NodeValue::Float(_) => "a float",
            NodeValue::String(_) | NodeValue::Unsafe(_) => "a string",
            NodeValue::Vault(_) => "an encrypted value",
            NodeValue::Sequence(_) => "a list",
            NodeValue::Mapping(_) => "a mapping",
        }
    }
}

fn float_to_json(value: f64) -> Value {
    let name = match value {
        value if value.is_nan() => "NaN",
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        finite => return Value::from(finite),
    };
    Value::from(name)
}
