//! Runs a playbook on many hosts and emits one ordered stream of events.
//!
//! `run` takes plays and waves in order; each host of a wave has a `worker` that interprets tasks
//! (`steps`, `evaluate`), sends their steps ahead through a `pipeline` over its `link`, and meets the
//! others in the `wave`. Everything that happens becomes an `event`; the `dispatcher` orders events
//! and hands them to the journal and to observers. Nothing here prints or reads the environment.

mod cancel;
mod connection_variable;
mod context;
mod control;
mod delegate;
mod desk;
mod diff;
mod dispatcher;
mod ending;
mod evaluate;
pub mod event;
mod examine;
mod failure;
mod fetch;
mod fold;
mod foreknown;
mod found;
mod guard;
mod handlers;
mod include;
mod include_vars;
mod landed;
mod lease;
mod ledger;
mod link;
mod once;
mod outside;
mod pipeline;
mod prepare;
mod reached;
mod reboot;
mod recover;
mod replay;
mod restore;
mod run;
mod sink;
mod slot;
mod standing;
mod steps;
mod tasks;
mod undo;
mod visit;
mod wave;
mod worker;

pub use cancel::{Cancel, Canceller, cancellation};
pub use connection_variable::connection_variable;
pub use context::{Ask, Assume, PlayContext, RunContext, RunOptions, Targets};
pub use delegate::arrow;
pub use desk::Desks;
pub use dispatcher::{Dispatcher, Emitter, JournalFailed, Observer, Past};
pub use examine::{ExamineHost, Examined, examine};
pub use fold::RecapFold;
pub use found::{AskHost, FoundHost, FoundPoints, find};
pub use lease::{Claimant, lease_seconds};
pub use prepare::{PreparedPlay, Selection, groups_value, prepare};
pub use reached::{Given, Reached};
pub use replay::{HostReplay, Replay};
pub use restore::{Restore, RestoreHost, restore};
pub use run::{Verdict, execute};
pub use visit::{Answered, Visit, VisitError, Visitor};
