//! A block of lines between two marker lines: what `blockinfile` makes of the file's bytes. Pure.

use std::sync::Arc;

use fancy_regex::Regex;

use super::lines::{bytes_as_text, found};
use super::text::{Edited, Shape, TextEdit};

/// Where a block goes that is not there yet.
#[derive(Clone, Debug)]
pub enum Place {
    /// Behind the last line.
    End,
    /// Before the first line.
    Start,
    /// Behind the last line in which a pattern is found, else at the end.
    After(Arc<Regex>),
    /// Before it.
    Before(Arc<Regex>),
    /// Behind the line in which the first match of a pattern that sees all lines ends, else at the end.
    AfterText(Arc<Regex>),
    /// Before the line in which it begins.
    BeforeText(Arc<Regex>),
}

/// A block of lines.
#[derive(Clone, Debug)]
pub struct BlockEdit {
    /// The line in front of it, without its end.
    pub begin: String,
    /// The line behind it.
    pub end: String,
    /// Its text; nothing removes the block with its markers.
    pub block: String,
    /// Where it goes.
    pub place: Place,
    /// Whether an empty line is put behind it, where there is none and it is not at the end.
    pub append_newline: bool,
    /// Whether one is put in front of it.
    pub prepend_newline: bool,
    /// Whether the block is meant to be there (an empty one is not written, but its empty lines are).
    pub present: bool,
}

/// Lines with their ends, of which Python's bytes know `\n`, `\r` and `\r\n`.
fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut line = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        line.push(*byte);
        let ends = *byte == b'\n' || *byte == b'\r' && bytes.get(at + 1) != Some(&b'\n');
        if ends {
            lines.push(std::mem::take(&mut line));
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

impl BlockEdit {
    /// The number of the line before which a new block goes.
    fn insert_at(&self, lines: &[Vec<u8>], original: &[u8]) -> Result<usize, String> {
        let last = |regex: &Regex| -> Result<Option<usize>, String> {
            let mut at = None;
            for (number, line) in lines.iter().enumerate() {
                if found(regex, &bytes_as_text(line))?.is_some() {
                    at = Some(number);
                }
            }
            Ok(at)
        };
        // One byte is one character here, so that places are those of bytes.
        let whole = |regex: &Regex, end: bool| -> Result<Option<usize>, String> {
            let text = bytes_as_text(original);
            let place = found(regex, &text)?.and_then(|captures| {
                let whole = captures.get(0)?;
                Some(if end { whole.end() } else { whole.start() })
            });
            Ok(place.map(|place| text[..place].matches('\n').count()))
        };
        let behind = lines.len();
        Ok(match &self.place {
            Place::End => behind,
            Place::Start => 0,
            Place::After(regex) => last(regex)?.map_or(behind, |at| at + 1),
            Place::Before(regex) => last(regex)?.unwrap_or(behind),
            Place::AfterText(regex) => whole(regex, true)?.map_or(behind, |at| at + 1),
            Place::BeforeText(regex) => whole(regex, false)?.unwrap_or(behind),
        })
    }
}

impl TextEdit for BlockEdit {
    fn edit(&self, bytes: Option<&[u8]>) -> Result<Edited, String> {
        let original = bytes.unwrap_or_default();
        let mut all = lines(original);
        let marker = |text: &str| format!("{text}\n").into_bytes();
        let (begin, end) = (marker(&self.begin), marker(&self.end));
        let mut block = Vec::new();
        if self.present && !self.block.is_empty() {
            let text = self.block.strip_suffix('\n').unwrap_or(&self.block);
            block.push(begin.clone());
            block.extend(lines(format!("{text}\n").as_bytes()));
            block.push(end.clone());
        }
        let place = |marker: &[u8]| all.iter().rposition(|line| line == marker);
        let mut at = match (place(&begin), place(&end)) {
            (Some(one), Some(other)) => {
                let (first, last) = (one.min(other), one.max(other));
                all.drain(first..=last);
                first
            }
            _ => self.insert_at(&all, original)?.min(all.len()),
        };
        if let Some(before) = at.checked_sub(1).and_then(|before| all.get_mut(before))
            && !before.ends_with(b"\n")
        {
            before.push(b'\n');
        }
        let empty = b"\n".to_vec();
        if self.prepend_newline && self.present && at != 0 && all[at - 1] != empty {
            all.insert(at, empty.clone());
            at += 1;
        }
        let behind = at + block.len();
        let written = !block.is_empty();
        all.splice(at..at, block);
        if self.append_newline && self.present && all.get(behind).is_some_and(|line| *line != empty) {
            all.insert(behind, empty);
        }
        let edited = all.concat();
        let message = match bytes {
            None => "File created",
            Some(original) if original == edited => "",
            Some(_) if written => "Block inserted",
            Some(_) => "Block removed",
        };
        Ok(Edited::new(edited, message))
    }

    fn shape(&self) -> Shape {
        Shape::Block
    }

    fn without_file(&self, path: &str, create: bool) -> Option<String> {
        (create && !self.present).then(|| format!("File {path} not present"))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn block(text: &str, place: Place) -> BlockEdit {
        BlockEdit {
            begin: "# BEGIN".to_owned(),
            end: "# END".to_owned(),
            block: text.to_owned(),
            place,
            append_newline: false,
            prepend_newline: false,
            present: true,
        }
    }

    fn after(edit: &BlockEdit, text: &str) -> String {
        String::from_utf8(edit.edit(Some(text.as_bytes())).unwrap().bytes).unwrap()
    }

    #[test]
    fn a_block_is_put_in_replaced_and_taken_out() {
        let one = block("x\ny", Place::End);
        let with = after(&one, "a\nb");
        assert_eq!(with, "a\nb\n# BEGIN\nx\ny\n# END\n");
        assert_eq!(one.edit(Some(with.as_bytes())).unwrap().message, "");
        let other = block("z\n", Place::Start);
        assert_eq!(after(&other, &with), "a\nb\n# BEGIN\nz\n# END\n");
        let mut gone = block("x", Place::End);
        gone.present = false;
        assert_eq!(after(&gone, &with), "a\nb\n");
        assert_eq!(gone.edit(Some(with.as_bytes())).unwrap().message, "Block removed");
        assert_eq!(after(&block("", Place::End), &with), "a\nb\n");
        // Markers in the wrong order, and the last of several, as Ansible takes them.
        assert_eq!(after(&other, "# END\nq\n# BEGIN\nr\n"), "# BEGIN\nz\n# END\nr\n");
    }

    #[test]
    fn empty_lines_and_odd_line_ends() {
        let mut edit = block("x", Place::After(super::super::lines::pattern("^a").unwrap()));
        (edit.append_newline, edit.prepend_newline) = (true, true);
        let with = after(&edit, "a\nb\n");
        assert_eq!(with, "a\n\n# BEGIN\nx\n# END\n\nb\n");
        assert_eq!(after(&edit, &with), with);
        let edited = edit.edit(Some(b"a\xff\r\nb\rc")).unwrap();
        assert_eq!(edited.bytes, b"a\xff\r\n\n# BEGIN\nx\n# END\n\nb\rc");
        let whole = super::super::lines::pattern("(?m)^a$\n^b$").unwrap();
        assert_eq!(after(&block("x", Place::BeforeText(whole)), "q\na\nb\n"), "q\n# BEGIN\nx\n# END\na\nb\n");
    }
}
