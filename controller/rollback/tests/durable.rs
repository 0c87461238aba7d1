//! A point is durable before anything changes, and where it cannot be, nothing changes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

use super::{Host, tree};
use crate::operation::attributes::{Attributes, FileMode, FileTime};
use crate::operation::file::{FileOperation, FileState};
use crate::operation::put::{PutFile, PutOptions};
use crate::operation::testing::{SHELLS, bare};
use crate::operation::{Content, Mode, Operation, Outcome};

/// Everything below a folder as `find` sees it, inodes and times included.
const STATE: &str = "-printf '%P %i %y %m %U:%G %T@ %l\\n'";

/// Puts a `sync` first in `PATH` that notes what it is called with and what the host looks like then.
fn watch(host: &mut Host, log: &Path) {
    let text = format!(
        "#!/bin/sh\nlog={log}/$(ls {log} | grep -c '^[0-9]*$')\n{{ echo $#; for name; do [ -e \"$name\" ] || echo missing \"$name\"; done; \
         /usr/bin/find {work} {STATE} | /usr/bin/sort; }} >\"$log\"\nexec /usr/bin/sync \"$@\"\n",
        log = log.display(),
        work = host.root.path().join("w").display(),
    );
    let program = log.join("sync");
    fs::write(&program, text).expect("a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
    host.shell.path.insert(0, log.to_owned());
}

fn state(host: &Host) -> String {
    let script = format!("find {} {STATE} | sort", host.root.path().join("w").display());
    let output = Command::new("sh").args(["-c", &script]).output().expect("find");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A file that holds its own name.
pub(super) fn put(host: &Host, name: &str, options: PutOptions) -> Box<dyn Operation> {
    let content = Arc::new(Content::new(name.as_bytes().to_vec()));
    Box::new(PutFile::new(host.text(name), content, options, None))
}

/// Steps that change something in each way there is.
fn steps(host: &Host) -> Vec<Box<dyn Operation>> {
    let put = |name: &str, options: PutOptions| put(host, name, options);
    let file = |name: &str, state: FileState, attributes: Attributes| -> Box<dyn Operation> {
        Box::new(FileOperation::new(host.text(name), state, attributes, false))
    };
    let mode = || Attributes {
        mode: Some(FileMode::Bits(0o600)),
        modification_time: Some(FileTime::At("2001-02-03 04:05:06".to_owned())),
        ..Attributes::default()
    };
    let folders = PutOptions { make_parents: true, name: Some("f".to_owned()), ..PutOptions::default() };
    let mut walk = FileOperation::new(
        host.text("walk"),
        FileState::Directory,
        Attributes { mode: Some(FileMode::Symbolic("-:0:7:0::0:0".to_owned())), ..Attributes::default() },
        false,
    );
    walk.recurse = true;
    vec![
        put("new", PutOptions::default()),
        put("old", PutOptions { backup: true, ..PutOptions::default() }),
        put("a/b/c/", folders),
        file("mode", FileState::File, mode()),
        file("touched", FileState::Touch, mode()),
        file("gone", FileState::Absent, Attributes::default()),
        file("tree", FileState::Absent, Attributes::default()),
        file("made/deep", FileState::Directory, Attributes::default()),
        file("link", FileState::Link { src: Some("old".to_owned()), force: true }, Attributes::default()),
        file("other", FileState::Hard { src: Some(host.text("old")), force: true }, Attributes::default()),
        Box::new(walk),
    ]
}

fn fill(host: &Host) {
    for name in ["old", "mode", "gone", "other"] {
        fs::write(host.path(name), format!("{name} before")).expect("a file");
    }
    fs::create_dir_all(host.path("tree/in")).expect("folders");
    fs::create_dir_all(host.path("walk/in")).expect("folders");
    // What is below alone changes: a step for both is two.
    fs::set_permissions(host.path("walk"), fs::Permissions::from_mode(0o750)).expect("a mode");
    symlink("nowhere", host.path("link")).expect("a link");
}

#[test]
fn one_sync_for_a_step_before_anything_changes() {
    for shell in ["dash", "bash"] {
        let mut host = Host::new(shell);
        let log = TempDir::new().expect("a temporary folder");
        watch(&mut host, log.path());
        fill(&host);
        for (number, mut operation) in steps(&host).into_iter().enumerate() {
            let before = state(&host);
            let outcome = host.shell.run(operation.as_mut(), Mode::default());
            assert!(outcome.changed && !outcome.failed, "{shell} {number}: {outcome:?}");
            host.points.extend(outcome.points);
            let seen = fs::read_to_string(log.path().join(number.to_string())).expect("a sync");
            let (count, seen) = seen.split_once('\n').expect("two parts");
            assert!(count.parse::<u32>().is_ok_and(|count| count >= 2), "never without names: {count}");
            assert_eq!(seen, before, "{shell} {number}: something was changed before the point was durable");
            assert_ne!(state(&host), before, "{shell} {number}");
            assert!(!log.path().join((number + 1).to_string()).exists(), "{shell} {number}: two syncs");
            fs::write(log.path().join(number.to_string()), "").expect("counted");
        }
        // Nothing to do, nothing to save.
        let again =
            steps(&host).into_iter().take(1).map(|mut put| host.shell.run(put.as_mut(), Mode::default()));
        assert!(again.into_iter().all(|outcome| !outcome.changed));
        assert!(!log.path().join("11").exists(), "{shell}: a step that changes nothing");
    }
}

#[test]
fn without_a_sync_nothing_changes() {
    for shell in ["dash", "bash"] {
        let mut host = Host::new(shell);
        let log = TempDir::new().expect("a temporary folder");
        watch(&mut host, log.path());
        fs::write(log.path().join("sync"), "#!/bin/sh\necho 'input/output error' >&2\nexit 1\n")
            .expect("a script");
        fill(&host);
        let before = tree(&host.path(""));
        for mut operation in steps(&host) {
            let outcome = host.shell.run(operation.as_mut(), Mode::default());
            refused(&outcome, "input/output error");
            host.points.extend(outcome.points);
            assert_eq!(tree(&host.path("")), before, "{shell}");
        }
        // What was saved covers nothing, and says so.
        assert!(host.restore().iter().all(|outcome| !outcome.failed), "{shell}");
        assert_eq!(tree(&host.path("")), before, "{shell}");
        assert_eq!(super::links(&host.path("old")), 1, "{shell}: nothing is left of it");
    }
}

/// The step failed, says so with the cause, and what can be done.
#[track_caller]
fn refused(outcome: &Outcome, cause: &str) {
    let message = outcome.result.get("msg").and_then(|text| text.as_str()).unwrap_or_default();
    assert!(outcome.failed && !outcome.changed, "{outcome:?}");
    for part in ["so nothing was changed", "`paceline_base`", cause] {
        assert!(message.contains(part), "{message}");
    }
}

/// A small file system, gone at the end.
struct Small(TempDir);

impl Small {
    fn mount(options: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder.path());
        assert!(mount.status().expect("mount").success(), "this test mounts file systems, and needs root");
        Self(folder)
    }

    fn remount(&self, options: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-o", options]).arg(self.0.path());
        assert!(mount.status().expect("mount").success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_stops_the_change_and_not_the_way_back() {
    for shell in SHELLS {
        let small = Small::mount("size=256k,mode=700");
        let mut host = Host::with_base(shell, Some(&small.0.path().join("base")));
        fill(&host);
        let first = tree(&host.path(""));
        assert!(host.put("old", b"after").changed, "{shell}");
        let before = tree(&host.path(""));
        // All that is left, to the last byte.
        let _ = fs::write(small.0.path().join("fill"), vec![0; 1 << 20]);
        for mut operation in steps(&host) {
            refused(&host.shell.run(operation.as_mut(), Mode::default()), "o space left on device");
            assert_eq!(tree(&host.path("")), before, "{shell}");
        }
        assert!(host.restore().iter().all(|outcome| outcome.changed), "{shell}");
        assert_eq!(tree(&host.path("")), first, "{shell}");
        fs::remove_file(small.0.path().join("fill")).expect("removed");
        assert!(host.put("old", b"after").changed, "{shell}: there is room again");
    }
}

#[test]
fn a_read_only_folder_for_points_stops_the_change() {
    for shell in SHELLS {
        let small = Small::mount("size=256k,mode=700");
        let mut host = Host::with_base(shell, Some(&small.0.path().join("base")));
        fill(&host);
        assert!(host.put("old", b"after").changed, "{shell}");
        let before = tree(&host.path(""));
        small.remount("remount,ro");
        for mut operation in steps(&host) {
            let outcome = host.shell.run(operation.as_mut(), Mode::default());
            refused(&outcome, "ead-only file system");
            assert_eq!(tree(&host.path("")), before, "{shell}");
        }
        let [outcome] = host.restore().try_into().expect("one point");
        assert!(outcome.failed && !outcome.changed, "{shell}: what was restored could not be noted");
        small.remount("remount,rw");
        assert!(host.restore()[0].changed, "{shell}");
    }
}

#[test]
fn a_host_with_nothing_but_busybox_does_it_too() {
    let (shell, _folder) = bare(None);
    let mut host = Host::new("dash");
    host.shell.path = shell.path;
    fill(&host);
    let before = tree(&host.path(""));
    for mut operation in steps(&host) {
        let outcome = host.shell.run(operation.as_mut(), Mode::default());
        assert!(outcome.changed && !outcome.failed, "{outcome:?}");
        host.points.extend(outcome.points);
    }
    assert!(host.restore().iter().all(|outcome| outcome.changed), "restored");
    assert_eq!(tree(&host.path("")), before);
}
