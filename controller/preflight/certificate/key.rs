//! Which certificate a private key belongs to: the public part of PKCS#8, PKCS#1 and SEC 1 keys, and nothing else
//! of them.

use zeroize::Zeroizing;

use super::decrypt::{Budget, decrypt};
use super::der::{BIT_STRING, CONTEXT_1, OCTETS, OID, Reader, SEQUENCE, without_zeros};
use super::error::OpenError;

/// The public part of a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PublicPart {
    /// An RSA key: modulus and exponent without leading zeros.
    Rsa {
        /// The modulus.
        modulus: Vec<u8>,
        /// The public exponent.
        exponent: Vec<u8>,
    },
    /// The point of an elliptic curve.
    Point(Vec<u8>),
    /// A key that is not RSA and does not tell its public part.
    Other,
}

impl PublicPart {
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        Self::Rsa { modulus: without_zeros(modulus).to_vec(), exponent: without_zeros(exponent).to_vec() }
    }

    /// Whether two of them may be of one key pair.
    pub(super) fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other, Self::Rsa { .. }) | (Self::Rsa { .. }, Self::Other) => false,
            (Self::Other, _) | (_, Self::Other) => true,
            (one, other) => one == other,
        }
    }
}

/// `rsaEncryption`.
const RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// `id-RSASSA-PSS`.
const RSA_PSS: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
/// `id-ecPublicKey`.
const EC: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// Reads a key of a PEM block by its label, or `None` if the label is not that of a private key.
pub(super) fn from_pem(
    label: &str,
    bytes: &[u8],
    password: Option<&str>,
    budget: &mut Budget,
) -> Option<Result<PublicPart, OpenError>> {
    match label {
        "PRIVATE KEY" => Some(pkcs8(bytes)),
        "RSA PRIVATE KEY" => Some(pkcs1(bytes)),
        "EC PRIVATE KEY" => Some(sec1(bytes)),
        "ENCRYPTED PRIVATE KEY" => Some(encrypted(bytes, password, budget)),
        other if other.ends_with("PRIVATE KEY") => {
            Some(Err(OpenError::Unsupported { what: format!("a block `{other}`") }))
        }
        _ => None,
    }
}

/// Whether a label is that of a private key.
pub(super) fn is_key(label: &str) -> bool {
    label.ends_with("PRIVATE KEY")
}

/// PKCS#8, `EncryptedPrivateKeyInfo` (RFC 5958).
fn encrypted(bytes: &[u8], password: Option<&str>, budget: &mut Budget) -> Result<PublicPart, OpenError> {
    let password = password.ok_or(OpenError::NeedsPassword)?;
    let mut info = Reader::new(bytes).inside(SEQUENCE)?;
    let algorithm = info.content(SEQUENCE)?;
    let plain: Zeroizing<Vec<u8>> = decrypt(algorithm, info.content(OCTETS)?, password, budget)?;
    // Padding fits by chance once in 256 times; what is inside then is no key.
    pkcs8(&plain).map_err(|_| OpenError::WrongPassword)
}

/// PKCS#8, `PrivateKeyInfo` (RFC 5958).
pub(super) fn pkcs8(bytes: &[u8]) -> Result<PublicPart, OpenError> {
    let mut info = Reader::new(bytes).inside(SEQUENCE)?;
    info.number()?;
    let algorithm = info.inside(SEQUENCE)?.content(OID)?;
    let key = info.content(OCTETS)?;
    if algorithm == RSA || algorithm == RSA_PSS {
        pkcs1(key)
    } else if algorithm == EC {
        sec1(key)
    } else {
        Ok(PublicPart::Other)
    }
}

/// PKCS#1, `RSAPrivateKey` (RFC 8017, A.1.2).
fn pkcs1(bytes: &[u8]) -> Result<PublicPart, OpenError> {
    let mut key = Reader::new(bytes).inside(SEQUENCE)?;
    key.number()?;
    let modulus = key.content(super::der::INTEGER)?;
    let exponent = key.content(super::der::INTEGER)?;
    // The private exponent has to be there, otherwise it is a public key in the wrong place.
    key.content(super::der::INTEGER)?;
    Ok(PublicPart::rsa(modulus, exponent))
}

/// SEC 1, `ECPrivateKey` (RFC 5915).
fn sec1(bytes: &[u8]) -> Result<PublicPart, OpenError> {
    let mut key = Reader::new(bytes).inside(SEQUENCE)?;
    key.number()?;
    key.content(OCTETS)?;
    key.optional(super::der::CONTEXT_0)?;
    match key.optional(CONTEXT_1)? {
        Some(public) => match Reader::new(public).content(BIT_STRING)? {
            [0, point @ ..] => Ok(PublicPart::Point(point.to_vec())),
            _ => Ok(PublicPart::Other),
        },
        None => Ok(PublicPart::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_do_not_matter() {
        assert!(PublicPart::rsa(&[0, 200], &[3]).fits(&PublicPart::rsa(&[200], &[0, 3])));
        assert!(!PublicPart::rsa(&[200], &[3]).fits(&PublicPart::rsa(&[201], &[3])));
        assert!(!PublicPart::rsa(&[200], &[3]).fits(&PublicPart::Other));
        assert!(PublicPart::Point(vec![4]).fits(&PublicPart::Other));
    }
}
