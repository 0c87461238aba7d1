//! The state folder of a run: run.json, journal.jsonl, lock.

mod create;
mod folder;
mod lock;
mod reader;
mod record;
mod writer;

pub use create::{NewRun, StateError, digests, state_lock};
pub use folder::{FolderError, RunFolder, new_run_id, resolve, runs, short_id};
pub use lock::{LockError, RunLock};
pub use reader::{Events, JournalError, last, read};
pub use record::RunRecord;
pub use writer::JournalWriter;
