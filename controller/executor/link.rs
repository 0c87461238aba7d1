//! The connection of one host and the remote shells on it, opened when a step first needs them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use paceline_remote::{Nonce, Pipes, ShellEvent, ShellHandle, StartError, StartOptions};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::context::{PlayContext, RunContext};
use super::dispatcher::JournalFailed;
use super::evaluate::Evaluator;
use super::reached::Reached;
use super::worker::HostState;
use crate::hostlog::percent_encode_host;
use crate::operation;
use crate::plan::Login;
use crate::transport::{Connection, Target, TransportError};

/// Output of one step that reaches the host log (DESIGN section 7).
const OUTPUT_CAP: u64 = 64 * 1024 * 1024;
/// Limit for a command beside a busy shell.
const BESIDE: Duration = Duration::from_secs(5);
/// Limit for opening a remote shell, sudo included.
const SHELL_TIMEOUT: Duration = Duration::from_secs(30);

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
            Self::Lost(_) | Self::Closed => {
                Some("look at the host's log and at its system log for what ended the session".to_owned())
            }
            Self::TimedOut => Some("the host does not answer; look at it before you go on".to_owned()),
            Self::Journal(_) => Some("free space for the state folder".to_owned()),
        }
    }

    /// Tells whether `become` is at fault and not the host: then the task failed.
    pub(super) fn is_become(&self) -> bool {
        use StartError::{SudoNeedsPassword, SudoNotAllowed, SudoPasswordWrong};
        matches!(self, Self::Start(SudoNeedsPassword | SudoPasswordWrong | SudoNotAllowed { .. }))
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
}

/// The connection of one host.
pub(super) struct Link {
    target: Target,
    points: PointsPlace,
    /// `ansible_become_exe` and `ansible_become_flags`.
    become_program: (Option<String>, Option<String>),
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
            point_limit: None,
            connection: None,
            shells: Vec::new(),
            warnings: Vec::new(),
        }
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
        let nonce = Nonce::new();
        let session_login = remote_login(login, password.is_some());
        let password = password.map(|password| Zeroizing::new(password.expose_secret().as_bytes().to_vec()));
        let process = self.connection()?.exec(&paceline_remote::command_line(&nonce, &session_login)).await?;
        let points = operation::open_points(self.points.base.as_deref(), &self.points.run, &self.points.host);
        let limit = self.point_limit.map(operation::limit_points).unwrap_or_default();
        let library = [operation::library(), &points, "\n", &limit, "\n"].concat();
        let started = paceline_remote::start(
            Pipes { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr },
            StartOptions {
                nonce: nonce.clone(),
                login: session_login.clone(),
                password: password.clone(),
                timeout: SHELL_TIMEOUT,
                library,
                output_cap: OUTPUT_CAP,
            },
        )
        .await?;
        self.shells.push(OpenShell {
            handle: started.handle,
            events: started.events,
            login: login.clone(),
            remote_login: session_login,
            nonce,
            password,
            sent: (0, 0),
        });
        self.shells.last_mut().ok_or(LinkError::Closed)
    }

    /// Returns the open shell of a login.
    pub(super) fn open(&mut self, login: &Login) -> Option<&mut OpenShell> {
        self.shells.iter_mut().find(|shell| shell.login == *login)
    }

    /// Makes the link of a host from its variables.
    pub(super) fn of(run: &RunContext, play: &PlayContext, host: &HostState) -> Result<Self, LinkError> {
        let evaluator = Evaluator::bare(run, play, host);
        let variable = |name: &str| evaluator.connection_variable(name);
        let target = (run.targets)(&host.name, &variable)?;
        let text = |name: &str| -> Result<Option<String>, TransportError> {
            let value = variable(name).map_err(|error| error.of(&host.name.0, name))?;
            Ok(value.as_ref().and_then(|value| value.as_str()).map(str::to_owned))
        };
        let base = text("paceline_base")?;
        let points = PointsPlace { base, run: run.id.clone(), host: percent_encode_host(&host.name.0) };
        let become_program = (text("ansible_become_exe")?, text("ansible_become_flags")?);
        let limit = variable("paceline_point_limit")
            .map_err(|error| error.of(&host.name.0, "paceline_point_limit"))?;
        let point_limit = limit.map(|limit| bytes(&host.name.0, &limit)).transpose()?;
        Ok(Self { become_program, point_limit, ..Self::new(target, points) })
    }

    /// A link to the same host with the same login that is not connected yet.
    pub(super) fn again(&self) -> Self {
        let become_program = self.become_program.clone();
        let point_limit = self.point_limit;
        Self { become_program, point_limit, ..Self::new(self.target.clone(), self.points.clone()) }
    }

    /// The script of a guard for the points that this link leaves on the host.
    pub(super) fn guard_script(&self) -> Arc<[u8]> {
        let PointsPlace { base, run, host } = &self.points;
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
        self.beside(login, ShellHandle::hold_line).await
    }

    /// Ends the user command that runs in the shell of `login`, through a second channel.
    pub(super) async fn interrupt(&self, login: &Login) -> Result<(), LinkError> {
        self.beside(login, ShellHandle::interrupt_line).await
    }

    /// Runs a command line beside the busy shell, under the same login.
    async fn beside(
        &self,
        login: &Login,
        line: impl Fn(&ShellHandle, &paceline_remote::Login) -> String,
    ) -> Result<(), LinkError> {
        let Some(shell) = self.shells.iter().find(|shell| shell.login == *login) else { return Ok(()) };
        let process = self.connection()?.exec(&line(&shell.handle, &shell.remote_login)).await?;
        let pipes = Pipes { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr };
        let (nonce, password) = (&shell.nonce, shell.password.clone());
        paceline_remote::interrupt(pipes, nonce, &shell.remote_login, password, BESIDE).await?;
        Ok(())
    }

    /// Closes shells and connection in order.
    pub(super) async fn close(&mut self) {
        for shell in self.shells.drain(..) {
            let _ = tokio::time::timeout(Duration::from_secs(2), shell.handle.close()).await;
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
