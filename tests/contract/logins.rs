//! Login shells, banners, and hosts without a shell.

use std::time::{Duration, Instant};

use paceline::transport::local::{LocalOptions, exec};
use paceline_remote::{Login, Nonce, StartError, StartPhase, command_line, interrupt, start};

use super::peer::{Peer, Session, options, pipes, quote};

/// A peer whose login shell is `login`, run as sshd runs it, with something in front.
fn behind(login: &'static str, front: &'static str) -> Peer {
    let exec = move |command: String| {
        let command = format!("{front} exec {login} -c {}", quote(&command));
        let opened = async move { exec(&command, &LocalOptions::default()).await.unwrap() };
        Box::pin(opened) as std::pin::Pin<Box<dyn Future<Output = _> + Send>>
    };
    Peer { shell: "/bin/sh", exec: Box::new(exec) }
}

async fn works(peer: Peer) {
    let mut session = Session::open(&peer).await;
    assert_eq!(session.run("pl_run 0 echo hello").await.out(), "hello\n");
    let step = session.step("pl_run 0 sleep 30");
    let id = step.id;
    session.handle.send(step).await.unwrap();
    session.events.recv().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let line = session.handle.interrupt_line(&Login::Plain);
    let second = pipes((peer.exec)(line).await);
    interrupt(second, session.handle.nonce(), &Login::Plain, None, Duration::from_secs(10)).await.unwrap();
    assert_eq!(session.answer(id).await.rc, Some(143));
}

#[tokio::test]
async fn every_login_shell_opens_a_session() {
    for login in ["/bin/dash", "/bin/bash", "/usr/bin/fish", "/usr/bin/tcsh", "/bin/busybox sh"] {
        works(behind(login, "")).await;
    }
}

#[tokio::test]
async fn noise_before_the_session_is_passed_over() {
    let noise = "echo Welcome; printf 'no newline'; echo mail >&2; head -c 100000 /dev/urandom;";
    for login in ["/bin/bash", "/usr/bin/tcsh"] {
        works(behind(login, noise)).await;
    }
}

async fn error(command: &str) -> StartError {
    let process = exec(command, &LocalOptions::default()).await.unwrap();
    let mut options = options(Nonce::new(), Login::Plain);
    options.timeout = Duration::from_millis(500);
    start(pipes(process), options).await.unwrap_err()
}

#[tokio::test]
async fn a_host_without_a_shell_is_told_by_what_it_says() {
    let refused = error("echo 'This account is not available.'; exit 1").await;
    assert!(matches!(&refused, StartError::NoShell { what } if what.contains("not available")), "{refused}");
    assert!(matches!(error("exit 0").await, StartError::Lost));
    let start = Instant::now();
    assert!(matches!(error("sleep 20").await, StartError::Timeout { phase: StartPhase::Login }));
    assert!(start.elapsed() < Duration::from_secs(5));
    let flood = error("cat /dev/zero").await;
    assert!(matches!(flood, StartError::NoShell { .. }), "{flood}");
}

#[tokio::test]
async fn a_missing_tool_is_named() {
    let tools = tempfile::tempdir().unwrap();
    for tool in ["dd", "mkdir", "rm", "mkfifo", "stat", "sleep", "setsid", "cat"] {
        let path = ["/bin", "/usr/bin"].map(|place| std::path::Path::new(place).join(tool));
        let path = path.iter().find(|path| path.exists()).unwrap();
        std::os::unix::fs::symlink(path, tools.path().join(tool)).unwrap();
    }
    let options_for =
        || LocalOptions { environment: vec![("PATH".into(), tools.path().into())], ..Default::default() };
    let nonce = Nonce::new();
    let line = command_line(&nonce, &Login::Plain);
    start(pipes(exec(&line, &options_for()).await.unwrap()), options(nonce, Login::Plain)).await.unwrap();
    for (tool, replacement) in
        [("setsid", None), ("stat", None), ("dd", Some("#!/bin/sh\necho old dd >&2\nexit 1\n"))]
    {
        let path = tools.path().join(tool);
        let original = std::fs::read_link(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        if let Some(script) = replacement {
            std::fs::write(&path, script).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&path, mode).unwrap();
        }
        let nonce = Nonce::new();
        let line = command_line(&nonce, &Login::Plain);
        let process = exec(&line, &options_for()).await.unwrap();
        let missing = start(pipes(process), options(nonce, Login::Plain)).await.unwrap_err();
        assert!(matches!(&missing, StartError::Unsupported { tool: named } if named == tool), "{missing}");
        drop(std::fs::remove_file(&path));
        std::os::unix::fs::symlink(original, &path).unwrap();
    }
}
