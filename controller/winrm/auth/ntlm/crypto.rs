//! The functions that NTLMv2 is made of ([MS-NLMP] 3.3.2 and 3.4.5): hashes of the password, keyed MD5, RC4.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md4::{Digest as _, Md4};
use md5::Md5;
use rc4::{Rc4, StreamCipher as _};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// A key or hash of NTLM; all of them have 128 bits.
pub(super) type Key = Zeroizing<[u8; 16]>;

/// Text as NTLM hashes and sends it: UTF-16, little endian.
pub(super) fn utf16(text: &str) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() * 2));
    for unit in text.encode_utf16() {
        bytes.extend_from_slice(&unit.to_le_bytes());
    }
    bytes
}

/// The key that answers a challenge, `NTOWFv2` ([MS-NLMP] 3.3.2). The user's name counts in upper case, the
/// domain as it is written.
pub(super) fn response_key(user: &str, domain: &str, password: &SecretString) -> Key {
    let hash: Key = Zeroizing::new(Md4::digest(utf16(password.expose_secret()).as_slice()).into());
    let name: String = user.chars().map(upper).collect();
    hmac_md5(hash.as_slice(), &[&utf16(&name), &utf16(domain)])
}

/// Upper case as Windows has it: one character stays one character, `ß` stays `ß`.
fn upper(c: char) -> char {
    let mut all = c.to_uppercase();
    match (all.next(), all.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

pub(super) fn hmac_md5(key: &[u8], parts: &[&[u8]]) -> Key {
    let mut mac = Hmac::<Md5>::new_from_slice(key).expect("HMAC takes keys of every length");
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

pub(super) fn md5(parts: &[&[u8]]) -> Key {
    let mut digest = Md5::new();
    for part in parts {
        digest.update(part);
    }
    Zeroizing::new(digest.finalize().into())
}

/// RC4 with a key of 128 bits; its state is erased when dropped.
pub(super) struct Cipher(Rc4);

impl Cipher {
    pub(super) fn new(key: &Key) -> Self {
        Self(Rc4::new_from_slice(key.as_slice()).expect("RC4 takes keys of 1 to 256 bytes"))
    }

    pub(super) fn apply(&mut self, bytes: &mut [u8]) {
        self.0.apply_keystream(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_becomes_the_key_of_the_specification() {
        // [MS-NLMP] 4.2.4.1.1
        let key = response_key("User", "Domain", &"Password".into());
        assert_eq!(
            *key,
            [0x0c, 0x86, 0x8a, 0x40, 0x3b, 0xfd, 0x7a, 0x93, 0xa3, 0x00, 0x1e, 0xf2, 0x2e, 0xf0, 0x2e, 0x3f]
        );
    }

    #[test]
    fn names_keep_their_length_in_upper_case() {
        let upper: String = "straße éŉ".chars().map(upper).collect();
        assert_eq!(upper, "STRAßE Éŉ");
    }
}
