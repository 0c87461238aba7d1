//! Answers to one question of an audit: who serves a connector, what stops with an agent, who else could serve.

use std::io::Write;

use super::audit::{cell, rest, rows};
use super::findings::paragraph;
use crate::audit::{AgentRow, Audit, ConnectorRow, CouldServe, JobRow, SystemRow};
use crate::hostlog::sanitize_line;
use crate::source::counted;

fn say(out: &mut dyn Write, text: &str) -> std::io::Result<()> {
    paragraph(out, "", "  ", &sanitize_line(text))
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Writes who serves a connector; the audit is that of the connector alone.
pub fn audit_of_connector(audit: &Audit, color: bool, out: &mut dyn Write) -> std::io::Result<()> {
    for row in &audit.connectors {
        say(out, &serving(row))?;
        let (declared, agent) = (&row.declared, &row.agent);
        if !declared.is_empty() && agent.as_ref().is_none_or(|agent| declared != std::slice::from_ref(agent))
        {
            say(out, &format!("the inventory gives it to {}", list(declared)))?;
        }
        if !row.connections.is_empty() {
            say(out, &format!("its connections: {}", list(&row.connections)))?;
        }
    }
    writeln!(out)?;
    let systems = |system: &SystemRow| {
        let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![system.name.clone(), or(&system.kind), or(&system.address)]
    };
    rows(&["MANAGED SYSTEM", "KIND", "ADDRESS"], audit.managed_systems.iter().map(systems).collect(), out)?;
    rows(JOBS, audit.connectors.iter().flat_map(|row| &row.jobs).map(job).collect(), out)?;
    rest(audit, color, out)
}

fn serving(row: &ConnectorRow) -> String {
    let name = &row.identifier;
    let off = if row.deactivated { "; it is deactivated" } else { "" };
    match (&row.agent, row.hosts.as_slice()) {
        (None, _) => format!("nobody serves `{name}`: it has no agent{off}"),
        (Some(agent), _) if agent == "Local" => {
            format!("`{name}` is served by `{agent}`, the agent within the server{off}")
        }
        (Some(agent), []) => {
            format!("nobody serves `{name}`: its agent is `{agent}`, which no host runs{off}")
        }
        (Some(agent), hosts) => format!("`{name}` is served by `{agent}` on {}{off}", list(hosts)),
    }
}

const JOBS: &[&str] = &["JOB", "AGENT", "SCHEDULE"];

fn job(job: &JobRow) -> Vec<String> {
    let agent = job.agent.clone().unwrap_or_else(|| "server".to_owned());
    vec![job.identifier.clone(), agent, job.schedule.clone().unwrap_or_else(|| "-".to_owned())]
}

/// Writes what stops with an agent; the audit is that of the agent alone.
pub fn audit_of_agent(audit: &Audit, color: bool, out: &mut dyn Write) -> std::io::Result<()> {
    for agent in &audit.agents {
        say(out, &stopping(agent, audit))?;
        let only = |system: &&SystemRow| Audit::only_through(system, &agent.identifier);
        let alone: Vec<String> =
            audit.managed_systems.iter().filter(only).map(|system| system.name.clone()).collect();
        if !alone.is_empty() {
            say(out, &format!("nobody else goes to {}", list(&alone)))?;
        }
        for system in audit.managed_systems.iter().filter(|system| !only(system)) {
            let others: Vec<String> =
                system.agents.iter().filter(|other| **other != agent.identifier).cloned().collect();
            say(out, &format!("{} goes to `{}` as well", list(&others), system.name))?;
        }
        writeln!(out)?;
        let connector = |row: &ConnectorRow| {
            let off = if row.deactivated { "deactivated" } else { "" };
            vec![row.identifier.clone(), cell(&row.managed_systems), off.to_owned()]
        };
        rows(&["CONNECTOR", "MANAGED SYSTEM", ""], audit.connectors.iter().map(connector).collect(), out)?;
        rows(JOBS, agent.jobs.iter().map(job).collect(), out)?;
    }
    rest(audit, color, out)
}

fn stopping(agent: &AgentRow, audit: &Audit) -> String {
    let stops = [
        (audit.connectors.len(), "connector"),
        (agent.jobs.len(), "job"),
        (audit.managed_systems.len(), "managed system"),
    ];
    let stops: Vec<String> =
        stops.iter().filter(|(number, _)| *number > 0).map(|(number, one)| counted(*number, one)).collect();
    let stops = if stops.is_empty() { "nothing".to_owned() } else { stops.join(", ") };
    let name = &agent.identifier;
    match agent.hosts.as_slice() {
        [] => format!("no host runs `{name}`; it has {stops}"),
        hosts => format!("when {} stops, `{name}` stops, and with it {stops}", list(hosts)),
    }
}

/// Writes which agents' hosts reach the managed systems of a connector.
pub fn could_serve(connector: &str, could: &[CouldServe], out: &mut dyn Write) -> std::io::Result<()> {
    say(out, &format!("who reaches what `{connector}` connects to:"))?;
    let row = |one: &CouldServe| {
        let reached = match one.message.as_str() {
            "" => one.reached.clone(),
            message => format!("{}: {message}", one.reached),
        };
        let agent = if one.serves { format!("{} (serves it)", one.agent) } else { one.agent.clone() };
        vec![agent, one.host.clone(), one.address.clone(), reached]
    };
    rows(&["AGENT", "HOST", "ADDRESS", "REACHED"], could.iter().map(row).collect(), out)
}
