//! Which tasks do what nothing here can undo, as far as that is known before the run: `plan` marks them, and `apply`
//! asks before it begins. `rollback` names the steps of a run that were such ones, by the same table.

use super::compile::{CompiledEntry, CompiledPlay, CompiledTask};
use crate::playbook::Task;
use crate::source::{Node, NodeValue};

/// Modules that run what a user wrote, and leave no rollback point.
const COMMANDS: [&str; 7] =
    ["command", "raw", "script", "shell", "win_command", "win_powershell", "win_shell"];
/// Modules that ask a server.
const REQUESTS: [&str; 2] = ["uri", "win_uri"];
/// Methods of HTTP that only ask.
const ASKING: [&str; 4] = ["GET", "HEAD", "OPTIONS", "TRACE"];

/// Modules that install and remove packages. Only an MSI that was installed can be taken back.
const PACKAGES: [&str; 1] = ["win_package"];

/// Modules that do what is in nobody's hands here: resources of Desired State Configuration.
const RESOURCES: [&str; 1] = ["win_dsc"];

/// Tells whether a changed step of a module, which left no rollback point, did what nothing can undo.
pub fn leaves_no_way_back(module: &str) -> bool {
    COMMANDS.contains(&module)
        || REQUESTS.contains(&module)
        || PACKAGES.contains(&module)
        || RESOURCES.contains(&module)
        || module == "service"
        || module == "win_service"
}

/// Lists the tasks of a play that do what nothing can undo, unless they never run or only look. Handlers are not
/// among them: what they do is repeated after a rollback.
pub fn irreversible_tasks(play: &CompiledPlay) -> Vec<&CompiledTask> {
    let mut found = Vec::new();
    for section in &play.sections {
        collect(&section.entries, &mut found);
    }
    found
}

fn collect<'p>(entries: &'p [CompiledEntry], found: &mut Vec<&'p CompiledTask>) {
    for entry in entries {
        match entry {
            CompiledEntry::Task(task) => {
                for body in &task.bodies {
                    collect(body.entries.as_deref().unwrap_or_default(), found);
                }
                let directives = &task.directives;
                let looks = directives.check_mode.as_ref().is_some_and(|node| is(node, true));
                let never = directives.when.iter().any(|node| is(node, false));
                if !looks && !never && is_irreversible(&task.task) {
                    found.push(task);
                }
            }
            CompiledEntry::Block(block) => {
                for list in [&block.entries, &block.rescue, &block.always] {
                    collect(list, found);
                }
            }
        }
    }
}

/// Tells whether nothing can undo what a task does when it runs. `changed_when: false` says that it changes nothing.
pub fn is_irreversible(task: &Task) -> bool {
    let acts = is_run(task) && runs_something(task)
        || is_installer(task)
        || RESOURCES.contains(&task.module)
        || installs_again(task);
    acts && !has_way_back(task)
}

/// Tells whether a task installs the version of a package once more that is there.
fn installs_again(task: &Task) -> bool {
    let option = |name: &str| task.options.iter().find(|(given, _)| given == name).map(|(_, node)| node);
    task.module == "win_chocolatey"
        && (option("force").is_some_and(|node| !is(node, false))
            || option("state").is_some_and(|node| node.as_str() == Some("reinstalled")))
}

/// Tells whether a task installs or removes what the host cannot take back: another installer than an MSI, or a removal. What
/// only the run tells may be either.
fn is_installer(task: &Task) -> bool {
    let text = |name: &str| {
        let of = task.options.iter().find(|(given, _)| given == name);
        of.and_then(|(_, node)| node.as_str()).map(str::to_lowercase)
    };
    let any = |names: [&str; 2]| names.into_iter().find_map(text);
    let removes = any(["state", "ensure"]).is_some_and(|state| state != "present");
    let is_msi = text("path").is_some_and(|path| path.trim_end().ends_with(".msi"))
        || text("provider").is_some_and(|provider| provider == "msi");
    PACKAGES.contains(&task.module) && (removes || !is_msi)
}

/// Tells whether a task runs what a user wrote, a command or a request.
pub(super) fn is_run(task: &Task) -> bool {
    COMMANDS.contains(&task.module) || REQUESTS.contains(&task.module)
}

/// Tells whether a command or request may change something: it does not say that it never does, and does more than ask.
pub(super) fn runs_something(task: &Task) -> bool {
    let option = |name: &str| task.options.iter().find(|(given, _)| given == name).map(|(_, node)| node);
    let asks = |method: &str| ASKING.contains(&method.to_ascii_uppercase().as_str());
    let acts = !REQUESTS.contains(&task.module)
        || option("method").is_some_and(|method| !method.as_str().is_some_and(asks));
    let unchanged = |conditions: &Vec<Node>| conditions.iter().any(|node| is(node, false));
    acts && !task.changed_when.as_ref().is_some_and(unchanged)
}

/// Tells whether a task says itself how it is undone. A pattern names nothing that could be brought back.
fn has_way_back(task: &Task) -> bool {
    let is_pattern = |node: &Node| node.as_str().is_some_and(|path| path.contains(['*', '?', '[']));
    let names = |name: &str| task.options.iter().any(|(given, node)| given == name && !is_pattern(node));
    names("creates") || names("removes") || !task.covers.is_empty() || !task.rollback.is_empty()
}

/// Tells whether a condition is written out as this value.
pub(super) fn is(node: &Node, value: bool) -> bool {
    matches!(node.value, NodeValue::Bool(known) if known == value)
}
