//! Bytes that may go to a host, with their digest.

use std::fmt;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

/// Bytes and their SHA-256, read once and shared by all hosts.
pub struct Content {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Lower-case hexadecimal SHA-256.
    pub sha256: String,
    hidden: bool,
    sha1: OnceLock<String>,
    md5: OnceLock<String>,
}

impl Content {
    /// Takes bytes and computes their digest.
    pub fn new(bytes: Vec<u8>) -> Self {
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { bytes, sha256, hidden: false, sha1: OnceLock::new(), md5: OnceLock::new() }
    }

    /// As [`Content::new`], for what lies encrypted on the controller: no difference shows it.
    pub fn hidden(bytes: Vec<u8>) -> Self {
        Self { hidden: true, ..Self::new(bytes) }
    }

    /// Whether no difference may show it.
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Returns the SHA-1 that Ansible calls `checksum` in results, computed at the first call.
    pub fn sha1(&self) -> &str {
        self.sha1.get_or_init(|| sha1_of(&self.bytes))
    }

    /// Returns the MD5 that results of `copy` carry, computed at the first call.
    pub fn md5(&self) -> &str {
        self.md5.get_or_init(|| format!("{:x}", md5::compute(&self.bytes)))
    }
}

/// Returns the lower-case hexadecimal SHA-1 of bytes.
pub(super) fn sha1_of(bytes: &[u8]) -> String {
    sha1::Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes, {})", self.bytes.len(), self.sha256)
    }
}
