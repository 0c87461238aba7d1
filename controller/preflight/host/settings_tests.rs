//! Settings and what is wrong with them.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::json;

use super::*;
use crate::inventory::Agent;

fn of_planned(settings: Value) -> Vec<String> {
    let options = json!({"settings": settings});
    let question = Question::read("h1", Vec::new(), options.as_object().unwrap()).unwrap();
    let mut findings = Vec::new();
    planned(&question, &Facts::default(), &mut findings);
    told(&findings)
}

fn file(name: &str, content: &str) -> SettingsFile {
    SettingsFile {
        name: name.to_owned(),
        path: format!("/opt/Runtime/{name}"),
        content: Some(Hidden(content.as_bytes().to_vec())),
    }
}

fn of_file(name: &str, content: &str) -> Vec<String> {
    let agents = Agent::read(&json!({"identifier": "Paris"})).unwrap();
    let question = Question::read("h1", agents, &Map::new()).unwrap();
    let facts = Facts { settings: vec![file(name, content)], ..Facts::default() };
    assert!(!format!("{facts:?}").contains("zebra"));
    let mut findings = Vec::new();
    on_host(&question, &facts, &mut findings);
    told(&findings)
}

fn told(findings: &[Finding]) -> Vec<String> {
    for finding in findings {
        let text = format!("{finding:?}");
        assert!(!text.contains("zebra"), "{text}");
        assert!(finding.host.is_some() && !finding.hint.is_empty());
    }
    findings.iter().map(|finding| format!("{} {}", finding.severity, finding.id)).collect()
}

const GOOD: &str = r#"{ // as delivered
  "ApplicationUri": "https://identity.example",
  "IdentityServer": { "X509KeyFilePath": "./Usercube.pfx", "X509KeyFilePassword": "YWJj@ZGVm@Z2hp" },
  "EncryptionCertificate": { "Password": "@zebra@crossing", "File": "C:\\Keys\\new.pfx", },
  "Connections": { "AD": { "Login": "CORP\\bob", "Filter": "(&(a>=1)(b<=<x>2))" } },
}"#;

#[test]
fn good_settings_have_no_findings() {
    assert_eq!(of_file("appsettings.json", GOOD), [""; 0]);
    assert_eq!(of_file("web.config", "<configuration><a b='c'/></configuration>"), [""; 0]);
    assert_eq!(of_planned(json!({"appsettings.json": GOOD})), [""; 0]);
    let agent = r#"{"OpenId": {"AgentIdentifier": "Paris", "DefaultOpenIdClient": "Job", "OpenIdClients": {"job": "zebra"}}}"#;
    assert_eq!(of_file("appsettings.agent.json", agent), [""; 0]);
}

#[test]
fn each_rule_is_broken_once() {
    let mail = |flag: Value| json!({"PasswordResetSettings": {"MailSettings": {"PickupDirectory": "../Mails", "UseSpecifiedPickupDirectory": flag}}});
    for (tree, expected) in [
        (json!({"ApplicationUri": "https://identity.example/"}), "error settings-uri"),
        (json!({"A": {"FromAddress": "no-reply@<organization>.com"}}), "error settings-placeholder"),
        (json!({"Databases": {"A": "<zebra>"}}), "error settings-placeholder"),
        (json!({"OpenId": {"OpenIdClients": {"Job": "<clear zebra>"}}}), "error settings-placeholder"),
        (json!({"SourcesRootPaths": ["C:\temp"]}), "error settings-backslash"),
        (json!({"Connections": {"A": {"Login": "CORP\u{8}ob"}}}), "error settings-backslash"),
        (json!({"IdentityServer": {"X509KeyFilePassword": "zebra@1"}}), "error settings-password"),
        (json!({"EncryptionCertificate": {"Password": "ze@bra@1"}}), "error settings-password"),
        (
            json!({"passwordResetSettings": {"EncryptionCertificate": {"Password": "z@"}}}),
            "error settings-password",
        ),
        (
            json!({"OpenId": {"DefaultOpenIdClient": "Other", "OpenIdClients": {"Job": "zebra"}}}),
            "error settings-client",
        ),
        (mail(Value::Null), "warning settings-mail"),
        (mail(json!(false)), "warning settings-mail"),
        (json!({"OpenIdClients": {"Job": "zebra"}}), "warning settings-misplaced"),
        (json!({"OpenId": {"AgentIdentifier": "Local"}}), "error agent-name-reserved"),
    ] {
        assert_eq!(of_planned(json!({"x.json": tree})), [expected], "{tree}");
    }
    assert_eq!(of_planned(json!({"x.json": mail(json!(true))})), [""; 0]);
    assert_eq!(of_planned(json!({"x.json": mail(json!("True"))})), [""; 0]);
    assert_eq!(of_planned(json!({"x.json": 5})), ["error settings-invalid"]);
    assert_eq!(
        of_file("appsettings.agent.json", r#"{"OpenId": {"AgentIdentifier": "Lyon"}}"#),
        ["warning agent-identifier-differs"]
    );
    // On the host it is a warning: the rollout may write over it.
    assert_eq!(
        of_file("appsettings.json", r#"{"ApplicationUri": "https://x.example/"}"#),
        ["warning settings-uri"]
    );
}

#[test]
fn what_cannot_be_read_is_told_without_its_text() {
    for (name, text) in [
        ("appsettings.json", r#"{"Password": "C:\Users\zebra"}"#),
        ("appsettings.json", r#"{"Password": "zebra""#),
        ("appsettings.json", ""),
        ("appsettings.json", "zebra"),
        ("web.config", "<configuration a='zebra'><b></configuration>"),
    ] {
        assert_eq!(of_file(name, text), ["error settings-invalid"], "{text}");
    }
    let facts = Facts {
        settings: vec![SettingsFile { content: None, ..file("web.config", "") }],
        ..Facts::default()
    };
    let question = Question::read("h1", Vec::new(), &Map::new()).unwrap();
    let mut findings = Vec::new();
    on_host(&question, &facts, &mut findings);
    assert_eq!(told(&findings), ["warning settings-unreadable"]);
}

#[test]
fn a_flood_is_cut_off() {
    let tree: Map<String, Value> = (0..1000).map(|n| (format!("k{n}"), json!("<value>"))).collect();
    assert_eq!(of_planned(json!({"x.json": tree})).len(), MOST);
}

#[test]
fn values_are_found_for_other_checks() {
    let web = r#"<configuration><aspNetCore><environmentVariables>
        <environmentVariable name="HTTPS_PROXY" value="proxy.example:80"/></environmentVariables></aspNetCore></configuration>"#;
    let facts = Facts {
        settings: vec![
            file("web.config", web),
            file("appsettings.json", r#"{"license": "{}"}"#),
            file("appsettings.agent.json", r#"{"openid": {"OpenIdClients": {"JOB": "zebra"}}}"#),
        ],
        ..Facts::default()
    };
    let (path, variables) = web_variables(&facts).unwrap();
    assert_eq!(path, "/opt/Runtime/web.config");
    assert_eq!(variables, [("HTTPS_PROXY".to_owned(), "proxy.example:80".to_owned())]);
    assert_eq!(client_secret(&facts, "Job").unwrap().0, "zebra");
    assert_eq!(license_of_host(&facts).unwrap().0, "{}");
}
