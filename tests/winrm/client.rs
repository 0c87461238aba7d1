//! What the tests of the client stand on: logging in to the peer in each way, and running programs on it.

use std::time::Duration;

use paceline_winrm::{Client, CommandLine, Credentials, Endpoint, Error, Limits, Shell, ShellOptions, Trust};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use crate::support::winrm::{ADMINISTRATOR, Host, PASSWORD, Peer};

/// Longer than anything may take that is bounded; a test that gets here hangs.
const HANG: Duration = Duration::from_secs(60);

/// Waits, but not for ever.
pub(crate) async fn bounded<T>(what: impl Future<Output = T>) -> T {
    timeout(HANG, what).await.expect("it hangs")
}

/// Limits that make faults show within a second or two.
pub(crate) fn quick() -> Limits {
    Limits {
        connect: Duration::from_secs(5),
        operation: Duration::from_secs(2),
        grace: Duration::from_secs(3),
        cleanup: Duration::from_secs(3),
        ..Limits::default()
    }
}

pub(crate) fn ntlm(account: &str) -> Credentials {
    Credentials::Ntlm { account: account.parse().unwrap(), password: PASSWORD.into() }
}

pub(crate) fn basic(account: &str, password: &str) -> Credentials {
    Credentials::Basic { account: account.parse().unwrap(), password: password.into(), allow_plain: false }
}

pub(crate) fn http(host: &Host<'_>) -> Endpoint {
    Endpoint::http(host.name(), host.http()).with_address(host.address())
}

/// With the peer's authority trusted.
pub(crate) fn https(peer: &Peer, host: &Host<'_>) -> Endpoint {
    let extra_pem = std::fs::read(peer.authority()).unwrap();
    Endpoint::https(host.name(), host.https())
        .with_address(host.address())
        .with_trust(Trust::Authorities { system: false, extra_pem })
}

/// The sealed client of most tests.
pub(crate) async fn sealed(host: &Host<'_>) -> Client {
    bounded(Client::connect(http(host), ntlm(ADMINISTRATOR), quick())).await.unwrap()
}

pub(crate) async fn shell(client: &Client) -> Shell {
    bounded(client.open_shell(ShellOptions::default())).await.unwrap()
}

/// A program of the peer, started without cmd.exe.
pub(crate) fn line(words: &str) -> CommandLine {
    let mut words = words.split(' ').map(str::to_owned);
    CommandLine {
        program: format!("C:\\bin\\{}.exe", words.next().unwrap()),
        arguments: words.collect(),
        skip_cmd_shell: true,
        console_mode_stdin: false,
    }
}

/// What came of a program.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// Runs a program without input.
pub(crate) async fn run(shell: &Shell, words: &str) -> Result<Ran, Error> {
    let mut process = bounded(shell.run(line(words))).await?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    drop(process.stdin);
    let _ = bounded(async {
        tokio::join!(process.stdout.read_to_end(&mut stdout), process.stderr.read_to_end(&mut stderr))
    })
    .await;
    let code = bounded(process.control.wait()).await?;
    Ok(Ran { code, stdout, stderr })
}

/// Connects, runs a program in a new shell, and closes it: the shortest life there is.
pub(crate) async fn once(endpoint: Endpoint, credentials: Credentials, words: &str) -> Result<Ran, Error> {
    let client = bounded(Client::connect(endpoint, credentials, quick())).await?;
    let shell = bounded(client.open_shell(ShellOptions::default())).await?;
    let ran = run(&shell, words).await;
    let closed = bounded(shell.close()).await;
    let ran = ran?;
    closed.map(|()| ran)
}

/// The bytes that `out N` of the peer writes.
pub(crate) fn pattern(count: usize) -> Vec<u8> {
    (0..count)
        .map(|i| {
            let j = i % 65521;
            (j * j * 13 + j * 7 + (j >> 8)).to_le_bytes()[0]
        })
        .collect()
}

/// SHA-256 as the peer prints it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Waits until the host has no shell any more.
pub(crate) async fn no_shells(host: &Host<'_>) {
    let gone = async {
        while !host.shells().is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(10), gone).await.expect("a shell was left behind");
}

/// A field of an event of the peer.
pub(crate) fn field<'a>(event: &'a Value, name: &str) -> &'a str {
    event[name].as_str().unwrap_or_default()
}
