//! Points and restoring in real shells: what the comparison with Ansible does not reach. Here histories, then each
//! promise in a file of its own.

mod durable;
mod killed;
mod later;
mod metadata;
mod undo;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::{ListPoints, ListedPoint, RestorePoint, RestoreTimes, newest_first};
use crate::operation::attributes::{Attributes, FileMode};
use crate::operation::file::{FileOperation, FileState};
use crate::operation::put::{PutFile, PutOptions};
use crate::operation::testing::{Rehearsal, SHELLS};
use crate::operation::{Content, Mode, Operation, Outcome, Point, open_points, probe_ahead};

/// A folder to work in and a host whose points are elsewhere.
struct Host {
    root: Arc<TempDir>,
    shell: Rehearsal,
    points: Vec<Point>,
}

impl Host {
    fn new(shell: &'static str) -> Self {
        Self::with_base(shell, None)
    }

    fn with_base(shell: &'static str, base: Option<&Path>) -> Self {
        let root = Arc::new(TempDir::new().expect("a temporary folder"));
        fs::create_dir(root.path().join("w")).expect("a folder");
        let base = base.map_or_else(|| root.path().join("base"), Path::to_owned);
        let mut rehearsal = Rehearsal::new(shell);
        rehearsal.prelude = format!("pl_u=0022\n{}", open_points(base.to_str(), "run1", "web1"));
        Self { root, shell: rehearsal, points: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("w").join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    fn run(&mut self, mut operation: impl Operation) -> Outcome {
        let outcome = self.shell.run(&mut operation, Mode::default());
        self.points.extend(outcome.points.clone());
        outcome
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> Outcome {
        let content = Arc::new(Content::new(bytes.to_vec()));
        self.run(PutFile::new(self.text(name), content, PutOptions::default(), None))
    }

    fn file(&mut self, name: &str, state: FileState) -> Outcome {
        self.run(FileOperation::new(self.text(name), state, Attributes::default(), true))
    }

    fn restore(&self) -> Vec<Outcome> {
        self.restore_with(false)
    }

    fn restore_with(&self, force: bool) -> Vec<Outcome> {
        let points = newest_first(&self.points, None).into_iter();
        let outcomes = points
            .map(|point| self.shell.run(&mut RestorePoint { force, ..point }, Mode::default()))
            .collect();
        let mut numbers: Vec<u64> = self.points.iter().map(|point| point.number).collect();
        numbers.sort_unstable_by_key(|&number| std::cmp::Reverse(number));
        let times = self.shell.run(&mut RestoreTimes { numbers, last: true }, Mode::default());
        assert!(!times.failed, "{times:?}");
        outcomes
    }

    /// The host as a later run sees it.
    fn later(&self, run: &str) -> Self {
        let mut shell = Rehearsal::new("dash");
        shell.prelude = self.shell.prelude.replace("run1", run);
        shell.path.clone_from(&self.shell.path);
        Self { root: self.root.clone(), shell, points: Vec::new() }
    }
}

/// How many names a file has.
fn links(path: &Path) -> u64 {
    fs::symlink_metadata(path).expect("metadata").nlink()
}

/// What a failed outcome says.
#[track_caller]
fn said(outcome: &Outcome) -> &str {
    assert!(outcome.failed && !outcome.changed, "{outcome:?}");
    outcome.result["msg"].as_str().expect("text")
}

/// Everything below a folder: kind, mode, content or target, and time.
fn tree(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        let metadata = fs::symlink_metadata(&path).expect("metadata");
        let what = if metadata.is_symlink() {
            format!("{:?}", fs::read_link(&path).expect("a link"))
        } else if metadata.is_dir() {
            left.extend(fs::read_dir(&path).expect("readable").map(|entry| entry.expect("an entry").path()));
            String::new()
        } else {
            Content::new(fs::read(&path).expect("readable")).sha256
        };
        let time = (metadata.mtime(), metadata.mtime_nsec());
        lines.push(format!("{path:?} {:o} {time:?} {what}", metadata.permissions().mode()));
    }
    lines.sort();
    lines
}

#[test]
fn a_long_history_is_undone_step_by_step() {
    for shell in SHELLS {
        let mut host = Host::new(shell);
        let name = "-n \n'q'\"$x\\ %41 \u{e9}";
        fs::write(host.path(name), "first").expect("a file");
        fs::create_dir_all(host.path("d/e")).expect("folders");
        fs::write(host.path("d/e/f"), "f").expect("a file");
        symlink("d", host.path("l")).expect("a link");
        let before = tree(&host.path(""));
        assert!(host.put(name, b"second").changed);
        assert!(host.put(name, b"third").changed);
        assert!(host.put("new", b"").changed);
        assert!(host.file("d", FileState::Absent).changed);
        assert!(host.put("d", b"a file now").changed);
        assert!(host.file("l", FileState::Absent).changed);
        assert!(host.file("l/x/y", FileState::Directory).changed);
        assert!(host.put("l/x/y/z", b"z").changed);
        assert!(host.file(name, FileState::Absent).changed);
        let link = FileState::Link { src: Some("nowhere".to_owned()), force: true };
        assert!(host.file(name, link).changed);
        let outcomes = host.restore();
        assert!(outcomes.iter().all(|outcome| outcome.changed && !outcome.failed), "{outcomes:?}");
        assert_eq!(tree(&host.path("")), before, "{shell}");
        assert!(host.restore().iter().all(|outcome| !outcome.changed && !outcome.failed), "{shell}");
    }
}

#[test]
fn points_are_listed_and_restored_down_to_one() {
    let mut host = Host::new("dash");
    host.put("a", b"1");
    host.put("a", b"2");
    host.put("b\nb", b"3");
    let list = |host: &Host| {
        let outcome = host.shell.run(&mut ListPoints, Mode::default());
        let points = outcome.result["points"].as_array().expect("a list").clone();
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        points
            .iter()
            .map(|point| {
                (point["number"].as_u64(), text(&point["kind"]), text(&point["state"]), text(&point["path"]))
            })
            .collect::<Vec<_>>()
    };
    let (a, b) = (host.text("a"), host.text("b\nb"));
    let line = |number, kind: &str, state: &str, path: &String| {
        (Some(number), kind.to_owned(), state.to_owned(), path.clone())
    };
    assert_eq!(
        list(&host),
        [line(3, "absent", "saved", &b), line(2, "file", "saved", &a), line(1, "absent", "saved", &a)]
    );
    assert_eq!(fs::read(host.path("a")).expect("a file"), b"2", "listing changes nothing");
    for mut point in newest_first(&host.points, Some(2)) {
        host.shell.run(&mut point, Mode::default());
    }
    assert_eq!(fs::read(host.path("a")).expect("a file"), b"1");
    assert_eq!(
        list(&host),
        [line(3, "absent", "restored", &b), line(2, "file", "restored", &a), line(1, "absent", "saved", &a)]
    );
}

#[test]
fn large_content_on_another_file_system_is_kept_beside_the_path() {
    let elsewhere = TempDir::new_in("/dev/shm").expect("/dev/shm has to be there for this test");
    for shell in SHELLS {
        let mut host = Host::with_base(shell, Some(&elsewhere.path().join(shell)));
        fs::write(host.path("big"), vec![7; 2 << 20]).expect("a file");
        fs::write(host.path("gone"), vec![8; 2 << 20]).expect("a file");
        fs::write(host.path("small"), "s").expect("a file");
        fs::set_permissions(host.path("small"), fs::Permissions::from_mode(0o4711)).expect("a mode");
        let inode = fs::metadata(host.path("big")).expect("metadata").ino();
        let before = tree(&host.path(""));
        host.put("big", b"new");
        host.put("small", b"new");
        host.file("gone", FileState::Absent);
        assert_eq!(fs::read(host.path("small")).expect("a file"), b"new");
        let outcomes = host.restore();
        assert!(outcomes.iter().all(|outcome| outcome.changed), "{outcomes:?}");
        assert_eq!(tree(&host.path("")), before, "{shell}");
        assert_eq!(fs::metadata(host.path("big")).expect("metadata").ino(), inode, "not copied");
    }
}

/// A FIFO and a socket, told apart from a copy by their inodes.
fn specials(host: &Host) -> Vec<u64> {
    let made = std::process::Command::new("mkfifo").arg(host.path("fifo")).status().expect("mkfifo");
    assert!(made.success());
    std::os::unix::net::UnixListener::bind(host.path("socket")).expect("a socket");
    ["fifo", "socket"].map(|name| fs::metadata(host.path(name)).expect("metadata").ino()).to_vec()
}

#[test]
fn fifos_and_sockets_are_kept_by_rename() {
    let elsewhere = TempDir::new_in("/dev/shm").expect("/dev/shm has to be there for this test");
    for shell in SHELLS {
        for base in [None, Some(elsewhere.path().join(shell))] {
            for replaced in [false, true] {
                let mut host = Host::with_base(shell, base.as_deref());
                let inodes = specials(&host);
                let before = names(&host.path(""));
                for name in ["fifo", "socket"] {
                    let outcome = match replaced {
                        true => host.put(name, b"a file now"),
                        false => host.file(name, FileState::Absent),
                    };
                    assert!(outcome.changed && !outcome.failed, "{shell} {name}: {outcome:?}");
                    assert_eq!(host.path(name).is_file(), replaced);
                }
                let outcomes = host.restore();
                assert!(outcomes.iter().all(|outcome| outcome.changed), "{shell}: {outcomes:?}");
                assert_eq!(names(&host.path("")), before);
                let after = ["fifo", "socket"].map(|name| fs::metadata(host.path(name)).expect("it").ino());
                assert_eq!(after.to_vec(), inodes, "{shell}: not the same ones");
            }
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("readable")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn what_others_put_into_a_new_folder_stays() {
    for shell in SHELLS {
        let mut host = Host::new(shell);
        let before = tree(&host.path(""));
        // A step back in the path is no folder that was made.
        host.file("made/../made/deep", FileState::Directory);
        host.put("made/deep/ours", b"ours");
        for name in ["a precious", "b", ".c", "..d", "*"] {
            fs::write(host.path("made/deep").join(name), "theirs").expect("a file");
        }
        let [ours, made] = host.restore().try_into().expect("two points");
        assert!(ours.changed && !host.path("made/deep/ours").exists(), "{shell}: {ours:?}");
        assert!(made.failed, "{shell}: {made:?}");
        let message = made.result["msg"].as_str().expect("text");
        let folder = host.text("made/../made/deep");
        let left = "`*`, `a precious`, `b` and 2 more";
        assert_eq!(
            message,
            format!(
                "the folder `{folder}` holds what no rollback point covers: {left}; move it away or remove it, then roll back again, or let `rollback --force` put the folder aside"
            )
        );
        assert_eq!(fs::read(host.path("made/deep/a precious")).expect("a file"), b"theirs");
        fs::remove_dir_all(host.path("made/deep")).expect("removed");
        assert!(host.restore()[1].changed, "it can be tried again");
        assert_eq!(tree(&host.path("")), before, "{shell}");
    }
}

#[test]
fn what_took_the_place_of_a_removed_folder_stays() {
    for shell in SHELLS {
        let mut host = Host::new(shell);
        fs::create_dir(host.path("d")).expect("a folder");
        fs::write(host.path("d/old"), "old").expect("a file");
        let before = tree(&host.path(""));
        host.file("d", FileState::Absent);
        fs::create_dir(host.path("d")).expect("a folder");
        fs::write(host.path("d/new"), "new").expect("a file");
        let [outcome] = host.restore().try_into().expect("one point");
        assert!(outcome.result["msg"].as_str().expect("text").contains("`new`; move it away"), "{outcome:?}");
        fs::remove_file(host.path("d/new")).expect("removed");
        assert!(host.restore()[0].changed, "{shell}");
        assert_eq!(tree(&host.path("")), before, "{shell}");
    }
}

#[test]
fn what_cannot_be_restored_says_why() {
    let mut host = Host::new("dash");
    fs::write(host.path("a"), "1").expect("a file");
    host.put("a", b"2");
    fs::remove_file(host.path("a")).expect("removed");
    fs::create_dir(host.path("a")).expect("a folder");
    let [outcome] = host.restore().try_into().expect("one point");
    assert!(outcome.failed && !outcome.changed);
    assert!(outcome.result["msg"].as_str().expect("text").contains("there is a folder in its place"));
    fs::remove_dir(host.path("a")).expect("removed");
    assert!(host.restore()[0].changed, "it can be tried again");
    assert_eq!(fs::read(host.path("a")).expect("a file"), b"1");

    let point = Point { number: 9, kind: "file".to_owned(), path: "/x".to_owned() };
    let outcome = host.shell.run(&mut RestorePoint { point, force: false }, Mode::default());
    assert!(outcome.result["msg"].as_str().expect("text").contains("no rollback point 9"));
    let points = host.root.path().join("base/runs/run1/web1/points");
    fs::write(points.join("9"), "pf_kind=file pf_path='/x").expect("a torn manifest");
    let point = Point { number: 9, kind: "file".to_owned(), path: "/x".to_owned() };
    let outcome = host.shell.run(&mut RestorePoint { point, force: false }, Mode::default());
    assert!(outcome.result["msg"].as_str().expect("text").contains("not complete"));
}

#[test]
fn points_are_private_and_numbers_go_on_in_a_new_session() {
    let mut host = Host::new("busybox");
    host.put("a", b"1");
    host.put("a", b"2");
    assert_eq!(host.points.iter().map(|point| point.number).collect::<Vec<_>>(), [1, 2]);
    for path in ["base", "base/runs", "base/runs/run1/web1/points"] {
        let mode = fs::metadata(host.root.path().join(path)).expect("a folder").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{path}");
    }
    let manifest = fs::metadata(host.root.path().join("base/runs/run1/web1/points/2")).expect("a file");
    assert_eq!(manifest.permissions().mode() & 0o777, 0o600);
}

#[test]
fn states_that_were_read_ahead_serve_until_something_changes() {
    for shell in SHELLS {
        let host = Host::new(shell);
        let mut operations: Vec<Box<dyn Operation>> = Vec::new();
        for name in ["a", "b", "c"] {
            fs::write(host.path(name), name).expect("a file");
            let content = Arc::new(Content::new(name.as_bytes().to_vec()));
            let options = PutOptions {
                attributes: Attributes { mode: Some(FileMode::Bits(0o644)), ..Attributes::default() },
                ..PutOptions::default()
            };
            operations.push(Box::new(PutFile::new(host.text(name), content, options, None)));
        }
        let looks: Vec<Vec<String>> = operations.iter().map(|operation| operation.looks_at()).collect();
        let mut texts = vec![probe_ahead(&looks).expect("several steps")];
        // No tool can answer now: what was read has to do.
        texts.push("stat() { return 1; }\nsha256sum() { return 1; }".to_owned());
        texts.extend(operations.iter_mut().map(|operation| operation.first(Mode::default()).text));
        texts.push("pf_begin 0 0\n[ -z \"$pf_cache$pf_sums\" ]".to_owned());
        let mut program = crate::operation::Program { text: texts.join("\n"), ..Default::default() };
        let reply = host.shell.program(&program);
        assert_eq!(reply.status, 0, "{shell}: {reply:?}");
        assert_eq!(reply.values.iter().filter(|(name, _)| name == "same").count(), 3, "{shell}: {reply:?}");
        program.text = [&texts[0], "pf_begun=\npf_fail why\n[ -z \"$pf_cache$pf_sums\" ]"].join("\n");
        assert_eq!(host.shell.program(&program).status, 0, "{shell}");
    }
}
