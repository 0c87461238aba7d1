//! Certificates: opened (PEM, DER, PFX), described, and judged by a policy.
//!
//! Bytes come in, findings go out: the same code judges files of the controller, files that were read from a host, and
//! what a Windows store holds. It reads no file, no clock and no host. Bytes may be hostile: sizes, numbers of
//! blocks and rounds of key derivation are limited. Keys are looked at for their public part and wiped.

mod chain;
mod decrypt;
mod der;
mod error;
mod facts;
mod judge;
mod key;
mod name;
mod open;
mod pem;
mod pfx;
mod policy;
#[cfg(test)]
mod tests;

pub use error::OpenError;
pub use facts::Certificate;
pub use judge::{Judged, judge};
pub use key::PublicPart;
pub use open::{LARGEST, Opened, Source, open};
pub(crate) use policy::is_thumbprint;
pub use policy::{Policy, Sdk};
