//! What undoes commands and services: after a rollback the host is as it was, and says so itself.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use paceline::executor::event::EventKind;

use super::Fleet;
use crate::support::tree::{difference, tree_with_times};

const COMMANDS: &str = r#"
- hosts: web
  gather_facts: false
  vars: { secret: "s3cret'word" }
  tasks:
    - name: Unpack
      shell: mkdir -p new/deep && echo "{{ secret }}" > new/deep/made
      args: { chdir: "{{ work }}", creates: "{{ work }}/new/deep/made" }
    - name: Clean up
      command: rm -r tree
      args: { chdir: "{{ work }}", removes: tree }
    - name: Edit in place
      shell: echo more >> {{ work }}/lines; touch {{ work }}/list/{{ item }}
      covers: ["{{ work }}/lines", "{{ lists }}"]
      vars: { lists: "{{ work }}/list" }
      loop: [a, b]
    - name: Register
      raw: echo registered >> {{ work }}/../log
      register: made
      rollback:
        - name: Unregister {{ inventory_hostname }}
          shell: echo "gone $WORD {{ made_by }}" >> {{ work }}/../log
          vars: { made_by: "{{ who.stdout }}" }
        - { command: "false", when: false }
      environment: { WORD: word }
  pre_tasks:
    - { command: echo me, register: who, changed_when: false }
"#;

fn before(fleet: &Fleet, host: &str) {
    let work = fleet.work(host);
    fs::create_dir_all(work.join("tree/in")).unwrap();
    fs::create_dir_all(work.join("list/in")).unwrap();
    for name in ["lines", "tree/in/file", "list/in/old"] {
        fs::write(work.join(name), name).unwrap();
    }
    let touch = ["-depth", "-exec", "touch", "-h", "-d", "2020-01-02", "{}", ";"];
    assert!(Command::new("find").arg(&work).args(touch).status().unwrap().success());
}

#[test]
fn commands_that_say_what_they_touch_are_undone() {
    let fleet = Fleet::of(2);
    before(&fleet, "h01");
    before(&fleet, "h02");
    let was = tree_with_times(&fleet.work("h01"));
    fleet.environment.write("playbook.yml", COMMANDS);
    let events = fleet.apply(0, &[]);
    assert_eq!(events.of("h01").changed, 4);
    assert_ne!(difference(&was, &tree_with_times(&fleet.work("h01"))), "");
    let ended = fleet.environment.run(&["rollback", "latest", "--plan"]).expect(0);
    for words in ["absent", "Unregister h01", "directory", "point 1:"] {
        assert!(ended.stdout.contains(words), "{words}: {}", ended.stdout);
    }
    assert!(!ended.stdout.contains("cannot be undone"), "{}", ended.stdout);
    // The controller's playbook, roles and variables are of no use to it.
    fs::remove_file(fleet.environment.path("playbook.yml")).unwrap();
    fleet.environment.events(0, &["rollback", "latest"]);
    for host in ["h01", "h02"] {
        assert_eq!(difference(&was, &tree_with_times(&fleet.work(host))), "", "{host}");
        let log = fs::read_to_string(fleet.work(host).join("../log")).unwrap();
        assert_eq!(log, "registered\ngone word me\n", "{host}");
    }
    fleet.environment.events(0, &["rollback", "latest"]);
    assert_eq!(fs::read_to_string(fleet.work("h01").join("../log")).unwrap().lines().count(), 2);
}

#[test]
fn a_task_that_undoes_nothing_fails_before_it_runs() {
    let fleet = Fleet::of(1);
    fleet.environment.write(
        "playbook.yml",
        "- hosts: web\n  gather_facts: false\n  tasks:\n    - command: touch {{ work }}/made\n      rollback: [{ command: \"rm {{ nothing }}\" }]\n",
    );
    let events = fleet.apply(2, &[]);
    assert!(events.reason("h01").contains("`nothing` is undefined"), "{}", events.reason("h01"));
    assert!(!fleet.work("h01").join("made").exists());
}

#[test]
fn a_rollback_that_fails_says_which_task_did() {
    let fleet = Fleet::of(1);
    fleet.environment.write(
        "playbook.yml",
        "- hosts: web\n  gather_facts: false\n  tasks:\n    - copy: { content: x, dest: \"{{ work }}/x\" }\n    - command: touch {{ work }}/made\n      rollback: [{ name: Take it away, shell: 'echo s3cret; exit 7' }]\n      no_log: true\n    - command: touch {{ work }}/y\n      rollback: [{ name: Take it away, shell: 'echo said; exit 8' }]\n",
    );
    fleet.apply(0, &[]);
    let events = fleet.environment.events(2, &["rollback", "latest"]);
    let reason = events.reason("h01");
    assert!(reason.contains("`Take it away` ended with status 8") && reason.contains("1 more"), "{reason}");
    assert!(!fleet.work("h01").join("x").exists(), "everything else came back");
    let run = events.0[0].run.clone();
    let log = fleet.environment.read(&format!(".paceline/runs/{run}/hosts/h01.log"));
    assert!(log.contains("said") && !log.contains("s3cret"), "{log}");
}

/// A real service of this machine's init: an HTTP server that answers what its configuration said when it started.
struct Daemon {
    name: String,
    script: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
}

impl Daemon {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("daemon-").tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let name = format!("paceline-test-{port}");
        let script = PathBuf::from("/etc/init.d").join(&name);
        Self { name, script, folder, port }
    }

    /// Its init script, which has to be installed by somebody.
    fn text(&self) -> String {
        format!(
            r#"#!/bin/sh
### BEGIN INIT INFO
# Provides: {name}
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop:
### END INIT INFO
folder={folder}
running() {{ [ -e $folder/pid ] && kill -0 "$(cat $folder/pid)" 2>/dev/null; }}
start() {{
  running && return 0
  mkdir -p $folder/www && cp $folder/agent.conf $folder/www/index.html || exit 1
  busybox httpd -f -p 127.0.0.1:{port} -h $folder/www >/dev/null 2>&1 </dev/null &
  echo $! >$folder/pid
}}
stop() {{ running || return 0; kill "$(cat $folder/pid)"; while running; do sleep 0.05; done; rm -f $folder/pid; }}
case $1 in
  start) start ;;
  stop) stop ;;
  restart) stop; start ;;
  status) running ;;
  *) exit 2 ;;
esac
"#,
            name = self.name,
            folder = self.folder.path().display(),
            port = self.port,
        )
    }

    fn install(&self) {
        fs::write(&self.script, self.text()).expect("services are for root: run this test as root");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&self.script, mode).unwrap();
    }

    fn control(&self, word: &str) {
        let ended = Command::new(&self.script).arg(word).stdin(Stdio::null()).status().unwrap();
        assert!(ended.success(), "{word}");
    }

    fn configure(&self, text: &str) {
        fs::write(self.folder.path().join("agent.conf"), text).unwrap();
    }

    /// What it answers; nothing when it does not.
    fn answer(&self) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    }

    #[track_caller]
    fn answers(&self, expected: Option<&str>) {
        let start = Instant::now();
        while self.answer().as_deref() != expected {
            assert!(start.elapsed() < Duration::from_secs(10), "it answers {:?}", self.answer());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn playbook(&self, fleet: &Fleet, tasks: &str) {
        fleet.environment.write("files/script", &self.text());
        let text = format!(
            "- hosts: web\n  gather_facts: false\n  vars:\n    daemon: {}\n    conf: {}/agent.conf\n    script: {}\n{tasks}",
            self.name,
            self.folder.path().display(),
            self.script.display()
        );
        fleet.environment.write("playbook.yml", &text);
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.script.exists() {
            let _ = Command::new(&self.script).arg("stop").status();
        }
        if let Ok(pid) = fs::read_to_string(self.folder.path().join("pid")) {
            let _ = Command::new("kill").arg(pid.trim()).stderr(Stdio::null()).status();
        }
        let _ = fs::remove_file(&self.script);
    }
}

#[test]
fn a_service_answers_with_its_old_configuration_again() {
    let (fleet, daemon) = (Fleet::of(1), Daemon::new());
    daemon.install();
    daemon.configure("old\n");
    daemon.control("start");
    daemon.answers(Some("old\n"));
    for handler in
        ["service: { name: \"{{ daemon }}\", state: restarted }", "command: \"{{ script }} restart\""]
    {
        let tasks = format!(
            "  tasks:\n    - copy: {{ content: \"new\\n\", dest: \"{{{{ conf }}}}\" }}\n      notify: Restart\n  handlers:\n    - name: Restart\n      {handler}\n"
        );
        daemon.playbook(&fleet, &tasks);
        let events = fleet.apply(0, &[]);
        daemon.answers(Some("new\n"));
        let covers: Vec<String> = events
            .0
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::RollbackPoint { covers, .. } => Some(covers.clone()),
                _ => None,
            })
            .collect();
        assert!(covers.contains(&"activation".to_owned()), "{covers:?}");
        let plan = fleet.environment.run(&["rollback", "latest", "--plan"]).expect(0);
        assert!(!plan.stdout.contains("cannot be undone"), "{}", plan.stdout);
        assert!(plan.stdout.contains("would repeat point "), "{}", plan.stdout);
        let back = fleet.environment.events(0, &["rollback", "latest"]);
        daemon.answers(Some("old\n"));
        assert_eq!(usize::try_from(back.of("h01").rolled_back).unwrap(), covers.len(), "{covers:?}");
    }
}

#[test]
fn a_service_that_was_stopped_and_started_answers_as_before() {
    let (fleet, daemon) = (Fleet::of(1), Daemon::new());
    daemon.install();
    daemon.configure("old\n");
    daemon.control("start");
    daemon.playbook(
        &fleet,
        "  tasks:\n    - service: { name: \"{{ daemon }}\", state: stopped }\n    - copy: { content: \"new\\n\", dest: \"{{ conf }}\" }\n    - service: { name: \"{{ daemon }}\", state: started }\n",
    );
    fleet.apply(0, &[]);
    daemon.answers(Some("new\n"));
    fleet.environment.events(0, &["rollback", "latest"]);
    daemon.answers(Some("old\n"));
}

#[test]
fn a_service_that_the_run_installed_is_gone_again() {
    let (fleet, daemon) = (Fleet::of(1), Daemon::new());
    daemon.playbook(
        &fleet,
        "  tasks:\n    - copy: { src: script, dest: \"{{ script }}\", mode: \"0755\" }\n    - copy: { content: \"new\\n\", dest: \"{{ conf }}\" }\n      notify: Restart\n    - service: { name: \"{{ daemon }}\", state: started, enabled: true }\n  handlers:\n    - name: Restart\n      command: \"{{ script }} restart\"\n",
    );
    fleet.apply(0, &[]);
    daemon.answers(Some("new\n"));
    fleet.environment.events(0, &["rollback", "latest"]);
    assert_eq!(daemon.answer(), None);
    assert!(!daemon.script.exists() && !daemon.folder.path().join("agent.conf").exists());
    let links = Command::new("sh").args(["-c", &format!("ls /etc/rc?.d/*{}", daemon.name)]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&links.stdout), "", "it does not start with the host");
}

#[test]
fn a_service_that_stays_down_fails_the_rollback() {
    let (fleet, daemon) = (Fleet::of(1), Daemon::new());
    daemon.install();
    daemon.configure("old\n");
    daemon.control("start");
    daemon.playbook(
        &fleet,
        "  tasks:\n    - copy: { content: \"new\\n\", dest: \"{{ conf }}\" }\n    - service: { name: \"{{ daemon }}\", state: stopped }\n",
    );
    fleet.apply(0, &[]);
    // Somebody broke it meanwhile.
    fs::write(&daemon.script, daemon.text().replace("  start) start ;;", "  start) ;;")).unwrap();
    let events = fleet.environment.events(2, &["rollback", "latest"]);
    let expected = format!("the service `{}` is stopped, and was running before", daemon.name);
    assert!(events.reason("h01").contains(&expected), "{}", events.reason("h01"));
    // It can be tried again.
    fs::write(&daemon.script, daemon.text()).unwrap();
    fleet.environment.events(0, &["rollback", "latest"]);
    daemon.answers(Some("old\n"));
}
