//! Makes the folder of a new run, durably, before anything else happens.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{JournalWriter, RunFolder, RunRecord, new_run_id};
use crate::secrets::Seal;

/// A run cannot be started because its state cannot be kept.
#[derive(Debug, Error)]
#[error("cannot keep the state of the run in `{path}`: {source}")]
pub struct StateError {
    /// What was being made.
    path: PathBuf,
    /// Why it failed.
    #[source]
    source: io::Error,
}

/// A run that has started: its folder, and the lock that says so until it is dropped.
#[derive(Debug)]
pub struct NewRun {
    /// The folder.
    pub folder: RunFolder,
    seal: Arc<Seal>,
    lock: File,
}

impl NewRun {
    /// Makes the folder of a new run below the state folder and writes `run.json`, both durable.
    /// `record` is given the id of the run and what seals its secrets.
    ///
    /// # Errors
    /// A folder or file cannot be made.
    pub fn create(
        state_dir: &Path,
        record: impl FnOnce(&str, &Seal) -> RunRecord,
    ) -> Result<Self, StateError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| StateError { path, source }
        };
        private_folder(state_dir).map_err(at(state_dir))?;
        let runs = state_dir.join("runs");
        private_folder(&runs).map_err(at(&runs))?;
        // Held while the id is made, so that ids sort as runs started, and nobody prunes meanwhile.
        let _making = state_lock(state_dir)?;
        let folder = RunFolder::new(state_dir, &new_run_id());
        DirBuilder::new().mode(0o700).create(folder.path()).map_err(at(folder.path()))?;
        DirBuilder::new().mode(0o700).create(folder.hosts()).map_err(at(&folder.hosts()))?;
        let mut lock = private_file(&folder.lock()).map_err(at(&folder.lock()))?;
        lock.lock().map_err(at(&folder.lock()))?;
        super::lock::sign(&mut lock, "run").map_err(at(&folder.lock()))?;
        let key = Seal::generate();
        write_new(&folder.key(), &*key).map_err(at(&folder.key()))?;
        let seal = Arc::new(Seal::new(&key));
        write_durably(&folder.record(), &record(folder.id(), &seal)).map_err(at(&folder.record()))?;
        sync_folder(&runs).map_err(at(&runs))?;
        Ok(Self { folder, seal, lock })
    }

    /// Opens the journal.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn journal(&self) -> Result<JournalWriter, StateError> {
        let path = self.folder.journal();
        JournalWriter::create(&path)
            .and_then(|journal| sync_folder(self.folder.path()).map(|()| journal))
            .map_err(|source| StateError { path, source })
    }

    /// What seals the secrets of the run.
    pub fn seal(&self) -> Arc<Seal> {
        self.seal.clone()
    }

    /// Gives the lock back; so does dropping.
    pub fn finish(self) {
        drop(self.lock);
    }
}

/// Takes the lock of a state folder, which is held while a run is made or runs are removed; dropping gives it back.
///
/// # Errors
/// The file cannot be made or locked.
pub fn state_lock(state_dir: &Path) -> Result<File, StateError> {
    let path = state_dir.join("lock");
    let fail = |source| StateError { path: path.clone(), source };
    let lock = private_file(&path).map_err(fail)?;
    lock.lock().map_err(fail)?;
    Ok(lock)
}

fn private_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).recursive(true).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other,
    }
}

pub(super) fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).read(true).mode(0o600).open(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Writes a private file that does not exist yet, durably.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Writes `run.json` whole or not at all.
pub(super) fn write_durably(path: &Path, record: &RunRecord) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, record)?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_folder(folder)
}

/// Returns the SHA-256 of files, by path; of a folder, of the files in it. What cannot be read is
/// left out.
pub fn digests(paths: impl IntoIterator<Item = PathBuf>) -> IndexMap<String, String> {
    let mut digests = IndexMap::new();
    let mut waiting: Vec<PathBuf> = paths.into_iter().collect();
    waiting.reverse();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let mut inside: Vec<PathBuf> =
                fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
            inside.sort_by(|a, b| b.cmp(a));
            waiting.append(&mut inside);
        } else if let Ok(digest) = digest(&path) {
            digests.insert(path.display().to_string(), digest);
        }
    }
    digests
}

fn digest(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 65536];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        digest.update(&buffer[..count]);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_new_run_is_private_and_locked() {
        let state = tempfile::tempdir().unwrap();
        let state_dir = state.path().join("state");
        let record = |run: &str, _: &Seal| RunRecord { run: run.to_owned(), ..RunRecord::default() };
        let run = NewRun::create(&state_dir, record).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&state_dir), 0o700);
        assert_eq!(mode(run.folder.path()), 0o700);
        assert_eq!(mode(&run.folder.record()), 0o600);
        assert_eq!(RunRecord::read(&run.folder.record()).unwrap().run, run.folder.id());
        assert!(run.folder.is_running());
        let folder = run.folder.clone();
        run.finish();
        assert!(!folder.is_running());
    }

    #[test]
    fn folders_are_digested_file_by_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b"), "").unwrap();
        fs::write(folder.path().join("a"), "").unwrap();
        let digests = digests([folder.path().to_owned()]);
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digests.values().collect::<Vec<_>>(), [empty, empty]);
        assert!(digests.keys().next().unwrap().ends_with("/a"));
    }
}
