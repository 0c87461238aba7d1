//! Whole rollouts to many hosts of one `sshd`.

use crate::support::environment::{Environment, Events};
use crate::support::hosts::Hosts;
use crate::support::sshd::Sshd;

mod agent;
mod back;
mod blast;
mod delegation;
mod failure;
mod fifty;
mod from_host;
mod guard;
mod includes;
mod irreversible;
mod lab;
mod lease;
mod plan;
mod property;
mod prune;
mod resume;
mod rollback;
mod runs;
mod state;
mod stops;
mod terminal;
mod undo;
mod waves;
mod wire;

/// Folders, settings, a payload, a handler: the shape of an installation.
const INSTALL: &str = r#"
- name: Install
  hosts: web
  gather_facts: false
  tasks:
    - name: Folders
      file: { path: "{{ work }}/{{ item }}", state: directory, mode: "0750" }
      loop: [agent, agent/settings, agent/temp]
    - name: Settings
      template: { src: settings.j2, dest: "{{ work }}/agent/settings/agent.conf", mode: "0640" }
      notify: Restart
    - name: Payload
      copy: { src: payload, dest: "{{ work }}/agent/payload", mode: "0644" }
    - name: Link
      file: { src: agent/payload, dest: "{{ work }}/current", state: link, force: true }
    - name: Once
      command: touch {{ work }}/agent/once
      args: { creates: "{{ work }}/agent/once" }
  handlers:
    - name: Restart
      shell: echo restarted >> {{ work }}/agent/restarts
"#;

/// Tasks that INSTALL counts on a host: with the handler, and those that change it.
const FIRST: (u64, u64) = (6, 6);
const SECOND: (u64, u64) = (5, 0);

/// Hosts `h01`, `h02`, ... with the playbook.
struct Fleet {
    environment: Environment,
    sshd: Sshd,
    hosts: Hosts,
}

impl Fleet {
    fn of(count: usize) -> Self {
        let (environment, sshd) = (Environment::new(), Sshd::start(count));
        let hosts = Hosts::numbered(&environment, &sshd, count);
        let fleet = Self { environment, sshd, hosts };
        fleet.payload(20_000);
        fleet.environment.write("templates/settings.j2", "name = {{ inventory_hostname }}\n");
        fleet.environment.write("playbook.yml", INSTALL);
        fleet.hosts.write(&fleet.environment);
        fleet
    }

    /// A payload that does not compress into nothing.
    fn payload(&self, length: usize) {
        let mut seed = 12_345_u64;
        let text = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'a' + u8::try_from(seed >> 33 & 15).unwrap())
        });
        self.environment.write("files/payload", &text.take(length).collect::<String>());
    }

    fn apply(&self, code: i32, arguments: &[&str]) -> Events {
        let mut all = vec!["apply", "-i", "inventory.yml", "playbook.yml", "--yes"];
        all.extend(arguments);
        self.environment.events(code, &all)
    }

    fn work(&self, host: &str) -> std::path::PathBuf {
        self.environment.path("hosts").join(host).join("work")
    }
}
