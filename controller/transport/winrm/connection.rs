//! A connection by WinRM: one login, one WinRS shell, any number of commands in it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use paceline_winrm::{Client, CommandLine, Control, Endpoint, Error, Limits, Shell, ShellOptions, Trust};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Mutex, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::credentials::credentials;
use super::files::authorities;
use super::{Method, TlsPolicy, WinRmSetting};
use crate::transport::ssh::Warn;
use crate::transport::{ExitStatus, Process, TransportError};

/// A connection. Clones share it.
#[derive(Clone)]
pub struct Connection {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    /// Whether its variables are those of `psrp`.
    psrp: bool,
    /// Opened by the first command; nothing once the connection is closed.
    shell: Mutex<State>,
}

enum State {
    New,
    Open(Arc<Shell>),
    Closed,
}

/// Logs in. Methods that cannot be tried here, or that the host does not offer before it was told anything, give way to the next
/// one; a refusal does not. Basic follows only where the host had no say: by refusing the others it would get the password.
pub(in crate::transport) async fn connect(
    host: &str,
    setting: &WinRmSetting,
    warn: Warn<'_>,
) -> Result<Connection, TransportError> {
    let endpoint = endpoint(host, setting, warn)?;
    let limits = Limits {
        connect: setting.connect_timeout,
        operation: setting.operation_timeout,
        ..Limits::default()
    };
    let failed = |error: &Error| of(error, setting.psrp);
    let mut passed_over = None;
    for method in &setting.methods {
        if let (Method::Basic, Some(Error::NotOffered { method, offered })) = (method, &passed_over) {
            return Err(TransportError::WinRm {
                message: format!("the host does not offer {method}; it offers {offered}"),
                hint: Some(format!(
                    "`basic` would hand it the password, so it does not follow by itself: set `{}` to `basic` if that is meant",
                    setting.variable("ansible_winrm_transport", "ansible_psrp_auth"),
                )),
                retry: false,
                spent: false,
            });
        }
        let credentials = credentials(host, setting, *method)?;
        match Client::connect(endpoint.clone(), credentials, limits.clone()).await {
            Ok(client) => {
                let inner = Inner { client, psrp: setting.psrp, shell: Mutex::new(State::New) };
                return Ok(Connection { inner: Arc::new(inner) });
            }
            Err(error @ (Error::Kerberos { .. } | Error::NotOffered { .. })) => passed_over = Some(error),
            Err(error) => return Err(failed(&error)),
        }
    }
    let nothing = || TransportError::Local { message: format!("`{host}`: no way to log in is left") };
    Err(passed_over.as_ref().map_or_else(nothing, failed))
}

pub(in crate::transport) fn endpoint(
    host: &str,
    setting: &WinRmSetting,
    warn: Warn<'_>,
) -> Result<Endpoint, TransportError> {
    let WinRmSetting { address, port, psrp, .. } = setting;
    let endpoint = match &setting.tls {
        None => Endpoint::http(address, *port),
        Some(tls) => Endpoint::https(address, *port).with_trust(trust(host, tls, setting, warn)?),
    };
    let endpoint = if setting.seal_always { endpoint.with_sealing() } else { endpoint };
    endpoint.with_path(&setting.path).map_err(|error| of(&error, *psrp))
}

fn trust(
    host: &str,
    tls: &TlsPolicy,
    setting: &WinRmSetting,
    warn: Warn<'_>,
) -> Result<Trust, TransportError> {
    if !tls.pins.is_empty() {
        return Trust::pins(tls.pins.iter().map(String::as_str)).map_err(|error| of(&error, setting.psrp));
    }
    if tls.accept_any {
        warn(&format!(
            "`{host}`: its certificate is not checked (`ignore`), so anybody in between can read and change everything"
        ));
        return Ok(Trust::Ignore);
    }
    let extra_pem = tls.ca.as_deref().map(|path| authorities(host, setting, path)).transpose()?;
    Ok(Trust::Authorities { system: extra_pem.is_none(), extra_pem: extra_pem.unwrap_or_default() })
}

/// An error with the variables of the host's own kind of connection, which the crate does not know.
pub(in crate::transport) fn of(error: &Error, psrp: bool) -> TransportError {
    let variables = match (error, psrp) {
        (Error::Tls { .. }, false) => {
            "; the variables are `ansible_winrm_scheme`, `ansible_winrm_ca_trust_path` and `paceline_tls_pin`"
        }
        (Error::Tls { .. }, true) => {
            "; the variables are `ansible_psrp_protocol`, `ansible_psrp_ca_cert` and `paceline_tls_pin`"
        }
        (Error::NotHttp { .. }, false) => "; the variable is `ansible_winrm_scheme`",
        (Error::NotHttp { .. }, true) => "; the variable is `ansible_psrp_protocol`",
        _ => "",
    };
    TransportError::WinRm {
        message: error.to_string(),
        hint: error.hint().map(|hint| hint + variables),
        retry: error.is_retryable(),
        spent: error.spends_an_attempt(),
    }
}

impl Connection {
    /// Starts a command. A line of PowerShell's own program is started as it is, any other by `cmd.exe`, which is the login
    /// shell of WinRS.
    pub(in crate::transport) async fn exec(&self, command: &str) -> Result<Process, TransportError> {
        let shell = self.shell().await?;
        let process = shell.run(line(command)).await.map_err(|error| match error {
            Error::Rejected { .. } | Error::LoginLost { .. } => of(&error, self.inner.psrp),
            other => TransportError::Open { reason: with_hint(&other) },
        })?;
        let paceline_winrm::Process { stdin, stdout, stderr, control } = process;
        let (sender, exit) = oneshot::channel();
        let unused = CancellationToken::new();
        let used = Arc::new(unused.clone().drop_guard());
        tokio::spawn(wait(control, unused, sender));
        Ok(Process {
            stdin: Box::new(Used { stream: stdin, _used: Arc::clone(&used) }),
            stdout: Box::new(Used { stream: stdout, _used: Arc::clone(&used) }),
            stderr: Box::new(Used { stream: stderr, _used: used }),
            exit,
        })
    }

    async fn shell(&self) -> Result<Arc<Shell>, TransportError> {
        let mut state = self.inner.shell.lock().await;
        match &*state {
            State::Open(shell) => Ok(Arc::clone(shell)),
            State::Closed => Err(TransportError::Lost { reason: "it was closed".to_owned() }),
            State::New => {
                let options = ShellOptions::default();
                let shell = Arc::new(
                    self.inner
                        .client
                        .open_shell(options)
                        .await
                        .map_err(|error| of(&error, self.inner.psrp))?,
                );
                *state = State::Open(Arc::clone(&shell));
                Ok(shell)
            }
        }
    }

    /// Deletes the shell, which ends everything in it.
    pub(in crate::transport) async fn close(&self) {
        let state = std::mem::replace(&mut *self.inner.shell.lock().await, State::Closed);
        if let State::Open(shell) = state {
            let _ = shell.close().await;
        }
    }
}

/// Waits for the end of a command; one whose streams nobody holds any more is ended.
async fn wait(mut control: Control, unused: CancellationToken, exit: oneshot::Sender<ExitStatus>) {
    let status = tokio::select! {
        biased;
        ended = control.wait() => match ended {
            Ok(code) => ExitStatus::Code(code.cast_unsigned()),
            Err(_) => ExitStatus::Lost,
        },
        () = unused.cancelled() => ExitStatus::Lost,
    };
    // Whoever started it may not ask.
    let _ = exit.send(status);
}

fn with_hint(error: &Error) -> String {
    match error.hint() {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
    }
}

/// `powershell.exe` with words that need no quoting is started without `cmd.exe` and its 8191 characters.
fn line(command: &str) -> CommandLine {
    let plain = |part: char| part.is_ascii_alphanumeric() || " -+/=.:_".contains(part);
    let words = || command.split(' ').map(str::to_owned);
    match command.split(' ').next() {
        Some("powershell.exe" | "pwsh.exe" | "powershell" | "pwsh") if command.chars().all(plain) => {
            CommandLine {
                program: words().next().unwrap_or_default(),
                arguments: words().skip(1).collect(),
                skip_cmd_shell: true,
                console_mode_stdin: false,
            }
        }
        _ => CommandLine { program: command.to_owned(), ..CommandLine::default() },
    }
}

/// A stream that keeps its command alive.
struct Used<T> {
    stream: T,
    _used: Arc<DropGuard>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Used<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Used<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_lines_of_powershell_skip_cmd() {
        let encoded = line("powershell.exe -NoProfile -EncodedCommand aGk+/A==");
        assert!(encoded.skip_cmd_shell);
        assert_eq!((encoded.program.as_str(), encoded.arguments.len()), ("powershell.exe", 3));
        for other in
            ["hostname", "powershell.exe -Command \"dir\"", "powershell.exe -x & calc", "echo %PATH%"]
        {
            assert!(!line(other).skip_cmd_shell, "{other}");
        }
    }
}
