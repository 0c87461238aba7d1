//! What a person has to agree to before a rollout touches a host: asked once for the run.

use super::CommandError;
use super::rollout::Request;
use super::terminal::{self, Environment};
use crate::executor::PreparedPlay;
use crate::hostlog::sanitize_line;
use crate::inventory::{HostName, Inventory};
use crate::plan::{self, CompiledTask};
use crate::source::counted;

/// Hosts of a whole-fleet target from which on a confirmation is asked.
const FLEET: usize = 20;
/// Tasks, breaches and hosts that are listed one by one.
const LINES_SHOWN: usize = 10;

/// Refuses too many hosts; asks before a whole fleet is changed, before everybody stops who serves something, and before
/// what nothing can undo is done.
pub(super) fn confirm(
    request: &Request<'_>,
    plays: &[PreparedPlay],
    inventory: &Inventory,
    environment: &Environment,
) -> Result<(), CommandError> {
    let targets = targets(plays);
    if let Some(limit) = request.rollout.max_hosts.filter(|limit| targets.len() > *limit) {
        let targeted = counted(targets.len(), "targeted host");
        let message = format!("{targeted}, more than `--max-hosts {limit}`");
        return Err(CommandError::user(message).hint("`--list-hosts` lists them, `-l` selects some of them"));
    }
    if request.check || request.trusted || request.rollout.yes {
        return Ok(());
    }
    let fleet = request.inventory.limit.is_none() && is_whole_fleet(plays, inventory);
    let fleet = fleet.then_some(targets.len());
    let reasons = Reasons { fleet, breaches: breaches(plays.iter()), tasks: irreversible(plays) };
    reasons.settle(environment)
}

/// Asks about waves of a resumed run that are not those that it began with.
pub(super) fn confirm_again(
    request: &Request<'_>,
    plays: &[PreparedPlay],
    environment: &Environment,
) -> Result<(), CommandError> {
    if request.trusted || request.rollout.yes {
        return Ok(());
    }
    let changed = plays.iter().filter(|play| !play.as_recorded);
    Reasons { breaches: breaches(changed), ..Reasons::default() }.settle(environment)
}

/// Why somebody has to agree.
#[derive(Default)]
struct Reasons {
    /// Hosts, if they are the whole fleet.
    fleet: Option<usize>,
    /// Waves in which everybody stops who serves something, each with what helps.
    breaches: Vec<(String, String)>,
    /// Tasks that do what nothing can undo.
    tasks: Vec<String>,
}

impl Reasons {
    fn settle(&self, environment: &Environment) -> Result<(), CommandError> {
        if self.fleet.is_none() && self.breaches.is_empty() && self.tasks.is_empty() {
            return Ok(());
        }
        if !environment.can_ask {
            return Err(self.refusal());
        }
        match terminal::confirm(&self.question())? {
            true => Ok(()),
            false => Err(CommandError::user("not confirmed; nothing was touched")),
        }
    }

    /// All reasons at once: `--yes` answers them all.
    fn refusal(&self) -> CommandError {
        let (mut messages, mut hints) = (Vec::new(), Vec::new());
        for (breach, hint) in self.breaches.iter().take(LINES_SHOWN) {
            messages.push(format!("{breach}, and nobody can be asked"));
            if !hints.contains(hint) {
                hints.push(hint.clone());
            }
        }
        let more = self.breaches.len().saturating_sub(LINES_SHOWN);
        if more > 0 {
            messages.push(format!(
                "there {} more of that kind",
                if more == 1 { "is 1".to_owned() } else { format!("are {more}") }
            ));
        }
        if let Some(count) = self.fleet {
            messages.push(format!("all {count} hosts are targeted, and nobody can be asked"));
            hints.push("say `--yes`, or select hosts with `-l`".to_owned());
        }
        match self.tasks.as_slice() {
            [] => {}
            [task] => {
                messages.push(format!("nothing here can undo what {task} does, and nobody can be asked"));
            }
            tasks => messages.push(format!(
                "nothing here can undo what {} tasks do, and nobody can be asked:\n{}",
                tasks.len(),
                listed(tasks)
            )),
        }
        if !self.tasks.is_empty() {
            hints.push(
                "say `--yes`; a command that names what it makes (`creates`) or removes (`removes`), or that changes nothing (`changed_when: false`), needs no confirmation"
                    .to_owned(),
            );
        }
        CommandError { messages, hints, ..CommandError::user("") }
    }

    fn question(&self) -> String {
        let mut text = String::new();
        let breaches: Vec<&String> = self.breaches.iter().map(|(breach, _)| breach).collect();
        for breach in breaches.iter().take(LINES_SHOWN) {
            text.push_str(&format!("{}.\n", capital(breach)));
        }
        let more = breaches.len().saturating_sub(LINES_SHOWN);
        if more > 0 {
            text.push_str(&format!("There are {more} more of that kind.\n"));
        }
        if let Some(count) = self.fleet {
            text.push_str(&format!("This changes all {count} hosts of the inventory.\n"));
        }
        match self.tasks.as_slice() {
            [] => {}
            [task] => text.push_str(&format!("Nothing here can undo what {task} does.\n")),
            tasks => {
                text.push_str(&format!("Nothing here can undo what these tasks do:\n{}\n", listed(tasks)));
            }
        }
        text + "Go on?"
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Waves in which everybody stops who serves something, each with what helps.
fn breaches<'p>(plays: impl Iterator<Item = &'p PreparedPlay>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for play in plays {
        for (number, breach) in play
            .breaches()
            .into_iter()
            .enumerate()
            .flat_map(|(number, breaches)| breaches.into_iter().map(move |breach| (number + 1, breach)))
        {
            let hosts: Vec<String> =
                breach.hosts.iter().take(LINES_SHOWN).map(|host| format!("`{host}`")).collect();
            let more = breach.hosts.len().saturating_sub(LINES_SHOWN);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let message = format!(
                "wave {number} of {} of `{}` stops all {} hosts that {}: {}{more}",
                play.waves.len(),
                play.context.name,
                breach.hosts.len(),
                breach.what(),
                hosts.join(", "),
            );
            let hint = match &play.serial {
                Some(place) => {
                    format!("make `serial` smaller ({place}), so that others go on serving, or say `--yes`")
                }
                None => "`--serial 1` lets others go on serving; or say `--yes`".to_owned(),
            };
            found.push((sanitize_line(&message).into_owned(), sanitize_line(&hint).into_owned()));
        }
    }
    found
}

fn listed(tasks: &[String]) -> String {
    let mut lines: Vec<String> = tasks.iter().take(LINES_SHOWN).map(|task| format!("  {task}")).collect();
    let more = tasks.len().saturating_sub(LINES_SHOWN);
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
