//! Secrets: in no file of the controller, in no output, in nobody's arguments, in nothing that is left on the host.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Scene;
use crate::support::processes;

/// Would be found by accident nowhere.
const SECRETS: [&str; 5] =
    ["s3cr3t-in-content", "s3cr3t-in-input", "s3cr3t-in-a-fact", "s3cr3t-in-a-template", "s3cr3t-in-a-loop"];

const PLAYBOOK: &str = r#"
- hosts: web
  gather_facts: false
  vars: { template_secret: s3cr3t-in-a-template }
  tasks:
    - name: Content
      copy: { content: "s3cr3t-in-content\n", dest: "{{ work }}/content", mode: "0600" }
      no_log: true
      diff: true
    - name: Input
      shell: cat; sleep 0.3
      args: { stdin: s3cr3t-in-input }
      no_log: true
      register: input
    - name: What was registered
      copy: { content: "{{ input.stdout }}\n", dest: "{{ work }}/input", mode: "0600" }
      no_log: true
    - name: A fact
      set_fact: { secret_fact: s3cr3t-in-a-fact }
      no_log: true
    - name: A template
      template: { src: secret.j2, dest: "{{ work }}/template", mode: "0600" }
      no_log: true
    - name: A loop
      copy: { content: "{{ item }}\n", dest: "{{ work }}/loop", mode: "0600" }
      loop: [s3cr3t-in-a-loop]
      no_log: true
    - name: A failure
      shell: cat; cat >&2; exit 1
      args: { stdin: s3cr3t-in-input }
      no_log: true
      ignore_errors: true
    - name: Not a secret
      command: echo seen-and-shown
"#;

/// Looks at the arguments and the environment of all processes until told to stop.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Vec<String>>,
}

impl Watch {
    fn start(secrets: &'static [&'static str]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut seen = Vec::new();
            while !stopped.load(Ordering::SeqCst) {
                let all = processes::all().into_iter().filter_map(processes::arguments);
                seen.extend(all.filter(|line| secrets.iter().any(|secret| line.contains(secret))));
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            seen
        });
        Self { stop, thread }
    }

    fn seen(self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

/// Files below a folder that hold one of the secrets.
fn holding(folder: &Path, secrets: &[&str]) -> Vec<String> {
    let entries = crate::support::tree::tree(folder).into_iter();
    let holds = |text: &str| secrets.iter().any(|secret| text.contains(secret));
    entries.filter(|(path, entry)| holds(path) || holds(entry)).map(|(path, _)| path).collect()
}

/// Folders of sessions on this machine that hold one of the secrets.
fn left_in_temporary_folders(secrets: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for place in ["/tmp", "/var/tmp", "/dev/shm"] {
        for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(".paceline-") {
                let files = std::fs::read_dir(entry.path()).into_iter().flatten().flatten();
                // Reading a fifo that a killed session left would wait for ever.
                for file in files.filter(|file| file.file_type().is_ok_and(|kind| kind.is_file())) {
                    let text = std::fs::read(file.path()).unwrap_or_default();
                    let text = String::from_utf8_lossy(&text);
                    found.extend(
                        secrets
                            .iter()
                            .filter(|secret| text.contains(**secret))
                            .map(|_| file.path().display().to_string()),
                    );
                }
            }
        }
    }
    found
}

#[test]
fn what_is_not_to_be_logged_is_nowhere() {
    let scene = Scene::new();
    scene.environment.write("templates/secret.j2", "{{ template_secret }} {{ secret_fact }}\n");
    scene.write(PLAYBOOK);
    let watch = Watch::start(&SECRETS);
    for arguments in [&["-vvv", "--diff"][..], &["--output", "json", "-vvv"]] {
        for file in ["content", "input", "template", "loop"] {
            let _ = std::fs::remove_file(scene.environment.path("hosts/good/work").join(file));
        }
        let mut all = vec!["apply", "-i", "inventory.yml", "playbook.yml"];
        all.extend(arguments);
        let ended = scene.environment.run(&all).expect(0);
        for secret in SECRETS {
            assert!(!ended.stdout.contains(secret), "standard output has `{secret}`:\n{}", ended.stdout);
            assert!(!ended.stderr.contains(secret), "standard error has `{secret}`:\n{}", ended.stderr);
        }
    }
    let log = scene.environment.run(&["runs", "logs", "latest", "good"]).expect(0).stdout;
    assert!(log.contains("seen-and-shown"), "the log is empty, so this shows nothing: {log}");
    assert_eq!(watch.seen(), Vec::<String>::new(), "arguments of processes");
    assert_eq!(holding(&scene.environment.path(".paceline"), &SECRETS), Vec::<String>::new());
    assert_eq!(left_in_temporary_folders(&SECRETS), Vec::<String>::new());
    assert_eq!(scene.environment.read("hosts/good/work/template"), "s3cr3t-in-a-template s3cr3t-in-a-fact\n");
    assert_eq!(scene.environment.read("hosts/good/work/input"), "s3cr3t-in-input\n");
}

/// The password of the users that `tests/contract/sudo-users.sh` makes.
const PASSWORD: [&str; 1] = ["correct horse"];

#[test]
fn a_sudo_password_is_nowhere_as_root() {
    let mut scene = Scene::new();
    scene.hosts.set("good", "ansible_user", "pl-asked");
    scene.hosts.set("good", "ansible_become_password", PASSWORD[0]);
    scene.write(
        r#"
- hosts: web
  gather_facts: false
  become: true
  tasks:
    - command: id -un
      register: me
    - assert: { that: [me.stdout == 'root'] }
    - copy: { content: "root\n", dest: "{{ work }}/root", mode: "0600" }
    - shell: sleep 0.3; env; cat /proc/$$/environ
"#,
    );
    let folder = scene.environment.folder();
    std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let watch = Watch::start(&PASSWORD);
    let ended = scene.environment.run(&["apply", "-i", "inventory.yml", "playbook.yml", "-vvv"]).expect(0);
    let json = scene
        .environment
        .run(&["apply", "-i", "inventory.yml", "playbook.yml", "--output", "json"])
        .expect(0);
    assert_eq!(watch.seen(), Vec::<String>::new(), "arguments of processes");
    for text in [&ended.stdout, &ended.stderr, &json.stdout, &json.stderr] {
        assert!(!text.contains(PASSWORD[0]), "{text}");
    }
    assert_eq!(holding(&scene.environment.path(".paceline"), &PASSWORD), Vec::<String>::new());
    assert_eq!(holding(&scene.environment.path("hosts"), &PASSWORD), Vec::<String>::new());
    assert_eq!(left_in_temporary_folders(&PASSWORD), Vec::<String>::new());
}

#[test]
fn a_wrong_sudo_password_fails_its_host_and_is_not_told_as_root() {
    let mut scene = Scene::new();
    scene.hosts.set("good", "ansible_user", "pl-asked");
    scene.hosts.set("good", "ansible_become_password", "wr0ng-pass");
    scene.write("- hosts: web\n  gather_facts: false\n  become: true\n  tasks:\n    - command: id -un\n");
    let ended = scene.environment.run(&["apply", "-i", "inventory.yml", "playbook.yml", "-vvv"]);
    assert!(matches!(ended.code, 2 | 4), "{}\n{}", ended.stdout, ended.stderr);
    assert!(!(ended.stdout.clone() + &ended.stderr).contains("wr0ng-pass"));
    assert!((ended.stdout + &ended.stderr).contains("password"), "the reason is not told");
    assert_eq!(holding(&scene.environment.path(".paceline"), &["wr0ng-pass"]), Vec::<String>::new());
}
