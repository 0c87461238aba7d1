//! The one integration-test binary.
#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect fails")]

mod audit;
mod compare;
mod contract;
mod crash;
mod hostile;
mod preflight;
mod report;
mod rollout;
mod support;
mod transport;
mod windows;
mod winrm;
