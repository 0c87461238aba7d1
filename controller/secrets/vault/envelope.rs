//! The text form of an encrypted value: a header with version, cipher and perhaps a label, and lines of hexadecimal digits.

use std::fmt::Write as _;

use super::cipher::Parts;

const MAGIC: &str = "$ANSIBLE_VAULT;";
const CIPHER: &str = "AES256";
/// Digits on a line.
const COLUMNS: usize = 80;

/// Whether text begins like something encrypted.
#[must_use]
pub fn is_vault(text: &str) -> bool {
    text.trim_start().starts_with(MAGIC)
}

/// Something encrypted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sealed {
    /// Whose password it was encrypted with, if that is said (format 1.2).
    pub label: Option<String>,
    pub(super) parts: Parts,
}

/// Text that is not what it begins like.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VaultError {
    /// Not encrypted.
    #[error("this is not encrypted: it does not begin with `$ANSIBLE_VAULT;`")]
    Plain,
    /// A header of another shape.
    #[error("the header `{0}` is not `$ANSIBLE_VAULT;1.1;AES256` or `$ANSIBLE_VAULT;1.2;AES256;LABEL`")]
    Header(String),
    /// An old format.
    #[error("the format {0} is not supported\nhint: `ansible-vault rekey` writes a newer one")]
    Version(String),
    /// Another cipher.
    #[error("the cipher `{0}` is not supported, only `AES256` is")]
    Cipher(String),
    /// Digits are missing or are none.
    #[error("the encrypted text is damaged: {0}")]
    Damaged(&'static str),
}

impl Sealed {
    pub(super) fn with(parts: Parts, label: Option<String>) -> Self {
        Self { label, parts }
    }

    /// Reads the text form. Blanks around lines do not count, so a value may be indented.
    ///
    /// # Errors
    /// It is not that form.
    pub fn read(text: &str) -> Result<Self, VaultError> {
        let mut lines = text.trim().lines().map(str::trim);
        let header = lines.next().unwrap_or_default();
        let rest = header.strip_prefix(MAGIC).ok_or(VaultError::Plain)?;
        let fields: Vec<&str> = rest.split(';').map(str::trim).collect();
        let label = match fields[..] {
            ["1.1", _] => None,
            ["1.2", _, label] if !label.is_empty() => Some(label.to_owned()),
            ["1.0", ..] => return Err(VaultError::Version("1.0".to_owned())),
            _ => return Err(VaultError::Header(header.chars().take(80).collect())),
        };
        if fields[1] != CIPHER {
            return Err(VaultError::Cipher(fields[1].chars().take(40).collect()));
        }
        let digits: String = lines.collect();
        let inside = from_hex(digits.as_bytes()).ok_or(VaultError::Damaged("it is not hexadecimal"))?;
        let mut parts = inside.splitn(3, |byte| *byte == b'\n').map(from_hex);
        let mut next = || parts.next().flatten().ok_or(VaultError::Damaged("a part of it is missing"));
        let parts = Parts { salt: next()?, mac: next()?, text: next()? };
        Ok(Self { label, parts })
    }

    /// Writes the text form; it ends in a line end.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = match &self.label {
            Some(label) => format!("{MAGIC}1.2;{CIPHER};{label}\n"),
            None => format!("{MAGIC}1.1;{CIPHER}\n"),
        };
        let Parts { salt, mac, text: encrypted } = &self.parts;
        let inside = format!("{}\n{}\n{}", to_hex(salt), to_hex(mac), to_hex(encrypted));
        let digits = to_hex(inside.as_bytes());
        let mut rest = digits.as_str();
        while !rest.is_empty() {
            let (line, behind) = rest.split_at(COLUMNS.min(rest.len()));
            text.push_str(line);
            text.push('\n');
            rest = behind;
        }
        text
    }
}

fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks_exact(2).map(|pair| Some(value(pair[0])? << 4 | value(pair[1])?)).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::secrets::SecretText;
    use crate::secrets::vault::seal;

    #[test]
    fn the_text_form_comes_back() {
        let password = SecretText::from("secret");
        for (label, header) in
            [("default", "$ANSIBLE_VAULT;1.1;AES256\n"), ("prod", "$ANSIBLE_VAULT;1.2;AES256;prod\n")]
        {
            let text = seal(b"plain text", &password, label);
            assert!(text.starts_with(header) && text.lines().all(|line| line.len() <= COLUMNS), "{text}");
            let indented = text.replace('\n', "\n          ");
            let sealed = Sealed::read(&indented).unwrap();
            assert_eq!(sealed.to_text(), text);
            assert_eq!(**sealed.open(&password).unwrap(), *b"plain text");
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_text() {
        let error = |text: &str| Sealed::read(text).unwrap_err().to_string();
        assert!(error("plain").contains("not encrypted"));
        assert!(error("$ANSIBLE_VAULT;1.0;AES\n00").contains("1.0"));
        assert!(error("$ANSIBLE_VAULT;1.1;AES\n00").contains("`AES`"));
        assert!(error("$ANSIBLE_VAULT;1.2;AES256\n00").contains("header"));
        assert!(error("$ANSIBLE_VAULT;9\n").contains("header"));
        assert!(error("$ANSIBLE_VAULT;1.1;AES256\n0g").contains("hexadecimal"));
        assert!(error("$ANSIBLE_VAULT;1.1;AES256\n333").contains("hexadecimal"));
        assert!(error("$ANSIBLE_VAULT;1.1;AES256\n3330").contains("missing"));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in r"(\$ANSIBLE_VAULT;1\.[0-2];AES256(;[a-z]{0,3})?)?[\n0-9a-fé ]{0,60}") {
            if let Ok(sealed) = Sealed::read(&text) {
                assert_eq!(Sealed::read(&sealed.to_text()), Ok(sealed));
            }
        }
    }
}
