//! A connection to a target, whatever its kind.

use tokio::net::TcpStream;

use super::{ByteStream, LocalOptions, Process, Target, TransportError, Via, local, ssh, winrm};

/// An open connection. Clones share it.
#[derive(Clone)]
pub enum Connection {
    /// By SSH.
    Ssh(ssh::Connection),
    /// By WinRM.
    WinRm(winrm::Connection),
    /// This machine.
    Local(LocalOptions),
}

/// Connects to a target; `warn` receives what the user must be told though the connection goes on.
///
/// # Errors
/// The stage that failed.
pub async fn connect(target: &Target, warn: ssh::Warn<'_>) -> Result<Connection, TransportError> {
    match &target.via {
        Via::Ssh { .. } => Ok(Connection::Ssh(ssh::connect(target, warn).await?)),
        Via::WinRm(setting) => Ok(Connection::WinRm(winrm::connect(&target.host, setting, warn).await?)),
        Via::Local => Ok(Connection::Local(LocalOptions::default())),
    }
}

impl Connection {
    /// Starts a command. Its streams must be read or dropped: one that is neither holds up the whole connection.
    ///
    /// # Errors
    /// The command cannot be started.
    pub async fn exec(&self, command: &str) -> Result<Process, TransportError> {
        match self {
            Self::Ssh(connection) => connection.exec(command).await,
            Self::WinRm(connection) => connection.exec(command).await,
            Self::Local(options) => local::exec(command, options).await,
        }
    }

    /// Opens a TCP connection from the host.
    ///
    /// # Errors
    /// The host cannot connect, or may not.
    pub async fn tcp(&self, host: &str, port: u16) -> Result<Box<dyn ByteStream>, TransportError> {
        match self {
            Self::Ssh(connection) => connection.tcp(host, port).await,
            Self::WinRm(_) => {
                let reason = "WinRM does not carry connections of the host".to_owned();
                Err(TransportError::Open { reason })
            }
            Self::Local(_) => {
                let failed = |error: std::io::Error| TransportError::Open { reason: error.to_string() };
                Ok(Box::new(TcpStream::connect((host, port)).await.map_err(failed)?))
            }
        }
    }

    /// `SHA256:...` of the host's key; nothing for this machine.
    #[must_use]
    pub fn fingerprint(&self) -> Option<&str> {
        match self {
            Self::Ssh(connection) => Some(connection.fingerprint()),
            Self::WinRm(_) | Self::Local(_) => None,
        }
    }

    /// Ends the connection and what runs over it. Commands of this machine meet the end of their streams instead.
    pub async fn close(&self) {
        match self {
            Self::Ssh(connection) => connection.close().await,
            Self::WinRm(connection) => connection.close().await,
            Self::Local(_) => {}
        }
    }
}
