//! Preflight: what has to be true before a rollout, as findings. It changes nothing anywhere.
//!
//! `certificate/` judges certificates by a policy that is data, without input or output of its own. What was
//! found is a [`Finding`], the same for preflight and audit (DESIGN 3.5); `report` draws tables of them.

pub mod certificate;
mod finding;
pub mod host;
mod policy_file;

pub use finding::{AskedHost, Finding, Severity, worst};
pub use policy_file::read_policy;
