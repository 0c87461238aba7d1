//! The values of a document, one by one, for those who read settings and do not edit them.

use serde_json::Value;
use zeroize::Zeroizing;

use super::parse::{Kind, Node, parse};
use crate::document::Problem;

/// Takes a value, with the keys on the way to it.
type Taker<'t> = dyn FnMut(&[&str], Option<Zeroizing<String>>) + 't;

/// Reads a document and hands out each of its values with the keys on the way to it. Values are text as .NET's configuration
/// has it, elements of lists have their number as key, and nothing stands for `null`, `{}` and `[]`. A key may have `:` in
/// it, which separates levels. No value is kept, and each is overwritten when its taker drops it.
///
/// # Errors
/// The text is not what .NET reads as settings. Nothing was handed out then.
pub(crate) fn read(text: &str, take: &mut Taker<'_>) -> Result<(), Problem> {
    let document = parse(text)?;
    walk(document.root, &mut Vec::new(), take);
    Ok(())
}

/// Reads a document as a tree of values.
///
/// # Errors
/// The bytes are too many, not UTF-8, or not what .NET reads as settings. The problem holds no value of the document.
pub(crate) fn tree(bytes: &[u8]) -> Result<Value, Problem> {
    Ok(parse(crate::document::text_of(bytes)?)?.root.value())
}

fn walk(node: Node, path: &mut Vec<String>, take: &mut Taker<'_>) {
    let mut hand = |path: &[String], value| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        take(&path, value);
    };
    match node.kind {
        Kind::Object(members) if members.is_empty() => hand(path, None),
        Kind::Array(items) if items.is_empty() => hand(path, None),
        Kind::Object(members) => {
            for member in members {
                path.push(member.key);
                walk(member.value, path, take);
                path.pop();
            }
        }
        Kind::Array(items) => {
            for (number, item) in items.into_iter().enumerate() {
                path.push(number.to_string());
                walk(item, path, take);
                path.pop();
            }
        }
        Kind::Scalar(Value::Null) => hand(path, None),
        Kind::Scalar(Value::String(text)) => hand(path, Some(Zeroizing::new(text))),
        Kind::Scalar(other) => hand(path, Some(Zeroizing::new(other.to_string()))),
    }
}
