//! Keys that do not fit: of the host, of the user.

use super::{FIVE_TASKS, Scene};
use crate::support::sshd::address;

/// Runs with a `bad` that must be unreachable and say why.
fn unreachable(scene: &Scene, says: &[&str]) {
    scene.write(FIVE_TASKS);
    let events = scene.apply(4, &[]);
    scene.good_has_all(&events);
    assert_eq!(events.of("bad").unreachable, 1);
    let reason = events.reason("bad");
    for word in says {
        assert!(reason.contains(word), "no `{word}` in: {reason}");
    }
    assert!(!scene.environment.path("hosts/bad/work/a").exists());
}

fn second_address(scene: Scene) -> (Scene, String, u16) {
    let other = crate::support::proxy::Proxy::to(&address(1), scene.sshd.port(1));
    let port = other.port;
    (scene.bad_at(&address(1), port), address(1), port)
}

#[test]
fn a_host_with_the_right_keys_is_reached() {
    // The way of the other tests in this file works, so it is the keys that stop them.
    let (scene, _, _) = second_address(Scene::new());
    scene.write(FIVE_TASKS);
    let events = scene.apply(0, &[]);
    scene.good_has_all(&events);
    assert_eq!(events.of("bad"), events.of("good"));
}

#[test]
fn an_unknown_host_key_is_not_trusted() {
    let (mut scene, address, port) = second_address(Scene::new());
    scene.hosts.forget(&address, port);
    unreachable(&scene, &["SHA256:", "trust scan"]);
}

#[test]
fn a_changed_host_key_is_told_loudly() {
    let (mut scene, address, port) = second_address(Scene::new());
    scene.hosts.forget(&address, port);
    scene.hosts.know(scene.sshd.wrong_host(&address, port));
    unreachable(&scene, &["changed", "SHA256:"]);
}

#[test]
fn a_key_that_is_not_authorized_names_the_user() {
    let (mut scene, _, _) = second_address(Scene::new());
    let stranger = scene.sshd.strange_key().display().to_string();
    scene.hosts.set("bad", "ansible_ssh_private_key_file", &stranger);
    unreachable(&scene, &["authentication failed", &crate::support::sshd::user()]);
}

#[test]
fn a_key_that_is_not_there_stops_only_its_host() {
    let (mut scene, _, _) = second_address(Scene::new());
    scene.hosts.set("bad", "ansible_ssh_private_key_file", "/nonexistent/key");
    unreachable(&scene, &["/nonexistent/key"]);
}
