//! Every rule about certificates, broken once and alone.

use serde_json::Value;

use crate::support::certificates::{Certificates, Wanted};
use crate::support::environment::Environment;

/// Runs `preflight --certificate` with JSON output, checks the exit code and reads the document.
#[track_caller]
pub(super) fn judged(code: i32, arguments: &[&str]) -> Value {
    let mut all = vec!["preflight", "--output", "json"];
    all.extend(arguments);
    let ended = Environment::new().run(&all).expect(code);
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.stdout))
}

/// The findings as `severity id`.
pub(super) fn found(document: &Value) -> Vec<String> {
    let findings = document["findings"].as_array().unwrap().iter();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    findings.map(|finding| format!("{} {}", text(finding, "severity"), text(finding, "id"))).collect()
}

fn one(wanted: Wanted<'_>) -> (Certificates, String) {
    let certificates = Certificates::new();
    let path = certificates.argument(&format!("{}.pem", wanted.name));
    certificates.make(wanted);
    (certificates, path)
}

#[test]
fn a_clean_certificate_has_no_findings() {
    let (_certificates, path) = one(Wanted::default());
    let document = judged(0, &["--certificate", &path]);
    assert_eq!(found(&document), [""; 0]);
    let certificate = &document["certificates"][0];
    assert_eq!(certificate["subject"], "CN=agent.example, O=Example");
    assert_eq!(certificate["issuer"], "CN=Example CA, O=Example");
    assert_eq!(certificate["place"], format!("{path}:1"));
    assert_eq!(certificate["key_algorithm"], "RSA");
    assert_eq!(certificate["key_size"], 3072);
    assert_eq!(certificate["signature"], "sha256WithRSAEncryption");
    assert_eq!(certificate["has_private_key"], true);
}

/// What is told about a certificate agrees with what `openssl` says about it.
#[test]
fn facts_agree_with_openssl() {
    let (certificates, path) = one(Wanted::default());
    let document = judged(0, &["--certificate", &path]);
    let certificate = &document["certificates"][0];
    let said = |options: &[&str]| {
        let mut arguments = vec!["x509", "-noout", "-in", path.as_str()];
        arguments.extend(options);
        let output = std::process::Command::new("openssl").args(&arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.trim().split_once('=').unwrap().1.replace(':', "")
    };
    assert_eq!(certificate["thumbprint"], said(&["-fingerprint", "-sha1"]));
    assert_eq!(certificate["thumbprint_sha256"], said(&["-fingerprint", "-sha256"]));
    assert_eq!(
        certificate["serial"].as_str().unwrap().trim_start_matches('0'),
        said(&["-serial"]).trim_start_matches('0')
    );
    let dates = |key: &str| certificate[key].as_str().unwrap().replace('T', " ").replace(':', "");
    let iso = ["-dateopt", "iso_8601"];
    assert_eq!(dates("not_before"), said(&["-startdate", iso[0], iso[1]]));
    assert_eq!(dates("not_after"), said(&["-enddate", iso[0], iso[1]]));
    drop(certificates);
}

#[test]
fn every_rule_broken_once_and_alone() {
    let clean = Wanted::default();
    for (what, wanted, options, code, expected) in [
        ("expired", Wanted { days: (-400, -1), ..clean }, &[][..], 2, "error certificate-expired"),
        ("not yet valid", Wanted { days: (2, 400), ..clean }, &[], 2, "error certificate-not-yet-valid"),
        ("soon", Wanted { days: (-10, 29), ..clean }, &[], 0, "warning certificate-expires-soon"),
        ("1024", Wanted { key: "rsa:1024", ..clean }, &[], 2, "error certificate-weak-key"),
        ("2048", Wanted { key: "rsa:2048#2", ..clean }, &[], 0, "warning certificate-weak-key"),
        (
            "2048 strict",
            Wanted { key: "rsa:2048#2", ..clean },
            &["--strict"],
            2,
            "error certificate-weak-key",
        ),
        ("EC", Wanted { key: "P-256", ..clean }, &[], 2, "error certificate-weak-key"),
        ("Ed25519", Wanted { key: "ed25519", ..clean }, &[], 2, "error certificate-weak-key"),
        ("SHA-1", Wanted { hash: "sha1", ..clean }, &[], 2, "error certificate-sha1"),
        ("MD5", Wanted { hash: "md5", ..clean }, &[], 2, "error certificate-sha1"),
        ("self-signed", Wanted { issuer: None, ..clean }, &[], 0, "warning certificate-signatory"),
        ("issuer", clean, &["--issuer", "Other CA"], 0, "warning certificate-signatory"),
        ("SDK", Wanted { name: "Usercube SDK", ..clean }, &[], 2, "error certificate-sdk"),
    ] {
        let (_certificates, path) = one(wanted);
        let mut arguments = vec!["--certificate", path.as_str()];
        arguments.extend(options);
        let document = judged(code, &arguments);
        assert_eq!(found(&document), [expected], "{what}");
        assert_eq!(document["findings"][0]["place"], format!("{path}:1"), "{what}");
    }
}

#[test]
fn limits_and_lists_are_options() {
    let (certificates, path) = one(Wanted { days: (-10, 45), ..Wanted::default() });
    let with = |code, options: &[&str]| {
        let mut arguments = vec!["--certificate", path.as_str()];
        arguments.extend(options);
        found(&judged(code, &arguments))
    };
    assert_eq!(with(0, &[]), [""; 0]);
    assert_eq!(with(0, &["--expires-within", "60"]), ["warning certificate-expires-soon"]);
    assert_eq!(
        with(2, &["--expires-within", "60", "--fail-on", "warning"]),
        ["warning certificate-expires-soon"]
    );
    assert_eq!(with(0, &["--issuer", "example ca"]), [""; 0]);
    assert_eq!(with(0, &["--issuer", "O=Example,CN=Example CA"]), [""; 0]);
    let policy = certificates.write(
        "policy.yml",
        "expires_within: 60\nissuers: [Corp CA, Example CA]\nsdk: {subjects: [agent.*]}\n",
    );
    assert_eq!(
        with(2, &["--policy", &policy]),
        ["warning certificate-expires-soon", "error certificate-sdk"]
    );
}

#[test]
fn a_self_signed_certificate_is_allowed_by_its_thumbprint_only() {
    let (_certificates, path) = one(Wanted { issuer: None, ..Wanted::default() });
    let document = judged(0, &["--certificate", &path, "--issuer", "agent.example"]);
    assert_eq!(found(&document), ["warning certificate-signatory"]);
    let thumbprint = document["certificates"][0]["thumbprint"].as_str().unwrap();
    assert_eq!(found(&judged(0, &["--certificate", &path, "--issuer", thumbprint])), [""; 0]);
}

#[test]
fn a_private_key_has_to_be_there_and_to_belong() {
    let (certificates, _) = one(Wanted::default());
    certificates.make(Wanted { name: "other.example", key: "rsa:3072#2", ..Wanted::default() });
    let alone = judged(2, &["--certificate", &certificates.argument("agent.example.crt")]);
    assert_eq!(found(&alone), ["error certificate-no-private-key"]);
    assert_eq!(alone["certificates"][0]["has_private_key"], false);
    let mixed = certificates.text("agent.example.crt") + &certificates.text("other.example.key");
    let mixed = judged(2, &["--certificate", &certificates.write("mixed.pem", &mixed)]);
    assert_eq!(found(&mixed), ["error certificate-no-private-key"]);
    let message = mixed["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains("does not belong"), "{message}");
}

#[test]
fn a_chain_is_judged_by_its_signatures() {
    let certificates = Certificates::new();
    let between = Wanted { name: "Between", ca: true, key: "rsa:2048#3", ..Wanted::default() };
    certificates.make(Wanted { hash: "sha1", ..between });
    certificates.make(Wanted { issuer: Some("Between"), ..Wanted::default() });
    let chain = |root: &str| {
        let text = certificates.text("agent.example.pem")
            + &certificates.text("Between.crt")
            + &certificates.text(root);
        certificates.write("chain.pem", &text)
    };
    let document = judged(2, &["--certificate", &chain("Example CA.crt")]);
    assert_eq!(found(&document), ["error certificate-sha1"]);
    let roles: Vec<_> =
        document["certificates"].as_array().unwrap().iter().map(|one| &one["chain"]).collect();
    assert_eq!(roles, [false, true, true]);
    // The root's own signature does not matter, and the list of issuers is asked along the chain.
    certificates.make(between);
    certificates.make(Wanted { issuer: Some("Between"), ..Wanted::default() });
    let allowed = ["--certificate", &chain("Example CA.crt"), "--issuer", "Example CA"];
    assert_eq!(found(&judged(0, &allowed)), [""; 0]);
}

#[test]
fn a_root_may_be_signed_with_sha1() {
    let certificates = Certificates::new();
    certificates.make(Wanted {
        name: "Old Root",
        key: "rsa:2048",
        issuer: None,
        ca: true,
        hash: "sha1",
        ..Wanted::default()
    });
    certificates.make(Wanted { issuer: Some("Old Root"), ..Wanted::default() });
    let text = certificates.text("agent.example.pem") + &certificates.text("Old Root.crt");
    assert_eq!(found(&judged(0, &["--certificate", &certificates.write("chain.pem", &text)])), [""; 0]);
}

#[test]
fn one_who_only_has_the_issuers_name_did_not_sign() {
    let certificates = Certificates::new();
    certificates.make(Wanted::default());
    let leaf = certificates.text("agent.example.pem");
    certificates.make(Wanted {
        name: "Example CA",
        key: "rsa:2048#4",
        issuer: None,
        ca: true,
        ..Wanted::default()
    });
    let text = leaf + &certificates.text("Example CA.crt");
    let document = judged(0, &["--certificate", &certificates.write("forged.pem", &text)]);
    assert_eq!(found(&document), ["warning certificate-signatory"]);
    let message = document["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains("was not signed by"), "{message}");
}

#[test]
fn several_files_are_judged_one_by_one() {
    let (certificates, path) = one(Wanted::default());
    certificates.make(Wanted { name: "old.example", days: (-300, -3), ..Wanted::default() });
    let (old, copy) = (
        certificates.argument("old.example.pem"),
        certificates.write("copy.pem", &certificates.text("agent.example.pem")),
    );
    let document = judged(2, &["--certificate", &path, &old, "--certificate", &copy, "missing.pem"]);
    assert_eq!(
        found(&document),
        ["error certificate-expired", "error certificate-unreadable", "info certificate-not-unique"]
    );
    let places: Vec<_> = document["findings"].as_array().unwrap().iter().map(|one| &one["place"]).collect();
    assert_eq!(places, [&format!("{old}:1"), "missing.pem", &format!("{copy}:1")]);
    assert_eq!(document["certificates"].as_array().unwrap().len(), 3);
}

#[test]
fn people_get_a_table() {
    let (_certificates, path) = one(Wanted { days: (-10, 5), ..Wanted::default() });
    let ended = Environment::new().run(&["preflight", "--certificate", &path]).expect(0);
    assert!(ended.stdout.starts_with("SUBJECT"), "{}", ended.stdout);
    for part in [
        "RSA 3072",
        "warning: ",
        "certificate-expires-soon",
        "hint: renew it soon",
        "1 certificate, 1 warning",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    let long = |line: &&str| line.len() > 79 && !line.contains(".pem");
    assert_eq!(ended.stdout.lines().find(long), None);
    assert_eq!(ended.stderr, "");
}

#[test]
fn wrong_usage_touches_nothing() {
    let environment = Environment::new();
    for arguments in [
        &["--certificate", "a.pem", "-i", "hosts.yml"][..],
        &["--certificate", "a.pem", "--password-file", "missing"],
        &["--certificate", "a.pem", "--policy", "missing"],
        &["--password-file", "a"],
        &["--certificate"],
    ] {
        let mut all = vec!["preflight"];
        all.extend(arguments);
        let ended = environment.run(&all).expect(1);
        assert_eq!(ended.stdout, "", "{arguments:?}");
        assert!(!ended.stderr.is_empty(), "{arguments:?}");
    }
}
