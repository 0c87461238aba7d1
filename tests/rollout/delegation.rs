//! Tasks that another host does: whose the steps and points are, and what a kill, a rollback and a dead delegate make of them.

use std::collections::BTreeSet;
use std::fs;

use super::Fleet;
use crate::support::running::Running;
use paceline::executor::event::{EventKind, HostStatus};

/// Two hosts have a third one, which is no target, do their work; so does the controller.
const DELEGATES: &str = r#"
- hosts: h01,h02
  gather_facts: false
  tasks:
    - name: Counted there
      shell: echo {{ inventory_hostname }} >> {{ hostvars.h03.work }}/count
      delegate_to: h03
    - name: Written there
      copy: { content: "{{ inventory_hostname }}\n", dest: "{{ hostvars.h03.work }}/{{ inventory_hostname }}" }
      delegate_to: h03
    - name: Counted here
      local_action: shell echo local-{{ inventory_hostname }} >> {{ hostvars.h03.work }}/count
    - name: Counted by itself
      shell: echo own-{{ inventory_hostname }} >> {{ hostvars.h03.work }}/count
"#;

fn counted(fleet: &Fleet) -> Vec<String> {
    let text = fs::read_to_string(fleet.work("h03").join("count")).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

const COUNTED: [&str; 6] = ["h01", "h02", "local-h01", "local-h02", "own-h01", "own-h02"];

#[test]
fn what_a_delegate_did_is_found_under_its_name_and_restored() {
    let fleet = Fleet::of(3);
    fleet.environment.write("playbook.yml", DELEGATES);
    let events = fleet.apply(0, &[]);
    assert_eq!(counted(&fleet), COUNTED);
    let of = |host: &'static str| events.0.iter().filter(move |event| event.host.as_deref() == Some(host));
    let connected = |host: &'static str| {
        of(host).filter(|event| matches!(event.kind, EventKind::HostConnected { .. })).count()
    };
    assert_eq!(connected("h03"), 1, "one session for all who delegate");
    let whose: Vec<_> = of("h03")
        .filter_map(|event| match &event.kind {
            EventKind::StepStarted { for_host, .. } => for_host.clone(),
            _ => None,
        })
        .collect();
    assert_eq!(whose.len(), 4);
    let numbers: BTreeSet<_> = of("h03").filter_map(|event| event.step).collect();
    assert_eq!(numbers.len(), 4, "steps of a host are numbered in one row, whoever they are for");
    assert!(of("h03").all(|event| !matches!(event.kind, EventKind::TaskFinished { .. })));
    assert_eq!((events.of("h01").changed, events.of("h01").ok), (4, 4));
    // The log of each says what the other one did.
    let logs =
        fs::read_dir(fleet.environment.path(".paceline/runs")).unwrap().next().unwrap().unwrap().path();
    let log = |host: &str| fs::read_to_string(logs.join("hosts").join(format!("{host}.log"))).unwrap();
    assert!(log("h03").contains("for h01") && log("h01").contains("TASK Written there changed -> h03"));

    // A limit that leaves the delegate out leaves alone what was done there.
    fleet.environment.events(0, &["rollback", "latest", "-i", "inventory.yml", "-l", "h03"]);
    assert!(!fleet.work("h03").join("h01").exists() && !fleet.work("h03").join("h02").exists());
}

#[test]
fn a_killed_controller_has_no_delegated_step_done_twice() {
    for record in [7, 12, 17, 22, 27] {
        let fleet = Fleet::of(3);
        fleet.environment.write("playbook.yml", DELEGATES);
        let mut killed =
            fleet.environment.paceline(&["apply", "-i", "inventory.yml", "playbook.yml", "--yes"]);
        killed.env("PACELINE_TEST_KILL_AFTER_RECORD", record.to_string());
        Running::start(&mut killed).end().expect(-1);
        fleet.environment.events(0, &["resume", "latest"]);
        assert_eq!(counted(&fleet), COUNTED, "killed behind record {record}");
        assert!(fleet.work("h03").join("h01").exists() && fleet.work("h03").join("h02").exists());
    }
}

#[test]
fn a_dead_delegate_is_the_end_of_the_host_that_asked() {
    let fleet = Fleet::of(2);
    fleet.environment.write(
        "playbook.yml",
        r#"
- hosts: web
  gather_facts: false
  tasks:
    - name: Its session is killed
      shell: kill -9 $PPID
      delegate_to: h02
      when: inventory_hostname == 'h01'
    - name: Who is left
      copy: { content: "left\n", dest: "{{ work }}/left" }
"#,
    );
    let events = fleet.apply(4, &[]);
    let ends: Vec<_> = events
        .0
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::HostFinished { status, message, .. } => {
                Some((event.host.clone()?, *status, message.clone()))
            }
            _ => None,
        })
        .collect();
    let end = |host: &str| ends.iter().find(|(name, ..)| name == host).unwrap();
    assert_eq!(end("h01").1, HostStatus::Unreachable);
    assert!(end("h01").2.as_deref().unwrap().starts_with("delegate `h02`: "), "{ends:?}");
    assert_eq!(end("h02").1, HostStatus::Ok, "the delegate goes on with a session of its own");
    assert!(!fleet.work("h01").join("left").exists() && fleet.work("h02").join("left").exists());
}
