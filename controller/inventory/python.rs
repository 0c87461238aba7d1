//! Values written as Python writes them, for views that have to look like Ansible's.

use std::fmt::Write as _;

use crate::source::{Node, NodeValue};

/// What `str(value)` gives: text as it is, everything else as [`repr`].
pub(super) fn text(node: &Node) -> String {
    match &node.value {
        NodeValue::String(text) | NodeValue::Unsafe(text) if !node.span.file.is_encrypted() => text.clone(),
        _ => repr(node),
    }
}

/// What `repr(value)` gives; what is encrypted is [`Node::HIDDEN`].
pub(super) fn repr(node: &Node) -> String {
    match &node.value {
        NodeValue::Vault(_) => Node::HIDDEN.to_owned(),
        NodeValue::Sequence(items) => format!("[{}]", items.iter().map(repr).collect::<Vec<_>>().join(", ")),
        NodeValue::Mapping(entries) => {
            let pairs = entries.iter().map(|(key, value)| format!("{}: {}", key_repr(key), repr(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        _ if node.span.file.is_encrypted() => Node::HIDDEN.to_owned(),
        _ => scalar(node),
    }
}

/// A key, which is a name and shown wherever it stands.
fn key_repr(key: &Node) -> String {
    match key.value {
        NodeValue::Sequence(_) | NodeValue::Mapping(_) => repr(key),
        _ => scalar(key),
    }
}

fn scalar(node: &Node) -> String {
    match &node.value {
        NodeValue::Null => "None".to_owned(),
        NodeValue::Bool(true) => "True".to_owned(),
        NodeValue::Bool(false) => "False".to_owned(),
        NodeValue::Int(value) => value.to_string(),
        NodeValue::Large(value) => value.to_string(),
        NodeValue::Float(value) => float(*value),
        NodeValue::String(text) | NodeValue::Unsafe(text) => quoted(text),
        NodeValue::Vault(_) | NodeValue::Sequence(_) | NodeValue::Mapping(_) => Node::HIDDEN.to_owned(),
    }
}

fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        return format!("{value:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut shown = String::from(quote);
    for character in text.chars() {
        match character {
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            _ if character == quote => {
                shown.push('\\');
                shown.push(quote);
            }
            _ if is_printable(character) => shown.push(character),
            _ => {
                let code = u32::from(character);
                let _ = match code {
                    0..=0xff => write!(shown, "\\x{code:02x}"),
                    0x100..=0xffff => write!(shown, "\\u{code:04x}"),
                    _ => write!(shown, "\\U{code:08x}"),
                };
            }
        }
    }
    shown.push(quote);
    shown
}

fn is_printable(character: char) -> bool {
    let hidden = matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{feff}');
    !character.is_control() && !hidden && (character == ' ' || !character.is_whitespace())
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::source::{SourceFile, parse};

    #[test]
    fn writes_what_python_writes() {
        let yaml = r#"[1.0, 1.5e+30, 1.0e-7, 1.0e+16, 123456789012345.0, 0.0001, .nan, -.inf, yes, ~, it's, "\"'", "\x07\n\\ü€😀\xad", {a: [1, b]}, !vault x]"#;
        let node = parse(&SourceFile::new("t", "", yaml)).0.unwrap();
        let expected = r#"[1.0, 1.5e+30, 1e-07, 1e+16, 123456789012345.0, 0.0001, nan, -inf, True, None, "it's", '"\'', '\x07\n\\ü€😀\xad', {'a': [1, 'b']}, <vault>]"#;
        assert_eq!(repr(&node), expected);
        assert_eq!(text(&node.items()[10]), "it's");
    }
}
