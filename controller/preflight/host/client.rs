//! The client by which the agent is known to its server: the clear secret against the hash that the server has, and
//! the day on which the client ends.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::super::{Finding, Severity};
use super::settings::client_secret;
use super::{Facts, Question};

/// Days before the end in which it is told.
pub(super) const SOON: i64 = 30;
pub(super) const DAY: i64 = 24 * 60 * 60;

/// A client of the server.
#[derive(Debug, Default)]
pub struct Client {
    /// Its identifier; the product's is `Job`.
    pub identifier: Option<String>,
    /// Its clear secret.
    pub secret: Option<SecretString>,
    /// What the server has: base64 of the SHA-256 of the secret in UTF-8 (`Usercube-New-OpenIDSecret`).
    pub hashed: Option<String>,
    /// `ExpirationDate` of the client: a day, or a time.
    pub expires: Option<String>,
}

impl Client {
    /// Its identifier.
    #[must_use]
    pub fn name(&self) -> &str {
        self.identifier.as_deref().unwrap_or("Job")
    }
}

/// The clear secret and the hash belong together. Where no secret is given, it is the one in the host's settings.
pub(super) fn secret(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    let Some(hashed) = question.client.hashed.as_deref() else { return };
    let (host, client) = (&question.host, question.client.name());
    let place = format!("{host}:hashed_secret");
    let mut add = |place: String, message: String, hint: &str| {
        findings.push(Finding::new("secret-mismatch", Severity::Error, place, message, hint).on(host));
    };
    let Some(wanted) = STANDARD.decode(hashed.trim()).ok().filter(|bytes| bytes.len() == 32) else {
        let hint = "it is 44 characters of base64, what `New-OpenIDSecret` of the product prints";
        add(place, format!("`hashed_secret` of the client `{client}` is no SHA-256 in base64"), hint);
        return;
    };
    let (secret, place) = match &question.client.secret {
        Some(secret) => (secret.clone(), place),
        None => match client_secret(facts, client) {
            Some((secret, path)) => (SecretString::from(secret), format!("{host}:{path}")),
            None => return,
        },
    };
    if Sha256::digest(secret.expose_secret().as_bytes())[..] != wanted[..] {
        let hint = "give the agent the clear secret that the server's `HashedSecret` was made of, or deploy its hash";
        add(place, format!("the secret of the client `{client}` does not have the hash of the server"), hint);
    }
}

/// A client that ended gets no tokens.
pub(super) fn expiration(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    let (Some(text), Some(now)) = (question.client.expires.as_deref(), facts.now) else { return };
    let (host, client) = (&question.host, question.client.name());
    let place = format!("{host}:secret_expires");
    let mut add = |id: &str, severity, message: String, hint: &str| {
        findings.push(Finding::new(id, severity, &*place, message, hint).on(host));
    };
    let Some(end) = end_of(text.trim()) else {
        let message = format!("`secret_expires` of the client `{client}` is neither a day nor a time");
        add(
            "secret-expired",
            Severity::Error,
            message,
            "write it as `2030-12-31`, as the server's `ExpirationDate`",
        );
        return;
    };
    let text = text.trim();
    if end <= now {
        let message = format!("the client `{client}` ended on {text}");
        add(
            "secret-expired",
            Severity::Error,
            message,
            "deploy a later `ExpirationDate`, or use another client",
        );
    } else if end - now < SOON * DAY {
        let message = format!("the client `{client}` ends on {text}, in {} days", (end - now) / DAY);
        add("secret-expires-soon", Severity::Warning, message, "deploy a later `ExpirationDate` before then");
    }
}

/// Seconds since 1970 of a time, or of the beginning of a day; in UTC where nothing else is said.
fn end_of(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_second());
    }
    let civil = match text.parse::<DateTime>() {
        Ok(civil) => civil,
        Err(_) => text.parse::<Date>().ok()?.at(0, 0, 0, 0),
    };
    Some(TimeZone::UTC.to_timestamp(civil).ok()?.as_second())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    /// The documented hash of `secret`.
    const HASH: &str = "K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=";

    fn found(options: serde_json::Value, facts: &Facts) -> Vec<String> {
        let question = Question::read("h1", Vec::new(), options.as_object().unwrap()).unwrap();
        let mut findings = Vec::new();
        secret(&question, facts, &mut findings);
        expiration(&question, facts, &mut findings);
        assert!(!format!("{findings:?} {question:?}").contains("zebra"));
        findings.iter().map(|finding| format!("{} {}", finding.id, finding.place)).collect()
    }

    #[test]
    fn a_secret_has_the_hash_of_the_server() {
        let none = Facts::default();
        assert_eq!(found(json!({"secret": "secret", "hashed_secret": HASH}), &none), [""; 0]);
        assert_eq!(found(json!({"hashed_secret": HASH}), &none), [""; 0]);
        let mismatch = ["secret-mismatch h1:hashed_secret"];
        assert_eq!(found(json!({"secret": "zebra", "hashed_secret": HASH}), &none), mismatch);
        // This hash is in the product's documentation, and damaged there.
        let damaged = "K7gNU3sdo+Op8wNhqoVWhr3g6s1xYv72ol/pe/Unols=";
        assert_eq!(found(json!({"secret": "secret", "hashed_secret": damaged}), &none), mismatch);
        assert_eq!(found(json!({"secret": "secret", "hashed_secret": "c2VjcmV0"}), &none), mismatch);
    }

    #[test]
    fn a_client_ends() {
        let now = "2026-06-15T12:00:00Z".parse::<Timestamp>().unwrap().as_second();
        let facts = Facts { now: Some(now), ..Facts::default() };
        for (expires, expected) in [
            ("2030-12-31", None),
            ("2026-06-15", Some("secret-expired h1:secret_expires")),
            ("2026-06-15T11:59:00Z", Some("secret-expired h1:secret_expires")),
            ("2026-06-30T00:00:00", Some("secret-expires-soon h1:secret_expires")),
            ("2026-07-15T14:00:00+02:00", None),
            ("next year", Some("secret-expired h1:secret_expires")),
        ] {
            let found = found(json!({"secret_expires": expires}), &facts);
            assert_eq!(found.first().map(String::as_str), expected, "{expires}");
        }
        assert_eq!(found(json!({"secret_expires": "2001-01-01"}), &Facts::default()), [""; 0]);
    }
}
