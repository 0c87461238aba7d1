//! From a play, a host and its variables to work: what is the same for all hosts is settled once.
//!
//! `compile` flattens a play into numbered tasks with inherited keywords, `variables` resolves names
//! for one host by Ansible's precedence, `participants` knows who is still in the play, `others` who reads whom, `waves` cuts the targets into
//! `serial` batches, `composition` minds maintenance groups and what hosts serve (`serving`) while they are changed (`touched`). Pure:
//! no async, no sockets.

mod compile;
mod composition;
mod delegation;
mod exchange;
mod foresight;
mod irreversible;
mod lockout;
mod login;
mod others;
mod participants;
mod search;
mod serving;
mod start;
mod touched;
mod variables;
mod waves;
mod windows;

pub use compile::{
    CompiledBlock, CompiledBody, CompiledEntry, CompiledGuard, CompiledPlay, CompiledTask, Section, compile,
};
pub use composition::{Composition, MaintenanceGroup, Moved, compose};
pub use delegation::delegated_in_guards;
pub use foresight::{Foreseen, Foresight};
pub use irreversible::{irreversible_tasks, is_irreversible, leaves_no_way_back};
pub use lockout::unguarded;
pub use login::{BecomeDefaults, Login, LoginError, resolve_login, truth};
pub use others::OtherHosts;
pub use participants::Participants;
pub use search::{FileCache, LocalFiles};
pub use serving::{Breach, Serving, Stop};
pub use start::StartAt;
pub use touched::{can_change, may_change};
pub use variables::{
    FactStore, HostScope, HostValues, HostlessScope, LoopScope, Named, PlayScope, RunScope, TaskScope,
};
pub use waves::{SerialError, waves};
pub use windows::refused_on_windows;
