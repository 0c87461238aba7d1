//! Unpacks an archive of the host or the controller into a folder of the host: every name is checked before anything is
//! unpacked, and every file gets its own rollback point.

use std::collections::BTreeMap;
use std::sync::Arc;

use fancy_regex::Regex;
use serde_json::{Map, Value};

use super::answer::{PathState, failure, points, said, state};
use super::attributes::{Attributes, FileMode, FileTime};
use super::file::names;
use super::library::{Seldom, seldom};
use super::script::Script;
use super::{Content, Diff, Mode, Operation, Outcome, Payload, Point, Program, Progress, Reply};
use crate::shell::quote;

/// Bytes that an archive may hold, unpacked.
const LARGEST: u64 = 16 << 30;
/// Entries that it may have.
const MOST: usize = 200_000;
/// Text of one program.
const TEXT: usize = 48 << 10;

/// Unpacks an archive.
#[derive(Clone, Debug)]
pub struct Unarchive {
    /// The archive of the controller, or nothing for one of the host.
    pub content: Option<Arc<Content>>,
    /// Its path: of the host, or for the result.
    pub src: String,
    /// The folder, which has to be there.
    pub dest: String,
    /// Nothing is done if this is there.
    pub creates: Option<String>,
    /// Names that are left out.
    pub exclude: Vec<Regex>,
    /// Names that are taken alone.
    pub include: Vec<Regex>,
    /// Mode, owner and group of all that is unpacked.
    pub attributes: Attributes,
    /// Whether owners of the archive count, for root.
    pub owners: bool,
    /// Whether newer files stay.
    pub keep_newer: bool,
    /// Whether the result lists the names.
    pub list: bool,
    /// Leading parts of names that are dropped.
    pub strip: usize,
    pub(crate) progress: UnarchiveProgress,
}

/// How far it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnarchiveProgress {
    stage: Stage,
    form: String,
    dest: String,
    files: Vec<String>,
    work: Vec<Program>,
    targets: Vec<String>,
    changes: Vec<String>,
    points: Vec<Point>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Stage {
    #[default]
    List,
    Unpack,
    Put,
}

/// An entry of a listing.
#[derive(Debug, Eq, PartialEq)]
struct Entry {
    kind: char,
    size: u64,
    name: String,
    link: Option<String>,
}

/// Undoes the escapes with which tar writes names.
fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        let octal = bytes
            .get(at + 1..at + 4)
            .filter(|digits| digits.iter().all(|digit| (b'0'..=b'7').contains(digit)));
        if let Some(digits) = octal {
            let value = digits.iter().fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
            out.push(u8::try_from(value & 0xff).unwrap_or(b'?'));
            at += 4;
            continue;
        }
        match bytes.get(at + 1) {
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(other) => out.push(*other),
            None => out.push(b'\\'),
        }
        at += 2;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads the next word and what is behind the blanks that follow it.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(' ')?;
    Some((&text[..end], &text[end..]))
}

/// A line of `tar -tv`: mode, owner, size, date, time, name.
fn tar_line(line: &str) -> Option<Entry> {
    let (mode, rest) = word(line)?;
    let (_owner, rest) = word(rest)?;
    let (size, rest) = word(rest)?;
    let (_date, rest) = word(rest)?;
    let (_time, rest) = word(rest)?;
    let name = rest.strip_prefix(' ')?;
    let kind = mode.chars().next()?;
    let (name, link) = match kind {
        'l' => name.split_once(" -> ").map_or((name, None), |(name, link)| (name, Some(link))),
        'h' => name.split_once(" link to ").map_or((name, None), |(name, link)| (name, Some(link))),
        // busybox writes a hard link as a file that leads to another one.
        '-' if name.contains(" -> ") => {
            name.split_once(" -> ").map_or((name, None), |(name, link)| (name, Some(link)))
        }
        _ => (name, None),
    };
    let size = if matches!(kind, 'b' | 'c') { 0 } else { size.parse().ok()? };
    Some(Entry { kind, size, name: unescaped(name), link: link.map(unescaped) })
}

/// A line of `unzip -l`: length, date, time, name. Others are headings.
fn zip_line(line: &str) -> Option<Entry> {
    let (size, rest) = word(line)?;
    let size = size.parse().ok()?;
    let (date, rest) = word(rest)?;
    let (time, rest) = word(rest)?;
    if !date.contains('-') || !time.contains(':') {
        return None;
    }
    let name = rest.trim_start().to_owned();
    let kind = if name.ends_with('/') { 'd' } else { '-' };
    Some(Entry { kind, size, name, link: None })
}

/// A name without needless parts; nothing if it leads out of the folder.
fn plain(name: &str) -> Option<String> {
    if name.starts_with('/') || name.contains('\0') {
        return None;
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    (!parts.contains(&"..")).then(|| parts.join("/"))
}

/// Whether the target of a link stays in the folder.
fn stays(name: &str, target: &str) -> bool {
    if target.starts_with('/') {
        return false;
    }
    let mut depth = name.matches('/').count();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    true
}

/// Checks all names of an archive.
fn check(entries: &[Entry]) -> Result<(), String> {
    let mut size = 0_u64;
    let mut links = Vec::new();
    for entry in entries {
        let name = plain(&entry.name).ok_or_else(|| {
            format!("`{}` leads out of the folder, so nothing is unpacked\nhint: look at where the archive comes from", entry.name)
        })?;
        size = size.saturating_add(entry.size);
        match entry.kind {
            'd' | '-' | 'l' | 'h' => {}
            _ => return Err(format!("`{name}` is a device, FIFO or socket, and such are not unpacked")),
        }
        if let Some(target) = &entry.link {
            let inside = if entry.kind == 'l' { stays(&name, target) } else { plain(target).is_some() };
            if !inside {
                return Err(format!(
                    "the link `{name}` leads out of the folder, to `{target}`, so nothing is unpacked\nhint: make the archive without it, and the link with `file`"
                ));
            }
            if entry.kind == 'l' {
                links.push(name);
            }
        }
    }
    if size > LARGEST || entries.len() > MOST {
        return Err(format!(
            "the archive holds {size} bytes in {} entries; the limits are {LARGEST} and {MOST}",
            entries.len()
        ));
    }
    // What lies below a link would be written to where it leads.
    for link in &links {
        let below = format!("{link}/");
        if entries.iter().filter_map(|entry| plain(&entry.name)).any(|name| name.starts_with(&below)) {
            return Err(format!(
                "the archive has something below its own link `{link}`, so nothing is unpacked"
            ));
        }
    }
    Ok(())
}

impl Unarchive {
    fn handler(&self) -> &'static str {
        match self.progress.form.as_str() {
            "zip" => "ZipArchive",
            "gz" => "TgzArchive",
            "bz2" => "TarBzipArchive",
            "xz" => "TarXzArchive",
            "zst" => "TarZstdArchive",
            _ => "TarArchive",
        }
    }

    fn remote(&self, script: &mut Script) -> String {
        if self.content.is_some() { "''".to_owned() } else { script.quiet_path(&self.src) }
    }

    fn begin(mode: Mode) -> Script {
        Script::bringing(seldom(Seldom::Unarchive), mode, &Attributes::default())
    }

    /// Whether a name is wanted.
    fn wants(&self, name: &str) -> bool {
        let fits = |regexes: &[Regex]| {
            // A pattern also fits a folder above, or the last parts of a name.
            let starts = std::iter::once(0).chain(name.match_indices('/').map(|(at, _)| at + 1));
            let ends: Vec<usize> = name.match_indices('/').map(|(at, _)| at).chain([name.len()]).collect();
            let parts: Vec<&str> = starts
                .flat_map(|start| ends.iter().filter(move |end| **end > start).map(move |end| (start, *end)))
                .map(|(start, end)| &name[start..end])
                .collect();
            regexes.iter().any(|regex| parts.iter().any(|part| regex.is_match(part).unwrap_or(false)))
        };
        let included = |name: &str| {
            let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
            ends.map(|end| &name[..end])
                .any(|part| self.include.iter().any(|regex| regex.is_match(part).unwrap_or(false)))
        };
        (self.include.is_empty() || included(name)) && !fits(&self.exclude)
    }

    fn listed(&mut self, reply: &Reply, mode: Mode) -> Progress {
        self.progress.form = reply.value("form").unwrap_or("tar").to_owned();
        self.progress.dest = said(reply, "path").unwrap_or_else(|| self.dest.clone());
        let zip = self.progress.form == "zip";
        let text = String::from_utf8_lossy(reply.blob("list").unwrap_or_default()).into_owned();
        let mut entries = Vec::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            match if zip { zip_line(line) } else { tar_line(line) } {
                // The last line of `unzip` is a sum.
                Some(_) if zip && lines.peek().is_none() => {}
                Some(entry) => entries.push(entry),
                None if zip || line.trim().is_empty() => {}
                None => return self.failed(format!("a line of the archive's list makes no sense: `{line}`")),
            }
        }
        if let Err(message) = check(&entries) {
            return self.failed(message);
        }
        self.progress.files = entries
            .into_iter()
            .map(|entry| entry.name)
            .filter(|name| self.wants(name.trim_end_matches('/').trim_start_matches("./")))
            .collect();
        self.progress.stage = Stage::Unpack;
        let mut script = Self::begin(mode);
        let src = self.remote(&mut script);
        let form = quote(&self.progress.form);
        script.call("pf_archive_unpack", &[&src, &form], &[]);
        Progress::Again(script.program())
    }

    fn unpacked(&mut self, reply: &Reply, mode: Mode) -> Result<(), String> {
        let root = said(reply, "root").unwrap_or_default();
        let bytes = reply.blob("names").unwrap_or_default();
        if std::str::from_utf8(bytes).is_err() {
            return Err("there are names in the archive that are not UTF-8\nhint: unpack it with `command`"
                .to_owned());
        }
        let states = String::from_utf8_lossy(reply.blob("states").unwrap_or_default()).into_owned();
        let (paths, lines) = (names(bytes), states.lines().collect::<Vec<_>>());
        if paths.len() != lines.len() || paths.len() > MOST {
            return Err("what was unpacked cannot be listed".to_owned());
        }
        let links: BTreeMap<String, String> = reply
            .texts("link")
            .filter_map(|text| {
                text.split_once('\u{1}').map(|(path, target)| (path.to_owned(), target.to_owned()))
            })
            .collect();
        let mut entries = Vec::new();
        for (path, line) in paths.into_iter().zip(lines) {
            let name = path.strip_prefix(&root).unwrap_or_default().trim_start_matches('/').to_owned();
            let state =
                PathState::parse_line(line).ok_or_else(|| format!("the host sent no state of `{name}`"))?;
            let time = line.split(':').nth(7).unwrap_or_default().to_owned();
            if let Some(target) = links.get(&path)
                && !stays(&name, target)
            {
                return Err(format!(
                    "the link `{name}` leads out of the folder, to `{target}`, so nothing is unpacked"
                ));
            }
            if state.kind == "other" || state.kind == "link" && !links.contains_key(&path) {
                return Err(format!("`{name}` is no folder, file or link that can be unpacked"));
            }
            entries.push((name, path, state, time));
        }
        // Folders come before what is in them.
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        let umask = reply.value("umask");
        let mut script = Self::begin(mode);
        script.call("pf_items_begin", &[], &[]);
        for (name, path, state, time) in &entries {
            if !self.wants(name) {
                continue;
            }
            let Some(kept) = name.splitn(self.strip + 1, '/').nth(self.strip) else { continue };
            if script.len() > TEXT {
                let mut fresh = Self::begin(mode);
                fresh.call("pf_items_begin", &[], &[]);
                self.progress.work.push(std::mem::replace(&mut script, fresh).program());
            }
            let number = self.progress.targets.len().to_string();
            self.progress.targets.push(kept.to_owned());
            let to = quote(&format!("{}/{kept}", self.progress.dest.trim_end_matches('/')));
            let from = quote(path);
            let mut attributes = self.attributes.clone();
            attributes.mode =
                Some(FileMode::Bits(self.attributes.mode_of(state, umask).unwrap_or(state.mode)));
            if self.owners {
                attributes.owner.get_or_insert_with(|| state.uid.to_string());
                attributes.group.get_or_insert_with(|| state.gid.to_string());
            }
            if state.kind == "file" {
                attributes.modification_time = Some(FileTime::At(format!("@{time}")));
            }
            script.and_begin(mode, &attributes);
            match state.kind.as_str() {
                "directory" => script.and("pf_item", &[&number, "pf_directory", &to], &["1"]),
                "link" => script.and("pf_item", &[&number, "pf_link_like", &from, &to], &[""]),
                _ => {
                    let keep = if self.keep_newer { "1" } else { "" };
                    script.and("pf_item", &[&number, "pf_archive_file", &from, &to], &[keep]);
                }
            }
        }
        self.progress.work.push(script.program());
        self.progress.work.reverse();
        self.progress.stage = Stage::Put;
        Ok(())
    }

    fn end(mode: Mode) -> Program {
        let mut script = Self::begin(mode);
        script.call("pf_archive_end", &[], &[]);
        script.program()
    }

    fn put(&mut self, reply: &Reply) {
        let mut current = None;
        for (name, value) in &reply.values {
            match name.as_str() {
                "item" => {
                    current =
                        value.parse::<usize>().ok().and_then(|number| self.progress.targets.get(number));
                }
                "changed" => {
                    if let Some(name) = current.take() {
                        self.progress.changes.push(name.clone());
                    }
                }
                _ => {}
            }
        }
    }

    fn failed(&mut self, message: String) -> Progress {
        let mut result = self.result();
        result.insert("msg".to_owned(), message.into());
        let points = std::mem::take(&mut self.progress.points);
        Progress::Done(Outcome { failed: true, result, points, ..Outcome::default() })
    }

    fn result(&self) -> Map<String, Value> {
        let mut result = Map::new();
        let dest = if self.progress.dest.is_empty() { &self.dest } else { &self.progress.dest };
        result.insert("dest".to_owned(), dest.clone().into());
        result.insert("src".to_owned(), self.src.clone().into());
        if !self.progress.form.is_empty() {
            result.insert("handler".to_owned(), self.handler().into());
        }
        result
    }

    fn outcome(&mut self, reply: &Reply, mode: Mode) -> Progress {
        let mut result = self.result();
        if let Some(now) = state(reply, "now") {
            now.describe(&mut result);
        }
        if self.list {
            result.insert("files".to_owned(), std::mem::take(&mut self.progress.files).into());
        }
        let changes = std::mem::take(&mut self.progress.changes);
        let points = std::mem::take(&mut self.progress.points);
        let mut outcome = Outcome { changed: !changes.is_empty(), result, points, ..Outcome::default() };
        if mode.diff && outcome.changed {
            let after: String = changes.iter().map(|name| format!("{name}\n")).collect();
            outcome.diff.push(Diff { after_header: self.dest.clone(), after, ..Diff::default() });
        }
        Progress::Done(outcome)
    }
}

impl Operation for Unarchive {
    fn first(&mut self, mode: Mode) -> Program {
        self.progress = UnarchiveProgress::default();
        let mut script = Self::begin(mode);
        let src = self.remote(&mut script);
        let dest = script.path(&self.dest);
        let creates = self.creates.clone().unwrap_or_default();
        script.call("pl_guard_files", &["''"], &[&creates, ""]);
        script.and("pf_archive_list", &[&src, &dest], &[]);
        match &self.content {
            Some(content) => script.with_payload(Payload::Content(Arc::clone(content))),
            None => script.program(),
        }
    }

    fn saves_first(&self) -> bool {
        true
    }

    fn judged_here(&self) -> bool {
        true
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        self.progress.points.extend(points(&reply));
        if reply.value("skip").is_some() {
            let path = self.creates.clone().unwrap_or_default();
            let result = Map::from_iter([("msg".to_owned(), format!("skipped, since {path} exists").into())]);
            return Progress::Done(Outcome { skipped: true, result, ..Outcome::default() });
        }
        let wanted = if self.progress.stage == Stage::Put { 0 } else { 75 };
        if reply.status != wanted {
            let mut outcome = failure(&reply);
            outcome.points = std::mem::take(&mut self.progress.points);
            for (name, value) in self.result() {
                outcome.result.entry(name).or_insert(value);
            }
            return Progress::Done(outcome);
        }
        match self.progress.stage {
            Stage::List => self.listed(&reply, mode),
            Stage::Unpack => match self.unpacked(&reply, mode) {
                Err(message) => self.failed(message),
                Ok(()) => match self.progress.work.last() {
                    Some(program) => Progress::Again(program.clone()),
                    None => self.outcome(&reply, mode),
                },
            },
            Stage::Put => {
                if self.progress.work.pop().is_none() {
                    // The private folder is empty again.
                    return self.outcome(&reply, mode);
                }
                self.put(&reply);
                match self.progress.work.last() {
                    Some(program) => Progress::Again(program.clone()),
                    None => Progress::Again(Self::end(mode)),
                }
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
#[path = "unarchive_tests.rs"]
mod tests;
