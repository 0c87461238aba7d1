//! `paceline preflight -i`: hosts behind a real `sshd` are asked, and nothing is changed on them.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::certificates::found;
use crate::support::certificates::{Certificates, Wanted};
use crate::support::environment::Environment;
use crate::support::hosts::Hosts;
use crate::support::sshd::Sshd;
use crate::support::tree::{difference, tree_with_times};

/// Hosts `h01`, `h02` ... that want no more of the machine than the machine of the tests has.
pub(super) struct Fleet {
    pub(super) environment: Environment,
    _sshd: Sshd,
    pub(super) hosts: Hosts,
}

pub(super) const LITTLE: &str = "processors: 1, memory_gb: 0.1, disk_gb: 0.01, connect_seconds: 2";

impl Fleet {
    pub(super) fn of(count: usize) -> Self {
        let (environment, sshd) = (Environment::new(), Sshd::start(count));
        let mut hosts = Hosts::numbered(&environment, &sshd, count);
        hosts.set_all("preflight", &format!("{{ {LITTLE} }}"));
        hosts.write(&environment);
        Self { environment, _sshd: sshd, hosts }
    }

    /// Runs it with JSON output; findings that depend on who runs the tests are left out.
    #[track_caller]
    pub(super) fn ask(&self, code: i32, arguments: &[&str]) -> Value {
        self.hosts.write(&self.environment);
        let all = [&["preflight", "-i", "inventory.yml", "--output", "json"], arguments].concat();
        let ended = self.environment.run(&all).expect(code);
        let mut document: Value = serde_json::from_str(&ended.stdout).unwrap();
        let findings = document["findings"].as_array_mut().unwrap();
        findings.retain(|finding| finding["id"] != "requirement-privilege");
        document
    }
}

fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn good_hosts_have_no_findings_and_nothing_is_changed() {
    let mut fleet = Fleet::of(3);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in ["h01", "h02", "h03"] {
        let agent = format!(
            "{{ identifier: Agent-{host}, connectors: [{{ identifier: C, managed_system: {{ name: s, address: '127.0.0.1:{port}' }} }}] }}"
        );
        fleet.hosts.set(host, "agent", &agent);
    }
    fleet.hosts.write(&fleet.environment);
    let before = tree_with_times(fleet.environment.folder());
    let ended = fleet.environment.run(&["preflight", "-i", "inventory.yml", "--output", "json"]).expect(0);
    // Neither a BASE nor a state folder, nor anything else.
    assert_eq!(difference(&before, &tree_with_times(fleet.environment.folder())), "");
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let answered: Vec<_> =
        document["hosts"].as_array().unwrap().iter().map(|host| &host["answered"]).collect();
    assert_eq!(answered, [true, true, true]);
    assert_eq!(found(&fleet.ask(0, &[])), [""; 0]);
    let people = fleet.environment.run(&["preflight", "-i", "inventory.yml", "-l", "h01"]).expect(0);
    assert!(people.stdout.contains("1 host"), "{}", people.stdout);
}

#[test]
fn what_an_agent_cannot_reach_is_told_for_its_connector() {
    let mut fleet = Fleet::of(2);
    let port = closed_port();
    let agent = format!(
        "{{ identifier: ParisAD, uri: 'https://localhost:{port}', connectors: [{{ identifier: CorpAD, managed_system: {{ name: corp, address: '127.0.0.1:{port}' }} }}, Exchange] }}"
    );
    fleet.hosts.set("h02", "agent", &agent).set("h02", "server_uri", &format!("'https://127.0.0.1:{port}'"));
    let document = fleet.ask(2, &[]);
    assert_eq!(found(&document), ["error server-unreachable", "error managed-system-unreachable"]);
    let finding = &document["findings"][1];
    assert_eq!(
        (&finding["host"], &finding["agent"], &finding["connector"]),
        (&"h02".into(), &"ParisAD".into(), &"CorpAD".into())
    );
    let place = finding["place"].as_str().unwrap();
    let text = fleet.environment.read("inventory.yml");
    let line = text.lines().position(|line| line.contains("ParisAD")).unwrap() + 1;
    assert_eq!(place, format!("inventory.yml:{line}"));
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains(&format!("cannot reach 127.0.0.1:{port}: connection refused")), "{message}");
    // The other host has nothing to do with it.
    assert_eq!(found(&fleet.ask(0, &["-l", "h01"])), [""; 0]);
}

#[test]
fn a_host_that_does_not_answer_holds_up_nobody() {
    let mut fleet = Fleet::of(2);
    let silent = TcpListener::bind("127.0.9.9:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    fleet.hosts.add(&fleet.environment, "silent", "127.0.9.9", port);
    fleet.hosts.add(&fleet.environment, "gone", "127.0.9.8", closed_port());
    let started = Instant::now();
    let document = fleet.ask(4, &["-T", "2"]);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert_eq!(found(&document), ["error host-unreachable", "error host-unreachable"]);
    let hosts: Vec<_> =
        document["hosts"].as_array().unwrap().iter().map(|host| (&host["host"], &host["answered"])).collect();
    let expected = [("h01", true), ("h02", true), ("silent", false), ("gone", false)];
    for ((host, answered), expected) in hosts.iter().zip(expected) {
        assert_eq!((host.as_str().unwrap(), answered.as_bool().unwrap()), expected);
    }
}

#[test]
fn agents_are_judged_over_the_whole_inventory() {
    let mut fleet = Fleet::of(3);
    fleet.hosts.set("h01", "agent", "{ identifier: One }");
    fleet.hosts.set("h02", "agent", "[{ identifier: Two }, { identifier: One }]");
    fleet.hosts.set("h03", "agent", "{ identifier: Local, uri: 'https://H03.example' }");
    let document = fleet.ask(2, &[]);
    assert_eq!(
        found(&document),
        [
            "error agent-on-two-hosts",
            "error agent-name-reserved",
            "error agent-uri",
            "warning agent-name-unresolvable"
        ]
    );
    assert_eq!(document["findings"][0]["agent"], "One");
    assert_eq!(found(&fleet.ask(2, &["-l", "h01"])), ["error agent-on-two-hosts"]);
    fleet.hosts.set("h03", "agent", "{ name: something else }");
    assert_eq!(found(&fleet.ask(0, &["-l", "h03"])), ["info agent-variable"]);
}

#[test]
fn certificates_of_hosts_are_judged() {
    let mut fleet = Fleet::of(1);
    let certificates = Certificates::new();
    certificates.make(Wanted::default());
    certificates.make(Wanted { name: "old.example", days: (-300, -3), ..Wanted::default() });
    let path = |name: &str| certificates.argument(name);
    let named = format!(
        "{{ {LITTLE}, certificates: ['{}', '{}', {{ path: '{}', private_key: false }}, /nosuch.pem] }}",
        path("agent.example.pem"),
        path("old.example.pem"),
        path("agent.example.crt"),
    );
    fleet.hosts.set("h01", "preflight", &named);
    let document = fleet.ask(2, &[]);
    assert_eq!(found(&document), ["error certificate-expired", "error certificate-unreadable"]);
    assert_eq!(document["findings"][0]["place"], format!("h01:{}", path("old.example.pem")));
    assert_eq!(document["findings"][0]["host"], "h01");
    assert_eq!(document["certificates"].as_array().unwrap().len(), 3);
    fleet.hosts.set("h01", "preflight", "{ certificate: x }");
    fleet.hosts.write(&fleet.environment);
    let wrong = fleet.environment.run(&["preflight", "-i", "inventory.yml"]).expect(1);
    assert!(wrong.stderr.contains("there is no `certificate`"), "{}", wrong.stderr);
}

#[test]
fn requirements_are_warnings_that_can_be_made_to_count() {
    let mut fleet = Fleet::of(1);
    fleet.hosts.set("h01", "preflight", "{ memory_gb: 900000, processors: 1000, disk_gb: 0 }");
    let document = fleet.ask(0, &[]);
    assert_eq!(found(&document), ["warning requirement-processors", "warning requirement-memory"]);
    fleet.ask(2, &["--fail-on", "warning"]);
}

#[test]
fn a_playbook_runs_it_first_and_stops_there() {
    let mut fleet = Fleet::of(2);
    fleet.hosts.set("h01", "agent", "{ identifier: One }");
    let port = closed_port();
    let agent = format!(
        "{{ identifier: Two, connectors: [{{ identifier: C, managed_system: {{ name: s, address: '127.0.0.1:{port}' }} }}] }}"
    );
    fleet.hosts.set("h02", "agent", &agent);
    fleet.hosts.write(&fleet.environment);
    fleet.environment.write(
        "p.yml",
        r#"
- hosts: web
  gather_facts: false
  tasks:
    - name: Look first
      preflight: { folder: "{{ work }}", processors: 1, memory_gb: 0.1, disk_gb: 0.01, connect_seconds: 2 }
      register: looked
    - assert: { that: [not looked.changed, "looked.findings | selectattr('severity', 'eq', 'error') | list == []"] }
    - name: Then change
      file: { path: "{{ work }}/made", state: directory }
"#,
    );
    let events = fleet.environment.events(2, &["apply", "p.yml", "-i", "inventory.yml"]);
    let (one, two) = (events.of("h01"), events.of("h02"));
    assert_eq!((one.ok, one.changed, one.failed), (3, 1, 0));
    assert_eq!((two.ok, two.changed, two.failed), (0, 0, 1));
    let reason = events.reason("h02");
    assert!(reason.contains("managed-system-unreachable: `h02` cannot reach 127.0.0.1"), "{reason}");
}
