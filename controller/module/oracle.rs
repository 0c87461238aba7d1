//! Runs what ansible-core 2.19 was asked to do, in real shells, and compares: the result, what is on
//! disk after two runs, and that restoring the rollback points brings back what was there before.
//!
//! `fixtures/files.json` holds what ansible-core answered. Only facts are in it; texts of failures
//! are our own. As in Ansible's run, `{D}` is an empty folder of the case, `{L}` the local files.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Map, Value};
use tempfile::TempDir;

use super::testing::node;
use super::{Files, ModuleContext, ModuleError, Options, Work, convert, lookup};
use crate::operation::testing::{Rehearsal, SHELLS};
use crate::operation::{Content, Mode, Operation, Outcome, Point, open_points};
use crate::rollback::newest_first;
use crate::source::SourceFile;

const CASES: &str = include_str!("fixtures/files.json");

/// Where Ansible's answers go beyond ours on purpose, by case and field.
const NOT_COMPARED: &[(&str, &str)] = &[
    // Ansible tells the times of a touched file, and the mode that a new folder had for a moment.
    ("touch_new_diff", "diff"),
    ("touch_time", "diff"),
    ("dir_new_diff", "diff"),
];

struct Local(PathBuf);

impl Files for Local {
    fn find(&self, _kind: &str, name: &str) -> Result<PathBuf, ModuleError> {
        let path = self.0.join(name);
        if path.exists() { Ok(path) } else { Err(ModuleError::new(format!("could not find `{name}`"))) }
    }

    fn opened(&self, path: &Path) -> Result<Arc<Content>, ModuleError> {
        self.content(path)
    }

    fn content(&self, path: &Path) -> Result<Arc<Content>, ModuleError> {
        fs::read(path)
            .map(|bytes| Arc::new(Content::new(bytes)))
            .map_err(|error| ModuleError::new(error.to_string()))
    }

    fn source(&self, path: &Path) -> Result<Arc<SourceFile>, ModuleError> {
        let text = fs::read_to_string(path).map_err(|error| ModuleError::new(error.to_string()))?;
        Ok(SourceFile::new(path.display().to_string(), path, text))
    }

    fn walk(&self, path: &Path) -> Result<Vec<(PathBuf, bool)>, ModuleError> {
        let mut found = Vec::new();
        for (relative, _) in listing(path) {
            let below = PathBuf::from(&relative);
            found.push((below, path.join(&relative).is_dir()));
        }
        Ok(found)
    }
}

/// The local files of Ansible's run.
fn local_files() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let script = r#"
umask 022
mkdir -p tree/sub/deep tree/empty templates
printf 'hello\n' >hello.txt
printf '#!/bin/sh\necho hi\n' >run.sh; chmod 755 run.sh
printf 'a\000b\377\n' >bin.dat
printf 'A\n' >tree/a.txt; printf 'B\n' >tree/sub/b.txt; printf C >'tree/sub/deep/c c.txt'
chmod 700 tree/sub/b.txt
printf 't' >templates/t.j2; printf 'd' >templates/d.j2
"#;
    sh(folder.path(), script);
    folder
}

fn sh(folder: &Path, script: &str) {
    let status = Command::new("bash")
        .args(["-ec", &format!("umask 022\n{script}")])
        .current_dir(folder)
        .status()
        .expect("bash has to be installed for this test");
    assert!(status.success(), "{script}");
}

/// What a template renders to, by the name of its file and its options.
fn rendered(source: &Arc<SourceFile>, options: &Options) -> Result<String, ModuleError> {
    let text = match (source.text(), options.get("trim_blocks")) {
        ("d", _) => "x=1\n",
        (_, Some(Value::Bool(false))) => "x=1\n\n  yes\n\nend\n",
        _ => "x=1\n  yes\nend\n",
    };
    let line_end = options.get("newline_sequence").and_then(Value::as_str).unwrap_or("\n");
    Ok(text.replace('\n', &line_end.replace("\\r", "\r").replace("\\n", "\n")))
}

fn substituted(value: &Value, folder: &str, local: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("{D}", folder).replace("{L}", local)),
        Value::Array(items) => items.iter().map(|item| substituted(item, folder, local)).collect(),
        Value::Object(entries) => Value::Object(
            entries.iter().map(|(name, value)| (name.clone(), substituted(value, folder, local))).collect(),
        ),
        other => other.clone(),
    }
}

/// What is below a folder, by its path relative to it: kind, mode, digest or target, owner, and the time
/// of its last change in nanoseconds.
fn listing(folder: &Path) -> BTreeMap<String, (String, i128)> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        for entry in fs::read_dir(&path).expect("a folder that can be read") {
            let path = entry.expect("an entry").path();
            let metadata = fs::symlink_metadata(&path).expect("its metadata");
            let mode = metadata.permissions().mode() & 0o7777;
            let name = path.strip_prefix(folder).expect("below").to_str().expect("UTF-8").to_owned();
            let kind = if metadata.is_symlink() {
                let target = fs::read_link(&path).expect("a link").display().to_string();
                format!("link {}", target.replace(folder.to_str().expect("UTF-8"), "{D}"))
            } else if metadata.is_dir() {
                left.push(path);
                format!("dir {mode:04o}")
            } else if metadata.is_file() {
                let content = Content::new(fs::read(&path).expect("readable"));
                format!("file {mode:04o} {}", &content.sha256[..12])
            } else {
                format!("other {mode:04o}")
            };
            let changed = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
            let owner = format!("{}:{}", metadata.uid(), metadata.gid());
            found.insert(name, (format!("{kind}|{owner}"), changed));
        }
    }
    found
}

/// The listing as the fixture has it: without times and what is kept beside a path for rollback, names of
/// backups made alike.
fn shown(folder: &Path) -> Vec<String> {
    let mut lines: Vec<String> = listing(folder)
        .into_iter()
        .filter(|(name, _)| !name.starts_with(".paceline-"))
        .map(|(name, (kind, _))| {
            let name = match (name.ends_with('~'), name.split_once('.')) {
                (true, Some((name, _))) => format!("{name}.BACKUP~"),
                _ => name,
            };
            format!("{name}|{kind}")
        })
        .collect();
    lines.sort();
    lines
}

struct Case<'a> {
    case: &'a Map<String, Value>,
    name: &'a str,
    folder: PathBuf,
    local: PathBuf,
    shell: Rehearsal,
    mode: Mode,
    /// The fixture was made by root. Others own what they make, and cannot give it away.
    is_root: bool,
}

impl Case<'_> {
    fn plan(&self) -> Result<Box<dyn Operation>, ModuleError> {
        let module = lookup(self.text("module")).expect("a module of ours");
        let folder = self.folder.to_str().expect("UTF-8");
        let options = substituted(&self.case["options"], folder, self.local.to_str().expect("UTF-8"));
        let Value::Object(options) = options else { panic!("options are a mapping") };
        let raw: Vec<_> = options.iter().map(|(name, value)| (name.clone(), node(value))).collect();
        let context = ModuleContext {
            host: "web1",
            platform: crate::shell::Platform::Posix,
            files: &Local(self.local.clone()),
            render: &rendered,
            raw: &raw,
            condition: &|_| Ok(true),
            variable: &|_| Ok(Value::Null),
            verbosity: 0,
        };
        match module.plan(&convert(module.spec(), options)?, &context)? {
            Work::Host(operation) => Ok(operation),
            Work::Control(control) => panic!("{control:?}"),
        }
    }

    fn text(&self, name: &str) -> &str {
        self.case[name].as_str().expect("text")
    }

    fn flag(&self, name: &str) -> bool {
        self.case.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    fn run(&self) -> Outcome {
        match self.plan() {
            Ok(mut operation) => self.shell.run(operation.as_mut(), self.mode),
            Err(error) => {
                let result = Map::from_iter([("msg".to_owned(), Value::String(error.message))]);
                Outcome { failed: true, result, ..Outcome::default() }
            }
        }
    }

    fn compare(&self, outcome: &Outcome) -> Vec<String> {
        let folder = self.folder.to_str().expect("UTF-8");
        let expected = substituted(&self.case["result"], folder, self.local.to_str().expect("UTF-8"));
        let expected = expected.as_object().expect("a result");
        let mut problems = Vec::new();
        if self.flag("root") && !self.is_root {
            return if outcome.failed { problems } else { vec!["a file was given away".to_owned()] };
        }
        if outcome.failed != self.flag("failed") {
            problems.push(format!("failed is {}: {:?}", outcome.failed, outcome.result));
        }
        if outcome.changed != expected["changed"].as_bool().expect("changed") {
            problems.push(format!("changed is {}: {:?}", outcome.changed, outcome.result));
        }
        if self.flag("failed") {
            if outcome.result.get("msg").is_none() {
                problems.push("a failure without a message".to_owned());
            }
            return problems;
        }
        for (name, value) in expected {
            let ours = outcome.result.get(name);
            let is_folder = expected.get("state").is_some_and(|state| state == "directory");
            let owner = ["uid", "gid", "owner", "group", "stat"].contains(&name.as_str());
            let skipped = name == "changed"
                || (owner && !self.is_root)
                || NOT_COMPARED.contains(&(self.name, name))
                || (name == "size"
                    && (is_folder || expected.get("state").is_some_and(|state| state == "link")))
                || (name == "src" && self.text("module") == "template")
                || (name == "src" && value.as_str().is_some_and(|src| src.contains("/.ansible/")))
                || value.is_null()
                || value == &Value::Array(Vec::new())
                || name.starts_with("backup");
            if name.starts_with("backup") && (ours.is_some_and(|ours| ours == "") != (value == "")) {
                problems.push(format!("{name}: {ours:?}, expected {value}"));
            }
            if skipped {
                continue;
            }
            let equal = match name.as_str() {
                "diff" => same_diff(ours, value),
                "stat" => same_fields(ours, value),
                _ => ours == Some(value),
            };
            if !equal {
                problems.push(format!("{name}: {ours:?}, expected {value}"));
            }
        }
        problems
    }
}

fn same_fields(ours: Option<&Value>, expected: &Value) -> bool {
    let (Some(Value::Object(ours)), Value::Object(expected)) = (ours, expected) else { return false };
    expected.iter().all(|(name, value)| ours.get(name) == Some(value))
}

/// Compares differences: of content by their texts, of properties as they are.
fn same_diff(ours: Option<&Value>, expected: &Value) -> bool {
    match (ours, expected) {
        (Some(Value::Array(ours)), Value::Array(expected)) => {
            let text = |list: &[Value], name: &str| list.first().and_then(|diff| diff.get(name)).cloned();
            ["before", "after", "before_header", "dst_binary", "src_binary"]
                .iter()
                .all(|name| text(ours, name) == text(expected, name))
        }
        (Some(ours), expected) => ours == expected,
        (None, Value::Object(expected)) => expected.get("before") == expected.get("after"),
        (None, _) => false,
    }
}

/// Runs one case in one shell, and returns what is wrong.
fn check(case: &Map<String, Value>, shell: &'static str, local: &Path, is_root: bool) -> Vec<String> {
    let root = TempDir::new().expect("a temporary folder");
    let folder = root.path().canonicalize().expect("its real path").join("case");
    fs::create_dir(&folder).expect("the case's folder");
    // The points of one shell are on another file system, where the machine has one.
    let elsewhere = (shell == "bash").then(|| TempDir::new_in("/dev/shm").ok()).flatten();
    let base = elsewhere.as_ref().unwrap_or(&root).path().join("base");
    let local_name = local.to_str().expect("UTF-8");
    let setup = case["setup"].as_str().expect("text").replace("{L}", local_name);
    sh(&folder, &setup);
    let mut rehearsal = Rehearsal::new(shell);
    rehearsal.prelude = format!("pl_u=0022\n{}", open_points(base.to_str(), "run1", "web1"));
    let flag = |name: &str| case.get(name).and_then(Value::as_bool).unwrap_or(false);
    let case = Case {
        case,
        name: case["name"].as_str().expect("text"),
        folder: folder.clone(),
        local: local.to_owned(),
        is_root,
        shell: rehearsal,
        mode: Mode { check: flag("check"), diff: flag("diff"), eager: shell == "dash", ..Mode::default() },
    };
    let before = listing(&folder);
    let folder_before = fs::metadata(&folder).expect("metadata").modified().expect("a time");
    let first = case.run();
    let mut problems = case.compare(&first);
    let mut points = first.points.clone();
    if case.mode.check || (first.failed && first.points.is_empty()) {
        if listing(&folder) != before {
            problems.push(format!("a check or a failure changed something: {:?}", shown(&folder)));
        }
    } else if !first.failed {
        let second = case.run();
        if second.changed != case.flag("second") {
            problems.push(format!("the second run has changed {}: {:?}", second.changed, second.result));
        }
        points.extend(second.points);
        let expected: Vec<&str> =
            case.case["tree"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        let owned = |line: &str| line.rsplit_once('|').map(|(line, _)| line.to_owned());
        let equal = if is_root {
            shown(&folder) == expected
        } else {
            shown(&folder).iter().map(|line| owned(line)).eq(expected.iter().map(|line| owned(line)))
        };
        if !equal {
            problems.push(format!("on disk: {:#?}\nexpected {expected:#?}", shown(&folder)));
        }
    }
    problems.extend(restore(&case, &points));
    let after = listing(&folder);
    if after != before {
        problems.push(format!("after rollback: {after:#?}\nbefore: {before:#?}\npoints: {points:#?}"));
    }
    if fs::metadata(&folder).expect("metadata").modified().expect("a time") != folder_before {
        problems.push("rollback did not restore the time of the folder".to_owned());
    }
    problems.into_iter().map(|problem| format!("{} in {shell}: {problem}", case.name)).collect()
}

/// Restores all points, twice: the second time nothing may happen.
fn restore(case: &Case<'_>, points: &[Point]) -> Vec<String> {
    let mut problems = Vec::new();
    for again in [false, true] {
        for mut point in newest_first(points, None) {
            let outcome = case.shell.run(&mut point, Mode::default());
            if outcome.failed || outcome.changed == again {
                problems.push(format!("restoring {:?} again={again}: {outcome:?}", point.point));
            }
        }
    }
    problems
}

fn check_all(modules: &[&str]) {
    let cases: Vec<Map<String, Value>> = serde_json::from_str(CASES).expect("a list of cases");
    let local = local_files();
    let is_root = rustix::process::geteuid().is_root();
    let mut problems = Vec::new();
    let mut count = 0;
    let only = option_env!("PACELINE_CASE");
    for case in &cases {
        let module = case["module"].as_str().expect("text");
        if !modules.contains(&module) || only.is_some_and(|only| case["name"] != only) {
            continue;
        }
        count += 1;
        // All in dash, and every other one in bash or in busybox.
        for shell in [SHELLS[0], SHELLS[1 + count % 2]] {
            problems.extend(check(case, shell, local.path(), is_root));
        }
    }
    assert!(count > 0 || only.is_some(), "no case");
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn file_does_what_ansible_does() {
    check_all(&["file"]);
}

#[test]
fn copy_does_what_ansible_does() {
    check_all(&["copy"]);
}

#[test]
fn template_does_what_ansible_does() {
    check_all(&["template"]);
}

#[test]
fn lineinfile_does_what_ansible_does() {
    check_all(&["lineinfile"]);
}

#[test]
fn stat_and_slurp_do_what_ansible_does() {
    check_all(&["stat", "slurp"]);
}
