//! Blocks that the host undoes by itself, when nobody can reach it any more.

use std::time::{Duration, Instant};

use paceline::executor::event::{EventKind, HostStatus};
use rustix::process::Signal;

use super::Fleet;
use crate::support::environment::Events;
use crate::support::processes;
use crate::support::proxy::Proxy;
use crate::support::sshd::address;

/// A change in front, a guarded block, and something behind.
fn playbook(block: &str, more: &str) -> String {
    format!(
        r#"
- hosts: web
  gather_facts: false
  tasks:
    - copy: {{ content: front, dest: "{{{{ work }}}}/front" }}
      notify: Outside
    - name: Dangerous
      guard: 5
      block:
        - copy: {{ content: after, dest: "{{{{ work }}}}/setting" }}
          notify: Inside
        - file: {{ path: "{{{{ work }}}}/gone", state: absent }}
{block}
{more}
    - copy: {{ content: behind, dest: "{{{{ work }}}}/behind" }}
  handlers:
    - {{ name: Outside, copy: {{ content: outside, dest: "{{{{ work }}}}/outside" }} }}
    - {{ name: Inside, shell: "ls {{{{ work }}}} > {{{{ work }}}}/inside" }}
"#
    )
}

fn fleet() -> Fleet {
    let fleet = Fleet::of(1);
    std::fs::write(fleet.work("h01").join("setting"), "before").unwrap();
    std::fs::write(fleet.work("h01").join("gone"), "before").unwrap();
    fleet
}

fn text(fleet: &Fleet, name: &str) -> String {
    std::fs::read_to_string(fleet.work("h01").join(name)).unwrap_or_default()
}

fn is_undone(fleet: &Fleet) -> bool {
    text(fleet, "setting") == "before" && text(fleet, "gone") == "before"
}

#[track_caller]
fn wait_for(what: &str, mut seen: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(40);
    while !seen() {
        assert!(Instant::now() < patience, "{what}: not seen in time");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// No guard is at work on the hosts of this test any more.
#[track_caller]
fn no_guard_is_left(fleet: &Fleet) {
    let folder = fleet.environment.path("hosts").display().to_string();
    wait_for("the end of the guard", || processes::with_argument(&folder).is_empty());
}

fn kinds(events: &Events) -> Vec<&str> {
    let kinds = events.0.iter().filter_map(|event| match event.kind {
        EventKind::GuardArmed { .. } => Some("armed"),
        EventKind::GuardConfirmed { .. } => Some("confirmed"),
        EventKind::GuardFired { .. } => Some("fired"),
        EventKind::HostFinished { status: HostStatus::Ok, .. } => Some("ok"),
        EventKind::HostFinished { status: HostStatus::Failed, .. } => Some("failed"),
        EventKind::HostFinished { status: HostStatus::RolledBack, .. } => Some("rolled back"),
        EventKind::HostFinished { status: HostStatus::Unreachable, .. } => Some("unreachable"),
        _ => None,
    });
    kinds.collect()
}

#[test]
fn what_is_confirmed_stays_and_nothing_is_left_of_the_guard() {
    let fleet = fleet();
    fleet.environment.write("playbook.yml", &playbook("", ""));
    let events = fleet.apply(0, &[]);
    assert_eq!(kinds(&events), ["armed", "confirmed", "ok"]);
    assert_eq!((text(&fleet, "setting"), text(&fleet, "gone")), ("after".to_owned(), String::new()));
    // The handler of the block ran within it, the other one at the end of the section as ever.
    let seen = text(&fleet, "inside");
    assert!(seen.contains("setting") && !seen.contains("behind") && !seen.contains("outside"), "{seen}");
    assert!(fleet.work("h01").join("outside").exists());
    no_guard_is_left(&fleet);
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(text(&fleet, "setting"), "after");

    // A plan arms nothing, and shows the handlers where they would run.
    std::fs::write(fleet.work("h01").join("setting"), "before").unwrap();
    let plan = fleet.environment.events(0, &["plan", "-i", "inventory.yml", "playbook.yml"]);
    assert_eq!(kinds(&plan), ["ok"]);
}

#[test]
fn a_task_that_fails_undoes_its_block_at_once() {
    let fleet = fleet();
    let fails = "        - command: \"false\"";
    fleet.environment.write("playbook.yml", &playbook(fails, ""));
    let events = fleet.apply(2, &[]);
    assert_eq!(kinds(&events), ["armed", "fired", "failed"]);
    assert!(is_undone(&fleet) && text(&fleet, "front") == "front" && text(&fleet, "behind").is_empty());
    assert_eq!((events.of("h01").failed, events.of("h01").rolled_back), (1, 2));
    no_guard_is_left(&fleet);

    // With the policy, what was changed in front of the block goes too; nothing is restored twice.
    let events = fleet.apply(3, &["--on-failure", "rollback"]);
    assert_eq!(kinds(&events), ["armed", "fired", "rolled back"]);
    assert!(is_undone(&fleet));
    let events = fleet.apply(2, &["--on-failure", "continue"]);
    assert_eq!(kinds(&events), ["armed", "fired", "failed"]);
    assert!(is_undone(&fleet) && text(&fleet, "behind") == "behind" && text(&fleet, "inside").is_empty());
}

#[test]
fn a_rescue_finds_the_block_undone() {
    let fleet = fleet();
    let playbook = r#"
- hosts: web
  gather_facts: false
  tasks:
    - block:
        - guard: 10
          block:
            - copy: { content: after, dest: "{{ work }}/setting" }
            - command: "false"
      rescue:
        - command: cat {{ work }}/setting
          register: found
        - copy: { content: "{{ found.stdout }}", dest: "{{ work }}/found" }
"#;
    fleet.environment.write("playbook.yml", playbook);
    assert_eq!(kinds(&fleet.apply(0, &[])), ["armed", "fired", "ok"]);
    assert_eq!(text(&fleet, "found"), "before");
}

#[test]
fn a_controller_that_is_killed_leaves_no_block_half_done() {
    let fleet = fleet();
    let waits = "        - shell: touch {{ work }}/begun; sleep 60; touch {{ work }}/never";
    fleet.environment.write("playbook.yml", &playbook(waits, ""));
    let mut run = fleet.environment.start(&["apply", "-i", "inventory.yml", "playbook.yml"]);
    run.until("the step in hand", |_| fleet.work("h01").join("begun").exists());
    assert_eq!(text(&fleet, "setting"), "after");
    run.signal(Signal::KILL);
    assert_eq!(run.end().code, -1);
    wait_for("the file of before", || is_undone(&fleet));
    assert_eq!(text(&fleet, "front"), "front");
    no_guard_is_left(&fleet);
    wait_for("the end of the session", || fleet.sshd.left_behind().is_empty());
    assert!(!fleet.work("h01").join("never").exists());
}

#[test]
fn a_block_that_takes_too_long_is_undone_under_its_feet() {
    let fleet = fleet();
    let waits = "        - shell: sleep 60; touch {{ work }}/never";
    fleet.environment.write("playbook.yml", &playbook(waits, ""));
    let events = fleet.apply(3, &[]);
    assert_eq!(kinds(&events), ["armed", "fired", "rolled back"]);
    assert!(is_undone(&fleet) && text(&fleet, "behind").is_empty());
    assert!(
        events.reason("h01").contains("its guard undid the block at `playbook.yml:8:7`"),
        "{}",
        events.reason("h01")
    );
    no_guard_is_left(&fleet);
}

#[test]
fn a_cut_cable_brings_the_files_back() {
    for mended in [true, false] {
        let mut fleet = fleet();
        let proxy = Proxy::to(&address(1), fleet.sshd.port(1));
        let known = fleet.sshd.known_host(&address(1), proxy.port);
        fleet.hosts.know(known).set("h01", "ansible_port", &proxy.port.to_string());
        // The proxy listens where its server does.
        fleet.hosts.write(&fleet.environment);
        let waits = "        - shell: touch {{ work }}/begun; sleep 60";
        fleet.environment.write("playbook.yml", &playbook(waits, ""));
        let arguments = ["apply", "-i", "inventory.yml", "playbook.yml", "-T", "2", "--output", "json"];
        let mut run = fleet.environment.start(&arguments);
        run.until("the step in hand", |_| fleet.work("h01").join("begun").exists());
        proxy.cut();
        wait_for("the file of before", || is_undone(&fleet));
        if mended {
            proxy.mend();
        }
        let events = Events::read(&run.end().expect(if mended { 3 } else { 4 }));
        let expected: &[&str] =
            if mended { &["armed", "fired", "rolled back"] } else { &["armed", "unreachable"] };
        assert_eq!(kinds(&events), expected);
        let reason = events.reason("h01");
        assert!(mended || reason.contains("restores what it changed within 5 s by itself"), "{reason}");
        no_guard_is_left(&fleet);
    }
}

#[test]
fn an_sshd_that_lets_nobody_in_answers_again() {
    let fleet = fleet();
    let keys = fleet.sshd.path("authorized");
    let breaks = format!("        - copy: {{ content: nobody, dest: {} }}", keys.display());
    fleet.environment.write("playbook.yml", &playbook(&breaks, ""));
    let before = std::fs::read_to_string(&keys).unwrap();
    let events = fleet.apply(3, &[]);
    assert_eq!(kinds(&events), ["armed", "fired", "rolled back"]);
    assert!(is_undone(&fleet) && text(&fleet, "front") == "front" && text(&fleet, "behind").is_empty());
    assert!(
        events.reason("h01").contains("could not be confirmed over a new connection"),
        "{}",
        events.reason("h01")
    );
    assert_eq!(std::fs::read_to_string(&keys).unwrap(), before);
    fleet.environment.write("playbook.yml", &playbook("", ""));
    fleet.apply(0, &[]);
    no_guard_is_left(&fleet);
}

/// The configuration comes back, and what made it count is repeated: the server reads it again.
#[test]
fn an_sshd_that_was_restarted_with_a_bad_configuration_is_restarted_with_the_old_one() {
    let fleet = fleet();
    let (process, config) = fleet.sshd.server(1);
    let before = std::fs::read_to_string(&config).unwrap();
    let play = |line: &str| {
        format!(
            "- hosts: web\n  gather_facts: false\n  tasks:\n    - guard: 5\n      block:\n        - lineinfile: {{ path: {}, line: {line}, insertbefore: BOF }}\n          notify: Restart\n  handlers:\n    - {{ name: Restart, shell: kill -HUP {process} && sleep 0.5 }}\n",
            config.display()
        )
    };
    fleet.environment.write("playbook.yml", &play("AuthorizedKeysFile /nowhere"));
    let events = fleet.apply(3, &[]);
    assert_eq!(kinds(&events), ["armed", "fired", "rolled back"]);
    assert_eq!(std::fs::read_to_string(&config).unwrap(), before);
    fleet.environment.write("playbook.yml", &play("MaxAuthTries 9"));
    assert_eq!(kinds(&fleet.apply(0, &[])), ["armed", "confirmed", "ok"]);
    assert!(std::fs::read_to_string(&config).unwrap().starts_with("MaxAuthTries 9\n"));
    no_guard_is_left(&fleet);
}

/// Each user's shell keeps its own points, and has its own guard.
#[test]
fn every_user_of_a_block_is_guarded() {
    let fleet = fleet();
    let shared = fleet.environment.path("shared");
    std::fs::create_dir(&shared).unwrap();
    for folder in [fleet.environment.folder(), shared.as_path()] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(folder, mode).unwrap();
    }
    let theirs = format!(
        "        - copy: {{ content: theirs, dest: {} }}\n          become: true\n          become_user: nobody",
        shared.join("theirs").display()
    );
    fleet
        .environment
        .write("playbook.yml", &playbook(&format!("{theirs}\n        - command: \"false\""), ""));
    let events = fleet.apply(2, &[]);
    assert_eq!(kinds(&events), ["armed", "armed", "fired", "fired", "failed"]);
    assert!(is_undone(&fleet) && !shared.join("theirs").exists());

    fleet.environment.write("playbook.yml", &playbook(&theirs, ""));
    assert_eq!(kinds(&fleet.apply(0, &[])), ["armed", "armed", "confirmed", "ok"]);
    assert_eq!(std::fs::read_to_string(shared.join("theirs")).unwrap(), "theirs");
    no_guard_is_left(&fleet);
}

#[test]
fn who_may_lock_himself_out_is_warned() {
    let fleet = Fleet::of(1);
    let playbook = r#"
- hosts: web
  tasks:
    - lineinfile: { path: /etc/ssh/sshd_config, line: "UsePAM no" }
    - service: { name: nftables, state: restarted }
    - copy: { content: x, dest: /etc/sshd }
    - guard: 30
      block:
        - block:
            - template: { src: settings.j2, dest: /etc/netplan/10.yaml }
        - systemd: { name: systemd-networkd, state: restarted }
"#;
    fleet.environment.write("playbook.yml", playbook);
    let said = fleet
        .environment
        .run(&["plan", "-i", "inventory.yml", "playbook.yml", "--list-hosts"])
        .expect(0)
        .stderr;
    let warning = "without a guard: a mistake may lock you out of the host";
    assert_eq!(said.matches(warning).count(), 2, "{said}");
    for part in [
        "`/etc/ssh/sshd_config` without",
        "playbook.yml:4:27",
        "the service `nftables` without",
        "playbook.yml:5:24",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// Hosts that go task by task meet in the block too; the failure of one stops the other within its guard.
#[test]
fn hosts_that_go_together_are_undone_together() {
    let fleet = Fleet::of(2);
    let playbook = r#"
- hosts: web
  gather_facts: false
  any_errors_fatal: true
  tasks:
    - guard: 20
      block:
        - copy: { content: after, dest: "{{ work }}/setting" }
          notify: Inside
        - command: test {{ inventory_hostname }} != {{ broken }}
    - copy: { content: behind, dest: "{{ work }}/behind" }
  handlers:
    - { name: Inside, copy: { content: inside, dest: "{{ work }}/inside" } }
"#;
    fleet.environment.write("playbook.yml", playbook);
    let events = fleet.apply(2, &["-e", "broken=h02"]);
    let fired = events.0.iter().filter(|event| matches!(event.kind, EventKind::GuardFired { .. })).count();
    assert_eq!(fired, 2);
    for host in ["h01", "h02"] {
        assert_eq!(std::fs::read_dir(fleet.work(host)).unwrap().count(), 0, "{host}");
    }
    let events = fleet.apply(0, &["-e", "broken=nobody"]);
    assert_eq!(kinds(&events), ["armed", "armed", "confirmed", "confirmed", "ok", "ok"]);
    assert!(["inside", "behind"].iter().all(|name| fleet.work("h02").join(name).exists()));
    no_guard_is_left(&fleet);
}

#[test]
fn the_controller_itself_can_be_guarded() {
    let environment = crate::support::environment::Environment::new();
    let file = environment.path("made");
    let playbook = |task: &str| {
        format!(
            "- hosts: localhost\n  gather_facts: false\n  vars: {{ paceline_base: {} }}\n  tasks:\n    - guard: 5\n      block:\n        - copy: {{ content: x, dest: {} }}\n        - {task}\n",
            environment.path("base").display(),
            file.display()
        )
    };
    environment.write("local.yml", &playbook("command: \"false\""));
    assert_eq!(kinds(&environment.events(2, &["apply", "local.yml"])), ["armed", "fired", "failed"]);
    assert!(!file.exists());
    environment.write("local.yml", &playbook("ping:"));
    assert_eq!(kinds(&environment.events(0, &["apply", "local.yml"])), ["armed", "confirmed", "ok"]);
    assert!(file.exists());
}
