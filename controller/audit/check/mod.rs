//! The rules: what the three sources say about each other, and about themselves. One file a subject; a rule looks at the
//! [`View`] and adds what it finds. A rule that needs a source which is not there says nothing.

mod addresses;
mod agents;
mod certificates;
mod clients;
mod configured;
mod connections;
mod connectors;
mod duplicates;
mod hosts;
mod jobs;
mod settings;
mod systems;
mod versions;
mod view;
mod words;

use std::collections::BTreeSet;

use jiff::Timestamp;

pub(super) use jobs::connectors_of;
pub(super) use view::View;
pub(super) use words::{same, version_text};

use super::catalogue::rule;
use super::{Configuration, Declared, Observed};
use crate::preflight::Finding;

/// What an audit looks at.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The inventory.
    pub declared: &'a Declared,
    /// The server's configuration, if it was read.
    pub configuration: Option<&'a Configuration>,
    /// The hosts, if they were asked.
    pub observed: Option<&'a Observed>,
    /// What else rules depend on.
    pub options: &'a CheckOptions,
}

/// What else rules depend on.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// What is expired by now.
    pub now: Timestamp,
    /// Under how many days something expires soon.
    pub expires_within: u32,
    /// The version of the server, such as `6.2.1`.
    pub server_version: Option<String>,
}

/// A rule: looks and adds what it finds.
type Check = fn(&View<'_>, &mut Vec<Finding>);

const CHECKS: &[Check] = &[
    hosts::unreachable,
    hosts::installed,
    agents::variable,
    agents::reserved,
    agents::twice,
    agents::case,
    agents::without_host,
    agents::not_configured,
    agents::idle,
    agents::running,
    agents::not_used,
    addresses::uris,
    addresses::mismatch,
    addresses::overrides,
    addresses::bindings,
    connectors::without_agent,
    connectors::mismatch,
    connectors::twice,
    connectors::unknown,
    connectors::identifiers,
    systems::twice,
    systems::conflicts,
    systems::addresses,
    systems::unreachable,
    duplicates::declared,
    duplicates::configured,
    connections::identifiers,
    connections::connectors,
    connections::missing,
    connections::leftover,
    connections::outside,
    jobs::agents,
    jobs::steps,
    jobs::tasks,
    configured::oddities,
    clients::overrides,
    clients::dates,
    clients::hashes,
    clients::secrets,
    clients::defaults,
    settings::application_uri,
    settings::left_behind,
    versions::versions,
    certificates::certificates,
];

/// Compares the sources: findings, worst first, then by id, subject and place; one for each id and subject.
#[must_use]
pub fn check(sources: Sources<'_>) -> Vec<Finding> {
    let view = View::new(sources);
    let mut findings = Vec::new();
    for check in CHECKS {
        check(&view, &mut findings);
    }
    findings.retain(|finding| view.concerns(finding));
    let mut known = BTreeSet::new();
    findings.retain(|finding| known.insert((finding.id.clone(), finding.subject.clone())));
    sort(&mut findings);
    findings
}

/// Worst first, then by id, subject and place.
pub(super) fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        (b.severity, &a.id, &a.subject, &a.place).cmp(&(a.severity, &b.id, &b.subject, &b.place))
    });
}

/// Why a finding matters.
#[must_use]
pub fn why(id: &str) -> Option<&'static str> {
    rule(id).map(|rule| rule.why)
}
