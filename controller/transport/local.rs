//! Commands of the controller's own machine (`connection: local`).
//!
//! A command runs as sshd would run it: `/bin/sh -c COMMAND` in the home directory, in a process
//! group of its own, so that Ctrl-C on the terminal does not reach it. And as with sshd, dropping
//! its streams does not kill it: it meets end of file and broken pipes, and a remote shell finishes
//! the step in hand and ends.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;
use tokio::sync::oneshot;

use super::{ExitStatus, Process, TransportError};

/// What differs from the controller's own surroundings.
#[derive(Clone, Debug, Default)]
pub struct LocalOptions {
    /// Home directory: `HOME`, and where the command starts.
    pub home: Option<PathBuf>,
    /// Variables to set.
    pub environment: Vec<(OsString, OsString)>,
    /// Whether to start from an empty environment.
    pub clear_environment: bool,
}

/// Starts `command`.
pub async fn exec(command: &str, options: &LocalOptions) -> Result<Process, TransportError> {
    let failed = |error: std::io::Error| TransportError::Open { reason: error.to_string() };
    let mut process = Command::new("/bin/sh");
    process.arg("-c").arg(command);
    process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    process.process_group(0);
    if options.clear_environment {
        process.env_clear();
    }
    if let Some(home) = &options.home {
        process.env("HOME", home).current_dir(home);
    }
    process.envs(options.environment.iter().map(|(name, value)| (name, value)));
    let mut child = process.spawn().map_err(failed)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
        return Err(TransportError::Open { reason: "the pipes of the child are missing".to_owned() });
    };
    let (sender, exit) = oneshot::channel();
    tokio::spawn(async move {
        let status = match child.wait().await {
            Ok(status) => match status.code().and_then(|code| u32::try_from(code).ok()) {
                Some(code) => ExitStatus::Code(code),
                None => ExitStatus::Signal,
            },
            Err(_) => ExitStatus::Lost,
        };
        // The caller may not want to know.
        let _ = sender.send(status);
    });
    Ok(Process { stdin: Box::new(stdin), stdout: Box::new(stdout), stderr: Box::new(stderr), exit })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_command_has_its_streams_home_and_status() {
        let home = tempfile::tempdir().unwrap();
        let options = LocalOptions {
            home: Some(home.path().to_owned()),
            environment: vec![("COLOUR".into(), "red".into())],
            clear_environment: true,
        };
        let command = "read word; echo \"$word $COLOUR\"; pwd; echo no >&2; exit 3";
        let mut process = exec(command, &options).await.unwrap();
        process.stdin.write_all(b"hello\n").await.unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        process.stdout.read_to_string(&mut out).await.unwrap();
        process.stderr.read_to_string(&mut err).await.unwrap();
        assert_eq!(out, format!("hello red\n{}\n", home.path().display()));
        assert_eq!(err, "no\n");
        assert_eq!(process.exit.await, Ok(ExitStatus::Code(3)));
    }

    #[tokio::test]
    async fn a_signal_is_told_apart_from_a_status() {
        let process = exec("kill -9 $$", &LocalOptions::default()).await.unwrap();
        assert_eq!(process.exit.await, Ok(ExitStatus::Signal));
    }
}
