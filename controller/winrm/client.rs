//! A client of one host: a few connections, opened as they are needed, each with its own login.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::answer::Answer;
use crate::auth::{Credentials, Tickets};
use crate::connection::{Connection, Refusal, Target, rejected};
use crate::endpoint::Endpoint;
use crate::envelope::{self, Common};
use crate::error::{Error, Operation};
use crate::fault::FaultKind;
use crate::http::other_port;
use crate::limits::Limits;
use crate::shell::{Shell, ShellOptions};
use crate::tls;
use crate::underway::Underway;
use crate::xml::NotXml;

/// The envelope that every WinRM takes ([MS-WSMV] 3.1.4.1.4: 150 KiB is the default of the oldest).
const SMALL_ENVELOPE: usize = 153_600;

const CERTIFICATE_NEGOTIATION: &str = "let the host ask for it within the TLS handshake: `netsh http update sslcert \
    ipport=0.0.0.0:5986 certhash=... appid=... clientcertnegotiation=enable`";

/// A host that was logged in to. Clones are the same client.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

/// What a host says that it is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Identity {
    /// `Microsoft Corporation`.
    pub vendor: String,
    /// `OS: 10.0.20348 SP: 0.0 Stack: 3.0`.
    pub version: String,
}

#[derive(Debug)]
pub(crate) struct Inner {
    endpoint: Endpoint,
    credentials: Credentials,
    limits: Limits,
    tls: Option<Arc<ClientConfig>>,
    tickets: Tickets,
    /// The address as envelopes name it.
    to: String,
    session: String,
    envelope: AtomicUsize,
    /// A host that refused the credentials is not asked again.
    rejection: Mutex<Option<Error>>,
    /// The credentials were taken once, so that a later 401 is not about them.
    is_proven: AtomicBool,
    idle: Mutex<Vec<Connection>>,
    connections: Arc<Semaphore>,
    /// Requests that wait for output may not take the last connection: signals and input need one.
    polls: Arc<Semaphore>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

impl Client {
    /// Connects and logs in, with one attempt. Methods that log in with each request ask the host who it is.
    ///
    /// # Errors
    ///
    /// [`Error`], with a hint at the likely cause.
    pub async fn connect(
        endpoint: Endpoint,
        credentials: Credentials,
        limits: Limits,
    ) -> Result<Self, Error> {
        let own = match &credentials {
            Credentials::Certificate { certificate_pem, key_pem } => {
                Some((certificate_pem.as_slice(), key_pem))
            }
            _ => None,
        };
        if !endpoint.is_tls {
            match &credentials {
                Credentials::Basic { allow_plain: false, .. } => {
                    return Err(Error::Setting {
                        what: "Basic over http would send the password in plain text".into(),
                        hint: "use https, or `ntlm`, which seals its messages",
                    });
                }
                Credentials::Certificate { .. } => {
                    return Err(Error::Setting {
                        what: "a client certificate needs https".into(),
                        hint: "use https, as a rule on port 5986",
                    });
                }
                _ => {}
            }
        }
        if endpoint.is_sealed
            && matches!(&credentials, Credentials::Basic { .. } | Credentials::Certificate { .. })
        {
            return Err(Error::Setting {
                what: format!("{} has no key to seal messages with", credentials.method()),
                hint: "use `ntlm` or `kerberos`, or leave the protection to TLS",
            });
        }
        let tls = if endpoint.is_tls { Some(tls::config(&endpoint.trust, own)?) } else { None };
        let connections = limits.connections.max(2);
        let inner = Inner {
            to: endpoint.to_string(),
            session: new_id()?,
            tickets: Tickets::default(),
            envelope: AtomicUsize::new(limits.envelope.max(SMALL_ENVELOPE)),
            rejection: Mutex::new(None),
            is_proven: AtomicBool::new(false),
            idle: Mutex::new(Vec::new()),
            connections: Arc::new(Semaphore::new(connections)),
            polls: Arc::new(Semaphore::new(connections - 1)),
            tls,
            endpoint,
            credentials,
            limits,
        };
        let client = Self { inner: Arc::new(inner) };
        match client.inner.open().await {
            Ok(connection) => {
                let has_login = connection.is_logged_in();
                client.inner.put_back(connection);
                if !has_login {
                    client.identify().await.map_err(|error| client.inner.without_login(error))?;
                }
                Ok(client)
            }
            Err(Error::Connect { host, port, reason, .. }) => {
                let other_port = other_port(&client.inner.endpoint).await;
                Err(Error::Connect { host, port, reason, other_port })
            }
            Err(error) => Err(error),
        }
    }

    /// Asks the host who it is.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn identify(&self) -> Result<Identity, Error> {
        let answer = self.inner.ask(Operation::Identify, |_| envelope::identify()).await?;
        Ok(Identity {
            vendor: answer.product_vendor.unwrap_or_default(),
            version: answer.product_version.unwrap_or_default(),
        })
    }

    /// Makes a shell on the host. If this future is dropped while the host makes it, the shell is ended all the same.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn open_shell(&self, options: ShellOptions) -> Result<Shell, Error> {
        let inner = Arc::clone(&self.inner);
        // In a task of its own, so that the answer of the host is read whatever becomes of the caller: a shell whose
        // id nobody knows would stay until its idle timeout. When nobody waits any more, the shell is dropped.
        let underway = Underway::begin();
        // What nobody takes is dropped in this order, so that there is no moment without either.
        match tokio::spawn(async move { (Shell::create(inner, options).await, underway) }).await {
            Ok((shell, _)) => shell,
            Err(_) => Err(Error::Closed),
        }
    }
}

impl Inner {
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The size of envelopes that hosts are asked with.
    pub(crate) fn envelope(&self) -> usize {
        self.envelope.load(Ordering::Relaxed)
    }

    /// Asks with smaller envelopes from now on, because one of size `used` was refused; false if it was as small as
    /// they get.
    pub(crate) fn shrink(&self, used: usize) -> bool {
        self.envelope.store(SMALL_ENVELOPE, Ordering::Relaxed);
        used > SMALL_ENVELOPE
    }

    /// Makes a request, sends it once, and gives the answer; a fault is an error. `write` gets what all requests have in common and
    /// the id of the message.
    ///
    /// A request goes out again in two cases only, once each: when not a byte of it had left, and when the host answered that it wants a
    /// login on a connection that it had known before, so that it did nothing.
    pub(crate) async fn ask(
        &self,
        operation: Operation,
        write: impl Fn(&Common<'_>) -> Result<String, NotXml>,
    ) -> Result<Answer, Error> {
        let message = new_id()?;
        let common = Common {
            to: &self.to,
            session: &self.session,
            message: &message,
            envelope_size: self.envelope(),
            timeout: self.limits.operation,
        };
        let document = write(&common)?;
        let limit = self.limits.answer_time();
        let _poll = match operation {
            Operation::Receive => Some(permit(&self.polls).await?),
            _ => None,
        };
        let _permit = permit(&self.connections).await?;
        let (mut connection, mut is_new) = match self.take_idle() {
            Some(connection) => (connection, false),
            None => (self.open().await?, true),
        };
        let mut had_login_wanted = false;
        let answer = loop {
            match connection.ask(operation, &document, limit, &self.endpoint).await {
                Ok(answer) => break answer,
                Err(Refusal::NotSent(reason)) if is_new => return Err(Error::NotSent { operation, reason }),
                Err(Refusal::NotSent(_)) => {}
                Err(Refusal::LoginWanted(offered)) => {
                    let may_go_on = connection.is_logged_in() && self.is_proven.load(Ordering::Relaxed);
                    if had_login_wanted || !may_go_on {
                        return Err(self.reject(rejected(&self.target(), offered)));
                    }
                    had_login_wanted = true;
                }
                Err(Refusal::Failed(error)) => return Err(error),
            }
            connection = self.open().await?;
            is_new = true;
        };
        if answer.relates_to.as_ref().is_some_and(|id| *id != message) {
            return Err(Error::NotSealed { what: "it answers another request" });
        }
        self.is_proven.store(true, Ordering::Relaxed);
        self.put_back(connection);
        match answer.fault {
            Some(fault) => Err(Error::Fault { operation, fault }),
            None => Ok(answer),
        }
    }

    /// As `ask`, for requests that a host may find too large: then it is asked again with a smaller envelope, which it did not see
    /// before.
    pub(crate) async fn ask_small(
        &self,
        operation: Operation,
        write: impl Fn(&Common<'_>) -> Result<String, NotXml>,
    ) -> Result<Answer, Error> {
        let used = self.envelope();
        match self.ask(operation, &write).await {
            Err(error) if is_too_large(&error) && self.shrink(used) => self.ask(operation, &write).await,
            other => other,
        }
    }

    fn target(&self) -> Target<'_> {
        Target {
            endpoint: &self.endpoint,
            credentials: &self.credentials,
            limits: &self.limits,
            tls: self.tls.as_ref(),
            tickets: &self.tickets,
        }
    }

    async fn open(&self) -> Result<Connection, Error> {
        let before = self.rejection.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(rejection) = before {
            return Err(rejection);
        }
        match Connection::open(&self.target()).await {
            Ok(connection) => {
                if connection.is_logged_in() {
                    self.is_proven.store(true, Ordering::Relaxed);
                }
                Ok(connection)
            }
            Err(error) => Err(self.reject(error)),
        }
    }

    /// A host that wants a client certificate after the handshake asks for a new one, which cannot be had here, and hangs up.
    fn without_login(&self, error: Error) -> Error {
        let is_cut = matches!(error, Error::AnswerLost { .. } | Error::Silent { .. } | Error::NotSent { .. });
        match &self.credentials {
            Credentials::Certificate { .. } if is_cut => Error::Tls {
                host: self.endpoint.host.clone(),
                port: self.endpoint.port,
                reason: format!("the host hung up instead of taking the client certificate: {error}"),
                hint: CERTIFICATE_NEGOTIATION,
                is_permanent: true,
            },
            // Each attempt holds the password, and the host may have looked at it.
            Credentials::Basic { account, .. }
                if matches!(error, Error::AnswerLost { .. } | Error::Silent { .. }) =>
            {
                Error::LoginLost { account: account.to_string(), reason: error.to_string() }
            }
            _ => error,
        }
    }

    /// Remembers that the credentials were refused, or that the host's part of a login is not the host's.
    fn reject(&self, error: Error) -> Error {
        if matches!(error, Error::Rejected { .. } | Error::NotSealed { .. }) {
            *self.rejection.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
        error
    }

    /// The connection that was used last, since the others may come near their end.
    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| connection.is_fresh(self.limits.idle));
        idle.pop()
    }

    fn put_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    /// How long ending a shell may take.
    pub(crate) fn cleanup(&self) -> Duration {
        self.limits.cleanup
    }
}

/// Whether a host refused a request for its size, and so did nothing.
pub(crate) fn is_too_large(error: &Error) -> bool {
    match error {
        Error::Fault { fault, .. } => fault.kind() == FaultKind::TooLarge,
        Error::Status { status, .. } => *status == 413,
        _ => false,
    }
}

async fn permit(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
    Arc::clone(semaphore).acquire_owned().await.map_err(|_| Error::Closed)
}

/// A random identifier ([RFC 9562] 5.4) as WS-Management writes it.
pub(crate) fn new_id() -> Result<String, Error> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::Setting {
        what: format!("this system gives no random numbers: {error}"),
        hint: "check `/dev/urandom`",
    })?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut id = String::from("uuid:");
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        // Writing to a string does not fail.
        let _ = write!(id, "{byte:02X}");
    }
    Ok(id)
}
