//! The little of DER ([X.690]) that tokens and certificates need: one element after another, definite lengths, tags of one
//! byte. What is read is hostile data; lengths are checked against what is there.

pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const OBJECT: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const SEQUENCE: u8 = 0x30;
/// `[APPLICATION 0]`, constructed: the frame of a GSS-API token ([RFC 2743] 3.1).
pub(crate) const GSS_TOKEN: u8 = 0x60;

/// `[n]`, constructed.
pub(crate) const fn context(n: u8) -> u8 {
    0xa0 | n
}

/// One element: its tag and its content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
}

/// Takes one element off the front of `rest`.
pub(crate) fn take<'a>(rest: &mut &'a [u8]) -> Option<Element<'a>> {
    let bytes = *rest;
    let (tag, first) = (*bytes.first()?, *bytes.get(1)?);
    // Tags of more than one byte do not occur here.
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (header, length) = match first {
        0..=0x7f => (2, usize::from(first)),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7f);
            let digits = bytes.get(2..2 + count)?;
            let length = digits.iter().fold(0u64, |sum, digit| sum << 8 | u64::from(*digit));
            (2 + count, usize::try_from(length).ok()?)
        }
        _ => return None,
    };
    let end = header.checked_add(length)?;
    let whole = bytes.get(..end)?;
    *rest = &bytes[end..];
    Some(Element { tag, content: &whole[header..] })
}

/// Takes one element, which must have this tag.
pub(crate) fn expect<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    take(rest).filter(|element| element.tag == tag).map(|element| element.content)
}

/// Appends an element.
pub(crate) fn put(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    match u8::try_from(content.len()) {
        Ok(short @ 0..=0x7f) => out.push(short),
        Ok(length) => out.extend_from_slice(&[0x81, length]),
        Err(_) => {
            let digits = content.len().to_be_bytes();
            let skipped = digits.iter().take_while(|digit| **digit == 0).count();
            let digits = &digits[skipped..];
            // `digits` has at most 8 bytes.
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
            out.extend_from_slice(digits);
        }
    }
    out.extend_from_slice(content);
}

/// One element of its own.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    put(&mut out, tag, content);
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_of_every_form_come_back() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let content = vec![7; length];
            let mut bytes = element(OCTETS, &content);
            bytes.extend_from_slice(b"rest");
            let mut rest = bytes.as_slice();
            assert_eq!(expect(&mut rest, OCTETS).unwrap(), content);
            assert_eq!(rest, b"rest");
        }
    }

    #[test]
    fn lengths_behind_the_end_are_refused() {
        for bytes in
            [&[4u8][..], &[4, 2, 1], &[4, 0x80, 0, 0], &[4, 0x84, 255, 255, 255, 255, 0], &[0x1f, 1, 0]]
        {
            assert!(take(&mut { bytes }).is_none(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn takes_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut rest = bytes.as_slice();
            while let Some(element) = take(&mut rest) {
                prop_assert!(element.content.len() + 2 <= bytes.len());
            }
        }
    }
}
