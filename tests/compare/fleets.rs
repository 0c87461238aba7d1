//! Random inventories: what they say and what patterns select, against Ansible's answers.
//!
//! `tests/support/fleet` makes inventories from seeds. The answers for 1,000 seeds are kept in `golden/`
//! (`golden/make` makes them anew); 40 further seeds, other ones on every day, are asked while the test runs.
//! Everything of ours is asked through the library, in this process.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use fancy_regex::{Captures, Regex};
use indexmap::IndexMap;
use paceline::inventory::{self, Inventory, InventorySource};
use paceline::pattern::{Limit, Pattern, PatternErrorKind, select};
use paceline::secrets::vault::Vault;
use serde::Deserialize;
use serde_json::Value;

/// What a batch of seeds is made of.
#[derive(Deserialize)]
struct Batch {
    batch: u64,
    digest: String,
    sources: Vec<String>,
    patterns: IndexMap<String, String>,
    limit: String,
}

/// What Ansible says about it.
#[derive(Deserialize)]
struct Answer {
    batch: u64,
    digest: String,
    list: Value,
    graph: String,
    /// Hosts of each play, sorted.
    selected: BTreeMap<String, Vec<String>>,
    /// The same within the limit.
    limited: BTreeMap<String, Vec<String>>,
}

/// `python3 -m fleet`, in the packages of the tests.
fn fleet(arguments: &[&str]) {
    let support = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support");
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-m", "fleet"]).args(arguments).current_dir(&support).env("PYTHONDONTWRITEBYTECODE", "1");
    let ended = command.output().expect("python3 is missing; `tests/run` installs it");
    assert!(ended.status.success(), "fleet {arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
}

fn lines<T: for<'de> Deserialize<'de>>(path: &Path) -> Vec<T> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Dates are text here, as `ansible-inventory --list` writes them (a difference on purpose): Python's own way
/// to write them is taken out of what `--graph --vars` prints.
fn with_dates_as_text(graph: &str) -> String {
    static DATE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"datetime\.date\((\d+), (\d+), (\d+)\)").unwrap());
    static TIME: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"= (\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}[^}]*)\}").unwrap());
    let dates = DATE.replace_all(graph, |found: &Captures<'_, str>| {
        let number = |at: usize| found[at].parse::<u32>().unwrap();
        format!("'{:04}-{:02}-{:02}'", number(1), number(2), number(3))
    });
    TIME.replace_all(&dates, "= ${1}T$2}").into_owned()
}

/// What differs between Ansible's text and ours, at most some lines of it.
fn difference(what: &str, reference: &str, ours: &str, found: &mut Vec<String>) {
    if reference != ours {
        let text = similar::TextDiff::from_lines(reference, ours).unified_diff().to_string();
        let lines: Vec<&str> = text.lines().take(25).collect();
        found.push(format!("{what}: ansible -, paceline +\n{}", lines.join("\n")));
    }
}

/// The hosts of a pattern, sorted. A position behind the last host selects nothing in Ansible; here it is an error.
fn hosts(inventory: &Inventory, pattern: &str, limit: Option<&Limit>) -> Vec<String> {
    let parsed = Pattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    match select(inventory, &parsed, limit) {
        Ok(selection) => {
            let mut hosts: Vec<String> = selection.hosts.iter().map(ToString::to_string).collect();
            hosts.sort();
            hosts
        }
        Err(error) if matches!(error.kind, PatternErrorKind::OutOfRange(_)) => Vec::new(),
        Err(error) => vec![error.to_string()],
    }
}

/// Compares one batch in its folder.
fn compare(batch: &Batch, answer: &Answer, folder: &Path) -> Vec<String> {
    assert_eq!(batch.batch, answer.batch);
    assert_eq!(
        batch.digest, answer.digest,
        "batch {}: the generator makes other files than those that were asked about: run tests/compare/golden/make",
        batch.batch
    );
    let source = |source: &String| match source.contains(',') {
        true => InventorySource::List(source.clone()),
        false => InventorySource::Path(folder.join(source)),
    };
    let sources: Vec<InventorySource> = batch.sources.iter().map(source).collect();
    let (inventory, diagnostics) = Inventory::load(&sources, Some(&folder.join("play")), &Vault::default());
    if diagnostics.has_errors() {
        return vec![diagnostics.render(false)];
    }
    let mut found = Vec::new();
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    let list = inventory::list(&inventory, None);
    if answer.list != list {
        difference("list", &pretty(&answer.list), &pretty(&list), &mut found);
    }
    let graph = inventory::graph(&inventory, &"all".into(), true).unwrap();
    difference("graph", &with_dates_as_text(&answer.graph), &graph, &mut found);
    let limit = Limit::parse(&batch.limit, folder).unwrap_or_else(|error| panic!("{}: {error}", batch.limit));
    for (name, pattern) in &batch.patterns {
        for (limit, answers) in [(None, &answer.selected), (Some(&limit), &answer.limited)] {
            let ours = hosts(&inventory, pattern, limit);
            let said = &answers[name];
            if *said != ours {
                let within = if limit.is_some() { " within the limit" } else { "" };
                found.push(format!("{name} `{pattern}`{within}: ansible {said:?}, paceline {ours:?}"));
            }
        }
    }
    found
}

fn compare_all(folder: &Path, seeds: usize) {
    let batches: Vec<Batch> = lines(&folder.join("batches.jsonl"));
    let answers: Vec<Answer> = lines(&folder.join("answers.jsonl"));
    assert_eq!((batches.len(), answers.len()), (seeds / 10, seeds / 10));
    let mut found = Vec::new();
    for (batch, answer) in batches.iter().zip(&answers) {
        let folder = folder.join(format!("b{:04}", batch.batch));
        for what in compare(batch, answer, &folder) {
            found.push(format!("batch {} (seeds {}0 to {}9): {what}", batch.batch, batch.batch, batch.batch));
        }
    }
    let shown: Vec<&str> = found.iter().take(10).map(String::as_str).collect();
    assert!(found.is_empty(), "{} differences, the first of them:\n{}", found.len(), shown.join("\n"));
}

#[test]
fn a_thousand_kept_answers_of_ansible_are_ours() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display().to_string();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compare/golden/answers.jsonl.xz");
    fleet(&["write", &at, "0", "1000"]);
    fleet(&["unpack", &kept.display().to_string(), &at]);
    compare_all(folder.path(), 1000);
}

/// Other seeds every day. A difference is shown with its seeds: `PACELINE_FLEET_SEED=N` asks for the forty from N on again.
#[test]
fn forty_fresh_seeds_are_answered_as_ansible_answers_now() {
    let seed = std::env::var("PACELINE_FLEET_SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    let days = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() / 86_400;
    let first = seed.unwrap_or(100_000 + days * 40);
    let folder = tempfile::tempdir().unwrap();
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-venv/bin");
    assert!(programs.join("ansible-inventory").exists(), "Ansible is missing; `tests/run` installs it");
    let at = folder.path().display().to_string();
    fleet(&["ask", &at, &first.to_string(), "40", &programs.display().to_string()]);
    compare_all(folder.path(), 40);
}
