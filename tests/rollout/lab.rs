//! The lab: it ends what it started, removes what it made, and leaves everything else alone.

use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::environment::Environment;
use crate::support::processes;

const UP: [&str; 6] = ["lab", "up", "--hosts", "1", "--folder", "mine"];
const DOWN: [&str; 4] = ["lab", "down", "--folder", "mine"];

/// Ends a process of the test with it.
struct Bystander(std::process::Child);

impl Bystander {
    fn start() -> Self {
        Self(Command::new("sleep").arg("300").stdin(Stdio::null()).spawn().unwrap())
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_number_in_a_file_is_no_lab() {
    let environment = Environment::new();
    let mut bystander = Bystander::start();
    environment.write("mine/pid", &bystander.0.id().to_string());
    environment.run(&DOWN).expect(1);
    // Not even where the lab that wrote the number has ended since.
    environment.write("mine/pid", &format!("paceline lab {}", bystander.0.id()));
    let ended = environment.run(&DOWN).expect(0);
    assert!(ended.stderr.contains("had ended already"), "{}", ended.stderr);
    assert!(bystander.lives());
    assert!(!environment.path("mine").exists());
}

#[test]
fn files_of_others_are_neither_used_nor_removed() {
    let environment = Environment::new();
    environment.write("mine/data", "precious");
    let ended = environment.run(&UP).expect(1);
    assert!(ended.stderr.contains("not empty"), "{}", ended.stderr);
    environment.run(&DOWN).expect(1);
    assert_eq!(environment.read("mine/data"), "precious");

    std::fs::remove_file(environment.path("mine/data")).unwrap();
    let mut up = environment.start(&UP);
    up.until("a lab", |up| up.stdout().contains("inventory: "));
    assert!(environment.run(&UP).expect(1).stderr.contains("is running in"));
    environment.write("mine/later", "precious");
    environment.run(&DOWN).expect(0);
    up.end().expect(0);
    let left: Vec<_> = std::fs::read_dir(environment.path("mine")).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(environment.read("mine/later"), "precious");
}

#[test]
fn up_and_down_speak_json() {
    let environment = Environment::new();
    let json = |text: &str| -> serde_json::Value { serde_json::from_str(text).unwrap() };
    let mut up = environment.start(&[&UP[..], &["--output", "json"]].concat());
    up.until("a lab", |up| up.stdout().ends_with("}\n"));
    assert_eq!(json(&up.stdout())["hosts"], serde_json::json!(["lab-01"]));
    let down = environment.run(&[&DOWN[..], &["--output", "json"]].concat()).expect(0);
    assert_eq!(json(&down.stdout)["was_running"], true);
    up.end().expect(0);
    assert!(!environment.path("mine").exists());
}

#[test]
fn a_third_interrupt_leaves_nothing_behind() {
    let environment = Environment::new();
    let temporary = environment.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    environment.write(
        "playbook.yml",
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - shell: trap '' TERM INT HUP; touch ~/begun; sleep 300\n",
    );
    let mut command =
        environment.paceline(&["lab", "run", "playbook.yml", "--hosts", "1", "--output", "json"]);
    let mut run = crate::support::running::Running::start(command.env("TMPDIR", &temporary));
    let begun = || -> Option<std::path::PathBuf> {
        let lab = std::fs::read_dir(&temporary).unwrap().flatten().next()?.path();
        Some(lab.join("hosts/lab-01")).filter(|root| root.join("home/begun").exists())
    };
    run.until("the step in hand", |_| begun().is_some());
    let mark = format!("PACELINE_LAB_HOST={}", begun().unwrap().canonicalize().unwrap().display());
    assert!(!processes::with_environment(&mark).is_empty());
    run.signal(Signal::INT);
    run.until("the first one seen", |run| run.stdout().contains("\"level\":1"));
    // Both at once, so that the third one comes before the second one is through.
    run.signal(Signal::INT);
    run.until("the second one seen", |run| run.stdout().contains("\"level\":2"));
    run.signal(Signal::INT);
    run.end().expect(99);
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "files were left behind");
    let gone = || processes::with_environment(&mark).is_empty();
    for _ in 0..100 {
        if gone() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("processes were left behind");
}
