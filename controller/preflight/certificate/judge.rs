//! Judges opened files by the policy: facts in, findings out.

use std::collections::HashMap;

use jiff::Timestamp;

use super::super::{Finding, Severity};
use super::chain;
use super::facts::Certificate;
use super::open::Opened;
use super::policy::Policy;

/// What was judged, and how.
#[derive(Debug, Default)]
pub struct Judged {
    /// What is wrong, in the order of the files.
    pub findings: Vec<Finding>,
    /// Every certificate that was found.
    pub certificates: Vec<Certificate>,
}

const DAY: i64 = 24 * 60 * 60;

/// Judges certificates by the policy, at a time.
pub fn judge(files: Vec<Opened>, policy: &Policy, now: Timestamp) -> Judged {
    let mut judged = Judged::default();
    for mut opened in files {
        chain::mark(&mut opened);
        judged.findings.extend(opened.problems.iter().map(|problem| {
            let message = format!("{} cannot be read: {}", problem.what, problem.error);
            let hint = problem.error.hint();
            Finding::new("certificate-unreadable", Severity::Error, &*problem.place, message, hint)
        }));
        if let Some(what) = opened.ambiguous {
            let hint = match what {
                "subject" => "name the certificate by its thumbprint",
                _ => "leave one of them in the store",
            };
            judged.findings.push(Finding::new(
                "certificate-ambiguous",
                Severity::Info,
                &*opened.place,
                format!("several certificates have this {what}, and the product takes any of them"),
                hint,
            ));
        }
        for certificate in &opened.certificates {
            let judge = Judge { certificate, opened: &opened, policy, now: now.as_second() };
            let found = if certificate.chain { judge.of_chain() } else { judge.meant() };
            judged.findings.extend(found);
        }
        judged.certificates.append(&mut opened.certificates);
    }
    judged.findings.extend(twice(&judged.certificates));
    judged
}

/// Certificates that several files hold: a thumbprint should name one certificate in one place.
fn twice(certificates: &[Certificate]) -> Vec<Finding> {
    let mut seen: HashMap<&str, &Certificate> = HashMap::new();
    let mut findings = Vec::new();
    for certificate in certificates.iter().filter(|certificate| !certificate.chain) {
        match seen.get(certificate.thumbprint_sha256.as_str()) {
            None => {
                seen.insert(&certificate.thumbprint_sha256, certificate);
            }
            Some(first) => findings.push(Finding::new(
                "certificate-not-unique",
                Severity::Info,
                &*certificate.place,
                format!("`{}` is in `{}` too", certificate.thumbprint, first.place),
                "use a certificate of its own for each purpose, so that each can be replaced alone",
            )),
        }
    }
    findings
}

struct Judge<'a> {
    certificate: &'a Certificate,
    opened: &'a Opened,
    policy: &'a Policy,
    /// Seconds since 1970.
    now: i64,
}

impl Judge<'_> {
    /// A certificate that the file is there for.
    fn meant(&self) -> Vec<Finding> {
        let findings =
            [self.dates(), self.key(), self.signature(), self.signatory(), self.private_key(), self.sdk()];
        findings.into_iter().flatten().collect()
    }

    /// A certificate of the chain: a broken signature in the middle breaks what stands on it. A root is trusted for
    /// what it is, not for its signature.
    fn of_chain(&self) -> Vec<Finding> {
        let certificate = self.certificate;
        let signature = self.signature().filter(|_| !certificate.self_signed);
        let expired = (certificate.details.ends < self.now).then(|| {
            self.finding(
                "certificate-chain-expired",
                Severity::Info,
                format!("`{}` of the chain expired on {}", certificate.subject, day(&certificate.not_after)),
                "replace it by its successor, if programs are to check the chain",
            )
        });
        signature.into_iter().chain(expired).collect()
    }

    fn finding(&self, id: &str, severity: Severity, message: String, hint: &str) -> Finding {
        Finding::new(id, severity, &*self.certificate.place, message, hint)
    }

    fn dates(&self) -> Option<Finding> {
        let (certificate, details) = (self.certificate, &self.certificate.details);
        if details.ends < self.now {
            let message = format!("`{}` expired on {}", certificate.subject, day(&certificate.not_after));
            let hint = "replace it before the rollout";
            return Some(self.finding("certificate-expired", Severity::Error, message, hint));
        }
        if details.starts > self.now {
            let message = format!(
                "`{}` is not valid before {}",
                certificate.subject,
                certificate.not_before.replace('T', " ")
            );
            let hint = "wait until then, or check the clock of this machine";
            return Some(self.finding("certificate-not-yet-valid", Severity::Error, message, hint));
        }
        let left = details.ends - self.now;
        (left < i64::from(self.policy.expires_within) * DAY).then(|| {
            let days = left / DAY;
            let message = format!(
                "`{}` expires on {}, in {days} day{}; wanted are {} or more",
                certificate.subject,
                day(&certificate.not_after),
                if days == 1 { "" } else { "s" },
                self.policy.expires_within
            );
            let hint = "renew it soon; `--expires-within DAYS` sets the limit";
            self.finding("certificate-expires-soon", Severity::Warning, message, hint)
        })
    }

    fn key(&self) -> Option<Finding> {
        let Certificate { subject, key_algorithm, key_size, .. } = self.certificate;
        let wanted = self.policy.key_size;
        let error =
            |message, hint| Some(self.finding("certificate-weak-key", Severity::Error, message, hint));
        if key_algorithm != "RSA" {
            let message = format!(
                "`{subject}` has a key of type {key_algorithm} ({key_size} bits); wanted is RSA with more than {wanted} bits"
            );
            return error(message, "have it issued for an RSA key: the product encrypts with RSA only");
        }
        if *key_size < wanted {
            let message =
                format!("`{subject}` has an RSA key of {key_size} bits; wanted are more than {wanted}");
            return error(message, "have it issued for a larger key, such as RSA with 4096 bits");
        }
        if *key_size > wanted {
            return None;
        }
        let message = format!(
            "`{subject}` has an RSA key of exactly {wanted} bits; the install guide wants more than {wanted}"
        );
        if self.policy.strict {
            return error(message, "have it issued for a larger key, such as RSA with 4096 bits");
        }
        let hint = "the product's requirements accept it; `--strict` makes this an error";
        Some(self.finding("certificate-weak-key", Severity::Warning, message, hint))
    }

    fn signature(&self) -> Option<Finding> {
        let certificate = self.certificate;
        let hash = certificate.details.broken_hash?;
        let message = format!(
            "`{}` is signed with {hash} ({}); wanted is SHA-256",
            certificate.subject, certificate.signature
        );
        let hint = "have it issued again, signed with SHA-256";
        Some(self.finding("certificate-sha1", Severity::Error, message, hint))
    }

    fn signatory(&self) -> Option<Finding> {
        let (certificate, policy) = (self.certificate, self.policy);
        let warning =
            |message, hint| Some(self.finding("certificate-signatory", Severity::Warning, message, hint));
        if policy.pins(certificate) {
            return None;
        }
        if certificate.self_signed {
            let message = format!("`{}` is self-signed", certificate.subject);
            return warning(
                message,
                "have it signed by your certification authority, or allow it with `--issuer THUMBPRINT`",
            );
        }
        if let Some(other) = chain::forged(certificate, self.opened) {
            let message = format!(
                "`{}` was not signed by the `{}` that is beside it",
                certificate.subject, other.subject
            );
            return warning(message, "put the certificate of its real issuer into the file");
        }
        let signers = chain::signers(certificate, self.opened);
        if policy.issuers.is_empty() || policy.allows(&certificate.issuer, &signers) {
            return None;
        }
        let message =
            format!("`{}` was signed by `{}`, who is not allowed", certificate.subject, certificate.issuer);
        warning(message, "have it signed by an allowed issuer, or name this one with `--issuer NAME`")
    }

    fn private_key(&self) -> Option<Finding> {
        let mut denied = self.opened.denied.iter();
        let of_this = |(thumbprint, _): &&(String, String)| *thumbprint == self.certificate.thumbprint;
        if let Some((_, reason)) = denied.find(of_this) {
            let message = format!("the private key of `{}` {reason}", self.certificate.subject);
            let hint = "grant it with `certificate_key_acl`";
            return Some(self.finding("certificate-no-private-key", Severity::Error, message, hint));
        }
        if !self.policy.private_key || self.certificate.has_private_key {
            return None;
        }
        // A key that cannot be read is told already.
        if self.opened.problems.iter().any(|problem| problem.key) {
            return None;
        }
        let subject = &self.certificate.subject;
        let (message, hint) = if self.opened.keys.is_empty() {
            (
                format!("the private key of `{subject}` is not there"),
                "put the key into the PEM file, or export certificate and key together as PFX",
            )
        } else {
            (
                format!("the private key that is there does not belong to `{subject}`"),
                "put the key into the file that the request for this certificate was made with",
            )
        };
        Some(self.finding("certificate-no-private-key", Severity::Error, message, hint))
    }

    fn sdk(&self) -> Option<Finding> {
        self.policy.is_sdk(self.certificate).then(|| {
            let message = format!("`{}` is the certificate of the SDK", self.certificate.subject);
            let hint = "agent and server do not start with it: use a certificate of your own";
            self.finding("certificate-sdk", Severity::Error, message, hint)
        })
    }
}

fn day(rfc3339: &str) -> &str {
    rfc3339.split('T').next().unwrap_or(rfc3339)
}
