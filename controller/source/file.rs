//! Reads text files: size limit, UTF-8, byte order mark, control characters.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::{Diagnostic, Diagnostics, Node, SourceFile, Span, yaml};
use crate::secrets::vault::{OpenError, Vault};

/// Largest file that is read as text, in bytes.
const MOST_BYTES: u64 = 16 << 20;

/// Reads the YAML document in the file at `path`, which messages call `name`.
pub fn load(path: &Path, name: &str, vault: &Vault) -> (Option<Node>, Diagnostics) {
    match read(path, name, vault) {
        Ok(file) => yaml::parse(&file),
        Err(diagnostic) => (None, diagnostic.into()),
    }
}

/// Reads the text of the file at `path`, which messages call `name`. A byte order mark is dropped. What is encrypted as
/// a whole is opened, and messages then show nothing of it.
pub fn read(path: &Path, name: &str, vault: &Vault) -> Result<Arc<SourceFile>, Diagnostic> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| Diagnostic::bare(format!("cannot read `{name}`: {error}")))?;
    if Vault::is_encrypted(&bytes) && bytes.len() as u64 <= MOST_BYTES {
        let plain = vault.open_file(&bytes).map_err(|error| unopened(&bytes, path, name, &error))?;
        let text = text_of(plain.to_vec())
            .map_err(|_| Diagnostic::bare(format!("what is encrypted in `{name}` is not UTF-8 text")))?;
        return Ok(SourceFile::encrypted(name, path, text));
    }
    read_bytes(bytes, path, name)
}

/// Says that an encrypted file was not opened, at its header.
fn unopened(bytes: &[u8], path: &Path, name: &str, error: &OpenError) -> Diagnostic {
    let header = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let header: String = String::from_utf8_lossy(header).trim_end().chars().take(80).collect();
    let end = header.len();
    let text = error.to_string();
    let (message, hint) = match text.split_once("\nhint: ") {
        Some((message, hint)) => (message, Some(hint.to_owned())),
        None => (&*text, None),
    };
    let span = Span::new(SourceFile::new(name, path, header), 0, end);
    Diagnostic::error(&span, format!("cannot decrypt `{name}`: {message}")).maybe_hint(hint)
}

/// Bytes as text, without a byte order mark.
fn text_of(bytes: Vec<u8>) -> Result<String, std::string::FromUtf8Error> {
    let text = String::from_utf8(bytes)?;
    Ok(text.strip_prefix('\u{feff}').map(ToOwned::to_owned).unwrap_or(text))
}

/// Makes a source file of bytes that were read already, by the same rules as [`read`].
pub fn read_bytes(bytes: Vec<u8>, path: &Path, name: &str) -> Result<Arc<SourceFile>, Diagnostic> {
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Diagnostic::bare(format!("`{name}` is larger than {} MiB", MOST_BYTES >> 20))
            .hint("split it into several files"));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Diagnostic::bare(format!("`{name}` is UTF-16 text")).hint("save it as UTF-8"));
    }
    let text = text_of(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let whole = error.into_bytes();
        let before = String::from_utf8_lossy(&whole[..at]).into_owned();
        let line = before.matches('\n').count() + 1;
        let file = SourceFile::new(name, path, before);
        Diagnostic::error(&Span::new(file, at, at), format!("line {line} holds bytes that are not UTF-8"))
            .hint("save the file as UTF-8")
    })?;
    Ok(SourceFile::new(name, path, text))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn drops_the_byte_order_mark() {
        let file = read_bytes(b"\xef\xbb\xbfa: 1\n".to_vec(), Path::new("x"), "x").unwrap();
        assert_eq!(file.text(), "a: 1\n");
    }

    #[test]
    fn says_where_text_is_not_utf8() {
        let error = read_bytes(b"a: 1\nb: \xff\n".to_vec(), Path::new("x"), "x.yml").unwrap_err();
        assert_eq!(error.span.unwrap().place(), "x.yml:2:4");
        assert!(
            read_bytes(b"\xff\xfea\0".to_vec(), Path::new("x"), "x").unwrap_err().message.contains("UTF-16")
        );
    }

    #[test]
    fn names_a_file_that_cannot_be_read() {
        let (node, diagnostics) = load(Path::new("/nonexistent/x.yml"), "x.yml", &Vault::default());
        assert!(node.is_none() && diagnostics.0[0].message.starts_with("cannot read `x.yml`: No such file"));
    }

    #[test]
    fn refuses_a_file_that_is_too_large() {
        let bytes = vec![b'#'; (16 << 20) + 1];
        assert!(read_bytes(bytes, Path::new("x"), "x").unwrap_err().message.contains("larger than 16 MiB"));
    }
}
