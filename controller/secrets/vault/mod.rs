//! Ansible's vault format: text that is encrypted with a password, as a file or as a value under `!vault`.
//!
//! A [`Sealed`] is the envelope as it stands in a file, [`seal`] and [`Sealed::open`] do the work, a [`Keyring`] holds the
//! passwords with their labels, a [`Vault`] is what readers of files are given. The format is documented in Ansible's user guide ("Ansible Vault: format of files encrypted with
//! Ansible Vault"), the tests exchange files with `ansible-vault`.

mod cipher;
mod envelope;
mod keyring;
mod reading;

pub use envelope::{Sealed, VaultError, is_vault};
pub use keyring::{Keyring, OpenError, VaultId};
pub use reading::Vault;

use zeroize::Zeroizing;

use super::SecretText;

/// Encrypts. A label other than `default` stands in the envelope (format 1.2).
#[must_use]
pub fn seal(plain: &[u8], password: &SecretText, label: &str) -> String {
    let label = (label != VaultId::DEFAULT).then(|| label.to_owned());
    Sealed::with(cipher::encrypt(plain, password, cipher::salt()), label).to_text()
}

impl Sealed {
    /// Decrypts; nothing if the password is another one, or somebody changed the text.
    #[must_use]
    pub fn open(&self, password: &SecretText) -> Option<Zeroizing<Vec<u8>>> {
        cipher::decrypt(&self.parts, password)
    }
}
