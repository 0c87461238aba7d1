//! The shipped playbooks of the production agent against the model of a Windows host, behind a real sshd.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::peer::{Model, support};
use super::scripts::python;
use crate::support::certificates::{Certificates, Wanted};
use crate::support::environment::{Environment, Events};
use crate::support::hosts::Hosts;
use crate::support::sshd::Sshd;

const SERVER: &str = "https://identity.corp.example";
const RUNTIME: &str = "C:\\IdentityAgent\\Runtime";

/// What the archive of the runtime holds: the server's files above, the agent's own below.
const FILES: &[(&str, &str)] = &[
    ("Usercube-Agent.runtimeconfig.json", "{}"),
    ("Usercube-Agent.exe", "MZ"),
    ("Usercube-Invoke-Job.exe", "MZ"),
    ("Usercube-Server.dll", "MZ"),
    ("appsettings.json", "{ \"Server\": true }"),
    ("appsettings.agent.json", "{}"),
    ("web.config", "<configuration/>"),
    (
        "Agent/appsettings.json",
        "{\r\n  // shipped\r\n  \"ApplicationUri\": \"<server>\",\r\n  \"License\": \"<license>\",\r\n}\r\n",
    ),
    (
        "Agent/appsettings.agent.json",
        "{\r\n  \"OpenId\": {\r\n    \"AgentIdentifier\": \"<agent>\"\r\n  }\r\n}\r\n",
    ),
    (
        "Agent/web.config",
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<configuration>\r\n  <location path=\".\">\r\n    <system.webServer>\r\n      <aspNetCore processPath=\"dotnet\" arguments=\"./identitymanager-Agent.dll\" hostingModel=\"inprocess\" />\r\n    </system.webServer>\r\n  </location>\r\n</configuration>\r\n",
    ),
];

/// One Windows host, and all that an agent is made of.
struct Scene {
    environment: Environment,
    model: Model,
    _sshd: Sshd,
}

impl Scene {
    fn new() -> Self {
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
        let scene = Self { environment, model, _sshd: sshd };
        scene.write_groups();
        let answer = json!({"status": 200, "body": "{}"}).to_string();
        scene.model.control(&["put"], &["network", &format!("{SERVER}/connect/token"), &answer]);
        scene
    }

    fn write_groups(&self) {
        let certificates = Certificates::new();
        let pfx = |name: &str| {
            certificates.make(Wanted { name, ..Wanted::default() });
            let (pem, password) =
                (certificates.argument(&format!("{name}.pem")), format!("pass:p@ss-{name}"));
            let path = self.environment.write(&format!("files/{name}.pfx"), "");
            let out = path.to_str().unwrap();
            certificates.openssl(&["pkcs12", "-export", "-in", &pem, "-out", out, "-passout", &password]);
            json!({"file": out, "password": format!("p@ss-{name}")})
        };
        let mut tls = pfx("site");
        let printed = Command::new("openssl")
            .args(["x509", "-noout", "-fingerprint", "-sha1", "-in", &certificates.argument("site.crt")])
            .output()
            .unwrap();
        let printed = String::from_utf8(printed.stdout).unwrap();
        tls["thumbprint"] = printed.trim().rsplit('=').next().unwrap().replace(':', "").into();
        let bundle = self.environment.write("files/dotnet-hosting-8.0.22-win.exe", "MZ bundle");
        let (archive, sha256) = self.archive("first");
        let groups = json!({
            "identity_agents": {
                "hosts": {"h01": {"agent": {"identifier": "Paris", "uri": "https://idm-par.example", "connectors": []}}},
                "vars": {
                    "agent_archive": archive, "agent_archive_sha256": sha256,
                    "agent_bundle": bundle, "agent_bundle_sha256": digest(&bundle),
                    "agent_identity_certificate": pfx("identity"),
                    "agent_encryption_certificate": pfx("encryption"),
                    "agent_reset_certificate": pfx("reset"),
                    "agent_tls_certificate": tls,
                    "agent_secrets": {"Job": "clear-secret-of-job"},
                    "agent_connections": {"AD": {"Server": "dc1.example", "Login": "CORP\\svc"}},
                    "agent_connection_secrets": {"AD": {"Password": "secret-of-the-directory"}},
                },
            },
            "windows": {"children": {"identity_agents": null}},
        });
        self.environment.write("groups.yml", &groups.to_string());
    }

    /// The archive of a version of the runtime, and its digest.
    fn archive(&self, version: &str) -> (PathBuf, String) {
        let folder = format!("runtime-{version}");
        for (name, text) in FILES {
            self.environment.write(&format!("{folder}/{name}"), text);
        }
        self.environment.write(&format!("{folder}/Usercube-Agent.dll"), version);
        let archive = self.environment.path(&format!("files/{folder}.zip"));
        let zipped = Command::new(python())
            .args(["-m", "zipfile", "-c"])
            .arg(&archive)
            .args(fs::read_dir(self.environment.path(&folder)).unwrap().map(|entry| entry.unwrap().path()))
            .status();
        assert!(zipped.unwrap().success());
        let sha256 = digest(&archive);
        (archive, sha256)
    }

    fn apply(&self, code: i32, playbook: &str, more: &[&str]) -> Events {
        let playbook = format!("{}/playbooks/{playbook}", env!("CARGO_MANIFEST_DIR"));
        let mut all = vec!["apply", "-i", "inventory.yml", "-i", "groups.yml", &playbook];
        all.extend(more);
        self.environment.events(code, &all)
    }

    fn file(&self, name: &str) -> String {
        self.model.control(&["read"], &[&format!("{RUNTIME}\\{name}")])
    }

    /// What is to be as it was after a rollback; what the web server was asked is not.
    fn state(&self) -> Value {
        serde_json::from_str(&self.model.control(&["snapshot"], &[])).unwrap()
    }
}

fn digest(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn the_production_agent_is_installed_once_and_taken_back() {
    let scene = Scene::new();
    let before = scene.state();
    let first = scene.apply(0, "install-agent.yml", &[]);
    assert!(first.of("h01").changed > 25, "{:?}", first.of("h01"));
    let settings = scene.file("appsettings.json");
    assert!(
        settings.starts_with("{\r\n  // shipped\r\n  \"ApplicationUri\": \"https://identity.corp.example\",")
    );
    assert!(settings.contains("\"X509KeyFilePassword\": \"@p@ss-identity\""), "{settings}");
    let own = scene.file("appsettings.agent.json");
    assert!(
        own.contains("\"Job\": \"clear-secret-of-job\"") && own.contains("secret-of-the-directory"),
        "{own}"
    );
    let config = scene.file("web.config");
    assert!(config.contains("arguments=\"./Usercube-Agent.dll\""), "{config}");
    assert!(
        config.contains("stdoutLogEnabled=\"false\"") && config.contains("initializationPage=\"/\""),
        "{config}"
    );

    let second = scene.apply(0, "install-agent.yml", &[]);
    assert_eq!(second.of("h01").changed, 0);
    assert_eq!(scene.apply(0, "configure-agent.yml", &[]).of("h01").changed, 0);
    assert_eq!(scene.apply(0, "verify-agent.yml", &[]).of("h01").changed, 0);

    scene.environment.run(&["rollback", "latest"]).expect(0);
    let after = scene.state();
    for (section, wanted) in before.as_object().unwrap() {
        assert_eq!(&after[section], wanted, "{section}");
    }
}

#[test]
fn an_upgrade_carries_settings_over_and_goes_back_when_the_agent_fails() {
    let scene = Scene::new();
    scene.apply(0, "install-agent.yml", &[]);
    let settings = scene.file("appsettings.json");
    let upgrade = |code: i32, version: &str, more: &[&str]| {
        let (archive, sha256) = scene.archive(version);
        let variables = json!({"agent_archive": archive, "agent_archive_sha256": sha256}).to_string();
        scene.apply(code, "upgrade-agent.yml", &[&["-e", &variables], more].concat())
    };
    assert!(upgrade(0, "second", &[]).of("h01").changed > 5);
    assert_eq!(
        (scene.file("Usercube-Agent.dll").trim(), scene.file("appsettings.json")),
        ("second", settings.clone())
    );
    assert_eq!(upgrade(0, "second", &[]).of("h01").changed, 0);

    // The server does not know the agent any more: what was upgraded goes back.
    let refused = json!({"status": 401, "body": "{}"}).to_string();
    scene.model.control(&["put"], &["network", &format!("{SERVER}/connect/token"), &refused]);
    upgrade(3, "third", &[]);
    assert_eq!(
        (scene.file("Usercube-Agent.dll").trim(), scene.file("appsettings.json")),
        ("second", settings)
    );
}

#[test]
fn secrets_and_connections_change_without_being_shown() {
    let scene = Scene::new();
    scene.apply(0, "install-agent.yml", &[]);
    let secrets = json!({"agent_secrets": {"Job": "clear-secret-of-job", "Job2": "second-secret"}, "agent_client": "Job2"});
    let rotated = scene.apply(0, "rotate-secret.yml", &["--diff", "-e", &secrets.to_string()]);
    assert_eq!(rotated.of("h01").failed, 0);
    let own = scene.file("appsettings.agent.json");
    assert!(own.contains("second-secret") && own.contains("\"DefaultOpenIdClient\": \"Job2\""), "{own}");
    let gone =
        scene.apply(0, "rotate-secret.yml", &["--diff", "-e", &secrets.to_string(), "-e", "old_client=Job"]);
    assert!(!scene.file("appsettings.agent.json").contains("clear-secret-of-job"));
    let told = format!("{:?}{:?}", rotated.0, gone.0);
    assert!(!told.contains("second-secret") && !told.contains("clear-secret-of-job"));
}
