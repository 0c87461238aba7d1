//! What becomes of a run when its output or its state cannot be written, and what is asked before one.

use std::fs::File;
use std::process::Stdio;

use super::Fleet;
use crate::support::environment::Environment;
use crate::support::running::Running;

const ONE: &str = "- hosts: web\n  gather_facts: false\n  tasks:\n    - file: { path: \"{{ work }}/made\", state: directory }\n";

#[test]
fn output_that_cannot_be_written_does_not_change_the_verdict() {
    let fleet = Fleet::of(1);
    fleet.environment.write("playbook.yml", ONE);
    for output in ["human", "json"] {
        let arguments = ["apply", "-i", "inventory.yml", "playbook.yml", "--output", output];
        let mut command = fleet.environment.paceline(&arguments);
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ended = command.stdin(Stdio::null()).stdout(full).output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(0), "{stderr}");
        assert!(stderr.contains("warning: the output could not be written: No space left"), "{stderr}");
    }
    assert!(fleet.work("h01").join("made").exists());
}

#[test]
fn a_journal_that_cannot_be_written_is_an_internal_error() {
    let fleet = Fleet::of(1);
    let tasks = "    - command: \"true\"\n".repeat(60);
    fleet.environment.write("playbook.yml", &(ONE.to_owned() + &tasks));
    let program = fleet.environment.paceline(&[]);
    let program = program.get_program().to_str().unwrap();
    // Files of this program may not grow over 8 KiB: the disk is full in the middle of the run.
    let line = format!(
        "trap '' XFSZ; ulimit -f 16; exec {} apply -i inventory.yml playbook.yml --yes --output json",
        paceline::shell::quote(program)
    );
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &line]).current_dir(fleet.environment.folder()).env_clear();
    command.env("HOME", fleet.environment.path("home")).env("PATH", "/usr/bin:/bin");
    let ended = Running::start(&mut command).end().expect(250);
    assert!(
        ended.stderr.contains("error: the journal cannot be written: File too large"),
        "{}",
        ended.stderr
    );
    let last: serde_json::Value = serde_json::from_str(ended.stdout.lines().next_back().unwrap()).unwrap();
    assert_eq!((&last["kind"], &last["exit_code"]), (&"run_finished".into(), &250.into()));
}

#[test]
fn a_whole_fleet_is_asked_for_however_it_is_said() {
    let environment = Environment::new();
    let hosts: String = (1..=21).map(|number| format!("    h{number:02}:\n")).collect();
    environment
        .write("inventory.yml", &format!("web:\n  vars: {{ ansible_connection: local }}\n  hosts:\n{hosts}"));
    for pattern in ["all", "'*'", "[all]", "'all:all'", "'{{ t }}'"] {
        environment.write("playbook.yml", &ONE.replace("web", pattern));
        let arguments = ["apply", "-i", "inventory.yml", "playbook.yml", "-e", "t=all"];
        let ended = Running::start(&mut environment.unanswered(&arguments)).end().expect(1);
        assert!(ended.stderr.contains("all 21 hosts are targeted"), "{pattern}: {}", ended.stderr);
    }
    assert!(!environment.path(".paceline").exists());
    // Who names a group, or takes somebody out, has thought of it.
    for pattern in ["web", "'all:!h01'"] {
        let playbook = format!("- hosts: {pattern}\n  gather_facts: false\n  tasks: [{{ ping: }}]\n");
        environment.write("playbook.yml", &playbook);
        environment.run(&["apply", "-i", "inventory.yml", "playbook.yml"]).expect(0);
    }
}

#[test]
fn an_empty_variable_names_no_state_folder() {
    let environment = Environment::new();
    let run = |value: &str| {
        let ended = environment.paceline(&["runs"]).env("PACELINE_STATE_DIR", value).output().unwrap();
        (ended.status.code(), String::from_utf8(ended.stdout).unwrap())
    };
    assert_eq!(run(""), (Some(0), "no runs in .paceline\n".to_owned()));
    assert_eq!(run("other"), (Some(0), "no runs in other\n".to_owned()));
}

#[test]
fn causes_are_told() {
    let environment = Environment::new();
    environment.write("file", "");
    let ended = environment.run(&["runs", "--state-dir", "file"]).expect(1);
    assert!(ended.stderr.contains("`file/runs`: Not a directory"), "{}", ended.stderr);
}

#[test]
fn what_is_no_run_prints_one_document() {
    let environment = Environment::new();
    environment.write("inventory.yml", "web:\n  hosts:\n    a:\n    b:\n");
    environment.write(
        "playbook.yml",
        "- name: One\n  hosts: web\n  tags: [x]\n  tasks:\n    - name: First\n      ping:\n      tags: [y]\n",
    );
    let document = |option: &str| -> serde_json::Value {
        let arguments = ["plan", "playbook.yml", "-i", "inventory.yml", option, "--output", "json"];
        serde_json::from_str(&environment.run(&arguments).expect(0).stdout).unwrap()
    };
    let play = |document: serde_json::Value| document["playbooks"][0]["plays"][0].clone();
    assert_eq!(document("--syntax-check")["playbooks"][0]["playbook"], "playbook.yml");
    assert_eq!(play(document("--list-hosts"))["hosts"], serde_json::json!(["a", "b"]));
    let tasks = serde_json::json!([{"task": "First", "tags": ["x", "y"]}]);
    assert_eq!(play(document("--list-tasks"))["tasks"], tasks);
    assert_eq!(play(document("--list-tags"))["task_tags"], serde_json::json!(["x", "y"]));
    environment.run(&["completions", "bash", "--output", "json"]).expect(1);
}
