//! What hosts answered, without any secret: of a secret there is the hash that the server's configuration has, or that it is there.
//!
//! Every `place` is `HOST:PATH`. All text is the host's.

use std::collections::BTreeMap;

use crate::preflight::certificate::Certificate;
use crate::preflight::host::Reached;

/// What was read from hosts.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Hosts that were asked, by name.
    pub hosts: BTreeMap<String, ObservedHost>,
}

/// A host that was asked.
#[derive(Clone, Debug, Default)]
pub struct ObservedHost {
    /// Why it did not answer; nothing if it did.
    pub no_answer: Option<String>,
    /// Agents on it: one for each folder that was asked for and is there.
    pub installations: Vec<Installation>,
    /// For `--who-could-serve`: managed systems by `HOST:PORT`, and whether the host reaches them.
    pub reached: BTreeMap<String, Reached>,
}

/// An agent on a host.
#[derive(Clone, Debug, Default)]
pub struct Installation {
    /// The working directory.
    pub folder: String,
    /// `OpenId.AgentIdentifier`, with the overrides of files and environment, and its place.
    pub agent: Option<(String, String)>,
    /// `ApplicationUri`, and its place.
    pub application_uri: Option<(String, String)>,
    /// `Connections`, by name.
    pub connections: BTreeMap<String, ObservedConnection>,
    /// `OpenId.OpenIdClients`: what their secrets' hashes are.
    pub clients: BTreeMap<String, SecretHash>,
    /// `OpenId.DefaultOpenIdClient`.
    pub default_client: Option<String>,
    /// Where it is said that settings come from a vault as well (Azure Key Vault, CyberArk), which nobody but the agent
    /// can read: then a setting that is in no file is not missing.
    pub vault: Option<String>,
    /// `SourcesRootPaths`, and its place.
    pub sources: Option<(Vec<String>, String)>,
    /// `EncryptionCertificate.EncryptFile`, and its place.
    pub encrypt_file: Option<(bool, String)>,
    /// `stdoutLogEnabled` of `web.config`, and its place.
    pub stdout_log: Option<(bool, String)>,
    /// Places of secrets in plain text that the product could hold encrypted: `HOST:PATH:KEY`.
    pub plain_secrets: Vec<String>,
    /// Other things that are odd about its files, such as one that cannot be read: place and what.
    pub oddities: Vec<(String, String)>,
    /// The version of the runtime, such as 6.2.1.0.
    pub version: Option<String>,
    /// The pool and its state.
    pub pool: Option<RunState>,
    /// The site and its state.
    pub site: Option<RunState>,
    /// Host names of the site's bindings.
    pub host_names: Vec<String>,
    /// Its certificates.
    pub certificates: Vec<ObservedCertificate>,
}

/// `Connections.NAME` on a host.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ObservedConnection {
    /// `HOST:PATH`.
    pub place: String,
    /// Whether one of its settings is a secret.
    pub secret: bool,
    /// `Path` of connectors of files.
    pub path: Option<String>,
}

/// A secret, as the server knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SecretHash {
    /// `base64(SHA-256(secret))`; nothing where only the host can read it (encrypted, or in a vault).
    pub hash: Option<String>,
    /// `HOST:PATH`.
    pub place: String,
}

/// Whether a pool or site works.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunState {
    /// Its name.
    pub name: String,
    /// `Started`, `Stopped` ...; `missing` if there is none of that name.
    pub state: String,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Usage {
    /// The server's, which signs tokens (`IdentityServer`).
    Identity,
    /// Files (`EncryptionCertificate`).
    Encryption,
    /// Password resets (`PasswordResetSettings.EncryptionCertificate`).
    Reset,
    /// The site's.
    Tls,
}

/// A certificate on a host.
#[derive(Clone, Debug)]
pub struct ObservedCertificate {
    /// What it is for.
    pub usage: Usage,
    /// `HOST:PATH`, or `HOST:LocalMachine\My\THUMBPRINT`.
    pub place: String,
    /// Itself, and the findings of the policy about it (without host).
    pub judged: Vec<Certificate>,
    /// What the policy of certificates says about it.
    pub findings: Vec<crate::preflight::Finding>,
}
