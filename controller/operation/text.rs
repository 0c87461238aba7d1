//! What an edit of a text file is: text in, text out, and how its result is told. Pure.

use std::fmt::Debug;

use serde_json::{Map, Value};

/// What an edit makes of a file.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Edited {
    pub(super) bytes: Vec<u8>,
    /// What was done; nothing for nothing.
    pub(super) message: String,
    /// Lines that were removed, for `lineinfile` with `absent`.
    pub(super) found: Option<usize>,
    /// Whether the step is over with the message, and the file is left alone with all its attributes.
    pub(super) over: bool,
}

impl Edited {
    pub(super) fn new(bytes: Vec<u8>, message: impl Into<String>) -> Self {
        Self { bytes, message: message.into(), ..Self::default() }
    }
}

/// The fields of a result, which differ by module.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// `lineinfile`: the copy is `backup`, the difference a list.
    Line,
    /// `blockinfile`: the copy is `backup_file`, the difference a list.
    Block,
    /// `cron`, `authorized_key` and `known_hosts`: fields of their own, and the difference of the content alone.
    Cron,
    /// `replace`: as `blockinfile`, with `rc`; the difference is that of the content alone.
    Text,
}

/// An edit of a text file.
pub trait TextEdit: Debug + Send + Sync {
    /// Edits the bytes of a file; nothing for a file that is not there.
    ///
    /// # Errors
    /// Why it cannot be done.
    fn edit(&self, bytes: Option<&[u8]>) -> Result<Edited, String>;

    /// How the result looks.
    fn shape(&self) -> Shape;

    /// Adds fields of its own to the result, from the new content.
    fn tell(&self, _bytes: &[u8], _result: &mut Map<String, Value>) {}

    /// What is said where the file is missing, if there is nothing to do then.
    fn without_file(&self, _path: &str, _create: bool) -> Option<String> {
        None
    }
}
