//! The operations of Windows hosts: calls of the PowerShell functions beside this file.
//!
//! A program for Windows is data, not text of a language: see [`Call`]. Most operations are one call of `ensure`, which
//! reads a thing attribute by attribute and writes only what differs ([`Ensure`]).

mod act;
mod call;
pub(in crate::operation) mod command;
mod edit;
mod ensure;
mod facts;
mod files;
mod library;
mod powershell;
mod put;
pub mod stat;
mod step;
mod tree;
mod unzip;
pub(in crate::operation) mod uri;

pub use act::{Act, Judge, all_said, said};
pub use call::{Call, Values, environment};
pub use edit::EditFile;
pub use ensure::{Describe, Ensure, States};
pub use facts::Facts;
pub use library::{beside_library, library};
pub use powershell::{PowerShell, Sensitive};
pub use put::{PutFile, PutOptions};
pub use step::{Step, Tell};
pub use tree::PutTree;
pub use unzip::{Archive, Unzip};
