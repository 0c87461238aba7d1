//! What tests ask of the peer: many hosts, records, faults, settings, Kerberos, an end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::kdc::{Kdc, REALM};
use crate::support::winrm::{ADMINISTRATOR, Host, PASSWORD, Peer, python, script};

const IDENTIFY: &str = "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Header/><s:Body>\
     <i:Identify xmlns:i=\"http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd\"/></s:Body></s:Envelope>";

/// The status of an Identify in plain, with Basic, on a connection of its own; 0 if there is no answer.
fn identify(host: &Host<'_>, password: &str) -> u16 {
    let mut stream = TcpStream::connect((host.address(), host.http())).unwrap();
    let logon = STANDARD.encode(format!("{ADMINISTRATOR}:{password}"));
    write!(
        stream,
        "POST /wsman HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {logon}\r\nConnection: close\r\n\
         Content-Type: application/soap+xml;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{IDENTIFY}",
        host.name(),
        IDENTIFY.len(),
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).map_or(0, |status| status.parse().unwrap())
}

/// Runs a program on a host by `pypsrp`.
fn once(peer: &Peer, host: &Host<'_>, how: &Value, environment: &[(String, String)]) -> Output {
    let mut wanted = json!({
        "address": host.address(), "host": host.name(), "authority": peer.authority(),
        "command": ["environment"], "tls": false, "port": host.http(),
    });
    wanted.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
    let mut child = Command::new(python())
        .arg("-B")
        .arg(script("once.py"))
        .envs(environment.iter().cloned())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    write!(child.stdin.take().unwrap(), "{wanted}").unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn fifty_hosts_have_an_address_and_a_record_each() {
    let peer = Peer::start(50, &json!({}));
    for number in [1, 50] {
        let host = peer.host(number);
        drop(TcpStream::connect((host.address(), host.http())).unwrap());
        let limit = Instant::now() + Duration::from_secs(20);
        while host.count("disconnect") == 0 {
            assert!(Instant::now() < limit, "the peer did not notice that the client hung up");
            sleep(Duration::from_millis(10));
        }
    }
    let connected: Vec<_> = (1..=50).filter(|&number| peer.host(number).count("connect") > 0).collect();
    assert_eq!(connected, [1, 50]);
    let mut addresses: Vec<_> = (1..=50).map(|number| peer.host(number).address().to_owned()).collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 50);
}

#[test]
fn faults_and_settings_are_of_one_host_and_recorded() {
    let peer = Peer::start(2, &json!({"allow_unencrypted": true}));
    let (host, other) = (peer.host(1), peer.host(2));
    assert_eq!(identify(&host, PASSWORD), 200);
    assert_eq!(identify(&host, "another"), 401);
    assert_eq!(host.count("logon_failed"), 1);
    assert_eq!(host.count("request:Identify"), 1);

    host.inject(&json!({"on": "Identify", "do": "busy", "nth": 2}));
    host.inject(&json!({"on": "Identify", "do": "drop", "nth": 3}));
    let seen: Vec<_> = (0..4).map(|_| identify(&host, PASSWORD)).collect();
    assert_eq!(seen, [200, 503, 0, 200]);
    let injected: Vec<_> = host.log(Some("injected")).iter().map(|event| event["do"].clone()).collect();
    assert_eq!(injected, ["busy", "drop"]);
    host.inject(&json!({"on": "Identify", "do": "empty"}));
    host.clear();
    assert_eq!(identify(&host, PASSWORD), 200);

    host.set(&json!({"basic": false}));
    assert_eq!((identify(&host, PASSWORD), identify(&other, PASSWORD)), (401, 200));
    assert!(host.shells().is_empty());
    let requests = host.log(None).into_iter().filter(|event| event["kind"] == "request").count();
    assert_eq!(u64::try_from(requests).unwrap(), host.count("request"));
}

#[test]
fn a_host_hangs_up_goes_down_and_comes_back_at_the_same_port() {
    let peer = Peer::start(2, &json!({"allow_unencrypted": true}));
    let (host, other) = (peer.host(1), peer.host(2));
    let place = (host.address().to_owned(), host.http());
    let mut open = TcpStream::connect(&place).unwrap();
    let limit = Instant::now() + Duration::from_secs(20);
    while host.count("connect") == 0 {
        assert!(Instant::now() < limit, "the peer does not accept");
        sleep(Duration::from_millis(10));
    }
    host.hang_up();
    assert_eq!(open.read(&mut [0]).unwrap(), 0);
    host.down();
    assert_eq!(TcpStream::connect(&place).unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(identify(&other, PASSWORD), 200);
    host.up();
    assert_eq!(identify(&host, PASSWORD), 200);
    assert_eq!((host.address(), host.http()), (place.0.as_str(), place.1));
}

#[test]
fn certificates_lie_where_the_peer_says() {
    let peer = Peer::start(1, &json!({}));
    let (certificate, key) = peer.client();
    for file in [peer.authority(), certificate, key] {
        assert!(file.starts_with(peer.folder()), "{} is outside", file.display());
        assert!(std::fs::read_to_string(&file).unwrap().starts_with("-----BEGIN "));
    }
    assert_ne!(peer.pin("good"), peer.pin("expired"));
    assert_ne!(peer.host(1).http(), peer.host(1).https());
}

#[test]
fn a_ticket_lets_in_and_a_stranger_is_not_let_in() {
    let kdc = Kdc::start(1);
    let environment = kdc.environment();
    let borrowed: Vec<_> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let peer = Peer::with_environment(1, &json!({"kerberos": true}), &borrowed);
    let host = peer.host(1);
    let how = json!({"authentication": "kerberos"});

    let refused = once(&peer, &host, &how, &environment);
    assert!(!refused.status.success(), "nobody has logged in, and yet: {refused:?}");

    let cache = kdc.log_in("ticket");
    assert!(cache.starts_with(kdc.folder()) && kdc.users_keytab().exists());
    let mut with_ticket = environment.clone();
    with_ticket.push(("KRB5CCNAME".to_owned(), format!("FILE:{}", cache.display())));
    let done = once(&peer, &host, &how, &with_ticket);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let seen: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(seen["user"], "svc-rollout");
    let logon = host.log(Some("logon")).pop().unwrap();
    assert_eq!(logon["principal"], format!("svc-rollout@{REALM}"));
    assert_eq!((host.count("execute"), host.counter("hits")), (1, 0));
    let counting = json!({"authentication": "kerberos", "command": ["count", "hits"]});
    let counted = once(&peer, &host, &counting, &with_ticket);
    assert_eq!((counted.stdout, host.counter("hits")), (b"1\n".to_vec(), 1));
}

#[test]
fn the_peer_ends_with_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(python())
        .arg("-B")
        .arg(script("serve.py"))
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", json!({"hosts": [{"name": "win1.example"}], "accounts": []})).unwrap();
    let mut first = [0];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    assert!(child.try_wait().unwrap().is_none());
    drop(stdin);
    let limit = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < limit, "the peer outlives its input");
        sleep(Duration::from_millis(20));
    }
}
