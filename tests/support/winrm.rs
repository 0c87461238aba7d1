//! The WinRM test peer (`tests/support/winrm/serve.py`) with as many hosts as a test wants, each with an address, a
//! record and injected faults of its own. It ends when its standard input does, so when the test dies too.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};

use super::patience::Lines;

/// The password of all accounts of the peer.
pub(crate) const PASSWORD: &str = "Pa55-of-the-Peer:ü";

/// A local account that may make shells. `operator` may log on but not make shells; `CORP\svc-rollout`
/// (`svc-rollout@corp.example`) is a domain account that may.
pub(crate) const ADMINISTRATOR: &str = "Administrator";

/// The peer's process.
pub(crate) struct Peer {
    child: Child,
    pipes: Mutex<Option<(ChildStdin, Lines)>>,
    folder: tempfile::TempDir,
    ready: Value,
}

impl Peer {
    /// Starts hosts `win1.example`, `win2.example` ... with settings as `peer/host.py` has them.
    pub(crate) fn start(hosts: usize, settings: &Value) -> Self {
        Self::with_environment(hosts, settings, &[])
    }

    /// The same with variables of the environment, such as those of Kerberos.
    pub(crate) fn with_environment(hosts: usize, settings: &Value, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("winrm-peer-").tempdir().unwrap();
        let mut child = Command::new(python())
            .arg(script("serve.py"))
            .arg(folder.path())
            .envs(environment.iter().copied())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pipes = (child.stdin.take().unwrap(), Lines::of(child.stdout.take().unwrap()));
        let mut peer = Self { child, pipes: Mutex::new(Some(pipes)), folder, ready: Value::Null };
        let hosts: Vec<Value> = (1..=hosts)
            .map(|number| json!({"name": name(number), "address": address(number), "settings": settings}))
            .collect();
        let accounts = json!([
            {"user": ADMINISTRATOR, "password": PASSWORD},
            {"user": "operator", "password": PASSWORD, "admin": false},
            {"user": "svc-rollout", "password": PASSWORD, "domain": "CORP", "realm": "corp.example"},
        ]);
        peer.ready = peer.ask(&json!({"hosts": hosts, "accounts": accounts}));
        peer
    }

    /// A host, from 1.
    pub(crate) fn host(&self, number: usize) -> Host<'_> {
        let name = name(number);
        assert!(self.ready["hosts"][&name].is_object(), "the peer has no host {number}");
        Host { peer: self, name }
    }

    /// A file that holds the certificate of the authority.
    pub(crate) fn authority(&self) -> PathBuf {
        self.file("ca")
    }

    /// The certificate and the key of a client that is `Administrator`, as PEM files.
    pub(crate) fn client(&self) -> (PathBuf, PathBuf) {
        (self.file("client_certificate"), self.file("client_key"))
    }

    /// SHA-256 of a certificate's DER, in hexadecimal; kinds as in `peer/certificates.py`.
    pub(crate) fn pin(&self, certificate: &str) -> String {
        self.ask(&json!({"do": "pin", "certificate": certificate})).as_str().unwrap().to_owned()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, what: &str) -> PathBuf {
        PathBuf::from(self.ready[what].as_str().unwrap())
    }

    fn ask(&self, line: &Value) -> Value {
        let mut pipes = self.pipes.lock().unwrap();
        let (stdin, stdout) = pipes.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
        let answer = stdout.next("the WinRM peer").unwrap_or_default();
        let mut answer: Value =
            serde_json::from_str(&answer).expect("the WinRM peer ended; its message is above");
        assert!(answer.get("error").is_none(), "the WinRM peer refuses {line}: {answer}");
        answer["ok"].take()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Ok(mut pipes) = self.pipes.lock() {
            pipes.take();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One host of the peer.
pub(crate) struct Host<'a> {
    peer: &'a Peer,
    name: String,
}

impl Host<'_> {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn address(&self) -> &str {
        self.peer.ready["hosts"][&self.name]["address"].as_str().unwrap()
    }

    /// The port for plain HTTP, where messages must be sealed.
    pub(crate) fn http(&self) -> u16 {
        self.port("http")
    }

    /// The port for HTTPS.
    pub(crate) fn https(&self) -> u16 {
        self.port("https")
    }

    fn port(&self, scheme: &str) -> u16 {
        self.peer.ready["hosts"][&self.name][scheme].as_u64().unwrap().try_into().unwrap()
    }

    /// What happened, in order; of one kind (`connect`, `logon`, `request`, `execute` ...) if it is given.
    pub(crate) fn log(&self, kind: Option<&str>) -> Vec<Value> {
        let Value::Array(events) = self.ask("log", &json!({"kind": kind})) else {
            panic!("the log is no list")
        };
        events
    }

    /// How often something happened: a kind of event, or `request:ACTION`.
    pub(crate) fn count(&self, kind: &str) -> u64 {
        self.ask("counts", &json!({}))[kind].as_u64().unwrap_or(0)
    }

    /// Identifiers of the shells that are open.
    pub(crate) fn shells(&self) -> Vec<String> {
        serde_json::from_value(self.ask("shells", &json!({}))).unwrap()
    }

    /// How often the peer's program `count NAME` was run.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        self.ask("counters", &json!({}))[name].as_u64().unwrap_or(0)
    }

    /// Injects a fault, for instance `{"on": "Receive", "do": "drop"}`; `peer/injection.py` lists them.
    pub(crate) fn inject(&self, fault: &Value) {
        self.ask("inject", &json!({"fault": fault}));
    }

    /// Takes back the faults that did not happen yet.
    pub(crate) fn clear(&self) {
        self.ask("clear", &json!({}));
    }

    /// Ends all connections to the host; shells live on.
    pub(crate) fn hang_up(&self) {
        self.ask("hangup", &json!({}));
    }

    /// Takes the host away: connections and shells end, and connecting is refused until [`Host::up`].
    pub(crate) fn down(&self) {
        self.ask("down", &json!({}));
    }

    /// Brings the host back, at the same ports.
    pub(crate) fn up(&self) {
        self.ask("up", &json!({}));
    }

    /// Changes settings from the next connection or request on.
    pub(crate) fn set(&self, settings: &Value) {
        self.ask("set", &json!({"settings": settings}));
    }

    /// Asks or changes the model of a Windows host behind this one: `windows/control.py` lists what `what` can be.
    pub(crate) fn model(&self, what: &str, arguments: &[&str], input: &str) -> Value {
        self.ask("model", &json!({"request": {"do": what, "arguments": arguments, "input": input}}))
    }

    fn ask(&self, what: &str, more: &Value) -> Value {
        let mut line = more.clone();
        line["do"] = what.into();
        line["host"] = self.name.as_str().into();
        self.peer.ask(&line)
    }
}

/// Python with the packages of the peer.
pub(crate) fn python() -> PathBuf {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-venv");
    assert!(
        venv.join("winrm-requirements.txt").exists(),
        "the WinRM peer's packages are missing; `tests/run` installs them"
    );
    venv.join("bin/python")
}

/// A script of the peer.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/winrm").join(name)
}

fn name(number: usize) -> String {
    format!("win{number}.example")
}

fn address(number: usize) -> String {
    format!("127.0.{}.{}", 20 + number / 250, 1 + number % 250)
}
