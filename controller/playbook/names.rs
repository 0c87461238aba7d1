//! What the name of an include stands for before the run: plain names, or a pattern with holes where templates stand.

use std::path::{Path, PathBuf};

use super::model::Loop;
use super::values::{is_template, listed, scalar_text};
use crate::source::{Node, NodeValue, Span};

/// How deep folders are looked through for files that a template may name.
const DEPTH: usize = 4;
/// How many entries of folders are looked at.
const LOOKED_AT: usize = 5000;
/// Folders that hold no tasks.
const ELSEWHERE: &[&str] = &[
    "collections",
    "defaults",
    "files",
    "group_vars",
    "handlers",
    "host_vars",
    "inventory",
    "library",
    "meta",
    "molecule",
    "node_modules",
    "roles",
    "target",
    "templates",
    "vars",
];

/// What a name stands for.
pub(super) enum Names {
    /// These.
    Plain(Vec<Node>),
    /// Whatever fits.
    Pattern(Pattern),
}

/// Text with holes.
pub(super) struct Pattern {
    /// As it is written.
    pub(super) text: String,
    pub(super) span: Span,
    /// What stands before, between and behind the holes.
    parts: Vec<String>,
}

/// Finds out what a name stands for. `known` are variables whose values are known; a loop over written-out items gives
/// a name for each.
pub(super) fn names_of(name: &Node, looping: Option<&Loop>, known: &[(&'static str, String)]) -> Names {
    let Some(written) = scalar_text(name) else { return Names::Plain(Vec::new()) };
    let mut text = written.clone();
    for (variable, value) in known {
        text = filled(&text, &|expression| (expression == *variable).then(|| value.clone()));
    }
    let node = |text: String| Node::new(name.span.clone(), NodeValue::String(text));
    if !is_template(&text) {
        return Names::Plain(vec![node(text)]);
    }
    if let Some(names) = looping.and_then(|looping| of_items(&text, looping)) {
        return Names::Plain(names.into_iter().map(node).collect());
    }
    Names::Pattern(Pattern { parts: parts(&text), text: written, span: name.span.clone() })
}

/// The name for each item of a loop whose items are written out.
fn of_items(text: &str, looping: &Loop) -> Option<Vec<String>> {
    let items = listed(&looping.items);
    if !looping.items.is_sequence() || !matches!(looping.lookup, None | Some("items" | "list")) {
        return None;
    }
    let items = items.iter().flat_map(|item| match &item.value {
        NodeValue::Sequence(inner) if looping.lookup == Some("items") => inner.as_slice(),
        _ => std::slice::from_ref(item),
    });
    let fill = |item: &Node| {
        let value = |expression: &str| {
            let key = expression.strip_prefix(looping.variable.as_str())?;
            match key.strip_prefix('.') {
                Some(key) => item.get(key).and_then(scalar_text),
                None if key.is_empty() => scalar_text(item),
                None => None,
            }
        };
        let name = filled(text, &value);
        (!is_template(&name)).then_some(name)
    };
    items.map(fill).collect()
}

/// Replaces `{{ EXPRESSION }}` where `value` knows what the expression stands for.
fn filled(text: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else { break };
        let end = start + length + 2;
        out.push_str(&rest[..start]);
        match value(rest[start + 2..end - 2].trim()) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[start..end]),
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// Cuts text at its templates. With statements in it, only what stands in front of them is sure.
fn parts(text: &str) -> Vec<String> {
    let statement = ["{%", "{#"].into_iter().filter_map(|opener| text.find(opener)).min();
    let (mut rest, open) = match statement {
        Some(at) => (&text[..at], true),
        None => (text, false),
    };
    let mut parts = Vec::new();
    while let Some(start) = rest.find("{{") {
        parts.push(rest[..start].to_owned());
        let Some(length) = rest[start..].find("}}") else {
            parts.push(String::new());
            return parts;
        };
        rest = &rest[start + length + 2..];
    }
    parts.push(rest.to_owned());
    if open {
        parts.push(String::new());
    }
    parts
}

impl Pattern {
    /// Tells whether a name fits: something stands in every hole.
    fn fits(&self, name: &str) -> bool {
        let [first, middle @ .., last] = self.parts.as_slice() else { return false };
        let Some(mut rest) = name.strip_prefix(first.as_str()) else { return false };
        for part in middle {
            let from = rest.char_indices().nth(1).map_or(rest.len(), |(at, _)| at);
            let Some(at) = rest.get(from..).and_then(|rest| rest.find(part.as_str())) else { return false };
            rest = &rest[from + at + part.len()..];
        }
        rest.len() > last.len() && rest.ends_with(last.as_str())
    }

    /// The files below the folders that fit, by name; at most `most`.
    pub(super) fn files(&self, roots: &[PathBuf], handlers: bool, most: usize) -> Vec<PathBuf> {
        let (mut found, mut looked) = (Vec::new(), 0);
        for root in roots {
            // Where the first part names a folder, only that one is looked at.
            let (below, _) = self.parts[0].rsplit_once('/').unwrap_or_default();
            let start = if self.parts[0].starts_with('/') && below.is_empty() {
                PathBuf::from("/")
            } else {
                super::load::normal(&root.join(below))
            };
            let prefix = if below.is_empty() { String::new() } else { format!("{below}/") };
            let mut waiting = vec![(start, prefix, 0)];
            while let Some((folder, prefix, depth)) = waiting.pop() {
                for name in names_in(&folder) {
                    looked += 1;
                    if looked > LOOKED_AT || found.len() >= most {
                        return found;
                    }
                    let path = folder.join(&name);
                    if path.is_dir() {
                        let other = ELSEWHERE.contains(&name.as_str()) && !(handlers && name == "handlers");
                        if depth < DEPTH && !other {
                            waiting.push((path, format!("{prefix}{name}/"), depth + 1));
                        }
                    } else if is_yaml(&name)
                        && self.fits(&format!("{prefix}{name}"))
                        && !found.contains(&path)
                    {
                        found.push(path);
                    }
                }
            }
        }
        found
    }

    /// The names of folders in these folders that fit.
    pub(super) fn folders(&self, roots: &[PathBuf], most: usize) -> Vec<String> {
        let (mut found, mut looked): (Vec<String>, usize) = (Vec::new(), 0);
        for root in roots {
            for name in names_in(root) {
                looked += 1;
                let known = found.contains(&name) || looked > LOOKED_AT || found.len() >= most;
                if !known && self.fits(&name) && root.join(&name).join("tasks").is_dir() {
                    found.push(name);
                }
            }
        }
        found
    }

    /// The names of files in a folder that fit, as they are or without their endings.
    pub(super) fn stems(&self, folder: &Path, most: usize) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for name in names_in(folder).into_iter().take(most).filter(|name| is_yaml(name)) {
            let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
            let fitting = [stem, &name].into_iter().filter(|name| self.fits(name));
            found.extend(fitting.map(str::to_owned));
        }
        found
    }
}

fn is_yaml(name: &str) -> bool {
    [".yml", ".yaml", ".json"].iter().any(|ending| name.ends_with(ending))
}

/// Lists what is in a folder, by name, without hidden entries.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;

    #[test]
    fn something_stands_in_every_hole() {
        let span = Span::new(SourceFile::new("a.yml", Path::new("a.yml"), String::new()), 0, 0);
        let fits = |pattern: &str, name: &str| {
            Pattern { text: String::new(), span: span.clone(), parts: parts(pattern) }.fits(name)
        };
        for (pattern, name, expected) in [
            ("setup-{{ os }}.yml", "setup-Debian.yml", true),
            ("setup-{{ os }}.yml", "setup-.yml", false),
            ("setup-{{ os }}.yml", "other.yml", false),
            ("{{ a }}-{{ b }}.yml", "x-y.yml", true),
            ("{{ a }}-{{ b }}.yml", "xy.yml", false),
            ("{{ a }}", "any/thing.yml", true),
            ("a{% if x %}b{% endif %}", "ab.yml", true),
            ("é{{ a }}", "éü", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
