//! The values that templates see: trees that are read where they lie, what is missing, and `omit`.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use minijinja::Error;
use minijinja::value::{Enumerator, Object, ObjectRepr, Value, ValueKind};
use serde_json::Value as Json;

use super::engine::unopened;
use super::error::{Cause, fail};
use super::python;
use super::session::Session;
use crate::secrets::vault::Vault;
use crate::source::{Node, NodeValue};

/// Strings longer than this are converted once for each rendering, not once for each reading.
const LONG: usize = 64;

/// What stands for something undefined, or for a variable whose own template failed. It may be
/// handed around; using it fails with its cause.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) cause: Cause,
}

impl Missing {
    /// Makes the value for something undefined.
    pub(super) fn undefined(message: impl Into<String>, hint: Option<String>) -> Value {
        Self::value(Cause {
            message: message.into(),
            hint,
            undefined: true,
            variable: None,
            diagnostic: None,
        })
    }

    /// Makes the value for a cause.
    pub(super) fn value(cause: Cause) -> Value {
        Value::from_object(Self { cause })
    }

    /// Makes the error of using it.
    pub(super) fn error(&self) -> Error {
        self.cause.clone().into_error()
    }
}

impl Object for Missing {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut minijinja::State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        Err(self.error())
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut minijinja::State<'_, '_>,
        _: &str,
        _: &[Value],
    ) -> Result<Value, Error> {
        Err(self.error())
    }
}

/// What `omit` stands for: an option or item that is to be left out.
#[derive(Debug)]
pub(super) struct Omit;

impl Object for Omit {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

impl fmt::Display for Omit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("omit")
    }
}

/// Tells whether the value is undefined (not: defined but broken).
pub(super) fn is_undefined(value: &Value) -> bool {
    value.is_undefined()
        || value.downcast_object_ref::<Missing>().is_some_and(|missing| missing.cause.undefined)
}

/// Tells whether the value is `omit`.
pub(super) fn is_omit(value: &Value) -> bool {
    value.downcast_object_ref::<Omit>().is_some()
}

/// A list or mapping that is read in place: of a host's data, or of the user's files, whose
/// strings are rendered when they are read.
pub(super) struct Tree {
    root: Root,
    path: Vec<Step>,
    cache: Mutex<HashMap<Step, Value>>,
}

#[derive(Clone)]
enum Root {
    Data(Arc<Json>),
    Source { node: Arc<Node>, name: Arc<str>, session: Weak<Session> },
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Step {
    Key(String),
    Index(usize),
}

/// Makes the value for a host's data; nothing of it is ever compiled.
pub(super) fn from_data(data: &Arc<Json>) -> Value {
    match &**data {
        Json::Array(_) | Json::Object(_) => {
            Value::from_object(Tree::new(Root::Data(data.clone()), Vec::new()))
        }
        scalar => from_json(scalar),
    }
}

/// Converts finished data at once.
pub(super) fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Value::from(value),
            (_, Some(value)) => Value::from(value),
            _ => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(from_json).collect::<Vec<_>>()),
        Json::Object(entries) => Value::from_pairs(
            entries.iter().map(|(key, value)| (Value::from(key.as_str()), from_json(value))),
        ),
    }
}

/// Makes the value for a variable of the user's files.
pub(super) fn from_source(node: &Arc<Node>, name: &str, session: &Arc<Session>) -> Value {
    match &node.value {
        NodeValue::Sequence(_) | NodeValue::Mapping(_) => {
            let root =
                Root::Source { node: node.clone(), name: Arc::from(name), session: Arc::downgrade(session) };
            Value::from_object(Tree::new(root, Vec::new()))
        }
        _ => scalar(node, name, session),
    }
}

/// Makes the value for a scalar; a string with a template is rendered. What comes out of an encrypted file or value is a
/// secret of the run from now on.
fn scalar(node: &Node, name: &str, session: &Arc<Session>) -> Value {
    let secret = node.span.file.is_encrypted();
    let learned = |value: Value| {
        if let (true, Some(text)) = (secret, value.as_str()) {
            session.engine.vault.learn_variable(name, text);
        }
        value
    };
    match &node.value {
        NodeValue::Null | NodeValue::Sequence(_) | NodeValue::Mapping(_) => Value::from(()),
        NodeValue::Bool(value) => Value::from(*value),
        NodeValue::Int(value) => Value::from(*value),
        NodeValue::Large(value) => Value::from(*value),
        NodeValue::Float(value) => Value::from(*value),
        NodeValue::Unsafe(text) => learned(Value::from(text.as_str())),
        NodeValue::String(text) => learned(session.variable(node, text, name)),
        NodeValue::Vault(text) => match session.engine.vault.open_value(text) {
            Ok(text) => Value::from(Vault::plain(&text)),
            Err(error) => {
                let diagnostic = unopened(node, &format!("`{name}`"), &error);
                Missing::value(Cause {
                    message: diagnostic.message.clone(),
                    hint: diagnostic.hint.clone(),
                    undefined: false,
                    variable: None,
                    diagnostic: Some(Box::new(diagnostic)),
                })
            }
        },
    }
}

impl Tree {
    fn new(root: Root, path: Vec<Step>) -> Self {
        Self { root, path, cache: Mutex::default() }
    }

    fn data(&self) -> Option<&Json> {
        let Root::Data(root) = &self.root else { return None };
        self.path.iter().try_fold(&**root, |json, step| match (step, json) {
            (Step::Key(key), Json::Object(entries)) => entries.get(key),
            (Step::Index(index), Json::Array(items)) => items.get(*index),
            _ => None,
        })
    }

    fn node(&self) -> Option<&Node> {
        let Root::Source { node, .. } = &self.root else { return None };
        self.path.iter().try_fold(&**node, |node, step| child(node, step))
    }

    /// Returns the data itself if the whole tree is data.
    pub(super) fn json(&self) -> Option<&Json> {
        self.data()
    }

    fn read(&self, step: Step) -> Option<Value> {
        if let Some(value) = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(&step) {
            return Some(value.clone());
        }
        let path = || self.path.iter().cloned().chain([step.clone()]).collect();
        let (value, keep) = match &self.root {
            Root::Data(_) => {
                let json = match (&step, self.data()?) {
                    (Step::Key(key), Json::Object(entries)) => entries.get(key)?,
                    (Step::Index(index), Json::Array(items)) => items.get(*index)?,
                    _ => return None,
                };
                match json {
                    Json::Array(_) | Json::Object(_) => {
                        (Value::from_object(Self::new(self.root.clone(), path())), true)
                    }
                    Json::String(text) => (Value::from(text.as_str()), text.len() > LONG),
                    scalar => (from_json(scalar), false),
                }
            }
            Root::Source { name, session, .. } => {
                let node = child(self.node()?, &step)?;
                match &node.value {
                    NodeValue::Sequence(_) | NodeValue::Mapping(_) => {
                        (Value::from_object(Self::new(self.root.clone(), path())), true)
                    }
                    _ => {
                        let value = scalar(node, name, &session.upgrade()?);
                        let keep = value.downcast_object_ref::<Missing>().is_none();
                        (value, keep)
                    }
                }
            }
        };
        if keep {
            self.cache.lock().unwrap_or_else(PoisonError::into_inner).insert(step, value.clone());
        }
        Some(value)
    }

    fn keys(&self) -> Vec<Value> {
        match (self.data(), self.node()) {
            (Some(Json::Object(entries)), _) => entries.keys().map(|key| Value::from(key.as_str())).collect(),
            (_, Some(Node { value: NodeValue::Mapping(entries), .. })) => {
                entries.iter().map(|(key, _)| key_value(key)).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn child<'a>(node: &'a Node, step: &Step) -> Option<&'a Node> {
    match (&node.value, step) {
        (NodeValue::Sequence(items), Step::Index(index)) => items.get(*index),
        (NodeValue::Mapping(entries), Step::Index(index)) => entries.get(*index).map(|(_, value)| value),
        _ => None,
    }
}

/// Makes the value of a mapping's key: keys are not templates.
fn key_value(key: &Node) -> Value {
    match &key.value {
        NodeValue::Bool(value) => Value::from(*value),
        NodeValue::Int(value) => Value::from(*value),
        NodeValue::Large(value) => Value::from(*value),
        NodeValue::Float(value) => Value::from(*value),
        NodeValue::String(text) | NodeValue::Unsafe(text) => Value::from(text.as_str()),
        _ => Value::from(()),
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Object for Tree {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match (self.data(), self.node()) {
            (Some(Json::Array(_)), _) | (_, Some(Node { value: NodeValue::Sequence(_), .. })) => {
                ObjectRepr::Seq
            }
            _ => ObjectRepr::Map,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match (self.data(), self.node()) {
            (Some(Json::Object(_)), _) => self.read(Step::Key(key.as_str()?.to_owned())),
            (Some(Json::Array(_)), _) | (_, Some(Node { value: NodeValue::Sequence(_), .. })) => {
                self.read(Step::Index(key.as_usize()?))
            }
            (_, Some(Node { value: NodeValue::Mapping(entries), .. })) => {
                let index = match key.as_str() {
                    Some(key) => entries.iter().position(|(name, _)| name.as_str() == Some(key)),
                    None => entries
                        .iter()
                        .position(|(name, _)| name.as_str().is_none() && key_value(name) == *key),
                };
                self.read(Step::Index(index?))
            }
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match (self.data(), self.node()) {
            (Some(Json::Array(items)), _) => Enumerator::Seq(items.len()),
            (_, Some(Node { value: NodeValue::Sequence(items), .. })) => Enumerator::Seq(items.len()),
            _ => Enumerator::Values(self.keys()),
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(match (self.data(), self.node()) {
            (Some(Json::Array(items)), _) => items.len(),
            (Some(Json::Object(entries)), _) => entries.len(),
            (_, Some(Node { value: NodeValue::Sequence(items), .. })) => items.len(),
            (_, Some(Node { value: NodeValue::Mapping(entries), .. })) => entries.len(),
            _ => 0,
        })
    }
}

/// Converts a result; entries and items that are `omit` are dropped.
pub(super) fn to_json(value: &Value, depth: usize) -> Result<Json, Error> {
    python::check(value)?;
    if depth > 100 {
        return Err(fail("a value is nested too deeply"));
    }
    if let Some(json) = value.downcast_object_ref::<Tree>().and_then(Tree::json) {
        return Ok(json.clone());
    }
    Ok(match value.kind() {
        ValueKind::None => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number => number(value)?,
        ValueKind::String => Json::String(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Seq | ValueKind::Iterable => {
            let mut list = Vec::new();
            for item in python::items(value)?.iter().filter(|item| !is_omit(item)) {
                list.push(to_json(item, depth + 1)?);
            }
            Json::Array(list)
        }
        ValueKind::Map => {
            let mut map = serde_json::Map::new();
            for (key, value) in python::entries(value)? {
                if !is_omit(&value) {
                    map.insert(key_text(&key)?, to_json(&value, depth + 1)?);
                }
            }
            Json::Object(map)
        }
        _ => return Err(fail("the result is neither text, number, list nor dictionary")),
    })
}

/// Writes a key as JSON has it.
pub(super) fn key_text(key: &Value) -> Result<String, Error> {
    match key.kind() {
        ValueKind::None => Ok("null".to_owned()),
        ValueKind::Bool => Ok(key.is_true().to_string()),
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable | ValueKind::Plain => {
            Err(fail(format!("`{}` cannot be a key", python::type_name(key))))
        }
        _ => python::text(key),
    }
}

fn number(value: &Value) -> Result<Json, Error> {
    if let Some(integer) = python::as_integer(value) {
        return match (i64::try_from(integer), u64::try_from(integer)) {
            (Ok(integer), _) => Ok(Json::from(integer)),
            (_, Ok(integer)) => Ok(Json::from(integer)),
            _ => Err(fail(format!("the number `{integer}` is too large"))),
        };
    }
    let float = f64::try_from(value.clone())?;
    serde_json::Number::from_f64(float)
        .map(Json::Number)
        .ok_or_else(|| fail(format!("`{float}` is not a number that can be stored")))
}
