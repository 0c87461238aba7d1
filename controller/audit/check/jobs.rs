//! Jobs and tasks: a job runs on one agent, and each task belongs on the agent of its connector.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::view::View;
use super::words::{fold, hinted, names};
use crate::audit::catalogue as rules;
use crate::audit::{Job, Task};
use crate::preflight::Finding;

/// Tasks that do their work on an agent. All others run on the server ("Tasks").
const ON_AGENTS: &[&str] = &[
    "ExportTask",
    "PrepareSynchronizationTask",
    "FulfillTask",
    "InvokeSqlCommandTask",
    "InvokeExpressionTask",
    "InvokeApiTask",
];

/// The connectors that a task works for: its own, that of its connection, and those of its resource types.
pub(in crate::audit) fn connectors_of<'a>(view: &View<'a>, task: &'a Task) -> BTreeSet<&'a str> {
    let connection = task.connection.as_deref().and_then(|name| view.connections.get(&fold(name)));
    let own = task.connector.as_deref().or_else(|| connection.map(|one| one.connector.as_str()));
    own.into_iter().chain(task.resource_connectors.iter().map(String::as_str)).collect()
}

/// A connector of a task that is on another agent, and that agent.
fn elsewhere<'a>(view: &View<'a>, task: &'a Task, own: &str) -> Option<(&'a str, &'a str)> {
    connectors_of(view, task).into_iter().find_map(|name| {
        let agent = view.connectors.get(name)?.agent.as_deref().filter(|agent| view.is_configured(agent))?;
        (agent != own).then_some((name, agent))
    })
}

fn found(rule: &rules::Rule, job: &Job, message: String) -> Finding {
    let found = rule.found(format!("job {}", job.identifier), job.agent_at(), message);
    match &job.agent {
        Some(agent) => found.of_agent(agent),
        None => found,
    }
}

/// Jobs on agents that nobody knows, on several agents, or on another one than their tasks' connectors.
pub(super) fn agents(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(configuration) = view.configuration else { return };
    for job in &configuration.jobs {
        let name = &job.identifier;
        let tasks = || job.tasks.iter().filter_map(|index| configuration.tasks.get(*index));
        let known = |agent: &&str| view.is_configured(agent);
        if let Some(agent) = job.agent.as_deref().filter(|agent| !known(agent)) {
            let message =
                format!("the job `{name}` is on the agent `{agent}`, which the configuration does not have");
            let finding = found(&rules::JOB_AGENT_UNKNOWN, job, message);
            findings.push(hinted(finding, view.configured_like(agent)));
        }
        let own = job.agent.as_deref().filter(known);
        let agents: BTreeSet<&str> =
            own.into_iter().chain(tasks().filter_map(|task| task.agent.as_deref()).filter(known)).collect();
        if agents.len() > 1 {
            let message = format!("the job `{name}` and its tasks are on {}", names(agents));
            findings.push(found(&rules::JOB_MIXES_AGENTS, job, message));
            continue;
        }
        let Some(own) = own else { continue };
        let other = tasks()
            .filter(|task| task.agent.is_none() && ON_AGENTS.contains(&task.element.as_str()))
            .find_map(|task| elsewhere(view, task, own).map(|(connector, agent)| (task, connector, agent)));
        if let Some((task, connector, agent)) = other {
            let message = format!(
                "the job `{name}` is on the agent `{own}`, and its task `{}` works for the connector `{connector}` of the agent `{agent}`",
                task.identifier
            );
            findings.push(found(&rules::JOB_AGENT_MISMATCH, job, message).of_connector(connector));
        }
    }
}

/// Steps that name no task.
pub(super) fn steps(view: &View<'_>, findings: &mut Vec<Finding>) {
    for job in view.configuration.into_iter().flat_map(|configuration| &configuration.jobs) {
        if !job.unknown_steps.is_empty() {
            let steps = names(job.unknown_steps.iter().map(String::as_str));
            let message =
                format!("the job `{}` has steps for which there is no task: {steps}", job.identifier);
            findings.push(found(&rules::JOB_STEP_UNKNOWN, job, message));
        }
    }
}

/// What tasks name.
pub(super) fn tasks(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(configuration) = view.configuration else { return };
    let clients: HashSet<&str> =
        configuration.clients.iter().map(|client| client.identifier.as_str()).collect();
    let spelt: HashMap<String, &str> = view.connectors.keys().map(|name| (fold(name), *name)).collect();
    for job in &configuration.jobs {
        // A scaffolding of a connector that is not there makes no task that could say so.
        let Some(scaffolding) = &job.scaffolding else { continue };
        let unknown = scaffolding.connector.as_deref();
        if let Some(connector) = unknown.filter(|name| !view.connectors.contains_key(name)) {
            let message = format!(
                "the `{}` of the job `{}` names the connector `{connector}`, which the configuration does not have",
                scaffolding.element, job.identifier
            );
            let finding =
                rules::TASK_CONNECTOR_UNKNOWN.found(format!("job {}", job.identifier), &*job.place, message);
            let finding = hinted(finding, spelt.get(&fold(connector)).copied()).of_connector(connector);
            findings.push(finding);
        }
    }
    for task in &configuration.tasks {
        let name = &task.identifier;
        let mut add = |rule: &rules::Rule, message: String, meant: Option<&str>| {
            let finding = rule.found(format!("task {name}"), task.agent_at(), message);
            let mut finding = hinted(finding, meant);
            if let Some(agent) = &task.agent {
                finding = finding.of_agent(agent);
            }
            if let Some(connector) = connectors_of(view, task).first() {
                finding = finding.of_connector(connector);
            }
            findings.push(finding);
        };
        let lacks = "which the configuration does not have";
        if let Some(connector) = task.connector.as_deref().filter(|name| !view.connectors.contains_key(name))
        {
            add(
                &rules::TASK_CONNECTOR_UNKNOWN,
                format!("the task `{name}` names the connector `{connector}`, {lacks}"),
                spelt.get(&fold(connector)).copied(),
            );
        }
        if let Some(connection) = &task.connection
            && !view.connections.contains_key(&fold(connection))
        {
            add(
                &rules::TASK_CONNECTION_UNKNOWN,
                format!("the task `{name}` names the connection `{connection}`, {lacks}"),
                None,
            );
        }
        if let Some(client) = task.client.as_deref().filter(|client| !clients.contains(client)) {
            add(
                &rules::TASK_CLIENT_UNKNOWN,
                format!("the task `{name}` names the OpenId client `{client}`, {lacks}"),
                None,
            );
        }
        let Some(own) = task.agent.as_deref() else { continue };
        if !view.is_configured(own) {
            add(
                &rules::TASK_AGENT_UNKNOWN,
                format!("the task `{name}` is on the agent `{own}`, {lacks}"),
                view.configured_like(own),
            );
        } else if let Some((connector, agent)) = elsewhere(view, task, own) {
            add(
                &rules::TASK_AGENT_MISMATCH,
                format!(
                    "the task `{name}` is on the agent `{own}`, and its connector `{connector}` on `{agent}`"
                ),
                None,
            );
        }
    }
}
