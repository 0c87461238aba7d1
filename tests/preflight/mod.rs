//! `paceline preflight` as a user calls it.

mod certificates;
mod formats;
mod hostile;
mod hosts;
mod module;
mod server;
mod windows;
