//! The host's challenge, Type 2 ([MS-NLMP] 2.2.1.2), and the attributes of its target information (2.2.2.1). All of it is
//! hostile data: offsets and lengths are checked against what is there.

use thiserror::Error;

use super::flags::REQUIRED;

/// The identifiers of attributes that matter here ([MS-NLMP] 2.2.2.1).
const END: u16 = 0;
const FLAGS: u16 = 6;
const TIMESTAMP: u16 = 7;
const TARGET_NAME: u16 = 9;
const CHANNEL_BINDINGS: u16 = 10;

/// The client sends a message integrity code ([MS-NLMP] 2.2.2.1, `MsvAvFlags`).
const INTEGRITY_CODE: u32 = 2;

/// More attributes than any Windows sends.
const MOST_ATTRIBUTES: usize = 32;

/// A challenge that cannot be answered.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ChallengeError {
    /// Not a challenge of NTLM.
    #[error("it is not an NTLM challenge")]
    NotAChallenge,
    /// A field points behind the end, or a length does not fit.
    #[error("its `{field}` is cut off")]
    CutOff {
        /// The field.
        field: &'static str,
    },
    /// The host does not do what protects the session.
    #[error("the host does not agree to {what}")]
    Weak {
        /// What is missing.
        what: &'static str,
    },
}

/// What a host asks.
#[derive(Debug)]
pub(super) struct Challenge {
    pub(super) flags: u32,
    pub(super) nonce: [u8; 8],
    pub(super) attributes: Attributes,
}

impl Challenge {
    pub(super) fn parse(message: &[u8]) -> Result<Self, ChallengeError> {
        if message.get(..12) != Some(b"NTLMSSP\0\x02\0\0\0") {
            return Err(ChallengeError::NotAChallenge);
        }
        let cut = |field| ChallengeError::CutOff { field };
        let flags = u32_at(message, 20).ok_or(cut("flags"))?;
        if let Some((_, what)) = REQUIRED.iter().find(|(flag, _)| flags & flag == 0) {
            return Err(ChallengeError::Weak { what });
        }
        let nonce = message.get(24..32).and_then(|n| n.try_into().ok()).ok_or(cut("server challenge"))?;
        let length = usize::from(u16_at(message, 40).ok_or(cut("target information"))?);
        let start =
            usize::try_from(u32_at(message, 44).ok_or(cut("target information"))?).unwrap_or(usize::MAX);
        let info = start
            .checked_add(length)
            .and_then(|end| message.get(start..end))
            .ok_or(cut("target information"))?;
        Ok(Self { flags, nonce, attributes: Attributes::parse(info)? })
    }
}

/// The attributes of the host, in its order.
#[derive(Debug)]
pub(super) struct Attributes(Vec<(u16, Vec<u8>)>);

impl Attributes {
    fn parse(mut rest: &[u8]) -> Result<Self, ChallengeError> {
        let mut all: Vec<(u16, Vec<u8>)> = Vec::new();
        let cut = ChallengeError::CutOff { field: "target information" };
        loop {
            let (Some(id), Some(length)) = (u16_at(rest, 0), u16_at(rest, 2)) else { return Err(cut) };
            if id == END {
                return Ok(Self(all));
            }
            let end = 4 + usize::from(length);
            let Some(value) = rest.get(4..end) else { return Err(cut) };
            // An attribute that comes twice has no meaning in the specification; the host would be free to read
            // the other one.
            if all.len() == MOST_ATTRIBUTES || all.iter().any(|(known, _)| *known == id) {
                return Err(cut);
            }
            all.push((id, value.to_vec()));
            rest = &rest[end..];
        }
    }

    fn get(&self, id: u16) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| *known == id).map(|(_, value)| value.as_slice())
    }

    /// The host's clock, in the units of `FILETIME`.
    pub(super) fn timestamp(&self) -> Option<[u8; 8]> {
        self.get(TIMESTAMP)?.try_into().ok()
    }

    /// What the client sends back ([MS-NLMP] 3.1.5.1.2): the host's attributes, with its own word on integrity, the
    /// channel that it came through, and the service that it meant.
    pub(super) fn answer(
        &self,
        has_integrity_code: bool,
        bindings: Option<&[u8; 16]>,
        service: &[u8],
    ) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut put = |id: u16, value: &[u8]| {
            bytes.extend_from_slice(&id.to_le_bytes());
            bytes.extend_from_slice(&u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
            bytes.extend_from_slice(&value[..usize::from(u16::try_from(value.len()).unwrap_or(0))]);
        };
        for (id, value) in &self.0 {
            if ![FLAGS, TARGET_NAME, CHANNEL_BINDINGS].contains(id) {
                put(*id, value);
            }
        }
        let own = if has_integrity_code { INTEGRITY_CODE } else { 0 };
        let flags = self.get(FLAGS).and_then(|f| u32_at(f, 0)).unwrap_or(0) | own;
        if flags != 0 {
            put(FLAGS, &flags.to_le_bytes());
        }
        if let Some(bindings) = bindings {
            put(CHANNEL_BINDINGS, bindings);
        }
        put(TARGET_NAME, service);
        put(END, &[]);
        bytes
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::super::flags::{OFFERED, TARGET_INFO};
    use super::*;

    fn message(flags: u32, info: &[u8]) -> Vec<u8> {
        let mut message = b"NTLMSSP\0\x02\0\0\0\0\0\0\0\x38\0\0\0".to_vec();
        message.extend_from_slice(&flags.to_le_bytes());
        message.extend_from_slice(b"\x01\x02\x03\x04\x05\x06\x07\x08");
        message.extend_from_slice(&[0; 8]);
        let length = u16::try_from(info.len()).unwrap().to_le_bytes();
        message.extend_from_slice(&[length, length].concat());
        message.extend_from_slice(&56u32.to_le_bytes());
        message.extend_from_slice(&[0; 8]);
        message.extend_from_slice(info);
        message
    }

    #[test]
    fn reads_what_it_needs() {
        let info = b"\x01\0\x04\0H\0I\0\x07\0\x08\0abcdefgh\0\0\0\0";
        let challenge = Challenge::parse(&message(OFFERED | TARGET_INFO, info)).unwrap();
        assert_eq!(challenge.nonce, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(challenge.attributes.timestamp().as_ref(), Some(b"abcdefgh"));
    }

    #[test]
    fn refuses_a_weak_host_by_what_it_lacks() {
        let flags = (OFFERED | TARGET_INFO) & !super::super::flags::KEY_128;
        let error = Challenge::parse(&message(flags, b"\0\0\0\0")).unwrap_err();
        assert_eq!(error.to_string(), "the host does not agree to 128-bit keys");
    }

    #[test]
    fn refuses_attributes_that_come_twice_or_do_not_end() {
        for info in [&b"\x01\0\0\0\x01\0\0\0\0\0\0\0"[..], b"\x01\0\0\0", b"\x01\0\x09\0ab", b""] {
            let error = Challenge::parse(&message(OFFERED | TARGET_INFO, info)).unwrap_err();
            assert_eq!(error, ChallengeError::CutOff { field: "target information" });
        }
    }

    proptest! {
        #[test]
        fn takes_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Challenge::parse(&bytes);
        }

        #[test]
        fn takes_any_change_of_a_challenge(at in 0usize..80, value: u8) {
            let mut bytes = message(OFFERED | TARGET_INFO, b"\x01\0\x04\0H\0I\0\x07\0\x08\0abcdefgh\0\0\0\0");
            if let Some(byte) = bytes.get_mut(at) { *byte = value; }
            if let Ok(challenge) = Challenge::parse(&bytes) {
                let _ = challenge.attributes.answer(true, Some(&[0; 16]), b"x");
            }
        }
    }
}
