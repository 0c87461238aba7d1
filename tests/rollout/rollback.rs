//! The way back: after a rollback the hosts are as they were, with their times.

use super::Fleet;
use crate::support::tree::{Tree, difference, tree_with_times};

const CHANGES: &str = r#"
- hosts: web
  gather_facts: false
  tasks:
    - copy: { content: "after\n", dest: "{{ work }}/kept", mode: "0600" }
    - lineinfile: { path: "{{ work }}/lines", line: "added" }
    - file: { path: "{{ work }}/tree", state: absent }
    - file: { path: "{{ work }}/mode", mode: "0400" }
    - file: { path: "{{ work }}/new/deep", state: directory }
    - copy: { content: "new\n", dest: "{{ work }}/new/deep/file" }
    - file: { src: kept, dest: "{{ work }}/link", state: link, force: true }
    - file: { path: "{{ work }}/old", state: absent }
    - copy: { content: "twice\n", dest: "{{ work }}/kept" }
"#;

fn before(fleet: &Fleet, hosts: &[&str]) -> Vec<Tree> {
    for host in hosts {
        let work = fleet.work(host);
        std::fs::create_dir_all(work.join("tree/in/side")).unwrap();
        for (name, text) in [
            ("kept", "before\n"),
            ("lines", "one\n"),
            ("mode", "m\n"),
            ("old", "o\n"),
            ("tree/in/file", "t\n"),
        ] {
            std::fs::write(work.join(name), text).unwrap();
        }
        std::os::unix::fs::symlink("mode", work.join("link")).unwrap();
        // Times that are not those of the test, so that a restored one is told from a new one.
        let touched = std::process::Command::new("find")
            .arg(&work)
            .args(["-depth", "-exec", "touch", "-h", "-d", "2020-01-02 03:04:05", "{}", ";"])
            .status();
        assert!(touched.unwrap().success());
    }
    hosts.iter().map(|host| tree_with_times(&fleet.work(host))).collect()
}

#[test]
fn a_run_is_taken_back_as_if_it_had_not_been() {
    let fleet = Fleet::of(3);
    let hosts = ["h01", "h02", "h03"];
    let before = before(&fleet, &hosts);
    fleet.environment.write("playbook.yml", CHANGES);
    let events = fleet.apply(0, &[]);
    assert_eq!(events.of("h01").changed, 9);
    assert!(fleet.work("h01").join("new/deep/file").exists() && !fleet.work("h01").join("tree").exists());

    let back = fleet.environment.events(0, &["rollback", "latest"]);
    for (host, before) in hosts.iter().zip(&before) {
        assert_eq!(difference(before, &tree_with_times(&fleet.work(host))), "", "{host}");
        assert!(back.of(host).rolled_back > 0);
    }
    // The same rollout works again.
    assert_eq!(fleet.apply(0, &[]).of("h01").changed, 9);
}

#[test]
fn one_host_alone_is_taken_back() {
    let fleet = Fleet::of(2);
    let before = before(&fleet, &["h01", "h02"]);
    fleet.environment.write("playbook.yml", CHANGES);
    fleet.apply(0, &[]);
    fleet.environment.run(&["rollback", "latest", "-l", "h02"]).expect(0);
    assert_ne!(difference(&before[0], &tree_with_times(&fleet.work("h01"))), "");
    assert_eq!(difference(&before[1], &tree_with_times(&fleet.work("h02"))), "");
}

#[test]
fn what_failed_half_way_is_taken_back_too() {
    let fleet = Fleet::of(1);
    let before = before(&fleet, &["h01"]);
    fleet.environment.write("playbook.yml", &format!("{CHANGES}    - fail: {{ msg: half way }}\n"));
    fleet.apply(2, &[]);
    fleet.environment.run(&["rollback", "latest"]).expect(0);
    assert_eq!(difference(&before[0], &tree_with_times(&fleet.work("h01"))), "");
}

#[test]
fn what_a_command_did_stays_and_is_named() {
    let fleet = Fleet::of(1);
    let command = "    - name: Make it\n      command: touch {{ work }}/made\n";
    fleet.environment.write("playbook.yml", &format!("{CHANGES}{command}"));
    before(&fleet, &["h01"]);
    fleet.apply(0, &[]);
    for arguments in [&["rollback", "latest", "--plan"][..], &["rollback", "latest"]] {
        let ended = fleet.environment.run(arguments).expect(0);
        let all = ended.stdout + &ended.stderr;
        assert!(all.contains("Make it"), "the command is not named: {all}");
    }
    assert!(fleet.work("h01").join("made").exists() && !fleet.work("h01").join("new").exists());
}

#[test]
fn what_somebody_else_put_into_a_new_folder_stays_and_is_named() {
    let fleet = Fleet::of(1);
    let before = before(&fleet, &["h01"]);
    fleet.environment.write("playbook.yml", CHANGES);
    fleet.apply(0, &[]);
    let precious = fleet.work("h01").join("new/deep/precious");
    std::fs::write(&precious, "theirs").unwrap();
    let ended = fleet.environment.run(&["rollback", "latest"]).expect(2);
    let all = ended.stdout + &ended.stderr;
    assert!(all.contains("new/deep` holds what no rollback point covers: `precious`"), "{all}");
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "theirs");
    assert!(!precious.with_file_name("file").exists());

    std::fs::remove_file(&precious).unwrap();
    fleet.environment.run(&["rollback", "latest"]).expect(0);
    assert_eq!(difference(&before[0], &tree_with_times(&fleet.work("h01"))), "");
}
