//! Audit: which agent serves which connector, by three sources that are put into one model.
//!
//! [`Declared`] is what the inventory means, [`Configuration`] what the server's XML says, [`Observed`] what hosts
//! answered. `check` compares them and makes findings, the same as preflight's (DESIGN 3.5); [`Audit`] is the result, with the
//! matrix of connectors, agents and hosts. Everything here is pure: files and hosts are read elsewhere, text comes in;
//! `configuration/read.rs` alone reads files.

mod configuration;
mod declared;
mod movement;
mod observed;
mod result;
pub mod settings;

pub use configuration::{
    Client, Configuration, ConfiguredAgent, ConfiguredConnector, Connection, Job,
    Limits as ConfigurationLimits, Scaffolding, ServerSettings, Task, read as read_configuration,
};
pub use declared::{Declared, DeclaredHost};
pub use movement::{Change, JobFate, MovedConnection, MovedJob, Movement, movement};
pub use observed::{
    Installation, Observed, ObservedCertificate, ObservedConnection, ObservedHost, RunState, SecretHash,
    Usage,
};
pub use result::{AgentRow, Audit, Certificates, ConnectorRow, JobRow, SystemRow, Waived};
