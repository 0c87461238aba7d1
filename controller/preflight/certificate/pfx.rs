//! PFX archives (PKCS#12, RFC 7292): their certificates and private keys, opened with a password.
//!
//! Written on a few lines of DER instead of a crate: `p12-keystore` stands on pre-releases of `cms` and `pkcs12`,
//! has limits for each part but none for the whole file, and cannot tell a wrong password from a damaged file.

use zeroize::Zeroizing;

use super::decrypt::{Budget, Hash, decrypt, pkcs12_password};
use super::der::{CONTEXT_0, DerError, IMPLICIT_OCTETS_0, OCTETS, OID, Reader, SEQUENCE, dotted};
use super::error::OpenError;

/// What an archive holds.
#[derive(Default)]
pub(super) struct Archive {
    /// Certificates in DER.
    pub certificates: Vec<Vec<u8>>,
    /// Private keys as PKCS#8.
    pub keys: Vec<Zeroizing<Vec<u8>>>,
}

/// Most bags that are read of one archive, and how deep they may be nested.
const MOST_BAGS: usize = 256;
const DEEPEST: usize = 4;

/// `pkcs-7 1`: plain data.
const DATA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
/// `pkcs-7 6`: encrypted data.
const ENCRYPTED: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06];
/// `bagtypes` without its last number (RFC 7292, appendix D).
const BAG: [u8; 10] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01];
/// `x509Certificate` of PKCS#9.
const X509: [u8; 10] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x16, 0x01];

/// Whether bytes begin as an archive does: a sequence with version 3 in it.
pub(super) fn is_pfx(bytes: &[u8]) -> bool {
    let begins = || -> Result<bool, DerError> {
        let mut archive = Reader::new(bytes).inside(SEQUENCE)?;
        Ok(archive.number()? == Some(3) && archive.peek() == Some(SEQUENCE))
    };
    begins().unwrap_or(false)
}

/// Opens an archive. No password means the empty one.
pub(super) fn open(bytes: &[u8], password: Option<&str>, mut budget: Budget) -> Result<Archive, OpenError> {
    let mut file = Reader::new(bytes);
    let mut archive = file.inside(SEQUENCE)?;
    file.end()?;
    archive.number()?;
    let safes = plain_content(archive.inside(SEQUENCE)?)?;
    if archive.is_empty() {
        return Err(OpenError::NoMac);
    }
    check(archive.inside(SEQUENCE)?, safes, password, &mut budget)?;
    let mut opening =
        Opening { archive: Archive::default(), password: password.unwrap_or(""), budget, bags: 0 };
    let mut safes = Reader::new(safes).inside(SEQUENCE)?;
    while !safes.is_empty() {
        opening.safe(safes.inside(SEQUENCE)?)?;
    }
    Ok(opening.archive)
}

/// The content of a `ContentInfo` that is plain data.
fn plain_content(mut info: Reader<'_>) -> Result<&[u8], OpenError> {
    let kind = info.content(OID)?;
    if kind != DATA {
        return Err(OpenError::Unsupported { what: format!("content {}", dotted(kind)) });
    }
    Ok(info.inside(CONTEXT_0)?.content(OCTETS)?)
}

/// Checks the MAC: the only thing that tells a wrong password from a damaged file.
fn check(
    mut mac: Reader<'_>,
    data: &[u8],
    password: Option<&str>,
    budget: &mut Budget,
) -> Result<(), OpenError> {
    let mut digest = mac.inside(SEQUENCE)?;
    let algorithm = digest.inside(SEQUENCE)?.content(OID)?;
    let tag = digest.content(OCTETS)?;
    let salt = mac.content(OCTETS)?;
    let rounds = if mac.is_empty() { Some(1) } else { mac.number()? };
    let rounds = rounds.filter(|rounds| *rounds > 0).ok_or(OpenError::Rounds)?;
    let hash = Hash::by_oid(algorithm)
        .ok_or_else(|| OpenError::Unsupported { what: format!("integrity check {}", dotted(algorithm)) })?;
    let mut fits = |password: Option<&str>| -> Result<bool, OpenError> {
        budget.spend(rounds)?;
        let password = password.map(pkcs12_password).unwrap_or_default();
        Ok(hash.verify(&password, salt, rounds, data, tag))
    };
    let given = password.filter(|password| !password.is_empty());
    if let Some(given) = given
        && fits(Some(given))?
    {
        return Ok(());
    }
    // No password is either the empty text or no text at all, as the exporting program likes.
    let without = fits(Some(""))? || fits(None)?;
    match (given, password) {
        (None, _) if without => Ok(()),
        (None, None) => Err(OpenError::NeedsPassword),
        (Some(_), _) if without => Err(OpenError::NoPasswordWanted),
        _ => Err(OpenError::WrongPassword),
    }
}

struct Opening<'a> {
    archive: Archive,
    password: &'a str,
    budget: Budget,
    bags: usize,
}

impl Opening<'_> {
    /// One `ContentInfo` of the archive: bags, encrypted or not.
    fn safe(&mut self, mut info: Reader<'_>) -> Result<(), OpenError> {
        let kind = info.content(OID)?;
        let mut content = info.inside(CONTEXT_0)?;
        if kind == DATA {
            return self.bags(content.content(OCTETS)?, 0);
        }
        if kind != ENCRYPTED {
            return Err(OpenError::Unsupported { what: format!("content {}", dotted(kind)) });
        }
        let mut encrypted = content.inside(SEQUENCE)?;
        encrypted.number()?;
        let mut encrypted = encrypted.inside(SEQUENCE)?;
        encrypted.content(OID)?;
        let algorithm = encrypted.content(SEQUENCE)?;
        let data = match encrypted.peek() {
            Some(IMPLICIT_OCTETS_0) => encrypted.content(IMPLICIT_OCTETS_0)?,
            // In one piece, but written as if it were in many.
            Some(CONTEXT_0) => encrypted.inside(CONTEXT_0)?.content(OCTETS)?,
            _ => return Ok(()),
        };
        let plain = self.decrypt(algorithm, data)?;
        self.bags(&plain, 0)
    }

    fn decrypt(&mut self, algorithm: &[u8], data: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        decrypt(algorithm, data, self.password, &mut self.budget).map_err(|error| match error {
            // The MAC says that the password is right.
            OpenError::WrongPassword => OpenError::Damaged { what: "a part cannot be decrypted".to_owned() },
            error => error,
        })
    }

    fn bags(&mut self, contents: &[u8], depth: usize) -> Result<(), OpenError> {
        let mut bags = Reader::new(contents).inside(SEQUENCE)?;
        while !bags.is_empty() {
            self.bags += 1;
            if self.bags > MOST_BAGS || depth > DEEPEST {
                return Err(OpenError::TooMany { most: MOST_BAGS });
            }
            let mut bag = bags.inside(SEQUENCE)?;
            let kind = bag.content(OID)?;
            let value = bag.content(CONTEXT_0)?;
            match kind.strip_prefix(&BAG) {
                Some([1]) => self.archive.keys.push(Zeroizing::new(value.to_vec())),
                Some([2]) => {
                    let mut encrypted = Reader::new(value).inside(SEQUENCE)?;
                    let algorithm = encrypted.content(SEQUENCE)?;
                    let key = self.decrypt(algorithm, encrypted.content(OCTETS)?)?;
                    self.archive.keys.push(key);
                }
                Some([3]) => {
                    let mut certificate = Reader::new(value).inside(SEQUENCE)?;
                    if certificate.content(OID)? == X509 {
                        let der = certificate.inside(CONTEXT_0)?.content(OCTETS)?;
                        self.archive.certificates.push(der.to_vec());
                    }
                }
                Some([6]) => self.bags(value, depth + 1)?,
                // Revocation lists and other secrets do not matter here.
                _ => {}
            }
        }
        Ok(())
    }
}
