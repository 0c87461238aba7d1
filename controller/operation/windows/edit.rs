//! Edits a text file of a Windows host: reads it, decides here, and writes it back if nobody changed it meanwhile.
//!
//! A byte order mark says how the text is written, and stays. Lines that end in CR LF are seen without the CR; what is
//! written has the line ends that are asked for, as `win_lineinfile` has it.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::call::Call;
use super::put::{PutFile, PutOptions};
use crate::operation::answer::{failure, points, said};
use crate::operation::lines::{Edited, LineEdit};
use crate::operation::{Content, Diff, Mode, Operation, Outcome, Point, Program, Progress, Reply};

/// Largest file that is edited.
const LARGEST: usize = 16 << 20;
/// How often a file that others change is read again.
const ATTEMPTS: usize = 3;

/// How the bytes of a file are text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Encoding {
    /// UTF-8, or bytes of whatever code page.
    Bytes,
    /// UTF-8 with a byte order mark.
    Utf8Mark,
    /// UTF-16, little end first, with a byte order mark.
    Utf16,
    /// UTF-16, big end first, with a byte order mark.
    Utf16Big,
}

impl Encoding {
    fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xef, 0xbb, 0xbf, ..] => Self::Utf8Mark,
            [0xff, 0xfe, ..] => Self::Utf16,
            [0xfe, 0xff, ..] => Self::Utf16Big,
            _ => Self::Bytes,
        }
    }

    fn decode(self, bytes: &[u8]) -> Option<Vec<u8>> {
        let units = |from: fn([u8; 2]) -> u16| {
            let pairs = bytes.get(2..)?.chunks(2).map(|pair| <[u8; 2]>::try_from(pair).ok());
            let units = pairs.map(|pair| pair.map(from)).collect::<Option<Vec<u16>>>()?;
            String::from_utf16(&units).ok().map(String::into_bytes)
        };
        match self {
            Self::Bytes => Some(bytes.to_vec()),
            Self::Utf8Mark => bytes.get(3..).map(<[u8]>::to_vec),
            Self::Utf16 => units(u16::from_le_bytes),
            Self::Utf16Big => units(u16::from_be_bytes),
        }
    }

    fn encode(self, text: &[u8]) -> Option<Vec<u8>> {
        let units = |mark: [u8; 2], to: fn(u16) -> [u8; 2]| {
            let text = std::str::from_utf8(text).ok()?;
            Some(mark.into_iter().chain(text.encode_utf16().flat_map(to)).collect())
        };
        match self {
            Self::Bytes => Some(text.to_vec()),
            Self::Utf8Mark => Some([&[0xef, 0xbb, 0xbf], text].concat()),
            Self::Utf16 => units([0xff, 0xfe], u16::to_le_bytes),
            Self::Utf16Big => units([0xfe, 0xff], u16::to_be_bytes),
        }
    }
}

/// Edits a text file.
#[derive(Debug)]
pub struct EditFile {
    /// The file.
    pub path: String,
    /// What to do with its text.
    pub edit: LineEdit,
    /// Whether a missing file is made.
    pub create: bool,
    /// Whether a copy of the old file is kept.
    pub backup: bool,
    /// Whether lines end in CR LF; nothing keeps what the file has.
    pub carriage_returns: Option<bool>,
    attempts: usize,
    points: Vec<Point>,
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    before: Vec<u8>,
    edited: Edited,
    put: PutFile,
}

impl EditFile {
    /// Makes the operation.
    #[must_use]
    pub fn new(path: String, edit: LineEdit, create: bool) -> Self {
        let (attempts, points) = (0, Vec::new());
        Self { path, edit, create, backup: false, carriage_returns: None, attempts, points, pending: None }
    }

    fn read(&self) -> Program {
        let call = Call::new("read").with("path", &self.path).with("limit", &LARGEST.to_string());
        Program { text: call.flag("digest", true).flag("edit", true).text(), ..Program::default() }
    }

    /// The text without CR in front of LF, edited, and the new bytes.
    fn edited(&self, before: &[u8]) -> Result<(Edited, Vec<u8>), String> {
        let encoding = Encoding::of(before);
        let odd = || format!("`{}` is not text in the encoding that its first bytes name", self.path);
        let text = encoding.decode(before).ok_or_else(odd)?;
        let returns = self.carriage_returns.unwrap_or_else(|| has_returns(&text));
        let edited = self.edit.apply(&without_returns(&text))?;
        if edited.message.is_empty() {
            return Ok((edited, before.to_vec()));
        }
        let text = if returns { with_returns(&edited.bytes) } else { edited.bytes.clone() };
        let bytes = encoding.encode(&text).ok_or_else(odd)?;
        Ok((edited, bytes))
    }

    fn decide(&mut self, reply: &Reply, mode: Mode) -> Progress {
        let path = said(reply, "path").unwrap_or_else(|| self.path.clone());
        let absent = match reply.value("state") {
            Some("file") => false,
            Some("absent") if matches!(self.edit, LineEdit::Absent { .. }) => {
                let result = Map::from_iter([("msg".to_owned(), Value::from("file not present"))]);
                return Progress::Done(Outcome { result, ..Outcome::default() });
            }
            Some("absent") if self.create => true,
            Some("absent") => {
                return refuse(format!("`{path}` does not exist\nhint: `create: true` makes it"));
            }
            Some("directory") => return refuse(format!("`{path}` is a folder")),
            _ => return refuse(format!("`{path}` is a link\nhint: name the file that it points to")),
        };
        let before = reply.blob("content").unwrap_or_default().to_vec();
        let (edited, after) = match self.edited(&before) {
            Ok(parts) => parts,
            Err(message) => return refuse(message),
        };
        let digest = if absent { "absent" } else { reply.value("sha256").unwrap_or("absent") };
        let options =
            PutOptions { backup: self.backup, expected: Some(digest.to_owned()), ..PutOptions::default() };
        let changes = after != before || absent;
        let mut put = PutFile::new(path, Arc::new(Content::new(after)), options, None);
        let eager = Mode { eager: true, diff: false, ..mode };
        let program = put.first(eager);
        let pending = Pending { before, edited, put };
        if mode.check || !changes {
            return Progress::Done(self.outcome(&pending, changes, mode));
        }
        self.pending = Some(pending);
        Progress::Again(program)
    }

    fn outcome(&mut self, pending: &Pending, changed: bool, mode: Mode) -> Outcome {
        let message = pending.edited.message.clone();
        let mut result = Map::from_iter([
            ("msg".to_owned(), Value::from(message)),
            ("backup".to_owned(), Value::from("")),
        ]);
        if let Some(found) = pending.edited.found {
            result.insert("found".to_owned(), found.into());
        }
        let mut outcome = Outcome { changed, points: std::mem::take(&mut self.points), ..Outcome::default() };
        if mode.diff && changed {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let header = format!("{} (content)", self.path);
            let (before, after) = (text(&pending.before), text(&pending.put.content.bytes));
            let shown =
                json!({"before": before, "after": after, "before_header": header, "after_header": header});
            result.insert("diff".to_owned(), json!([shown]));
            outcome.diff.push(Diff { before_header: header.clone(), after_header: header, before, after });
        }
        Outcome { result, ..outcome }
    }
}

fn refuse(message: String) -> Progress {
    let result = Map::from_iter([("msg".to_owned(), Value::from(message))]);
    Progress::Done(Outcome { failed: true, result, ..Outcome::default() })
}

fn has_returns(text: &[u8]) -> bool {
    match text.iter().position(|byte| *byte == b'\n') {
        Some(at) => at > 0 && text[at - 1] == b'\r',
        None => true,
    }
}

fn without_returns(text: &[u8]) -> Vec<u8> {
    let next = |at: usize| text.get(at + 1) == Some(&b'\n');
    text.iter()
        .enumerate()
        .filter(|(at, byte)| **byte != b'\r' || !next(*at))
        .map(|(_, byte)| *byte)
        .collect()
}

fn with_returns(text: &[u8]) -> Vec<u8> {
    let pair = |byte: &u8| if *byte == b'\n' { vec![b'\r', b'\n'] } else { vec![*byte] };
    text.iter().flat_map(pair).collect()
}

impl Operation for EditFile {
    fn saves_first(&self) -> bool {
        true
    }

    fn first(&mut self, _mode: Mode) -> Program {
        self.attempts = 0;
        self.pending = None;
        self.points.clear();
        self.read()
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        let Some(mut pending) = self.pending.take() else {
            return match reply.status {
                75 => self.decide(&reply, mode),
                _ => Progress::Done(failure(&reply)),
            };
        };
        self.points.extend(points(&reply));
        if reply.status == 75 && reply.value("moved").is_some() {
            self.attempts += 1;
            if self.attempts < ATTEMPTS {
                return Progress::Again(self.read());
            }
            return refuse(format!("`{}` is being changed by somebody else", self.path));
        }
        if reply.status == 75 {
            // Too large to go along at once.
            let progress = pending.put.next(reply, mode);
            self.pending = Some(pending);
            return progress;
        }
        if reply.status != 0 {
            return Progress::Done(Outcome { points: std::mem::take(&mut self.points), ..failure(&reply) });
        }
        let mut outcome = self.outcome(&pending, true, mode);
        if let Some(copy) = said(&reply, "backup_file") {
            outcome.result.insert("backup_file".to_owned(), copy.clone().into());
            outcome.result.insert("backup".to_owned(), copy.into());
        }
        Progress::Done(outcome)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::operation::lines::{Find, Insert};

    fn edit(line: &str) -> EditFile {
        let edit = LineEdit::Present {
            find: Find::Line,
            line: line.to_owned(),
            backrefs: false,
            insert: Insert::End,
            first: false,
        };
        EditFile::new("C:\\a.ini".to_owned(), edit, true)
    }

    fn read(state: &str, content: &[u8]) -> Reply {
        Reply {
            status: 75,
            values: vec![("state".to_owned(), state.to_owned()), ("sha256".to_owned(), "ab".to_owned())],
            blobs: vec![("content".to_owned(), content.to_vec())],
            ..Reply::default()
        }
    }

    /// The bytes that are written; nothing if none are.
    fn written(edit: &mut EditFile, content: &[u8]) -> Option<Vec<u8>> {
        edit.first(Mode::default());
        match edit.next(read("file", content), Mode::default()) {
            Progress::Again(program) => Some(program.payload.unwrap().bytes().to_vec()),
            Progress::Done(outcome) => {
                assert!(!outcome.failed && !outcome.changed, "{outcome:?}");
                None
            }
        }
    }

    #[test]
    fn line_ends_and_marks_stay() {
        for (before, after) in [
            (&b"a\r\n"[..], &b"a\r\nb\r\n"[..]),
            (b"a\n", b"a\nb\n"),
            (b"a", b"a\r\nb\r\n"),
            (b"\xef\xbb\xbfa\r\n", b"\xef\xbb\xbfa\r\nb\r\n"),
            (b"\xff\xfea\0\n\0", b"\xff\xfea\0\n\0b\0\n\0"),
            (b"\xfe\xff\0a\0\n", b"\xfe\xff\0a\0\n\0b\0\n"),
            (b"\xe4\xf6\n", b"\xe4\xf6\nb\n"),
        ] {
            assert_eq!(written(&mut edit("b"), before).unwrap(), after, "{before:?}");
            assert_eq!(written(&mut edit("b"), after), None, "{after:?}");
        }
        let mut unix = edit("b");
        unix.carriage_returns = Some(false);
        assert_eq!(written(&mut unix, b"a\r\n").unwrap(), b"a\nb\n");
    }

    #[test]
    fn a_file_that_somebody_changes_is_read_again() {
        let mut edit = edit("b");
        edit.first(Mode::default());
        let Progress::Again(program) = edit.next(read("absent", b""), Mode::default()) else {
            panic!("over")
        };
        assert!(program.text.contains(" expected:YWJzZW50 "), "{}", program.text);
        let moved =
            Reply { status: 75, values: vec![("moved".to_owned(), "1".to_owned())], ..Reply::default() };
        let Progress::Again(program) = edit.next(moved, Mode::default()) else { panic!("over") };
        assert!(program.text.starts_with("read "));
        let Progress::Again(_) = edit.next(read("file", b"a\n"), Mode::default()) else { panic!("over") };
        let Progress::Done(outcome) = edit.next(Reply::default(), Mode::default()) else {
            panic!("not over")
        };
        assert!(outcome.changed);
        assert_eq!(outcome.result["msg"], "line added");
    }

    #[test]
    fn what_cannot_be_edited_is_refused() {
        for state in ["directory", "link", "nonsense"] {
            let mut edit = edit("b");
            edit.first(Mode::default());
            let Progress::Done(outcome) = edit.next(read(state, b""), Mode::default()) else {
                panic!("not over")
            };
            assert!(outcome.failed, "{state}");
        }
    }
}
