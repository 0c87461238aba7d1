//! Fifty hosts: they are installed, a second run changes nothing, and what is said at the end is true.

use super::{FIRST, Fleet, SECOND};
use crate::support::ansible;
use crate::support::environment::Events;
use crate::support::tree::{difference, tree};

#[test]
fn fifty_hosts_are_installed_and_then_left_alone() {
    let fleet = Fleet::of(50);
    let first = fleet.apply(0, &[]);
    assert_eq!(first.recap().len(), 50);
    for (host, of) in first.recap() {
        assert_eq!((of.ok, of.changed, of.failed, of.unreachable), (FIRST.0, FIRST.1, 0, 0), "{host}");
        assert_eq!(
            fleet.environment.read(&format!("hosts/{host}/work/agent/settings/agent.conf")),
            format!("name = {host}\n")
        );
        assert_eq!(fleet.environment.read(&format!("hosts/{host}/work/agent/restarts")), "restarted\n");
    }
    let before = tree(&fleet.environment.path("hosts"));

    let ended = fleet.environment.run(&["apply", "-i", "inventory.yml", "playbook.yml", "--yes"]).expect(0);
    let journal = fleet.environment.run(&["runs", "show", "latest", "--output", "json"]).expect(0);
    assert!(serde_json::from_str::<serde_json::Value>(&journal.stdout).is_ok(), "{}", journal.stdout);
    let runs = std::fs::read_dir(fleet.environment.path(".paceline/runs")).unwrap();
    let latest = runs.map(|run| run.unwrap().path()).max().unwrap();
    let text = std::fs::read_to_string(latest.join("journal.jsonl")).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["kind"], "run_finished");
    let printed = ansible::recap(
        &(ended.stdout + &ended.stderr).split("\n\nrun ").next().unwrap().replace("\nrun ", "\n\nrun "),
    );
    assert_eq!(printed.len(), 50);
    for (host, counts) in printed {
        let names = ["ok", "changed", "unreachable", "failed", "skipped", "rescued", "ignored"];
        let journaled = names.map(|name| last["hosts"][&host][name].as_u64().unwrap());
        assert_eq!(counts, journaled, "{host}: printed, and in the journal");
        assert_eq!((counts[0], counts[1]), SECOND, "{host}");
    }
    let untouched = tree(&fleet.environment.path("hosts"));
    let work_only = |tree: &crate::support::tree::Tree| {
        tree.iter()
            .filter(|(path, _)| path.contains("/work"))
            .map(|(path, entry)| (path.clone(), entry.clone()))
            .collect()
    };
    assert_eq!(difference(&work_only(&before), &work_only(&untouched)), "");
}

#[test]
fn the_number_of_forks_changes_nothing_but_the_time() {
    let trees = ["1", "50"].map(|forks| {
        let fleet = Fleet::of(8);
        let events: Events = fleet.apply(0, &["--forks", forks]);
        let recap: Vec<_> = events.recap().iter().map(|(host, of)| (host.clone(), *of)).collect();
        let works: Vec<_> = recap.iter().map(|(host, _)| tree(&fleet.work(host))).collect();
        (recap, works)
    });
    let [(one, one_trees), (many, many_trees)] = trees;
    let sorted = |mut recap: Vec<(String, _)>| {
        recap.sort_by(|(left, _), (right, _)| left.cmp(right));
        recap
    };
    assert_eq!(sorted(one), sorted(many));
    for (left, right) in one_trees.iter().zip(&many_trees) {
        assert_eq!(difference(left, right), "");
    }
}
