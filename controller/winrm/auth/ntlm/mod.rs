//! NTLMv2 as a client ([MS-NLMP]): three messages, then a [`Session`] that signs and seals. What is sent always has
//! extended session security, 128-bit keys and key exchange; a host that cannot do that is refused.

mod challenge;
mod crypto;
mod flags;
mod session;

use std::time::{SystemTime, UNIX_EPOCH};

use secrecy::SecretString;
use zeroize::Zeroizing;

use challenge::Challenge;
pub use challenge::ChallengeError;
use crypto::{Cipher, Key, hmac_md5, md5, response_key, utf16};
pub(crate) use session::Session;

use super::account::Account;

/// What this client says it is: 10.0 build 20348 with NTLM revision 15. Hosts do not decide by it.
const VERSION: [u8; 8] = [10, 0, 0x7c, 0x4f, 0, 0, 0, 15];

/// Where the integrity code stands in the third message, and where its texts begin.
const INTEGRITY_CODE: usize = 72;
const TEXTS: usize = 88;

/// Numbers that must be new for every handshake.
pub(crate) struct Entropy {
    nonce: [u8; 8],
    session: Key,
}

impl Entropy {
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let (mut nonce, mut session) = ([0; 8], Zeroizing::new([0; 16]));
        getrandom::fill(&mut nonce)?;
        getrandom::fill(session.as_mut_slice())?;
        Ok(Self { nonce, session })
    }
}

/// A handshake whose first message went out.
pub(crate) struct Handshake {
    negotiate: Vec<u8>,
}

/// Who answers, for what, through which channel.
pub(crate) struct Identity<'a> {
    pub(crate) account: &'a Account,
    pub(crate) password: &'a SecretString,
    /// `HTTP/host`.
    pub(crate) service: &'a str,
    /// MD5 over the channel bindings of the TLS connection.
    pub(crate) bindings: Option<[u8; 16]>,
}

impl Handshake {
    /// The first message, Type 1 ([MS-NLMP] 2.2.1.1).
    pub(crate) fn start() -> (Self, Vec<u8>) {
        let mut message = b"NTLMSSP\0\x01\0\0\0".to_vec();
        message.extend_from_slice(&flags::OFFERED.to_le_bytes());
        message.extend_from_slice(&[0; 16]);
        message.extend_from_slice(&VERSION);
        (Self { negotiate: message.clone() }, message)
    }

    /// Answers the host's challenge with the third message ([MS-NLMP] 3.1.5.1.2).
    pub(crate) fn answer(
        self,
        challenge_message: &[u8],
        identity: &Identity<'_>,
        entropy: &Entropy,
    ) -> Result<(Vec<u8>, Session), ChallengeError> {
        let challenge = Challenge::parse(challenge_message)?;
        let host_time = challenge.attributes.timestamp();
        let info = challenge.attributes.answer(
            host_time.is_some(),
            identity.bindings.as_ref(),
            &utf16(identity.service),
        );
        let (user, domain) = identity.account.for_ntlm();
        let key = response_key(user, domain, identity.password);
        let response = respond(&key, &challenge.nonce, &entropy.nonce, &host_time.unwrap_or_else(now), &info);
        // A client that has the host's time sends no LM response ([MS-NLMP] 3.1.5.1.2).
        let lm = if host_time.is_some() {
            vec![0; 24]
        } else {
            let proof = hmac_md5(key.as_slice(), &[&challenge.nonce, &entropy.nonce]);
            [proof.as_slice(), &entropy.nonce].concat()
        };
        let mut encrypted = *entropy.session;
        Cipher::new(&response.session_base).apply(&mut encrypted);
        let flags = challenge.flags & (flags::OFFERED | flags::TARGET_INFO);
        let mut message =
            lay_out(flags, [&lm, &response.text, &utf16(domain), &utf16(user), &[], &encrypted]);
        if host_time.is_some() {
            let code = hmac_md5(entropy.session.as_slice(), &[&self.negotiate, challenge_message, &message]);
            message[INTEGRITY_CODE..TEXTS].copy_from_slice(code.as_slice());
        }
        Ok((message, Session::new(&entropy.session)))
    }
}

/// The third message without its integrity code ([MS-NLMP] 2.2.1.3). The texts come in the order of their fields.
fn lay_out(flags: u32, texts: [&[u8]; 6]) -> Vec<u8> {
    let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
    let mut at = TEXTS;
    for text in texts {
        // Every text is shorter than 64 KiB: names are capped when an account is read, and the host's attributes
        // come out of a field with a length of 16 bits.
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes();
        message.extend_from_slice(&length);
        message.extend_from_slice(&length);
        message.extend_from_slice(&u32::try_from(at).unwrap_or(u32::MAX).to_le_bytes());
        at += text.len();
    }
    message.extend_from_slice(&flags.to_le_bytes());
    message.extend_from_slice(&VERSION);
    message.extend_from_slice(&[0; TEXTS - INTEGRITY_CODE]);
    for text in texts {
        message.extend_from_slice(text);
    }
    message
}

struct Response {
    text: Vec<u8>,
    session_base: Key,
}

/// The NTLMv2 response and the key that comes with it ([MS-NLMP] 3.3.2).
fn respond(key: &Key, host_nonce: &[u8; 8], nonce: &[u8; 8], time: &[u8; 8], info: &[u8]) -> Response {
    let mut blob = vec![1, 1, 0, 0, 0, 0, 0, 0];
    blob.extend_from_slice(time);
    blob.extend_from_slice(nonce);
    blob.extend_from_slice(&[0; 4]);
    blob.extend_from_slice(info);
    blob.extend_from_slice(&[0; 4]);
    let proof = hmac_md5(key.as_slice(), &[host_nonce, &blob]);
    let session_base = hmac_md5(key.as_slice(), &[proof.as_slice()]);
    Response { text: [proof.as_slice(), &blob].concat(), session_base }
}

/// The own clock as `FILETIME`: units of 100 ns since 1601.
fn now() -> [u8; 8] {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let units = u64::try_from(since.as_nanos() / 100).unwrap_or(0) + 116_444_736_000_000_000;
    units.to_le_bytes()
}

/// The value of the attribute for channel bindings: MD5 over the structure of [RFC 2744] 3.11 with only application data in it.
pub(crate) fn bindings_digest(application_data: &[u8]) -> [u8; 16] {
    let length = u32::try_from(application_data.len()).unwrap_or(0).to_le_bytes();
    *md5(&[&[0; 16], &length, application_data])
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
