//! Archives that are unpacked in every shell, and archives that nobody should unpack.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use super::super::testing::{Rehearsal, SHELLS};
use super::*;
use crate::rollback::newest_first;

fn unarchive(src: &Path, dest: &Path) -> Unarchive {
    Unarchive {
        content: None,
        src: src.to_str().unwrap().to_owned(),
        dest: dest.to_str().unwrap().to_owned(),
        creates: None,
        exclude: Vec::new(),
        include: Vec::new(),
        attributes: Attributes::default(),
        owners: true,
        keep_newer: false,
        list: true,
        strip: 0,
        progress: UnarchiveProgress::default(),
    }
}

fn sh(folder: &Path, script: &str) {
    let status = Command::new("bash").args(["-ec", script]).current_dir(folder).status().unwrap();
    assert!(status.success(), "{script}");
}

#[test]
fn an_archive_comes_stays_and_goes_in_every_shell() {
    for shell in SHELLS {
        let root = tempfile::TempDir::new().unwrap();
        let path = |name: &str| root.path().join(name);
        sh(
            root.path(),
            "umask 022; mkdir -p in/app/bin out/app; echo one >'in/app/a b'; echo 'é' >'in/app/é'; echo run >in/app/bin/run
             chmod 755 in/app/bin/run; ln -s bin/run in/app/link; touch -d '2020-01-02 03:04:05' 'in/app/a b'
             tar -czf app.tgz -C in app; echo old >'out/app/a b'",
        );
        let mut host = Rehearsal::new(shell);
        let base = path("base");
        host.prelude = crate::operation::open_points(base.to_str(), "run1", "web1");
        let mode = |check| Mode { check, diff: true, ..Mode::default() };
        let told = host.run(&mut unarchive(&path("app.tgz"), &path("out")), mode(true));
        assert!(told.changed && !told.failed && !path("out/app/link").exists(), "{shell} {:?}", told.result);
        let outcome = host.run(&mut unarchive(&path("app.tgz"), &path("out")), mode(false));
        assert!(outcome.changed && !outcome.failed, "{shell} {:?}", outcome.result);
        assert_eq!(outcome.result["handler"], "TgzArchive");
        assert!(outcome.diff[0].after.contains("app/bin/run\n"), "{shell} {:?}", outcome.diff);
        assert_eq!(fs::read_to_string(path("out/app/a b")).unwrap(), "one\n", "{shell}");
        assert_eq!(fs::metadata(path("out/app/a b")).unwrap().mtime(), 1_577_934_245, "{shell}");
        assert_eq!(
            fs::metadata(path("out/app/bin/run")).unwrap().permissions().mode() & 0o777,
            0o755,
            "{shell}"
        );
        assert_eq!(fs::read_link(path("out/app/link")).unwrap().to_str(), Some("bin/run"), "{shell}");
        assert!(path("out/app/é").exists(), "{shell}");
        let again = host.run(&mut unarchive(&path("app.tgz"), &path("out")), mode(false));
        assert!(!again.changed, "{shell} {:?}", again.diff);
        for mut restore in newest_first(&outcome.points, None) {
            let restored = host.run(&mut restore, Mode::default());
            assert!(!restored.failed, "{shell} {:?}", restored.result);
        }
        assert_eq!(fs::read_to_string(path("out/app/a b")).unwrap(), "old\n", "{shell}");
        assert_eq!(fs::read_dir(path("out/app")).unwrap().count(), 1, "{shell}");

        let mut some = unarchive(&path("app.tgz"), &path("out"));
        (some.strip, some.exclude) = (1, vec![super::super::glob::glob("bin").unwrap()]);
        assert!(host.run(&mut some, mode(false)).changed, "{shell}");
        assert!(path("out/a b").exists() && !path("out/bin").exists(), "{shell}");
    }
}

#[test]
fn what_leads_out_is_not_unpacked() {
    // The tar of busybox takes what leads out off the names, both when it lists and when it unpacks.
    for shell in SHELLS.iter().filter(|shell| **shell != "busybox") {
        let root = tempfile::TempDir::new().unwrap();
        let path = |name: &str| root.path().join(name);
        sh(
            root.path(),
            "mkdir in out; cd in; echo x >x; ln -s /etc abs; ln -s ../.. up; mkfifo fifo; ln -s d l
             tar -cf ../up.tar --transform 's,^x,../x,' -P x; tar -cf ../abs.tar abs; tar -cf ../link.tar up
             tar -cf ../fifo.tar fifo; tar -cf ../root.tar -P --transform 's,^x,/x,' x
             mkdir d; echo y >d/y; tar -cf ../below.tar l; tar -rf ../below.tar --transform 's,^d,l,' d/y",
        );
        let host = Rehearsal::new(shell);
        for (archive, expected) in [
            ("up.tar", "leads out"),
            ("root.tar", "leads out"),
            ("abs.tar", "leads out"),
            ("link.tar", "leads out"),
            ("fifo.tar", "FIFO"),
            ("below.tar", "below its own link"),
        ] {
            let outcome = host.run(&mut unarchive(&path(archive), &path("out")), Mode::default());
            let message = outcome.result["msg"].as_str().unwrap_or_default().to_owned();
            assert!(outcome.failed && message.contains(expected), "{shell} {archive}: {message}");
            assert_eq!(fs::read_dir(path("out")).unwrap().count(), 0, "{shell} {archive}");
        }
        let outcome = host.run(&mut unarchive(&path("in/x"), &path("out")), Mode::default());
        assert!(outcome.failed, "{shell} {:?}", outcome.result);
    }
}

#[test]
fn lines_of_listings_are_read() {
    let entry = tar_line(r"lrwxrwxrwx root/root         0 2026-01-02 03:04 a\303\251 b -> ../c").unwrap();
    assert_eq!((entry.name.as_str(), entry.link.as_deref(), entry.kind), ("aé b", Some("../c"), 'l'));
    let entry = tar_line("-rw-r--r-- 0/0  7 2026-01-02 03:04:05  lead").unwrap();
    assert_eq!((entry.name.as_str(), entry.size), (" lead", 7));
    assert_eq!(tar_line("garbage"), None);
    let entry = zip_line("       12  2026-01-02 03:04   a b/c").unwrap();
    assert_eq!((entry.name.as_str(), entry.size), ("a b/c", 12));
    assert_eq!(zip_line("---------                     -------"), None);
    assert_eq!(zip_line("  Length      Date    Time    Name"), None);
    for (name, target, inside) in [
        ("a", "b", true),
        ("a", "../b", false),
        ("d/a", "../b", true),
        ("d/a", "x/../../../b", false),
        ("a", "/b", false),
    ] {
        assert_eq!(stays(name, target), inside, "{name} {target}");
    }
}
