//! Whatever a tree is like and whatever a play does to it: after a rollback it is as it was before, to the byte, the
//! nanosecond and the last attribute. `PACELINE_TEST_CASES` asks for more than the few cases of every day.

use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, XattrFlags, lsetxattr, utimensat};
use serde_json::{Value, json};

use super::Fleet;
use crate::support::tree::{difference, tree_with_everything};

/// Names that shells, YAML and people stumble over.
const NAMES: [&str; 14] = [
    "a",
    "b",
    "c",
    "two words",
    "-n",
    "--",
    "new\nline",
    "it's \"quoted\"",
    "*",
    ".hidden",
    "\u{e9}\u{4e2d}",
    "~",
    "\\x",
    " %41 ",
];

/// An access list that lets the user 12 write, too.
const ACCESS: &[u8] = &[
    2, 0, 0, 0, 1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, 2, 0, 6, 0, 12, 0, 0, 0, 4, 0, 4, 0, 0xff, 0xff, 0xff,
    0xff, 16, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, 32, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
];

#[derive(Clone, Debug)]
enum Kind {
    File { length: usize },
    Hole,
    Folder,
    Link { to: Index },
    Dangling,
    Hard { of: Index },
    Fifo,
}

/// Something of a tree; what it is in or leads to is one of those before it.
#[derive(Clone, Debug)]
struct Entry {
    within: Index,
    name: &'static str,
    kind: Kind,
    mode: u32,
    owner: Option<(u32, u32)>,
    note: bool,
    access: bool,
    time: (i64, i64),
}

fn entry() -> impl Strategy<Value = Entry> {
    let kind = prop_oneof![
        4 => (0..3000_usize).prop_map(|length| Kind::File { length }),
        1 => Just(Kind::Hole),
        4 => Just(Kind::Folder),
        2 => any::<Index>().prop_map(|to| Kind::Link { to }),
        1 => Just(Kind::Dangling),
        2 => any::<Index>().prop_map(|of| Kind::Hard { of }),
        1 => Just(Kind::Fifo),
    ];
    let mode = select(vec![0o644, 0o600, 0o755, 0o4755, 0o2770, 0o1777, 0o400, 0o000]);
    let owner = select(vec![None, None, Some((12, 13)), Some((0, 13))]);
    let time =
        select(vec![(0, 1), (981_173_106, 123_456_789), (1_577_934_245, 0), (4_102_444_800, 999_999_999)]);
    (any::<Index>(), select(NAMES.to_vec()), kind, mode, owner, any::<(bool, bool)>(), time).prop_map(
        |(within, name, kind, mode, owner, (note, access), time)| Entry {
            within,
            name,
            kind,
            mode,
            owner,
            note,
            access,
            time,
        },
    )
}

/// Makes the tree and returns all its paths. An entry whose name is taken is left out.
fn make(root: &Path, entries: &[Entry]) -> Vec<PathBuf> {
    let (mut all, mut folders, mut files) = (Vec::new(), vec![root.to_owned()], Vec::<PathBuf>::new());
    let mut made = Vec::new();
    for entry in entries {
        let path = entry.within.get(&folders).join(entry.name);
        if path.symlink_metadata().is_ok() {
            continue;
        }
        match &entry.kind {
            Kind::File { length } => fs::write(&path, "line\n".repeat(length / 5)).unwrap(),
            Kind::Hole => fs::File::create(&path).unwrap().write_at(b"end", 1 << 20).map(drop).unwrap(),
            Kind::Folder => fs::create_dir(&path).unwrap(),
            Kind::Link { to } if !all.is_empty() => {
                std::os::unix::fs::symlink(to.get(&all), &path).unwrap();
            }
            Kind::Link { .. } | Kind::Dangling => {
                std::os::unix::fs::symlink("no\nwhere", &path).unwrap();
            }
            Kind::Hard { of } if !files.is_empty() => fs::hard_link(of.get(&files), &path).unwrap(),
            Kind::Hard { .. } => fs::write(&path, "").unwrap(),
            Kind::Fifo => {
                rustix::fs::mkfifoat(CWD, &path, 0o600.into()).unwrap();
            }
        }
        match entry.kind {
            Kind::Folder => folders.push(path.clone()),
            Kind::File { .. } | Kind::Hole | Kind::Hard { .. } => files.push(path.clone()),
            _ => {}
        }
        all.push(path.clone());
        made.push((path, entry));
    }
    for (path, entry) in &made {
        if let Some((user, group)) = entry.owner {
            std::os::unix::fs::lchown(path, Some(user), Some(group)).unwrap();
        }
        let kind = path.symlink_metadata().unwrap().file_type();
        if !kind.is_symlink() {
            fs::set_permissions(path, fs::Permissions::from_mode(entry.mode)).unwrap();
        }
        if kind.is_file() || kind.is_dir() {
            if entry.note {
                lsetxattr(path, "user.note", b"kept\0bytes", XattrFlags::empty()).unwrap();
            }
            if entry.access {
                lsetxattr(path, "system.posix_acl_access", ACCESS, XattrFlags::empty()).unwrap();
            }
        }
    }
    // What is deeper comes later, and gets its time first.
    for (path, entry) in made.iter().rev() {
        set_time(path, entry.time);
    }
    set_time(root, (1_000_000_000, 5));
    all.push(root.to_owned());
    all
}

fn set_time(path: &Path, (tv_sec, tv_nsec): (i64, i64)) {
    let time = Timespec { tv_sec, tv_nsec };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// A path of the tree, or one that is new in it.
#[derive(Clone, Debug)]
struct Target {
    of: Index,
    name: Option<&'static str>,
}

#[derive(Clone, Debug)]
struct Change {
    what: u8,
    path: Target,
    other: Target,
    mode: Option<&'static str>,
    owner: bool,
    flag: bool,
    number: u8,
}

fn change() -> impl Strategy<Value = Change> {
    let name = || select(NAMES.iter().copied().filter(|name| *name != "\\x").map(Some).collect::<Vec<_>>());
    let target = || {
        let name = prop_oneof![2 => Just(None), 1 => name()];
        (any::<Index>(), name).prop_map(|(of, name)| Target { of, name })
    };
    let mode = select(vec![None, Some("0640"), Some("u=rw,g=r,o="), Some("4711"), Some("a+X")]);
    (0..13_u8, target(), target(), mode, any::<(bool, bool)>(), any::<u8>()).prop_map(
        |(what, path, other, mode, (owner, flag), number)| Change {
            what,
            path,
            other,
            mode,
            owner,
            flag,
            number,
        },
    )
}

/// The task; a failure of its own is no end of the play.
fn task(change: &Change, paths: &[PathBuf]) -> Value {
    let find = |target: &Target| {
        let path = target.of.get(paths);
        target.name.map_or_else(|| path.clone(), |name| path.join(name)).to_str().unwrap().to_owned()
    };
    let (path, other, flag) = (find(&change.path), find(&change.other), change.flag);
    let (module, mut options) = match change.what {
        0 | 1 => {
            ("copy", json!({ "content": format!("text {}\n", change.number), "dest": path, "backup": flag }))
        }
        2 => ("copy", json!({ "src": "many/", "dest": path })),
        3 => ("copy", json!({ "src": other, "dest": path, "remote_src": true })),
        4 => ("template", json!({ "src": "settings.j2", "dest": path, "force": !flag })),
        5 => {
            ("lineinfile", json!({ "path": path, "line": format!("line {}", change.number), "create": flag }))
        }
        6 | 7 => ("file", json!({ "path": path, "state": "absent" })),
        8 => ("file", json!({ "path": path, "state": "directory", "recurse": flag })),
        9 => {
            let time = if flag { "202001020304.05" } else { "now" };
            ("file", json!({ "path": path, "state": "touch", "modification_time": time }))
        }
        10 => ("file", json!({ "path": path, "src": other, "state": "link", "force": true, "follow": flag })),
        11 => ("file", json!({ "path": path, "src": other, "state": "hard", "force": flag })),
        _ => ("file", json!({ "path": path })),
    };
    let removes = matches!(change.what, 6 | 7);
    if let Some(mode) = change.mode.filter(|_| !removes) {
        options["mode"] = mode.into();
    }
    if change.owner && !removes {
        options["owner"] = "12".into();
    }
    json!({ module: options, "ignore_errors": true })
}

#[test]
fn after_apply_and_rollback_a_tree_is_what_it_was() {
    let asked: Option<u32> = std::env::var("PACELINE_TEST_CASES").ok().and_then(|text| text.parse().ok());
    let fleet = Fleet::of(1);
    for name in ["one", "in/two", "in/deep/three"] {
        fleet.environment.write(&format!("files/many/{name}"), name);
    }
    let work = fleet.work("h01");
    let config = Config { failure_persistence: None, max_shrink_iters: 60, ..Config::default() };
    // The same cases every day, other ones where more are asked for.
    let mut runner = match asked {
        Some(cases) => TestRunner::new(Config { cases, ..config }),
        None => TestRunner::new_with_rng(
            Config { cases: 30, ..config },
            TestRng::deterministic_rng(RngAlgorithm::ChaCha),
        ),
    };
    let stop = prop_oneof![1 => Just(None), 1 => any::<Index>().prop_map(Some)];
    let strategy = (prop::collection::vec(entry(), 1..24), prop::collection::vec(change(), 1..10), stop);
    let number = std::cell::Cell::new(0);
    let tried = runner.run(&strategy, |(entries, changes, stop)| {
        number.set(number.get() + 1);
        // A new place each time, as nothing of the case before may help this one.
        let root = work.join(number.get().to_string());
        fs::create_dir(&root).unwrap();
        let paths = make(&root, &entries);
        let mut tasks: Vec<Value> = changes.iter().map(|change| task(change, &paths)).collect();
        if let Some(stop) = stop {
            let at = stop.index(tasks.len() + 1);
            tasks.insert(at, json!({ "fail": { "msg": "stopped here" } }));
        }
        let play = json!([{ "hosts": "web", "gather_facts": false, "tasks": tasks }]);
        fleet.environment.write("playbook.yml", &play.to_string());
        let before = tree_with_everything(&root);
        let applied =
            fleet.environment.run(&["apply", "-i", "inventory.yml", "playbook.yml", "--output", "json"]);
        let reached = applied.stdout.contains("host_connected");
        prop_assert!(reached || stop.is_some(), "{}", applied.stderr);
        if applied.stdout.contains("rollback_point") {
            let back = fleet.environment.run(&["rollback", "latest", "--output", "json"]);
            let ended = difference(&before, &tree_with_everything(&root));
            if !ended.is_empty() || !back.stdout.contains("\"exit_code\":0") {
                return Err(TestCaseError::fail(format!(
                    "{ended}\n{play}\n{}\n{}",
                    applied.stdout, back.stdout
                )));
            }
        } else {
            // A step that changes nothing leaves no point, whether it is well or failed.
            prop_assert_eq!(difference(&before, &tree_with_everything(&root)), "", "{}", play);
        }
        fs::remove_dir_all(&root).unwrap();
        Ok(())
    });
    if let Err(error) = tried {
        panic!("{error}");
    }
}
