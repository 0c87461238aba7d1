//! What is kept of a run, and who can read it.

use std::os::unix::fs::PermissionsExt as _;

use super::Fleet;

#[test]
fn runs_are_listed_shown_and_their_logs_read() {
    let fleet = Fleet::of(2);
    fleet.environment.write(
        "playbook.yml",
        "- hosts: web\n  gather_facts: false\n  tasks:\n    - name: Says something\n      command: echo from {{ inventory_hostname }}\n    - name: Ends badly\n      shell: echo why it failed >&2; exit 7\n      when: inventory_hostname == 'h02'\n",
    );
    let events = fleet.apply(2, &[]);
    let run = &events.0[0].run;

    let list = fleet.environment.run(&["runs", "list"]).expect(0).stdout;
    assert!(list.contains(&run[..8]), "{list}");
    let show = fleet.environment.run(&["runs", "show", run]).expect(0).stdout;
    for word in ["h01", "h02", "Ends badly", "failed"] {
        assert!(show.contains(word), "no `{word}` in {show}");
    }
    let log = fleet.environment.run(&["runs", "logs", "latest", "h02"]).expect(0).stdout;
    for word in ["from h02", "why it failed", "Says something", "Ends badly"] {
        assert!(log.contains(word), "no `{word}` in {log}");
    }
    assert!(!log.contains("h01"), "the log of one host tells of another: {log}");
    // A prefix that means one run is enough; one that means none is an error.
    assert_eq!(fleet.environment.run(&["runs", "logs", &run[..run.len() - 2], "h02"]).expect(0).stdout, log);
    assert!(fleet.environment.run(&["runs", "show", "ffff"]).expect(1).stderr.contains("ffff"));
    assert!(fleet.environment.run(&["runs", "logs", "latest", "h03"]).expect(1).stderr.contains("h03"));
    for arguments in [&["runs", "list"][..], &["runs", "show", "latest"]] {
        let mut all = arguments.to_vec();
        all.extend(["--output", "json"]);
        let text = fleet.environment.run(&all).expect(0).stdout;
        let document: Result<serde_json::Value, _> = serde_json::from_str(&text);
        assert!(document.is_ok(), "not one document: {text}");
    }
}

#[test]
fn a_log_is_followed_while_its_run_goes_on() {
    let fleet = Fleet::of(1);
    fleet.environment.write(
        "playbook.yml",
        "- hosts: web\n  gather_facts: false\n  tasks:\n    - shell: echo early; while [ ! -e {{ work }}/go ]; do sleep 0.1; done; echo late\n",
    );
    let mut run = fleet.environment.start(&["apply", "-i", "inventory.yml", "playbook.yml", "--yes"]);
    let runs = fleet.environment.path(".paceline/runs");
    run.until("a run", |_| runs.exists() && std::fs::read_dir(&runs).unwrap().count() > 0);
    let log = std::fs::read_dir(&runs).unwrap().next().unwrap().unwrap().path().join("hosts/h01.log");
    run.until("a log", |_| log.exists());
    let mut follower = fleet.environment.start(&["runs", "logs", "latest", "h01", "-f"]);
    follower.until("output while the command runs", |follower| follower.stdout().contains("early"));
    assert!(!follower.stdout().contains("late"));
    std::fs::write(fleet.work("h01").join("go"), "").unwrap();
    run.end().expect(0);
    assert!(follower.end().expect(0).stdout.contains("late"));
}

#[test]
fn nobody_else_reads_what_is_kept() {
    let fleet = Fleet::of(1);
    fleet.apply(0, &[]);
    let mut folders = vec![fleet.environment.path(".paceline")];
    while let Some(folder) = folders.pop() {
        assert_eq!(
            std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
            0o700,
            "{}",
            folder.display()
        );
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(
                    std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                    0o600,
                    "{}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn the_history_of_a_host_goes_over_all_runs() {
    let fleet = Fleet::of(2);
    let apply = |text: &str| {
        let playbook = format!(
            "- hosts: web\n  gather_facts: false\n  tasks:\n    - name: Settings\n      copy: {{ content: {text}, dest: \"{{{{ work }}}}/conf\" }}\n    - name: Start\n      command: \"true\"\n"
        );
        fleet.environment.write("site.yml", &playbook);
        fleet.environment.events(0, &["apply", "-i", "inventory.yml", "site.yml"]).0[0].run.clone()
    };
    let (one, two) = (apply("one"), apply("two"));
    let (one, two) = (&one[..13], &two[..13]);
    let shown = |arguments: &[&str]| {
        let mut all = vec!["runs", "show", "--host", "h01"];
        all.extend(arguments);
        fleet.environment.run(&all).expect(0).stdout
    };
    let text = shown(&[]);
    assert!(text.starts_with("h01: 2 runs, newest first\n"), "{text}");
    assert!(text.contains(&format!("behind point 1 of {two}")), "{text}");
    assert!(text.contains("Start [command]: no rollback point"), "{text}");

    fleet.environment.run(&["rollback", two]).expect(0);
    let text = shown(&[]);
    let back = fleet.environment.run(&["runs", "list"]).expect(0).stdout;
    let back = back.lines().nth(1).unwrap().split(' ').next().unwrap().to_owned();
    assert!(text.contains(&format!("restored by {back}")) && !text.contains("behind"), "{text}");
    assert!(text.contains(&format!("{back}  20")) && text.contains(&format!("rollback {two}")), "{text}");
    assert!(text.contains("rolled back; 1 point restored"), "{text}");
    let document: serde_json::Value = serde_json::from_str(&shown(&["--output", "json", "-n", "1"])).unwrap();
    assert_eq!((&document["runs"][0]["restored"], &document["older"]), (&1.into(), &2.into()));
    assert!(fleet.environment.run(&["runs", "list"]).expect(0).stdout.contains(one));
}
