//! Checks the values of keywords and keeps what may still hold a template as a node.

use std::sync::Arc;

use super::load::Loader;
use crate::source::{Diagnostic, Node, NodeValue};

/// Tells whether text holds template syntax.
pub(super) fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|opener| text.contains(opener))
}

/// Tells whether a node is text that has to be rendered.
pub(super) fn is_templated(node: &Node) -> bool {
    matches!(&node.value, NodeValue::String(text) if is_template(text))
}

/// Tells whether a name can be a variable.
pub(super) fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
        && !matches!(name, "true" | "True" | "false" | "False" | "none" | "None" | "not")
}

/// Reads one of Ansible's spellings of a boolean.
pub(super) fn spelled_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "1" | "true" | "t" | "y" => Some(true),
        "no" | "off" | "0" | "false" | "f" | "n" => Some(false),
        _ => None,
    }
}

/// Returns a scalar as text, as Ansible turns it into text.
pub(super) fn scalar_text(node: &Node) -> Option<String> {
    Some(match &node.value {
        NodeValue::Bool(true) => "True".to_owned(),
        NodeValue::Bool(false) => "False".to_owned(),
        NodeValue::Int(number) => number.to_string(),
        NodeValue::Large(number) => number.to_string(),
        NodeValue::Float(number) => number.to_string(),
        NodeValue::String(text) | NodeValue::Unsafe(text) => text.clone(),
        NodeValue::Null | NodeValue::Vault(_) | NodeValue::Sequence(_) | NodeValue::Mapping(_) => {
            return None;
        }
    })
}

/// Returns the items of a list; anything else is a list of one.
pub(super) fn listed(node: &Node) -> &[Node] {
    match &node.value {
        NodeValue::Sequence(items) => items,
        NodeValue::Null => &[],
        _ => std::slice::from_ref(node),
    }
}

impl Loader<'_> {
    /// Says that a keyword has a value of the wrong kind.
    pub(super) fn wrong(&mut self, key: &str, value: &Node, wanted: &str) {
        let found = match &value.value {
            NodeValue::String(text) if text.len() <= 40 && !text.contains('\n') => format!("`{text}`"),
            NodeValue::Int(number) => format!("`{number}`"),
            NodeValue::Sequence(items) if items.is_empty() => "an empty list".to_owned(),
            _ => value.kind().to_owned(),
        };
        self.report(Diagnostic::error(&value.span, format!("`{key}` takes {wanted}, not {found}")));
    }

    /// Reads a boolean in any spelling, or a template that gives one.
    pub(super) fn boolean(&mut self, key: &str, value: &Node) -> Option<Node> {
        let known = match &value.value {
            NodeValue::Bool(known) => Some(*known),
            NodeValue::Int(number @ (0 | 1)) => Some(*number == 1),
            NodeValue::String(text) if is_template(text) => return self.template(value),
            NodeValue::String(text) => spelled_bool(text),
            _ => None,
        };
        if known.is_none() {
            self.wrong(key, value, "a boolean");
        }
        known.map(|known| Node::new(value.span.clone(), NodeValue::Bool(known)))
    }

    /// Reads a boolean that has to be known before the run.
    pub(super) fn literal_boolean(&mut self, key: &str, value: &Node) -> Option<bool> {
        match self.boolean(key, value)?.value {
            NodeValue::Bool(known) => Some(known),
            _ => {
                self.wrong(key, value, "a boolean without a template");
                None
            }
        }
    }

    /// Reads a number that is not negative, or a template that gives one.
    pub(super) fn number(&mut self, key: &str, value: &Node, whole: bool) -> Option<Node> {
        let fits = match &value.value {
            NodeValue::Int(number) => *number >= 0,
            NodeValue::Float(number) => *number >= 0.0 && (!whole || number.fract() == 0.0),
            NodeValue::String(text) if is_template(text) => return self.template(value),
            NodeValue::String(text) if whole => text.trim().parse::<u64>().is_ok(),
            NodeValue::String(text) => text.trim().parse::<f64>().is_ok_and(|number| number >= 0.0),
            _ => false,
        };
        if !fits {
            self.wrong(key, value, if whole { "a whole number" } else { "a number" });
        }
        fits.then(|| value.clone())
    }

    /// Reads text; numbers and booleans become text when they are rendered.
    pub(super) fn text(&mut self, key: &str, value: &Node) -> Option<Node> {
        match &value.value {
            NodeValue::String(_) => self.template(value),
            NodeValue::Unsafe(_)
            | NodeValue::Vault(_)
            | NodeValue::Int(_)
            | NodeValue::Large(_)
            | NodeValue::Float(_)
            | NodeValue::Bool(_) => Some(value.clone()),
            _ => {
                self.wrong(key, value, "text");
                None
            }
        }
    }

    /// Reads text that has to be known before the run.
    pub(super) fn literal<'n>(&mut self, key: &str, value: &'n Node) -> Option<&'n str> {
        match value.as_str() {
            Some(text) if is_templated(value) => {
                let message = format!("`{key}` has to be known before the run, `{text}` is a template");
                self.report(Diagnostic::error(&value.span, message).hint("write it out"));
                None
            }
            Some("") | None => {
                self.wrong(key, value, "text");
                None
            }
            Some(text) => Some(text),
        }
    }

    /// Reads the name of a variable that a task sets.
    pub(super) fn identifier(&mut self, key: &str, value: &Node) -> Option<String> {
        let name = self.literal(key, value)?;
        if is_identifier(name) {
            return Some(name.to_owned());
        }
        let message = format!("`{name}` cannot be the name of a variable");
        self.report(Diagnostic::error(&value.span, message).hint("use letters, digits and underscores"));
        None
    }

    /// Reads conditions: one or a list of them.
    pub(super) fn conditions(&mut self, key: &str, value: &Node) -> Vec<Node> {
        let mut conditions = Vec::new();
        for condition in listed(value) {
            match &condition.value {
                NodeValue::Bool(_) => conditions.push(condition.clone()),
                NodeValue::String(text) if text.trim().is_empty() => {
                    self.wrong(key, condition, "a condition");
                }
                NodeValue::String(_) => conditions.extend(self.condition(condition)),
                _ => self.wrong(key, condition, "a condition or a list of conditions"),
            }
        }
        conditions
    }

    /// Reads a mapping of variables.
    pub(super) fn variables(&mut self, key: &str, value: &Node) -> Vec<(String, Arc<Node>)> {
        let entries = match &value.value {
            NodeValue::Null => return Vec::new(),
            NodeValue::Mapping(entries) => entries,
            _ => {
                self.wrong(key, value, "a mapping of variables");
                return Vec::new();
            }
        };
        let mut variables = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            let text = scalar_text(name).unwrap_or_default();
            if !is_identifier(&text) {
                let message = format!("`{text}` cannot be the name of a variable");
                self.report(
                    Diagnostic::error(&name.span, message).hint("use letters, digits and underscores"),
                );
                continue;
            }
            self.templates(value);
            variables.push((text, Arc::new(value.clone())));
        }
        variables
    }

    /// Reads `tags`: a list, or words between commas.
    pub(super) fn tags(&mut self, value: &Node) -> Vec<String> {
        let mut tags: Vec<String> = Vec::new();
        for item in listed(value) {
            let Some(text) = scalar_text(item).filter(|_| !is_templated(item)) else {
                self.wrong("tags", item, "words without templates");
                continue;
            };
            for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
                if !tags.iter().any(|known| known == tag) {
                    tags.push(tag.to_owned());
                }
            }
        }
        tags
    }
}
