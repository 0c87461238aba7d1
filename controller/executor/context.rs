//! What workers share: of the run, and of the play.

use std::collections::HashSet;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::cancel::Cancel;
use super::desk::Desks;
use super::dispatcher::Emitter;
use super::lease::Claimant;
use super::replay::Replay;
use super::run::Verdict;
use crate::inventory::HostName;
use crate::journal::RunFolder;
use crate::plan::{BecomeDefaults, CompiledPlay, FileCache, PlayScope, RunScope};
use crate::playbook::{OnFailure, RollbackScope, Task};
use crate::secrets::{Masks, Seal};
use crate::source::Node;
use crate::template::Engine;
use crate::transport::{Lookup, Target, TransportError};

/// How a run acts.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    /// Change nothing, tell what would change.
    pub check: bool,
    /// Show differences.
    pub diff: bool,
    /// Hosts at work at once.
    pub forks: usize,
    /// How many `-v` were given.
    pub verbosity: u8,
    /// Whether the exit code tells that something would change (`plan --exit-code`).
    pub exit_code: bool,
    /// Whether every confirmation is answered with yes (`--yes`, the lab).
    pub agreed: bool,
}

impl RunOptions {
    /// Returns the exit code of a run with these options.
    pub fn exit_code(self, verdict: Verdict) -> u8 {
        let code = verdict.exit_code();
        if code == 0 && self.exit_code && verdict.changed > 0 { 2 } else { code }
    }
}

/// What a person says of steps in doubt (`--assume`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Assume {
    /// They ran, and well.
    Done,
    /// They did not run.
    NotDone,
}

/// Finds out how to reach a host from its variables.
pub type Targets = dyn Fn(&HostName, &Lookup<'_>) -> Result<Target, TransportError> + Send + Sync;

/// Waits for a line of the person at the terminal and returns it; with `true` it is shown while it is typed.
pub type Ask = dyn Fn(bool) -> Pin<Box<dyn Future<Output = String> + Send>> + Send + Sync;

/// What all workers of a run share.
pub struct RunContext {
    /// Id of the run.
    pub id: String,
    /// Options.
    pub options: RunOptions,
    /// Variables that are the same for all hosts.
    pub scope: Arc<RunScope>,
    /// The template engine.
    pub engine: Engine,
    /// Local files that were read.
    pub files: FileCache,
    /// `become` as command line and `ansible.cfg` have it.
    pub become_defaults: BecomeDefaults,
    /// Where events go.
    pub emitter: Emitter,
    /// How far the run has been cancelled.
    pub cancel: Cancel,
    /// For whom hosts are leased; nothing if nothing is changed.
    pub claimant: Option<Claimant>,
    /// One permit for each host at work.
    pub permits: Semaphore,
    /// The run's folder, if it has one.
    pub folder: Option<RunFolder>,
    /// Values that are masked in host logs.
    pub masks: Arc<Masks>,
    /// How to reach hosts.
    pub targets: Box<Targets>,
    /// What earlier incarnations of the run left, when it is resumed.
    pub replay: Option<Arc<Replay>>,
    /// What seals results that hold secrets, in a run that may be resumed.
    pub seal: Option<Arc<Seal>>,
    /// Hosts that a resumed run leaves alone.
    pub left_out: HashSet<String>,
    /// What to take for true of steps of which it is not known whether they ran.
    pub assume: Option<Assume>,
    /// Where the sessions of hosts are while other hosts may use them.
    pub desks: Desks,
    /// How to ask the person at the terminal (`pause`); nothing without one.
    pub ask: Option<Box<Ask>>,
}

/// What all workers of a play share.
pub struct PlayContext {
    /// Name of the play.
    pub name: String,
    /// Its number in the run, from 0.
    pub number: usize,
    /// Folder of the playbook.
    pub directory: PathBuf,
    /// Variables of the play.
    pub scope: PlayScope,
    /// The tasks.
    pub compiled: CompiledPlay,
    /// Rendered names of the handlers.
    pub handler_names: Vec<Option<String>>,
    /// The handlers.
    pub handler_tasks: Vec<Arc<Task>>,
    /// Run handlers on hosts that failed.
    pub force_handlers: bool,
    /// What becomes of a host on which a task failed.
    pub on_failure: OnFailure,
    /// Whom a spent failure budget takes back.
    pub rollback_scope: RollbackScope,
    /// Connection variables that the play sets.
    pub connection: Vec<(&'static str, Arc<Node>)>,
}

impl PlayContext {
    /// Returns the handlers that are called `name` or listen to it, by their index, of those that are `here`;
    /// the number says how late they came.
    pub fn handlers_called(&self, name: &str, here: &dyn Fn(usize) -> Option<usize>) -> Vec<usize> {
        crate::playbook::notified(&self.handler_tasks, &self.handler_names, name, here)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_is_the_exit_code() {
        let options =
            RunOptions { check: true, diff: true, forks: 1, verbosity: 0, exit_code: true, agreed: false };
        let mut verdict = Verdict { changed: 1, ..Verdict::default() };
        assert_eq!(options.exit_code(verdict), 2);
        assert_eq!(RunOptions { exit_code: false, ..options }.exit_code(verdict), 0);
        verdict.failed = 1;
        assert_eq!(options.exit_code(verdict), 2);
        verdict.unreachable = 1;
        assert_eq!(options.exit_code(verdict), 4);
        verdict.cancelled = true;
        assert_eq!(options.exit_code(verdict), 99);
        verdict.internal = true;
        assert_eq!(options.exit_code(verdict), 250);
    }
}
