#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{ConnectionOptions, target};
use crate::transport::ssh::config::SshConfig;
use crate::transport::{Authentication, HostKeyPolicy, Target, Unrendered, Via};

/// What a test looks at.
#[derive(Debug, PartialEq)]
struct Seen {
    place: String,
    keys: Vec<PathBuf>,
    named: bool,
    timeout: u64,
}

fn options(warn: &(dyn Fn(&str) + Send + Sync)) -> ConnectionOptions<'_> {
    ConnectionOptions {
        user: None,
        private_key: None,
        timeout: None,
        known_hosts: Vec::new(),
        password: None,
        passphrase: None,
        agent: Some("/run/agent".into()),
        home: "/home/ann".into(),
        local_user: "ann".into(),
        accept_any: false,
        warn,
    }
}

fn resolve(variables: Value, options: &ConnectionOptions<'_>, config: &str) -> Result<Target, String> {
    let variables: HashMap<String, Value> = serde_json::from_value(variables).unwrap();
    let config = SshConfig::parse(config, Path::new("config"), Path::new("/home/ann")).unwrap();
    target("web", &|name| Ok(variables.get(name).cloned()), options, &config)
        .map_err(|error| error.to_string())
}

fn parts(target: &Target) -> (Seen, &Authentication, &HostKeyPolicy, &[Target]) {
    let Via::Ssh { address, port, user, authentication, host_key, jumps, timeout, .. } = &target.via else {
        panic!("not by ssh");
    };
    let seen = Seen {
        place: format!("{user}@{address}:{port}"),
        keys: authentication.keys.clone(),
        named: authentication.keys_named,
        timeout: timeout.as_secs(),
    };
    (seen, authentication, host_key, jumps)
}

fn place(variables: Value, config: &str) -> String {
    parts(&resolve(variables, &options(&|_| {}), config).unwrap()).0.place
}

#[test]
fn defaults() {
    let target = resolve(json!({}), &options(&|_| {}), "").unwrap();
    let (seen, authentication, host_key, jumps) = parts(&target);
    let keys = ["id_rsa", "id_ecdsa", "id_ed25519"].map(|name| Path::new("/home/ann/.ssh").join(name));
    assert_eq!(seen, Seen { place: "ann@web:22".into(), keys: keys.into(), named: false, timeout: 10 });
    assert_eq!(authentication.agent.as_deref(), Some(Path::new("/run/agent")));
    assert_eq!(host_key.known_hosts[0], Path::new("/home/ann/.ssh/known_hosts"));
    assert_eq!(host_key.known_hosts.len(), 4);
    assert!(!host_key.accept_any && host_key.pins.is_empty() && jumps.is_empty());
}

#[test]
fn variables_beat_the_command_line_which_beats_the_ssh_configuration() {
    let config = "Host web\n User conf\n Port 2201\n HostName web.example\nHost 10.0.0.1\n User byaddress\n";
    assert_eq!(place(json!({}), config), "conf@web.example:2201");
    assert_eq!(place(json!({"ansible_user": "var", "ansible_port": "2202"}), config), "var@web.example:2202");
    assert_eq!(place(json!({"ansible_host": "10.0.0.1"}), config), "byaddress@10.0.0.1:22");
    let both = json!({"ansible_user": "a", "ansible_ssh_user": "b", "ansible_host": "h", "ansible_ssh_host": "i",
        "ansible_port": 1, "ansible_ssh_port": 2});
    assert_eq!(place(both, ""), "b@i:2");
    let mut cli = options(&|_| {});
    cli.user = Some("cli".into());
    cli.private_key = Some("/k".into());
    cli.timeout = Some(Duration::from_secs(7));
    cli.known_hosts = vec!["/kh".into()];
    let target = resolve(json!({}), &cli, "User conf\nConnectTimeout 99\nUserKnownHostsFile /x\n").unwrap();
    let (seen, _, host_key, _) = parts(&target);
    assert_eq!(seen, Seen { place: "cli@web:22".into(), keys: vec!["/k".into()], named: true, timeout: 7 });
    assert_eq!(host_key.known_hosts, [PathBuf::from("/kh")]);
    let variables =
        json!({"ansible_user": "var", "ansible_ssh_private_key_file": "~/v", "ansible_ssh_timeout": 3});
    let target = resolve(variables, &cli, "").unwrap();
    let keys = vec!["/home/ann/v".into()];
    assert_eq!(parts(&target).0, Seen { place: "var@web:22".into(), keys, named: true, timeout: 3 });
}

#[test]
fn passwords_pins_and_checking() {
    let mut cli = options(&|_| {});
    cli.password = Some(SecretString::from("cli"));
    cli.accept_any = true;
    let secret = |target: &Target| parts(target).1.password.as_ref().map(|p| p.expose_secret().to_owned());
    let target = resolve(json!({}), &cli, "").unwrap();
    assert_eq!(secret(&target).as_deref(), Some("cli"));
    assert!(parts(&target).2.accept_any);
    let pin = "SHA256:Urm0dS8isLhp0nhIU3D6O81VseftmAXc7ErEV3tgB8Y";
    let variables =
        json!({"ansible_password": "var", "ansible_host_key_checking": "yes", "paceline_host_key": pin});
    let target = resolve(variables, &cli, "").unwrap();
    assert_eq!(secret(&target).as_deref(), Some("var"));
    assert!(!parts(&target).2.accept_any);
    assert_eq!(parts(&target).2.pins, [pin]);
    assert!(!format!("{target:?}").contains("var\""), "a password must not be printed");
}

#[test]
fn connections() {
    let warnings = Mutex::new(Vec::new());
    let warn = |text: &str| warnings.lock().unwrap().push(text.to_owned());
    let of = |name: &str| resolve(json!({"ansible_connection": name}), &options(&warn), "");
    for name in ["ssh", "smart", "ansible.builtin.ssh", "paramiko"] {
        assert!(matches!(of(name).unwrap().via, Via::Ssh { .. }), "{name}");
    }
    assert_eq!(warnings.lock().unwrap().len(), 1);
    assert!(matches!(of("local").unwrap().via, Via::Local));
    assert!(matches!(of("winrm").unwrap().via, Via::WinRm(_)));
    assert!(of("docker").unwrap_err().contains("`docker` is not supported"));
}

#[test]
fn arguments_of_the_ssh_program() {
    let of = |text: &str| {
        resolve(json!({"ansible_ssh_common_args": text}), &options(&|_| {}), "Host *\n Port 9\n")
    };
    let target =
        of("-C -o ControlMaster=auto -o 'UserKnownHostsFile=\"/a b\"' -p 2222 -oUser=x -J j").unwrap();
    let (seen, _, host_key, jumps) = parts(&target);
    assert_eq!(seen.place, "x@web:2222");
    assert_eq!(host_key.known_hosts[0], Path::new("/a b"));
    assert_eq!(jumps.len(), 1);
    for (text, word) in [
        ("-o ProxyCommand='nc %h'", "ProxyCommand=nc %h"),
        ("-W x", "-W"),
        ("-A", "-A"),
        ("stray", "stray"),
        ("-o", "lacks a value"),
        ("-o 'a", "not closed"),
        ("-o PreferredAuthentications=password", "PreferredAuthentications"),
    ] {
        let error = of(text).unwrap_err();
        assert!(error.contains(word) && error.contains("`ansible_ssh_common_args`"), "{text}: {error}");
    }
}

#[test]
fn jump_hosts_are_resolved_by_themselves() {
    let config = "Host web\n ProxyJump bob@edge:2222,inner\nHost edge\n HostName edge.example\n ProxyJump outer\n\
                  Host inner\n ProxyJump ignored\n User carol\n IdentityFile /inner\n IdentitiesOnly yes\n";
    let mut cli = options(&|_| {});
    cli.password = Some(SecretString::from("secret"));
    cli.user = Some("root".into());
    let target = resolve(json!({}), &cli, config).unwrap();
    let (_, _, _, jumps) = parts(&target);
    let places: Vec<String> = jumps.iter().map(|jump| parts(jump).0.place).collect();
    assert_eq!(places, ["bob@edge.example:2222", "carol@inner:22"]);
    let before: Vec<String> = parts(&jumps[0]).3.iter().map(|jump| parts(jump).0.place).collect();
    assert_eq!(before, ["ann@outer:22"]);
    assert!(parts(&jumps[1]).3.is_empty());
    assert!(parts(&jumps[1]).0.named);
    assert!(jumps.iter().all(|jump| parts(jump).1.password.is_none()), "the password is the target's");
    let error = resolve(json!({}), &cli, "Host *\n ProxyJump a\n").unwrap_err();
    assert!(error.contains("without an end"), "{error}");
}

#[test]
fn jump_names() {
    let name = |text: &str| {
        super::parse_hop(text).map(|hop| (hop.user.unwrap_or_default(), hop.host, hop.port.unwrap_or(0)))
    };
    let some = |user: &str, host: &str, port| Some((user.to_owned(), host.to_owned(), port));
    assert_eq!(name("a"), some("", "a", 0));
    assert_eq!(name("u@a:2"), some("u", "a", 2));
    assert_eq!(name("u@d@a"), some("u@d", "a", 0));
    assert_eq!(name("ssh://u@a:2/"), some("u", "a", 2));
    assert_eq!(name("[::1]:22"), some("", "::1", 22));
    assert_eq!(name("::1"), some("", "::1", 0));
    for wrong in ["", "a:b", "@a", "[::1", "[::1]x", "a:99999"] {
        assert_eq!(name(wrong), None, "{wrong}");
    }
}

#[test]
fn values_of_the_wrong_shape_are_named() {
    for (variables, name) in [
        (json!({"ansible_port": "ssh"}), "ansible_port"),
        (json!({"ansible_port": 0}), "ansible_port"),
        (json!({"ansible_user": ["a"]}), "ansible_user"),
        (json!({"ansible_ssh_timeout": "soon"}), "ansible_ssh_timeout"),
        (json!({"ansible_host_key_checking": "perhaps"}), "ansible_host_key_checking"),
        (json!({"paceline_host_key": "MD5:aa"}), "paceline_host_key"),
        (json!({"paceline_host_key": []}), "paceline_host_key"),
        (json!({"ansible_ssh_private_key": "-----BEGIN"}), "ansible_ssh_private_key"),
    ] {
        let error = resolve(variables.clone(), &options(&|_| {}), "").unwrap_err();
        assert!(error.starts_with("`web`: `") && error.contains(name), "{variables}: {error}");
    }
}

#[test]
fn a_variable_that_cannot_be_rendered_is_never_as_if_it_was_not_there() {
    for broken in [
        "ansible_connection",
        "ansible_host",
        "ansible_port",
        "ansible_ssh_user",
        "ansible_user",
        "ansible_password",
        "ansible_ssh_private_key_file",
        "ansible_ssh_private_key",
        "ansible_private_key_passphrase",
        "ansible_timeout",
        "ansible_host_key_checking",
        "ansible_ssh_common_args",
        "paceline_host_key",
    ] {
        let variables = |name: &str| match name == broken {
            true => Err(Unrendered {
                reason: "`nope` is undefined".to_owned(),
                place: Some("hosts.yml:3:19".to_owned()),
                hint: None,
            }),
            false => Ok(None),
        };
        let error = target("web", &variables, &options(&|_| {}), &SshConfig::default()).unwrap_err();
        let expected =
            format!("`web`: `{broken}` cannot be rendered: `nope` is undefined (at hosts.yml:3:19)");
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().is_some() && !error.retry_may_help());
    }
}

#[test]
fn keys_are_added_to_a_file_of_the_user_and_never_of_the_system() {
    let own = |config: &str, options: &ConnectionOptions<'_>| {
        let target = resolve(json!({}), options, config).unwrap();
        parts(&target).2.own.clone()
    };
    let mut cli = options(&|_| {});
    assert_eq!(own("", &cli), Some("/home/ann/.ssh/known_hosts".into()));
    assert_eq!(own("UserKnownHostsFile /a /b\n", &cli), Some("/a".into()));
    assert_eq!(own("UserKnownHostsFile none\n", &cli), None);
    let target =
        resolve(json!({}), &cli, "Host web\n ProxyJump j\nHost j\n UserKnownHostsFile /j\n").unwrap();
    assert_eq!(parts(&parts(&target).3[0]).2.own.as_deref(), Some(Path::new("/j")));
    cli.known_hosts = vec!["/kh".into()];
    assert_eq!(own("UserKnownHostsFile none\n", &cli), Some("/kh".into()));
}
