//! What undoes commands, services and handlers, in real shells.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::{Host, tree};
use crate::operation::attributes::Attributes;
use crate::operation::command::{Command, Start};
use crate::operation::file::{FileOperation, FileState};
use crate::operation::service::{Manager, Service};
use crate::operation::testing::SHELLS;
use crate::operation::undo::{KeptProgram, KeptTask, Undoable};
use crate::operation::{Mode, Operation, Outcome, Point};
use crate::rollback::{Visit, visits};
use crate::shell::Platform;

fn shell(text: &str) -> Command {
    let start = Start::Shell { executable: "/bin/sh".to_owned(), text: text.to_owned() };
    Command { strip: true, ..Command::new(Platform::Posix, start) }
}

/// Keeps operations, as the tasks of a `rollback` do.
fn kept(operations: Vec<Box<dyn Operation>>) -> Option<KeptProgram> {
    let tasks: Vec<KeptTask> = operations
        .into_iter()
        .map(|mut operation| KeptTask {
            platform: Platform::Posix,
            name: "Undo it".to_owned(),
            program: operation.kept().expect("it can be kept"),
            exports: "export WORD='it'\\''s'\n".to_owned(),
            hidden: false,
        })
        .collect();
    Some(KeptProgram::new("Undo it".to_owned(), &tasks).expect("small enough"))
}

fn covering(command: Command, covers: &[String]) -> Undoable {
    Undoable::new(Box::new(command), covers.to_vec(), None, None)
}

/// Visits all points as a rollback does.
fn roll_back(host: &Host) -> Vec<Outcome> {
    let points: Vec<((), Point)> = host.points.iter().rev().map(|point| ((), point.clone())).collect();
    let visit = |mut visit: Visit| host.shell.run(&mut visit, Mode::default());
    visits(&points, false).into_iter().map(|((), planned)| visit(planned)).collect()
}

#[track_caller]
fn well(outcomes: &[Outcome]) {
    assert!(outcomes.iter().all(|outcome| !outcome.failed), "{outcomes:?}");
}

fn kinds(host: &Host) -> Vec<&str> {
    host.points.iter().map(|point| point.kind.as_str()).collect()
}

#[test]
fn what_a_command_made_is_removed_with_all_that_is_in_it() {
    for name in SHELLS {
        let mut host = Host::new(name);
        let before = tree(&host.path(""));
        let made = host.text("new/deep \n'x'/made");
        let mut command = shell("");
        command.start = Start::Words {
            argv: [
                "/bin/sh",
                "-c",
                "mkdir -p \"$1/in side\"; echo x >\"$1/in side/f\"; ln -s / \"$1/l\"",
                "sh",
                &made,
            ]
            .map(str::to_owned)
            .to_vec(),
            expand: false,
        };
        command.creates = Some(made.clone());
        assert!(!command.irreversible());
        assert!(host.run(command.clone()).changed && host.path("new").exists());
        assert_eq!(kinds(&host), ["absent"], "{name}");
        // The guard holds the second one back, which has nothing to undo.
        assert!(!host.run(command).changed);
        assert_eq!(host.points.len(), 1);
        well(&roll_back(&host));
        assert_eq!(tree(&host.path("")), before, "{name}");
        assert!(roll_back(&host).iter().all(|outcome| !outcome.changed && !outcome.failed));
    }
}

#[test]
fn what_a_command_removed_comes_back() {
    for name in SHELLS {
        let mut host = Host::new(name);
        fs::create_dir_all(host.path("d/e")).expect("folders");
        fs::write(host.path("d/e/f"), "f").expect("a file");
        fs::set_permissions(host.path("d/e"), fs::Permissions::from_mode(0o1750)).expect("a mode");
        symlink("nowhere", host.path("d/l")).expect("a link");
        let before = tree(&host.path(""));
        let mut command = shell("rm -r d");
        command.chdir = Some(host.text(""));
        command.removes = Some("d".to_owned());
        assert!(host.run(command.clone()).changed && !host.path("d").exists());
        assert!(!host.run(command).changed, "{name}");
        assert_eq!(kinds(&host), ["directory"]);
        well(&roll_back(&host));
        assert_eq!(tree(&host.path("")), before, "{name}");
    }
}

#[test]
fn covered_paths_are_as_they_were() {
    for name in SHELLS {
        let mut host = Host::new(name);
        fs::write(host.path("file"), "old").expect("a file");
        fs::write(host.path("linked"), "linked").expect("a file");
        fs::hard_link(host.path("linked"), host.path("other name")).expect("a link");
        fs::create_dir(host.path("tree")).expect("a folder");
        fs::write(host.path("tree/same"), "same").expect("a file");
        fs::write(host.path("tree/gone"), "gone").expect("a file");
        symlink("file", host.path("link")).expect("a link");
        let before = tree(&host.path(""));
        let covers = ["linked", "tree", "link", "absent/below"].map(|name| host.text(name));
        let text = "cd \"$0\" && echo new >file; echo new >>linked; rm tree/gone; echo >tree/more; ln -sfn tree link; mkdir -p absent/below; echo >absent/below/x";
        let mut command = shell("");
        command.start = Start::Words {
            argv: vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned(), host.text("")],
            expand: false,
        };
        assert!(host.run(covering(command, &covers)).changed);
        assert_ne!(tree(&host.path("")), before);
        well(&roll_back(&host));
        assert_eq!(tree(&host.path("")), before, "{name}");
        let inode = |name: &str| fs::metadata(host.path(name)).expect("a file").ino();
        assert_eq!(inode("linked"), inode("other name"), "{name}: still one file");
    }
}

#[test]
fn what_somebody_changed_after_a_command_stays() {
    for name in SHELLS {
        let mut host = Host::new(name);
        fs::write(host.path("file"), "old").expect("a file");
        let mut command = shell("echo new >>file; echo new >made");
        command.chdir = Some(host.text(""));
        command.creates = Some("made".to_owned());
        let covers = [host.text("file")];
        host.run(covering(command, &covers));
        let ours = fs::read(host.path("file")).expect("a file");
        fs::write(host.path("file"), "precious").expect("a file");
        let outcomes = roll_back(&host);
        let said: Vec<&str> = outcomes
            .iter()
            .filter(|outcome| outcome.failed)
            .filter_map(|outcome| outcome.result["msg"].as_str())
            .collect();
        let expected = format!("`{}` was changed after this run", host.text("file"));
        assert!(said.len() == 1 && said[0].contains(&expected), "{name}: {said:?}");
        assert_eq!(fs::read(host.path("file")).expect("a file"), b"precious");
        assert!(!host.path("made").exists(), "{name}: it does not stand in the way");
        fs::write(host.path("file"), ours).expect("a file");
        well(&roll_back(&host));
        assert_eq!(fs::read(host.path("file")).expect("a file"), b"old", "{name}");
    }
}

#[test]
fn what_is_newer_is_put_aside_by_force() {
    for name in SHELLS {
        let mut host = Host::new(name);
        fs::write(host.path("file"), "old").expect("a file");
        let mut command = shell("echo new >>file; echo new >made");
        command.chdir = Some(host.text(""));
        command.creates = Some("made".to_owned());
        let covers = [host.text("file")];
        host.run(covering(command, &covers));
        fs::write(host.path("file"), "precious").expect("a file");
        fs::write(host.path("made"), "precious too").expect("a file");
        let points: Vec<((), Point)> = host.points.iter().rev().map(|point| ((), point.clone())).collect();
        for ((), mut visit) in visits(&points, true) {
            let outcome = host.shell.run(&mut visit, Mode::default());
            assert!(!outcome.failed, "{name}: {outcome:?}");
            let kept = outcome.result["replaced"][0].as_str().expect("where it is now");
            assert!(fs::read_to_string(kept).expect("a file").starts_with("precious"));
        }
        assert_eq!(fs::read(host.path("file")).expect("a file"), b"old");
        assert!(!host.path("made").exists());
    }
}

#[test]
fn a_command_is_irreversible_unless_it_says_what_it_makes_or_removes() {
    for (creates, removes, irreversible) in [
        (None, None, true),
        (Some("/opt/agent"), None, false),
        (Some("made"), None, false),
        (None, Some("~/x"), false),
        (Some("/opt/*.done"), None, true),
        (Some("/"), None, true),
        (Some("/opt/../etc"), None, true),
        (Some("/opt/*"), Some("/x"), false),
    ] {
        let command = Command {
            creates: creates.map(str::to_owned),
            removes: removes.map(str::to_owned),
            ..shell("make")
        };
        assert_eq!(command.irreversible(), irreversible, "{creates:?} {removes:?}");
    }
    let plain = || Box::new(shell("make"));
    assert!(Undoable::new(plain(), vec![], None, None).irreversible());
    assert!(!covering(shell("make"), &["/x".to_owned()]).irreversible());
    let rollback = kept(vec![plain()]);
    assert!(!Undoable::new(plain(), vec![], rollback, None).irreversible());
}

#[test]
fn nothing_runs_when_it_cannot_be_saved() {
    for name in SHELLS {
        let mut host = Host::new(name);
        let ran = host.text("ran");
        for (path, expected) in
            [("relative", "absolute paths"), ("/proc", "mount point"), ("/a/../b", "`..`"), ("/", "neither")]
        {
            let outcome = host.run(covering(shell(&format!("touch '{ran}'")), &[path.to_owned()]));
            let message = outcome.result["msg"].as_str().expect("text");
            assert!(outcome.failed && message.contains(expected), "{name}: {path}: {message}");
            assert!(!host.path("ran").exists() && host.points.is_empty());
        }
    }
}

#[test]
fn tasks_that_undo_run_on_the_host_alone_and_newest_first() {
    for name in SHELLS {
        let mut host = Host::new(name);
        let log = host.text("log");
        let write = |word: &str| shell(&format!("echo \"{word} $WORD\" >>'{log}'"));
        let absent = FileOperation::new(host.text("kept"), FileState::Absent, Attributes::default(), true);
        let script = Command {
            start: Start::Script {
                content: std::sync::Arc::new(crate::operation::Content::new(
                    format!("printf 'script\\n\\000' >>'{log}'").into_bytes(),
                )),
                name: "s.sh".to_owned(),
                text: "/bin/sh \"$0\"".to_owned(),
            },
            ..shell("")
        };
        let first = kept(vec![Box::new(write("first")), Box::new(absent)]);
        host.run(Undoable::new(
            Box::new(shell(&format!("touch '{}'", host.text("kept")))),
            vec![],
            first,
            None,
        ));
        let second = kept(vec![Box::new(script)]);
        host.run(Undoable::new(Box::new(shell("true")), vec![], second, None));
        assert_eq!(kinds(&host), ["rollback", "rollback"]);
        assert_eq!(host.points[0].path, "Undo it");
        well(&roll_back(&host));
        let text = fs::read_to_string(&log).expect("a log");
        assert_eq!(text, "script\n\0first it's\n", "{name}");
        assert!(!host.path("kept").exists());
        let points = host.root.path().join("base/runs/run1/web1/points");
        let names =
            fs::read_dir(&points).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        let left: Vec<_> = names.filter(|name| name.to_string_lossy().contains("scratch")).collect();
        assert!(left.is_empty(), "{name}: {left:?}");
        // Once is enough.
        well(&roll_back(&host));
        assert_eq!(fs::read_to_string(&log).expect("a log"), text, "{name}");
    }
}

#[test]
fn a_file_that_is_as_it_should_be_arms_nothing() {
    for name in SHELLS {
        let mut host = Host::new(name);
        let log = host.text("log");
        let touched = || {
            let file = FileOperation::new(host.text("d"), FileState::Directory, Attributes::default(), true);
            let undo = kept(vec![Box::new(shell(&format!("echo undone >>'{log}'")))]);
            Undoable::new(Box::new(file), vec![host.text("more")], undo, None)
        };
        let (first, second) = (touched(), touched());
        assert!(host.run(first).changed);
        assert!(!host.run(second).changed);
        assert_eq!(kinds(&host), ["absent", "rollback", "absent"], "{name}");
        well(&roll_back(&host));
        assert_eq!(fs::read_to_string(&log).expect("a log"), "undone\n", "{name}");
        assert!(!host.path("d").exists());
    }
}

#[test]
fn what_fails_to_undo_is_named() {
    let mut host = Host::new("dash");
    let undo = kept(vec![Box::new(shell("exit 3"))]);
    host.run(Undoable::new(Box::new(shell("true")), vec![], undo, None));
    let [outcome] = roll_back(&host).try_into().expect("one point");
    assert_eq!(outcome.result["msg"], "`Undo it` ended with status 3");
}

/// An init script: `running` and `on` are the state of the service, `log` what it was told.
const INIT: &str = r#"#!/bin/sh
cd "${0%/*}/../../state" || exit 9
case $1 in
status) [ -e running ] || { echo "agent is stopped"; exit 3; }; exit 0 ;;
esac
echo "$1" >>log
case $1 in
start | restart) touch running ;;
stop) rm -f running ;;
esac
exit 0
"#;

fn with_service(shell: &'static str) -> Host {
    let mut host = Host::new(shell);
    for folder in ["etc/init.d", "etc/runlevels/default", "state", "bin"] {
        fs::create_dir_all(host.path(folder)).expect("a folder");
    }
    for (place, text) in [
        ("etc/init.d/agent", INIT.to_owned()),
        ("bin/rc-service", "#!/bin/sh\nexec \"${0%/*}/../etc/init.d/$1\" $2\n".to_owned()),
        (
            "bin/rc-update",
            "#!/bin/sh\ncd \"${0%/*}/../etc/runlevels/$3\"; case $1 in add) touch $2 ;; *) rm $2 ;; esac\n"
                .to_owned(),
        ),
    ] {
        fs::write(host.path(place), text).expect("a script");
        fs::set_permissions(host.path(place), fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    host.shell.path.insert(0, host.path("bin"));
    host.shell.prelude = format!("pl_root={}\n{}", host.text(""), host.shell.prelude);
    host
}

fn service(state: &str, enabled: Option<bool>) -> Service {
    let manager = Manager::Any {
        pattern: String::new(),
        sleep: String::new(),
        level: String::new(),
        arguments: Vec::new(),
    };
    let state = (!state.is_empty()).then(|| state.to_owned());
    Service { name: Some("agent".to_owned()), state, enabled, manager }
}

fn told(host: &Host) -> String {
    let log = host.path("state/log");
    let text = fs::read_to_string(&log).unwrap_or_default();
    let _ = fs::remove_file(log);
    text.replace('\n', " ")
}

#[test]
fn a_service_that_the_run_started_is_stopped() {
    for name in SHELLS {
        let mut host = with_service(name);
        host.run(service("started", Some(true)));
        host.run(service("restarted", None));
        assert_eq!(kinds(&host), ["service", "service", "activation"], "{name}");
        assert_eq!(host.points[2].path, "restart agent");
        assert_eq!(told(&host), "start restart ");
        well(&roll_back(&host));
        // It was not running before, so there is nothing to repeat.
        assert_eq!(told(&host), "stop ", "{name}");
        assert!(!host.path("etc/runlevels/default/agent").exists(), "{name}");
        well(&roll_back(&host));
        assert_eq!(told(&host), "", "{name}");
    }
}

#[test]
fn a_running_service_takes_note_of_its_old_configuration_once() {
    for name in SHELLS {
        let mut host = with_service(name);
        fs::write(host.path("state/running"), "").expect("a file");
        fs::write(host.path("etc/runlevels/default/agent"), "").expect("a file");
        host.run(service("restarted", None));
        host.run(service("restarted", Some(false)));
        host.run(service("stopped", None));
        host.run(service("started", None));
        assert_eq!(told(&host), "restart restart stop start ");
        well(&roll_back(&host));
        // Each visit is a session of its own here, so the same activation is not seen to be the same.
        assert_eq!(told(&host), "stop start restart restart ", "{name}");
        assert!(host.path("etc/runlevels/default/agent").exists(), "{name}");
    }
}

#[test]
fn a_service_that_does_not_come_back_fails_the_rollback() {
    for name in SHELLS {
        let mut host = with_service(name);
        fs::write(host.path("state/running"), "").expect("a file");
        host.run(service("stopped", None));
        let script = INIT.replace("start | restart) touch running", "never) :");
        fs::write(host.path("etc/init.d/agent"), script).expect("a script");
        let outcomes = roll_back(&host);
        let messages: Vec<&str> = outcomes
            .iter()
            .filter(|outcome| outcome.failed)
            .map(|outcome| outcome.result["msg"].as_str().expect("text"))
            .collect();
        assert!(
            messages
                .iter()
                .any(|message| message.contains("the service `agent` is stopped, and was running before")),
            "{name}: {messages:?}"
        );
    }
}

#[test]
fn the_same_activation_is_repeated_once_in_a_session() {
    for name in SHELLS {
        let mut host = Host::new(name);
        let log = host.text("log");
        for word in ["a", "b", "a"] {
            let reload = shell(&format!("echo {word} >>'{log}'"));
            let again = kept(vec![Box::new(reload.clone())]);
            host.run(Undoable::new(Box::new(reload), vec![], None, again));
        }
        let gone = kept(vec![Box::new(shell("exec /nowhere/program"))]);
        host.run(Undoable::new(Box::new(shell("true")), vec![], None, gone));
        assert_eq!(kinds(&host), ["activation"; 4]);
        fs::remove_file(&log).expect("removed");
        let texts: Vec<String> = (1..=4).map(|number| format!("pf_restore {number} || exit 1")).collect();
        let program = crate::operation::Program { text: texts.join("\n"), ..Default::default() };
        assert_eq!(host.shell.program(&program).status, 0, "{name}");
        assert_eq!(fs::read_to_string(&log).expect("a log"), "a\nb\n", "{name}");
    }
}

/// A stand-in for systemd: `running`, `on` and `masked` are the state of the unit, `log` what it was told.
const SYSTEMCTL: &str = r#"#!/bin/sh
cd "${0%/*}/../state" || exit 9
case $1 in
show)
if [ -e masked ]; then echo LoadState=masked; else echo LoadState=loaded; fi
if [ -e running ]; then echo ActiveState=active; else echo ActiveState=inactive; fi
exit 0 ;;
is-enabled) [ -e on ] && [ ! -e masked ]; exit ;;
esac
echo "$1" >>log
case $1 in
start | restart) [ ! -e masked ] || exit 1; touch running ;;
stop) rm -f running ;;
enable) touch on ;;
disable) rm -f on ;;
mask) touch masked ;;
unmask) rm -f masked ;;
esac
exit 0
"#;

#[test]
fn a_unit_is_as_it_was() {
    for name in SHELLS {
        let mut host = Host::new(name);
        for folder in ["run/systemd/system", "state", "bin"] {
            fs::create_dir_all(host.path(folder)).expect("a folder");
        }
        fs::write(host.path("bin/systemctl"), SYSTEMCTL).expect("a script");
        fs::set_permissions(host.path("bin/systemctl"), fs::Permissions::from_mode(0o755)).expect("a mode");
        host.shell.path.insert(0, host.path("bin"));
        host.shell.prelude = format!("pl_root={}\n{}", host.text(""), host.shell.prelude);
        let unit = |state: Option<&str>, enabled, masked, reload| Service {
            name: Some("agent".to_owned()),
            state: state.map(str::to_owned),
            enabled,
            manager: Manager::Systemd { reload, masked, options: Vec::new() },
        };
        for state in ["running", "on"] {
            fs::write(host.path("state").join(state), "").expect("a file");
        }
        host.run(unit(Some("restarted"), None, None, true));
        host.run(unit(Some("stopped"), Some(false), None, false));
        host.run(unit(None, None, Some(true), false));
        assert_eq!(
            kinds(&host),
            ["service", "activation", "activation", "service", "service"],
            "{name}: {:?}",
            host.points
        );
        assert_eq!(told(&host), "daemon-reload restart disable stop mask ");
        well(&roll_back(&host));
        let told = told(&host);
        // Unit files are read again in front of the start; each visit is a session of its own here.
        assert!(told.starts_with("unmask enable daemon-reload start "), "{name}: {told}");
        assert!(told.ends_with("restart "), "{name}: {told}");
        for (state, expected) in [("running", true), ("on", true), ("masked", false)] {
            assert_eq!(host.path("state").join(state).exists(), expected, "{name}: {state}");
        }
    }
}

/// What the guard does on the host, where no controller puts the points into order.
#[test]
fn services_are_visited_without_a_controller() {
    for name in SHELLS {
        let mut host = with_service(name);
        fs::write(host.path("state/running"), "").expect("a file");
        host.run(service("stopped", None));
        host.run(service("started", None));
        told(&host);
        let texts = ["pf_services stop 0", "pf_services start 0", "pf_services check 0"];
        let program = crate::operation::Program { text: texts.join(" && "), ..Default::default() };
        let reply = host.shell.program(&program);
        assert_eq!(reply.status, 0, "{name}: {reply:?}");
        assert_eq!(told(&host), "stop start ", "{name}");
    }
}
