//! The settings files of an agent, as its host has them, become an [`Installation`]: text in, values out.
//!
//! What counts is decided as the product does it: which files are loaded, in which order, and which variables of the
//! environment win over them (`sources`). Files come from hosts, so everything about them is capped, and what is broken is an
//! oddity with its place, never an error. Secrets are hashed and forgotten; nothing here shows one.

mod certificates;
mod decode;
mod installation;
mod path;
mod secret;
mod sources;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod tree;
mod web_config;

use std::fmt;

use zeroize::Zeroizing;

pub use certificates::{CertificateSetting, CertificateWhere};
pub use decode::LARGEST;

use super::Installation;

/// The files of an agent.
#[derive(Default)]
pub struct HostFiles {
    /// Name of the host, for places.
    pub host: String,
    /// The working directory, as the host calls it.
    pub folder: String,
    /// Whether it is a Windows host: there names do not differ by case, and paths have backslashes.
    pub windows: bool,
    /// `Runtime/appsettings*.json`, `Runtime/web.config` and `Work/appsettings.connection.json`, as far as they are there.
    pub files: Vec<HostFile>,
    /// Variables of the machine's environment.
    pub environment: Vec<(String, Zeroizing<String>)>,
    /// Files `*-Agent.dll` in `Runtime`, each with its version.
    pub programs: Vec<(String, Option<String>)>,
}

/// A file of a host.
pub struct HostFile {
    /// Its path, as the host calls it.
    pub path: String,
    /// Its bytes, or why they could not be read.
    pub content: Result<Zeroizing<Vec<u8>>, String>,
}

impl fmt::Debug for HostFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostFiles({}:{}, {} files)", self.host, self.folder, self.files.len())
    }
}

impl fmt::Debug for HostFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostFile({})", self.path)
    }
}

/// What the files of an agent say.
#[derive(Debug, Default)]
pub struct AgentSettings {
    /// What an audit compares. Pool, site and certificates are not in it: files do not say how they are.
    pub installation: Installation,
    /// Where its certificates are.
    pub certificates: Vec<CertificateSetting>,
    /// Where the settings are that were made in the user interface, if that is not the folder that everybody has.
    pub elsewhere: Option<String>,
}

/// Reads the files of an agent.
#[must_use]
pub fn read(files: &HostFiles) -> AgentSettings {
    let loaded = sources::load(files);
    installation::of(files, loaded)
}

/// The folder of the program below a working directory.
#[must_use]
pub fn runtime(folder: &str, windows: bool) -> String {
    path::join(folder, "Runtime", windows)
}
