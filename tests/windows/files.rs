//! Whole playbooks against the model of a Windows host, over SSH: files, access rules, the registry, archives, commands.

use std::fs;

use super::peer::{Model, support};
use crate::support::environment::Environment;
use crate::support::sshd::{Sshd, address, user};

/// A modelled host behind an sshd whose forced command it is.
struct Windows {
    environment: Environment,
    model: Model,
    _sshd: Sshd,
}

impl Windows {
    fn new() -> Self {
        let (environment, model) = (Environment::new(), Model::new());
        let command = format!(
            "ForceCommand exec env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={} python3 -m windows.shell {}",
            support().display(),
            model.folder().display()
        );
        let sshd = Sshd::with_config(1, &command);
        let (name, port) = (address(1), sshd.port(1));
        environment.write("known", &format!("{}\n", sshd.known_host(&name, port)));
        let inventory = format!(
            "all:\n  hosts:\n    win1: {{ansible_host: {name}, ansible_port: {port}, ansible_user: {}, \
             ansible_shell_type: powershell, ansible_ssh_private_key_file: {}}}\n",
            user(),
            sshd.key().display()
        );
        environment.write("inventory.yml", &inventory);
        Self { environment, model, _sshd: sshd }
    }

    /// Runs the tasks, and returns how many changed something.
    #[track_caller]
    fn apply(&self, code: i32, tasks: &str, more: &[&str]) -> u64 {
        let playbook = format!("- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}");
        self.environment.write("playbook.yml", &playbook);
        let all = ["apply", "playbook.yml", "-i", "inventory.yml", "--known-hosts", "known"];
        let all: Vec<&str> = all.iter().chain(more).copied().collect();
        self.environment.events(code, &all).of("win1").changed
    }

    #[track_caller]
    fn rollback(&self) {
        self.environment.events(0, &["rollback", "latest", "--known-hosts", "known"]);
    }

    /// Everything of the host but what every run leaves.
    fn snapshot(&self) -> serde_json::Value {
        serde_json::from_str(&self.model.control(&["snapshot"], &[])).unwrap()
    }
}

/// Bytes of a zip archive with stored entries.
fn zip(environment: &Environment, name: &str, entries: &[(&str, &str)]) {
    let list: Vec<String> = entries.iter().map(|(name, text)| format!("({name:?}, {text:?})")).collect();
    let script = format!(
        "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as archive:\n    for name, text in [{}]:\n        archive.writestr(name, text)\n",
        list.join(", ")
    );
    let path = environment.write(name, "");
    let status = std::process::Command::new("python3").arg("-c").arg(script).arg(&path).status().unwrap();
    assert!(status.success());
}

const TASKS: &str = r"
    - win_ping:
    - win_file: { path: 'C:\app\sub\deep', state: directory }
    - win_copy: { content: 'hello', dest: 'C:\app\hello.txt' }
    - win_copy: { src: tree, dest: 'C:\app\' }
    - copy: { src: tree/a.txt, dest: 'C:\app\plain.txt' }
    - win_template: { src: t.j2, dest: 'C:\app\t.conf' }
    - win_copy: { src: 'C:\app\hello.txt', dest: 'C:\app\copy.txt', remote_src: true }
    - lineinfile: { path: 'C:\app\lines.txt', line: 'more', create: true }
    - win_acl: { path: 'C:\app\sub', user: 'BUILTIN\Users', rights: Modify, type: allow }
    - win_acl_inheritance: { path: 'C:\app\sub', reorganize: true }
    - win_regedit: { path: 'HKLM:\SOFTWARE\Example\Test', name: a, data: 7, type: dword }
    - win_regedit: { path: 'HKLM:\SOFTWARE\Example\Test', name: m, data: [x, y], type: multistring }
    - win_environment: { name: EXAMPLE, value: v1, level: machine }
    - win_path: { elements: ['C:\app\bin'] }
    - unarchive: { src: a.zip, dest: 'C:\app\unpacked' }
    - win_shell: { cmd: 'echo x> C:\app\made.txt', executable: cmd, creates: 'C:\app\made.txt' }
";

#[test]
fn a_second_run_changes_nothing_and_a_rollback_leaves_the_host_as_it_was() {
    let windows = Windows::new();
    windows.environment.write("files/tree/a.txt", "one\r\n");
    windows.environment.write("files/tree/sub/b.txt", "two\n");
    windows.environment.write("templates/t.j2", "name={{ inventory_hostname }}\n");
    zip(&windows.environment, "files/a.zip", &[("x/one.txt", "1"), ("x/two.txt", "22")]);
    let before = windows.snapshot();
    assert!(windows.apply(0, TASKS, &["--check", "--diff"]) > 10);
    assert_eq!(windows.snapshot(), before);

    assert_eq!(windows.apply(0, TASKS, &[]), 15);
    assert_eq!(windows.model.control(&["read"], &[r"C:\app\t.conf"]), "name=win1\r\n");
    assert_eq!(windows.model.control(&["read"], &[r"C:\app\lines.txt"]), "more\r\n");
    let after = windows.snapshot();
    windows.rollback();
    assert_eq!(windows.snapshot(), before);

    windows.apply(0, TASKS, &[]);
    assert_eq!(windows.apply(0, TASKS, &[]), 0);
    assert_eq!(windows.snapshot()["registry"], after["registry"]);
}

#[test]
fn bytes_stay_what_they_are_both_ways() {
    let windows = Windows::new();
    let bytes: Vec<u8> =
        (0..3_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    windows.environment.write("files/x", "");
    fs::write(windows.environment.path("files/x"), &bytes).unwrap();
    let tasks = "    - win_copy: { src: x, dest: 'C:\\x.bin' }\n    - fetch: { src: 'C:\\x.bin', dest: back, flat: true }\n";
    windows.apply(0, tasks, &[]);
    assert_eq!(fs::read(windows.environment.path("back")).unwrap(), bytes);
    assert_eq!(windows.apply(0, tasks, &[]), 0);
}

#[test]
fn an_archive_with_one_bad_name_is_refused_whole() {
    let windows = Windows::new();
    let before = windows.snapshot();
    for (number, bad) in
        ["../evil.txt", "C:/evil.txt", "a/nul.txt", "a:stream", "tail. ", "A.txt"].iter().enumerate()
    {
        let name = format!("files/{number}.zip");
        zip(&windows.environment, &name, &[("a.txt", "1"), (bad, "2")]);
        let tasks = format!("    - unarchive: {{ src: '{number}.zip', dest: 'C:\\out' }}\n");
        windows.apply(2, &tasks, &[]);
        assert_eq!(windows.snapshot(), before, "{bad}");
    }
}

#[test]
fn a_command_is_undone_by_what_its_task_says() {
    let windows = Windows::new();
    windows.apply(0, "    - win_copy: { content: 'old', dest: 'C:\\a.txt' }\n", &[]);
    let before = windows.snapshot();
    let tasks = r"
    - win_shell: { cmd: 'echo new> C:\a.txt', executable: cmd }
      covers: ['C:\a.txt']
    - win_shell: { cmd: 'echo b> C:\b.txt', executable: cmd }
      rollback:
        - win_file: { path: 'C:\b.txt', state: absent }
";
    windows.apply(0, tasks, &[]);
    assert_ne!(windows.snapshot(), before);
    windows.rollback();
    assert_eq!(windows.snapshot(), before);
}

#[test]
fn facts_are_those_of_the_host() {
    let windows = Windows::new();
    let tasks = r"
    - setup:
    - assert:
        that:
          - ansible_os_family == 'Windows'
          - ansible_system == 'Win32NT'
          - ansible_distribution_version is match('10\.0\.')
          - ansible_powershell_version >= 5
          - ansible_memtotal_mb > 0
          - ansible_env.SystemRoot is defined
          - ansible_date_time.iso8601 is match('20')
";
    windows.apply(0, tasks, &[]);
}
