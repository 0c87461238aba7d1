//! What `--list-tasks`, `--list-tags` and `--list-hosts` print, in Ansible's layout or as JSON.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Value, json};

use super::model::{Entry, Play, Playbook, Task};
use super::tags::selected;
use super::values::listed;
use crate::source::Node;

/// What to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Listing<'a> {
    /// `--list-tasks`.
    pub tasks: bool,
    /// `--list-tags`.
    pub tags: bool,
    /// `--list-hosts`: the names of the targets of each play.
    pub hosts: Option<&'a [Vec<String>]>,
    /// `--tags`.
    pub only: &'a [String],
    /// `--skip-tags`.
    pub skip: &'a [String],
}

/// Lists a playbook; names stand there as they are written.
pub fn list(playbook: &Playbook, listing: &Listing<'_>) -> String {
    let mut out = format!("\nplaybook: {}\n", playbook.path.display());
    for (at, play) in playbook.plays.iter().enumerate() {
        list_play(&mut out, at, play, listing);
    }
    out
}

/// The same for programs.
pub fn list_json(playbook: &Playbook, listing: &Listing<'_>) -> Value {
    let plays = playbook.plays.iter().enumerate().map(|(at, play)| {
        let mut entry = json!({
            "play": play.name.key_text(),
            "pattern": patterns(play),
            "tags": play.directives.tags,
        });
        if let Some(hosts) = listing.hosts.and_then(|hosts| hosts.get(at)) {
            entry["hosts"] = json!(hosts);
        }
        if listing.tasks || listing.tags {
            let found = found(play, listing);
            if listing.tasks {
                let tasks = found.iter().map(|(task, tags)| json!({"task": title(task), "tags": tags}));
                entry["tasks"] = tasks.collect();
            }
            if listing.tags {
                entry["task_tags"] = json!(all_tags(play, &found));
            }
        }
        entry
    });
    json!({"playbook": playbook.path, "plays": plays.collect::<Vec<_>>()})
}

fn patterns(play: &Play) -> Vec<&str> {
    listed(&play.hosts).iter().filter_map(Node::as_str).collect()
}

/// The tasks that the tags select, each with its tags.
fn found<'p>(play: &'p Play, listing: &Listing<'_>) -> Vec<(&'p Task, BTreeSet<&'p str>)> {
    // Tags that only some other run would use are listed as well.
    let every = ["all".to_owned(), "never".to_owned()];
    let only = if listing.tags && listing.only.is_empty() { &every } else { listing.only };
    let mut found = Vec::new();
    let play_tags: BTreeSet<&str> = play.directives.tags.iter().map(String::as_str).collect();
    for entry in play.pre_tasks.iter().chain(&play.tasks).chain(&play.post_tasks) {
        collect(entry, &play_tags, &mut found);
    }
    found.retain(|(_, tags)| {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        selected(&tags, only, listing.skip)
    });
    found
}

fn all_tags<'p>(play: &'p Play, found: &[(&'p Task, BTreeSet<&'p str>)]) -> BTreeSet<&'p str> {
    let own = play.directives.tags.iter().map(String::as_str);
    own.chain(found.iter().flat_map(|(_, tags)| tags.iter().copied())).collect()
}

fn list_play(out: &mut String, at: usize, play: &Play, listing: &Listing<'_>) {
    let patterns = patterns(play);
    let pattern = patterns.join(",");
    let name = play.name.key_text();
    let tags = play.directives.tags.join(",");
    let _ = writeln!(out, "\n  play #{} ({pattern}): {name}\tTAGS: [{tags}]", at + 1);
    if let Some(hosts) = listing.hosts.and_then(|hosts| hosts.get(at)) {
        let quoted: Vec<String> = patterns.iter().map(|pattern| format!("'{pattern}'")).collect();
        let _ = writeln!(out, "    pattern: [{}]\n    hosts ({}):", quoted.join(", "), hosts.len());
        for host in hosts {
            let _ = writeln!(out, "      {host}");
        }
    }
    if !listing.tasks && !listing.tags {
        return;
    }
    let found = found(play, listing);
    if listing.tasks {
        out.push_str("    tasks:\n");
        for (task, tags) in &found {
            let _ = writeln!(out, "      {}\tTAGS: [{}]", title(task), joined(tags));
        }
    }
    if listing.tags {
        let _ = writeln!(out, "      TASK TAGS: [{}]", joined(&all_tags(play, &found)));
    }
}

fn joined(tags: &BTreeSet<&str>) -> String {
    tags.iter().copied().collect::<Vec<_>>().join(", ")
}

fn title(task: &Task) -> String {
    match (&task.name, &task.role) {
        (Some(name), Some(role)) => format!("{} : {}", role.name, name.key_text()),
        (Some(name), None) => name.key_text(),
        (None, _) => task.module_as_written.clone(),
    }
}

fn collect<'p>(entry: &'p Entry, outer: &BTreeSet<&'p str>, found: &mut Vec<(&'p Task, BTreeSet<&'p str>)>) {
    let own = match entry {
        Entry::Task(task) => &task.directives.tags,
        Entry::Block(block) => &block.directives.tags,
    };
    let mut tags = outer.clone();
    tags.extend(own.iter().map(String::as_str));
    match entry {
        Entry::Task(task) => found.push((task, tags)),
        Entry::Block(block) => block.entries.iter().for_each(|entry| collect(entry, &tags, found)),
    }
}
