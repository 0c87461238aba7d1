//! The operations of Windows hosts: calls of the PowerShell functions beside this file.
//!
//! A program for Windows is data, not text of a language: see [`call`]. Most operations are one call of `ensure`, which
//! reads a thing attribute by attribute and writes only what differs ([`Ensure`]).

mod call;
mod ensure;
mod library;

pub use call::{Call, Values, environment};
pub use ensure::{Describe, Ensure, States};
pub use library::{beside_library, library};
