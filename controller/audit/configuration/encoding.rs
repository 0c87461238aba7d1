//! The bytes of an XML file as text: byte order marks, UTF-16, and what the declaration says.
//!
//! The rules are those of XML 1.0, appendix F, and of .NET's reader. UTF-8, UTF-16, Latin-1 and Windows-1252 are read; any other encoding is
//! refused by its name.

use std::path::Path;
use std::sync::Arc;

use crate::source::{Diagnostic, SourceFile, Span};

/// Bytes in which a declaration is looked for.
const DECLARATION: usize = 1024;

/// What bytes 0x80 to 0x9f are in Windows-1252; the five that are not assigned stay control characters.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

#[derive(Clone, Copy, Eq, PartialEq)]
enum Encoding {
    Utf8,
    Utf16 { big: bool },
    Latin1,
    Windows1252,
}

/// Makes a source file of the bytes of the XML file at `path`, which messages call `name`; a byte order mark is dropped. A warning comes along
/// where the file says one thing about its encoding and is another.
///
/// # Errors
/// The bytes are not what they should be, or of an encoding that is not read.
pub(super) fn decode(
    bytes: Vec<u8>,
    path: &Path,
    name: &str,
) -> Result<(Arc<SourceFile>, Option<Diagnostic>), Diagnostic> {
    let of = |text: String| SourceFile::new(name, path, text);
    let utf_32 = || {
        Err(Diagnostic::bare(format!("`{name}` is UTF-32 text, which is not read")).hint("save it as UTF-8"))
    };
    let (marked, skip) = match bytes.as_slice() {
        [0xef, 0xbb, 0xbf, ..] => (Some(Encoding::Utf8), 3),
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, b'<', ..] | [b'<', 0, 0, 0, ..] => {
            return utf_32();
        }
        [0xff, 0xfe, ..] => (Some(Encoding::Utf16 { big: false }), 2),
        [0xfe, 0xff, ..] => (Some(Encoding::Utf16 { big: true }), 2),
        [0, second, ..] if *second != 0 => (Some(Encoding::Utf16 { big: true }), 0),
        [first, 0, ..] if *first != 0 => (Some(Encoding::Utf16 { big: false }), 0),
        _ => (None, 0),
    };
    if let Some(encoding @ Encoding::Utf16 { big }) = marked {
        let text = utf_16(&bytes[skip..], big).map_err(|(before, what)| {
            let file = of(before);
            let at = file.text().len();
            Diagnostic::error(&Span::new(file, at, at), what).hint("save the file as UTF-8")
        })?;
        let declared = declared(&text).map(|(name, at)| (name.to_owned(), at));
        let file = of(text);
        let warning = declared.filter(|(name, _)| read_name(name) != Some(encoding) && !is_utf_16(name)).map(
            |(declared, at)| {
                let span = Span::new(Arc::clone(&file), at, at + declared.len());
                Diagnostic::warning(&span, format!("the file says that it is `{declared}`, and is UTF-16"))
                    .hint("save it as UTF-8; .NET may refuse it as it is")
            },
        );
        return Ok((file, warning));
    }
    let head = String::from_utf8_lossy(&bytes[skip..bytes.len().min(skip + DECLARATION)]).into_owned();
    let encoding = match declared(&head) {
        None => Encoding::Utf8,
        Some((declared, at)) => {
            let encoding = read_name(declared).filter(|encoding| !matches!(encoding, Encoding::Utf16 { .. }));
            match (encoding, marked) {
                (Some(encoding), None) => encoding,
                (Some(Encoding::Utf8), Some(_)) => Encoding::Utf8,
                (_, marked) => {
                    let is = if marked.is_some() { "has the mark of UTF-8" } else { "is not read in it" };
                    let (declared, file) = (declared.to_owned(), of(head.clone()));
                    let span = Span::new(file, at, at + declared.len());
                    let what = format!("the file says that its encoding is `{declared}`, and {is}");
                    return Err(Diagnostic::error(&span, what)
                        .hint("UTF-8, UTF-16, ISO-8859-1 and Windows-1252 are read; save it as UTF-8, and say so in its first line"));
                }
            }
        }
    };
    let text = match encoding {
        Encoding::Latin1 => bytes[skip..].iter().map(|byte| char::from(*byte)).collect(),
        Encoding::Windows1252 => bytes[skip..].iter().map(|byte| windows_1252(*byte)).collect(),
        Encoding::Utf8 | Encoding::Utf16 { .. } => utf_8(bytes, skip).map_err(|before| {
            let file = of(before);
            let at = file.text().len();
            Diagnostic::error(&Span::new(file, at, at), "there are bytes here that are not UTF-8")
                .hint("save the file as UTF-8, or say in its first line what it is")
        })?,
    };
    Ok((of(text), None))
}

/// The text, or what is in front of the first byte that is wrong.
fn utf_8(mut bytes: Vec<u8>, skip: usize) -> Result<String, String> {
    bytes.drain(..skip);
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        String::from_utf8_lossy(&error.as_bytes()[..at]).into_owned()
    })
}

/// The text, or what is in front of what is wrong, and what that is.
fn utf_16(bytes: &[u8], big: bool) -> Result<String, (String, &'static str)> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units =
        pairs.iter().map(|pair| if big { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) });
    let mut text = String::with_capacity(pairs.len());
    for char in char::decode_utf16(units) {
        match char {
            Ok(char) => text.push(char),
            Err(_) => return Err((text, "this UTF-16 text has half of a character here")),
        }
    }
    if rest.is_empty() { Ok(text) } else { Err((text, "this UTF-16 text ends within a character")) }
}

fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
        other => char::from(other),
    }
}

/// The encoding that the declaration names, and where.
fn declared(text: &str) -> Option<(&str, usize)> {
    let declaration = text.strip_prefix("<?xml")?;
    let declaration = &declaration[..declaration.find("?>")?];
    let rest = &declaration[declaration.find("encoding")? + "encoding".len()..];
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let name = &rest[1..];
    let name = &name[..name.find(quote)?];
    Some((name, name.as_ptr() as usize - text.as_ptr() as usize))
}

fn read_name(name: &str) -> Option<Encoding> {
    match name.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" | "us-ascii" | "ascii" => Some(Encoding::Utf8),
        "utf-16le" => Some(Encoding::Utf16 { big: false }),
        "utf-16be" => Some(Encoding::Utf16 { big: true }),
        "iso-8859-1" | "latin1" | "iso_8859-1" | "l1" => Some(Encoding::Latin1),
        "windows-1252" | "cp1252" | "x-cp1252" => Some(Encoding::Windows1252),
        _ => None,
    }
}

fn is_utf_16(name: &str) -> bool {
    matches!(name.to_ascii_lowercase().as_str(), "utf-16" | "utf16" | "unicode" | "ucs-2" | "iso-10646-ucs-2")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        decode(bytes, Path::new("a.xml"), "a.xml").unwrap().0.text().to_owned()
    }

    fn wrong(bytes: Vec<u8>) -> String {
        decode(bytes, Path::new("a.xml"), "a.xml").unwrap_err().render(false)
    }

    fn wide(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    }

    #[test]
    fn every_way_to_write_the_same_text_is_read() {
        let said = "<a b='é€𝄞'/>";
        assert_eq!(text(said.into()), said);
        assert_eq!(text([b"\xef\xbb\xbf", said.as_bytes()].concat()), said);
        for big in [false, true] {
            let mark: &[u8] = if big { b"\xfe\xff" } else { b"\xff\xfe" };
            assert_eq!(text([mark, &wide(said, big)].concat()), said);
            assert_eq!(text(wide(said, big)), said);
            let declared = format!("<?xml version='1.0' encoding='utf-16'?>{said}");
            assert_eq!(text(wide(&declared, big)), declared);
        }
        let latin = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a b='\xe9\x80'/>".to_vec();
        assert!(text(latin).ends_with("<a b='é\u{80}'/>"));
        let windows = b"<?xml version=\"1.0\" encoding = 'windows-1252' ?><a b='\xe9\x80\x99'/>".to_vec();
        assert!(text(windows).ends_with("<a b='é€™'/>"));
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        let broken =
            [b"\xff\xfe".to_vec(), wide("<a>\n <b", false), vec![0x00, 0xd8], wide("/>", false)].concat();
        insta::assert_snapshot!(wrong(broken), @r"
        error: this UTF-16 text has half of a character here
         --> a.xml:2:4
          |
        1 | <a>
        2 |  <b
          |    ^
        hint: save the file as UTF-8
        ");
        assert!(wrong(wide("<a/>", true)[..7].to_vec()).contains("a.xml:1:4"));
        assert!(wrong(b"<a>\n\xe9</a>".to_vec()).contains("a.xml:2:1"));
        assert!(wrong(b"\0\0\0<\0\0\0a".to_vec()).contains("UTF-32"));
        let declared = wrong(b"<?xml version='1.0' encoding='ebcdic-cp-fr'?><a/>".to_vec());
        assert!(
            declared.contains("`ebcdic-cp-fr`, and is not read in it") && declared.contains("a.xml:1:31")
        );
        assert!(wrong(b"<?xml version='1.0' encoding='utf-16'?><a/>".to_vec()).contains("`utf-16`"));
        assert!(
            wrong(b"\xef\xbb\xbf<?xml version='1.0' encoding='latin1'?><a/>".to_vec())
                .contains("mark of UTF-8")
        );
    }

    #[test]
    fn utf_16_that_says_it_is_utf_8_is_read_with_a_warning() {
        let bytes = wide("<?xml version='1.0' encoding='utf-8'?><a/>", false);
        let (file, warning) = decode(bytes, Path::new("a.xml"), "a.xml").unwrap();
        assert!(file.text().ends_with("<a/>") && warning.unwrap().message.ends_with("and is UTF-16"));
    }
}
