//! What a certificate says, as far as the policy asks for it.

use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::time::ASN1Time;

use super::super::{Finding, Severity};
use super::error::OpenError;
use super::key::PublicPart;
use super::name;

/// A certificate.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Certificate {
    /// Where it was found: `FILE:LINE`, `FILE` or `HOST:PATH`.
    pub place: String,
    /// Its subject, the most specific part first, as Windows shows it.
    pub subject: String,
    /// Its issuer, written likewise.
    pub issuer: String,
    /// Its serial number in hexadecimal digits.
    pub serial: String,
    /// SHA-1 of its bytes in hexadecimal capitals, as Windows names certificates.
    pub thumbprint: String,
    /// SHA-256 of its bytes, in hexadecimal capitals too.
    pub thumbprint_sha256: String,
    /// From when it is valid, RFC 3339.
    pub not_before: String,
    /// Until when it is valid, RFC 3339.
    pub not_after: String,
    /// What kind of key it has: `RSA`, `EC` ...
    pub key_algorithm: String,
    /// Size of its key in bits; 0 where nobody knows.
    pub key_size: usize,
    /// How it is signed, such as `sha256WithRSAEncryption`.
    pub signature: String,
    /// Whether its private key was found with it.
    pub has_private_key: bool,
    /// Whether it is signed with its own key.
    pub self_signed: bool,
    /// Whether it only belongs to the chain of another one.
    pub chain: bool,
    #[serde(skip)]
    pub(super) details: Details,
}

/// What only the judge looks at.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Details {
    pub der: Vec<u8>,
    pub starts: i64,
    pub ends: i64,
    /// The name of the hash that it is signed with, if that is broken.
    pub broken_hash: Option<&'static str>,
    pub ca: bool,
    pub common_names: Vec<String>,
    pub public: Option<PublicPart>,
}

impl Certificate {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// The bytes are no certificate, or something follows them.
    pub fn read(der: &[u8], place: &str) -> Result<Self, OpenError> {
        let damaged = |what: &str| OpenError::Damaged { what: what.to_owned() };
        let (rest, parsed) =
            X509Certificate::from_der(der).map_err(|_| damaged("it is not an X.509 certificate"))?;
        if !rest.is_empty() {
            return Err(damaged("something follows the certificate"));
        }
        let (key_algorithm, key_size, public) = key(&parsed);
        let (signature, broken_hash) = signature(&parsed);
        let validity = parsed.validity();
        Ok(Self {
            place: place.to_owned(),
            subject: name::text(parsed.subject()),
            issuer: name::text(parsed.issuer()),
            serial: hex(parsed.raw_serial()),
            thumbprint: hex(&Sha1::digest(der)),
            thumbprint_sha256: hex(&Sha256::digest(der)),
            not_before: rfc3339(&validity.not_before),
            not_after: rfc3339(&validity.not_after),
            key_algorithm,
            key_size,
            signature,
            has_private_key: false,
            self_signed: parsed.subject().as_raw() == parsed.issuer().as_raw(),
            chain: false,
            details: Details {
                der: der.to_vec(),
                starts: validity.not_before.timestamp(),
                ends: validity.not_after.timestamp(),
                broken_hash,
                ca: parsed.is_ca(),
                common_names: name::common_names(parsed.subject()),
                public,
            },
        })
    }

    /// The host names that it is for: the DNS names of its subject's alternative names, without which browsers take
    /// no certificate (RFC 9110, 4.3.4). None where its bytes are not at hand.
    #[must_use]
    pub fn host_names(&self) -> Option<Vec<String>> {
        let (_, parsed) = X509Certificate::from_der(&self.details.der).ok()?;
        let names = parsed.subject_alternative_name().ok()?;
        let names = names.iter().flat_map(|extension| &extension.value.general_names);
        let dns = names.filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        });
        Some(dns.collect())
    }

    /// Whether another certificate's key made this one's signature.
    pub(super) fn signed_by(&self, signer: &Self) -> Signed {
        let Ok((_, one)) = X509Certificate::from_der(&self.details.der) else { return Signed::Unknown };
        let Ok((_, other)) = X509Certificate::from_der(&signer.details.der) else { return Signed::Unknown };
        if one.issuer().as_raw() != other.subject().as_raw() {
            return Signed::No;
        }
        // The library that checks signatures takes no RSA keys outside of these sizes.
        if signer.key_algorithm == "RSA" && !(2048..=8192).contains(&signer.key_size) {
            return Signed::Unknown;
        }
        match one.verify_signature(Some(other.public_key())) {
            Ok(()) => Signed::Yes,
            Err(x509_parser::error::X509Error::SignatureVerificationError) => Signed::Forged,
            Err(_) => Signed::Unknown,
        }
    }
}

impl Certificate {
    /// Whether browsers take it for a host of this name (RFC 6125, 6.4: a `*` stands for one whole label, the first).
    #[must_use]
    pub fn is_for(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let named = |name: &String| match name.to_ascii_lowercase().strip_prefix("*.") {
            Some(domain) => {
                host.split_once('.').is_some_and(|(first, rest)| !first.is_empty() && rest == domain)
            }
            None => name.eq_ignore_ascii_case(&host),
        };
        self.host_names().is_some_and(|names| names.iter().any(named))
    }

    /// What is wrong where it has to be for a host of this name.
    #[must_use]
    pub fn not_for(&self, host: &str) -> Option<Finding> {
        if self.chain || self.is_for(host) {
            return None;
        }
        Some(Finding::new(
            "agent-name-not-in-certificate",
            Severity::Warning,
            &*self.place,
            format!("`{}` is not a certificate for `{host}`", self.subject),
            "have it issued with that name in its subject alternative name: browsers look nowhere else",
        ))
    }
}

/// What can be said about who signed a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Signed {
    Yes,
    /// The names fit, and the signature could not be checked.
    Unknown,
    /// The names fit, and the signature does not.
    Forged,
    No,
}

fn key(certificate: &X509Certificate<'_>) -> (String, usize, Option<PublicPart>) {
    let info = certificate.public_key();
    let oid = info.algorithm.algorithm.to_id_string();
    let algorithm = match oid.as_str() {
        "1.2.840.113549.1.1.1" => "RSA",
        "1.2.840.113549.1.1.10" => "RSASSA-PSS",
        "1.2.840.10045.2.1" => "EC",
        "1.2.840.10040.4.1" => "DSA",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        "1.3.101.110" => "X25519",
        other => other,
    }
    .to_owned();
    match info.parsed() {
        Ok(PublicKey::RSA(rsa)) => {
            let public = PublicPart::rsa(rsa.modulus, rsa.exponent);
            let PublicPart::Rsa { modulus, .. } = &public else { return (algorithm, 0, None) };
            let unused = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
            (algorithm, modulus.len() * 8 - unused, Some(public))
        }
        Ok(PublicKey::EC(point)) => {
            let point = point.data().to_vec();
            // 521 is the one size that is no multiple of eight.
            let bits = point.len().saturating_sub(1) / 2 * 8;
            (algorithm, if bits == 528 { 521 } else { bits }, Some(PublicPart::Point(point)))
        }
        _ => (algorithm, info.subject_public_key.data.len().min(64 << 10) * 8, Some(PublicPart::Other)),
    }
}

/// The name of the signature's algorithm, and its hash if that is broken.
fn signature(certificate: &X509Certificate<'_>) -> (String, Option<&'static str>) {
    let algorithm = &certificate.signature_algorithm;
    let oid = algorithm.algorithm.to_id_string();
    let (name, broken) = match oid.as_str() {
        "1.2.840.113549.1.1.2" => ("md2WithRSAEncryption", Some("MD2")),
        "1.2.840.113549.1.1.3" => ("md4WithRSAEncryption", Some("MD4")),
        "1.2.840.113549.1.1.4" | "1.3.14.3.2.3" => ("md5WithRSAEncryption", Some("MD5")),
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => ("sha1WithRSAEncryption", Some("SHA-1")),
        "1.2.840.113549.1.1.11" => ("sha256WithRSAEncryption", None),
        "1.2.840.113549.1.1.12" => ("sha384WithRSAEncryption", None),
        "1.2.840.113549.1.1.13" => ("sha512WithRSAEncryption", None),
        "1.2.840.113549.1.1.14" => ("sha224WithRSAEncryption", None),
        "1.2.840.113549.1.1.10" => {
            // Without parameters the hash is SHA-1 (RFC 8017, A.2.3).
            let parameters = algorithm.parameters.as_ref();
            let hash = parameters
                .and_then(|parameters| RsaSsaPssParams::try_from(parameters).ok())
                .map_or_else(|| "1.3.14.3.2.26".to_owned(), |pss| pss.hash_algorithm_oid().to_id_string());
            return match hash.as_str() {
                "1.3.14.3.2.26" => ("RSASSA-PSS with SHA-1".to_owned(), Some("SHA-1")),
                "2.16.840.1.101.3.4.2.1" => ("RSASSA-PSS with SHA-256".to_owned(), None),
                "2.16.840.1.101.3.4.2.2" => ("RSASSA-PSS with SHA-384".to_owned(), None),
                "2.16.840.1.101.3.4.2.3" => ("RSASSA-PSS with SHA-512".to_owned(), None),
                other => (format!("RSASSA-PSS with {other}"), None),
            };
        }
        "1.2.840.10045.4.1" => ("ecdsa-with-SHA1", Some("SHA-1")),
        "1.2.840.10045.4.3.2" => ("ecdsa-with-SHA256", None),
        "1.2.840.10045.4.3.3" => ("ecdsa-with-SHA384", None),
        "1.2.840.10045.4.3.4" => ("ecdsa-with-SHA512", None),
        "1.2.840.10040.4.3" | "1.3.14.3.2.27" => ("dsa-with-SHA1", Some("SHA-1")),
        "2.16.840.1.101.3.4.3.2" => ("dsa-with-SHA256", None),
        "1.3.101.112" => ("Ed25519", None),
        "1.3.101.113" => ("Ed448", None),
        other => (other, None),
    };
    (name.to_owned(), broken)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// As RFC 3339. A civil time, because the year 9999 of certificates without an end is beyond what time stamps hold.
fn rfc3339(time: &ASN1Time) -> String {
    let since_1970 = jiff::SignedDuration::from_secs(time.timestamp());
    let civil = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0).saturating_add(since_1970);
    civil.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
