//! Whole runs on a Windows host behind a real sshd, whose forced command is the model: rollouts, a controller that is
//! killed, resume, rollback, leases, and what is refused.

use std::fs;
use std::time::{Duration, Instant};

use paceline::executor::event::EventKind;

use super::peer::{Model, support};
use super::scripts::python;
use crate::support::environment::{Environment, Events};
use crate::support::hosts::Hosts;
use crate::support::running::Running;
use crate::support::sshd::Sshd;

/// One host, reached as OpenSSH for Windows is.
pub(super) struct Scene {
    pub(super) environment: Environment,
    pub(super) model: Model,
    _sshd: Sshd,
}

impl Scene {
    pub(super) fn new(playbook: &str) -> Self {
        let (environment, model) = (Environment::new(), Model::new());
        let forced = format!(
            "ForceCommand PYTHONPATH={} exec {} -m windows.shell {}\n",
            support().display(),
            python().display(),
            model.folder().display()
        );
        let sshd = Sshd::with_config(1, &forced);
        let mut hosts = Hosts::numbered(&environment, &sshd, 1);
        hosts.set_all("ansible_shell_type", "powershell");
        hosts.set("h01", "paceline_base", "'C:\\ProgramData\\Paceline'");
        hosts.write(&environment);
        environment.write("playbook.yml", playbook);
        Self { environment, model, _sshd: sshd }
    }

    pub(super) fn apply(&self, code: i32, further: &[&str]) -> Events {
        let arguments = [&["apply", "-i", "inventory.yml", "playbook.yml"], further].concat();
        self.environment.events(code, &arguments)
    }

    fn records(&self) -> u64 {
        let runs = fs::read_dir(self.environment.path(".paceline/runs")).unwrap();
        let newest = runs.map(|run| run.unwrap().path()).max().unwrap();
        fs::read_to_string(newest.join("journal.jsonl")).unwrap().lines().count() as u64
    }

    /// Waits until no session is left on the host.
    fn quiet(&self) {
        let patience = Instant::now() + Duration::from_secs(60);
        while self.model.sessions() > 0 {
            assert!(Instant::now() < patience, "a session goes on without a controller");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Commands that count how often they ran, their output in use, a loop, a rescue and a handler.
const COUNTS: &str = r#"
- hosts: web
  gather_facts: false
  tasks:
    - win_command: paceline-test count one
      register: one
      notify: Handler
    - win_command: paceline-test count loop-{{ item }} say {{ one.stdout_lines[0] }}
      loop: [a, b, c]
      register: looped
    - assert:
        that: looped.results | map(attribute='stdout_lines') | map('last') | unique | list == [one.stdout_lines[0]]
    - block:
        - win_command: paceline-test count try exit 3
        - win_command: paceline-test count never
      rescue:
        - win_command: paceline-test count rescue-{{ ansible_failed_result.rc }}
    - win_command: paceline-test out 300000 count much
      register: much
    - win_command: paceline-test env GREETING count env
      environment: { GREETING: "good day" }
      register: greeting
    - assert:
        that: greeting.stdout_lines[0] == 'good day'
    - win_command: paceline-test count last
  handlers:
    - name: Handler
      win_command: paceline-test count handler
"#;

const ONCE: [&str; 9] = ["one", "loop-a", "loop-b", "loop-c", "try", "rescue-3", "much", "last", "handler"];

#[test]
fn a_killed_controller_is_resumed_and_no_command_runs_twice() {
    let scene = Scene::new(COUNTS);
    let whole = scene.apply(0, &[]);
    for name in ONCE {
        assert_eq!(scene.model.count(name), 1, "{name}");
    }
    assert_eq!(scene.model.count("never"), 0);
    let records = scene.records();
    assert!(records > 20, "{records}");
    let mut runs = 1;
    for record in [records / 5, 2 * records / 5, 3 * records / 5, 4 * records / 5] {
        let mut killed =
            scene.environment.paceline(&["apply", "-i", "inventory.yml", "playbook.yml", "--yes"]);
        killed.env("PACELINE_TEST_KILL_AFTER_RECORD", record.to_string());
        Running::start(&mut killed).end().expect(-1);
        scene.quiet();
        let events = scene.environment.events(0, &["resume", "latest"]);
        assert_eq!(events.of("h01"), whole.of("h01"), "killed behind record {record}");
        runs += 1;
        for name in ONCE {
            assert_eq!(scene.model.count(name), runs, "{name}, killed behind record {record}");
        }
    }
}

#[test]
fn a_second_run_is_refused_while_the_first_is_at_work_and_ctrl_c_ends_its_command() {
    let scene = Scene::new(
        r#"
- hosts: web
  gather_facts: false
  tasks:
    - win_command: paceline-test count begun sleep 40
    - win_command: paceline-test count behind
"#,
    );
    let mut first = scene.environment.start(&["apply", "-i", "inventory.yml", "playbook.yml", "--yes"]);
    first.until("the command", |_| scene.model.count("begun") == 1);
    let second = scene.apply(2, &[]);
    assert!(second.reason("h01").contains("is at work on it"), "{}", second.reason("h01"));
    first.signal(rustix::process::Signal::INT);
    std::thread::sleep(Duration::from_secs(1));
    first.signal(rustix::process::Signal::INT);
    first.end().expect(99);
    scene.quiet();
    assert_eq!((scene.model.count("begun"), scene.model.count("behind")), (1, 0));
}

#[test]
fn a_lease_is_unlocked_and_an_old_run_pruned() {
    let scene = Scene::new(
        r#"
- hosts: web
  gather_facts: false
  tasks:
    - win_command: paceline-test count begun sleep 40
"#,
    );
    let mut first = scene.environment.start(&["apply", "-i", "inventory.yml", "playbook.yml", "--yes"]);
    first.until("the command", |_| scene.model.count("begun") == 1);
    first.signal(rustix::process::Signal::KILL);
    first.end().expect(-1);
    let unlocked = scene.environment.run(&["runs", "unlock", "latest", "--yes"]).expect(0);
    assert!(unlocked.stdout.contains("unlocked, was held by"), "{}", unlocked.stdout);
    scene.environment.write(
        "playbook.yml",
        "- hosts: web\n  gather_facts: false\n  tasks:\n    - win_command: hostname\n",
    );
    scene.apply(0, &[]);
    scene.environment.run(&["runs", "prune", "--keep", "1"]).expect(0);
}

#[test]
fn raw_goes_to_powershell_or_cmd_as_it_is() {
    let scene = Scene::new(
        r#"
- hosts: web
  gather_facts: false
  tasks:
    - raw: Write-Output 'a b'
      register: shell
    - raw: paceline-test args "x y" z
      args: { executable: cmd }
      register: plain
    - raw: exit 5
      register: wrong
      failed_when: wrong.rc != 5
    - assert:
        that:
          - shell.stdout_lines == ['a b']
          - plain.stdout_lines == ['x y', 'z']
"#,
    );
    scene.apply(0, &[]);
}

#[test]
fn become_and_guard_are_refused_with_the_reason() {
    let scene = Scene::new(
        r#"
- hosts: web
  gather_facts: false
  tasks:
    - win_command: paceline-test count done
"#,
    );
    let refused = scene.environment.run(&["apply", "-b", "-i", "inventory.yml", "playbook.yml"]).expect(1);
    assert!(
        refused.stderr.contains("`-b` or `become` in `ansible.cfg`: `become` is not supported on Windows"),
        "{}",
        refused.stderr
    );
    scene.environment.write(
        "playbook.yml",
        "- hosts: web\n  gather_facts: false\n  tasks:\n    - block:\n        - win_command: paceline-test count done\n      guard: 30\n",
    );
    let refused = scene.environment.run(&["apply", "-i", "inventory.yml", "playbook.yml"]).expect(1);
    for part in [
        "playbook.yml:6:",
        "`guard` is not supported on Windows, and `h01` runs Windows",
        "on_failure: rollback",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    // Where it is written out, both are found before the host is touched, and what may not come to that is left to the run.
    let become_at = |keywords: &str| {
        let text = format!(
            "- hosts: web\n  gather_facts: false\n  tasks:\n    - win_command: paceline-test count done\n      {keywords}\n"
        );
        scene.environment.write("playbook.yml", &text);
    };
    become_at("become: true");
    let refused = scene.environment.run(&["apply", "-i", "inventory.yml", "playbook.yml"]).expect(1);
    for part in [
        "playbook.yml:5:15",
        "`become` is not supported on Windows, and `h01` runs Windows",
        "win_scheduled_task",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    become_at("become: true\n      when: inventory_hostname == 'h01'");
    let events = scene.apply(2, &[]);
    assert!(
        events.reason("h01").contains("`become` is not supported on Windows"),
        "{}",
        events.reason("h01")
    );
    scene.environment.write(
        "playbook.yml",
        "- hosts: web\n  gather_facts: false\n  tasks:\n    - block:\n        - win_command: paceline-test count done\n          when: inventory_hostname == 'h01'\n      guard: 30\n",
    );
    let events = scene.apply(2, &[]);
    assert!(events.reason("h01").contains("guard is not supported on Windows"), "{}", events.reason("h01"));
    assert_eq!(scene.model.count("done"), 0);
    let points = events.0.iter().filter(|event| matches!(event.kind, EventKind::RollbackPoint { .. }));
    assert_eq!(points.count(), 0);
}

/// A restart that was cut off by the end of its session is done again, and what was stopped on its way runs again.
#[test]
fn a_restart_that_was_cut_off_is_repeated_with_what_depends_on_it() {
    let scene = Scene::new(
        r#"
- hosts: web
  gather_facts: false
  tasks:
    - win_service: { name: RpcSs, state: restarted, force_dependent_services: true }
    - win_service_info: { name: Spooler }
      register: spooler
    - assert:
        that: spooler.services[0].state == 'running'
"#,
    );
    let before = scene.model.control(&["snapshot"], &[]);
    for changes in 1..=8 {
        scene.model.control(&["set"], &["dies_after", &changes.to_string()]);
        let lost = scene.apply(4, &[]);
        assert_eq!(lost.of("h01").unreachable, 1, "{changes}");
        assert_ne!(scene.model.control(&["snapshot"], &[]), before, "{changes}: nothing was stopped");
        let resumed = scene.environment.events(0, &["resume", "latest"]);
        assert_eq!((resumed.of("h01").changed, resumed.of("h01").ok), (1, 3), "{changes}");
        let points = resumed.0.iter().filter(|event| matches!(event.kind, EventKind::RollbackPoint { .. }));
        assert!(points.count() <= 1, "{changes}: one restart has one point");
        assert_eq!(scene.model.control(&["snapshot"], &[]), before, "{changes}");
    }
}

/// A wait is taken in slices, so that Ctrl-C does not have to wait for its end; the run goes on with it afterwards.
#[test]
fn a_long_wait_ends_with_the_first_ctrl_c_and_is_gone_on_with() {
    let scene = Scene::new(
        r"
- hosts: web
  gather_facts: false
  tasks:
    - win_command: paceline-test count before
    - win_wait_for: { WAIT }
    - win_command: paceline-test count behind
",
    );
    let playbook = scene.environment.read("playbook.yml");
    for (runs, wait) in ["timeout: 9", "path: 'C:\\there.txt', timeout: 100"].iter().enumerate() {
        scene.environment.write("playbook.yml", &playbook.replace("WAIT", wait));
        let mut run = scene.environment.start(&["apply", "-i", "inventory.yml", "playbook.yml", "--yes"]);
        run.until("the command", |_| scene.model.count("before") == runs as u64 + 1);
        std::thread::sleep(Duration::from_millis(1500));
        let since = Instant::now();
        run.signal(rustix::process::Signal::INT);
        run.end().expect(99);
        assert!(since.elapsed() < Duration::from_secs(5), "{wait}: {:?}", since.elapsed());
        assert_eq!(scene.model.count("behind"), runs as u64);
        scene.quiet();
        if wait.starts_with("path") {
            scene.model.control(&["write"], &["C:\\there.txt"]);
        }
        scene.environment.events(0, &["resume", "latest"]);
        assert_eq!(
            (scene.model.count("before"), scene.model.count("behind")),
            (runs as u64 + 1, runs as u64 + 1)
        );
    }
}
