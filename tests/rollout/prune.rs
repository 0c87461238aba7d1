//! Old runs are removed, here and on their hosts.

use std::path::PathBuf;

use super::Fleet;

const COPIES: &str = "- hosts: web\n  gather_facts: false\n  tasks:\n    - copy: { content: \"{{ who }}\\n\", dest: \"{{ work }}/file\" }\n";

impl Fleet {
    fn copies(&self, who: &str) -> String {
        self.environment.write("copies.yml", COPIES);
        let who = format!("who={who}");
        let arguments = ["apply", "-i", "inventory.yml", "copies.yml", "-e", &who];
        self.environment.events(0, &arguments).0[0].run.clone()
    }

    fn prunes(&self, code: i32, arguments: &[&str]) -> serde_json::Value {
        let mut all = vec!["runs", "prune", "--output", "json"];
        all.extend(arguments);
        let ended = self.environment.run(&all).expect(code);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.stdout))
    }

    fn runs_on(&self, host: &str) -> Vec<String> {
        names(self.environment.path("hosts").join(host).join("base/runs"))
    }

    fn runs_here(&self) -> Vec<String> {
        names(self.environment.path(".paceline/runs"))
    }
}

fn names(folder: PathBuf) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_oldest_runs_go_and_the_newest_can_still_be_rolled_back() {
    let fleet = Fleet::of(2);
    let runs = ["a", "b", "c", "d"].map(|who| fleet.copies(who));
    fleet.environment.run(&["plan", "-i", "inventory.yml", "copies.yml", "-e", "who=e"]).expect(0);
    let all = fleet.runs_here();

    let dry = fleet.prunes(0, &["--keep", "2", "--dry-run"]);
    assert_eq!(dry["removed"].as_array().unwrap().len(), 2, "{dry}");
    assert_eq!(fleet.runs_here(), all);

    let done = fleet.prunes(0, &["--keep", "2"]);
    assert_eq!(done["removed"][0]["run"], runs[1]);
    assert_eq!(done["removed"][0]["points"]["h01"], 1);
    assert_eq!(fleet.runs_on("h01"), runs[2..]);
    assert_eq!(fleet.runs_on("h02"), runs[2..]);
    assert_eq!(fleet.runs_here(), all[2..]);
    assert_eq!(fleet.prunes(0, &["--keep", "2"])["removed"], serde_json::json!([]));
    // Nothing is older than a day, whatever the number says.
    assert_eq!(fleet.prunes(0, &["--keep", "1", "--older-than", "1"])["removed"], serde_json::json!([]));

    for left in ["c\n", "b\n"] {
        let run = if left == "c\n" { &runs[3] } else { &runs[2] };
        fleet.environment.events(0, &["rollback", run]);
        assert_eq!(std::fs::read_to_string(fleet.work("h01").join("file")).unwrap(), left);
    }
}

#[test]
fn a_host_that_cannot_be_reached_keeps_its_run() {
    let fleet = Fleet::of(2);
    let runs = ["a", "b"].map(|who| fleet.copies(who));
    let kept = fleet.prunes(4, &["--keep", "1", "--known-hosts", "/dev/null"]);
    let why = kept["kept"][0]["stays"]["h01"].as_str().unwrap();
    assert!(why.contains("could not be reached"), "{kept}");
    assert_eq!(fleet.runs_here(), runs);
    // One host after the other.
    let kept = fleet.prunes(0, &["--keep", "1", "-l", "h01"]);
    assert_eq!(kept["kept"][0]["stays"], serde_json::json!({"h02": "not selected"}));
    assert_eq!((fleet.runs_on("h01").len(), fleet.runs_on("h02").len()), (1, 2));
    let ended = fleet.environment.run(&["runs", "prune", "--keep", "1"]).expect(0);
    assert!(
        ended.stdout.starts_with(&format!("removed {} (apply copies.yml, 20", &runs[0][..13])),
        "{}",
        ended.stdout
    );
    assert_eq!(fleet.runs_here(), runs[1..]);
    assert_eq!(fleet.runs_on("h02"), runs[1..]);
}

#[test]
fn what_points_keep_beside_their_paths_goes_too() {
    let mut fleet = Fleet::of(1);
    // Another file system: a tree cannot be moved there, so it is kept beside its place.
    let base = tempfile::tempdir_in("/dev/shm").unwrap();
    fleet.hosts.set("h01", "paceline_base", base.path().to_str().unwrap()).write(&fleet.environment);
    let work = fleet.work("h01");
    std::fs::create_dir_all(work.join("tree/in")).unwrap();
    fleet.environment.write(
        "removes.yml",
        "- hosts: web\n  gather_facts: false\n  tasks:\n    - file: { path: \"{{ work }}/tree\", state: absent }\n",
    );
    let run = fleet.environment.events(0, &["apply", "-i", "inventory.yml", "removes.yml"]).0[0].run.clone();
    let sibling = work.join(format!(".paceline-{run}-1"));
    assert!(sibling.exists());
    fleet.copies("a");
    fleet.prunes(0, &["--keep", "1"]);
    assert!(!sibling.exists(), "{:?}", names(work));
    assert_eq!(names(base.path().join("runs")).len(), 1);
}

#[test]
fn what_a_rollback_still_needs_stays() {
    let fleet = Fleet::of(1);
    let first = fleet.copies("a");
    fleet.environment.write(
        "other.yml",
        "- hosts: web\n  gather_facts: false\n  tasks:\n    - copy: { content: b, dest: \"{{ work }}/other\" }\n",
    );
    fleet.environment.events(0, &["apply", "-i", "inventory.yml", "other.yml"]);
    // It fails, as what is in the place of its file is in its way for good.
    std::fs::remove_file(fleet.work("h01").join("file")).unwrap();
    std::fs::create_dir(fleet.work("h01").join("file")).unwrap();
    std::fs::write(fleet.work("h01").join("file/precious"), "").unwrap();
    fleet.environment.events(2, &["rollback", &first]);
    let all = fleet.runs_here();
    assert_eq!(fleet.prunes(0, &["--keep", "1"])["removed"].as_array().unwrap().len(), 0);
    assert_eq!(fleet.runs_here(), all);
}
