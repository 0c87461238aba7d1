//! OpenSSH's `sshd` on loopback, reachable as many hosts: 127.0.1.1, 127.0.1.2, ...

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use super::patience::Lines;
use super::processes;

const SSHD: &str = "/usr/sbin/sshd";

/// A server listens on this many addresses at most (`MAX_LISTEN_SOCKS`).
const ADDRESSES: usize = 16;

/// Servers that run as the user of the test, with one host key and one key that lets everybody in.
/// What they started, and what that started, is killed at the end.
pub(crate) struct Sshd {
    folder: tempfile::TempDir,
    servers: Vec<Server>,
    mark: String,
}

struct Server {
    child: Child,
    port: u16,
}

impl Sshd {
    /// Starts servers for that many hosts.
    pub(crate) fn start(hosts: usize) -> Self {
        Self::with_config(hosts, "")
    }

    /// Starts servers with further lines of configuration.
    pub(crate) fn with_config(hosts: usize, extra: &str) -> Self {
        assert!(Path::new(SSHD).exists(), "sshd is missing; `tests/run` installs it");
        let folder = tempfile::Builder::new().prefix("sshd-").tempdir().unwrap();
        // Login shells of other users read nothing here, but sshd reads the authorized keys as they are.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(folder.path(), mode).unwrap();
        for name in ["host", "login", "stranger"] {
            keygen(&folder.path().join(name));
        }
        fs::copy(folder.path().join("login.pub"), folder.path().join("authorized")).unwrap();
        // What the user's own login files do (and how long it takes) is not what is tested.
        let home = folder.path().join("home");
        fs::create_dir(&home).unwrap();
        fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        if rustix::process::getuid().is_root() {
            // sshd insists on this folder when it runs as root.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let mark = format!("PACELINE_TEST_SSHD={}", folder.path().display());
        let mut sshd = Self { folder, servers: Vec::new(), mark };
        let hosts: Vec<usize> = (1..=hosts).collect();
        for part in hosts.chunks(ADDRESSES) {
            let addresses: Vec<String> = part.iter().map(|&number| address(number)).collect();
            let server = sshd.serve(&addresses, extra);
            sshd.servers.push(server);
        }
        sshd
    }

    fn serve(&self, addresses: &[String], extra: &str) -> Server {
        let config = self.path(&format!("config-{}", self.servers.len()));
        // Another process may take the port between looking and listening.
        for _ in 0..10 {
            let port = TcpListener::bind((addresses[0].as_str(), 0)).unwrap().local_addr().unwrap().port();
            let mut text = format!("Port {port}\n");
            for address in addresses {
                text.push_str(&format!("ListenAddress {address}\n"));
            }
            text.push_str(&format!(
                "HostKey {}\nAuthorizedKeysFile {}\nSetEnv {} HOME={}\n\
                 StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n\
                 KbdInteractiveAuthentication no\nPermitRootLogin yes\nMaxStartups 1000\nMaxSessions 100\n",
                self.path("host").display(),
                self.path("authorized").display(),
                self.mark,
                self.path("home").display(),
            ));
            // A `Match` reaches to the end, so these come last; the first value of a keyword counts.
            text.push_str(extra);
            text.push('\n');
            fs::write(&config, text).unwrap();
            let mut child = Command::new(SSHD)
                .args(["-D", "-e", "-f"])
                .arg(&config)
                .env_clear()
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let log = Lines::of(child.stderr.take().unwrap());
            let mut said = String::new();
            let mut listening = 0;
            while listening < addresses.len() {
                let Some(line) = log.next("sshd") else { break };
                said.push_str(&line);
                listening += usize::from(line.contains("Server listening on"));
                // It goes on with the addresses that it got.
                if line.contains("in use") {
                    break;
                }
            }
            if listening == addresses.len() {
                return Server { child, port };
            }
            let _ = child.kill();
            child.wait().unwrap();
            assert!(said.contains("in use"), "sshd does not start: {said}");
        }
        panic!("no free port");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The key that every account lets in.
    pub(crate) fn key(&self) -> PathBuf {
        self.path("login")
    }

    /// A key that no account lets in.
    pub(crate) fn strange_key(&self) -> PathBuf {
        self.path("stranger")
    }

    /// Where a host (from 1) listens.
    pub(crate) fn port(&self, host: usize) -> u16 {
        self.servers[(host - 1) / ADDRESSES].port
    }

    /// The server of a host (from 1): its process and its configuration. SIGHUP makes it read that again.
    pub(crate) fn server(&self, host: usize) -> (u32, PathBuf) {
        let index = (host - 1) / ADDRESSES;
        (self.servers[index].child.id(), self.path(&format!("config-{index}")))
    }

    /// The line of `known_hosts` for an address and port of this server.
    pub(crate) fn known_host(&self, address: &str, port: u16) -> String {
        format!("[{address}]:{port} {}", fs::read_to_string(self.path("host.pub")).unwrap())
    }

    /// A line of `known_hosts` that pins a wrong key.
    pub(crate) fn wrong_host(&self, address: &str, port: u16) -> String {
        format!("[{address}]:{port} {}", fs::read_to_string(self.path("stranger.pub")).unwrap())
    }

    /// Processes that sessions of this server started and that still run.
    pub(crate) fn left_behind(&self) -> Vec<i32> {
        processes::with_environment(&self.mark)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.child.kill();
            let _ = server.child.wait();
        }
        for process in self.left_behind() {
            processes::signal(process, Signal::KILL);
        }
    }
}

/// The address of a host (from 1).
pub(crate) fn address(host: usize) -> String {
    format!("127.0.{}.{}", 1 + host / 250, host % 250)
}

/// The user that the tests run as.
pub(crate) fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn keygen(path: &Path) {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status();
    assert!(made.expect("ssh-keygen is missing; `tests/run` installs it").success());
}
