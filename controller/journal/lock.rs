//! The lock of a run: one process at a time writes to it, resumes it, rolls it back or prunes it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::{RunFolder, short_id};

/// Whoever only looks holds a shared lock for a moment, so the lock is tried more than once.
const TRIES: u32 = 25;
const PAUSE: Duration = Duration::from_millis(20);

/// The lock of a run, given back when this is dropped.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

/// Another process has the lock, or there is none.
#[derive(Debug, Error)]
pub enum LockError {
    /// Somebody is at work on the run.
    #[error("run `{run}` is in use: {work}\nhint: wait until that has ended")]
    Busy {
        /// The run.
        run: String,
        /// What is done, by which process.
        work: String,
    },
    /// The lock file cannot be used.
    #[error("cannot lock `{path}`")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl RunFolder {
    /// Takes the lock; `work` is what for, and is told to whoever comes meanwhile: `rollback 0198f1e2-3b4c`.
    ///
    /// # Errors
    /// Another process has it, or the file cannot be made.
    pub fn take(&self, work: &str) -> Result<RunLock, LockError> {
        let path = self.lock();
        let fail = |source| LockError::Open { path: path.clone(), source };
        let open =
            OpenOptions::new().create(true).truncate(false).write(true).read(true).mode(0o600).open(&path);
        let mut file = open.map_err(fail)?;
        for turn in 0.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if turn < TRIES => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    let run = short_id(self.id()).to_owned();
                    return Err(LockError::Busy { run, work: worker(&mut file) });
                }
                Err(TryLockError::Error(source)) => return Err(fail(source)),
            }
        }
        sign(&mut file, work).map_err(fail)?;
        Ok(RunLock { _file: file })
    }
}

/// Notes in a lock that is held who holds it.
pub(super) fn sign(file: &mut File, work: &str) -> io::Result<()> {
    file.rewind()?;
    file.set_len(0)?;
    writeln!(file, "{} {work}", std::process::id())
}

/// Who holds a lock, as it says.
fn worker(file: &mut File) -> String {
    let mut text = String::new();
    // Nothing is said while it is being written.
    let _ = file.rewind().and_then(|()| file.take(200).read_to_string(&mut text));
    let text = crate::hostlog::sanitize_line(text.trim()).into_owned();
    match text.split_once(' ') {
        Some((process, work)) => format!("`{work}` by process {process}"),
        None => "another process is at work on it".to_owned(),
    }
}

/// Whether a lock that is held is that of a controller at work on the run itself.
pub(super) fn is_run(file: &mut File) -> bool {
    let mut text = String::new();
    let _ = file.rewind().and_then(|()| file.take(200).read_to_string(&mut text));
    !matches!(text.split_whitespace().nth(1), Some("rollback" | "prune"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time_and_it_is_named() {
        let state = tempfile::tempdir().unwrap();
        let run = RunFolder::new(state.path(), "0198f1e2-3b4c-7000-8000-000000000001");
        std::fs::create_dir_all(run.path()).unwrap();
        let lock = run.take("rollback 0198f1e2-9999").unwrap();
        // Who rolls a run back is not at work on it as its controller is.
        assert!(!run.is_running());
        let message = run.take("prune").unwrap_err().to_string();
        let expected = format!(
            "run `0198f1e2-3b4c` is in use: `rollback 0198f1e2-9999` by process {}\nhint: wait until that has ended",
            std::process::id()
        );
        assert_eq!(message, expected);
        drop(lock);
        let lock = run.take("apply").unwrap();
        assert!(run.is_running());
        drop(lock);
        assert!(!run.is_running());
    }
}
