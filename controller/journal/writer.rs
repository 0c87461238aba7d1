//! Appends events to `journal.jsonl`, one line each.
//!
//! The last field of a line, `sum`, is its checksum: the first eight digits of the SHA-256 of the text in front of it.
//! A journal whose writer was killed is opened again behind its last whole line.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::executor::event::Event;
use crate::hostlog::escape_json;

/// The one writer of a journal.
#[derive(Debug)]
pub struct JournalWriter {
    file: File,
    buffer: Vec<u8>,
    /// Records until the process kills itself, for tests.
    left: Option<u64>,
}

impl JournalWriter {
    /// Creates the journal of a new run; it must not exist yet.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(path)?;
        Ok(Self { file, buffer: Vec::new(), left: None })
    }

    /// Opens the journal of a run that goes on. What was torn off behind the last whole line is cut away; the
    /// events in front of it are returned by [`super::read`].
    ///
    /// # Errors
    /// The file cannot be opened, read or cut.
    pub fn reopen(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).open(path)?;
        let whole = whole_length(&mut file)?;
        if whole < file.metadata()?.len() {
            file.set_len(whole)?;
            file.sync_all()?;
        }
        Ok(Self { file, buffer: Vec::new(), left: None })
    }

    /// Kills this process, as `kill -9` does, as soon as so many records are written. For tests of what a killed
    /// controller leaves behind.
    #[must_use]
    pub fn killing_after(self, records: u64) -> Self {
        Self { left: Some(records), ..self }
    }

    /// Takes an event into the buffer.
    ///
    /// # Errors
    /// The event cannot be written as JSON.
    pub fn append(&mut self, event: &Event) -> io::Result<()> {
        let json = serde_json::to_string(event)?;
        let json = escape_json(&json);
        let text = json.strip_suffix('}').ok_or_else(|| io::Error::other("an event is a JSON object"))?;
        self.buffer.extend_from_slice(text.as_bytes());
        self.buffer.extend_from_slice(SUM.as_bytes());
        self.buffer.extend_from_slice(&sum(text.as_bytes()));
        self.buffer.extend_from_slice(b"\"}\n");
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.flush()?;
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)?;
            }
        }
        Ok(())
    }

    /// Hands the buffer to the system: readers see it, a killed controller does not lose it.
    ///
    /// # Errors
    /// The disk is full or gone; the buffer is kept.
    pub fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.file.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Writes the buffer and waits until it is on the disk.
    ///
    /// # Errors
    /// The disk is full or gone.
    pub fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.file.sync_data()
    }
}

/// What stands in front of the checksum of a line.
const SUM: &str = ",\"sum\":\"";
/// Digits of a checksum.
const DIGITS: usize = 8;
/// The end of a journal is looked at in pieces of this many bytes.
const TAIL: u64 = 64 * 1024;

fn sum(text: &[u8]) -> [u8; DIGITS] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digest = Sha256::digest(text);
    std::array::from_fn(|index| {
        let byte = digest[index / 2];
        HEX[usize::from(if index % 2 == 0 { byte >> 4 } else { byte & 15 })]
    })
}

/// Tells whether a line, without its end, is as it was written. Lines of older versions have no checksum.
pub(super) fn is_whole(line: &[u8]) -> bool {
    let tail = SUM.len() + DIGITS + 2;
    let Some(at) = line.len().checked_sub(tail) else { return true };
    let (text, end) = line.split_at(at);
    match end.strip_prefix(SUM.as_bytes()).and_then(|end| end.strip_suffix(b"\"}")) {
        Some(written) => written == sum(text),
        None => true,
    }
}

/// Returns how long a journal is up to the end of its last whole line.
fn whole_length(file: &mut File) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    loop {
        let Some(line_end) = newline_before(file, end)? else { return Ok(0) };
        let start = newline_before(file, line_end)?.map_or(0, |at| at + 1);
        let length = usize::try_from(line_end - start).map_err(io::Error::other)?;
        let mut line = vec![0; length];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut line)?;
        if is_whole(&line) && serde_json::from_slice::<serde::de::IgnoredAny>(&line).is_ok() {
            return Ok(line_end + 1);
        }
        end = start;
    }
}

/// Returns where the last line end in front of `end` is.
fn newline_before(file: &mut File, end: u64) -> io::Result<Option<u64>> {
    let mut from = end;
    while from > 0 {
        let step = TAIL.min(from);
        from -= step;
        let mut piece = vec![0; usize::try_from(step).map_err(io::Error::other)?];
        file.seek(SeekFrom::Start(from))?;
        file.read_exact(&mut piece)?;
        if let Some(at) = piece.iter().rposition(|&byte| byte == b'\n') {
            return Ok(Some(from + at as u64));
        }
    }
    Ok(None)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::executor::event::EventKind;
    use crate::journal::read;

    fn event(seq: u64, text: &str) -> Event {
        let kind = EventKind::Warning { message: text.to_owned() };
        let (at, run) = ("2026-05-09T07:29:33.000001Z".to_owned(), "r".to_owned());
        Event { seq, at, run, host: None, task: None, step: None, kind, kept: None }
    }

    fn journal(events: u64) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let mut writer = JournalWriter::create(&path).unwrap();
        for seq in 1..=events {
            writer.append(&event(seq, &"é\u{2028}".repeat(seq as usize))).unwrap();
        }
        writer.sync().unwrap();
        (folder, path)
    }

    #[test]
    fn lines_have_a_checksum_that_a_changed_byte_breaks() {
        let (_folder, path) = journal(1);
        let line = fs::read_to_string(&path).unwrap();
        assert!(line.contains(r#","sum":""#) && is_whole(line.trim_end().as_bytes()), "{line}");
        for at in 1..line.trim_end().len() - 20 {
            let mut changed = line.trim_end().as_bytes().to_vec();
            changed[at] ^= 1;
            assert!(!is_whole(&changed), "{at}");
        }
    }

    #[test]
    fn a_damaged_line_is_no_event() {
        let (_folder, path) = journal(3);
        let text = fs::read_to_string(&path).unwrap().replacen("\"seq\":2", "\"seq\":9", 1);
        fs::write(&path, text).unwrap();
        let read: Vec<_> = read(&path).unwrap().map(|event| event.map(|event| event.seq).ok()).collect();
        assert_eq!(read, [Some(1), None, Some(3)]);
    }

    proptest! {
        #[test]
        fn writing_goes_on_behind_the_last_whole_line(cut in any::<prop::sample::Index>(), junk in "|[a-z]{1,5}\n?") {
            let (_folder, path) = journal(4);
            let whole = fs::read(&path).unwrap();
            let cut = cut.index(whole.len() + 1);
            let lines = whole[..cut].iter().filter(|&&byte| byte == b'\n').count() as u64;
            fs::write(&path, [&whole[..cut], junk.as_bytes()].concat()).unwrap();
            let mut writer = JournalWriter::reopen(&path).unwrap();
            writer.append(&event(lines + 1, "new")).unwrap();
            writer.sync().unwrap();
            let seqs: Vec<u64> = read(&path).unwrap().map(|event| event.unwrap().seq).collect();
            prop_assert_eq!(seqs, (1..=lines + 1).collect::<Vec<_>>());
        }
    }
}
