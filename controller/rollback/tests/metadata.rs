//! Everything that a file system holds of a file comes back, and nothing large is copied.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use rustix::fs::{XattrFlags, lgetxattr, lsetxattr};
use tempfile::TempDir;

use super::{Host, said, tree};
use crate::operation::attributes::Attributes;
use crate::operation::file::{FileOperation, FileState};
use crate::operation::testing::{SHELLS, bare};

/// An access list that also lets the user 12 write: `u::rw-,u:12:rw-,g::r--,m::rw-,o::---`.
const ACCESS: &[u8] = &[
    2, 0, 0, 0, //
    1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, //
    2, 0, 6, 0, 12, 0, 0, 0, //
    4, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, //
    16, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, //
    32, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
];

/// `cap_net_raw=ep`.
const CAPABILITY: &[u8] = &[1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

const ATTRIBUTES: [(&str, &[u8]); 3] =
    [("user.note", b"kept"), ("system.posix_acl_access", ACCESS), ("security.capability", CAPABILITY)];

fn attributes(path: &Path) -> Vec<Option<Vec<u8>>> {
    let read = |name: &str| {
        let mut bytes = [0; 256];
        lgetxattr(path, name, &mut bytes).ok().map(|length| bytes[..length].to_vec())
    };
    ATTRIBUTES.iter().map(|(name, _)| read(name)).collect()
}

/// A file with all that a file can have: owner, set-user-ID, attributes, access list, capability, a hole, two names.
fn rich(host: &Host, name: &str, second: Option<&str>) {
    let path = host.path(name);
    let file = fs::File::create(&path).expect("a file");
    file.write_at(b"end", 300_000).expect("a hole");
    drop(file);
    std::os::unix::fs::chown(&path, Some(12), Some(13)).expect("this test gives files away, and needs root");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4750)).expect("a mode");
    for (name, value) in ATTRIBUTES {
        lsetxattr(&path, name, value, XattrFlags::empty())
            .expect("extended attributes in the temporary folder");
    }
    if let Some(second) = second {
        fs::hard_link(&path, host.path(second)).expect("a second name");
    }
    let touched = Command::new("touch").args(["-d", "2037-01-02 03:04:05.123456789"]).arg(&path).status();
    assert!(touched.expect("touch").success());
}

/// All of it in one line.
fn all_of(path: &Path) -> String {
    let meta = fs::symlink_metadata(path).expect("metadata");
    format!(
        "{:o} {}:{} {}.{} {} names {} blocks {:?} {:?}",
        meta.mode(),
        meta.uid(),
        meta.gid(),
        meta.mtime(),
        meta.mtime_nsec(),
        meta.nlink(),
        meta.blocks() < 100,
        fs::read(path).map(|bytes| bytes.len()).ok(),
        attributes(path)
    )
}

fn owned_by(user: &str) -> Attributes {
    Attributes { owner: Some(user.to_owned()), group: Some(user.to_owned()), ..Attributes::default() }
}

#[test]
fn replaced_removed_and_given_away_files_come_back_whole() {
    let elsewhere = TempDir::new_in("/dev/shm").expect("/dev/shm has to be there for this test");
    for shell in SHELLS {
        for base in [None, Some(elsewhere.path().join(shell))] {
            for second in [None, Some("second")] {
                let mut host = Host::with_base(shell, base.as_deref());
                rich(&host, "a", second);
                rich(&host, "b", None);
                rich(&host, "c", None);
                let before = (tree(&host.path("")), ["a", "b", "c"].map(|name| all_of(&host.path(name))));
                assert!(before.1[1].contains("kept") || before.1[1].contains("107, 101"), "{}", before.1[1]);
                assert!(host.put("a", b"new").changed);
                assert!(host.file("b", FileState::Absent).changed);
                let given = FileOperation::new(host.text("c"), FileState::File, owned_by("14"), true);
                assert!(host.run(given).changed);
                assert_eq!(attributes(&host.path("c"))[2], None, "the kernel takes it with the owner");
                let outcomes = host.restore();
                assert!(outcomes.iter().all(|outcome| outcome.changed), "{shell}: {outcomes:?}");
                let after = (tree(&host.path("")), ["a", "b", "c"].map(|name| all_of(&host.path(name))));
                if *shell == "busybox" {
                    // Its cp copies no capability; all else is there.
                    assert_eq!((&after.0, &after.1[..2]), (&before.0, &before.1[..2]), "{shell} {base:?}");
                } else {
                    assert_eq!(after, before, "{shell} {base:?} {second:?}");
                }
            }
        }
    }
}

#[test]
fn links_and_their_times_come_back_from_another_file_system() {
    let elsewhere = TempDir::new_in("/dev/shm").expect("/dev/shm has to be there for this test");
    for shell in SHELLS {
        let mut host = Host::with_base(shell, Some(&elsewhere.path().join(shell)));
        symlink("a target\n with lines\n", host.path("l")).expect("a link");
        symlink("x", host.path("m")).expect("a link");
        let touched = Command::new("touch").args(["-h", "-d", "2001-02-03"]).arg(host.path("l")).status();
        assert!(touched.expect("touch").success());
        let before = tree(&host.path(""));
        host.put("l", b"a file now");
        host.file("m", FileState::Absent);
        assert!(host.restore().iter().all(|outcome| outcome.changed), "{shell}");
        assert_eq!(tree(&host.path("")), before, "{shell}");
    }
}

#[test]
fn a_point_of_two_gigabytes_costs_no_copy() {
    let elsewhere = TempDir::new_in("/dev/shm").expect("/dev/shm has to be there for this test");
    for base in [None, Some(elsewhere.path().join("base"))] {
        let mut host = Host::with_base("dash", base.as_deref());
        // Copying a hole is cheap: a cp that is called at all would show.
        let (stub, _guard) = without_cp();
        host.shell.path.insert(0, stub.path().to_owned());
        for name in ["big", "gone"] {
            let file = fs::File::create(host.path(name)).expect("a file");
            file.set_len(2 << 30).expect("a sparse file");
        }
        let inode = fs::metadata(host.path("big")).expect("metadata").ino();
        let before = host_without_content(&host);
        assert!(host.put("big", b"small").changed);
        assert!(host.file("gone", FileState::Absent).changed);
        assert!(host.restore().iter().all(|outcome| outcome.changed));
        assert_eq!(host_without_content(&host), before);
        assert_eq!(fs::metadata(host.path("big")).expect("metadata").ino(), inode, "the same file");
    }
}

/// A folder whose `cp` fails, to be put first in `PATH`.
fn without_cp() -> (TempDir, ()) {
    let folder = TempDir::new().expect("a temporary folder");
    fs::write(folder.path().join("cp"), "#!/bin/sh\necho 'nothing is copied here' >&2\nexit 1\n")
        .expect("a script");
    fs::set_permissions(folder.path().join("cp"), PermissionsExt::from_mode(0o755)).expect("a mode");
    (folder, ())
}

fn host_without_content(host: &Host) -> Vec<(u64, i64, i64, u64)> {
    let list = ["", "big", "gone"].map(|name| fs::metadata(host.path(name)).expect("metadata"));
    list.iter().map(|meta| (meta.len(), meta.mtime(), meta.mtime_nsec(), meta.nlink())).collect()
}

#[test]
fn what_has_to_be_copied_has_a_limit() {
    for shell in SHELLS {
        let host = Host::new(shell);
        fs::write(host.path("a"), vec![7; 5000]).expect("a file");
        fs::create_dir(host.path("d")).expect("a folder");
        fs::write(host.path("d/b"), vec![7; 50_000]).expect("a file");
        for (name, size) in [("a", "5000"), ("d", "5")] {
            let path = crate::shell::quote(&host.text(name));
            let text = format!(
                "pf_begin 0 0\npf_points_limit 4999\npf_stat {path} && pf_point {path} && pf_save_copied {path}"
            );
            let reply =
                host.shell.program(&crate::operation::Program { text: text.clone(), ..Default::default() });
            let message = reply.value("msg").unwrap_or_default();
            assert_eq!(reply.status, 1, "{shell} {reply:?}");
            assert!(message.contains(&format!("has to copy {size}")), "{message}");
            assert!(
                message.contains("`paceline_point_limit` (4999)") && message.contains("to consent"),
                "{message}"
            );
            assert!(reply.value("point").is_none(), "{shell} {reply:?}");
            let text = text.replace("4999", "1000000");
            let reply = host.shell.program(&crate::operation::Program { text, ..Default::default() });
            assert_eq!((reply.status, reply.value("point").is_some()), (0, true), "{shell} {reply:?}");
        }
    }
}

#[test]
fn what_cannot_have_a_second_name_is_moved_away() {
    let (mut shell, folder) = bare(None);
    shell.path.insert(0, folder.path().to_owned());
    fs::write(folder.path().join("ln"), "#!/bin/sh\nexit 1\n").expect("a script");
    fs::set_permissions(folder.path().join("ln"), PermissionsExt::from_mode(0o755)).expect("a mode");
    let mut host = Host::new("dash");
    host.shell.path = shell.path;
    fs::write(host.path("a"), vec![7; 2 << 20]).expect("a file");
    let inode = fs::metadata(host.path("a")).expect("metadata").ino();
    let before = tree(&host.path(""));
    let outcome = host.put("a", b"new");
    assert!(outcome.changed, "{outcome:?}");
    assert_eq!(fs::read(host.path("a")).expect("a file"), b"new");
    assert!(host.restore()[0].changed);
    assert_eq!(tree(&host.path("")), before);
    assert_eq!(fs::metadata(host.path("a")).expect("metadata").ino(), inode);
}

#[test]
fn a_folder_that_lost_its_link_is_not_given_the_times_of_another() {
    for shell in SHELLS {
        let mut host = Host::new(shell);
        for name in ["d", "e"] {
            fs::create_dir(host.path(name)).expect("a folder");
        }
        symlink("d", host.path("l")).expect("a link");
        let touched = Command::new("touch").args(["-d", "2001-02-03"]).arg(host.path("d")).status();
        assert!(touched.expect("touch").success());
        let before = tree(&host.path(""));
        host.file("l", FileState::Link { src: Some("e".to_owned()), force: true });
        host.put("l/x", b"in e");
        host.put("d/x", b"in d");
        host.put("d/y", b"in d");
        let touch = Attributes {
            modification_time: Some(crate::operation::attributes::FileTime::At(
                "2009-01-01 00:00:00".to_owned(),
            )),
            ..Attributes::default()
        };
        host.run(FileOperation::new(host.text("d"), FileState::Directory, touch, true));
        host.put("d/z", b"in d");
        assert!(host.restore().iter().all(|outcome| outcome.changed), "{shell}");
        assert_eq!(tree(&host.path("")), before, "{shell}");
    }
}

#[test]
fn a_link_that_leads_to_itself_is_kept_and_restored() {
    for shell in SHELLS {
        let mut host = Host::new(shell);
        symlink(host.path("l"), host.path("l")).expect("a link");
        let before = tree(&host.path(""));
        assert!(host.put("l", b"a file now").changed);
        assert!(host.restore()[0].changed, "{shell}");
        assert_eq!(tree(&host.path("")), before, "{shell}");
    }
}

#[test]
fn a_mode_on_something_that_is_gone_says_so() {
    let mut host = Host::new("dash");
    fs::write(host.path("a"), "1").expect("a file");
    let given = FileOperation::new(host.text("a"), FileState::File, owned_by("14"), true);
    assert!(host.run(given).changed);
    fs::remove_file(host.path("a")).expect("removed");
    assert!(said(&host.restore()[0]).contains("is gone, so that its mode cannot be restored"));
    assert!(!host.restore_with(true)[0].failed);
}
