//! Tasks that another host does (`delegate_to`), as far as it is known before the run: which hosts they name, and where
//! they are refused.

use std::collections::BTreeSet;

use super::compile::{CompiledEntry, CompiledPlay, CompiledTask};
use super::touched::can_change;
use crate::inventory::HostName;
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

/// The hosts that tasks of a play are delegated to by name and that these may change.
#[must_use]
pub fn delegates(play: &CompiledPlay) -> BTreeSet<HostName> {
    let mut names = BTreeSet::new();
    each(play, &mut |task| {
        let name = task.directives.delegate_to.as_ref().and_then(|node| node.as_str());
        if let Some(name) = name.filter(|name| task.is_delegated() && can_change(task) && !name.contains('{'))
        {
            names.insert(HostName::from(name));
        }
    });
    names
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
