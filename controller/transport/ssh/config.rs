//! The parts of `~/.ssh/config` that decide where a host is, who logs in, and how both sides prove it.
//!
//! As in `ssh_config(5)` the first value of a keyword wins, and key files add up. A keyword that would change
//! the connection and is not supported (`ProxyCommand`, most `Match` blocks, ...) is an error for the hosts it
//! applies to; keywords about terminals, forwarding or performance are of no consequence here.

use std::path::{Path, PathBuf};

use super::known_hosts::matches_patterns;
use super::setting::{Setting, parse_setting, seconds, yes_or_no};
use crate::transport::TransportError;

/// How deep `Include` may nest, as in OpenSSH.
const DEPTH: usize = 16;

/// When a block applies.
#[derive(Clone, Debug)]
enum Condition {
    Host(Vec<String>),
    Match(Setting),
}

#[derive(Clone, Debug)]
struct Guarded {
    /// All of them must hold: the block's own, and those of the blocks that include its file.
    conditions: Vec<Condition>,
    setting: Setting,
}

/// All files that were read, in the order of their strength.
#[derive(Clone, Debug, Default)]
pub struct SshConfig {
    settings: Vec<Guarded>,
}

/// What the files say about one host. Text is expanded.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HostSettings {
    /// `HostName`.
    pub host_name: Option<String>,
    /// `Port`.
    pub port: Option<u16>,
    /// `User`.
    pub user: Option<String>,
    /// `IdentityFile`, all of them.
    pub identity_files: Vec<PathBuf>,
    /// `IdentitiesOnly`.
    pub identities_only: bool,
    /// `IdentityAgent`: `Some(None)` is `none`.
    pub identity_agent: Option<Option<PathBuf>>,
    /// `ProxyJump`: the hops as written, empty for `none`.
    pub proxy_jump: Vec<String>,
    /// `UserKnownHostsFile`.
    pub user_known_hosts: Option<Vec<PathBuf>>,
    /// `GlobalKnownHostsFile`.
    pub global_known_hosts: Option<Vec<PathBuf>>,
    /// `HostKeyAlias`.
    pub host_key_alias: Option<String>,
    /// `ConnectTimeout`, in seconds.
    pub connect_timeout: Option<u64>,
    /// `ServerAliveInterval`, in seconds.
    pub server_alive_interval: Option<u64>,
    /// What the user must be told.
    pub warnings: Vec<String>,
}

impl SshConfig {
    /// Reads `HOME/.ssh/config`, then the system's file. Missing files are empty.
    ///
    /// # Errors
    /// A file that cannot be read or understood.
    pub fn load(home: &Path) -> Result<Self, TransportError> {
        let mut config = Self::default();
        config.read_file(&home.join(".ssh/config"), &home.join(".ssh"), home, &[], 0)?;
        let system = Path::new("/etc/ssh");
        config.read_file(&system.join("ssh_config"), system, home, &[], 0)?;
        Ok(config)
    }

    /// Reads one text; `path` is used in messages, and its folder for `Include`.
    ///
    /// # Errors
    /// A line that cannot be understood.
    pub fn parse(text: &str, path: &Path, home: &Path) -> Result<Self, TransportError> {
        let mut config = Self::default();
        config.read_text(text, path, path.parent().unwrap_or(home), home, &[], 0)?;
        Ok(config)
    }

    fn read_file(
        &mut self,
        path: &Path,
        folder: &Path,
        home: &Path,
        conditions: &[Condition],
        depth: usize,
    ) -> Result<(), TransportError> {
        match std::fs::read(path) {
            Ok(bytes) => {
                self.read_text(&String::from_utf8_lossy(&bytes), path, folder, home, conditions, depth)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => {
                Err(TransportError::Local { message: format!("cannot read `{}`: {error}", path.display()) })
            }
        }
    }

    fn read_text(
        &mut self,
        text: &str,
        path: &Path,
        folder: &Path,
        home: &Path,
        outer: &[Condition],
        depth: usize,
    ) -> Result<(), TransportError> {
        let mut conditions = outer.to_vec();
        for (index, line) in text.lines().enumerate() {
            let place = format!("{}:{}", path.display(), index + 1);
            let Some(setting) = parse_setting(line, &place)? else { continue };
            match setting.keyword.as_str() {
                "host" => {
                    conditions = outer.to_vec();
                    conditions.push(Condition::Host(setting.values));
                }
                "match" => {
                    conditions = outer.to_vec();
                    conditions.push(Condition::Match(setting));
                }
                "include" => {
                    if depth >= DEPTH {
                        return Err(setting.error("`Include` is nested too deeply"));
                    }
                    for pattern in &setting.values {
                        for file in included(pattern, folder, home, &setting)? {
                            self.read_file(&file, folder, home, &conditions, depth + 1)?;
                        }
                    }
                }
                _ => self.settings.push(Guarded { conditions: conditions.clone(), setting }),
            }
        }
        Ok(())
    }

    /// What holds for the host that the user calls `name`. `given` are settings that are stronger than the
    /// files, `user` is the login name if it is already known, `local_user` the default for it.
    ///
    /// # Errors
    /// A setting that applies to the host and is not supported.
    pub fn host(
        &self,
        name: &str,
        given: &[Setting],
        home: &Path,
        user: Option<&str>,
        local_user: &str,
    ) -> Result<HostSettings, TransportError> {
        let mut found = HostSettings::default();
        let mut raw = Raw::default();
        let collected = given
            .iter()
            .map(|setting| (&[][..], setting))
            .chain(self.settings.iter().map(|guarded| (guarded.conditions.as_slice(), &guarded.setting)));
        for (conditions, setting) in collected {
            let host_name =
                raw.host_name.as_ref().map(|setting| expand_host_name(setting, name)).transpose()?;
            if applies(conditions, setting, name, host_name.as_deref().unwrap_or(name))? {
                raw.take(setting, &mut found)?;
            }
        }
        if let Some(setting) = &raw.host_name {
            found.host_name = Some(expand_host_name(setting, name)?);
        }
        let login = user.or(found.user.as_deref()).unwrap_or(local_user).to_owned();
        let port = found.port.unwrap_or(22).to_string();
        let address = found.host_name.clone().unwrap_or_else(|| name.to_owned());
        let tokens = Tokens { name, address: &address, user: &login, local_user, port: &port, home };
        for setting in &raw.identity_files {
            if setting.first().eq_ignore_ascii_case("none") {
                continue;
            }
            found.identity_files.push(tokens.path(setting, setting.first())?);
        }
        if let Some(setting) = &raw.identity_agent {
            found.identity_agent = match setting.first() {
                value if value.eq_ignore_ascii_case("none") => Some(None),
                "SSH_AUTH_SOCK" => None,
                value => Some(Some(tokens.path(setting, value)?)),
            };
        }
        let files = |setting: &Setting| match setting.values.as_slice() {
            [none] if none.eq_ignore_ascii_case("none") => Ok(Vec::new()),
            values => values.iter().map(|value| tokens.path(setting, value)).collect(),
        };
        found.user_known_hosts = raw.user_known_hosts.as_ref().map(files).transpose()?;
        found.global_known_hosts = raw.global_known_hosts.as_ref().map(files).transpose()?;
        Ok(found)
    }
}

/// Values that can be expanded only when everything is known.
#[derive(Default)]
struct Raw {
    host_name: Option<Setting>,
    identity_files: Vec<Setting>,
    identity_agent: Option<Setting>,
    user_known_hosts: Option<Setting>,
    global_known_hosts: Option<Setting>,
    proxy_seen: bool,
    seen: Vec<String>,
}

impl Raw {
    fn take(&mut self, setting: &Setting, found: &mut HostSettings) -> Result<(), TransportError> {
        let value = setting.first();
        if setting.keyword == "identityfile" {
            self.identity_files.push(setting.clone());
            return Ok(());
        }
        // `ProxyJump` and `ProxyCommand` exclude each other: the first of them wins.
        if matches!(setting.keyword.as_str(), "proxyjump" | "proxycommand") {
            if self.proxy_seen {
                return Ok(());
            }
            self.proxy_seen = true;
        } else if self.seen.contains(&setting.keyword) {
            return Ok(());
        }
        self.seen.push(setting.keyword.clone());
        let none = value.eq_ignore_ascii_case("none");
        match setting.keyword.as_str() {
            "hostname" => self.host_name = Some(setting.clone()),
            "port" => {
                found.port =
                    Some(value.parse().map_err(|_| setting.error(&format!("`{value}` is not a port")))?);
            }
            "user" => found.user = Some(value.to_owned()),
            "identitiesonly" => found.identities_only = yes_or_no(setting)?,
            "identityagent" => self.identity_agent = Some(setting.clone()),
            "proxyjump" if none => {}
            "proxyjump" => found.proxy_jump = value.split(',').map(|hop| hop.trim().to_owned()).collect(),
            "userknownhostsfile" => self.user_known_hosts = Some(setting.clone()),
            "globalknownhostsfile" => self.global_known_hosts = Some(setting.clone()),
            "hostkeyalias" => found.host_key_alias = Some(value.to_owned()),
            "connecttimeout" if none => {}
            "connecttimeout" => found.connect_timeout = Some(seconds(setting)?),
            "serveraliveinterval" => found.server_alive_interval = Some(seconds(setting)?),
            "stricthostkeychecking"
                if matches!(value.to_lowercase().as_str(), "yes" | "ask" | "true") => {}
            "stricthostkeychecking" => found.warnings.push(format!(
                "{}: `StrictHostKeyChecking {value}` is not honoured: unknown host keys are refused\nhint: `paceline \
                 trust scan` adds them",
                setting.place
            )),
            "proxycommand" | "knownhostscommand" | "revokedhostkeys" | "pkcs11provider" | "bindaddress"
            | "bindinterface" | "remotecommand" | "certificatefile"
                if none => {}
            "canonicalizehostname" if value.eq_ignore_ascii_case("no") => {}
            "addressfamily" if value.eq_ignore_ascii_case("any") => {}
            "proxycommand" => {
                return Err(setting.error(
                    "`ProxyCommand` is not supported\nhint: `ProxyJump` does the same in most cases",
                ));
            }
            "knownhostscommand"
            | "revokedhostkeys"
            | "pkcs11provider"
            | "bindaddress"
            | "bindinterface"
            | "remotecommand"
            | "certificatefile"
            | "canonicalizehostname"
            | "addressfamily" => {
                return Err(setting.error(&format!(
                    "`{}` changes the connection and is not supported\nhint: leave these hosts out of its block",
                    setting.keyword
                )));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Keywords that decide something here; all others are of no consequence, wherever they stand.
const SIGNIFICANT: &[&str] = &[
    "addressfamily",
    "bindaddress",
    "bindinterface",
    "canonicalizehostname",
    "certificatefile",
    "connecttimeout",
    "globalknownhostsfile",
    "hostkeyalias",
    "hostname",
    "identitiesonly",
    "identityagent",
    "identityfile",
    "knownhostscommand",
    "pkcs11provider",
    "port",
    "proxycommand",
    "proxyjump",
    "remotecommand",
    "revokedhostkeys",
    "serveraliveinterval",
    "stricthostkeychecking",
    "user",
    "userknownhostsfile",
];

/// Whether the blocks around `setting` select the host.
fn applies(
    conditions: &[Condition],
    setting: &Setting,
    name: &str,
    address: &str,
) -> Result<bool, TransportError> {
    if !SIGNIFICANT.contains(&setting.keyword.as_str()) {
        return Ok(false);
    }
    for condition in conditions {
        let holds = match condition {
            Condition::Host(patterns) => matches_patterns(patterns, name),
            Condition::Match(line) => match_holds(line, name, address, setting)?,
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `Match` with `all`, `host` and `originalhost`; any other criterion may hold, which is not known here.
fn match_holds(line: &Setting, name: &str, address: &str, inside: &Setting) -> Result<bool, TransportError> {
    let mut words = line.values.iter();
    let mut unknown = None;
    while let Some(word) = words.next() {
        let (word, attached) = match word.split_once('=') {
            Some((word, value)) => (word, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let (criterion, negated) = match word.strip_prefix('!') {
            Some(criterion) => (criterion.to_lowercase(), true),
            None => (word.to_lowercase(), false),
        };
        let holds = match criterion.as_str() {
            "all" => true,
            "host" | "originalhost" => {
                let patterns = attached.or_else(|| words.next().cloned()).unwrap_or_default();
                let patterns: Vec<String> = patterns.split(',').map(str::to_owned).collect();
                matches_patterns(&patterns, if criterion == "host" { address } else { name })
            }
            "canonical" | "final" => {
                unknown = Some(criterion);
                continue;
            }
            _ => {
                let _ = attached.or_else(|| words.next().cloned());
                unknown = Some(criterion);
                continue;
            }
        };
        if holds == negated {
            return Ok(false);
        }
    }
    match unknown {
        None => Ok(true),
        Some(criterion) => Err(line.error(&format!(
            "`Match {criterion}` may apply to `{name}` (it sets `{}`), and is not supported\nhint: use a `Host` \
             block, or `Match host`",
            inside.keyword
        ))),
    }
}

struct Tokens<'a> {
    name: &'a str,
    address: &'a str,
    user: &'a str,
    local_user: &'a str,
    port: &'a str,
    home: &'a Path,
}

impl Tokens<'_> {
    fn path(&self, setting: &Setting, text: &str) -> Result<PathBuf, TransportError> {
        if text.contains("${") {
            return Err(
                setting.error("environment variables are not supported here\nhint: write the path out")
            );
        }
        let home = self.home.display().to_string();
        let text = match text.strip_prefix("~/") {
            Some(rest) => format!("{home}/{rest}"),
            None if text == "~" => home.clone(),
            None => text.to_owned(),
        };
        let expanded = expand(setting, &text, &|token| match token {
            'd' => Some(home.as_str()),
            'h' => Some(self.address),
            'n' => Some(self.name),
            'p' => Some(self.port),
            'r' => Some(self.user),
            'u' => Some(self.local_user),
            _ => None,
        })?;
        Ok(PathBuf::from(expanded))
    }
}

fn expand_host_name(setting: &Setting, name: &str) -> Result<String, TransportError> {
    expand(setting, setting.first(), &|token| (token == 'h').then_some(name))
}

fn expand<'a>(
    setting: &Setting,
    text: &str,
    token: &dyn Fn(char) -> Option<&'a str>,
) -> Result<String, TransportError> {
    let mut expanded = String::new();
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        if letter != '%' {
            expanded.push(letter);
            continue;
        }
        match rest.next() {
            Some('%') => expanded.push('%'),
            Some(letter) => match token(letter) {
                Some(value) => expanded.push_str(value),
                None => return Err(setting.error(&format!("the token `%{letter}` is not supported here"))),
            },
            None => return Err(setting.error("a `%` at the end stands for nothing")),
        }
    }
    Ok(expanded)
}

/// The files that an `Include` names; wildcards may stand in the last part of the path.
fn included(
    pattern: &str,
    folder: &Path,
    home: &Path,
    setting: &Setting,
) -> Result<Vec<PathBuf>, TransportError> {
    let path = match pattern.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => folder.join(pattern),
    };
    let has_wildcard = |text: &str| text.contains(['*', '?', '[']);
    let parent = path.parent().unwrap_or(folder);
    let last = path.file_name().map(|last| last.to_string_lossy().into_owned()).unwrap_or_default();
    if has_wildcard(&parent.to_string_lossy()) || last.contains('[') {
        return Err(setting.error(&format!(
            "`Include {pattern}`: only `*` and `?` in the last part of the path are supported"
        )));
    }
    if !has_wildcard(&last) {
        return Ok(vec![path]);
    }
    let entries = match std::fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(setting.error(&format!("cannot read `{}`: {error}", parent.display()))),
    };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let hidden = name.starts_with('.') && !last.starts_with('.');
            !hidden && super::known_hosts::wildcard(&last, &name)
        })
        .map(|entry| entry.path())
        .collect();
    files.sort();
    Ok(files)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
