//! Windows hosts, by their model: `tests/support/windows` answers what PowerShell would.

mod agent;
mod files;
mod fleet;
mod installs;
mod lease;
mod lost;
mod model;
mod peer;
mod rollout;
mod scripts;
mod server;
mod session;
