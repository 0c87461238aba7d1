//! The connection of one host and the remote shells on it, opened when a step first needs them.

use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use paceline_remote::{
    Aside, Dialect, Nonce, Pipes, ShellEvent, ShellHandle, StartError, StartOptions, Started,
};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::context::{PlayContext, RunContext};
use super::dispatcher::{Emitter, JournalFailed};
use super::evaluate::Evaluator;
use super::event::EventKind;
use super::lease::{self, Beside, Lease, lease_seconds};
use super::ledger::Ledger;
use super::reached::Reached;
use crate::hostlog::percent_encode_host;
use crate::inventory::HostName;
use crate::operation::{self, Claim, LeaseAnswer, SessionText};
use crate::plan::{HostValues, Login};
use crate::shell::Platform;
use crate::transport::{Connection, Process, Target, TransportError};

/// Output of one step that reaches the host log (DESIGN section 7).
const OUTPUT_CAP: u64 = 64 * 1024 * 1024;
/// Limits for a command beside a busy shell, and where a second PowerShell has to start first.
const BESIDE: Duration = Duration::from_secs(5);
const BESIDE_WINDOWS: Duration = Duration::from_secs(20);
/// Limit for opening a remote shell, sudo included.
const SHELL_TIMEOUT: Duration = Duration::from_secs(30);
/// How often it is told that a session waits for an earlier one.
const TELL_EVERY: Duration = Duration::from_secs(30);
/// Words of a session that waits, until they are looked at.
const WAITS: usize = 16;

/// Why a host cannot be worked on.
#[derive(Debug, Error)]
pub(super) enum LinkError {
    /// The connection could not be made.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The shell could not be opened.
    #[error("cannot open a shell: {0}")]
    Start(#[from] StartError),
    /// The shell ended.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The shell ended without a reason.
    #[error("connection lost: the remote shell ended")]
    Closed,
    /// A step did not end after its time limit, and could not be ended.
    #[error("connection given up: a step did not end after its time limit")]
    TimedOut,
    /// Another run holds the host, or took it over.
    #[error("{message}")]
    Held {
        /// Who, and since when.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The host cannot be leased, so nobody would know that a run is at work on it.
    #[error("cannot lease the host: {0}")]
    Lease(String),
    /// Nothing may be started any more.
    #[error(transparent)]
    Journal(#[from] JournalFailed),
}

impl LinkError {
    /// Says what a person can do.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Transport(error) => error.hint().map(str::to_owned),
            Self::Start(_) => None,
            Self::Held { hint, .. } => hint.clone(),
            Self::Lease(_) => {
                Some("free space there, or name a folder that can be written with `paceline_base`".to_owned())
            }
            Self::Lost(_) | Self::Closed => {
                Some("look at the host's log and at its system log for what ended the session".to_owned())
            }
            Self::TimedOut => Some("the host does not answer; look at it before you go on".to_owned()),
            Self::Journal(_) => Some("free space for the state folder".to_owned()),
        }
    }

    /// Tells whether `become` is at fault and not the host: then the task failed.
    pub(super) fn is_become(&self) -> bool {
        use StartError::{NoBecome, SudoNeedsPassword, SudoNotAllowed, SudoPasswordWrong};
        matches!(self, Self::Start(SudoNeedsPassword | SudoPasswordWrong | SudoNotAllowed { .. } | NoBecome))
    }
}

/// A remote shell.
pub(super) struct OpenShell {
    pub handle: ShellHandle,
    pub events: mpsc::Receiver<ShellEvent>,
    login: Login,
    remote_login: paceline_remote::Login,
    nonce: Nonce,
    password: Option<Zeroizing<Vec<u8>>>,
    /// Which boot of the host it runs in.
    pub boot: Option<String>,
    /// What the host's ledger said when it was looked at.
    pub ledger: Option<Arc<Ledger>>,
    /// How many programs have read from the host beside the pipeline.
    pub readers: u64,
    lease: Option<Lease>,
    /// Number of the last step that was sent, and its epoch: whoever sends next counts on from there.
    pub sent: (u64, u64),
}

/// Where the rollback points of a host go.
#[derive(Clone, Debug)]
pub(super) struct PointsPlace {
    /// `paceline_base`, if the host has one.
    pub base: Option<String>,
    /// The run.
    pub run: String,
    /// The host, percent-encoded.
    pub host: String,
    /// Whether the steps are noted in the host's ledger: those of a run that changes nothing are not.
    pub ledger: bool,
}

/// The connection of one host.
pub(super) struct Link {
    target: Target,
    points: PointsPlace,
    /// `ansible_become_exe` and `ansible_become_flags`.
    become_program: (Option<String>, Option<String>),
    /// What the host is leased with; nothing for who changes nothing. And who is told about it.
    claim: Option<(Claim, Emitter)>,
    /// `paceline_point_limit`, if the host has one: the most that is copied for one rollback point, in bytes.
    point_limit: Option<u64>,
    connection: Option<Connection>,
    shells: Vec<OpenShell>,
    /// Warnings of the transport, to be emitted.
    pub warnings: Vec<String>,
}

impl Link {
    pub(super) fn new(target: Target, points: PointsPlace) -> Self {
        Self {
            target,
            points,
            become_program: (None, None),
            claim: None,
            point_limit: None,
            connection: None,
            shells: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Leases the host with every session that is opened from now on.
    pub(super) fn leasing(mut self, claim: Claim, emitter: Emitter) -> Self {
        self.claim = Some((claim, emitter));
        self
    }

    /// Connects if that has not happened yet; returns the milliseconds it took when it did now.
    pub(super) async fn connect(&mut self) -> Result<Option<u64>, LinkError> {
        if self.connection.is_some() {
            return Ok(None);
        }
        let start = Instant::now();
        let warnings = Arc::new(std::sync::Mutex::new(Vec::new()));
        let sink = warnings.clone();
        let warn = move |message: &str| {
            sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(message.to_owned());
        };
        let connection = crate::transport::connect(&self.target, &warn).await?;
        self.warnings.append(&mut warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        self.connection = Some(connection);
        Ok(Some(start.elapsed().as_millis() as u64))
    }

    /// Returns the connection, which must be open.
    pub(super) fn connection(&self) -> Result<&Connection, LinkError> {
        self.connection.as_ref().ok_or(LinkError::Closed)
    }

    /// Returns the shell of a login, opened if there is none yet.
    pub(super) async fn shell(
        &mut self,
        login: &Login,
        password: Option<&SecretString>,
    ) -> Result<&mut OpenShell, LinkError> {
        if let Some(index) = self.shells.iter().position(|shell| shell.login == *login) {
            return Ok(&mut self.shells[index]);
        }
        let (nonce, dialect, texts) = (Nonce::new(), self.dialect(), self.texts());
        let session_login = remote_login(login, password.is_some());
        if dialect == Dialect::PowerShell && *login != Login::Plain {
            return Err(StartError::NoBecome.into());
        }
        let password = password.map(|password| Zeroizing::new(password.expose_secret().as_bytes().to_vec()));
        let process = self.connection()?.exec(&dialect.command_line(&nonce, &session_login)).await?;
        let points = texts.open_points(self.points.base.as_deref(), &self.points.run, &self.points.host);
        let limit = self.point_limit.map(|limit| texts.limit_points(limit)).unwrap_or_default();
        let ledger = if self.points.ledger { texts.open_ledger() } else { String::new() };
        let take = self.claim.as_ref().map(|(claim, _)| texts.take(claim)).unwrap_or_default();
        let library = texts.library().to_owned();
        let opening = [&points, "\n", &limit, "\n", &ledger, "\n", &take, "\n"].concat();
        let (waiting, waits) = mpsc::channel(WAITS);
        let starting = paceline_remote::start(
            pipes(process),
            StartOptions {
                dialect,
                nonce: nonce.clone(),
                login: session_login.clone(),
                password: password.clone(),
                timeout: SHELL_TIMEOUT,
                library,
                opening,
                output_cap: OUTPUT_CAP,
                waiting: Some(waiting),
            },
        );
        let started = self.while_it_waits(starting, waits).await?;
        let lease = self.leased(&started, login, &session_login, &password).await?;
        self.shells.push(OpenShell {
            handle: started.handle,
            events: started.events,
            login: login.clone(),
            remote_login: session_login,
            nonce,
            password,
            boot: started.info.boot_id,
            ledger: None,
            readers: 0,
            lease,
            sent: (0, 0),
        });
        self.shells.last_mut().ok_or(LinkError::Closed)
    }

    /// Tells, now and then, that a session waits for an earlier one.
    async fn while_it_waits(
        &self,
        starting: impl Future<Output = Result<Started, StartError>>,
        mut waits: mpsc::Receiver<String>,
    ) -> Result<Started, StartError> {
        let mut told: Option<Instant> = None;
        tokio::pin!(starting);
        loop {
            tokio::select! {
                started = &mut starting => return started,
                Some(said) = waits.recv() => {
                    if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                        told = Some(Instant::now());
                        self.tell(EventKind::Warning { message: lease::waiting(&said) }).await;
                    }
                }
            }
        }
    }

    /// Emits an event about the lease.
    async fn tell(&self, kind: EventKind) {
        if let Some((claim, emitter)) = &self.claim {
            emitter.host(&claim.host.as_str().into(), kind).await;
        }
    }

    /// What came of the lease of a session that started.
    async fn leased(
        &self,
        started: &Started,
        login: &Login,
        session_login: &paceline_remote::Login,
        password: &Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Option<Lease>, LinkError> {
        let Some((claim, _)) = &self.claim else { return Ok(None) };
        let host = HostName::from(claim.host.as_str());
        match LeaseAnswer::read(|name| started.info.extra(name).map(str::to_owned)) {
            Some(LeaseAnswer::Taken { number, folder, over }) => {
                let over = over.and_then(|(holder, waited)| lease::taken_over(&claim.run, &holder, waited));
                if let Some(message) = over {
                    self.tell(EventKind::Warning { message }).await;
                }
                if let Some(folder) = started.info.extra("lease_guard") {
                    let folder = crate::hostlog::sanitize_line(folder);
                    let message = format!(
                        "a guard that a dead run left armed was fired first: its block is undone (`{folder}`)"
                    );
                    self.tell(EventKind::Warning { message }).await;
                }
                let become_user = match login {
                    Login::Plain => None,
                    Login::Sudo { user, .. } => Some(user.clone()),
                };
                self.tell(EventKind::LeaseTaken { lease: number, folder: folder.clone(), become_user }).await;
                let beside = Beside {
                    connection: self.connection()?.clone(),
                    login: session_login.clone(),
                    password: password.clone(),
                    session: started.handle.folder_name().clone(),
                    dialect: started.handle.dialect(),
                };
                Ok(Some(Lease::keep(beside, self.target.clone(), claim, &folder, number)))
            }
            Some(LeaseAnswer::Held { holder, .. }) => Err(lease::held(&host, &holder)),
            Some(LeaseAnswer::Busy { process, waited }) => Err(lease::busy(&process, &waited)),
            Some(LeaseAnswer::Impossible { reason }) => {
                Err(LinkError::Lease(crate::hostlog::sanitize_line(&reason).into_owned()))
            }
            Some(LeaseAnswer::Free) | None => {
                Err(LinkError::Lost("the host did not say who holds it".to_owned()))
            }
        }
    }

    /// Asks the host whether the run still has its lease, for work that no session's shell does.
    pub(super) async fn confirm_lease(&self) -> Result<(), LinkError> {
        for lease in self.shells.iter().filter_map(|shell| shell.lease.as_ref()) {
            lease.confirm(self.beside_limit()).await?;
        }
        Ok(())
    }

    /// A session that ended may have been ended by who took the host over: then that is the reason.
    pub(super) async fn reason(&self, error: LinkError) -> LinkError {
        match &error {
            LinkError::Lost(_) | LinkError::Closed => match self.confirm_lease().await {
                Err(held) => held,
                Ok(()) => error,
            },
            LinkError::Held { .. } => match self.confirm_lease().await {
                // The shell said no more than that the lease is lost.
                Err(held) => held,
                Ok(()) => error,
            },
            _ => error,
        }
    }

    /// Returns the open shell of a login.
    pub(super) fn open(&mut self, login: &Login) -> Option<&mut OpenShell> {
        self.shells.iter_mut().find(|shell| shell.login == *login)
    }

    /// Which boot of the host the shell of a login runs in.
    pub(super) fn boot(&self, login: &Login) -> Option<&str> {
        self.shells.iter().find(|shell| shell.login == *login)?.boot.as_deref()
    }

    /// Makes the link of a host from its variables.
    pub(super) fn of(
        run: &RunContext,
        play: &PlayContext,
        (host, learned): (&HostName, &RwLock<HostValues>),
    ) -> Result<Self, LinkError> {
        let evaluator = Evaluator::at(run, play, (host, learned));
        let variable = |name: &str| evaluator.connection_variable(name);
        let target = (run.targets)(host, &variable)?;
        let text = |name: &str| -> Result<Option<String>, TransportError> {
            let value = variable(name).map_err(|error| error.of(&host.0, name))?;
            Ok(value.as_ref().and_then(|value| value.as_str()).map(str::to_owned))
        };
        let base = text("paceline_base")?;
        let ledger = !run.options.check;
        let points = PointsPlace { base, run: run.id.clone(), host: percent_encode_host(&host.0), ledger };
        let become_program = (text("ansible_become_exe")?, text("ansible_become_flags")?);
        let limit =
            variable("paceline_point_limit").map_err(|error| error.of(&host.0, "paceline_point_limit"))?;
        let point_limit = limit.map(|limit| bytes(&host.0, &limit)).transpose()?;
        let link = Self { become_program, point_limit, ..Self::new(target, points) };
        Ok(match &run.claimant {
            None => link,
            Some(claimant) => {
                let seconds = lease_seconds(host, &variable)?;
                link.leasing(claimant.on(host, seconds), run.emitter.clone())
            }
        })
    }

    /// A link to the same host with the same login that is not connected yet.
    pub(super) fn again(&self) -> Self {
        let become_program = self.become_program.clone();
        let point_limit = self.point_limit;
        Self { become_program, point_limit, ..Self::new(self.target.clone(), self.points.clone()) }
    }

    /// The script of a guard for the points that this link leaves on the host.
    pub(super) fn guard_script(&self) -> Arc<[u8]> {
        let PointsPlace { base, run, host, .. } = &self.points;
        operation::guard::guard_script(base.as_deref(), run, host)
    }

    /// How the host is reached.
    pub(super) fn reached(&self) -> Option<Box<Reached>> {
        let (become_exe, become_flags) = self.become_program.clone();
        let base = self.points.base.clone();
        Some(Box::new(Reached { base, become_exe, become_flags, ..Reached::of(&self.target) }))
    }

    /// Keeps the shell of `login` from taking further steps; the one in hand goes on.
    pub(super) async fn hold(&self, login: &Login) -> Result<(), LinkError> {
        self.beside(login, ShellHandle::hold_line, Aside::Hold).await
    }

    /// Ends the user command that runs in the shell of `login`, through a second channel.
    pub(super) async fn interrupt(&self, login: &Login) -> Result<(), LinkError> {
        self.beside(login, ShellHandle::interrupt_line, Aside::Interrupt).await
    }

    /// Runs a command line beside the busy shell, under the same login.
    async fn beside(
        &self,
        login: &Login,
        line: impl Fn(&ShellHandle, &paceline_remote::Login) -> String,
        what: Aside<'_>,
    ) -> Result<(), LinkError> {
        let Some(shell) = self.shells.iter().find(|shell| shell.login == *login) else { return Ok(()) };
        match shell.handle.dialect() {
            Dialect::Posix => {
                let process = self.connection()?.exec(&line(&shell.handle, &shell.remote_login)).await?;
                let (nonce, password) = (&shell.nonce, shell.password.clone());
                paceline_remote::interrupt(pipes(process), nonce, &shell.remote_login, password, BESIDE)
                    .await?;
            }
            Dialect::PowerShell => {
                let nonce = Nonce::new();
                let line = Dialect::PowerShell.command_line(&nonce, &shell.remote_login);
                let process = self.connection()?.exec(&line).await?;
                let session = shell.handle.folder_name();
                paceline_remote::beside_powershell(pipes(process), &nonce, session, what, BESIDE_WINDOWS)
                    .await?;
            }
        }
        Ok(())
    }

    /// Limit for a command beside a busy shell.
    fn beside_limit(&self) -> Duration {
        if self.dialect() == Dialect::Posix { BESIDE } else { BESIDE_WINDOWS }
    }

    /// Which shell the host has.
    fn dialect(&self) -> Dialect {
        match self.target.platform {
            Platform::Posix => Dialect::Posix,
            Platform::Windows => Dialect::PowerShell,
        }
    }

    /// The language of that shell.
    pub(super) fn texts(&self) -> SessionText {
        SessionText(self.target.platform)
    }

    /// Closes shells and connection in order. With `forget` all results are in safety here, and the host need not keep
    /// them.
    pub(super) async fn close(&mut self, forget: bool) {
        for shell in self.shells.drain(..) {
            let _ = tokio::time::timeout(Duration::from_secs(2), shell.handle.close(forget)).await;
        }
        if let Some(connection) = self.connection.take() {
            let _ = tokio::time::timeout(Duration::from_secs(2), connection.close()).await;
        }
    }

    /// Drops shells and connection at once.
    pub(super) fn abort(&mut self) {
        self.shells.clear();
        self.connection = None;
    }
}

/// The streams of an opened command.
pub(super) fn pipes(process: Process) -> Pipes {
    Pipes { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr }
}

/// The bytes that `paceline_point_limit` names.
fn bytes(host: &str, limit: &serde_json::Value) -> Result<u64, TransportError> {
    let number = limit.as_u64().or_else(|| limit.as_str()?.trim().parse().ok());
    number.filter(|number| i64::try_from(*number).is_ok()).ok_or_else(|| TransportError::Setting {
        host: host.to_owned(),
        variable: "paceline_point_limit".to_owned(),
        what: format!("`{limit}` is no number of bytes\nhint: `1073741824` is one GiB"),
    })
}

fn remote_login(login: &Login, password: bool) -> paceline_remote::Login {
    match login {
        Login::Plain => paceline_remote::Login::Plain,
        Login::Sudo { user, exe, flags } => paceline_remote::Login::Sudo {
            user: user.clone(),
            exe: exe.clone(),
            flags: flags.as_ref().map(|flags| flags.split_whitespace().map(str::to_owned).collect()),
            password,
        },
    }
}
