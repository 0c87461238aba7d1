//! Going on with a run: failed tasks are tried again, finished ones are not, and nothing is assumed unseen.

use std::fs;

use rustix::process::Signal;

use super::Fleet;
use paceline::executor::event::{EventKind, HostStatus};

/// Two counted steps around one that fails as long as `work/mended` is missing.
const FAILS: &str = r#"
- hosts: web
  gather_facts: false
  tasks:
    - name: Before
      shell: echo x >> {{ work }}/before; echo value
      register: before
    - name: Loop
      shell: echo {{ item }} >> {{ work }}/loop; test {{ item }} != b || test -e {{ work }}/mended
      loop: [a, b, c]
    - name: After
      copy: { content: "{{ before.stdout }}\n", dest: "{{ work }}/after" }
      notify: Told
  handlers:
    - name: Told
      shell: echo x >> {{ work }}/told
"#;

fn resume(fleet: &Fleet, code: i32, arguments: &[&str]) -> crate::support::environment::Events {
    let mut all = vec!["resume", "latest"];
    all.extend(arguments);
    fleet.environment.events(code, &all)
}

#[test]
fn the_cause_is_mended_and_the_failed_task_tried_again() {
    let fleet = Fleet::of(2);
    fleet.environment.write("playbook.yml", FAILS);
    fs::write(fleet.work("h02").join("mended"), "").unwrap();
    let events = fleet.apply(2, &[]);
    assert_eq!((events.of("h01").failed, events.of("h02").failed), (1, 0));

    // Not mended: it fails again, and nothing else runs again.
    assert_eq!(resume(&fleet, 2, &[]).of("h01").failed, 1);
    fs::write(fleet.work("h01").join("mended"), "").unwrap();
    let events = resume(&fleet, 0, &[]);
    let read = |name: &str| fs::read_to_string(fleet.work("h01").join(name)).unwrap();
    assert_eq!((read("before"), read("after"), read("told")), ("x\n".into(), "value\n".into(), "x\n".into()));
    assert_eq!(read("loop"), "a\nb\nc\nb\nb\n", "only the failed item is tried again");
    assert_eq!(events.of("h01"), events.of("h02"), "the recap is that of the whole run");
    // The finished host was not contacted.
    let connected: Vec<_> =
        events.0.iter().filter(|event| matches!(event.kind, EventKind::HostConnected { .. })).collect();
    assert!(connected.iter().all(|event| event.host.as_deref() == Some("h01")) && connected.len() == 1);
    // All of it is done: once more changes nothing.
    let events = resume(&fleet, 0, &[]);
    assert!(!events.0.iter().any(|event| matches!(event.kind, EventKind::StepStarted { .. })));
}

#[test]
fn failed_hosts_can_be_left_alone_and_others_selected() {
    let fleet = Fleet::of(3);
    fleet.environment.write("playbook.yml", FAILS);
    fs::write(fleet.work("h03").join("mended"), "").unwrap();
    fleet.apply(2, &[]);
    for host in ["h01", "h02"] {
        fs::write(fleet.work(host).join("mended"), "").unwrap();
    }
    let events = resume(&fleet, 2, &["--skip-failed"]);
    assert!(!events.0.iter().any(|event| matches!(event.kind, EventKind::HostConnected { .. })));
    assert_eq!(events.of("h01").failed, 1, "what is left alone still counts");
    let events = resume(&fleet, 2, &["-l", "h02"]);
    assert_eq!((events.of("h01").failed, events.of("h02").failed), (1, 0));
    assert!(!fleet.work("h01").join("after").exists() && fleet.work("h02").join("after").exists());
    resume(&fleet, 0, &[]);
    assert!(fleet.work("h01").join("after").exists());
}

#[test]
fn other_files_than_the_runs_are_refused_with_the_difference() {
    let fleet = Fleet::of(1);
    fleet.environment.write("playbook.yml", FAILS);
    fleet.apply(2, &[]);
    let mended = FAILS.replace("test {{ item }} != b || test -e {{ work }}/mended", "true");
    fleet.environment.write("playbook.yml", &mended);
    let refused = fleet.environment.run(&["resume", "latest"]).expect(1);
    assert!(refused.stderr.contains("not as they were"), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("+      shell: echo {{ item }} >> {{ work }}/loop; true"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    resume(&fleet, 0, &["--force"]);
    let read = |name: &str| fs::read_to_string(fleet.work("h01").join(name)).unwrap();
    assert_eq!((read("before"), read("loop")), ("x\n".into(), "a\nb\nc\nb\n".into()));
}

#[test]
fn a_state_folder_goes_on_elsewhere_and_tells_no_secret() {
    let fleet = Fleet::of(1);
    fleet.environment.write(
        "playbook.yml",
        r#"
- hosts: web
  gather_facts: false
  tasks:
    - shell: echo x >> {{ work }}/before; echo {{ word }}
      register: said
      no_log: true
    - shell: test -e {{ work }}/mended
    - copy: { content: "{{ said.stdout }}\n", dest: "{{ work }}/after" }
"#,
    );
    fleet.apply(2, &["-e", "word=open-sesame"]);
    let state = fleet.environment.path("moved/state");
    fs::create_dir(fleet.environment.path("moved")).unwrap();
    fs::rename(fleet.environment.path(".paceline"), &state).unwrap();
    let text = std::process::Command::new("grep").args(["-ra", "open-sesame"]).arg(&state).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&text.stdout), "");
    fs::write(fleet.work("h01").join("mended"), "").unwrap();
    let mut command = fleet.environment.paceline(&["resume", "latest", "--state-dir", "state"]);
    let elsewhere = fleet.environment.path("moved");
    crate::support::running::Running::start(command.current_dir(elsewhere)).end().expect(0);
    let read = |name: &str| fs::read_to_string(fleet.work("h01").join(name)).unwrap();
    assert_eq!((read("before"), read("after")), ("x\n".into(), "open-sesame\n".into()));
}

/// The shell of the host dies within a command, so that nobody knows how far it came.
#[test]
fn a_step_in_doubt_is_listed_and_settled_by_a_person() {
    for (settled, count) in [("done", "x\n"), ("not-done", "x\nx\n")] {
        let fleet = Fleet::of(1);
        fleet.environment.write(
            "playbook.yml",
            r#"
- hosts: web
  gather_facts: false
  tasks:
    - name: Before
      shell: echo x >> {{ work }}/before
    - name: In hand
      shell: echo x >> {{ work }}/count; test -e {{ work }}/again || sleep 60
    - name: After
      shell: echo x >> {{ work }}/after
"#,
        );
        let mut run = fleet.environment.start(&["apply", "-i", "inventory.yml", "playbook.yml", "--yes"]);
        let counted = fleet.work("h01").join("count");
        run.until("the command", |_| counted.exists());
        for pid in fleet.sshd.left_behind() {
            crate::support::processes::signal(pid, Signal::KILL);
        }
        run.end().expect(4);
        fs::write(fleet.work("h01").join("again"), "").unwrap();
        let events = resume(&fleet, 2, &[]);
        let reason = events.reason("h01");
        assert!(reason.contains("In hand") && reason.contains("--assume not-done"), "{reason}");
        assert!(reason.contains("playbook.yml:7:7"), "{reason}");
        let ended = events.0.iter().find_map(|event| match &event.kind {
            EventKind::HostFinished { status, .. } => Some(*status),
            _ => None,
        });
        assert_eq!(ended, Some(HostStatus::InDoubt));
        resume(&fleet, 0, &["--assume", settled]);
        let read = |name: &str| fs::read_to_string(fleet.work("h01").join(name)).unwrap();
        assert_eq!(
            (read("before"), read("count"), read("after")),
            ("x\n".into(), count.into(), "x\n".into())
        );
    }
}

#[test]
fn what_cannot_be_gone_on_with_is_refused() {
    let fleet = Fleet::of(1);
    let refused = |arguments: &[&str]| fleet.environment.run(arguments).expect(1).stderr;
    assert!(refused(&["resume", "latest"]).contains("no runs"));
    fleet.environment.run(&["plan", "-i", "inventory.yml", "playbook.yml"]).expect(0);
    assert!(refused(&["resume", "latest"]).contains("changes nothing"));
    fleet.environment.write(
        "playbook.yml",
        "- hosts: web\n  gather_facts: false\n  tasks:\n    - copy: { content: x, dest: '{{ work }}/x' }\n",
    );
    fleet.apply(0, &[]);
    fleet.environment.run(&["rollback", "latest"]).expect(0);
    let runs = fs::read_dir(fleet.environment.path(".paceline/runs")).unwrap();
    let mut runs: Vec<_> = runs.map(|run| run.unwrap().path()).collect();
    runs.sort();
    let id = |index: usize| runs[index].file_name().unwrap().to_str().unwrap().to_owned();
    let (apply, rollback) = (id(1), id(2));
    assert!(refused(&["resume", &rollback]).contains("is a rollback"));
    // Rolled back by hand: its hosts are left alone. `latest` is the rollout, whatever came behind it.
    for run in [apply.as_str(), "latest"] {
        let said = refused(&["resume", run]);
        assert!(said.contains("was rolled back by") && said.contains("no host"), "{said}");
    }
    fs::remove_file(runs[1].join("key")).unwrap();
    assert!(refused(&["resume", &apply]).contains("key of run"));
}

/// A run that is killed in a guarded block: the host undoes the block, and the resumed run does all of it again.
#[test]
fn a_guarded_block_begins_anew_whether_its_guard_has_fired_or_not() {
    for (guard, fired) in [(5, true), (600, false)] {
        let fleet = Fleet::of(1);
        let playbook = r#"
- hosts: web
  gather_facts: false
  tasks:
    - name: Before
      shell: echo x >> {{ work }}/before
    - guard: GUARD
      block:
        - name: Settings
          copy: { content: "new\n", dest: "{{ work }}/settings" }
          notify: Told
        - name: In hand
          shell: echo x >> {{ work }}/in-hand; test -e {{ work }}/go || sleep 300
    - name: After
      shell: cat {{ work }}/settings > {{ work }}/after
  handlers:
    - name: Told
      shell: echo x >> {{ work }}/told
"#;
        fleet.environment.write("playbook.yml", &playbook.replace("GUARD", &guard.to_string()));
        let settings = fleet.work("h01").join("settings");
        fs::write(&settings, "old\n").unwrap();
        let mut run = fleet.environment.start(&["apply", "-i", "inventory.yml", "playbook.yml", "--yes"]);
        let in_hand = fleet.work("h01").join("in-hand");
        run.until("the command in hand", |_| in_hand.exists());
        assert_eq!(fs::read_to_string(&settings).unwrap(), "new\n");
        run.signal(Signal::KILL);
        run.end().expect(-1);
        if fired {
            let patience = std::time::Instant::now() + std::time::Duration::from_secs(60);
            while fs::read_to_string(&settings).unwrap() != "old\n" {
                assert!(std::time::Instant::now() < patience, "the guard does not fire");
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
        } else {
            // The command in hand would be waited for, and nobody is there to end it.
            for pid in fleet.sshd.left_behind() {
                crate::support::processes::signal(pid, Signal::KILL);
            }
        }
        fs::write(fleet.work("h01").join("go"), "").unwrap();
        let events = resume(&fleet, 0, &[]);
        let read = |name: &str| fs::read_to_string(fleet.work("h01").join(name)).unwrap();
        assert_eq!(
            (read("before"), read("settings"), read("after")),
            ("x\n".into(), "new\n".into(), "new\n".into())
        );
        assert_eq!((read("told"), read("in-hand")), ("x\n".into(), "x\nx\n".into()), "guard {guard}");
        let confirmed =
            events.0.iter().filter(|event| matches!(event.kind, EventKind::GuardConfirmed { .. }));
        assert_eq!(confirmed.count(), 1);
        // Nobody is left who could fire later.
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !fleet.sshd.left_behind().is_empty() {
            assert!(std::time::Instant::now() < patience, "a guard is left");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

#[test]
fn a_host_that_went_on_tries_its_failed_tasks_alone() {
    let fleet = Fleet::of(1);
    fleet.environment.write(
        "playbook.yml",
        r#"
- hosts: web
  gather_facts: false
  on_failure: continue
  tasks:
    - shell: echo x >> {{ work }}/one; test -e {{ work }}/mended
    - shell: echo x >> {{ work }}/two
    - shell: echo x >> {{ work }}/three; test -e {{ work }}/mended
    - shell: echo x >> {{ work }}/four
"#,
    );
    assert_eq!(fleet.apply(2, &[]).of("h01").failed, 2);
    fs::write(fleet.work("h01").join("mended"), "").unwrap();
    let events = resume(&fleet, 0, &[]);
    let read = |name: &str| fs::read_to_string(fleet.work("h01").join(name)).unwrap();
    assert_eq!([read("one"), read("two"), read("three"), read("four")], ["x\nx\n", "x\n", "x\nx\n", "x\n"]);
    assert_eq!((events.of("h01").failed, events.of("h01").ok), (0, 4));
}

#[test]
fn a_host_that_was_restored_begins_anew() {
    let fleet = Fleet::of(1);
    fleet.environment.write(
        "playbook.yml",
        r#"
- hosts: web
  gather_facts: false
  on_failure: rollback
  tasks:
    - copy: { content: "new\n", dest: "{{ work }}/settings" }
    - shell: echo x >> {{ work }}/count
    - shell: test -e {{ work }}/mended
"#,
    );
    let events = fleet.apply(3, &[]);
    assert!(events.of("h01").rolled_back > 0 && !fleet.work("h01").join("settings").exists());
    fs::write(fleet.work("h01").join("mended"), "").unwrap();
    resume(&fleet, 0, &[]);
    let read = |name: &str| fs::read_to_string(fleet.work("h01").join(name)).unwrap();
    assert_eq!((read("settings"), read("count")), ("new\n".into(), "x\nx\n".into()));
    // What both incarnations changed is taken back.
    fleet.environment.run(&["rollback", "latest"]).expect(0);
    assert!(!fleet.work("h01").join("settings").exists());
}

/// A guarded block that failed and was rescued is over, however often the run is resumed.
#[test]
fn a_rescued_guarded_block_is_not_done_again() {
    let fleet = Fleet::of(1);
    fleet.environment.write(
        "playbook.yml",
        r#"
- hosts: web
  gather_facts: false
  tasks:
    - block:
        - guard: 60
          block:
            - shell: echo x >> {{ work }}/tried; false
            - shell: echo x >> {{ work }}/never
      rescue:
        - shell: echo x >> {{ work }}/rescued
    - shell: echo x >> {{ work }}/behind; test -e {{ work }}/mended
"#,
    );
    fleet.apply(2, &[]);
    fs::write(fleet.work("h01").join("mended"), "").unwrap();
    resume(&fleet, 0, &[]);
    let read = |name: &str| fs::read_to_string(fleet.work("h01").join(name)).unwrap();
    assert_eq!([read("tried"), read("rescued"), read("behind")], ["x\n", "x\n", "x\nx\n"]);
    assert!(!fleet.work("h01").join("never").exists());
    // A finished host is not contacted, although a step behind the rescued one was sent ahead.
    let events = resume(&fleet, 0, &[]);
    assert!(!events.0.iter().any(|event| matches!(event.kind, EventKind::HostConnected { .. })));
}

/// What a second Ctrl-C ended has no result.
#[test]
fn a_command_that_was_interrupted_is_in_doubt() {
    let fleet = Fleet::of(1);
    fleet.environment.write(
        "playbook.yml",
        r#"
- hosts: web
  gather_facts: false
  tasks:
    - shell: echo x >> {{ work }}/count; test -e {{ work }}/again || sleep 60
      ignore_errors: true
    - shell: echo x >> {{ work }}/behind
"#,
    );
    let mut run = fleet.environment.start(&["apply", "-i", "inventory.yml", "playbook.yml", "--yes"]);
    let counted = fleet.work("h01").join("count");
    run.until("the command", |_| counted.exists());
    run.signal(Signal::INT);
    std::thread::sleep(std::time::Duration::from_millis(300));
    run.signal(Signal::INT);
    run.end().expect(99);
    fs::write(fleet.work("h01").join("again"), "").unwrap();
    assert!(resume(&fleet, 2, &[]).reason("h01").contains("nobody knows"));
    resume(&fleet, 0, &["--assume", "not-done"]);
    let read = |name: &str| fs::read_to_string(fleet.work("h01").join(name)).unwrap();
    assert_eq!([read("count"), read("behind")], ["x\nx\n", "x\n"]);
}

/// Two controllers with a copy of the same state folder are two: the second one is held.
#[test]
fn a_copy_of_the_state_folder_does_not_share_the_lease() {
    let fleet = Fleet::of(1);
    fleet.environment.write(
        "playbook.yml",
        r#"
- hosts: web
  gather_facts: false
  tasks:
    - shell: test -e {{ work }}/mended
    - shell: echo x >> {{ work }}/count; sleep 3
"#,
    );
    fleet.apply(2, &[]);
    let mut copy = std::process::Command::new("cp");
    copy.args(["-a", ".paceline", "copy"]).current_dir(fleet.environment.folder());
    assert!(copy.status().unwrap().success());
    fs::write(fleet.work("h01").join("mended"), "").unwrap();
    let mut first = fleet.environment.start(&["resume", "latest"]);
    let counted = fleet.work("h01").join("count");
    first.until("its second step", |_| counted.exists());
    let second = resume(&fleet, 2, &["--state-dir", "copy"]);
    let held = |event: &paceline::executor::event::Event| {
        matches!(event.kind, EventKind::HostFinished { status: HostStatus::Held, .. })
    };
    assert!(second.0.iter().any(held));
    first.end().expect(0);
    assert_eq!(fs::read_to_string(counted).unwrap(), "x\n");
}
