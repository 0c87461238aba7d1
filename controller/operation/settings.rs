//! Edits a file of settings key by key: reads it from the host, edits it here, and writes it back if something has to
//! differ and nobody changed it meanwhile.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::answer::{failure, points, said, state};
use super::attributes::{Attributes, FileMode};
use super::put::{PutOptions, flags};
use super::script::Script;
use super::windows::Call;
use super::{Content, Diff, Mode, Operation, Outcome, Payload, Point, Program, Progress, Reply};
use crate::document::json::JsonEdit;
use crate::document::xml::XmlEdit;
use crate::document::{Edited, LARGEST, Problem};
use crate::shell::{Platform, quote};

/// How often a file that others change is read again.
const ATTEMPTS: usize = 3;

/// Mode of a file that is made: settings hold secrets.
const MODE: u32 = 0o600;

/// An edit of one of the formats.
#[derive(Clone, Debug)]
pub enum SettingsEdit {
    /// Keys of JSON.
    Json(JsonEdit),
    /// Elements of XML.
    Xml(XmlEdit),
}

impl SettingsEdit {
    fn apply(&self, bytes: &[u8]) -> Result<Edited, Problem> {
        match self {
            Self::Json(edit) => edit.apply(bytes),
            Self::Xml(edit) => edit.apply(bytes),
        }
    }

    fn needs_nothing(&self) -> bool {
        match self {
            Self::Json(edit) => edit.needs_nothing(),
            Self::Xml(edit) => edit.needs_nothing(),
        }
    }

    fn shown(&self, before: &str, after: &str) -> (String, String) {
        match self {
            Self::Json(edit) => edit.shown(before, after),
            Self::Xml(edit) => edit.shown(before, after),
        }
    }
}

/// Edits a file of settings.
#[derive(Debug)]
pub struct EditSettings {
    /// The file; a link is followed on POSIX hosts.
    pub path: String,
    /// What shall be in it.
    pub edit: SettingsEdit,
    /// Whether a missing file is made, as an empty object; then only its owner may read it (mode 0600).
    pub create: bool,
    /// Whether a copy of the old file is kept beside the new one.
    pub backup: bool,
    /// Which shell the host has.
    pub platform: Platform,
    attempts: usize,
    points: Vec<Point>,
    pending: Option<Pending>,
}

/// An edit that is on its way to the host.
#[derive(Debug)]
struct Pending {
    before: String,
    edited: Edited,
    path: String,
    /// SHA-256 of what was read, or `absent`.
    digest: String,
}

impl EditSettings {
    /// Makes the operation.
    pub fn new(path: String, edit: SettingsEdit, create: bool, backup: bool, platform: Platform) -> Self {
        Self { path, edit, create, backup, platform, attempts: 0, points: Vec::new(), pending: None }
    }

    fn read(&self, mode: Mode) -> Program {
        let limit = LARGEST.to_string();
        match self.platform {
            Platform::Posix => {
                let mut script = Script::new(mode, &Attributes::default());
                let path = script.path(&self.path);
                script.call("pf_read_for_edit", &[&path], &[&limit]);
                script.program()
            }
            Platform::Windows => {
                let call = Call::new("read").with("path", &self.path).with("limit", &limit);
                let call = call.flag("digest", true).flag("edit", true);
                Program { text: call.text(), ..Program::default() }
            }
        }
    }

    /// The content that was read and its digest; nothing for a file that is not there.
    fn content(&self, reply: &Reply) -> Result<Option<(Vec<u8>, String)>, Box<Outcome>> {
        // Both platforms leave it to the controller to go on, so that later steps are held back.
        if reply.status != 75 {
            return Err(failure(reply).into());
        }
        let kind = match self.platform {
            Platform::Posix => state(reply, "was").map_or_else(|| "absent".to_owned(), |was| was.kind),
            Platform::Windows => reply.value("state").unwrap_or_default().to_owned(),
        };
        match kind.as_str() {
            "absent" => Ok(None),
            "file" => {
                let read = reply.blob("content").zip(reply.value("sha256"));
                let (bytes, digest) = read.ok_or_else(|| failure(reply))?;
                Ok(Some((bytes.to_vec(), digest.to_owned())))
            }
            // A link of a POSIX host is followed, so this one leads nowhere.
            "link" => {
                Err(refused(format!("`{}` is a link\nhint: name the file that it points to", self.path))
                    .into())
            }
            "directory" => Err(refused(format!("`{}` is a folder", self.path)).into()),
            _ => Err(refused(format!("`{}` is not a regular file", self.path)).into()),
        }
    }

    fn decide(&mut self, reply: &Reply, mode: Mode) -> Progress {
        let path = said(reply, "path").unwrap_or_else(|| self.path.clone());
        let (bytes, digest) = match self.content(reply) {
            Ok(Some(read)) => read,
            Ok(None) if self.edit.needs_nothing() => {
                return Progress::Done(Outcome { result: self.result(&path, &[]), ..Outcome::default() });
            }
            Ok(None) if self.create => (Vec::new(), "absent".to_owned()),
            Ok(None) => {
                let hint = match self.edit {
                    SettingsEdit::Json(_) => "`create: true` makes it",
                    SettingsEdit::Xml(_) => "put one there first, with `template` say",
                };
                return Progress::Done(refused(format!("`{path}` does not exist\nhint: {hint}")));
            }
            Err(outcome) => return Progress::Done(*outcome),
        };
        let edited = match self.edit.apply(if digest == "absent" { b"{}\n" } else { &bytes }) {
            Ok(edited) => edited,
            Err(problem) => return Progress::Done(refused(problem.in_file(&path))),
        };
        // Whatever was edited has been found to be UTF-8.
        let before = String::from_utf8_lossy(&bytes).into_owned();
        let pending = Pending { before, edited, path, digest };
        if pending.edited.text == pending.before {
            let result = self.result(&pending.path, &[]);
            return Progress::Done(Outcome { result, ..Outcome::default() });
        }
        if mode.check {
            return Progress::Done(self.outcome(&pending, mode));
        }
        let program = self.write(&pending, mode);
        self.pending = Some(pending);
        Progress::Again(program)
    }

    fn write(&self, pending: &Pending, mode: Mode) -> Program {
        let content = Content::new(pending.edited.text.clone().into_bytes());
        let size = content.bytes.len().to_string();
        match self.platform {
            Platform::Posix => {
                let mode_of_new = (pending.digest == "absent").then_some(FileMode::Bits(MODE));
                let attributes = Attributes { mode: mode_of_new, ..Attributes::default() };
                let options = PutOptions { backup: self.backup, ..PutOptions::default() };
                let mut script = Script::new(Mode { diff: false, ..mode }, &attributes);
                let path = if pending.path.starts_with('/') {
                    quote(&pending.path)
                } else {
                    script.path(&pending.path)
                };
                let flags = flags("", &options, true);
                let texts = ["", &content.sha256, &size, &flags, "", "", &pending.digest];
                script.call("pf_put", &[&path], &texts);
                script.with_payload(Payload::Content(Arc::new(content)))
            }
            Platform::Windows => {
                let call = Call::new("put")
                    .with("path", &pending.path)
                    .with("digest", &content.sha256)
                    .with("size", &size)
                    .with("expected", &pending.digest)
                    .flag("backup", self.backup)
                    .flag("payload", true);
                let payload = Some(Payload::Content(Arc::new(content)));
                Program { text: call.text(), payload, content: true, ..Program::default() }
            }
        }
    }

    fn written(&mut self, pending: &Pending, reply: &Reply, mode: Mode) -> Progress {
        self.points.extend(points(reply));
        let moved = reply.value("moved").is_some();
        if reply.status == 75 && moved && self.attempts < ATTEMPTS {
            self.attempts += 1;
            return Progress::Again(self.read(mode));
        }
        let mut outcome = match reply.status {
            0 => self.outcome(pending, mode),
            _ if moved => refused(format!(
                "`{}` was changed by somebody else while it was edited\nhint: run the task again",
                pending.path
            )),
            _ => failure(reply),
        };
        if let Some(copy) = said(reply, "backup_file") {
            outcome.result.insert("backup_file".to_owned(), copy.into());
        }
        outcome.points = std::mem::take(&mut self.points);
        Progress::Done(outcome)
    }

    fn outcome(&self, pending: &Pending, mode: Mode) -> Outcome {
        let mut result = self.result(&pending.path, &pending.edited.changes);
        let mut diff = Vec::new();
        if mode.diff {
            let (before, after) = self.edit.shown(&pending.before, &pending.edited.text);
            let before_header = if pending.digest == "absent" { String::new() } else { pending.path.clone() };
            let shown = Diff { before_header, after_header: pending.path.clone(), before, after };
            result.insert(
                "diff".to_owned(),
                json!([{ "before": shown.before, "after": shown.after, "before_header": shown.before_header, "after_header": shown.after_header }]),
            );
            diff.push(shown);
        }
        Outcome { changed: true, result, diff, ..Outcome::default() }
    }

    /// The registered variable: the path, and the names of what was set or removed.
    fn result(&self, path: &str, changes: &[String]) -> Map<String, Value> {
        Map::from_iter([("path".to_owned(), path.into()), ("changes".to_owned(), changes.into())])
    }
}

fn refused(message: String) -> Outcome {
    let result = Map::from_iter([("msg".to_owned(), Value::String(message))]);
    Outcome { failed: true, result, ..Outcome::default() }
}

impl Operation for EditSettings {
    fn saves_first(&self) -> bool {
        true
    }

    fn first(&mut self, mode: Mode) -> Program {
        self.attempts = 0;
        self.pending = None;
        self.points.clear();
        self.read(mode)
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        match self.pending.take() {
            Some(pending) => self.written(&pending, &reply, mode),
            None => self.decide(&reply, mode),
        }
    }
}
