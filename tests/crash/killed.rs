//! `kill -9` of the controller behind every record of its journal, in a rollout and in a rollback, and of the shell on
//! the host.

use std::fs;
use std::process::Command;
use std::time::Duration;

use paceline::executor::event::EventKind;
use rustix::process::Signal;

use super::{Reference, Scene, places};
use crate::support::processes;
use crate::support::running::Running;
use crate::support::tree::{difference, tree_with_times};

#[test]
fn a_killed_controller_is_resumed_as_if_it_had_not_been() {
    let scene = Scene::new();
    let reference = Reference::of(&scene);
    for record in places(reference.records - 1) {
        scene.reset();
        let mut apply = scene.apply();
        apply.env("PACELINE_TEST_KILL_AFTER_RECORD", record.to_string());
        Running::start(&mut apply).end().expect(-1);
        scene.quiet();
        let events = scene.resume(0);
        reference.compare(&scene, &events, &format!("killed behind record {record}"));
    }
}

/// What a rollback has to bring back, all of it by points.
const CHANGES: &str = r#"
- hosts: web
  gather_facts: false
  tasks:
    - copy: { content: "after\n", dest: "{{ work }}/kept", mode: "0600" }
    - lineinfile: { path: "{{ work }}/lines", line: "added" }
    - file: { path: "{{ work }}/tree", state: absent }
    - file: { path: "{{ work }}/mode", mode: "0400" }
    - file: { path: "{{ work }}/new/deep", state: directory }
    - copy: { content: "new\n", dest: "{{ work }}/new/deep/file" }
    - file: { src: kept, dest: "{{ work }}/link", state: link, force: true }
    - shell: echo more >> {{ work }}/lines
      args: { chdir: "{{ work }}" }
      covers: ["{{ work }}/lines"]
"#;

#[test]
fn a_killed_rollback_is_gone_on_with() {
    let scene = Scene::new();
    scene.environment.write("playbook.yml", CHANGES);
    let before = || {
        scene.reset();
        let work = scene.environment.path("hosts/h01/work");
        fs::create_dir_all(work.join("tree/in")).unwrap();
        for name in ["kept", "lines", "mode", "tree/in/file"] {
            fs::write(work.join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("mode", work.join("link")).unwrap();
        let mut touch = Command::new("find");
        touch.arg(&work).args(["-depth", "-exec", "touch", "-h", "-d", "2020-01-02 03:04:05", "{}", ";"]);
        assert!(touch.status().unwrap().success());
        let tree = tree_with_times(&work);
        Running::start(&mut scene.apply()).end().expect(0);
        assert_ne!(difference(&tree, &tree_with_times(&work)), "");
        (work, tree)
    };
    let rollback = || scene.environment.paceline(&["rollback", "latest"]);
    before();
    Running::start(&mut rollback()).end().expect(0);
    let records = scene.records();
    assert!(records > 15, "{records}");
    for record in places(records - 1) {
        let (work, tree) = before();
        let mut killed = rollback();
        killed.env("PACELINE_TEST_KILL_AFTER_RECORD", record.to_string());
        Running::start(&mut killed).end().expect(-1);
        scene.quiet();
        Running::start(&mut rollback()).end().expect(0);
        let place = format!("killed behind record {record}");
        assert_eq!(difference(&tree, &tree_with_times(&work)), "", "{place}");
    }
}

/// Who rolls back what a dead controller did does not have to wait by hand for its last step.
#[test]
fn a_killed_run_is_rolled_back_at_once() {
    let scene = Scene::new();
    scene.environment.write(
        "playbook.yml",
        r#"
- hosts: web
  gather_facts: false
  tasks:
    - copy: { content: "new\n", dest: "{{ work }}/settings" }
    - shell: echo x > {{ work }}/in-hand; sleep 2
      args: { creates: "{{ work }}/in-hand" }
"#,
    );
    scene.reset();
    let mut run = Running::start(&mut scene.apply());
    let work = scene.environment.path("hosts/h01/work");
    run.until("the step in hand", |_| work.join("in-hand").exists());
    run.signal(Signal::KILL);
    run.end().expect(-1);
    scene.environment.run(&["rollback", "latest"]).expect(0);
    assert_eq!(fs::read_dir(&work).unwrap().count(), 0);
}

/// The shell on the host dies, as it does when the host restarts: no command runs twice unseen, and at most one step is in
/// doubt, by its name.
#[test]
fn a_killed_shell_doubles_nothing_and_leaves_at_most_one_step_in_doubt() {
    let scene = Scene::new();
    let reference = Reference::of(&scene);
    let mut doubts = 0;
    for moment in 0..20 {
        scene.reset();
        let mut run = Running::start(&mut scene.apply());
        run.until("the first step", |_| scene.environment.path("hosts/h01/work/d").exists());
        std::thread::sleep(Duration::from_millis(moment * 12));
        for pid in scene.sshd.left_behind() {
            processes::signal(pid, Signal::KILL);
        }
        if run.end().code == 0 {
            continue;
        }
        scene.quiet();
        let resumed = scene.environment.run(&["resume", "latest", "--output", "json"]);
        assert!(matches!(resumed.code, 0 | 2), "{}", resumed.stdout);
        let events = crate::support::environment::Events::read(&resumed);
        if resumed.code == 0 {
            reference.compare(&scene, &events, &format!("shell killed at moment {moment}"));
            continue;
        }
        doubts += 1;
        let listed: Vec<_> = events
            .0
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::HostFinished { message, .. } => message.clone(),
                _ => None,
            })
            .collect();
        assert!(matches!(&listed[..], [one] if one.contains("nobody knows")), "{listed:?}");
        for (path, entry) in scene.left().into_iter().filter(|(path, _)| path.starts_with("count-")) {
            let expected = reference.left.get(&path).map(String::as_str).unwrap_or_default();
            assert!(entry.len() <= expected.len(), "{path}: {entry} instead of {expected}");
        }
    }
    // It is said of commands only, and most of the time one is in hand.
    assert!(doubts < 20, "{doubts}");
}
