//! Makes a folder of a Windows host hold a local tree: the digests of all files first, then only what differs, many
//! files in one stream.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::call::Call;
use super::put::difference;
use crate::operation::answer::{changed, failure, points, said};
use crate::operation::tree::TreeEntry;
use crate::operation::{Mode, Operation, Outcome, Payload, Program, Progress, Reply};

/// Files that are probed at once.
const PROBED: usize = 200;
/// Text of one program.
const TEXT: usize = 48 << 10;
/// Content that one program carries, unless a single file has more.
const CARRIED: usize = 4 << 20;

/// Makes a folder hold a local tree.
#[derive(Debug)]
pub struct PutTree {
    /// The folder on the host.
    pub dest: String,
    /// What goes there, folders before what is in them.
    pub entries: Vec<TreeEntry>,
    /// Whether files that are there stay as they are.
    pub keep: bool,
    /// `src` of the result.
    pub source: String,
    work: Vec<Chunk>,
    outcome: Outcome,
}

#[derive(Clone, Debug)]
enum Chunk {
    Probe(Vec<usize>),
    Send(Vec<usize>),
}

impl PutTree {
    /// Makes the operation.
    #[must_use]
    pub fn new(dest: String, entries: Vec<TreeEntry>, keep: bool, source: String) -> Self {
        Self { dest, entries, keep, source, work: Vec::new(), outcome: Outcome::default() }
    }

    /// Cuts numbers of entries into pieces by a measure of each and its limit.
    fn pieces(
        numbers: &[usize],
        most: usize,
        limit: usize,
        size: impl Fn(usize) -> usize,
    ) -> Vec<Vec<usize>> {
        let mut pieces: Vec<Vec<usize>> = Vec::new();
        let mut filled = 0;
        for &number in numbers {
            let size = size(number);
            match pieces.last_mut() {
                Some(piece) if piece.len() < most && filled + size <= limit => piece.push(number),
                _ => {
                    filled = 0;
                    pieces.push(vec![number]);
                }
            }
            filled += size;
        }
        pieces
    }

    fn size(&self, number: usize) -> usize {
        self.entries[number].content.as_ref().map_or(0, |content| content.bytes.len())
    }

    fn program(&self, chunk: &Chunk, mode: Mode) -> Program {
        let (Chunk::Probe(numbers) | Chunk::Send(numbers)) = chunk;
        let sends = matches!(chunk, Chunk::Send(_));
        let path = |number: &usize| self.entries[*number].path.replace('/', "\\");
        let (files, folders): (Vec<usize>, Vec<usize>) =
            numbers.iter().partition(|number| self.entries[**number].content.is_some());
        let list = |numbers: &[usize]| numbers.iter().map(path).collect::<Vec<_>>();
        let (names, made) = (list(&files), list(&folders));
        let contents = || files.iter().filter_map(|number| self.entries[*number].content.as_ref());
        let sizes: Vec<String> = contents().map(|content| content.bytes.len().to_string()).collect();
        let call = Call::new("tree")
            .with("path", &self.dest)
            .list("folders", made.iter().map(String::as_str))
            .list("files", names.iter().map(String::as_str))
            .list("digests", contents().map(|content| content.sha256.as_str()))
            .flag("keep", self.keep)
            .flag("check", mode.check);
        if !sends {
            return Program { text: call.flag("diff", mode.diff).text(), ..Program::default() };
        }
        let call = call.list("sizes", sizes.iter().map(String::as_str)).flag("payload", true);
        let payload = match contents().collect::<Vec<_>>().as_slice() {
            [only] => Payload::Content(Arc::clone(only)),
            all => {
                let bytes: Vec<u8> = all.iter().flat_map(|content| content.bytes.iter().copied()).collect();
                Payload::Bytes(bytes.into())
            }
        };
        Program { text: call.text(), payload: Some(payload), content: true, ..Program::default() }
    }

    /// Reads which files of a chunk are wanted, and adds their differences.
    fn wanted(&mut self, numbers: &[usize], reply: &Reply, mode: Mode) -> Vec<usize> {
        let files: Vec<usize> =
            numbers.iter().copied().filter(|number| self.entries[*number].content.is_some()).collect();
        let mut wanted = Vec::new();
        let mut olds = reply.blobs.iter().filter(|(name, _)| name == "old");
        let mut parts = reply.values.iter().peekable();
        while let Some((name, value)) = parts.next() {
            if name != "want" {
                continue;
            }
            let Some(number) = value.parse::<usize>().ok().and_then(|at| files.get(at)).copied() else {
                continue;
            };
            wanted.push(number);
            if !mode.diff {
                continue;
            }
            let mut before = Reply::default();
            while let Some(part) = parts.next_if(|(name, _)| name != "want") {
                before.values.push(part.clone());
            }
            if before.value("was") == Some("file") && before.value("old").is_none() {
                before.blobs.extend(olds.next().cloned());
            }
            let entry = &self.entries[number];
            let path =
                format!("{}\\{}", self.dest.trim_end_matches(['\\', '/']), entry.path.replace('/', "\\"));
            if let Some(content) = &entry.content {
                let (diff, _) = difference(&path, &before, &entry.path, content);
                self.outcome.diff.push(diff);
            }
        }
        wanted
    }

    fn finish(&mut self, reply: &Reply) -> Progress {
        let mut outcome = std::mem::take(&mut self.outcome);
        let dest = said(reply, "path").unwrap_or_else(|| self.dest.clone());
        let mut result = Map::from_iter([
            ("dest".to_owned(), Value::from(dest)),
            ("src".to_owned(), Value::from(self.source.clone())),
            ("operation".to_owned(), Value::from("folder_copy")),
        ]);
        result.append(&mut outcome.result);
        Progress::Done(Outcome { result, ..outcome })
    }
}

impl Operation for PutTree {
    fn first(&mut self, mode: Mode) -> Program {
        self.outcome = Outcome::default();
        let all: Vec<usize> = (0..self.entries.len()).collect();
        let length = |number: usize| 2 * self.entries[number].path.len() + 100;
        self.work = Self::pieces(&all, PROBED, TEXT, length).into_iter().map(Chunk::Probe).collect();
        if self.work.is_empty() {
            self.work.push(Chunk::Probe(Vec::new()));
        }
        self.work.reverse();
        self.work.last().map_or_else(Program::default, |chunk| self.program(chunk, mode))
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        self.outcome.points.extend(points(&reply));
        self.outcome.changed |= changed(&reply);
        if !matches!(reply.status, 0 | 75) {
            self.outcome.failed = true;
            self.outcome.result = failure(&reply).result;
            return self.finish(&reply);
        }
        if let Some(Chunk::Probe(numbers)) = self.work.pop() {
            let wanted = self.wanted(&numbers, &reply, mode);
            if !mode.check {
                let pieces = Self::pieces(&wanted, PROBED, CARRIED, |number| self.size(number));
                self.work.extend(pieces.into_iter().rev().map(Chunk::Send));
            }
        }
        match self.work.last() {
            Some(chunk) => Progress::Again(self.program(chunk, mode)),
            None => self.finish(&reply),
        }
    }

    fn saves_first(&self) -> bool {
        true
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::operation::Content;

    fn tree(count: usize) -> PutTree {
        let mut entries = vec![TreeEntry { path: "a".to_owned(), content: None, mode: None }];
        entries.extend((0..count).map(|number| TreeEntry {
            path: format!("a/{number}.txt"),
            content: Some(Arc::new(Content::new(number.to_string().into_bytes()))),
            mode: None,
        }));
        PutTree::new("C:\\x".to_owned(), entries, false, "src".to_owned())
    }

    #[test]
    fn only_what_differs_goes_in_one_stream() {
        let mut tree = tree(3);
        let probe = tree.first(Mode::default()).text;
        assert!(probe.starts_with("tree path:QzpceA== folders:YQ== files:YVww"), "{probe}");
        let values = ["want", "want"].iter().zip(["0", "2"]);
        let values = values.map(|(name, value)| ((*name).to_owned(), value.to_owned())).collect();
        let reply = Reply { status: 75, values, ..Reply::default() };
        let Progress::Again(sent) = tree.next(reply, Mode::default()) else { panic!("over too early") };
        assert_eq!(sent.payload.unwrap().bytes(), b"02");
        let Progress::Done(outcome) = tree.next(Reply::default(), Mode::default()) else {
            panic!("not over")
        };
        assert_eq!(outcome.result["operation"], "folder_copy");
    }

    #[test]
    fn many_files_are_probed_in_pieces() {
        let mut tree = tree(450);
        tree.first(Mode::default());
        assert_eq!(tree.work.len(), 3);
        let Progress::Again(_) = tree.next(Reply::default(), Mode::default()) else {
            panic!("over too early")
        };
        let failed =
            Reply { status: 1, values: vec![("msg".to_owned(), "no".to_owned())], ..Reply::default() };
        let Progress::Done(outcome) = tree.next(failed, Mode::default()) else { panic!("not over") };
        assert!(outcome.failed);
        assert_eq!(outcome.result["msg"], "no");
    }
}
