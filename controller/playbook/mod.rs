//! Plays, tasks, blocks, handlers and roles, checked against the supported subset.
//!
//! [`load`] reads a playbook with everything that literal names reach and answers with all mistakes of
//! all files at once. What only a run can know (the value of a template) is left to the executor.

mod argument_specs;
mod arguments;
mod call;
mod defaults;
mod delegation;
mod directives;
mod include;
mod include_vars;
mod keywords;
mod listing;
mod load;
mod loops;
mod model;
mod names;
mod notify;
mod play;
mod policy;
mod role;
mod tags;
mod task;
mod tasks;
mod trial;
mod undo;
mod values;
mod vars_file;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use arguments::{Arguments, Unbalanced, split as split_arguments};
pub use include::{Body, BodyKey, DEEPEST, Include};
pub use include_vars::VarsCandidates;
pub use listing::{Listing, list, list_json};
pub use load::{LoadOptions, load, normal as normal_path};
pub use model::{Become, Block, Directives, Entry, Loop, Order, Play, Playbook, Retry, Role, Strategy, Task};
pub use notify::notified;
pub use policy::{Guard, OnFailure, RollbackScope};
pub use tags::selected;
pub use vars_file::{find as find_vars_file, read as read_vars_file};
