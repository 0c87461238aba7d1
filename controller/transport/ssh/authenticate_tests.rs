#![expect(clippy::unwrap_used, reason = "tests")]

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::keys::HashAlg;
use russh::server::{self, Auth, Handler, Response, VerifiedPublicKey};
use russh::{MethodKind, MethodSet};
use secrecy::SecretString;
use tokio::net::TcpListener;

use crate::transport::{Authentication, HostKeyPolicy, Target, TransportError, Via};

/// What a server does with passwords.
#[derive(Clone, Copy)]
struct Rules {
    methods: &'static [MethodKind],
    prompts: &'static [(&'static str, bool)],
    /// A key alone is not enough.
    key_first: bool,
    banner: bool,
}

const PLAIN: Rules = Rules {
    methods: &[MethodKind::Password],
    prompts: &[("Password: ", false)],
    key_first: false,
    banner: false,
};

/// Writes down what it was sent.
struct Server {
    rules: Rules,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn note(&self, text: String) {
        self.log.lock().unwrap().push(text);
    }

    fn judge(right: bool) -> Auth {
        if right { Auth::Accept } else { Auth::reject() }
    }
}

impl Handler for Server {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, russh::Error> {
        self.note("none".into());
        Ok(Auth::reject())
    }

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        self.note("key".into());
        let proceed_with_methods = Some(MethodSet::from(&[MethodKind::Password][..]));
        Ok(Auth::Reject { proceed_with_methods, partial_success: self.rules.key_first })
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        self.note(format!("password {password}"));
        Ok(Self::judge(user == "ann" && password == "right"))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let Some(response) = response else {
            let prompts =
                self.rules.prompts.iter().map(|(text, echo)| (Cow::Borrowed(*text), *echo)).collect();
            return Ok(Auth::Partial { name: "".into(), instructions: "".into(), prompts });
        };
        let answers: Vec<String> =
            response.map(|answer| String::from_utf8_lossy(&answer).into_owned()).collect();
        self.note(format!("answers {answers:?}"));
        Ok(Self::judge(answers == ["right"]))
    }

    async fn authentication_banner(&mut self) -> Result<Option<String>, russh::Error> {
        Ok(self.rules.banner.then(|| "authorised use only\n".to_owned()))
    }
}

/// Logs in to a server with these rules. Gives the outcome and what the server was sent.
async fn attempt(
    rules: Rules,
    password: Option<&str>,
    keys: Vec<PathBuf>,
) -> (Result<String, TransportError>, Vec<String>) {
    let key = crate::lab::server::generate_key("").unwrap();
    let pin = key.fingerprint(HashAlg::Sha256).to_string();
    let config = server::Config {
        methods: MethodSet::from(rules.methods),
        auth_rejection_time: Duration::ZERO,
        keys: vec![key],
        ..server::Config::default()
    };
    let log = Arc::new(Mutex::new(Vec::new()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let handler = Server { rules, log: Arc::clone(&log) };
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = server::run_stream(Arc::new(config), stream, handler).await.unwrap().await;
    });
    let target = Target {
        host: "host".into(),
        platform: crate::shell::Platform::Posix,
        via: Via::Ssh {
            address: "127.0.0.1".into(),
            port,
            user: "ann".into(),
            authentication: Authentication {
                keys,
                keys_named: true,
                password: password.map(SecretString::from),
                ..Authentication::default()
            },
            host_key: HostKeyPolicy { pins: vec![pin], ..HostKeyPolicy::default() },
            jumps: Vec::new(),
            timeout: Duration::from_secs(20),
            keepalive: Duration::ZERO,
        },
    };
    let outcome = super::super::connect(&target, &|_| {}).await.map(|connection| connection.banner());
    serving.abort();
    let log = log.lock().unwrap().clone();
    (outcome, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_sent_once() {
    let (outcome, log) = attempt(PLAIN, Some("right"), vec![]).await;
    assert!(outcome.is_ok());
    assert_eq!(log, ["none", "password right"]);
    let (outcome, log) = attempt(PLAIN, Some("wrong"), vec![]).await;
    let message = outcome.unwrap_err().to_string();
    assert!(
        message.ends_with("tried the password\nhint: check the login name and the password"),
        "{message}"
    );
    assert_eq!(log, ["none", "password wrong"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_prompt_is_answered_and_the_password_not_repeated() {
    let rules =
        Rules { methods: &[MethodKind::Password, MethodKind::KeyboardInteractive], banner: true, ..PLAIN };
    let (outcome, log) = attempt(rules, Some("right"), vec![]).await;
    assert_eq!(outcome.unwrap(), "authorised use only\n");
    assert_eq!(log, ["none", "answers [\"right\"]"]);
    let (outcome, log) = attempt(rules, Some("wrong"), vec![]).await;
    let message = outcome.unwrap_err().to_string();
    assert!(message.contains("tried the password (keyboard-interactive); the host accepts"), "{message}");
    assert!(!message.contains("wrong"), "{message}");
    assert_eq!(log, ["none", "answers [\"wrong\"]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_prompts_do_not_get_the_password() {
    for prompts in [&[("Code: ", true)][..], &[("Password: ", false), ("Code: ", false)][..]] {
        let rules =
            Rules { methods: &[MethodKind::KeyboardInteractive, MethodKind::Password], prompts, ..PLAIN };
        let (outcome, log) = attempt(rules, Some("right"), vec![]).await;
        assert!(outcome.is_ok());
        assert_eq!(log, ["none", &format!("answers {:?}", vec![""; prompts.len()]), "password right"]);
        let rules = Rules { methods: &[MethodKind::KeyboardInteractive], ..rules };
        let message = attempt(rules, Some("right"), vec![]).await.0.unwrap_err().to_string();
        assert!(message.contains("the host asks `") && message.contains("`Code:`"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_password_the_hint_says_how_to_give_one() {
    let message = attempt(PLAIN, None, vec![]).await.0.unwrap_err().to_string();
    assert!(
        message.contains("tried nothing; the host accepts `password`\nhint: the host takes a password"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_and_a_password_where_both_are_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let key = crate::lab::server::generate_key("").unwrap();
    let text = key.to_openssh(russh::keys::ssh_key::LineEnding::LF).unwrap();
    crate::lab::server::write_private(&path, text.as_bytes()).unwrap();
    let rules = Rules { methods: &[MethodKind::PublicKey], key_first: true, ..PLAIN };
    let (outcome, log) = attempt(rules, Some("right"), vec![path.clone()]).await;
    assert!(outcome.is_ok());
    assert_eq!(log, ["key", "password right"]);
    let message = attempt(rules, None, vec![path]).await.0.unwrap_err().to_string();
    assert!(message.contains("(accepted, but more is needed); the host still wants `password`"), "{message}");
}
