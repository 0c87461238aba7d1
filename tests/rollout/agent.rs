//! The shipped playbook on disposable POSIX hosts: installed, left alone, changed key by key, and taken back.

use std::path::PathBuf;

use crate::support::environment::Environment;

fn shipped(name: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name).to_str().unwrap().to_owned()
}

#[test]
fn the_agent_is_installed_left_alone_changed_and_taken_back() {
    let environment = Environment::new();
    let program =
        std::env::var("PACELINE_TEST_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_paceline").into());
    let mut up = environment.start(&["lab", "up", "--hosts", "2", "--folder", "lab"]);
    up.until("a lab", |up| up.stdout().contains("inventory: "));
    let playbook = shipped("playbooks/install-agent.yml");
    let programs = serde_json::json!({"agent_program": [program, "lab", "agent"]}).to_string();
    let apply = |code: i32, more: &[&str]| {
        let mut all = vec!["apply", "-i", "lab/inventory.yml", &playbook, "-e", &programs];
        all.extend(more);
        environment.events(code, &all)
    };

    let planned = apply(0, &["--check"]);
    assert!(planned.of("lab-01").changed > 0, "{:?}", planned.of("lab-01"));
    assert!(!environment.path("lab/hosts/lab-01/agent").exists());

    let first = apply(0, &[]);
    assert_eq!((first.of("lab-01").ok, first.of("lab-01").changed), (12, 6));
    let second = apply(0, &[]);
    assert_eq!((second.of("lab-01").changed, second.of("lab-02").changed), (0, 0));

    // What somebody added to a file of settings stays, and what the playbook says is set.
    let settings = "lab/hosts/lab-01/agent/Runtime/appsettings.json";
    let theirs = environment.read(settings).replacen('{', "{\n  \"JobLaunchTimeout\": 9000,", 1);
    environment.write(settings, &theirs);
    let third = apply(0, &["-e", "server_uri=https://other.corp.example"]);
    assert!(third.of("lab-01").changed >= 3, "{:?}", third.of("lab-01"));
    let after = environment.read(settings);
    assert_eq!(after, theirs.replace("https://identity.corp.example", "https://other.corp.example"));

    environment.run(&["rollback", "latest"]).expect(0);
    assert_eq!(environment.read(settings), theirs);
    environment.run(&["lab", "down", "--folder", "lab"]).expect(0);
    up.end().expect(0);
}

#[test]
fn every_shipped_playbook_is_valid_for_the_shipped_inventory() {
    let environment = Environment::new();
    let inventory = shipped("inventory/production");
    let playbooks = std::fs::read_dir(shipped("playbooks")).unwrap().map(|entry| entry.unwrap().path());
    let mut seen = 0;
    for playbook in playbooks.filter(|path| path.extension().is_some_and(|ending| ending == "yml")) {
        let playbook = playbook.to_str().unwrap();
        for check in ["--syntax-check", "--list-tasks"] {
            let ended = environment.run(&["apply", playbook, "-i", &inventory, check]);
            ended.expect(0);
        }
        seen += 1;
    }
    assert_eq!(seen, 8);
}
