//! Windows hosts, by their model: `tests/support/windows` answers what PowerShell would.

mod agent;
mod lease;
mod lost;
mod model;
mod peer;
mod scripts;
mod session;
