//! Decides whether the key that a host offers is the host's.
//!
//! Pins from the inventory win; else `known_hosts` decides. Nothing is learnt while connecting: keys are
//! added by `paceline trust scan`, which a person reviews.

use std::time::{SystemTime, UNIX_EPOCH};

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg, PublicKey, PublicKeyOrCertificate};

use super::known_hosts::{self, Entry, Known, matches_patterns};
use crate::transport::{HostKeyPolicy, TransportError};

/// The check for one host: its policy and what the files say about it.
#[derive(Debug)]
pub(super) struct HostKeyCheck {
    name: String,
    principal: String,
    policy: HostKeyPolicy,
    known: Known,
}

/// A key that was accepted.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    /// `SHA256:...` of the key that signed the key exchange.
    pub(super) fingerprint: String,
    /// Something the user must be told.
    pub(super) warning: Option<String>,
}

impl HostKeyCheck {
    pub(super) fn new(address: &str, port: u16, policy: &HostKeyPolicy) -> Result<Self, TransportError> {
        let known = known_hosts::lookup(&policy.known_hosts, address, port, policy.alias.as_deref())
            .map_err(|error| TransportError::Local { message: error.to_string() })?;
        let name = policy.name(address, port);
        let principal = policy.alias.as_deref().unwrap_or(address).to_lowercase();
        Ok(Self { name, principal, policy: policy.clone(), known })
    }

    /// Key types to ask for: those already known for the host first, so that the host offers a key that can
    /// be compared.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let (mut first, rest): (Vec<_>, Vec<_>) = supported().into_iter().partition(|algorithm| {
            let plain = plain_name(algorithm);
            self.known.keys.iter().chain(&self.known.portless).any(|entry| entry.key_type == plain)
        });
        first.extend(rest);
        first
    }

    /// Certificate types to ask for: all if some authority may speak for the host, else none.
    pub(super) fn certificate_algorithms(&self) -> Vec<Algorithm> {
        if self.known.authorities.is_empty() || !self.policy.pins.is_empty() {
            Vec::new()
        } else {
            supported()
        }
    }

    pub(super) fn verify(&self, offered: &PublicKeyOrCertificate) -> Result<Accepted, TransportError> {
        let key = offered.public_key();
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        let blob =
            key.to_bytes().map_err(|error| self.refuse(format!("its key cannot be read: {error}"), ""))?;
        let algorithm = key.algorithm().as_str().to_owned();
        let offer = format!("offered {algorithm} {fingerprint}");
        let accepted = |warning| Ok(Accepted { fingerprint: fingerprint.clone(), warning });

        if let Some(entry) = self.known.revoked.iter().find(|entry| entry.blob == blob) {
            return Err(self.refuse(
                format!("the key is revoked by {}\n  {offer}", entry.place()),
                "do not connect before it is clear why the host still uses a revoked key",
            ));
        }
        if !self.policy.pins.is_empty() {
            if self.policy.pins.contains(&fingerprint) {
                return accepted(None);
            }
            return Err(self.refuse(
                format!("the key is not the pinned one\n  {offer}\n  pinned  {}", self.policy.pins.join(", ")),
                "somebody may be in between; if the key was replaced on purpose, correct the pin in the inventory",
            ));
        }
        let mut why_not = String::new();
        if let Some(certificate) = offered.certificate() {
            match self.check_certificate(certificate) {
                Ok(()) => return accepted(None),
                Err(reason) => why_not = format!("\n  its certificate does not count: {reason}"),
            }
        }
        let same = |entry: &&Entry| entry.blob == blob;
        if self.known.keys.iter().find(same).or_else(|| self.known.portless.iter().find(same)).is_some() {
            return accepted(None);
        }
        let conflict = self.known.keys.iter().find(|entry| entry.key_type == algorithm);
        if self.policy.accept_any {
            return accepted(Some(format!(
                "`{}`: its host key is not checked (host key checking is off); {offer}",
                self.name
            )));
        }
        Err(match conflict {
            Some(entry) => self.refuse(
                format!(
                    "the key has changed\n  {offer}\n  known   {} {} ({}){why_not}",
                    entry.key_type,
                    fingerprint_of(&entry.blob),
                    entry.place()
                ),
                &format!(
                    "somebody may be in between; if the host was reinstalled, compare the fingerprint on its console, \
                     remove the old key with `paceline trust forget`, and add the new one with `paceline trust scan` \
                     (line {} of {})",
                    entry.line,
                    entry.path.display()
                ),
            ),
            None => {
                let others: Vec<String> =
                    self.known.keys.iter().map(|entry| format!("{} ({})", entry.key_type, entry.place())).collect();
                let others = if others.is_empty() {
                    String::new()
                } else {
                    format!("\n  known for this host, of other types: {}", others.join(", "))
                };
                self.refuse(
                    format!("the key is not known\n  {offer}{others}{why_not}"),
                    "compare the fingerprint with the host's and add it with `paceline trust scan`",
                )
            }
        })
    }

    /// Whether a trusted authority says that the key inside belongs to this host. The certificate's rules are
    /// those of OpenSSH's PROTOCOL.certkeys.
    fn check_certificate(&self, certificate: &Certificate) -> Result<(), String> {
        let signer = PublicKey::new(certificate.signature_key().clone(), "");
        let signer_blob = signer.to_bytes().map_err(|error| error.to_string())?;
        if let Some(entry) = self.known.revoked.iter().find(|entry| entry.blob == signer_blob) {
            return Err(format!("its authority is revoked by {}", entry.place()));
        }
        let signer = signer.fingerprint(HashAlg::Sha256);
        if !self.known.authorities.iter().any(|entry| entry.blob == signer_blob) {
            return Err(format!("its authority {signer} is not trusted for this host"));
        }
        if certificate.cert_type() != CertType::Host {
            return Err("it is not a host certificate".to_owned());
        }
        let names = certificate.valid_principals();
        let principals: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
        if !matches_patterns(&principals, &self.principal) {
            return Err(format!("it is for `{}`, not for `{}`", names.join(", "), self.principal));
        }
        if let Some((option, _)) = certificate.critical_options().iter().next() {
            return Err(format!("it has the unknown critical option `{option}`"));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
        certificate
            .validate_at(now, [&signer])
            .map_err(|_| "its signature is wrong, or it is not valid now".to_owned())
    }

    fn refuse(&self, what: String, hint: &str) -> TransportError {
        TransportError::HostKey {
            message: format!("host key of `{}`: {what}", self.name),
            hint: hint.to_owned(),
        }
    }
}

/// Host key types in the order of preference. `ssh-rsa` with SHA-1 and DSA are not among them.
pub(super) fn supported() -> Vec<Algorithm> {
    let ecdsa = |curve| Algorithm::Ecdsa { curve };
    vec![
        Algorithm::Ed25519,
        ecdsa(EcdsaCurve::NistP256),
        ecdsa(EcdsaCurve::NistP384),
        ecdsa(EcdsaCurve::NistP521),
        Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
        Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
    ]
}

/// The name that a key of this algorithm has in a file (`ssh-rsa` whatever the hash of its signatures).
fn plain_name(algorithm: &Algorithm) -> String {
    match algorithm {
        Algorithm::Rsa { .. } => "ssh-rsa".to_owned(),
        other => other.as_str().to_owned(),
    }
}

fn fingerprint_of(blob: &[u8]) -> String {
    PublicKey::from_bytes(blob)
        .map_or_else(|_| "(unreadable key)".to_owned(), |key| key.fingerprint(HashAlg::Sha256).to_string())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::path::PathBuf;

    use russh::keys::PrivateKey;
    use russh::keys::ssh_key::certificate::Builder;
    use tempfile::TempDir;

    use super::*;

    fn generate() -> PrivateKey {
        crate::lab::server::generate_key("").unwrap()
    }

    fn line(key: &PrivateKey) -> String {
        PublicKey::new(key.public_key().key_data().clone(), "").to_openssh().unwrap()
    }

    /// A policy with one file.
    fn policy(text: &str) -> (TempDir, HostKeyPolicy) {
        let folder = tempfile::tempdir().unwrap();
        let file: PathBuf = folder.path().join("known_hosts");
        std::fs::write(&file, text).unwrap();
        (folder, HostKeyPolicy { known_hosts: vec![file], ..HostKeyPolicy::default() })
    }

    fn verdict(policy: &HostKeyPolicy, port: u16, offered: &PublicKeyOrCertificate) -> String {
        match HostKeyCheck::new("a.example", port, policy).unwrap().verify(offered) {
            Ok(Accepted { warning: None, .. }) => "ok".to_owned(),
            Ok(Accepted { warning: Some(warning), .. }) => format!("warning: {warning}"),
            Err(TransportError::HostKey { message, .. }) => message,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_key_is_known_unknown_changed_or_revoked() {
        let (mine, other) = (generate(), generate());
        let offered = PublicKeyOrCertificate::from(mine.public_key().clone());
        let fingerprint = mine.fingerprint(HashAlg::Sha256).to_string();
        let cases = [
            (format!("a.example {}", line(&mine)), 22, "ok"),
            (format!("a.example {}\na.example {}", line(&other), line(&mine)), 22, "ok"),
            (format!("a.example {}", line(&mine)), 2222, "ok"),
            (String::new(), 22, "is not known"),
            (format!("b.example {}", line(&mine)), 22, "is not known"),
            (format!("\na.example {}", line(&other)), 22, "has changed"),
            (format!("a.example {}", line(&other)), 2222, "is not known"),
            (format!("a.example {0}\n@revoked * {0}", line(&mine)), 22, "is revoked by"),
        ];
        for (text, port, expected) in cases {
            let (_folder, policy) = policy(&text);
            let message = verdict(&policy, port, &offered);
            assert!(message.contains(expected), "{text}: {message}");
            assert!(expected == "ok" || message.contains(&fingerprint), "{message}");
            assert!(expected != "has changed" || message.contains("known_hosts:2"), "{message}");
        }
    }

    #[test]
    fn pins_win_and_accepting_any_key_warns() {
        let (mine, other) = (generate(), generate());
        let offered = PublicKeyOrCertificate::from(mine.public_key().clone());
        let (_folder, mut policy) = policy(&format!("a.example {}", line(&mine)));
        policy.pins = vec![other.fingerprint(HashAlg::Sha256).to_string()];
        policy.accept_any = true;
        assert!(verdict(&policy, 22, &offered).contains("is not the pinned one"));
        policy.pins.push(mine.fingerprint(HashAlg::Sha256).to_string());
        assert_eq!(verdict(&policy, 22, &offered), "ok");
        policy.pins.clear();
        policy.known_hosts.clear();
        assert!(verdict(&policy, 22, &offered).starts_with("warning: "));
    }

    #[test]
    fn a_revoked_key_is_refused_even_if_any_is_accepted() {
        let mine = generate();
        let (_folder, mut policy) = policy(&format!("@revoked * {}", line(&mine)));
        policy.accept_any = true;
        let offered = PublicKeyOrCertificate::from(mine.public_key().clone());
        assert!(verdict(&policy, 22, &offered).contains("is revoked"));
    }

    #[test]
    fn known_types_are_asked_for_first() {
        let rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDE";
        let blob = "AAAAB3NzaC1yc2EAAAA=";
        let (_folder, policy) =
            policy(&format!("a.example {}", rsa.replace("AAAAB3NzaC1yc2EAAAADAQABAAAAgQDE", blob)));
        let check = HostKeyCheck::new("a.example", 22, &policy).unwrap();
        assert_eq!(check.algorithms()[0], Algorithm::Rsa { hash: Some(HashAlg::Sha512) });
        assert!(check.certificate_algorithms().is_empty());
    }

    #[test]
    fn a_certificate_counts_if_a_trusted_authority_names_the_host() {
        let (mine, authority, stranger) = (generate(), generate(), generate());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let issue = |signer: &PrivateKey, name: &str, kind: CertType, until: u64| {
            let mut builder = Builder::new(vec![7; 16], mine.public_key(), 0, until).unwrap();
            builder.cert_type(kind).unwrap().key_id("test").unwrap().valid_principal(name).unwrap();
            PublicKeyOrCertificate::from(builder.sign(signer).unwrap())
        };
        let (_folder, policy) = policy(&format!("@cert-authority *.example {}", line(&authority)));
        let check = HostKeyCheck::new("a.example", 22, &policy).unwrap();
        assert_eq!(check.certificate_algorithms().len(), 6);
        let cases = [
            (&authority, "a.example", CertType::Host, now + 60, "ok"),
            (&authority, "*.example", CertType::Host, now + 60, "ok"),
            (&authority, "b.example", CertType::Host, now + 60, "not for `a.example`"),
            (&authority, "a.example", CertType::User, now + 60, "not a host certificate"),
            (&authority, "a.example", CertType::Host, now - 60, "not valid now"),
            (&stranger, "a.example", CertType::Host, now + 60, "is not trusted for this host"),
        ];
        for (signer, name, kind, until, expected) in cases {
            let message = verdict(&policy, 22, &issue(signer, name, kind, until));
            assert!(message.contains(expected), "{name} {kind:?}: {message}");
        }
    }
}
