//! Every fault that the peer can inject: no hang, no wrong "bad credentials", nothing done twice, no shell left behind where the
//! host still can be asked.

use paceline_winrm::{Client, Endpoint, Error, FaultKind, Operation, Shell, ShellOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::client::{Ran, basic, bounded, http, https, line, no_shells, ntlm, quick, run, sealed, shell};
use crate::support::winrm::{ADMINISTRATOR, Host, PASSWORD, Peer};

/// What a program that counts its runs printed, if it was run at all.
async fn counted(shell: &Shell) -> Result<Ran, Error> {
    run(shell, "count runs").await
}

/// How often the program ran.
fn runs(host: &Host<'_>) -> usize {
    host.log(Some("execute")).len()
}

fn is_about_credentials(error: &Error) -> bool {
    matches!(error, Error::Rejected { .. } | Error::NotOffered { .. })
}

/// How many faults happened.
fn happened(host: &Host<'_>) -> u64 {
    ["injected", "shell_lost", "fault"].iter().map(|kind| host.count(kind)).sum()
}

/// Injects a fault at `on`, runs a program once in a new shell, and says what came of it.
async fn under(host: &Host<'_>, endpoint: Endpoint, fault: Value) -> Result<Ran, Error> {
    host.clear();
    let client = bounded(Client::connect(endpoint, ntlm(ADMINISTRATOR), quick())).await?;
    let before = happened(host);
    host.inject(&fault);
    let shell = bounded(client.open_shell(ShellOptions::default())).await?;
    let ran = counted(&shell).await;
    // The answer to Delete is not what these tests are about.
    let _ = bounded(shell.close()).await;
    host.clear();
    // The end of the input is not sent to a program that ended before.
    assert!(happened(host) > before || fault["on"] == "Send", "{fault} did not happen");
    ran
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fault_hangs_doubles_or_accuses_the_password() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    let kinds = [
        "drop",
        "drop_after",
        "truncate",
        "busy",
        "empty",
        "lost_shell",
        "garbage",
        "unrelated",
        "huge",
        "endless",
    ];
    for action in ["Create", "Command", "Receive", "Send", "Signal", "Delete"] {
        for kind in kinds {
            for is_tls in [false, true] {
                let endpoint = if is_tls { https(&peer, &host) } else { http(&host) };
                let before = runs(&host);
                let result = under(&host, endpoint, json!({"on": action, "do": kind})).await;
                let times = runs(&host) - before;
                assert!(times <= 1, "{kind} on {action} ran the program {times} times");
                match &result {
                    // The program ended and its output came; what failed was clearing up.
                    Ok(ran) => assert_eq!((ran.code, times), (0, 1), "{kind} on {action}"),
                    Err(error) => {
                        assert!(!is_about_credentials(error), "{kind} on {action}: {error}");
                        // Only where nothing was done may it be said that trying again is fine.
                        if error.is_retryable() {
                            assert_eq!(times, 0, "{kind} on {action}: {error:?}");
                        }
                    }
                }
            }
        }
    }
    assert_eq!(host.count("logon_failed"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_says_what_is_not_known() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    let error = under(&host, http(&host), json!({"on": "Command", "do": "drop_after"})).await.unwrap_err();
    assert!(matches!(error, Error::AnswerLost { operation: Operation::Command, .. }), "{error:?}");
    assert!(error.may_have_been_done() && !error.is_retryable());
    assert_eq!(runs(&host), 1);
    for kind in ["drop_after", "truncate"] {
        let error = under(&host, http(&host), json!({"on": "Receive", "do": kind})).await.unwrap_err();
        assert!(matches!(error, Error::OutputLost { .. }), "{kind}: {error:?}");
    }
    no_shells(&host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_host_is_given_up_in_time() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    for action in ["Create", "Command", "Receive"] {
        let began = std::time::Instant::now();
        let error =
            under(&host, http(&host), json!({"on": action, "do": "slow", "seconds": 9})).await.unwrap_err();
        assert!(began.elapsed().as_secs() < 9, "{action}: {:?}", began.elapsed());
        assert!(error.may_have_been_done() && !error.is_retryable(), "{action}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_come_byte_by_byte_are_fine() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    assert_eq!(under(&host, http(&host), json!({"on": "Receive", "do": "trickle"})).await.unwrap().code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_wants_a_new_login_gets_one_and_the_request_sealed_anew() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    for action in ["Create", "Command", "Send", "Receive", "Signal", "Delete"] {
        let before = runs(&host);
        let ran = under(&host, http(&host), json!({"on": action, "do": "unauthorized"})).await.unwrap();
        assert_eq!((ran.code, runs(&host) - before), (0, 1), "{action}");
    }
    // A host that keeps on wanting one does not get one for ever.
    let before = host.count("logon");
    let error = under(&host, http(&host), json!({"on": "Create", "do": "unauthorized", "times": 50})).await;
    assert!(error.is_err());
    assert!(host.count("logon") - before <= 3);
    assert_eq!(host.count("logon_failed"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_login_is_final_where_every_request_carries_the_password() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    let client =
        bounded(Client::connect(https(&peer, &host), basic(ADMINISTRATOR, PASSWORD), quick())).await.unwrap();
    host.inject(&json!({"on": "Create", "do": "unauthorized", "times": 5}));
    let before = host.count("request:Create");
    assert!(bounded(client.open_shell(ShellOptions::default())).await.is_err());
    assert_eq!(host.count("request:Create") - before, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_disturbed_is_not_a_wrong_password() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    for kind in ["drop", "drop_after", "truncate", "busy", "empty", "garbage", "huge", "endless"] {
        for nth in [1, 2] {
            host.inject(&json!({"on": "handshake", "do": kind, "nth": nth}));
            let result = bounded(Client::connect(http(&host), ntlm(ADMINISTRATOR), quick())).await;
            if let Err(error) = result {
                assert!(!is_about_credentials(&error), "{kind} {nth}: {error}");
            }
            host.clear();
        }
    }
    host.inject(&json!({"on": "connect", "do": "drop"}));
    let error = bounded(Client::connect(http(&host), ntlm(ADMINISTRATOR), quick())).await.unwrap_err();
    assert!(error.is_retryable() && !is_about_credentials(&error), "{error:?}");
    host.clear();
    host.inject(&json!({"on": "handshake", "do": "busy"}));
    let error = bounded(Client::connect(http(&host), ntlm(ADMINISTRATOR), quick())).await.unwrap_err();
    assert!(matches!(error, Error::Status { status: 503, .. }) && error.is_retryable(), "{error:?}");
    assert_eq!(host.count("logon_failed"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_not_sealed_by_the_host_are_refused() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    for kind in ["unsealed", "broken_seal"] {
        for action in ["Create", "Command", "Receive"] {
            let error = under(&host, http(&host), json!({"on": action, "do": kind})).await.unwrap_err();
            assert!(matches!(error, Error::NotSealed { .. }), "{kind} on {action}: {error:?}");
            assert!(!error.is_retryable());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_host_are_told_apart_by_number() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    for (code, kind) in [
        (5u32, FaultKind::AccessDenied),
        (2_150_859_173, FaultKind::TooManyShells),
        (2_150_859_180, FaultKind::ShellsNotAllowed),
        (2_150_858_815, FaultKind::OtherQuota),
        (2_150_858_817, FaultKind::Other),
    ] {
        let fault = json!({"on": "Create", "do": "fault", "code": code});
        let error = under(&host, http(&host), fault).await.unwrap_err();
        assert!(matches!(&error, Error::Fault { fault, .. } if fault.kind() == kind), "{code}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_that_is_lost_while_a_program_runs_is_named_at_once() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    let shell = shell(&sealed(&host).await).await;
    let mut process = bounded(shell.run(line("sleep 50"))).await.unwrap();
    host.inject(&json!({"on": "Receive", "do": "lost_shell"}));
    let error = bounded(process.wait()).await.unwrap_err();
    assert!(matches!(&error, Error::Fault { fault, .. } if fault.kind() == FaultKind::Gone), "{error:?}");
    let error = bounded(process.stdout.read_to_end(&mut Vec::new())).await.unwrap_err();
    assert!(error.to_string().contains("Receive"), "{error}");
    bounded(async { while process.stdin.write_all(&[0; 65_536]).await.is_ok() {} }).await;
    assert!(bounded(shell.run(line("exit 0"))).await.is_err());
    // Gone is what closing wants.
    bounded(shell.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_host_is_asked_again_for_output_only() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    assert_eq!(under(&host, http(&host), json!({"on": "Receive", "do": "busy"})).await.unwrap().code, 0);
    let error = under(&host, http(&host), json!({"on": "Command", "do": "busy"})).await.unwrap_err();
    assert!(matches!(error, Error::Status { operation: Operation::Command, status: 503 }), "{error:?}");
    assert_eq!(host.count("request:Command"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_is_deleted_although_the_answer_or_the_request_is_lost() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    for kind in ["drop", "drop_after", "truncate", "busy", "garbage"] {
        let shell = shell(&sealed(&host).await).await;
        host.inject(&json!({"on": "Delete", "do": kind}));
        bounded(shell.close()).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert!(host.shells().is_empty(), "{kind}");
    }
}
