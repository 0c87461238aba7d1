//! Starts OpenSSH's `sshd` on loopback for one test.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use paceline::transport::{Authentication, HostKeyPolicy, Target, Via};

const SSHD: &str = "/usr/sbin/sshd";

/// The types of the host keys.
const HOST_KEYS: [&str; 3] = ["ed25519", "ecdsa", "rsa"];

/// One set of host keys for all servers: an RSA key takes a while to find.
fn host_keys() -> &'static Path {
    static KEYS: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        for kind in HOST_KEYS {
            let path = folder.path().join(format!("host_{kind}"));
            keygen(&["-q", "-t", kind, "-N", "", "-f", &path.display().to_string()]);
        }
        folder
    });
    KEYS.path()
}

/// A server, its folder of keys, and how to reach it.
pub(crate) struct Sshd {
    pub(crate) port: u16,
    pub(crate) folder: tempfile::TempDir,
    child: Child,
}

impl Sshd {
    /// Starts a server that knows host keys of all types and lets the key `login` in. `extra` are lines of its
    /// configuration, stronger than the others.
    pub(crate) fn start(extra: &str) -> Self {
        assert!(Path::new(SSHD).exists(), "this test needs OpenSSH's server: apt-get install openssh-server");
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        for kind in HOST_KEYS {
            for suffix in ["", ".pub"] {
                let name = format!("host_{kind}{suffix}");
                fs::copy(host_keys().join(&name), at(&name)).unwrap();
            }
        }
        keygen(&["-q", "-t", "ed25519", "-N", "", "-f", &at("login")]);
        fs::copy(at("login.pub"), at("authorized")).unwrap();
        if rustix::process::getuid().is_root() {
            // sshd insists on this folder when it runs as root.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        // Another process may take the port between looking and listening.
        for _ in 0..10 {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
            let config = format!(
                "{extra}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {}\nHostKey {}\nHostKey {}\n\
                 AuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n\
                 KbdInteractiveAuthentication no\nPermitRootLogin yes\nLogLevel VERBOSE\nSetEnv HOME={}\n",
                at("host_ed25519"),
                at("host_ecdsa"),
                at("host_rsa"),
                at("authorized"),
                // What the user's own login files do, and how long it takes, is not what is tested.
                folder.path().display(),
            );
            fs::write(at("config"), config).unwrap();
            let mut child = Command::new(SSHD)
                .args(["-D", "-e", "-f", &at("config")])
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut log = BufReader::new(child.stderr.take().unwrap());
            let mut said = String::new();
            while log.read_line(&mut said).unwrap() > 0 {
                if said.contains("Server listening on") {
                    // A full pipe would stop the server.
                    std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
                    return Self { port, folder, child };
                }
            }
            child.wait().unwrap();
            assert!(said.contains("in use"), "sshd does not start: {said}");
        }
        panic!("no free port");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A `known_hosts` file with the host key of one type.
    pub(crate) fn trust(&self, kind: &str) -> PathBuf {
        let key = fs::read_to_string(self.path(&format!("host_{kind}.pub"))).unwrap();
        self.known_hosts(&format!("[127.0.0.1]:{} {key}", self.port))
    }

    pub(crate) fn known_hosts(&self, text: &str) -> PathBuf {
        fs::write(self.path("known_hosts"), text).unwrap();
        self.path("known_hosts")
    }

    /// The server with the key `login`, known by its Ed25519 key.
    pub(crate) fn target(&self) -> Target {
        self.target_with(|_, _| {})
    }

    pub(crate) fn target_with(&self, change: impl FnOnce(&mut Authentication, &mut HostKeyPolicy)) -> Target {
        let mut authentication =
            Authentication { keys: vec![self.path("login")], keys_named: true, ..Authentication::default() };
        let mut host_key =
            HostKeyPolicy { known_hosts: vec![self.trust("ed25519")], ..HostKeyPolicy::default() };
        change(&mut authentication, &mut host_key);
        Target {
            host: "sshd".to_owned(),
            platform: paceline::shell::Platform::Posix,
            via: Via::Ssh {
                address: "127.0.0.1".to_owned(),
                port: self.port,
                user: run(Command::new("id").arg("-un")).trim().to_owned(),
                authentication,
                host_key,
                jumps: Vec::new(),
                timeout: Duration::from_secs(20),
                keepalive: Duration::from_secs(15),
            },
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An agent of its own.
pub(crate) struct Agent {
    pub(crate) socket: PathBuf,
    child: Child,
}

impl Agent {
    pub(crate) fn start(folder: &Path) -> Self {
        let socket = folder.join("agent");
        let mut child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test needs OpenSSH's tools: apt-get install openssh-client");
        // It prints where it listens, once it does.
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
        Self { socket, child }
    }

    pub(crate) fn add(&self, key: &Path) {
        run(Command::new("ssh-add").arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket));
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn keygen(arguments: &[&str]) {
    run(Command::new("ssh-keygen").args(arguments));
}

fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}
