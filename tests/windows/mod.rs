//! Windows hosts, by their model: `tests/support/windows` answers what PowerShell would.

mod lease;
mod lost;
mod peer;
mod session;
mod model;
mod scripts;
