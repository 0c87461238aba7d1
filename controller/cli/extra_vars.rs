//! `-e`: `name=value` pairs, YAML or JSON, `@file`.

use std::path::Path;

use super::error::CommandError;
use crate::plan::Named;
use crate::source::{self, Diagnostic, Diagnostics, Node, NodeValue, SourceFile, Span};

/// Reads all `-e` options; the last value of a name wins.
///
/// # Errors
/// Text that is none of the three forms; all mistakes at once.
pub(super) fn read(options: &[String], color: bool) -> Result<Named, CommandError> {
    let mut named = Named::new();
    let mut diagnostics = Diagnostics::default();
    for option in options {
        read_one(option, &mut named, &mut diagnostics);
    }
    if diagnostics.has_errors() {
        return Err(CommandError::diagnostics(&diagnostics, color));
    }
    Ok(named)
}

fn read_one(option: &str, named: &mut Named, diagnostics: &mut Diagnostics) {
    let text = option.trim();
    let (node, found) = if let Some(path) = text.strip_prefix('@') {
        source::load(Path::new(path), path)
    } else if text.starts_with('{') || text.starts_with('[') {
        source::parse(&SourceFile::new("<extra-vars>", "", text))
    } else {
        return pairs(text, named, diagnostics);
    };
    diagnostics.extend(found);
    let Some(node) = node else { return };
    match &node.value {
        NodeValue::Mapping(entries) => {
            for (key, value) in entries {
                match key.as_str() {
                    Some(name) => {
                        named.insert(name.to_owned(), value.clone().into());
                    }
                    None => diagnostics.push(Diagnostic::error(&key.span, "names of variables are text")),
                }
            }
        }
        NodeValue::Null => {}
        _ => {
            let message = format!("`-e` needs a mapping of variables, not {}", node.kind());
            diagnostics.push(Diagnostic::error(&node.span, message));
        }
    }
}

/// Reads `a=1 b='two words'`. Values are text, as in Ansible.
fn pairs(text: &str, named: &mut Named, diagnostics: &mut Diagnostics) {
    let file = SourceFile::new("<extra-vars>", "", text);
    let span = Span::new(file, 0, text.len());
    let words = match crate::module::split_words(text) {
        Ok(words) => words,
        Err(problem) => return diagnostics.push(Diagnostic::error(&span, format!("`-e`: {problem}"))),
    };
    for word in words {
        match word.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                let node = Node::new(span.clone(), NodeValue::String(value.to_owned()));
                named.insert(name.to_owned(), node.into());
            }
            _ => {
                let hint = "write `-e name=value`, `-e '{\"name\": \"value\"}'` or `-e @file`";
                let message = format!("`-e`: `{word}` is not `name=value`");
                diagnostics.push(Diagnostic::error(&span, message).hint(hint));
            }
        }
    }
}
