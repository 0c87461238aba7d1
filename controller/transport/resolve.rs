//! From the variables of a host, the command line and `~/.ssh/config` to a [`Target`].
//!
//! Strongest first: the connection variables of Ansible, then the command line and `ansible.cfg`, then the ssh
//! configuration, then the defaults. A variable that cannot be rendered is an error, never as if it was not there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::ssh::config::{HostSettings, SshConfig};
use super::variables::{Lookup, Variables};
use super::winrm;
use super::{AskPassphrase, Authentication, HostKeyPolicy, Target, TransportError, Via};
use crate::shell::Platform;

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
    Target { host: host.to_owned(), via: Via::Local, platform: Platform::Posix }
}

/// Tells which shell a host has: `ansible_connection` and `ansible_shell_type` say it, as in Ansible.
///
/// # Errors
/// A variable of the wrong shape, one that names an unknown shell, or one that cannot be rendered.
pub fn platform(host: &str, variables: &Lookup<'_>) -> Result<Platform, TransportError> {
    let variables = Variables::new(host, variables);
    if let Some(name) = variables.text(&["ansible_connection"])?
        && matches!(name.rsplit('.').next(), Some("winrm" | "psrp"))
    {
        return Ok(Platform::Windows);
    }
    let Some(name) = variables.text(&["ansible_shell_type"])? else { return Ok(Platform::Posix) };
    Platform::of_shell_type(&name).ok_or_else(|| {
        let what = format!(
            "`{name}` is not supported\nhint: `sh` and `powershell` are; leave it out for POSIX hosts"
        );
        variables.error("ansible_shell_type", &what)
    })
}

/// Resolves how `host` is reached.
///
/// # Errors
/// A variable or setting of the wrong shape, one that is not supported, or a variable that cannot be rendered.
pub fn target(
    host: &str,
    variables: &Lookup<'_>,
    options: &ConnectionOptions<'_>,
    ssh_config: &SshConfig,
) -> Result<Target, TransportError> {
    let platform = platform(host, variables)?;
    let variables = Variables::new(host, variables);
    match variables.text(&["ansible_connection"])?.as_deref() {
        None => {}
        Some(name) => match name.strip_prefix("ansible.builtin.").unwrap_or(name) {
            "ssh" | "smart" => {}
            "local" => return Ok(local(host)),
            "paramiko" | "paramiko_ssh" => {
                (options.warn)(&format!("`{host}`: `ansible_connection: {name}` is taken as `ssh`"));
            }
            kind @ ("winrm" | "psrp") => {
                let setting = winrm::setting(host, kind, &variables, options)?;
                return Ok(Target { host: host.to_owned(), via: Via::WinRm(setting), platform });
            }
            _ => {
                return Err(variables.error(
                    "ansible_connection",
                    &format!("`{name}` is not supported\nhint: `ssh`, `winrm`, `psrp` and `local` are"),
                ));
            }
        },
    }
    for name in ["ansible_private_key", "ansible_ssh_private_key"] {
        if variables.value(name)?.is_some() {
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
        own: own_known_hosts(&settings, options),
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
        platform,
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
                    own: own_known_hosts(&found, options),
                    alias: found.host_key_alias.clone(),
                    ..HostKeyPolicy::default()
                },
                jumps: before,
                timeout: found.connect_timeout.map_or(timeout, Duration::from_secs),
                keepalive: keepalive(&found),
            },
            host: hop.host,
            platform: Platform::Posix,
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
    let user = user_known_hosts(settings, options);
    let global = settings.global_known_hosts.clone().unwrap_or_else(|| {
        ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"].map(PathBuf::from).into()
    });
    user.into_iter().chain(global).collect()
}

fn user_known_hosts(settings: &HostSettings, options: &ConnectionOptions<'_>) -> Vec<PathBuf> {
    settings.user_known_hosts.clone().unwrap_or_else(|| {
        ["known_hosts", "known_hosts2"].map(|name| options.home.join(".ssh").join(name)).into()
    })
}

/// The file that keys are added to; never one of the system's.
fn own_known_hosts(settings: &HostSettings, options: &ConnectionOptions<'_>) -> Option<PathBuf> {
    match options.known_hosts.first() {
        Some(named) => Some(named.clone()),
        None => user_known_hosts(settings, options).into_iter().next(),
    }
}

fn keepalive(settings: &HostSettings) -> Duration {
    match settings.server_alive_interval {
        // 0 is OpenSSH's way to say nothing; a controller still needs to notice a host that is gone.
        None | Some(0) => KEEPALIVE,
        Some(seconds) => Duration::from_secs(seconds),
    }
}

pub(super) fn expand_home(path: &str, home: &Path) -> PathBuf {
    match path.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => PathBuf::from(path),
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
