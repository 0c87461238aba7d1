//! `paceline runs show --host HOST`: what changed on a host, when, and by which run, over all runs of a state folder.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::ReportError;
use super::list::write_json;
use super::summary::second;
use crate::executor::event::{Event, EventKind, HostStatus, covered};
use crate::hostlog::{sanitize_line, sanitize_text};
use crate::journal::{JournalError, RunFolder, RunRecord, read, runs, short_id};
use crate::ui::{OutputFormat, counted};

/// The history of one host.
#[derive(Clone, Debug, Serialize)]
pub struct History {
    /// The host.
    pub host: String,
    /// Its runs, the newest first; those that changed nothing on purpose are left out.
    pub runs: Vec<HostRun>,
    /// Older runs that are not shown.
    pub older: usize,
}

/// What one run did to the host.
#[derive(Clone, Debug, Default, Serialize)]
pub struct HostRun {
    /// The run.
    pub run: String,
    /// When its first event was: RFC 3339, UTC.
    pub started_at: String,
    /// `apply`, `rollback`, `lab run`.
    pub command: String,
    /// Playbooks, as given; for a rollback the run that it went back over.
    pub playbooks: Vec<String>,
    /// Who asked for it.
    pub operator: String,
    /// How often it was started.
    pub starts: u64,
    /// How the host ended, unless it is at work or the run broke off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<HostStatus>,
    /// Why it ended so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What it changed, in order.
    pub changes: Vec<Change>,
    /// Points of other runs, or of its own, that it restored.
    pub restored: usize,
}

/// A step that changed the host.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Change {
    /// The step.
    pub step: u64,
    /// When it started.
    pub at: String,
    /// The task.
    pub task: String,
    /// Loop item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The module.
    pub module: String,
    /// Its rollback points; without one there is no way back.
    pub points: Vec<PointHistory>,
    #[serde(skip)]
    changed: bool,
}

/// A rollback point and what became of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PointHistory {
    /// Its number.
    pub point: u64,
    /// What it covers.
    pub covers: String,
    /// The path.
    pub path: String,
    /// The run that restored it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restored_by: Option<String>,
    /// Points of later runs that cover the same path, or one above or below it, and were not restored: they
    /// are rolled back first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub later: Vec<LaterPoint>,
}

/// A point of a later run.
#[derive(Clone, Debug, Serialize)]
pub struct LaterPoint {
    /// The run.
    pub run: String,
    /// Its number.
    pub point: u64,
}

/// A point, known by its run and number.
type Key = (String, u64);

impl History {
    /// Reads the history of a host, `limit` runs of it.
    pub fn read(state_dir: &Path, host: &str, limit: usize) -> Result<Self, ReportError> {
        let mut told: Vec<HostRun> = Vec::new();
        let mut restored: HashMap<Key, String> = HashMap::new();
        let mut others: Vec<String> = Vec::new();
        // Newest first, so that what was restored is known before the points are come to.
        for folder in runs(state_dir)? {
            let mut run = HostRun { run: folder.id().to_owned(), ..HostRun::default() };
            match run.fold(&folder, host, &mut restored, &mut others) {
                Ok(true) => told.push(run),
                // The controller ended before its first event, or the run is being made or pruned.
                Ok(false) | Err(JournalError::Read { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if told.is_empty() && !others.iter().any(|other| other == host) {
            return Err(unknown(state_dir, host, &others));
        }
        let mut later: Vec<(LaterPoint, String)> = Vec::new();
        for run in &mut told {
            let mut own = Vec::new();
            for point in run.changes.iter_mut().flat_map(|change| &mut change.points) {
                point.restored_by = restored.get(&(run.run.clone(), point.point)).cloned();
                if point.restored_by.is_none() {
                    let related = later.iter().filter(|(_, path)| related(path, &point.path));
                    point.later = related.map(|(point, _)| point.clone()).collect();
                    own.push((LaterPoint { run: run.run.clone(), point: point.point }, point.path.clone()));
                }
            }
            later.extend(own);
        }
        let older = told.len().saturating_sub(limit);
        told.truncate(limit);
        Ok(Self { host: host.to_owned(), runs: told, older })
    }
}

impl HostRun {
    /// Reads what a run did to the host; tells whether it was a target and may have been changed.
    fn fold(
        &mut self,
        folder: &RunFolder,
        host: &str,
        restored: &mut HashMap<Key, String>,
        others: &mut Vec<String>,
    ) -> Result<bool, JournalError> {
        let mut target = false;
        for event in read(&folder.journal())? {
            match event {
                Ok(event) => {
                    if let EventKind::RunStarted { command, playbooks, hosts, check, .. } = &event.kind {
                        if *check {
                            others.extend(
                                hosts
                                    .iter()
                                    .filter(|other| !others.contains(other))
                                    .cloned()
                                    .collect::<Vec<_>>(),
                            );
                            return Ok(false);
                        }
                        target |= hosts.iter().any(|target| target == host);
                        others.extend(hosts.iter().cloned());
                        self.starts += 1;
                        if self.starts == 1 {
                            self.started_at.clone_from(&event.at);
                            self.command.clone_from(command);
                            self.playbooks.clone_from(playbooks);
                        }
                    }
                    if event.host.as_deref() == Some(host) {
                        self.event(event, restored);
                    }
                }
                Err(JournalError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        others.sort_unstable();
        others.dedup();
        self.operator = RunRecord::read(&folder.record()).unwrap_or_default().operator;
        self.changes.retain(|change| change.changed || !change.points.is_empty());
        Ok(target)
    }

    fn event(&mut self, event: Event, restored: &mut HashMap<Key, String>) {
        let step = event.step.unwrap_or_default();
        match event.kind {
            EventKind::StepStarted { item, module, .. } => {
                self.status = None;
                let (at, task) = (event.at, event.task.unwrap_or_default());
                self.changes.push(Change { step, at, task, item, module, ..Change::default() });
            }
            EventKind::RollbackPoint { point, covers, path, .. } => {
                if let Some(change) = self.change(step) {
                    change.points.push(PointHistory { point, covers, path, ..PointHistory::default() });
                }
            }
            EventKind::StepFinished { changed: true, .. } => {
                let restores = self.command == "rollback";
                if let Some(change) = self.change(step) {
                    // What a rollback does is told by the points that it restored.
                    change.changed = !restores;
                }
            }
            EventKind::PointRestored { point, .. } => {
                self.restored += 1;
                // A run that failed may restore its own points.
                let of = match self.command.as_str() {
                    "rollback" => self.playbooks.first().cloned().unwrap_or_default(),
                    _ => self.run.clone(),
                };
                restored.entry((of, point)).or_insert_with(|| self.run.clone());
            }
            EventKind::HostFinished { status, message, .. } => {
                (self.status, self.message) = (Some(status), message);
            }
            _ => {}
        }
    }

    fn change(&mut self, step: u64) -> Option<&mut Change> {
        self.changes.iter_mut().rev().find(|change| change.step == step)
    }
}

/// Whether paths are the same, or one is above the other.
fn related(one: &str, other: &str) -> bool {
    let below = |path: &str, folder: &str| {
        path.strip_prefix(folder.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // A service or an activation has a name.
    one == other
        || (one.starts_with('/') && other.starts_with('/') && (below(one, other) || below(other, one)))
}

fn unknown(state_dir: &Path, host: &str, others: &[String]) -> ReportError {
    let likely =
        others.iter().max_by(|a, b| strsim::jaro_winkler(a, host).total_cmp(&strsim::jaro_winkler(b, host)));
    let hint = match likely.filter(|name| strsim::jaro_winkler(name, host) > 0.8) {
        Some(name) => format!("did you mean `{name}`?"),
        None => "`paceline runs list` shows the runs; `--state-dir` names another state folder".to_owned(),
    };
    ReportError::NoHistory { host: host.to_owned(), state_dir: state_dir.to_owned(), hint }
}

/// Writes the history of a host.
pub fn history(
    state_dir: &Path,
    host: &str,
    limit: usize,
    output: OutputFormat,
    out: &mut dyn Write,
) -> Result<(), ReportError> {
    let history = History::read(state_dir, host, limit)?;
    if output == OutputFormat::Json {
        return write_json(&history, out);
    }
    let all = history.runs.len() + history.older;
    writeln!(out, "{}: {}, newest first", sanitize_line(host), counted(all, "run"))?;
    for run in &history.runs {
        run_lines(run, out)?;
    }
    if history.older > 0 {
        writeln!(out, "\n{} not shown; `-n {all}` shows all", counted(history.older, "older run"))?;
    }
    Ok(())
}

fn run_lines(run: &HostRun, out: &mut dyn Write) -> Result<(), ReportError> {
    let names: Vec<&str> =
        run.playbooks.iter().map(|path| short_id(path.rsplit('/').next().unwrap_or(path))).collect();
    let what = format!("{} {}", run.command, names.join(" "));
    writeln!(
        out,
        "\n{}  {}  {}",
        short_id(&run.run),
        second(&run.started_at),
        sanitize_line(what.trim_end())
    )?;
    let by = if run.operator.is_empty() { String::new() } else { format!("by {}; ", run.operator) };
    let again = if run.starts > 1 { format!("; started {} times", run.starts) } else { String::new() };
    let points: Vec<&PointHistory> = run.changes.iter().flat_map(|change| &change.points).collect();
    let back = points.iter().filter(|point| point.restored_by.is_some()).count();
    let back = match back {
        0 => String::new(),
        back if back == points.len() => ", all restored since".to_owned(),
        back => format!(", {back} restored since"),
    };
    let did = match (run.restored, run.changes.len()) {
        (0, 0) => "nothing changed".to_owned(),
        (0, changes) => {
            format!("{}, {}{back}", counted(changes, "change"), counted(points.len(), "rollback point"))
        }
        (restored, 0) => format!("{} restored", counted(restored, "point")),
        (restored, changes) => {
            format!("{}, {} restored", counted(changes, "change"), counted(restored, "point"))
        }
    };
    let end = run.status.map_or("not at its end", HostStatus::words);
    writeln!(out, "  {}{end}; {did}{again}", sanitize_line(&by))?;
    for line in sanitize_text(run.message.as_deref().unwrap_or_default()).lines() {
        writeln!(out, "    {line}")?;
    }
    for change in &run.changes {
        let item = change.item.as_ref().map(|item| format!(" (item={item})")).unwrap_or_default();
        let way = if change.points.is_empty() { ": no rollback point" } else { "" };
        let line = format!("{:>4}  {}{item} [{}]{way}", change.step, change.task, change.module);
        writeln!(out, "  {}", sanitize_line(&line))?;
        for point in &change.points {
            let line = format!("point {}: {}", point.point, covered(&point.covers, &point.path));
            writeln!(out, "          {}", sanitize_line(&line))?;
            if let Some(by) = &point.restored_by {
                let by = if *by == run.run { "this run".to_owned() } else { short_id(by).to_owned() };
                writeln!(out, "            restored by {by}")?;
            }
            let later: Vec<String> = point
                .later
                .iter()
                .take(3)
                .map(|later| format!("{} of {}", later.point, short_id(&later.run)))
                .collect();
            if !later.is_empty() {
                let more = match point.later.len().saturating_sub(3) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                writeln!(out, "            behind point {}{more}", later.join(", "))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs;

    use super::*;

    const RUNS: [&str; 4] = [
        "0198f1e2-1111-7000-8000-000000000001",
        "0198f1e2-2222-7000-8000-000000000002",
        "0198f1e2-3333-7000-8000-000000000003",
        "0198f1e2-4444-7000-8000-000000000004",
    ];

    fn state() -> tempfile::TempDir {
        let state = tempfile::tempdir().unwrap();
        let started = |command: &str, what: &str, check: bool| {
            format!(
                r#""kind":"run_started","command":"{command}","playbooks":["{what}"],"hosts":["a","b"],"check":{check},"forks":5"#
            )
        };
        let step = |number: u64, task: &str, module: &str| {
            format!(r#""host":"a","task":"{task}","step":{number},"kind":"step_started","module":"{module}""#)
        };
        let point = |step: u64, number: u64, path: &str| {
            format!(
                r#""host":"a","task":"t","step":{step},"kind":"rollback_point","point":{number},"covers":"file","path":"{path}""#
            )
        };
        let ended = |step: u64| {
            format!(
                r#""host":"a","task":"t","step":{step},"kind":"step_finished","status":"changed","changed":true,"duration_ms":1"#
            )
        };
        let finished = |status: &str, more: &str| {
            format!(r#""host":"a","kind":"host_finished","status":"{status}"{more}"#)
        };
        let restored = r#""host":"a","task":"restore","step":1,"kind":"point_restored","point":2,"covers":"file","path":"/opt/x""#;
        let held = r#","message":"run 0198 of bob@x is at work on it""#;
        let journals = [
            vec![
                started("apply", "site/site.yml", false),
                step(1, "Settings", "copy"),
                point(1, 1, "/etc/agent.conf"),
                ended(1),
                step(2, "Folder", "file"),
                point(2, 2, "/opt/x"),
                ended(2),
                step(3, "Start", "command"),
                ended(3),
                step(4, "Look", "stat"),
                finished("ok", ""),
            ],
            vec![
                started("apply", "site.yml", false),
                step(1, "Settings", "copy"),
                point(1, 1, "/etc/agent.conf"),
                ended(1),
            ],
            vec![started("rollback", RUNS[0], false), restored.to_owned(), finished("rollback_failed", "")],
            vec![started("apply", "site.yml", false), finished("held", held)],
        ];
        for (number, (run, lines)) in RUNS.iter().zip(journals).enumerate() {
            let folder = RunFolder::new(state.path(), run);
            fs::create_dir_all(folder.path()).unwrap();
            let head = format!(r#"{{"seq":1,"at":"2026-05-0{}T07:29:33.000000Z","run":"{run}","#, number + 1);
            let text: String = lines.iter().map(|line| format!("{head}{line}}}\n")).collect();
            fs::write(folder.journal(), text).unwrap();
            fs::write(folder.record(), r#"{"operator":"ann@desk"}"#).unwrap();
        }
        state
    }

    fn shown(state: &Path, limit: usize) -> String {
        let mut out = Vec::new();
        history(state, "a", limit, OutputFormat::Human, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn tells_what_changed_and_what_became_of_it() {
        let state = state();
        let text = shown(state.path(), 20);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text, @"
        a: 4 runs, newest first

        0198f1e2-4444  2026-05-04 07:29:33Z  apply site.yml
          by ann@desk; held by another run; nothing changed
            run 0198 of bob@x is at work on it

        0198f1e2-3333  2026-05-03 07:29:33Z  rollback 0198f1e2-1111
          by ann@desk; rollback failed; 1 point restored

        0198f1e2-2222  2026-05-02 07:29:33Z  apply site.yml
          by ann@desk; not at its end; 1 change, 1 rollback point
             1  Settings [copy]
                  point 1: file /etc/agent.conf

        0198f1e2-1111  2026-05-01 07:29:33Z  apply site.yml
          by ann@desk; done; 3 changes, 2 rollback points, 1 restored since
             1  Settings [copy]
                  point 1: file /etc/agent.conf
                    behind point 1 of 0198f1e2-2222
             2  Folder [file]
                  point 2: file /opt/x
                    restored by 0198f1e2-3333
             3  Start [command]: no rollback point
        ");
    }

    #[test]
    fn paths_are_related_to_what_is_above_them_and_names_to_themselves() {
        for (one, other, is) in [
            ("/etc/a", "/etc/a", true),
            ("/etc", "/etc/a", true),
            ("/", "/etc", true),
            ("/etc/a", "/etc/ab", false),
            ("sshd", "sshd", true),
            ("", "/etc", false),
        ] {
            assert_eq!(related(one, other), is, "{one} {other}");
        }
    }

    #[test]
    fn shows_as_many_as_asked_for() {
        let state = state();
        let text = shown(state.path(), 1);
        assert!(text.starts_with("a: 4 runs, newest first\n\n0198f1e2-4444"), "{text}");
        assert!(text.ends_with("\n3 older runs not shown; `-n 4` shows all\n"), "{text}");
    }

    #[test]
    fn json_holds_the_same() {
        let state = state();
        let mut out = Vec::new();
        history(state.path(), "a", 20, OutputFormat::Json, &mut out).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let point = &document["runs"][3]["changes"][0]["points"][0];
        assert_eq!(point["later"], serde_json::json!([{"run": RUNS[1], "point": 1}]));
        assert_eq!(document["runs"][3]["changes"][1]["points"][0]["restored_by"], RUNS[2]);
    }

    #[test]
    fn a_host_without_a_run_is_an_error() {
        let state = state();
        let mut out = Vec::new();
        history(state.path(), "b", 20, OutputFormat::Human, &mut out).unwrap();
        let error = History::read(state.path(), "ab", 20).unwrap_err().to_string();
        assert!(error.starts_with("no run in `") && error.contains("had `ab`"), "{error}");
    }
}
