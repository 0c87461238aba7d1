//! The jobs that scaffoldings stand for, with the tasks that the product makes for them.
//!
//! What a scaffolding expands to is shown on its page of the reference; identifiers are made in the same way. Only the tasks that say
//! what runs where are made here: export, prepare, synchronize, fulfill. What the server does by itself afterwards is not.

use std::collections::HashMap;

use super::drafts::{Drafts, JobDraft, Notes, Part, TaskDraft, Use};
use super::model::{Job, Scaffolding, Task};
use crate::source::{Diagnostic, Severity};

/// Tasks that all scaffoldings together make.
const TASKS: usize = 1_000_000;

/// The agent of jobs that name none: the integrated one, as in the reference's examples.
const INTEGRATED: &str = "Local";

/// The client of jobs that name none (page "Create Agent Synchro Complete").
const CLIENT: &str = "Job";

/// Takes the jobs, and puts those of scaffoldings into their places; their tasks go to the others.
pub(super) fn expand(drafts: &mut Drafts, notes: &mut Notes) -> Vec<JobDraft> {
    let drafted = std::mem::take(&mut drafts.jobs);
    let mut maker = Maker { known: Known::of(drafts), tasks: Vec::new(), first: drafts.tasks.len() };
    let mut jobs = Vec::with_capacity(drafted.len());
    for draft in drafted {
        match draft.scaffolding().cloned() {
            None => jobs.push(draft),
            Some(scaffolding) => maker.expand(draft, &scaffolding, &mut jobs),
        }
        if maker.tasks.len() > TASKS {
            let message = format!("the scaffoldings make more than {TASKS} tasks");
            notes.push(
                Diagnostic { severity: Severity::Error, ..Diagnostic::bare(message) }
                    .hint("are connectors or scaffoldings there many times over?"),
            );
            break;
        }
    }
    let made = maker.tasks;
    drafts.tasks.extend(made.into_iter().map(|task| TaskDraft { task, resource_types: Vec::new() }));
    jobs
}

/// A connector as scaffoldings see it.
struct Served {
    identifier: String,
    agent: Option<String>,
    complete: Use,
    incremental: Use,
    /// Its connections: identifier, whether it exports, whether it fulfills.
    connections: Vec<(String, bool, bool)>,
}

struct Known {
    /// Connectors that are not deactivated and have connections, in order; of several definitions of one the last.
    connectors: Vec<Served>,
    by_agent: HashMap<String, Vec<usize>>,
    by_name: HashMap<String, usize>,
    /// The agents of all connectors.
    agents: HashMap<String, Option<String>>,
}

impl Known {
    fn of(drafts: &Drafts) -> Self {
        let mut connections: HashMap<&str, Vec<(String, bool, bool)>> = HashMap::new();
        for connection in &drafts.connections {
            let off = connection.deactivated.as_deref();
            connections.entry(&connection.connector).or_default().push((
                connection.identifier.clone(),
                off != Some("1"),
                off != Some("2"),
            ));
        }
        let mut known = Self {
            connectors: Vec::new(),
            by_agent: HashMap::new(),
            by_name: HashMap::new(),
            agents: HashMap::new(),
        };
        let last: HashMap<&str, usize> = drafts
            .connectors
            .iter()
            .enumerate()
            .map(|(number, draft)| (draft.connector.identifier.as_str(), number))
            .collect();
        for (number, draft) in drafts.connectors.iter().enumerate() {
            let connector = &draft.connector;
            if last.get(connector.identifier.as_str()) != Some(&number) {
                continue;
            }
            known.agents.insert(connector.identifier.clone(), connector.agent.clone());
            let Some(connections) = connections.get(connector.identifier.as_str()) else { continue };
            if connector.deactivated {
                continue;
            }
            let number = known.connectors.len();
            let agent = connector.agent.clone().unwrap_or_else(|| INTEGRATED.to_owned());
            known.by_agent.entry(agent).or_default().push(number);
            known.by_name.insert(connector.identifier.clone(), number);
            known.connectors.push(Served {
                identifier: connector.identifier.clone(),
                agent: connector.agent.clone(),
                complete: draft.complete,
                incremental: draft.incremental,
                connections: connections.clone(),
            });
        }
        known
    }
}

struct Maker {
    known: Known,
    tasks: Vec<Task>,
    /// The number of the first task that is made.
    first: usize,
}

impl Maker {
    fn expand(&mut self, mut draft: JobDraft, scaffolding: &Scaffolding, jobs: &mut Vec<JobDraft>) {
        let added = std::mem::take(&mut draft.parts);
        let mode = if draft.job.incremental {
            "Incremental"
        } else if draft.job.initialization {
            "Initial"
        } else {
            "Complete"
        };
        if draft.job.connector_job {
            self.virtual_jobs(&draft.job, jobs);
            return;
        }
        if draft.job.identifier.is_empty() {
            let of = scaffolding.connector.as_ref().or(scaffolding.agent.as_ref());
            let name = if draft.job.initialization { "InitializationJob" } else { &scaffolding.element };
            draft.job.identifier = of.map_or_else(|| name.to_owned(), |of| format!("{name}_{of}"));
        }
        if let Some(connector) = &scaffolding.connector {
            if draft.job.agent.is_none() {
                draft.job.agent = self.known.agents.get(connector).cloned().flatten();
            }
            let used =
                Use { synchronize: !draft.told.no_synchronization, provision: !draft.told.no_provisioning };
            if let Some(number) = self.known.by_name.get(connector).copied() {
                self.tasks_of(number, used, mode, &mut draft);
            }
        } else {
            let agent = draft.job.agent.get_or_insert_with(|| INTEGRATED.to_owned()).clone();
            for number in self.known.by_agent.get(&agent).cloned().unwrap_or_default() {
                if self.tasks.len() > TASKS {
                    break;
                }
                let connector = &self.known.connectors[number];
                let own = match mode {
                    "Incremental" => connector.incremental,
                    "Complete" => connector.complete,
                    _ => Use::default(),
                };
                // What the scaffolding is told goes over what the connector says (page "Connector").
                let used = draft.told.connectors.get(&connector.identifier).copied().unwrap_or(own);
                self.tasks_of(number, used, mode, &mut draft);
            }
        }
        draft.parts.extend(added);
        jobs.push(draft);
    }

    /// Makes the tasks of a connector in a job.
    fn tasks_of(&mut self, number: usize, used: Use, mode: &str, draft: &mut JobDraft) {
        let connector = &self.known.connectors[number];
        let (job, name) = (&draft.job, &connector.identifier);
        let client = job.scaffolding.as_ref().and_then(|scaffolding| scaffolding.client.clone());
        let client = Some(client.unwrap_or_else(|| CLIENT.to_owned()));
        let on_agent = |element: &str, identifier: String| Task {
            identifier,
            element: element.to_owned(),
            agent: job.agent.clone(),
            connector: Some(name.clone()),
            client: client.clone(),
            generated: true,
            place: job.place.clone(),
            ..Task::default()
        };
        let mut made = Vec::new();
        if used.synchronize {
            let mut exports = Vec::new();
            for (connection, _, _) in connector.connections.iter().filter(|(_, export, _)| *export) {
                let identifier = format!("{}_Export_{name}_{mode}_{connection}", job.identifier);
                exports.push(identifier.clone());
                made.push(Task {
                    connection: Some(connection.clone()),
                    ..on_agent("ExportTask", identifier)
                });
            }
            let prepare = format!("{}_PrepareSynchronization_{name}_{mode}", job.identifier);
            made.push(Task {
                depends_on: exports,
                ..on_agent("PrepareSynchronizationTask", prepare.clone())
            });
            made.push(Task {
                agent: None,
                client: None,
                depends_on: vec![prepare],
                ..on_agent("SynchronizeTask", format!("{}_Synchronize_{name}", job.identifier))
            });
        }
        if used.provision && connector.connections.iter().any(|(_, _, fulfill)| *fulfill) {
            made.push(on_agent("FulfillTask", format!("{}_Fulfill_{name}", job.identifier)));
        }
        for task in made {
            draft.parts.push(Part::Own(self.first + self.tasks.len()));
            self.tasks.push(task);
        }
    }

    /// `<CreateConnectorsJobs>`: a job for the page of each connector, whose tasks name no agent.
    fn virtual_jobs(&mut self, from: &Job, jobs: &mut Vec<JobDraft>) {
        const STEPS: [(&str, &str); 5] = [
            ("ExportTask", "Export"),
            ("PrepareSynchronizationTask", "PrepareSynchronization"),
            ("SynchronizeTask", "Synchronization"),
            ("FulfillTask", "Fulfillment"),
            ("RefreshSchemaTask", "RefreshSchema"),
        ];
        for connector in &self.known.connectors {
            if self.tasks.len() > TASKS {
                return;
            }
            let name = &connector.identifier;
            let mut parts = Vec::new();
            for (element, what) in STEPS {
                parts.push(Part::Own(self.first + self.tasks.len()));
                self.tasks.push(Task {
                    identifier: format!("{name}_Connector{what}"),
                    element: element.to_owned(),
                    connector: Some(name.clone()),
                    generated: true,
                    place: from.place.clone(),
                    ..Task::default()
                });
            }
            let job = Job {
                identifier: format!("{name}_VirtualJob"),
                agent: connector.agent.clone(),
                ..from.clone()
            };
            jobs.push(JobDraft { job, parts, ..JobDraft::default() });
        }
    }
}
