//! What is wanted of a certificate: data, with the install guide's rules as default.

use super::facts::Certificate;
use super::name;

/// The rules. The default is what the product's install guide asks of encryption certificates.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Whether a key of exactly [`key_size`](Self::key_size) bits is an error and not a warning. The install guide
    /// says "exceeding 2048", the product's requirements say "RSA-2048": the strict reading is the guide's.
    pub strict: bool,
    /// Fewer days left than this is a warning.
    pub expires_within: u32,
    /// RSA keys with fewer bits are an error.
    pub key_size: usize,
    /// Who may have signed: whole names, common names or thumbprints. Empty allows everybody, but no
    /// certificate that signed itself.
    pub issuers: Vec<String>,
    /// Whether the private key has to be there.
    pub private_key: bool,
    /// How to tell the certificate that the product's SDK ships: agent and server do not start with it.
    pub sdk: Sdk,
}

/// How the certificate of the SDK is recognised.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sdk {
    /// Whole names or common names of subjects; `*` at an end stands for any text.
    pub subjects: Vec<String>,
    /// Thumbprints, SHA-1 or SHA-256, in hexadecimal digits.
    pub thumbprints: Vec<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            strict: false,
            expires_within: 30,
            key_size: 2048,
            issuers: Vec::new(),
            private_key: true,
            sdk: Sdk::default(),
        }
    }
}

impl Default for Sdk {
    /// Names only: the vendor publishes no thumbprint, so a site adds that of the SDK that it has.
    fn default() -> Self {
        let subjects = ["usercube sdk*", "usercubesdk*", "identitymanager sdk*", "identity manager sdk*"];
        Self { subjects: subjects.map(str::to_owned).to_vec(), thumbprints: Vec::new() }
    }
}

impl Policy {
    /// Whether a certificate is the one of the SDK.
    pub(super) fn is_sdk(&self, certificate: &Certificate) -> bool {
        self.sdk.subjects.iter().any(|pattern| subject_is(certificate, pattern))
            || self.sdk.thumbprints.iter().any(|thumbprint| has_thumbprint(certificate, thumbprint))
    }

    /// Whether the list of issuers names one of these: names of issuers, and certificates that
    /// are known to have signed.
    pub(super) fn allows(&self, issuer: &str, signers: &[&Certificate]) -> bool {
        self.issuers.iter().any(|allowed| {
            is_name(allowed, issuer)
                || signers.iter().any(|signer| {
                    is_name(allowed, &signer.subject)
                        || is_name(allowed, &signer.issuer)
                        || has_thumbprint(signer, allowed)
                })
        })
    }

    /// Whether the list of issuers names a certificate by its thumbprint.
    pub(super) fn pins(&self, certificate: &Certificate) -> bool {
        self.issuers.iter().any(|allowed| has_thumbprint(certificate, allowed))
    }
}

/// Whether an entry of the list is this name: all of it, or its most specific common name.
fn is_name(allowed: &str, subject: &str) -> bool {
    let wanted = name::comparable(allowed);
    let found = name::comparable(subject);
    if allowed.contains('=') && wanted.len() > 1 {
        return wanted == found;
    }
    let common = match allowed.contains('=') {
        true => wanted.concat(),
        false => format!("cn={}", allowed.trim().to_lowercase()),
    };
    found.contains(&common)
}

/// Whether a subject is what a pattern of the SDK's list says.
fn subject_is(certificate: &Certificate, pattern: &str) -> bool {
    let pattern = pattern.trim().to_lowercase();
    if pattern.contains('=') && !pattern.contains('*') {
        return name::comparable(&pattern) == name::comparable(&certificate.subject);
    }
    let fits = |text: &str| {
        let text = text.trim().to_lowercase();
        let (open_start, rest) = match pattern.strip_prefix('*') {
            Some(rest) => (true, rest),
            None => (false, pattern.as_str()),
        };
        let (open_end, rest) = match rest.strip_suffix('*') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        match (open_start, open_end) {
            (true, true) => text.contains(rest),
            (true, false) => text.ends_with(rest),
            (false, true) => text.starts_with(rest),
            (false, false) => text == rest,
        }
    };
    fits(&certificate.subject) || certificate.details.common_names.iter().any(|name| fits(name))
}

/// Compares thumbprints as people copy them: with spaces, colons, and an invisible character in front.
fn has_thumbprint(certificate: &Certificate, given: &str) -> bool {
    let digits = digits(given);
    digits.is_some_and(|digits| digits == certificate.thumbprint || digits == certificate.thumbprint_sha256)
}

/// Whether a text is a thumbprint, SHA-1 or SHA-256: another one would never be that of a certificate.
pub(crate) fn is_thumbprint(given: &str) -> bool {
    digits(given).is_some_and(|digits| [40, 64].contains(&digits.len()))
}

/// The hexadecimal digits of a text that has nothing else but what people copy with them.
fn digits(given: &str) -> Option<String> {
    let all = given.chars().all(|c| c.is_ascii_hexdigit() || c.is_whitespace() || c == ':' || !c.is_ascii());
    let digits = given.chars().filter(char::is_ascii_hexdigit).map(|digit| digit.to_ascii_uppercase());
    all.then(|| digits.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_named_whole_or_by_common_name() {
        let subject = "CN=Corp Issuing CA 1, O=\"Corp, Inc.\"";
        for allowed in [
            "Corp Issuing CA 1",
            "corp issuing ca 1",
            "CN=Corp Issuing CA 1",
            "O=\"Corp, Inc.\",CN=Corp Issuing CA 1",
        ] {
            assert!(is_name(allowed, subject), "{allowed}");
        }
        for allowed in ["Corp Issuing CA", "Corp, Inc.", "CN=Corp Issuing CA 1, O=Other", "", "CN="] {
            assert!(!is_name(allowed, subject), "{allowed}");
        }
    }
}
