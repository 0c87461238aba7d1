//! `paceline audit --live`: hosts behind a real `sshd` with planted settings, and modelled Windows hosts over WinRM. Nothing is
//! changed on them, and no secret of theirs goes anywhere.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::certificates::{Certificates, Wanted};
use crate::support::environment::Environment;
use crate::support::hosts::Hosts;
use crate::support::running::Ended;
use crate::support::sshd::Sshd;
use crate::support::tree::{difference, tree_with_times};
use crate::support::winrm::{ADMINISTRATOR, PASSWORD, Peer};

/// Nothing of this may be seen anywhere.
const HUSH: &str = "hush-Zx9-never-shown";

struct Fleet {
    environment: Environment,
    _sshd: Sshd,
    hosts: Hosts,
}

impl Fleet {
    fn of(count: usize) -> Self {
        let (environment, sshd) = (Environment::new(), Sshd::start(count));
        let hosts = Hosts::numbered(&environment, &sshd, count);
        Self { environment, _sshd: sshd, hosts }
    }

    /// An agent on a host, with a password in its connection; the inventory declares it and says where it is.
    fn plant(&mut self, host: &str, agent: &str, more: &[(&str, &str)]) {
        let root = format!("hosts/{host}/agent");
        let own = json!({
            "OpenId": {"AgentIdentifier": agent, "OpenIdClients": {"Job": HUSH}, "DefaultOpenIdClient": "Job"},
            "Connections": {"AD": {"Server": "dc1.example", "Password": HUSH}},
        });
        let main = json!({"ApplicationUri": "https://identity.example"});
        self.environment.write(&format!("{root}/Runtime/appsettings.agent.json"), &own.to_string());
        self.environment.write(&format!("{root}/Runtime/appsettings.json"), &main.to_string());
        for (name, text) in more {
            self.environment.write(&format!("{root}/{name}"), text);
        }
        let root = self.environment.path(&root).display().to_string();
        self.hosts.set(host, "agent_root", &format!("'{root}'"));
        self.hosts.set(host, "agent", &format!("{{ identifier: {agent} }}"));
    }

    #[track_caller]
    fn audit(&self, code: i32, more: &[&str]) -> Ended {
        self.hosts.write(&self.environment);
        let all = [&["audit", "-i", "inventory.yml", "--live"], more].concat();
        let ended = self.environment.run(&all).expect(code);
        for said in [&ended.stdout, &ended.stderr] {
            assert!(!said.contains(HUSH), "{said}");
        }
        ended
    }

    #[track_caller]
    fn json(&self, code: i32, more: &[&str]) -> Value {
        let ended = self.audit(code, &[&["--output", "json"], more].concat());
        serde_json::from_str(&ended.stdout).unwrap()
    }
}

/// `ID PLACE` of what was found, without certificates' signatories.
fn found(document: &Value) -> Vec<String> {
    let findings = document["findings"].as_array().unwrap().iter();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let mut found: Vec<String> =
        findings.map(|finding| format!("{} {}", text(finding, "id"), text(finding, "place"))).collect();
    found.retain(|line| !line.starts_with("certificate-signatory"));
    found
}

/// All files below a folder that hold the secret.
fn holders(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            found.extend(holders(&path));
        } else if fs::read(&path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(HUSH)) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn settings_of_posix_hosts_are_read_and_nothing_is_changed_or_told() {
    let mut fleet = Fleet::of(2);
    fleet.plant("h01", "ParisAD", &[]);
    fleet.plant(
        "h02",
        "LyonAD",
        &[
            ("Runtime/appsettings.agent.Production.json", r#"{"OpenId": {"AgentIdentifier": "Other"}}"#),
            ("Work/appsettings.connection.json", "{ broken"),
        ],
    );
    fleet.hosts.write(&fleet.environment);
    let holding = holders(fleet.environment.folder());
    let before = tree_with_times(fleet.environment.folder());
    let ended =
        fleet.environment.run(&["audit", "-i", "inventory.yml", "--live", "--output", "json"]).expect(2);
    assert!(!ended.stdout.contains(HUSH) && !ended.stderr.contains(HUSH), "{}", ended.stdout);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(difference(&before, &tree_with_times(fleet.environment.folder())), "");
    assert_eq!(holders(fleet.environment.folder()), holding);
    let found = found(&document);
    let place = |host: &str, path: &str| {
        let root = fleet.environment.path(&format!("hosts/{host}/agent"));
        format!("{host}:{}/{path}", root.display())
    };
    for expected in [
        format!("agent-identifier-mismatch {}", place("h02", "Runtime/appsettings.agent.Production.json")),
        format!("settings-odd {}", place("h02", "Work/appsettings.connection.json:1:3")),
        format!("settings-odd {}", place("h02", "Runtime/appsettings.agent.Production.json")),
        format!(
            "secret-plain-text {}:OpenId.OpenIdClients.Job",
            place("h01", "Runtime/appsettings.agent.json")
        ),
    ] {
        assert!(found.contains(&expected), "{expected}: {found:#?}");
    }
    assert!(!found.iter().any(|line| line.starts_with("agent-") && line.contains("h01")), "{found:#?}");
    let hosts: Vec<_> =
        document["hosts"].as_array().unwrap().iter().map(|host| host["answered"].clone()).collect();
    assert_eq!(hosts, [true, true]);
    // What is kept for a comparison has no secret either, nor has the table.
    fleet.audit(2, &["--save", "saved.json"]);
    assert!(!fleet.environment.read("saved.json").contains(HUSH));
    // What is no file is left as it is.
    let fifo = fleet.environment.path("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let refused = fleet.audit(1, &["--save", "fifo"]);
    assert!(refused.stderr.contains("`fifo`: it is no regular file"), "{}", refused.stderr);
    assert!(std::os::unix::fs::FileTypeExt::is_fifo(&fs::symlink_metadata(&fifo).unwrap().file_type()));
    let people = fleet.audit(2, &[]);
    assert!(people.stdout.contains("settings-odd"), "{}", people.stdout);
}

#[test]
fn a_host_may_have_several_agents_and_one_may_not_answer() {
    let mut fleet = Fleet::of(2);
    fleet.plant("h01", "One", &[]);
    fleet.plant("h02", "Two", &[]);
    let roots = ["h01", "h02"].map(|host| fleet.environment.path(&format!("hosts/{host}/agent")));
    let roots = format!("['{}', '{}']", roots[0].display(), roots[1].display());
    fleet.hosts.set("h01", "agent_roots", &roots);
    fleet.hosts.set("h01", "agent", "[{ identifier: One }, { identifier: Two }]");
    fleet.hosts.set("h02", "agent", "{ identifier: Third }");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    fleet.hosts.add(&fleet.environment, "gone", "127.0.9.8", closed);
    fleet.hosts.set("gone", "agent", "{ identifier: Gone }");
    let document = fleet.json(4, &["-l", "h01,gone", "-T", "3"]);
    let found = found(&document);
    assert!(found.iter().any(|line| line == "host-unreachable gone"), "{found:#?}");
    assert!(!found.iter().any(|line| line.starts_with("agent-not-installed")), "{found:#?}");
    assert!(!found.iter().any(|line| line.starts_with("agent-identifier")), "{found:#?}");
    fleet.hosts.set("h01", "agent_roots", "[7]");
    fleet.hosts.write(&fleet.environment);
    let wrong = fleet.environment.run(&["audit", "-i", "inventory.yml", "--live"]).expect(1);
    assert!(wrong.stderr.contains("`agent_roots` of `h01` is no list of folders"), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("hint: "), "{}", wrong.stderr);
}

#[test]
fn certificates_that_the_settings_name_are_judged() {
    let mut fleet = Fleet::of(1);
    let certificates = Certificates::new();
    certificates.make(Wanted { name: "old.example", days: (-300, -3), ..Wanted::default() });
    certificates.make(Wanted { name: "new.example", ..Wanted::default() });
    let pfx = |name: &str| {
        let out = fleet.environment.write(&format!("{name}.pfx"), "").display().to_string();
        let pem = certificates.argument(&format!("{name}.pem"));
        let password = format!("pass:{HUSH}@x");
        certificates.openssl(&["pkcs12", "-export", "-in", &pem, "-out", &out, "-passout", &password]);
        out
    };
    let (old, new) = (pfx("old.example"), pfx("new.example"));
    let password = format!("@{HUSH}@x");
    let main = json!({
        "EncryptionCertificate": {"File": old, "Password": password},
        "IdentityServer": {"X509KeyFilePath": new, "X509KeyFilePassword": password},
    });
    let own = json!({"PasswordResetSettings": {"EncryptionCertificate": {"File": "./none.pfx", "Password": "AAAABBBB@CCCCDDDD@EEEEFFFF"}}});
    let more = [
        ("Runtime/appsettings.Production.json", main.to_string()),
        ("Work/appsettings.connection.json", own.to_string()),
    ];
    let more: Vec<(&str, &str)> = more.iter().map(|(name, text)| (*name, text.as_str())).collect();
    fleet.plant("h01", "ParisAD", &more);
    let document = fleet.json(2, &[]);
    let found = found(&document);
    assert!(found.contains(&format!("certificate-expired h01:{old}")), "{found:#?}");
    assert!(!found.iter().any(|line| line.starts_with("certificate-unreadable")), "{found:#?}");
    let closed = found.iter().find(|line| line.starts_with("certificate-not-judged")).unwrap();
    assert!(closed.ends_with("/agent/Runtime/none.pfx"), "{closed}");
    let listed = document["certificates"].as_array().unwrap();
    let usages: Vec<_> =
        listed.iter().map(|one| (one["usage"].clone(), one["has_private_key"].clone())).collect();
    assert_eq!(usages, [("encryption".into(), true.into()), ("identity".into(), true.into())]);
}

#[test]
fn hosts_are_asked_who_could_serve_a_connector() {
    let mut fleet = Fleet::of(3);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (open, shut) = (
        listener.local_addr().unwrap().port(),
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port(),
    );
    for (host, agent) in [("h01", "One"), ("h02", "Two")] {
        let system = format!("{{ name: corp, address: '127.0.0.1:{open}' }}");
        let connectors = match agent {
            "One" => format!(
                "[{{ identifier: CorpAD, managed_system: {system} }}, {{ identifier: Shut, managed_system: {{ name: shut, address: '127.0.0.1:{shut}' }} }}, Nothing]"
            ),
            _ => "[]".to_owned(),
        };
        fleet.hosts.set(host, "agent", &format!("{{ identifier: {agent}, connectors: {connectors} }}"));
    }
    let ask = |connector: &str| -> Vec<String> {
        let document = fleet.json(0, &["--who-could-serve", connector]);
        let rows = document["could_serve"].as_array().unwrap().iter();
        rows.map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            format!("{} {} {} {}", text("agent"), text("host"), text("reached"), text("message"))
                .trim()
                .to_owned()
        })
        .collect()
    };
    assert_eq!(ask("CorpAD"), ["One h01 yes", "Two h02 yes"]);
    assert_eq!(ask("Shut"), ["One h01 no connection refused", "Two h02 no connection refused"]);
    for connector in ["Nothing", "Unknown"] {
        let wrong = fleet.audit(1, &["--who-could-serve", connector]);
        assert!(wrong.stderr.contains(connector) && wrong.stderr.contains("hint: "), "{}", wrong.stderr);
    }
}

const HOSTS: usize = 50;
const ROOT: &str = r"C:\IdentityAgent";

/// Fifty hosts with agents of which one is stopped, one is old, one is somebody else's and one has no settings for its server.
#[test]
fn fifty_windows_hosts_are_asked_at_once() {
    let peer = Peer::start(HOSTS, &json!({}));
    let environment = Environment::new();
    let mut hosts = serde_json::Map::new();
    for number in 1..=HOSTS {
        let host = peer.host(number);
        let agent = format!("Agent{number}");
        let own = json!({"OpenId": {"AgentIdentifier": if number == 3 { "Stranger" } else { &agent }, "OpenIdClients": {"Job": HUSH}}});
        let version = if number == 2 { "6.1.0.0" } else { "6.2.1.0" };
        for (name, text) in [
            ("appsettings.agent.json", own.to_string()),
            ("appsettings.json", json!({"ApplicationUri": "https://identity.example"}).to_string()),
            ("web.config", r#"<configuration><system.webServer><aspNetCore arguments=".\Usercube-Agent.dll" stdoutLogEnabled="false" /></system.webServer></configuration>"#.to_owned()),
            ("Usercube-Agent.dll", format!("MZ FileVersion={version}")),
        ] {
            host.model("write", &[&format!(r"{ROOT}\Runtime\{name}")], &text);
        }
        let at = json!({"ansible_host": host.address(), "ansible_port": host.http(), "agent": {"identifier": agent}});
        hosts.insert(host.name().to_owned(), at);
    }
    let vars = json!({
        "ansible_connection": "winrm", "ansible_winrm_transport": "ntlm", "ansible_winrm_scheme": "http",
        "ansible_user": ADMINISTRATOR, "ansible_password": PASSWORD, "agent_pool": "Usercube",
    });
    environment.write("inventory.yml", &json!({"all": {"hosts": hosts, "vars": vars}}).to_string());
    // One host has the web server, a pool that is stopped, and a variable that wins.
    let playbook = format!(
        r"
- hosts: win1.example
  gather_facts: false
  tasks:
    - win_feature: {{ name: [Web-Server], include_management_tools: true }}
    - win_iis_webapppool: {{ name: Usercube, state: stopped }}
    - microsoft.iis.website:
        name: UsercubeCorp
        physical_path: '{ROOT}\Runtime'
        application_pool: Usercube
        bindings: {{ set: [{{ protocol: http, ip: '*', port: 8080, hostname: idm.example }}] }}
    - win_environment: {{ name: ApplicationUri, value: 'https://other.example/', level: machine, state: present }}
"
    );
    environment.write("playbook.yml", &playbook);
    environment.events(0, &["apply", "-i", "inventory.yml", "playbook.yml"]);
    let before: Vec<Value> =
        (1..=HOSTS).map(|number| peer.host(number).model("hash", &["--times"], "")).collect();
    let started = Instant::now();
    let arguments =
        ["audit", "-i", "inventory.yml", "--live", "--output", "json", "--server-version", "6.2.1"];
    let ended = environment.run(&arguments).expect(2);
    assert!(started.elapsed() < Duration::from_secs(120), "{:?}", started.elapsed());
    let after: Vec<Value> =
        (1..=HOSTS).map(|number| peer.host(number).model("hash", &["--times"], "")).collect();
    assert_eq!(before, after, "an audit changes nothing");
    assert!(!ended.stdout.contains(HUSH) && !ended.stderr.contains(HUSH));
    // The settings are on the models, which lie elsewhere.
    assert_eq!(holders(environment.folder()), [""; 0]);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(document["hosts"].as_array().unwrap().iter().all(|host| host["answered"] == true));
    let mut found = found(&document);
    assert_eq!(found.iter().filter(|line| line.starts_with("secret-plain-text")).count(), HOSTS);
    found.retain(|line| !line.starts_with("secret-plain-text") && !line.starts_with("agent-idle"));
    for expected in [
        "agent-pool-stopped win1.example:pool Usercube",
        "application-uri-slash win1.example:environment:ApplicationUri",
        r"agent-identifier-mismatch win3.example:C:\IdentityAgent\Runtime\appsettings.agent.json",
    ] {
        assert!(found.iter().any(|line| line == expected), "{expected}: {found:#?}");
    }
    assert!(found.iter().any(|line| line.starts_with("version-older")), "{found:#?}");
    let agents = document["agents"].as_array().unwrap();
    let versions =
        |name: &str| agents.iter().find(|agent| agent["identifier"] == name).unwrap()["versions"].clone();
    assert_eq!((versions("Agent2"), versions("Agent7")), (json!(["6.1"]), json!(["6.2.1"])));
}
