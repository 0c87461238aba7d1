//! One disposable host: an SSH server on loopback whose commands run on this machine.
//!
//! It is not a security boundary. Commands run as the user who started the lab, with that user's rights on
//! this machine; only HOME, TMPDIR and the environment are the host's own. What it does keep: it listens on
//! loopback, takes public keys only, and only the one key it was started with.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey, ssh_key::LineEnding};
use russh::server::{
    self, Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, MethodKind, MethodSet};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::command::{self, Place};

/// How long a new connection to a forwarded port may take.
const FORWARD_LIMIT: Duration = Duration::from_secs(10);
/// How long a connection may take to end when the host is shut down.
const FAREWELL: Duration = Duration::from_secs(1);

/// A running host.
#[derive(Debug)]
pub struct LabHost {
    name: String,
    address: SocketAddr,
    place: Arc<Place>,
    host_key: PublicKey,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl LabHost {
    /// Starts a host that lives in `root` and lets `authorized` in. `port` 0 takes any free one. The host key
    /// is kept in `root`, so a host that is started again there is the same host.
    ///
    /// # Errors
    /// The folders or the key cannot be written, or the port is taken.
    pub async fn start(name: &str, root: &Path, port: u16, authorized: PublicKey) -> io::Result<Self> {
        let place = Place::create(root)?;
        let key = host_key(&root.join("host_key"), name)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let host_key = key.public_key().clone();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let host = Arc::new(Host {
            place: Arc::new(place),
            authorized,
            stop: stop.clone(),
            tasks: tasks.clone(),
            config: Arc::new(configuration(key)),
        });
        let place = Arc::clone(&host.place);
        tasks.spawn(listen(listener, host));
        Ok(Self { name: name.to_owned(), address, place, host_key, stop, tasks })
    }

    /// The host's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder that holds everything of the host.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.place.root
    }

    /// Its home folder.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.place.home()
    }

    /// `SHA256:...` of its key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.host_key.fingerprint(HashAlg::Sha256).to_string()
    }

    /// Its line for a `known_hosts` file.
    #[must_use]
    pub fn known_hosts_line(&self) -> String {
        let key = PublicKey::new(self.host_key.key_data().clone(), "");
        let key = key.to_openssh().expect("a key that was generated or read can be written");
        format!("[{}]:{} {key}", self.address.ip(), self.address.port())
    }

    /// Ends all connections, then the processes that they left behind.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        command::sweep(std::slice::from_ref(&self.place.root));
    }
}

impl Drop for LabHost {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What all connections of a host share.
struct Host {
    place: Arc<Place>,
    authorized: PublicKey,
    stop: CancellationToken,
    tasks: TaskTracker,
    config: Arc<server::Config>,
}

fn configuration(key: PrivateKey) -> server::Config {
    server::Config {
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        auth_rejection_time: Duration::from_millis(20),
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![key],
        inactivity_timeout: None,
        nodelay: true,
        ..server::Config::default()
    }
}

fn host_key(path: &Path, name: &str) -> io::Result<PrivateKey> {
    match std::fs::read_to_string(path) {
        Ok(text) => PrivateKey::from_openssh(&text).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = generate_key(name)?;
            write_private(path, key.to_openssh(LineEnding::LF).map_err(io::Error::other)?.as_bytes())?;
            Ok(key)
        }
        Err(error) => Err(error),
    }
}

/// A new Ed25519 key.
pub(crate) fn generate_key(comment: &str) -> io::Result<PrivateKey> {
    let mut key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519)
        .map_err(io::Error::other)?;
    key.set_comment(comment);
    Ok(key)
}

/// Creates a file that only its owner can read.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content)
}

async fn listen(listener: TcpListener, host: Arc<Host>) {
    loop {
        tokio::select! {
            () = host.stop.cancelled() => return,
            accepted = listener.accept() => {
                // Failures are those of one connection or a passing shortage of descriptors.
                let Ok((stream, _)) = accepted else {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let _ = stream.set_nodelay(true);
                host.tasks.spawn(serve(stream, Arc::clone(&host)));
            }
        }
    }
}

async fn serve(stream: TcpStream, host: Arc<Host>) {
    let gone = CancellationToken::new();
    let visitor = Visitor {
        host: Arc::clone(&host),
        channels: HashMap::new(),
        gone: gone.clone(),
        _guard: gone.clone().drop_guard(),
    };
    let starting = server::run_stream(Arc::clone(&host.config), stream, visitor);
    let session = tokio::select! {
        started = starting => started,
        () = host.stop.cancelled() => return,
    };
    if let Ok(mut session) = session {
        let handle = session.handle();
        tokio::select! {
            _ = &mut session => {}
            () = host.stop.cancelled() => {
                let reason = russh::Disconnect::ByApplication;
                let _ = handle.disconnect(reason, "the lab is closing".to_owned(), String::new()).await;
                let _ = tokio::time::timeout(FAREWELL, session).await;
            }
        }
    }
    gone.cancel();
}

/// One connection.
struct Visitor {
    host: Arc<Host>,
    channels: HashMap<ChannelId, Channel<Msg>>,
    /// Cancelled when the connection has ended.
    gone: CancellationToken,
    _guard: DropGuard,
}

impl Visitor {
    fn judge(&self, key: &PublicKey) -> Auth {
        if key.key_data() == self.host.authorized.key_data() { Auth::Accept } else { Auth::reject() }
    }
}

impl Handler for Visitor {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        _: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(self.judge(offer.public_key))
    }

    async fn auth_publickey(&mut self, _: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        Ok(self.judge(key.public_key))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        self.channels.remove(&id);
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let Some(channel) = self.channels.remove(&id) else { return session.channel_failure(id) };
        match command::start(&self.host.place, command) {
            Ok(child) => {
                session.channel_success(id)?;
                let (gone, stop) = (self.gone.clone(), self.host.stop.clone());
                self.host.tasks.spawn(command::attend(child, channel, session.handle(), gone, stop));
                Ok(())
            }
            Err(_) => session.channel_failure(id),
        }
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let Some(port) = u16::try_from(port).ok().filter(|_| local) else {
            reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
            return Ok(());
        };
        let (host, gone) = (host.to_owned(), self.gone.clone());
        // Connecting may take a while; the session goes on meanwhile.
        self.host.tasks.spawn(async move {
            let connecting = tokio::time::timeout(FORWARD_LIMIT, TcpStream::connect((host, port)));
            let Ok(Ok(mut stream)) = connecting.await else {
                reply.reject(ChannelOpenFailure::ConnectFailed).await;
                return;
            };
            let _ = stream.set_nodelay(true);
            reply.accept().await;
            let mut channel = channel.into_stream();
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut stream, &mut channel) => {}
                () = gone.cancelled() => {}
            }
        });
        Ok(())
    }
}
