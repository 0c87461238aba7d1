//! The cipher of format 1.1 and 1.2: keys by PBKDF2, AES-256 in counter mode, HMAC-SHA-256 over the ciphertext.

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::ExposeSecret as _;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::super::SecretText;

/// Rounds of key derivation that the format prescribes.
const ROUNDS: u32 = 10_000;
/// Bytes of the salt that is made; others are read too.
const SALT: usize = 32;
/// Bytes of a block, to a multiple of which text is padded.
const BLOCK: usize = 16;

/// What an envelope holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Parts {
    pub(super) salt: Vec<u8>,
    pub(super) mac: Vec<u8>,
    pub(super) text: Vec<u8>,
}

struct Keys(Zeroizing<[u8; 80]>);

impl Keys {
    fn derive(password: &SecretText, salt: &[u8]) -> Self {
        let mut keys = Zeroizing::new([0; 80]);
        pbkdf2::pbkdf2_hmac::<Sha256>(password.expose_secret().as_bytes(), salt, ROUNDS, &mut *keys);
        Self(keys)
    }

    fn apply(&self, text: &mut [u8]) {
        let (key, rest) = self.0.split_at(32);
        let iv = &rest[32..];
        let mut cipher =
            Ctr128BE::<Aes256>::new_from_slices(key, iv).expect("the lengths are those of AES-256");
        cipher.apply_keystream(text);
    }

    fn mac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.0[32..64]).expect("HMAC takes keys of any length")
    }
}

/// Random bytes for [`encrypt`].
pub(super) fn salt() -> [u8; SALT] {
    let mut salt = [0; SALT];
    SystemRandom::new().fill(&mut salt).expect("the system gives random bytes");
    salt
}

pub(super) fn encrypt(plain: &[u8], password: &SecretText, salt: [u8; SALT]) -> Parts {
    let keys = Keys::derive(password, &salt);
    let padding = BLOCK - plain.len() % BLOCK;
    // The whole length at once, so that no copy of the plain text stays behind.
    let mut text = Vec::with_capacity(plain.len() + padding);
    text.extend_from_slice(plain);
    text.resize(plain.len() + padding, u8::try_from(padding).unwrap_or_default());
    keys.apply(&mut text);
    let mut mac = keys.mac();
    mac.update(&text);
    Parts { salt: salt.to_vec(), mac: mac.finalize().into_bytes().to_vec(), text }
}

pub(super) fn decrypt(parts: &Parts, password: &SecretText) -> Option<Zeroizing<Vec<u8>>> {
    let keys = Keys::derive(password, &parts.salt);
    let mut mac = keys.mac();
    mac.update(&parts.text);
    mac.verify_slice(&parts.mac).ok()?;
    let mut plain = Zeroizing::new(parts.text.clone());
    keys.apply(&mut plain);
    let padding = usize::from(*plain.last()?);
    let length = plain.len().checked_sub(padding)?;
    let padded =
        (1..=BLOCK).contains(&padding) && plain[length..].iter().all(|byte| usize::from(*byte) == padding);
    padded.then(|| {
        plain.truncate(length);
        plain
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_was_encrypted_comes_back_with_its_password_only() {
        for length in [0, 1, 15, 16, 17, 1000] {
            let plain = vec![7; length];
            let mut parts = encrypt(&plain, &SecretText::from("secret"), salt());
            assert_eq!(parts.text.len() % BLOCK, 0);
            assert_eq!(*decrypt(&parts, &SecretText::from("secret")).unwrap(), plain);
            assert!(decrypt(&parts, &SecretText::from("Secret")).is_none());
            parts.text[0] ^= 1;
            assert!(decrypt(&parts, &SecretText::from("secret")).is_none());
        }
    }

    #[test]
    fn no_salt_is_used_twice() {
        assert_ne!(salt(), salt());
    }
}
