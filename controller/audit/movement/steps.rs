//! The order of a move and of its way back, and a movement as text.
//!
//! What is bound to a host decides the order: settings before the deployment that needs them, no job in between, a complete synchronization after
//! it because the state of incremental ones stays in the old agent's `Work`, and secrets off the old host last, so that there is a way back.

use std::fmt;

use super::{JobFate, Movement};

/// Writes the steps.
pub(super) fn write(movement: &mut Movement) {
    let connector = &movement.connector;
    let (to, new) = (movement.to.as_str(), named(&movement.to_hosts, "the new host"));
    // What no agent serves has nothing that an old host could hold, run or give back.
    let from = movement.from.as_deref();
    let old = named(&movement.from_hosts, "the old host");
    let connections: Vec<String> =
        movement.connections.iter().map(|connection| format!("`{}`", connection.identifier)).collect();
    let (connections, their) = match connections.as_slice() {
        [] => ("its connections".to_owned(), "their"),
        [one] => (one.clone(), "its"),
        several => (several.join(", "), "their"),
    };
    let running: Vec<String> = movement
        .jobs
        .iter()
        .filter(|job| job.fate != JobFate::Joins)
        .map(|job| format!("`{}`", job.identifier))
        .collect();
    let mut steps = Vec::new();
    if !movement.declared {
        let with = format!("with `agent_connections` and secrets of {connections}");
        steps.push(match from {
            Some(from) => format!("inventory: move `{connector}` from `{from}` to `{to}`, {with}"),
            None => format!("inventory: add `{connector}` to `{to}`, {with}"),
        });
    }
    steps.push(match movement.managed_systems.as_slice() {
        [] => format!("check that {new} reaches the managed system; the inventory does not say where it is"),
        systems => format!("check that {new} reaches {}", systems.join(", ")),
    });
    steps.push(format!("{new}: settings of {connections}, with file paths below its `SourcesRootPaths`"));
    let secrets = movement.connections.iter().any(|connection| connection.secret != Some(false));
    if secrets {
        steps.push(match from {
            Some(_) => format!(
                "{new}: give the secrets anew; those of {old} are encrypted with its certificate, and what the UI saved is in its `Work`"
            ),
            None => format!("{new}: give the secrets"),
        });
    }
    let resumes = if from.is_some() { "; a blocked one resumes on the old agent" } else { "" };
    match running.as_slice() {
        [] if from.is_none() => {}
        [] => steps.push(format!("wait until no job with `{connector}` runs{resumes}")),
        [job] => steps.push(format!("wait until {job} does not run{resumes}")),
        jobs => steps.push(format!("wait until {} do not run{resumes}", jobs.join(", "))),
    }
    steps.push(format!(
        "edit the XML: {}",
        match movement.changes.len() {
            1 => "the change above".to_owned(),
            count => format!("the {count} changes above"),
        }
    ));
    steps.push("Usercube-Deploy-Configuration with --simulate-only, review, then without".to_owned());
    steps.push(format!("check the connections of `{connector}` in the UI, and refresh their schemas"));
    steps.push(match movement.complete_jobs.as_slice() {
        [] => format!("synchronize `{connector}` completely: no job does it on `{to}`, so write one first"),
        jobs => format!(
            "synchronize it completely by `{}`, and compare counts with thresholds",
            jobs.join("` or `")
        ),
    });
    let mut rollback = vec!["deploy the previous XML".to_owned()];
    if let Some(from) = from {
        steps.push(format!("{old}: remove {connections} with {their} secrets (`-e finish=true`)"));
        rollback.push(format!("{old}: restore {connections} if removed (`paceline rollback`)"));
        rollback.push(format!("synchronize `{connector}` completely on `{from}`"));
    }
    rollback.push(format!("{new}: remove {connections}"));
    (movement.steps, movement.rollback) = (steps, rollback);
}

fn named(hosts: &[String], none: &str) -> String {
    match hosts {
        [] => none.to_owned(),
        hosts => hosts.join(" and "),
    }
}

impl fmt::Display for Movement {
    /// Writes it for people, a line for each thing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |agent: &str, hosts: &[String]| match hosts {
            [] => agent.to_owned(),
            hosts => format!("{agent} ({})", hosts.join(", ")),
        };
        let from = self.from.as_deref().map_or("no agent".to_owned(), |from| of(from, &self.from_hosts));
        writeln!(f, "connector {}: {from} -> {}", self.connector, of(&self.to, &self.to_hosts))?;
        for problem in &self.problems {
            writeln!(f, "problem: {problem}")?;
        }
        if !self.problems.is_empty() {
            return Ok(());
        }
        writeln!(f, "connections:")?;
        for connection in &self.connections {
            write!(f, "  {}", connection.identifier)?;
            if let Some(package) = &connection.package {
                write!(f, " ({package})")?;
            }
            match connection.on_new {
                Some(true) => write!(f, ", on the new host")?,
                Some(false) => write!(f, ", missing on the new host")?,
                None => {}
            }
            if connection.secret == Some(true) {
                write!(f, ", with secrets")?;
            }
            if let Some(path) = &connection.path {
                write!(f, ", {path}")?;
            }
            writeln!(f)?;
        }
        writeln!(f, "jobs:")?;
        for job in &self.jobs {
            let schedule = job.schedule.as_ref().map(|cron| format!(" ({cron})")).unwrap_or_default();
            let fate = match job.fate {
                JobFate::Moves => "moves",
                JobFate::Split => "has to be split",
                JobFate::Follows => "follows by itself",
                JobFate::Leaves => "goes on without it",
                JobFate::Joins => "takes it in",
                JobFate::Stays => "stays",
            };
            writeln!(f, "  {}{schedule}: {fate}", job.identifier)?;
        }
        writeln!(f, "changes of the XML:")?;
        for change in &self.changes {
            writeln!(f, "  {}", change.place)?;
            writeln!(f, "    {}", change.what)?;
        }
        for (title, steps) in [("order:", &self.steps), ("way back:", &self.rollback)] {
            writeln!(f, "{title}")?;
            for (number, step) in steps.iter().enumerate() {
                writeln!(f, "  {}. {step}", number + 1)?;
            }
        }
        Ok(())
    }
}
