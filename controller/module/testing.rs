//! A module context for unit tests: nodes without a file, conditions by table.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::{Files, ModuleContext, ModuleError, Options, Work, convert, lookup};
use crate::operation::Content;
use crate::shell::Platform;
use crate::source::{Node, NodeValue, SourceFile, Span};

/// Local files: a fixed content under every name but `missing`.
struct OneFile;

impl Files for OneFile {
    fn find(&self, _kind: &str, name: &str) -> Result<PathBuf, ModuleError> {
        if name.contains("missing") {
            return Err(ModuleError::new(format!("`{name}` is not there")));
        }
        Ok(PathBuf::from("/files").join(name))
    }

    fn opened(&self, path: &Path) -> Result<Arc<Content>, ModuleError> {
        self.content(path)
    }

    fn content(&self, _path: &Path) -> Result<Arc<Content>, ModuleError> {
        Ok(Arc::new(Content::new(b"#!/bin/sh\necho script\n".to_vec())))
    }

    fn source(&self, path: &Path) -> Result<Arc<SourceFile>, ModuleError> {
        Ok(SourceFile::new(path.display().to_string(), path, "text"))
    }

    fn walk(&self, _path: &Path) -> Result<Vec<(PathBuf, bool)>, ModuleError> {
        Ok(Vec::new())
    }
}

/// Makes a node of a JSON value.
pub(super) fn node(value: &Value) -> Node {
    let file = SourceFile::new("test.yml", "test.yml", "");
    let value = match value {
        Value::Null => NodeValue::Null,
        Value::Bool(bool) => NodeValue::Bool(*bool),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| NodeValue::Float(number.as_f64().unwrap_or_default()), NodeValue::Int),
        Value::String(text) => NodeValue::String(text.clone()),
        Value::Array(items) => NodeValue::Sequence(items.iter().map(node).collect()),
        Value::Object(entries) => NodeValue::Mapping(
            entries.iter().map(|(key, value)| (node(&Value::String(key.clone())), node(value))).collect(),
        ),
    };
    Node::new(Span::new(file, 0, 0), value)
}

/// Plans a module. A condition is true if it is the text `true` or the boolean; a variable has its
/// own name as value; both fail for `nosuch` and are pending for `pending`.
pub(super) fn plan(module: &str, options: Value) -> Result<Work, ModuleError> {
    plan_on(Platform::Posix, module, options)
}

/// Plans a module for a host of this platform.
pub(super) fn plan_on(platform: Platform, module: &str, options: Value) -> Result<Work, ModuleError> {
    let module = lookup(module).ok_or_else(|| ModuleError::new("no such module"))?;
    let Value::Object(options) = options else { return Err(ModuleError::new("not a mapping")) };
    let raw: Vec<(String, Node)> = options.iter().map(|(name, value)| (name.clone(), node(value))).collect();
    let rendered = options.into_iter().filter(|(name, _)| !module.spec().is_raw(name)).collect::<Options>();
    let evaluate = |node: &Node| match node.as_str() {
        Some("nosuch") => Err(ModuleError { undefined: true, ..ModuleError::new("'nosuch' is undefined") }),
        Some("pending") => Err(ModuleError { pending: true, ..ModuleError::new("") }),
        other => Ok(other.unwrap_or_default().to_owned()),
    };
    let context = ModuleContext {
        host: "web1",
        platform,
        files: &OneFile,
        render: &|_, _| Ok(String::new()),
        raw: &raw,
        condition: &|node| match node.value {
            NodeValue::Bool(bool) => Ok(bool),
            _ => Ok(evaluate(node)? == "true"),
        },
        variable: &|node| evaluate(node).map(Value::String),
        verbosity: 1,
    };
    module.plan(&convert(module.spec(), rendered)?, &context)
}
