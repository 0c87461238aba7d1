//! The modules for Windows hosts.

pub(super) mod acl;
pub(super) mod archive;
pub(super) mod command;
pub(super) mod copy;
pub(super) mod environment;
pub(super) mod file;
mod files;
pub(super) mod find;
pub(super) mod lineinfile;
pub(super) mod look;
pub(super) mod place;
pub(super) mod powershell;
pub(super) mod regedit;
mod server;
pub(super) mod stat;
pub(super) mod template;
#[cfg(test)]
mod testing;
pub(super) mod web;

pub(super) use files::MODULES as FILES;
pub(super) use server::{MODULES as SERVER, plain_service};
