//! What the tests against real things stand on: `sshd`, `ansible-playbook`, the program itself, trees of files.

pub(crate) mod ansible;
pub(crate) mod browser;
pub(crate) mod certificates;
pub(crate) mod environment;
pub(crate) mod hosts;
pub(crate) mod kdc;
pub(crate) mod patience;
pub(crate) mod processes;
pub(crate) mod proxy;
pub(crate) mod running;
pub(crate) mod sshd;
pub(crate) mod tree;
pub(crate) mod winrm;
