//! Bytes of a file become text as .NET reads them: by the byte order mark, and with replacement characters for what is broken.

use zeroize::Zeroizing;

/// The largest file that is read, in bytes.
pub const LARGEST: usize = 1 << 20;

/// A file as text.
pub(super) struct Decoded {
    /// The text, which may begin with a byte order mark.
    pub(super) text: Zeroizing<String>,
    /// Whether it was UTF-16, so that what it says about its encoding holds no more.
    pub(super) wide: bool,
    /// The first line with bytes that are no character.
    pub(super) broken: Option<usize>,
}

/// Decodes a file: UTF-8, or UTF-16 where it begins with the mark of it.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, &'static str> {
    if bytes.len() > LARGEST {
        return Err("it has more than 1 MiB, which no settings have");
    }
    let (text, wide) = match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => {
            return Err("it is UTF-32\nhint: save it as UTF-8");
        }
        [0xff, 0xfe, ..] => (wide(bytes, u16::from_le_bytes), true),
        [0xfe, 0xff, ..] => (wide(bytes, u16::from_be_bytes), true),
        _ => (narrow(bytes), false),
    };
    let broken =
        text.find(char::REPLACEMENT_CHARACTER).filter(|_| wide || std::str::from_utf8(bytes).is_err());
    let broken = broken.map(|at| text[..at].matches('\n').count() + 1);
    Ok(Decoded { text, wide, broken })
}

/// Room for all of it comes first: a text that grows leaves copies behind.
fn wide(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() / 2 * 3 + 3));
    let units = bytes.chunks(2).map(|pair| match pair {
        [one, two] => unit([*one, *two]),
        // Half a unit is no character.
        _ => 0xd800,
    });
    text.extend(char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)));
    text
}

fn narrow(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 3));
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text
}
