//! Programs that do not run in the remote shell: `raw` through the login shell, and TCP connections
//! that the host makes for the controller.

use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::link::{Link, LinkError};
use super::pipeline::Flight;
use super::sink::{Sink, StepLabel};
use super::worker::{Stop, Worker};
use crate::operation::{Reply, Tcp};
use crate::plan::Login;
use crate::shell;
use crate::transport::{BoxedRead, ExitStatus};

/// Output of a `raw` command that is kept.
const KEPT: usize = 16 * 1024 * 1024 + 1;
/// Limit for a sudo prompt.
const PROMPT: Duration = Duration::from_secs(30);

impl Worker<'_> {
    /// Runs the program of a step outside the shell and gives the reply back to the pipeline.
    pub(super) async fn outside(&mut self, mut flight: Flight) -> Result<(), Stop> {
        flight.announce(&mut self.host.sink).await;
        if !flight.mode.check
            && let Err(error) = self.host.sink.commit().await
        {
            return Err(self.lost(error.into()));
        }
        // No shell looks at the lease before this.
        if !flight.mode.check
            && let Some(link) = &self.host.link
            && let Err(error) = link.confirm_lease().await
        {
            return Err(self.lost(error));
        }
        let password = self.slots.back().and_then(|slot| slot.settled.password.clone());
        let Some(link) = &self.host.link else { return Ok(()) };
        let start = Instant::now();
        let login = self.login.clone();
        let program = flight.program().clone();
        let (sink, label) = (&mut self.host.sink, flight.label.clone());
        let limit = program.timeout;
        let running = async {
            match program.tcp {
                None if program.text.is_empty() => Ok(Reply::default()),
                Some(tcp) => Ok(over_tcp(link, &tcp).await),
                None => raw(link, &login, password.as_ref(), &program.text, sink, &label).await,
            }
        };
        let cancel = self.run.cancel.clone();
        let reply = tokio::select! {
            reply = running => reply,
            () = wait(limit) => Ok(Reply { status: 1, timed_out: true, ..Reply::default() }),
            () = cancel.reached(2) => return Err(Stop::Cancelled),
        };
        match reply {
            Ok(mut reply) => {
                reply.duration_ms = start.elapsed().as_millis() as u64;
                self.pipeline.resume(flight, reply, &mut self.host.sink).await;
                Ok(())
            }
            Err(error) => Err(self.lost(error)),
        }
    }
}

async fn wait(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// Sends a command line through the login shell, as `raw` does in Ansible.
pub(super) async fn raw(
    link: &Link,
    login: &Login,
    password: Option<&secrecy::SecretString>,
    text: &str,
    sink: &mut Sink,
    label: &StepLabel,
) -> Result<Reply, LinkError> {
    let prompt = format!("[{}]", paceline_remote::Nonce::new());
    let line = match login {
        Login::Plain => text.to_owned(),
        Login::Sudo { user, exe, flags } => {
            let prompt = password.map(|_| prompt.as_str());
            shell::sudo_line(exe.as_deref(), flags.as_deref(), user, prompt, text)
        }
    };
    let mut process = link.connection()?.exec(&line).await?;
    if let Some(password) = password.filter(|_| *login != Login::Plain) {
        let seen = tokio::time::timeout(PROMPT, until_prompt(&mut process.stderr, &prompt)).await;
        if matches!(seen, Ok(true)) {
            let _ = process.stdin.write_all(password.expose_secret().as_bytes()).await;
            let _ = process.stdin.write_all(b"\n").await;
        }
    }
    let _ = process.stdin.shutdown().await;
    let mut reply = Reply::default();
    let (mut out, mut err) = (vec![0; 65536], vec![0; 65536]);
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        tokio::select! {
            read = process.stdout.read(&mut out), if out_open => match read {
                Ok(0) | Err(_) => out_open = false,
                Ok(count) => {
                    sink.output(label, false, &out[..count]).await;
                    keep(&mut reply.stdout, &out[..count], &mut reply.dropped);
                }
            },
            read = process.stderr.read(&mut err), if err_open => match read {
                Ok(0) | Err(_) => err_open = false,
                Ok(count) => {
                    sink.output(label, true, &err[..count]).await;
                    keep(&mut reply.stderr, &err[..count], &mut reply.dropped);
                }
            },
        }
    }
    let code = match process.exit.await {
        Ok(ExitStatus::Code(code)) => i32::try_from(code).unwrap_or(i32::MAX),
        Ok(ExitStatus::Signal) => 128,
        Ok(ExitStatus::Lost) | Err(_) => {
            return Err(LinkError::Lost("the command's end was not seen".to_owned()));
        }
    };
    reply.rc = Some(code);
    reply.status = i32::from(code != 0);
    Ok(reply)
}

fn keep(kept: &mut Vec<u8>, bytes: &[u8], dropped: &mut u64) {
    let room = KEPT.saturating_sub(kept.len()).min(bytes.len());
    kept.extend_from_slice(&bytes[..room]);
    *dropped += (bytes.len() - room) as u64;
}

/// Reads standard error up to sudo's prompt. False when the stream ends or grows without it.
async fn until_prompt(stderr: &mut BoxedRead, prompt: &str) -> bool {
    let mut seen = Vec::new();
    let mut byte = [0];
    while seen.len() < 65536 {
        if !matches!(stderr.read(&mut byte).await, Ok(1)) {
            return false;
        }
        seen.push(byte[0]);
        if seen.ends_with(prompt.as_bytes()) {
            return true;
        }
    }
    false
}

/// Makes a TCP connection from the host, sends, and reads the answer.
pub(super) async fn over_tcp(link: &Link, request: &Tcp) -> Reply {
    tokio::time::sleep(request.delay).await;
    let mut reply = Reply { status: 1, ..Reply::default() };
    let Ok(connection) = link.connection() else { return reply };
    let connecting = connection.tcp(&request.host, request.port);
    let mut stream = match tokio::time::timeout(request.timeout, connecting).await {
        Err(_) => {
            reply.timed_out = true;
            return reply;
        }
        Ok(Err(error)) => {
            reply.stderr = error.to_string().into_bytes();
            return reply;
        }
        Ok(Ok(stream)) => stream,
    };
    reply.status = 0;
    let exchange = async {
        stream.write_all(&request.send).await?;
        stream.flush().await?;
        let mut buffer = vec![0; 16384];
        while reply.stdout.len() < request.read {
            let count = stream.read(&mut buffer).await?;
            if count == 0 {
                break;
            }
            let room = request.read - reply.stdout.len();
            reply.stdout.extend_from_slice(&buffer[..count.min(room)]);
        }
        std::io::Result::Ok(())
    };
    let exchanged = tokio::time::timeout(request.timeout, exchange).await;
    match exchanged {
        Err(_) => reply.timed_out = true,
        Ok(Err(error)) => reply.stderr = error.to_string().into_bytes(),
        Ok(Ok(())) => {}
    }
    reply
}
