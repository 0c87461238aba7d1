//! `paceline preflight -i` on a model of a Windows host behind a real `sshd`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::certificates::found;
use crate::support::certificates::{Certificates, Wanted};
use crate::support::environment::Environment;
use crate::support::hosts::Hosts;
use crate::support::sshd::Sshd;

struct Windows {
    environment: Environment,
    model: PathBuf,
    hosts: Hosts,
    _sshd: Sshd,
}

fn support() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support")
}

fn python() -> PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-venv/bin/python");
    assert!(python.exists(), "the tests' virtual environment is missing; `tests/run` makes it");
    python
}

impl Windows {
    fn new() -> Self {
        let environment = Environment::new();
        let model = environment.path("model");
        let forced = format!(
            "ForceCommand PYTHONPATH={} exec {} -m windows.shell {}",
            support().display(),
            python().display(),
            model.display()
        );
        let sshd = Sshd::with_config(1, &forced);
        let mut hosts = Hosts::numbered(&environment, &sshd, 1);
        hosts.set_all("ansible_shell_type", "powershell").set("h01", "paceline_base", r"'C:\Paceline'");
        let windows = Self { environment, model, hosts, _sshd: sshd };
        windows.control("new", &["WIN-1"], "");
        windows
    }

    /// Asks or changes the model from outside.
    fn control(&self, command: &str, words: &[&str], input: &str) -> String {
        let mut child = Command::new(python())
            .args(["-m", "windows.control", command])
            .arg(&self.model)
            .args(words)
            .env("PYTHONPATH", support())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{command} {words:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn ask(&self, code: i32) -> Value {
        self.hosts.write(&self.environment);
        let ended =
            self.environment.run(&["preflight", "-i", "inventory.yml", "--output", "json"]).expect(code);
        serde_json::from_str(&ended.stdout).unwrap()
    }
}

#[test]
fn a_windows_host_is_judged_like_any_other_and_stays_as_it_was() {
    let mut windows = Windows::new();
    let agent = "{ identifier: ParisAD, uri: 'https://win-1.example', connectors: [{ identifier: CorpAD, managed_system: { name: corp, address: 'dc1.example:636' } }] }";
    windows.hosts.set("h01", "agent", agent);
    windows.hosts.set("h01", "preflight", r"{ folder: 'C:\IdentityAgent' }");
    let before = windows.control("hash", &[], "");
    assert_eq!(found(&windows.ask(0)), [""; 0]);
    assert_eq!(windows.control("hash", &[], ""), before);
    let address = r#"["dc1.example:636"]"#;
    for (name, value, back, expected) in [
        ("refused", address, "[]", "error managed-system-unreachable"),
        ("unreachable", address, "[]", "error managed-system-unreachable"),
        ("memory_mb", "4096", "16384", "warning requirement-memory"),
        ("processors", "1", "4", "warning requirement-processors"),
        ("elevated", "false", "true", "warning requirement-privilege"),
        ("clock_skew", "1000", "0", "error time-skew"),
        ("os_version", "\"6.3.9600\"", "\"10.0.20348\"", "error requirement-platform"),
        ("jobs", r#"["Usercube-Invoke-Job"]"#, "[]", "warning jobs-running"),
        ("names", r#"{"win-1.example": []}"#, "{}", "warning agent-name-unresolvable"),
        ("names", r#"{"win-1.example": ["10.9.9.9"]}"#, "{}", "warning agent-name-elsewhere"),
    ] {
        windows.control("set", &[name, value], "");
        let code = if expected.starts_with("error") { 2 } else { 0 };
        assert_eq!(found(&windows.ask(code)), [expected], "{name}");
        windows.control("set", &[name, back], "");
    }
    windows.control("write", &[r"C:\IdentityAgent\Runtime\appsettings.agent.Production.json"], "{}");
    assert_eq!(found(&windows.ask(0)), ["warning leftover-file"]);
}

#[test]
fn certificates_in_files_of_windows_are_judged() {
    let mut windows = Windows::new();
    let certificates = Certificates::new();
    certificates.make(Wanted::default());
    certificates.make(Wanted { name: "old.example", days: (-300, -3), ..Wanted::default() });
    windows.control("write", &[r"C:\keys\agent.pem"], &certificates.text("agent.example.pem"));
    windows.control("write", &[r"C:\keys\old.pem"], &certificates.text("old.example.pem"));
    let named = r"{ certificates: ['C:\keys\agent.pem', 'C:\keys\old.pem', { thumbprint: '0011223344556677889900112233445566778899' }, 'C:\keys\none.pem'] }";
    windows.hosts.set("h01", "preflight", named);
    let document = windows.ask(2);
    assert_eq!(
        found(&document),
        ["error certificate-expired", "error certificate-unreadable", "error certificate-unreadable"]
    );
    let places: Vec<_> =
        document["findings"].as_array().unwrap().iter().map(|one| one["place"].as_str().unwrap()).collect();
    assert_eq!(
        places,
        [
            r"h01:C:\keys\old.pem",
            r"h01:LocalMachine\My\0011223344556677889900112233445566778899",
            r"h01:C:\keys\none.pem"
        ]
    );
}
