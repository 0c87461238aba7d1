//! Going back when something came in between: later runs, changes by hand, a rollback that was killed.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use super::Fleet;
use crate::support::tree::{difference, tree_with_times};

/// A playbook that writes one file of the work folder.
fn writing(name: &str, text: &str) -> String {
    format!(
        "- hosts: web\n  gather_facts: false\n  tasks:\n    - copy: {{ content: \"{text}\\n\", dest: \"{{{{ work }}}}/{name}\" }}\n"
    )
}

#[test]
fn a_later_run_stands_in_the_way_until_it_is_rolled_back() {
    let fleet = Fleet::of(1);
    let file = fleet.work("h01").join("a");
    fs::write(&file, "before\n").unwrap();
    let run = |text: &str| {
        fleet.environment.write("playbook.yml", &writing("a", text));
        fleet.apply(0, &[]).0[0].run.clone()
    };
    let (first, second) = (run("one"), run("two"));
    fleet.environment.write("playbook.yml", &writing("b", "else"));
    fleet.apply(0, &[]);

    let plan = fleet.environment.run(&["rollback", &first, "--plan"]).expect(0).stdout;
    assert!(plan.contains("in the way of point 1: run `") && plan.contains("point 1: file"), "{plan}");
    let plan = fleet.environment.run(&["rollback", &first, "--plan", "--output", "json"]).expect(0).stdout;
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let in_the_way = plan["hosts"][0]["in_the_way"].as_array().unwrap();
    assert_eq!((in_the_way.len(), in_the_way[0]["run"].as_str()), (1, Some(second.as_str())));

    let refused = fleet.environment.run(&["rollback", &first]).expect(1).stderr;
    assert!(refused.contains("roll that one back first: `paceline rollback"), "{refused}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "two\n");
    // What was rolled back is in nobody's way.
    fleet.environment.events(0, &["rollback", &second]);
    fleet.environment.events(0, &["rollback", &first]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "before\n");
}

#[test]
fn going_back_behind_a_later_run_keeps_what_is_newer() {
    let fleet = Fleet::of(1);
    let file = fleet.work("h01").join("a");
    fs::write(&file, "before\n").unwrap();
    for text in ["one", "two"] {
        fleet.environment.write("playbook.yml", &writing("a", text));
        fleet.apply(0, &[]);
    }
    let runs = fleet.environment.run(&["runs", "list", "--output", "json"]).expect(0).stdout;
    let runs: serde_json::Value = serde_json::from_str(&runs).unwrap();
    let runs = runs["runs"].as_array().or_else(|| runs.as_array()).unwrap();
    let first = runs.iter().filter_map(|run| run["run"].as_str()).min().unwrap().to_owned();
    let events = fleet.environment.run(&["rollback", &first, "--force"]).expect(0);
    assert_eq!(fs::read_to_string(&file).unwrap(), "before\n");
    let all = events.stdout + &events.stderr;
    let kept = all.split_once("is kept in `").expect("where it is").1.split('`').next().unwrap().to_owned();
    assert_eq!(fs::read_to_string(kept).unwrap(), "two\n");
}

#[test]
fn a_file_that_was_changed_by_hand_is_refused_alone() {
    let fleet = Fleet::of(1);
    for name in ["a", "b"] {
        fs::write(fleet.work("h01").join(name), "before\n").unwrap();
    }
    let play = writing("a", "after") + &writing("b", "after");
    fleet.environment.write("playbook.yml", &play);
    fleet.apply(0, &[]);
    fs::write(fleet.work("h01").join("a"), "by hand\n").unwrap();
    let back = fleet.environment.events(2, &["rollback", "latest"]);
    let reason = back.reason("h01");
    assert!(
        reason.contains("was changed after this run") && reason.contains("`rollback --force`"),
        "{reason}"
    );
    assert_eq!(fs::read_to_string(fleet.work("h01").join("a")).unwrap(), "by hand\n");
    assert_eq!(fs::read_to_string(fleet.work("h01").join("b")).unwrap(), "before\n");
    fleet.environment.events(0, &["rollback", "latest", "--force"]);
    assert_eq!(fs::read_to_string(fleet.work("h01").join("a")).unwrap(), "before\n");
    // Once more has nothing to do, and is no failure.
    fleet.environment.events(0, &["rollback", "latest"]);
}

/// A play that changes a tree in twelve ways.
const MANY: &str = r#"
- hosts: web
  gather_facts: false
  tasks:
    - copy: { content: "after {{ item }}\n", dest: "{{ work }}/f{{ item }}", mode: "0600" }
      loop: [1, 2, 3, 4]
    - file: { path: "{{ work }}/tree", state: absent }
    - file: { path: "{{ work }}/new/deep", state: directory }
    - copy: { content: "new\n", dest: "{{ work }}/new/deep/file" }
    - file: { src: f1, dest: "{{ work }}/link", state: link, force: true }
    - lineinfile: { path: "{{ work }}/f1", line: more }
    - file: { path: "{{ work }}", state: directory, recurse: true, mode: "u+rwX,g-rwx,o-rwx" }
    - file: { path: "{{ work }}/f2", state: absent }
    - copy: { content: "again\n", dest: "{{ work }}/tree" }
"#;

fn fill(fleet: &Fleet) {
    let work = fleet.work("h01");
    fs::create_dir_all(work.join("tree/in")).unwrap();
    for name in ["f1", "f2", "f3", "tree/in/side"] {
        fs::write(work.join(name), format!("{name} before\n")).unwrap();
    }
    fs::hard_link(work.join("f3"), work.join("f3 too")).unwrap();
    std::os::unix::fs::symlink("f3", work.join("link")).unwrap();
    let touched = std::process::Command::new("find")
        .arg(&work)
        .args(["-depth", "-exec", "touch", "-h", "-d", "2020-01-02 03:04:05.678", "{}", ";"])
        .status();
    assert!(touched.unwrap().success());
}

/// How often a controller is killed: the more, the finer. Each takes about a second.
fn kills() -> u64 {
    std::env::var("PACELINE_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(6)
}

#[test]
fn a_rollback_that_was_killed_goes_on_when_it_is_asked_again() {
    let fleet = Fleet::of(1);
    fill(&fleet);
    let before = tree_with_times(&fleet.work("h01"));
    fleet.environment.write("playbook.yml", MANY);
    for kill in 0..kills() {
        let run = fleet.apply(0, &[]).0[0].run.clone();
        let mut back = fleet.environment.start(&["rollback", &run, "--output", "json"]);
        // Each time a little later: after so many restored points.
        back.until("points", |back| back.stdout().matches("point_restored").count() as u64 >= kill * 2 % 13);
        std::thread::sleep(Duration::from_millis(kill * 7 % 40));
        back.signal(Signal::KILL);
        back.end();
        // The step in hand ends by itself.
        std::thread::sleep(Duration::from_millis(300));
        fleet.environment.events(0, &["rollback", &run]);
        assert_eq!(difference(&before, &tree_with_times(&fleet.work("h01"))), "", "killed after {kill}");
    }
}

#[test]
fn a_session_that_was_killed_in_a_rollback_leaves_nothing_half_done() {
    let fleet = Fleet::of(1);
    fill(&fleet);
    let before = tree_with_times(&fleet.work("h01"));
    fleet.environment.write("playbook.yml", MANY);
    for kill in 0..kills() {
        let run = fleet.apply(0, &[]).0[0].run.clone();
        let mut back = fleet.environment.start(&["rollback", &run, "--output", "json"]);
        back.until("points", |back| back.stdout().matches("point_restored").count() as u64 >= kill * 2 % 13);
        std::thread::sleep(Duration::from_millis(kill * 7 % 40));
        for process in fleet.sshd.left_behind() {
            crate::support::processes::signal(process, Signal::KILL);
        }
        back.end();
        // Nobody was left to give the lease back.
        fleet.environment.run(&["runs", "unlock", "--host", "h01", "-i", "inventory.yml", "--yes"]).expect(0);
        fleet.environment.events(0, &["rollback", &run]);
        assert_eq!(difference(&before, &tree_with_times(&fleet.work("h01"))), "", "killed after {kill}");
    }
}

#[test]
fn what_the_journal_did_not_learn_is_looked_up_on_the_host() {
    let fleet = Fleet::of(1);
    fill(&fleet);
    let before = tree_with_times(&fleet.work("h01"));
    fleet.environment.write("playbook.yml", MANY);
    for kill in 0..kills() {
        let mut run =
            fleet.environment.start(&["apply", "-i", "inventory.yml", "playbook.yml", "--output", "json"]);
        run.until("steps", |run| run.stdout().matches("step_finished").count() as u64 >= kill % 12);
        std::thread::sleep(Duration::from_millis(kill * 7 % 20));
        run.signal(Signal::KILL);
        run.end();
        std::thread::sleep(Duration::from_millis(500));
        fleet.environment.run(&["rollback", "latest"]);
        assert_eq!(difference(&before, &tree_with_times(&fleet.work("h01"))), "", "killed after {kill}");
    }
}
