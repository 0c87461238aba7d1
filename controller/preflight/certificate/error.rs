//! Why a file gives no certificate or no key.

use super::der::DerError;

/// Why bytes cannot be read as certificates and keys. None of its texts holds a password or a key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// The file itself cannot be read.
    #[error("{reason}")]
    File {
        /// Why.
        reason: String,
    },
    /// A store does not have it, or cannot be asked.
    #[error("{reason}")]
    Store {
        /// Why.
        reason: String,
    },
    /// The file has more bytes than any file of certificates.
    #[error("it has more than {kib} KiB")]
    TooLarge {
        /// The limit.
        kib: usize,
    },
    /// A password is needed and none was given.
    #[error("it is encrypted, and no password is given")]
    NeedsPassword,
    /// The password does not open it.
    #[error("the password does not open it")]
    WrongPassword,
    /// The password does not open it, but no password does.
    #[error("the password does not open it: it was made without a password")]
    NoPasswordWanted,
    /// It asks for more rounds of key derivation than anybody needs.
    #[error("opening it costs more than {most} rounds of key derivation")]
    TooCostly {
        /// The limit.
        most: u64,
    },
    /// It asks for a number of rounds that makes no sense.
    #[error("its number of rounds of key derivation makes no sense")]
    Rounds,
    /// Something about it is not implemented.
    #[error("it uses what is not supported: {what}")]
    Unsupported {
        /// What.
        what: String,
    },
    /// A PFX archive whose content nobody can tell to be whole.
    #[error("it has no integrity check (MAC)")]
    NoMac,
    /// It is not what it seems to be.
    #[error("it is damaged: {what}")]
    Damaged {
        /// What does not fit.
        what: String,
    },
    /// It is none of the known kinds of files.
    #[error("it is neither PEM nor DER nor PFX")]
    NotACertificate,
    /// It has keys or other blocks, but no certificate.
    #[error("it holds no certificate")]
    Empty,
    /// It holds more than anybody needs.
    #[error("it holds more than {most} blocks")]
    TooMany {
        /// The limit.
        most: usize,
    },
}

impl OpenError {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::File { .. } => "check the name of the file and who may read it",
            Self::Store { .. } => "check thumbprint or subject, `store_location` and `store_name`",
            Self::TooLarge { .. } => "give a file with certificates only, as PEM, DER or PFX",
            Self::NeedsPassword => "give the password in a file: `--password-file FILE`",
            Self::WrongPassword => {
                "check the password file: one line end at its end is dropped, everything else counts"
            }
            Self::NoPasswordWanted => "check it without a password, or export it again with one",
            Self::TooCostly { .. } | Self::Rounds => "export it again, with 600,000 rounds or fewer",
            Self::Unsupported { .. } => {
                "export it again as PFX with AES-256 and SHA-256 (`openssl pkcs12 -export`)"
            }
            Self::NoMac => "export it again, with a MAC",
            Self::Damaged { .. } | Self::NotACertificate | Self::Empty | Self::TooMany { .. } => {
                "give a certificate as PEM, DER or PFX"
            }
        }
    }
}

impl From<DerError> for OpenError {
    fn from(error: DerError) -> Self {
        Self::Damaged { what: error.to_string() }
    }
}
