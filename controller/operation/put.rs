//! Makes a file hold given content.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::answer::{Properties, changed, failure, points, said, state};
use super::attributes::Attributes;
use super::script::{Script, known, trimmed};
use super::{Content, Diff, Mode, Operation, Outcome, Payload, Point, Program, Progress, Reply};
use crate::shell::quote;

/// Content up to this size is sent before the host's digest is known, if it probably differs.
const SMALL: usize = 64 << 10;

/// Text up to this size travels in the step's own text, which saves the host a file and three programs.
const INLINE: usize = 16 << 10;

/// Content beyond this size is not shown as a difference.
const SHOWN: usize = 1 << 20;

/// How content is put in its place.
#[derive(Clone, Debug, Default)]
pub struct PutOptions {
    /// Mode and owner of the file; nothing given keeps those of a file that is there.
    pub attributes: Attributes,
    /// A destination that is a folder, or written with a slash behind it, gets the file under this name.
    pub name: Option<String>,
    /// Whether missing folders are made above a destination with a slash behind it.
    pub make_parents: bool,
    /// Mode of folders that are made.
    pub directory: Attributes,
    /// Whether a link is followed instead of being replaced.
    pub follow: bool,
    /// Whether a file that is there stays as it is, whatever it holds.
    pub keep: bool,
    /// Whether a copy of the old file is kept beside the new one.
    pub backup: bool,
    /// A command that has to succeed on the new file; `%s` stands for its path.
    pub validate: Option<Vec<String>>,
    /// SHA-256 that the file must have now, or `absent`; otherwise the operation's owner has to look again.
    pub expected: Option<String>,
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
    pub fn new(dest: String, content: Arc<Content>, options: PutOptions, source: Option<String>) -> Self {
        Self { dest, content, options, source, asked: None }
    }

    fn program(&self, mode: Mode, payload: bool) -> Program {
        let mut script = Script::new(mode, &self.options.attributes);
        let size = self.content.bytes.len().to_string();
        let inline = if payload { inline(&self.content) } else { None };
        if let Some(text) = inline {
            script.set("pf_text", text);
        }
        put_call(&mut script, &self.dest, &self.content.sha256, &size, &self.options, payload);
        if !payload {
            return script.program();
        }
        let mut program = if inline.is_some() {
            script.with_content()
        } else {
            script.with_payload(Payload::Content(Arc::clone(&self.content)))
        };
        program.user = self.options.validate.is_some();
        program
    }

    fn outcome(&self, reply: &Reply, mode: Mode) -> Outcome {
        let asked = self.asked.as_ref();
        let mut saved = asked.map(points).unwrap_or_default();
        if reply.status != 0 {
            return self.failed(reply, saved);
        }
        let dest = said(reply, "path").unwrap_or_else(|| self.dest.clone());
        let mut result = Map::from_iter([("dest".to_owned(), Value::from(dest.clone()))]);
        let mut outcome = Outcome { changed: changed(reply), ..Outcome::default() };
        let source = || self.source.clone().map(Value::from);
        if reply.value("kept").is_some() {
            result.extend(source().map(|source| ("src".to_owned(), source)));
            outcome.result = result;
            return outcome;
        }
        let same = reply.value("same").is_some();
        result.insert("checksum".to_owned(), self.content.sha1().into());
        if same {
            result.insert("path".to_owned(), dest.clone().into());
        } else {
            result.extend(source().map(|source| ("src".to_owned(), source)));
            result.insert("md5sum".to_owned(), self.content.md5().into());
        }
        if let Some(copy) = said(reply, "backup_file") {
            result.insert("backup_file".to_owned(), copy.into());
        }
        if let Some(now) = state(reply, "now") {
            now.describe(&mut result);
        }
        if mode.diff && outcome.changed {
            let registered = if same {
                let mut properties = Properties::new(&dest);
                properties.add_attributes(reply);
                outcome.diff.push(properties.diff());
                properties.value()
            } else {
                let after = self.source.clone().unwrap_or_else(|| dest.clone());
                let (diff, registered) = content_diff(
                    &dest,
                    asked.unwrap_or(reply),
                    &after,
                    &self.content.bytes,
                    self.content.is_hidden(),
                );
                outcome.diff.push(diff);
                json!([registered])
            };
            result.insert("diff".to_owned(), registered);
        }
        saved.extend(points(reply));
        Outcome { result, points: saved, ..outcome }
    }

    fn failed(&self, reply: &Reply, mut saved: Vec<Point>) -> Outcome {
        let mut outcome = failure(reply);
        if reply.value("state") != Some("directory") {
            outcome.result.insert("checksum".to_owned(), self.content.sha1().into());
        }
        saved.append(&mut outcome.points);
        Outcome { points: saved, ..outcome }
    }
}

/// Content that a shell can hold in a variable: short lines of text, less the newline at the end.
fn inline(content: &Content) -> Option<&str> {
    let text = std::str::from_utf8(&content.bytes).ok()?.strip_suffix('\n')?;
    (text.len() < INLINE && !text.is_empty() && !text.contains('\0')).then_some(text)
}

/// The flags of `pf_put`.
pub(super) fn flags(dest: &str, options: &PutOptions, payload: bool) -> String {
    let slash = dest.len() > 1 && dest.ends_with('/');
    [
        ('p', payload),
        ('d', options.name.is_some()),
        ('s', slash),
        ('m', slash && options.make_parents),
        ('f', options.follow),
        ('k', options.keep),
        ('b', options.backup),
    ]
    .into_iter()
    .filter_map(|(flag, on)| on.then_some(flag))
    .collect()
}

/// Adds the call of `pf_put` for content with this digest and size.
fn put_call(script: &mut Script, dest: &str, sha256: &str, size: &str, options: &PutOptions, payload: bool) {
    let path = script.path(dest);
    let [directory_mode, ..] = options.directory.words();
    let texts = [
        options.name.as_deref().unwrap_or_default(),
        sha256,
        size,
        &flags(dest, options, payload),
        &directory_mode,
        &options.validation(),
        options.expected.as_deref().unwrap_or_default(),
    ];
    script.call("pf_put", &[&path], &texts);
}

impl PutOptions {
    /// The words of the validation, quoted; `%s` becomes the shell's name for the new file.
    pub(super) fn validation(&self) -> String {
        let words: Vec<String> = self
            .validate
            .iter()
            .flatten()
            .map(|word| word.split("%s").map(quote).collect::<Vec<_>>().join("\"$pf_temporary\""))
            .collect();
        words.join(" ")
    }
}

/// Before and after of content: for people, and as the registered variable has it.
pub(super) fn content_diff(
    path: &str,
    before: &Reply,
    after_header: &str,
    after: &[u8],
    hidden: bool,
) -> (Diff, Value) {
    let mut diff = Diff { after_header: after_header.to_owned(), ..Diff::default() };
    let mut registered = Map::new();
    let mut skipped = None;
    if hidden {
        // What is on the host is what an earlier run decrypted.
        "diff skipped: the new content is encrypted on the controller\n".clone_into(&mut diff.after);
        return (diff, Value::Object(registered));
    }
    let old = before.blob("old");
    match old {
        Some(old) if old.contains(&0) => {
            registered.insert("dst_binary".to_owned(), 1.into());
            skipped = Some("diff skipped: the file on the host is binary\n");
        }
        _ if before.value("old").is_some() => {
            registered.insert("dst_larger".to_owned(), SHOWN.into());
            skipped = Some("diff skipped: the file on the host is too large\n");
        }
        _ => {
            diff.before = String::from_utf8_lossy(old.unwrap_or_default()).into_owned();
            if state(before, "was").is_some() {
                path.clone_into(&mut diff.before_header);
                registered.insert("before_header".to_owned(), path.into());
            }
            registered.insert("before".to_owned(), diff.before.clone().into());
        }
    }
    if after.contains(&0) {
        registered.insert("src_binary".to_owned(), 1.into());
        skipped = Some("diff skipped: the new content is binary\n");
    } else if after.len() > SHOWN {
        registered.insert("src_larger".to_owned(), SHOWN.into());
        skipped = Some("diff skipped: the new content is too large\n");
    } else {
        diff.after = String::from_utf8_lossy(after).into_owned();
        registered.insert("after_header".to_owned(), after_header.into());
        registered.insert("after".to_owned(), diff.after.clone().into());
    }
    if let Some(skipped) = skipped {
        diff.before = String::new();
        skipped.clone_into(&mut diff.after);
    }
    (diff, Value::Object(registered))
}

impl Operation for PutFile {
    fn first(&mut self, mode: Mode) -> Program {
        self.asked = None;
        let payload = mode.eager && !mode.check && self.content.bytes.len() <= SMALL;
        self.program(mode, payload)
    }

    fn saves_first(&self) -> bool {
        true
    }

    fn kept(&mut self) -> Option<Program> {
        let small = self.content.bytes.len() <= SMALL;
        small.then(|| self.first(Mode { eager: true, ..Mode::default() }))
    }

    fn looks_at(&self) -> Vec<String> {
        let path = match &self.options.name {
            Some(name) if self.dest.ends_with('/') => format!("{}/{name}", trimmed(&self.dest)),
            _ => self.dest.clone(),
        };
        known(&path).into_iter().collect()
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        if reply.status == 75 && self.asked.is_none() && reply.value("moved").is_none() {
            let program = self.program(Mode { diff: false, ..mode }, true);
            self.asked = Some(reply);
            return Progress::Again(program);
        }
        Progress::Done(self.outcome(&reply, mode))
    }
}
