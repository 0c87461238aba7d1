//! What one file after the other defines, before names of other files are looked up; and what there is to say about them.

use std::collections::HashMap;

use super::model::{
    Client, ConfiguredAgent, ConfiguredConnector, Connection, Job, Oddity, Scaffolding, Task,
};
use crate::source::{Diagnostic, Diagnostics, Severity, counted};

/// Messages that are kept; the others are counted.
const MESSAGES: usize = 100;

/// Messages about the files.
#[derive(Debug, Default)]
pub(super) struct Notes {
    kept: Diagnostics,
    dropped: [usize; 2],
}

impl Notes {
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        let error = diagnostic.severity == Severity::Error;
        // An error is kept in any case if it is the first one: it decides what becomes of the load.
        if self.kept.0.len() < MESSAGES || error && !self.kept.has_errors() {
            self.kept.push(diagnostic);
        } else {
            self.dropped[usize::from(error)] += 1;
        }
    }

    pub(super) fn finish(mut self) -> Diagnostics {
        for (dropped, severity, what) in
            [(self.dropped[1], Severity::Error, "error"), (self.dropped[0], Severity::Warning, "warning")]
        {
            if dropped > 0 {
                let message = format!("{} in the configuration", counted(dropped, &format!("more {what}")));
                self.kept.push(Diagnostic { severity, ..Diagnostic::bare(message) });
            }
        }
        self.kept
    }
}

/// Whether jobs that are made for a connector synchronize and provision it (`CompleteJob`, `IncrementalJob`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Use {
    pub(super) synchronize: bool,
    pub(super) provision: bool,
}

impl Default for Use {
    fn default() -> Self {
        Self { synchronize: true, provision: true }
    }
}

/// `<Connector>`.
#[derive(Debug, Default)]
pub(super) struct ConnectorDraft {
    pub(super) connector: ConfiguredConnector,
    pub(super) complete: Use,
    pub(super) incremental: Use,
}

/// `<OpenIdClient>`.
#[derive(Debug, Default)]
pub(super) struct ClientDraft {
    pub(super) client: Client,
    /// `ConsolidationMode="Merge"`: what it has goes into the client of its name.
    pub(super) merge: bool,
}

/// A task, and its resource types, whose connectors may be defined later.
#[derive(Debug, Default)]
pub(super) struct TaskDraft {
    pub(super) task: Task,
    pub(super) resource_types: Vec<String>,
}

/// One entry of a job.
#[derive(Debug)]
pub(super) enum Part {
    /// A task that stands in it, by its number.
    Own(usize),
    /// `<Step>`, or a task that `<AddTask>` adds: the identifier of a task that stands elsewhere.
    Step(String),
    /// `<...TaskOverride>`: the identifier of a task with what differs.
    Override(Box<Task>),
}

/// A job, or what makes one.
#[derive(Debug, Default)]
pub(super) struct JobDraft {
    /// The job; that of a scaffolding may have no identifier yet.
    pub(super) job: Job,
    pub(super) parts: Vec<Part>,
    /// What a scaffolding is told.
    pub(super) told: Told,
}

/// Children of a scaffolding.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// `<NoSynchronization>`.
    pub(super) no_synchronization: bool,
    /// `<NoProvisioning>`.
    pub(super) no_provisioning: bool,
    /// `<NotUsed>`, `<NoConnectorSynchronization>` and `<NoConnectorProvisioning>` by connector.
    pub(super) connectors: HashMap<String, Use>,
}

impl JobDraft {
    /// The scaffolding that it is of.
    pub(super) fn scaffolding(&self) -> Option<&Scaffolding> {
        self.job.scaffolding.as_ref()
    }
}

/// What all files define, in their order.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    pub(super) agents: Vec<ConfiguredAgent>,
    pub(super) connectors: Vec<ConnectorDraft>,
    pub(super) connections: Vec<Connection>,
    pub(super) clients: Vec<ClientDraft>,
    pub(super) tasks: Vec<TaskDraft>,
    pub(super) jobs: Vec<JobDraft>,
    /// `ResourceType@TargetEntityType` by identifier.
    pub(super) resource_types: HashMap<String, String>,
    /// `EntityTypeMapping@Connector` by entity type.
    pub(super) entity_types: HashMap<String, String>,
    pub(super) oddities: Vec<Oddity>,
}

impl Drafts {
    /// How many definitions there are.
    pub(super) fn count(&self) -> usize {
        self.agents.len()
            + self.connectors.len()
            + self.connections.len()
            + self.clients.len()
            + self.tasks.len()
            + self.jobs.len()
            + self.resource_types.len()
            + self.entity_types.len()
            + self.oddities.len()
            + self.jobs.last().map_or(0, |job| job.parts.len())
    }
}
