//! How a host was reached: noted when its connection opened, and used to find the same host again.
//!
//! It holds what was resolved, never the text of a variable, and no secret: paths of keys, but no password.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::shell::Platform;
use crate::transport::winrm::{Method, TlsPolicy, WinRmSetting};
use crate::transport::{Authentication, HostKeyPolicy, Target, Via};

/// How a host was reached. Play variables, `-e`, `ansible.cfg` and the ssh configuration of that time are in it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Reached {
    /// `ssh`, `winrm` or `local`.
    pub connection: String,
    /// Whether it is a Windows host.
    #[serde(skip_serializing_if = "is_false")]
    pub windows: bool,
    /// Name or address that was connected to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// TCP port.
    #[serde(skip_serializing_if = "is_zero")]
    pub port: u16,
    /// Login user.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Key files that were named; none if those were tried that are always tried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<PathBuf>,
    /// Files of known host keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known_hosts: Vec<PathBuf>,
    /// Name that host keys were looked up under instead of the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_key_alias: Option<String>,
    /// Fingerprints that were pinned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<String>,
    /// Hosts on the way, the first one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jumps: Vec<Self>,
    /// How WinRM was spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winrm: Option<ReachedWinRm>,
    /// `paceline_base`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// `ansible_become_exe`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub become_exe: Option<String>,
    /// `ansible_become_flags`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub become_flags: Option<String>,
}

/// How WinRM was spoken: what [`Reached`] has no field for.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct ReachedWinRm {
    /// Whether over TLS.
    pub https: bool,
    /// Path of the service.
    pub path: String,
    /// `basic`, `ntlm`, `kerberos`, `certificate`, in the order in which they are tried.
    pub methods: Vec<String>,
    /// A file or folder of CA certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Whether any certificate was accepted.
    #[serde(skip_serializing_if = "is_false")]
    pub any_certificate: bool,
    /// Client certificate and key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Service of the Kerberos name, if not `HTTP`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kerberos_service: Option<String>,
    /// Host of the Kerberos name, if not the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kerberos_host: Option<String>,
}

impl ReachedWinRm {
    fn of(setting: &WinRmSetting) -> Self {
        let tls = setting.tls.as_ref();
        Self {
            https: tls.is_some(),
            path: setting.path.clone(),
            methods: setting.methods.iter().map(|method| method.name().to_owned()).collect(),
            ca: tls.and_then(|tls| tls.ca.clone()),
            any_certificate: tls.is_some_and(|tls| tls.accept_any),
            certificate: setting.certificate.clone(),
            kerberos_service: setting.kerberos_name.0.clone(),
            kerberos_host: setting.kerberos_name.1.clone(),
        }
    }

    /// Makes `setting` speak as it was spoken; the pins are the host's.
    fn apply(&self, setting: &mut WinRmSetting, pins: &[String], folder: &Path) {
        let path = |path: &PathBuf| folder.join(path);
        setting.path.clone_from(&self.path);
        let methods: Vec<Method> = self.methods.iter().filter_map(|name| Method::named(name)).collect();
        if !methods.is_empty() {
            setting.methods = methods;
        }
        setting.tls = self.https.then(|| TlsPolicy {
            ca: self.ca.as_ref().map(path),
            pins: pins.to_vec(),
            accept_any: self.any_certificate,
        });
        setting.certificate = self.certificate.as_ref().map(|(pem, key)| (path(pem), path(key)));
        setting.kerberos_name = (self.kerberos_service.clone(), self.kerberos_host.clone());
    }
}

/// What a command line says itself, so that what was noted does not count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given {
    /// `-u`.
    pub user: bool,
    /// `--private-key`.
    pub private_key: bool,
    /// `--known-hosts`.
    pub known_hosts: bool,
}

impl Reached {
    /// Notes how `target` is reached.
    pub fn of(target: &Target) -> Self {
        if let Via::WinRm(setting) = &target.via {
            return Self {
                connection: "winrm".to_owned(),
                windows: true,
                address: setting.address.clone(),
                port: setting.port,
                user: setting.user.clone().unwrap_or_default(),
                pins: setting.tls.as_ref().map(|tls| tls.pins.clone()).unwrap_or_default(),
                winrm: Some(ReachedWinRm::of(setting)),
                ..Self::default()
            };
        }
        let Via::Ssh { address, port, user, authentication, host_key, jumps, .. } = &target.via else {
            return Self { connection: "local".to_owned(), ..Self::default() };
        };
        Self {
            connection: "ssh".to_owned(),
            windows: target.platform == Platform::Windows,
            address: address.clone(),
            port: *port,
            user: user.clone(),
            keys: if authentication.keys_named { authentication.keys.clone() } else { Vec::new() },
            known_hosts: host_key.known_hosts.clone(),
            host_key_alias: host_key.alias.clone(),
            pins: host_key.pins.clone(),
            jumps: jumps.iter().map(Self::of).collect(),
            ..Self::default()
        }
    }

    /// Makes `target` lead where this one led. `folder` is where the program ran: relative paths begin there.
    pub fn apply(&self, target: &mut Target, given: Given, folder: &Path) {
        target.platform = if self.windows { Platform::Windows } else { Platform::Posix };
        if self.connection == "local" {
            target.via = Via::Local;
            return;
        }
        if let Via::WinRm(setting) = &mut target.via
            && let Some(spoken) = &self.winrm
        {
            setting.address.clone_from(&self.address);
            setting.port = self.port;
            if !given.user && !self.user.is_empty() {
                setting.user = Some(self.user.clone());
            }
            spoken.apply(setting, &self.pins, folder);
            return;
        }
        let Via::Ssh { address, port, user, authentication, host_key, jumps, timeout, keepalive } =
            &mut target.via
        else {
            return;
        };
        let paths = |paths: &[PathBuf]| paths.iter().map(|path| folder.join(path)).collect::<Vec<_>>();
        if !self.address.is_empty() {
            address.clone_from(&self.address);
        }
        if self.port != 0 {
            *port = self.port;
        }
        if !given.user && !self.user.is_empty() {
            user.clone_from(&self.user);
        }
        if !given.private_key && !self.keys.is_empty() {
            (authentication.keys, authentication.keys_named) = (paths(&self.keys), true);
        }
        if !given.known_hosts {
            host_key.known_hosts = paths(&self.known_hosts);
        }
        host_key.alias.clone_from(&self.host_key_alias);
        host_key.pins.clone_from(&self.pins);
        // A hop is not given the secrets of the host, nor its right to have any key.
        let hop = |reached: &Self| {
            let mut hop = Target {
                host: reached.address.clone(),
                platform: Platform::Posix,
                via: Via::Ssh {
                    address: String::new(),
                    port: 22,
                    user: user.clone(),
                    authentication: Authentication {
                        agent: authentication.agent.clone(),
                        ask: authentication.ask.clone(),
                        ..Authentication::default()
                    },
                    host_key: HostKeyPolicy {
                        known_hosts: host_key.known_hosts.clone(),
                        ..HostKeyPolicy::default()
                    },
                    jumps: Vec::new(),
                    timeout: *timeout,
                    keepalive: *keepalive,
                },
            };
            let given = Given { known_hosts: given.known_hosts, ..Given::default() };
            reached.apply(&mut hop, given, folder);
            hop
        };
        // Where the way is the same, what was resolved now has the default keys too.
        if jumps.iter().map(Self::of).ne(self.jumps.iter().cloned()) {
            *jumps = self.jumps.iter().map(hop).collect();
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(port: &u16) -> bool {
    *port == 0
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use secrecy::SecretString;

    use super::*;

    fn target(address: &str, user: &str, jumps: Vec<Target>) -> Target {
        Target {
            host: "web".to_owned(),
            platform: Platform::Posix,
            via: Via::Ssh {
                address: address.to_owned(),
                port: 2222,
                user: user.to_owned(),
                authentication: Authentication {
                    keys: vec!["keys/id".into()],
                    keys_named: true,
                    passphrase: Some(SecretString::from("opens the key")),
                    password: Some(SecretString::from("opens the host")),
                    ..Authentication::default()
                },
                host_key: HostKeyPolicy {
                    known_hosts: vec!["/known".into()],
                    pins: vec!["SHA256:x".to_owned()],
                    ..HostKeyPolicy::default()
                },
                jumps,
                timeout: Duration::from_secs(1),
                keepalive: Duration::from_secs(1),
            },
        }
    }

    #[test]
    fn holds_what_was_resolved_and_no_secret() {
        let reached = Reached::of(&target("10.0.0.1", "ann", vec![target("gate", "joe", Vec::new())]));
        let text = serde_json::to_string(&reached).unwrap();
        assert!(!text.contains("opens"), "{text}");
        assert_eq!(serde_json::from_str::<Reached>(&text).unwrap(), reached);
        assert_eq!(
            (reached.address.as_str(), reached.port, reached.user.as_str()),
            ("10.0.0.1", 2222, "ann")
        );
        assert_eq!(reached.jumps[0].address, "gate");
    }

    #[test]
    fn leads_to_the_same_host_again() {
        let reached = Reached::of(&target("10.0.0.1", "ann", vec![target("gate", "joe", Vec::new())]));
        let mut now = target("web", "root", Vec::new());
        reached.apply(&mut now, Given::default(), Path::new("/run"));
        let Via::Ssh { address, user, authentication, jumps, .. } = &now.via else { panic!() };
        assert_eq!((address.as_str(), user.as_str()), ("10.0.0.1", "ann"));
        assert_eq!(authentication.keys, [Path::new("/run/keys/id")]);
        assert!(authentication.password.is_some());
        let Via::Ssh { address, user, authentication, .. } = &jumps[0].via else { panic!() };
        assert_eq!((address.as_str(), user.as_str()), ("gate", "joe"));
        assert!(authentication.password.is_none() && authentication.passphrase.is_none());
    }

    #[test]
    fn winrm_leads_to_the_same_host_again() {
        let setting = WinRmSetting {
            address: "10.0.0.9".to_owned(),
            port: 5986,
            tls: Some(TlsPolicy {
                ca: Some("ca.pem".into()),
                pins: vec!["ab".to_owned()],
                accept_any: false,
            }),
            path: "wsman".to_owned(),
            user: Some("CORP\\ann".to_owned()),
            password: Some(SecretString::from("opens the host")),
            methods: vec![Method::Kerberos, Method::Ntlm],
            certificate: None,
            kerberos_name: (None, Some("par-1.corp.example".to_owned())),
            seal_always: false,
            psrp: false,
            connect_timeout: Duration::from_secs(1),
            operation_timeout: Duration::from_secs(1),
        };
        let with = |setting: WinRmSetting| Target {
            host: "par-1".to_owned(),
            platform: Platform::Windows,
            via: Via::WinRm(setting),
        };
        let reached = Reached::of(&with(setting.clone()));
        let text = serde_json::to_string(&reached).unwrap();
        assert!(!text.contains("opens"), "{text}");
        assert_eq!(serde_json::from_str::<Reached>(&text).unwrap(), reached);
        let mut now = with(WinRmSetting {
            address: "par-1".to_owned(),
            tls: None,
            methods: vec![Method::Basic],
            user: None,
            kerberos_name: (None, None),
            ..setting
        });
        reached.apply(&mut now, Given::default(), Path::new("/run"));
        let Via::WinRm(setting) = &now.via else { panic!() };
        assert_eq!((setting.address.as_str(), setting.user.as_deref()), ("10.0.0.9", Some("CORP\\ann")));
        assert_eq!(setting.methods, [Method::Kerberos, Method::Ntlm]);
        let tls = setting.tls.as_ref().unwrap();
        assert_eq!((tls.ca.as_deref(), tls.pins.len()), (Some(Path::new("/run/ca.pem")), 1));
        assert!(setting.password.is_some());
    }

    #[test]
    fn the_command_line_counts_more() {
        let reached = Reached::of(&target("10.0.0.1", "ann", Vec::new()));
        let mut now = target("web", "root", Vec::new());
        let given = Given { user: true, private_key: true, known_hosts: true };
        reached.apply(&mut now, given, Path::new("/run"));
        let Via::Ssh { address, user, authentication, .. } = &now.via else { panic!() };
        assert_eq!((address.as_str(), user.as_str()), ("10.0.0.1", "root"));
        assert_eq!(authentication.keys, [Path::new("keys/id")]);
    }

    #[test]
    fn a_local_host_stays_local() {
        let local = Target { host: "web".to_owned(), via: Via::Local, platform: Platform::Posix };
        let mut now = target("web", "root", Vec::new());
        Reached::of(&local).apply(&mut now, Given::default(), Path::new("/run"));
        assert!(matches!(now.via, Via::Local));
    }
}
