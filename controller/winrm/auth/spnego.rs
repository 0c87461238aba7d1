//! The tokens of SPNEGO ([RFC 4178] 4.2, [MS-SPNG]): one mechanism is offered, and the host takes it or refuses.

use thiserror::Error;

use super::der::{self, ENUMERATED, GSS_TOKEN, OBJECT, OCTETS, SEQUENCE, context};

/// 1.3.6.1.5.5.2
const SPNEGO: [u8; 6] = [0x2b, 6, 1, 5, 5, 2];
/// 1.3.6.1.4.1.311.2.2.10
pub(crate) const NTLM: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x0a];

/// A token that is not one, or a refusal.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum TokenError {
    /// It cannot be read.
    #[error("the host's negotiation token cannot be read")]
    Unreadable,
    /// The host wants another mechanism than the one that was offered.
    #[error("the host does not take NTLM")]
    OtherMechanism,
    /// The host refuses.
    #[error("the host refuses the negotiation")]
    Refused,
}

/// How far the host is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    Completed,
    Incomplete,
}

/// What a host answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) state: State,
    pub(crate) token: Option<Vec<u8>>,
    pub(crate) list_signature: Option<Vec<u8>>,
}

/// The list of offered mechanisms, which both sides sign.
pub(crate) fn mechanisms(mechanism: &[u8]) -> Vec<u8> {
    der::element(SEQUENCE, &der::element(OBJECT, mechanism))
}

/// The first token: the offer, with the mechanism's own first message.
pub(crate) fn offer(mechanism: &[u8], token: &[u8]) -> Vec<u8> {
    let mut fields = Vec::new();
    der::put(&mut fields, context(0), &mechanisms(mechanism));
    der::put(&mut fields, context(2), &der::element(OCTETS, token));
    let init = der::element(context(0), &der::element(SEQUENCE, &fields));
    let mut content = der::element(OBJECT, &SPNEGO);
    content.extend_from_slice(&init);
    der::element(GSS_TOKEN, &content)
}

/// A later token: the mechanism's next message, with the signature over the offer.
pub(crate) fn go_on(token: &[u8], list_signature: &[u8]) -> Vec<u8> {
    let mut fields = Vec::new();
    der::put(&mut fields, context(2), &der::element(OCTETS, token));
    der::put(&mut fields, context(3), &der::element(OCTETS, list_signature));
    der::element(context(1), &der::element(SEQUENCE, &fields))
}

/// Reads what a host answers to an offer of `mechanism`.
pub(crate) fn read(token: &[u8], mechanism: &[u8]) -> Result<Answer, TokenError> {
    let mut rest = token;
    let bytes =
        der::expect(&mut rest, context(1)).filter(|_| rest.is_empty()).ok_or(TokenError::Unreadable)?;
    let fields = der::expect(&mut { bytes }, SEQUENCE).ok_or(TokenError::Unreadable)?;
    let mut answer = Answer { state: State::Incomplete, token: None, list_signature: None };
    let mut rest = fields;
    while !rest.is_empty() {
        let field = der::take(&mut rest).ok_or(TokenError::Unreadable)?;
        let octets = || der::expect(&mut { field.content }, OCTETS).ok_or(TokenError::Unreadable);
        match field.tag {
            tag if tag == context(0) => match der::expect(&mut { field.content }, ENUMERATED) {
                Some([0]) => answer.state = State::Completed,
                // "request-mic" asks for the signature that is always sent.
                Some([1 | 3]) => answer.state = State::Incomplete,
                Some([2]) => return Err(TokenError::Refused),
                _ => return Err(TokenError::Unreadable),
            },
            tag if tag == context(1) => {
                if der::expect(&mut { field.content }, OBJECT) != Some(mechanism) {
                    return Err(TokenError::OtherMechanism);
                }
            }
            tag if tag == context(2) => answer.token = Some(octets()?.to_vec()),
            tag if tag == context(3) => answer.list_signature = Some(octets()?.to_vec()),
            _ => return Err(TokenError::Unreadable),
        }
    }
    // Some hosts repeat the token where the signature belongs.
    if answer.token.is_some() && answer.token == answer.list_signature {
        answer.list_signature = None;
    }
    Ok(answer)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(fields: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let mut content = Vec::new();
        for (n, field) in fields {
            der::put(&mut content, context(*n), field);
        }
        der::element(context(1), &der::element(SEQUENCE, &content))
    }

    #[test]
    fn an_offer_is_framed_as_the_rfc_says() {
        let offer = offer(NTLM, b"one");
        assert_eq!(offer[..2], [0x60, u8::try_from(offer.len() - 2).unwrap()]);
        assert_eq!(offer[2..10], [6, 6, 0x2b, 6, 1, 5, 5, 2]);
        assert!(offer.ends_with(&[0xa2, 5, 4, 3, b'o', b'n', b'e']));
    }

    #[test]
    fn answers_are_read() {
        let token = answer(&[
            (0, vec![ENUMERATED, 1, 1]),
            (1, der::element(OBJECT, NTLM)),
            (2, der::element(OCTETS, b"challenge")),
        ]);
        let read = read(&token, NTLM).unwrap();
        assert_eq!(read.state, State::Incomplete);
        assert_eq!(read.token.as_deref(), Some(&b"challenge"[..]));
        assert_eq!(read.list_signature, None);
    }

    #[test]
    fn refusals_have_names() {
        assert_eq!(read(&answer(&[(0, vec![ENUMERATED, 1, 2])]), NTLM).unwrap_err(), TokenError::Refused);
        let kerberos = der::element(OBJECT, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2]);
        assert_eq!(read(&answer(&[(1, kerberos)]), NTLM).unwrap_err(), TokenError::OtherMechanism);
        assert_eq!(read(b"NTLMSSP\0", NTLM).unwrap_err(), TokenError::Unreadable);
    }

    proptest! {
        #[test]
        fn takes_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, NTLM);
        }

        #[test]
        fn takes_any_change_of_a_token(at in 0usize..60, value: u8) {
            let mut token = answer(&[
                (0, vec![ENUMERATED, 1, 1]),
                (1, der::element(OBJECT, NTLM)),
                (2, der::element(OCTETS, b"challenge")),
                (3, der::element(OCTETS, &[1; 16])),
            ]);
            if let Some(byte) = token.get_mut(at) { *byte = value; }
            let _ = read(&token, NTLM);
        }
    }
}
