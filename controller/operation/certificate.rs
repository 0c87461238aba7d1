//! Judges a certificate file of the host: its bytes are read, and the judging happens here.

use std::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::answer::failure;
use super::attributes::Attributes;
use super::script::Script;
use super::{Mode, Operation, Outcome, Program, Progress, Reply};
use crate::preflight::certificate::{Judged, LARGEST, Opened, Policy, Source, judge, open};
use crate::preflight::{Finding, Severity};

/// Judges the certificates of a file.
pub struct CertificateCheck {
    /// Name of the host, for places.
    pub host: String,
    /// The file.
    pub path: String,
    /// Opens an archive and encrypted keys.
    pub password: Option<SecretString>,
    /// What is wanted.
    pub policy: Policy,
    /// From which severity on the task fails; nothing for never.
    pub fail_on: Option<Severity>,
}

impl fmt::Debug for CertificateCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateCheck({})", self.path)
    }
}

impl Operation for CertificateCheck {
    fn first(&mut self, mode: Mode) -> Program {
        let mut script = Script::new(mode, &Attributes::default());
        let path = script.path(&self.path);
        script.call("pf_read", &[&path], &[&LARGEST.to_string(), ""]);
        script.program()
    }

    fn next(&mut self, reply: Reply, _mode: Mode) -> Progress {
        let place = format!("{}:{}", self.host, self.path);
        let opened = match reply.blob("content").filter(|_| reply.status == 0) {
            Some(bytes) => {
                let password = self.password.as_ref().map(|password| password.expose_secret());
                open(bytes, Source::on_host(&place), password)
            }
            None => {
                let failed = failure(&reply).result;
                let reason = failed.get("msg").and_then(Value::as_str).unwrap_or_default();
                Opened::unreadable(&place, reason.to_owned())
            }
        };
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
