//! `paceline preflight -i` on a model of a Windows host behind a real `sshd`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

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
    fn control(&self, command: &str, words: &[&str], input: impl AsRef<[u8]>) -> String {
        let mut child = Command::new(python())
            .args(["-m", "windows.control", command])
            .arg(&self.model)
            .args(words)
            .env("PYTHONPATH", support())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_ref()).unwrap();
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
    windows.control("write", &[r"C:\keys\agent.pem"], certificates.text("agent.example.pem"));
    windows.control("write", &[r"C:\keys\old.pem"], certificates.text("old.example.pem"));
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

const AGENT: &str = "{ identifier: ParisAD, uri: 'https://win-1.example' }";

#[test]
fn sites_that_have_the_port_are_told() {
    let mut windows = Windows::new();
    windows.hosts.set("h01", "agent", AGENT).set("h01", "agent_root", r"'C:\IdentityAgent'");
    windows.control("web", &[], "");
    assert_eq!(found(&windows.ask(0)), [""; 0]);
    let site = |name: &str, path: &str, protocol: &str, host: &str, flags: &str| {
        let binding = json!({"protocol": protocol, "ip": "*", "port": 443, "host": host, "sslFlags": flags, "hash": "", "store": ""});
        let root = json!({"path": "/", "own": {}, "vdirs": {"/": {"physicalPath": path}}});
        json!({"name": name, "own": {"id": "2"}, "state": "started", "apps": {"/": root}, "bindings": [binding]})
            .to_string()
    };
    for (path, protocol, host, flags, expected) in [
        (r"D:\Shop", "https", "shop.example", "1", vec![]),
        (r"D:\Shop", "https", "", "0", vec!["warning port-not-shared"]),
        (r"D:\Shop", "https", "WIN-1.example", "1", vec!["error port-conflict"]),
        (r"D:\Shop", "http", "", "0", vec!["error port-conflict"]),
        (r"C:\IdentityAgent\Runtime", "https", "win-1.example", "1", vec![]),
        (r"C:\IdentityAgent\Runtime", "https", "old.example", "1", vec!["warning agent-binding-elsewhere"]),
    ] {
        windows.control("put", &["sites", "shop", &site("Shop", path, protocol, host, flags)], "");
        let code = if expected.iter().any(|one| one.starts_with("error")) { 2 } else { 0 };
        assert_eq!(found(&windows.ask(code)), expected, "{path} {protocol} {host} {flags}");
    }
    windows.control("write", &[r"C:\inetpub\wwwroot\shop\index.html"], "mine");
    let document = windows.ask(0);
    assert!(found(&document).contains(&"info default-site-customised".to_owned()), "{document}");
}

#[test]
fn settings_and_variables_of_windows_are_judged() {
    let mut windows = Windows::new();
    windows.hosts.set("h01", "agent", AGENT).set("h01", "agent_root", r"'C:\IdentityAgent'");
    let file = |name: &str| format!(r"C:\IdentityAgent\Runtime\{name}");
    windows.control(
        "write",
        &[&file("appsettings.json")],
        r#"{"IdentityServer": {"X509KeyFilePassword": "ze@bra"}, // x
        "License": "{\"ValidTo\":\"20200101\"}"}"#,
    );
    windows.control(
        "write",
        &[&file("appsettings.agent.json")],
        r#"{"OpenId": {"AgentIdentifier": "Lyon"}, }"#,
    );
    windows.control("write", &[&file("web.config")], "<configuration><a></configuration>");
    windows.control("write", &[r"C:\IdentityAgent\Temp\scheduler.lock"], "");
    windows.control("variable", &["ASPNETCORE_ENVIRONMENT", "Staging"], "");
    windows.control("variable", &["HTTPS_PROXY", "https://me:zebra@proxy.example:3128"], "");
    let document = windows.ask(2);
    assert_eq!(
        found(&document),
        [
            "warning environment-override",
            "info scheduler-lock",
            "warning settings-password",
            "warning agent-identifier-differs",
            "error settings-invalid",
            "error license-expired",
            "error proxy-variable",
        ]
    );
    let text = document.to_string();
    assert!(!text.contains("bra"), "{text}");
    assert!(text.contains(r"h01:C:\\IdentityAgent\\Runtime\\appsettings.json"), "{text}");
}

#[test]
fn a_windows_host_asks_the_server() {
    let mut windows = Windows::new();
    windows.hosts.set("h01", "server_uri", "'https://identity.example'");
    windows.hosts.set("h01", "agent_secrets", "{ Job: zebra }");
    windows.hosts.set("h01", "agent_https_proxy", "proxy.example:3128");
    let answer = |path: &str, status: u16, body: Value| {
        let headers = json!({"Content-Type": "application/json", "Date": "Mon, 15 Jun 2020 12:00:00 GMT"});
        let answer = json!({"status": status, "body": body.to_string(), "headers": headers}).to_string();
        windows.control("put", &["network", &format!("https://identity.example{path}"), &answer], "");
    };
    let document =
        json!({"issuer": "https://identity.example", "token_endpoint": "https://identity.example/t"});
    assert_eq!(found(&windows.ask(2)), ["error server-discovery"]);
    answer("/.well-known/openid-configuration", 200, document);
    answer("/connect/token", 400, json!({"error": "invalid_client", "error_description": "zebra"}));
    let told = windows.ask(2);
    // The clock of this server is years behind.
    assert_eq!(found(&told), ["error server-token", "error time-skew"]);
    assert!(!told.to_string().contains("zebra"));
    answer("/connect/token", 200, json!({"access_token": "t"}));
    assert_eq!(found(&windows.ask(2)), ["error time-skew"]);
    windows.control("set", &["refused", r#"["proxy.example:3128"]"#], "");
    assert_eq!(found(&windows.ask(2)), ["error proxy-unreachable"]);
}

#[test]
fn a_certificate_in_a_store_is_judged_with_who_reads_its_key() {
    let mut windows = Windows::new();
    let certificates = Certificates::new();
    certificates.make(Wanted::default());
    let (pem, out) = (certificates.argument("agent.example.pem"), certificates.argument("agent.pfx"));
    certificates.openssl(&["pkcs12", "-export", "-in", &pem, "-out", &out, "-passout", "pass:word"]);
    let pfx = std::fs::read(&out).unwrap();
    let thumbprint = windows.control("certificate", &["My", "word"], &pfx).trim().to_owned();
    let named = |identity: &str| {
        format!(
            r"{{ certificates: [{{ thumbprint: '{thumbprint}', identity: '{identity}', name: win-1.example }}] }}"
        )
    };
    let pool = r"IIS AppPool\Usercube";
    windows.control("web", &[], "");
    windows.hosts.set("h01", "preflight", &named(pool));
    let unnamed = "warning agent-name-not-in-certificate";
    // Nobody but the machine reads the key yet, and then there is no such pool.
    let document = windows.ask(2);
    assert_eq!(found(&document), ["error certificate-no-private-key", unnamed]);
    assert_eq!(document["certificates"][0]["thumbprint"], thumbprint.as_str());
    windows.control("key-reader", &[&thumbprint, "S-1-5-32-568"], "");
    windows.hosts.set("h01", "preflight", &named(r"BUILTIN\IIS_IUSRS"));
    assert_eq!(found(&windows.ask(0)), [unnamed]);
    windows.hosts.set("h01", "preflight", &named("Nobody"));
    assert_eq!(found(&windows.ask(2)), ["error certificate-no-private-key", unnamed]);
}
