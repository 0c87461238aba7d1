//! The shipped playbooks of the production agent against modelled Windows hosts, over sealed NTLM. Here is what the tests
//! have in common: hosts, certificates, archives, an inventory.

mod change;
mod install;
mod killed;
mod refused;
mod verify;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::certificates::{Certificates, Wanted};
use paceline::executor::event::EventKind;

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
    certificates: Certificates,
}

impl Scene {
    /// Hosts without agents, and an inventory for them.
    fn new(hosts: usize) -> Self {
        Self::with_variables(hosts, |_| json!({}))
    }

    /// The same with variables of single hosts, by their numbers.
    fn with_variables(hosts: usize, variables: impl Fn(usize) -> Value) -> Self {
        let peer = Peer::start(hosts, &json!({}));
        let scene = Self { environment: Environment::new(), peer, hosts, certificates: Certificates::new() };
        scene.write_inventory(variables);
        scene.answer_tokens(200);
        scene
    }

    /// What the server says of itself, and to clients who ask for a token.
    fn answer_tokens(&self, status: u16) {
        let header = json!({"Content-Type": "application/json"});
        let body =
            if status == 200 { json!({"access_token": "t"}) } else { json!({"error": "invalid_client"}) };
        let answer = json!({"status": status, "body": body.to_string(), "headers": header}).to_string();
        let document = json!({"issuer": SERVER, "token_endpoint": format!("{SERVER}/connect/token")});
        let document = json!({"status": 200, "body": document.to_string(), "headers": header}).to_string();
        for number in 1..=self.hosts {
            let url = format!("{SERVER}/.well-known/openid-configuration");
            self.peer.host(number).model("put", &["network", &url, &document], "");
            let url = format!("{SERVER}/connect/token");
            self.peer.host(number).model("put", &["network", &url, &answer], "");
        }
    }

    /// A certificate with its key as a PFX file: `file`, `password` and `thumbprint`.
    fn pfx(&self, name: &str) -> Value {
        let path = self.environment.path(&format!("files/{name}.pfx"));
        let out = path.to_str().unwrap();
        if !path.exists() {
            self.certificates.make(Wanted { name, ..Wanted::default() });
            let (pem, password) =
                (self.certificates.argument(&format!("{name}.pem")), format!("pass:p@ss-{name}"));
            self.environment.write(&format!("files/{name}.pfx"), "");
            self.certificates
                .openssl(&["pkcs12", "-export", "-in", &pem, "-out", out, "-passout", &password]);
        }
        let crt = self.certificates.argument(&format!("{name}.crt"));
        let printed = Command::new("openssl")
            .args(["x509", "-noout", "-fingerprint", "-sha1", "-in", &crt])
            .output()
            .unwrap();
        let printed = String::from_utf8(printed.stdout).unwrap();
        let thumbprint = printed.trim().rsplit('=').next().unwrap().replace(':', "");
        json!({"file": out, "password": format!("p@ss-{name}"), "thumbprint": thumbprint})
    }

    fn write_inventory(&self, variables: impl Fn(usize) -> Value) {
        let file = |name: &str| {
            let mut made = self.pfx(name);
            made.as_object_mut().unwrap().remove("thumbprint");
            made
        };
        let bundle = self.environment.write("files/dotnet-hosting-8.0.22-win.exe", "MZ bundle");
        let (archive, sha256) = self.archive("first");
        let host = |number: usize| {
            let host = self.peer.host(number);
            let agent = json!({"identifier": format!("Agent{number}"), "uri": format!("https://idm-{number}.example")});
            let mut at = json!({"ansible_host": host.address(), "ansible_port": host.http(), "agent": agent});
            at.as_object_mut().unwrap().extend(variables(number).as_object().unwrap().clone());
            (host.name().to_owned(), at)
        };
        let inventory = json!({
            "identity_agents": {
                "hosts": (1..=self.hosts).map(host).collect::<serde_json::Map<_, _>>(),
                "vars": {
                    "agent_archive": archive, "agent_archive_sha256": sha256,
                    "agent_bundle": bundle, "agent_bundle_sha256": digest(&bundle),
                    "agent_identity_certificate": file("identity"),
                    "agent_encryption_certificate": file("encryption"),
                    "agent_reset_certificate": file("reset"),
                    "agent_tls_certificate": self.pfx("site"),
                    "agent_secrets": {"Job": "clear-secret-of-job"},
                    "agent_license": r#"{"LicensedTo":"Corp","ValidTo":"20991231","IdentityQuota":"100","Signature":"c2ln"}"#,
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
        let archive = self.environment.path(&format!("files/{folder}.zip"));
        if archive.exists() {
            // Times of files are in it, so it would not be the same again.
            let sha256 = digest(&archive);
            return (archive, sha256);
        }
        for (name, text) in FILES {
            self.environment.write(&format!("{folder}/{name}"), text);
        }
        self.environment.write(&format!("{folder}/Usercube-Agent.dll"), version);
        let zipped = Command::new(python())
            .args(["-m", "zipfile", "-c"])
            .arg(&archive)
            .args(fs::read_dir(self.environment.path(&folder)).unwrap().map(|entry| entry.unwrap().path()))
            .status();
        assert!(zipped.unwrap().success());
        let sha256 = digest(&archive);
        (archive, sha256)
    }

    #[track_caller]
    fn apply(&self, code: i32, playbook: &str, more: &[&str]) -> Events {
        let playbook = playbook_path(playbook);
        let mut all = vec!["apply", "-i", "inventory.yml", &playbook];
        all.extend(more);
        self.environment.events(code, &all)
    }

    /// Applies a playbook that changes something, once more, where nothing is left to do, and takes it back: the hosts are
    /// what they were. `seen` looks at them between.
    #[track_caller]
    fn there_and_back(&self, playbook: &str, more: &[&str], seen: impl FnOnce()) -> Events {
        let before = self.states();
        let first = self.apply(0, playbook, more);
        assert!(first.recap().values().any(|host| host.changed > 0), "{playbook}: {:?}", first.recap());
        let run = self.newest_run();
        seen();
        let left = self.states();
        self.unchanged(playbook, more);
        assert_eq!(differences(&left, &self.states()), "", "{playbook}, the second run");
        self.environment.run(&["rollback", &run]).expect(0);
        assert_eq!(differences(&before, &self.states()), "", "{playbook}, rolled back");
        first
    }

    /// Applies a playbook that has nothing to do.
    #[track_caller]
    fn unchanged(&self, playbook: &str, more: &[&str]) {
        let again = self.apply(0, playbook, more);
        let changed: Vec<_> = again
            .0
            .iter()
            .filter(|event| matches!(event.kind, EventKind::TaskFinished { changed: true, .. }))
            .collect();
        assert!(again.recap().values().all(|host| host.changed == 0), "{playbook}: {changed:#?}");
    }

    /// The identifier of the run that began last.
    fn newest_run(&self) -> String {
        let runs = fs::read_dir(self.environment.path(".paceline/runs")).unwrap();
        runs.map(|run| run.unwrap().file_name().into_string().unwrap()).max().unwrap()
    }

    fn file(&self, name: &str) -> String {
        self.file_of(1, name)
    }

    fn file_of(&self, host: usize, name: &str) -> String {
        let text = self.peer.host(host).model("read", &[&format!("{RUNTIME}\\{name}")], "");
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

fn playbook_path(name: &str) -> String {
    format!("{}/playbooks/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// What of the hosts is not the same, one line a record.
fn differences(before: &[Value], after: &[Value]) -> String {
    let mut found = String::new();
    let empty = serde_json::Map::new();
    for (number, (before, after)) in before.iter().zip(after).enumerate() {
        let sections = [before, after].map(|state| state.as_object().unwrap());
        let names: std::collections::BTreeSet<_> = sections.iter().flat_map(|state| state.keys()).collect();
        for name in names {
            let [one, other] =
                sections.map(|state| state.get(name).and_then(Value::as_object).unwrap_or(&empty));
            let keys: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
            for key in keys.into_iter().filter(|key| one.get(*key) != other.get(*key)) {
                found += &format!(
                    "host {}, {name} {key}: {:?} -> {:?}\n",
                    number + 1,
                    one.get(key),
                    other.get(key)
                );
            }
        }
    }
    found
}

#[test]
fn an_audit_reads_what_the_playbook_installed() {
    let scene = Scene::new(1);
    scene.apply(0, "install-agent.yml", &[]);
    let ended = scene.environment.run(&["audit", "-i", "inventory.yml", "--live", "--output", "json"]);
    for secret in ["clear-secret-of-job", "secret-of-the-directory", "p@ss-encryption"] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{}", ended.stdout);
    }
    let document: Value = serde_json::from_str(&ended.expect(2).stdout).unwrap();
    let listed = document["certificates"].as_array().unwrap();
    let mut usages: Vec<&str> = listed.iter().map(|one| one["usage"].as_str().unwrap()).collect();
    usages.sort_unstable();
    assert_eq!(usages, ["encryption", "identity", "reset", "tls"]);
    let findings = document["findings"].as_array().unwrap();
    let mut ids: Vec<&str> = findings.iter().map(|one| one["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    // The scene's certificate is for no name; everything else is as it should be.
    assert_eq!(ids, ["agent-certificate-name", "secret-plain-text"]);
}
