//! PEM: labelled blocks of base64 in a text, each with the line that it begins on (RFC 7468).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// A block.
pub(super) struct Block {
    /// Number of its first line, from 1.
    pub line: usize,
    /// What it says that it is: `CERTIFICATE`, `PRIVATE KEY` ...
    pub label: String,
    /// Its bytes, or why they cannot be had.
    pub bytes: Result<Zeroizing<Vec<u8>>, &'static str>,
}

/// Most blocks that are read of one file.
pub(super) const MOST: usize = 256;

const BEGIN: &str = "-----BEGIN ";

/// Whether a file may be PEM.
pub(super) fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(BEGIN.len()).any(|window| window == BEGIN.as_bytes())
}

/// The blocks of a text; what stands between them is comment. At most [`MOST`] and one more.
pub(super) fn blocks(bytes: &[u8]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(Block, Zeroizing<Vec<u8>>)> = None;
    // Editors and PowerShell put a byte order mark in front.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if let Some(label) = label(line, BEGIN) {
            // A block that was not ended is told about before the next one.
            blocks.extend(open.take().map(|(block, _)| Block { bytes: Err(NO_END), ..block }));
            let block = Block { line: at + 1, label, bytes: Err(NO_END) };
            open = Some((block, Zeroizing::new(Vec::new())));
        } else if let Some(ended) = label(line, "-----END ") {
            if let Some((block, text)) = open.take() {
                let bytes = if block.label == ended { decode(&text) } else { Err(NO_END) };
                blocks.push(Block { bytes, ..block });
            }
        } else if let Some((_, text)) = &mut open {
            text.extend_from_slice(line);
        }
        if blocks.len() > MOST {
            return blocks;
        }
    }
    blocks.extend(open.map(|(block, _)| block));
    blocks
}

const NO_END: &str = "it has no matching `END` line";

fn label(line: &[u8], start: &str) -> Option<String> {
    let label = line.strip_prefix(start.as_bytes())?.strip_suffix(b"-----")?;
    let text = std::str::from_utf8(label).ok()?;
    (text.len() <= 64).then(|| text.to_owned())
}

fn decode(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    // Headers have a colon, which base64 has not.
    if text.contains(&b':') {
        return Err(if text.windows(9).any(|word| word == b"ENCRYPTED") { OLD_ENCRYPTION } else { HEADERS });
    }
    let text: Zeroizing<Vec<u8>> =
        Zeroizing::new(text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect());
    STANDARD.decode(&*text).map(Zeroizing::new).map_err(|_| "its content is not base64")
}

/// OpenSSL's own way to encrypt keys, with one round of MD5.
pub(super) const OLD_ENCRYPTION: &str = "it is encrypted in OpenSSL's old way (`Proc-Type: 4,ENCRYPTED`)";
const HEADERS: &str = "it has headers, which are not supported";

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Line, label and content of a block.
    type Read = (usize, String, Result<Vec<u8>, &'static str>);

    fn read(text: &str) -> Vec<Read> {
        let blocks = blocks(text.as_bytes()).into_iter();
        blocks.map(|block| (block.line, block.label, block.bytes.map(|bytes| bytes.to_vec()))).collect()
    }

    #[test]
    fn blocks_know_their_lines() {
        let text = "Subject: a\r\n-----BEGIN A-----\r\nAAEC\r\nAw==\r\n-----END A-----\r\n\n-----BEGIN B B-----\n\n-----END B B-----";
        assert_eq!(
            read(text),
            [(2, "A".to_owned(), Ok(vec![0, 1, 2, 3])), (7, "B B".to_owned(), Ok(Vec::new()))]
        );
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        let text = "\u{feff}-----BEGIN A-----\nAAEC\n-----END A-----\n";
        assert_eq!(read(text), [(1, "A".to_owned(), Ok(vec![0, 1, 2]))]);
    }

    #[test]
    fn damaged_blocks_are_told() {
        let text = "-----BEGIN A-----\nAAEC\n-----BEGIN B-----\n*\n-----END B-----\n-----BEGIN C-----\n-----END D-----\n-----BEGIN E-----\nAA";
        let read = read(text);
        let reasons: Vec<_> =
            read.iter().map(|(line, _, bytes)| (*line, bytes.clone().unwrap_err())).collect();
        assert_eq!(reasons, [(1, NO_END), (3, "its content is not base64"), (6, NO_END), (8, NO_END)]);
    }

    #[test]
    fn old_encryption_is_named() {
        let text = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAEC\n-----END RSA PRIVATE KEY-----\n";
        assert_eq!(read(text)[0].2, Err(OLD_ENCRYPTION));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "(-----(BEGIN|END) [A-C]-----\n|[A-Za-z0-9+/=:\r\n* ]{0,20}\n){0,12}") {
            for block in blocks(text.as_bytes()) {
                prop_assert!(block.line >= 1 && block.line <= text.lines().count() + 1);
            }
        }
    }
}
