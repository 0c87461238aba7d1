#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::time::{Duration, Instant};

use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::connect;
use crate::lab::LabHost;
use crate::transport::{
    AskPassphrase, Authentication, ExitStatus, HostKeyPolicy, Process, Target, TransportError, Via,
};

/// A host, and a key that opens it.
struct Fixture {
    folder: TempDir,
    host: LabHost,
}

fn write_key(path: &Path) -> PrivateKey {
    let key = crate::lab::server::generate_key("test").unwrap();
    crate::lab::server::write_private(path, key.to_openssh(LineEnding::LF).unwrap().as_bytes()).unwrap();
    key
}

impl Fixture {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = write_key(&folder.path().join("key"));
        let host =
            LabHost::start("lab-01", &folder.path().join("host"), 0, key.public_key().clone()).await.unwrap();
        std::fs::write(folder.path().join("known_hosts"), host.known_hosts_line() + "\n").unwrap();
        Self { folder, host }
    }

    fn target(&self) -> Target {
        target(self.host.address().port(), self.folder.path())
    }
}

fn target(port: u16, folder: &Path) -> Target {
    Target {
        host: "lab-01".into(),
        platform: crate::shell::Platform::Posix,
        via: Via::Ssh {
            address: "127.0.0.1".into(),
            port,
            user: "lab".into(),
            authentication: Authentication {
                keys: vec![folder.join("key")],
                keys_named: true,
                ..Authentication::default()
            },
            host_key: HostKeyPolicy {
                known_hosts: vec![folder.join("known_hosts")],
                ..HostKeyPolicy::default()
            },
            jumps: Vec::new(),
            timeout: Duration::from_secs(20),
            keepalive: Duration::from_secs(15),
        },
    }
}

async fn failure(target: &Target) -> TransportError {
    match connect(target, &|_| {}).await {
        Ok(_) => panic!("the connection should have failed"),
        Err(error) => error,
    }
}

/// Everything a command prints, and its status.
async fn output(process: Process) -> (Vec<u8>, Vec<u8>, ExitStatus) {
    let Process { stdin, mut stdout, mut stderr, exit } = process;
    drop(stdin);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (first, second) = tokio::join!(stdout.read_to_end(&mut out), stderr.read_to_end(&mut err));
    first.unwrap();
    second.unwrap();
    (out, err, exit.await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_gives_its_bytes_apart_and_its_status() {
    let fixture = Fixture::start().await;
    let connection = connect(&fixture.target(), &|_| {}).await.unwrap();
    assert_eq!(connection.fingerprint(), fixture.host.fingerprint());
    let process = connection.exec(r"printf 'a\000b\377'; printf err >&2; exit 7").await.unwrap();
    assert_eq!(output(process).await, (b"a\0b\xff".to_vec(), b"err".to_vec(), ExitStatus::Code(7)));

    let process = connection.exec("kill -9 $$").await.unwrap();
    assert_eq!(output(process).await.2, ExitStatus::Signal);
    let process = connection.exec("echo $HOME; pwd; env | grep -c CARGO").await.unwrap();
    let home = fixture.host.home().display().to_string();
    assert_eq!(String::from_utf8(output(process).await.0).unwrap(), format!("{home}\n{home}\n0\n"));
    connection.close().await;
    assert!(connection.is_closed());
}

/// `count` bytes that do not repeat soon.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = count.div_ceil(8);
    let mut bytes: Vec<u8> = (0..words)
        .flat_map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        })
        .collect();
    bytes.truncate(count);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn large_data_goes_both_ways_exactly() {
    let fixture = Fixture::start().await;
    let connection = connect(&fixture.target(), &|_| {}).await.unwrap();
    let Process { mut stdin, mut stdout, mut stderr, exit } = connection.exec("cat").await.unwrap();
    let data = noise(32 * 1024 * 1024 + 17);
    let sent = data.clone();
    let writing = tokio::spawn(async move {
        stdin.write_all(&sent).await.unwrap();
        stdin.shutdown().await.unwrap();
        stdin
    });
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (first, second) = tokio::join!(stdout.read_to_end(&mut out), stderr.read_to_end(&mut err));
    first.unwrap();
    second.unwrap();
    assert!(out == data && err.is_empty(), "{} and {} bytes came back", out.len(), err.len());
    assert_eq!(exit.await.unwrap(), ExitStatus::Code(0));
    drop(writing.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_share_a_connection_and_its_clones() {
    let fixture = Fixture::start().await;
    let connection = connect(&fixture.target(), &|_| {}).await.unwrap();
    let commands = (0..20).map(|number| {
        let connection = connection.clone();
        tokio::spawn(async move {
            let process = connection.exec(&format!("echo {number}")).await.unwrap();
            String::from_utf8(output(process).await.0).unwrap()
        })
    });
    for (number, command) in commands.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(command.await.unwrap(), format!("{number}\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_keep_the_connection_and_a_dropped_input_is_its_end() {
    let fixture = Fixture::start().await;
    let connection = connect(&fixture.target(), &|_| {}).await.unwrap();
    let process = connection.exec("cat; echo end").await.unwrap();
    drop(connection);
    assert_eq!(output(process).await, (b"end\n".to_vec(), Vec::new(), ExitStatus::Code(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_ends_first_breaks_the_pipe_of_its_writer() {
    let fixture = Fixture::start().await;
    let connection = connect(&fixture.target(), &|_| {}).await.unwrap();
    let Process { mut stdin, exit, .. } = connection.exec("exec <&-; exit 3").await.unwrap();
    assert_eq!(exit.await.unwrap(), ExitStatus::Code(3));
    let data = vec![0; 64 * 1024 * 1024];
    let error = stdin.write_all(&data).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_dropped_does_not_stop_the_others() {
    let fixture = Fixture::start().await;
    let connection = connect(&fixture.target(), &|_| {}).await.unwrap();
    let command = "head -c 8000000 /dev/zero >&2; echo end";
    let Process { stdin, mut stdout, stderr, exit } = connection.exec(command).await.unwrap();
    drop((stdin, stderr));
    let mut out = String::new();
    stdout.read_to_string(&mut out).await.unwrap();
    assert_eq!((out.as_str(), exit.await.unwrap()), ("end\n", ExitStatus::Code(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_an_error_and_not_the_end_of_the_output() {
    let fixture = Fixture::start().await;
    let connection = connect(&fixture.target(), &|_| {}).await.unwrap();
    let Process { stdin: _stdin, mut stdout, exit, .. } =
        connection.exec("echo begin; sleep 60").await.unwrap();
    let mut begin = [0; 6];
    stdout.read_exact(&mut begin).await.unwrap();
    fixture.host.shutdown().await;
    let error = stdout.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted);
    assert_eq!(exit.await.unwrap(), ExitStatus::Lost);
    assert!(connection.ended().await.contains("the lab is closing"));
    let again = connection.exec("true").await.err().unwrap();
    assert!(matches!(again, TransportError::Lost { .. }), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_connects_to_loopback_only() {
    let fixture = Fixture::start().await;
    let connection = connect(&fixture.target(), &|_| {}).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let echo = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    });
    let mut stream = connection.tcp("localhost", port).await.unwrap();
    stream.write_all(b"there and back").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut back = String::new();
    stream.read_to_string(&mut back).await.unwrap();
    assert_eq!(back, "there and back");
    echo.await.unwrap();
    let refused = connection.tcp("192.0.2.1", 80).await.err().unwrap();
    assert!(refused.to_string().contains("the host forbids it"), "{refused}");
    let closed = connection.tcp("127.0.0.1", port).await.err().unwrap();
    assert!(closed.to_string().contains("cannot connect"), "{closed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_says_what_was_tried_and_what_is_accepted() {
    let fixture = Fixture::start().await;
    write_key(&fixture.folder.path().join("other"));
    let mut target = fixture.target();
    let Via::Ssh { authentication, .. } = &mut target.via else { unreachable!() };
    authentication.keys = vec![fixture.folder.path().join("other")];
    authentication.password = Some(SecretString::from("hush"));
    let message = failure(&target).await.to_string();
    assert!(message.starts_with("lab@127.0.0.1: authentication failed: tried the key `"), "{message}");
    assert!(message.contains("/other`; the host accepts `publickey`\nhint: "), "{message}");
    assert!(!message.contains("hush"));
}

#[tokio::test(flavor = "multi_thread")]
async fn key_files_that_cannot_be_used_are_named() {
    let fixture = Fixture::start().await;
    let path = |name: &str| fixture.folder.path().join(name);
    std::fs::copy(path("key"), path("open")).unwrap();
    std::fs::set_permissions(path("open"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    crate::lab::server::write_private(&path("text"), b"no key").unwrap();
    for (name, expected) in
        [("missing", "does not exist"), ("open", "can be read by others"), ("text", "is not a private key")]
    {
        let mut target = fixture.target();
        let Via::Ssh { authentication, .. } = &mut target.via else { unreachable!() };
        authentication.keys = vec![path(name)];
        let error = failure(&target).await;
        assert!(matches!(error, TransportError::Local { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_or_changed_host_key_is_refused_with_its_fingerprint() {
    let fixture = Fixture::start().await;
    let file = fixture.folder.path().join("known_hosts");
    let changed = {
        let other = write_key(&fixture.folder.path().join("other"));
        let port = fixture.host.address().port();
        format!("# a comment\n[127.0.0.1]:{port} {}\n", other.public_key().to_openssh().unwrap())
    };
    for (text, expected) in [("", "is not known"), (changed.as_str(), "known_hosts:2")] {
        std::fs::write(&file, text).unwrap();
        let TransportError::HostKey { message, hint } = failure(&fixture.target()).await else {
            panic!("not a host key error");
        };
        assert!(message.contains(expected) && message.contains(&fixture.host.fingerprint()), "{message}");
        assert!(hint.contains("paceline trust scan"), "{hint}");
    }
    let mut target = fixture.target();
    let Via::Ssh { host_key, .. } = &mut target.via else { unreachable!() };
    host_key.accept_any = true;
    let warnings = std::sync::Mutex::new(Vec::new());
    connect(&target, &|text| warnings.lock().unwrap().push(text.to_owned())).await.unwrap();
    assert_eq!(warnings.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_not_ssh_or_says_nothing_fails_within_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    write_key(&folder.path().join("key"));
    let answers: [(&[u8], &str); 4] = [
        (b"", "no answer within 1 s"),
        (b"SSH-2.0-Half\r\n", "no answer within 1 s"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n\x00\xff\xff\xff\xff\xff\xff\xff",
            "does not complete the SSH handshake",
        ),
        (
            b"SSH-2.0-Garbage\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            "does not complete the SSH handshake",
        ),
    ];
    for (answer, expected) in answers {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let peer = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(answer).await.unwrap();
            // Ends when the controller lets go of the connection, which it must.
            stream.read_to_end(&mut Vec::new()).await
        });
        let mut target = target(port, folder.path());
        let Via::Ssh { timeout, .. } = &mut target.via else { unreachable!() };
        *timeout = Duration::from_secs(1);
        let started = Instant::now();
        let error = failure(&target).await;
        assert!(error.to_string().contains(expected), "{error}");
        assert!(started.elapsed() < Duration::from_secs(5));
        let _ =
            tokio::time::timeout(Duration::from_secs(5), peer).await.expect("the connection was not let go");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_port_and_an_unknown_name_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    write_key(&folder.path().join("key"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = failure(&target(port, folder.path())).await;
    assert!(matches!(error, TransportError::Connect { .. }), "{error}");
    assert!(error.to_string().contains("connection refused"), "{error}");
    let mut unknown = target(22, folder.path());
    let Via::Ssh { address, .. } = &mut unknown.via else { unreachable!() };
    *address = "no-such-host.invalid".into();
    let error = failure(&unknown).await;
    assert!(matches!(error, TransportError::Resolve { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_host_is_checked_and_carries_the_connection() {
    let (jump, inner) = (Fixture::start().await, Fixture::start().await);
    let mut target = inner.target();
    let Via::Ssh { jumps, .. } = &mut target.via else { unreachable!() };
    *jumps = vec![jump.target()];
    let connection = connect(&target, &|_| {}).await.unwrap();
    assert_eq!(connection.fingerprint(), inner.host.fingerprint());
    let data = noise(3_000_000);
    std::fs::write(inner.host.home().join("data"), &data).unwrap();
    let process = connection.exec("cat data").await.unwrap();
    assert!(output(process).await.0 == data);
    connection.close().await;

    std::fs::write(jump.folder.path().join("known_hosts"), "").unwrap();
    let TransportError::HostKey { message, .. } = failure(&target).await else {
        panic!("not a host key error")
    };
    assert!(message.contains(&jump.host.fingerprint()), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_keys_are_asked_for() {
    let fixture = Fixture::start().await;
    let path = fixture.folder.path().join("key");
    let key = PrivateKey::from_openssh(std::fs::read_to_string(&path).unwrap()).unwrap();
    let locked = key.encrypt(&mut russh::keys::key::safe_rng(), "open sesame").unwrap();
    crate::lab::server::write_private(&path, locked.to_openssh(LineEnding::LF).unwrap().as_bytes()).unwrap();
    let mut target = fixture.target();
    let set = |target: &mut Target, passphrase: Option<&str>, ask: Option<AskPassphrase>| {
        let Via::Ssh { authentication, .. } = &mut target.via else { unreachable!() };
        authentication.passphrase = passphrase.map(SecretString::from);
        authentication.ask = ask;
    };
    let error = failure(&target).await.to_string();
    assert!(error.contains("is encrypted and no passphrase was given"), "{error}");
    set(&mut target, Some("wrong"), None);
    let error = failure(&target).await.to_string();
    let says = format!(
        "the passphrase does not fit the key file `{}`\nhint: correct `ansible_private",
        path.display()
    );
    assert!(error.starts_with(&says), "{error}");
    // A key that nobody named is passed over, and the hint is about it.
    let Via::Ssh { authentication, .. } = &mut target.via else { unreachable!() };
    authentication.keys_named = false;
    let error = failure(&target).await.to_string();
    assert!(error.contains("not tried: the passphrase does not fit the key file `"), "{error}");
    assert!(
        error.matches("hint: ").count() == 1 && error.contains("ansible_private_key_passphrase"),
        "{error}"
    );
    let Via::Ssh { authentication, .. } = &mut target.via else { unreachable!() };
    authentication.keys_named = true;
    set(&mut target, None, Some(AskPassphrase(std::sync::Arc::new(|_| Some("open sesame".into())))));
    connect(&target, &|_| {}).await.unwrap();
    // Once opened, it is not asked for again.
    set(&mut target, None, None);
    connect(&target, &|_| {}).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_shows_keys_and_writes_what_is_new() {
    use crate::transport::trust::{self, Status};

    let fixture = Fixture::start().await;
    let file = fixture.folder.path().join("folder/known_hosts");
    let mut here = fixture.target();
    let Via::Ssh { host_key, .. } = &mut here.via else { unreachable!() };
    host_key.known_hosts = vec![file.clone()];
    let mut dead = target(1, fixture.folder.path());
    dead.host = "dead".into();
    let targets = [here.clone(), dead];
    let scan = trust::scan(&targets, &|_| {}).await;
    assert_eq!((scan.keys.len(), scan.failures.len()), (1, 1));
    assert_eq!(scan.keys[0].fingerprint, fixture.host.fingerprint());
    assert_eq!(scan.keys[0].status, Status::Unknown);
    let text = trust::render_scan(&scan);
    assert!(text.contains("ssh-ed25519") && text.contains("new") && text.contains("dead"), "{text}");
    assert_eq!(trust::write(&file, &scan.keys).unwrap(), 1);
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions()) & 0o777,
        0o600
    );
    connect(&here, &|_| {}).await.unwrap();
    let again = trust::scan(&targets[..1], &|_| {}).await;
    assert_eq!(again.keys[0].status, Status::Known);
    assert_eq!(trust::write(&file, &again.keys).unwrap(), 0);
    let port = fixture.host.address().port();
    assert_eq!(trust::forget(&file, &format!("[127.0.0.1]:{port}")).unwrap(), 1);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "");
}

/// A way to `port` that can be blocked: then nothing passes any more, and nobody is told.
async fn blockable(port: u16) -> (u16, tokio::sync::oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap().port();
    let (block, blocked) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
            _ = blocked => std::future::pending::<()>().await,
        }
    });
    (here, block)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_falls_silent_is_noticed() {
    let fixture = Fixture::start().await;
    let (port, block) = blockable(fixture.host.address().port()).await;
    let mut target = target(port, fixture.folder.path());
    let Via::Ssh { host_key, keepalive, .. } = &mut target.via else { unreachable!() };
    host_key.pins = vec![fixture.host.fingerprint()];
    *keepalive = Duration::from_millis(500);
    let connection = connect(&target, &|_| {}).await.unwrap();
    let Process { stdin: _stdin, mut stdout, exit, .. } = connection.exec("sleep 60").await.unwrap();
    block.send(()).unwrap();
    let error = stdout.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert!(error.to_string().contains("the host stopped answering"), "{error}");
    assert_eq!(exit.await.unwrap(), ExitStatus::Lost);

    let (port, block) = blockable(fixture.host.address().port()).await;
    let Via::Ssh { port: place, keepalive, timeout, .. } = &mut target.via else { unreachable!() };
    (*place, *keepalive, *timeout) = (port, Duration::from_secs(60), Duration::from_secs(1));
    let connection = connect(&target, &|_| {}).await.unwrap();
    block.send(()).unwrap();
    let error = connection.exec("true").await.err().unwrap();
    assert!(error.to_string().contains("no answer within 1 s"), "{error}");
    let started = Instant::now();
    connection.close().await;
    assert!(started.elapsed() < Duration::from_secs(5));
}
