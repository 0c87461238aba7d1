//! Waves, and the budget of failures that ends a rollout before it spreads.

use paceline::executor::event::EventKind;

use super::Fleet;
use crate::support::environment::Events;
use crate::support::proxy::closed_port;
use crate::support::running::Running;
use crate::support::sshd::address;

fn playbook(head: &str) -> String {
    format!(
        r#"
- hosts: web
  gather_facts: false
{head}
  tasks:
    - command: touch one
      args: {{ chdir: "{{{{ work }}}}", creates: one }}
    - fail: {{ msg: "not here" }}
      when: inventory_hostname in broken.split(',')
    - command: touch two
      args: {{ chdir: "{{{{ work }}}}", creates: two }}
"#
    )
}

fn waves(events: &Events) -> Vec<Vec<String>> {
    let hosts = |kind: &EventKind| match kind {
        EventKind::WaveStarted { hosts, .. } => Some(hosts.clone()),
        _ => None,
    };
    events.0.iter().filter_map(|event| hosts(&event.kind)).collect()
}

fn sizes(events: &Events) -> Vec<usize> {
    waves(events).iter().map(Vec::len).collect()
}

fn budget_exceeded(events: &Events) -> bool {
    events.0.iter().any(|event| matches!(event.kind, EventKind::BudgetExceeded { .. }))
}

#[test]
fn waves_grow_as_the_playbook_says_and_do_not_overlap() {
    let fleet = Fleet::of(10);
    fleet.environment.write("playbook.yml", &playbook("  serial: [1, 30%, 100%]"));
    let events = fleet.apply(0, &["-e", "broken=nobody"]);
    assert_eq!(sizes(&events), [1, 3, 6]);
    let mut wave = Vec::new();
    for event in &events.0 {
        if let EventKind::WaveStarted { hosts, .. } = &event.kind {
            wave.clone_from(hosts);
        }
        if let (EventKind::StepStarted { .. }, Some(host)) = (&event.kind, &event.host) {
            assert!(wave.contains(host), "`{host}` is at work outside of its wave {wave:?}");
        }
    }
}

#[test]
fn the_command_line_makes_waves_for_plays_without() {
    let fleet = Fleet::of(5);
    fleet.environment.write("playbook.yml", &playbook(""));
    let events = fleet.apply(0, &["-e", "broken=nobody", "--serial", "1,50%"]);
    assert_eq!(sizes(&events), [1, 2, 2]);
}

#[test]
fn a_wave_over_its_budget_is_the_last() {
    let fleet = Fleet::of(8);
    fleet.environment.write("playbook.yml", &playbook("  serial: 4\n  max_fail_percentage: 25"));
    let events = fleet.apply(2, &["-e", "broken=h01,h02"]);
    assert_eq!(sizes(&events), [4]);
    assert!(budget_exceeded(&events));
    assert!(!fleet.work("h05").join("one").exists(), "the second wave began");
}

#[test]
fn a_budget_that_is_not_exceeded_lets_go_on() {
    let fleet = Fleet::of(8);
    fleet.environment.write("playbook.yml", &playbook("  serial: 4\n  max_fail_percentage: 25"));
    let events = fleet.apply(2, &["-e", "broken=h01"]);
    assert_eq!(sizes(&events), [4, 4]);
    assert!(!budget_exceeded(&events));
    assert!(fleet.work("h08").join("two").exists());
    assert!(fleet.work("h02").join("two").exists(), "another host of the wave was stopped");
}

#[test]
fn hosts_that_cannot_be_reached_count() {
    let mut fleet = Fleet::of(8);
    for host in [1, 2] {
        let name = format!("h{host:02}");
        fleet.hosts.set(&name, "ansible_port", &closed_port(&address(host)).to_string());
    }
    fleet.hosts.write(&fleet.environment);
    fleet.environment.write("playbook.yml", &playbook("  serial: 4\n  max_fail_percentage: 25"));
    let events = fleet.apply(4, &["-e", "broken=nobody"]);
    assert_eq!(sizes(&events), [4]);
    assert!(budget_exceeded(&events));
    assert_eq!((events.of("h01").unreachable, events.of("h02").unreachable), (1, 1));
    assert!(!fleet.work("h05").join("one").exists());
}

#[test]
fn any_error_is_fatal_where_it_is_said() {
    let fleet = Fleet::of(4);
    fleet.environment.write("playbook.yml", &playbook("  any_errors_fatal: true"));
    let events = fleet.apply(2, &["-e", "broken=h02"]);
    assert!(budget_exceeded(&events));
    for host in ["h01", "h03", "h04"] {
        assert!(fleet.work(host).join("one").exists() && !fleet.work(host).join("two").exists(), "{host}");
    }
}

#[test]
fn a_whole_fleet_is_not_rolled_out_without_a_word() {
    let fleet = Fleet::of(22);
    fleet.environment.write("playbook.yml", &playbook("").replace("hosts: web", "hosts: all"));
    let arguments = ["apply", "-i", "inventory.yml", "playbook.yml", "-e", "broken=nobody"];
    let ended = Running::start(&mut fleet.environment.unanswered(&arguments)).end().expect(1);
    assert!(
        ended.stderr.contains("all 22 hosts are targeted") && ended.stderr.contains("--yes"),
        "{}",
        ended.stderr
    );
    assert!(!fleet.work("h01").join("one").exists());
    let mut limited = arguments.to_vec();
    limited.extend(["--max-hosts", "21", "--yes"]);
    fleet.environment.run(&limited).expect(1);
    assert!(!fleet.work("h01").join("one").exists());
}
