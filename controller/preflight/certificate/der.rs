//! Tags, lengths and contents of DER: as much as PKCS#12 archives and private keys need. Certificates
//! themselves are read by `x509-parser`.
//!
//! Nothing here allocates by what the input says, and nothing recurses: readers take apart one
//! level at a time.

/// `INTEGER`.
pub(super) const INTEGER: u8 = 0x02;
/// `BIT STRING`.
pub(super) const BIT_STRING: u8 = 0x03;
/// `OCTET STRING`.
pub(super) const OCTETS: u8 = 0x04;
/// `OBJECT IDENTIFIER`.
pub(super) const OID: u8 = 0x06;
/// `SEQUENCE`.
pub(super) const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed.
pub(super) const CONTEXT_0: u8 = 0xa0;
/// `[1]`, constructed.
pub(super) const CONTEXT_1: u8 = 0xa1;
/// `[0] IMPLICIT OCTET STRING`.
pub(super) const IMPLICIT_OCTETS_0: u8 = 0x80;

/// The bytes are not DER, or not of the expected shape.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum DerError {
    #[error("it ends in the middle of a value")]
    CutOff,
    #[error("lengths are not written as DER writes them")]
    Length,
    #[error("it holds tag {found:#04x} where {wanted:#04x} belongs")]
    Tag { wanted: u8, found: u8 },
    #[error("something follows behind its end")]
    Trailing,
}

/// Reads values one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tag of the next value.
    pub(super) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next value: its tag, its content, and the whole of it.
    pub(super) fn any(&mut self) -> Result<(u8, &'a [u8], &'a [u8]), DerError> {
        let [tag, first, rest @ ..] = self.0 else { return Err(DerError::CutOff) };
        // Tags of more than one byte are in none of the formats that are read here.
        if tag & 0x1f == 0x1f {
            return Err(DerError::Tag { wanted: SEQUENCE, found: *tag });
        }
        let (length, rest) = match *first {
            short @ 0..=0x7f => (usize::from(short), rest),
            // 0x80 is BER's indefinite length.
            0x81..=0x84 => {
                let count = usize::from(first & 0x7f);
                let (digits, rest) = rest.split_at_checked(count).ok_or(DerError::CutOff)?;
                let length = digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit));
                if digits[0] == 0 || length < 0x80 {
                    return Err(DerError::Length);
                }
                (length, rest)
            }
            _ => return Err(DerError::Length),
        };
        let (content, after) = rest.split_at_checked(length).ok_or(DerError::CutOff)?;
        let whole = &self.0[..self.0.len() - after.len()];
        self.0 = after;
        Ok((*tag, content, whole))
    }

    /// The content of the next value, which has this tag.
    pub(super) fn content(&mut self, wanted: u8) -> Result<&'a [u8], DerError> {
        let (found, content, _) = self.any()?;
        if found == wanted { Ok(content) } else { Err(DerError::Tag { wanted, found }) }
    }

    /// A reader for what is inside the next value, which has this tag.
    pub(super) fn inside(&mut self, wanted: u8) -> Result<Self, DerError> {
        self.content(wanted).map(Self)
    }

    /// The content of the next value if it has this tag.
    pub(super) fn optional(&mut self, wanted: u8) -> Result<Option<&'a [u8]>, DerError> {
        if self.peek() == Some(wanted) { self.content(wanted).map(Some) } else { Ok(None) }
    }

    /// A whole number that fits; `None` for larger and negative ones.
    pub(super) fn number(&mut self) -> Result<Option<u64>, DerError> {
        let content = self.content(INTEGER)?;
        let negative = content.first().is_none_or(|first| first & 0x80 != 0);
        let digits = without_zeros(content);
        Ok((!negative && digits.len() <= 8)
            .then(|| digits.iter().fold(0, |number, digit| number << 8 | u64::from(*digit))))
    }

    /// Fails if something is left.
    pub(super) fn end(self) -> Result<(), DerError> {
        if self.0.is_empty() { Ok(()) } else { Err(DerError::Trailing) }
    }
}

/// A number without leading zeros.
pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|digit| **digit == 0).count();
    &number[zeros..]
}

/// An object identifier as text with dots, for messages; what is no identifier is told so.
pub(super) fn dotted(oid: &[u8]) -> String {
    let mut numbers: Vec<u64> = Vec::new();
    let mut number = 0_u64;
    for (at, byte) in oid.iter().enumerate() {
        if number >> 57 != 0 || at > 64 {
            return "an unreadable identifier".to_owned();
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if numbers.is_empty() {
                let first = (number / 40).min(2);
                numbers.push(first);
                number -= first * 40;
            }
            numbers.push(number);
            number = 0;
        }
    }
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_one_after_the_other() {
        let mut reader = Reader::new(&[0x02, 0x01, 0x05, 0x04, 0x02, 0xaa, 0xbb]);
        assert_eq!(reader.number(), Ok(Some(5)));
        assert_eq!(reader.content(OCTETS), Ok([0xaa, 0xbb].as_slice()));
        reader.end().unwrap();
    }

    #[test]
    fn lengths_that_lie() {
        for bytes in [
            [0x30, 0x84, 0xff, 0xff, 0xff, 0xff].as_slice(),
            &[0x30, 0x05, 0x00],
            &[0x30],
            &[],
            &[0x30, 0x82, 0x01],
        ] {
            assert_eq!(Reader::new(bytes).any().unwrap_err(), DerError::CutOff, "{bytes:x?}");
        }
        for bytes in [[0x30, 0x80, 0x00].as_slice(), &[0x30, 0x81, 0x01, 0x00], &[0x30, 0x85, 1, 1, 1, 1, 1]]
        {
            assert_eq!(Reader::new(bytes).any().unwrap_err(), DerError::Length, "{bytes:x?}");
        }
    }

    #[test]
    fn numbers_that_do_not_fit() {
        assert_eq!(Reader::new(&[0x02, 0x01, 0xff]).number(), Ok(None));
        assert_eq!(Reader::new(&[0x02, 0x09, 1, 0, 0, 0, 0, 0, 0, 0, 0]).number(), Ok(None));
        assert_eq!(Reader::new(&[0x02, 0x02, 0x00, 0xff]).number(), Ok(Some(255)));
    }

    #[test]
    fn identifiers_as_text() {
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d]), "1.2.840.113549.1.5.13");
        assert_eq!(dotted(&[0xff; 80]), "an unreadable identifier");
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_apart_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(&bytes);
            let mut taken = 0;
            while let Ok((_, content, whole)) = reader.any() {
                prop_assert!(content.len() <= whole.len());
                taken += whole.len();
            }
            prop_assert!(taken <= bytes.len());
            dotted(&bytes);
        }
    }
}
