//! What becomes of a host on which a task failed: `on_failure` and `rollback_scope`.

use paceline::executor::event::{EventKind, HostStatus};
use rustix::process::Signal;

use super::Fleet;
use crate::support::environment::Events;
use crate::support::proxy::{Proxy, closed_port};
use crate::support::sshd::address;
use crate::support::tree::{Tree, difference, tree_with_times};

/// Changes files; then hosts of `broken` fail.
fn playbook(head: &str, more: &str) -> String {
    format!(
        r#"
- hosts: web
  gather_facts: false
{head}
  tasks:
    - copy: {{ content: "after\n", dest: "{{{{ work }}}}/kept" }}
    - file: {{ path: "{{{{ work }}}}/new/deep", state: directory }}
    - copy: {{ content: "{{{{ item }}}}\n", dest: "{{{{ work }}}}/new/deep/{{{{ item }}}}" }}
      loop: [a, b, c]
{more}
    - fail: {{ msg: "not here" }}
      when: inventory_hostname in broken.split(',')
    - copy: {{ content: "x", dest: "{{{{ work }}}}/after" }}
"#
    )
}

fn before(fleet: &Fleet, host: &str) -> Tree {
    let work = fleet.work(host);
    std::fs::write(work.join("kept"), "before\n").unwrap();
    let past = std::process::Command::new("touch").args(["-d", "2020-01-02 03:04:05"]).arg(&work).status();
    assert!(past.unwrap().success());
    tree_with_times(&work)
}

fn status(events: &Events, host: &str) -> HostStatus {
    let of_host = events.0.iter().filter(|event| event.host.as_deref() == Some(host));
    let mut ends = of_host.filter_map(|event| match event.kind {
        EventKind::HostFinished { status, .. } => Some(status),
        _ => None,
    });
    let end = ends.next().unwrap_or_else(|| panic!("`{host}` has no end"));
    assert!(ends.next().is_none(), "`{host}` ends twice");
    end
}

#[test]
fn a_host_that_fails_is_restored_and_the_others_go_on() {
    let fleet = Fleet::of(2);
    let trees = [before(&fleet, "h01"), before(&fleet, "h02")];
    fleet.environment.write("playbook.yml", &playbook("  on_failure: rollback", ""));
    let events = fleet.apply(3, &["-e", "broken=h02"]);
    assert_eq!((status(&events, "h01"), status(&events, "h02")), (HostStatus::Ok, HostStatus::RolledBack));
    assert_eq!(difference(&trees[1], &tree_with_times(&fleet.work("h02"))), "");
    assert_ne!(difference(&trees[0], &tree_with_times(&fleet.work("h01"))), "");
    let recap = events.of("h02");
    assert_eq!((recap.failed, recap.rolled_back), (1, 5), "{recap:?}");
    // Steps of the restore are numbered behind those of the tasks.
    let steps: Vec<u64> = events
        .0
        .iter()
        .filter(|event| event.host.as_deref() == Some("h02"))
        .filter(|event| matches!(event.kind, EventKind::StepStarted { .. }))
        .filter_map(|event| event.step)
        .collect();
    assert!(steps.is_sorted_by(|one, next| one < next), "{steps:?}");

    let words =
        fleet.environment.run(&["apply", "-i", "inventory.yml", "playbook.yml", "--yes", "-e", "broken=h02"]);
    let said = words.expect(3).stdout;
    assert!(said.contains("rolled back: [h02] => 5 points restored"), "{said}");
    assert!(said.contains("2 hosts, 5 points restored, 1 rolled back; exit code 3"), "{said}");
    let list = fleet.environment.run(&["runs"]).expect(0).stdout;
    assert!(list.contains("rolled back"), "{list}");
}

#[test]
fn the_command_line_counts_more_than_the_play() {
    let fleet = Fleet::of(1);
    let tree = before(&fleet, "h01");
    fleet.environment.write("playbook.yml", &playbook("  on_failure: rollback", ""));
    let events = fleet.apply(2, &["-e", "broken=h01", "--on-failure", "stop"]);
    assert_eq!(status(&events, "h01"), HostStatus::Failed);
    assert_ne!(difference(&tree, &tree_with_times(&fleet.work("h01"))), "");
    fleet.environment.run(&["rollback", "latest"]).expect(0);

    fleet.environment.write("playbook.yml", &playbook("", ""));
    let events = fleet.apply(3, &["-e", "broken=h01", "--on-failure", "rollback"]);
    assert_eq!(status(&events, "h01"), HostStatus::RolledBack);
    assert_eq!(difference(&tree, &tree_with_times(&fleet.work("h01"))), "");
    // A plan has nothing to take back.
    let plan =
        ["plan", "-i", "inventory.yml", "playbook.yml", "-e", "broken=h01", "--on-failure", "rollback"];
    assert_eq!(status(&fleet.environment.events(2, &plan), "h01"), HostStatus::Failed);
}

#[test]
fn a_failure_that_is_rescued_or_ignored_takes_nothing_back() {
    let fleet = Fleet::of(1);
    let more = r#"
    - command: "false"
      ignore_errors: true
    - block:
        - command: "false"
      rescue:
        - copy: { content: "rescued", dest: "{{ work }}/rescued" }
      always:
        - copy: { content: "always", dest: "{{ work }}/always" }
"#;
    fleet.environment.write("playbook.yml", &playbook("", more));
    for policy in ["rollback", "continue"] {
        let events = fleet.apply(0, &["-e", "broken=nobody", "--on-failure", policy]);
        assert_eq!(status(&events, "h01"), HostStatus::Ok);
        assert!(["rescued", "always", "after"].iter().all(|name| fleet.work("h01").join(name).exists()));
    }
    // It is restored behind `always`, of which nothing stays either.
    std::fs::remove_dir_all(fleet.work("h01")).unwrap();
    std::fs::create_dir(fleet.work("h01")).unwrap();
    let failing = more.replace(
        "      rescue:\n        - copy: { content: \"rescued\", dest: \"{{ work }}/rescued\" }\n",
        "",
    );
    fleet.environment.write("playbook.yml", &playbook("", &failing));
    let events = fleet.apply(3, &["-e", "broken=nobody", "--on-failure", "rollback"]);
    let always = events.0.iter().any(|event| match &event.kind {
        EventKind::PointRestored { path, .. } => path.ends_with("/always"),
        _ => false,
    });
    assert!(always);
    assert_eq!(std::fs::read_dir(fleet.work("h01")).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_restored_is_said_and_counts() {
    let fleet = Fleet::of(1);
    let more = "    - { name: Leave something, command: \"touch {{ work }}/new/deep/theirs\" }";
    fleet.environment.write("playbook.yml", &playbook("  on_failure: rollback", more));
    let events = fleet.apply(2, &["-e", "broken=h01"]);
    assert_eq!(status(&events, "h01"), HostStatus::RollbackFailed);
    assert_eq!(events.of("h01").failed, 1, "the failure counts once");
    let reason = events.reason("h01");
    for part in ["`theirs`", "what `Leave something` did stays", "paceline rollback"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    std::fs::remove_dir_all(fleet.work("h01").join("new")).unwrap();
    let words =
        fleet.environment.run(&["apply", "-i", "inventory.yml", "playbook.yml", "--yes", "-e", "broken=h01"]);
    let said = words.expect(2).stdout;
    assert!(said.contains("fatal: [h01]: ROLLBACK FAILED!"), "{said}");
    assert!(said.contains("1 rollback failed"), "{said}");
}

#[test]
fn a_host_that_cannot_be_reached_stays_unreachable() {
    let mut fleet = Fleet::of(2);
    fleet.hosts.set("h01", "ansible_port", &closed_port(&address(1)).to_string());
    fleet.hosts.write(&fleet.environment);
    fleet.environment.write("playbook.yml", &playbook("  on_failure: rollback", ""));
    let events = fleet.apply(4, &["-e", "broken=h02"]);
    assert_eq!(
        (status(&events, "h01"), status(&events, "h02")),
        (HostStatus::Unreachable, HostStatus::RolledBack)
    );
}

#[test]
fn a_host_that_is_lost_is_told_how_to_get_back() {
    let mut fleet = Fleet::of(1);
    let proxy = Proxy::to(&address(1), fleet.sshd.port(1));
    let known = fleet.sshd.known_host(&address(1), proxy.port);
    fleet.hosts.know(known).set("h01", "ansible_port", &proxy.port.to_string());
    fleet.hosts.write(&fleet.environment);
    let tree = before(&fleet, "h01");
    let more = "    - shell: touch {{ work }}/../begun; sleep 20";
    fleet.environment.write("playbook.yml", &playbook("  on_failure: rollback", more));
    let arguments =
        ["apply", "-i", "inventory.yml", "playbook.yml", "-e", "broken=nobody", "--output", "json"];
    let mut run = fleet.environment.start(&arguments);
    run.until("the step in hand", |_| fleet.work("h01").join("../begun").exists());
    proxy.cut();
    let events = Events::read(&run.end().expect(4));
    let reason = events.reason("h01");
    assert!(reason.contains("5 points could not be restored; `paceline rollback "), "{reason}");
    assert_ne!(difference(&tree, &tree_with_times(&fleet.work("h01"))), "");
}

#[test]
fn a_host_may_go_on_and_still_count_as_failed() {
    let fleet = Fleet::of(2);
    let playbook = r#"
- hosts: web
  gather_facts: false
  on_failure: continue
  tasks:
    - copy: { content: one, dest: "{{ work }}/one" }
      notify: [Fails, Works]
    - command: test {{ inventory_hostname }} != h02
      register: tried
    - copy: { content: "{{ tried.rc }}", dest: "{{ work }}/two" }
    - copy: { content: "{{ nothing }}", dest: "{{ work }}/never" }
      when: inventory_hostname == 'h02'
    - copy: { content: three, dest: "{{ work }}/three" }
  handlers:
    - { name: Fails, command: "test {{ inventory_hostname }} != h02" }
    - { name: Works, command: "touch {{ work }}/handled" }
- hosts: web
  gather_facts: false
  tasks:
    - copy: { content: next, dest: "{{ work }}/next" }
"#;
    fleet.environment.write("playbook.yml", playbook);
    let events = fleet.apply(2, &[]);
    for host in ["h01", "h02"] {
        for name in ["one", "two", "three", "handled", "next"] {
            assert!(fleet.work(host).join(name).exists(), "{host}: {name}");
        }
    }
    assert_eq!((status(&events, "h01"), status(&events, "h02")), (HostStatus::Ok, HostStatus::Failed));
    assert_eq!((events.of("h01").failed, events.of("h02").failed, events.of("h02").ok), (0, 3, 5));
    assert!(events.reason("h02").contains("3 tasks failed and it went on"), "{}", events.reason("h02"));
    assert_eq!(std::fs::read_to_string(fleet.work("h02").join("two")).unwrap(), "1");
}

#[test]
fn a_wave_over_its_budget_is_taken_back_as_a_whole_if_it_says_so() {
    for (scope, exit) in [("host", 3), ("wave", 3)] {
        let fleet = Fleet::of(6);
        let hosts = ["h01", "h02", "h03", "h04", "h05", "h06"];
        let trees: Vec<Tree> = hosts.iter().map(|host| before(&fleet, host)).collect();
        let head = "  on_failure: rollback\n  serial: [1, 4, 1]\n  max_fail_percentage: 25";
        fleet.environment.write("playbook.yml", &playbook(head, ""));
        let events = fleet.apply(exit, &["-e", "broken=h02,h03", "--rollback-scope", scope]);
        let same: Vec<bool> = hosts
            .iter()
            .zip(&trees)
            .map(|(host, tree)| difference(tree, &tree_with_times(&fleet.work(host))).is_empty())
            .collect();
        let wave = scope == "wave";
        assert_eq!(same, [false, true, true, wave, wave, true], "{scope}");
        assert_eq!(
            (status(&events, "h01"), status(&events, "h02")),
            (HostStatus::Ok, HostStatus::RolledBack)
        );
        let fine = if wave { HostStatus::RolledBack } else { HostStatus::Cancelled };
        assert_eq!((status(&events, "h04"), status(&events, "h05")), (fine, fine), "{scope}");
        assert_eq!((events.of("h04").failed, events.of("h04").rolled_back), (0, if wave { 5 } else { 0 }));
        if wave {
            let reason = events.reason("h04");
            assert!(reason.contains("`h02`, `h03` failed (max_fail_percentage: 25)"), "{reason}");
        }
    }
}

#[test]
fn ctrl_c_finishes_the_point_in_hand_and_says_so() {
    let fleet = Fleet::of(1);
    let more = "    - copy: { content: \"{{ item }}\", dest: \"{{ work }}/many-{{ item }}\" }\n      loop: \"{{ range(400) | list }}\"";
    fleet.environment.write("playbook.yml", &playbook("  on_failure: rollback", more));
    let arguments =
        ["apply", "-i", "inventory.yml", "playbook.yml", "--yes", "-e", "broken=h01", "--output", "json"];
    let mut run = fleet.environment.start(&arguments);
    run.until("the first point that is restored", |run| run.stdout().contains("\"point_restored\""));
    run.signal(Signal::INT);
    let events = Events::read(&run.end().expect(99));
    assert_eq!(status(&events, "h01"), HostStatus::RollbackFailed);
    let reason = events.reason("h01");
    assert!(reason.contains("cancelled in front of the remaining points"), "{reason}");
    assert!(fleet.work("h01").join("many-0").exists());
    fleet.environment.run(&["rollback", "latest"]).expect(0);
    assert_eq!(std::fs::read_dir(fleet.work("h01")).unwrap().count(), 0);
}
