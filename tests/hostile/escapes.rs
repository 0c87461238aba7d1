//! What a host says never reaches the terminal or a log as it is.

use super::Scene;
use crate::support::environment::Environment;
use crate::support::sshd::Sshd;

/// A title, a clear screen, a bell, a C1 control, a carriage return, a direction override.
const NASTY: &str = r"\033]0;owned\007\033[2J\033[31mred\302\233A\rover\342\200\256abc\010\n";

fn playbook() -> String {
    format!(
        r#"
- hosts: web
  gather_facts: false
  tasks:
    - shell: printf '{NASTY}'; printf '{NASTY}' >&2
      register: said
    - debug: {{ var: said.stdout }}
    - debug: {{ msg: "{{{{ said.stderr }}}}" }}
    - copy: {{ content: "{{{{ said.stdout }}}}", dest: "{{{{ work }}}}/nasty" }}
    - copy: {{ content: "plain\n", dest: "{{{{ work }}}}/nasty" }}
      diff: true
    - command: cat {{{{ work }}}}/missing-{{{{ said.stdout | quote }}}}
      ignore_errors: true
    - fail: {{ msg: "{{{{ said.stdout }}}}" }}
      ignore_errors: true
    - shell: printf '{NASTY}'; exit 1
"#
    )
}

#[track_caller]
fn clean(what: &str, text: &str) {
    for (number, line) in text.lines().enumerate() {
        let bad = line
            .chars()
            .find(|&each| (each.is_control() && each != '\t') || ('\u{202a}'..='\u{202e}').contains(&each));
        assert!(bad.is_none(), "{what}, line {}: {bad:?} in {line:?}", number + 1);
    }
}

fn logs(environment: &Environment) -> String {
    environment.run(&["runs", "logs", "latest", "good"]).expect(0).stdout
}

#[test]
fn no_control_character_gets_through() {
    let banner = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(banner.path(), b"\x1b[2J\x1b]0;owned\x07 welcome \xe2\x80\xae\n").unwrap();
    let sshd = Sshd::with_config(1, &format!("Banner {}", banner.path().display()));
    let environment = Environment::new();
    let mut scene =
        Scene { hosts: crate::support::hosts::Hosts::of(&environment, &sshd, &["good"]), environment, sshd };
    scene.hosts.set_all("ignored", "true");
    scene.write(&playbook());
    for arguments in [&["-v"][..], &["-vvv", "--diff"], &["--output", "json"]] {
        let mut all = vec!["apply", "-i", "inventory.yml", "playbook.yml"];
        all.extend(arguments);
        let ended = scene.environment.run(&all).expect(2);
        clean("standard output", &ended.stdout);
        clean("standard error", &ended.stderr);
        assert!((ended.stdout + &ended.stderr).contains("red"), "what the host said is not shown at all");
        let log = logs(&scene.environment);
        clean("runs logs", &log);
        assert!(log.contains("red"), "{log}");
    }
    for run in std::fs::read_dir(scene.environment.path(".paceline/runs")).unwrap() {
        let folder = run.unwrap().path();
        for file in ["journal.jsonl", "hosts/good.log"] {
            clean(file, &std::fs::read_to_string(folder.join(file)).unwrap());
        }
    }
}
