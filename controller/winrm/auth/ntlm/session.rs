//! The security of an authenticated NTLM session ([MS-NLMP] 3.4): one key and one counter for each direction, signatures
//! and sealing. Messages must be unsealed in the order in which the host sealed them.

use super::crypto::{Cipher, Key, hmac_md5, md5};

/// Length of a signature ([MS-NLMP] 2.2.2.9.1).
pub(super) const SIGNATURE: usize = 16;

/// One direction.
struct Direction {
    signing: Key,
    sealing: Key,
    cipher: Cipher,
    number: u32,
}

impl Direction {
    fn new(session: &Key, name: &str) -> Self {
        let key = |purpose: &str| {
            let magic = format!("session key to {name} {purpose} key magic constant\0");
            md5(&[session.as_slice(), magic.as_bytes()])
        };
        let sealing = key("sealing");
        Self { signing: key("signing"), cipher: Cipher::new(&sealing), sealing, number: 0 }
    }

    /// The digest of a message that signature `number` carries ([MS-NLMP] 3.4.4.2).
    fn digest(&self, message: &[u8]) -> [u8; 8] {
        let digest = hmac_md5(self.signing.as_slice(), &[&self.number.to_le_bytes(), message]);
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        first
    }

    /// Makes a signature of a digest; with key exchange it goes through the cipher.
    fn signature(&mut self, mut digest: [u8; 8]) -> [u8; SIGNATURE] {
        self.cipher.apply(&mut digest);
        let mut signature = [0; SIGNATURE];
        signature[0] = 1;
        signature[4..12].copy_from_slice(&digest);
        signature[12..].copy_from_slice(&self.number.to_le_bytes());
        self.number = self.number.wrapping_add(1);
        signature
    }

    fn sign(&mut self, message: &[u8]) -> [u8; SIGNATURE] {
        let digest = self.digest(message);
        self.signature(digest)
    }
}

/// Both directions of a session.
pub(crate) struct Session {
    ours: Direction,
    theirs: Direction,
}

impl Session {
    pub(super) fn new(key: &Key) -> Self {
        Self {
            ours: Direction::new(key, "client-to-server"),
            theirs: Direction::new(key, "server-to-client"),
        }
    }

    /// A signature over `message`, which stays readable.
    pub(crate) fn sign(&mut self, message: &[u8]) -> [u8; SIGNATURE] {
        self.ours.sign(message)
    }

    /// Whether `signature` is the host's over `message`.
    pub(crate) fn verify(&mut self, message: &[u8], signature: &[u8]) -> bool {
        is_equal(&self.theirs.sign(message), signature)
    }

    /// SPNEGO starts the ciphers anew after each side's `mechListMIC`, and keeps the counters ([MS-SPNG] 3.3.5.1).
    pub(crate) fn restart_ours(&mut self) {
        self.ours.cipher = Cipher::new(&self.ours.sealing);
    }

    /// As `restart_ours`, for what the host sends.
    pub(crate) fn restart_theirs(&mut self) {
        self.theirs.cipher = Cipher::new(&self.theirs.sealing);
    }

    /// Seals `message` in place and gives its signature.
    pub(crate) fn seal(&mut self, message: &mut [u8]) -> [u8; SIGNATURE] {
        // The digest is over the plain text, but the cipher takes the text first ([MS-NLMP] 3.4.3).
        let digest = self.ours.digest(message);
        self.ours.cipher.apply(message);
        self.ours.signature(digest)
    }

    /// Opens `message` in place; `false` if the host did not seal it so.
    #[must_use]
    pub(crate) fn unseal(&mut self, message: &mut [u8], signature: &[u8]) -> bool {
        self.theirs.cipher.apply(message);
        self.verify(message, signature)
    }
}

/// Equality that takes the same time wherever the difference is.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::super::crypto::utf16;
    use super::*;

    fn session() -> Session {
        Session::new(&Zeroizing::new([0x55; 16]))
    }

    #[test]
    fn seals_as_in_the_specification() {
        // [MS-NLMP] 4.2.4.4
        let mut message = utf16("Plaintext").to_vec();
        let signature = session().seal(&mut message);
        assert_eq!(
            message,
            [
                0x54, 0xe5, 0x01, 0x65, 0xbf, 0x19, 0x36, 0xdc, 0x99, 0x60, 0x20, 0xc1, 0x81, 0x1b, 0x0f,
                0x06, 0xfb, 0x5f
            ]
        );
        assert_eq!(signature, [1, 0, 0, 0, 0x7f, 0xb3, 0x8e, 0xc5, 0xc5, 0x5d, 0x49, 0x76, 0, 0, 0, 0]);
    }

    #[test]
    fn opens_what_the_other_side_sealed_in_order_and_nothing_else() {
        let (mut client, mut host) = (session(), session());
        std::mem::swap(&mut host.ours, &mut host.theirs);
        let mut first = b"one".to_vec();
        let first_signature = host.seal(&mut first);
        let mut second = b"two".to_vec();
        let second_signature = host.seal(&mut second);
        assert!(client.unseal(&mut first, &first_signature));
        assert_eq!(first, b"one");
        let mut changed = second.clone();
        changed[0] ^= 1;
        assert!(!session().unseal(&mut second.clone(), &second_signature), "out of order");
        assert!(client.unseal(&mut second, &second_signature));
        let mut third = b"three".to_vec();
        let mut signature = host.seal(&mut third);
        signature[5] ^= 1;
        assert!(!client.unseal(&mut third, &signature));
    }
}
