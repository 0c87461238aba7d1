//! Versions of agents: not newer than the server, not older either, and one for all.

use std::collections::BTreeMap;

use super::agents::{on_agent, subject};
use super::view::View;
use super::words::{names, version, version_text};
use crate::audit::catalogue as rules;
use crate::preflight::Finding;

pub(super) fn versions(view: &View<'_>, findings: &mut Vec<Finding>) {
    let server = view.options.server_version.as_deref().and_then(version);
    let mut seen: BTreeMap<Vec<u64>, Vec<&str>> = BTreeMap::new();
    for (host, one) in view.installations() {
        let Some(own) = one.version.as_deref().and_then(version) else { continue };
        seen.entry(own.clone()).or_default().push(host);
        let Some(server) = &server else { continue };
        // As exact as the server's was told: 6.2 says nothing about what is behind it.
        let told = &own[..own.len().min(server.len())];
        let (rule, how) = match told.cmp(server) {
            std::cmp::Ordering::Less => (&rules::VERSION_OLDER, "older"),
            std::cmp::Ordering::Greater => (&rules::VERSION_NEWER, "newer"),
            std::cmp::Ordering::Equal => continue,
        };
        let shown = one.version.as_deref().map(version_text).unwrap_or_default();
        let wanted = view.options.server_version.as_deref().map(version_text).unwrap_or_default();
        let message = format!("the agent on `{host}` has version {shown}, {how} than the server's {wanted}");
        let found = rule.found(subject(host, one), format!("{host}:{}", one.folder), message);
        findings.push(on_agent(found, host, one));
    }
    if server.is_none() && seen.len() > 1 {
        let parts: Vec<String> = seen
            .iter()
            .rev()
            .map(|(numbers, hosts)| {
                let text: Vec<String> = numbers.iter().map(u64::to_string).collect();
                format!("{} on {}", text.join("."), names(hosts.iter().copied()))
            })
            .collect();
        let oldest = seen.values().next().and_then(|hosts| hosts.first()).copied().unwrap_or_default();
        let message = format!("agents have different versions: {}", parts.join("; "));
        findings.push(rules::VERSIONS_DIFFER.found("versions", format!("{oldest}:version"), message));
    }
}
