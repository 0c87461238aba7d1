//! Where agents answer: the address in the inventory, in the configuration and in the server's overrides, the site's binding
//! and its certificate. They all have to be about one name.

use super::agents::{on_agent, subject};
use super::view::View;
use super::words::{names, same};
use crate::audit::Usage;
use crate::audit::catalogue as rules;
use crate::preflight::Finding;
use crate::preflight::host::{INTEGRATED, odd_uri, of_uri};

/// Addresses that are none, or not in lower case.
pub(super) fn uris(view: &View<'_>, findings: &mut Vec<Finding>) {
    let declared = view
        .declared_agents()
        .filter_map(|(host, agent)| Some((&agent.identifier, agent.uri.as_ref()?, &host.place)));
    let configured =
        view.agents.values().filter_map(|agent| Some((&agent.identifier, agent.uri.as_ref()?, &agent.place)));
    let overrides = view.configuration.into_iter().flat_map(|configuration| &configuration.server.agent_uris);
    let overrides = overrides.map(|(agent, (uri, place))| (agent, uri, place));
    for (agent, uri, place) in declared.chain(configured).chain(overrides) {
        // The hint of a preflight says why as well, which an audit says of all findings.
        if let Some((message, _)) = odd_uri(uri) {
            let found = rules::AGENT_URI.found(format!("agent {agent}"), &**place, message);
            findings.push(found.of_agent(agent));
        }
    }
}

/// The address of an agent that counts, and its place: the server's override, then the XML, then the inventory.
fn effective<'a>(view: &View<'a>, agent: &str) -> Option<(&'a str, &'a str)> {
    // Keys of .NET's settings are the same whatever the case.
    let overrides = view.configuration.and_then(|configuration| {
        let mut uris = configuration.server.agent_uris.iter();
        uris.find(|(name, _)| same(name, agent)).map(|(_, uri)| uri)
    });
    let configured =
        view.agents.get(agent).and_then(|agent| Some((agent.uri.as_deref()?, agent.place.as_str())));
    let declared = || {
        let (host, agent) = view.declared_agents().find(|(_, one)| one.identifier == agent)?;
        Some((agent.uri.as_deref()?, host.place.as_str()))
    };
    overrides.map(|(uri, place)| (uri.as_str(), place.as_str())).or(configured).or_else(declared)
}

/// Whether two addresses are one: scheme, name and port count, a slash at the end does not.
fn equal(a: &str, b: &str) -> bool {
    let clean = |uri: &str| uri.trim_end_matches('/').to_lowercase();
    clean(a) == clean(b) || (of_uri(a).is_some() && of_uri(a) == of_uri(b))
}

/// Inventory against configuration.
pub(super) fn mismatch(view: &View<'_>, findings: &mut Vec<Finding>) {
    if view.configuration.is_none() {
        return;
    }
    for (host, agent) in view.declared_agents() {
        let name = agent.identifier.as_str();
        if !view.agents.contains_key(name) {
            continue;
        }
        let Some((declared, (uri, place))) = agent.uri.as_deref().zip(effective(view, name)) else {
            continue;
        };
        if !equal(declared, uri) {
            let message = format!(
                "the agent `{name}` is at `{uri}` by the configuration ({place}), and at `{declared}` by the inventory"
            );
            let found = rules::AGENT_URI_MISMATCH.found(format!("agent {name}"), &*host.place, message);
            findings.push(found.of_agent(name));
        }
    }
}

/// The server's overrides against the XML.
pub(super) fn overrides(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(configuration) = view.configuration else { return };
    for (name, (uri, place)) in &configuration.server.agent_uris {
        let spelt = view.spellings(name);
        let exact = view.agents.get(name.as_str());
        let found = match exact.or_else(|| spelt.iter().find_map(|name| view.agents.get(name))) {
            None if name == INTEGRATED => continue,
            None => rules::AGENT_OVERRIDE_UNKNOWN.found(
                format!("agent {name}"),
                &**place,
                format!("the server's settings override the address of `{name}`, which the configuration does not have"),
            ),
            Some(agent) => match &agent.uri {
                Some(hidden) if !equal(hidden, uri) => rules::AGENT_URI_OVERRIDE.found(
                    format!("agent {name}"),
                    &**place,
                    format!("the server's settings have `{uri}` for `{name}`, which hides `{hidden}` ({})", agent.place),
                ),
                _ => continue,
            },
        };
        findings.push(found.of_agent(name));
    }
}

/// The address against the site on the host and its certificate.
pub(super) fn bindings(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (host, one) in view.installations() {
        let Some((agent, _)) = &one.agent else { continue };
        let Some((uri, place)) = effective(view, agent) else { continue };
        let Some((name, _)) = of_uri(uri) else { continue };
        // A binding without a host name takes whatever name is asked for.
        let any = one.host_names.is_empty() || one.host_names.iter().any(String::is_empty);
        if !any && !one.host_names.iter().any(|bound| bound.eq_ignore_ascii_case(&name)) {
            let bound = names(one.host_names.iter().map(String::as_str));
            let message = format!(
                "the agent `{agent}` is at `{name}` ({place}), and its site on `{host}` listens to {bound}"
            );
            let found =
                rules::AGENT_BINDING_MISMATCH.found(subject(host, one), format!("{host}:site"), message);
            findings.push(on_agent(found, host, one));
        }
        for certificate in one.certificates.iter().filter(|certificate| certificate.usage == Usage::Tls) {
            let Some(own) = certificate.judged.iter().find(|judged| !judged.chain) else { continue };
            let Some(certified) = own.host_names() else { continue };
            if !certified.iter().any(|pattern| covers(pattern, &name)) {
                let whose = if certified.is_empty() {
                    "no name".to_owned()
                } else {
                    names(certified.iter().map(String::as_str))
                };
                let message = format!(
                    "the agent `{agent}` is at `{name}` ({place}), and the certificate of its site is for {whose}"
                );
                let found =
                    rules::AGENT_CERTIFICATE_NAME.found(subject(host, one), &*certificate.place, message);
                findings.push(on_agent(found, host, one));
            }
        }
    }
}

/// Whether the name of a certificate covers a host's; a star stands for one label (RFC 6125, 6.4.3).
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix("*.") {
        None => pattern.eq_ignore_ascii_case(name),
        Some(domain) => name.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(domain)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_label() {
        assert!(covers("Agent.example", "agent.example"));
        assert!(covers("*.corp.example", "a.corp.example"));
        assert!(!covers("*.corp.example", "a.b.corp.example"));
        assert!(!covers("*.corp.example", "corp.example"));
    }

    #[test]
    fn addresses_are_one_with_port_and_slash_written_or_not() {
        assert!(equal("https://a.example", "https://a.example:443/"));
        assert!(!equal("https://a.example", "https://a.example:8443"));
        assert!(!equal("https://a.example", "https://b.example"));
    }
}
