//! The reference: `ansible-playbook` and `ansible-inventory` from the virtual environment that `tests/run` makes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::environment::Environment;
use super::running::{Ended, Running};

/// Counts of one host: ok, changed, unreachable, failed, skipped, rescued, ignored.
pub(crate) type Counts = [u64; 7];

fn tool(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-venv/bin").join(name);
    assert!(path.exists(), "{} is missing; `tests/run` installs it", path.display());
    path
}

/// Runs one of Ansible's programs in the environment, with pipelining.
pub(crate) fn run(environment: &Environment, name: &str, arguments: &[&str]) -> Ended {
    let temporary = environment.path("ansible-tmp");
    fs::create_dir_all(&temporary).unwrap();
    // Made by the first user that needs it, the folder would be closed to those that others become.
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o1777)).unwrap();
    let known = environment.path("home/.ssh/known_hosts");
    let mut command = Command::new(tool(name));
    command
        .args(arguments)
        .current_dir(environment.folder())
        .env_clear()
        .env("HOME", environment.path("home"))
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .env("ANSIBLE_PIPELINING", "1")
        .env("ANSIBLE_FORKS", "10")
        // The sshd of the tests has no file transfer of its own, and trying costs a second a file.
        .env("ANSIBLE_SSH_TRANSFER_METHOD", "piped")
        .env("ANSIBLE_PYTHON_INTERPRETER", "/usr/bin/python3")
        .env("ANSIBLE_REMOTE_TMP", &temporary)
        // Where it is not absolute, the job is kept below `$HOME` and looked for in the user's real home.
        .env("ANSIBLE_ASYNC_DIR", temporary.join("async"))
        .env("ANSIBLE_LOCAL_TEMP", environment.path("ansible-local"))
        // The path of a control socket may not be long.
        .env("ANSIBLE_SSH_CONTROL_PATH_DIR", environment.path("cp"))
        .env("ANSIBLE_SSH_COMMON_ARGS", format!("-o UserKnownHostsFile={}", known.display()))
        .env("ANSIBLE_NOCOLOR", "1");
    Running::start(&mut command).end()
}

/// Reads the lines below `PLAY RECAP`.
pub(crate) fn recap(output: &str) -> BTreeMap<String, Counts> {
    let lines = output.lines().skip_while(|line| !line.starts_with("PLAY RECAP")).skip(1);
    let lines = lines.filter(|line| !line.trim().is_empty());
    let read = |line: &str| {
        let (host, counts) = line.split_once(':').unwrap_or_else(|| panic!("not a recap: `{line}`"));
        let counts = counts.split_whitespace().map(|count| count.split_once('=').unwrap().1.parse().unwrap());
        let counts: Vec<u64> = counts.collect();
        (host.trim().to_owned(), counts.try_into().unwrap())
    };
    lines.map(read).collect()
}
