//! Tasks that another host does (`delegate_to`): where they are refused before the run.

use super::compile::{CompiledEntry, CompiledPlay, CompiledTask};
use crate::source::{Diagnostic, Diagnostics};

/// Errors for delegated tasks within a block with `guard`: the guard waits on the host of the play, and nothing there
/// could undo what another host did.
#[must_use]
pub fn delegated_in_guards(play: &CompiledPlay) -> Diagnostics {
    let mut found = Diagnostics::default();
    each(play, &mut |task| {
        if let (true, true, Some(node)) = (task.guarded, task.is_delegated(), &task.directives.delegate_to) {
            let error =
                Diagnostic::error(&node.span, "`delegate_to` is not supported within a block with `guard`");
            found.push(error.hint("the guard undoes what its own host did: take the task out of the block"));
        }
    });
    found
}

fn each(play: &CompiledPlay, visit: &mut dyn FnMut(&CompiledTask)) {
    play.handlers.iter().for_each(|task| visit(task));
    let mut waiting: Vec<&CompiledEntry> =
        play.sections.iter().flat_map(|section| &section.entries).collect();
    while let Some(entry) = waiting.pop() {
        match entry {
            CompiledEntry::Task(task) => visit(task),
            CompiledEntry::Block(block) => {
                waiting.extend(block.entries.iter().chain(&block.rescue).chain(&block.always));
            }
        }
    }
}
