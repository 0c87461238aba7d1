//! WinRM: settings from variables, and commands over one WinRS shell per host.

mod connection;
mod credentials;
mod files;
#[cfg(test)]
mod hostile_tests;
mod names;
mod setting;
#[cfg(test)]
mod setting_tests;

pub use connection::Connection;
pub(super) use connection::{connect, endpoint, of};
pub use names::unknown;
pub(super) use setting::setting;
pub use setting::{Method, TlsPolicy, WinRmSetting};
