//! Inventories of hosts behind a test's `sshd`.

use std::fs;
use std::path::PathBuf;

use super::environment::Environment;
use super::sshd::{Sshd, address, user};

/// An inventory to be: its hosts, and the keys they are known by.
pub(crate) struct Hosts {
    hosts: Vec<Host>,
    known: Vec<String>,
    /// Lines of variables for all hosts, `name: value`.
    common: Vec<String>,
}

struct Host {
    name: String,
    variables: Vec<(String, String)>,
}

impl Hosts {
    /// Hosts `names` at 127.0.1.1, 127.0.1.2, ..., each with a work folder and a BASE below `hosts/NAME` of the
    /// environment.
    pub(crate) fn of(environment: &Environment, sshd: &Sshd, names: &[&str]) -> Self {
        let mut hosts = Self { hosts: Vec::new(), known: Vec::new(), common: Vec::new() };
        hosts.common.push(format!("ansible_user: {}", user()));
        hosts.common.push(format!("ansible_ssh_private_key_file: {}", sshd.key().display()));
        for (index, &name) in names.iter().enumerate() {
            let (address, port) = (address(index + 1), sshd.port(index + 1));
            hosts.known.push(sshd.known_host(&address, port));
            hosts.add(environment, name, &address, port);
        }
        hosts
    }

    /// Hosts `h01`, `h02`, ...
    pub(crate) fn numbered(environment: &Environment, sshd: &Sshd, count: usize) -> Self {
        let names: Vec<String> = (1..=count).map(|number| format!("h{number:02}")).collect();
        Self::of(environment, sshd, &names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Adds a host at an address, whose key is not yet known.
    pub(crate) fn add(
        &mut self,
        environment: &Environment,
        name: &str,
        address: &str,
        port: u16,
    ) -> &mut Self {
        let folder = environment.path("hosts").join(name);
        fs::create_dir_all(folder.join("work")).unwrap();
        let variables = [
            ("ansible_host", address.to_owned()),
            ("ansible_port", port.to_string()),
            ("work", folder.join("work").display().to_string()),
            ("paceline_base", folder.join("base").display().to_string()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
        self.hosts.push(Host { name: name.to_owned(), variables });
        self
    }

    /// Sets a variable of one host.
    pub(crate) fn set(&mut self, host: &str, name: &str, value: &str) -> &mut Self {
        let variables = &mut self.hosts.iter_mut().find(|entry| entry.name == host).unwrap().variables;
        variables.retain(|(known, _)| known != name);
        variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a variable of all hosts.
    pub(crate) fn set_all(&mut self, name: &str, value: &str) -> &mut Self {
        self.common.push(format!("{name}: {value}"));
        self
    }

    /// Adds a line to `known_hosts`.
    pub(crate) fn know(&mut self, line: String) -> &mut Self {
        self.known.push(line);
        self
    }

    /// Takes what `known_hosts` says of an address and port away.
    pub(crate) fn forget(&mut self, address: &str, port: u16) -> &mut Self {
        let start = format!("[{address}]:{port} ");
        self.known.retain(|line| !line.starts_with(&start));
        self
    }

    /// Writes `inventory.yml` and `known_hosts`, where `ssh` and the program look for it.
    pub(crate) fn write(&self, environment: &Environment) -> PathBuf {
        let mut text = String::from("all:\n  vars:\n");
        for line in &self.common {
            text.push_str(&format!("    {line}\n"));
        }
        text.push_str("  children:\n    web:\n      hosts:\n");
        for host in &self.hosts {
            text.push_str(&format!("        {}:\n", host.name));
            for (name, value) in &host.variables {
                text.push_str(&format!("          {name}: {value}\n"));
            }
        }
        environment.write("home/.ssh/known_hosts", &self.known.concat());
        environment.write("inventory.yml", &text)
    }
}
