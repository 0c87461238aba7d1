//! Judges certificates of the host: a file, or what a store of Windows holds. Bytes are read there, and the judging happens
//! here.

use std::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::answer::{decode, failure};
use super::attributes::Attributes;
use super::script::Script;
use super::windows::Call;
use super::{Mode, Operation, Outcome, Program, Progress, Reply};
use crate::preflight::certificate::{Judged, LARGEST, Opened, Policy, Source, judge, open};
use crate::preflight::host::{CertificateAt, InStore};
use crate::preflight::{Finding, Severity};
use crate::shell::Platform;

/// Judges certificates of a file or a store.
pub struct CertificateCheck {
    /// Name of the host, for places.
    pub host: String,
    /// Where they are.
    pub at: CertificateAt,
    /// Opens an archive and encrypted keys.
    pub password: Option<SecretString>,
    /// What is wanted.
    pub policy: Policy,
    /// From which severity on the task fails; nothing for never.
    pub fail_on: Option<Severity>,
}

impl fmt::Debug for CertificateCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateCheck({})", self.at.place())
    }
}

impl Operation for CertificateCheck {
    fn first(&mut self, mode: Mode) -> Program {
        // The module refuses stores of hosts that have none.
        look(&self.at, mode).unwrap_or_default()
    }

    fn next(&mut self, reply: Reply, _mode: Mode) -> Progress {
        let password = self.password.as_ref().map(|password| password.expose_secret());
        let opened = opened(&self.at, &self.host, password, &reply);
        let mut judged = judge(vec![opened], &self.policy, Timestamp::now());
        for finding in &mut judged.findings {
            finding.host = Some(self.host.clone());
        }
        let (failed, result) = outcome(&judged, self.fail_on);
        Progress::Done(Outcome { failed, result, ..Outcome::default() })
    }

    fn judged_here(&self) -> bool {
        true
    }
}

/// The program that looks at certificates; nothing for a store of a host that has none.
pub(super) fn look(at: &CertificateAt, mode: Mode) -> Option<Program> {
    let limit = LARGEST.to_string();
    let text = match (at, mode.platform) {
        (CertificateAt::File(path), Platform::Posix) => {
            let mut script = Script::new(mode, &Attributes::default());
            let path = script.path(path);
            script.call("pf_read", &[&path], &[&limit, ""]);
            return Some(script.program());
        }
        (CertificateAt::File(path), Platform::Windows) => {
            Call::new("read").with("path", path).with("limit", &limit).text()
        }
        (CertificateAt::Store(_), Platform::Posix) => return None,
        (CertificateAt::Store(store), Platform::Windows) => Call::new("preflight_certificates")
            .with("location", &store.location)
            .with("store", &store.store)
            .maybe("thumbprint", store.thumbprint.as_deref())
            .maybe("subject", store.subject.as_deref())
            .maybe("identity", store.identity.as_deref())
            .text(),
    };
    Some(Program { text, ..Program::default() })
}

/// Opens what the host answered.
pub(super) fn opened(at: &CertificateAt, host: &str, password: Option<&str>, reply: &Reply) -> Opened {
    let place = format!("{host}:{}", at.place());
    if reply.status != 0 {
        let failed = failure(reply).result;
        let reason = failed.get("msg").and_then(Value::as_str).unwrap_or_default();
        return match at {
            CertificateAt::Store(_) => Opened::not_in_store(&place, reason.to_owned()),
            CertificateAt::File(_) => Opened::unreadable(&place, reason.to_owned()),
        };
    }
    match (at, reply.blob("content")) {
        (CertificateAt::Store(store), _) => in_store(store, &place, reply),
        (CertificateAt::File(_), Some(bytes)) => open(bytes, Source::on_host(&place), password),
        (CertificateAt::File(_), None) => Opened::unreadable(&place, "the host sent no content".to_owned()),
    }
}

/// Groups that everybody who runs a pool belongs to: Everyone, Authenticated Users, SERVICE, Users, IIS_IUSRS
/// (learn.microsoft.com/windows-server/identity/ad-ds/manage/understand-security-identifiers).
const EVERY_POOL: [&str; 5] = ["S-1-1-0", "S-1-5-11", "S-1-5-6", "S-1-5-32-545", "S-1-5-32-568"];

fn in_store(store: &InStore, place: &str, reply: &Reply) -> Opened {
    let all = |name: &str| -> Vec<String> {
        let named = reply.values.iter().filter(|(key, _)| key == name);
        named.take(1000).map(|(_, text)| decode(text)).collect()
    };
    // `NUMBER THUMBPRINT KEY`
    let found: Vec<(String, String, bool)> = all("certificate")
        .iter()
        .filter_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [number, thumbprint, key] = words.as_slice() else { return None };
            Some(((*number).to_owned(), (*thumbprint).to_owned(), *key == "1"))
        })
        .collect();
    if found.is_empty() {
        return Opened::not_in_store(place, "the store has no such certificate".to_owned());
    }
    let certificates: Vec<(Vec<u8>, bool)> = found
        .iter()
        .filter_map(|(number, _, key)| Some((reply.blob(&format!("certificate.{number}"))?.to_vec(), *key)))
        .collect();
    let mut opened = Opened::store(place, &certificates);
    let what = if store.subject.is_some() { "subject" } else { "thumbprint" };
    opened.ambiguous = (found.len() > 1).then_some(what);
    let Some(identity) = &store.identity else { return opened };
    let sid = all("identity").pop().unwrap_or_default();
    let readers = all("reader");
    let hidden = all("hidden");
    for (number, thumbprint, _) in found.iter().filter(|(.., key)| *key) {
        let of_this = |line: &String| {
            line.split_once(' ').filter(|(of, _)| of == number).map(|(_, rest)| rest.to_owned())
        };
        if let Some(reason) = hidden.iter().find_map(of_this) {
            opened.denied.push((thumbprint.clone(), format!("cannot be looked at: {reason}")));
            continue;
        }
        if sid.is_empty() {
            let reason = format!("cannot be read by `{identity}`: there is no such account");
            opened.denied.push((thumbprint.clone(), reason));
            continue;
        }
        let reads = |reader: &String| *reader == sid || EVERY_POOL.contains(&reader.as_str());
        if !readers.iter().filter_map(of_this).any(|reader| reads(&reader)) {
            opened.denied.push((thumbprint.clone(), format!("cannot be read by `{identity}`")));
        }
    }
    opened
}

/// The result of a task that judged certificates, and whether it failed.
#[must_use]
pub fn outcome(judged: &Judged, fail_on: Option<Severity>) -> (bool, Map<String, Value>) {
    let (failed, mut result) = found(&judged.findings, fail_on);
    let value = serde_json::to_value(&judged.certificates).unwrap_or_default();
    result.insert("certificates".to_owned(), value);
    (failed, result)
}

/// The result of a task that found something, and whether it failed: `findings`, and what is wrong as `msg`.
#[must_use]
pub fn found(findings: &[Finding], fail_on: Option<Severity>) -> (bool, Map<String, Value>) {
    let mut result = Map::new();
    let bad: Vec<&Finding> =
        findings.iter().filter(|finding| fail_on.is_some_and(|least| finding.severity >= least)).collect();
    let message = match bad.as_slice() {
        [] if findings.is_empty() => "nothing is wrong".to_owned(),
        [] => findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; "),
        [one] => format!("{}: {}\nhint: {}", one.id, one.message, one.hint),
        many => {
            let lines = many.iter().map(|one| format!("{}: {}", one.id, one.message));
            format!("{}\nhint: {}", lines.collect::<Vec<_>>().join("; "), many[0].hint)
        }
    };
    result.insert("msg".to_owned(), message.into());
    result.insert("findings".to_owned(), serde_json::to_value(findings).unwrap_or_default());
    (!bad.is_empty(), result)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::process::Command;

    use serde_json::json;

    use super::*;

    const ON_WINDOWS: Mode = Mode { check: false, diff: false, eager: false, platform: Platform::Windows };

    /// A self-signed certificate in DER, and its thumbprint.
    fn certificate() -> (Vec<u8>, String) {
        let line =
            "req -x509 -days 100 -newkey rsa:3072 -nodes -keyout /dev/null -subj /CN=a.example -outform DER";
        let output = Command::new("openssl").args(line.split(' ')).output();
        let output = output.unwrap_or_else(|error| panic!("install the Debian package `openssl`: {error}"));
        let thumbprint = crate::operation::content::sha1_of(&output.stdout).to_ascii_uppercase();
        (output.stdout, thumbprint)
    }

    fn check(store: &serde_json::Value) -> CertificateCheck {
        let store = InStore::read(store.as_object().unwrap()).unwrap().unwrap();
        CertificateCheck {
            host: "win-1".to_owned(),
            at: CertificateAt::Store(store),
            password: None,
            policy: Policy::default(),
            fail_on: Some(Severity::Error),
        }
    }

    fn judged(check: &mut CertificateCheck, values: &[(&str, &str)], blobs: &[(&str, &[u8])]) -> Vec<String> {
        let values = values.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let blobs = blobs.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
        let reply = Reply { values, blobs, ..Reply::default() };
        let Progress::Done(outcome) = check.next(reply, ON_WINDOWS) else { panic!("not over") };
        let findings = outcome.result["findings"].as_array().unwrap().iter();
        let mut ids: Vec<String> = findings.map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        ids.retain(|id| id != "certificate-signatory");
        ids
    }

    #[test]
    fn a_store_is_asked_by_a_call() {
        let thumbprint = "AB".repeat(20);
        let spaced: Vec<String> =
            thumbprint.as_bytes().chunks(2).map(|two| String::from_utf8_lossy(two).to_lowercase()).collect();
        let mut check =
            check(&json!({"thumbprint": format!("\u{200e}{}", spaced.join(" ")), "identity": "x"}));
        let text = check.first(ON_WINDOWS).text;
        let call = Call::new("preflight_certificates").with("location", "LocalMachine").with("store", "My");
        assert_eq!(text, call.with("thumbprint", &thumbprint).with("identity", "x").text());
        assert_eq!(check.at.place(), format!("LocalMachine\\My\\{thumbprint}"));
        assert!(look(&check.at, Mode::default()).is_none());
    }

    #[test]
    fn what_a_store_holds_is_judged() {
        let (der, thumbprint) = certificate();
        let mut by_thumbprint =
            check(&json!({"thumbprint": thumbprint, "identity": r"IIS AppPool\Usercube"}));
        let certificate = format!("1 {thumbprint} 1");
        let keyless = format!("1 {thumbprint} 0");
        let blobs: &[(&str, &[u8])] = &[("certificate.1", &der)];
        for (values, expected) in [
            (
                vec![
                    ("certificate", certificate.as_str()),
                    ("identity", "S-1-5-82-7"),
                    ("reader", "1 S-1-5-82-7"),
                ],
                vec![],
            ),
            (
                vec![("certificate", &certificate), ("identity", "S-1-5-82-7"), ("reader", "1 S-1-5-32-568")],
                vec![],
            ),
            (
                vec![
                    ("certificate", &certificate),
                    ("identity", "S-1-5-82-7"),
                    ("reader", "1 S-1-5-18"),
                    ("reader", "2 S-1-5-82-7"),
                ],
                vec!["certificate-no-private-key"],
            ),
            (vec![("certificate", &certificate), ("identity", "")], vec!["certificate-no-private-key"]),
            (
                vec![("certificate", &certificate), ("identity", "S-1-5-82-7"), ("hidden", "1 no right")],
                vec!["certificate-no-private-key"],
            ),
            (vec![("certificate", &keyless), ("identity", "S-1-5-82-7")], vec!["certificate-no-private-key"]),
            (vec![], vec!["certificate-unreadable"]),
        ] {
            assert_eq!(judged(&mut by_thumbprint, &values, blobs), expected, "{values:?}");
        }
        let mut by_subject = check(&json!({"subject": "CN=a.example"}));
        let other = format!("2 {thumbprint} 1");
        let values = [("certificate", certificate.as_str()), ("certificate", &other)];
        let blobs: &[(&str, &[u8])] = &[("certificate.1", &der), ("certificate.2", &der)];
        assert_eq!(judged(&mut by_subject, &values, blobs), ["certificate-ambiguous"]);
        // A store that group policies fill as well may hold one twice.
        let twice = [("certificate", certificate.as_str()), ("certificate", &other)];
        let ids = judged(&mut check(&json!({"thumbprint": thumbprint})), &twice, blobs);
        assert_eq!(ids.first().map(String::as_str), Some("certificate-ambiguous"));
        let noise: &[(&str, &[u8])] = &[("certificate.1", b"noise")];
        assert_eq!(judged(&mut by_subject, &values[..1], noise), ["certificate-unreadable"]);
    }

    #[test]
    fn stores_are_named_with_care() {
        let read = |value: serde_json::Value| InStore::read(value.as_object().unwrap());
        assert_eq!(read(json!({"store_name": "My"})), Ok(None));
        for value in [
            json!({"thumbprint": "AB"}),
            json!({"thumbprint": format!("{}x", "AB".repeat(20))}),
            json!({"thumbprint": "AB".repeat(20), "subject": "CN=a"}),
            json!({"subject": "CN=a", "store_location": "Somewhere"}),
        ] {
            assert!(read(value.clone()).is_err(), "{value}");
        }
    }
}
