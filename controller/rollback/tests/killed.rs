//! The host's shell is killed in front of every tool that it starts: what was begun is taken back, and taking back goes on.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::durable::put;
use super::{Host, ListPoints, ListedPoint, newest_first};
use crate::operation::attributes::{Attributes, FileMode, FileTime};
use crate::operation::file::{FileOperation, FileState};
use crate::operation::put::PutOptions;
use crate::operation::{Mode, Operation};
use crate::rollback::{RestorePoint, RestoreTimes};

const TOOLS: [&str; 16] = [
    "cat",
    "chmod",
    "chown",
    "cp",
    "ln",
    "mkdir",
    "mv",
    "readlink",
    "rm",
    "rmdir",
    "sha256sum",
    "stat",
    "sync",
    "touch",
    "find",
    "grep",
];

/// Tools that count how often one is started, and kill the shell of the host in front of the one that is chosen.
struct Killer(TempDir);

impl Killer {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let at = folder.path().display();
        let text = format!(
            "#!/bin/sh\nread -r n <{at}/count\nn=$((n + 1))\necho $n >{at}/count\nread -r k <{at}/kill\n\
             if [ $n = \"$k\" ]; then kill -9 \"$PL_MAIN\"; exit 1; fi\nexec \"/usr/bin/${{0##*/}}\" \"$@\"\n"
        );
        for tool in TOOLS {
            let path = folder.path().join(tool);
            fs::write(&path, &text).expect("a script");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
        }
        Self(folder)
    }

    /// Kills in front of this tool; 0 never.
    fn choose(&self, number: u32) {
        fs::write(self.0.path().join("count"), "0\n").expect("a count");
        fs::write(self.0.path().join("kill"), format!("{number}\n")).expect("a number");
    }

    fn count(&self) -> u32 {
        fs::read_to_string(self.0.path().join("count")).expect("a count").trim().parse().expect("a number")
    }

    fn host(&self) -> Host {
        let mut host = Host::new("dash");
        host.shell.path.insert(0, self.0.path().to_owned());
        host.shell.prelude.push_str("\nexport PL_MAIN=$$\n");
        for name in ["old", "mode", "gone"] {
            fs::write(host.path(name), format!("{name} before")).expect("a file");
        }
        fs::hard_link(host.path("old"), host.path("second")).expect("a second name");
        fs::create_dir_all(host.path("tree/in")).expect("folders");
        fs::create_dir(host.path("walk")).expect("a folder");
        fs::write(host.path("walk/w"), "w").expect("a file");
        symlink("old", host.path("link")).expect("a link");
        let touched = Command::new("find")
            .arg(host.path(""))
            .args(["-exec", "touch", "-h", "-d", "2020-01-02 03:04:05.678", "{}", "+"])
            .status();
        assert!(touched.expect("find").success());
        host
    }
}

/// Everything of a tree: even the same inodes, each with as many names as before.
fn state(host: &Host) -> String {
    let output = Command::new("find")
        .arg(host.path(""))
        .args(["-printf", "%P %i %n %y %m %U:%G %T@ %s %l\n"])
        .output()
        .expect("find");
    let mut lines: Vec<String> =
        String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect();
    lines.sort();
    lines.join("\n")
}

fn steps(host: &Host) -> Vec<Box<dyn Operation>> {
    let file = |name: &str, state: FileState, attributes: Attributes| -> Box<dyn Operation> {
        Box::new(FileOperation::new(host.text(name), state, attributes, false))
    };
    let both = Attributes {
        mode: Some(FileMode::Bits(0o600)),
        owner: Some("12".to_owned()),
        modification_time: Some(FileTime::At("2001-02-03 04:05:06".to_owned())),
        ..Attributes::default()
    };
    let none = Attributes::default;
    let mut walk = FileOperation::new(
        host.text("walk"),
        FileState::Directory,
        Attributes { mode: Some(FileMode::Symbolic("-:0:7:0::0:0".to_owned())), ..none() },
        false,
    );
    walk.recurse = true;
    let folders = PutOptions { make_parents: true, name: Some("f".to_owned()), ..PutOptions::default() };
    vec![
        put(host, "old", PutOptions { backup: true, ..PutOptions::default() }),
        put(host, "a/b/", folders),
        file("mode", FileState::File, both),
        file("gone", FileState::Absent, none()),
        file("tree", FileState::Absent, none()),
        put(host, "tree", PutOptions::default()),
        file("link", FileState::Link { src: Some("mode".to_owned()), force: true }, none()),
        Box::new(walk),
    ]
}

/// The points that lie on the host, as a rollback finds them.
fn points(host: &Host) -> Vec<RestorePoint> {
    let listed = ListedPoint::of(&host.shell.run(&mut ListPoints, Mode::default()));
    let points: Vec<_> =
        listed.into_iter().filter(|point| point.state != "incomplete").map(|point| point.point).collect();
    newest_first(&points, None)
}

fn times(points: &[RestorePoint]) -> RestoreTimes {
    RestoreTimes { numbers: points.iter().map(|point| point.point.number).collect(), last: true }
}

#[track_caller]
fn restore(host: &Host) {
    let points = points(host);
    for mut point in points.clone() {
        let outcome = host.shell.run(&mut point, Mode::default());
        assert!(!outcome.failed, "{:?}: {outcome:?}", point.point);
    }
    assert!(!host.shell.run(&mut times(&points), Mode::default()).failed);
}

/// Every how many tools the shell is killed: 1 for each, which takes some minutes.
fn stride() -> usize {
    std::env::var("PACELINE_TEST_STRIDE").ok().and_then(|text| text.parse().ok()).unwrap_or(7)
}

#[test]
fn a_step_that_was_cut_off_anywhere_is_taken_back() {
    let killer = Killer::new();
    let count = {
        killer.choose(0);
        let host = killer.host();
        steps(&host).iter_mut().for_each(|step| drop(host.shell.run(step.as_mut(), Mode::default())));
        killer.count()
    };
    for kill in (1..=count).step_by(stride()) {
        let host = killer.host();
        let before = state(&host);
        killer.choose(kill);
        let killed = steps(&host).iter_mut().any(|step| host.shell.run_killed(step.as_mut()));
        assert!(killed, "in front of tool {kill} of {count}");
        killer.choose(0);
        restore(&host);
        assert_eq!(state(&host), before, "killed in front of tool {kill} of {count}");
    }
}

#[test]
fn a_restore_that_was_cut_off_anywhere_goes_on() {
    let killer = Killer::new();
    let prepared = || {
        killer.choose(0);
        let host = killer.host();
        let before = state(&host);
        for step in &mut steps(&host) {
            let outcome = host.shell.run(step.as_mut(), Mode::default());
            assert!(outcome.changed, "{outcome:?}");
        }
        (points(&host), host, before)
    };
    let count = {
        let (_, host, before) = prepared();
        killer.choose(0);
        restore(&host);
        assert_eq!(state(&host), before);
        killer.count()
    };
    for kill in (1..=count).step_by(stride()) {
        let (points, host, before) = prepared();
        killer.choose(kill);
        // In front of the list, nothing has happened yet.
        let killed = host.shell.run_killed(&mut ListPoints)
            || points.clone().iter_mut().any(|point| host.shell.run_killed(point))
            || host.shell.run_killed(&mut times(&points));
        assert!(killed, "in front of tool {kill} of {count}");
        killer.choose(0);
        restore(&host);
        assert_eq!(state(&host), before, "killed in front of tool {kill} of {count}");
    }
}

/// Where the tools are, for the message of a machine that has them elsewhere.
#[test]
fn the_tools_are_where_they_are_looked_for() {
    for tool in TOOLS {
        assert!(PathBuf::from("/usr/bin").join(tool).exists(), "`/usr/bin/{tool}` is missing");
    }
}
