//! Tables of facts and what is made of them.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use super::*;
use crate::inventory::Agent;

fn question() -> Question {
    let agent = json!({
        "identifier": "ParisAD",
        "uri": "https://par-ad-01.example",
        "connectors": [
            {"identifier": "CorpAD", "managed_system": {"name": "corp.example", "address": "dc1.corp.example:636"}},
            "Exchange",
        ],
    });
    let options = json!({"folder": "/opt/agent", "server": "https://identity.example"});
    let mut question =
        Question::read("web-1", Agent::read(&agent).unwrap(), options.as_object().unwrap()).unwrap();
    question.agents_place = "hosts.yml:7".to_owned();
    question
}

fn good() -> Facts {
    Facts {
        privileged: Some(true),
        processors: Some(2),
        memory: Some(8_200_000_000),
        disk: Some((40_000_000_000, 30_000_000_000)),
        clock: Some((-3, 1)),
        listening: Some(vec![22]),
        addresses: Some(vec!["10.0.0.1".to_owned(), "fe80::1".to_owned()]),
        names: [("par-ad-01.example".to_owned(), vec!["10.0.0.1".to_owned()])].into(),
        reached: vec![Reached::Yes, Reached::Yes],
        ..Facts::default()
    }
}

fn found(question: &Question, facts: &Facts) -> Vec<String> {
    let findings = judge(question, facts);
    for finding in &findings {
        assert_eq!(finding.host.as_deref(), Some("web-1"), "{finding:?}");
        assert!(!finding.hint.is_empty() && finding.message.contains('`'), "{finding:?}");
    }
    findings.iter().map(|finding| format!("{} {} {}", finding.severity, finding.id, finding.place)).collect()
}

#[test]
fn a_good_host_has_no_findings() {
    assert_eq!(found(&question(), &good()), [""; 0]);
    // What a host could not tell is not judged.
    assert_eq!(found(&question(), &Facts::default()), [""; 0]);
}

#[test]
fn each_fact_is_judged_alone() {
    let name = |addresses: &[&str]| -> std::collections::BTreeMap<String, Vec<String>> {
        let addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
        [("par-ad-01.example".to_owned(), addresses)].into()
    };
    let refused = || Reached::No("connection refused".to_owned());
    for (facts, expected) in [
        (Facts { privileged: Some(false), ..good() }, "warning requirement-privilege web-1:login"),
        (Facts { processors: Some(1), ..good() }, "warning requirement-processors web-1:processors"),
        (Facts { memory: Some(7_900_000_000), ..good() }, "warning requirement-memory web-1:memory"),
        (
            Facts { disk: Some((40_000_000_000, 19_000_000_000)), ..good() },
            "warning requirement-disk web-1:/opt/agent",
        ),
        (
            Facts { disk: Some((40_000_000_000, 900_000_000)), ..good() },
            "error requirement-disk web-1:/opt/agent",
        ),
        (Facts { clock: Some((302, 1)), ..good() }, "error time-skew web-1:clock"),
        (Facts { clock: Some((-302, 1)), ..good() }, "error time-skew web-1:clock"),
        (Facts { listening: Some(vec![22, 443]), ..good() }, "info port-in-use web-1:port 443"),
        (Facts { names: name(&[]), ..good() }, "warning agent-name-unresolvable hosts.yml:7"),
        (Facts { names: name(&["10.0.0.9"]), ..good() }, "warning agent-name-elsewhere hosts.yml:7"),
        (
            Facts { reached: vec![refused(), Reached::Yes], ..good() },
            "error server-unreachable web-1:identity.example:443",
        ),
        (
            Facts { reached: vec![Reached::Yes, refused()], ..good() },
            "error managed-system-unreachable hosts.yml:7",
        ),
        (
            Facts { reached: vec![Reached::Yes, Reached::Unknown("no bash".to_owned())], ..good() },
            "info managed-system-unreachable hosts.yml:7",
        ),
        (
            Facts { leftovers: vec!["/opt/agent/RuntimeOld".to_owned()], ..good() },
            "info leftover-file web-1:/opt/agent/RuntimeOld",
        ),
        (
            Facts { leftovers: vec!["/r/appsettings.Production.json".to_owned()], ..good() },
            "warning leftover-file web-1:/r/appsettings.Production.json",
        ),
        (Facts { windows: Some(vec![6, 3, 9600]), ..good() }, "error requirement-platform web-1:Windows"),
        (Facts { reboot_pending: Some(true), ..good() }, "warning reboot-pending web-1:restart"),
        (
            Facts { environment: vec!["ApplicationUri".to_owned()], ..good() },
            "warning environment-override web-1:ApplicationUri",
        ),
        (Facts { jobs: vec!["X-Invoke-Job".to_owned()], ..good() }, "warning jobs-running web-1:jobs"),
        (
            Facts { lock: Some("/t/scheduler.lock".to_owned()), ..good() },
            "info scheduler-lock web-1:/t/scheduler.lock",
        ),
    ] {
        assert_eq!(found(&question(), &facts), [expected]);
    }
    let newer = Facts { windows: Some(vec![10, 0, 14_393]), powershell: Some(vec![7, 4]), ..good() };
    assert_eq!(found(&question(), &newer), [""; 0]);
    // As exactly as the answer's time is known.
    assert_eq!(found(&question(), &Facts { clock: Some((305, 10)), ..good() }), [""; 0]);
}

#[test]
fn the_inventory_is_judged_too() {
    let of = |agent: Value, server: &str| {
        let options = json!({"server": server});
        let mut question =
            Question::read("web-1", Agent::read(&agent).unwrap(), options.as_object().unwrap()).unwrap();
        question.agents_place = "hosts.yml:7".to_owned();
        found(&question, &Facts::default())
    };
    let good = "https://identity.example";
    assert_eq!(of(json!({"identifier": "Local"}), good), ["error agent-name-reserved hosts.yml:7"]);
    let uri = |uri: &str| json!({"identifier": "A", "uri": uri});
    assert_eq!(of(uri("https://Web-1.example"), good), ["error agent-uri hosts.yml:7"]);
    assert_eq!(of(uri("web-1.example"), good), ["error agent-uri hosts.yml:7"]);
    assert_eq!(
        of(uri("https://web-1.example"), "https://identity.example/"),
        ["error server-uri web-1:server"]
    );
    assert_eq!(of(uri("https://web-1.example"), "identity.example"), ["error server-uri web-1:server"]);
    let address = |address: &str| json!({"identifier": "A", "connectors": [{"identifier": "C", "managed_system": {"name": "n", "address": address}}]});
    assert_eq!(of(address("dc1.example"), good), ["warning managed-system-address hosts.yml:7"]);
    assert_eq!(of(address("dc1 $(x):636"), good), ["warning managed-system-address hosts.yml:7"]);
}

#[test]
fn a_proxy_takes_the_place_of_the_server() {
    let options = json!({"server": "https://identity.example", "https_proxy": "proxy.example:3128"});
    let mut behind = Question::read("web-1", Vec::new(), options.as_object().unwrap()).unwrap();
    behind.agents_place = "hosts.yml:7".to_owned();
    let endpoints = behind.endpoints(&route(&behind, &Facts::default()));
    assert_eq!(endpoints[0].to_string(), "proxy.example:3128");
    let facts = Facts { reached: vec![Reached::No("refused".to_owned())], ..Facts::default() };
    assert_eq!(found(&behind, &facts), ["error proxy-unreachable web-1:proxy.example:3128"]);
    // What the host's own settings and its machine say counts where no option does.
    let web = r#"<c><environmentVariable name="https_proxy" value="http://web.example:1"/></c>"#;
    let settings = SettingsFile {
        name: "web.config".to_owned(),
        path: "/r/web.config".to_owned(),
        content: Some(Hidden(web.as_bytes().to_vec())),
    };
    let machine = Hidden(Some("machine.example:2".to_owned()));
    let mut facts = Facts { settings: vec![settings], https_proxy: machine, ..Facts::default() };
    let asked = question();
    let proxy = |host: &str, port| Route::Proxy { host: host.to_owned(), port };
    assert_eq!(route(&asked, &facts), proxy("web.example", 1));
    facts.settings.clear();
    assert_eq!(route(&asked, &facts), proxy("machine.example", 2));
    facts.no_proxy = Hidden(Some(".example".to_owned()));
    assert_eq!(route(&asked, &facts), Route::Direct);
}

#[test]
fn one_agent_runs_on_one_host() {
    let host = |name: &str, agents: &[&str], line: u8| {
        let agents = agents.iter().map(|agent| (*agent).to_owned()).collect();
        (name.into(), agents, format!("hosts.yml:{line}"))
    };
    let assigned = AssignedAgents {
        hosts: vec![host("a", &["One", "Local"], 3), host("b", &["Two", "Local"], 5), host("c", &["Two"], 9)],
    };
    let findings = assigned.twice();
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].id.as_str(), findings[0].place.as_str()), ("agent-on-two-hosts", "hosts.yml:9"));
    assert_eq!(findings[0].message, "the agent `Two` is assigned to `b` and `c`");
}

#[test]
fn options_say_what_they_should_or_are_refused() {
    let read = |options: Value| {
        let read = Question::read("web-1", Vec::new(), options.as_object().unwrap());
        read.map_err(|error| error.to_string())
    };
    let question = read(json!({
        "memory_gb": 4.5, "disk_gb": "10", "processors": 1, "connect_seconds": 900,
        "certificates": ["/a.pem", {"path": "/b.pfx", "password": "secret", "private_key": false}],
    }))
    .unwrap();
    assert_eq!(question.requirements.memory, 4_500_000_000);
    assert_eq!(question.requirements.disk, 10_000_000_000);
    assert_eq!(question.requirements.connect, 60);
    assert!(!question.certificates[1].private_key && question.certificates[0].private_key);
    assert!(!format!("{question:?}").contains("\"secret\""));
    for (options, said) in [
        (json!({"ram": 4}), "there is no `ram`"),
        (json!({"memory_gb": "much"}), "`memory_gb` is a number"),
        (json!({"memory_gb": -1}), "`memory_gb` is a number"),
        (json!({"folder": ["/a"]}), "`folder` is text"),
        (json!({"secret": 5}), "`secret` is text"),
        (json!({"settings": ["a"]}), "`settings` is a mapping"),
        (json!({"license": ["a"]}), "`license` is text"),
        (json!({"certificates": "/a"}), "a list of paths"),
        (json!({"certificates": [{"file": "/a"}]}), "a list of paths"),
    ] {
        let error = read(options).unwrap_err();
        assert!(error.contains(said), "{said}: {error}");
    }
}

#[test]
fn addresses_are_taken_apart() {
    use super::question::{of_address, of_uri};
    let uri = |text: &str| of_uri(text).map(|(host, port)| format!("{host} {port}"));
    assert_eq!(uri("https://a.example/x?y").as_deref(), Some("a.example 443"));
    assert_eq!(uri("http://a.example:8080").as_deref(), Some("a.example 8080"));
    assert_eq!(uri("https://[fe80::1]:8443/").as_deref(), Some("fe80::1 8443"));
    assert_eq!(uri("https://[::1]").as_deref(), Some("::1 443"));
    for text in
        ["a.example", "ftp://a", "https://", "https://:443", "https://a b", "https://-x", "https://a:0"]
    {
        assert_eq!(uri(text), None, "{text}");
    }
    assert_eq!(of_address("dc1:636"), Some(("dc1".to_owned(), 636)));
    for text in ["dc1", "dc1:", "dc1:x", "dc1:70000", "fe80::1", ":5", "a;b:1", "[::1:5"] {
        assert_eq!(of_address(text), None, "{text}");
    }
}
