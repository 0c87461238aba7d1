//! Disposable hosts on loopback, inside the process, for trying things out.
//!
//! They are not a security boundary: commands run on this machine as the user who started the lab. See
//! [`server`] for what a host keeps apart and what not.

pub mod agent;
mod command;
mod folder;
pub mod server;

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use russh::keys::{PrivateKey, PublicKey, ssh_key::LineEnding};
use tokio::task::JoinSet;

pub use folder::{Found, LabFolder, LabFolderError};
pub use server::LabHost;

/// The login name of the lab's hosts. Any name would do: who may log in is decided by the key.
const USER: &str = "lab";
/// Connectors are dealt out to the hosts in this order.
const CONNECTORS: &[&str] = &["CorpAD", "Exchange", "SAP", "ServiceNow", "SharePoint", "Workday"];

/// Running hosts, with everything that is needed to reach them in one folder.
#[derive(Debug)]
pub struct Lab {
    folder: PathBuf,
    hosts: Vec<LabHost>,
}

impl Lab {
    /// Starts `count` hosts in `folder`: `lab-01`, `lab-02`, ... Writes the inventory, a `known_hosts` file and the
    /// key beside them. In a folder where a lab was before, the keys stay the same.
    ///
    /// # Errors
    /// The folder cannot be written, or there are no ports left.
    pub async fn start(count: usize, folder: &Path) -> io::Result<Self> {
        command::create_private(folder)?;
        let folder = folder.canonicalize()?;
        let key = login_key(&folder.join("key"))?;
        let mut starting = JoinSet::new();
        for number in 1..=count {
            let (name, key) = (format!("lab-{number:02}"), key.clone());
            let root = folder.join("hosts").join(&name);
            starting.spawn(async move { (number, LabHost::start(&name, &root, 0, key).await) });
        }
        let mut started = starting.join_all().await;
        started.sort_by_key(|(number, _)| *number);
        let hosts = started.into_iter().map(|(_, host)| host).collect::<io::Result<Vec<_>>>()?;
        let lab = Self { folder, hosts };
        let known: String = lab.hosts.iter().map(|host| host.known_hosts_line() + "\n").collect();
        server::write_private(&lab.known_hosts(), known.as_bytes())?;
        server::write_private(&lab.inventory(), lab.render_inventory()?.as_bytes())?;
        Ok(lab)
    }

    /// The inventory file. It also loads in Ansible.
    #[must_use]
    pub fn inventory(&self) -> PathBuf {
        self.folder.join("inventory.yml")
    }

    /// The `known_hosts` file; the inventory points to it.
    #[must_use]
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }

    /// The private key that opens all hosts.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.folder.join("key")
    }

    /// The hosts, in the order of their numbers.
    #[must_use]
    pub fn hosts(&self) -> &[LabHost] {
        &self.hosts
    }

    /// Ends all hosts and the processes that they left behind. The folder stays; it is the caller's.
    pub async fn stop(self) {
        let mut stopping = JoinSet::new();
        for host in self.hosts {
            stopping.spawn(async move { host.shutdown().await });
        }
        stopping.join_all().await;
    }

    /// Returns what kills the processes of all hosts at once, for an end that cannot wait for [`Self::stop`].
    pub fn killer(&self) -> impl FnOnce() + Send + 'static {
        let roots: Vec<PathBuf> = self.hosts.iter().map(|host| host.root().to_owned()).collect();
        move || command::sweep(&roots)
    }

    fn render_inventory(&self) -> io::Result<String> {
        let quoted = |text: String| serde_json::to_string(&text).map_err(io::Error::other);
        let path = |path: PathBuf| quoted(path.display().to_string());
        let arguments =
            format!("-o IdentitiesOnly=yes -o 'UserKnownHostsFile=\"{}\"'", self.known_hosts().display());
        let mut text = String::from(
            "# Written by `paceline lab`. The hosts listen on loopback and run commands as you.\n\
             windows:\n\nidentity_agents:\n  children:\n    lab:\n      vars:\n",
        );
        let mut add = |line: std::fmt::Arguments<'_>| {
            let _ = writeln!(text, "{line}");
        };
        add(format_args!("        ansible_host: 127.0.0.1"));
        add(format_args!("        ansible_user: {USER}"));
        add(format_args!("        ansible_ssh_private_key_file: {}", path(self.key())?));
        add(format_args!("        ansible_ssh_common_args: {}", quoted(arguments)?));
        add(format_args!("      hosts:"));
        for (index, host) in self.hosts.iter().enumerate() {
            let number = index + 1;
            let (first, second) = (2 * index, 2 * index + 1);
            let connector = |index: usize| {
                let round = index / CONNECTORS.len();
                let name = CONNECTORS[index % CONNECTORS.len()];
                if round == 0 { name.to_owned() } else { format!("{name}{}", round + 1) }
            };
            add(format_args!("        {}:", host.name()));
            add(format_args!("          ansible_port: {}", host.address().port()));
            add(format_args!("          paceline_base: {}", path(host.root().join("base"))?));
            add(format_args!("          lab_root: {}", path(host.root().to_path_buf())?));
            add(format_args!("          agent:"));
            add(format_args!("            identifier: Lab{number:02}"));
            let port = free_port()?;
            add(format_args!("            uri: http://127.0.0.1:{port}"));
            add(format_args!("            connectors: [{}, {}]", connector(first), connector(second)));
            add(format_args!("          agent_port: {port}"));
            add(format_args!("          agent_root: {}", path(host.root().join("agent"))?));
        }
        Ok(text)
    }
}

/// A port that nobody listens on now, for the agent of a host.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn login_key(path: &Path) -> io::Result<PublicKey> {
    let key = match std::fs::read_to_string(path) {
        Ok(text) => PrivateKey::from_openssh(&text).map_err(io::Error::other)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = server::generate_key("paceline lab")?;
            let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
            server::write_private(path, text.as_bytes())?;
            let public = key.public_key().to_openssh().map_err(io::Error::other)?;
            std::fs::write(path.with_extension("pub"), public + "\n")?;
            key
        }
        Err(error) => return Err(error),
    };
    Ok(key.public_key().clone())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::transport::ssh::config::SshConfig;
    use crate::transport::{Connection, Target, connect, resolve};

    /// The targets of a lab, resolved as a run would resolve them.
    fn targets(lab: &Lab) -> Vec<Target> {
        let text = std::fs::read_to_string(lab.inventory()).unwrap();
        let options = resolve::ConnectionOptions {
            user: None,
            private_key: None,
            timeout: Some(Duration::from_secs(20)),
            known_hosts: Vec::new(),
            password: None,
            passphrase: None,
            agent: None,
            home: "/nonexistent".into(),
            local_user: "nobody".into(),
            accept_any: false,
            warn: &|text| panic!("{text}"),
        };
        // The lines are `name: value` with JSON values, so this needs no reader of inventories.
        let value = |section: &str, name: &str| {
            let start = text.find(section).unwrap();
            let line =
                text[start..].lines().find_map(|line| line.trim().strip_prefix(&format!("{name}: ")))?;
            Some(serde_json::from_str(line).unwrap_or_else(|_| line.into()))
        };
        let resolve = |host: &LabHost| {
            let section = format!("        {}:", host.name());
            let variables = |name: &str| match name {
                "ansible_port" => value(&section, name),
                "ansible_host"
                | "ansible_user"
                | "ansible_ssh_private_key_file"
                | "ansible_ssh_common_args" => value("      vars:", name),
                _ => None,
            };
            resolve::target(host.name(), &|name| Ok(variables(name)), &options, &SshConfig::default())
                .unwrap()
        };
        lab.hosts().iter().map(resolve).collect()
    }

    async fn run(connection: &Connection, command: &str) -> String {
        let mut process = connection.exec(command).await.unwrap();
        let mut text = String::new();
        process.stdout.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn hosts_are_reached_through_the_inventory_and_live_apart() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a lab");
        let lab = Lab::start(3, &place).await.unwrap();
        let targets = targets(&lab);
        assert_eq!(targets.len(), 3);
        for (target, host) in targets.iter().zip(lab.hosts()) {
            let connection = connect(target, &|_| {}).await.unwrap();
            assert_eq!(connection.fingerprint(), Some(host.fingerprint().as_str()));
            assert_eq!(run(&connection, "pwd; echo $TMPDIR").await.lines().next(), host.home().to_str());
        }
        let before = lab.hosts()[0].fingerprint();
        lab.stop().await;
        let again = Lab::start(1, &place).await.unwrap();
        assert_eq!(again.hosts()[0].fingerprint(), before, "a host that is started again is the same host");
        again.stop().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn nothing_runs_on_after_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let lab = Lab::start(1, folder.path()).await.unwrap();
        let connection = connect(&targets(&lab)[0], &|_| {}).await.unwrap();
        // A daemon in a session of its own, and a shell that does not end by itself.
        let daemon = "setsid sleep 300 >/dev/null 2>&1 </dev/null & echo $!";
        let daemon: i32 = run(&connection, daemon).await.trim().parse().unwrap();
        let mut stubborn =
            connection.exec("trap '' TERM HUP; echo $$; while :; do sleep 1; done").await.unwrap();
        let mut line = [0; 16];
        let length = stubborn.stdout.read(&mut line).await.unwrap();
        let shell: i32 = std::str::from_utf8(&line[..length]).unwrap().trim().parse().unwrap();
        assert!(alive(daemon) && alive(shell));
        lab.stop().await;
        assert!(!alive(shell), "the shell runs on");
        for _ in 0..100 {
            if !alive(daemon) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the daemon runs on");
    }

    fn alive(process: i32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_shell_finishes_its_step_after_the_connection_ended() {
        let folder = tempfile::tempdir().unwrap();
        let lab = Lab::start(1, folder.path()).await.unwrap();
        let connection = connect(&targets(&lab)[0], &|_| {}).await.unwrap();
        let mut process = connection.exec("echo go; cat >/dev/null; echo done >finished").await.unwrap();
        let mut go = [0; 3];
        process.stdout.read_exact(&mut go).await.unwrap();
        connection.close().await;
        let finished = lab.hosts()[0].home().join("finished");
        for _ in 0..200 {
            if finished.exists() {
                return lab.stop().await;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the shell did not come to its end");
    }
}
