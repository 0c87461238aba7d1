//! Source files held in memory, and places in them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that was read, under the name that messages use for it.
#[derive(Debug)]
pub struct SourceFile {
    name: String,
    path: PathBuf,
    text: String,
    line_starts: Vec<usize>,
    encrypted: bool,
}

impl SourceFile {
    /// Holds `text` under `name`, the form in which messages cite it (`<extra-vars>` for text that
    /// is in no file); `path` is what relative paths inside the text are resolved against.
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<Self> {
        Self::with(name.into(), path.into(), text.into(), false)
    }

    /// As [`SourceFile::new`], for text that lies encrypted on the disk: messages show nothing of it.
    pub fn encrypted(
        name: impl Into<String>,
        path: impl Into<PathBuf>,
        text: impl Into<String>,
    ) -> Arc<Self> {
        Self::with(name.into(), path.into(), text.into(), true)
    }

    fn with(name: String, path: PathBuf, text: String, encrypted: bool) -> Arc<Self> {
        let mut line_starts = vec![0];
        line_starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        Arc::new(Self { name, path, text, line_starts, encrypted })
    }

    /// Returns the name that messages use.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the path of the file on disk (empty for text that is in no file).
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells whether the text lies encrypted on the disk and must not be shown.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the line (1-based) and column (1-based, in characters) of a byte offset.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts[line - 1];
        let column = self.text.get(start..offset).map_or(1, |before| before.chars().count() + 1);
        (line, column)
    }

    /// Returns the line (1-based) of a byte offset; unlike the column it takes no time on long lines.
    pub fn line_number(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset.min(self.text.len()))
    }

    /// Returns a line (1-based) without its line end, or nothing past the last line.
    pub fn line(&self, line: usize) -> Option<&str> {
        let start = *self.line_starts.get(line.checked_sub(1)?)?;
        let end = self.line_starts.get(line).copied().unwrap_or(self.text.len());
        Some(self.text.get(start..end)?.trim_end_matches(['\n', '\r']))
    }
}

/// A range of bytes of one source file.
#[derive(Clone)]
pub struct Span {
    /// The file.
    pub file: Arc<SourceFile>,
    /// First byte.
    pub start: usize,
    /// The byte behind the last one.
    pub end: usize,
}

impl Span {
    /// Marks the bytes `start..end` of `file`.
    pub fn new(file: Arc<SourceFile>, start: usize, end: usize) -> Self {
        Self { file, start, end }
    }

    /// Returns the place as messages cite it: `FILE:LINE:COLUMN`.
    pub fn place(&self) -> String {
        let (line, column) = self.file.line_column(self.start);
        format!("{}:{line}:{column}", self.file.name())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place())
    }
}
