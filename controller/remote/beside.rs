//! A second, short-lived channel beside a session, which its busy shell cannot answer itself.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

use crate::dialect::Dialect;
use crate::error::{StartError, StartPhase};
use crate::login::Login;
use crate::nonce::Nonce;
use crate::powershell;
use crate::session::Pipes;
use crate::start::{Opening, send};

/// Most that a command beside a session may say.
const BESIDE_CAP: usize = 16 * 1024;

/// What a second PowerShell is asked to do beside a session.
#[derive(Clone, Copy, Debug)]
pub enum Aside<'a> {
    /// Hold back every step behind the one in hand.
    Hold,
    /// End the user command in hand.
    Interrupt,
    /// Run calls of functions of this library, which write plain lines.
    Calls {
        /// Functions.
        library: &'a str,
        /// One call a line.
        calls: &'a str,
    },
}

/// Drives the command of [`crate::ShellHandle::interrupt_line`]: answers sudo, waits for the end.
pub async fn interrupt(
    pipes: Pipes,
    nonce: &Nonce,
    login: &Login,
    password: Option<Zeroizing<Vec<u8>>>,
    timeout: Duration,
) -> Result<(), StartError> {
    run(pipes, (Dialect::Posix, nonce, login), password, None, timeout).await.map(drop)
}

/// Runs trusted text beside a session, in a command that [`crate::command_line`] made, and returns what it wrote
/// to standard output, up to 16 KiB.
pub async fn beside(
    pipes: Pipes,
    nonce: &Nonce,
    login: &Login,
    password: Option<Zeroizing<Vec<u8>>>,
    text: &str,
    timeout: Duration,
) -> Result<Vec<u8>, StartError> {
    // A function runs only when all of it has come; and the shell that reads it takes it as a script.
    let text = format!("exec /bin/sh\nplr_beside() {{\n{text}\n}}\nplr_beside\nexit\n");
    run(pipes, (Dialect::Posix, nonce, login), password, Some(text.into_bytes()), timeout).await
}

/// Runs a second PowerShell, in a command that [`Dialect::command_line`] made with `nonce`, beside the session that calls
/// its folder `session` ([`crate::ShellHandle::folder_name`]). Returns what it wrote to standard output, up to 16 KiB.
pub async fn beside_powershell(
    pipes: Pipes,
    nonce: &Nonce,
    session: &Nonce,
    what: Aside<'_>,
    timeout: Duration,
) -> Result<Vec<u8>, StartError> {
    let (library, calls) = match what {
        Aside::Hold => ("", "beside_hold"),
        Aside::Interrupt => ("", "beside_interrupt"),
        Aside::Calls { library, calls } => (library, calls),
    };
    let program = powershell::beside(Nonce::new().as_str(), session.as_str(), library, calls);
    run(pipes, (Dialect::PowerShell, nonce, &Login::Plain), None, Some(program), timeout).await
}

async fn run(
    pipes: Pipes,
    (dialect, nonce, login): (Dialect, &Nonce, &Login),
    password: Option<Zeroizing<Vec<u8>>>,
    text: Option<Vec<u8>>,
    timeout: Duration,
) -> Result<Vec<u8>, StartError> {
    let Pipes { mut stdin, stdout, stderr } = pipes;
    let mut opening = Opening::new(stdout, stderr, dialect, nonce, login, timeout);
    opening.sentinel(Some(&mut stdin), password).await?;
    opening.phase(StartPhase::Shell);
    if let Some(text) = text {
        // A shell that is gone already says so by the end of its output.
        let sent = tokio::time::timeout_at(opening.deadline, send(&mut stdin, &text)).await;
        drop(sent.map_err(|_| opening.late())?);
    }
    let mut said = std::mem::take(&mut opening.pending);
    let mut buffer = [0; 1024];
    loop {
        match tokio::time::timeout_at(opening.deadline, opening.stdout.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return Ok(said),
            Ok(Ok(count)) => {
                let room = BESIDE_CAP.saturating_sub(said.len());
                said.extend_from_slice(&buffer[..count.min(room)]);
            }
            Err(_) => return Err(opening.late()),
        }
    }
}
