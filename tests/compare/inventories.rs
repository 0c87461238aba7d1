//! `paceline inventory` against `ansible-inventory`.

use std::path::Path;

use serde_json::Value;

use crate::support::ansible;
use crate::support::environment::Environment;
use crate::support::tree::copy;

fn production() -> Environment {
    let environment = Environment::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventory/production");
    copy(&shipped, &environment.path("production"));
    environment
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_list_of_the_shipped_inventory_is_the_same() {
    let environment = production();
    let reference =
        ansible::run(&environment, "ansible-inventory", &["-i", "production", "--list"]).expect(0);
    let ours = environment.run(&["inventory", "list", "-i", "production", "--output", "json"]).expect(0);
    pretty_same(&json(&reference.stdout), &json(&ours.stdout));
}

#[test]
fn the_variables_of_a_host_are_the_same() {
    let environment = production();
    let all = environment.run(&["inventory", "list", "-i", "production", "--output", "json"]).expect(0);
    let hosts =
        json(&all.stdout)["_meta"]["hostvars"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let host = hosts.last().expect("the shipped inventory has hosts");
    let reference =
        ansible::run(&environment, "ansible-inventory", &["-i", "production", "--host", host]).expect(0);
    let ours =
        environment.run(&["inventory", "host", host, "-i", "production", "--output", "json"]).expect(0);
    pretty_same(&json(&reference.stdout), &json(&ours.stdout));
}

#[test]
fn a_limit_leaves_the_same_hosts() {
    let environment = production();
    let limit = "identity_agents:!berlin";
    let reference =
        ansible::run(&environment, "ansible-inventory", &["-i", "production", "--list", "--limit", limit])
            .expect(0);
    let ours = environment
        .run(&["inventory", "list", "-i", "production", "-l", limit, "--output", "json"])
        .expect(0);
    let hosts = |text: &str| {
        let mut hosts: Vec<String> =
            json(text)["_meta"]["hostvars"].as_object().unwrap().keys().cloned().collect();
        hosts.sort();
        hosts
    };
    assert_eq!(hosts(&reference.stdout), hosts(&ours.stdout));
}

fn pretty_same(reference: &Value, ours: &Value) {
    if reference != ours {
        let text = |value: &Value| serde_json::to_string_pretty(value).unwrap();
        let (reference, ours) = (text(reference), text(ours));
        let difference = similar::TextDiff::from_lines(&reference, &ours);
        panic!("ansible -, paceline +\n{}", difference.unified_diff());
    }
}
