//! Much of everything: lives in a row, bytes, hosts at once.

use paceline_winrm::{Client, Limits};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

use super::client::{bounded, http, https, line, ntlm, once, pattern, quick, sealed, sha256, shell};
use crate::support::winrm::{ADMINISTRATOR, Peer};

const LARGE: usize = 100_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_lives_in_a_row_over_sealed_http() {
    let peer = Peer::start(1, &json!({}));
    let host = peer.host(1);
    for life in 0..500 {
        let ran =
            once(http(&host), ntlm(ADMINISTRATOR), "exit 5").await.unwrap_or_else(|e| panic!("{life}: {e}"));
        assert_eq!(ran.code, 5, "{life}");
    }
    assert_eq!((host.count("logon_failed"), host.count("execute")), (0, 500));
    assert!(host.shells().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_lives_in_a_row_over_https() {
    let peer = Peer::start(1, &json!({"cbt": "strict"}));
    let host = peer.host(1);
    for life in 0..500 {
        let ran = once(https(&peer, &host), ntlm(ADMINISTRATOR), "exit 5")
            .await
            .unwrap_or_else(|e| panic!("{life}: {e}"));
        assert_eq!(ran.code, 5, "{life}");
    }
    assert_eq!((host.count("logon_failed"), host.count("execute")), (0, 500));
    assert!(host.shells().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_of_output_are_byte_exact() {
    let peer = Peer::start(1, &json!({}));
    let shell = shell(&sealed(&peer.host(1)).await).await;
    let mut process = bounded(shell.run(line(&format!("out {LARGE}")))).await.unwrap();
    let mut all = Vec::new();
    timeout(Duration::from_secs(300), process.stdout.read_to_end(&mut all)).await.unwrap().unwrap();
    assert!(all == pattern(LARGE));
    assert_eq!(bounded(process.wait()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_of_input_are_byte_exact() {
    let peer = Peer::start(1, &json!({}));
    let shell = shell(&sealed(&peer.host(1)).await).await;
    let mut process = bounded(shell.run(line("digest"))).await.unwrap();
    let content = pattern(LARGE);
    timeout(Duration::from_secs(300), process.stdin.write_all(&content)).await.unwrap().unwrap();
    bounded(process.stdin.shutdown()).await.unwrap();
    let mut said = String::new();
    bounded(process.stdout.read_to_string(&mut said)).await.unwrap();
    assert_eq!(said.trim(), format!("{LARGE} {}", sha256(&content)));
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_hosts_at_once() {
    let peer = Peer::start(50, &json!({}));
    let mut lives = JoinSet::new();
    for number in 1..=50 {
        let (endpoint, name) = (http(&peer.host(number)), peer.host(number).name().to_owned());
        lives.spawn(async move {
            let limits = Limits { operation: Duration::from_secs(20), ..quick() };
            let client = bounded(Client::connect(endpoint, ntlm(ADMINISTRATOR), limits)).await?;
            let shell = bounded(client.open_shell(paceline_winrm::ShellOptions::default())).await?;
            let ran = super::client::run(&shell, "hostname").await?;
            bounded(shell.close()).await?;
            assert_eq!(String::from_utf8_lossy(&ran.stdout).trim(), name);
            Ok::<_, paceline_winrm::Error>(())
        });
    }
    for result in lives.join_all().await {
        result.unwrap();
    }
    assert!((1..=50).all(|number| peer.host(number).shells().is_empty()));
}
