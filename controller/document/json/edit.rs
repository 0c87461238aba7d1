//! Sets and removes keys of JSON settings.

use std::fmt;

use serde_json::{Map, Value};

use super::mask;
use super::parse::{Document, Kind, Member, Node, parse};
use super::style::Style;
use crate::document::place::place;
use crate::document::{Edited, Problem, text_of};

/// Most keys that one edit names.
const KEYS: usize = 10_000;

/// What shall be in a file of settings, and what shall not.
#[derive(Clone, Default)]
pub struct JsonEdit {
    set: Map<String, Value>,
    remove: Vec<Vec<String>>,
}

/// One change of the text.
enum Change<'d> {
    Replace { member: &'d Member, value: &'d Value },
    Insert { object: &'d Node, members: &'d [Member], key: &'d str, value: &'d Value },
    Remove { members: &'d [Member], number: usize },
}

impl fmt::Debug for JsonEdit {
    /// Values may be secrets, so only keys are shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.set.keys().collect();
        f.debug_struct("JsonEdit").field("set", &keys).field("remove", &self.remove).finish()
    }
}

impl JsonEdit {
    /// Makes an edit. `set` is merged into the file, mapping by mapping; lists are replaced. `remove` are paths of
    /// keys; where `set` has a value at such a path, that value replaces what is there instead of being merged.
    ///
    /// # Errors
    /// The message: keys that differ by case alone, an empty key, a path without a key.
    pub fn new(set: Map<String, Value>, remove: Vec<Vec<String>>) -> Result<Self, String> {
        let mut keys = 0;
        check_keys(&set, "", &mut keys)?;
        for path in &remove {
            if path.is_empty() || path.iter().any(String::is_empty) {
                return Err(
                    "a path of `remove` has an empty key\nhint: write `Section.Key`, or a list of keys"
                        .into(),
                );
            }
        }
        if keys + remove.len() > KEYS {
            return Err(format!("`set` and `remove` have more than {KEYS} keys"));
        }
        Ok(Self { set, remove })
    }

    /// Whether a file that is not there is as it shall be.
    pub fn needs_nothing(&self) -> bool {
        self.set.is_empty()
    }

    /// Edits the bytes of a file.
    ///
    /// # Errors
    /// It is not JSON as .NET reads it, a key is there in another case, a value would be lost.
    pub fn apply(&self, bytes: &[u8]) -> Result<Edited, Problem> {
        let mut text = text_of(bytes)?.to_owned();
        let mut changes = Vec::new();
        // Each change settles one key of the edit for good.
        for _ in 0..=KEYS {
            let document = parse(&text)?;
            let Some((path, change)) = self.next(&text, &document)? else {
                return Ok(Edited { text, changes });
            };
            let style = Style::of(&text, &document);
            let new = match change {
                Change::Replace { member, value } => style.replaced(member, value),
                Change::Insert { object, members, key, value } => style.inserted(object, members, key, value),
                Change::Remove { members, number } => style.removed(members, number),
            };
            changes.push(path.join("."));
            text = new;
        }
        Err(Problem::at_start("the edit does not come to an end; this is a mistake in Paceline"))
    }

    /// Old and new text as a difference may show them: without values that are secret.
    pub fn shown(&self, before: &str, after: &str) -> (String, String) {
        mask::shown(before, after)
    }

    /// The first thing that is not as it shall be.
    fn next<'d>(
        &'d self,
        text: &str,
        document: &'d Document,
    ) -> Result<Option<(Vec<&'d str>, Change<'d>)>, Problem> {
        for path in &self.remove {
            if self.value_at(path).is_none()
                && let Some((members, number)) = find(text, &document.root, path)?
            {
                let path = path.iter().map(String::as_str).collect();
                return Ok(Some((path, Change::Remove { members, number })));
            }
        }
        self.first_unset(text, &document.root, &self.set, &mut Vec::new())
    }

    fn first_unset<'d>(
        &'d self,
        text: &str,
        object: &'d Node,
        set: &'d Map<String, Value>,
        path: &mut Vec<&'d str>,
    ) -> Result<Option<(Vec<&'d str>, Change<'d>)>, Problem> {
        let members = object.members().unwrap_or_default();
        for (key, value) in set {
            path.push(key);
            let found = position(text, members, key)?.map(|number| &members[number]);
            let change = match found {
                None => Some(Change::Insert { object, members, key, value }),
                Some(member) if self.is_replaced(path) => differs(member, value),
                Some(member) => match (&member.value.kind, value) {
                    (Kind::Object(_), Value::Object(inner)) => {
                        if let Some(change) = self.first_unset(text, &member.value, inner, path)? {
                            return Ok(Some(change));
                        }
                        None
                    }
                    (Kind::Object(inner), _) if !inner.is_empty() => {
                        return Err(lost(text, &member.value, path, "a mapping"));
                    }
                    (Kind::Array(items), wanted) if !items.is_empty() && !wanted.is_array() => {
                        return Err(lost(text, &member.value, path, "a list"));
                    }
                    _ => differs(member, value),
                },
            };
            if let Some(change) = change {
                return Ok(Some((path.clone(), change)));
            }
            path.pop();
        }
        Ok(None)
    }

    /// Whether `remove` names the path, so that its value is replaced whole.
    fn is_replaced(&self, path: &[&str]) -> bool {
        self.remove.iter().any(|removed| removed.iter().map(String::as_str).eq(path.iter().copied()))
    }

    /// What `set` has at a path.
    fn value_at(&self, path: &[String]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.set.get(first)?, |value, key| value.get(key))
    }
}

/// The change that makes the value of a member this one, if it is another.
fn differs<'d>(member: &'d Member, value: &'d Value) -> Option<Change<'d>> {
    (member.value.value() != *value).then_some(Change::Replace { member, value })
}

/// Refuses keys of an edit that .NET takes for one.
fn check_keys(set: &Map<String, Value>, path: &str, count: &mut usize) -> Result<(), String> {
    let mut seen = std::collections::HashMap::new();
    for (key, value) in set {
        *count += 1;
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if key.is_empty() {
            return Err(format!("`set` has an empty key at `{path}`"));
        }
        if key.contains(':') {
            return Err(format!(
                "`{path}`: `:` separates levels in .NET's keys\nhint: write nested mappings"
            ));
        }
        if let Some(other) = seen.insert(key.to_lowercase(), key) {
            return Err(format!("`set` has `{other}` and `{path}`, which are one key for .NET"));
        }
        check_value(value, &path, count)?;
    }
    Ok(())
}

fn check_value(value: &Value, path: &str, count: &mut usize) -> Result<(), String> {
    match value {
        Value::Object(inner) => check_keys(inner, path, count),
        Value::Array(items) => items.iter().try_for_each(|item| check_value(item, path, count)),
        _ => Ok(()),
    }
}

/// Finds a key among members; one that differs by case alone is an error.
fn position(text: &str, members: &[Member], key: &str) -> Result<Option<usize>, Problem> {
    let folded = key.to_lowercase();
    match members.iter().position(|member| member.key == key || member.key.to_lowercase() == folded) {
        Some(number) if members[number].key != key => {
            let there = &members[number].key;
            let message = format!(
                "`{key}` is written `{there}` here, and .NET takes both for one key\nhint: write `{there}` in the task"
            );
            Err(Problem::new(text, members[number].start, message))
        }
        found => Ok(found),
    }
}

/// Finds the member that a path names.
fn find<'d>(text: &str, root: &'d Node, path: &[String]) -> Result<Option<(&'d [Member], usize)>, Problem> {
    let (mut node, mut found) = (root, None);
    for key in path {
        let members = match &node.kind {
            Kind::Object(members) => members,
            Kind::Array(items) if !items.is_empty() => {
                let (line, column) = place(text, node.span.start);
                let message = format!(
                    "`remove` goes into the list at {line}:{column}\nhint: lists are replaced whole: `set` the new one"
                );
                return Err(Problem::new(text, node.span.start, message));
            }
            _ => return Ok(None),
        };
        let Some(number) = position(text, members, key)? else { return Ok(None) };
        found = Some((members.as_slice(), number));
        node = &members[number].value;
    }
    Ok(found)
}

fn lost(text: &str, node: &Node, path: &[&str], what: &str) -> Problem {
    let path = path.join(".");
    let message = format!(
        "`{path}` is {what} here, and the task sets something else, so that all in it would be lost\nhint: name `{path}` in `remove` too, and it is replaced whole"
    );
    Problem::new(text, node.span.start, message)
}
