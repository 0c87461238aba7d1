//! What a host answered. Everything may be missing, and all text is the host's.

use std::collections::BTreeMap;

use super::question::Hidden;
use super::server::ServerAnswers;
use super::settings::SettingsFile;
use super::web::Site;

/// Facts of a machine that preflight judges.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Whether the session may change everything: root, or an elevated administrator.
    pub privileged: Option<bool>,
    /// Processors.
    pub processors: Option<u64>,
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// Size of the file system where the agent goes, and what is free there, in bytes.
    pub disk: Option<(u64, u64)>,
    /// How many seconds its clock is ahead of ours, and how exactly that is known.
    pub clock: Option<(i64, u64)>,
    /// TCP ports that something listens on.
    pub listening: Option<Vec<u16>>,
    /// Its own addresses.
    pub addresses: Option<Vec<String>>,
    /// Addresses that it knows for a name; none if it does not know the name.
    pub names: BTreeMap<String, Vec<String>>,
    /// What it could reach, in the order of [`super::Question::endpoints`].
    pub reached: Vec<Reached>,
    /// Files that an earlier attempt left.
    pub leftovers: Vec<String>,
    /// The version of Windows, such as 10.0.17763.
    pub windows: Option<Vec<u64>>,
    /// The version of PowerShell.
    pub powershell: Option<Vec<u64>>,
    /// Whether Windows waits for a restart.
    pub reboot_pending: Option<bool>,
    /// Variables of the machine's environment that win over the agent's settings.
    pub environment: Vec<String>,
    /// Jobs of the agent that are at work, by the names of their programs.
    pub jobs: Vec<String>,
    /// The lock of the agent's scheduler, where there is one.
    pub lock: Option<String>,
    /// When it answered, by our clock, in seconds since 1970.
    pub now: Option<i64>,
    /// Sites of IIS, where IIS is there.
    pub sites: Option<Vec<Site>>,
    /// Settings files that are there.
    pub settings: Vec<SettingsFile>,
    /// `HTTPS_PROXY` of the machine.
    pub https_proxy: Hidden<Option<String>>,
    /// `NO_PROXY` of the machine.
    pub no_proxy: Hidden<Option<String>>,
    /// What the server answered.
    pub server: ServerAnswers,
}

/// Whether an address could be reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reached {
    /// A connection was made.
    Yes,
    /// None was made, for this reason.
    No(String),
    /// The host has nothing to look with.
    Unknown(String),
}
