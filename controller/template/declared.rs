//! Shows that every filter, test, function and lookup has an effect: Ansible's answers to some use of each are among the
//! cases here, or a playbook of `tests/compare` uses it under both tools. And that the README names them all.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fancy_regex::Regex;

use super::registry;

/// Shown by tests of their own: their results need a task that ran in the background or out of time, or a collection that
/// is not part of ansible-core.
const SHOWN_ELSEWHERE: &[(&str, &str)] = &[
    ("timedout", "controller/template/predicates.rs"),
    ("started", "controller/template/predicates.rs"),
    ("finished", "controller/template/predicates.rs"),
    ("cartesian", "controller/template/listing.rs"),
    ("flattened", "controller/template/listing.rs"),
];

fn read_below(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_below(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "yml" || ending == "j2") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

fn uses() -> String {
    let mut text = include_str!("cases.json").to_owned();
    read_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compare/cases"), &mut text);
    text
}

/// Names that the README's table of templates gives for a kind.
fn in_readme(kind: &str) -> BTreeSet<String> {
    let names = Regex::new("`([^`]+)`").unwrap();
    let rows =
        include_str!("../../README.md").lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    rows.filter(|(name, _)| *name == kind || name.starts_with(&format!("{kind}: ")))
        .flat_map(|(_, list)| {
            names.captures_iter(list).map(|found| found.unwrap()[1].to_owned()).collect::<Vec<_>>()
        })
        .collect()
}

fn declared<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    names.map(str::to_owned).collect()
}

/// The filters that one can write; operators are kept beside them.
fn filters() -> impl Iterator<Item = &'static str> {
    registry::filters().keys().copied().filter(|name| !name.starts_with("op:"))
}

#[test]
fn the_readme_names_all_that_templates_know() {
    let kinds = [
        ("filters", declared(filters())),
        ("tests", declared(registry::tests().keys().copied())),
        ("functions", declared(registry::functions().keys().copied())),
        ("lookups", declared(registry::lookups())),
    ];
    for (kind, known) in kinds {
        let written = in_readme(kind);
        let missing: Vec<&String> = known.difference(&written).collect();
        let too_many: Vec<&String> = written.difference(&known).collect();
        assert!(
            missing.is_empty() && too_many.is_empty(),
            "the README's {kind}: missing {missing:?}, not there any more {too_many:?}"
        );
    }
}

#[test]
fn every_name_is_compared_with_ansible_somewhere() {
    let uses = uses();
    let mut unused = Vec::new();
    let mut check = |name: &str, pattern: String| {
        let shown = Regex::new(&pattern).unwrap().is_match(&uses).unwrap()
            || uses.contains(&format!("'{name}'"))
            || SHOWN_ELSEWHERE.iter().any(|(known, file)| {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
                *known == name && fs::read_to_string(path).unwrap().contains(name)
            });
        if !shown {
            unused.push(name.to_owned());
        }
    };
    for name in filters() {
        check(name, format!(r"\|\s*{name}\b"));
    }
    for name in registry::tests().keys() {
        check(name, format!(r"\bis (not )?{}", fancy_regex::escape(name)));
    }
    for name in registry::functions().keys() {
        check(name, format!(r"\b{name}\("));
    }
    for name in registry::lookups() {
        check(name, format!(r"with_{name}\b"));
    }
    unused.sort();
    assert!(
        unused.is_empty(),
        "nothing shows what these do; add them to tests/compare/cases/together/templates: {unused:?}"
    );
}
