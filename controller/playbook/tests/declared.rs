//! No keyword is accepted and ignored: each is used by a playbook that is compared with Ansible, or by the test that
//! is named here; those that are refused say so where they are met. And the README names them.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fancy_regex::Regex;

use super::super::keywords::{Place, refusals, supported};
use super::super::testing::site;

const PLACES: [Place; 7] = [
    Place::Play,
    Place::Role,
    Place::Block,
    Place::Task,
    Place::Handler,
    Place::Import,
    Place::ImportPlaybook,
];

/// Keywords that no compared playbook uses, and the file of the test that shows what they do.
const SHOWN_ELSEWHERE: &[(&str, &str)] = &[
    ("connection", "tests/transport/openssh.rs"),
    ("covers", "tests/rollout/undo.rs"),
    ("guard", "tests/rollout/guard.rs"),
    ("on_failure", "tests/rollout/failure.rs"),
    ("rollback", "tests/rollout/undo.rs"),
    ("rollback_scope", "controller/playbook/policy.rs"),
    ("port", "tests/contract/ssh.rs"),
    ("timeout", "tests/rollout/stops.rs"),
];

fn read_below(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_below(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "yml") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn declared() -> BTreeSet<&'static str> {
    PLACES.into_iter().flat_map(supported).collect()
}

#[test]
fn every_keyword_is_shown_to_do_something() {
    let mut text = String::new();
    read_below(&root().join("tests/compare/cases"), &mut text);
    let mut unshown = Vec::new();
    for keyword in declared() {
        let used = Regex::new(&format!(r"(?m)(^|[\s{{,-]){keyword}:")).unwrap().is_match(&text).unwrap();
        let elsewhere = SHOWN_ELSEWHERE.iter().any(|(known, file)| {
            *known == keyword && fs::read_to_string(root().join(file)).unwrap().contains(keyword)
        });
        if !used && !elsewhere {
            unshown.push(keyword);
        }
    }
    assert!(
        unshown.is_empty(),
        "nothing shows what these keywords do; add a playbook to tests/compare/cases, or a line to the table: {unshown:?}"
    );
    for (keyword, _) in SHOWN_ELSEWHERE {
        assert!(declared().contains(keyword), "`{keyword}` is in the table and not a keyword any more");
    }
}

#[test]
fn every_refused_keyword_is_refused_where_it_is_met() {
    for (keyword, hint) in refusals() {
        let play = format!("- hosts: all\n  {keyword}: x\n  tasks: []\n");
        let task = format!("- hosts: all\n  tasks:\n    - debug: {{ msg: x }}\n      {keyword}: x\n");
        let said = [play, task].map(|text| site(&text).messages());
        let refused = |said: &String| said.contains(&format!("`{keyword}`")) && said.contains("error");
        assert!(said.iter().any(|said| refused(said) && said.contains(hint)), "{keyword}: {said:?}");
        assert!(said.iter().all(refused), "`{keyword}` passes somewhere: {said:?}");
        assert!(!declared().contains(keyword), "`{keyword}` is both supported and refused");
    }
}

#[test]
fn the_readme_names_every_keyword() {
    let names = Regex::new("`([a-z_]+)`").unwrap();
    let readme = include_str!("../../../README.md");
    let table = readme.split("\n### Keywords\n").nth(1).unwrap().split("\n- `loop_control`").next().unwrap();
    let written: BTreeSet<&str> =
        names.captures_iter(table).map(|found| found.unwrap().get(1).unwrap().as_str()).collect();
    // `with_items` and its relatives stand there as `with_` and the names behind it.
    let missing: Vec<_> = declared()
        .into_iter()
        .filter(|keyword| !written.contains(keyword.strip_prefix("with_").unwrap_or(keyword)))
        .collect();
    assert!(missing.is_empty(), "the README's table of keywords has no {missing:?}");
}
