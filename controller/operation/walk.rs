//! Attributes of a whole tree: the host lists what differs, the controller decides, one point covers all.

use std::collections::BTreeMap;

use super::answer::{PathState, changed, failure, points, state};
use super::attributes::{Attributes, FileMode};
use super::file::names;
use super::script::Script;
use super::{Mode, Outcome, Program, Reply};
use crate::shell::quote;

/// What has to change below a folder.
#[derive(Debug)]
pub(super) struct Walk {
    root: String,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    path: String,
    state: PathState,
    mode: Option<u32>,
    owner: String,
}

/// The words of a search: an option, then the filter in parentheses if there is one.
fn selecting<'a>(option: &'a str, filter: &'a [String]) -> Vec<&'a str> {
    let mut words = vec![option];
    if !filter.is_empty() {
        words.push("(");
        words.extend(filter.iter().map(String::as_str));
        words.push(")");
    }
    words
}

impl Walk {
    /// Adds the listing of what differs.
    pub(super) fn begin(script: &mut Script, path: &str, follow: bool, attributes: &Attributes) {
        let mut differs: Vec<String> = Vec::new();
        let mut owners: Vec<String> = Vec::new();
        for (name, wanted) in [("-user", &attributes.owner), ("-group", &attributes.group)] {
            if let Some(wanted) = wanted {
                for words in [&mut differs, &mut owners] {
                    if !words.is_empty() {
                        words.push("-o".to_owned());
                    }
                    words.extend(["!".to_owned(), name.to_owned(), wanted.clone()]);
                }
            }
        }
        match &attributes.mode {
            Some(FileMode::Bits(bits)) => {
                if !differs.is_empty() {
                    differs.push("-o".to_owned());
                }
                differs.extend(["!".to_owned(), "-perm".to_owned(), format!("{bits:04o}")]);
            }
            // Whether these change anything depends on each mode: all are listed.
            Some(FileMode::Symbolic(_)) => differs.clear(),
            None if differs.is_empty() => return,
            None => {}
        }
        script.and("pf_walk_begin", &[], &[]);
        if !owners.is_empty() {
            script.and("pf_walk", &[path], &selecting("-l", &owners));
        }
        let option = if follow { "-L" } else { "-P" };
        script.and("pf_walk", &[path], &selecting(option, &differs));
        script.and("pf_walk_end", &[], &[]);
    }

    /// Reads the listing.
    pub(super) fn read(root: &str, reply: &Reply, attributes: &Attributes) -> Result<Self, String> {
        let bytes = reply.blob("names").unwrap_or_default();
        if std::str::from_utf8(bytes).is_err() {
            return Err(format!(
                "below `{root}` there are names that are not UTF-8\nhint: use `command: chmod -R`"
            ));
        }
        let states = String::from_utf8_lossy(reply.blob("states").unwrap_or_default()).into_owned();
        let (paths, lines) = (names(bytes), states.lines().collect::<Vec<_>>());
        if paths.len() != lines.len() {
            return Err(format!(
                "the tree below `{root}` changed while it was read\nhint: run the task again"
            ));
        }
        let mut entries = Vec::new();
        for (path, line) in paths.into_iter().zip(lines) {
            let state = PathState::parse_line(line)
                .ok_or_else(|| format!("the host sent no state of `{path}`: `{line}`"))?;
            let mode = (state.kind != "link")
                .then(|| attributes.mode_of(&state, reply.value("umask")))
                .flatten()
                .filter(|mode| *mode != state.mode);
            let owner = attributes.owner_of(&state);
            if mode.is_some() || !owner.is_empty() {
                entries.push(Entry { path, state, mode, owner });
            }
        }
        Ok(Self { root: root.to_owned(), entries })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Saves all the old attributes in one point, then changes them, a few calls for all paths.
    pub(super) fn apply(&self, mode: Mode) -> Program {
        let mut script = Script::new(mode, &Attributes::default());
        let root = quote(&self.root);
        script.call("pf_tree_point", &[&root], &[]);
        for chunk in self.entries.chunks(50) {
            let mut words = Vec::new();
            for entry in chunk {
                let PathState { kind, mode, uid, gid, .. } = &entry.state;
                let owner = if entry.owner.is_empty() { "-".to_owned() } else { format!("{uid}:{gid}") };
                let new = entry.mode.map_or_else(|| "-".to_owned(), |mode| format!("{mode:05o}"));
                words.extend([quote(&entry.path), kind.clone(), format!("{mode:05o}"), owner, new]);
            }
            script.and("pf_tree_save", &words.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        }
        script.and("pf_tree_saved", &[&root], &[]);
        for (function, groups) in [
            ("pf_tree_chown -h", self.by_owner(true)),
            ("pf_tree_chown -L", self.by_owner(false)),
            ("pf_tree_chmod", self.by_mode()),
        ] {
            for (value, paths) in groups {
                for chunk in paths.chunks(200) {
                    let mut texts = vec![value.as_str()];
                    texts.extend(chunk);
                    script.and(function, &[], &texts);
                }
            }
        }
        script.and("pf_tree_done", &[&root], &[]);
        script.program()
    }

    /// Links themselves, or all else: what a link leads to is listed under the name of the link.
    fn by_owner(&self, links: bool) -> BTreeMap<String, Vec<&str>> {
        let mut groups = BTreeMap::<String, Vec<&str>>::new();
        let owned = |entry: &&Entry| !entry.owner.is_empty() && (entry.state.kind == "link") == links;
        for entry in self.entries.iter().filter(owned) {
            groups.entry(entry.owner.clone()).or_default().push(&entry.path);
        }
        groups
    }

    fn by_mode(&self) -> BTreeMap<String, Vec<&str>> {
        let mut groups = BTreeMap::<String, Vec<&str>>::new();
        for entry in &self.entries {
            if let Some(mode) = entry.mode {
                groups.entry(format!("{mode:05o}")).or_default().push(&entry.path);
            }
        }
        groups
    }

    /// Reads the reply to [`Self::apply`].
    pub(super) fn finish(&self, reply: &Reply) -> Outcome {
        if reply.status != 0 {
            return failure(reply);
        }
        let mut outcome = Outcome { changed: changed(reply), points: points(reply), ..Outcome::default() };
        if let Some(now) = state(reply, "now") {
            now.describe(&mut outcome.result);
        }
        outcome
    }
}
