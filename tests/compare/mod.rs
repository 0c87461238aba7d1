//! Playbooks of many kinds, run by `ansible-playbook` and by the program against the same `sshd` and the same fresh
//! trees: afterwards the trees, the exit codes and the counts of the recap are the same, after a second run too.
//!
//! A case is a folder below `cases/`: its playbook, what belongs beside it, and in `before/` what its hosts
//! have to begin with. Differences on purpose stand with their reason where they are tested.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rstest::rstest;

use crate::support::ansible::{self, Counts};
use crate::support::environment::{Environment, Events};
use crate::support::hosts::Hosts;
use crate::support::sshd::Sshd;
use crate::support::tree::{Tree, copy, difference, tree};

mod become_as_root;
mod fleets;
mod inventories;
mod together;
mod vault;

const HOSTS: [&str; 2] = ["alpha", "beta"];

/// What one tool did in one run.
struct Did {
    code: i32,
    recap: BTreeMap<String, Counts>,
    hosts: Tree,
    /// What the controller was to get from hosts.
    fetched: Tree,
    output: String,
}

/// A case with its hosts.
struct Comparison {
    environment: Environment,
    _sshd: Sshd,
    arguments: Vec<String>,
}

impl Comparison {
    fn new(case: &str, arguments: &[&str]) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compare/cases").join(case);
        let environment = Environment::new();
        copy(&from, environment.folder());
        let sshd = Sshd::start(HOSTS.len());
        Hosts::of(&environment, &sshd, &HOSTS).write(&environment);
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self { environment, _sshd: sshd, arguments }
    }

    /// Gives the hosts what they have to begin with.
    fn begin(&self) {
        for host in HOSTS {
            let work = self.environment.path("hosts").join(host).join("work");
            fs::remove_dir_all(&work).unwrap();
            fs::create_dir(&work).unwrap();
            let before = self.environment.path("before");
            if before.exists() {
                copy(&before, &work);
            }
        }
        let _ = fs::remove_dir_all(self.environment.path("fetched"));
    }

    fn did(&self, code: i32, recap: BTreeMap<String, Counts>, output: String) -> Did {
        let mut hosts = Tree::new();
        for host in HOSTS {
            let work = tree(&self.environment.path("hosts").join(host).join("work"));
            hosts.extend(work.into_iter().map(|(path, entry)| (format!("{host}:{path}"), entry)));
        }
        let fetched = self.environment.path("fetched");
        let fetched = if fetched.exists() { tree(&fetched) } else { Tree::new() };
        Did { code, recap, hosts, fetched, output }
    }

    fn arguments(&self) -> Vec<&str> {
        let all = ["-i", "inventory.yml", "playbook.yml"].into_iter();
        all.chain(self.arguments.iter().map(String::as_str)).collect()
    }

    fn ansible(&self) -> Did {
        let ended = ansible::run(&self.environment, "ansible-playbook", &self.arguments());
        let recap = ansible::recap(&ended.stdout);
        self.did(ended.code, recap, format!("{}{}", ended.stdout, ended.stderr))
    }

    fn paceline(&self) -> Did {
        let mut arguments = vec!["apply", "--output", "json"];
        arguments.extend(self.arguments());
        let ended = self.environment.run(&arguments);
        assert!(ended.stdout.ends_with('\n'), "no events; exit code {}: {}", ended.code, ended.stderr);
        let counts = Events::read(&ended).recap().clone().into_iter().map(|(host, of)| {
            let counts = [of.ok, of.changed, of.unreachable, of.failed, of.skipped, of.rescued, of.ignored];
            (host, counts)
        });
        // Ansible has no line for a host that never had its turn.
        let counts = counts.filter(|(_, counts): &(String, Counts)| counts.iter().any(|&count| count > 0));
        self.did(ended.code, counts.collect(), format!("{}{}", ended.stdout, ended.stderr))
    }

    /// Runs both tools twice and compares what they did; returns the first run of the program.
    fn check(&self) -> Did {
        self.check_runs(2)
    }

    /// Compares this many runs one after the other: one where a second one would show nothing new, since a start of Ansible
    /// takes long.
    fn check_runs(&self, runs: usize) -> Did {
        self.begin();
        let reference: Vec<Did> = (0..runs).map(|_| self.ansible()).collect();
        self.begin();
        let mut ours: Vec<Did> = (0..runs).map(|_| self.paceline()).collect();
        for (number, (reference, ours)) in reference.iter().zip(&ours).enumerate() {
            let number = number + 1;
            let outputs = || format!("--- ansible\n{}\n--- paceline\n{}", reference.output, ours.output);
            let trees =
                difference(&reference.hosts, &ours.hosts) + &difference(&reference.fetched, &ours.fetched);
            assert!(
                trees.is_empty(),
                "run {number}: ansible leaves one tree, paceline another\n{trees}{}",
                outputs()
            );
            assert_eq!(
                reference.recap,
                ours.recap,
                "run {number}: ok, changed, unreachable, failed, skipped, rescued, ignored; ansible left, paceline right\n{}",
                outputs()
            );
            assert_eq!(reference.code, ours.code, "run {number}: exit codes\n{}", outputs());
        }
        ours.swap_remove(0)
    }
}

fn changed(did: &Did) -> u64 {
    did.recap.values().map(|counts| counts[1]).sum()
}

#[rstest]
#[case::files("files")]
#[case::copies("copies")]
#[case::templates("templates")]
#[case::lines("lines")]
#[case::edits("edits")]
#[case::handlers("handlers")]
#[case::roles("roles")]
#[case::waves("waves")]
#[case::commands("commands")]
#[case::reading("reading")]
#[case::facts("facts")]
fn the_same_playbook_leaves_the_same(#[case] case: &str) {
    let did = Comparison::new(case, &[]).check();
    assert!(changed(&did) > 0, "a case that changes nothing shows nothing");
}

/// The order of things, and what is known when: a second run would do it all again.
#[rstest]
#[case::blocks("blocks")]
#[case::loops("loops")]
#[case::variables("variables")]
#[case::outcomes("outcomes")]
#[case::fatal("fatal")]
#[case::once("once")]
#[case::includes("includes")]
#[case::delegation("delegation")]
#[case::magic("magic")]
fn the_same_playbook_goes_the_same_way(#[case] case: &str) {
    let did = Comparison::new(case, &[]).check_runs(1);
    assert!(changed(&did) > 0, "a case that changes nothing shows nothing");
}

#[rstest]
#[case::all(&[])]
#[case::one(&["--tags", "one"])]
#[case::both_but_not_two(&["--tags", "both", "--skip-tags", "two"])]
#[case::block_and_special(&["--tags", "block,special"])]
#[case::tagged(&["--tags", "tagged", "--skip-tags", "later"])]
#[case::untagged(&["--tags", "untagged"])]
#[case::not_one(&["--skip-tags", "one,two"])]
fn tags_choose_the_same_tasks(#[case] arguments: &[&str]) {
    Comparison::new("tags", arguments).check_runs(1);
}

/// A difference on purpose: without `always`, Ansible skips its own flushes of handlers too, and what was changed
/// stays without the restart that it asked for. Here handlers that were notified run.
#[test]
fn skipping_always_skips_no_handlers() {
    let comparison = Comparison::new("tags", &["--skip-tags", "always"]);
    comparison.begin();
    let reference = comparison.ansible();
    comparison.begin();
    let ours = comparison.paceline();
    for (did, handled) in [(reference, false), (ours, true)] {
        assert!(
            did.hosts.contains_key("alpha:in-block") && !did.hosts.contains_key("alpha:always"),
            "{}",
            did.output
        );
        assert_eq!(did.hosts.contains_key("alpha:handled"), handled, "{}", did.output);
    }
}

#[test]
fn check_mode_tells_the_same_and_touches_nothing() {
    let comparison = Comparison::new("check", &["--check", "--diff"]);
    comparison.begin();
    let before = comparison.did(0, BTreeMap::new(), String::new()).hosts;
    let did = comparison.check();
    assert_eq!(difference(&before, &did.hosts), "");
    for line in ["-kept", "+after"] {
        assert!(did.output.contains(line), "the difference is not shown: `{line}` in {}", did.output);
    }
}

#[test]
fn extra_variables_and_limits_mean_the_same() {
    let extra = r#"{"from_play": "extra", "in_all": "extra"}"#;
    Comparison::new("variables", &["-e", extra, "-e", "a_number=6", "-l", "beta"]).check();
}
