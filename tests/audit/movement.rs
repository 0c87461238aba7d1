//! The shipped `move-connector.yml` on hosts that do not answer: what has to move is shown before anybody is asked.

use std::path::Path;

use crate::support::environment::Environment;
use crate::support::proxy::closed_port;

fn shipped(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

/// Two hosts behind a port that nothing listens on.
fn environment() -> Environment {
    let environment = Environment::new();
    let port = closed_port("127.0.0.1");
    let host = |name: &str, agent: &str, connectors: &str| {
        format!(
            "        {name}:\n          agent: {{ identifier: {agent}, uri: \"https://{name}.example\", connectors: [{connectors}] }}\n"
        )
    };
    let vars = format!(
        "{{ ansible_connection: winrm, ansible_host: 127.0.0.1, ansible_port: {port}, ansible_winrm_scheme: http, ansible_winrm_transport: ntlm, ansible_user: u, ansible_password: p, server_uri: \"https://s.example\", agent_secrets: {{ Job: s }}, agent_identity_certificate: {{ thumbprint: a }}, agent_encryption_certificate: {{ thumbprint: b }}, agent_tls_certificate: {{ thumbprint: c }} }}"
    );
    let hosts = host(
        "par",
        "ParisAD",
        "{ identifier: CorpAD, managed_system: { name: corp.example, address: \"dc1.corp.example:636\" } }",
    ) + &host("lyo", "LyonAD", "PlantAD");
    environment.write(
        "inventory.yml",
        &format!("all:\n  vars: {vars}\n  children:\n    identity_agents:\n      hosts:\n{hosts}    windows:\n      children: {{ identity_agents: }}\n"),
    );
    environment
}

fn plan(environment: &Environment, code: i32, more: &[&str]) -> String {
    let playbook = shipped("playbooks/move-connector.yml");
    let config = format!("config={}", shipped("configuration/production"));
    let mut all = vec!["plan", playbook.as_str(), "-i", "inventory.yml", "-e", config.as_str()];
    all.extend(more);
    let ended = environment.run(&all).expect(code);
    ended.stdout + &ended.stderr
}

#[test]
fn the_plan_of_a_move_begins_with_what_has_to_move() {
    let environment = environment();
    let said = plan(&environment, 4, &["-e", "connector=CorpAD", "-e", "from=ParisAD", "-e", "to=LyonAD"]);
    for line in [
        "connector CorpAD: ParisAD (par) -> LyonAD (lyo)",
        "ADExportFulfillment (Usercube.AD@0000001)",
        "CorpAD-Fulfill (0 5/10 * * * *): moves",
        "ParisAD-Nightly (0 0 2 * * *): goes on without it",
        "CorpAD/CorpAD Connector.xml:3",
        "Connector `CorpAD`: Agent=\"ParisAD\" becomes Agent=\"LyonAD\"",
        "FulfillTask `CorpAD-Fulfillment`: Agent=\"ParisAD\" becomes Agent=\"LyonAD\"",
        "2. check that lyo reaches corp.example at dc1.corp.example:636",
        "way back:",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(said.matches("changes of the XML:").count(), 1, "{said}");
}

#[test]
fn a_move_that_cannot_be_is_refused_before_hosts_are_asked() {
    let environment = environment();
    for (more, reason) in [
        (
            ["connector=CorpAd", "from=ParisAD", "to=LyonAD"],
            "the configuration has no connector `CorpAd`; did you mean `CorpAD`?",
        ),
        (
            ["connector=CorpAD", "from=LyonAD", "to=LyonAD"],
            "the configuration gives CorpAD to ParisAD, and `from` is LyonAD",
        ),
        (
            ["connector=CorpAD", "from=ParisAD", "to=BerlinAD"],
            "no host of the inventory runs the agent `BerlinAD`",
        ),
    ] {
        let arguments: Vec<&str> = more.iter().flat_map(|each| ["-e", *each]).collect();
        let said = plan(&environment, 2, &arguments);
        assert!(said.contains(reason), "{reason}: {said}");
        assert!(!said.contains("UNREACHABLE"), "{said}");
    }
}
