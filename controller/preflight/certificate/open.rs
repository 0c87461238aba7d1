//! Bytes of a file become certificates and the public parts of keys, whatever the format.

use super::decrypt::Budget;
use super::error::OpenError;
use super::facts::Certificate;
use super::key::{self, PublicPart};
use super::{pem, pfx};

/// Largest file that is looked at, in bytes. Archives with a chain of certificates have a few KiB.
pub const LARGEST: usize = 1 << 20;

/// Where bytes come from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The name of the file, as findings call it.
    pub place: &'a str,
    /// Whether findings name the line, too.
    pub lines: bool,
    /// Rounds of key derivation that opening it may cost in all.
    pub rounds: u64,
}

impl<'a> Source<'a> {
    /// A file of the controller. The largest defaults of tools are 600,000 rounds for each of three parts; a file that
    /// wants a thousand times that is made to keep somebody busy.
    pub fn file(place: &'a str) -> Self {
        Self { place, lines: true, rounds: 5_000_000 }
    }

    /// A file that was read from a host, `HOST:PATH`. Many hosts are judged by one controller.
    pub fn on_host(place: &'a str) -> Self {
        Self { place, lines: false, rounds: 2_000_000 }
    }
}

/// What a file holds.
#[derive(Debug, Default)]
pub struct Opened {
    /// The name of the file, as findings call it.
    pub place: String,
    /// Its certificates, each once, in the order of the file.
    pub certificates: Vec<Certificate>,
    /// The public parts of its private keys.
    pub keys: Vec<PublicPart>,
    /// What could not be read, and where.
    pub problems: Vec<Problem>,
    /// Private keys that somebody who has to read them cannot: thumbprint of the certificate, and the reason.
    pub denied: Vec<(String, String)>,
    /// By what it was asked for one certificate where several have it: `subject` or `thumbprint`.
    pub ambiguous: Option<&'static str>,
}

/// A part of a file that could not be read.
#[derive(Debug)]
pub struct Problem {
    /// `FILE:LINE` or `FILE`.
    pub place: String,
    /// What it seems to be.
    pub what: &'static str,
    /// Whether it is a private key: then its certificate has one, nobody knows which.
    pub key: bool,
    /// Why.
    pub error: OpenError,
}

/// Opens a file of certificates. The password opens a PFX archive and encrypted keys; without one an
/// archive opens that has none. A file that cannot be read gives problems, never an error.
pub fn open(bytes: &[u8], source: Source<'_>, password: Option<&str>) -> Opened {
    let place = source.place;
    let mut opened = Opened { place: place.to_owned(), ..Opened::default() };
    if bytes.len() > LARGEST {
        opened.problem(place.to_owned(), "the file", false, OpenError::TooLarge { kib: LARGEST >> 10 });
    } else if pem::is_pem(bytes) {
        opened.pem(bytes, password, source);
    } else if pfx::is_pfx(bytes) {
        opened.pfx(bytes, password, Budget::new(source.rounds));
    } else if bytes.first() == Some(&super::der::SEQUENCE) {
        opened.certificate(bytes, place.to_owned());
    } else {
        opened.problem(place.to_owned(), "the file", false, OpenError::NotACertificate);
    }
    if opened.certificates.is_empty() && opened.problems.is_empty() {
        opened.problem(place.to_owned(), "the file", false, OpenError::Empty);
    }
    opened
}

impl Opened {
    fn pem(&mut self, bytes: &[u8], password: Option<&str>, source: Source<'_>) {
        let mut budget = Budget::new(source.rounds);
        for (at, block) in pem::blocks(bytes).into_iter().enumerate() {
            let place = match source.lines {
                true => format!("{}:{}", self.place, block.line),
                false => self.place.clone(),
            };
            if at == pem::MOST {
                self.problem(place, "the file", false, OpenError::TooMany { most: pem::MOST });
                return;
            }
            let is_key = key::is_key(&block.label);
            let is_certificate =
                matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE");
            if !is_key && !is_certificate {
                continue;
            }
            let what = if is_key { "the private key" } else { "the certificate" };
            let content = match block.bytes {
                Ok(content) => content,
                Err(reason) => {
                    let error = match reason {
                        pem::OLD_ENCRYPTION => OpenError::Unsupported { what: reason.to_owned() },
                        reason => OpenError::Damaged { what: reason.to_owned() },
                    };
                    self.problem(place, what, is_key, error);
                    continue;
                }
            };
            match key::from_pem(&block.label, &content, password, &mut budget) {
                Some(Ok(part)) => self.keys.push(part),
                Some(Err(error)) => self.problem(place, what, true, error),
                // A trusted certificate has OpenSSL's notes behind it.
                None if block.label == "TRUSTED CERTIFICATE" => {
                    let error = OpenError::Unsupported { what: "a block `TRUSTED CERTIFICATE`".to_owned() };
                    self.problem(place, what, false, error);
                }
                None => self.certificate(&content, place),
            }
        }
    }

    fn pfx(&mut self, bytes: &[u8], password: Option<&str>, budget: Budget) {
        let archive = match pfx::open(bytes, password, budget) {
            Ok(archive) => archive,
            Err(error) => return self.problem(self.place.clone(), "the archive", false, error),
        };
        for der in &archive.certificates {
            self.certificate(der, self.place.clone());
        }
        for key in &archive.keys {
            match key::pkcs8(key) {
                Ok(part) => self.keys.push(part),
                Err(error) => self.problem(self.place.clone(), "the private key", true, error),
            }
        }
    }

    fn certificate(&mut self, der: &[u8], place: String) {
        match Certificate::read(der, &place) {
            Ok(read) => {
                let known = |other: &Certificate| other.thumbprint_sha256 == read.thumbprint_sha256;
                if !self.certificates.iter().any(known) {
                    self.certificates.push(read);
                }
            }
            Err(error) => self.problem(place, "the certificate", false, error),
        }
    }

    fn problem(&mut self, place: String, what: &'static str, key: bool, error: OpenError) {
        self.problems.push(Problem { place, what, key, error });
    }

    /// Makes what a certificate store holds: each certificate in DER, and whether its private key is there.
    pub fn store(place: &str, certificates: &[(Vec<u8>, bool)]) -> Self {
        let mut opened = Self { place: place.to_owned(), ..Self::default() };
        for (der, has_key) in certificates {
            let known = opened.certificates.len();
            opened.certificate(der, place.to_owned());
            let read = opened.certificates.get(known).filter(|_| *has_key);
            opened.keys.extend(read.map(|read| read.details.public.clone().unwrap_or(PublicPart::Other)));
        }
        opened
    }

    /// Makes what a store does not have, or what kept it from being asked.
    pub fn not_in_store(place: &str, reason: String) -> Self {
        let mut opened = Self { place: place.to_owned(), ..Self::default() };
        opened.problem(place.to_owned(), "the certificate", false, OpenError::Store { reason });
        opened
    }

    /// Makes a file that could not even be read.
    pub fn unreadable(place: &str, reason: String) -> Self {
        let mut opened = Self { place: place.to_owned(), ..Self::default() };
        opened.problem(place.to_owned(), "the file", false, OpenError::File { reason });
        opened
    }
}
