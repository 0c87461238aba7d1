//! Running programs on the peer: bytes, codes, signals, more than one at a time, and nothing left behind.

use std::time::{Duration, Instant};

use paceline_winrm::{Client, CommandLine, Error, FaultKind, Limits, ShellOptions, Signal};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::client::{bounded, field, http, line, no_shells, ntlm, pattern, quick, run, sealed, shell};
use crate::support::winrm::{ADMINISTRATOR, Peer};

#[tokio::test(flavor = "multi_thread")]
async fn output_errors_and_code_come_as_they_are() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    let shell = shell(&sealed(&host).await).await;
    let ran = run(&shell, "out 1000003").await.unwrap();
    assert!(ran.stdout == pattern(1_000_003) && ran.stderr.is_empty());
    let ran = run(&shell, "err oops -1073741510").await.unwrap();
    assert_eq!((ran.code, ran.stderr.as_slice()), (-1_073_741_510, b"oops".as_slice()));
    let ran = run(&shell, "both 2000").await.unwrap();
    assert!(ran.stdout.ends_with(b"out 1999\n") && ran.stderr.ends_with(b"err 1999\n"));
    bounded(shell.close()).await.unwrap();
    assert!(host.shells().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_is_what_was_asked_for() {
    let peer = Peer::start(1, &json!({}));
    let client = sealed(&peer.host(1)).await;
    let options = ShellOptions {
        working_directory: Some("C:\\Program Files & more".into()),
        environment: vec![("NAME".into(), "<ü & \"quoted\">".into())],
        idle_timeout: Some(Duration::from_secs(600)),
        ..ShellOptions::default()
    };
    let shell = bounded(client.open_shell(options)).await.unwrap();
    let seen: Value = serde_json::from_slice(&run(&shell, "environment").await.unwrap().stdout).unwrap();
    assert_eq!(seen["environment"]["NAME"], "<ü & \"quoted\">");
    assert_eq!(seen["folder"], "C:\\Program Files & more");
    assert_eq!(seen["no_profile"], false);
    assert_eq!(seen["codepage"].to_string().trim_matches('"'), "65001");
    assert_eq!(peer.host(1).log(Some("shell_created"))[0]["idle_timeout"].as_f64(), Some(600.0));
    let mut args = line("args");
    args.arguments = vec!["a".into(), "\"two words\"".into(), "<&>".into()];
    let mut process = bounded(shell.run(args)).await.unwrap();
    let mut text = String::new();
    bounded(process.stdout.read_to_string(&mut text)).await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!(["a", "two words", "<&>"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn command_lines_longer_than_cmd_takes_run_without_it() {
    let peer = Peer::start(1, &json!({}));
    let shell = shell(&sealed(&peer.host(1)).await).await;
    let long = format!("args {}", "x".repeat(20_000));
    assert_eq!(run(&shell, &long).await.unwrap().stdout.len(), 20_000 + 6);
    let through_cmd = CommandLine { skip_cmd_shell: false, ..line(&long) };
    let mut process = match bounded(shell.run(through_cmd)).await {
        Ok(process) => process,
        Err(error) => return assert!(matches!(error, Error::Fault { .. }), "{error}"),
    };
    assert_ne!(bounded(process.wait()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn output_is_live_and_a_quiet_program_is_polled_again() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    let shell = shell(&sealed(&host).await).await;
    let mut process = bounded(shell.run(line("lines 2 5"))).await.unwrap();
    let began = Instant::now();
    let mut first = [0; 7];
    bounded(process.stdout.read_exact(&mut first)).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "the first line came after {:?}", began.elapsed());
    assert_eq!(bounded(process.wait()).await.unwrap(), 0);
    // The operation takes 2 s: the host said "still at work" meanwhile.
    assert!(host.count("request:Receive") >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn input_and_output_flow_at_once() {
    let peer = Peer::start(1, &json!({}));
    let shell = shell(&sealed(&peer.host(1)).await).await;
    let mut process = bounded(shell.run(line("cat"))).await.unwrap();
    let content = pattern(5_000_000);
    let (mut stdin, expected) = (process.stdin, content.clone());
    let writing = tokio::spawn(async move {
        stdin.write_all(&content).await?;
        stdin.shutdown().await
    });
    let mut all = Vec::new();
    bounded(process.stdout.read_to_end(&mut all)).await.unwrap();
    assert!(all == expected);
    bounded(writing).await.unwrap().unwrap();
    assert_eq!(bounded(process.control.wait()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_does_not_read_gets_its_input_once_all_the_same() {
    let peer = Peer::start(1, &json!({}));
    let shell = shell(&sealed(&peer.host(1)).await).await;
    let mut process = bounded(shell.run(line("stall 7"))).await.unwrap();
    let content = pattern(3_000_000);
    bounded(process.stdin.write_all(&content)).await.unwrap();
    bounded(process.stdin.shutdown()).await.unwrap();
    let mut said = String::new();
    bounded(process.stdout.read_to_string(&mut said)).await.unwrap();
    assert_eq!(said.split(' ').next(), Some("3000000"));
    assert_eq!(said.trim().split(' ').nth(1), Some(super::client::sha256(&content).as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_gone_breaks_the_pipe() {
    let peer = Peer::start(1, &json!({}));
    let shell = shell(&sealed(&peer.host(1)).await).await;
    let mut process = bounded(shell.run(line("deaf"))).await.unwrap();
    assert_eq!(bounded(process.wait()).await.unwrap(), 0);
    let error = bounded(async {
        loop {
            if let Err(error) = process.stdin.write_all(&[0; 65_536]).await {
                return error;
            }
        }
    })
    .await;
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_commands_run_in_one_shell_and_signals_reach_the_right_one() {
    let peer = Peer::start(1, &json!({}));
    let shell = shell(&sealed(&peer.host(1)).await).await;
    let mut long = bounded(shell.run(line("sleep 50"))).await.unwrap();
    let mut other = bounded(shell.run(line("sleep 51"))).await.unwrap();
    assert_eq!(run(&shell, "exit 3").await.unwrap().code, 3);
    bounded(long.signal(Signal::CtrlC)).await.unwrap();
    assert_ne!(bounded(long.wait()).await.unwrap(), 0);
    bounded(other.signal(Signal::Terminate)).await.unwrap();
    let _ = bounded(other.wait()).await;
    bounded(other.signal(Signal::Terminate)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_holds_the_program_up_and_loses_nothing() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    let shell = shell(&sealed(&host).await).await;
    let mut process = bounded(shell.run(line("out 20000000"))).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    // What waits here fits in two answers; the rest waits on the host.
    let polls = host.count("request:Receive");
    assert!(polls <= 8, "{polls} answers were fetched with nobody reading");
    let mut all = Vec::new();
    bounded(process.stdout.read_to_end(&mut all)).await.unwrap();
    assert!(all == pattern(20_000_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn shells_are_deleted_whatever_becomes_of_their_owner() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    let client = sealed(&host).await;
    let dropped = shell(&client).await;
    let process = bounded(dropped.run(line("sleep 50"))).await.unwrap();
    drop(dropped);
    drop(process);
    no_shells(&host).await;
    // The caller goes while the host still makes the shell.
    host.inject(&json!({"on": "Create", "do": "slow", "seconds": 1.0}));
    let gone =
        tokio::time::timeout(Duration::from_millis(300), client.open_shell(ShellOptions::default())).await;
    assert!(gone.is_err());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(host.count("shell_created"), 2);
    no_shells(&host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_with_small_envelopes_are_asked_in_smaller_ones() {
    let peer = Peer::start(1, &json!({"max_envelope_size_kb": 150}));
    let host = peer.host(1);
    for is_small_from_the_start in [true, false] {
        if !is_small_from_the_start {
            host.set(&json!({"max_envelope_size_kb": 500}));
        }
        let creates = host.count("request:Create");
        let shell = shell(&sealed(&host).await).await;
        assert_eq!(host.count("request:Create") - creates, if is_small_from_the_start { 2 } else { 1 });
        let mut process = bounded(shell.run(line("digest"))).await.unwrap();
        host.set(&json!({"max_envelope_size_kb": 150}));
        let content = pattern(1_000_000);
        bounded(process.stdin.write_all(&content)).await.unwrap();
        bounded(process.stdin.shutdown()).await.unwrap();
        let mut said = String::new();
        bounded(process.stdout.read_to_string(&mut said)).await.unwrap();
        assert_eq!(said.trim(), format!("1000000 {}", super::client::sha256(&content)));
    }
    assert!(host.count("too_large") <= 1, "asked once in vain, then smaller");
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_are_named_and_may_be_tried_again() {
    let peer = Peer::start(1, &json!({"max_shells_per_user": 1}));
    let client = sealed(&peer.host(1)).await;
    let _first = shell(&client).await;
    let error = bounded(client.open_shell(ShellOptions::default())).await.unwrap_err();
    assert!(
        matches!(&error, Error::Fault { fault, .. } if fault.kind() == FaultKind::TooManyShells),
        "{error:?}"
    );
    assert!(error.is_retryable() && error.hint().unwrap().contains("MaxShellsPerUser"));
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_are_replaced_not_trusted() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    let limits = Limits { idle: Duration::from_millis(200), ..quick() };
    let client = bounded(Client::connect(http(&host), ntlm(ADMINISTRATOR), limits)).await.unwrap();
    let shell = shell(&client).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(run(&shell, "exit 0").await.unwrap().code, 0);
    let used: Vec<_> = host.log(Some("connect")).iter().map(|c| field(c, "kind").to_owned()).collect();
    assert!(used.len() >= 2, "{used:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_commands_at_once_share_a_few_connections() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    let shell = shell(&sealed(&host).await).await;
    let names: Vec<_> = (0..12).map(|code| format!("exit {code}")).collect();
    let mut long = bounded(shell.run(line("sleep 50"))).await.unwrap();
    for round in names.chunks(6) {
        let (a, b, c, d, e, f) = tokio::join!(
            run(&shell, &round[0]),
            run(&shell, &round[1]),
            run(&shell, &round[2]),
            run(&shell, &round[3]),
            run(&shell, &round[4]),
            run(&shell, &round[5])
        );
        for (name, ran) in round.iter().zip([a, b, c, d, e, f]) {
            assert_eq!(format!("exit {}", ran.unwrap().code), *name);
        }
    }
    bounded(long.signal(Signal::Terminate)).await.unwrap();
    let _ = bounded(long.wait()).await;
    let (mut open, mut most) = (0, 0);
    for event in host.log(None) {
        match field(&event, "kind") {
            "connect" => open += 1,
            "disconnect" => open -= 1,
            _ => {}
        }
        most = most.max(open);
    }
    assert!(most <= 4, "{most} connections at a time");
}
