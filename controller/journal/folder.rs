//! Where the parts of a run are, and which run a person means.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use uuid::Uuid;

use crate::hostlog::percent_encode_host;

/// Characters of a UUIDv7 that hold its time: usually enough to tell runs apart.
const TIME: usize = 13;

/// A run cannot be found.
#[derive(Debug, Error)]
pub enum FolderError {
    /// The state folder cannot be read.
    #[error("cannot read the state folder `{path}`")]
    Read {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no run at all.
    #[error("there are no runs in `{state_dir}`\nhint: `--state-dir` names another state folder")]
    NoRuns {
        /// The state folder.
        state_dir: PathBuf,
    },
    /// No run begins so.
    #[error("no run begins with `{text}`\nhint: `paceline runs list` shows the runs")]
    Unknown {
        /// What was asked for.
        text: String,
    },
    /// Several runs begin so.
    #[error("`{text}` could be any of {}\nhint: give more of its characters", some_of(candidates))]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// The runs that begin so, newest first.
        candidates: Vec<String>,
    },
}

/// Names the newest of the runs that were perhaps meant, and how many more there are.
fn some_of(candidates: &[String]) -> String {
    const NAMED: usize = 5;
    let named = candidates.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match candidates.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// The folder of one run: `STATE/runs/RUN`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunFolder {
    id: String,
    path: PathBuf,
}

impl RunFolder {
    /// The folder of a run, whether it exists or not.
    pub fn new(state_dir: &Path, id: &str) -> Self {
        Self { id: id.to_owned(), path: state_dir.join("runs").join(id) }
    }

    /// The run.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `run.json`: what was asked.
    pub fn record(&self) -> PathBuf {
        self.path.join("run.json")
    }

    /// `journal.jsonl`: the events.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal.jsonl")
    }

    /// `lock`: held by the writer, as [`File::lock`] holds it.
    pub fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// `key`: what results under `no_log` are sealed with.
    pub fn key(&self) -> PathBuf {
        self.path.join("key")
    }

    /// `inputs`: the files that the run was made of, sealed.
    pub fn inputs(&self) -> PathBuf {
        self.path.join("inputs")
    }

    /// The folder of the host logs.
    pub fn hosts(&self) -> PathBuf {
        self.path.join("hosts")
    }

    /// The log of a host.
    pub fn host_log(&self, host: &str) -> PathBuf {
        self.hosts().join(format!("{}.log", percent_encode_host(host)))
    }

    /// Whether a controller is at work on the run, told by its lock. The look takes a shared lock for a moment,
    /// so a writer should try its lock more than once.
    pub fn is_running(&self) -> bool {
        File::open(self.lock()).is_ok_and(|mut lock| {
            matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)) && super::lock::is_run(&mut lock)
        })
    }
}

/// A new run id: UUIDv7, so that the names of runs sort by time.
pub fn new_run_id() -> String {
    Uuid::now_v7().to_string()
}

/// The part of a run id that people see and type: its time.
pub fn short_id(id: &str) -> &str {
    if Uuid::try_parse(id).is_ok() { id.get(..TIME).unwrap_or(id) } else { id }
}

/// All runs of a state folder, newest first; none if the folder does not exist.
pub fn runs(state_dir: &Path) -> Result<Vec<RunFolder>, FolderError> {
    let path = state_dir.join("runs");
    let fail = |source| FolderError::Read { path: path.clone(), source };
    let entries = match fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fail(error)),
    };
    let mut runs = Vec::new();
    for entry in entries {
        let entry = entry.map_err(fail)?;
        if let Some(id) = entry.file_name().to_str().filter(|id| Uuid::try_parse(id).is_ok()) {
            runs.push(RunFolder { id: id.to_owned(), path: entry.path() });
        }
    }
    runs.sort_unstable_by(|a, b| b.id.cmp(&a.id));
    Ok(runs)
}

/// The run that a person means: a unique prefix of its id, or `latest`.
pub fn resolve(state_dir: &Path, text: &str) -> Result<RunFolder, FolderError> {
    let mut runs = runs(state_dir)?;
    if runs.is_empty() {
        return Err(FolderError::NoRuns { state_dir: state_dir.to_owned() });
    }
    if text == "latest" {
        return Ok(runs.swap_remove(0));
    }
    let asked = text.to_ascii_lowercase();
    runs.retain(|run| !asked.is_empty() && run.id.starts_with(&asked));
    match runs.len() {
        0 => Err(FolderError::Unknown { text: text.to_owned() }),
        1 => Ok(runs.swap_remove(0)),
        _ => {
            let candidates = runs.into_iter().map(|run| run.id).collect();
            Err(FolderError::Ambiguous { text: text.to_owned(), candidates })
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const OLD: &str = "0198f1e2-3b4c-7000-8000-000000000001";
    const NEW: &str = "0198f1e2-9999-7000-8000-000000000002";

    fn state(ids: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for id in ids {
            fs::create_dir_all(RunFolder::new(folder.path(), id).path()).unwrap();
        }
        folder
    }

    #[test]
    fn runs_are_newest_first_and_other_folders_are_none() {
        let state = state(&[OLD, NEW, "notes"]);
        let ids: Vec<String> = runs(state.path()).unwrap().into_iter().map(|run| run.id).collect();
        assert_eq!(ids, [NEW, OLD]);
        assert!(runs(&state.path().join("nowhere")).unwrap().is_empty());
    }

    #[test]
    fn prefixes_and_latest_name_a_run() {
        let state = state(&[OLD, NEW]);
        assert_eq!(resolve(state.path(), "latest").unwrap().id(), NEW);
        assert_eq!(resolve(state.path(), "0198F1E2-3").unwrap().id(), OLD);
        assert_eq!(resolve(state.path(), OLD).unwrap().id(), OLD);
        let message = |text: &str| resolve(state.path(), text).unwrap_err().to_string();
        assert_eq!(
            message("0198"),
            format!("`0198` could be any of {NEW}, {OLD}\nhint: give more of its characters")
        );
        let many: Vec<String> = (0..66).map(|number| format!("r{number}")).collect();
        assert_eq!(some_of(&many), "r0, r1, r2, r3, r4 and 61 more");
        assert_eq!(message("ff"), "no run begins with `ff`\nhint: `paceline runs list` shows the runs");
        assert_eq!(message("").lines().next(), Some("no run begins with ``"));
        assert_eq!(message("../runs").lines().next(), Some("no run begins with `../runs`"));
    }

    #[test]
    fn an_empty_state_folder_says_so() {
        let error = resolve(state(&[]).path(), "latest").unwrap_err();
        assert!(error.to_string().starts_with("there are no runs in `"), "{error}");
    }

    #[test]
    fn ids_sort_by_time_and_shorten() {
        let (one, two) = (new_run_id(), new_run_id());
        assert!(one < two);
        assert_eq!(short_id(OLD), "0198f1e2-3b4c");
        assert_eq!(short_id("0198-run"), "0198-run");
    }

    #[test]
    fn the_lock_tells_whether_a_run_is_at_work() {
        let state = state(&[OLD]);
        let run = RunFolder::new(state.path(), OLD);
        assert!(!run.is_running());
        let lock = File::create(run.lock()).unwrap();
        assert!(!run.is_running());
        lock.lock().unwrap();
        assert!(run.is_running());
        drop(lock);
        assert!(!run.is_running());
    }
}
