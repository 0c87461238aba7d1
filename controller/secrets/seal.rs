//! Seals what a run has to remember and nobody may read in passing: results under `no_log`, values with a secret in them.
//!
//! The key lies beside what it seals, readable by its owner only: it keeps secrets out of logs, greps, backups of single
//! files and screens, not from somebody who may read the whole folder of the run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

/// Bytes of a key.
pub const KEY: usize = 32;

/// Seals and opens with one key.
#[derive(Debug)]
pub struct Seal {
    key: LessSafeKey,
}

impl Seal {
    /// Seals with this key.
    pub fn new(key: &[u8; KEY]) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("a key of this algorithm has 32 bytes");
        Self { key: LessSafeKey::new(key) }
    }

    /// Makes a new key.
    pub fn generate() -> Zeroizing<[u8; KEY]> {
        let mut key = Zeroizing::new([0; KEY]);
        SystemRandom::new().fill(&mut *key).expect("the system gives random bytes");
        key
    }

    /// Returns bytes sealed, as base64: a random nonce, then what it seals and its tag.
    pub fn seal(&self, bytes: &[u8]) -> String {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).expect("the system gives random bytes");
        let mut sealed = bytes.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .expect("less than the cipher's limit is sealed");
        STANDARD.encode([&nonce[..], &sealed].concat())
    }

    /// Returns what was sealed; nothing if it was changed, or sealed with another key.
    pub fn open(&self, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = STANDARD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut inside = Zeroizing::new(sealed.to_vec());
        let length = self.key.open_in_place(nonce, Aad::empty(), &mut inside).ok()?.len();
        inside.truncate(length);
        Some(inside)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_opened_and_nothing_else() {
        let seal = Seal::new(&Seal::generate());
        let sealed = seal.seal(b"value");
        assert_eq!(&**seal.open(&sealed).unwrap(), b"value");
        assert_ne!(sealed, seal.seal(b"value"), "no nonce is used twice");
        let mut changed = sealed.clone().into_bytes();
        changed[20] ^= 1;
        assert!(seal.open(&String::from_utf8(changed).unwrap()).is_none());
        assert!(seal.open("").is_none() && seal.open("////").is_none());
    }
}
