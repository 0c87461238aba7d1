//! Opens the folder of a run that goes on: one writer, one more incarnation.

use std::fs;
use std::io;

use thiserror::Error;

use super::create::write_durably;
use super::{JournalWriter, LockError, RunFolder, RunLock, RunRecord};
use crate::secrets::{KEY, Seal};

/// A run cannot be opened again.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process is at work on it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Its folder cannot be read or written.
    #[error("cannot open the state of run `{run}`: {source}")]
    Folder {
        /// The run.
        run: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no `run.json` that tells what was asked.
    #[error("run `{run}` has no readable `run.json`, so that nobody knows what was asked")]
    Record {
        /// The run.
        run: String,
    },
    /// There is no key.
    #[error("the key of run `{run}` is missing or damaged")]
    Key {
        /// The run.
        run: String,
    },
}

/// A run that goes on: its folder, what was asked, and the lock that says so until it is dropped.
#[derive(Debug)]
pub struct OpenRun {
    /// The folder.
    pub folder: RunFolder,
    /// What was asked.
    pub record: RunRecord,
    lock: RunLock,
}

impl OpenRun {
    /// Takes the lock of a run and reads what was asked.
    ///
    /// # Errors
    /// It is at work, or its folder is not whole.
    pub fn open(folder: RunFolder) -> Result<Self, OpenError> {
        let run = folder.id().to_owned();
        let lock = folder.take("resume")?;
        let record = RunRecord::read(&folder.record()).ok_or(OpenError::Record { run })?;
        Ok(Self { folder, record, lock })
    }

    /// Reads the key of the run.
    ///
    /// # Errors
    /// There is none.
    pub fn seal(&self) -> Result<Seal, OpenError> {
        read_seal(&self.folder).ok_or_else(|| OpenError::Key { run: self.folder.id().to_owned() })
    }

    /// Begins the next incarnation, durably, and opens the journal behind its last whole line.
    ///
    /// # Errors
    /// `run.json` or the journal cannot be written.
    pub fn begin(&mut self) -> Result<JournalWriter, OpenError> {
        let fail = |source| OpenError::Folder { run: self.folder.id().to_owned(), source };
        self.record.incarnation += 1;
        write_durably(&self.folder.record(), &self.record).map_err(fail)?;
        let journal = self.folder.journal();
        match JournalWriter::reopen(&journal) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                JournalWriter::create(&journal).map_err(fail)
            }
            other => other.map_err(fail),
        }
    }

    /// Gives the lock back; so does dropping.
    pub fn finish(self) {
        drop(self.lock);
    }
}

/// Reads the key of a run; none if it is missing or damaged.
pub(super) fn read_seal(folder: &RunFolder) -> Option<Seal> {
    let key = zeroize::Zeroizing::new(fs::read(folder.key()).ok()?);
    Some(Seal::new(<&[u8; KEY]>::try_from(key.as_slice()).ok()?))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::NewRun;
    use super::*;

    #[test]
    fn a_run_is_opened_by_one_writer_and_counts_its_incarnations() {
        let state = tempfile::tempdir().unwrap();
        let new = NewRun::create(state.path(), |run, seal| RunRecord {
            run: run.to_owned(),
            incarnation: 1,
            arguments: Some(seal.seal(b"said")),
            ..RunRecord::default()
        });
        let new = new.unwrap();
        let folder = new.folder.clone();
        assert!(matches!(OpenRun::open(folder.clone()), Err(OpenError::Lock(_))));
        new.finish();
        let mut open = OpenRun::open(folder.clone()).unwrap();
        assert!(folder.is_running());
        open.begin().unwrap();
        assert_eq!(RunRecord::read(&folder.record()).unwrap().incarnation, 2);
        let said = open.record.arguments.clone().unwrap();
        assert_eq!(&**open.seal().unwrap().open(&said).unwrap(), b"said");
        fs::write(folder.key(), "short").unwrap();
        assert!(matches!(open.seal(), Err(OpenError::Key { .. })));
        open.finish();
        assert!(!folder.is_running());
    }
}
