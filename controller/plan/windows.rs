//! What cannot be done on Windows, found before a host is touched: `become` and `guard` of tasks that run there for certain.
//!
//! Whether a host is one of Windows is said by variables. Where these are written out it is known here; where they are templates, or
//! a task has a condition, only the run can tell, and refuses that task on that host.

use super::compile::{CompiledEntry, CompiledPlay, CompiledTask};
use super::login::truth;
use crate::source::{Diagnostic, Diagnostics, NodeValue, Span};

/// Modules that have no step on a host, so that no guard is armed for them.
const WITHOUT_STEP: [&str; 7] = ["assert", "debug", "fail", "group_by", "meta", "pause", "set_fact"];

const BECOME_HINT: &str = "connect as that user, or let a scheduled task run as it (`win_scheduled_task`); \
    `ansible_become: false` in the inventory takes it away for these hosts";

/// Errors for each `become` and `guard` of a play that would be refused on `host`, which is a Windows host. `by_default` is what
/// command line and `ansible.cfg` say for tasks that say nothing about `become`.
#[must_use]
pub fn refused_on_windows(play: &CompiledPlay, host: &str, by_default: bool) -> Diagnostics {
    let mut looking = Looking { host, by_default, seen: Vec::new(), found: Diagnostics::default() };
    for section in &play.sections {
        if !looking.through(&section.entries) {
            break;
        }
    }
    looking.found
}

struct Looking<'a> {
    host: &'a str,
    by_default: bool,
    /// Places that were told: a keyword of a play counts for all of its tasks.
    seen: Vec<String>,
    found: Diagnostics,
}

impl Looking<'_> {
    /// Returns whether the host goes on behind these entries for certain.
    fn through(&mut self, entries: &[CompiledEntry]) -> bool {
        for entry in entries {
            match entry {
                CompiledEntry::Task(task) if may_end(task) => return false,
                CompiledEntry::Task(task) if !task.bodies.is_empty() => {
                    let [body] = task.bodies.as_slice() else { return false };
                    let entries = body.entries.as_deref().unwrap_or_default();
                    if !is_certain(task) || !self.through(entries) {
                        return false;
                    }
                }
                CompiledEntry::Task(task) => self.task(task),
                CompiledEntry::Block(block) => {
                    if let Some(guard) = &block.guard
                        && block.entries.iter().any(is_step)
                    {
                        let message =
                            format!("`guard` is not supported on Windows, and `{}` runs Windows", self.host);
                        let hint = "nothing there could undo the block without the controller: take `guard` away for these hosts, \
                                    and use `on_failure: rollback`";
                        self.tell(&guard.guard.span, message, hint);
                    }
                    // What `rescue` has runs only where something failed.
                    if !self.through(&block.entries) || !self.through(&block.always) {
                        return false;
                    }
                }
            }
        }
        true
    }

    fn task(&mut self, task: &CompiledTask) {
        if !is_certain(task) {
            return;
        }
        let Some(node) = &task.directives.r#become.enabled else { return self.default() };
        let enabled = match &node.value {
            NodeValue::Bool(enabled) => *enabled,
            _ => node.as_str().and_then(|text| truth(&text.into())).unwrap_or(false),
        };
        if enabled {
            let message = format!("`become` is not supported on Windows, and `{}` runs Windows", self.host);
            self.tell(&node.span, message, BECOME_HINT);
        }
    }

    /// A task becomes somebody because the command line says so; told once.
    fn default(&mut self) {
        if std::mem::take(&mut self.by_default) {
            let message = format!(
                "`-b` or `become` in `ansible.cfg`: `become` is not supported on Windows, and `{}` runs Windows",
                self.host
            );
            self.found.push(Diagnostic::bare(message).hint(BECOME_HINT));
        }
    }

    fn tell(&mut self, span: &Span, message: String, hint: &str) {
        let place = span.place().to_string();
        if !self.seen.contains(&place) {
            self.seen.push(place);
            self.found.push(Diagnostic::error(span, message).hint(hint));
        }
    }
}

/// Whether a task runs on every host that comes to it.
fn is_certain(task: &CompiledTask) -> bool {
    let directives = &task.directives;
    let decides = |name: &str| matches!(name, "ansible_become" | "ansible_connection" | "ansible_shell_type");
    directives.when.is_empty()
        && directives.run_once.is_none()
        && directives.delegate_to.is_none()
        && task.task.looping.is_none()
        && !directives.vars.iter().any(|(name, _)| decides(name))
}

fn is_step(entry: &CompiledEntry) -> bool {
    match entry {
        CompiledEntry::Task(task) => is_certain(task) && !WITHOUT_STEP.contains(&task.task.module),
        CompiledEntry::Block(_) => false,
    }
}

/// Whether the host may be done behind a task without having failed.
fn may_end(task: &CompiledTask) -> bool {
    let flushes = task.task.options.iter().any(|(_, node)| node.as_str() == Some("flush_handlers"));
    task.task.module == "meta" && !flushes
}
