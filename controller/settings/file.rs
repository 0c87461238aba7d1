//! What `ansible.cfg` asks for.

use std::path::{Path, PathBuf};

use super::ini::{self, Setting};
use super::keys::{home, honoured, is_harmless};
use crate::secrets::vault::Vault;
use crate::source::{self, Diagnostic, Diagnostics, suggestion};

/// Settings of an `ansible.cfg`. Nothing is set unless the file sets it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// `inventory`: files and folders.
    pub inventory: Vec<PathBuf>,
    /// `roles_path`.
    pub roles_path: Vec<PathBuf>,
    /// `remote_user`.
    pub remote_user: Option<String>,
    /// `private_key_file`.
    pub private_key_file: Option<PathBuf>,
    /// `forks`, at least 1.
    pub forks: Option<usize>,
    /// `timeout` of a connection, in seconds.
    pub timeout: Option<u64>,
    /// `host_key_checking`.
    pub host_key_checking: Option<bool>,
    /// `gathering`.
    pub gathering: Option<Gathering>,
    /// `force_handlers`.
    pub force_handlers: Option<bool>,
    /// `[privilege_escalation]`.
    pub r#become: BecomeSettings,
    /// What concerns encrypted files and values.
    pub vault: VaultSettings,
}

/// The keys `vault_...` of `[defaults]`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct VaultSettings {
    /// `vault_password_file`.
    pub password_file: Option<PathBuf>,
    /// `vault_identity_list`: entries `LABEL@SOURCE`.
    pub identities: Vec<String>,
    /// `vault_identity`: the label of what has none.
    pub identity: Option<String>,
    /// `vault_encrypt_identity`: whose password encrypts.
    pub encrypt_identity: Option<String>,
    /// `vault_id_match`: whether a password opens only what has its label.
    pub match_labels: Option<bool>,
    /// `ask_vault_pass`.
    pub ask_password: Option<bool>,
}

/// `[privilege_escalation]`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BecomeSettings {
    /// `become`.
    pub enabled: Option<bool>,
    /// `become_user`.
    pub user: Option<String>,
    /// `become_method`; another one than `sudo` is an error.
    pub method: Option<String>,
    /// `become_ask_pass`.
    pub ask_password: Option<bool>,
    /// `become_flags`.
    pub flags: Option<String>,
    /// `become_exe`.
    pub exe: Option<String>,
}

/// `gathering`: whether plays gather facts that do not say so themselves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gathering {
    /// They do.
    Implicit,
    /// They do not.
    Explicit,
    /// They do for hosts whose facts no earlier play gathered.
    Smart,
}

impl Settings {
    /// Reads an `ansible.cfg`. Relative paths are made relative to its folder; a leading `~` stays, see
    /// [`Settings::with_home`].
    pub fn load(path: &Path) -> (Self, Diagnostics) {
        let file = match source::read(path, &path.display().to_string(), &Vault::default()) {
            Ok(file) => file,
            Err(error) => return (Self::default(), error.into()),
        };
        let (entries, diagnostics) = ini::parse(&file);
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let mut reader = Reader { settings: Self::default(), folder, diagnostics };
        for entry in &entries {
            reader.read(entry);
        }
        (reader.settings, reader.diagnostics)
    }

    /// Replaces a leading `~` of every path by the folder `home`.
    #[must_use]
    pub fn with_home(mut self, home: &Path) -> Self {
        let paths = self.inventory.iter_mut().chain(&mut self.roles_path);
        for path in paths.chain(&mut self.private_key_file).chain(&mut self.vault.password_file) {
            if let Ok(rest) = path.strip_prefix("~") {
                *path = home.join(rest);
            }
        }
        self
    }
}

struct Reader {
    settings: Settings,
    folder: PathBuf,
    diagnostics: Diagnostics,
}

impl Reader {
    fn read(&mut self, entry: &Setting) {
        match (entry.section.as_str(), entry.key.as_str()) {
            ("defaults", "inventory") => self.settings.inventory = self.paths(entry, ','),
            ("defaults", "roles_path") => self.settings.roles_path = self.paths(entry, ':'),
            ("defaults", "remote_user") => self.settings.remote_user = text(entry),
            ("defaults", "private_key_file") => self.settings.private_key_file = self.path(entry),
            ("defaults", "forks") => self.settings.forks = self.number(entry, 1),
            ("defaults", "timeout") => {
                self.settings.timeout = self.number(entry, 1).map(|seconds| seconds as u64);
            }
            ("defaults" | "ssh_connection", "host_key_checking") => {
                self.settings.host_key_checking = self.boolean(entry);
            }
            ("defaults", "vault_password_file") => self.settings.vault.password_file = self.path(entry),
            ("defaults", "vault_identity_list") => {
                let entries = entry.value.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty());
                self.settings.vault.identities = entries.map(ToOwned::to_owned).collect();
            }
            ("defaults", "vault_identity") => self.settings.vault.identity = text(entry),
            ("defaults", "vault_encrypt_identity") => self.settings.vault.encrypt_identity = text(entry),
            ("defaults", "vault_id_match") => self.settings.vault.match_labels = self.boolean(entry),
            ("defaults", "ask_vault_pass") => self.settings.vault.ask_password = self.boolean(entry),
            ("defaults", "gathering") => self.settings.gathering = self.gathering(entry),
            ("defaults", "force_handlers") => self.settings.force_handlers = self.boolean(entry),
            ("privilege_escalation", "become") => self.settings.r#become.enabled = self.boolean(entry),
            ("privilege_escalation", "become_user") => self.settings.r#become.user = text(entry),
            ("privilege_escalation", "become_method") => self.settings.r#become.method = self.method(entry),
            ("privilege_escalation", "become_ask_pass") => {
                self.settings.r#become.ask_password = self.boolean(entry);
            }
            ("privilege_escalation", "become_flags") => self.settings.r#become.flags = text(entry),
            ("privilege_escalation", "become_exe") => self.settings.r#become.exe = text(entry),
            ("ssh_connection", "ssh_args" | "ssh_common_args" | "ssh_extra_args") => {
                self.ssh_arguments(entry);
            }
            (section, key) if is_harmless(section, key) => {}
            _ => self.ignored(entry),
        }
    }

    /// Warns about a key that has no effect here.
    fn ignored(&mut self, entry: &Setting) {
        let (section, key) = (entry.section.as_str(), entry.key.as_str());
        let message = format!("`{key}` in `[{section}]` has no effect");
        let hint = match home(key) {
            Some(home) => Some(format!("it belongs to `[{home}]`")),
            None => suggestion(key, honoured(section).iter().copied()),
        };
        let warning = Diagnostic::warning(&entry.key_span, message);
        let fallback = "Ansible may act on it: check that the run does not depend on it";
        self.diagnostics.push(warning.hint(hint.unwrap_or_else(|| fallback.to_owned())));
    }

    fn wrong(&mut self, entry: &Setting, wanted: &str) {
        let message = format!("`{}` takes {wanted}, not `{}`", entry.key, entry.value);
        self.diagnostics.push(Diagnostic::error(&entry.span, message));
    }

    fn boolean(&mut self, entry: &Setting) -> Option<bool> {
        let known = match entry.value.to_ascii_lowercase().as_str() {
            "yes" | "on" | "1" | "true" | "t" | "y" => Some(true),
            "no" | "off" | "0" | "false" | "f" | "n" => Some(false),
            _ => None,
        };
        if known.is_none() {
            self.wrong(entry, "`true` or `false`");
        }
        known
    }

    fn number(&mut self, entry: &Setting, least: usize) -> Option<usize> {
        let number = entry.value.parse().ok().filter(|number| *number >= least);
        if number.is_none() {
            self.wrong(entry, &format!("a whole number from {least}"));
        }
        number
    }

    fn gathering(&mut self, entry: &Setting) -> Option<Gathering> {
        let known = match entry.value.as_str() {
            "implicit" => Some(Gathering::Implicit),
            "explicit" => Some(Gathering::Explicit),
            "smart" => Some(Gathering::Smart),
            _ => None,
        };
        if known.is_none() {
            self.wrong(entry, "`implicit`, `explicit` or `smart`");
        }
        known
    }

    fn method(&mut self, entry: &Setting) -> Option<String> {
        if !["sudo", "ansible.builtin.sudo"].contains(&entry.value.as_str()) {
            self.wrong(entry, "`sudo`");
            return None;
        }
        Some("sudo".to_owned())
    }

    fn path(&mut self, entry: &Setting) -> Option<PathBuf> {
        self.paths(entry, '\n').pop()
    }

    fn paths(&mut self, entry: &Setting, separator: char) -> Vec<PathBuf> {
        if entry.value.contains('$') || entry.value.contains("{{") {
            let warning =
                Diagnostic::warning(&entry.span, format!("variables in `{}` are not replaced", entry.key));
            self.diagnostics.push(warning.hint("write the path out"));
        }
        let names = entry.value.split([separator, '\n']).map(str::trim).filter(|name| !name.is_empty());
        names
            .map(|name| match name.starts_with('~') {
                true => PathBuf::from(name),
                false => self.folder.join(name),
            })
            .collect()
    }

    /// Accepts what only tunes how OpenSSH connects; one connection per host makes it needless.
    fn ssh_arguments(&mut self, entry: &Setting) {
        let mut words = entry.value.split_whitespace();
        let mut other = None;
        while let Some(word) = words.next() {
            let option = match word {
                "-C" => continue,
                "-o" => words.next().unwrap_or_default(),
                _ => word.strip_prefix("-o").unwrap_or(""),
            };
            let name = option.split('=').next().unwrap_or_default().to_ascii_lowercase();
            let known = ["controlmaster", "controlpath", "controlpersist", "compression"];
            if !known.contains(&name.as_str()) {
                other.get_or_insert(if option.is_empty() { word } else { option });
            }
        }
        if let Some(other) = other {
            let warning =
                Diagnostic::warning(&entry.span, format!("`{other}` in `{}` has no effect", entry.key));
            self.diagnostics
                .push(warning.hint("put it into `~/.ssh/config`, or into variables of the hosts"));
        }
    }
}

fn text(entry: &Setting) -> Option<String> {
    (!entry.value.is_empty()).then(|| entry.value.clone())
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Settings, Vec<String>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ansible.cfg");
        std::fs::write(&path, text).unwrap();
        let (settings, diagnostics) = Settings::load(&path);
        let messages = diagnostics.0.iter().map(|diagnostic| {
            let place = diagnostic.span.as_ref().unwrap().place();
            let line = place.split_once("ansible.cfg:").unwrap().1.to_owned();
            format!(
                "{line}: {:?}: {} | {}",
                diagnostic.severity,
                diagnostic.message,
                diagnostic.hint.as_deref().unwrap_or("")
            )
        });
        (settings, messages.collect(), folder)
    }

    #[test]
    fn honoured_keys_are_read_and_paths_start_at_the_file() {
        let (settings, messages, folder) = read(
            "[defaults]
inventory = hosts.yml,/etc/hosts.yml
roles_path = roles:~/roles:/opt/roles
remote_user = deploy
private_key_file = keys/id
forks = 20
timeout = 15
host_key_checking = no
gathering = explicit
force_handlers = True
vault_password_file = ~/vault
vault_identity_list = dev@dev.txt, prod@prompt
vault_identity = dev
vault_encrypt_identity = prod
vault_id_match = yes
ask_vault_pass = no
stdout_callback = yaml
nocows = 1
interpreter_python = auto_silent
[privilege_escalation]
become = yes
become_user = root
become_method = sudo
become_ask_pass = false
[ssh_connection]
pipelining = True
control_path = %(directory)s/%%h
ssh_args = -C -o ControlMaster=auto -o ControlPersist=60s
[colors]
ok = green
",
        );
        assert!(messages.is_empty(), "{messages:?}");
        let at = |name: &str| folder.path().join(name);
        assert_eq!(settings.inventory, [at("hosts.yml"), "/etc/hosts.yml".into()]);
        assert_eq!(settings.roles_path, [at("roles"), "~/roles".into(), "/opt/roles".into()]);
        assert_eq!(settings.private_key_file, Some(at("keys/id")));
        assert_eq!((settings.forks, settings.timeout), (Some(20), Some(15)));
        assert_eq!((settings.host_key_checking, settings.force_handlers), (Some(false), Some(true)));
        assert_eq!(settings.gathering, Some(Gathering::Explicit));
        assert_eq!(settings.r#become.enabled, Some(true));
        assert_eq!(settings.r#become.ask_password, Some(false));
        let settings = settings.with_home(Path::new("/home/ada"));
        assert_eq!(settings.roles_path[1], Path::new("/home/ada/roles"));
        let vault = &settings.vault;
        assert_eq!(vault.password_file.as_deref(), Some(Path::new("/home/ada/vault")));
        assert_eq!(vault.identities, ["dev@dev.txt", "prod@prompt"]);
        assert_eq!(
            (vault.identity.as_deref(), vault.encrypt_identity.as_deref()),
            (Some("dev"), Some("prod"))
        );
        assert_eq!((vault.match_labels, vault.ask_password), (Some(true), Some(false)));
    }

    #[test]
    fn other_keys_are_warnings_with_their_line() {
        let (_, messages, _folder) = read(
            "[defaults]
fork = 5
become = true
hash_behaviour = merge
[ssh_connection]
ssh_args = -C -o StrictHostKeyChecking=no
retries = 3
[defaults_extra]
x = 1
",
        );
        insta::assert_snapshot!(messages.join("\n"), @r"
        2:1: Warning: `fork` in `[defaults]` has no effect | did you mean `forks`?
        3:1: Warning: `become` in `[defaults]` has no effect | it belongs to `[privilege_escalation]`
        4:1: Warning: `hash_behaviour` in `[defaults]` has no effect | Ansible may act on it: check that the run does not depend on it
        6:12: Warning: `StrictHostKeyChecking=no` in `ssh_args` has no effect | put it into `~/.ssh/config`, or into variables of the hosts
        7:1: Warning: `retries` in `[ssh_connection]` has no effect | Ansible may act on it: check that the run does not depend on it
        9:1: Warning: `x` in `[defaults_extra]` has no effect | Ansible may act on it: check that the run does not depend on it
        ");
    }

    #[test]
    fn values_of_the_wrong_kind_are_errors() {
        let (settings, messages, _folder) = read(
            "[defaults]
forks = 0
timeout = soon
host_key_checking = maybe
gathering = lazy
roles_path = $HOME/roles
[privilege_escalation]
become_method = su
",
        );
        insta::assert_snapshot!(messages.join("\n"), @r"
        2:9: Error: `forks` takes a whole number from 1, not `0` | 
        3:11: Error: `timeout` takes a whole number from 1, not `soon` | 
        4:21: Error: `host_key_checking` takes `true` or `false`, not `maybe` | 
        5:13: Error: `gathering` takes `implicit`, `explicit` or `smart`, not `lazy` | 
        6:14: Warning: variables in `roles_path` are not replaced | write the path out
        8:17: Error: `become_method` takes `sudo`, not `su` |
        ");
        assert_eq!((settings.forks, settings.host_key_checking), (None, None));
    }

    #[test]
    fn a_file_that_is_missing_is_an_error() {
        let (settings, diagnostics) = Settings::load(Path::new("/nonexistent/ansible.cfg"));
        assert!(settings == Settings::default() && diagnostics.has_errors());
    }
}
