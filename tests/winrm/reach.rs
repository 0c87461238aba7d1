//! The program itself on hosts that are reached by WinRM: logins, certificates and pins, `raw`, and what is refused.

use serde_json::{Map, Value, json};

use super::client::field;
use crate::support::environment::Environment;
use crate::support::winrm::{ADMINISTRATOR, Host, PASSWORD, Peer};

const RAW: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n    - raw: Write-Output 'ran'\n";

struct Scene {
    environment: Environment,
    peer: Peer,
}

impl Scene {
    fn new() -> Self {
        let environment = Environment::new();
        environment.write("playbook.yml", RAW);
        Self { environment, peer: Peer::start(1, &json!({})) }
    }

    fn host(&self) -> Host<'_> {
        self.peer.host(1)
    }

    /// Writes the inventory: one host over http or https, with more variables.
    fn inventory(&self, is_tls: bool, more: Value) {
        let host = self.host();
        let (scheme, port) = if is_tls { ("https", host.https()) } else { ("http", host.http()) };
        let mut variables = json!({
            "ansible_connection": "winrm", "ansible_host": host.address(), "ansible_port": port,
            "ansible_winrm_scheme": scheme, "ansible_user": ADMINISTRATOR, "ansible_password": PASSWORD,
        });
        let Value::Object(more) = more else { panic!("a mapping") };
        variables.as_object_mut().unwrap().extend(more);
        let hosts = Map::from_iter([("win1".to_owned(), variables)]);
        self.environment.write("inventory.yml", &json!({"all": {"hosts": hosts}}).to_string());
    }

    fn reason(&self, code: i32) -> String {
        self.environment.events(code, &["apply", "-i", "inventory.yml", "playbook.yml"]).reason("win1")
    }

    fn runs(&self) {
        let ended = self.environment.run(&["apply", "-i", "inventory.yml", "playbook.yml"]).expect(0);
        assert!(ended.stdout.contains("changed=1"), "{}", ended.stdout);
    }
}

#[test]
fn raw_runs_sealed_and_over_tls_and_leaves_no_shell_behind() {
    let scene = Scene::new();
    scene.inventory(false, json!({}));
    scene.runs();
    let authority = scene.peer.authority();
    scene.inventory(
        true,
        json!({"ansible_winrm_ca_trust_path": authority, "ansible_winrm_transport": "ntlm"}),
    );
    scene.runs();
    scene.inventory(true, json!({"ansible_winrm_ca_trust_path": authority}));
    scene.runs();
    scene.inventory(true, json!({"ansible_winrm_server_cert_validation": "ignore"}));
    let ended = scene.environment.run(&["apply", "-i", "inventory.yml", "playbook.yml"]).expect(0);
    let said = [ended.stdout, ended.stderr].concat();
    assert!(said.contains("certificate is not checked"), "{said}");
    assert!(scene.host().shells().is_empty(), "{:?}", scene.host().shells());
}

#[test]
fn a_wrong_password_is_tried_once_and_named() {
    let scene = Scene::new();
    scene.inventory(false, json!({"ansible_password": "wrong"}));
    let reason = scene.reason(4);
    assert!(reason.contains("was rejected"), "{reason}");
    assert_eq!(scene.host().count("logon_failed"), 1);
    assert!(!reason.contains("wrong"), "{reason}");
}

#[test]
fn certificates_are_shown_and_pinned() {
    let scene = Scene::new();
    scene.inventory(true, json!({}));
    assert!(scene.reason(4).contains("not signed by a trusted authority"));
    let shown =
        scene.environment.run(&["trust", "scan", "-i", "inventory.yml", "--output", "json"]).expect(0);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    let certificate = &shown["certificates"][0];
    assert_eq!((field(certificate, "host"), &certificate["trusted"]), ("win1", &json!(false)));
    assert_eq!(scene.host().count("logon_failed") + scene.host().count("execution"), 0);
    let pin = field(certificate, "pin");
    scene.inventory(true, json!({"paceline_tls_pin": pin}));
    scene.runs();
    let table = scene.environment.run(&["trust", "scan", "-i", "inventory.yml"]).expect(0);
    assert!(table.stdout.contains(&format!("{pin}  pinned")), "{}", table.stdout);
    let digits = field(certificate, "sha256");
    let listed = scene.environment.run(&["trust", "list", "-i", "inventory.yml"]).expect(0);
    for text in [&table.stdout, &listed.stdout] {
        assert!(text.contains(&format!("SHA-256  {digits}")) && digits.len() == 64, "{text}");
    }
    assert!(table.stdout.contains("subject  ") && table.stdout.contains("until    2"), "{}", table.stdout);
    scene.inventory(true, json!({"paceline_tls_pin": "ab".repeat(32)}));
    scene.environment.run(&["trust", "scan", "-i", "inventory.yml"]).expect(2);
    assert!(scene.reason(4).contains("certificate"), "another certificate than the pinned one");
    scene.inventory(false, json!({}));
    let plain = scene.environment.run(&["trust", "scan", "-i", "inventory.yml"]).expect(0);
    assert!(plain.stdout.contains("win1  WinRM over http: no certificate"), "{}", plain.stdout);
    // Two pins, as while a certificate is replaced.
    scene.inventory(true, json!({"paceline_tls_pin": ["ab".repeat(32), pin]}));
    scene.runs();
}

#[test]
fn what_is_misspelt_or_unsafe_is_refused_before_the_host_is_touched() {
    let scene = Scene::new();
    for (variables, word) in [
        (
            json!({"ansible_winrm_server_cert_validaton": "ignore"}),
            "did you mean `ansible_winrm_server_cert_validation`",
        ),
        (json!({"ansible_winrm_transport": "plaintext"}), "clear text"),
        (json!({"ansible_winrm_transport": "credssp"}), "hands the password"),
        (
            json!({"ansible_winrm_scheme": "https", "ansible_winrm_ca_trust_path": "gone.pem"}),
            "`ansible_winrm_ca_trust_path`: cannot read `gone.pem`",
        ),
        (
            json!({"ansible_winrm_scheme": "https", "ansible_winrm_transport": "certificate",
                "ansible_winrm_cert_pem": "gone.pem", "ansible_winrm_cert_key_pem": "gone.key"}),
            "`ansible_winrm_cert_pem`: cannot read `gone.pem`",
        ),
    ] {
        scene.inventory(false, variables);
        let ended = scene.environment.run(&["apply", "-i", "inventory.yml", "playbook.yml"]).expect(1);
        assert!(ended.stderr.contains(word) && ended.stderr.contains("inventory.yml:1:"), "{}", ended.stderr);
    }
    scene.inventory(false, json!({}));
    let ended = scene.environment.run(&["apply", "-b", "-i", "inventory.yml", "playbook.yml"]).expect(1);
    assert!(ended.stderr.contains("Windows, and `win1` runs Windows"), "{}", ended.stderr);
    assert!(ended.stderr.contains("`ansible_become: false`"), "{}", ended.stderr);
    assert_eq!(scene.host().log(None).len(), 0);
    // Who declines is not meant.
    scene.inventory(false, json!({"ansible_become": false}));
    let ended = scene.environment.run(&["apply", "-b", "-i", "inventory.yml", "playbook.yml"]).expect(0);
    assert!(ended.stdout.contains("changed=1"), "{}", ended.stdout);
}

#[test]
fn a_module_of_the_other_platform_fails_its_task_with_a_hint() {
    let scene = Scene::new();
    scene.inventory(false, json!({}));
    scene.environment.write(
        "playbook.yml",
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - systemd: { name: x, state: started }\n",
    );
    let reason = scene.reason(2);
    assert!(reason.contains("is for POSIX hosts") && reason.contains("Windows"), "{reason}");
}
