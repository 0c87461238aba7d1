//! The controller's state is lost: the hosts tell what can be restored, and are restored.

use std::fs;

use super::Fleet;
use crate::support::tree::{difference, tree_with_times};

const CHANGES: &str = r#"
- hosts: web
  gather_facts: false
  tasks:
    - copy: { content: "after\n", dest: "{{ work }}/kept" }
    - file: { path: "{{ work }}/tree", state: absent }
    - command: touch {{ work }}/made
      args: { creates: "{{ work }}/made" }
    - command: touch {{ work }}/../log
      rollback: [{ shell: "echo undone >> {{ work }}/../log" }]
"#;

fn changed(fleet: &Fleet, hosts: &[&str]) -> (String, crate::support::tree::Tree) {
    for host in hosts {
        fs::create_dir_all(fleet.work(host).join("tree/in")).unwrap();
        fs::write(fleet.work(host).join("kept"), "before\n").unwrap();
        let touch = ["-depth", "-exec", "touch", "-h", "-d", "2020-01-02", "{}", ";"];
        let work = fleet.work(host);
        assert!(std::process::Command::new("find").arg(&work).args(touch).status().unwrap().success());
    }
    let before = tree_with_times(&fleet.work(hosts[0]));
    fleet.environment.write("playbook.yml", CHANGES);
    (fleet.apply(0, &[]).0[0].run.clone(), before)
}

fn lose(fleet: &Fleet) {
    fs::remove_dir_all(fleet.environment.path(".paceline")).unwrap();
    fs::remove_file(fleet.environment.path("playbook.yml")).unwrap();
}

#[test]
fn the_hosts_know_what_the_controller_forgot() {
    let fleet = Fleet::of(2);
    let (run, before) = changed(&fleet, &["h01", "h02"]);
    lose(&fleet);
    let environment = &fleet.environment;
    let from_host = |more: &[&'static str], code| {
        let all = [&["rollback", "--from-host", "-i", "inventory.yml"], more].concat();
        environment.run(&all).expect(code)
    };
    let listed = from_host(&[], 0).stdout;
    let line = format!("  {run}  points: 4, not restored: 4\n");
    assert_eq!(listed, format!("h01:\n{line}h02:\n{line}"));
    let document: serde_json::Value =
        serde_json::from_str(&from_host(&["--output", "json", "-l", "h02"], 0).stdout).unwrap();
    assert_eq!(document["hosts"][0]["host"], "h02");
    assert_eq!(document["hosts"][0]["runs"][0]["run"], run.as_str());

    let short = &run[..run.len() - 3];
    let arguments = ["rollback", short, "--from-host", "-i", "inventory.yml"];
    let planned = environment.run(&[&arguments[..], &["--plan"]].concat()).expect(0).stdout;
    assert!(
        planned.contains("would restore point 1: file ") && planned.contains("rollback shell"),
        "{planned}"
    );
    assert!(fleet.work("h01").join("made").exists());

    // One host first, then all: what is restored is not restored again.
    environment.events(0, &[&arguments[..], &["-l", "h01"]].concat());
    assert!(fleet.work("h02").join("made").exists());
    let events = environment.events(0, &arguments);
    assert!(events.of("h02").rolled_back >= 4, "{:?}", events.recap());
    for host in ["h01", "h02"] {
        assert_eq!(difference(&before, &tree_with_times(&fleet.work(host))), "", "{host}");
        assert_eq!(fs::read_to_string(fleet.work(host).join("../log")).unwrap(), "undone\n", "{host}");
    }
    let listed = from_host(&["-l", "h01"], 0).stdout;
    assert!(listed.contains("points: 4, not restored: 0"), "{listed}");
    // It is a run like any other.
    let shown = environment.run(&["runs", "list"]).expect(0).stdout;
    assert_eq!(shown.matches("rollback").count(), 2, "{shown}");
}

#[test]
fn hosts_that_cannot_be_asked_are_named() {
    let mut fleet = Fleet::of(2);
    let (run, before) = changed(&fleet, &["h01", "h02"]);
    lose(&fleet);
    fleet.hosts.set("h02", "ansible_port", "1").write(&fleet.environment);
    let arguments = ["rollback", "--from-host", "-i", "inventory.yml"];
    let listed = fleet.environment.run(&arguments).expect(4).stdout;
    assert!(listed.contains(&run) && listed.contains("h02:\n  unreachable: "), "{listed}");
    let events = fleet.environment.events(4, &[&arguments[..], &[run.as_str()]].concat());
    assert_eq!((events.of("h01").unreachable, events.of("h02").unreachable), (0, 1));
    assert_eq!(difference(&before, &tree_with_times(&fleet.work("h01"))), "");
}

#[test]
fn what_is_not_there_is_told_from_what_was_mistyped() {
    let fleet = Fleet::of(1);
    changed(&fleet, &["h01"]);
    let run =
        |words: &[&str], code| fleet.environment.run(&[&["rollback"], words].concat()).expect(code).stderr;
    let said = run(&["beef", "--from-host", "-i", "inventory.yml"], 1);
    assert!(said.contains("no host has points of a run `beef`"), "{said}");
    let said = run(&["latest", "--from-host", "-i", "inventory.yml"], 1);
    assert!(said.contains("a run is named by its id"), "{said}");
    assert!(run(&["--from-host"], 1).contains("no inventory is given"));
    run(&["latest", "-b"], 1);
    run(&[], 1);
}
