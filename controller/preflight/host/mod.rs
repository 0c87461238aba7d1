//! What preflight asks of a host, and what it makes of the answers: facts in, findings out.
//!
//! A [`Question`] says what is asked, with the product's requirements as data. An operation asks it and fills in
//! [`Facts`]; the checks are a table of small functions, one file a group, which know no host and no shell. So
//! the same checks judge POSIX and Windows hosts. What a host could not tell is not judged.

mod agents;
mod facts;
mod files;
mod machine;
mod network;
mod platform;
mod question;
#[cfg(test)]
mod tests;

pub use agents::AssignedAgents;
pub(crate) use agents::{INTEGRATED, place_of, reserved};
pub use facts::{Facts, Reached};
pub(crate) use network::odd_uri;
pub use question::{
    CertificateAt, Endpoint, HostCertificate, InStore, Question, QuestionError, Requirements, Role,
};
pub(crate) use question::{OPTIONS, of_address, of_uri};

use super::Finding;

/// A check: looks at the facts and adds what it finds.
type Check = fn(&Question, &Facts, &mut Vec<Finding>);

/// All checks, in the order of their findings.
const CHECKS: &[Check] = &[
    platform::version,
    platform::restart,
    machine::privilege,
    machine::processors,
    machine::memory,
    machine::disk,
    machine::clock,
    files::leftovers,
    platform::environment,
    platform::jobs,
    network::names,
    network::ports,
    network::reachable,
];

/// Judges what a host answered.
#[must_use]
pub fn judge(question: &Question, facts: &Facts) -> Vec<Finding> {
    let mut findings = agents::of_host(question);
    for check in CHECKS {
        check(question, facts, &mut findings);
    }
    findings
}
