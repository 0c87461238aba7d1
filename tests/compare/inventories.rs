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

#[test]
fn ini_inventories_are_read_alike() {
    let environment = Environment::new();
    environment.write("hosts", INI);
    environment.write("group_vars/web.yml", "from_folder: web\n");
    environment.write("host_vars/w02.example.yml", "num: 7\n");
    let reference = ansible::run(&environment, "ansible-inventory", &["-i", "hosts", "--list"]).expect(0);
    let ours = environment.run(&["inventory", "list", "-i", "hosts", "--output", "json"]).expect(0);
    pretty_same(&json(&reference.stdout), &json(&ours.stdout));
    let graph = ansible::run(&environment, "ansible-inventory", &["-i", "hosts", "--graph"]).expect(0);
    let ours = environment.run(&["inventory", "graph", "-i", "hosts"]).expect(0);
    assert_eq!(ours.stdout, graph.stdout);
}

/// The kinds of lines and values that there are, odd ones too.
const INI: &str = r#"lone x=1 b=True c='[1,2]' d=007 e= f="a b" g=1.5 h=None i=0x10 j=1_000 k="{'a': 1}" l=(1,2) m=abc#d gone=1
other:2222 y=2;z w='a=b' v="\"x\"" u=1e3 t=-5 s=+5 o=...
[site:children]
web
db
[web]   # front
w[01:03].example num=3
[web:vars]
num=5
bb=true
note=prod ; not a comment
counted=5 # five
cat='a' 'b'
esc="a\tb\x41\u00e9"
nothing=
spaced =  blanks around
path=C:\temp
more={'a': [1, 'b'], 2: None}
unsafe=b'bytes'
template={{ num }}
ansible_group_priority=5
[db]
w02.example
x[a:c] role=db
[all:vars]
everywhere=[True, False, None]
"#;

fn pretty_same(reference: &Value, ours: &Value) {
    if reference != ours {
        let text = |value: &Value| serde_json::to_string_pretty(value).unwrap();
        let (reference, ours) = (text(reference), text(ours));
        let difference = similar::TextDiff::from_lines(&reference, &ours);
        panic!("ansible -, paceline +\n{}", difference.unified_diff());
    }
}
