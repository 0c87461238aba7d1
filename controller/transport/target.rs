//! Where and how a host is reached.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::ssh::known_hosts::host_name;
use super::winrm;
use crate::shell::Platform;

/// Everything a transport needs to know about one host, resolved from its variables, the command
/// line and `~/.ssh/config`.
#[derive(Clone, Debug)]
pub struct Target {
    /// Name in the inventory; host keys are looked up under `address`.
    pub host: String,
    /// How to get there.
    pub via: Via,
    /// Which shell it has.
    pub platform: Platform,
}

/// The kind of connection.
#[derive(Clone, Debug)]
pub enum Via {
    /// A child process of the controller.
    Local,
    /// WinRM.
    WinRm(winrm::WinRmSetting),
    /// SSH.
    Ssh {
        /// Name or address to connect to.
        address: String,
        /// TCP port.
        port: u16,
        /// Login user.
        user: String,
        /// How to prove who we are.
        authentication: Authentication,
        /// How the host proves who it is.
        host_key: HostKeyPolicy,
        /// Hosts to go through, the first one first.
        jumps: Vec<Target>,
        /// Limit for each phase of connecting: TCP, key exchange, authentication.
        timeout: Duration,
        /// A keepalive is sent after this much silence; three without an answer end the connection.
        keepalive: Duration,
    },
}

/// Credentials, tried in the order of OpenSSH: agent and keys, keyboard-interactive, password.
#[derive(Clone, Debug, Default)]
pub struct Authentication {
    /// Private key files; missing default files are passed over, missing named ones are an error.
    pub keys: Vec<PathBuf>,
    /// Whether the keys were named by the user (then a missing one is an error, and `IdentitiesOnly` applies).
    pub keys_named: bool,
    /// Passphrase of encrypted keys.
    pub passphrase: Option<SecretString>,
    /// Asks for the passphrase of a key file, if none is given.
    pub ask: Option<AskPassphrase>,
    /// Password for `password` and `keyboard-interactive`.
    pub password: Option<SecretString>,
    /// Path of the agent's socket.
    pub agent: Option<PathBuf>,
}

/// How the host's key is checked.
#[derive(Clone, Debug, Default)]
pub struct HostKeyPolicy {
    /// Files in the format of `known_hosts`.
    pub known_hosts: Vec<PathBuf>,
    /// The one of them that keys are added to: the first that is the user's and not the system's. Nothing if no
    /// file of the user counts (`UserKnownHostsFile none`).
    pub own: Option<PathBuf>,
    /// Fingerprints (`SHA256:...`) from the inventory; if there are any, only they count.
    pub pins: Vec<String>,
    /// Name to look up instead of the address (`HostKeyAlias`).
    pub alias: Option<String>,
    /// `host_key_checking = False`: any key is accepted, with a warning on every run.
    pub accept_any: bool,
}

impl HostKeyPolicy {
    /// The name under which `known_hosts` lists the host: lower case, `[host]:port` for another port than 22, and the
    /// alias alone if there is one.
    #[must_use]
    pub fn name(&self, address: &str, port: u16) -> String {
        match &self.alias {
            Some(alias) => alias.to_lowercase(),
            None => host_name(address, port),
        }
    }
}

/// Asks for the passphrase of a key file; `None` if there is nobody to ask. It is asked from a thread that may
/// wait, and again for every host until the key could be decrypted.
#[derive(Clone)]
pub struct AskPassphrase(pub Arc<PassphraseOf>);

/// From a key file to its passphrase.
pub type PassphraseOf = dyn Fn(&Path) -> Option<SecretString> + Send + Sync;

impl fmt::Debug for AskPassphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AskPassphrase")
    }
}
