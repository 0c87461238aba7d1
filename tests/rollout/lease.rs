//! Two controllers and the same hosts: one of them works, the other one is told who does.

use std::time::Duration;

use paceline::executor::event::{EventKind, HostStatus};
use rustix::process::Signal;

use super::Fleet;
use crate::support::environment::Events;
use crate::support::running::Running;

/// Waits on every host until `go` is there.
const WAITS: &str = r#"
- hosts: web
  gather_facts: false
  tasks:
    - shell: touch begun; while [ ! -e go ]; do sleep 0.1; done
      args: { chdir: "{{ work }}" }
"#;

/// Counts itself.
const COUNTS: &str = r#"
- hosts: web
  gather_facts: false
  tasks:
    - shell: echo {{ who }} >>count
      args: { chdir: "{{ work }}" }
"#;

impl Fleet {
    /// Starts a rollout from a state folder of its own, as another operator would.
    fn starts(&self, playbook: &str, state: &str, more: &[&str]) -> Running {
        let mut all =
            vec!["apply", "-i", "inventory.yml", playbook, "--output", "json", "--state-dir", state];
        all.extend(more);
        self.environment.start(&all)
    }

    fn applies(&self, code: i32, playbook: &str, state: &str, more: &[&str]) -> Events {
        Events::read(&self.starts(playbook, state, more).end().expect(code))
    }

    fn begins(&self, run: &mut Running, hosts: &[&str]) {
        run.until("the step in hand", |_| hosts.iter().all(|host| self.work(host).join("begun").exists()));
    }

    fn goes(&self, hosts: &[&str]) {
        for host in hosts {
            std::fs::write(self.work(host).join("go"), "").unwrap();
        }
    }

    fn counted(&self, host: &str) -> String {
        std::fs::read_to_string(self.work(host).join("count")).unwrap_or_default()
    }
}

fn status(events: &Events, host: &str) -> Option<HostStatus> {
    let of_host = events.0.iter().filter(|event| event.host.as_deref() == Some(host));
    let ends = of_host.filter_map(|event| match event.kind {
        EventKind::HostFinished { status, .. } => Some(status),
        _ => None,
    });
    ends.fold(None, |_, end| Some(end))
}

fn run_of(running: &Running) -> String {
    let first = running.stdout();
    let event: serde_json::Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    event["run"].as_str().unwrap().to_owned()
}

#[test]
fn a_second_run_is_refused_and_told_whose_the_host_is() {
    let fleet = Fleet::of(3);
    fleet.environment.write("waits.yml", WAITS);
    fleet.environment.write("counts.yml", COUNTS);
    let mut first = fleet.starts("waits.yml", "one", &["-l", "h01"]);
    fleet.begins(&mut first, &["h01"]);
    let run = run_of(&first);

    // It stops with the wave of the host that is held: the next one is not touched.
    let refused = fleet.applies(2, "counts.yml", "two", &["-e", "who=b", "--serial", "1"]);
    assert_eq!(status(&refused, "h01"), Some(HostStatus::Held));
    let reason = refused.reason("h01");
    for word in [&run[..13], "@", "since 20", "lease ends in", "runs unlock", "-l h01"] {
        assert!(reason.contains(word), "no `{word}` in {reason}");
    }
    for host in ["h02", "h03"] {
        assert_eq!(
            (status(&refused, host), fleet.counted(host)),
            (Some(HostStatus::Cancelled), String::new())
        );
    }
    let budget = refused.0.iter().any(|event| {
        matches!(&event.kind, EventKind::BudgetExceeded { limit, .. } if limit.contains("--skip-held"))
    });
    assert!(budget);

    // Told to, it goes on with the others, and still says that one was left out.
    let others = fleet.applies(2, "counts.yml", "two", &["-e", "who=b", "--serial", "1", "--skip-held"]);
    assert_eq!((others.of("h01").failed, others.of("h02").changed, others.of("h03").changed), (1, 1, 1));
    assert_eq!(fleet.counted("h01") + &fleet.counted("h02"), "b\n");

    // Looking is free.
    fleet.environment.run(&["plan", "-i", "inventory.yml", "counts.yml", "-e", "who=b"]).expect(0);
    fleet.goes(&["h01"]);
    first.end().expect(0);
    let after = fleet.applies(0, "counts.yml", "two", &["-e", "who=c"]);
    assert_eq!(after.of("h01").changed, 1);
    let list = fleet.environment.run(&["runs", "list", "--state-dir", "two"]).expect(0).stdout;
    assert!(list.contains("failed"), "{list}");
}

#[test]
fn a_rollback_is_refused_on_a_host_that_is_held() {
    let fleet = Fleet::of(2);
    fleet.environment.write("waits.yml", WAITS);
    let copies = "- hosts: web\n  gather_facts: false\n  tasks:\n    - copy: { content: x, dest: \"{{ work }}/made\" }\n";
    fleet.environment.write("copies.yml", copies);
    fleet.applies(0, "copies.yml", "two", &[]);
    let mut first = fleet.starts("waits.yml", "one", &["-l", "h02"]);
    fleet.begins(&mut first, &["h02"]);
    let rollback = ["rollback", "latest", "--state-dir", "two", "--skip-held"];
    let back = fleet.environment.events(2, &rollback);
    assert_eq!(status(&back, "h02"), Some(HostStatus::Held));
    assert_eq!(status(&back, "h01"), Some(HostStatus::RolledBack));
    let one_by_one = ["rollback", "latest", "--state-dir", "two", "-l", "h02", "-f", "1"];
    assert_eq!(status(&fleet.environment.events(2, &one_by_one), "h02"), Some(HostStatus::Held));
    fleet.goes(&["h02"]);
    first.end().expect(0);
    fleet.environment.events(0, &["rollback", "latest", "--state-dir", "two"]);
    assert!(!fleet.work("h02").join("made").exists());
}

#[test]
fn a_controller_that_slept_past_its_lease_starts_no_further_step() {
    let mut fleet = Fleet::of(2);
    fleet.hosts.set_all("paceline_lease", "2").write(&fleet.environment);
    let mut playbook = String::from("- hosts: web\n  gather_facts: false\n  serial: 1\n  tasks:\n");
    for _ in 0..200 {
        playbook.push_str(
            "    - shell: echo a >>count; sleep 0.1\n      args: { chdir: \"{{ work }}\" }\n      register: said\n    - debug: { var: said.rc }\n",
        );
    }
    fleet.environment.write("long.yml", &playbook);
    fleet.environment.write("counts.yml", COUNTS);
    let mut asleep = fleet.starts("long.yml", "one", &[]);
    asleep.until("some steps", |_| fleet.counted("h01").lines().count() > 30);
    asleep.signal(Signal::STOP);
    std::thread::sleep(Duration::from_secs(4));
    let before = fleet.counted("h01").lines().count();
    let other = fleet.applies(0, "counts.yml", "two", &["-e", "who=b", "-l", "h01"]);
    let run = other.0[0].run.clone();
    assert_eq!(fleet.counted("h01").lines().count(), before + 1);
    asleep.signal(Signal::CONT);
    let slept = Events::read(&asleep.end().expect(2));
    assert_eq!(status(&slept, "h01"), Some(HostStatus::Held), "{}", slept.reason("h01"));
    let reason = slept.reason("h01");
    assert!(reason.contains(&format!("run {}", &run[..13])), "{reason}");
    assert!(reason.contains("no further step was started"), "{reason}");
    assert_eq!(fleet.counted("h01").lines().count(), before + 1, "it went on");
    assert!(fleet.counted("h01").ends_with("b\n"));
    assert_eq!(fleet.counted("h02"), "", "no further wave begins");
}

#[test]
fn a_controller_that_slept_alone_starts_no_further_step_either() {
    let mut fleet = Fleet::of(1);
    fleet.hosts.set_all("paceline_lease", "2").write(&fleet.environment);
    fleet.environment.write("waits.yml", &format!("{WAITS}    - shell: touch {{{{ work }}}}/after\n"));
    let mut asleep = fleet.starts("waits.yml", "one", &[]);
    fleet.begins(&mut asleep, &["h01"]);
    // Its heartbeat keeps the lease for longer than that holds.
    std::thread::sleep(Duration::from_secs(4));
    asleep.signal(Signal::STOP);
    std::thread::sleep(Duration::from_secs(4));
    fleet.goes(&["h01"]);
    std::thread::sleep(Duration::from_millis(300));
    asleep.signal(Signal::CONT);
    let slept = Events::read(&asleep.end().expect(2));
    assert_eq!(status(&slept, "h01"), Some(HostStatus::Held), "{}", slept.reason("h01"));
    assert!(slept.reason("h01").contains("lease ran out"), "{}", slept.reason("h01"));
    assert!(!fleet.work("h01").join("after").exists());
}

/// `MaxSessions 1`: there is no channel beside the busy shell.
#[test]
fn a_heartbeat_does_not_need_a_second_channel() {
    let environment = crate::support::environment::Environment::new();
    let sshd = crate::support::sshd::Sshd::with_config(1, "Match all\nMaxSessions 1");
    let mut hosts = crate::support::hosts::Hosts::numbered(&environment, &sshd, 1);
    hosts.set_all("paceline_lease", "2").write(&environment);
    environment.write(
        "playbook.yml",
        "- hosts: web\n  gather_facts: false\n  tasks:\n    - command: sleep 6\n    - command: touch {{ work }}/after\n",
    );
    environment.events(0, &["apply", "-i", "inventory.yml", "playbook.yml"]);
    assert!(environment.path("hosts/h01/work/after").exists());
}

#[test]
fn a_controller_that_was_killed_keeps_nobody_out() {
    let fleet = Fleet::of(1);
    fleet.environment.write("waits.yml", WAITS);
    fleet.environment.write("counts.yml", COUNTS);
    let mut first = fleet.starts("waits.yml", "one", &[]);
    fleet.begins(&mut first, &["h01"]);
    first.signal(Signal::KILL);
    assert_eq!(first.end().code, -1);
    // Its step in hand goes on, and the host is its own until that ends.
    let refused = fleet.applies(2, "counts.yml", "two", &["-e", "who=b"]);
    assert_eq!(status(&refused, "h01"), Some(HostStatus::Held));
    fleet.goes(&["h01"]);
    let patience = std::time::Instant::now() + Duration::from_secs(20);
    while !fleet.sshd.left_behind().is_empty() {
        assert!(std::time::Instant::now() < patience);
        std::thread::sleep(Duration::from_millis(50));
    }
    fleet.applies(0, "counts.yml", "two", &["-e", "who=b"]);
}

#[test]
fn a_host_that_cannot_be_leased_is_not_touched() {
    let mut fleet = Fleet::of(1);
    fleet.environment.write("counts.yml", COUNTS);
    fleet.hosts.set("h01", "paceline_lease", "1").write(&fleet.environment);
    let ended =
        fleet.environment.run(&["apply", "-i", "inventory.yml", "counts.yml", "-e", "who=b"]).expect(1);
    let told =
        ended.stderr.contains("inventory.yml:") && ended.stderr.contains("`paceline_lease`: it must be");
    assert!(told, "{}", ended.stderr);
    // What only the run can know fails the host.
    fleet.hosts.set("h01", "paceline_lease", "\"{{ 1 }}\"").write(&fleet.environment);
    let events = fleet.applies(4, "counts.yml", "one", &["-e", "who=b"]);
    let reason = events.reason("h01");
    assert!(reason.contains("`paceline_lease`: it must be a number of seconds from 2"), "{reason}");
    assert_eq!(fleet.counted("h01"), "");
}

#[test]
fn the_lease_of_a_dead_run_is_broken_by_hand() {
    let fleet = Fleet::of(2);
    fleet.environment.write("waits.yml", &format!("{WAITS}    - shell: touch {{{{ work }}}}/after\n"));
    fleet.environment.write("counts.yml", COUNTS);
    let mut first = fleet.starts("waits.yml", "one", &[]);
    fleet.begins(&mut first, &["h01", "h02"]);
    let run = run_of(&first);
    let unlock = |code: i32, arguments: &[&str]| {
        let mut all = vec!["runs", "unlock"];
        all.extend(arguments);
        fleet.environment.run(&all).expect(code)
    };
    let ended = unlock(1, &[&run, "--yes", "--state-dir", "one"]);
    assert!(ended.stderr.contains("is at work on this machine"), "{}", ended.stderr);
    first.signal(Signal::STOP);
    // Nobody can be asked here.
    let ended = unlock(1, &[&run, "--state-dir", "one", "--force"]);
    assert!(ended.stderr.contains("say `--yes`"), "{}", ended.stderr);
    let ended = unlock(0, &[&run, "--state-dir", "one", "--force", "--yes", "-l", "h01", "--output", "json"]);
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["hosts"][0]["state"], "unlocked", "{document}");
    assert_eq!(document["hosts"].as_array().unwrap().len(), 1);
    // Of the other one somebody else has to find out first.
    let ended = unlock(0, &["--host", "h02", "-i", "inventory.yml", "--yes", "--state-dir", "two"]);
    assert!(
        ended.stdout.contains(&format!("h02: unlocked, was held by run {}", &run[..13])),
        "{}",
        ended.stdout
    );
    let again = unlock(0, &["--host", "h02", "-i", "inventory.yml", "--yes", "--state-dir", "two"]);
    assert!(again.stdout.contains("h02: nobody holds it"), "{}", again.stdout);

    // The step in hand goes on, and who comes next waits for it.
    let mut next = fleet.starts("counts.yml", "two", &["-e", "who=b"]);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(fleet.counted("h01"), "");
    fleet.goes(&["h01", "h02"]);
    next.until("its own steps", |_| fleet.counted("h01") == "b\n" && fleet.counted("h02") == "b\n");
    let next = Events::read(&next.end().expect(0));
    let waited = next.0.iter().any(|event| {
        matches!(&event.kind, EventKind::Warning { message } if message.contains("waiting for a step"))
    });
    assert!(waited);
    first.signal(Signal::CONT);
    let first = Events::read(&first.end().expect(2));
    for host in ["h01", "h02"] {
        assert_eq!(status(&first, host), Some(HostStatus::Held), "{}", first.reason(host));
    }
}

#[test]
fn two_rollbacks_of_one_run_exclude_each_other() {
    let fleet = Fleet::of(1);
    let copies = "- hosts: web\n  gather_facts: false\n  tasks:\n    - copy: { content: x, dest: \"{{ work }}/made\" }\n";
    fleet.environment.write("copies.yml", copies);
    let run = fleet.environment.events(0, &["apply", "-i", "inventory.yml", "copies.yml"]).0[0].run.clone();
    let path = fleet.environment.path(&format!(".paceline/runs/{run}/lock"));
    std::fs::write(&path, "4711 rollback of it\n").unwrap();
    let lock = std::fs::File::open(&path).unwrap();
    lock.lock().unwrap();
    let ended = fleet.environment.run(&["rollback", &run]).expect(1);
    assert!(ended.stderr.contains("is in use: `rollback of it` by process 4711"), "{}", ended.stderr);
    // To look at it, or at what would be restored, nobody has to wait.
    fleet.environment.run(&["rollback", &run, "--plan"]).expect(0);
    let list = fleet.environment.run(&["runs", "list"]).expect(0).stdout;
    assert!(!list.contains("running"), "{list}");
    drop(lock);
    fleet.environment.run(&["rollback", &run]).expect(0);
}
