//! Tags become definitions: what each element of ours is made of.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::drafts::{ClientDraft, ConnectorDraft, Drafts, JobDraft, Notes, Part, TaskDraft, Use};
use super::model::{
    Client, ConfiguredAgent, ConfiguredConnector, Connection, Job, Oddity, OddityKind, Scaffolding, Task,
};
use super::names::{DEFINED, Level, Names, OF_TASK, SCAFFOLDINGS, TOLD};
use super::values::{boolean, choice, date, required, text};
use super::xml::{Attribute, Elements, Tag, short};
use crate::source::{Diagnostic, did_you_mean};

/// Definitions that are read.
const DEFINITIONS: usize = 2_000_000;

/// Reads one file after the other.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    pub(super) drafts: Drafts,
    pub(super) notes: Notes,
    /// Roots that were the configuration's.
    pub(super) roots: usize,
    inside: Inside,
    /// The task within a job whose end is awaited.
    task: Option<TaskDraft>,
    full: bool,
    names: Names,
}

#[derive(Debug, Default)]
enum Inside {
    #[default]
    Nothing,
    Job(JobDraft),
    Task,
    Scaffolding(JobDraft),
}

impl Elements for Definitions {
    fn wants(&mut self, depth: usize, name: &str) -> bool {
        let Some(level) = self.level(depth) else { return false };
        is_ours(level, name) || self.names.meant(level, name).is_some()
    }

    fn begin(&mut self, depth: usize, tag: &Tag<'_>) {
        if self.drafts.count() >= DEFINITIONS {
            if !std::mem::replace(&mut self.full, true) {
                let what = format!("the configuration has more than {DEFINITIONS} definitions");
                self.notes.push(Diagnostic::error(&tag.span(), what));
            }
            return;
        }
        let meant = self.level(depth).and_then(|level| self.names.meant(level, tag.name));
        if let Some(meant) = meant {
            let (name, meant) = (short(tag.name), meant.to_owned());
            self.odd(tag, tag.place(), OddityKind::Element { name, meant });
            return;
        }
        match depth {
            1 => self.top(tag),
            2 if matches!(self.inside, Inside::Scaffolding(_)) => self.told(tag),
            2 if matches!(self.inside, Inside::Job(_)) => self.part(tag),
            _ => self.of_task(tag),
        }
    }

    fn end(&mut self, depth: usize) {
        match (depth, &mut self.inside) {
            (1, _) => match std::mem::take(&mut self.inside) {
                Inside::Job(job) | Inside::Scaffolding(job) => self.drafts.jobs.push(job),
                Inside::Task => self.drafts.tasks.extend(self.task.take()),
                Inside::Nothing => {}
            },
            (2, Inside::Job(job)) => {
                if let Some(task) = self.task.take() {
                    job.parts.push(Part::Own(self.drafts.tasks.len()));
                    self.drafts.tasks.push(task);
                }
            }
            // The root: its file is read.
            (0, _) => self.roots += 1,
            _ => {}
        }
    }

    fn other_root(&mut self, root: Diagnostic) {
        self.notes.push(root);
    }
}

impl Definitions {
    /// Forgets what a file left open that ended in an error.
    pub(super) fn cut_off(&mut self, error: Diagnostic) {
        self.notes.push(error);
        self.inside = Inside::Nothing;
        self.task = None;
        self.roots += 1;
    }

    /// Where elements at this depth stand now; nothing if nothing is read there.
    fn level(&self, depth: usize) -> Option<Level> {
        match (depth, &self.inside) {
            (1, _) => Some(Level::Top),
            (2, Inside::Job(_)) => Some(Level::OfJob),
            (2, Inside::Scaffolding(_)) => Some(Level::OfScaffolding),
            (2, Inside::Task) | (3, Inside::Job(_)) => self.task.as_ref().map(|_| Level::OfTask),
            _ => None,
        }
    }

    fn odd(&mut self, tag: &Tag<'_>, place: String, kind: OddityKind) {
        let mut attributes = tag.attributes().iter();
        let identifier = attributes.find(|attribute| attribute.name.eq_ignore_ascii_case("Identifier"));
        let identifier = identifier.map(|own| short(&own.value));
        self.drafts.oddities.push(Oddity { place, identifier, kind });
    }

    /// Notes which attributes are probably others that were misspelt.
    fn misspelt(&mut self, tag: &Tag<'_>, known: &[&str]) {
        for attribute in tag.attributes() {
            let name = attribute.name;
            let other = name.contains(':') || name.starts_with("DisplayName") || name.len() > 64;
            if other || known.contains(&name) {
                continue;
            }
            let missing = known.iter().copied().filter(|name| tag.attribute(name).is_none());
            if let Some(meant) = did_you_mean(name, missing) {
                let place = tag.place_of(attribute).unwrap_or_else(|| tag.place());
                let (element, name, meant) = (short(tag.name), short(name), meant.to_owned());
                self.odd(tag, place, OddityKind::Attribute { element, name, meant });
            }
        }
    }

    fn top(&mut self, tag: &Tag<'_>) {
        let merges = |mode: &Attribute<'_>| mode.value.trim() == "Merge";
        if tag.attribute("ConsolidationMode").is_some_and(merges) && tag.name != "OpenIdClient" {
            self.odd(tag, tag.place(), OddityKind::Merge { name: short(tag.name) });
        }
        match tag.name {
            "Agent" => self.agent(tag),
            "Connector" => self.connector(tag),
            "Connection" => self.connection(tag),
            "OpenIdClient" => self.client(tag),
            "Job" => self.job(tag),
            "ResourceType" => {
                let found = (
                    text(tag, "Identifier", &mut self.notes),
                    text(tag, "TargetEntityType", &mut self.notes),
                );
                if let (Some(identifier), Some(entity)) = found {
                    self.drafts.resource_types.insert(identifier, entity);
                }
            }
            "EntityTypeMapping" => {
                let found =
                    (text(tag, "Identifier", &mut self.notes), text(tag, "Connector", &mut self.notes));
                if let (Some(identifier), Some(connector)) = found {
                    self.drafts.entity_types.insert(identifier, connector);
                }
            }
            name if SCAFFOLDINGS.contains(&name) => self.scaffolding(tag),
            _ => {
                let task = self.read_task(tag);
                if task.identifier.is_empty() {
                    let what = format!("no job can use this `{}`: it has no `Identifier`", tag.name);
                    self.notes.push(
                        Diagnostic::warning(&tag.span(), what).hint("give it one, or move it into a job"),
                    );
                } else {
                    self.inside = Inside::Task;
                    self.task = Some(TaskDraft { task, resource_types: Vec::new() });
                }
            }
        }
    }

    fn agent(&mut self, tag: &Tag<'_>) {
        self.misspelt(tag, &["Identifier", "URI", "State", "DisplayName_L1"]);
        let Some(identifier) = required(tag, "Identifier", &mut self.notes) else { return };
        let uri = text(tag, "URI", &mut self.notes);
        self.drafts.agents.push(ConfiguredAgent { identifier, uri, place: tag.place() });
    }

    fn connector(&mut self, tag: &Tag<'_>) {
        let known =
            ["Identifier", "Agent", "IsDeactivated", "CompleteJob", "IncrementalJob", "DisplayName_L1"];
        self.misspelt(tag, &known);
        let Some(identifier) = required(tag, "Identifier", &mut self.notes) else { return };
        let (agent, agent_place) = self.agent_of(tag);
        let connector = ConfiguredConnector {
            identifier,
            name: text(tag, "DisplayName_L1", &mut self.notes),
            agent,
            agent_place,
            deactivated: boolean(tag, "IsDeactivated", &mut self.notes),
            place: tag.place(),
        };
        let mut of = |name| match choice(
            tag,
            name,
            &["Used", "NotUsed", "OnlySynchronization", "OnlyProvisioning"],
            &mut self.notes,
        ) {
            Some(1) => Use { synchronize: false, provision: false },
            Some(2) => Use { synchronize: true, provision: false },
            Some(3) => Use { synchronize: false, provision: true },
            _ => Use::default(),
        };
        let (complete, incremental) = (of("CompleteJob"), of("IncrementalJob"));
        self.drafts.connectors.push(ConnectorDraft { connector, complete, incremental });
    }

    fn connection(&mut self, tag: &Tag<'_>) {
        self.misspelt(
            tag,
            &["Identifier", "Connector", "Package", "DeactivationExportFulfill", "DisplayName_L1"],
        );
        let identifier = required(tag, "Identifier", &mut self.notes);
        let connector = required(tag, "Connector", &mut self.notes);
        let package = text(tag, "Package", &mut self.notes);
        let deactivated =
            choice(tag, "DeactivationExportFulfill", &["None", "Export", "Fulfill"], &mut self.notes);
        let (Some(identifier), Some(connector)) = (identifier, connector) else { return };
        let deactivated = deactivated.map(|number| number.to_string());
        self.drafts.connections.push(Connection {
            identifier,
            connector,
            package,
            deactivated,
            place: tag.place(),
        });
    }

    fn client(&mut self, tag: &Tag<'_>) {
        self.misspelt(tag, &["Identifier", "HashedSecret", "ExpirationDate", "ConsolidationMode", "Profile"]);
        let Some(identifier) = required(tag, "Identifier", &mut self.notes) else { return };
        let hashed_secret = text(tag, "HashedSecret", &mut self.notes);
        if let (Some(hash), Some(attribute)) = (&hashed_secret, tag.attribute("HashedSecret"))
            && STANDARD.decode(hash.trim()).map_or(true, |digest| digest.len() != 32)
        {
            let what = "`HashedSecret` is the base64 of 32 bytes, and this is not, so that no secret fits";
            self.notes.push(
                Diagnostic::warning(&tag.name_span(attribute), what).hint(
                    "make it with `Usercube-New-OpenIDSecret`, or as base64 of the SHA-256 of the secret",
                ),
            );
        }
        let expires = date(tag, "ExpirationDate", &mut self.notes);
        let merge = tag.attribute("ConsolidationMode").is_some_and(|mode| mode.value.trim() == "Merge");
        let client = Client { identifier, hashed_secret, expires, place: tag.place() };
        self.drafts.clients.push(ClientDraft { client, merge });
    }

    fn job(&mut self, tag: &Tag<'_>) {
        let known = [
            "Identifier",
            "Agent",
            "CronTabExpression",
            "CronTimeZone",
            "IsIncremental",
            "IsConnectorJob",
            "IsInitializationJob",
        ];
        self.misspelt(tag, &known);
        let Some(identifier) = required(tag, "Identifier", &mut self.notes) else { return };
        let (agent, agent_place) = self.agent_of(tag);
        let job = Job {
            identifier,
            agent,
            agent_place,
            cron: text(tag, "CronTabExpression", &mut self.notes),
            server_time: choice(tag, "CronTimeZone", &["UTC", "ServerTime"], &mut self.notes) == Some(1),
            incremental: boolean(tag, "IsIncremental", &mut self.notes),
            initialization: boolean(tag, "IsInitializationJob", &mut self.notes),
            connector_job: boolean(tag, "IsConnectorJob", &mut self.notes),
            place: tag.place(),
            ..Job::default()
        };
        self.inside = Inside::Job(JobDraft { job, ..JobDraft::default() });
    }

    fn scaffolding(&mut self, tag: &Tag<'_>) {
        self.misspelt(tag, &["Agent", "Connector", "JobIdentifier", "DisplayName_L1"]);
        let of_connector = tag.name.starts_with("CreateConnectorSynchro");
        let connector = if of_connector {
            let Some(connector) = required(tag, "Connector", &mut self.notes) else { return };
            Some(connector)
        } else {
            None
        };
        let (agent, agent_place) = self.agent_of(tag);
        let scaffolding =
            Scaffolding { element: tag.name.to_owned(), agent: agent.clone(), connector, client: None };
        let job = Job {
            identifier: text(tag, "JobIdentifier", &mut self.notes).unwrap_or_default(),
            agent,
            agent_place,
            incremental: tag.name.ends_with("Incremental"),
            initialization: tag.name == "CreateInitializationJob",
            connector_job: tag.name == "CreateConnectorsJobs",
            scaffolding: Some(scaffolding),
            place: tag.place(),
            ..Job::default()
        };
        self.inside = Inside::Scaffolding(JobDraft { job, ..JobDraft::default() });
    }

    /// A child of a scaffolding.
    fn told(&mut self, tag: &Tag<'_>) {
        let notes = &mut self.notes;
        let Inside::Scaffolding(draft) = &mut self.inside else { return };
        let mut of_connector = |keep: fn(Use) -> Use| {
            if let Some(connector) = required(tag, "ConnectorIdentifier", notes) {
                let was = draft.told.connectors.entry(connector).or_default();
                *was = keep(*was);
            }
        };
        match tag.name {
            "OpenIdIdentifier" => {
                let client = required(tag, "Identifier", notes);
                if let Some(scaffolding) = &mut draft.job.scaffolding {
                    scaffolding.client = client;
                }
            }
            "CronTabExpression" => {
                draft.job.cron = required(tag, "CronTab", notes);
                draft.job.server_time = choice(tag, "CronTimeZone", &["UTC", "ServerTime"], notes) == Some(1);
            }
            "AddTask" => draft.parts.extend(required(tag, "Task", notes).map(Part::Step)),
            "NoSynchronization" => draft.told.no_synchronization = true,
            "NoProvisioning" => draft.told.no_provisioning = true,
            "NoConnectorSynchronization" => of_connector(|was| Use { synchronize: false, ..was }),
            "NoConnectorProvisioning" => of_connector(|was| Use { provision: false, ..was }),
            _ => of_connector(|_| Use { synchronize: false, provision: false }),
        }
    }

    /// A child of a job.
    fn part(&mut self, tag: &Tag<'_>) {
        if tag.name == "Step" {
            // The reference calls the attribute `Task`, its examples `Identifier`.
            let name = if tag.attribute("Task").is_some() { "Task" } else { "Identifier" };
            let step = required(tag, name, &mut self.notes).map(Part::Step);
            if let Inside::Job(job) = &mut self.inside {
                job.parts.extend(step);
            }
            return;
        }
        let mut task = self.read_task(tag);
        if let Some(element) = tag.name.strip_suffix("Override") {
            element.clone_into(&mut task.element);
            task.overrides = true;
            if task.identifier.is_empty() {
                required(tag, "Identifier", &mut self.notes);
            } else if let Inside::Job(job) = &mut self.inside {
                job.parts.push(Part::Override(Box::new(task)));
            }
            return;
        }
        if let Inside::Job(job) = &self.inside
            && task.identifier.is_empty()
        {
            task.identifier = format!("{}/{}#{}", job.job.identifier, task.element, job.parts.len() + 1);
        }
        self.task = Some(TaskDraft { task, resource_types: Vec::new() });
    }

    /// A child of a task.
    fn of_task(&mut self, tag: &Tag<'_>) {
        let Some(draft) = &mut self.task else { return };
        if tag.name == "TaskDependsOnTask" {
            draft.task.depends_on.extend(required(tag, "ParentTask", &mut self.notes));
        } else {
            draft.resource_types.extend(required(tag, "ResourceType", &mut self.notes));
        }
    }

    fn read_task(&mut self, tag: &Tag<'_>) -> Task {
        self.misspelt(tag, &["Identifier", "Agent", "Connector", "Connection", "OpenIdClient"]);
        let (agent, agent_place) = self.agent_of(tag);
        Task {
            identifier: text(tag, "Identifier", &mut self.notes).unwrap_or_default(),
            element: tag.name.to_owned(),
            agent,
            agent_place,
            connector: text(tag, "Connector", &mut self.notes),
            connection: text(tag, "Connection", &mut self.notes),
            client: text(tag, "OpenIdClient", &mut self.notes),
            place: tag.place(),
            ..Task::default()
        }
    }

    fn agent_of(&mut self, tag: &Tag<'_>) -> (Option<String>, Option<String>) {
        let place = tag.attribute("Agent").and_then(|attribute| tag.place_of(attribute));
        (text(tag, "Agent", &mut self.notes), place)
    }
}

fn is_task(name: &str) -> bool {
    name.ends_with("Task") && !matches!(name, "Task" | "AddTask" | "TaskDependsOnTask")
}

/// Whether an element is read there.
fn is_ours(level: Level, name: &str) -> bool {
    match level {
        Level::Top => is_task(name) || DEFINED.contains(&name) || SCAFFOLDINGS.contains(&name),
        Level::OfJob => name == "Step" || is_task(name) || name.ends_with("TaskOverride"),
        Level::OfScaffolding => TOLD.contains(&name),
        Level::OfTask => OF_TASK.contains(&name),
    }
}
