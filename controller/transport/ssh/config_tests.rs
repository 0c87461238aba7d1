#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use super::{HostSettings, SshConfig};
use crate::transport::ssh::setting::{parse_setting, split_words};

fn settings(text: &str, host: &str) -> Result<HostSettings, String> {
    let home = Path::new("/home/ann");
    let config =
        SshConfig::parse(text, Path::new("/home/ann/.ssh/config"), home).map_err(|e| e.to_string())?;
    config.host(host, &[], home, None, "ann").map_err(|error| error.to_string())
}

#[test]
fn the_first_value_wins() {
    let text = "Host a*\n  Port 2201\n  User=first\nHost a1\n  Port 2202\n  HostName 10.0.0.1\nHost *\n  User other\n";
    let found = settings(text, "a1").unwrap();
    assert_eq!((found.port, found.user.as_deref()), (Some(2201), Some("first")));
    assert_eq!(found.host_name.as_deref(), Some("10.0.0.1"));
    assert_eq!(settings(text, "b1").unwrap().user.as_deref(), Some("other"));
}

#[test]
fn host_patterns_select() {
    let cases: &[(&str, &str, bool)] = &[
        ("Host a", "a", true),
        ("Host a b", "b", true),
        ("Host *.example !db.example", "web.example", true),
        ("Host *.example !db.example", "db.example", false),
        ("Host !db.example", "web.example", false),
        ("Host \"a\"", "a", true),
        ("host = a", "a", true),
        ("Host a # comment", "comment", false),
        ("Match all", "a", true),
        ("Match host *.example", "a.example", true),
        ("Match host a,b", "c", false),
        ("Match originalhost a", "a", true),
        ("Match !host a", "a", false),
    ];
    for (block, host, expected) in cases {
        let found = settings(&format!("{block}\n\tPort 99\n"), host).unwrap();
        assert_eq!(found.port.is_some(), *expected, "{block} / {host}");
    }
}

#[test]
fn tokens_and_tildes_are_expanded() {
    let text = "Host web\n HostName %h.corp.example\n User deploy\n IdentityFile ~/.ssh/%r@%n\n IdentityFile %d/k\n \
                IdentityFile none\n UserKnownHostsFile ~/kh /etc/%h\n GlobalKnownHostsFile none\n IdentityAgent none\n";
    let found = settings(text, "web").unwrap();
    assert_eq!(found.host_name.as_deref(), Some("web.corp.example"));
    let files = ["/home/ann/.ssh/deploy@web", "/home/ann/k"].map(PathBuf::from);
    assert_eq!(found.identity_files, files);
    let known = ["/home/ann/kh", "/etc/web.corp.example"].map(PathBuf::from);
    assert_eq!(found.user_known_hosts.unwrap(), known);
    assert_eq!(found.global_known_hosts.unwrap(), Vec::<PathBuf>::new());
    assert_eq!(found.identity_agent, Some(None));
    assert!(settings("IdentityFile ${HOME}/k", "a").unwrap_err().contains("config:1: "));
    assert!(settings("IdentityFile %Lk", "a").unwrap_err().contains("`%L`"));
}

#[test]
fn what_changes_the_connection_and_is_not_supported_is_an_error_for_its_hosts_only() {
    let cases = [
        "ProxyCommand nc %h %p",
        "CanonicalizeHostname yes",
        "BindAddress 10.0.0.1",
        "KnownHostsCommand /bin/x",
        "CertificateFile ~/c",
    ];
    for line in cases {
        let text = format!("Host bad\n  {line}\nHost *\n  Port 7\n");
        assert!(settings(&text, "bad").unwrap_err().contains("config:2: "), "{line}");
        assert_eq!(settings(&text, "good").unwrap().port, Some(7), "{line}");
    }
    let text = "Match host good exec \"test -f x\"\n  Port 9\nMatch exec yes\n  Compression yes\n";
    assert!(settings(text, "good").unwrap_err().contains("`Match exec`"));
    assert_eq!(settings(text, "other").unwrap(), HostSettings::default());
}

#[test]
fn jumps_commands_and_times() {
    let text = "Host a\n ProxyJump none\nHost b\n ProxyJump j1,ann@j2:2222\nHost c\n ProxyJump j\n ProxyCommand x\n\
                Host *\n ProxyJump other\n ConnectTimeout 1m30\n ServerAliveInterval 20\n";
    assert!(settings(text, "a").unwrap().proxy_jump.is_empty());
    assert_eq!(settings(text, "b").unwrap().proxy_jump, ["j1", "ann@j2:2222"]);
    assert_eq!(settings(text, "c").unwrap().proxy_jump, ["j"]);
    let found = settings(text, "d").unwrap();
    assert_eq!((found.connect_timeout, found.server_alive_interval), (Some(90), Some(20)));
    for wrong in ["ConnectTimeout x", "Port 99999", "Port", "IdentitiesOnly maybe", "HostName \"a"] {
        assert!(settings(wrong, "a").unwrap_err().starts_with("/home/ann/.ssh/config:1: "), "{wrong}");
    }
}

#[test]
fn weak_checking_is_not_honoured() {
    for (value, warned) in [("no", 1), ("accept-new", 1), ("off", 1), ("yes", 0), ("ask", 0)] {
        let found = settings(&format!("StrictHostKeyChecking {value}"), "a").unwrap();
        assert_eq!(found.warnings.len(), warned, "{value}");
    }
}

#[test]
fn files_are_included_under_the_condition_of_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let ssh = folder.path().join(".ssh");
    std::fs::create_dir_all(ssh.join("conf.d")).unwrap();
    std::fs::write(ssh.join("conf.d/10.conf"), "Port 10\nHost b\nUser inner\n").unwrap();
    std::fs::write(ssh.join("conf.d/20.conf"), "Port 20\n").unwrap();
    std::fs::write(ssh.join("conf.d/skipped"), "Port 30\n").unwrap();
    std::fs::write(ssh.join("config"), "Host a b\n Include conf.d/*.conf missing\nHost *\n Port 40\n")
        .unwrap();
    let config = SshConfig::load(folder.path()).unwrap();
    let host = |name| config.host(name, &[], folder.path(), None, "ann").unwrap();
    assert_eq!((host("a").port, host("a").user), (Some(10), None));
    assert_eq!(host("b").user.as_deref(), Some("inner"));
    assert_eq!(host("c").port, Some(40));
    std::fs::write(ssh.join("config"), "Include config\n").unwrap();
    assert!(SshConfig::load(folder.path()).unwrap_err().to_string().contains("nested"));
}

#[test]
fn given_settings_are_stronger_than_files() {
    let home = Path::new("/home/ann");
    let config = SshConfig::parse("Host *\n Port 1\n User file\n", Path::new("c"), home).unwrap();
    let given = [parse_setting("Port=2", "args").unwrap().unwrap()];
    let found = config.host("a", &given, home, None, "ann").unwrap();
    assert_eq!((found.port, found.user.as_deref()), (Some(2), Some("file")));
}

#[test]
fn words_split_outside_of_quotes() {
    let cases: &[(&str, Option<&[&str]>)] = &[
        ("a  b", Some(&["a", "b"])),
        ("'a b' c", Some(&["a b", "c"])),
        ("a\"b c\"d", Some(&["ab cd"])),
        ("a\\ b", Some(&["a b"])),
        ("''", Some(&[""])),
        ("", Some(&[])),
        ("'a", None),
    ];
    for (text, expected) in cases {
        assert_eq!(
            split_words(text, false),
            expected.map(|words| words.iter().map(|w| (*w).to_owned()).collect())
        );
    }
}
