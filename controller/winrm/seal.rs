//! Sealed messages as HTTP carries them: `multipart/encrypted` ([MS-WSMV] 2.2.9.1). One part says what is sealed, the other holds
//! the length of the signature, the signature, and the sealed bytes.

use crate::error::Error;

const BOUNDARY: &str = "Encrypted Boundary";
/// A signature is 16 bytes with NTLM, 60 with Kerberos.
const LONGEST_SIGNATURE: usize = 1024;

/// The value of `Content-Type`.
pub(crate) fn content_type(protocol: &str) -> String {
    format!("multipart/encrypted;protocol=\"{protocol}\";boundary=\"{BOUNDARY}\"")
}

/// The body for sealed bytes. `plain_length` is the length of what was sealed, with its padding.
pub(crate) fn wrap(protocol: &str, plain_length: usize, signature: &[u8], sealed: &[u8]) -> Vec<u8> {
    let head = format!(
        "--{BOUNDARY}\r\n\tContent-Type: {protocol}\r\n\tOriginalContent: type=application/soap+xml;charset=UTF-8;\
         Length={plain_length}\r\n--{BOUNDARY}\r\n\tContent-Type: application/octet-stream\r\n"
    );
    let tail = format!("--{BOUNDARY}--\r\n");
    let mut body = Vec::with_capacity(head.len() + 4 + signature.len() + sealed.len() + tail.len());
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&u32::try_from(signature.len()).unwrap_or(0).to_le_bytes());
    body.extend_from_slice(signature);
    body.extend_from_slice(sealed);
    body.extend_from_slice(tail.as_bytes());
    body
}

/// What a sealed body holds.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Sealed {
    /// The length that the opened message has to have.
    pub(crate) plain_length: usize,
    pub(crate) signature: Vec<u8>,
    pub(crate) sealed: Vec<u8>,
}

/// Reads a sealed body. `protocol` is what the login agreed on; nothing else is taken.
pub(crate) fn unwrap(content_type: &str, mut body: Vec<u8>, protocol: &str) -> Result<Sealed, Error> {
    let wrong = |what| Error::NotSealed { what };
    let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !kind.trim().eq_ignore_ascii_case("multipart/encrypted") {
        return Err(wrong("its content is plain"));
    }
    if parameter(parameters, "protocol").is_none_or(|p| !p.eq_ignore_ascii_case(protocol)) {
        return Err(wrong("it is sealed by another protocol than was agreed on"));
    }
    let boundary = parameter(parameters, "boundary").filter(|b| !b.is_empty() && b.len() <= 70);
    let boundary = boundary.ok_or(wrong("it has no boundary"))?;
    let mut at = 0;
    take_delimiter(&body, &mut at, boundary).ok_or(wrong("its first part is missing"))?;
    let mut plain_length = None;
    while take_delimiter(&body, &mut at, boundary).is_none() {
        let line = take_line(&body, &mut at).ok_or(wrong("its first part is cut off"))?;
        let (name, value) = line.split_once(':').ok_or(wrong("its first part cannot be read"))?;
        match name.trim().to_ascii_lowercase().as_str() {
            "content-type" if !value.trim().eq_ignore_ascii_case(protocol) => {
                return Err(wrong("it is sealed by another protocol than was agreed on"));
            }
            "originalcontent" => {
                if parameter(value, "charset").is_some_and(|set| !set.eq_ignore_ascii_case("utf-8")) {
                    return Err(wrong("what is sealed is not UTF-8"));
                }
                plain_length = parameter(value, "Length").and_then(|n| n.parse::<usize>().ok());
            }
            _ => {}
        }
    }
    let plain_length = plain_length.ok_or(wrong("it does not say how long the message is"))?;
    let line = take_line(&body, &mut at).ok_or(wrong("its second part is cut off"))?;
    if line.split_once(':').is_none_or(|(_, value)| value.trim() != "application/octet-stream") {
        return Err(wrong("its second part is not sealed bytes"));
    }
    let end = [format!("--{boundary}--\r\n"), format!("-- {boundary}--\r\n"), format!("--{boundary}--")]
        .iter()
        .find_map(|tail| body.len().checked_sub(tail.len()).filter(|at| body[*at..] == *tail.as_bytes()))
        .filter(|end| *end >= at)
        .ok_or(wrong("it is cut off"))?;
    let content = &body[at..end];
    let length = content.get(..4).and_then(|n| n.try_into().ok()).map(u32::from_le_bytes);
    let length = length.and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= LONGEST_SIGNATURE);
    let split = length.and_then(|n| n.checked_add(4)).filter(|split| *split <= content.len());
    let split = split.ok_or(wrong("its signature is cut off"))?;
    let signature = content[4..split].to_vec();
    body.truncate(end);
    body.drain(..at + split);
    Ok(Sealed { plain_length, signature, sealed: body })
}

/// `--boundary` and the end of the line; some servers of Microsoft put a blank in between.
fn take_delimiter(body: &[u8], at: &mut usize, boundary: &str) -> Option<()> {
    let rest = body.get(*at..)?.strip_prefix(b"--")?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let rest = rest.strip_prefix(boundary.as_bytes())?.strip_prefix(b"\r\n")?;
    *at = body.len() - rest.len();
    Some(())
}

/// One line of a header, of a length that fits.
fn take_line<'a>(body: &'a [u8], at: &mut usize) -> Option<&'a str> {
    let rest = body.get(*at..)?;
    let length = rest.iter().take(512).position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&rest[..length]).ok()?;
    *at += length + 1;
    Some(line.trim())
}

/// The value of a parameter, without quotes.
fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPNEGO: &str = "application/HTTP-SPNEGO-session-encrypted";

    fn read(body: &[u8]) -> Result<Sealed, Error> {
        unwrap(&content_type(SPNEGO), body.to_vec(), SPNEGO)
    }

    #[test]
    fn what_was_wrapped_comes_out() {
        let sealed = b"\r\n--Encrypted Boundary--\r\n\0";
        let body = wrap(SPNEGO, 17, &[9; 16], sealed);
        let read = read(&body).unwrap();
        assert_eq!(read, Sealed { plain_length: 17, signature: vec![9; 16], sealed: sealed.to_vec() });
    }

    #[test]
    fn a_blank_in_the_boundary_is_taken() {
        let body = wrap(SPNEGO, 3, &[9; 16], b"abc");
        let text = String::from_utf8_lossy(&body).replace("--Encrypted", "-- Encrypted");
        assert_eq!(read(text.as_bytes()).unwrap().sealed, b"abc");
    }

    #[test]
    fn plain_content_and_other_protocols_are_refused() {
        let body = wrap(SPNEGO, 3, &[9; 16], b"abc");
        for (kind, protocol) in [
            ("application/soap+xml;charset=UTF-8", SPNEGO),
            ("text/html", SPNEGO),
            (&*content_type(SPNEGO), "application/HTTP-Kerberos-session-encrypted"),
        ] {
            let error = unwrap(kind, body.clone(), protocol).unwrap_err();
            assert!(matches!(error, Error::NotSealed { .. }), "{kind}");
        }
        let other = wrap("application/HTTP-CredSSP-session-encrypted", 3, &[9; 16], b"abc");
        assert!(read(&other).is_err());
    }

    #[test]
    fn a_body_that_is_cut_off_is_refused() {
        let body = wrap(SPNEGO, 3, &[9; 16], b"abc");
        for length in 0..body.len() - 2 {
            assert!(read(&body[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn takes_any_change(at in 0usize..320, value: u8, content: Vec<u8>) {
            let mut body = wrap(SPNEGO, content.len(), &[9; 16], &content);
            if let Some(byte) = body.get_mut(at) { *byte = value; }
            let _ = read(&body);
        }

        #[test]
        fn takes_any_bytes(kind in "\\PC{0,60}", body: Vec<u8>) {
            let _ = unwrap(&kind, body.clone(), SPNEGO);
            let _ = read(&body);
        }
    }
}
