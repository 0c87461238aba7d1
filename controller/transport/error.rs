//! Why a host cannot be reached.

use thiserror::Error;

use super::Unrendered;

/// A failure of a connection, named after the stage that failed. `hint` says what a person can do.
#[derive(Debug, Error)]
pub enum TransportError {
    /// The name has no address.
    #[error("cannot resolve `{address}`: {reason}")]
    Resolve {
        /// The name.
        address: String,
        /// What the resolver said.
        reason: String,
    },
    /// TCP failed or took too long.
    #[error("cannot connect to {address}:{port}: {reason}")]
    Connect {
        /// The address.
        address: String,
        /// The port.
        port: u16,
        /// What happened.
        reason: String,
    },
    /// The peer does not speak the protocol, or no common algorithm was found.
    #[error("{address}:{port} does not complete the SSH handshake: {reason}")]
    Handshake {
        /// The address.
        address: String,
        /// The port.
        port: u16,
        /// What happened.
        reason: String,
    },
    /// The host key is unknown, changed, revoked or not the pinned one.
    #[error("{message}")]
    HostKey {
        /// The whole message, with the fingerprint that was offered.
        message: String,
        /// What to do.
        hint: String,
    },
    /// No credential was accepted.
    #[error("{user}@{address}: authentication failed: {reason}")]
    Authenticate {
        /// Login user.
        user: String,
        /// The address.
        address: String,
        /// What was tried and what the host still accepts.
        reason: String,
    },
    /// WinRM failed.
    #[error("{message}")]
    WinRm {
        /// The whole message.
        message: String,
        /// What to do.
        hint: Option<String>,
        /// Whether trying again may help without anybody doing something. Never after a refused password.
        retry: bool,
        /// Whether credentials went out without an answer, so that whoever tries again has to count.
        spent: bool,
    },
    /// A command could not be opened on the connection.
    #[error("cannot open a session on the connection: {reason}")]
    Open {
        /// What happened.
        reason: String,
    },
    /// The connection ended.
    #[error("connection lost: {reason}")]
    Lost {
        /// What happened.
        reason: String,
    },
    /// A variable that decides how the host is reached is set, but has no value.
    #[error("`{host}`: `{variable}` cannot be rendered: {source}")]
    Variable {
        /// Name in the inventory.
        host: String,
        /// The variable.
        variable: String,
        /// Why.
        #[source]
        source: Unrendered,
    },
    /// A variable that decides how the host is reached has a value that it cannot have.
    #[error("`{host}`: `{variable}`: {what}")]
    Setting {
        /// Name in the inventory.
        host: String,
        /// The variable.
        variable: String,
        /// What is wrong; a hint may follow behind `\nhint: `.
        what: String,
    },
    /// A local problem: key file, known_hosts, ssh config.
    #[error("{message}")]
    Local {
        /// What is wrong.
        message: String,
    },
}

impl TransportError {
    /// What to do about it, where the message does not say so itself.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::HostKey { hint, .. } => Some(hint),
            Self::WinRm { hint, .. } => hint.as_deref(),
            Self::Variable { source, .. } => Some(
                source
                    .hint
                    .as_deref()
                    .unwrap_or("define what it needs, or remove the variable for the default"),
            ),
            _ => None,
        }
    }

    /// Whether credentials went out and nothing came back. They may have been refused, which may count for the account, so
    /// this is tried once more at most.
    #[must_use]
    pub fn spends_an_attempt(&self) -> bool {
        matches!(self, Self::WinRm { spent: true, .. })
    }

    /// Whether trying again may help without anybody doing something.
    #[must_use]
    pub fn retry_may_help(&self) -> bool {
        match self {
            Self::WinRm { retry, .. } => *retry,
            Self::Connect { .. } | Self::Handshake { .. } | Self::Open { .. } | Self::Lost { .. } => true,
            Self::Resolve { .. }
            | Self::HostKey { .. }
            | Self::Authenticate { .. }
            | Self::Variable { .. }
            | Self::Setting { .. }
            | Self::Local { .. } => false,
        }
    }
}
