//! The SSH transport against OpenSSH's own server and tools.
#![expect(clippy::unwrap_used, reason = "tests")]

mod openssh;
pub(crate) mod sshd;
mod trust;
