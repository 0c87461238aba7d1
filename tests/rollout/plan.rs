//! A plan says what would change, and touches nothing.

use super::{FIRST, Fleet};
use crate::support::tree::{difference, tree_with_times};

#[test]
fn a_plan_touches_nothing_and_tells_what_apply_does() {
    let fleet = Fleet::of(3);
    std::fs::create_dir_all(fleet.work("h01").join("agent/settings")).unwrap();
    std::fs::write(fleet.work("h01").join("agent/settings/agent.conf"), "name = before\n").unwrap();
    let hosts = fleet.environment.path("hosts");
    let before = tree_with_times(&hosts);

    let events = fleet.environment.events(0, &["plan", "-i", "inventory.yml", "playbook.yml"]);
    assert_eq!(difference(&before, &tree_with_times(&hosts)), "");
    assert_eq!(events.of("h01").changed, events.of("h02").changed);

    let ended = fleet.environment.run(&["plan", "-i", "inventory.yml", "playbook.yml"]).expect(0);
    let said = ended.stdout + &ended.stderr;
    for line in ["-name = before", "+name = h01", "+name = h02"] {
        assert!(said.contains(line), "no `{line}` in {said}");
    }
    let check = fleet.environment.events(0, &["apply", "-i", "inventory.yml", "playbook.yml", "--check"]);
    assert_eq!(check.recap(), events.recap());
    assert_eq!(difference(&before, &tree_with_times(&hosts)), "");

    let applied = fleet.apply(0, &[]);
    // `creates` is all that check mode cannot see through: the command counts as changed, its handler runs in neither.
    assert_eq!(applied.of("h02").changed, FIRST.1);
    assert_eq!(events.of("h02").changed + events.of("h02").skipped, FIRST.1, "{:?}", events.of("h02"));
}

#[test]
fn a_plan_says_by_its_exit_code_whether_there_is_something_to_do() {
    let fleet = Fleet::of(2);
    let plan = ["plan", "-i", "inventory.yml", "playbook.yml", "--exit-code"];
    fleet.environment.run(&plan).expect(2);
    fleet.apply(0, &[]);
    fleet.environment.run(&plan).expect(0);
}

#[test]
fn wrong_connection_variables_are_all_told_before_the_run() {
    let mut fleet = Fleet::of(2);
    fleet.hosts.set("h02", "ansible_port", "abc").set("h02", "ansible_host_key_checking", "perhaps");
    fleet.hosts.write(&fleet.environment);
    let ended = fleet.environment.run(&["apply", "-i", "inventory.yml", "playbook.yml"]).expect(1);
    for text in [
        "`ansible_port`: `abc` is not a port",
        "inventory.yml:",
        "`ansible_host_key_checking`: it must be true or false",
    ] {
        assert!(ended.stderr.contains(text), "no {text} in {}", ended.stderr);
    }
    assert!(!fleet.work("h01").join("agent").exists(), "a host was touched");
    let ended =
        fleet.environment.run(&["apply", "-i", "inventory.yml", "playbook.yml", "--serial", "abc"]).expect(1);
    assert!(ended.stderr.contains("`--serial`"), "{}", ended.stderr);
}
