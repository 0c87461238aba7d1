//! Reads a journal, also one whose writer was killed in the middle of a line or is still at work.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::writer::is_whole;
use crate::executor::event::{Event, EventKind};

/// The last line is looked for in steps of this many bytes.
const TAIL: u64 = 64 * 1024;

/// The journal cannot be read.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file cannot be opened or read.
    #[error("cannot read the journal `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line in the middle is not an event. Reading can go on.
    #[error("line {line} of the journal `{path}` is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// The events of a journal, in order; kinds of newer versions are left out.
#[derive(Debug)]
pub struct Events {
    path: PathBuf,
    reader: BufReader<File>,
    line: u64,
    text: Vec<u8>,
}

/// Opens a journal. A last line without an end was torn off and is left out, as is a damaged last line.
pub fn read(path: &Path) -> Result<Events, JournalError> {
    let file = File::open(path).map_err(|source| JournalError::Read { path: path.to_owned(), source })?;
    Ok(Events { path: path.to_owned(), reader: BufReader::new(file), line: 0, text: Vec::new() })
}

impl Iterator for Events {
    type Item = Result<Event, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.text.clear();
            self.line += 1;
            let fail = |source| JournalError::Read { path: self.path.clone(), source };
            if let Err(error) = self.reader.read_until(b'\n', &mut self.text) {
                return Some(Err(fail(error)));
            }
            if self.text.pop() != Some(b'\n') {
                return None;
            }
            let event = match is_whole(&self.text) {
                true => serde_json::from_slice::<Event>(&self.text),
                false => Err(serde::de::Error::custom("its checksum is wrong")),
            };
            match event {
                Ok(Event { kind: EventKind::Unknown, .. }) => {}
                Ok(event) => return Some(Ok(event)),
                Err(source) => match self.reader.fill_buf() {
                    Ok([]) => return None,
                    Ok(_) => {
                        return Some(Err(JournalError::Damaged {
                            path: self.path.clone(),
                            line: self.line,
                            source,
                        }));
                    }
                    Err(error) => return Some(Err(fail(error))),
                },
            }
        }
    }
}

/// The last whole event of a journal without reading what is before it: `run_finished`, if the run ended.
pub fn last(path: &Path) -> Result<Option<Event>, JournalError> {
    let look = || -> io::Result<Option<Event>> {
        let mut file = File::open(path)?;
        let length = file.seek(SeekFrom::End(0))?;
        let mut tail = Vec::new();
        let mut from = length;
        loop {
            let step = TAIL.max(tail.len() as u64).min(from);
            from -= step;
            file.seek(SeekFrom::Start(from))?;
            let mut more = vec![0; usize::try_from(step).map_err(io::Error::other)?];
            file.read_exact(&mut more)?;
            more.append(&mut tail);
            tail = more;
            // The line must be whole: an end, and another line's end or the file's start before it.
            let Some(end) = tail.iter().rposition(|&byte| byte == b'\n') else {
                if from == 0 {
                    return Ok(None);
                } else {
                    continue;
                };
            };
            let start = tail[..end].iter().rposition(|&byte| byte == b'\n');
            if start.is_some() || from == 0 {
                return Ok(serde_json::from_slice(&tail[start.map_or(0, |at| at + 1)..end]).ok());
            }
        }
    };
    look().map_err(|source| JournalError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs;

    use super::*;
    use proptest::prelude::*;

    fn line(seq: u64, rest: &str) -> String {
        format!(r#"{{"seq":{seq},"at":"2026-05-09T07:29:33.000001Z","run":"r",{rest},"crc":"0badcafe"}}"#)
            + "\n"
    }

    fn warning(seq: u64, text: &str) -> String {
        line(seq, &format!(r#""kind":"warning","message":"{text}""#))
    }

    struct Journal(tempfile::TempDir);

    impl Journal {
        fn new(content: impl AsRef<[u8]>) -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("journal.jsonl"), content).unwrap();
            Self(folder)
        }

        fn path(&self) -> PathBuf {
            self.0.path().join("journal.jsonl")
        }

        fn seqs(&self) -> Vec<Result<u64, String>> {
            let plain = |error: JournalError| error.to_string().replace(self.0.path().to_str().unwrap(), "");
            read(&self.path()).unwrap().map(|event| event.map(|event| event.seq).map_err(plain)).collect()
        }
    }

    #[test]
    fn reads_events_and_leaves_out_newer_kinds() {
        let newer = line(2, r#""host":"a","kind":"teleported","where":{"x":[1]}"#);
        let journal = Journal::new([warning(1, "a"), newer, warning(3, "b")].concat());
        assert_eq!(journal.seqs(), [Ok(1), Ok(3)]);
    }

    #[test]
    fn reads_every_field_back() {
        let text = line(
            7,
            r#""host":"a","task":"t","step":2,"kind":"step_finished","status":"changed","changed":true,"rc":-1,"duration_ms":5"#,
        );
        let journal = Journal::new(text);
        let event = read(&journal.path()).unwrap().next().unwrap().unwrap();
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(
            json.trim_end_matches('}'),
            fs::read_to_string(journal.path()).unwrap().split(r#","crc""#).next().unwrap()
        );
    }

    #[test]
    fn a_damaged_line_is_told_and_passed() {
        let journal = Journal::new([warning(1, "a"), "{\"seq\":2\n".to_owned(), warning(3, "b")].concat());
        assert_eq!(
            journal.seqs(),
            [Ok(1), Err("line 2 of the journal `/journal.jsonl` is damaged".to_owned()), Ok(3)]
        );
        let journal = Journal::new([warning(1, "a"), "\0\0\0\0\n".to_owned()].concat());
        assert_eq!(journal.seqs(), [Ok(1)]);
    }

    #[test]
    fn finds_the_last_event_however_long_it_is() {
        for size in [10, 70_000, 1_000_000] {
            let whole = [warning(1, "a"), warning(2, &"x".repeat(size))].concat();
            assert_eq!(last(&Journal::new(&whole).path()).unwrap().unwrap().seq, 2);
            let torn = Journal::new([whole, "{\"seq\":3,".to_owned()].concat());
            assert_eq!(last(&torn.path()).unwrap().unwrap().seq, 2);
        }
        assert_eq!(last(&Journal::new(warning(1, "a")).path()).unwrap().unwrap().seq, 1);
        assert!(last(&Journal::new("{\"seq\"").path()).unwrap().is_none());
        assert!(last(&Journal::new("").path()).unwrap().is_none());
        assert!(last(Path::new("/nowhere/journal.jsonl")).is_err());
    }

    proptest! {
        #[test]
        fn a_torn_journal_gives_its_whole_lines(cut in any::<prop::sample::Index>()) {
            let whole = [warning(1, "é"), warning(2, "b"), warning(3, "日本")].concat().into_bytes();
            let cut = cut.index(whole.len() + 1);
            let lines = whole[..cut].iter().filter(|&&byte| byte == b'\n').count() as u64;
            let journal = Journal::new(&whole[..cut]);
            prop_assert_eq!(journal.seqs(), (1..=lines).map(Ok).collect::<Vec<_>>());
            prop_assert_eq!(last(&journal.path()).unwrap().map(|event| event.seq).unwrap_or_default(), lines);
        }
    }
}
