//! Connection variables that have no value: nothing is connected to in their stead.

use super::{FIVE_TASKS, Scene};
use crate::support::sshd::address;

/// `bad` can be reached, were it not for its variables.
fn scene() -> Scene {
    let scene = Scene::new();
    let (address, port) = (address(1), scene.sshd.port(1));
    scene.bad_at(&address, port)
}

#[test]
fn a_host_whose_connection_variable_is_undefined_is_unreachable_and_says_which() {
    for name in
        ["ansible_host", "ansible_port", "ansible_user", "ansible_ssh_common_args", "paceline_host_key"]
    {
        let mut scene = scene();
        scene.hosts.set("bad", name, "\"{{ nope }}\"");
        scene.write(FIVE_TASKS);
        let events = scene.apply(4, &[]);
        scene.good_has_all(&events);
        assert_eq!(events.of("bad").unreachable, 1, "{name}");
        let reason = events.reason("bad");
        let says = format!("`bad`: `{name}` cannot be rendered: `nope` is undefined (at ");
        assert!(reason.contains(&says) && reason.contains("inventory.yml:"), "{reason}");
    }
}

#[test]
fn what_needs_the_missing_base_is_not_written_elsewhere() {
    let mut scene = scene();
    scene.hosts.set("bad", "paceline_base", "\"{{ nope }}\"");
    scene.write(FIVE_TASKS);
    let events = scene.apply(4, &[]);
    assert_eq!(events.of("bad").unreachable, 1);
    assert!(events.reason("bad").contains("`paceline_base` cannot be rendered"), "{}", events.reason("bad"));
}

#[test]
fn host_keys_are_not_asked_for_elsewhere() {
    let mut scene = scene();
    scene.hosts.set("bad", "ansible_host", "\"{{ nope }}\"");
    scene.write(FIVE_TASKS);
    let said = scene.environment.run(&["trust", "scan", "-i", "inventory.yml", "-l", "bad"]).expect(1).stderr;
    assert!(said.contains("`ansible_host` cannot be rendered") && said.contains("hint: "), "{said}");
}
