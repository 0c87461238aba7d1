//! Edits a text file: reads it, decides here, and writes it back if nobody changed it meanwhile.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::answer::{PathState, failure, mode_text, points, said, state};
use super::attributes::Attributes;
use super::put::{PutOptions, flags};
use super::script::Script;
use super::text::{Edited, Shape, TextEdit};
use super::{Content, Diff, Mode, Operation, Outcome, Payload, Point, Program, Progress, Reply};
use crate::shell::quote;

/// Largest file that is edited.
const LARGEST: usize = 16 << 20;

/// How often a file that others change is read again.
const ATTEMPTS: usize = 3;

/// Edits a text file.
#[derive(Debug)]
pub struct EditFile {
    /// The file; a link is followed.
    pub path: String,
    /// What to do with its text.
    pub edit: Box<dyn TextEdit>,
    /// Whether a missing file is made.
    pub create: bool,
    /// Whether the folders above a file that is made are made too.
    pub parents: bool,
    /// Attributes, backup and validation.
    pub options: PutOptions,
    attempts: usize,
    points: Vec<Point>,
    pending: Option<Pending>,
}

/// An edit that is on its way to the host.
#[derive(Debug)]
struct Pending {
    before: Vec<u8>,
    was: Option<PathState>,
    edited: Edited,
    path: String,
}

impl EditFile {
    /// Makes the operation.
    pub fn new(path: String, edit: impl TextEdit + 'static, create: bool, options: PutOptions) -> Self {
        let edit = Box::new(edit);
        Self { path, edit, create, parents: true, options, attempts: 0, points: Vec::new(), pending: None }
    }

    fn read(&self, mode: Mode) -> Program {
        let mut script = Script::new(mode, &Attributes::default());
        let path = script.path(&self.path);
        script.call("pf_read_for_edit", &[&path], &[&LARGEST.to_string()]);
        script.program()
    }

    fn decide(&mut self, reply: &Reply, mode: Mode) -> Progress {
        let path = said(reply, "path").unwrap_or_else(|| self.path.clone());
        let was = state(reply, "was");
        match was.as_ref().map(|was| was.kind.as_str()) {
            Some("file") => {}
            Some("directory") => return self.refuse(&path, 256, "is a folder"),
            Some(_) => return self.refuse(&path, 256, "is not a regular file"),
            None => {
                if let Some(message) = self.edit.without_file(&self.path, self.create) {
                    let mut result = Map::from_iter([("msg".to_owned(), message.into())]);
                    self.edit.tell(&[], &mut result);
                    return Progress::Done(Outcome { result, ..Outcome::default() });
                }
                if !self.create {
                    return self.refuse(&path, 257, "does not exist");
                }
            }
        }
        let before = reply.blob("content").unwrap_or_default().to_vec();
        let edited = match self.edit.edit(was.is_some().then_some(before.as_slice())) {
            Ok(edited) => edited,
            Err(message) => {
                let result = Map::from_iter([("msg".to_owned(), Value::String(message))]);
                return Progress::Done(Outcome { failed: true, result, ..Outcome::default() });
            }
        };
        if edited.over {
            let result =
                Map::from_iter([("rc".to_owned(), 0.into()), ("msg".to_owned(), edited.message.into())]);
            return Progress::Done(Outcome { result, ..Outcome::default() });
        }
        let default = was.as_ref().map_or_else(|| new_state(reply), Clone::clone);
        let wanted = self.options.attributes.mode_of(&default, reply.value("umask"));
        let attributes = was.is_some()
            && (wanted.is_some_and(|wanted| wanted != default.mode)
                || !self.options.attributes.owner_of(&default).is_empty());
        let content = !edited.message.is_empty() || (was.is_none() && self.create);
        let pending = Pending { before, was, edited, path };
        if mode.check || !(content || attributes) {
            let mut new = default.clone();
            new.mode = wanted.unwrap_or(default.mode);
            return Progress::Done(self.outcome(&pending, &default, &new, attributes, content, mode));
        }
        let digest = reply.value("sha256").unwrap_or("absent").to_owned();
        let program = self.write(&pending, &digest, mode);
        self.pending = Some(pending);
        Progress::Again(program)
    }

    fn write(&self, pending: &Pending, digest: &str, mode: Mode) -> Program {
        let mut script = Script::new(Mode { diff: false, ..mode }, &self.options.attributes);
        let content = Content::new(pending.edited.bytes.clone());
        let mut flags = flags("", &self.options, true);
        if self.create && self.parents {
            flags.push('m');
        }
        let path =
            if pending.path.starts_with('/') { quote(&pending.path) } else { script.path(&pending.path) };
        let size = content.bytes.len().to_string();
        let [folder_mode, ..] = self.options.directory.words();
        let texts = ["", &content.sha256, &size, &flags, &folder_mode, &self.options.validation(), digest];
        script.call("pf_put", &[&path], &texts);
        let mut program = script.with_payload(Payload::Content(Arc::new(content)));
        program.user = self.options.validate.is_some();
        program
    }

    fn written(&mut self, pending: &Pending, reply: &Reply, mode: Mode) -> Progress {
        self.points.extend(points(reply));
        if reply.status == 75 && reply.value("moved").is_some() && self.attempts < ATTEMPTS {
            self.attempts += 1;
            return Progress::Again(self.read(mode));
        }
        if reply.status != 0 {
            let mut outcome = if reply.value("moved").is_some() {
                let message = format!("`{}` is being changed by somebody else", pending.path);
                let result = Map::from_iter([("msg".to_owned(), Value::String(message))]);
                Outcome { failed: true, result, ..Outcome::default() }
            } else {
                failure(reply)
            };
            outcome.points = std::mem::take(&mut self.points);
            return Progress::Done(outcome);
        }
        let now = state(reply, "now").unwrap_or_default();
        let old = pending.was.clone().unwrap_or_else(|| new_state_like(&now, reply));
        let attributes = (old.mode, old.uid, old.gid) != (now.mode, now.uid, now.gid);
        let content = reply.value("same").is_none();
        let mut outcome = self.outcome(pending, &old, &now, attributes, content, mode);
        if let Some(backup) = said(reply, "backup_file") {
            let name = if self.edit.shape() == Shape::Line { "backup" } else { "backup_file" };
            outcome.result.insert(name.to_owned(), backup.into());
        }
        outcome.points = std::mem::take(&mut self.points);
        Progress::Done(outcome)
    }

    fn outcome(
        &self,
        pending: &Pending,
        old: &PathState,
        new: &PathState,
        attributes: bool,
        content: bool,
        mode: Mode,
    ) -> Outcome {
        let mut message = pending.edited.message.clone();
        if attributes {
            let addition = "ownership, perms or SE linux context changed";
            message =
                if message.is_empty() { addition.to_owned() } else { format!("{message} and {addition}") };
        }
        let mut result = Map::new();
        result.insert("msg".to_owned(), message.into());
        match self.edit.shape() {
            Shape::Line => result.insert("backup".to_owned(), "".into()),
            Shape::Block => None,
            Shape::Cron => result.remove("msg"),
            Shape::Text => result.insert("rc".to_owned(), 0.into()),
        };
        if let Some(found) = pending.edited.found {
            result.insert("found".to_owned(), found.into());
        }
        let mut outcome = Outcome { changed: content || attributes, ..Outcome::default() };
        if mode.diff {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let shape = self.edit.shape();
            let header = match shape {
                Shape::Text | Shape::Cron => self.path.clone(),
                _ => format!("{} (content)", self.path),
            };
            let (before, after) = (text(&pending.before), text(&pending.edited.bytes));
            let mut diff =
                json!({ "before": before, "after": after, "before_header": header, "after_header": header });
            let content_header = header;
            let header = format!("{} (file attributes)", self.path);
            let mut properties = json!({ "before_header": header, "after_header": header });
            if old.mode != new.mode {
                properties["before"] = json!({ "mode": mode_text(old.mode) });
                properties["after"] = json!({ "mode": mode_text(new.mode) });
                outcome.diff.push(Diff {
                    before_header: header.clone(),
                    after_header: header,
                    before: format!("mode: {}\n", mode_text(old.mode)),
                    after: format!("mode: {}\n", mode_text(new.mode)),
                });
            }
            let same = before == after;
            if same && shape == Shape::Line {
                diff["before"] = "".into();
                diff["after"] = "".into();
            }
            if !same {
                let (before_header, after_header) = (content_header.clone(), content_header);
                outcome.diff.insert(0, Diff { before_header, after_header, before, after });
            }
            if !matches!(shape, Shape::Text | Shape::Cron) {
                result.insert("diff".to_owned(), json!([diff, properties]));
            } else if !same {
                result.insert("diff".to_owned(), diff);
            }
        }
        self.edit.tell(&pending.edited.bytes, &mut result);
        Outcome { result, ..outcome }
    }

    fn refuse(&self, path: &str, rc: i64, reason: &str) -> Progress {
        let mut result = Map::new();
        result.insert("rc".to_owned(), rc.into());
        let can_make = matches!(self.edit.shape(), Shape::Line | Shape::Block);
        let hint = if rc == 257 && can_make { "\nhint: `create: true` makes it" } else { "" };
        result.insert("msg".to_owned(), format!("`{path}` {reason}{hint}").into());
        Progress::Done(Outcome { failed: true, result, ..Outcome::default() })
    }
}

/// What a new file is before its attributes are set.
fn new_state(reply: &Reply) -> PathState {
    new_state_like(&PathState::default(), reply)
}

fn new_state_like(like: &PathState, reply: &Reply) -> PathState {
    let umask = reply.value("umask").and_then(|text| u32::from_str_radix(text, 8).ok()).unwrap_or(0o22);
    PathState { kind: "file".to_owned(), mode: 0o666 & !umask, ..like.clone() }
}

impl Operation for EditFile {
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
        if let Some(pending) = self.pending.take() {
            return self.written(&pending, &reply, mode);
        }
        if reply.status != 75 {
            return Progress::Done(failure(&reply));
        }
        self.decide(&reply, mode)
    }
}
