//! Changes by task: the same change on many hosts is shown once.

use indexmap::IndexMap;

use super::super::page::Few;
use crate::executor::event::Status;
use crate::report::account::Account;

/// Lines of one diff, and bytes of all of them.
const LINES: usize = 300;
const BYTES: usize = 2 << 20;
/// Different changes of a task, and tasks.
const OF_TASK: usize = 50;
const TASKS: usize = 1_000;

/// A task that changed something.
pub(super) struct Changed<'a> {
    pub task: &'a str,
    pub hosts: usize,
    pub irreversible: usize,
    pub changes: Vec<Change<'a>>,
    pub left_out: usize,
}

/// A change, the same on some hosts.
pub(super) struct Change<'a> {
    pub item: Option<&'a str>,
    pub module: &'a str,
    pub covers: Vec<String>,
    pub count: usize,
    pub hosts: Few,
    pub lines: Vec<DiffLine<'a>>,
    /// Lines that are left out.
    pub more: usize,
}

/// A line of a diff.
pub(super) struct DiffLine<'a> {
    pub class: &'static str,
    pub text: &'a str,
}

type Key<'a> = (Option<&'a str>, &'a str, &'a [(u64, String, String)], Option<&'a str>);

/// Returns the tasks, and how many of them are left out.
pub(super) fn changes(account: &Account) -> (Vec<Changed<'_>>, usize) {
    let mut tasks: IndexMap<&str, IndexMap<Key<'_>, Vec<String>>> = IndexMap::new();
    for (name, host) in &account.hosts {
        for step in
            host.story.steps.iter().filter(|step| step.changed || step.status == Some(Status::Changed))
        {
            let key =
                (step.item.as_deref(), step.module.as_str(), step.points.as_slice(), step.diff.as_deref());
            tasks.entry(&step.task).or_default().entry(key).or_default().push(name.clone());
        }
    }
    let left_out = tasks.len().saturating_sub(TASKS);
    let mut bytes = BYTES;
    let changed = tasks.into_iter().take(TASKS).map(|(task, all)| {
        let names: std::collections::HashSet<&String> = all.values().flatten().collect();
        let irreversible =
            account.hosts.values().filter(|host| host.irreversible.iter().any(|one| one == task)).count();
        Changed {
            task,
            hosts: names.len(),
            irreversible,
            left_out: all.len().saturating_sub(OF_TASK),
            changes: merged(all)
                .into_iter()
                .take(OF_TASK)
                .map(|(key, hosts)| change(key, &hosts, &mut bytes))
                .collect(),
        }
    });
    (changed.collect(), left_out)
}

/// Numbers of points differ from host to host although the change is the same: what they cover counts.
fn merged<'a>(all: IndexMap<Key<'a>, Vec<String>>) -> Vec<(Key<'a>, Vec<String>)> {
    let mut same: IndexMap<(Option<&str>, &str, Vec<(&str, &str)>, Option<&str>), (Key<'a>, Vec<String>)> =
        IndexMap::new();
    for (key, hosts) in all {
        let covers = key.2.iter().map(|(_, covers, path)| (covers.as_str(), path.as_str())).collect();
        let entry = same.entry((key.0, key.1, covers, key.3)).or_insert_with(|| (key, Vec::new()));
        entry.1.extend(hosts);
    }
    let mut all: Vec<_> = same.into_values().collect();
    all.sort_by_key(|(_, hosts)| std::cmp::Reverse(hosts.len()));
    all
}

fn change<'a>(key: Key<'a>, hosts: &[String], bytes: &mut usize) -> Change<'a> {
    let (item, module, points, diff) = key;
    let all: Vec<&str> = diff.unwrap_or_default().lines().collect();
    let mut lines = Vec::new();
    for text in all.iter().take(LINES) {
        let Some(left) = bytes.checked_sub(text.len()) else { break };
        *bytes = left;
        lines.push(DiffLine { class: class(text), text });
    }
    Change {
        item,
        module,
        covers: points.iter().map(|(_, covers, path)| format!("{covers} {path}")).collect(),
        count: hosts.len(),
        hosts: Few::of(hosts),
        more: all.len() - lines.len(),
        lines,
    }
}

fn class(line: &str) -> &'static str {
    match line.as_bytes() {
        [b'-', b'-', b'-', b' ', ..] | [b'+', b'+', b'+', b' ', ..] => "file",
        [b'-', ..] => "old",
        [b'+', ..] => "new",
        [b'@', ..] => "at",
        _ => "",
    }
}
