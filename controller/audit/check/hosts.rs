//! Hosts: whether they answer, and whether they run what the inventory gives them.

use super::view::View;
use super::words::names;
use crate::audit::Installation;
use crate::audit::catalogue as rules;
use crate::preflight::Finding;

/// Hosts that did not answer.
pub(super) fn unreachable(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (host, seen) in view.observed.into_iter().flat_map(|observed| &observed.hosts) {
        let Some(reason) = &seen.no_answer else { continue };
        let (reason, hint) = reason.split_once("\nhint: ").unwrap_or((reason, ""));
        let message = format!("`{host}` did not answer: {reason}");
        let mut finding = rules::HOST_UNREACHABLE.found(format!("host {host}"), &**host, message).on(host);
        if !hint.is_empty() {
            hint.clone_into(&mut finding.hint);
        }
        findings.push(finding);
    }
}

/// Agents that the inventory gives to a host, and that are not there or are others.
pub(super) fn installed(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(observed) = view.observed else { return };
    for host in &view.declared.hosts {
        let Some(seen) = observed.hosts.get(&host.name).filter(|seen| seen.no_answer.is_none()) else {
            continue;
        };
        let named = |one: &&Installation| one.agent.is_some();
        let is = |agent: &str, one: &Installation| {
            one.agent.as_ref().is_some_and(|(name, _)| view.is_one(name, agent))
        };
        let meant = |one: &Installation| host.agents.iter().any(|agent| is(&agent.identifier, one));
        // Installations that nobody asked for may be the missing ones under another name.
        let mut others = seen.installations.iter().filter(named).filter(|one| !meant(one));
        let mut nameless = seen.installations.iter().filter(|one| one.agent.is_none() && one.vault.is_none());
        let hidden = seen.installations.iter().any(|one| one.agent.is_none() && one.vault.is_some());
        for agent in &host.agents {
            let identifier = agent.identifier.as_str();
            if seen.installations.iter().any(|one| is(identifier, one)) || hidden {
                continue;
            }
            let finding = if let Some((other, place)) = others.next().and_then(|one| one.agent.as_ref()) {
                let message = format!(
                    "`{}` should run the agent `{identifier}` ({}), and its settings name `{other}`",
                    host.name, host.place
                );
                rules::AGENT_IDENTIFIER_MISMATCH.found(
                    format!("agent {identifier} on {}", host.name),
                    &**place,
                    message,
                )
            } else if let Some(one) = nameless.next() {
                let place = format!("{}:{}", host.name, one.folder);
                let message = format!("the settings in `{}` on `{}` name no agent", one.folder, host.name);
                rules::AGENT_IDENTIFIER_MISSING.found(
                    format!("agent {identifier} on {}", host.name),
                    place,
                    message,
                )
            } else {
                let others: Vec<&str> = seen
                    .installations
                    .iter()
                    .filter_map(|one| one.agent.as_ref())
                    .map(|(name, _)| &**name)
                    .collect();
                let there = if others.is_empty() { "no agent".to_owned() } else { names(others) };
                let message = format!("the agent `{identifier}` is not on `{}`; there is {there}", host.name);
                rules::AGENT_NOT_INSTALLED.found(
                    format!("agent {identifier} on {}", host.name),
                    &*host.place,
                    message,
                )
            };
            findings.push(finding.on(&host.name).of_agent(identifier));
        }
    }
}
