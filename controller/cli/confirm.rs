//! What a person has to agree to before a rollout touches a host: asked once for the run.

use super::CommandError;
use super::rollout::Request;
use super::terminal::{self, Environment};
use crate::executor::PreparedPlay;
use crate::hostlog::sanitize_line;
use crate::inventory::{HostName, Inventory};
use crate::plan::{self, CompiledTask};

/// Hosts of a whole-fleet target from which on a confirmation is asked.
const FLEET: usize = 20;
/// Tasks that are listed one by one.
const TASKS_SHOWN: usize = 10;

/// Refuses too many hosts; asks before a whole fleet is changed, and before what nothing can undo is done.
pub(super) fn confirm(
    request: &Request<'_>,
    plays: &[PreparedPlay],
    inventory: &Inventory,
    environment: &Environment,
) -> Result<(), CommandError> {
    let targets = targets(plays);
    if let Some(limit) = request.rollout.max_hosts.filter(|limit| targets.len() > *limit) {
        let message = format!("{} hosts are targeted, more than `--max-hosts {limit}`", targets.len());
        return Err(CommandError::user(message).hint("`--list-hosts` lists them, `-l` selects some of them"));
    }
    if request.check || request.trusted || request.rollout.yes {
        return Ok(());
    }
    let fleet = request.inventory.limit.is_none() && is_whole_fleet(plays, inventory);
    let tasks = irreversible(plays);
    if !fleet && tasks.is_empty() {
        return Ok(());
    }
    if environment.can_ask {
        return match terminal::confirm(&question(fleet.then_some(targets.len()), &tasks))? {
            true => Ok(()),
            false => Err(CommandError::user("not confirmed; nothing was touched")),
        };
    }
    if fleet {
        let message = format!("all {} hosts are targeted, and nobody can be asked", targets.len());
        return Err(CommandError::user(message).hint("say `--yes`, or select hosts with `-l`"));
    }
    let message = match tasks.as_slice() {
        [task] => format!("nothing here can undo what {task} does, and nobody can be asked"),
        tasks => {
            let count = tasks.len();
            format!(
                "nothing here can undo what {count} tasks do, and nobody can be asked:\n{}",
                listed(tasks)
            )
        }
    };
    Err(CommandError::user(message).hint(
        "say `--yes`; a command that names what it makes (`creates`) or removes (`removes`), or that changes nothing (`changed_when: false`), needs no confirmation",
    ))
}

fn question(fleet: Option<usize>, tasks: &[String]) -> String {
    let mut text = String::new();
    if let Some(count) = fleet {
        text.push_str(&format!("This changes all {count} hosts of the inventory.\n"));
    }
    match tasks {
        [] => {}
        [task] => text.push_str(&format!("Nothing here can undo what {task} does.\n")),
        tasks => {
            text.push_str(&format!("Nothing here can undo what these tasks do:\n{}\n", listed(tasks)));
        }
    }
    text + "Go on?"
}

fn listed(tasks: &[String]) -> String {
    let mut lines: Vec<String> = tasks.iter().take(TASKS_SHOWN).map(|task| format!("  {task}")).collect();
    let more = tasks.len().saturating_sub(TASKS_SHOWN);
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines.join("\n")
}

/// The tasks that do what nothing can undo, each once with its place.
fn irreversible(plays: &[PreparedPlay]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let with_targets = plays.iter().filter(|play| play.waves.iter().any(|wave| !wave.is_empty()));
    for task in with_targets.flat_map(|play| plan::irreversible_tasks(&play.context.compiled)) {
        let text = named(task);
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}

fn named(task: &CompiledTask) -> String {
    let name = match task.name() {
        Ok(node) => node.as_str().unwrap_or(&task.task.module_as_written),
        Err(module) => module,
    };
    format!("`{}` ({})", sanitize_line(name), sanitize_line(&task.task.span.place()))
}

/// However a play says `all`: in a list, a longer pattern, a variable. Who names a group means that group.
fn is_whole_fleet(plays: &[PreparedPlay], inventory: &Inventory) -> bool {
    let all = inventory.hosts.len();
    let is_known = |host: &&HostName| inventory.hosts.contains_key(*host);
    let known = |play: &PreparedPlay| play.waves.iter().flatten().filter(is_known).count();
    all > FLEET && plays.iter().any(|play| play.names_all && known(play) >= all)
}

/// The targets of all plays, each once.
pub(super) fn targets(plays: &[PreparedPlay]) -> Vec<String> {
    let mut names: Vec<String> =
        plays.iter().flat_map(|play| play.waves.iter().flatten()).map(ToString::to_string).collect();
    names.sort_unstable();
    names.dedup();
    names
}
