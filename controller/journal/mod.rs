//! The state folder of a run: run.json, journal.jsonl, key, lock.

mod create;
mod folder;
mod inputs;
mod kept;
mod lock;
mod open;
mod reader;
mod record;
mod writer;

pub use create::{NewRun, StateError, digests, state_lock};
pub use folder::{FolderError, RunFolder, new_run_id, resolve, runs, short_id};
pub use inputs::{ChangedInput, changed, keep};
pub use kept::{Kept, KeptResult, Position};
pub use lock::{LockError, RunLock};
pub use open::{OpenError, OpenRun};
pub use reader::{Events, JournalError, last, read};
pub use record::RunRecord;
pub use writer::JournalWriter;
