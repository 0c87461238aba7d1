//! Which connectors stop while a wave works, who has to agree, and how waves keep others serving.

use std::path::Path;

use paceline::executor::event::{Event, EventKind};
use serde_json::Value;

use super::Fleet;
use crate::support::environment::{Environment, Events};
use crate::support::proxy::closed_port;
use crate::support::running::{Ended, Running};

const CHANGES: &str = r#"
- name: Settings
  hosts: web
  gather_facts: false
  tasks:
    - { name: Look, stat: { path: "{{ work }}" } }
    - { name: Settings, copy: { content: x, dest: "{{ work }}/x" } }
"#;

/// A fleet of hosts with an agent each, that serves this connector and one of its own; none where it is empty.
fn fleet(connectors: &[&str]) -> Fleet {
    let mut fleet = Fleet::of(connectors.len());
    for (number, connector) in connectors.iter().enumerate().filter(|(_, connector)| !connector.is_empty()) {
        let (host, number) = (format!("h{:02}", number + 1), number + 1);
        let system = format!("managed_system: {}.example", connector.to_lowercase());
        let agent = format!(
            "{{ identifier: A{number}, connectors: [{{ identifier: {connector}, {system} }}, Own{number}] }}"
        );
        fleet.hosts.set(&host, "agent", &agent);
    }
    fleet.environment.write("playbook.yml", CHANGES);
    fleet.hosts.write(&fleet.environment);
    fleet
}

fn unanswered(environment: &Environment, arguments: &[&str]) -> Ended {
    let mut all = vec!["apply", "-i", "inventory.yml"];
    all.extend(arguments);
    Running::start(&mut environment.unanswered(&all)).end()
}

/// The waves, and for each what stops in it, with `!` where nobody else serves it.
fn waves(events: &Events) -> Vec<(String, String)> {
    let wave = |event: &Event| match &event.kind {
        EventKind::WaveStarted { hosts, stops, .. } => {
            let mark = |others: usize| if others == 0 { "!" } else { "" };
            let stops = stops.iter().map(|stop| format!("{}{}", stop.connector, mark(stop.others)));
            Some((hosts.join(" "), stops.collect::<Vec<_>>().join(" ")))
        }
        _ => None,
    };
    events.0.iter().filter_map(wave).collect()
}

fn breaches(events: &Events) -> Vec<String> {
    let found = events.0.iter().filter_map(|event| match &event.kind {
        EventKind::WaveStarted { breaches, .. } => Some(breaches),
        _ => None,
    });
    found.flatten().map(paceline::plan::Breach::what).collect()
}

#[test]
fn all_who_serve_a_connector_are_not_taken_down_without_a_word() {
    let fleet = fleet(&["CorpAD", "CorpAD", "HR"]);
    let said = unanswered(&fleet.environment, &["playbook.yml"]).expect(1).stderr;
    assert_eq!(
        said,
        "error: wave 1 of 1 of `Settings` stops all 2 hosts that serve `CorpAD` and connect to `corpad.example`: \
         `h01`, `h02`, and nobody can be asked\n\
         hint: `--serial 1` lets others go on serving; or say `--yes`\n"
    );
    assert!(!fleet.work("h03").join("x").exists(), "a host was touched");
    assert!(!fleet.environment.path(".paceline/runs").exists(), "a run was begun");

    // A plan asks nothing and says it.
    let plan = ["plan", "-i", "inventory.yml", "playbook.yml"];
    let said = Running::start(&mut fleet.environment.unanswered(&plan)).end().expect(0).stdout;
    for line in [
        "\nwould stop, nobody else serves: CorpAD (corpad.example), Own1, Own2 and 2 more\n",
        "\nall 2 hosts stop that serve `CorpAD` and connect to `corpad.example`: h01, h02\n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }

    // Who is not selected goes on serving, and so does the other one of two waves.
    unanswered(&fleet.environment, &["playbook.yml", "-l", "h01:h03"]).expect(0);
    assert!(!fleet.work("h02").join("x").exists());
    unanswered(&fleet.environment, &["playbook.yml", "--serial", "1", "-C"]).expect(0);
    unanswered(&fleet.environment, &["playbook.yml", "--serial", "1"]).expect(0);
    let events = fleet.apply(0, &["--serial", "1"]);
    let expected = [("h01", "CorpAD Own1!"), ("h02", "CorpAD Own2!"), ("h03", "HR! Own3!")];
    assert_eq!(waves(&events), expected.map(|(hosts, stops)| (hosts.to_owned(), stops.to_owned())));
    assert!(breaches(&events).is_empty());
    let events = fleet.apply(0, &[]);
    assert_eq!(breaches(&events), ["serve `CorpAD` and connect to `corpad.example`"]);
}

#[test]
fn the_last_host_that_is_left_is_not_taken_down_without_a_word() {
    let fleet = fleet(&["CorpAD", "HR", "CorpAD", "HR"]);
    let check = "    - { name: Check, assert: { that: \"inventory_hostname != 'h01'\" } }\n";
    fleet.environment.write("playbook.yml", &format!("{CHANGES}{check}"));
    // Nobody can be asked: the wave that would stop `h03` does not begin, and `h04` has no turn either.
    let ended = unanswered(&fleet.environment, &["playbook.yml", "--serial", "2"]).expect(2);
    let what = "wave 2 of 2 of `Settings` would stop the last hosts that serve `CorpAD` and connect to \
                `corpad.example`, after `h01`";
    let all = format!("{}{}", ended.stdout, ended.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(all.contains(what) && all.contains("with `--yes` goes on"), "{all}");
    for (host, touched) in [("h01", true), ("h02", true), ("h03", false), ("h04", false)] {
        assert_eq!(fleet.work(host).join("x").exists(), touched, "{host}");
    }
    // Who says so beforehand is told and gets what was asked for.
    let mut command = fleet.environment.unanswered(&["resume", "latest", "--yes"]);
    let ended = Running::start(&mut command).end().expect(2);
    let all = format!("{}{}", ended.stdout, ended.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(all.contains(what), "{all}");
    assert!(fleet.work("h03").join("x").exists() && fleet.work("h04").join("x").exists(), "{all}");
}

#[test]
fn an_agent_with_a_misspelt_key_is_refused_before_a_host_is_touched() {
    let mut fleet = fleet(&["CorpAD", "CorpAD"]);
    fleet.hosts.set("h02", "agent", "{ identifier: A2, connector: [CorpAD] }");
    fleet.hosts.write(&fleet.environment);
    let said = unanswered(&fleet.environment, &["playbook.yml", "--yes"]).expect(1).stderr;
    let what = "the variable `agent` of `h02` assigns no agent: an agent has no place for `connector`";
    assert!(said.contains(what) && said.contains("did you mean `connectors`?"), "{said}");
    assert!(said.contains("inventory.yml:"), "{said}");
    assert!(!fleet.work("h01").join("x").exists(), "a host was touched");
    // A listing goes on, and warns.
    let listed = fleet.environment.run(&["inventory", "list", "-i", "inventory.yml"]).expect(0);
    assert!(listed.stderr.contains(what), "{}", listed.stderr);
    let plan = fleet.environment.run(&["plan", "playbook.yml", "-i", "inventory.yml"]).expect(1);
    assert!(plan.stderr.contains(what), "{}", plan.stderr);
}

#[test]
fn the_hint_names_the_serial_of_the_play() {
    let fleet = fleet(&["CorpAD", "CorpAD", "CorpAD"]);
    fleet.environment.write("playbook.yml", &CHANGES.replace("  tasks:", "  serial: 100%\n  tasks:"));
    let said = unanswered(&fleet.environment, &["playbook.yml"]).expect(1).stderr;
    assert!(said.contains("hint: make `serial` smaller (playbook.yml:5:11)"), "{said}");
}

#[test]
fn hosts_change_waves_so_that_others_go_on() {
    let fleet = fleet(&["CorpAD", "CorpAD", "HR", "HR", "", "Mail"]);
    let with_serial = |serial: &str| {
        fleet
            .environment
            .write("playbook.yml", &CHANGES.replace("  tasks:", &format!("  {serial}\n  tasks:")));
    };
    with_serial("serial: 2");
    unanswered(&fleet.environment, &["playbook.yml"]).expect(0);
    let events = fleet.apply(0, &[]);
    let hosts: Vec<String> = waves(&events).into_iter().map(|(hosts, _)| hosts).collect();
    assert_eq!(hosts, ["h01 h03", "h02 h04", "h05 h06"]);
    let said = fleet.environment.run(&["plan", "-i", "inventory.yml", "playbook.yml"]).expect(0).stdout;
    assert!(
        said.contains("\nchange waves, so that others go on serving: h02 (1 to 2), h03 (2 to 1)\n"),
        "{said}"
    );
    assert!(
        said.contains("\nwould stop, others go on serving: CorpAD (corpad.example), HR (hr.example)\n"),
        "{said}"
    );
    let mut ours = said.lines().filter(|line| line.contains("others go on serving"));
    assert!(ours.all(|line| line.len() < 80), "{said}");

    // An order that is written out is kept, and then somebody is asked.
    with_serial("serial: 2\n  order: inventory");
    let said = unanswered(&fleet.environment, &["playbook.yml"]).expect(1).stderr;
    assert!(
        said.contains("error: wave 1 of 3 of `Settings` stops all 2 hosts that serve `CorpAD`"),
        "{said}"
    );
    assert!(said.contains("error: wave 2 of 3 of `Settings` stops all 2 hosts that serve `HR`"), "{said}");
}

#[test]
fn waves_keep_to_maintenance_groups() {
    let mut fleet = fleet(&["A", "B", "C", "D", "E"]);
    for (host, group) in [("h01", "weekend"), ("h02", "friday"), ("h03", "weekend"), ("h05", "friday")] {
        fleet.hosts.set(host, "maintenance_group", group);
    }
    fleet.hosts.write(&fleet.environment);
    fleet.environment.write("playbook.yml", &CHANGES.replace("  tasks:", "  serial: [1, 100%]\n  tasks:"));
    let events = fleet.apply(0, &[]);
    let hosts: Vec<String> = waves(&events).into_iter().map(|(hosts, _)| hosts).collect();
    assert_eq!(hosts, ["h01", "h03", "h02 h05", "h04"]);
    let said = fleet.environment.run(&["plan", "-i", "inventory.yml", "playbook.yml"]).expect(0).stdout;
    let line = "\nmaintenance groups: weekend (2 hosts), friday (2 hosts), none (1 host)\n";
    assert!(said.contains(line), "{said}");

    fleet.hosts.set("h05", "maintenance_group", "[a, b]");
    fleet.hosts.write(&fleet.environment);
    let said = unanswered(&fleet.environment, &["playbook.yml"]).expect(1).stderr;
    assert!(
        said.contains("`maintenance_group` of `h05` is not text") && said.contains("order: inventory"),
        "{said}"
    );
}

#[test]
fn who_only_looks_stops_nothing() {
    let fleet = fleet(&["CorpAD", "CorpAD", "CorpAD"]);
    let looks = r#"
- hosts: web
  gather_facts: false
  tasks:
    - { stat: { path: "{{ work }}" }, register: there }
    - { command: uptime, changed_when: false }
    - { copy: { content: x, dest: "{{ work }}/x" }, when: change | default(false) | bool }
    - { debug: { msg: looked } }
"#;
    fleet.environment.write("looks.yml", looks);
    unanswered(&fleet.environment, &["looks.yml"]).expect(0);
    let events = fleet.environment.events(0, &["apply", "-i", "inventory.yml", "looks.yml"]);
    assert_eq!(waves(&events), [("h01 h02 h03".to_owned(), String::new())]);
    unanswered(&fleet.environment, &["looks.yml", "-e", "change=true"]).expect(1);

    // What a task finds out is not known before it, and a host that leaves the play first goes on serving.
    let open = looks.replace("when: change | default(false) | bool", "when: not there.stat.exists");
    fleet.environment.write("looks.yml", &open);
    unanswered(&fleet.environment, &["looks.yml"]).expect(1);
    let leaves = open.replace(
        "  tasks:\n",
        "  tasks:\n    - { meta: end_host, when: inventory_hostname != only | default('') }\n",
    );
    fleet.environment.write("looks.yml", &leaves);
    unanswered(&fleet.environment, &["looks.yml", "-e", "only=h02"]).expect(0);
    let only = ["apply", "-i", "inventory.yml", "looks.yml", "-e", "only=h02"];
    let stops: Vec<String> =
        waves(&fleet.environment.events(0, &only)).into_iter().map(|(_, stops)| stops).collect();
    assert_eq!(stops, ["CorpAD Own2!"]);
}

#[test]
fn foreign_inventories_see_nothing_of_it() {
    let mut fleet = Fleet::of(4);
    for (host, group) in [("h01", "one"), ("h02", "two"), ("h03", "one"), ("h04", "two")] {
        fleet.hosts.set(host, "agent", "telegraf").set(host, "maintenance_group", group);
    }
    fleet.hosts.write(&fleet.environment);
    fleet.environment.write("playbook.yml", &CHANGES.replace("  tasks:", "  serial: 2\n  tasks:"));
    let apply = ["apply", "-i", "inventory.yml", "playbook.yml", "--output", "json"];
    let printed = Running::start(&mut fleet.environment.unanswered(&apply)).end().expect(0).stdout;
    let events: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let waves: Vec<&Value> = events.iter().filter(|event| event["kind"] == "wave_started").collect();
    assert_eq!(waves.len(), 2);
    assert_eq!(waves[0]["hosts"], serde_json::json!(["h01", "h02"]));
    for event in events {
        for field in ["stops", "breaches", "maintenance_groups", "moved"] {
            assert!(event.get(field).is_none(), "{event}");
        }
    }
}

#[test]
fn a_resumed_run_keeps_its_waves() {
    let fleet = fleet(&["CorpAD", "CorpAD", "HR", "HR", "", "", "", ""]);
    let fails = format!(
        "{}    - {{ name: Mended, command: \"test -e {{{{ work }}}}/mended\", changed_when: false }}\n",
        CHANGES.replace("  tasks:", "  serial: 2\n  order: shuffle\n  tasks:")
    );
    fleet.environment.write("playbook.yml", &fails);
    for host in 1..=8 {
        if host != 4 {
            std::fs::write(fleet.work(&format!("h{host:02}")).join("mended"), "").unwrap();
        }
    }
    let first = waves(&fleet.apply(2, &[]));
    let record: Value = {
        let run =
            std::fs::read_dir(fleet.environment.path(".paceline/runs")).unwrap().next().unwrap().unwrap();
        serde_json::from_str(&std::fs::read_to_string(run.path().join("run.json")).unwrap()).unwrap()
    };
    let recorded: Vec<String> = record["waves"][0]
        .as_array()
        .unwrap()
        .iter()
        .map(|wave| {
            wave.as_array().unwrap().iter().map(|host| host.as_str().unwrap()).collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(first.iter().map(|(hosts, _)| hosts.clone()).collect::<Vec<_>>(), recorded);
    std::fs::write(fleet.work("h04").join("mended"), "").unwrap();
    let again = waves(&fleet.environment.events(0, &["resume", "latest"]));
    assert_eq!(again.iter().map(|(hosts, _)| hosts.clone()).collect::<Vec<_>>(), recorded);
    // Only the host that is not done is worked on.
    assert!(again.iter().all(|(hosts, stops)| stops.is_empty() != hosts.contains("h04")), "{again:?}");
}

/// The shipped playbooks, on Windows hosts that do not answer: what is asked comes before that.
#[test]
fn shipped_playbooks_tell_looking_from_changing() {
    let environment = Environment::new();
    let port = closed_port("127.0.0.1");
    let host = |name: &str, group: &str| {
        format!(
            "        {name}:\n          maintenance_group: {group}\n          agent: {{ identifier: {name}, uri: \"https://{name}.example\", connectors: [CorpAD] }}\n"
        )
    };
    let inventory = format!(
        "all:\n  vars: {{ ansible_connection: winrm, ansible_host: 127.0.0.1, ansible_port: {port}, ansible_winrm_scheme: http, ansible_winrm_transport: ntlm, ansible_user: u, ansible_password: p, server_uri: \"https://s.example\", agent_secrets: {{ Job: s }}, agent_identity_certificate: {{ thumbprint: a }}, agent_encryption_certificate: {{ thumbprint: b }}, agent_tls_certificate: {{ thumbprint: c }} }}\n  children:\n    identity_agents:\n      hosts:\n{}{}    windows:\n      children: {{ identity_agents: }}\n",
        host("par", "weekend"),
        host("ber", "friday"),
    );
    environment.write("inventory.yml", &inventory);
    let playbook =
        |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks").join(name).display().to_string();
    let apply = |name: &str, more: &[&str]| {
        let playbook = playbook(name);
        let mut all = vec![playbook.as_str(), "-e", "from=par", "-e", "to=ber"];
        all.extend(more);
        unanswered(&environment, &all)
    };
    // One wave with both hosts, which only looks; one with both that acts; two waves.
    apply("verify-agent.yml", &[]).expect(4);
    let said = apply("verify-agent.yml", &["-e", "acceptance=true"]).expect(1).stderr;
    assert!(said.contains("stops all 2 hosts that serve `CorpAD`: `par`, `ber`"), "{said}");
    apply("verify-agent.yml", &["-e", "acceptance=true", "-e", "window=friday"]).expect(4);
    // The bundle's installer has no way back, which is asked about; the waves are not.
    let said = apply("upgrade-agent.yml", &["--yes"]).expect(4);
    assert!(!(said.stdout + &said.stderr).contains("stops all"));
    // Only the new host is worked on in its play, and the old one in its own.
    apply("move-connector.yml", &["-e", "finish=true", "-e", r#"{"connections": ["C"]}"#]).expect(4);
}
