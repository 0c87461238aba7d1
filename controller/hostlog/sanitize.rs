//! Makes what a host sent safe to show: the only sanitiser of the program.
//!
//! Text from a host may hold terminal escapes, C1 controls, bidirectional overrides, invisible
//! characters and bytes that are not UTF-8. They stay readable, as `\x1b`, `\u{202e}` and the like,
//! and can no longer move a cursor, set a title or reorder a line. Tabs and line feeds are kept, a
//! carriage return in front of a line feed is dropped, any other is shown as `\r`. A backslash of
//! the host is not doubled: the result is for reading, not for decoding.

use std::borrow::Cow;

/// Bytes looked at together by the fast path.
const BLOCK: usize = 32;
/// Bytes that are checked for UTF-8 together.
const WINDOW: usize = 4096;

/// Sanitises a stream that arrives in pieces; the split into pieces does not change the result.
#[derive(Clone, Debug, Default)]
pub struct Sanitizer {
    /// The start of a character, or a carriage return, whose rest may be in the next piece.
    pending: Vec<u8>,
}

impl Sanitizer {
    /// Appends the readable form of `bytes` to `out`, holding back at most three bytes.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.pending.is_empty() {
            let used = sanitize_into(bytes, out, false);
            self.pending.extend_from_slice(&bytes[used..]);
            return;
        }
        // Three more bytes complete any character or line end that was cut.
        let lead = self.pending.len();
        let take = bytes.len().min(4);
        self.pending.extend_from_slice(&bytes[..take]);
        let joined = std::mem::take(&mut self.pending);
        let used = sanitize_into(&joined, out, false);
        if used < lead || take == bytes.len() {
            self.pending.extend_from_slice(&joined[used..]);
            if take < bytes.len() {
                self.feed(&bytes[take..], out);
            }
        } else {
            self.feed(&bytes[used - lead..], out);
        }
    }

    /// Appends what was held back; the sanitiser is as new afterwards.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let rest = std::mem::take(&mut self.pending);
        sanitize_into(&rest, out, true);
    }
}

/// The readable form of a whole text; borrowed where nothing had to change.
pub fn sanitize_text(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| matches!(c, '\t' | '\n') || !is_unsafe(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len() + 16);
    sanitize_into(text.as_bytes(), &mut out, true);
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// As [`sanitize_text`], on one line: line feeds and tabs become visible as well.
pub fn sanitize_line(text: &str) -> Cow<'_, str> {
    match sanitize_text(text) {
        clean if !clean.contains(['\n', '\t']) => clean,
        clean => Cow::Owned(clean.replace('\n', "\\n").replace('\t', "\\t")),
    }
}

/// A JSON document whose strings hold what they held before, written so that it does no harm on a terminal: what
/// [`sanitize_text`] would change becomes `\uHHHH`. JSON has none of it outside of strings.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    let harmful = |c: char| !matches!(c, '\t' | '\n' | '\r') && is_unsafe(c);
    if json.is_ascii() && !json.contains('\x7f') || !json.chars().any(harmful) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if harmful(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Appends the readable form of `bytes`; returns how many were used. Without `last`, an unfinished
/// end is left unused.
fn sanitize_into(bytes: &[u8], out: &mut Vec<u8>, last: bool) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        let plain = plain_prefix(&bytes[at..]);
        out.extend_from_slice(&bytes[at..at + plain]);
        at += plain;
        let Some(&first) = bytes.get(at) else { break };
        if first == b'\r' {
            match bytes.get(at + 1) {
                Some(b'\n') => {}
                None if !last => return at,
                _ => out.extend_from_slice(b"\\r"),
            }
            at += 1;
        } else if first < 0x80 {
            push_byte(first, out);
            at += 1;
        } else {
            let window = &bytes[at..bytes.len().min(at + WINDOW)];
            match valid_prefix(window) {
                Ok(text) => at += sanitize_run(text, out),
                Err(Fault::Incomplete) if !last => return at,
                Err(Fault::Incomplete | Fault::Invalid) => {
                    push_byte(first, out);
                    at += 1;
                }
            }
        }
    }
    at
}

/// Length of the leading run of printable ASCII, tabs and line feeds.
fn plain_prefix(bytes: &[u8]) -> usize {
    let blocks =
        bytes.chunks_exact(BLOCK).take_while(|block| block.iter().fold(true, |all, &b| all & is_plain(b)));
    let start = blocks.count() * BLOCK;
    start + bytes[start..].iter().take_while(|&&b| is_plain(b)).count()
}

fn is_plain(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte) | (byte == b'\n') | (byte == b'\t')
}

/// Appends the readable form of a text up to a carriage return; returns how many bytes were used.
fn sanitize_run(text: &str, out: &mut Vec<u8>) -> usize {
    let mut from = 0;
    for (at, c) in text.char_indices() {
        if matches!(c, '\t' | '\n') || !is_unsafe(c) {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[from..at]);
        from = at + c.len_utf8();
        match u8::try_from(c) {
            Ok(b'\r') => return at,
            Ok(byte) if byte < 0x80 => push_byte(byte, out),
            _ => out.extend_from_slice(c.escape_unicode().to_string().as_bytes()),
        }
    }
    out.extend_from_slice(&text.as_bytes()[from..]);
    text.len()
}

/// Why there is no character at the start of some bytes.
enum Fault {
    Incomplete,
    Invalid,
}

/// The text at the start of some bytes: at least one character.
fn valid_prefix(window: &[u8]) -> Result<&str, Fault> {
    match std::str::from_utf8(window) {
        Ok(text) => Ok(text),
        Err(error) if error.valid_up_to() == 0 => {
            Err(if error.error_len().is_none() { Fault::Incomplete } else { Fault::Invalid })
        }
        Err(error) => std::str::from_utf8(&window[..error.valid_up_to()]).map_err(|_| Fault::Invalid),
    }
}

fn push_byte(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(&[b'\\', b'x', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

/// Characters that a terminal acts on, that reorder text, or that nobody can see. Variation selectors
/// 1 to 16 are left alone: emoji need them.
fn is_unsafe(c: char) -> bool {
    // Most text of the world lies here; asked first, because it is asked often.
    if matches!(c, ' '..='~' | '\u{ae}'..='\u{34e}' | '\u{3165}'..='\u{fefe}') {
        return false;
    }
    matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}'            // C0, DEL, C1
        | '\u{ad}' | '\u{34f}' | '\u{61c}'                  // soft hyphen, joiner, Arabic mark
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' // fillers that show nothing
        | '\u{180b}'..='\u{180f}'                           // Mongolian selectors
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' // zero width, marks, separators, overrides
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'                           // interlinear annotation
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}') // tags, supplementary selectors
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(bytes: &[u8]) -> String {
        let (mut sanitizer, mut out) = (Sanitizer::default(), Vec::new());
        sanitizer.feed(bytes, &mut out);
        sanitizer.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn shows_what_a_terminal_would_act_on() {
        assert_eq!(whole(b"\x1b]0;title\x07\x1b[2J ok\x00\x7f"), r"\x1b]0;title\x07\x1b[2J ok\x00\x7f");
        assert_eq!(whole("a\u{9b}31m\u{85}b".as_bytes()), r"a\u{9b}31m\u{85}b");
        assert_eq!(
            whole("user\u{202e}txt.exe\u{2066}\u{200b}\u{feff}".as_bytes()),
            r"user\u{202e}txt.exe\u{2066}\u{200b}\u{feff}"
        );
    }

    #[test]
    fn keeps_text_tabs_and_line_feeds() {
        let text = "tab\tline\nÜnïcödé 日本語 ✔\u{fe0f} 🙂 \\x1b\n";
        assert_eq!(whole(text.as_bytes()), text);
        assert!(matches!(sanitize_text(text), Cow::Borrowed(_)));
    }

    #[test]
    fn drops_the_return_of_a_line_end_only() {
        assert_eq!(whole(b"a\r\nb\rc\r\r\nd\r"), "a\nb\\rc\\r\nd\\r");
    }

    #[test]
    fn shows_bytes_that_are_not_utf8() {
        assert_eq!(
            whole(b"\xff\xc3(\xe2\x82 \xf0\x9f\x98 \xc0\xaf \xed\xa0\x80"),
            r"\xff\xc3(\xe2\x82 \xf0\x9f\x98 \xc0\xaf \xed\xa0\x80"
        );
        assert_eq!(whole(b"cut \xe2\x82"), r"cut \xe2\x82");
    }

    #[test]
    fn one_line_stays_one_line() {
        assert_eq!(sanitize_line("host\n\tname\x1b"), r"host\n\tname\x1b");
        assert!(matches!(sanitize_line("par-ad-01.example"), Cow::Borrowed(_)));
    }

    #[test]
    fn an_unfinished_character_waits_for_its_rest() {
        let (mut sanitizer, mut out) = (Sanitizer::default(), Vec::new());
        sanitizer.feed(b"a\xe2", &mut out);
        assert_eq!(out, b"a");
        sanitizer.feed(b"\x82", &mut out);
        sanitizer.feed(b"\xacb", &mut out);
        assert_eq!(out, "a€b".as_bytes());
    }

    #[test]
    fn json_is_escaped_and_means_the_same() {
        let text = "a\u{9b}31m\x7f\x1b\t\u{202e}\u{e0001}é日🙂\u{fe0f}";
        let json = serde_json::to_string(&[text]).unwrap();
        let escaped = escape_json(&json);
        assert_eq!(escaped, "[\"a\\u009b31m\\u007f\\u001b\\t\\u202e\\udb40\\udc01é日🙂\u{fe0f}\"]");
        assert_eq!(serde_json::from_str::<Vec<String>>(&escaped).unwrap(), [text]);
        assert!(matches!(escape_json("{\n  \"a\": \"é\"\n}"), Cow::Borrowed(_)));
    }

    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<u8>().prop_map(|b| vec![b]),
            Just(b"\r\n".to_vec()),
            Just(b"\r".to_vec()),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            Just("\u{202e}".as_bytes().to_vec()),
            "[ -~\n\t]{0,80}".prop_map(String::into_bytes),
        ];
        prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn splitting_changes_nothing(bytes in hostile(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            places.sort_unstable();
            let (mut sanitizer, mut out, mut from) = (Sanitizer::default(), Vec::new(), 0);
            for to in places.into_iter().chain([bytes.len()]) {
                sanitizer.feed(&bytes[from..to], &mut out);
                from = to;
            }
            sanitizer.finish(&mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), whole(&bytes));
        }

        #[test]
        fn nothing_unsafe_is_left_and_a_second_pass_changes_nothing(bytes in hostile()) {
            let once = whole(&bytes);
            prop_assert!(once.chars().all(|c| matches!(c, '\t' | '\n') || !is_unsafe(c)));
            prop_assert_eq!(whole(once.as_bytes()), once.clone());
            prop_assert_eq!(sanitize_text(&once), once.as_str());
        }

        #[test]
        fn text_and_bytes_agree(text in any::<String>()) {
            prop_assert_eq!(sanitize_text(&text), whole(text.as_bytes()));
        }
    }
}
