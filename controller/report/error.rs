//! Why a report cannot be given.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::journal::{FolderError, JournalError};

/// A report cannot be given.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The run cannot be found.
    #[error(transparent)]
    Run(#[from] FolderError),
    /// Its journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The host took no part in the run.
    #[error("`{host}` is not a host of run {run}\nhint: {hint}")]
    UnknownHost {
        /// The host.
        host: String,
        /// The run.
        run: String,
        /// A host that was perhaps meant, or where to see all.
        hint: String,
    },
    /// No run had the host.
    #[error("no run in `{state_dir}` had `{host}`\nhint: {hint}")]
    NoHistory {
        /// The host.
        host: String,
        /// The state folder.
        state_dir: PathBuf,
        /// A host that was perhaps meant, or where to look.
        hint: String,
    },
    /// Neither a run nor a host is named.
    #[error(
        "say which run\nhint: `paceline runs show latest`, or `--host HOST` alone for all runs of a host"
    )]
    NothingNamed,
    /// The host has no log.
    #[error("`{host}` has no log in run {run}\nhint: it had no turn; `paceline runs show {run}` tells why")]
    NoLog {
        /// The host.
        host: String,
        /// The run.
        run: String,
    },
    /// The host log cannot be read.
    #[error("cannot read the host log `{path}`")]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `--output json` and `-f` do not go together.
    #[error(
        "`-f` follows a log as text and cannot be one JSON document\nhint: leave out `-f` or `--output json`"
    )]
    FollowJson,
    /// `-o -` and `--output json` do not go together.
    #[error(
        "`-o -` writes the page itself and cannot be one JSON document\nhint: leave out `-o -`: the document then names the file"
    )]
    PageJson,
    /// The page cannot be written.
    #[error(
        "cannot write the page `{path}`\nhint: `-o FILE` names another file, `-o -` writes to standard output"
    )]
    Page {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The report cannot be written.
    #[error("cannot write the report")]
    Write(#[from] io::Error),
}
