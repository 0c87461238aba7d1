//! Changes by task: the same change on many hosts is shown once.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashSet;

use indexmap::IndexMap;

use super::super::page::Few;
use crate::executor::event::Status;
use crate::report::account::Account;
use crate::report::story::StepStory;

/// Lines of one diff, and bytes of all of them.
const LINES: usize = 300;
const BYTES: usize = 2 << 20;
/// Different changes of a task, and tasks.
const OF_TASK: usize = 50;
/// Changes of a task that are in view.
const FIRST: usize = 4;
const TASKS: usize = 1_000;

/// A task that changed something.
pub(super) struct Changed<'a> {
    pub task: &'a str,
    pub hosts: usize,
    pub irreversible: usize,
    pub changes: Vec<Change<'a>>,
    /// Changes that are folded away.
    pub more: Vec<Change<'a>>,
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

/// What makes two changes alike. The host's own name in a path or a text makes no difference.
#[derive(Eq, Hash, PartialEq)]
struct Key<'a> {
    item: Option<&'a str>,
    module: &'a str,
    covers: Vec<(&'a str, Cow<'a, str>)>,
    diff: Cow<'a, str>,
}

impl<'a> Key<'a> {
    fn new(step: &'a StepStory, host: &str) -> Self {
        let plain = |text: &'a str| match !host.is_empty() && text.contains(host) {
            true => Cow::Owned(text.replace(host, "\0")),
            false => Cow::Borrowed(text),
        };
        Self {
            item: step.item.as_deref(),
            module: &step.module,
            covers: step.points.iter().map(|(_, covers, path)| (covers.as_str(), plain(path))).collect(),
            diff: plain(step.diff.as_deref().unwrap_or_default()),
        }
    }
}

/// A change as it was on the first host, with all hosts.
type Alike<'a> = (&'a StepStory, Vec<String>);

/// Returns the tasks, and how many of them are left out.
pub(super) fn changes(account: &Account) -> (Vec<Changed<'_>>, usize) {
    let mut tasks: IndexMap<&str, IndexMap<Key<'_>, Alike<'_>>> = IndexMap::new();
    for (name, host) in &account.hosts {
        for step in
            host.story.steps.iter().filter(|step| step.changed || step.status == Some(Status::Changed))
        {
            let of_task = tasks.entry(&step.task).or_default();
            of_task.entry(Key::new(step, name)).or_insert_with(|| (step, Vec::new())).1.push(name.clone());
        }
    }
    let left_out = tasks.len().saturating_sub(TASKS);
    let mut bytes = BYTES;
    let changed = tasks.into_iter().take(TASKS).map(|(task, all)| {
        let names: HashSet<&String> = all.values().flat_map(|(_, hosts)| hosts).collect();
        let hosts = names.len();
        let irreversible =
            account.hosts.values().filter(|host| host.irreversible.iter().any(|one| one == task)).count();
        let mut all: Vec<Alike<'_>> = all.into_values().collect();
        all.sort_by_key(|(_, hosts)| Reverse(hosts.len()));
        let left_out = all.len().saturating_sub(OF_TASK);
        let mut views: Vec<Change<'_>> =
            all.into_iter().take(OF_TASK).map(|(step, hosts)| change(step, &hosts, &mut bytes)).collect();
        let more = views.split_off(views.len().min(FIRST));
        Changed { task, hosts, irreversible, changes: views, more, left_out }
    });
    (changed.collect(), left_out)
}

/// Steps of which nobody knows whether they changed something, alike in task and module.
pub(super) struct Unknown<'a> {
    pub task: &'a str,
    pub module: &'a str,
    /// Steps, which may be several of one host.
    pub count: usize,
    /// Whether there are no rollback points for them.
    pub no_way_back: bool,
    pub hosts: Few,
}

/// Lists the steps without a result.
pub(super) fn unknown(account: &Account) -> Vec<Unknown<'_>> {
    let mut groups: IndexMap<(&str, &str, bool), Vec<&String>> = IndexMap::new();
    for step in account.story.unknown.iter().filter(|step| step.may_change()) {
        let lost = !step.point && !account.story.summary.check;
        groups.entry((&step.task, &step.module, lost)).or_default().push(&step.host);
    }
    let views = groups.into_iter().take(TASKS).map(|((task, module, no_way_back), mut hosts)| {
        let count = hosts.len();
        hosts.sort_unstable();
        hosts.dedup();
        Unknown { task, module, count, no_way_back, hosts: Few::of(hosts) }
    });
    views.collect()
}

fn change<'a>(step: &'a StepStory, hosts: &[String], bytes: &mut usize) -> Change<'a> {
    let all: Vec<&str> = step.diff.as_deref().unwrap_or_default().lines().collect();
    let mut lines = Vec::new();
    for text in all.iter().take(LINES) {
        let Some(left) = bytes.checked_sub(text.len()) else { break };
        *bytes = left;
        lines.push(DiffLine { class: class(text), text });
    }
    Change {
        item: step.item.as_deref(),
        module: &step.module,
        covers: step.points.iter().map(|(_, covers, path)| format!("{covers} {path}")).collect(),
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
