//! Windows hosts, by their model: `tests/support/windows` answers what PowerShell would.

mod model;
mod scripts;
