//! Managed systems, as the inventory names them.

use std::collections::{BTreeMap, BTreeSet};

use super::view::View;
use super::words::names;
use crate::audit::catalogue as rules;
use crate::inventory::ManagedSystem;
use crate::preflight::Finding;
use crate::preflight::host::{Reached, of_address};

/// Managed systems that several agents go to.
pub(super) fn twice(view: &View<'_>, findings: &mut Vec<Finding>) {
    let mut agents: BTreeMap<&str, (BTreeSet<&str>, &str)> = BTreeMap::new();
    for (host, agent, connector, system) in view.managed_systems() {
        let active =
            view.connectors.get(connector.identifier.as_str()).is_none_or(|connector| !connector.deactivated);
        let serving = view.agent_of(&connector.identifier).unwrap_or(&agent.identifier);
        if active {
            agents.entry(&system.name).or_insert((BTreeSet::new(), &host.place)).0.insert(serving);
        }
    }
    for (system, (agents, place)) in agents {
        let different: BTreeSet<String> = agents.iter().map(|agent| view.canonical(agent)).collect();
        if different.len() > 1 && agents.iter().any(|agent| view.selects(Some(agent))) {
            let message = format!("connectors of {} go to the managed system `{system}`", names(agents));
            findings.push(rules::MANAGED_SYSTEM_TWO_AGENTS.found(
                format!("managed system {system}"),
                place,
                message,
            ));
        }
    }
}

/// Managed systems that the inventory describes in two ways.
pub(super) fn conflicts(view: &View<'_>, findings: &mut Vec<Finding>) {
    let mut first: BTreeMap<&str, (&ManagedSystem, &str)> = BTreeMap::new();
    let differ = |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
    for (host, agent, connector, system) in view.managed_systems() {
        let (known, place) = *first.entry(&system.name).or_insert((system, &host.place));
        let (what, one, other) = if differ(&known.address, &system.address) {
            ("addresses", &known.address, &system.address)
        } else if differ(&known.kind, &system.kind) {
            ("kinds", &known.kind, &system.kind)
        } else {
            continue;
        };
        let both = names([one, other].into_iter().flatten().map(String::as_str));
        let message = format!(
            "the managed system `{}` has different {what}: {both} (the first at {place})",
            system.name
        );
        let found = rules::MANAGED_SYSTEM_CONFLICT.found(
            format!("managed system {}", system.name),
            &*host.place,
            message,
        );
        findings.push(found.of_agent(&agent.identifier).of_connector(&connector.identifier));
    }
}

/// Addresses that nobody can connect to.
pub(super) fn addresses(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (host, agent, connector, system) in view.managed_systems() {
        let Some(address) = system.address.as_deref().filter(|address| of_address(address).is_none()) else {
            continue;
        };
        let message =
            format!("`{address}` of the managed system `{}` is no address to connect to", system.name);
        let found = rules::MANAGED_SYSTEM_ADDRESS.found(
            format!("managed system {}", system.name),
            &*host.place,
            message,
        );
        findings.push(found.on(&host.name).of_agent(&agent.identifier).of_connector(&connector.identifier));
    }
}

/// Managed systems that the host of the serving agent does not reach.
pub(super) fn unreachable(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(observed) = view.observed else { return };
    for (declared, _, connector, system) in view.managed_systems() {
        let (Some(address), Some(agent)) = (&system.address, view.agent_of(&connector.identifier)) else {
            continue;
        };
        for host in view.hosts_of(agent) {
            let seen = observed.hosts.get(host).and_then(|seen| seen.reached.get(address));
            let Some(Reached::No(reason)) = seen else { continue };
            let message = format!(
                "`{host}` cannot reach {address}: {reason} (`{}`, connector `{}`)",
                system.name, connector.identifier
            );
            let found = rules::MANAGED_SYSTEM_UNREACHABLE.found(
                format!("connector {}", connector.identifier),
                &*declared.place,
                message,
            );
            findings.push(found.on(host).of_agent(agent).of_connector(&connector.identifier));
        }
    }
}
