//! Ctrl-C: once, the steps in hand end and no other begins; twice, what runs is stopped.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use paceline::executor::event::{EventKind, HostStatus};
use rustix::process::Signal;

use super::Scene;
use crate::support::environment::{Environment, Events};
use crate::support::processes;
use crate::support::running::Running;

const PLAYBOOK: &str = r#"
- hosts: web
  gather_facts: false
  tasks:
    - shell: touch begun; sleep LONG; touch ended
      args: { chdir: "{{ work }}" }
    - file: { path: "{{ work }}/never", state: directory }
"#;

const APPLY: [&str; 7] = ["apply", "-i", "inventory.yml", "playbook.yml", "--yes", "--output", "json"];

fn levels(events: &Events) -> Vec<u8> {
    let level = |kind: &EventKind| match kind {
        EventKind::RunCancelled { level } => Some(*level),
        _ => None,
    };
    events.0.iter().filter_map(|event| level(&event.kind)).collect()
}

#[test]
fn once_ends_the_step_in_hand_and_begins_no_other() {
    let scene = Scene::new();
    scene.write(&PLAYBOOK.replace("LONG", "2"));
    let mut run = scene.environment.start(&APPLY);
    let begun = scene.environment.path("hosts/good/work/begun");
    run.until("the step in hand", |_| begun.exists());
    run.signal(Signal::INT);
    let ended = run.end().expect(99);
    let events = Events::read(&ended);
    assert_eq!(levels(&events), [1]);
    assert!(scene.environment.path("hosts/good/work/ended").exists(), "the step in hand was cut off");
    assert!(!scene.environment.path("hosts/good/work/never").exists(), "another step ran");
    assert_eq!(events.of("good").failed, 0);
    // It did not come to its end, although nothing failed.
    let end =
        |kind: &EventKind| matches!(kind, EventKind::HostFinished { status: HostStatus::Cancelled, .. });
    assert!(events.0.iter().any(|event| end(&event.kind)), "{:?}", events.0);
}

#[test]
fn twice_stops_the_command() {
    let scene = Scene::new();
    scene.write(&PLAYBOOK.replace("LONG", "1004"));
    let mut run = scene.environment.start(&APPLY);
    let begun = scene.environment.path("hosts/good/work/begun");
    run.until("the step in hand", |_| begun.exists());
    run.signal(Signal::INT);
    run.until("the first one seen", |run| run.stdout().contains("run_cancelled"));
    run.signal(Signal::INT);
    let ended = run.end().expect(99);
    let events = Events::read(&ended);
    assert_eq!(levels(&events), [1, 2]);
    assert!(!scene.environment.path("hosts/good/work/ended").exists());
    assert!(!scene.environment.path("hosts/good/work/never").exists());
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !scene.sshd.left_behind().is_empty() {
        assert!(std::time::Instant::now() < patience, "the command runs on");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// Wherever a host is when it comes: on its way, with steps half sent, or with results on their way back.
#[test]
fn once_ends_the_run_whenever_it_comes() {
    let environment = Environment::new();
    environment.write(
        "playbook.yml",
        r#"
- hosts: all
  gather_facts: false
  connection: local
  tasks:
    - file: { path: "{{ playbook_dir }}/made/{{ inventory_hostname }}/{{ item }}", state: directory }
      loop: "{{ range(0, 120) | list }}"
"#,
    );
    let base = "paceline_base={{ playbook_dir }}/base/{{ inventory_hostname }}";
    let mut cancelled = 0;
    for number in 1..=10 {
        let mut run = environment.start(&["apply", "-i", "a,b,c,d,", "playbook.yml", "--yes", "-e", base]);
        run.until("the signal is heard", |run| processes::catches(run.id(), Signal::INT));
        std::thread::sleep(std::time::Duration::from_millis(30 * number));
        run.signal(Signal::INT);
        let ended = run.end();
        assert!(matches!(ended.code, 0 | 99), "{}: {}", ended.code, ended.stderr);
        if ended.code == 99 {
            cancelled += 1;
            // A loop that was cut short is no task that is done.
            if number % 5 == 0 {
                environment.run(&["resume", "latest", "--yes"]).expect(0);
                for host in ["a", "b", "c", "d"] {
                    let made = std::fs::read_dir(environment.path(&format!("made/{host}")));
                    assert_eq!(made.map_or(0, Iterator::count), 120, "{host}");
                }
            }
        }
        let _ = std::fs::remove_dir_all(environment.path("made"));
    }
    assert!(cancelled > 2, "nearly all runs were over before the signal: {cancelled}");
}

#[test]
fn a_termination_and_a_lost_terminal_are_like_the_first() {
    for signal in [Signal::TERM, Signal::HUP] {
        let scene = Scene::new();
        scene.write(&PLAYBOOK.replace("LONG", "2"));
        let mut run = scene.environment.start(&APPLY);
        let begun = scene.environment.path("hosts/good/work/begun");
        run.until("the step in hand", |_| begun.exists());
        run.signal(signal);
        let events = Events::read(&run.end().expect(99));
        assert_eq!(levels(&events), [1]);
        assert!(scene.environment.path("hosts/good/work/ended").exists());
        assert!(!scene.environment.path("hosts/good/work/never").exists());
    }
}

#[test]
fn a_lost_terminal_does_not_matter_under_nohup() {
    let scene = Scene::new();
    scene.write(&PLAYBOOK.replace("LONG", "1"));
    let program = scene.environment.paceline(&APPLY);
    let mut command = Command::new("nohup");
    command.arg(program.get_program()).args(APPLY).current_dir(scene.environment.folder()).env_clear();
    command.env("HOME", scene.environment.path("home")).env("PATH", "/usr/bin:/bin");
    let mut run = Running::start(&mut command);
    let begun = scene.environment.path("hosts/good/work/begun");
    run.until("the step in hand", |_| begun.exists());
    run.signal(Signal::HUP);
    run.end().expect(0);
}

/// Types Ctrl-C at a prompt on a terminal; returns what stands there afterwards, with exit code and settings.
fn interrupted_at(environment: &Environment, prompt: &str, arguments: &str) -> String {
    let program = environment.paceline(&[]);
    let program = paceline::shell::quote(program.get_program().to_str().unwrap());
    let line = format!("trap : INT; {program} {arguments}; echo code $?; stty -a");
    let mut command = Command::new("script");
    command.args(["-qefc", &line, "/dev/null"]).current_dir(environment.folder()).env_clear();
    command.env("HOME", environment.path("home")).env("PATH", "/usr/bin:/bin").env("TERM", "xterm");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut shown, mut typed) = (Vec::new(), false);
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stdout.read(&mut buffer) {
        shown.extend_from_slice(&buffer[..length]);
        if !typed && String::from_utf8_lossy(&shown).contains(prompt) {
            // The terminal is set up just after the prompt was written.
            std::thread::sleep(std::time::Duration::from_millis(200));
            stdin.write_all(b"\x03").unwrap();
            typed = true;
        }
    }
    child.wait().unwrap();
    String::from_utf8_lossy(&shown).into_owned()
}

#[test]
fn at_a_prompt_it_ends_the_program_and_leaves_the_terminal_as_it_was() {
    let environment = Environment::new();
    let hosts: String = (1..=21).map(|number| format!("    h{number:02}:\n")).collect();
    environment.write("inventory.yml", &format!("web:\n  hosts:\n{hosts}"));
    environment.write("playbook.yml", "- hosts: all\n  tasks:\n    - ping:\n");
    for (prompt, options) in [("[y/N]", ""), ("SSH password", "--yes -k"), ("BECOME password", "--yes -K")] {
        let arguments = format!("apply -i inventory.yml playbook.yml {options}");
        let shown = interrupted_at(&environment, prompt, &arguments);
        assert!(shown.contains("code 99"), "{shown}");
        for setting in ["echo", "icanon", "isig"] {
            assert!(shown.split_whitespace().any(|word| word == setting), "{setting} is off: {shown}");
        }
        assert!(!environment.path(".paceline").exists(), "a run began");
    }
}
