//! Hosts that stop before their end: each one is told of, once, and as what it is.

use paceline::executor::event::{EventKind, HostStatus};

use super::Fleet;
use crate::support::environment::Events;
use crate::support::proxy::closed_port;
use crate::support::running::Running;
use crate::support::sshd::address;

fn ends(events: &Events, host: &str) -> Vec<HostStatus> {
    let of_host = events.0.iter().filter(|event| event.host.as_deref() == Some(host));
    let ends = of_host.filter_map(|event| match event.kind {
        EventKind::HostFinished { status, .. } => Some(status),
        _ => None,
    });
    ends.collect()
}

#[test]
fn a_fatal_failure_ends_all_hosts_and_runs_always_on_each() {
    let fleet = Fleet::of(4);
    let playbook = r#"
- hosts: web
  gather_facts: false
  serial: 3
  tasks:
    - block:
        - command: test {{ inventory_hostname }} != h02
          any_errors_fatal: true
      always:
        - command: touch {{ work }}/always
    - command: touch {{ work }}/after
"#;
    fleet.environment.write("playbook.yml", playbook);
    let events = fleet.apply(2, &[]);
    for (host, status, always) in [
        ("h01", HostStatus::Cancelled, true),
        ("h02", HostStatus::Failed, true),
        ("h03", HostStatus::Cancelled, true),
        ("h04", HostStatus::Cancelled, false),
    ] {
        assert_eq!(ends(&events, host), [status], "{host}");
        assert_eq!(fleet.work(host).join("always").exists(), always, "{host}");
        assert!(!fleet.work(host).join("after").exists(), "{host}");
    }
    assert_eq!(events.recap().len(), 4, "every target is in the recap");
    assert_eq!((events.of("h02").failed, events.of("h04").ok), (1, 0));
}

#[test]
fn who_cannot_be_reached_may_be_ignored() {
    let mut fleet = Fleet::of(2);
    fleet.hosts.set("h01", "ansible_port", &closed_port(&address(1)).to_string());
    fleet.hosts.write(&fleet.environment);
    let playbook = r#"
- hosts: web
  gather_facts: false
  tasks:
    - command: uptime
      ignore_unreachable: true
      register: tried
    - assert: { that: "(tried.unreachable | default(false)) == (inventory_hostname == 'h01')" }
"#;
    fleet.environment.write("playbook.yml", playbook);
    let events = fleet.apply(0, &[]);
    let recap = events.of("h01");
    assert_eq!((recap.ok, recap.ignored, recap.unreachable), (2, 1, 0), "as Ansible counts");
    assert_eq!((ends(&events, "h01"), ends(&events, "h02")), (vec![HostStatus::Ok], vec![HostStatus::Ok]));
}

#[test]
fn results_of_steps_sent_ahead_count_when_the_play_ends() {
    let fleet = Fleet::of(2);
    let playbook = r#"
- hosts: web
  gather_facts: false
  tasks:
    - command: touch {{ work }}/first
    - meta: end_play
    - command: touch {{ work }}/never
- hosts: web
  gather_facts: false
  tasks:
    - command: touch {{ work }}/second
"#;
    fleet.environment.write("playbook.yml", playbook);
    let events = fleet.apply(0, &[]);
    for host in ["h01", "h02"] {
        assert_eq!((events.of(host).ok, events.of(host).changed), (2, 2));
        assert!(fleet.work(host).join("second").exists() && !fleet.work(host).join("never").exists());
    }
}

/// A gate: without a terminal nobody can open it, unless it was said beforehand; a plan has nothing to wait for.
#[test]
fn a_pause_asks_once_and_not_into_the_void() {
    let fleet = Fleet::of(3);
    let playbook = "- hosts: web\n  gather_facts: false\n  tasks:\n    - pause: { prompt: Go on? }\n    - command: touch {{ work }}/after\n      changed_when: false\n";
    fleet.environment.write("playbook.yml", playbook);
    let paused = |events: &Events| {
        events.0.iter().filter(|event| matches!(event.kind, EventKind::Paused { .. })).count()
    };
    let arguments = ["apply", "-i", "inventory.yml", "playbook.yml", "--output", "json"];
    let closed = Running::start(&mut fleet.environment.unanswered(&arguments)).end().expect(2);
    let closed = Events::read(&closed);
    assert!(closed.reason("h01").contains("`--yes`"), "{}", closed.reason("h01"));
    assert!(!fleet.work("h02").join("after").exists(), "a host went through the gate");

    let plan = fleet.environment.events(0, &["plan", "-i", "inventory.yml", "playbook.yml"]);
    let open = fleet.apply(0, &[]);
    assert_eq!((paused(&plan), paused(&open)), (0, 1));
    assert!(fleet.work("h02").join("after").exists());
}
