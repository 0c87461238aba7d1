//! Edits of settings in the real shells of this machine, and against answers of a Windows host.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::settings::{EditSettings, SettingsEdit};
use super::testing::{Rehearsal, SHELLS};
use super::{Mode, Operation, Outcome, Program, Progress, Reply, open_points};
use crate::document::json::JsonEdit;
use crate::shell::Platform;

const SETTINGS: &str = "{\r\n  // the server\r\n  \"ApplicationUri\": \"<server>\",\r\n  \"OpenId\": { \"Secret\": \"clear\" },\r\n}\r\n";

const SHOWN: Mode = Mode { check: false, diff: true, eager: false, platform: Platform::Posix };

fn edit(path: &str, set: Value, create: bool, platform: Platform) -> EditSettings {
    let Value::Object(set) = set else { panic!("a mapping") };
    let edit = SettingsEdit::Json(JsonEdit::new(set, Vec::new()).unwrap());
    EditSettings::new(path.to_owned(), edit, create, false, platform)
}

fn wanted() -> Value {
    json!({"ApplicationUri": "https://a.example", "OpenId": {"Secret": "brand-new"}})
}

struct Host {
    folder: TempDir,
    shell: Rehearsal,
    path: String,
}

impl Host {
    fn new(shell: &'static str) -> Self {
        let folder = TempDir::new().unwrap();
        let mut shell = Rehearsal::new(shell);
        let points = folder.path().join("points");
        shell.prelude = open_points(Some(points.to_str().unwrap()), "run", "host");
        let path = folder.path().join("appsettings.json").to_str().unwrap().to_owned();
        Self { folder, shell, path }
    }

    fn file(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }

    fn mode(&self) -> u32 {
        fs::metadata(&self.path).unwrap().permissions().mode() & 0o7777
    }

    fn run(&self, set: Value, create: bool, mode: Mode) -> Outcome {
        self.shell.run(&mut edit(&self.path, set, create, Platform::Posix), mode)
    }
}

#[test]
fn a_file_is_edited_in_place_and_then_left_alone() {
    for shell in SHELLS {
        let host = Host::new(shell);
        fs::write(&host.path, SETTINGS).unwrap();
        fs::set_permissions(&host.path, fs::Permissions::from_mode(0o640)).unwrap();
        let planned = host.run(wanted(), false, Mode { check: true, ..SHOWN });
        assert!(planned.changed && host.file() == SETTINGS, "{shell}: {planned:?}");

        let outcome = host.run(wanted(), false, SHOWN);
        assert!(outcome.changed && !outcome.failed, "{shell}: {outcome:?}");
        let expected = SETTINGS.replace("<server>", "https://a.example").replace("clear", "brand-new");
        assert_eq!(host.file(), expected, "{shell}");
        assert_eq!(host.mode(), 0o640, "{shell}");
        assert_eq!(outcome.result["changes"], json!(["ApplicationUri", "OpenId.Secret"]), "{shell}");
        assert_eq!(outcome.points.len(), 1, "{shell}");
        assert_eq!(planned.result["diff"], outcome.result["diff"], "{shell}");
        let told = format!("{outcome:?}");
        assert!(told.contains("https://a.example") && !told.contains("brand-new"), "{shell}: {told}");
        assert!(!told.contains("clear"), "{shell}: {told}");

        let again = host.run(wanted(), false, SHOWN);
        assert!(!again.changed && !again.failed && again.points.is_empty(), "{shell}: {again:?}");
        assert_eq!(again.result["changes"], json!([]), "{shell}");
    }
}

#[test]
fn a_new_file_is_for_its_owner_only() {
    for shell in SHELLS {
        let host = Host::new(shell);
        let missing = host.run(wanted(), false, SHOWN);
        assert!(missing.failed, "{shell}");
        assert!(missing.result["msg"].as_str().unwrap().contains("`create: true` makes it"), "{missing:?}");
        let made = host.run(wanted(), true, SHOWN);
        assert!(made.changed && !made.failed, "{shell}: {made:?}");
        assert_eq!(host.mode(), 0o600, "{shell}");
        assert!(host.file().starts_with("{\n  \"ApplicationUri\": \"https://a.example\","), "{shell}");
        // What exists keeps its mode.
        fs::set_permissions(&host.path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(host.run(json!({"New": 1}), true, SHOWN).changed, "{shell}");
        assert_eq!(host.mode(), 0o644, "{shell}");
    }
}

#[test]
fn mistakes_name_the_place_in_the_file_of_the_host() {
    let host = Host::new("dash");
    fs::write(&host.path, SETTINGS).unwrap();
    let outcome = host.run(json!({"openid": {"A": 1}}), false, SHOWN);
    let message = outcome.result["msg"].as_str().unwrap();
    assert!(
        outcome.failed && message.starts_with(&format!("{}:4:3: `openid` is written `OpenId`", host.path))
    );
    assert_eq!(host.file(), SETTINGS);
    fs::remove_file(&host.path).unwrap();
    fs::create_dir(&host.path).unwrap();
    let outcome = host.run(wanted(), true, SHOWN);
    assert!(outcome.failed && outcome.result["msg"].as_str().unwrap().contains("is a folder"), "{outcome:?}");
    assert!(host.folder.path().exists());
}

/// Runs an operation whose file is changed by somebody else before it is written.
fn disturbed(host: &Host, times: usize) -> Outcome {
    let mut operation = edit(&host.path, wanted(), false, Platform::Posix);
    let mut program = operation.first(SHOWN);
    for round in 0..20 {
        if program.text.contains("pf_put") && round < 2 * times {
            fs::write(&host.path, format!("// {round}\n{SETTINGS}")).unwrap();
        }
        match operation.next(host.shell.program(&program), SHOWN) {
            Progress::Again(next) => program = next,
            Progress::Done(outcome) => return outcome,
        }
    }
    panic!("the operation does not end");
}

#[test]
fn what_others_change_meanwhile_is_not_lost() {
    let host = Host::new("dash");
    fs::write(&host.path, SETTINGS).unwrap();
    let outcome = disturbed(&host, 1);
    assert!(outcome.changed && !outcome.failed, "{outcome:?}");
    assert!(host.file().starts_with("// 1\n") && host.file().contains("brand-new"), "{}", host.file());

    fs::write(&host.path, SETTINGS).unwrap();
    let outcome = disturbed(&host, 9);
    assert!(outcome.failed && !host.file().contains("brand-new"), "{outcome:?}");
    assert!(outcome.result["msg"].as_str().unwrap().contains("changed by somebody else"), "{outcome:?}");
}

fn answer(status: i32, values: &[(&str, &str)], content: Option<&[u8]>) -> Reply {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let blobs = content.map(|bytes| ("content".to_owned(), bytes.to_vec())).into_iter().collect();
    Reply { status, values, blobs, ..Reply::default() }
}

fn again(progress: Progress) -> Program {
    match progress {
        Progress::Again(program) => program,
        Progress::Done(outcome) => panic!("over: {outcome:?}"),
    }
}

fn done(progress: Progress) -> Outcome {
    match progress {
        Progress::Done(outcome) => outcome,
        Progress::Again(program) => panic!("not over: {program:?}"),
    }
}

#[test]
fn on_windows_it_is_a_read_and_a_put_with_the_digest() {
    let mut operation = edit("C:\\Agent\\a.json", wanted(), false, Platform::Windows);
    let read = operation.first(SHOWN);
    assert_eq!(read.text, "read path:QzpcQWdlbnRcYS5qc29u limit:NDE5NDMwNA== digest:MQ== edit:MQ==");
    let found = [("path", "C:\\Agent\\a.json"), ("state", "file"), ("sha256", "abc")];
    let put = again(operation.next(answer(75, &found, Some(SETTINGS.as_bytes())), SHOWN));
    let words: Vec<&str> = put.text.split(' ').map(|word| word.split(':').next().unwrap()).collect();
    assert_eq!(words, ["put", "path", "digest", "size", "expected", "payload"]);
    assert!(put.text.contains("expected:YWJj") && !put.text.contains("brand-new") && put.content);
    let bytes = put.payload.unwrap().bytes().to_vec();
    assert!(String::from_utf8(bytes).unwrap().contains("brand-new"));
    // Somebody was quicker: it is read again.
    let moved = answer(75, &[("moved", "1")], None);
    assert_eq!(again(operation.next(moved, SHOWN)).text, read.text);
    let put = again(operation.next(answer(75, &found, Some(SETTINGS.as_bytes())), SHOWN));
    assert!(put.text.starts_with("put "));
    let written = answer(0, &[("changed", "1"), ("point", "4 file C:\\Agent\\a.json")], None);
    let outcome = done(operation.next(written, SHOWN));
    assert!(outcome.changed && outcome.points[0].number == 4, "{outcome:?}");
}

#[test]
fn on_windows_what_is_missing_or_odd_is_told() {
    let absent = [("state", "absent")];
    let mut operation = edit("C:\\a.json", wanted(), false, Platform::Windows);
    operation.first(SHOWN);
    let outcome = done(operation.next(answer(75, &absent, None), SHOWN));
    assert!(outcome.failed && outcome.result["msg"].as_str().unwrap().contains("does not exist"));

    let mut operation = edit("C:\\a.json", wanted(), true, Platform::Windows);
    operation.first(SHOWN);
    let put = again(operation.next(answer(75, &absent, None), SHOWN));
    assert!(put.text.contains("expected:YWJzZW50"), "{}", put.text);

    for (status, values) in [
        (75, vec![("state", "directory")]),
        (75, vec![("state", "link")]),
        (75, vec![("state", "file")]),
        (75, vec![]),
        (1, vec![("msg", "access denied")]),
        (1, vec![("state", "file"), ("msg", "too large")]),
    ] {
        let mut operation = edit("C:\\a.json", wanted(), true, Platform::Windows);
        operation.first(SHOWN);
        let outcome = done(operation.next(answer(status, &values, None), SHOWN));
        assert!(outcome.failed && !outcome.changed, "{values:?}");
    }
}
