//! Hosts that try to get at the password: what they answer, and what they get for it.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{Method, WinRmSetting, connect};
use crate::transport::TransportError;

/// What the host answers to a message of NTLM (1, 3) or to anything else (0); nothing hangs up.
type Answer = fn(u8) -> Option<String>;

/// A host with that answer, and the messages of NTLM that it got.
async fn host(answer: Answer) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, got) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
    let told = Arc::clone(&got);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, answer, Arc::clone(&told)));
        }
    });
    (port, got)
}

async fn serve(stream: TcpStream, answer: Answer, got: Arc<Mutex<Vec<u8>>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut message = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, token)) = line.trim().split_once(": ")
                && name.eq_ignore_ascii_case("authorization")
            {
                let token = token.rsplit(' ').next().unwrap_or_default();
                let token = STANDARD.decode(token).unwrap_or_default();
                let at = token.windows(8).position(|window| window == b"NTLMSSP\0");
                message = at.and_then(|at| token.get(at + 8).copied()).unwrap_or(0);
            }
        }
        got.lock().unwrap().push(message);
        let Some(headers) = answer(message) else { return };
        let text = format!("HTTP/1.1 {headers}\r\nContent-Length: 0\r\n\r\n");
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    let mut bytes = if length < 128 { vec![tag, length] } else { vec![tag, 0x81, length] };
    bytes.extend_from_slice(content);
    bytes
}

/// A token of SPNEGO with a state, and a challenge where one is given.
fn token(state: u8, challenge: Option<&[u8]>) -> String {
    let mut fields = element(0xa0, &[0x0a, 1, state]);
    if let Some(challenge) = challenge {
        fields.extend(element(0xa2, &element(4, challenge)));
    }
    let token = element(0xa1, &element(0x30, &fields));
    format!("401 Unauthorized\r\nWWW-Authenticate: Negotiate {}", STANDARD.encode(token))
}

/// A challenge of NTLMv2 with sealing, and a target of one name and one time.
fn challenge() -> String {
    let mut info = vec![2, 0, 2, 0, b'D', 0, 7, 0, 8, 0];
    info.extend_from_slice(&[0; 8]);
    info.extend_from_slice(&[0; 4]);
    let length = u8::try_from(info.len()).unwrap();
    let mut message = b"NTLMSSP\0\x02\0\0\0".to_vec();
    message.extend_from_slice(&[0, 0, 0, 0, 56, 0, 0, 0]);
    message.extend_from_slice(&0xe289_8235_u32.to_le_bytes());
    message.extend_from_slice(b"12345678");
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(&[length, 0, length, 0, 56, 0, 0, 0]);
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(&info);
    token(1, Some(&message))
}

fn setting(port: u16, methods: &[Method]) -> WinRmSetting {
    WinRmSetting {
        address: "127.0.0.1".to_owned(),
        port,
        tls: None,
        path: "wsman".to_owned(),
        user: Some("Administrator".to_owned()),
        password: Some(SecretString::from("of the tests")),
        methods: methods.to_vec(),
        certificate: None,
        kerberos_name: (None, None),
        seal_always: false,
        psrp: true,
        connect_timeout: Duration::from_secs(5),
        operation_timeout: Duration::from_secs(5),
    }
}

async fn refused(answer: Answer, methods: &[Method]) -> (TransportError, Vec<u8>) {
    let (port, got) = host(answer).await;
    let error = match connect("evil.example", &setting(port, methods), &|_| {}).await {
        Err(error) => error,
        Ok(_) => panic!("it logged in"),
    };
    let got = got.lock().unwrap().clone();
    (error, got)
}

#[tokio::test]
async fn a_refused_login_does_not_give_way_to_basic() {
    let only_basic: Answer = |message| {
        Some(match message {
            1 => challenge(),
            _ => "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"".to_owned(),
        })
    };
    let (error, got) = refused(only_basic, &[Method::Ntlm, Method::Basic]).await;
    assert!(error.to_string().contains("was rejected (NTLM)"), "{error}");
    assert!(!error.retry_may_help() && !error.spends_an_attempt());
    assert_eq!(got, [1, 3]);
}

#[tokio::test]
async fn a_host_that_offers_basic_only_is_not_handed_the_password() {
    let only_basic: Answer = |_| Some("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"".to_owned());
    let (error, got) = refused(only_basic, &[Method::Ntlm, Method::Basic]).await;
    assert!(error.to_string().contains("does not offer NTLM; it offers Basic"), "{error}");
    assert!(error.hint().unwrap().contains("`ansible_psrp_auth` to `basic`"), "{error:?}");
    assert_eq!(got, [1]);
}

#[tokio::test]
async fn whatever_cannot_be_used_after_the_credentials_is_a_refusal() {
    let answers: [Answer; 4] = [
        |message| Some(if message == 1 { challenge() } else { token(2, None) }),
        |_| Some(challenge()),
        |message| {
            let junk = "401 Unauthorized\r\nWWW-Authenticate: Negotiate AAAA";
            Some(if message == 1 { challenge() } else { junk.to_owned() })
        },
        |message| Some(if message == 1 { challenge() } else { "401 Unauthorized".to_owned() }),
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let (error, got) = refused(answer, &[Method::Ntlm, Method::Kerberos]).await;
        assert!(error.to_string().contains("was rejected (NTLM)"), "{number}: {error}");
        assert!(!error.retry_may_help(), "{number}: {error}");
        assert_eq!(got, [1, 3], "{number}");
    }
}

#[tokio::test]
async fn a_login_without_an_answer_spends_an_attempt_and_is_not_for_retries() {
    let answers: [Answer; 2] = [
        |message| (message == 1).then(challenge),
        |message| Some(if message == 1 { challenge() } else { "503 Service Unavailable".to_owned() }),
    ];
    for answer in answers {
        let (error, got) = refused(answer, &[Method::Ntlm]).await;
        assert!(error.spends_an_attempt() && !error.retry_may_help(), "{error}");
        assert!(error.to_string().contains("no answer to the credentials"), "{error}");
        assert_eq!(got, [1, 3]);
    }
    // Before the credentials went out nothing is spent.
    let (error, _) = refused(|_| None, &[Method::Ntlm]).await;
    assert!(error.retry_may_help() && !error.spends_an_attempt(), "{error}");
}

#[test]
fn files_that_are_wrong_are_told_with_their_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let mut setting = setting(5986, &[Method::Ntlm]);
    setting.tls = Some(super::TlsPolicy { ca: Some(path.clone()), ..super::TlsPolicy::default() });
    let said = setting.check_files("par-1").unwrap_err().to_string();
    assert!(said.contains("`ansible_psrp_ca_cert`") && said.contains("ca.pem"), "{said}");
    std::fs::write(&path, "no certificate").unwrap();
    let said = setting.check_files("par-1").unwrap_err().to_string();
    assert!(said.contains("ca.pem` holds no certificate in PEM"), "{said}");
    std::fs::write(&path, "-----BEGIN CERTIFICATE-----\n").unwrap();
    setting.check_files("par-1").unwrap();
    setting.methods = vec![Method::Certificate];
    setting.psrp = false;
    setting.certificate = Some((path.clone(), folder.path().join("key.pem")));
    let said = setting.check_files("par-1").unwrap_err().to_string();
    assert!(said.contains("`ansible_winrm_cert_key_pem`: cannot read"), "{said}");
}
