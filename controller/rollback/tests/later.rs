//! What somebody changed after the run is not overwritten, unless that is asked for, and then it is kept.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;

use super::{Host, said, tree};
use crate::operation::Mode;
use crate::operation::attributes::{Attributes, FileMode};
use crate::operation::file::{FileOperation, FileState};
use crate::operation::testing::SHELLS;

/// A host on which a run has changed everything that somebody can change later.
fn changed(shell: &'static str) -> Host {
    let mut host = Host::new(shell);
    for name in ["put", "mode", "gone", "linked", "touched"] {
        fs::write(host.path(name), format!("{name} before")).expect("a file");
    }
    fs::set_permissions(host.path("mode"), fs::Permissions::from_mode(0o644)).expect("a mode");
    host.put("put", b"by the run");
    host.put("new", b"by the run");
    let mode = Attributes { mode: Some(FileMode::Bits(0o600)), ..Attributes::default() };
    host.run(FileOperation::new(host.text("mode"), FileState::File, mode, true));
    host.file("gone", FileState::Absent);
    host.file("linked", FileState::Link { src: Some("put".to_owned()), force: true });
    host.file("empty", FileState::Touch);
    host.file("folder", FileState::Directory);
    host
}

/// Somebody's change, and what is said of it.
type Change = (&'static str, fn(&Host), &'static str);

const CHANGES: [Change; 7] = [
    ("put", |host| fs::write(host.path("put"), "by hand").expect("written"), "was changed after this run"),
    ("new", |host| fs::write(host.path("new"), "by hand").expect("written"), "was changed after this run"),
    (
        "mode",
        |host| fs::set_permissions(host.path("mode"), PermissionsExt::from_mode(0o640)).expect("a mode"),
        "mode or owner of",
    ),
    ("gone", |host| fs::write(host.path("gone"), "by hand").expect("written"), "was removed by this run"),
    (
        "linked",
        |host| {
            fs::remove_file(host.path("linked")).expect("removed");
            symlink("by hand", host.path("linked")).expect("a link");
        },
        "was changed after this run",
    ),
    (
        "empty",
        |host| fs::write(host.path("empty"), "by hand").expect("written"),
        "was changed after this run",
    ),
    (
        "folder",
        |host| fs::write(host.path("folder/theirs"), "by hand").expect("written"),
        "holds what no rollback point covers: `theirs`",
    ),
];

#[test]
fn each_later_change_is_refused_and_kept_when_forced() {
    let before = {
        let host = changed("dash");
        host.restore();
        names_and_modes(&host)
    };
    for shell in SHELLS {
        let host = changed(shell);
        for (_, change, _) in CHANGES {
            change(&host);
        }
        let points: Vec<_> = super::newest_first(&host.points, None);
        for (point, outcome) in points.iter().zip(host.restore()) {
            let (name, _, reason) = CHANGES
                .into_iter()
                .find(|(name, ..)| host.text(name) == point.point.path)
                .expect("its change");
            let message = said(&outcome);
            assert!(
                message.contains(reason) && message.contains("`rollback --force`"),
                "{shell} {name}: {message}"
            );
        }

        let outcomes = host.restore_with(true);
        assert!(outcomes.iter().all(|outcome| outcome.changed), "{shell}: {outcomes:?}");
        assert_eq!(names_and_modes(&host), before, "{shell}");
        for (point, outcome) in points.iter().zip(outcomes) {
            let name = point.point.path.rsplit('/').next().expect("a name");
            let kept =
                outcome.result.get("replaced").map(|paths| paths[0].as_str().expect("a path").to_owned());
            match (name, kept) {
                ("mode", None) => {}
                ("linked", Some(kept)) => {
                    assert_eq!(fs::read_link(kept).expect("a link").to_str(), Some("by hand"));
                }
                ("folder", Some(kept)) => {
                    assert_eq!(fs::read_to_string(format!("{kept}/theirs")).expect("kept"), "by hand");
                }
                (_, Some(kept)) => {
                    assert_eq!(fs::read_to_string(kept).expect("kept"), "by hand", "{shell} {name}");
                }
                (name, None) => panic!("{shell} {name}: nothing was kept"),
            }
        }
    }
}

#[test]
fn one_later_change_keeps_nothing_else_from_being_restored() {
    let host = changed("dash");
    fs::write(host.path("put"), "by hand").expect("written");
    let failed = host.restore().iter().filter(|outcome| outcome.failed).count();
    assert_eq!(failed, 1);
    assert_eq!(fs::read_to_string(host.path("put")).expect("there"), "by hand");
    assert_eq!(fs::read_to_string(host.path("gone")).expect("back"), "gone before");
}

/// The tree without its times, as those of the folder are those of the last change by hand.
fn names_and_modes(host: &Host) -> Vec<String> {
    let root = host.text("");
    let strip = |line: String| {
        let line = line.replace(&root, "");
        let (head, rest) = line.split_once(" (").expect("a time");
        format!("{head}{}", rest.split_once(')').expect("its end").1)
    };
    tree(&host.path("")).into_iter().map(strip).collect()
}

#[test]
fn what_is_gone_again_is_restored_without_asking() {
    for shell in SHELLS {
        let host = changed(shell);
        for name in ["put", "new", "linked", "empty"] {
            fs::remove_file(host.path(name)).expect("removed");
        }
        fs::remove_dir(host.path("folder")).expect("removed");
        let outcomes = host.restore();
        assert!(outcomes.iter().all(|outcome| outcome.changed), "{shell}: {outcomes:?}");
        assert_eq!(fs::read_to_string(host.path("put")).expect("back"), "put before");
    }
}

#[test]
fn newer_points_of_the_same_run_are_no_later_change() {
    for shell in SHELLS {
        let mut host = Host::new(shell);
        fs::write(host.path("a"), "before").expect("a file");
        let before = tree(&host.path(""));
        host.put("a", b"1");
        host.put("a", b"2");
        host.file("a", FileState::Absent);
        host.file("a", FileState::Link { src: Some("x".to_owned()), force: true });
        host.file("a", FileState::Absent);
        host.put("a", b"3");
        let mode = Attributes { mode: Some(FileMode::Bits(0o600)), ..Attributes::default() };
        host.run(FileOperation::new(host.text("a"), FileState::File, mode, true));
        let outcomes = host.restore();
        assert!(outcomes.iter().all(|outcome| outcome.changed), "{shell}: {outcomes:?}");
        assert_eq!(tree(&host.path("")), before, "{shell}");
    }
}

#[test]
fn a_later_run_is_named() {
    let mut host = Host::new("dash");
    fs::write(host.path("a"), "before").expect("a file");
    host.put("a", b"1");
    let mut later = host.later("run2");
    later.put("a", b"2");
    let outcomes = host.restore();
    assert!(
        said(&outcomes[0]).contains("was changed after this run, by run `run2`; roll that one back first")
    );
    assert!(later.restore()[0].changed);
    assert!(host.restore()[0].changed);
    assert_eq!(fs::read_to_string(host.path("a")).expect("back"), "before");
}

#[test]
fn a_large_file_is_put_aside_beside_its_path_where_the_points_are_elsewhere() {
    let elsewhere = TempDir::new_in("/dev/shm").expect("/dev/shm has to be there for this test");
    let mut host = Host::with_base("dash", Some(&elsewhere.path().join("base")));
    host.put("a", b"1");
    fs::write(host.path("a"), vec![7; 2 << 20]).expect("a file");
    assert!(host.restore()[0].failed);
    let outcome = host.restore_with(true).remove(0);
    let kept = outcome.result["replaced"][0].as_str().expect("a path").to_owned();
    assert_eq!(kept, host.text(".paceline-run1-1.replaced"));
    assert_eq!(fs::metadata(kept).expect("kept").len(), 2 << 20);
    assert!(!host.path("a").exists());
    // Once more is no further change.
    assert!(
        !host.shell.run(&mut super::newest_first(&host.points, None)[0].clone(), Mode::default()).changed
    );
}

#[test]
fn a_point_of_somebody_else_is_not_run() {
    for shell in SHELLS {
        let mut host = Host::new(shell);
        host.put("a", b"1");
        let manifest = host.root.path().join("base/runs/run1/web1/points/1");
        std::os::unix::fs::chown(&manifest, Some(12), None)
            .expect("this test gives files away, and needs root");
        assert!(said(&host.restore()[0]).contains("belongs to somebody else"), "{shell}");
        assert!(host.path("a").exists());
    }
}
