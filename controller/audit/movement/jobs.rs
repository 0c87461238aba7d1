//! What becomes of the jobs that a connector is in, and of its tasks.
//!
//! All tasks of a job run on one agent or on the server (page "Job"), so a job that serves other connectors as well has to be split.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::{Change, Movement, set_agent};
use crate::audit::{Configuration, Job, Task};

/// What happens to a job.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobFate {
    /// It is written for this connector alone: its agent changes.
    Moves,
    /// It serves other connectors too: the connector's tasks get a job of their own.
    Split,
    /// A scaffolding makes it, and follows `Connector@Agent`.
    Follows,
    /// A scaffolding makes it for the old agent: the connector drops out.
    Leaves,
    /// A scaffolding makes it for the new agent: the connector comes in.
    Joins,
    /// Only tasks of the server's are in it, or it is on the new agent already.
    Stays,
}

/// A job that needs the connector.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct MovedJob {
    /// Its identifier.
    pub identifier: String,
    /// Its schedule.
    pub schedule: Option<String>,
    /// The agent that it runs on today.
    pub agent: Option<String>,
    /// What happens to it.
    pub fate: JobFate,
    /// Whether it synchronizes incrementally.
    pub incremental: bool,
    /// `FILE:LINE`.
    pub place: String,
}

/// Judges all jobs, and notes what has to be edited for them.
pub(super) fn judge(movement: &mut Movement, configuration: &Configuration, changes: &mut Vec<Change>) {
    let (connector, to) = (movement.connector.clone(), movement.to.clone());
    let owners: HashMap<&str, &str> = configuration
        .connections
        .iter()
        .map(|connection| (connection.identifier.as_str(), connection.connector.as_str()))
        .collect();
    let about = |task: &Task| -> Vec<String> {
        let direct = task.connector.clone();
        let by_connection = task
            .connection
            .as_deref()
            .and_then(|connection| owners.get(connection))
            .map(|owner| (*owner).to_owned());
        let mut all: Vec<String> = direct.or(by_connection).into_iter().collect();
        all.extend(task.resource_connectors.iter().cloned());
        all.dedup();
        all
    };
    let mut in_jobs = HashSet::new();
    for job in &configuration.jobs {
        let tasks: Vec<(usize, &Task)> = job
            .tasks
            .iter()
            .filter_map(|number| configuration.tasks.get(*number).map(|task| (*number, task)))
            .collect();
        let own: Vec<&(usize, &Task)> =
            tasks.iter().filter(|(_, task)| about(task).contains(&connector)).collect();
        let joins = joins(job, movement, configuration);
        if own.is_empty() && !joins {
            continue;
        }
        in_jobs.extend(own.iter().map(|(number, _)| *number));
        let fate = if joins {
            JobFate::Joins
        } else if let Some(scaffolding) = &job.scaffolding {
            if scaffolding.connector.is_some() || job.connector_job {
                JobFate::Follows
            } else {
                JobFate::Leaves
            }
        } else {
            of_written(job, &tasks, &own, movement, &about, changes)
        };
        movement.jobs.push(MovedJob {
            identifier: job.identifier.clone(),
            schedule: job.cron.clone(),
            agent: job.agent.clone(),
            fate,
            incremental: job.incremental,
            place: job.place.clone(),
        });
        let prepares = own.iter().any(|(_, task)| task.element == "PrepareSynchronizationTask");
        let there = matches!(
            fate,
            JobFate::Moves | JobFate::Follows | JobFate::Split | JobFate::Joins | JobFate::Stays
        );
        if there && !job.incremental && !job.connector_job && !job.initialization && (prepares || joins) {
            movement.complete_jobs.push(job.identifier.clone());
        }
    }
    // Tasks that stand alone are moved whether a job uses them or not.
    for (number, task) in configuration.tasks.iter().enumerate() {
        let on_agent = task.agent.as_deref().is_some_and(|agent| agent != to);
        if !task.generated && on_agent && about(task).contains(&connector) {
            task_change(task, in_jobs.contains(&number), movement, &about(task), changes);
        }
    }
}

/// Whether a scaffolding for the new agent will take the connector in.
fn joins(job: &Job, movement: &Movement, configuration: &Configuration) -> bool {
    let Some(scaffolding) = &job.scaffolding else { return false };
    let active = configuration
        .connectors
        .iter()
        .any(|each| each.identifier == movement.connector && !each.deactivated)
        && !movement.connections.is_empty();
    scaffolding.connector.is_none()
        && !job.connector_job
        && job.agent.as_deref() == Some(movement.to.as_str())
        && movement.from.as_deref() != Some(movement.to.as_str())
        && active
}

/// A job that is written out.
fn of_written(
    job: &Job,
    tasks: &[(usize, &Task)],
    own: &[&(usize, &Task)],
    movement: &Movement,
    about: &dyn Fn(&Task) -> Vec<String>,
    changes: &mut Vec<Change>,
) -> JobFate {
    let to = movement.to.as_str();
    // A task without an agent is the server's, unless it is of a kind that only agents have.
    let on_agent = |task: &Task| {
        task.agent.is_some() || matches!(task.element.as_str(), "ExportTask" | "PrepareSynchronizationTask")
    };
    if !own.iter().any(|(_, task)| on_agent(task)) {
        return JobFate::Stays;
    }
    let others: BTreeMap<String, &Task> = tasks
        .iter()
        .filter(|(_, task)| on_agent(task) && !about(task).contains(&movement.connector))
        .filter(|(_, task)| task.agent.as_deref() != Some(to))
        .map(|(_, task)| (about(task).first().cloned().unwrap_or_else(|| task.identifier.clone()), *task))
        .collect();
    if !others.is_empty() {
        let names: Vec<String> = own.iter().map(|(_, task)| format!("`{}`", task.identifier)).collect();
        let rest: Vec<String> = others.keys().take(5).map(|name| format!("`{name}`")).collect();
        changes.push(Change {
            place: job.place.clone(),
            what: format!(
                "Job `{}` also serves {}: take {} out of it, into a job with Agent=\"{to}\"",
                job.identifier,
                rest.join(", "),
                names.join(", ")
            ),
        });
        return JobFate::Split;
    }
    if job.agent.as_deref() == Some(to) {
        return JobFate::Stays;
    }
    changes.push(Change {
        place: job.agent_at().to_owned(),
        what: set_agent("Job", &job.identifier, job.agent.as_deref(), to),
    });
    JobFate::Moves
}

fn task_change(task: &Task, in_job: bool, movement: &Movement, about: &[String], changes: &mut Vec<Change>) {
    let others: Vec<String> =
        about.iter().filter(|name| **name != movement.connector).map(|name| format!("`{name}`")).collect();
    let what = if others.is_empty() {
        let unused = if in_job { "" } else { " (no job uses it)" };
        set_agent(&task.element, &task.identifier, task.agent.as_deref(), &movement.to) + unused
    } else {
        format!(
            "{} `{}` is for {} too: split it, and give the part of `{}` Agent=\"{}\"",
            task.element,
            task.identifier,
            others.join(", "),
            movement.connector,
            movement.to
        )
    };
    changes.push(Change { place: task.agent_at().to_owned(), what });
}
