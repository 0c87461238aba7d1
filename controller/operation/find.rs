//! Looks for files and folders: the host lists them, the controller judges.

use fancy_regex::Regex;
use serde_json::{Map, Value, json};

use super::answer::{PathState, failure, said};
use super::attributes::{Attributes, FileMode};
use super::file::names;
use super::library::{Seldom, seldom};
use super::script::Script;
use super::{Mode, Operation, Outcome, Program, Progress, Reply};

/// Largest file that is looked into, and largest sum of files that are brought over at once.
const LARGEST: u64 = 8 << 20;
/// Files that one program asks for.
const ASKED: usize = 100;

/// Which times count.
#[derive(Clone, Copy, Debug)]
pub enum Stamp {
    /// Of the last access.
    Access,
    /// Of the last change of its attributes.
    Change,
    /// Of the last change of its content.
    Modification,
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// `any`, `directory`, `file` or `link`.
    pub kind: String,
    /// Names fit one of these, and none of the others.
    pub patterns: Vec<Regex>,
    /// Names that do not count.
    pub excludes: Vec<Regex>,
    /// Seconds; a negative number is at most, another at least.
    pub age: Option<i64>,
    /// Which time the age is of.
    pub stamp: Stamp,
    /// Bytes, in the same way.
    pub size: Option<i64>,
    /// Whether names with a dot in front count.
    pub hidden: bool,
    /// A mode, which is to be the file's, or to have a bit in common with it.
    pub mode: Option<(FileMode, bool)>,
    /// What is in a file: in a line from its beginning, or anywhere.
    pub contains: Option<(Regex, bool)>,
    /// How many are enough.
    pub limit: Option<usize>,
    /// Levels below a path that count.
    pub depth: Option<usize>,
}

/// Looks for files and folders.
#[derive(Debug)]
pub struct Find {
    /// Where.
    pub paths: Vec<String>,
    /// What.
    pub wanted: Wanted,
    /// Whether folders below are looked into.
    pub recurse: bool,
    /// Whether links to folders are followed.
    pub follow: bool,
    /// Name of the digest, if one is wanted.
    pub checksum: Option<String>,
    found: Vec<Found>,
    asked: Vec<usize>,
    looked: usize,
    summed: usize,
    examined: u64,
    skipped: Map<String, Value>,
    current: usize,
}

/// Something that the host has.
#[derive(Clone, Debug)]
struct Found {
    path: String,
    depth: usize,
    raw: u32,
    numbers: [u64; 6],
    times: [f64; 3],
    owner: String,
    group: String,
    checksum: Option<String>,
}

impl Found {
    fn read(path: String, line: &str, root: &str) -> Option<Self> {
        let mut parts = line.split('|');
        let mut fields = parts.next()?.splitn(12, ':');
        let raw = u32::from_str_radix(fields.next()?, 16).ok()?;
        let mut numbers = [0; 6];
        for number in &mut numbers {
            *number = fields.next()?.parse().ok()?;
        }
        let mut times = [0.0; 3];
        for time in &mut times {
            let seconds: i64 = fields.next()?.parse().ok()?;
            let shown = parts.next()?;
            let fraction =
                shown.split_once('.').map_or("0", |(_, rest)| rest.split(' ').next().unwrap_or("0"));
            *time = format!("{seconds}.{fraction}").parse().ok()?;
        }
        let known = |name: &str| if name == "UNKNOWN" { String::new() } else { name.to_owned() };
        let (owner, group) = (known(fields.next()?), known(fields.next()?));
        let below = path.strip_prefix(root).unwrap_or(&path).trim_start_matches('/').to_owned();
        let depth = below.matches('/').count() + 1;
        let path = match root.trim_end_matches('/') {
            "" => format!("/{below}"),
            root => format!("{}/{below}", root.strip_prefix("./").unwrap_or(root)),
        };
        Some(Self { path, depth, raw, numbers, times, owner, group, checksum: None })
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    fn is(&self, kind: u32) -> bool {
        self.raw >> 12 == kind
    }

    fn describe(&self) -> Value {
        let mode = self.raw & 0o7777;
        let [uid, gid, size, links, inode, device] = self.numbers;
        let [atime, mtime, ctime] = self.times;
        let mut found = json!({
            "path": self.path, "mode": format!("{mode:04o}"), "uid": uid, "gid": gid, "size": size,
            "inode": inode, "dev": device, "nlink": links, "atime": atime, "mtime": mtime, "ctime": ctime,
            "gr_name": self.group, "pw_name": self.owner,
        });
        for (name, kind) in [
            ("isdir", 4),
            ("ischr", 2),
            ("isblk", 6),
            ("isreg", 8),
            ("isfifo", 1),
            ("islnk", 10),
            ("issock", 12),
        ] {
            found[name] = self.is(kind).into();
        }
        let bits = [
            ("wusr", 0o200),
            ("rusr", 0o400),
            ("xusr", 0o100),
            ("wgrp", 0o20),
            ("rgrp", 0o40),
            ("xgrp", 0o10),
            ("woth", 0o2),
            ("roth", 0o4),
            ("xoth", 0o1),
            ("isuid", 0o4000),
            ("isgid", 0o2000),
        ];
        for (name, bit) in bits {
            found[name] = (mode & bit != 0).into();
        }
        if let Some(checksum) = &self.checksum {
            found["checksum"] = checksum.as_str().into();
        }
        found
    }
}

impl Wanted {
    fn takes(&self, found: &Found, now: f64, umask: Option<&str>) -> bool {
        let any =
            |regexes: &[Regex]| regexes.iter().any(|regex| regex.is_match(found.name()).unwrap_or(false));
        #[expect(clippy::cast_precision_loss, reason = "sizes and ages of files are far below 2^52")]
        let passes = |seen: f64, wanted: Option<i64>| match wanted {
            Some(wanted) if wanted >= 0 => seen >= wanted as f64,
            Some(wanted) => seen <= -(wanted as f64),
            None => true,
        };
        let kind = match self.kind.as_str() {
            "any" => true,
            "directory" => found.is(4),
            "link" => found.is(10),
            _ => found.is(8),
        };
        let [atime, mtime, ctime] = found.times;
        let time = match self.stamp {
            Stamp::Access => atime,
            Stamp::Change => ctime,
            Stamp::Modification => mtime,
        };
        let mode = self.mode.as_ref().is_none_or(|(mode, exact)| {
            let bits = found.raw & 0o7777;
            let attributes = Attributes { mode: Some(mode.clone()), ..Attributes::default() };
            let wanted = attributes.mode_of(&PathState::default(), umask).unwrap_or_default();
            if *exact { bits == wanted } else { bits & wanted != 0 }
        });
        #[expect(clippy::cast_precision_loss, reason = "sizes of files are far below 2^52")]
        let size = found.numbers[2] as f64;
        kind && (self.hidden || !found.name().starts_with('.'))
            && self.depth.is_none_or(|depth| found.depth <= depth)
            && any(&self.patterns)
            && !any(&self.excludes)
            && passes(now - time, self.age)
            && (!found.is(8) || passes(size, self.size))
            && mode
    }

    /// Whether the content of a file fits; what is not UTF-8 does not.
    fn holds(&self, content: &[u8]) -> bool {
        let Some((regex, whole)) = &self.contains else { return true };
        let Ok(text) = std::str::from_utf8(content) else { return false };
        let begins = |line: &str| regex.find(line).ok().flatten().is_some_and(|found| found.start() == 0);
        if *whole { regex.is_match(text).unwrap_or(false) } else { text.split_inclusive('\n').any(begins) }
    }
}

impl Find {
    /// Makes the operation.
    pub fn new(paths: Vec<String>, wanted: Wanted) -> Self {
        Self {
            paths,
            wanted,
            recurse: false,
            follow: false,
            checksum: None,
            found: Vec::new(),
            asked: Vec::new(),
            looked: 0,
            summed: 0,
            examined: 0,
            skipped: Map::new(),
            current: 0,
        }
    }

    fn look(&self, mode: Mode) -> Program {
        let mut script = Script::bringing(seldom(Seldom::Find), mode, &Attributes::default());
        let path = script.path(&self.paths[self.current]);
        // One level more than what counts: Ansible tells how many it examined.
        let depth = match (self.recurse, self.wanted.depth) {
            (false, _) => "1".to_owned(),
            (true, Some(depth)) => (depth + 1).to_string(),
            (true, None) => String::new(),
        };
        script.call("pf_find", &[&path], &[if self.follow { "1" } else { "" }, &depth]);
        script.program()
    }

    /// Takes what is below one path.
    fn listed(&mut self, reply: &Reply) -> Result<(), String> {
        let given = &self.paths[self.current];
        if let Some(path) = said(reply, "nofolder") {
            let shown = if given.starts_with('~') || given.contains('$') { path } else { given.clone() };
            self.skipped.insert(shown.clone(), format!("'{shown}' is not a directory").into());
            return Ok(());
        }
        let bytes = reply.blob("names").unwrap_or_default();
        let root = said(reply, "path").unwrap_or_else(|| super::script::known(given).unwrap_or_default());
        if std::str::from_utf8(bytes).is_err() {
            return Err(format!(
                "below `{root}` there are names that are not UTF-8\nhint: use `command: find`"
            ));
        }
        let states = String::from_utf8_lossy(reply.blob("states").unwrap_or_default()).into_owned();
        let (paths, lines) = (names(bytes), states.lines().collect::<Vec<_>>());
        if paths.len() != lines.len() {
            return Err(format!(
                "the tree below `{root}` changed while it was read\nhint: run the task again"
            ));
        }
        let now =
            String::from_utf8_lossy(reply.blob("now").unwrap_or_default()).trim().parse().unwrap_or(0.0);
        for line in String::from_utf8_lossy(reply.blob("errors").unwrap_or_default()).lines() {
            if let Some((path, reason)) = line.strip_prefix("find: ").and_then(|line| line.rsplit_once(": "))
            {
                let path = path.trim_matches(['\'', '`']);
                self.skipped.insert(path.replace("//", "/"), reason.into());
            }
        }
        self.examined += paths.len() as u64;
        let mut found = Vec::new();
        for (path, line) in paths.into_iter().zip(lines) {
            let entry = Found::read(path.clone(), line, &root)
                .ok_or_else(|| format!("the host sent no state of `{path}`: `{line}`"))?;
            if self.wanted.takes(&entry, now, reply.value("umask")) {
                found.push(entry);
            }
        }
        found.sort_by(|one, other| (one.depth, &one.path).cmp(&(other.depth, &other.path)));
        self.found.extend(found);
        Ok(())
    }

    /// The next program, if anything is still to be asked for.
    fn ask(&mut self, mode: Mode) -> Result<Option<Program>, String> {
        self.asked.clear();
        let mut script = Script::bringing(seldom(Seldom::Find), mode, &Attributes::default());
        if self.wanted.contains.is_some() && self.looked < self.found.len() {
            let mut size = 0;
            while let Some(entry) = self.found.get(self.looked).filter(|_| self.asked.len() < ASKED) {
                let bytes = entry.numbers[2];
                if entry.is(8) && bytes > LARGEST {
                    return Err(format!(
                        "`{}` has {bytes} bytes, more than `contains` looks into ({LARGEST})\nhint: leave large files out with `size` or `patterns`",
                        entry.path
                    ));
                }
                if size + bytes > LARGEST && !self.asked.is_empty() {
                    break;
                }
                size += bytes;
                self.asked.push(self.looked);
                self.looked += 1;
            }
            script.call("pf_find_content", &[], &self.paths_asked());
            return Ok(Some(script.program()));
        }
        if let Some(limit) = self.wanted.limit {
            self.found.truncate(limit);
        }
        let Some(algorithm) = self.checksum.clone() else { return Ok(None) };
        while let Some(entry) = self.found.get(self.summed).filter(|_| self.asked.len() < ASKED) {
            if entry.is(8) {
                self.asked.push(self.summed);
            }
            self.summed += 1;
        }
        if self.asked.is_empty() {
            return Ok(None);
        }
        let paths = self.paths_asked();
        let words = std::iter::once(algorithm.as_str()).chain(paths).collect::<Vec<_>>();
        script.call("pf_find_sums", &[], &words);
        Ok(Some(script.program()))
    }

    fn paths_asked(&self) -> Vec<&str> {
        self.asked.iter().map(|number| self.found[*number].path.as_str()).collect()
    }

    fn answered(&mut self, reply: &Reply) {
        let asked = std::mem::take(&mut self.asked);
        if reply.value("sum").is_some() {
            for (number, sum) in asked.iter().zip(reply.texts("sum").collect::<Vec<_>>()) {
                self.found[*number].checksum = Some(sum);
            }
            return;
        }
        let contents = reply.blobs.iter().filter(|(name, _)| name == "content").map(|(_, bytes)| bytes);
        let out: Vec<usize> = asked
            .iter()
            .zip(contents)
            .filter(|(_, content)| !self.wanted.holds(content))
            .map(|(number, _)| *number)
            .collect();
        for number in out.iter().rev() {
            self.found.remove(*number);
        }
        self.looked -= out.len();
    }

    fn outcome(&mut self) -> Outcome {
        let files: Vec<Value> = self.found.iter().map(Found::describe).collect();
        let full = self.wanted.limit.is_some_and(|limit| files.len() == limit);
        let message = match (self.skipped.is_empty(), full) {
            (false, _) => "Not all paths examined, check warnings for details",
            (true, true) => "Limit of matches reached",
            (true, false) => "All paths examined",
        };
        let mut result = Map::new();
        result.insert("matched".to_owned(), files.len().into());
        result.insert("files".to_owned(), files.into());
        result.insert("examined".to_owned(), self.examined.into());
        result.insert("msg".to_owned(), message.into());
        result.insert("skipped_paths".to_owned(), Value::Object(std::mem::take(&mut self.skipped)));
        Outcome { result, ..Outcome::default() }
    }
}

fn failed(message: String) -> Progress {
    let result = Map::from_iter([("msg".to_owned(), Value::String(message))]);
    Progress::Done(Outcome { failed: true, result, ..Outcome::default() })
}

impl Operation for Find {
    fn first(&mut self, mode: Mode) -> Program {
        (self.current, self.looked, self.summed, self.examined) = (0, 0, 0, 0);
        self.found.clear();
        self.asked.clear();
        self.skipped = Map::new();
        self.look(mode)
    }

    fn judged_here(&self) -> bool {
        true
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        if reply.status != 0 {
            return Progress::Done(failure(&reply));
        }
        if self.current < self.paths.len() {
            if let Err(message) = self.listed(&reply) {
                return failed(message);
            }
            self.current += 1;
            if self.current < self.paths.len() {
                return Progress::Again(self.look(mode));
            }
        } else {
            self.answered(&reply);
        }
        match self.ask(mode) {
            Err(message) => failed(message),
            Ok(Some(program)) => Progress::Again(program),
            Ok(None) => Progress::Done(self.outcome()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::{Rehearsal, SHELLS};
    use super::*;

    fn wanted() -> Wanted {
        Wanted {
            kind: "file".to_owned(),
            patterns: vec![super::super::glob::glob("*").unwrap()],
            excludes: Vec::new(),
            age: None,
            stamp: Stamp::Modification,
            size: None,
            hidden: false,
            mode: None,
            contains: None,
            limit: None,
            depth: None,
        }
    }

    #[test]
    fn odd_names_are_found_in_every_shell() {
        for shell in SHELLS {
            let root = tempfile::TempDir::new().unwrap();
            std::fs::create_dir(root.path().join("-d")).unwrap();
            for (name, content) in [("a\nb", "x1\n"), ("-d/'q' é", "y\nx2\n"), (".hidden", "x")] {
                std::fs::write(root.path().join(name), content).unwrap();
            }
            let folder = root.path().to_str().unwrap().to_owned();
            let mut host = Rehearsal::new(shell);
            host.prelude = "pl_u=0022".to_owned();
            let find = |change: &dyn Fn(&mut Find)| {
                let mut find = Find::new(vec![folder.clone()], wanted());
                change(&mut find);
                let outcome = host.run(&mut find, Mode::default());
                assert!(!outcome.failed, "{shell} {:?}", outcome.result);
                outcome.result
            };
            let names = |result: &Map<String, Value>| -> Vec<String> {
                let path = |file: &Value| file["path"].as_str().unwrap()[folder.len()..].to_owned();
                result["files"].as_array().unwrap().iter().map(path).collect()
            };
            let flat = find(&|_| ());
            assert_eq!((names(&flat), &flat["examined"]), (vec!["/a\nb".to_owned()], &json!(3)), "{shell}");
            let deep = find(&|find| (find.recurse, find.checksum) = (true, Some("sha1".to_owned())));
            assert_eq!(names(&deep), ["/a\nb", "/-d/'q' é"], "{shell}");
            let sum = super::super::content::sha1_of(b"x1\n");
            assert_eq!(deep["files"][0]["checksum"], sum.as_str(), "{shell}");
            let regex = Regex::new("x[0-9]").unwrap();
            let held = find(&|find| {
                find.recurse = true;
                find.wanted.contains = Some((regex.clone(), false));
                find.wanted.excludes = vec![super::super::glob::glob("a*").unwrap()];
            });
            assert_eq!(names(&held), ["/-d/'q' é"], "{shell}");
            let none = find(&|find| find.paths = vec![format!("{folder}/nowhere")]);
            assert_eq!(none["skipped_paths"].as_object().unwrap().len(), 1, "{shell}");
        }
    }
}
