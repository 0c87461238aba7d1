//! Appends events to `journal.jsonl`, one line each.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::executor::event::Event;
use crate::hostlog::escape_json;

/// The one writer of a journal.
#[derive(Debug)]
pub struct JournalWriter {
    file: File,
    buffer: Vec<u8>,
}

impl JournalWriter {
    /// Creates the journal of a new run; it must not exist yet.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(path)?;
        Ok(Self { file, buffer: Vec::new() })
    }

    /// Takes an event into the buffer.
    ///
    /// # Errors
    /// The event cannot be written as JSON.
    pub fn append(&mut self, event: &Event) -> io::Result<()> {
        let json = serde_json::to_string(event)?;
        self.buffer.extend_from_slice(escape_json(&json).as_bytes());
        self.buffer.push(b'\n');
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
