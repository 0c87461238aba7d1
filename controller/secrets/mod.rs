//! Secret values: how they are asked for, held and kept out of everything that is written.
//!
//! Whoever learns a secret (a password prompt, a password file, a vault value) adds it to [`Masks`];
//! host logs, journal and terminal pass their text through them.

mod forms;
mod learned;
mod mask;
mod prompt;
mod seal;
pub mod vault;

pub use learned::Learned;
pub use mask::{MASK, MIN_LENGTH, MaskStream, Masks};
pub use prompt::{SecretError, prompt, read_password_file};
pub use seal::{KEY, Seal};
pub use secrecy::ExposeSecret;

/// A secret value: wiped from memory when dropped, never shown by `Debug`.
pub type SecretText = secrecy::SecretString;
