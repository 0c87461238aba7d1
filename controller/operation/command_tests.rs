//! Commands of the user, in the real shells of this machine.

use super::super::testing::{Rehearsal, SHELLS};
use super::*;

const CHECK: Mode = Mode { check: true, diff: false, eager: false, platform: crate::shell::Platform::Posix };

fn words(argv: &[&str]) -> Command {
    Command {
        platform: Platform::Posix,
        executable: None,
        start: Start::Words { argv: argv.iter().map(|word| (*word).to_owned()).collect(), expand: true },
        chdir: None,
        creates: None,
        removes: None,
        stdin: None,
        strip: true,
    }
}

fn shell(text: &str) -> Command {
    let start = Start::Shell { executable: "/bin/sh".to_owned(), text: text.to_owned() };
    Command { start, ..words(&[]) }
}

fn script(text: &str, content: &str) -> Command {
    let content = Arc::new(Content::new(content.as_bytes().to_vec()));
    let start = Start::Script { content, name: "it's.sh".to_owned(), text: text.to_owned() };
    Command { start, strip: false, ..words(&[]) }
}

/// Runs it in all shells and returns the outcome, which has to be the same in all of them.
fn run(command: &Command, mode: Mode, environment: &str) -> (Outcome, Value) {
    let mut outcomes = SHELLS.iter().map(|name| {
        let mut rehearsal = Rehearsal::new(name);
        rehearsal.environment = environment.to_owned();
        let mut outcome = rehearsal.run(&mut command.clone(), mode);
        for name in ["start", "end"] {
            outcome.result.remove(name);
        }
        let seen = format!("{outcome:?}");
        (outcome, seen)
    });
    let (first, expected) = outcomes.next().unwrap();
    for (_, seen) in outcomes {
        assert_eq!(seen, expected, "{command:?}");
    }
    let result = Value::Object(first.result.clone());
    (first, result)
}

#[test]
fn a_result_has_what_ansible_registers() {
    let (outcome, result) = run(&words(&["sh", "-c", "echo hi; echo; echo err >&2"]), Mode::default(), "");
    assert!(outcome.changed && !outcome.failed);
    assert_eq!(
        result,
        json!({"cmd": ["sh", "-c", "echo hi; echo; echo err >&2"], "rc": 0, "stdout": "hi", "stdout_lines": ["hi"],
            "stderr": "err", "stderr_lines": ["err"], "delta": "0:00:01.500000", "msg": ""})
    );
    let (outcome, result) = run(&shell("echo out; exit 7"), Mode::default(), "");
    assert!(outcome.changed && outcome.failed);
    assert_eq!(result["rc"], 7);
    assert_eq!(result["msg"], "non-zero return code");
    assert_eq!(result["cmd"], "echo out; exit 7");
}

#[test]
fn words_are_expanded_from_exported_variables_only() {
    let argv = [
        "printf",
        "%s\n",
        "$FOO",
        "${FOO}x",
        "$NOSUCH",
        "${NOSUCH}",
        "$pl_d",
        "$$",
        "$",
        "x$EMPTY.",
        "a=~",
        "*",
        "~/x",
        "~root",
        "$(id)",
        "`id`",
        "${FOO:-x}",
        "$TAIL",
        "~nosuchuser/x",
        "\\$FOO",
    ];
    let environment =
        "export FOO='foo  $EMPTY*'\nexport EMPTY=''\nexport HOME='/home/me'\nexport TAIL='a\n\n'\n";
    let command = Command { strip: false, ..words(&argv) };
    let (_, result) = run(&command, Mode::default(), environment);
    let expected = "foo  $EMPTY*\nfoo  $EMPTY*x\n$NOSUCH\n${NOSUCH}\n$pl_d\n$$\n$\nx.\na=~\n*\n/home/me/x\n/root\n$(id)\n`id`\n${FOO:-x}\na\n\n\n~nosuchuser/x\n\\foo  $EMPTY*\n";
    assert_eq!(result["stdout"], expected);
    let start = Start::Words { argv: argv.iter().map(|word| (*word).to_owned()).collect(), expand: false };
    let (_, result) = run(&Command { start, ..command }, Mode::default(), environment);
    assert_eq!(result["stdout_lines"][0], "$FOO");
}

#[test]
fn any_text_arrives_as_it_is() {
    let text = "it's \"quoted\" \\ back\\nslash\nnew line\t\u{1}\u{7f} é *?[ ]";
    let mut command = words(&["printf", "%s", text]);
    command.strip = false;
    let (_, result) = run(&command, Mode::default(), "");
    assert_eq!(result["stdout"], text);
}

#[test]
fn guards_look_at_patterns_and_folders() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a b");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("file-1"), "").unwrap();
    std::os::unix::fs::symlink("/nowhere", path.join("dangling")).unwrap();
    let chdir = Some(path.to_str().unwrap().to_owned());
    for (creates, removes, runs) in [
        (Some("file-1"), None, false),
        (Some("file-*"), None, false),
        (Some("file-[1-9]"), None, false),
        (Some("dangling"), None, false),
        (Some("dang*"), None, false),
        (Some("other*"), None, true),
        (None, Some("file-?"), true),
        (None, Some("file-2"), false),
        (Some("/etc/passwd"), None, false),
        (Some("$ROOT/etc/passwd"), None, false),
    ] {
        let command = Command {
            chdir: chdir.clone(),
            creates: creates.map(str::to_owned),
            removes: removes.map(str::to_owned),
            ..shell("pwd")
        };
        for mode in [Mode::default(), CHECK] {
            let (outcome, result) = run(&command, mode, "export ROOT=''");
            assert_eq!(outcome.changed, runs, "{creates:?} {removes:?} {result}");
            assert!(!outcome.skipped && !outcome.failed);
            assert_eq!(result["rc"], 0);
            let ran = result["stdout"] == json!(chdir);
            assert_eq!(ran, runs && !mode.check, "{result}");
        }
    }
    let command = Command { creates: Some("/etc/pass*".to_owned()), ..shell("pwd") };
    let (_, result) = run(&command, Mode::default(), "");
    assert_eq!(result["stdout"], "skipped, since /etc/pass* exists");
    assert_eq!(result["msg"], "Did not run command since '/etc/pass*' exists");
}

#[test]
fn check_mode_runs_nothing() {
    let (outcome, result) = run(&shell("exit 1"), CHECK, "");
    assert!(outcome.skipped && !outcome.changed && !outcome.failed);
    assert_eq!(result["msg"], "Command would have run if not in check mode");
    let (outcome, _) = run(&script("\"$0\"", "exit 1"), CHECK, "");
    assert!(outcome.skipped && !outcome.changed);
    let mut raw = Raw { text: "x".to_owned() };
    assert!(raw.first(CHECK).text.is_empty());
}

#[test]
fn what_cannot_be_started_is_told() {
    for (command, rc) in [
        (words(&["nosuchcommand", "x"]), json!(2)),
        (words(&["/etc/passwd"]), json!(13)),
        (words(&["/nosuch/command"]), json!(2)),
        (Command { chdir: Some("/nosuch".to_owned()), ..words(&["true"]) }, Value::Null),
    ] {
        let (outcome, result) = run(&command, Mode::default(), "");
        assert!(outcome.failed && !outcome.changed, "{result}");
        assert_eq!(result["rc"], rc, "{result}");
        assert_eq!(result["stderr"], "");
    }
    let (outcome, result) = run(&shell("exit 127"), Mode::default(), "");
    assert!(outcome.failed && outcome.changed);
    assert_eq!(result["rc"], 127);
}

#[test]
fn standard_input_is_given_or_empty() {
    let bytes = b"a\n\\b %s".to_vec();
    let command = Command { stdin: Some(bytes), strip: false, ..words(&["cat"]) };
    assert_eq!(run(&command, Mode::default(), "").1["stdout"], "a\n\\b %s");
    assert_eq!(run(&words(&["cat"]), Mode::default(), "").1["stdout"], "");
}

#[test]
fn a_script_runs_and_is_removed() {
    let content = "#!/bin/sh\necho \"${0##*/}\" \"$#\" \"$@\"; pwd; [ \"$1\" != fail ]\n";
    let command = Command { chdir: Some("/".to_owned()), ..script("\"$0\" a \"b c\" $FOO", content) };
    let (outcome, result) = run(&command, Mode::default(), "export FOO='x y'");
    assert_eq!(result["stdout"], "it's.sh 4 a b c x y\n/\n");
    assert!(outcome.changed && result.get("cmd").is_none() && result.get("msg").is_none());
    let (outcome, result) = run(&script("\"$0\" fail", content), Mode::default(), "");
    assert!(outcome.failed);
    assert_eq!(result["msg"], "non-zero return code");
    let command = Command { creates: Some("/etc/passwd".to_owned()), ..script("\"$0\"", content) };
    let (outcome, result) = run(&command, Mode::default(), "");
    assert!(outcome.skipped);
    assert_eq!(result, json!({"msg": "/etc/passwd exists, matching creates option"}));
}

#[test]
fn too_much_output_is_marked() {
    let mut command = shell("x");
    command.first(Mode::default());
    let reply = Reply { rc: Some(0), stdout: vec![b'x'; REGISTERED + 1], ..Reply::default() };
    let Progress::Done(outcome) = command.next(reply, Mode::default()) else { panic!() };
    assert!(outcome.cut && !outcome.failed);
    assert_eq!(outcome.result["stdout"].as_str().unwrap().len(), REGISTERED);
}

#[test]
fn lines_and_durations_are_those_of_python() {
    assert_eq!(lines("a\r\nb\rc\n\nd\u{b}e\u{2028}f"), ["a", "b", "c", "", "d", "e", "f"]);
    assert_eq!(lines(""), Vec::<&str>::new());
    assert_eq!(delta(Duration::from_millis(3_725_001)), "1:02:05.001000");
    assert_eq!(delta(Duration::from_secs(2 * 86400)), "2 days, 0:00:00.000000");
}
