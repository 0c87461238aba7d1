//! The events of a run: the only truth. Journal, progress, JSON output, recap, reports, resume and
//! rollback are folds over them. The format is a contract: fields are added, never changed.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::reached::Reached;
use crate::journal::Kept;
use crate::plan::{Breach, MaintenanceGroup, Moved, Stop};
use crate::secrets::Masks;

/// One event, one line of `journal.jsonl` and of `--output json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Event {
    /// Number within the run, from 1, without gaps.
    pub seq: u64,
    /// When the dispatcher took it: RFC 3339, UTC, microseconds.
    pub at: String,
    /// The run.
    pub run: String,
    /// The host, where one is concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Name of the task as Ansible shows it (`ROLE : NAME`), where one is concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Number of the step within its host and run, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
    /// What the journal alone keeps with it, for `resume`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Box<Kept>>,
}

/// What happened.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// First event.
    RunStarted {
        /// `apply`, `plan`, `rollback`, `lab run`.
        command: String,
        /// Playbooks, as given.
        playbooks: Vec<String>,
        /// All targets of all plays, in inventory order.
        hosts: Vec<String>,
        /// Whether nothing is changed (`plan`, `--check`).
        check: bool,
        /// Hosts at work at once.
        forks: usize,
        /// How often the run was started: left out the first time, 2 and more for `resume`.
        #[serde(default = "first", skip_serializing_if = "is_first")]
        incarnation: u64,
        /// Targets that are tried again, or go on, in a resumed run. Their failures do not count any more.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        again: Vec<String>,
    },
    /// A play starts.
    PlayStarted {
        /// Its name.
        play: String,
        /// Its targets.
        hosts: Vec<String>,
        /// Tasks written in it, for the progress bar (blocks flattened, handlers left out).
        tasks: usize,
        /// Maintenance groups in the order of their waves, where hosts of several are targeted.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        maintenance_groups: Vec<MaintenanceGroup>,
        /// Hosts in other waves than their place gives, so that others go on serving what they serve.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        moved: Vec<Moved>,
    },
    /// A wave (a `serial` batch) starts.
    WaveStarted {
        /// Number within the play, from 1.
        wave: usize,
        /// Number of waves.
        waves: usize,
        /// Its hosts.
        hosts: Vec<String>,
        /// Connectors that stop while it works, or in a plan would.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        stops: Vec<Stop>,
        /// What is served by hosts of this wave alone, although by several: what a confirmation is asked for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        breaches: Vec<Breach>,
    },
    /// `pause` waits: for a person to press Enter, or for a time.
    Paused {
        /// What is asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prompt: Option<String>,
        /// How long; nothing for a person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<u64>,
    },
    /// A host's connection is open.
    HostConnected {
        /// Milliseconds it took.
        duration_ms: u64,
        /// How it was reached, without any secret; `rollback` finds the host by it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reached: Option<Box<Reached>>,
    },
    /// A session took or joined the lease of the host: no other run is at work on it.
    LeaseTaken {
        /// Number of the claim; a higher one takes the host over.
        lease: u64,
        /// Its folder on the host.
        folder: String,
        /// The user that the session became.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        become_user: Option<String>,
    },
    /// A step is handed to its host. Durable in the journal before the host gets it.
    StepStarted {
        /// Loop item or other label, shown as Ansible shows it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<String>,
        /// The module.
        module: String,
        /// The host that it is for, where another one does it (`delegate_to`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_host: Option<String>,
    },
    /// The host saved a rollback point before it changed something.
    RollbackPoint {
        /// Its number within host and run.
        point: u64,
        /// What it covers: `file`, `absent`, `directory`, `link`, `mode`, ...; `service` its state before the step;
        /// `rollback` nothing, but tasks that undo the step; `activation` what a rollback repeats at its end.
        covers: String,
        /// The path it covers, or the name of the service, the tasks, the activation.
        path: String,
        /// The user that the step became; the point lies where that user keeps points.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        become_user: Option<String>,
    },
    /// A rollback point was restored.
    PointRestored {
        /// Its number within host and run.
        point: u64,
        /// What it covers.
        covers: String,
        /// The path it covers.
        path: String,
    },
    /// A guard was armed: the host restores what the block changes, unless it is confirmed.
    GuardArmed {
        /// Seconds until it fires by itself.
        seconds: u64,
        /// The newest rollback point in front of it.
        point: u64,
        /// Who keeps the time: `systemd` or `process`.
        by: String,
    },
    /// A guard was confirmed over a new connection.
    GuardConfirmed {
        /// Milliseconds it took.
        duration_ms: u64,
    },
    /// A guard restored what its block had changed.
    GuardFired {
        /// The points that it restored.
        points: u64,
        /// Why it was not confirmed.
        reason: String,
    },
    /// Everything that the run did on the host is about to be restored.
    HostRestoring {
        /// How many points it has.
        points: u64,
    },
    /// Everything that the run did on the host was restored, because it or another host failed: a resumed run begins
    /// anew with it.
    HostRestored {
        /// How many points it had.
        points: u64,
    },
    /// Output of a step reached the host log: place, length and digest; never the bytes.
    StepOutput {
        /// `stdout` or `stderr`.
        stream: String,
        /// Offset of the first byte within the stream of this step.
        offset: u64,
        /// Bytes.
        length: u64,
        /// SHA-256 of these bytes, hexadecimal; taken after secrets were masked.
        sha256: String,
        /// Bytes after these that were over a limit: drained, counted, not kept.
        #[serde(default, skip_serializing_if = "is_zero")]
        dropped: u64,
    },
    /// A step is over.
    StepFinished {
        /// Its status.
        status: Status,
        /// Whether it changed the host.
        changed: bool,
        /// Exit status of a user's command.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rc: Option<i64>,
        /// Milliseconds between being sent and being over.
        duration_ms: u64,
        /// Loop item or other label.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<String>,
        /// Why it failed, in one line or a few.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// Unified diff, if asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        diff: Option<String>,
    },
    /// A task is over on a host; the recap counts these.
    TaskFinished {
        /// Its status.
        status: Status,
        /// Whether a step of it changed the host.
        changed: bool,
        /// Why it failed or was skipped, or what `debug` says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// Last lines of the output of a failed task, for the terminal.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        output_tail: Vec<String>,
        /// Whether nothing here can undo what it did, or in a plan would do.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        irreversible: bool,
        /// Whether a plan could not look at it: it was skipped because what earlier tasks make is not there yet.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unplanned: bool,
        /// Whether it is a handler.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        handler: bool,
        /// Place of the task in its file: `FILE:LINE:COLUMN`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<String>,
        /// The hosts that did it for this one (`delegate_to`).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        delegates: Vec<String>,
    },
    /// A host has nothing more to do in this run, or in this play when it failed.
    HostFinished {
        /// How it ended.
        status: HostStatus,
        /// Why, when it did not end well.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// What to do about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// The failure budget is spent: no further wave starts.
    BudgetExceeded {
        /// Hosts of the wave that failed or were unreachable.
        failed: Vec<String>,
        /// Hosts of the wave.
        of: usize,
        /// The limit: `max_fail_percentage: 30`, `any_errors_fatal`, `all hosts failed`.
        limit: String,
    },
    /// A person or a signal stopped the run.
    RunCancelled {
        /// 1: the steps in hand are finished; 2: sessions are closed.
        level: u8,
    },
    /// Something that a person should read; also shown at once.
    Warning {
        /// The text.
        message: String,
    },
    /// Last event.
    RunFinished {
        /// The recap.
        hosts: IndexMap<String, Recap>,
        /// Exit code of the program.
        exit_code: u8,
        /// Milliseconds of the whole run.
        duration_ms: u64,
    },
    /// An event of a newer version.
    #[serde(other)]
    Unknown,
}

/// How a step or task ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it should be, nothing changed.
    Ok,
    /// Something was changed.
    Changed,
    /// Not run: its condition was false, or check mode cannot run it.
    Skipped,
    /// Failed.
    Failed,
    /// Failed, but `ignore_errors`.
    Ignored,
    /// Failed, and a `rescue` took over.
    Rescued,
}

impl Status {
    /// The word for people; the same as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Changed => "changed",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Ignored => "ignored",
            Self::Rescued => "rescued",
        }
    }
}

/// How a host ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HostStatus {
    /// All tasks ran.
    Ok,
    /// A task failed.
    Failed,
    /// It could not be reached, or the connection was lost for good.
    Unreachable,
    /// Stopped before its end: Ctrl-C, or the failure budget of others.
    Cancelled,
    /// Restored after a failure.
    RolledBack,
    /// Could not be restored.
    RollbackFailed,
    /// Another run is at work on it, or took it over.
    Held,
    /// What a step did there is not known, and it cannot be repeated unseen.
    InDoubt,
}

/// What `host_finished` says of a target that never had its turn.
pub const NOT_STARTED: &str = "it never had its turn";

impl HostStatus {
    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Ok => "done",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::Cancelled => "stopped before its end",
            Self::RolledBack => "rolled back",
            Self::RollbackFailed => "rollback failed",
            Self::Held => "held by another run",
            Self::InDoubt => "in doubt",
        }
    }
}

/// Counts of one host, as Ansible's recap has them.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Recap {
    /// Tasks that ran without failing (changed ones included).
    pub ok: u64,
    /// Tasks that changed the host.
    pub changed: u64,
    /// 1 if the host was unreachable.
    pub unreachable: u64,
    /// Tasks that failed.
    pub failed: u64,
    /// Tasks that were skipped.
    pub skipped: u64,
    /// Blocks that were rescued.
    pub rescued: u64,
    /// Failures that were ignored.
    pub ignored: u64,
    /// Rollback points that were restored.
    pub rolled_back: u64,
}

fn first() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_first(incarnation: &u64) -> bool {
    *incarnation <= 1
}

/// A count that is left out of the line when it is nothing.
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl EventKind {
    /// Replaces secret values in every text that came from a host or a task.
    pub fn mask(&mut self, masks: &Masks) {
        if masks.is_empty() {
            return;
        }
        let replace = |text: &mut String| {
            if let std::borrow::Cow::Owned(masked) = masks.mask(text) {
                *text = masked;
            }
        };
        match self {
            Self::StepStarted { item, .. } => item.iter_mut().for_each(replace),
            Self::StepFinished { item, message, diff, .. } => {
                [item, message, diff].into_iter().flatten().for_each(replace);
            }
            Self::TaskFinished { message, output_tail, .. } => {
                message.iter_mut().chain(output_tail).for_each(replace);
            }
            Self::HostFinished { message, hint, .. } => {
                [message, hint].into_iter().flatten().for_each(replace);
            }
            Self::Warning { message } | Self::GuardFired { reason: message, .. } => replace(message),
            _ => {}
        }
    }
}

/// What a rollback point covers, as people read it. Points of things of Windows are named with their kind in front, so that it is
/// not said twice.
#[must_use]
pub fn covered(covers: &str, path: &str) -> String {
    match path.strip_prefix(covers) {
        Some(rest) if rest.starts_with(' ') => path.to_owned(),
        _ => format!("{covers} {path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::covered;

    #[test]
    fn what_a_point_covers_is_named_once() {
        for (covers, path, text) in [
            ("registry", "registry HKLM:\\SOFTWARE\\App Version", "registry HKLM:\\SOFTWARE\\App Version"),
            ("pool", "pool Usercube", "pool Usercube"),
            ("file", "/etc/file", "file /etc/file"),
            ("activation", "restart pool Usercube", "activation restart pool Usercube"),
            ("file", "filed.txt", "file filed.txt"),
        ] {
            assert_eq!(covered(covers, path), text);
        }
    }
}
