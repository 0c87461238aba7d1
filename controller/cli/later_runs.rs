//! Which later runs stand in the way of rolling back an older one: told by the journals of the state folder alone.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde_json::json;

use super::CommandError;
use super::rollback::{HostPoints, points, rolled_out};
use crate::executor::event::EventKind;
use crate::hostlog::sanitize_line;
use crate::inventory::HostName;
use crate::journal::{self, RunFolder};
use crate::operation::Point;
use crate::source::counted;

/// A point of a later run that covers what an older one would bring back.
pub(super) struct InTheWay {
    pub(super) host: String,
    run: String,
    later: Point,
    older: Point,
}

impl InTheWay {
    /// One line for a person.
    pub(super) fn line(&self) -> String {
        let (later, older) = (&self.later, &self.older);
        format!(
            "in the way of point {}: run `{}`, point {}: {} {}",
            older.number,
            journal::short_id(&self.run),
            later.number,
            later.kind,
            sanitize_line(&later.path)
        )
    }

    pub(super) fn json(&self) -> serde_json::Value {
        json!({
            "run": self.run,
            "point": self.later.number,
            "covers": self.later.kind,
            "path": self.later.path,
            "in_the_way_of": self.older.number,
        })
    }
}

/// Points by the run, host, number and path that name them in an event.
type Restored = HashSet<(String, String, u64, String)>;

/// Finds the points of later runs that were not restored and cover paths of points of `of` that would be restored. What
/// was restored already has nothing in its way.
pub(super) fn in_the_way(
    state_dir: &Path,
    of: &RunFolder,
    saved: &HashMap<String, HostPoints>,
    hosts: &[HostName],
    to: Option<u64>,
) -> Result<Vec<InTheWay>, CommandError> {
    let runs = journal::runs(state_dir).map_err(CommandError::failed)?;
    let mut later = Vec::new();
    let mut restored = Restored::new();
    for run in runs.iter().filter(|run| run.id() >= of.id()) {
        note_restored(run, &mut restored)?;
        if run.id() > of.id() && rolled_out(run) {
            later.push((run.id(), points(run)?));
        }
    }
    let left = |run: &str, host: &str, point: &Point| {
        !restored.contains(&(run.to_owned(), host.to_owned(), point.number, point.path.clone()))
    };
    let mut found = Vec::new();
    for host in hosts {
        let Some(mine) = saved.get(&*host.0) else { continue };
        let mine: Vec<&Point> = mine
            .points()
            .filter(|point| to.is_none_or(|to| point.number >= to) && left(of.id(), &host.0, point))
            .collect();
        // The newest run first: it has to go first.
        for (run, hosts) in &later {
            let theirs = hosts.get(&*host.0).into_iter().flat_map(HostPoints::points);
            for point in theirs.filter(|point| left(run, &host.0, point)) {
                if let Some(older) = mine.iter().find(|older| concerns(point, older)) {
                    let (host, run) = (host.to_string(), (*run).to_owned());
                    found.push(InTheWay { host, run, later: point.clone(), older: (*older).clone() });
                }
            }
        }
    }
    Ok(found)
}

/// Refuses to go back behind later runs.
pub(super) fn refuse(of: &RunFolder, found: &[InTheWay]) -> Result<(), CommandError> {
    let Some(first) = found.first() else { return Ok(()) };
    let more = match found.len() - 1 {
        0 => String::new(),
        more => format!(" (and {})", counted(more, "more point")),
    };
    Err(CommandError::user(format!(
        "run `{}` changed `{}` on `{}` after run `{}`{more}",
        journal::short_id(&first.run),
        sanitize_line(&first.later.path),
        first.host,
        journal::short_id(of.id()),
    ))
    .hint(format!(
        "roll that one back first: `paceline rollback {}`; `--plan` lists all that is in the way, and `--force` goes back behind it: \
         what is there now is kept beside the points",
        journal::short_id(&first.run)
    )))
}

/// Whether a later point covers what an older one brings back: the same path, what is in a folder that the older one
/// replaces, or a folder around it that the later one replaced.
fn concerns(later: &Point, older: &Point) -> bool {
    // These cover no path; theirs is a name for people.
    let is_named = |point: &Point| matches!(point.kind.as_str(), "activation" | "rollback");
    if is_named(later) || is_named(older) {
        return false;
    }
    let replaces = |point: &Point| !matches!(point.kind.as_str(), "mode" | "attributes" | "times");
    // Windows takes names in any case.
    let plain = |path: &str| if path.contains('\\') { path.to_lowercase() } else { path.to_owned() };
    let (later_path, older_path) = (plain(&later.path), plain(&older.path));
    let below = |path: &str, folder: &str| {
        path.strip_prefix(folder.trim_end_matches(['/', '\\']))
            .is_some_and(|rest| rest.starts_with(['/', '\\']))
    };
    later_path == older_path
        || replaces(older) && below(&later_path, &older_path)
        || replaces(later) && below(&older_path, &later_path)
}

/// Notes which points were restored, of whichever run.
fn note_restored(run: &RunFolder, restored: &mut Restored) -> Result<(), CommandError> {
    let mut of = run.id().to_owned();
    for event in journal::read(&run.journal()).map_err(CommandError::failed)? {
        let Ok(event) = event else { continue };
        match (event.kind, event.host) {
            (EventKind::RunStarted { command, playbooks, .. }, _) if command == "rollback" => {
                of = playbooks.into_iter().next().unwrap_or_default();
            }
            (EventKind::PointRestored { point, path, .. }, Some(host)) => {
                restored.insert((of.clone(), host, point, path));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_point_is_in_the_way_where_it_covers_the_same() {
        let point =
            |kind: &str, path: &str| Point { number: 1, kind: kind.to_owned(), path: path.to_owned() };
        for (older, later, expected) in [
            (("file", "/a"), ("file", "/a"), true),
            (("file", "/a"), ("mode", "/a"), true),
            (("mode", "/a"), ("file", "/a"), true),
            (("file", "/a"), ("file", "/ab"), false),
            (("absent", "/opt/agent"), ("absent", "/opt/agent/log"), true),
            (("mode", "/opt"), ("absent", "/opt/agent"), false),
            (("file", "/opt/agent/a"), ("directory", "/opt/agent"), true),
            (("file", "/opt/agent/a"), ("mode", "/opt/agent"), false),
            (("times", "/opt"), ("file", "/opt/a"), false),
            (("service", "agent"), ("service", "agent"), true),
            (("file", "C:\\Acme\\a"), ("directory", "c:\\acme"), true),
            (("file", "C:\\Acme\\a"), ("attributes", "C:\\Acme"), false),
            (("pool", "pool Acme"), ("pool", "pool Acme"), true),
            (("activation", "restart agent"), ("activation", "restart agent"), false),
        ] {
            assert_eq!(
                concerns(&point(later.0, later.1), &point(older.0, older.1)),
                expected,
                "{older:?} {later:?}"
            );
        }
    }
}
