//! The values that the readers beside this file make. Names are kept as they are written; whether they fit together is for `check` to say. Every `place` is `FILE:LINE`.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// The configuration of a server.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// `<Agent>`.
    pub agents: Vec<ConfiguredAgent>,
    /// `<Connector>`.
    pub connectors: Vec<ConfiguredConnector>,
    /// `<Connection>`.
    pub connections: Vec<Connection>,
    /// `<Job>`, and the jobs that scaffoldings expand to.
    pub jobs: Vec<Job>,
    /// Tasks within jobs and outside of them; jobs hold their indices.
    pub tasks: Vec<Task>,
    /// `<OpenIdClient>`, merged by `ConsolidationMode`.
    pub clients: Vec<Client>,
    /// The overrides of the server's `appsettings.json`.
    pub server: ServerSettings,
    /// What the XML has and an audit does not read, though it was probably meant.
    pub oddities: Vec<Oddity>,
}

/// A part of the XML that is not read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Oddity {
    /// `FILE:LINE`.
    pub place: String,
    /// The `Identifier` of the element, if it has one. It and the names in `kind` are short enough to be shown, and hold
    /// nothing invisible.
    pub identifier: Option<String>,
    /// What it is.
    pub kind: OddityKind,
}

/// Why something of the XML is not read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OddityKind {
    /// An element whose name is nearly that of another one.
    Element {
        /// As it is written.
        name: String,
        /// As it was meant.
        meant: String,
    },
    /// Likewise an attribute.
    Attribute {
        /// The element that has it.
        element: String,
        /// As it is written.
        name: String,
        /// As it was meant.
        meant: String,
    },
    /// `ConsolidationMode="Merge"` at another element than `OpenIdClient`, which counts as a definition of its own.
    Merge {
        /// The element.
        name: String,
    },
}

/// `<Agent>`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConfiguredAgent {
    /// `Identifier`.
    pub identifier: String,
    /// `URI`, as the XML has it.
    pub uri: Option<String>,
    /// `FILE:LINE`.
    pub place: String,
}

/// `<Connector>`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConfiguredConnector {
    /// `Identifier`.
    pub identifier: String,
    /// `DisplayName_L1`.
    pub name: Option<String>,
    /// `Agent`: on which its tasks run.
    pub agent: Option<String>,
    /// `FILE:LINE` of `Agent`, if that is another line than the element's.
    pub agent_place: Option<String>,
    /// `IsDeactivated`.
    pub deactivated: bool,
    /// `FILE:LINE`.
    pub place: String,
}

/// `<Connection>`: its settings are on the agent of its connector, as `Connections.IDENTIFIER`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Connection {
    /// `Identifier`; unique whatever the case.
    pub identifier: String,
    /// `Connector`.
    pub connector: String,
    /// `Package`, such as `Usercube.AD@0000001`.
    pub package: Option<String>,
    /// `DeactivationExportFulfill`: 0 none, 1 export, 2 fulfill.
    pub deactivated: Option<String>,
    /// `FILE:LINE`.
    pub place: String,
}

/// `<Job>`, or one that a scaffolding expands to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Job {
    /// `Identifier`.
    pub identifier: String,
    /// `Agent`; without one it runs on the server.
    pub agent: Option<String>,
    /// `FILE:LINE` of `Agent`, if that is another line than the element's.
    pub agent_place: Option<String>,
    /// `CronTabExpression`.
    pub cron: Option<String>,
    /// `CronTimeZone` is `ServerTime`, not UTC.
    pub server_time: bool,
    /// `IsIncremental`.
    pub incremental: bool,
    /// `IsInitializationJob`.
    pub initialization: bool,
    /// `IsConnectorJob`: for the connector's page in the UI.
    pub connector_job: bool,
    /// What made it, if it was no `<Job>`.
    pub scaffolding: Option<Scaffolding>,
    /// Indices of its tasks in [`Configuration::tasks`]; steps that reuse a task point at the same one.
    pub tasks: Vec<usize>,
    /// Identifiers of steps that name a task which is nowhere.
    pub unknown_steps: Vec<String>,
    /// `FILE:LINE`.
    pub place: String,
}

/// What a job came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scaffolding {
    /// The element, such as `CreateAgentSynchroComplete`.
    pub element: String,
    /// Its `Agent`.
    pub agent: Option<String>,
    /// Its `Connector`.
    pub connector: Option<String>,
    /// `<OpenIdIdentifier>`, of the job and its tasks.
    pub client: Option<String>,
}

/// A task.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Task {
    /// `Identifier`; a task of a job may lack it and is then called `JOB/ELEMENT#NUMBER`.
    pub identifier: String,
    /// The element, such as `ExportTask`.
    pub element: String,
    /// `Agent`; tasks without one run on the server, or on the agent of their job.
    pub agent: Option<String>,
    /// `FILE:LINE` of `Agent`, if that is another line than the element's.
    pub agent_place: Option<String>,
    /// `Connector`.
    pub connector: Option<String>,
    /// `Connection`.
    pub connection: Option<String>,
    /// `OpenIdClient`.
    pub client: Option<String>,
    /// Connectors of its `<TaskResourceType>`, as far as the resource types are defined in the files.
    pub resource_connectors: Vec<String>,
    /// `ParentTask` of its `<TaskDependsOnTask>`.
    pub depends_on: Vec<String>,
    /// Whether it is another task with changes (`<...TaskOverride>`): same identifier, used in one job.
    pub overrides: bool,
    /// Whether a scaffolding makes it; its place is then that of the scaffolding.
    pub generated: bool,
    /// `FILE:LINE`.
    pub place: String,
}

/// `<OpenIdClient>`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Client {
    /// `Identifier`.
    pub identifier: String,
    /// `HashedSecret`: base64 of the SHA-256 of the secret.
    pub hashed_secret: Option<String>,
    /// `ExpirationDate`.
    pub expires: Option<Timestamp>,
    /// `FILE:LINE` of what decides.
    pub place: String,
}

/// What the server's `appsettings.json` overrides.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServerSettings {
    /// `ApplicationUri`, and its place.
    pub application_uri: Option<(String, String)>,
    /// `Agents.IDENTIFIER.Uri`, and its place.
    pub agent_uris: BTreeMap<String, (String, String)>,
    /// `NotUseAgent`: no agent may be used; and its place.
    pub not_use_agent: Option<String>,
    /// `OpenIdClients.IDENTIFIER.HashedSecret`, and its place. [`Configuration::clients`] has them merged in.
    pub client_hashes: BTreeMap<String, (String, String)>,
}

impl ConfiguredConnector {
    /// `FILE:LINE` of `Agent`, or of where it is missing.
    pub fn agent_at(&self) -> &str {
        self.agent_place.as_deref().unwrap_or(&self.place)
    }
}

impl Job {
    /// `FILE:LINE` of `Agent`, or of where it is missing.
    pub fn agent_at(&self) -> &str {
        self.agent_place.as_deref().unwrap_or(&self.place)
    }
}

impl Task {
    /// `FILE:LINE` of `Agent`, or of where it is missing.
    pub fn agent_at(&self) -> &str {
        self.agent_place.as_deref().unwrap_or(&self.place)
    }
}
