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
pub struct Keyring {
    passwords: Vec<(String, SecretText)>,
    /// The label of an envelope without one (`vault_identity`).
    identity: String,
    /// Whether only passwords of the envelope's label are tried (`vault_id_match`).
    matching: bool,
}

impl Default for Keyring {
    fn default() -> Self {
        Self { passwords: Vec::new(), identity: VaultId::DEFAULT.to_owned(), matching: false }
    }
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
    #[error("{}", wrong(label.as_deref(), tried))]
    WrongPassword {
        /// Whose password it needs.
        label: Option<String>,
        /// The labels of the passwords that were tried.
        tried: Vec<String>,
    },
    /// A value has to be text.
    #[error("what is encrypted is not UTF-8 text")]
    NotText,
}

fn wrong(label: Option<&str>, tried: &[String]) -> String {
    let by = match label {
        // The label comes from a file: whatever it holds, it is shown within one line.
        Some(label) => format!(" (it was encrypted with the one of `{}`)", label.escape_debug()),
        None => String::new(),
    };
    if tried.is_empty() {
        let what = "there is no vault password of its label, and `vault_id_match` allows no other";
        return format!("{what}{by}\nhint: `--vault-id LABEL@FILE` gives one");
    }
    let tried: Vec<String> = tried.iter().map(|label| format!("`{label}`")).collect();
    format!("none of the vault passwords opens it{by}\nhint: tried: {}", tried.join(", "))
}

impl Keyring {
    /// Adds a password.
    pub fn add(&mut self, label: &str, password: SecretText) {
        self.passwords.push((label.to_owned(), password));
    }

    /// Says what Ansible's settings say: the label of envelopes without one, and whether only passwords of the same label are tried.
    pub fn set_matching(&mut self, identity: Option<&str>, matching: bool) {
        if let Some(identity) = identity {
            identity.clone_into(&mut self.identity);
        }
        self.matching = matching;
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
        let wanted = sealed.label.as_deref().unwrap_or(&self.identity);
        let (first, others): (Vec<_>, Vec<_>) = self.passwords.iter().partition(|(label, _)| label == wanted);
        let tried: Vec<&(String, SecretText)> =
            first.into_iter().chain(others.into_iter().filter(|_| !self.matching)).collect();
        tried.iter().find_map(|(_, password)| sealed.open(password)).ok_or_else(|| {
            let mut labels: Vec<String> = tried.iter().map(|(label, _)| label.clone()).collect();
            labels.dedup();
            OpenError::WrongPassword { label: sealed.label.clone(), tried: labels }
        })
    }

    /// As [`Keyring::open`], for bytes of a file.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    pub fn open_bytes(&self, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| OpenError::Form(VaultError::Damaged("it holds bytes that are no text")))?;
        self.open(text)
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
        let error = ring.open(&text).unwrap_err();
        insta::assert_snapshot!(error, @r"
        none of the vault passwords opens it (it was encrypted with the one of `prod`)
        hint: tried: `dev`
        ");
        ring.add("other", SecretText::from("two"));
        assert_eq!(**ring.open(&text).unwrap(), *b"x");
        assert!(!format!("{ring:?}").contains("two"));
        assert!(matches!(ring.open("plain"), Err(OpenError::Form(VaultError::Plain))));
    }

    /// What ansible-core 2.19 answers with `vault_id_match` and `vault_identity`.
    #[test]
    fn labels_may_have_to_match() {
        let mut ring = Keyring::default();
        ring.set_matching(None, true);
        ring.add("other", SecretText::from("one"));
        let unlabelled = seal(b"x", &SecretText::from("one"), "default");
        assert!(ring.open(&unlabelled).unwrap_err().to_string().contains("no vault password of its label"));
        assert!(ring.open(&seal(b"x", &SecretText::from("one"), "other")).is_ok());
        ring.set_matching(Some("other"), true);
        assert!(ring.open(&unlabelled).is_ok());
    }
}
