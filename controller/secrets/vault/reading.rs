//! What readers of files and values get: passwords, what was opened with them, and the secrets that became known by that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::super::{Learned, SecretText};
use super::{Keyring, OpenError};

/// What an encrypted file begins with: at its first byte, as in Ansible.
const BEGIN: &[u8] = b"$ANSIBLE_VAULT;";

/// Opens encrypted files and values. Cheap to clone; all readers of a program share one, and without passwords
/// it opens nothing.
#[derive(Clone, Debug, Default)]
pub struct Vault(Arc<Inner>);

#[derive(Default)]
struct Inner {
    keyring: Keyring,
    /// Values that were opened, or why they were not: key derivation takes milliseconds, and a thousand hosts share a value.
    values: Mutex<HashMap<String, Result<Arc<SecretText>, OpenError>>>,
    learned: Arc<Learned>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({:?})", self.keyring)
    }
}

impl Vault {
    /// Opens with these passwords.
    #[must_use]
    pub fn new(keyring: Keyring) -> Self {
        Self(Arc::new(Inner { keyring, ..Inner::default() }))
    }

    /// Whether a file is encrypted as a whole.
    #[must_use]
    pub fn is_encrypted(bytes: &[u8]) -> bool {
        bytes.starts_with(BEGIN)
    }

    /// Opens a file that is encrypted as a whole.
    ///
    /// # Errors
    /// It is damaged, or no password opens it.
    pub fn open_file(&self, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        self.0.keyring.open_bytes(bytes)
    }

    /// Opens a value under `!vault`; its text is a secret from now on.
    ///
    /// # Errors
    /// It is damaged, no password opens it, or it is not text.
    pub fn open_value(&self, text: &str) -> Result<Arc<SecretText>, OpenError> {
        let mut values = self.0.values.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = values.get(text) {
            return known.clone();
        }
        let opened = self.0.keyring.open(text).and_then(|bytes| {
            let text = std::str::from_utf8(&bytes).map_err(|_| OpenError::NotText)?;
            self.learn(text);
            Ok(Arc::new(SecretText::from(text)))
        });
        values.insert(text.to_owned(), opened.clone());
        opened
    }

    /// Takes note of a secret that came out of an encrypted file.
    pub fn learn(&self, text: &str) {
        self.0.learned.add(text.trim_end_matches(['\r', '\n']));
    }

    /// As [`Vault::learn`], for the value of a variable out of a file that is encrypted as a whole. Names and addresses
    /// of connections are no secrets: journal and logs tell them of every host.
    pub fn learn_variable(&self, name: &str, text: &str) {
        if !name.starts_with("ansible_") || name.contains("pass") {
            self.learn(text);
        }
    }

    /// The secrets so far.
    #[must_use]
    pub fn learned(&self) -> &Arc<Learned> {
        &self.0.learned
    }

    /// The text of an opened value. It is not wiped: a template engine copies what it works with.
    #[must_use]
    pub fn plain(text: &SecretText) -> &str {
        text.expose_secret()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::seal;
    use super::*;

    #[test]
    fn what_is_opened_is_a_secret_from_then_on() {
        let mut keyring = Keyring::default();
        keyring.add("default", SecretText::from("one"));
        let vault = Vault::new(keyring);
        let sealed = seal(b"hunter22\n", &SecretText::from("one"), "default");
        assert_eq!(Vault::plain(&vault.open_value(&sealed).unwrap()), "hunter22\n");
        assert_eq!(vault.clone().learned().masks().mask("x hunter22"), "x ********");
        let other = seal(b"other", &SecretText::from("two"), "prod");
        let error = vault.open_value(&other).unwrap_err();
        assert_eq!(vault.open_value(&other).unwrap_err(), error, "it is remembered");
        let binary = seal(b"\xff\xfe", &SecretText::from("one"), "default");
        assert_eq!(vault.open_value(&binary).unwrap_err(), OpenError::NotText);
        assert_eq!(Vault::default().open_file(other.as_bytes()).unwrap_err(), OpenError::NoPassword);
    }

    #[test]
    fn names_of_connections_are_no_secrets() {
        let vault = Vault::default();
        vault.learn_variable("ansible_user", "deploy");
        vault.learn_variable("ansible_password", "hunter22");
        vault.learn_variable("db_user", "dbadmin");
        assert_eq!(vault.learned().masks().mask("deploy hunter22 dbadmin"), "deploy ******** ********");
    }
}
