//! Restores rollback points, newest first.
//!
//! A point lies on its host, in the folder that [`crate::operation::open_points`] named, and is
//! restored by the shell functions of the operation library. The controller says which, in which
//! order, and reads what became of each. Restoring twice does no harm: a point that was restored
//! answers so.

mod found;
mod list;
mod restore;
mod visit;

#[cfg(test)]
mod tests;

pub use found::{FindPoints, FindRuns, FoundRun};
pub use list::{ListPoints, ListedPoint, add_unknown};
pub use restore::{RestorePoint, RestoreTimes, newest_first};
pub use visit::{Phase, Visit, visits};
