//! The modules for Windows hosts.

mod files;
mod server;

pub(super) use files::MODULES as FILES;
pub(super) use server::{MODULES as SERVER, plain_service};
