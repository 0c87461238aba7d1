//! Ctrl-C: once, the steps in hand end and no other begins; twice, what runs is stopped.

use paceline::executor::event::{EventKind, HostStatus};
use rustix::process::Signal;

use super::Scene;
use crate::support::environment::Events;

const PLAYBOOK: &str = r#"
- hosts: web
  gather_facts: false
  tasks:
    - shell: touch begun; sleep LONG; touch ended
      args: { chdir: "{{ work }}" }
    - file: { path: "{{ work }}/never", state: directory }
"#;

const APPLY: [&str; 6] = ["apply", "-i", "inventory.yml", "playbook.yml", "--output", "json"];

fn levels(events: &Events) -> Vec<u8> {
    let level = |kind: &EventKind| match kind {
        EventKind::RunCancelled { level } => Some(*level),
        _ => None,
    };
    events.0.iter().filter_map(|event| level(&event.kind)).collect()
}

#[test]
fn once_ends_the_step_in_hand_and_begins_no_other() {
    let scene = Scene::new();
    scene.write(&PLAYBOOK.replace("LONG", "2"));
    let mut run = scene.environment.start(&APPLY);
    let begun = scene.environment.path("hosts/good/work/begun");
    run.until("the step in hand", |_| begun.exists());
    run.signal(Signal::INT);
    let ended = run.end().expect(99);
    let events = Events::read(&ended);
    assert_eq!(levels(&events), [1]);
    assert!(scene.environment.path("hosts/good/work/ended").exists(), "the step in hand was cut off");
    assert!(!scene.environment.path("hosts/good/work/never").exists(), "another step ran");
    assert_eq!(events.of("good").failed, 0);
    // It did not come to its end, although nothing failed.
    let end =
        |kind: &EventKind| matches!(kind, EventKind::HostFinished { status: HostStatus::Cancelled, .. });
    assert!(events.0.iter().any(|event| end(&event.kind)), "{:?}", events.0);
}

#[test]
fn twice_stops_the_command() {
    let scene = Scene::new();
    scene.write(&PLAYBOOK.replace("LONG", "1004"));
    let mut run = scene.environment.start(&APPLY);
    let begun = scene.environment.path("hosts/good/work/begun");
    run.until("the step in hand", |_| begun.exists());
    run.signal(Signal::INT);
    run.until("the first one seen", |run| run.stdout().contains("run_cancelled"));
    run.signal(Signal::INT);
    let ended = run.end().expect(99);
    let events = Events::read(&ended);
    assert_eq!(levels(&events), [1, 2]);
    assert!(!scene.environment.path("hosts/good/work/ended").exists());
    assert!(!scene.environment.path("hosts/good/work/never").exists());
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !scene.sshd.left_behind().is_empty() {
        assert!(std::time::Instant::now() < patience, "the command runs on");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_termination_is_like_the_first() {
    let scene = Scene::new();
    scene.write(&PLAYBOOK.replace("LONG", "2"));
    let mut run = scene.environment.start(&APPLY);
    let begun = scene.environment.path("hosts/good/work/begun");
    run.until("the step in hand", |_| begun.exists());
    run.signal(Signal::TERM);
    run.end().expect(99);
    assert!(scene.environment.path("hosts/good/work/ended").exists());
    assert!(!scene.environment.path("hosts/good/work/never").exists());
}
