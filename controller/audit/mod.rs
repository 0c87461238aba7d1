//! Audit: which agent serves which connector, by three sources that are put into one model.
//!
//! [`Declared`] is what the inventory means, [`Configuration`] what the server's XML says, [`Observed`] what hosts
//! answered. `check` compares them and makes findings, the same as preflight's (DESIGN 3.5); [`Audit`] is the result, with the
//! matrix of connectors, agents and hosts. Everything here is pure: files and hosts are read elsewhere, text comes in;
//! `configuration/read.rs` alone reads files.

mod catalogue;
mod check;
mod configuration;
mod declared;
mod drift;
mod matrix;
mod movement;
mod observed;
mod query;
mod result;
pub mod settings;
mod waivers;

pub use catalogue::{CATALOGUE, Rule, rule};
pub use check::{CheckOptions, Sources, check, why};
pub use configuration::{
    Client, Configuration, ConfiguredAgent, ConfiguredConnector, Connection, Job,
    Limits as ConfigurationLimits, Oddity, OddityKind, Scaffolding, ServerSettings, Task,
    read as read_configuration,
};
pub use declared::{Declared, DeclaredHost};
pub use drift::{Drift, drift};
pub use matrix::audit;
pub use movement::{Change, JobFate, MovedConnection, MovedJob, Movement, movement};
pub use observed::{
    Installation, Observed, ObservedCertificate, ObservedConnection, ObservedHost, RunState, SecretHash,
    Usage,
};
pub use query::{CouldServe, UnknownName};
pub use result::{AgentRow, Audit, AuditSources, Certificates, ConnectorRow, JobRow, SystemRow, Waived};
pub use waivers::{Waiver, Waivers};
