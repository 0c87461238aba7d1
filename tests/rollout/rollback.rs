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
    let before = before(&fleet, &["h01", "h02"]);
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

/// An address, a user, a key and a BASE that only the playbook, `group_vars` beside it and `-e` know.
#[test]
fn hosts_are_found_as_the_run_found_them() {
    let fleet = Fleet::of(1);
    let environment = &fleet.environment;
    let before = before(&fleet, &["h01"]);
    let inventory = environment.read("inventory.yml");
    let value = |name: &str| {
        let line = inventory.lines().find_map(|line| line.trim().strip_prefix(&format!("{name}: ")));
        line.unwrap().to_owned()
    };
    let work = value("work");
    environment.write("inventory.yml", &format!("web:\n  hosts:\n    h01:\n      work: {work}\n"));
    let [address, port, user, key] =
        ["ansible_host", "ansible_port", "ansible_user", "ansible_ssh_private_key_file"].map(value);
    environment.write("site/group_vars/web.yml", &format!("ansible_ssh_private_key_file: {key}\n"));
    environment.write("site/more.yml", &format!("ansible_host: {address}\n"));
    let head =
        format!("  gather_facts: false\n  vars: {{ ansible_user: {user} }}\n  vars_files: [more.yml]\n");
    environment.write("site/playbook.yml", &CHANGES.replace("  gather_facts: false\n", &head));
    let port = format!("ansible_port={port}");
    let base = format!("paceline_base={}", environment.path("elsewhere").display());
    let arguments = ["apply", "-i", "inventory.yml", "site/playbook.yml", "-e", &port, "-e", &base];
    environment.events(0, &arguments);
    assert!(environment.path("elsewhere/runs").exists());
    environment.events(0, &["rollback", "latest"]);
    assert_eq!(difference(&before[0], &tree_with_times(&fleet.work("h01"))), "");
}

#[test]
fn nothing_is_taken_back_under_a_newer_run_at_work() {
    let fleet = Fleet::of(1);
    before(&fleet, &["h01"]);
    fleet.environment.write("playbook.yml", CHANGES);
    let older = fleet.apply(0, &[]).0[0].run.clone();
    fleet.environment.write(
        "wait.yml",
        "- hosts: web\n  gather_facts: false\n  tasks:\n    - shell: touch begun; while [ ! -e go ]; do sleep 0.1; done\n      args: { chdir: \"{{ work }}\" }\n      changed_when: false\n",
    );
    let run = fleet.environment.start(&["apply", "-i", "inventory.yml", "wait.yml"]);
    let mut run = run;
    run.until("the step in hand", |_| fleet.work("h01").join("begun").exists());
    for text in ["latest", older.as_str()] {
        let ended = fleet.environment.run(&["rollback", text]).expect(1);
        assert!(ended.stderr.contains("is still at work"), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("newer than `{older}`")), "{}", ended.stderr);
    }
    std::fs::write(fleet.work("h01").join("go"), "").unwrap();
    run.end().expect(0);
    // The newer one changed nothing: both are named.
    let ended = fleet.environment.run(&["rollback", "latest", "--plan"]).expect(0);
    let named = ended.stderr.contains("left nothing to restore") && ended.stderr.contains(&older[..13]);
    assert!(named, "{}", ended.stderr);
    fleet.environment.run(&["rollback", "latest", "-b"]).expect(1);
}

#[test]
fn a_host_whose_variables_have_no_value_is_not_looked_for_elsewhere() {
    let mut fleet = Fleet::of(2);
    let before = before(&fleet, &["h01", "h02"]);
    fleet.environment.write("playbook.yml", CHANGES);
    fleet.apply(0, &[]);
    fleet.hosts.set("h02", "ansible_port", "\"{{ nope }}\"").write(&fleet.environment);
    let back = fleet.environment.events(4, &["rollback", "latest"]);
    assert_eq!(difference(&before[0], &tree_with_times(&fleet.work("h01"))), "");
    assert_eq!(back.of("h02").unreachable, 1);
    let reason = back.reason("h02");
    assert!(reason.contains("`h02`: `ansible_port` cannot be rendered: `nope` is undefined"), "{reason}");
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
    // The time of the folder above is that of this second look, as nothing older is restored twice.
    let times = |mut tree: Tree| {
        tree.remove("");
        tree
    };
    assert_eq!(difference(&times(before[0].clone()), &times(tree_with_times(&fleet.work("h01")))), "");
}

#[test]
fn the_controller_itself_is_taken_back_without_an_inventory() {
    let environment = crate::support::environment::Environment::new();
    let file = environment.path("made");
    let playbook = format!(
        "- hosts: localhost\n  gather_facts: false\n  vars: {{ paceline_base: {} }}\n  tasks:\n    - copy: {{ content: x, dest: {} }}\n",
        environment.path("base").display(),
        file.display()
    );
    environment.write("local.yml", &playbook);
    environment.events(0, &["apply", "local.yml"]);
    assert!(file.exists());
    let ended = environment.run(&["rollback", "latest", "--to", "9"]).expect(1);
    assert!(ended.stderr.contains("no rollback point 9"), "{}", ended.stderr);
    environment.events(0, &["rollback", "latest"]);
    assert!(!file.exists());
}

#[test]
fn the_latest_is_the_newest_that_left_points() {
    let fleet = Fleet::of(1);
    before(&fleet, &["h01"]);
    fleet.environment.write("playbook.yml", CHANGES);
    let run = fleet.apply(0, &[]).0[0].run.clone();
    fleet
        .environment
        .write("playbook.yml", "- hosts: web\n  gather_facts: false\n  tasks:\n    - command: uptime\n");
    fleet.apply(0, &[]);
    let ended = fleet.environment.run(&["rollback", "latest", "--plan", "--output", "json"]).expect(0);
    assert!(ended.stdout.contains(&run), "{}", ended.stdout);
}
