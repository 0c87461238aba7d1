//! Hosts that hang in the middle of a step: the shell stopped, the whole session stopped, a command without an end.

use paceline::executor::event::HostStatus;

use super::{FIVE_TASKS, Scene, ended, good_did_not_wait, last_task};
use crate::support::proxy::Proxy;
use crate::support::sshd::address;

/// Five tasks for all; the first one of `bad` does something before.
fn before_the_tasks(bad: &str) -> String {
    let (start, tasks) = FIVE_TASKS.split_once("  tasks:\n").unwrap();
    let first = format!("    - shell: {bad}\n      timeout: 3\n      when: inventory_hostname == 'bad'\n");
    format!("{start}  tasks:\n{first}{tasks}")
}

/// A second way to the sound server, with a connection of its own.
fn scene() -> Scene {
    let scene = Scene::new();
    let port = Proxy::to(&address(1), scene.sshd.port(1)).port;
    scene.bad_at(&address(1), port)
}

fn good_has_all(scene: &Scene, events: &crate::support::environment::Events) {
    let good = events.of("good");
    assert_eq!((good.ok, good.changed, good.skipped, good.failed), (5, 5, 1, 0));
    assert_eq!(scene.environment.read("hosts/good/work/d/e"), "a");
}

#[test]
fn a_command_without_an_end_is_stopped_by_its_time_limit() {
    let scene = scene();
    scene.write(&before_the_tasks("sleep 1000"));
    let events = scene.apply(2, &[]);
    good_has_all(&scene, &events);
    assert_eq!(events.of("bad").failed, 1);
    assert!(events.reason("bad").contains('3'), "the limit is not named: {}", events.reason("bad"));
    let sleeping = crate::support::processes::with_argument("sleep 1000");
    let ours = scene.sshd.left_behind();
    assert!(!sleeping.iter().any(|process| ours.contains(process)), "the command runs on");
}

#[test]
fn a_command_that_ignores_term_is_killed() {
    let scene = scene();
    scene.write(&before_the_tasks(r#""trap '' TERM HUP INT; sleep 1001 & sleep 1001""#));
    let events = scene.apply(2, &[]);
    good_has_all(&scene, &events);
    assert_eq!(events.of("bad").failed, 1);
    let sleeping = crate::support::processes::with_argument("sleep 1001");
    let ours = scene.sshd.left_behind();
    assert!(!sleeping.iter().any(|process| ours.contains(process)), "the command runs on");
}

#[test]
fn a_stopped_shell_costs_its_host_only() {
    // The session's shell is the parent of the command; its keepalives are answered by sshd all the same.
    let scene = scene();
    scene.write(&before_the_tasks(r#""kill -STOP $PPID; sleep 1002""#));
    let arguments = ["apply", "-i", "inventory.yml", "playbook.yml", "--output", "json"];
    let end = scene.environment.run(&arguments);
    assert!(matches!(end.code, 2 | 4), "{}\n{}", end.stdout, end.stderr);
    let events = crate::support::environment::Events::read(&end);
    good_has_all(&scene, &events);
    let bad = events.of("bad");
    assert_eq!(bad.failed + bad.unreachable, 1, "{bad:?}");
    let status = if bad.failed == 1 { HostStatus::Failed } else { HostStatus::Unreachable };
    good_did_not_wait(&events, status);
}

#[test]
fn a_host_that_falls_silent_is_seen_by_keepalives() {
    let scene = scene();
    scene.environment.write("home/.ssh/config", "Host *\n  ServerAliveInterval 2\n");
    // The parent of the session's shell is sshd's own process for this connection.
    let stop = r#""kill -STOP $(ps -o ppid= -p $PPID); sleep 1003""#;
    scene.write(&before_the_tasks(stop).replace("timeout: 3", "timeout: 600"));
    let events = scene.apply(4, &[]);
    good_has_all(&scene, &events);
    assert_eq!(events.of("bad").unreachable, 1);
    assert!(events.reason("bad").contains("stopped answering"), "{}", events.reason("bad"));
    let (good, bad) = (last_task(&events, "good"), ended(&events, "bad", HostStatus::Unreachable));
    assert!(good < bad, "`good` took {good:?}, `bad` took {bad:?}");
}
