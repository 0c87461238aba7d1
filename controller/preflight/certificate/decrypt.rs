//! Decrypts what a password protects: PBES2 of PKCS#5 (RFC 8018) and the older schemes of PKCS#12 (RFC 7292,
//! appendices B and C), with a limit on the work that a file can ask for.

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit};
use pkcs5::der::Decode;
use pkcs5::pbes2::{Kdf, PBES2_OID, Parameters};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::der::{OCTETS, OID, Reader, dotted};
use super::error::OpenError;

/// Most memory that scrypt may take, in bytes; OpenSSL's default takes 16 MiB.
const SCRYPT_MEMORY: u64 = 64 << 20;

/// What is left of the work that a file may cost.
pub(super) struct Budget {
    left: u64,
    most: u64,
}

impl Budget {
    /// Allows that many rounds of key derivation in all.
    pub(super) fn new(most: u64) -> Self {
        Self { left: most, most }
    }

    /// Takes rounds off, before they are done.
    pub(super) fn spend(&mut self, rounds: u64) -> Result<(), OpenError> {
        self.left = self.left.checked_sub(rounds).ok_or_else(|| self.too_costly())?;
        Ok(())
    }

    fn too_costly(&self) -> OpenError {
        OpenError::TooCostly { most: self.most }
    }
}

/// `pkcs-12PbeIds` without its last number (RFC 7292, appendix C).
const PKCS12_PBE: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01];

/// Decrypts with the scheme of an `AlgorithmIdentifier`, given as the content of its sequence.
///
/// Padding that does not fit means a wrong password, nearly always.
pub(super) fn decrypt(
    algorithm: &[u8],
    data: &[u8],
    password: &str,
    budget: &mut Budget,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let mut reader = Reader::new(algorithm);
    let oid = reader.content(OID)?;
    let (_, parameters, whole) = reader.any()?;
    if oid == PBES2_OID.as_bytes() {
        return pbes2(whole, data, password, budget);
    }
    let unsupported = || OpenError::Unsupported { what: format!("encryption {}", dotted(oid)) };
    let kind = oid.strip_prefix(&PKCS12_PBE).ok_or_else(unsupported)?;
    let mut parameters = Reader::new(parameters);
    let salt = parameters.content(OCTETS)?;
    let rounds = parameters.number()?.filter(|rounds| *rounds > 0).ok_or(OpenError::Rounds)?;
    let length = match kind {
        [3] => 24,
        [5] => 16,
        [6] => 5,
        _ => return Err(unsupported()),
    };
    budget.spend(rounds.saturating_mul(3))?;
    let password = pkcs12_password(password);
    let key = derive::<Sha1>(64, KeyUse::Encryption, &password, salt, rounds, length);
    let iv = derive::<Sha1>(64, KeyUse::Vector, &password, salt, rounds, 8);
    match kind {
        [3] => cbc_decrypt::<des::TdesEde3>(&key, &iv, data),
        _ => cbc_decrypt::<rc2::Rc2>(&key, &iv, data),
    }
}

fn pbes2(
    parameters: &[u8],
    data: &[u8],
    password: &str,
    budget: &mut Budget,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let unsupported =
        |error: &dyn std::fmt::Display| OpenError::Unsupported { what: format!("PBES2: {error}") };
    let parameters = Parameters::from_der(parameters).map_err(|error| unsupported(&error))?;
    match &parameters.kdf {
        Kdf::Pbkdf2(kdf) => budget.spend(u64::from(kdf.iteration_count))?,
        Kdf::Scrypt(kdf) => {
            let cost = kdf.cost_parameter.saturating_mul(u64::from(kdf.block_size));
            let parallel = u64::from(kdf.parallelization);
            if !kdf.cost_parameter.is_power_of_two() || kdf.cost_parameter < 2 || cost == 0 || parallel == 0 {
                return Err(OpenError::Rounds);
            }
            if cost.saturating_mul(128) > SCRYPT_MEMORY {
                return Err(budget.too_costly());
            }
            budget.spend(cost.saturating_mul(parallel))?;
        }
        _ => return Err(unsupported(&"its key derivation is unknown")),
    }
    parameters.decrypt(password.as_bytes(), data).map(Zeroizing::new).map_err(|error| match error {
        pkcs5::Error::DecryptFailed => OpenError::WrongPassword,
        error => unsupported(&error),
    })
}

fn cbc_decrypt<C: BlockCipherDecrypt + KeyInit>(
    key: &[u8],
    iv: &[u8],
    data: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let cipher = cbc::Decryptor::<C>::new_from_slices(key, iv)
        .map_err(|_| OpenError::Unsupported { what: "the length of its encryption key".to_owned() })?;
    cipher.decrypt_padded_vec::<Pkcs7>(data).map(Zeroizing::new).map_err(|_| OpenError::WrongPassword)
}

/// What a key of PKCS#12 is derived for (RFC 7292, B.3).
#[derive(Clone, Copy)]
pub(super) enum KeyUse {
    Encryption = 1,
    Vector = 2,
    Integrity = 3,
}

/// A password as PKCS#12 hashes it: UTF-16, the high byte first, with two zeros at its end (RFC 7292, B.1).
pub(super) fn pkcs12_password(password: &str) -> Zeroizing<Vec<u8>> {
    let units = password.encode_utf16().chain(std::iter::once(0));
    Zeroizing::new(units.flat_map(u16::to_be_bytes).collect())
}

/// A hash that checks the integrity of an archive.
#[derive(Clone, Copy)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// By the object identifier of an `AlgorithmIdentifier`.
    pub(super) fn by_oid(oid: &[u8]) -> Option<Self> {
        match oid {
            [0x2b, 0x0e, 0x03, 0x02, 0x1a] => Some(Self::Sha1),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last] => match last {
                1 => Some(Self::Sha256),
                2 => Some(Self::Sha384),
                3 => Some(Self::Sha512),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether a tag is the HMAC of data under a key that is derived from the password.
    pub(super) fn verify(self, password: &[u8], salt: &[u8], rounds: u64, data: &[u8], tag: &[u8]) -> bool {
        use ring::hmac;
        let integrity = KeyUse::Integrity;
        let (algorithm, key) = match self {
            Self::Sha1 => (
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                derive::<Sha1>(64, integrity, password, salt, rounds, 20),
            ),
            Self::Sha256 => (hmac::HMAC_SHA256, derive::<Sha256>(64, integrity, password, salt, rounds, 32)),
            Self::Sha384 => (hmac::HMAC_SHA384, derive::<Sha384>(128, integrity, password, salt, rounds, 48)),
            Self::Sha512 => (hmac::HMAC_SHA512, derive::<Sha512>(128, integrity, password, salt, rounds, 64)),
        };
        hmac::verify(&hmac::Key::new(algorithm, &key), data, tag).is_ok()
    }
}

/// Derives a key from a password (RFC 7292, B.2). `block` is the size of the hash's blocks.
fn derive<D: Digest>(
    block: usize,
    usage: KeyUse,
    password: &[u8],
    salt: &[u8],
    rounds: u64,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let stretched = |text: &[u8]| -> Zeroizing<Vec<u8>> {
        let length = text.len().div_ceil(block) * block;
        Zeroizing::new(text.iter().copied().cycle().take(length).collect())
    };
    let mut input = stretched(salt);
    input.extend_from_slice(&stretched(password));
    let diversifier = vec![usage as u8; block];
    let mut key = Zeroizing::new(Vec::with_capacity(length + 64));
    loop {
        let mut hash = D::new().chain_update(&diversifier).chain_update(&*input).finalize();
        for _ in 1..rounds {
            hash = D::digest(&hash);
        }
        key.extend_from_slice(&hash);
        if key.len() >= length {
            key.truncate(length);
            return key;
        }
        // Every block of the input grows by the hash, stretched to a block, and by one.
        let summand: Vec<u8> = hash.iter().copied().cycle().take(block).collect();
        for chunk in input.chunks_mut(block) {
            let mut carry = 1_u16;
            for (digit, summand) in chunk.iter_mut().zip(&summand).rev() {
                carry += u16::from(*digit) + u16::from(*summand);
                *digit = carry.to_be_bytes()[1];
                carry >>= 8;
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(digit).collect()
    }

    /// Vectors that went round with the first implementations of PKCS#12 (`smeg` and `queeg`).
    #[test]
    fn keys_of_pkcs12() {
        let (smeg, queeg) = (pkcs12_password("smeg"), pkcs12_password("queeg"));
        for (usage, password, salt, rounds, expected) in [
            (
                KeyUse::Encryption,
                &smeg,
                "0A58CF64530D823F",
                1,
                "8AAAE6297B6CB04642AB5B077851284EB7128F1A2A7FBCA3",
            ),
            (KeyUse::Vector, &smeg, "0A58CF64530D823F", 1, "79993DFE048D3B76"),
            (
                KeyUse::Encryption,
                &smeg,
                "642B99AB44FB4B1F",
                1,
                "F3A95FEC48D7711E985CFE67908C5AB79FA3D7C5CAA5D966",
            ),
            (KeyUse::Integrity, &smeg, "3D83C0E4546AC140", 1, "8D967D88F6CAA9D714800AB3D48051D63F73A312"),
            (
                KeyUse::Encryption,
                &queeg,
                "05DEC959ACFF72F7",
                1000,
                "ED2034E36328830FF09DF1E1A07DD357185DAC0D4F9EB3D4",
            ),
            (KeyUse::Vector, &queeg, "05DEC959ACFF72F7", 1000, "11DEDAD7758D4860"),
            (KeyUse::Integrity, &queeg, "263216FCC2FAB31C", 1000, "5EC4C7A80DF652294C3925B6489A7AB857C83476"),
        ] {
            let expected = hex(expected);
            let key = derive::<Sha1>(64, usage, password, &hex(salt), rounds, expected.len());
            assert_eq!(*key, expected);
        }
    }

    #[test]
    fn work_is_limited_before_it_is_done() {
        let mut budget = Budget::new(5_000_000);
        budget.spend(4_000_000).unwrap();
        assert!(matches!(budget.spend(1_000_001), Err(OpenError::TooCostly { .. })));
        budget.spend(1_000_000).unwrap();
    }

    #[test]
    fn scrypt_without_sense_is_refused() {
        for cost in [0_u64, 1, 3] {
            let kdf = pkcs5::scrypt::Params::new(4, 8, 1).unwrap();
            let mut parameters = Parameters::generate_scrypt_aes256cbc(kdf, &[7; 8], [1; 16]).unwrap();
            if let Kdf::Scrypt(kdf) = &mut parameters.kdf {
                kdf.cost_parameter = cost;
            }
            let parameters = pkcs5::der::Encode::to_der(&parameters).unwrap();
            let refused = pbes2(&parameters, &[0; 16], "x", &mut Budget::new(5_000_000));
            assert!(matches!(refused, Err(OpenError::Rounds | OpenError::Unsupported { .. })), "{cost}");
        }
    }
}
