//! Hosts that are dead, slow or mean: what becomes of them, and that the host beside them does not notice.

use std::time::Duration;

use jiff::Timestamp;
use paceline::executor::event::{EventKind, HostStatus, Recap};

use crate::support::environment::{Environment, Events};
use crate::support::hosts::Hosts;
use crate::support::sshd::Sshd;

mod controller_killed;
mod escapes;
mod flood;
mod hanging;
mod interrupted;
mod keys;
mod logins;
mod lying;
mod mistakes;
mod secrets;
mod silent;
mod variables;

/// Five tasks, each of which changes something.
const FIVE_TASKS: &str = r#"
- hosts: web
  gather_facts: false
  tasks:
    - copy: { content: "{{ item }}\n", dest: "{{ work }}/{{ item }}", mode: "0644" }
      loop: [a, b]
    - command: touch c
      args: { chdir: "{{ work }}", creates: c }
    - file: { path: "{{ work }}/d", state: directory, mode: "0755" }
    - command: cat a
      args: { chdir: "{{ work }}" }
      register: said
    - copy: { content: "{{ said.stdout }}", dest: "{{ work }}/d/e", mode: "0644" }
"#;

/// A host `good` behind a sound sshd; `bad` is up to the test.
struct Scene {
    environment: Environment,
    sshd: Sshd,
    hosts: Hosts,
}

impl Scene {
    fn new() -> Self {
        let (environment, sshd) = (Environment::new(), Sshd::start(1));
        let hosts = Hosts::of(&environment, &sshd, &["good"]);
        Self { environment, sshd, hosts }
    }

    /// Adds `bad` at an address of its own and puts its key beside the sound one.
    fn bad_at(mut self, address: &str, port: u16) -> Self {
        self.hosts.know(self.sshd.known_host(address, port));
        self.hosts.add(&self.environment, "bad", address, port);
        self
    }

    /// Adds `bad` behind a server of its own.
    fn bad_behind(mut self, sshd: &Sshd) -> Self {
        let (address, port) = (crate::support::sshd::address(1), sshd.port(1));
        self.hosts.know(sshd.known_host(&address, port));
        self.hosts.add(&self.environment, "bad", &address, port);
        self.hosts.set("bad", "ansible_ssh_private_key_file", &sshd.key().display().to_string());
        self
    }

    /// Writes inventory and playbook.
    fn write(&self, playbook: &str) {
        self.hosts.write(&self.environment);
        self.environment.write("playbook.yml", playbook);
    }

    /// Runs and reads the events.
    fn apply(&self, code: i32, arguments: &[&str]) -> Events {
        let mut all = vec!["apply", "-i", "inventory.yml", "playbook.yml"];
        all.extend(arguments);
        self.environment.events(code, &all)
    }

    fn good_has_all(&self, events: &Events) {
        assert_eq!(events.of("good"), Recap { ok: 5, changed: 5, ..Recap::default() });
        assert_eq!(self.environment.read("hosts/good/work/d/e"), "a");
    }
}

/// When a host was done with its last task, counted from the start of the run.
fn last_task(events: &Events, host: &str) -> Duration {
    let of_host = events.0.iter().filter(|event| event.host.as_deref() == Some(host));
    let mut tasks = of_host.filter(|event| matches!(event.kind, EventKind::TaskFinished { .. }));
    between(&events.0[0].at, &tasks.next_back().unwrap_or_else(|| panic!("`{host}` did nothing")).at)
}

/// When it was known how a host ended, counted from the start of the run.
fn ended(events: &Events, host: &str, status: HostStatus) -> Duration {
    let is = |kind: &EventKind| matches!(kind, EventKind::HostFinished { status: is, .. } if *is == status);
    let found = events.0.iter().find(|event| event.host.as_deref() == Some(host) && is(&event.kind));
    let found = found.unwrap_or_else(|| panic!("`{host}` did not end as {status:?}: {:?}", events.recap()));
    between(&events.0[0].at, &found.at)
}

fn between(start: &str, end: &str) -> Duration {
    let (start, end): (Timestamp, Timestamp) = (start.parse().unwrap(), end.parse().unwrap());
    end.duration_since(start).unsigned_abs()
}

/// The sound host was done long before it was known how the other one ends.
#[track_caller]
fn good_did_not_wait(events: &Events, status: HostStatus) {
    let (good, bad) = (last_task(events, "good"), ended(events, "bad", status));
    assert!(good * 2 < bad, "`good` took {good:?}, `bad` took {bad:?}");
}
