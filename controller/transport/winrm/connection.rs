//! A connection by WinRM: one login, one WinRS shell, any number of commands in it.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use paceline_winrm::{
    Client, CommandLine, Control, Credentials, Endpoint, Error, Limits, Service, Shell, ShellOptions, Trust,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Mutex, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Method, TlsPolicy, WinRmSetting};
use crate::transport::ssh::Warn;
use crate::transport::{ExitStatus, Process, TransportError};

/// Longest file of certificates or keys.
const PEM: u64 = 1 << 20;

/// A connection. Clones share it.
#[derive(Clone)]
pub struct Connection {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    /// Opened by the first command; nothing once the connection is closed.
    shell: Mutex<State>,
}

enum State {
    New,
    Open(Arc<Shell>),
    Closed,
}

/// Logs in. Methods that cannot be tried here, or that the host does not offer, give way to the next one; a refusal does not.
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
    let mut passed_over = None;
    for method in &setting.methods {
        let credentials = credentials(host, setting, *method)?;
        match Client::connect(endpoint.clone(), credentials, limits.clone()).await {
            Ok(client) => {
                let inner = Inner { client, shell: Mutex::new(State::New) };
                return Ok(Connection { inner: Arc::new(inner) });
            }
            Err(error @ (Error::Kerberos { .. } | Error::NotOffered { .. })) => passed_over = Some(error),
            Err(error) => return Err(of(&error)),
        }
    }
    Err(passed_over
        .as_ref()
        .map_or_else(|| TransportError::Local { message: format!("`{host}`: no way to log in is left") }, of))
}

pub(in crate::transport) fn endpoint(
    host: &str,
    setting: &WinRmSetting,
    warn: Warn<'_>,
) -> Result<Endpoint, TransportError> {
    let WinRmSetting { address, port, .. } = setting;
    let endpoint = match &setting.tls {
        None => Endpoint::http(address, *port),
        Some(tls) => Endpoint::https(address, *port).with_trust(trust(host, tls, warn)?),
    };
    endpoint.with_path(&setting.path).map_err(|error| of(&error))
}

fn trust(host: &str, tls: &TlsPolicy, warn: Warn<'_>) -> Result<Trust, TransportError> {
    if !tls.pins.is_empty() {
        return Trust::pins(tls.pins.iter().map(String::as_str)).map_err(|error| of(&error));
    }
    if tls.accept_any {
        warn(&format!(
            "`{host}`: its certificate is not checked (`ignore`), so anybody in between can read and change everything"
        ));
        return Ok(Trust::Ignore);
    }
    let extra_pem = tls.ca.as_deref().map(authorities).transpose()?;
    Ok(Trust::Authorities { system: extra_pem.is_none(), extra_pem: extra_pem.unwrap_or_default() })
}

/// The certificates of a file, or of all files of a folder.
fn authorities(path: &Path) -> Result<Vec<u8>, TransportError> {
    let failed = |error: io::Error| TransportError::Local {
        message: format!("cannot read the CA certificates `{}`: {error}", path.display()),
    };
    if !path.is_dir() {
        return read(path).map_err(failed);
    }
    let mut names: Vec<_> =
        std::fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(failed)?;
    names.sort_by_key(std::fs::DirEntry::file_name);
    let mut all = Vec::new();
    for entry in names.iter().filter(|entry| entry.path().is_file()) {
        all.extend(read(&entry.path()).map_err(failed)?);
        all.push(b'\n');
    }
    Ok(all)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if std::fs::metadata(path)?.len() > PEM {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    std::fs::read(path)
}

fn credentials(host: &str, setting: &WinRmSetting, method: Method) -> Result<Credentials, TransportError> {
    let missing = |variable: &str, what: &str| TransportError::Setting {
        host: host.to_owned(),
        variable: variable.to_owned(),
        what: what.to_owned(),
    };
    if method == Method::Certificate {
        let (certificate, key) = setting.certificate.as_ref().ok_or_else(|| {
            missing("ansible_winrm_cert_pem", "a client certificate is to be used, and none is given")
        })?;
        let local = |path: &Path, error: &dyn std::fmt::Display| TransportError::Local {
            message: format!("cannot read `{}`: {error}", path.display()),
        };
        let certificate_pem = read(certificate).map_err(|error| local(certificate, &error))?;
        let key_pem = read(key).map_err(|error| local(key, &error))?;
        let key_pem = String::from_utf8(key_pem).map_err(|error| local(key, &error))?;
        return Ok(Credentials::Certificate { certificate_pem, key_pem: key_pem.into() });
    }
    let account = setting.user.as_deref().map(str::parse).transpose();
    let account =
        account.map_err(|error: paceline_winrm::AccountError| missing("ansible_user", &error.to_string()))?;
    if method == Method::Kerberos {
        let (service, spn_host) = &setting.kerberos_name;
        let service = match service.as_deref().map(str::to_ascii_uppercase).as_deref() {
            None | Some("HTTP") => Service::Http,
            Some("WSMAN") => Service::Wsman,
            Some("HOST") => Service::Host,
            Some(other) => {
                let what =
                    format!("`{other}` is not a service of WinRM\nhint: `HTTP`, `WSMAN` and `HOST` are");
                return Err(missing("ansible_winrm_service", &what));
            }
        };
        let password = setting.password.clone();
        return Ok(Credentials::Kerberos { account, password, service, host: spn_host.clone() });
    }
    let account = account
        .ok_or_else(|| missing("ansible_user", "WinRM needs a user\nhint: set it, or give `-u USER`"))?;
    let password = setting.password.clone().ok_or_else(|| {
        missing("ansible_password", "WinRM needs a password\nhint: set it in a vault, or give `-k`")
    })?;
    Ok(match method {
        Method::Basic => Credentials::Basic { account, password, allow_plain: false },
        _ => Credentials::Ntlm { account, password },
    })
}

pub(in crate::transport) fn of(error: &Error) -> TransportError {
    // The crate does not know by which variables its settings come.
    let variables = match error {
        Error::Tls { .. } => {
            "; the variables are `ansible_winrm_scheme`, `ansible_winrm_ca_trust_path` and `paceline_tls_pin`"
        }
        Error::NotHttp { .. } => "; the variable is `ansible_winrm_scheme`",
        _ => "",
    };
    let hint = error.hint().map(|hint| hint + variables);
    TransportError::WinRm { message: error.to_string(), hint, retry: error.is_retryable() }
}

impl Connection {
    /// Starts a command. A line of PowerShell's own program is started as it is, any other by `cmd.exe`, which is the login
    /// shell of WinRS.
    pub(in crate::transport) async fn exec(&self, command: &str) -> Result<Process, TransportError> {
        let shell = self.shell().await?;
        let process = shell.run(line(command)).await.map_err(|error| match error {
            Error::Rejected { .. } => of(&error),
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
                let shell =
                    Arc::new(self.inner.client.open_shell(options).await.map_err(|error| of(&error))?);
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
