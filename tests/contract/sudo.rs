//! The real sudo: with a password, without one, refused.

use std::time::{Duration, Instant};

use paceline::transport::Process;
use paceline::transport::local::{LocalOptions, exec};
use paceline_remote::{Login, Nonce, ShellEvent, StartError, Started, Step, command_line, interrupt, start};

use super::peer::{options, pipes, quote};

const PASSWORD: &[u8] = b"correct horse";

/// Runs a command as sshd would for `user`.
async fn exec_as(user: &str, command: &str) -> Process {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let known = passwd.lines().any(|line| line.starts_with(&format!("{user}:")));
    assert!(known, "user `{user}` is missing; as root: sh tests/contract/sudo-users.sh");
    let command = format!(
        "exec setpriv --reuid {user} --regid {user} --init-groups --reset-env /bin/bash -c {}",
        quote(command)
    );
    exec(&command, &LocalOptions { home: Some("/".into()), ..LocalOptions::default() }).await.unwrap()
}

fn to(user: &str, password: bool) -> Login {
    Login::Sudo { user: user.to_owned(), exe: None, flags: None, password }
}

async fn open(user: &str, login: Login, password: Option<&[u8]>) -> Result<Started, StartError> {
    let nonce = Nonce::new();
    let process = exec_as(user, &command_line(&nonce, &login)).await;
    let mut options = options(nonce, login);
    options.password = password.map(|password| password.to_vec().into());
    start(pipes(process), options).await
}

/// Runs a step and returns what it wrote.
async fn run(started: &mut Started, id: u64, text: &str) -> String {
    let step = Step { id, epoch: id, text: text.to_owned(), ..Step::default() };
    started.handle.send(step).await.unwrap();
    let mut output = Vec::new();
    loop {
        match started.events.recv().await.unwrap() {
            ShellEvent::Output { bytes, .. } => output.extend(bytes),
            ShellEvent::Finished { .. } => return String::from_utf8(output).unwrap(),
            ShellEvent::Closed(reason) => panic!("{reason}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_password_is_given_when_asked() {
    for user in ["root", "pl-stranger"] {
        let mut started = open("pl-asked", to(user, true), Some(PASSWORD)).await.unwrap();
        assert_eq!(started.info.user, user);
        assert_eq!(run(&mut started, 1, "pl_run 0 id -un").await, format!("{user}\n"));
        assert_eq!(run(&mut started, 2, "pl_run 0 cat").await, "", "the password is not in the stream");
        let seen = run(
            &mut started,
            3,
            "pl_run 0 sh -c 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr -d \"\\000\"'",
        )
        .await;
        assert!(!seen.contains("correct horse"));
    }
}

#[tokio::test]
async fn a_password_that_is_not_wanted_is_not_sent() {
    let mut started = open("pl-trusted", to("root", true), Some(PASSWORD)).await.unwrap();
    assert_eq!(started.info.uid, 0);
    assert_eq!(run(&mut started, 1, "pl_run 0 cat").await, "");
    let started = open("pl-trusted", to("root", false), None).await.unwrap();
    assert_eq!(started.info.uid, 0);
}

#[tokio::test]
async fn refusals_are_told_apart() {
    // A ticket that another check earned would do for this one.
    let fresh = |password| Login::Sudo {
        user: "root".to_owned(),
        exe: Some("/usr/bin/sudo".to_owned()),
        flags: Some(["-H", "-k", "-S"].map(str::to_owned).to_vec()),
        password,
    };
    let error = open("pl-asked", fresh(true), Some(b"wrong")).await.unwrap_err();
    assert!(matches!(error, StartError::SudoPasswordWrong), "{error}");
    let error = open("pl-asked", fresh(false), None).await.unwrap_err();
    assert!(matches!(error, StartError::SudoNeedsPassword), "{error}");
    let error = open("pl-stranger", to("root", true), Some(PASSWORD)).await.unwrap_err();
    assert!(matches!(&error, StartError::SudoNotAllowed { text } if text.contains("sudoers")), "{error}");
    let error = open("pl-trusted", to("nobody-of-this-name", false), None).await.unwrap_err();
    assert!(matches!(error, StartError::SudoNotAllowed { .. }), "{error}");
}

#[tokio::test]
async fn an_interrupt_goes_through_sudo() {
    let login = to("root", true);
    let mut started = open("pl-asked", login.clone(), Some(PASSWORD)).await.unwrap();
    let step = Step { id: 1, epoch: 1, text: "pl_run 0 sleep 30".to_owned(), ..Step::default() };
    started.handle.send(step).await.unwrap();
    assert_eq!(started.events.recv().await, Some(ShellEvent::Started { step: 1 }));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let start = Instant::now();
    let second = exec_as("pl-asked", &started.handle.interrupt_line(&login)).await;
    let password = Some(PASSWORD.to_vec().into());
    interrupt(pipes(second), started.handle.nonce(), &login, password, Duration::from_secs(10))
        .await
        .unwrap();
    let ended = started.events.recv().await;
    assert_eq!(ended, Some(ShellEvent::CommandEnded { step: 1, rc: 143, timed_out: false, dropped: 0 }));
    assert!(start.elapsed() < Duration::from_secs(10));
}
