//! One authenticated connection, shared by all channels that run over it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use russh::client::{DisconnectReason, Handle, Handler, Msg, Session};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelOpenFailure, Disconnect};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Hop;
use super::host_key::{Accepted, HostKeyCheck};
use super::streams::{Streams, split};
use crate::transport::{ByteStream, Process, TransportError};

/// How much of a login banner is kept.
const BANNER_LIMIT: usize = 64 * 1024;
/// How long an orderly end may take before the connection is cut.
const GOODBYE: Duration = Duration::from_secs(1);

/// A connection to a host. Clones share it; it is cut when the last clone and the last of its streams are
/// dropped, and ended in order by [`Connection::close`].
#[derive(Clone)]
pub struct Connection {
    pub(super) link: Arc<Link>,
}

/// What the clones and the streams of a connection share.
pub(super) struct Link {
    pub(super) handle: Handle<Client>,
    pub(super) state: Arc<State>,
    /// Cancelling it cuts the connection.
    pub(super) cut: CancellationToken,
    pub(super) ended: CancellationToken,
    pub(super) limit: Duration,
    /// The connection to the jump host that carries this one, and nothing else.
    pub(super) through: Option<Connection>,
}

impl Link {
    /// Why the connection ended, if it did.
    pub(super) fn ended_because(&self) -> String {
        self.state.ended_because()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.cut.cancel();
    }
}

impl Connection {
    /// Starts a command; the host's login shell interprets it. A host that refuses to run commands is seen
    /// when the streams are read.
    ///
    /// # Errors
    /// The channel cannot be opened.
    pub async fn exec(&self, command: &str) -> Result<Process, TransportError> {
        let channel = self.opened(Wanted::Session, self.link.handle.channel_open_session()).await?;
        channel.exec(true, command).await.map_err(|_| self.lost())?;
        let Streams { stdin, stdout, stderr, exit } = split(channel, &self.link);
        Ok(Process { stdin: Box::new(stdin), stdout: Box::new(stdout), stderr: Box::new(stderr), exit })
    }

    /// Opens a TCP connection from the host (`direct-tcpip`, RFC 4254 7.2).
    ///
    /// # Errors
    /// The host refuses or cannot connect.
    pub async fn tcp(&self, host: &str, port: u16) -> Result<Box<dyn ByteStream>, TransportError> {
        Ok(Box::new(self.stream(host, port).await?))
    }

    pub(super) async fn stream(
        &self,
        host: &str,
        port: u16,
    ) -> Result<impl ByteStream + use<>, TransportError> {
        let opening = self.link.handle.channel_open_direct_tcpip(host, u32::from(port), "127.0.0.1", 0);
        let channel = self.opened(Wanted::Tcp, opening).await?;
        let Streams { stdin, stdout, .. } = split(channel, &self.link);
        Ok(tokio::io::join(stdout, stdin))
    }

    /// The connection from this jump host to the next hop.
    pub(super) async fn hop(&self, hop: &Hop<'_>) -> Result<impl ByteStream + use<>, TransportError> {
        self.stream(hop.address, hop.port).await.map_err(|error| {
            let (address, port) = (hop.address.to_owned(), hop.port);
            TransportError::Connect { address, port, reason: format!("through the jump host: {error}") }
        })
    }

    /// `SHA256:...` of the key with which the host proved who it is.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        self.link.state.accepted.get().map_or("", |accepted| &accepted.fingerprint)
    }

    /// What the host said before the login, unfiltered.
    #[must_use]
    pub fn banner(&self) -> String {
        self.link.state.banner.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.link.ended.is_cancelled()
    }

    /// Resolves when the connection has ended, with the reason.
    pub async fn ended(&self) -> String {
        self.link.ended.cancelled().await;
        self.link.ended_because()
    }

    /// Says goodbye and ends the connection, within a second a hop, whatever still runs over it.
    pub async fn close(&self) {
        let goodbye = async {
            let _ = self.link.handle.disconnect(Disconnect::ByApplication, "", "").await;
            self.link.ended.cancelled().await;
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
        self.link.cut.cancel();
        if let Some(through) = &self.link.through {
            Box::pin(through.close()).await;
        }
    }

    async fn opened(
        &self,
        wanted: Wanted,
        opening: impl Future<Output = Result<Channel<Msg>, russh::Error>>,
    ) -> Result<Channel<Msg>, TransportError> {
        let reason = match tokio::time::timeout(self.link.limit, opening).await {
            Ok(Ok(channel)) => return Ok(channel),
            Ok(Err(russh::Error::ChannelOpenFailure(failure))) => match (wanted, failure) {
                // OpenSSH says "connect failed" for a session, too.
                (Wanted::Session, _) => "the host refuses another session (`MaxSessions`?)".to_owned(),
                (_, ChannelOpenFailure::AdministrativelyProhibited) => {
                    "the host forbids it (`AllowTcpForwarding`, `PermitOpen`)".to_owned()
                }
                (_, ChannelOpenFailure::ConnectFailed) => "the host cannot connect there".to_owned(),
                (_, other) => format!("the host refuses: {other:?}"),
            },
            Ok(Err(_)) => return Err(self.lost()),
            Err(_) => format!("no answer within {} s", self.link.limit.as_secs()),
        };
        Err(TransportError::Open { reason })
    }

    fn lost(&self) -> TransportError {
        TransportError::Lost { reason: self.link.ended_because() }
    }
}

/// For what a channel is opened.
#[derive(Clone, Copy)]
enum Wanted {
    Session,
    Tcp,
}

/// What the session's task reports to the connection.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) accepted: OnceLock<Accepted>,
    pub(super) refused: Mutex<Option<TransportError>>,
    pub(super) banner: Mutex<String>,
    pub(super) reason: OnceLock<String>,
}

impl State {
    pub(super) fn ended_because(&self) -> String {
        self.reason.get().cloned().unwrap_or_else(|| "the connection was closed".to_owned())
    }
}

/// The side of the connection that the session's task calls.
#[derive(Debug)]
pub(super) struct Client {
    check: HostKeyCheck,
    state: Arc<State>,
    _ended: DropGuard,
}

impl Client {
    pub(super) fn new(check: HostKeyCheck, state: Arc<State>, ended: CancellationToken) -> Self {
        Self { check, state, _ended: ended.drop_guard() }
    }
}

impl Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        match self.check.verify(offered) {
            Ok(accepted) => {
                let _ = self.state.accepted.set(accepted);
                Ok(true)
            }
            Err(error) => {
                *self.state.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Ok(false)
            }
        }
    }

    async fn auth_banner(&mut self, text: &str, _: &mut Session) -> Result<(), russh::Error> {
        let mut banner = self.state.banner.lock().unwrap_or_else(PoisonError::into_inner);
        if banner.len() + text.len() <= BANNER_LIMIT {
            banner.push_str(text);
        }
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<russh::Error>) -> Result<(), russh::Error> {
        let (text, result) = match reason {
            // The host refused the last method and said so; the login reports it.
            DisconnectReason::Error(error @ russh::Error::NoAuthMethod) => return Err(error),
            DisconnectReason::ReceivedDisconnect(info) => {
                (format!("the host said: {}", info.message), Ok(()))
            }
            DisconnectReason::Error(error) => (super::describe(&error), Err(error)),
        };
        let _ = self.state.reason.set(text);
        result
    }

    // A host has no business opening channels to the controller; the library would accept them. Dropping
    // `reply` refuses.
    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: russh::client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: russh::client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
        _: russh::client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        _: russh::client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: russh::client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: russh::client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: russh::client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }
}
