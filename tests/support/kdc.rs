//! A KDC of Kerberos on loopback (`tests/support/winrm/kdc.py`), for the WinRM peer and its clients. It ends when its
//! standard input does, so when the test dies too.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;

use super::patience::{self, Lines, PATIENCE};
use super::winrm::{PASSWORD, python, script};

/// The realm; the peer's domain account `svc-rollout` is a user of it, with the peer's password.
pub(crate) const REALM: &str = "CORP.EXAMPLE";

/// The KDC's process.
pub(crate) struct Kdc {
    child: Child,
    pipes: Mutex<Option<(ChildStdin, Lines)>>,
    folder: tempfile::TempDir,
    ready: Value,
}

impl Kdc {
    /// Starts a KDC that knows `win1.example`, `win2.example` ... as `HTTP/`, `WSMAN/` and `host/`.
    pub(crate) fn start(hosts: usize) -> Self {
        let folder = tempfile::Builder::new().prefix("winrm-kdc-").tempdir().unwrap();
        let hosts: Vec<String> = (1..=hosts).map(|number| format!("win{number}.example")).collect();
        let mut child = Command::new(python())
            .arg("-B")
            .arg(script("kdc.py"))
            .arg(folder.path())
            .args([REALM, &hosts.join(","), "svc-rollout"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pipes = (child.stdin.take().unwrap(), Lines::of(child.stdout.take().unwrap()));
        let mut kdc = Self { child, pipes: Mutex::new(Some(pipes)), folder, ready: Value::Null };
        kdc.ready = kdc.ask(PASSWORD);
        kdc
    }

    /// What the peer and a client need in their environment: `KRB5_CONFIG`, `KRB5_KTNAME` ...
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let variables = self.ready["environment"].as_object().unwrap();
        variables.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
    }

    /// A keytab with the keys of `svc-rollout`.
    pub(crate) fn users_keytab(&self) -> PathBuf {
        self.ready["users_keytab"].as_str().unwrap().into()
    }

    /// A new ticket cache that holds a ticket of `svc-rollout`, as `kinit` makes one.
    pub(crate) fn log_in(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        self.ask(&format!("svc-rollout {}", path.display()));
        path
    }

    fn ask(&self, line: &str) -> Value {
        let mut pipes = self.pipes.lock().unwrap();
        let (stdin, stdout) = pipes.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
        let answer = stdout.next("the KDC").unwrap_or_default();
        serde_json::from_str(&answer).expect("the KDC ended; its message is above")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Kdc {
    /// Ends it by the end of its input, since its own end stops `krb5kdc`.
    fn drop(&mut self) {
        if let Ok(mut pipes) = self.pipes.lock() {
            pipes.take();
        }
        patience::ends(&mut self.child, PATIENCE);
    }
}
