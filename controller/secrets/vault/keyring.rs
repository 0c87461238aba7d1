//! The passwords of a run with their labels, and which of them is tried.

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::super::SecretText;
use super::{Sealed, VaultError};

/// `LABEL@SOURCE` of the command line: a label and where its password comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VaultId {
    /// The label.
    pub label: String,
    /// The file with the password; nothing where a person is asked.
    pub file: Option<PathBuf>,
}

impl VaultId {
    /// The label of what has none.
    pub const DEFAULT: &'static str = "default";

    /// Reads `LABEL@SOURCE` or `SOURCE`, where the source is a file or `prompt`.
    ///
    /// # Errors
    /// The label could not stand in an envelope, or something is missing.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        let (label, source) = match text.split_once('@') {
            Some((label, source)) => (label, source),
            None => (Self::DEFAULT, text),
        };
        if label.is_empty() || label.contains(|c: char| c == ';' || c.is_whitespace() || c.is_control()) {
            return Err("the label before the `@` is a word without `;`");
        }
        match source {
            "" => Err("behind the `@` stands a file or `prompt`"),
            "prompt" | "prompt_ask_vault_pass" => Ok(Self { label: label.to_owned(), file: None }),
            path => Ok(Self { label: label.to_owned(), file: Some(path.into()) }),
        }
    }
}

/// Passwords with labels, in the order in which they were given.
#[derive(Default)]
pub struct Keyring {
    passwords: Vec<(String, SecretText)>,
}

/// Without the passwords.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.passwords.iter().map(|(label, _)| label)).finish()
    }
}

/// Something encrypted that was not opened.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// It is damaged.
    #[error(transparent)]
    Form(#[from] VaultError),
    /// There is no password at all.
    #[error(
        "it is encrypted, and no vault password was given\nhint: `--vault-password-file FILE`, `--vault-id LABEL@FILE` or `-J` gives one"
    )]
    NoPassword,
    /// None of the passwords is the right one.
    #[error("none of the vault passwords opens it{}", label.as_ref().map(|label| format!(" (it was encrypted with the one of `{label}`)")).unwrap_or_default())]
    WrongPassword {
        /// Whose password it needs.
        label: Option<String>,
    },
}

impl Keyring {
    /// Adds a password.
    pub fn add(&mut self, label: &str, password: SecretText) {
        self.passwords.push((label.to_owned(), password));
    }

    /// Whether there is no password.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.passwords.is_empty()
    }

    /// The labels, in order.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.passwords.iter().map(|(label, _)| label.as_str())
    }

    /// The password of a label.
    #[must_use]
    pub fn password(&self, label: &str) -> Option<&SecretText> {
        self.passwords.iter().find(|(known, _)| known == label).map(|(_, password)| password)
    }

    /// Opens an envelope: with the passwords of its label first, then with all others, as Ansible does unless it is told to match.
    ///
    /// # Errors
    /// It is damaged, or no password opens it.
    pub fn open(&self, text: &str) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let sealed = Sealed::read(text)?;
        if self.is_empty() {
            return Err(OpenError::NoPassword);
        }
        let wanted = sealed.label.as_deref().unwrap_or(VaultId::DEFAULT);
        let (first, others): (Vec<_>, Vec<_>) = self.passwords.iter().partition(|(label, _)| label == wanted);
        first
            .into_iter()
            .chain(others)
            .find_map(|(_, password)| sealed.open(password))
            .ok_or(OpenError::WrongPassword { label: sealed.label })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::seal;
    use super::*;

    #[test]
    fn reads_what_the_command_line_says() {
        let read = |text: &str| VaultId::read(text).map(|id| (id.label, id.file));
        assert_eq!(read("dev@a/b@c"), Ok(("dev".to_owned(), Some("a/b@c".into()))));
        assert_eq!(read("secret.txt"), Ok(("default".to_owned(), Some("secret.txt".into()))));
        assert_eq!(read("prod@prompt"), Ok(("prod".to_owned(), None)));
        assert!(
            read("@x").is_err() && read("a;b@x").is_err() && read("a@").is_err() && read("a b@x").is_err()
        );
    }

    #[test]
    fn tries_the_password_of_the_label_first_and_all_others_then() {
        let mut ring = Keyring::default();
        let text = seal(b"x", &SecretText::from("two"), "prod");
        assert_eq!(ring.open(&text), Err(OpenError::NoPassword));
        ring.add("dev", SecretText::from("one"));
        assert_eq!(ring.open(&text), Err(OpenError::WrongPassword { label: Some("prod".to_owned()) }));
        ring.add("other", SecretText::from("two"));
        assert_eq!(**ring.open(&text).unwrap(), *b"x");
        assert!(!format!("{ring:?}").contains("two"));
        assert!(matches!(ring.open("plain"), Err(OpenError::Form(VaultError::Plain))));
    }
}
