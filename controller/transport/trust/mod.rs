//! Host keys as a person reviews them: scan what hosts offer, write what was confirmed, list, forget.
//!
//! A scan proves only that whoever answers holds the key. That the key is the host's is for a person to say, by
//! comparing fingerprints; so nothing is written without being asked.

mod file;
mod scan;
mod table;
#[cfg(test)]
mod testing;
mod tls;

use russh::keys::{HashAlg, PublicKey};

pub use file::{Listed, TrustError, forget, list, writable, write};
pub use scan::{Scan, ScannedKey, Status, Waiting, scan};
pub use table::{render_list, render_scan};
pub use tls::{
    AskedPin, CertificateWords, ShownPin, inventory_pins, render_pins, shown_pins, without_certificate,
};

fn fingerprint(blob: &[u8]) -> String {
    PublicKey::from_bytes(blob)
        .map_or_else(|_| "(unreadable)".to_owned(), |key| key.fingerprint(HashAlg::Sha256).to_string())
}
