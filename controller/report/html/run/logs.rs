//! The logs of hosts as far as a page can hold them: start and end of each, of a limited size together.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::hostlog::Sanitizer;

/// Bytes of the start and of the end of a log.
const START: u64 = 12 * 1024;
const END: u64 = 36 * 1024;
/// Bytes of all logs of a page.
const ALL: u64 = 6 << 20;

/// What of the logs may still be shown.
pub(super) struct Budget(u64);

impl Default for Budget {
    fn default() -> Self {
        Self(ALL)
    }
}

/// A log.
pub(super) struct Log {
    pub start: String,
    /// What follows a gap, and its size in bytes.
    pub rest: Option<(u64, String)>,
    pub size: u64,
}

/// Why a log is not shown.
pub(super) enum LogView {
    Shown(Log),
    /// The host has none: it had no turn.
    None,
    /// The page is full; the size of the log in bytes.
    Full(u64),
    /// It cannot be read.
    Unreadable(String),
}

impl Budget {
    /// Reads what of a log fits.
    pub(super) fn take(&mut self, path: &Path) -> LogView {
        match self.read(path) {
            Ok(view) => view,
            Err(error) if error.kind() == io::ErrorKind::NotFound => LogView::None,
            Err(error) => LogView::Unreadable(error.to_string()),
        }
    }

    fn read(&mut self, path: &Path) -> io::Result<LogView> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let wanted = size.min(START + END);
        let Some(left) = self.0.checked_sub(wanted) else { return Ok(LogView::Full(size)) };
        self.0 = left;
        if size <= START + END {
            return Ok(LogView::Shown(Log { start: text(&mut file, wanted)?, rest: None, size }));
        }
        let start = whole_lines_before(&text(&mut file, START)?);
        file.seek(SeekFrom::Start(size - END))?;
        let end = text(&mut file, END)?;
        let end = end.split_once('\n').map_or(end.as_str(), |(_, rest)| rest).to_owned();
        Ok(LogView::Shown(Log { start, rest: Some((size - START - END, end)), size }))
    }
}

/// The log may have been changed since it was written, so it is made inert again.
fn text(file: &mut File, bytes: u64) -> io::Result<String> {
    let mut raw = Vec::new();
    file.take(bytes).read_to_end(&mut raw)?;
    let (mut sanitizer, mut clean) = (Sanitizer::default(), Vec::with_capacity(raw.len()));
    sanitizer.feed(&raw, &mut clean);
    sanitizer.finish(&mut clean);
    Ok(String::from_utf8_lossy(&clean).into_owned())
}

fn whole_lines_before(text: &str) -> String {
    text.rfind('\n').map_or(text, |at| &text[..=at]).to_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_keeps_its_start_and_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let lines: String = (0..10_000).map(|n| format!("line {n:06}\n")).collect();
        std::fs::write(&path, &lines).unwrap();
        let LogView::Shown(log) = Budget::default().take(&path) else { panic!("not shown") };
        let (gap, end) = log.rest.unwrap();
        assert!(log.start.starts_with("line 000000\n") && log.start.ends_with('\n'));
        assert!(end.starts_with("line ") && end.ends_with("line 009999\n"));
        assert_eq!((gap, log.size), (lines.len() as u64 - START - END, lines.len() as u64));
    }

    #[test]
    fn all_logs_together_have_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        std::fs::write(&path, "x".repeat(40 * 1024)).unwrap();
        let mut budget = Budget::default();
        let shown = (0..1_000).filter(|_| matches!(budget.take(&path), LogView::Shown(_))).count();
        assert_eq!(shown, 153);
        assert!(matches!(budget.take(&path), LogView::Full(40_960)));
        assert!(matches!(budget.take(&folder.path().join("b.log")), LogView::None));
    }
}
