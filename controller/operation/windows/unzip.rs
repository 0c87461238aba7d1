//! Unpacks a zip archive on a Windows host: one that is there, or one of the controller, which is sent only if the
//! host does not know its digest.

use std::sync::Arc;

use serde_json::Value;

use super::call::Call;
use crate::operation::answer::{changed, failure, points, said};
use crate::operation::{Content, Mode, Operation, Outcome, Payload, Program, Progress, Reply};

/// Where the archive is.
#[derive(Clone, Debug)]
pub enum Archive {
    /// A file of the host.
    There(String),
    /// Content of the controller, and what it is called.
    Here(Arc<Content>, String),
}

/// Unpacks an archive.
#[derive(Debug)]
pub struct Unzip {
    /// The archive.
    pub archive: Archive,
    /// The folder that its entries go to.
    pub dest: String,
    /// Nothing is done if this pattern matches a file.
    pub creates: Option<String>,
    /// Patterns of entries that are left out.
    pub exclude: Vec<String>,
    /// Patterns of entries that are wanted; none means all.
    pub include: Vec<String>,
    /// Whether an archive of the host is removed afterwards.
    pub remove: bool,
    /// Whether the result is that of `win_unzip`.
    pub as_win_unzip: bool,
    sent: bool,
    points: Vec<crate::operation::Point>,
}

impl Unzip {
    /// Makes the operation.
    #[must_use]
    pub fn new(archive: Archive, dest: String) -> Self {
        Self {
            archive,
            dest,
            creates: None,
            exclude: Vec::new(),
            include: Vec::new(),
            remove: false,
            as_win_unzip: false,
            sent: false,
            points: Vec::new(),
        }
    }

    fn program(&self, mode: Mode, payload: bool) -> Program {
        let call = Call::new("unzip")
            .with("path", &self.dest)
            .maybe("creates", self.creates.as_deref())
            .list("exclude", self.exclude.iter().map(String::as_str))
            .list("include", self.include.iter().map(String::as_str));
        let (call, bytes) = match &self.archive {
            Archive::There(path) => (call.with("src", path).flag("remove", self.remove), None),
            Archive::Here(content, _) => {
                let bytes = payload.then(|| Payload::Content(Arc::clone(content)));
                (call.with("digest", &content.sha256).flag("payload", payload), bytes)
            }
        };
        Program {
            text: call.flag("check", mode.check).text(),
            content: bytes.is_some(),
            payload: bytes,
            ..Program::default()
        }
    }

    fn outcome(&mut self, reply: &Reply) -> Outcome {
        let mut outcome = if reply.status == 0 { Outcome::default() } else { failure(reply) };
        let mut put = |name: &str, value: Value| outcome.result.insert(name.to_owned(), value);
        let source = match &self.archive {
            Archive::There(path) => path,
            Archive::Here(_, name) => name,
        };
        put("dest", said(reply, "path").unwrap_or_else(|| self.dest.clone()).into());
        put("src", source.clone().into());
        if self.as_win_unzip {
            put("removed", reply.value("removed").is_some().into());
        } else {
            put("handler", "ZipArchive".into());
        }
        if let (Some(_), Some(path)) = (reply.value("skip"), &self.creates) {
            put("msg", format!("skipped, since {path} exists").into());
        }
        outcome.changed = changed(reply);
        outcome.points = std::mem::take(&mut self.points);
        outcome.points.extend(points(reply));
        outcome
    }
}

impl Operation for Unzip {
    fn first(&mut self, mode: Mode) -> Program {
        self.sent = false;
        self.points = Vec::new();
        self.program(mode, false)
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        if reply.status == 75 && !self.sent && matches!(self.archive, Archive::Here(..)) {
            self.sent = true;
            self.points.extend(points(&reply));
            return Progress::Again(self.program(mode, true));
        }
        Progress::Done(self.outcome(&reply))
    }

    fn saves_first(&self) -> bool {
        true
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_sent_once_and_only_if_it_is_needed() {
        let content = Arc::new(Content::new(b"PK".to_vec()));
        let mut unzip = Unzip::new(Archive::Here(content, "a.zip".to_owned()), "C:\\x".to_owned());
        let asked = unzip.first(Mode::default());
        assert!(asked.payload.is_none() && asked.text.contains(" digest:"), "{}", asked.text);
        let needed = Reply { status: 75, ..Reply::default() };
        let Progress::Again(sent) = unzip.next(needed.clone(), Mode::default()) else {
            panic!("over too early")
        };
        assert_eq!(sent.payload.unwrap().bytes(), b"PK");
        let Progress::Done(outcome) = unzip.next(needed, Mode::default()) else { panic!("not over") };
        assert!(outcome.failed);

        unzip.first(Mode::default());
        let Progress::Done(outcome) = unzip.next(Reply::default(), Mode::default()) else {
            panic!("not over")
        };
        assert!(!outcome.changed && !outcome.failed);
        assert_eq!(outcome.result["src"], "a.zip");
    }
}
