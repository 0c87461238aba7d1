//! Where a host answers, and what its certificate has to be.

use std::fmt;

use crate::error::Error;

/// The certificates that are taken.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Signed by an authority of this system or of `extra_pem`, for the host's name, and valid now.
    Authorities {
        /// Whether the authorities of this system count.
        system: bool,
        /// Certificates of further authorities, PEM.
        extra_pem: Vec<u8>,
    },
    /// Those whose DER has one of these SHA-256 digests, whatever name, issuer and time they have. The way to trust a
    /// self-signed certificate; two while it is replaced.
    Pins(Vec<[u8; 32]>),
    /// Any. Whoever is in between can read and change everything; callers should warn.
    Ignore,
}

impl Default for Trust {
    fn default() -> Self {
        Self::Authorities { system: true, extra_pem: Vec::new() }
    }
}

impl Trust {
    /// Reads a pin: 64 hexadecimal digits, colons and blanks between them do not count.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if it is not that.
    pub fn pin(text: &str) -> Result<Self, Error> {
        Self::pins([text])
    }

    /// Reads several pins; one of them has to be the host's.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if one is none.
    pub fn pins<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        texts.into_iter().map(digest).collect::<Result<_, _>>().map(Self::Pins)
    }
}

fn digest(text: &str) -> Result<[u8; 32], Error> {
    let digits: Vec<u32> = text
        .strip_prefix("sha256:")
        .or_else(|| text.strip_prefix("SHA256:"))
        .unwrap_or(text)
        .chars()
        .filter(|c| *c != ':' && !c.is_whitespace())
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()
        .filter(|digits: &Vec<u32>| digits.len() == 64)
        .ok_or(Error::Setting {
            what: "a certificate pin is not a SHA-256 digest".into(),
            hint: "write the 64 hexadecimal digits of the digest of the certificate",
        })?;
    let mut pin = [0; 32];
    for (byte, pair) in pin.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::try_from(pair[0] << 4 | pair[1]).unwrap_or(0);
    }
    Ok(pin)
}

/// A listener of WinRM.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(crate) is_tls: bool,
    pub(crate) host: String,
    pub(crate) address: Option<String>,
    pub(crate) port: u16,
    pub(crate) path: String,
    pub(crate) trust: Trust,
    /// Whether messages are sealed within TLS too.
    pub(crate) is_sealed: bool,
}

impl Endpoint {
    /// TLS, as a rule on port 5986. Certificates are checked as [`Trust::default`] says.
    #[must_use]
    pub fn https(host: &str, port: u16) -> Self {
        Self::new(true, host, port)
    }

    /// Without TLS, as a rule on port 5985; every message is sealed by the login.
    #[must_use]
    pub fn http(host: &str, port: u16) -> Self {
        Self::new(false, host, port)
    }

    fn new(is_tls: bool, host: &str, port: u16) -> Self {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Self {
            is_tls,
            host,
            address: None,
            port,
            path: "/wsman".into(),
            trust: Trust::default(),
            is_sealed: false,
        }
    }

    /// Seals messages within TLS as well, as they are over http anyway ([MS-WSMV] 2.2.9.1). NTLM and Kerberos have keys for it;
    /// [`crate::Client::connect`] refuses the other methods.
    #[must_use]
    pub fn with_sealing(mut self) -> Self {
        self.is_sealed = true;
        self
    }

    /// What certificates are taken.
    #[must_use]
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// Connects to this address instead of the host's; the host's name still counts for certificate and service name.
    #[must_use]
    pub fn with_address(mut self, address: &str) -> Self {
        self.address = Some(address.trim_start_matches('[').trim_end_matches(']').to_owned());
        self
    }

    /// A path other than `/wsman`.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if it cannot stand in a request.
    pub fn with_path(mut self, path: &str) -> Result<Self, Error> {
        let is_fine = path.len() <= 512 && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if !is_fine {
            return Err(Error::Setting {
                what: "the path of the listener cannot stand in a request".into(),
                hint: "write it like `/wsman`",
            });
        }
        self.path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(self)
    }

    /// Whether TLS is spoken.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// `host:port` as a request names it.
    pub(crate) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_requests_need_them() {
        assert_eq!(Endpoint::https("h.example", 5986).to_string(), "https://h.example:5986/wsman");
        assert_eq!(Endpoint::http("::1", 5985).to_string(), "http://[::1]:5985/wsman");
        assert_eq!(Endpoint::http("[::1]", 5985).with_path("x").unwrap().to_string(), "http://[::1]:5985/x");
        assert!(Endpoint::http("h", 1).with_path("/a b").is_err());
    }

    #[test]
    fn pins_are_read_in_the_usual_spellings() {
        let digits = "0a".repeat(32);
        let spaced = vec!["0A"; 32].join(":");
        for text in [&digits, &spaced, &format!("sha256:{digits}")] {
            assert!(matches!(Trust::pin(text).unwrap(), Trust::Pins(pins) if pins == [[10; 32]]), "{text}");
        }
        assert!(Trust::pin("0a").is_err());
        assert!(Trust::pin(&"0g".repeat(32)).is_err());
    }
}
