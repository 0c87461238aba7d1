//! Which hosts a play may change, as far as that is known before the run: who only looks stops nothing.
//!
//! A task can change its host unless its module only looks (`ModuleSpec::only_looks`), it is a command or request that says
//! `changed_when: false`, or a request that only asks. What a condition says before the run counts where nothing that
//! it reads can still change; so does `meta: end_host`.

use super::compile::{CompiledEntry, CompiledPlay, CompiledTask};
use super::irreversible::{is, is_run, runs_something};
use crate::module;
use crate::source::Node;

/// Tells whether a play may change a host. `holds` is what is known of the conditions of a task there.
pub fn may_change(play: &CompiledPlay, holds: &dyn Fn(&CompiledTask) -> Option<bool>) -> bool {
    let mut walk = Walk { play, holds, ended: false };
    play.sections.iter().any(|section| walk.any(&section.entries))
}

struct Walk<'a> {
    play: &'a CompiledPlay,
    holds: &'a dyn Fn(&CompiledTask) -> Option<bool>,
    /// Whether the host has left the play for certain.
    ended: bool,
}

impl Walk<'_> {
    fn any(&mut self, entries: &[CompiledEntry]) -> bool {
        entries.iter().any(|entry| match entry {
            CompiledEntry::Task(task) => self.task(task),
            CompiledEntry::Block(block) => {
                [&block.entries, &block.rescue, &block.always].into_iter().any(|list| self.any(list))
            }
        })
    }

    fn task(&mut self, task: &CompiledTask) -> bool {
        if self.ended {
            return false;
        }
        let acts = can_change(task);
        let ends = task.task.module == "meta"
            && task.task.options.iter().any(|(_, node)| node.as_str() == Some("end_host"));
        if !task.bodies.is_empty() {
            // A host that may leave the play in there has not left it for certain.
            let may = (self.holds)(task) != Some(false)
                && task.bodies.iter().any(|body| self.any(body.entries.as_deref().unwrap_or_default()));
            self.ended = false;
            return may;
        }
        if !acts && !ends && !self.notifies(task) {
            return false;
        }
        match (self.holds)(task) {
            Some(false) => false,
            Some(true) if ends => {
                self.ended = true;
                false
            }
            _ => !ends,
        }
    }

    /// Tells whether a task that only looks may say that something changed, and a handler acts on it.
    fn notifies(&self, task: &CompiledTask) -> bool {
        !task.task.notify.is_empty()
            && task.task.changed_when.is_some()
            && !never_changed(task)
            && self.play.handlers.iter().any(|handler| can_change(handler))
    }
}

/// Tells whether a task can change its host when it runs.
pub fn can_change(task: &CompiledTask) -> bool {
    if task.directives.check_mode.as_ref().is_some_and(|node| is(node, true)) {
        return false;
    }
    if is_run(&task.task) {
        return runs_something(&task.task);
    }
    !module::lookup(task.task.module).is_some_and(|module| module.spec().only_looks)
}

fn never_changed(task: &CompiledTask) -> bool {
    let none = |conditions: &Vec<Node>| conditions.iter().any(|node| is(node, false));
    task.task.changed_when.as_ref().is_some_and(none)
}
