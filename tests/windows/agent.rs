//! The shipped playbooks of the production agent against modelled Windows hosts, over sealed NTLM.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::certificates::{Certificates, Wanted};
use crate::support::environment::{Environment, Events};
use crate::support::winrm::{ADMINISTRATOR, PASSWORD, Peer, python};

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

/// Windows hosts, and all that an agent is made of.
struct Scene {
    environment: Environment,
    peer: Peer,
    hosts: usize,
}

impl Scene {
    fn new(hosts: usize) -> Self {
        let scene = Self { environment: Environment::new(), peer: Peer::start(hosts, &json!({})), hosts };
        scene.write_inventory();
        scene.answer_tokens(200);
        scene
    }

    /// What the server says to clients who ask for a token.
    fn answer_tokens(&self, status: u16) {
        let answer = json!({"status": status, "body": "{}"}).to_string();
        for number in 1..=self.hosts {
            let url = format!("{SERVER}/connect/token");
            self.peer.host(number).model("put", &["network", &url, &answer], "");
        }
    }

    fn write_inventory(&self) {
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
        let host = |number: usize| {
            let host = self.peer.host(number);
            let agent = json!({"identifier": format!("Agent{number}"), "uri": format!("https://idm-{number}.example")});
            let at = json!({"ansible_host": host.address(), "ansible_port": host.http(), "agent": agent});
            (host.name().to_owned(), at)
        };
        let inventory = json!({
            "identity_agents": {
                "hosts": (1..=self.hosts).map(host).collect::<serde_json::Map<_, _>>(),
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
            "windows": {
                "children": {"identity_agents": null},
                "vars": {
                    "ansible_connection": "winrm", "ansible_winrm_transport": "ntlm",
                    "ansible_winrm_scheme": "http", "ansible_user": ADMINISTRATOR, "ansible_password": PASSWORD,
                },
            },
        });
        self.environment.write("inventory.yml", &inventory.to_string());
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
        let mut all = vec!["apply", "-i", "inventory.yml", &playbook];
        all.extend(more);
        self.environment.events(code, &all)
    }

    fn file(&self, name: &str) -> String {
        let text = self.peer.host(1).model("read", &[&format!("{RUNTIME}\\{name}")], "");
        text.as_str().unwrap().to_owned()
    }

    /// What a rollback has to bring back: all of a host but the hosting bundle, which stays, as the guide's reference has it.
    fn states(&self) -> Vec<Value> {
        let state = |number: usize| {
            let mut state = self.peer.host(number).model("snapshot", &[], "");
            for section in ["packages", "modules", "registry", "settings"] {
                state.as_object_mut().unwrap().remove(section);
            }
            let files = state["files"].as_object_mut().unwrap();
            files.retain(|path, _| !path.starts_with("C:\\PROGRAM FILES\\"));
            state
        };
        (1..=self.hosts).map(state).collect()
    }

    fn recycled(&self) -> usize {
        self.peer.host(1).model("events", &["recycle"], "").as_array().unwrap().len()
    }
}

/// The name of the first host.
const FIRST: &str = "win1.example";

fn digest(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn fifty_production_agents_are_installed_once_and_taken_back() {
    let scene = Scene::new(50);
    let before = scene.states();
    let first = scene.apply(0, "install-agent.yml", &[]);
    assert!(first.recap().values().all(|host| host.changed > 25 && host.failed == 0), "{:?}", first.recap());
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

    let recycled = scene.recycled();
    for playbook in ["install-agent.yml", "configure-agent.yml", "verify-agent.yml"] {
        let again = scene.apply(0, playbook, &[]);
        assert!(again.recap().values().all(|host| host.changed == 0), "{playbook}: {:?}", again.recap());
    }
    assert_eq!(scene.recycled(), recycled, "a run that changes nothing recycles nothing");

    let runs = fs::read_dir(scene.environment.path(".paceline/runs")).unwrap();
    let run = runs.map(|run| run.unwrap().file_name().into_string().unwrap()).min().unwrap();
    scene.environment.run(&["rollback", &run]).expect(0);
    for (number, (before, after)) in before.iter().zip(scene.states()).enumerate() {
        for (section, wanted) in before.as_object().unwrap() {
            assert_eq!(&after[section], wanted, "host {}, {section}", number + 1);
        }
    }
}

#[test]
fn an_upgrade_carries_settings_over_and_goes_back_when_the_agent_fails() {
    let scene = Scene::new(1);
    scene.apply(0, "install-agent.yml", &[]);
    let settings = scene.file("appsettings.json");
    let upgrade = |code: i32, version: &str, more: &[&str]| {
        let (archive, sha256) = scene.archive(version);
        let variables = json!({"agent_archive": archive, "agent_archive_sha256": sha256}).to_string();
        scene.apply(code, "upgrade-agent.yml", &[&["-e", &variables], more].concat())
    };
    assert!(upgrade(0, "second", &[]).of(FIRST).changed > 5);
    assert_eq!(
        (scene.file("Usercube-Agent.dll").trim(), scene.file("appsettings.json")),
        ("second", settings.clone())
    );
    assert_eq!(upgrade(0, "second", &[]).of(FIRST).changed, 0);

    // The server does not know the agent any more: what was upgraded goes back.
    scene.answer_tokens(401);
    upgrade(3, "third", &[]);
    assert_eq!(
        (scene.file("Usercube-Agent.dll").trim(), scene.file("appsettings.json")),
        ("second", settings)
    );
}

#[test]
fn secrets_and_connections_change_without_being_shown() {
    let scene = Scene::new(1);
    scene.apply(0, "install-agent.yml", &[]);
    let secrets = json!({"agent_secrets": {"Job": "clear-secret-of-job", "Job2": "second-secret"}, "agent_client": "Job2"});
    let rotated = scene.apply(0, "rotate-secret.yml", &["--diff", "-e", &secrets.to_string()]);
    assert_eq!(rotated.of(FIRST).failed, 0);
    let own = scene.file("appsettings.agent.json");
    assert!(own.contains("second-secret") && own.contains("\"DefaultOpenIdClient\": \"Job2\""), "{own}");
    let gone =
        scene.apply(0, "rotate-secret.yml", &["--diff", "-e", &secrets.to_string(), "-e", "old_client=Job"]);
    assert!(!scene.file("appsettings.agent.json").contains("clear-secret-of-job"));
    let told = format!("{:?}{:?}", rotated.0, gone.0);
    assert!(!told.contains("second-secret") && !told.contains("clear-secret-of-job"));
}

#[test]
fn an_audit_reads_what_the_playbook_installed() {
    let scene = Scene::new(1);
    scene.apply(0, "install-agent.yml", &[]);
    let ended = scene.environment.run(&["audit", "-i", "inventory.yml", "--live", "--output", "json"]);
    for secret in ["clear-secret-of-job", "secret-of-the-directory", "p@ss-encryption"] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{}", ended.stdout);
    }
    let document: Value = serde_json::from_str(&ended.expect(0).stdout).unwrap();
    let listed = document["certificates"].as_array().unwrap();
    let mut usages: Vec<&str> = listed.iter().map(|one| one["usage"].as_str().unwrap()).collect();
    usages.sort_unstable();
    assert_eq!(usages, ["encryption", "identity", "reset", "tls"]);
    let findings = document["findings"].as_array().unwrap();
    let mut ids: Vec<&str> = findings.iter().map(|one| one["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    // The certificate of the site is not one for the name of the agent.
    assert_eq!(ids, ["agent-idle", "certificate-signatory", "secret-plain-text"]);
}
