//! What preflight asks of a host, and what it makes of the answers: facts in, findings out.
//!
//! A [`Question`] says what is asked, with the product's requirements as data. An operation asks it and fills in
//! [`Facts`]; the checks are a table of small functions, one file a group, which know no host and no shell. So
//! the same checks judge POSIX and Windows hosts. What a host could not tell is not judged.

mod agents;
mod certificates;
mod client;
mod facts;
mod files;
mod license;
mod machine;
mod network;
mod platform;
mod proxy;
mod question;
mod server;
mod settings;
mod shipped;
#[cfg(test)]
mod tests;
mod web;

pub use agents::AssignedAgents;
pub use agents::place_of;
pub(crate) use agents::{INTEGRATED, reserved};
pub use certificates::{CertificateAt, HostCertificate, InStore};
pub use client::Client;
pub use facts::{Facts, Reached};
pub(crate) use network::odd_uri;
pub(crate) use proxy::login as proxy_login;
pub use proxy::{Route, route};
pub use question::{Endpoint, Hidden, Question, QuestionError, Requirements, Role};
pub(crate) use question::{OPTIONS, of_address, of_uri};
pub use server::{Asked, ServerAnswers};
pub(crate) use server::{DISCOVERY, TOKEN};
pub(crate) use settings::FILES;
pub use settings::SettingsFile;
pub use shipped::Shipped;
pub use web::{Binding, Site};

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
    settings::planned,
    settings::on_host,
    license::license,
    shipped::digests,
    shipped::version,
    client::secret,
    client::expiration,
    network::names,
    network::ports,
    web::sites,
    web::default_site,
    proxy::variables,
    network::reachable,
    server::discovery,
    server::token,
    server::clock,
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
