//! `trust scan`, `list` and `forget`: which file, which name, which hosts.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixListener;

use crate::support::environment::Environment;
use crate::support::sshd::{Sshd, address, user};

/// Hosts `a`, `b`, ... with these options of ssh each, behind one server.
fn inventory(sshd: &Sshd, arguments: &[&str]) -> Environment {
    let environment = Environment::new();
    let mut text = format!("all:\n  vars:\n    ansible_user: {}\n  hosts:\n", user());
    for (index, arguments) in arguments.iter().enumerate() {
        let (name, number) = (char::from(b'a' + u8::try_from(index).unwrap()), index + 1);
        text.push_str(&format!(
            "    {name}:\n      ansible_host: {}\n      ansible_port: {}\n      ansible_ssh_common_args: {arguments:?}\n",
            address(number),
            sshd.port(number),
        ));
    }
    environment.write("inventory.yml", &text);
    let config = format!("IdentityFile {}\nIdentitiesOnly yes\n", sshd.key().display());
    environment.write("home/.ssh/config", &config);
    environment
}

fn trust<'a>(action: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["trust", action, "-i", "inventory.yml"], more].concat()
}

fn option(environment: &Environment, file: &str) -> String {
    format!("-o UserKnownHostsFile={}", environment.path(file).display())
}

#[test]
fn the_keys_of_each_host_go_to_its_own_file() {
    let (sshd, elsewhere) = (Sshd::start(3), Environment::new());
    let options = ["a", "b"].map(|file| option(&elsewhere, file));
    let environment = inventory(&sshd, &[&options[0], &options[1], "-o UserKnownHostsFile=none"]);
    // `c` has no file of its own, and the system's is not to be written.
    let refused = environment.run(&trust("scan", &["--yes"])).expect(1).stderr;
    assert!(refused.contains("`c`") && refused.contains("--known-hosts"), "{refused}");
    assert!(!elsewhere.path("a").exists());

    environment.run(&trust("scan", &["--yes", "-l", "a,b"])).expect(0);
    for (index, file) in ["a", "b"].into_iter().enumerate() {
        assert_eq!(elsewhere.read(file).lines().count(), 1);
        let name = format!("[{}]:{} ", address(index + 1), sshd.port(1));
        assert!(elsewhere.read(file).starts_with(&name), "{}", elsewhere.read(file));
    }
    let listed = environment.run(&trust("list", &["-l", "a,b"])).expect(0).stdout;
    assert_eq!(listed.lines().count(), 2, "{listed}");

    let known = elsewhere.path("all").display().to_string();
    environment.run(&trust("scan", &["--yes", "--known-hosts", &known])).expect(0);
    assert_eq!(elsewhere.read("all").lines().count(), 3);

    let forgotten = environment.run(&trust("forget", &["-l", "b"])).expect(0).stdout;
    assert!(forgotten.starts_with("removed 1 key from"), "{forgotten}");
    assert_eq!((elsewhere.read("a").lines().count(), elsewhere.read("b").as_str()), (1, ""));
}

#[test]
fn an_alias_is_scanned_listed_and_forgotten_under_its_name() {
    let sshd = Sshd::start(2);
    let environment = inventory(&sshd, &["-o HostKeyAlias=Web", ""]);
    environment.run(&trust("scan", &["--yes"])).expect(0);
    // A line that is about the address and port of `a`, and not about `a`.
    let file = "home/.ssh/known_hosts";
    let other = sshd.known_host(&address(1), sshd.port(1));
    environment.write(file, &format!("{}{other}", environment.read(file)));

    let listed = environment.run(&trust("list", &["-l", "a"])).expect(0).stdout;
    assert!(listed.lines().count() == 1 && listed.ends_with("  web\n"), "{listed}");
    let forgotten = environment.run(&trust("forget", &["-l", "a"])).expect(0).stdout;
    assert!(forgotten.starts_with("removed 1 key from"), "{forgotten}");
    let left = environment.read(file);
    assert!(left.contains(&other) && left.lines().count() == 2 && !left.contains("web"), "{left}");
}

#[test]
fn what_is_no_file_is_not_replaced() {
    let (sshd, elsewhere) = (Sshd::start(1), Environment::new());
    // It stands for `/dev/null`, which a failure of this test must not replace.
    let socket = elsewhere.path("null");
    let _listening = UnixListener::bind(&socket).unwrap();
    let option = option(&elsewhere, "null");
    let environment = inventory(&sshd, &[&format!("-o StrictHostKeyChecking=no {option}")]);
    for action in [trust("scan", &["--yes"]), trust("forget", &["-l", "a"])] {
        let refused = environment.run(&action).expect(1).stderr;
        assert!(refused.contains("/null` is not a regular file"), "{refused}");
        assert!(refused.contains("--known-hosts FILE"), "{refused}");
    }
    assert!(fs::metadata(&socket).unwrap().file_type().is_socket());
}

#[test]
fn hosts_behind_an_unknown_jump_host_are_scanned_after_it() {
    let sshd = Sshd::start(2);
    let jump = format!("-J {}@{}:{}", user(), address(2), sshd.port(2));
    let environment = inventory(&sshd, &[&jump]);
    // Nobody can be asked: the jump host's key is shown, and that of the host not yet.
    let said = environment.run(&trust("scan", &[])).expect(1);
    let name = format!("[{}]:{}", address(2), sshd.port(2));
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert!(lines[0].starts_with(&format!("{name} (jump host)")) && lines[0].ends_with("  new"), "{lines:?}");
    assert!(lines[1].starts_with("a ") && lines[1].contains(&format!("behind the jump host `{name}`")));
    assert!(said.stderr.contains("--yes"), "{}", said.stderr);

    let said = environment.run(&trust("scan", &["--yes", "--output", "json"])).expect(0);
    let scanned: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let jumps: Vec<_> = scanned["keys"].as_array().unwrap().iter().map(|key| key["jump"].as_bool()).collect();
    assert_eq!(jumps, [Some(true), Some(false)], "{scanned}");
    assert_eq!(scanned["waiting"], serde_json::json!([]), "{scanned}");
    let known = environment.read("home/.ssh/known_hosts");
    assert!(known.starts_with(&format!("{name} ")) && known.lines().count() == 2, "{known}");

    let again = environment.run(&trust("scan", &[])).expect(0).stdout;
    assert!(again.lines().count() == 1 && again.ends_with("  known\n"), "{again}");
}

#[test]
fn jump_hosts_behind_jump_hosts_are_scanned_one_after_the_other() {
    let sshd = Sshd::start(4);
    let hop = |number| format!("{}@{}:{}", user(), address(number), sshd.port(number));
    let jumps = format!("-J {},{}", hop(3), hop(4));
    let environment = inventory(&sshd, &[&jumps, &jumps]);
    let said = environment.run(&trust("scan", &["--yes"])).expect(0);
    let firsts: Vec<&str> = said.stdout.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let names = [3, 4].map(|number| format!("[{}]:{}", address(number), sshd.port(number)));
    let expected = [names[0].as_str(), "a", "b", &names[1], "a", "b", "a", "b"];
    assert_eq!(firsts, expected, "{}", said.stdout);
    assert_eq!(said.stderr.matches("asking the hosts behind").count(), 2, "{}", said.stderr);
    assert_eq!(environment.read("home/.ssh/known_hosts").lines().count(), 4);
}

#[test]
fn a_jump_host_whose_key_has_changed_is_not_passed() {
    let sshd = Sshd::start(2);
    let jump = format!("-J {}@{}:{}", user(), address(2), sshd.port(2));
    let environment = inventory(&sshd, &[&jump]);
    environment.write("home/.ssh/known_hosts", &sshd.wrong_host(&address(2), sshd.port(2)));
    let said = environment.run(&trust("scan", &["--yes"])).expect(4).stdout;
    assert!(said.contains("(jump host)") && said.contains("CHANGED: "), "{said}");
    assert!(said.contains("no key: host key of") && said.contains("has changed"), "{said}");
    assert_eq!(environment.read("home/.ssh/known_hosts").lines().count(), 1);
}
