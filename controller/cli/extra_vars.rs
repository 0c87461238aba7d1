//! `-e`: `name=value` pairs, YAML or JSON, `@file`.

use std::path::Path;

use super::error::CommandError;
use crate::plan::Named;
use crate::playbook;
use crate::secrets::vault::Vault;
use crate::source::{self, Diagnostic, Diagnostics, Node, NodeValue, SourceFile, Span};

/// Reads all `-e` options; the last value of a name wins. `home` is what `~` stands for in the name of a file.
///
/// # Errors
/// Text that is none of the three forms; all mistakes at once.
pub(super) fn read(
    options: &[String],
    home: Option<&Path>,
    vault: &Vault,
    color: bool,
) -> Result<Named, CommandError> {
    let mut named = Named::new();
    let mut diagnostics = Diagnostics::default();
    for option in options {
        read_one(option, home, vault, &mut named, &mut diagnostics);
    }
    if diagnostics.has_errors() {
        return Err(CommandError::diagnostics(&diagnostics, color));
    }
    Ok(named)
}

fn read_one(
    option: &str,
    home: Option<&Path>,
    vault: &Vault,
    named: &mut Named,
    diagnostics: &mut Diagnostics,
) {
    let text = option.trim();
    let (node, found) = if let Some(path) = text.strip_prefix('@') {
        source::load(&source::expand(path, home), path, vault)
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

/// Reads `a=1 b='two words'` as the options of a module are read: values are text, without the quotes
/// around them.
fn pairs(text: &str, named: &mut Named, diagnostics: &mut Diagnostics) {
    let file = SourceFile::new("<extra-vars>", "", text);
    let span = Span::new(file, 0, text.len());
    let found = match playbook::split_arguments(text, false) {
        Ok(found) => found,
        Err(problem) => {
            let hint = "close it, or write `-e '{\"name\": \"value\"}'`";
            return diagnostics.push(Diagnostic::error(&span, format!("`-e`: {problem}")).hint(hint));
        }
    };
    if !found.text.is_empty() {
        let hint = "write `-e name=value`, `-e '{\"name\": \"value\"}'` or `-e @file`";
        let message = format!("`-e`: `{}` is not `name=value`", found.text);
        diagnostics.push(Diagnostic::error(&span, message).hint(hint));
    }
    for (name, value) in found.pairs {
        named.insert(name, Node::new(span.clone(), NodeValue::String(value)).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(option: &str) -> Result<Vec<(String, String)>, String> {
        let mut named = Named::new();
        let mut diagnostics = Diagnostics::default();
        read_one(option, None, &Vault::default(), &mut named, &mut diagnostics);
        match diagnostics.0.first() {
            Some(problem) => Err(problem.message.clone()),
            None => Ok(named.iter().map(|(name, node)| (name.clone(), node.key_text())).collect()),
        }
    }

    /// Each case was put to ansible-core 2.19.
    #[test]
    fn pairs_are_what_ansible_makes_of_them() {
        for (option, expected) in [
            (r#"b={"x":1}"#, &[("b", r#"{"x":1}"#)][..]),
            (r"a=^\d+$", &[("a", r"^\d+$")]),
            (r#"a=x"y"z"#, &[("a", r#"x"y"z"#)]),
            ("a={{ b }} b=5", &[("a", "{{ b }}"), ("b", "5")]),
            (r#"a={{b|default("q")}}"#, &[("a", r#"{{b|default("q")}}"#)]),
            (r#"a='two words' b="x y""#, &[("a", "two words"), ("b", "x y")]),
            (r#"a="x\ty""#, &[("a", "x\ty")]),
            (r"a=C:\temp\new", &[("a", "C:\temp\new")]),
            (r"a=\x41\n", &[("a", "A")]),
            (r#"a="a\"b""#, &[("a", r#"a"b"#)]),
            ("a=", &[("a", "")]),
            ("a=b=c", &[("a", "b=c")]),
            ("a=1\tb=2", &[("a", "1\tb=2")]),
        ] {
            let expected = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            assert_eq!(given(option), Ok(expected.collect()), "{option}");
        }
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        for (option, expected) in [
            ("foo a=1", "`-e`: `foo` is not `name=value`"),
            ("=5", "`-e`: `=5` is not `name=value`"),
            ("a= b", "`-e`: `b` is not `name=value`"),
            ("a='it", "`-e`: the text has a quote that is not closed"),
            ("a={{ x", "`-e`: the text has template braces that are not closed"),
            ("[1, 2]", "`-e` needs a mapping of variables, not a list"),
        ] {
            assert_eq!(given(option), Err(expected.to_owned()), "{option}");
        }
    }

    #[test]
    fn a_file_may_be_in_the_home_folder() {
        let home = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(home.path().join("v.yml"), "a: 1").expect("a file");
        let named = read(&["@~/v.yml".to_owned()], Some(home.path()), &Vault::default(), false)
            .expect("the file is there");
        assert!(named.contains_key("a"));
    }
}
