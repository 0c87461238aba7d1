//! Windows hosts, by their model: `tests/support/windows` answers what PowerShell would.

mod files;
mod lease;
mod lost;
mod model;
mod peer;
mod rollout;
mod scripts;
mod server;
mod scripts;
mod session;
