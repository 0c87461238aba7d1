//! Why a host log cannot be written.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// The log cannot be written.
#[derive(Debug, Error)]
pub enum HostLogError {
    /// The file cannot be made or opened.
    #[error("cannot open the host log `{path}`: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Writing failed: usually the disk is full.
    #[error("cannot write the host log `{path}`: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}
