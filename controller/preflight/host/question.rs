//! What is asked of a host: from the inventory, from options, and from the product's requirements.

use std::fmt;

use serde_json::{Map, Value};

use super::certificates::{HostCertificate, certificates};
use super::client::Client;
use super::proxy::Route;
use super::shipped::Shipped;
use crate::inventory::Agent;

/// What a host is asked.
#[derive(Debug, Default)]
pub struct Question {
    /// Its name in the inventory.
    pub host: String,
    /// The agents that it runs, or will run.
    pub agents: Vec<Agent>,
    /// Where the inventory says so: `FILE:LINE`; `HOST:agent` where that is not known.
    pub agents_place: String,
    /// The folder that the agent is installed into.
    pub folder: Option<String>,
    /// The address of the server, as the agent's settings have it.
    pub server: Option<String>,
    /// The name of the agent's site in IIS.
    pub site: Option<String>,
    /// Certificates on the host.
    pub certificates: Vec<HostCertificate>,
    /// The client by which the agent is known to the server.
    pub client: Client,
    /// The proxy that the agent is going to have, as `HTTPS_PROXY`.
    pub https_proxy: Hidden<Option<String>>,
    /// What it asks without the proxy, as `NO_PROXY`.
    pub no_proxy: Hidden<Option<String>>,
    /// The license that is going to be written.
    pub license: Hidden<Option<String>>,
    /// Settings that are going to be written: file names, and what they are to hold.
    pub settings: Hidden<Map<String, Value>>,
    /// Files of the controller that go to the host.
    pub shipped: Vec<Shipped>,
    /// The version of the agent that is going to be installed.
    pub version: Option<String>,
    /// The version of the server.
    pub server_version: Option<String>,
    /// What is wanted of the machine.
    pub requirements: Requirements,
}

/// A value that may hold a secret: `Debug` does not show it.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Hidden<T>(pub T);

impl<T> fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

/// What is wanted of a machine. The default is the product's "device requirements": two cores, 8 GB of memory and 20 GB of
/// disk; and five minutes, which is what Kerberos and the checks of tokens put up with.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirements {
    /// Processors.
    pub processors: u64,
    /// Memory, in bytes.
    pub memory: u64,
    /// Free space where the agent goes, in bytes.
    pub disk: u64,
    /// How far its clock may be off ours, in seconds.
    pub clock: u64,
    /// How long one connection may take, in seconds.
    pub connect: u64,
}

impl Default for Requirements {
    fn default() -> Self {
        Self { processors: 2, memory: 8 * GIGA, disk: 20 * GIGA, clock: 300, connect: 5 }
    }
}

/// Gigabytes as people who sell machines count them: a machine of 8 GiB shows a little less than that.
const GIGA: u64 = 1_000_000_000;

/// What a host has to reach.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// Name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What is there.
    pub role: Role,
}

/// What an agent talks to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Role {
    /// The server.
    Server,
    /// The proxy in front of the server.
    Proxy,
    /// A system that the agent serves a connector for.
    ManagedSystem {
        /// The agent.
        agent: String,
        /// The connector.
        connector: String,
        /// Its name.
        name: String,
    },
}

impl Endpoint {
    /// Where a managed system answers, of an address `HOST:PORT` that somebody asks about; nothing for another text.
    #[must_use]
    pub fn of_system(address: &str) -> Option<Self> {
        let (host, port) = of_address(address)?;
        let (agent, connector, name) = (String::new(), String::new(), address.to_owned());
        Some(Self { host, port, role: Role::ManagedSystem { agent, connector, name } })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Options that do not say what they should.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct QuestionError(String);

impl QuestionError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// The options of a question: of the variable `preflight` and of the module alike.
pub(crate) const OPTIONS: [&str; 23] = [
    "folder",
    "server",
    "site",
    "certificates",
    "client",
    "secret",
    "hashed_secret",
    "secret_expires",
    "https_proxy",
    "no_proxy",
    "license",
    "settings",
    "archive",
    "archive_sha256",
    "bundle",
    "bundle_sha256",
    "version",
    "server_version",
    "processors",
    "memory_gb",
    "disk_gb",
    "clock_seconds",
    "connect_seconds",
];

impl Question {
    /// Reads a question from options.
    ///
    /// # Errors
    /// An option is unknown or has a value of the wrong kind.
    pub fn read(host: &str, agents: Vec<Agent>, options: &Map<String, Value>) -> Result<Self, QuestionError> {
        let mut question =
            Self { host: host.to_owned(), agents, agents_place: format!("{host}:agent"), ..Self::default() };
        // Variables that are not set are often empty texts.
        let given = |value: &Value| !value.is_null() && value.as_str() != Some("");
        for (name, value) in options.iter().filter(|(_, value)| given(value)) {
            let requirements = &mut question.requirements;
            match name.as_str() {
                "folder" => question.folder = Some(text(name, value)?),
                "server" => question.server = Some(text(name, value)?),
                "certificates" => question.certificates = certificates(value)?,
                "site" => question.site = Some(text(name, value)?),
                "client" => question.client.identifier = Some(text(name, value)?),
                "secret" => question.client.secret = Some(text(name, value)?.into()),
                "hashed_secret" => question.client.hashed = Some(text(name, value)?),
                "secret_expires" => question.client.expires = Some(text(name, value)?),
                "https_proxy" => question.https_proxy = Hidden(Some(text(name, value)?)),
                "no_proxy" => question.no_proxy = Hidden(Some(text(name, value)?)),
                "license" => question.license = Hidden(Some(license(value)?)),
                "settings" => question.settings = Hidden(settings(value)?),
                "archive" => question.ship("archive", options)?,
                "bundle" => question.ship("bundle", options)?,
                "archive_sha256" | "bundle_sha256" => drop(text(name, value)?),
                "version" => question.version = Some(version(name, value)?),
                "server_version" => question.server_version = Some(version(name, value)?),
                "processors" => requirements.processors = number(name, value, 1.0)?,
                "memory_gb" => requirements.memory = number(name, value, GIGA as f64)?,
                "disk_gb" => requirements.disk = number(name, value, GIGA as f64)?,
                "clock_seconds" => requirements.clock = number(name, value, 1.0)?,
                "connect_seconds" => requirements.connect = number(name, value, 1.0)?.clamp(1, 60),
                other => {
                    let known = OPTIONS.join("`, `");
                    return Err(QuestionError(format!("there is no `{other}`\nhint: known are `{known}`")));
                }
            }
        }
        Ok(question)
    }

    /// Everything that the host has to reach, each once; of a proxy and what is behind it the proxy.
    #[must_use]
    pub fn endpoints(&self, route: &Route) -> Vec<Endpoint> {
        let mut endpoints = Vec::new();
        if let Some((host, port)) = self.server.as_deref().and_then(of_uri) {
            endpoints.push(match route {
                Route::Direct => Endpoint { host, port, role: Role::Server },
                Route::Proxy { host, port } => {
                    Endpoint { host: host.clone(), port: *port, role: Role::Proxy }
                }
            });
        }
        for agent in &self.agents {
            for connector in &agent.connectors {
                let Some(system) = &connector.managed_system else { continue };
                let Some((host, port)) = system.address.as_deref().and_then(of_address) else { continue };
                let role = Role::ManagedSystem {
                    agent: agent.identifier.clone(),
                    connector: connector.identifier.clone(),
                    name: system.name.clone(),
                };
                endpoints.push(Endpoint { host, port, role });
            }
        }
        endpoints
    }

    /// The name of the server, if its address is one.
    #[must_use]
    pub fn server_name(&self) -> Option<String> {
        self.server.as_deref().and_then(of_uri).map(|(host, _)| host)
    }

    /// Adds a file of the controller, with the digest that its option names.
    fn ship(&mut self, option: &'static str, options: &Map<String, Value>) -> Result<(), QuestionError> {
        let path = text(option, options.get(option).unwrap_or(&Value::Null))?;
        let wanted = options.get(&format!("{option}_sha256")).and_then(Value::as_str).map(str::to_owned);
        self.shipped.push(Shipped { option, path, wanted, found: None });
        Ok(())
    }

    /// The host names of the agents' addresses, each once.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (name, _) in self.agents.iter().filter_map(|agent| agent.uri.as_deref().and_then(of_uri)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// Host and port of `https://HOST:PORT/...`.
pub(crate) fn of_uri(uri: &str) -> Option<(String, u16)> {
    let (scheme, rest) = uri.split_once("://")?;
    let default = match scheme.to_ascii_lowercase().as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    if let Some(found) = of_address(authority) {
        return Some(found);
    }
    let host = match authority.strip_prefix('[') {
        Some(address) => address.strip_suffix(']')?,
        // What is behind a colon here is no port.
        None if authority.contains(':') => return None,
        None => authority,
    };
    is_host(host).then(|| (host.to_owned(), default))
}

/// Host and port of `HOST:PORT` or `[ADDRESS]:PORT`.
pub(crate) fn of_address(address: &str) -> Option<(String, u16)> {
    let (host, port) = address.trim().rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(host) => host.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let port = port.parse().ok().filter(|port| *port > 0)?;
    is_host(host).then(|| (host.to_owned(), port))
}

/// What may stand for a host on a command line: nothing that could be anything else.
fn is_host(host: &str) -> bool {
    let harmless = |c: char| c.is_alphanumeric() || "-._:%".contains(c);
    !host.is_empty() && host.len() <= 255 && !host.starts_with('-') && host.chars().all(harmless)
}

/// A license is a text; where YAML or JSON made a mapping of it, it is written as one again.
fn license(value: &Value) -> Result<String, QuestionError> {
    match value {
        Value::Object(_) => Ok(value.to_string()),
        value => text("license", value),
    }
}

fn settings(value: &Value) -> Result<Map<String, Value>, QuestionError> {
    let shape = || QuestionError::new("`settings` is a mapping of file names and what the files are to hold");
    value.as_object().cloned().ok_or_else(shape)
}

/// A version may be a number for YAML.
fn version(name: &str, value: &Value) -> Result<String, QuestionError> {
    match value {
        Value::Number(number) => Ok(number.to_string()),
        value => text(name, value),
    }
}

pub(super) fn text(name: &str, value: &Value) -> Result<String, QuestionError> {
    match value {
        Value::String(text) if !text.is_empty() && !text.contains('\0') => Ok(text.clone()),
        _ => Err(QuestionError(format!("`{name}` is text"))),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn number(name: &str, value: &Value, unit: f64) -> Result<u64, QuestionError> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match number.filter(|number| (0.0..=1e6).contains(number)) {
        Some(number) => Ok((number * unit) as u64),
        None => Err(QuestionError(format!("`{name}` is a number from 0 to 1000000"))),
    }
}
