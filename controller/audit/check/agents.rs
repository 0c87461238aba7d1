//! Agents: who runs which one, and whether the server knows it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::view::View;
use super::words::names;
use crate::audit::catalogue as rules;
use crate::audit::{Installation, RunState};
use crate::inventory::HostName;
use crate::preflight::Finding;
use crate::preflight::host::{AssignedAgents, INTEGRATED, reserved as claims_reserved};

/// Variables `agent` that mean something else.
pub(super) fn variable(view: &View<'_>, findings: &mut Vec<Finding>) {
    // A variable of a group is one line for all of its hosts, and one finding.
    type Hosts<'v> = (Vec<&'v str>, &'v Option<String>, bool);
    let mut by_place: BTreeMap<(&str, &str), Hosts<'_>> = BTreeMap::new();
    for host in view.declared.hosts.iter().filter(|host| host.selected) {
        let Some((message, hint)) = &host.foreign else { continue };
        by_place
            .entry((&host.place, message))
            .or_insert((Vec::new(), hint, host.malformed))
            .0
            .push(&host.name);
    }
    for ((place, message), (hosts, hint, malformed)) in by_place {
        let Some(first) = hosts.first().copied() else { continue };
        let whose = names(hosts.iter().copied());
        let message = format!("the variable `agent` of {whose} assigns no agent: {message}");
        let rule = if malformed { &rules::AGENT_MALFORMED } else { &rules::AGENT_VARIABLE };
        let mut finding = rule.found(format!("host {first}"), place, message);
        if hosts.len() == 1 {
            finding = finding.on(first);
        }
        if let Some(hint) = hint {
            finding.hint.clone_from(hint);
        }
        findings.push(finding);
    }
}

/// Hosts that claim the agent within the server.
pub(super) fn reserved(view: &View<'_>, findings: &mut Vec<Finding>) {
    let declared = view.declared_agents().filter(|(_, agent)| agent.identifier == INTEGRATED);
    let declared = declared.map(|(host, _)| (host.name.as_str(), host.place.as_str()));
    let seen = view.installations().filter_map(|(host, one)| {
        let (agent, place) = one.agent.as_ref()?;
        (agent == INTEGRATED).then_some((host, place.as_str()))
    });
    findings.extend(
        declared.chain(seen).map(|(host, place)| claims_reserved(host, place).about(format!("host {host}"))),
    );
}

/// Agents on several hosts.
pub(super) fn twice(view: &View<'_>, findings: &mut Vec<Finding>) {
    let mut hosts: BTreeMap<&str, (BTreeSet<&str>, &str)> = BTreeMap::new();
    for host in &view.declared.hosts {
        let agents = host.agents.iter().map(|agent| agent.identifier.as_str()).collect();
        hosts.insert(&host.name, (agents, &host.place));
    }
    for (host, one) in view.installations() {
        if let Some((agent, place)) = &one.agent {
            hosts.entry(host).or_insert((BTreeSet::new(), place)).0.insert(agent);
        }
    }
    let hosts = hosts.into_iter().map(|(host, (agents, place))| {
        let agents = agents.into_iter().map(str::to_owned).collect();
        (HostName::from(host), agents, place.to_owned())
    });
    for finding in (AssignedAgents { hosts: hosts.collect() }).twice() {
        let agent = finding.agent.clone().unwrap_or_default();
        findings.push(finding.about(format!("agent {agent}")));
    }
}

/// Agents that differ in case only.
pub(super) fn case(view: &View<'_>, findings: &mut Vec<Finding>) {
    for spellings in view.spelt_differently() {
        let Some(last) = spellings.iter().next_back() else { continue };
        // What the configuration has is right, if it has one of them.
        let right = spellings.iter().find(|name| view.agents.contains_key(*name)).unwrap_or(last);
        let wrong = spellings.iter().find(|name| *name != right).unwrap_or(last);
        let message = format!("{} differ in upper and lower case only", names(spellings.iter().copied()));
        let found =
            rules::AGENT_NAME_CASE.found(format!("agent {right}"), view.place_of_agent(wrong), message);
        findings.push(found.of_agent(right));
    }
}

/// Agents of the configuration that nobody runs.
pub(super) fn without_host(view: &View<'_>, findings: &mut Vec<Finding>) {
    let known = view.declared_agents().map(|(_, agent)| agent.identifier.as_str());
    // One that runs under another spelling of the name has a finding already.
    let known: HashSet<String> =
        known.chain(view.running.keys().copied()).map(|agent| view.canonical(agent)).collect();
    for (name, agent) in view.agents.iter().filter(|(name, _)| **name != INTEGRATED) {
        // A host that should run it and runs another one has a finding already.
        if !known.contains(*name) {
            let message = format!("no host of the inventory runs the agent `{name}` of the configuration");
            let found = rules::AGENT_WITHOUT_HOST.found(format!("agent {name}"), &*agent.place, message);
            findings.push(found.of_agent(name));
        }
    }
}

/// Agents that the server does not know.
pub(super) fn not_configured(view: &View<'_>, findings: &mut Vec<Finding>) {
    if view.configuration.is_none() {
        return;
    }
    for name in view.running.keys() {
        // One that the configuration spells otherwise has a finding already.
        if view.is_configured(name) || view.configured_like(name).is_some() {
            continue;
        }
        let hosts = names(view.hosts_of(name));
        let message = format!("the configuration has no agent `{name}`, which runs on {hosts}");
        let found =
            rules::AGENT_NOT_CONFIGURED.found(format!("agent {name}"), view.place_of_agent(name), message);
        findings.push(found.of_agent(name));
    }
}

/// Agents without any work.
pub(super) fn idle(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(configuration) = view.configuration else { return };
    let connectors = configuration.connectors.iter().filter_map(|connector| connector.agent.as_deref());
    let jobs = configuration.jobs.iter().filter_map(|job| job.agent.as_deref());
    let tasks = configuration.tasks.iter().filter_map(|task| task.agent.as_deref());
    let busy: HashSet<String> =
        connectors.chain(jobs).chain(tasks).map(|agent| view.canonical(agent)).collect();
    for (name, agent) in &view.agents {
        // One that nobody runs has a finding already.
        let runs = *name == INTEGRATED || view.hosts_of(name).is_empty();
        if !runs && !busy.contains(*name) {
            let message = format!("no connector and no job of the configuration is on the agent `{name}`");
            let found = rules::AGENT_IDLE.found(format!("agent {name}"), &*agent.place, message);
            findings.push(found.of_agent(name));
        }
    }
}

/// Pools and sites that do not work.
pub(super) fn running(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (host, one) in view.installations() {
        let mut look = |rule: &rules::Rule, what: &str, state: &Option<RunState>| {
            let Some(RunState { name, state }) = state.as_ref().filter(|state| state.state != "Started")
            else {
                return;
            };
            let message = match state.as_str() {
                "missing" => format!("`{host}` has no {what} `{name}`"),
                state => format!("the {what} `{name}` on `{host}` is `{state}`, not `Started`"),
            };
            findings.push(on_agent(
                rule.found(subject(host, one), format!("{host}:{what} {name}"), message),
                host,
                one,
            ));
        };
        look(&rules::AGENT_POOL_STOPPED, "pool", &one.pool);
        look(&rules::AGENT_SITE_STOPPED, "site", &one.site);
    }
}

/// A server that uses no agents.
pub(super) fn not_used(view: &View<'_>, findings: &mut Vec<Finding>) {
    let place = view.configuration.and_then(|configuration| configuration.server.not_use_agent.as_ref());
    if let Some(place) = place {
        let message = "the server's settings say `NotUseAgent`: it uses no agent";
        let mut finding = rules::NOT_USE_AGENT.found("server", &**place, message);
        // Which of the server's files has it, only the place says.
        let file = place.rsplit_once(':').map_or(place.as_str(), |(file, _)| file);
        let file = file.rsplit_once('/').map_or(file, |(_, name)| name);
        finding.hint = format!("remove it from the server's `{file}`");
        findings.push(finding);
    }
}

/// What a finding about an installation is about: its agent, or its folder where it names none.
pub(super) fn subject(host: &str, one: &Installation) -> String {
    match &one.agent {
        Some((agent, _)) => format!("agent {agent} on {host}"),
        None => format!("folder {} on {host}", one.folder),
    }
}

/// Says on which host an installation is, and of which agent.
pub(super) fn on_agent(finding: Finding, host: &str, one: &Installation) -> Finding {
    let finding = finding.on(host);
    match &one.agent {
        Some((agent, _)) => finding.of_agent(agent),
        None => finding,
    }
}
