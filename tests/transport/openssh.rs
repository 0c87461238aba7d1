use std::fs;

use paceline::transport::ssh::{Connection, connect};
use paceline::transport::{ExitStatus, Process, Target, TransportError, Via, trust};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::sshd::{Agent, Sshd, keygen};

async fn open(target: &Target) -> Connection {
    connect(target, &|text| panic!("{text}")).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn failure(target: &Target) -> TransportError {
    connect(target, &|_| {}).await.err().expect("the connection should have failed")
}

async fn echo(connection: &Connection, word: &str) -> String {
    let Process { stdin, mut stdout, stderr: _stderr, exit } =
        connection.exec(&format!("echo {word}")).await.unwrap();
    drop(stdin);
    let mut text = String::new();
    stdout.read_to_string(&mut text).await.unwrap();
    assert_eq!(exit.await.unwrap(), ExitStatus::Code(0));
    text
}

async fn works(target: &Target) {
    let connection = open(target).await;
    assert_eq!(echo(&connection, "hello").await, "hello\n");
    connection.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_statuses_and_large_data() {
    let server = Sshd::start("");
    let connection = open(&server.target()).await;
    let Process { stdin, mut stdout, mut stderr, exit } =
        connection.exec("sh -c 'echo out; echo err >&2; exit 5'").await.unwrap();
    drop(stdin);
    let (mut out, mut err) = (String::new(), String::new());
    stdout.read_to_string(&mut out).await.unwrap();
    stderr.read_to_string(&mut err).await.unwrap();
    assert_eq!((out.as_str(), err.as_str(), exit.await.unwrap()), ("out\n", "err\n", ExitStatus::Code(5)));

    let Process { stdin: _stdin, exit, .. } = connection.exec("kill -TERM $$").await.unwrap();
    assert_eq!(exit.await.unwrap(), ExitStatus::Signal);

    let Process { mut stdin, mut stdout, exit, .. } = connection.exec("cat").await.unwrap();
    let data: Vec<u8> =
        (0..16 * 1024 * 1024_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let sent = data.clone();
    let writing = tokio::spawn(async move {
        stdin.write_all(&sent).await.unwrap();
        stdin.shutdown().await.unwrap();
    });
    let mut back = Vec::new();
    stdout.read_to_end(&mut back).await.unwrap();
    assert!(back == data);
    writing.await.unwrap();
    assert_eq!(exit.await.unwrap(), ExitStatus::Code(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_all_types_and_formats() {
    let server = Sshd::start("");
    let cases: &[(&str, &[&str], Option<&str>)] = &[
        ("ed25519", &["-t", "ed25519"], None),
        ("rsa", &["-t", "rsa", "-b", "3072"], None),
        ("ecdsa256", &["-t", "ecdsa", "-b", "256"], None),
        ("ecdsa384", &["-t", "ecdsa", "-b", "384"], None),
        ("ecdsa521", &["-t", "ecdsa", "-b", "521"], None),
        ("rsa_pem", &["-t", "rsa", "-b", "2048", "-m", "PEM"], None),
        ("rsa_pkcs8", &["-t", "rsa", "-b", "2048", "-m", "PKCS8"], None),
        ("ecdsa_pem", &["-t", "ecdsa", "-m", "PEM"], None),
        ("ecdsa_pkcs8", &["-t", "ecdsa", "-m", "PKCS8"], None),
        ("ed25519_locked", &["-t", "ed25519", "-a", "1"], Some("open sesame")),
        ("rsa_locked", &["-t", "rsa", "-b", "2048", "-a", "1"], Some("open sesame")),
        ("rsa_pem_locked", &["-t", "rsa", "-b", "2048", "-m", "PEM"], Some("open sesame")),
        ("rsa_pkcs8_locked", &["-t", "rsa", "-b", "2048", "-m", "PKCS8"], Some("open sesame")),
    ];
    for (name, arguments, passphrase) in cases {
        let path = server.path(name);
        let text = path.display().to_string();
        keygen(&[&["-q", "-N", passphrase.unwrap_or(""), "-f", &text], *arguments].concat());
        fs::copy(server.path(&format!("{name}.pub")), server.path("authorized")).unwrap();
        let target = server.target_with(|authentication, _| {
            authentication.keys = vec![path];
            authentication.passphrase = passphrase.map(SecretString::from);
        });
        let connection = connect(&target, &|_| {}).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(echo(&connection, name).await, format!("{name}\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_signs_and_the_named_key_goes_first() {
    let server = Sshd::start("MaxAuthTries 3");
    let agent = Agent::start(server.folder.path());
    for number in 0..6 {
        let path = server.path(&format!("other{number}"));
        keygen(&["-q", "-t", "ed25519", "-N", "", "-f", &path.display().to_string()]);
        agent.add(&path);
    }
    for kind in ["ed25519", "rsa", "ecdsa"] {
        let path = server.path(&format!("held_{kind}"));
        keygen(&["-q", "-t", kind, "-N", "", "-f", &path.display().to_string()]);
        agent.add(&path);
        fs::remove_file(&path).unwrap();
        fs::copy(server.path(&format!("held_{kind}.pub")), server.path("authorized")).unwrap();
        let target = server.target_with(|authentication, _| {
            authentication.keys = vec![server.path(&format!("held_{kind}.pub"))];
            authentication.agent = Some(agent.socket.clone());
        });
        works(&target).await;
    }
    let all = server.target_with(|authentication, _| {
        authentication.keys.clear();
        authentication.keys_named = false;
        authentication.agent = Some(agent.socket.clone());
    });
    let message = failure(&all).await.to_string();
    assert!(message.contains("Too many authentication failures"), "{message}");
    assert!(message.contains("hint: the host counts every key"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn host_keys_of_all_types() {
    let server = Sshd::start("");
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let known = server.trust(kind);
        works(&server.target_with(|_, policy| policy.known_hosts = vec![known])).await;
    }
    let scan = trust::scan(&[server.target()], &|_| {}).await;
    let kinds: Vec<&str> = scan.keys.iter().map(|key| key.algorithm.as_str()).collect();
    assert_eq!(kinds, ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"], "{:?}", scan.failures);
}

#[tokio::test(flavor = "multi_thread")]
async fn hashed_names_are_read_and_written() {
    let server = Sshd::start("");
    let file = server.trust("ed25519");
    keygen(&["-q", "-H", "-f", &file.display().to_string()]);
    let target = server.target_with(|_, policy| policy.known_hosts = vec![server.path("known_hosts")]);
    // `trust` wrote the file anew; hash it again.
    keygen(&["-q", "-H", "-f", &file.display().to_string()]);
    assert!(fs::read_to_string(&file).unwrap().starts_with("|1|"));
    works(&target).await;
    let scan = trust::scan(std::slice::from_ref(&target), &|_| {}).await;
    assert_eq!(trust::write(&file, &scan.keys).unwrap(), 2);
    let found = std::process::Command::new("ssh-keygen")
        .args(["-F", &format!("[127.0.0.1]:{}", server.port), "-f", &file.display().to_string()])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout).matches("# Host").count(), 3);
    assert_eq!(trust::forget(&file, &format!("[127.0.0.1]:{}", server.port)).unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_hosts_and_users() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    keygen(&["-q", "-t", "ed25519", "-N", "", "-f", &at("authority")]);
    keygen(&["-q", "-t", "ed25519", "-N", "", "-f", &at("host")]);
    keygen(&["-q", "-s", &at("authority"), "-I", "host", "-h", "-n", "127.0.0.1", &at("host.pub")]);
    let extra = format!(
        "HostKey {}\nHostCertificate {}\nTrustedUserCAKeys {}\n",
        at("host"),
        at("host-cert.pub"),
        at("authority.pub")
    );
    let server = Sshd::start(&extra);
    fs::write(server.path("authorized"), "").unwrap();
    let user = match &server.target().via {
        Via::Ssh { user, .. } => user.clone(),
        Via::Local | Via::WinRm(_) => unreachable!(),
    };
    let login = server.path("login.pub").display().to_string();
    keygen(&["-q", "-s", &at("authority"), "-I", "user", "-n", &user, &login]);
    let authority = fs::read_to_string(at("authority.pub")).unwrap();
    let target = server.target_with(|_, policy| {
        policy.known_hosts = vec![server.known_hosts(&format!("@cert-authority [127.0.0.1]:* {authority}"))];
    });
    works(&target).await;
    let wrong = server.target_with(|_, policy| {
        policy.known_hosts = vec![server.known_hosts(&format!("@cert-authority other {authority}"))];
    });
    assert!(matches!(failure(&wrong).await, TransportError::HostKey { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn jumps_lead_through_servers() {
    let (outer, inner) = (Sshd::start(""), Sshd::start(""));
    let mut target = inner.target();
    let Via::Ssh { jumps, .. } = &mut target.via else { unreachable!() };
    *jumps = vec![outer.target()];
    works(&target).await;
    let scan = trust::scan(std::slice::from_ref(&target), &|_| {}).await;
    assert_eq!(scan.keys.len(), 3, "{:?}", scan.failures);

    let closed = Sshd::start("AllowTcpForwarding no");
    let Via::Ssh { jumps, .. } = &mut target.via else { unreachable!() };
    *jumps = vec![closed.target()];
    let message = failure(&target).await.to_string();
    assert!(message.contains("through the jump host") && message.contains("AllowTcpForwarding"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_with_few_algorithms() {
    for extra in [
        "KexAlgorithms curve25519-sha256\nCiphers chacha20-poly1305@openssh.com",
        "KexAlgorithms ecdh-sha2-nistp256\nCiphers aes128-ctr\nMACs hmac-sha2-256",
        "KexAlgorithms ecdh-sha2-nistp521\nCiphers aes256-ctr\nMACs hmac-sha2-512-etm@openssh.com",
        "KexAlgorithms diffie-hellman-group14-sha256\nCiphers aes192-ctr\nMACs hmac-sha2-512",
        "KexAlgorithms diffie-hellman-group16-sha512",
        "KexAlgorithms diffie-hellman-group-exchange-sha256",
    ] {
        works(&Sshd::start(extra).target()).await;
    }
    let old = Sshd::start("KexAlgorithms diffie-hellman-group14-sha1");
    let message = failure(&old.target()).await.to_string();
    assert!(
        message.contains("no common key exchange algorithm; the host has diffie-hellman-group14-sha1"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keys_where_one_is_not_enough() {
    let server = Sshd::start("AuthenticationMethods publickey,publickey");
    let path = server.path("second");
    keygen(&["-q", "-t", "ecdsa", "-N", "", "-f", &path.display().to_string()]);
    let message = failure(&server.target()).await.to_string();
    assert!(
        message.contains("(accepted, but more is needed); the host still wants `publickey`"),
        "{message}"
    );
    let both =
        ["login.pub", "second.pub"].map(|name| fs::read_to_string(server.path(name)).unwrap()).concat();
    fs::write(server.path("authorized"), both).unwrap();
    works(&server.target_with(|authentication, _| authentication.keys.push(path))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_sessions_is_explained() {
    let server = Sshd::start("MaxSessions 1");
    let connection = open(&server.target()).await;
    let _busy = connection.exec("sleep 60").await.unwrap();
    let message = connection.exec("true").await.err().unwrap().to_string();
    assert!(message.contains("MaxSessions"), "{message}");
}
