//! `paceline preflight -i`: asks the hosts of an inventory. Nothing is changed on them, and no run is made.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::CommandError;
use super::args::Global;
use super::asking::Asking;
use super::load;
use super::preflight::PreflightArgs;
use super::preflight_variables::{self, Digests};
use super::terminal::Environment;
use crate::executor::{ExamineHost, Examined};
use crate::inventory::{Agent, HostName};
use crate::operation::preflight::HostPreflight;
use crate::preflight::certificate::Policy;
use crate::preflight::host::{AssignedAgents, Question};
use crate::preflight::{AskedHost, Finding, Severity};
use crate::report::Findings;
use crate::transport::TransportError;

/// Asks the hosts; what they answered, and whether all of them did.
pub(super) fn ask(
    args: &PreflightArgs,
    policy: &Policy,
    global: &Global,
    environment: &Environment,
) -> Result<Findings, CommandError> {
    let loaded = load::inventory(&args.inventory, None, global, environment)?;
    loaded.check(environment)?;
    let hosts = loaded.select(args.inventory.limit.as_deref(), environment)?;
    if hosts.is_empty() {
        return Err(CommandError::user("no host is selected")
            .hint("`paceline inventory list` shows what there is; `-l` selects"));
    }
    let asking = Asking::new(&args.asked, &loaded, environment)?;
    let mut findings = asking.twice(&hosts);
    let (mut asked, mut digests) = (Vec::new(), Digests::default());
    for host in &hosts {
        let (host, found) = asking.preflight(host, policy, &mut digests)?;
        asked.push(host);
        findings.extend(found);
    }
    let mut report = Findings { findings, ..Findings::default() };
    for examined in asking.all(asked, args.asked.forks)? {
        add(&mut report, examined);
    }
    Ok(report)
}

/// Adds what one host answered.
fn add(report: &mut Findings, examined: Examined) {
    let name = examined.name.0.to_string();
    let mut answered = true;
    match examined.outcome {
        Ok(mut outcome) => {
            let mut take = |name: &str| outcome.result.remove(name).unwrap_or(Value::Array(Vec::new()));
            let findings: Vec<Finding> = serde_json::from_value(take("findings")).unwrap_or_default();
            report
                .certificates
                .extend(serde_json::from_value::<Vec<_>>(take("certificates")).unwrap_or_default());
            if outcome.failed && findings.is_empty() {
                let said = outcome.result.get("msg").and_then(Value::as_str).unwrap_or_default();
                let (said, hint) = said.split_once("\nhint: ").unwrap_or((said, "look at the host"));
                let message = format!("`{name}` could not look: {said}");
                report.findings.push(
                    Finding::new("preflight-incomplete", Severity::Error, &*name, message, hint).on(&name),
                );
            }
            report.findings.extend(findings);
        }
        Err(no) => {
            answered = no.refused;
            let id = if no.refused { "requirement-privilege" } else { "host-unreachable" };
            let (said, hint) = no.message.split_once("\nhint: ").unwrap_or((&no.message, ""));
            let hint = no.hint.as_deref().unwrap_or(hint);
            let how = if no.refused { "cannot be looked at" } else { "did not answer" };
            let message = format!("`{name}` {how}: {said}");
            report.findings.push(Finding::new(id, Severity::Error, &*name, message, hint).on(&name));
        }
    }
    report.hosts.push(AskedHost { host: name, answered });
}

/// What preflight asks of the hosts.
impl Asking<'_> {
    /// Agents that are assigned to several hosts of the inventory, as far as the asked ones have to do with it.
    fn twice(&self, asked: &[HostName]) -> Vec<Finding> {
        let agents = |host: &HostName| {
            let value = self.variable(host, "agent").ok().flatten()?;
            let agents = Agent::read(&value).ok()?;
            let identifiers: Vec<String> = agents.into_iter().map(|agent| agent.identifier).collect();
            Some((host.clone(), identifiers, self.agents_place(host)))
        };
        let hosts: Vec<_> = self.loaded.inventory.hosts.keys().filter_map(agents).collect();
        let of_asked: BTreeSet<&str> = hosts
            .iter()
            .filter(|(host, ..)| asked.contains(host))
            .flat_map(|(_, agents, _)| agents.iter().map(String::as_str))
            .collect();
        let mut findings = AssignedAgents { hosts: hosts.clone() }.twice();
        findings.retain(|finding| finding.agent.as_deref().is_some_and(|agent| of_asked.contains(agent)));
        findings
    }

    /// What a host is asked, and what can be said of it before.
    fn preflight(
        &self,
        host: &HostName,
        policy: &Policy,
        digests: &mut Digests,
    ) -> Result<(ExamineHost, Vec<Finding>), CommandError> {
        let wrong = |error: TransportError| CommandError::failed(error);
        let mut findings = Vec::new();
        let agents = match self.variable(host, "agent").map_err(wrong)? {
            None => Vec::new(),
            Some(value) => Agent::read(&value).unwrap_or_else(|error| {
                let place = self.agents_place(host);
                let message = format!("the variable `agent` of `{}` assigns no agent: {error}", host.0);
                let hint =
                    error.hint.as_deref().unwrap_or("`identifier`, `uri` and `connectors` belong there");
                let (id, severity) = match error.meant {
                    true => ("agent-malformed", Severity::Error),
                    false => ("agent-variable", Severity::Info),
                };
                findings.push(Finding::new(id, severity, place, message, hint).on(&host.0));
                Vec::new()
            }),
        };
        let mut options = match self.variable(host, "preflight").map_err(wrong)? {
            None => Map::new(),
            Some(Value::Object(options)) => options,
            Some(_) => {
                return Err(CommandError::user(format!(
                    "the variable `preflight` of `{}` is no mapping",
                    host.0
                ))
                .hint("`folder`, `server`, `certificates` and the like belong there"));
            }
        };
        // The variables of the shipped playbooks say it where `preflight` does not. What they need may not be at hand: then it
        // is told what nobody looked at.
        let named = Question { agents: agents.clone(), ..Question::default() };
        let host_name = named.names().into_iter().next();
        let known = |name: &str| self.variable(host, name).map_err(|error| error.to_string());
        let unknown = preflight_variables::add(&mut options, host_name.as_deref(), &known);
        if !unknown.is_empty() {
            let names = unknown.join("`, `");
            let message =
                format!("`{names}` of `{}` cannot be made, so what they say is not looked at", host.0);
            let hint = "give the file of secrets with `-e @FILE`";
            let place = format!("{}:{}", host.0, unknown[0]);
            findings
                .push(Finding::new("preflight-variable", Severity::Info, place, message, hint).on(&host.0));
        }
        let mut question = Question::read(&host.0, agents, &options).map_err(|error| {
            CommandError::user(format!("the variable `preflight` of `{}`: {error}", host.0))
        })?;
        question.agents_place = self.agents_place(host);
        question.look_at_shipped(|path| digests.of(path));
        let operation = Box::new(HostPreflight::new(question, policy.clone(), None));
        Ok((self.host(host, operation), findings))
    }
}
