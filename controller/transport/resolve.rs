//! From the variables of a host, the command line and `~/.ssh/config` to a [`Target`].
//!
//! Strongest first: the connection variables of Ansible, then the command line and `ansible.cfg`, then the ssh
//! configuration, then the defaults. Variables must be rendered already.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;

use super::ssh::config::{HostSettings, SshConfig};
use super::ssh::setting::{Setting, parse_setting, split_words};
use super::{AskPassphrase, Authentication, HostKeyPolicy, Target, TransportError, Via};

/// Ansible's default for `timeout`.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Silence after which a keepalive is sent, unless the ssh configuration says otherwise.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// Jump hosts behind jump hosts.
const JUMPS: usize = 8;
/// The keys that OpenSSH tries when none is named, in its order.
const DEFAULT_KEYS: &[&str] = &["id_rsa", "id_ecdsa", "id_ed25519"];

/// What does not come from the inventory.
pub struct ConnectionOptions<'a> {
    /// `-u`, `remote_user`.
    pub user: Option<String>,
    /// `--private-key`, `private_key_file`.
    pub private_key: Option<PathBuf>,
    /// `-T`, `timeout`.
    pub timeout: Option<Duration>,
    /// `--known-hosts`; if there are any, no other file counts.
    pub known_hosts: Vec<PathBuf>,
    /// `-k`.
    pub password: Option<SecretString>,
    /// Asks for the passphrase of a key.
    pub passphrase: Option<AskPassphrase>,
    /// The agent's socket (`SSH_AUTH_SOCK`).
    pub agent: Option<PathBuf>,
    /// The user's home folder.
    pub home: PathBuf,
    /// Who runs the controller: the login name where none is given.
    pub local_user: String,
    /// `host_key_checking = False`.
    pub accept_any: bool,
    /// Receives what the user must be told.
    pub warn: &'a (dyn Fn(&str) + Send + Sync),
}

/// The target that stands for the controller itself, as for the implicit `localhost`.
#[must_use]
pub fn local(host: &str) -> Target {
    Target { host: host.to_owned(), via: Via::Local }
}

/// Resolves how `host` is reached.
///
/// # Errors
/// A variable or setting of the wrong shape, or one that is not supported.
pub fn target(
    host: &str,
    variables: &dyn Fn(&str) -> Option<Value>,
    options: &ConnectionOptions<'_>,
    ssh_config: &SshConfig,
) -> Result<Target, TransportError> {
    let variables = Variables { host, get: variables };
    match variables.text(&["ansible_connection"])?.as_deref() {
        None => {}
        Some(name) => match name.strip_prefix("ansible.builtin.").unwrap_or(name) {
            "ssh" | "smart" => {}
            "local" => return Ok(local(host)),
            "paramiko" | "paramiko_ssh" => {
                (options.warn)(&format!("`{host}`: `ansible_connection: {name}` is taken as `ssh`"));
            }
            "winrm" | "psrp" => {
                return Err(variables.error("ansible_connection", &format!("`{name}` is not supported yet")));
            }
            _ => {
                return Err(variables.error(
                    "ansible_connection",
                    &format!("`{name}` is not supported\nhint: `ssh` and `local` are"),
                ));
            }
        },
    }
    for name in ["ansible_private_key", "ansible_ssh_private_key"] {
        if variables.value(name).is_some() {
            let what = "keys are read from files or an agent only\nhint: `ansible_ssh_private_key_file`";
            return Err(variables.error(name, what));
        }
    }
    let arguments = variables.arguments()?;
    let alias = variables.text(&["ansible_ssh_host", "ansible_host"])?.unwrap_or_else(|| host.to_owned());
    let named_user = variables.text(&["ansible_ssh_user", "ansible_user"])?.or_else(|| options.user.clone());
    let settings =
        ssh_config.host(&alias, &arguments, &options.home, named_user.as_deref(), &options.local_user)?;
    for warning in &settings.warnings {
        (options.warn)(warning);
    }

    let key = variables
        .text(&["ansible_ssh_private_key_file", "ansible_private_key_file"])?
        .map(|path| expand_home(&path, &options.home))
        .or_else(|| options.private_key.clone());
    let mut authentication = credentials(key, &settings, options);
    authentication.password = variables
        .text(&["ansible_ssh_password", "ansible_ssh_pass", "ansible_password"])?
        .map(SecretString::from)
        .or_else(|| options.password.clone());
    authentication.passphrase = variables
        .text(&["ansible_ssh_private_key_passphrase", "ansible_private_key_passphrase"])?
        .map(SecretString::from);

    let checking = variables.truth(&["ansible_ssh_host_key_checking", "ansible_host_key_checking"])?;
    let host_key = HostKeyPolicy {
        known_hosts: known_hosts(&settings, options),
        pins: variables.pins()?,
        alias: settings.host_key_alias.clone(),
        accept_any: checking.map_or(options.accept_any, |checking| !checking),
    };
    let timeout = variables
        .seconds(&["ansible_ssh_timeout", "ansible_timeout"])?
        .or(options.timeout)
        .or(settings.connect_timeout.map(Duration::from_secs))
        .unwrap_or(TIMEOUT);
    let port = variables.port(&["ansible_ssh_port", "ansible_port"])?.or(settings.port).unwrap_or(22);
    let jumps = jumps(&settings, options, ssh_config, timeout, 0)?;
    Ok(Target {
        host: host.to_owned(),
        via: Via::Ssh {
            address: settings.host_name.clone().unwrap_or(alias),
            port,
            user: named_user.or(settings.user.clone()).unwrap_or_else(|| options.local_user.clone()),
            authentication,
            host_key,
            jumps,
            timeout,
            keepalive: keepalive(&settings),
        },
    })
}

/// The hosts of `ProxyJump`. They are resolved from the ssh configuration alone: the variables speak about the
/// target, and its password is not for them.
fn jumps(
    settings: &HostSettings,
    options: &ConnectionOptions<'_>,
    ssh_config: &SshConfig,
    timeout: Duration,
    depth: usize,
) -> Result<Vec<Target>, TransportError> {
    let mut jumps = Vec::new();
    for (index, text) in settings.proxy_jump.iter().enumerate() {
        if depth >= JUMPS {
            let message = format!("`ProxyJump {text}`: jump hosts lead to jump hosts without an end");
            return Err(TransportError::Local { message });
        }
        let hop = parse_hop(text).ok_or_else(|| TransportError::Local {
            message: format!("`ProxyJump`: `{text}` is not of the form `[user@]host[:port]`"),
        })?;
        let found =
            ssh_config.host(&hop.host, &[], &options.home, hop.user.as_deref(), &options.local_user)?;
        for warning in &found.warnings {
            (options.warn)(warning);
        }
        // The first hop may itself be behind others; the next ones are reached through the hop before.
        let before = if index == 0 {
            self::jumps(&found, options, ssh_config, timeout, depth + 1)?
        } else {
            Vec::new()
        };
        jumps.push(Target {
            via: Via::Ssh {
                address: found.host_name.clone().unwrap_or_else(|| hop.host.clone()),
                port: hop.port.or(found.port).unwrap_or(22),
                user: hop.user.or(found.user.clone()).unwrap_or_else(|| options.local_user.clone()),
                authentication: credentials(None, &found, options),
                host_key: HostKeyPolicy {
                    known_hosts: known_hosts(&found, options),
                    alias: found.host_key_alias.clone(),
                    ..HostKeyPolicy::default()
                },
                jumps: before,
                timeout: found.connect_timeout.map_or(timeout, Duration::from_secs),
                keepalive: keepalive(&found),
            },
            host: hop.host,
        });
    }
    Ok(jumps)
}

struct JumpName {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

fn parse_hop(text: &str) -> Option<JumpName> {
    let text = text.strip_prefix("ssh://").map_or(text, |rest| rest.trim_end_matches('/'));
    let (user, place) = match text.rsplit_once('@') {
        Some((user, place)) => (Some(user.to_owned()), place),
        None => (None, text),
    };
    let (host, port) = if let Some(bracketed) = place.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']')?;
        match rest {
            "" => (host, None),
            _ => (host, Some(rest.strip_prefix(':')?.parse().ok()?)),
        }
    } else {
        match place.split_once(':') {
            // More than one colon is an address of IPv6 without a port.
            Some((_, rest)) if rest.contains(':') => (place, None),
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (place, None),
        }
    };
    let named = !host.is_empty() && user.as_ref().is_none_or(|user| !user.is_empty());
    named.then(|| JumpName { user, host: host.to_owned(), port })
}

fn credentials(
    key: Option<PathBuf>,
    settings: &HostSettings,
    options: &ConnectionOptions<'_>,
) -> Authentication {
    let keys_named = key.is_some() || (settings.identities_only && !settings.identity_files.is_empty());
    let keys = match key {
        Some(key) => vec![key],
        None if !settings.identity_files.is_empty() => settings.identity_files.clone(),
        None => DEFAULT_KEYS.iter().map(|name| options.home.join(".ssh").join(name)).collect(),
    };
    Authentication {
        keys,
        keys_named,
        ask: options.passphrase.clone(),
        agent: settings.identity_agent.clone().unwrap_or_else(|| options.agent.clone()),
        ..Authentication::default()
    }
}

fn known_hosts(settings: &HostSettings, options: &ConnectionOptions<'_>) -> Vec<PathBuf> {
    if !options.known_hosts.is_empty() {
        return options.known_hosts.clone();
    }
    let user = settings.user_known_hosts.clone().unwrap_or_else(|| {
        ["known_hosts", "known_hosts2"].map(|name| options.home.join(".ssh").join(name)).into()
    });
    let global = settings.global_known_hosts.clone().unwrap_or_else(|| {
        ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"].map(PathBuf::from).into()
    });
    user.into_iter().chain(global).collect()
}

fn keepalive(settings: &HostSettings) -> Duration {
    match settings.server_alive_interval {
        // 0 is OpenSSH's way to say nothing; a controller still needs to notice a host that is gone.
        None | Some(0) => KEEPALIVE,
        Some(seconds) => Duration::from_secs(seconds),
    }
}

fn expand_home(path: &str, home: &Path) -> PathBuf {
    match path.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => PathBuf::from(path),
    }
}

/// The connection variables of a host. Where two names mean the same, the one that Ansible lets win comes first.
struct Variables<'a> {
    host: &'a str,
    get: &'a dyn Fn(&str) -> Option<Value>,
}

impl Variables<'_> {
    fn error(&self, name: &str, what: &str) -> TransportError {
        TransportError::Local { message: format!("`{}`: `{name}`: {what}", self.host) }
    }

    fn value(&self, name: &str) -> Option<Value> {
        (self.get)(name).filter(|value| !value.is_null())
    }

    fn first<'n>(&self, names: &[&'n str]) -> Option<(&'n str, Value)> {
        names.iter().find_map(|name| Some((*name, self.value(name)?)))
    }

    fn text(&self, names: &[&str]) -> Result<Option<String>, TransportError> {
        Ok(self.named_text(names)?.map(|(_, text)| text))
    }

    fn named_text<'n>(&self, names: &[&'n str]) -> Result<Option<(&'n str, String)>, TransportError> {
        match self.first(names) {
            None => Ok(None),
            Some((name, Value::String(text))) => Ok(Some((name, text)).filter(|(_, text)| !text.is_empty())),
            Some((name, Value::Number(number))) => Ok(Some((name, number.to_string()))),
            Some((name, _)) => Err(self.error(name, "it must be a text")),
        }
    }

    fn truth(&self, names: &[&str]) -> Result<Option<bool>, TransportError> {
        let Some((name, value)) = self.first(names) else { return Ok(None) };
        let text = match &value {
            Value::Bool(truth) => return Ok(Some(*truth)),
            Value::String(text) => text.to_lowercase(),
            other => other.to_string(),
        };
        match text.as_str() {
            "yes" | "true" | "on" | "y" | "t" | "1" | "1.0" => Ok(Some(true)),
            "no" | "false" | "off" | "n" | "f" | "0" | "0.0" => Ok(Some(false)),
            _ => Err(self.error(name, "it must be true or false")),
        }
    }

    fn port(&self, names: &[&str]) -> Result<Option<u16>, TransportError> {
        let Some((name, text)) = self.named_text(names)? else { return Ok(None) };
        match text.trim().parse::<u16>() {
            Ok(port @ 1..) => Ok(Some(port)),
            _ => Err(self.error(name, &format!("`{text}` is not a port"))),
        }
    }

    fn seconds(&self, names: &[&str]) -> Result<Option<Duration>, TransportError> {
        let Some((name, text)) = self.named_text(names)? else { return Ok(None) };
        match text.trim().parse::<u64>() {
            Ok(seconds @ 1..) => Ok(Some(Duration::from_secs(seconds))),
            _ => Err(self.error(name, &format!("`{text}` is not a number of seconds"))),
        }
    }

    /// `paceline_host_key`: one fingerprint or a list of them.
    fn pins(&self) -> Result<Vec<String>, TransportError> {
        const NAME: &str = "paceline_host_key";
        let pins = match self.value(NAME) {
            None => return Ok(Vec::new()),
            Some(Value::String(pin)) => vec![Value::String(pin)],
            Some(Value::Array(pins)) => pins,
            Some(_) => return Err(self.error(NAME, "it must be a fingerprint or a list of fingerprints")),
        };
        if pins.is_empty() {
            return Err(self.error(NAME, "an empty list would refuse every key"));
        }
        let mut fingerprints = Vec::new();
        for pin in pins {
            let text = pin.as_str().map(|text| text.trim().trim_end_matches('='));
            match text.filter(|text| text.strip_prefix("SHA256:").is_some_and(|hash| hash.len() == 43)) {
                Some(text) => fingerprints.push(text.to_owned()),
                None => {
                    let what = format!(
                        "{pin} is not a fingerprint `SHA256:...`\nhint: `paceline trust scan` shows it"
                    );
                    return Err(self.error(NAME, &what));
                }
            }
        }
        Ok(fingerprints)
    }

    /// The arguments for the ssh program, as settings stronger than the files.
    fn arguments(&self) -> Result<Vec<Setting>, TransportError> {
        let mut settings = Vec::new();
        for name in ["ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"] {
            let Some(text) = self.text(&[name])? else { continue };
            let words = split_words(&text, false).ok_or_else(|| self.error(name, "a quote is not closed"))?;
            let mut words = words.into_iter();
            while let Some(word) = words.next() {
                if let Some(line) = self.argument(name, &word, &mut words)? {
                    let place = format!("`{}`: `{name}`", self.host);
                    settings.extend(parse_setting(&line, &place)?);
                }
            }
        }
        Ok(settings)
    }

    /// One argument as a line of an ssh configuration; `None` if it is of no consequence.
    fn argument(
        &self,
        name: &str,
        word: &str,
        rest: &mut impl Iterator<Item = String>,
    ) -> Result<Option<String>, TransportError> {
        let unsupported = || {
            let what = format!(
                "`{word}` is not supported\nhint: `-J`, `-p`, `-l`, `-i` and `-o Keyword=value` with the keywords of hosts, \
                 keys and host keys are"
            );
            self.error(name, &what)
        };
        // `-C`, `-q`, `-v`, `-T`, `-4` and the like come without a value.
        if matches!(word, "-C" | "-q" | "-v" | "-vv" | "-vvv" | "-T" | "-x" | "-a") {
            return Ok(None);
        }
        let letter = word.get(..2).unwrap_or(word);
        let keyword = match letter {
            "-o" => "",
            "-J" => "ProxyJump ",
            "-p" => "Port ",
            "-l" => "User ",
            "-i" => "IdentityFile ",
            _ => return Err(unsupported()),
        };
        let value = match &word[letter.len()..] {
            "" => rest.next().ok_or_else(|| self.error(name, &format!("`{word}` lacks a value")))?,
            attached => attached.to_owned(),
        };
        let line = match keyword {
            "" => value,
            _ => format!("{keyword}\"{value}\""),
        };
        let given = line.split(['=', ' ']).next().unwrap_or_default().to_lowercase();
        if SUPPORTED.contains(&given.as_str()) {
            Ok(Some(line))
        } else if HARMLESS.contains(&given.as_str()) {
            Ok(None)
        } else {
            let hint = "hint: only options about hosts, keys and host keys are supported here";
            Err(self.error(name, &format!("`{line}` is not supported\n{hint}")))
        }
    }
}

/// Keywords of `-o` that are honoured.
const SUPPORTED: &[&str] = &[
    "connecttimeout",
    "globalknownhostsfile",
    "hostkeyalias",
    "hostname",
    "identitiesonly",
    "identityagent",
    "identityfile",
    "port",
    "proxyjump",
    "serveraliveinterval",
    "stricthostkeychecking",
    "user",
    "userknownhostsfile",
];

/// Keywords of `-o` that change nothing here: there is one connection anyway, without a terminal.
const HARMLESS: &[&str] = &[
    "batchmode",
    "checkhostip",
    "compression",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "loglevel",
    "requesttty",
    "serveralivecountmax",
    "tcpkeepalive",
    "updatehostkeys",
    "visualhostkey",
];

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
