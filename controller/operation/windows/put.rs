//! Makes a file of a Windows host hold given content.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::call::Call;
use crate::operation::answer::{changed, failure, points, said};
use crate::operation::put::content_diff;
use crate::operation::{Content, Diff, Mode, Operation, Outcome, Payload, Program, Progress, Reply};

/// Content up to this size is sent before the host's digest is known, if it probably differs.
const SMALL: usize = 64 << 10;

/// How content is put in its place.
#[derive(Clone, Debug, Default)]
pub struct PutOptions {
    /// A destination that is a folder, or written with a separator behind it, gets the file under this name.
    pub name: Option<String>,
    /// Whether missing folders are made above it.
    pub parents: bool,
    /// Whether a file that is there stays as it is, whatever it holds.
    pub keep: bool,
    /// Whether a copy of the old file is kept beside the new one.
    pub backup: bool,
    /// SHA-256 that the file must have now, or `absent`; otherwise the reply has `moved`, and its status is 75.
    pub expected: Option<String>,
    /// Whether the result has the fields of `win_copy` (of `copy` otherwise).
    pub as_win_copy: bool,
}

impl PutOptions {
    /// The arguments that all calls that put something share.
    pub(super) fn call(&self, call: Call) -> Call {
        call.maybe("name", self.name.as_deref())
            .flag("parents", self.parents)
            .flag("keep", self.keep)
            .flag("backup", self.backup)
            .maybe("expected", self.expected.as_deref())
    }
}

/// Makes a file hold given content.
#[derive(Debug)]
pub struct PutFile {
    /// Where to.
    pub dest: String,
    /// What.
    pub content: Arc<Content>,
    /// How.
    pub options: PutOptions,
    /// `src` of the result, and the heading of the new side of a difference.
    pub source: Option<String>,
    asked: Option<Reply>,
}

impl PutFile {
    /// Makes the operation.
    #[must_use]
    pub fn new(dest: String, content: Arc<Content>, options: PutOptions, source: Option<String>) -> Self {
        Self { dest, content, options, source, asked: None }
    }

    fn program(&self, mode: Mode, payload: bool) -> Program {
        let call = Call::new("put")
            .with("path", &self.dest)
            .with("digest", &self.content.sha256)
            .with("size", &self.content.bytes.len().to_string());
        let call = self.options.call(call);
        let call = call.flag("payload", payload).flag("check", mode.check).flag("diff", mode.diff);
        let payload = payload.then(|| Payload::Content(Arc::clone(&self.content)));
        Program { text: call.text(), content: payload.is_some(), payload, ..Program::default() }
    }

    fn outcome(&self, reply: &Reply, mode: Mode) -> Outcome {
        let mut saved = self.asked.as_ref().map(points).unwrap_or_default();
        if reply.status != 0 {
            let mut outcome = failure(reply);
            saved.append(&mut outcome.points);
            return Outcome { points: saved, ..outcome };
        }
        let dest = said(reply, "path").unwrap_or_else(|| self.dest.clone());
        let mut outcome = Outcome { changed: changed(reply), ..Outcome::default() };
        outcome.result = self.result(reply, &dest);
        if mode.diff && outcome.changed {
            let after = self.source.clone().unwrap_or_else(|| dest.clone());
            let before = self.asked.as_ref().unwrap_or(reply);
            let (diff, registered) = difference(&dest, before, &after, &self.content);
            outcome.diff.push(diff);
            outcome.result.insert("diff".to_owned(), json!([registered]));
        }
        saved.extend(points(reply));
        outcome.points = saved;
        outcome
    }

    fn result(&self, reply: &Reply, dest: &str) -> Map<String, Value> {
        let mut result = Map::new();
        let mut put = |name: &str, value: Value| result.insert(name.to_owned(), value);
        put("dest", dest.into());
        if let Some(source) = &self.source {
            put("src", source.clone().into());
        }
        if reply.value("kept").is_some() {
            return result;
        }
        put("checksum", self.content.sha1().into());
        put("size", self.content.bytes.len().into());
        if let Some(copy) = said(reply, "backup_file") {
            put("backup_file", copy.into());
        }
        if self.options.as_win_copy {
            put("operation", "file_copy".into());
            if let Some(name) = &self.options.name {
                put("original_basename", name.clone().into());
            }
        } else {
            put("md5sum", self.content.md5().into());
        }
        result
    }
}

/// Before and after of content, with the heading of a file that was there.
pub(super) fn difference(path: &str, before: &Reply, after: &str, new: &Content) -> (Diff, Value) {
    let (mut diff, mut registered) = content_diff(path, before, after, &new.bytes, new.is_hidden());
    if before.value("was") == Some("file") && !new.is_hidden() {
        path.clone_into(&mut diff.before_header);
        if let Value::Object(fields) = &mut registered {
            fields.insert("before_header".to_owned(), path.into());
        }
    }
    (diff, registered)
}

impl Operation for PutFile {
    fn first(&mut self, mode: Mode) -> Program {
        self.asked = None;
        let payload = mode.eager && !mode.check && self.content.bytes.len() <= SMALL;
        self.program(mode, payload)
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        if reply.status == 75 && self.asked.is_none() && reply.value("moved").is_none() {
            let program = self.program(Mode { diff: false, ..mode }, true);
            self.asked = Some(reply);
            return Progress::Again(program);
        }
        Progress::Done(self.outcome(&reply, mode))
    }

    fn saves_first(&self) -> bool {
        true
    }

    fn kept(&mut self) -> Option<Program> {
        let small = self.content.bytes.len() <= SMALL;
        small.then(|| self.first(Mode { eager: true, ..Mode::default() }))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn reply(status: i32, values: &[(&str, &str)]) -> Reply {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Reply { status, values, ..Reply::default() }
    }

    fn put(options: PutOptions) -> PutFile {
        let content = Arc::new(Content::new(b"text\n".to_vec()));
        PutFile::new("C:\\x\\".to_owned(), content, options, Some("a.txt".to_owned()))
    }

    fn done(progress: Progress) -> Outcome {
        match progress {
            Progress::Done(outcome) => outcome,
            Progress::Again(program) => panic!("{program:?}"),
        }
    }

    #[test]
    fn content_goes_only_when_the_digest_differs() {
        let mut put = put(PutOptions { name: Some("a.txt".to_owned()), ..PutOptions::default() });
        let asked = put.first(Mode::default());
        assert!(asked.text.starts_with("put path:QzpceFw= digest:"), "{}", asked.text);
        assert!(asked.payload.is_none() && !asked.text.contains(" payload:"));
        let same = done(put.next(reply(0, &[("path", "C:\\x\\a.txt"), ("same", "1")]), Mode::default()));
        assert!(!same.changed && !same.failed);
        assert_eq!(same.result["dest"], "C:\\x\\a.txt");

        put.first(Mode::default());
        let Progress::Again(sent) = put.next(reply(75, &[("was", "file")]), Mode::default()) else {
            panic!("over too early")
        };
        assert_eq!(sent.payload.unwrap().bytes(), b"text\n");
        assert!(sent.text.contains(" payload:MQ=="));
        let changed =
            reply(0, &[("path", "C:\\x\\a.txt"), ("changed", "1"), ("point", "4 file C:\\x\\a.txt")]);
        let outcome = done(put.next(changed, Mode::default()));
        assert!(outcome.changed);
        assert_eq!(outcome.points[0].number, 4);
        assert_eq!(outcome.result["md5sum"], "e1cbb0c3879af8347246f12c559a86b5");
    }

    #[test]
    fn check_mode_sends_nothing_and_shows_the_difference() {
        let mode = Mode { check: true, diff: true, eager: true, ..Mode::default() };
        let mut put = put(PutOptions { as_win_copy: true, ..PutOptions::default() });
        assert!(put.first(mode).payload.is_none());
        let mut answer = reply(0, &[("path", "C:\\x"), ("was", "file"), ("changed", "1")]);
        answer.blobs.push(("old".to_owned(), b"old\n".to_vec()));
        let outcome = done(put.next(answer, mode));
        assert!(outcome.changed);
        assert_eq!(outcome.diff[0].before, "old\n");
        assert_eq!(outcome.diff[0].before_header, "C:\\x");
        assert_eq!(outcome.result["operation"], "file_copy");
    }

    #[test]
    fn somebody_else_wrote_meanwhile() {
        let expected = Some("absent".to_owned());
        let mut put = put(PutOptions { expected, ..PutOptions::default() });
        assert!(put.first(Mode::default()).text.contains(" expected:YWJzZW50"));
        let outcome = done(put.next(reply(75, &[("moved", "1")]), Mode::default()));
        assert!(outcome.failed);
    }
}
