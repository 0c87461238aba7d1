//! What is asked of a host: from the inventory, from options, and from the product's requirements.

use std::fmt;

use secrecy::SecretString;
use serde_json::{Map, Value};

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
    /// Certificates on the host.
    pub certificates: Vec<HostCertificate>,
    /// What is wanted of the machine.
    pub requirements: Requirements,
}

/// A certificate on a host.
#[derive(Debug)]
pub struct HostCertificate {
    /// Where it is.
    pub at: CertificateAt,
    /// Opens it.
    pub password: Option<SecretString>,
    /// Whether its private key has to be there.
    pub private_key: bool,
}

/// Where a certificate is on a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CertificateAt {
    /// In a file.
    File(String),
    /// In a store of Windows.
    Store(InStore),
}

/// A certificate in a store of Windows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InStore {
    /// `LocalMachine` or `CurrentUser`.
    pub location: String,
    /// `My`, `Root` ...
    pub store: String,
    /// Its thumbprint, in capitals without blanks.
    pub thumbprint: Option<String>,
    /// Its subject as Windows writes it, where no thumbprint is given.
    pub subject: Option<String>,
    /// Who has to be able to read its private key: the identity of the pool.
    pub identity: Option<String>,
}

impl InStore {
    /// Reads the options that name a certificate in a store: `thumbprint` or `subject`, `store_location`, `store_name`,
    /// `identity`; nothing if neither of the first two is there.
    ///
    /// # Errors
    /// Both are there, or one of them makes no sense.
    pub fn read(options: &Map<String, Value>) -> Result<Option<Self>, QuestionError> {
        let get = |name: &str| options.get(name).filter(|value| !value.is_null());
        let one = |name: &str| get(name).map(|value| text(name, value)).transpose();
        let (thumbprint, subject) = (one("thumbprint")?, one("subject")?);
        let thumbprint = thumbprint.map(|given| {
            let digits: String = given.chars().filter(char::is_ascii_hexdigit).collect();
            let odd = given.chars().any(|c| c.is_ascii() && !c.is_ascii_hexdigit() && c != ':' && c != ' ');
            match digits.len() {
                40 if !odd => Ok(digits.to_ascii_uppercase()),
                _ => Err(QuestionError("`thumbprint` is 40 hexadecimal digits (SHA-1)".to_owned())),
            }
        });
        let thumbprint = thumbprint.transpose()?;
        if thumbprint.is_some() && subject.is_some() {
            return Err(QuestionError("`thumbprint` and `subject` exclude each other".to_owned()));
        }
        if thumbprint.is_none() && subject.is_none() {
            return Ok(None);
        }
        let location = one("store_location")?.unwrap_or_else(|| "LocalMachine".to_owned());
        if !["LocalMachine", "CurrentUser"].contains(&location.as_str()) {
            return Err(QuestionError("`store_location` is `LocalMachine` or `CurrentUser`".to_owned()));
        }
        let store = one("store_name")?.unwrap_or_else(|| "My".to_owned());
        Ok(Some(Self { location, store, thumbprint, subject, identity: one("identity")? }))
    }
}

impl CertificateAt {
    /// Where it is, as findings call it behind the name of the host.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::File(path) => path.clone(),
            Self::Store(InStore { location, store, thumbprint, subject, .. }) => {
                let name = thumbprint.as_deref().or(subject.as_deref()).unwrap_or_default();
                format!("{location}\\{store}\\{name}")
            }
        }
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

/// The options of a question: of the variable `preflight` and of the module alike.
pub(crate) const OPTIONS: [&str; 8] = [
    "folder",
    "server",
    "certificates",
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
        for (name, value) in options.iter().filter(|(_, value)| !value.is_null()) {
            let requirements = &mut question.requirements;
            match name.as_str() {
                "folder" => question.folder = Some(text(name, value)?),
                "server" => question.server = Some(text(name, value)?),
                "certificates" => question.certificates = certificates(value)?,
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

    /// Everything that the host has to reach, each once.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let mut endpoints = Vec::new();
        if let Some((host, port)) = self.server.as_deref().and_then(of_uri) {
            endpoints.push(Endpoint { host, port, role: Role::Server });
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

fn text(name: &str, value: &Value) -> Result<String, QuestionError> {
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

/// What an entry of `certificates` may have.
const OF_CERTIFICATE: [&str; 8] =
    ["path", "password", "private_key", "thumbprint", "subject", "store_name", "store_location", "identity"];

fn certificates(value: &Value) -> Result<Vec<HostCertificate>, QuestionError> {
    let shape = || {
        let known = OF_CERTIFICATE.join("`, `");
        QuestionError(format!("`certificates` is a list of paths, or of mappings with `{known}`"))
    };
    let one = |item: &Value| match item {
        Value::String(_) => {
            let at = CertificateAt::File(text("certificates", item)?);
            Ok(HostCertificate { at, password: None, private_key: true })
        }
        Value::Object(entries) => {
            if entries.keys().any(|key| !OF_CERTIFICATE.contains(&key.as_str())) {
                return Err(shape());
            }
            let password = match entries.get("password") {
                None | Some(Value::Null) => None,
                Some(Value::String(password)) => Some(SecretString::from(password.as_str())),
                Some(_) => return Err(shape()),
            };
            let private_key = match entries.get("private_key") {
                None | Some(Value::Null) => true,
                Some(value) => value.as_bool().ok_or_else(shape)?,
            };
            let at = match (entries.get("path"), InStore::read(entries)?) {
                (Some(path), None) => CertificateAt::File(text("path", path)?),
                (None, Some(store)) => CertificateAt::Store(store),
                _ => return Err(shape()),
            };
            Ok(HostCertificate { at, password, private_key })
        }
        _ => Err(shape()),
    };
    value.as_array().ok_or_else(shape)?.iter().map(one).collect()
}
