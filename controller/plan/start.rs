//! Where a run starts (`--start-at-task`).

use crate::playbook::Task;
use crate::source::Node;

/// `--start-at-task`: what stands in front of the first task with that name is left out. Only tasks that are there before the
/// run count.
#[derive(Debug, Default)]
pub struct StartAt {
    name: Option<String>,
}

impl StartAt {
    /// Starts at a task with this name, or one that this shell glob matches.
    pub fn new(name: Option<String>) -> Self {
        Self { name }
    }

    /// The name that no task has had so far.
    pub fn waits_for(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Tells whether the run has come to its first task, of which this may be the one.
    pub(super) fn has_come(&mut self, task: &Task) -> bool {
        let Some(wanted) = &self.name else { return true };
        let own = task.name.as_ref().map(Node::key_text).unwrap_or_default();
        let shown = match (&task.role, own.is_empty()) {
            (Some(role), false) => format!("{} : {own}", role.name),
            (Some(role), true) => format!("{} : {}", role.name, task.module_as_written),
            (None, false) => own.clone(),
            (None, true) => task.module_as_written.clone(),
        };
        let fits = |name: &String| name == wanted || crate::pattern::glob_matches(wanted, name);
        let found = fits(&own) || fits(&shown);
        if found {
            self.name = None;
        }
        found
    }

    /// Stops waiting for a while; returns the name.
    pub(super) fn pause(&mut self) -> Option<String> {
        self.name.take()
    }

    /// Waits again.
    pub(super) fn go_on(&mut self, name: String) {
        self.name = Some(name);
    }
}
