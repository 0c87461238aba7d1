//! Steps that were started and have no result: the controller or the connection ended first, so nobody knows whether
//! they changed their host.

use indexmap::IndexMap;
use serde::Serialize;

use crate::executor::event::{Event, EventKind, HostStatus};
use crate::module;

/// A step without a result.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct UnknownStep {
    /// The host.
    pub host: String,
    /// Its number.
    pub step: u64,
    /// The task.
    pub task: String,
    /// The module.
    pub module: String,
    /// Whether a rollback point was saved before.
    pub point: bool,
}

impl UnknownStep {
    /// Whether it may have changed its host: not if its module only looks.
    pub(super) fn may_change(&self) -> bool {
        !module::lookup(&self.module).is_some_and(|module| module.spec().only_looks)
    }
}

/// Steps that have no result yet, as a fold over the journal.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenSteps(IndexMap<(String, u64), UnknownStep>);

impl OpenSteps {
    /// Takes the next event.
    pub(super) fn event(&mut self, event: &Event) {
        let host = event.host.clone().unwrap_or_default();
        let step = event.step.unwrap_or_default();
        match &event.kind {
            EventKind::StepStarted { module, .. } => {
                let (task, module) = (event.task.clone().unwrap_or_default(), module.clone());
                let open = UnknownStep { host: host.clone(), step, task, module, point: false };
                self.0.insert((host, step), open);
            }
            EventKind::RollbackPoint { .. } => {
                if let Some(open) = self.0.get_mut(&(host, step)) {
                    open.point = true;
                }
            }
            EventKind::StepFinished { .. } => {
                self.0.swap_remove(&(host, step));
            }
            // What was sent ahead to a host that ended by itself was not run.
            EventKind::HostFinished {
                status: HostStatus::Ok | HostStatus::Failed | HostStatus::RolledBack,
                ..
            } => self.0.retain(|_, open| open.host != host),
            _ => {}
        }
    }

    /// Those that never got one, by host and number.
    pub(super) fn left(self) -> Vec<UnknownStep> {
        let mut left: Vec<UnknownStep> = self.0.into_values().collect();
        left.sort_by(|a, b| (&a.host, a.step).cmp(&(&b.host, b.step)));
        left
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::story::Story;
    use super::super::testing::State;
    use super::*;

    #[test]
    fn a_step_without_a_result_is_unknown_unless_a_controller_is_at_work() {
        let state = State::new();
        assert!(Story::read(&state.run()).unwrap().unknown.is_empty());
        state.keep_lines(10);
        let unknown = Story::read(&state.run()).unwrap().unknown;
        let step = |number, task: &str, module: &str, point| UnknownStep {
            host: "web-1".to_owned(),
            step: number,
            task: task.to_owned(),
            module: module.to_owned(),
            point,
        };
        assert_eq!(unknown, [step(2, "agent : Start", "command", false)]);
        state.keep_lines(7);
        assert_eq!(Story::read(&state.run()).unwrap().unknown, [step(1, "Copy", "copy", true)]);
    }
}
