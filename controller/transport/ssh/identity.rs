//! Private key files: formats, passphrases, permissions.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use russh::keys::{Certificate, PrivateKey, PublicKey, decode_secret_key};
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;

use crate::transport::{AskPassphrase, TransportError};

/// A key file that cannot be used.
#[derive(Debug, Error)]
pub(super) enum IdentityError {
    #[error("the key file `{}` does not exist", .0.display())]
    Missing(PathBuf),
    #[error("the key file `{}` cannot be read: {}", .0.display(), .1)]
    Read(PathBuf, io::Error),
    #[error("the key file `{}` can be read by others (mode {:04o})", .0.display(), .1)]
    Permissions(PathBuf, u32),
    #[error("the key file `{}` is encrypted and no passphrase was given", .0.display())]
    Encrypted(PathBuf),
    #[error("the passphrase does not fit the key file `{}`", .0.display())]
    Passphrase(PathBuf),
    #[error("the key file `{}` is encrypted in a way that is not supported (PEM)", .0.display())]
    Cipher(PathBuf),
    #[error("the key file `{}` is not a private key that can be used: {}", .0.display(), .1)]
    Format(PathBuf, String),
}

impl IdentityError {
    /// Whether the key merely is not at hand, which is no mistake for a key that nobody named.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing(_))
    }

    /// What to do about it.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Missing(_) | Self::Read(..) | Self::Format(..) => None,
            Self::Permissions(path, _) => Some(format!("`chmod 600 {}`", path.display())),
            Self::Encrypted(path) => Some(format!(
                "set `ansible_private_key_passphrase`, or add the key to an agent with `ssh-add {}`",
                path.display()
            )),
            Self::Passphrase(path) => Some(format!(
                "correct `ansible_private_key_passphrase`, or add the key to an agent with `ssh-add {}`",
                path.display()
            )),
            Self::Cipher(path) => Some(format!("rewrite it with `ssh-keygen -p -f {}`", path.display())),
        }
    }
}

impl From<IdentityError> for TransportError {
    fn from(error: IdentityError) -> Self {
        let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        Self::Local { message: format!("{error}{hint}") }
    }
}

/// One key file.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) path: PathBuf,
    text: Arc<str>,
    /// The public half, if it can be known without the passphrase.
    pub(super) public: Option<PublicKey>,
    /// Signed by an authority (`PATH-cert.pub`).
    pub(super) certificate: Option<Certificate>,
}

impl Identity {
    /// Reads a key file, or the public half of a key that an agent holds.
    pub(super) fn read(path: &Path) -> Result<Self, IdentityError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(IdentityError::Missing(path.to_path_buf()));
            }
            Err(error) => return Err(IdentityError::Read(path.to_path_buf(), error)),
        };
        let beside = |suffix: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            std::fs::read_to_string(PathBuf::from(name)).ok()
        };
        let public = PublicKey::from_openssh(&text)
            .ok()
            .or_else(|| PrivateKey::from_openssh(&text).ok().map(|key| key.public_key().clone()))
            .or_else(|| beside(".pub").and_then(|text| PublicKey::from_openssh(text.trim()).ok()));
        let certificate = beside("-cert.pub").and_then(|text| Certificate::from_openssh(text.trim()).ok());
        Ok(Self { path: path.to_path_buf(), text: text.into(), public, certificate })
    }

    /// The private key, decrypted if need be. `None` if the file holds only the public half.
    pub(super) fn private(
        &self,
        passphrase: Option<&SecretString>,
        ask: Option<&AskPassphrase>,
    ) -> Result<Option<Arc<PrivateKey>>, IdentityError> {
        // Decrypting is slow on purpose; all hosts of a run use the same few keys.
        static DECRYPTED: LazyLock<Mutex<HashMap<Arc<str>, Arc<PrivateKey>>>> = LazyLock::new(Mutex::default);

        if PublicKey::from_openssh(&self.text).is_ok() {
            return Ok(None);
        }
        check_permissions(&self.path)?;
        // Held while decrypting: the hosts that need the same key meanwhile wait for it.
        let mut decrypted = DECRYPTED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = decrypted.get(&self.text) {
            return Ok(Some(Arc::clone(key)));
        }
        let key = match decode_secret_key(&self.text, None) {
            Ok(key) => key,
            Err(error) if !is_encrypted(&self.text) => {
                return Err(IdentityError::Format(self.path.clone(), error.to_string().to_lowercase()));
            }
            Err(_) => {
                let asked = match passphrase {
                    Some(_) => None,
                    None => ask.and_then(|ask| ask.0(&self.path)),
                };
                let passphrase = passphrase
                    .or(asked.as_ref())
                    .ok_or_else(|| IdentityError::Encrypted(self.path.clone()))?;
                decode_secret_key(&self.text, Some(passphrase.expose_secret())).map_err(|_| {
                    let other =
                        self.text.contains("DEK-Info:") && !self.text.contains("DEK-Info: AES-128-CBC");
                    if other {
                        IdentityError::Cipher(self.path.clone())
                    } else {
                        IdentityError::Passphrase(self.path.clone())
                    }
                })?
            }
        };
        let key = Arc::new(key);
        decrypted.insert(Arc::clone(&self.text), Arc::clone(&key));
        Ok(Some(key))
    }
}

fn is_encrypted(text: &str) -> bool {
    match PrivateKey::from_openssh(text) {
        Ok(key) => key.is_encrypted(),
        Err(_) => {
            text.contains("ENCRYPTED")
                || text.lines().any(|line| {
                    line.strip_prefix("Encryption:").is_some_and(|cipher| cipher.trim() != "none")
                })
        }
    }
}

#[cfg(unix)]
fn check_permissions(path: &Path) -> Result<(), IdentityError> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path).map_err(|error| IdentityError::Read(path.to_path_buf(), error))?;
    let mode = metadata.mode() & 0o7777;
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(IdentityError::Permissions(path.to_path_buf(), mode));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_permissions(_: &Path) -> Result<(), IdentityError> {
    Ok(())
}
