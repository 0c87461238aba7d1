//! Many small playbooks of one subject, run by both tools as one playbook each: a start of Ansible costs more than most
//! of them do. Each dumps what it learned into files on its hosts, `NAME.json` where that is data.

use std::fmt::Write as _;
use std::fs;

use rstest::rstest;
use serde_json::Value;

use super::Comparison;
use crate::support::tree::{Tree, difference};

/// Fields of results that are not compared.
const LEFT_OUT: [&str; 7] = [
    // Two runs of a command never have these in common.
    "start",
    "end",
    "delta",
    // What only Ansible tells: arguments as its module saw them, what would be shown with `--diff`, and Python's traces.
    "invocation",
    "diff",
    "exception",
    "failed_when_suppressed_exception",
];

/// Whether a field is the source of a copy: in Ansible it names a temporary file.
fn is_source(entries: &serde_json::Map<String, Value>, name: &str) -> bool {
    let is_link = entries.get("state").is_some_and(|state| state == "link" || state == "hard");
    name == "src" && entries.contains_key("dest") && !is_link
}

fn without(value: Value) -> Value {
    match value {
        Value::Object(entries) => entries
            .iter()
            .filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()) && !is_source(&entries, name))
            .map(|(name, value)| (name.clone(), without(value.clone())))
            .collect(),
        Value::Array(items) => items.into_iter().map(without).collect(),
        other => other,
    }
}

/// The trees with data in its normal form.
fn normal(comparison: &Comparison, mut tree: Tree) -> Tree {
    for (path, entry) in &mut tree {
        if path.ends_with(".json") {
            let (host, path) = path.split_once(':').unwrap();
            let file = comparison.environment.path("hosts").join(host).join("work").join(path);
            let text = fs::read_to_string(file).unwrap();
            let data: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
            let mode = entry.split(' ').next().unwrap();
            *entry = format!("{mode} {:#}", without(data));
        }
    }
    tree
}

#[rstest]
#[case::values("values")]
#[case::flow("flow")]
#[case::templates("templates")]
#[case::modules("modules")]
fn many_small_playbooks_mean_the_same(#[case] subject: &str) {
    let comparison = Comparison::new(&format!("together/{subject}"), &[]);
    let mut names: Vec<String> = fs::read_dir(comparison.environment.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yml") && name != "inventory.yml")
        .collect();
    names.sort();
    assert!(names.len() > 5, "{names:?}");
    let mut all = String::new();
    for name in &names {
        let _ = writeln!(all, "- import_playbook: {name}");
    }
    comparison.environment.write("playbook.yml", &all);
    comparison.begin();
    let reference = comparison.ansible();
    let said = normal(&comparison, reference.hosts);
    comparison.begin();
    let ours = comparison.paceline();
    let did = normal(&comparison, ours.hosts);
    let outputs = || format!("--- ansible\n{}\n--- paceline\n{}", reference.output, ours.output);
    let trees = difference(&said, &did);
    assert!(trees.is_empty(), "ansible leaves one tree, paceline another\n{trees}{}", outputs());
    assert_eq!(reference.recap, ours.recap, "ansible left, paceline right\n{}", outputs());
    assert_eq!((reference.code, ours.code), (0, 0), "exit codes\n{}", outputs());
}

/// Playbooks that end badly, each by itself: what was done until then, the recap and the exit code.
#[rstest]
#[case::handlers_lost("handlers-lost")]
#[case::handlers_forced("handlers-forced")]
#[case::serial_stops("serial-stops")]
#[case::max_fail("max-fail")]
#[case::any_fatal("any-fatal")]
#[case::rescue_fails("rescue-fails")]
#[case::handler_fails("handler-fails")]
#[case::undefined("undefined")]
#[case::loop_fails("loop-fails")]
#[case::once_fails("once-fails")]
#[case::role_fails("role-fails")]
#[case::play_ends("play-ends")]
fn playbooks_that_end_badly_end_the_same(#[case] name: &str) {
    let comparison = Comparison::new("ends", &[]);
    let text = comparison.environment.read(&format!("{name}.yml"));
    comparison.environment.write("playbook.yml", &text);
    comparison.begin();
    let reference = comparison.ansible();
    comparison.begin();
    let ours = comparison.paceline();
    let outputs = || format!("--- ansible\n{}\n--- paceline\n{}", reference.output, ours.output);
    let trees = difference(&reference.hosts, &ours.hosts);
    assert!(trees.is_empty(), "ansible leaves one tree, paceline another\n{trees}{}", outputs());
    assert_eq!(reference.recap, ours.recap, "ansible left, paceline right\n{}", outputs());
    assert_eq!(reference.code, ours.code, "exit codes\n{}", outputs());
    assert_eq!(ours.code, 2, "a host has failed\n{}", outputs());
}

/// A difference on purpose: with `any_errors_fatal` Ansible sends all hosts into the rescue of a block when one of them
/// fails in it. Here those that failed are rescued, and nobody's play ends.
#[test]
fn a_rescue_is_for_hosts_that_failed() {
    let comparison = Comparison::new("ends", &[]);
    let text = comparison.environment.read("fatal-rescued.yml");
    comparison.environment.write("playbook.yml", &text);
    comparison.begin();
    let reference = comparison.ansible();
    comparison.begin();
    let ours = comparison.paceline();
    for (did, alpha) in [(reference, true), (ours, false)] {
        assert_eq!(did.hosts.contains_key("alpha:rescued"), alpha, "{}", did.output);
        assert!(did.hosts.contains_key("beta:rescued"), "{}", did.output);
        assert!(
            ["alpha", "beta"].iter().all(|host| did.hosts.contains_key(&format!("{host}:after"))),
            "{}",
            did.output
        );
        assert_eq!(did.code, 0, "{}", did.output);
    }
}
