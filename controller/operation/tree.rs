//! Makes a folder hold a local tree: the digests of all files first, then only what differs.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::answer::{failure, points, said, state};
use super::attributes::{Attributes, FileMode};
use super::put::{PutOptions, content_diff, flags};
use super::script::{Script, trimmed};
use super::{Content, Mode, Operation, Outcome, Payload, Program, Progress, Reply};
use crate::shell::quote;

/// Paths that are probed at once.
const PROBED: usize = 60;
/// Text of one program.
const TEXT: usize = 48 << 10;
/// Content that one program carries, unless a single file has more.
const CARRIED: usize = 4 << 20;

/// A folder or file of a tree.
#[derive(Clone, Debug)]
pub struct TreeEntry {
    /// Its path below the top of the tree, with slashes.
    pub path: String,
    /// The content of a file; a folder has none.
    pub content: Option<Arc<Content>>,
    /// A mode of its own (`mode: preserve`).
    pub mode: Option<FileMode>,
}

/// Makes a folder hold a local tree.
#[derive(Debug)]
pub struct PutTree {
    /// The folder on the host.
    pub dest: String,
    /// What goes there, folders before what is in them. Without any the folder itself is not made.
    pub entries: Vec<TreeEntry>,
    /// How files are put in their places.
    pub options: PutOptions,
    /// `src` of the result.
    pub source: String,
    work: Vec<Chunk>,
    outcome: Outcome,
    top: Option<String>,
}

/// What one program does.
#[derive(Clone, Debug)]
enum Chunk {
    /// Looks at these entries, and makes folders.
    Probe(Vec<usize>),
    /// Sends the content of these files.
    Send(Vec<usize>),
}

impl PutTree {
    /// Makes the operation.
    pub fn new(dest: String, entries: Vec<TreeEntry>, options: PutOptions, source: String) -> Self {
        Self { dest, entries, options, source, work: Vec::new(), outcome: Outcome::default(), top: None }
    }

    fn attributes(&self, entry: &TreeEntry) -> Attributes {
        let mut attributes = self.options.attributes.clone();
        if entry.mode.is_some() {
            attributes.mode.clone_from(&entry.mode);
        }
        attributes
    }

    fn program(&self, chunk: &Chunk, mode: Mode) -> Program {
        match chunk {
            Chunk::Probe(numbers) => self.probe(numbers, mode),
            Chunk::Send(numbers) => self.send(numbers, mode),
        }
    }

    fn probe(&self, numbers: &[usize], mode: Mode) -> Program {
        let mut script = Script::new(mode, &self.options.directory);
        let top = script.path(&self.dest);
        let word = |number: &usize| format!("{top}{}", quote(&format!("/{}", self.entries[*number].path)));
        let all: Vec<String> = numbers.iter().map(word).collect();
        script.call("pf_items_begin", &[], &[]);
        let is_folder = |number: &usize| self.entries[*number].content.is_none();
        let folders = numbers.iter().zip(&all).filter(|(number, _)| is_folder(number)).map(|(_, path)| path);
        let first = (numbers.first() == Some(&0)).then_some(&top);
        let words: Vec<&str> =
            first.into_iter().chain(folders).flat_map(|path| ["folder", path.as_str()]).collect();
        if !words.is_empty() {
            script.and("pf_save_ahead", &words, &[]);
        }
        if first.is_some() {
            script.and("pf_item", &["top", "pf_ensure", &top], &[]);
        }
        let ahead = (numbers.len() + 1).to_string();
        let mut words = vec![ahead.as_str()];
        words.extend(all.iter().map(String::as_str));
        script.and("pf_probe_ahead", &words, &[]);
        for (number, path) in numbers.iter().zip(&all) {
            let entry = &self.entries[*number];
            let index = number.to_string();
            match &entry.content {
                None => {
                    script.and_begin(mode, &self.options.directory);
                    script.and("pf_item", &[&index, "pf_directory", path], &["1"]);
                }
                Some(content) => {
                    script.and_begin(mode, &self.attributes(entry));
                    self.put(&mut script, &["pf_item", &index], path, content, false);
                }
            }
        }
        script.and("pf_items_end", &[], &[]);
        script.program()
    }

    fn send(&self, numbers: &[usize], mode: Mode) -> Program {
        let mode = Mode { diff: false, ..mode };
        let mut script = Script::new(mode, &Attributes::default());
        let top = script.path(&self.dest);
        let path = |number: &usize| format!("{top}{}", quote(&format!("/{}", self.entries[*number].path)));
        script.call("pf_items_begin", &[], &[]);
        // A backup has a point of its own, and a link may be followed.
        if !self.options.backup && !self.options.follow {
            let digest = |number: &usize| Some(self.entries[*number].content.as_ref()?.sha256.clone());
            let words: Vec<String> =
                numbers.iter().filter_map(|number| Some([digest(number)?, path(number)])).flatten().collect();
            script.and("pf_save_ahead", &words.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        }
        let mut payload = Vec::new();
        for number in numbers {
            let entry = &self.entries[*number];
            let Some(content) = &entry.content else { continue };
            payload.extend_from_slice(&content.bytes);
            script.and_begin(mode, &self.attributes(entry));
            let path = path(number);
            let (index, size) = (number.to_string(), content.bytes.len().to_string());
            self.put(&mut script, &["pf_item_content", &index, &size], &path, content, true);
        }
        script.and("pf_items_end", &[], &[]);
        let mut program = script.with_stream(Payload::Bytes(payload.into()));
        program.user = self.options.validate.is_some();
        program
    }

    fn put(&self, script: &mut Script, call: &[&str], path: &str, content: &Content, payload: bool) {
        let mut words = call[1..].to_vec();
        words.extend(["pf_put", path]);
        let size = content.bytes.len().to_string();
        let flags = flags("", &self.options, payload);
        let validate = self.options.validation();
        let [directory_mode, ..] = self.options.directory.words();
        script.and(call[0], &words, &["", &content.sha256, &size, &flags, &directory_mode, &validate, ""]);
    }

    /// Takes what a probe found, and returns the files whose content has to be sent.
    fn probed(&mut self, reply: &Reply, mode: Mode) -> Vec<usize> {
        let mut wanted = Vec::new();
        let mut blobs = reply.blobs.iter().filter(|(name, _)| name == "old");
        for (item, mut part) in items(reply) {
            self.outcome.changed |= part.value("changed").is_some();
            let Ok(number) = item.parse::<usize>() else {
                continue;
            };
            let Some(entry) = self.entries.get(number) else { continue };
            if part.value("changed") != Some("content") {
                continue;
            }
            wanted.push(number);
            let Some(content) = entry.content.clone() else { continue };
            if mode.diff {
                let was_file = state(&part, "was").is_some_and(|was| was.kind == "file");
                if was_file && part.value("old").is_none() {
                    part.blobs.extend(blobs.next().cloned());
                }
                let path = format!("{}/{}", trimmed(&self.dest), entry.path);
                let (diff, _) = content_diff(&path, &part, &entry.path, &content.bytes, content.is_hidden());
                self.outcome.diff.push(diff);
            }
        }
        wanted
    }

    fn finish(&mut self) -> Outcome {
        let mut outcome = std::mem::take(&mut self.outcome);
        let top = self.top.clone().unwrap_or_else(|| trimmed(&self.dest).to_owned());
        let mut result = Map::new();
        result.insert("dest".to_owned(), format!("{}/", trimmed(&top)).into());
        result.insert("src".to_owned(), Value::from(self.source.clone()));
        result.append(&mut outcome.result);
        Outcome { result, ..outcome }
    }
}

/// The reports of each item of a reply, with its number.
pub(super) fn items(reply: &Reply) -> Vec<(String, Reply)> {
    let mut items: Vec<(String, Reply)> = Vec::new();
    for (name, value) in &reply.values {
        if name == "item" {
            items.push((value.clone(), Reply::default()));
        } else if let Some((_, part)) = items.last_mut() {
            part.values.push((name.clone(), value.clone()));
        }
    }
    items
}

impl Operation for PutTree {
    fn saves_first(&self) -> bool {
        true
    }

    fn first(&mut self, mode: Mode) -> Program {
        self.outcome = Outcome::default();
        let numbers: Vec<usize> = (0..self.entries.len()).collect();
        let mut chunks: Vec<Chunk> = Vec::new();
        let mut chunk = Vec::new();
        let mut length = 0;
        for number in numbers {
            length += 2 * self.entries[number].path.len() + 400;
            if chunk.len() == PROBED || length > TEXT {
                chunks.push(Chunk::Probe(std::mem::take(&mut chunk)));
                length = 0;
            }
            chunk.push(number);
        }
        chunks.push(Chunk::Probe(chunk));
        chunks.reverse();
        self.work = chunks;
        self.work.last().map_or_else(Program::default, |chunk| self.program(chunk, mode))
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        let done = self.work.pop();
        if let Some(path) =
            said(&reply, "path").filter(|_| self.dest.contains(['$', '~']) && self.top.is_none())
        {
            self.top = Some(path);
        }
        self.outcome.points.extend(points(&reply));
        if reply.status != 0 && reply.status != 75 {
            let failed = failure(&reply);
            self.outcome.result = failed.result;
            self.outcome.failed = true;
            return Progress::Done(self.finish());
        }
        match done {
            Some(Chunk::Probe(_)) => {
                let wanted = self.probed(&reply, mode);
                if !mode.check {
                    let mut chunk = Vec::new();
                    let mut size = 0;
                    let mut sends = Vec::new();
                    for number in wanted {
                        let bytes =
                            self.entries[number].content.as_ref().map_or(0, |content| content.bytes.len());
                        if !chunk.is_empty() && size + bytes > CARRIED {
                            sends.push(Chunk::Send(std::mem::take(&mut chunk)));
                            size = 0;
                        }
                        size += bytes;
                        chunk.push(number);
                    }
                    if !chunk.is_empty() {
                        sends.push(Chunk::Send(chunk));
                    }
                    sends.reverse();
                    self.work.extend(sends);
                }
            }
            _ => self.outcome.changed |= reply.value("changed").is_some(),
        }
        match self.work.last() {
            Some(chunk) => Progress::Again(self.program(chunk, mode)),
            None => Progress::Done(self.finish()),
        }
    }
}
