//! `paceline runs list`.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::summary::second;
use super::table::table;
use super::{ReportError, RunResult, RunSummary};
use crate::hostlog::{escape_json, sanitize_line};
use crate::journal::{JournalError, runs, short_id};
use crate::ui::{OutputFormat, duration, width};

#[derive(Serialize)]
struct Document {
    runs: Vec<RunSummary>,
}

/// Writes the runs of a state folder, newest first.
pub fn list(state_dir: &Path, output: OutputFormat, out: &mut dyn Write) -> Result<(), ReportError> {
    let mut summaries = Vec::new();
    for folder in runs(state_dir)? {
        match RunSummary::read(&folder) {
            Ok(summary) => summaries.push(summary),
            // The controller ended before its first event, or the run is being made or pruned.
            Err(JournalError::Read { .. }) => summaries.push(RunSummary::new(folder.id())),
            Err(error) => return Err(error.into()),
        }
    }
    if output == OutputFormat::Json {
        return write_json(&Document { runs: summaries }, out);
    }
    if summaries.is_empty() {
        writeln!(out, "no runs in {}", state_dir.display())?;
        return Ok(());
    }
    let rows: Vec<Vec<String>> = summaries.iter().map(row).collect();
    let heading = ["RUN", "STARTED (UTC)", "WHAT", "HOSTS", "RESULT", "TOOK"];
    for line in table(0, &heading, &narrowed(rows)) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// A terminal's width. What was run is cut to fit; JSON has all of it.
const COLUMNS: usize = 80;
/// What is left of it at least.
const WHAT: usize = 12;

fn row(run: &RunSummary) -> Vec<String> {
    let check = if run.check && run.command != "plan" { " --check" } else { "" };
    let mut playbooks = run.playbooks.iter().map(|path| {
        let name = path.rsplit('/').next().unwrap_or(path);
        short_id(name).to_owned()
    });
    let first = playbooks.next().unwrap_or_default();
    let more = match playbooks.count() {
        0 => String::new(),
        more => format!(" +{more}"),
    };
    let bad = match run.result {
        RunResult::Failed => run.failed,
        RunResult::Unreachable => run.unreachable,
        _ => 0,
    };
    let bad = if bad > 0 { format!(" {bad}") } else { String::new() };
    vec![
        short_id(&run.run).to_owned(),
        second(&run.started_at).get(..16).unwrap_or_default().to_owned(),
        sanitize_line(format!("{}{check} {first}{more}", run.command).trim_end()).into_owned(),
        run.hosts.to_string(),
        format!("{}{bad}", run.result.word()),
        // The first unit of it is enough to compare by.
        duration(run.duration_ms).split(' ').take(2).collect::<Vec<_>>().join(" "),
    ]
}

/// Cuts the third column so that the lines fit.
fn narrowed(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let widest = |column: usize, least: usize| {
        rows.iter().map(|row| width(&row[column])).max().unwrap_or_default().max(least)
    };
    let others = widest(0, 3) + widest(1, 13) + widest(3, 5) + widest(4, 6) + widest(5, 4);
    let room = COLUMNS.saturating_sub(others + 5 * 2).max(WHAT);
    for row in &mut rows {
        if width(&row[2]) > room {
            while width(&row[2]) > room - 1 {
                row[2].pop();
            }
            row[2].push('…');
        }
    }
    rows
}

pub(super) fn write_json(document: &impl Serialize, out: &mut dyn Write) -> Result<(), ReportError> {
    let json = serde_json::to_string_pretty(document).map_err(std::io::Error::from)?;
    writeln!(out, "{}", escape_json(&json))?;
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::testing::State;
    use super::*;

    fn listed(state: &State, output: OutputFormat) -> String {
        let mut out = Vec::new();
        list(state.path(), output, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lists_runs_newest_first() {
        let state = State::new();
        state.add_older();
        insta::assert_snapshot!(listed(&state, OutputFormat::Human), @"
        RUN            STARTED (UTC)     WHAT            HOSTS  RESULT         TOOK
        0198f1e2-9999  2026-05-09 07:29  apply site.yml      4  unreachable 1  9.5 s
        0198f1e2-3b4c  2026-05-09 07:29  apply site.yml      4  interrupted    0 ms
        ");
    }

    #[test]
    fn a_line_is_no_wider_than_a_terminal() {
        let mut run = RunSummary::new("0198f1e2-9999-7000-8000-000000000002");
        run.started_at = "2026-05-09T07:29:33.000000Z".to_owned();
        run.command = "apply".to_owned();
        run.check = true;
        run.playbooks =
            vec!["playbooks/日本/a-very-long-name-of-a-playbook.yml".to_owned(), "b.yml".to_owned()];
        (run.hosts, run.unreachable, run.duration_ms) = (12_000, 11_999, 86_399_000);
        run.result = RunResult::Unreachable;
        let heading = ["RUN", "STARTED (UTC)", "WHAT", "HOSTS", "RESULT", "TOOK"];
        for line in table(0, &heading, &narrowed(vec![row(&run)])) {
            assert!(width(&line) <= 80, "{line}");
        }
    }

    #[test]
    fn json_is_one_document() {
        insta::assert_snapshot!(listed(&State::new(), OutputFormat::Json), @r#"
        {
          "runs": [
            {
              "run": "0198f1e2-9999-7000-8000-000000000002",
              "started_at": "2026-05-09T07:29:33.000000Z",
              "command": "apply",
              "playbooks": [
                "site.yml"
              ],
              "check": false,
              "hosts": 4,
              "ok": 1,
              "failed": 1,
              "unreachable": 1,
              "result": "unreachable",
              "exit_code": 4,
              "duration_ms": 9500
            }
          ]
        }
        "#);
    }

    #[test]
    fn no_runs_is_an_answer() {
        let mut out = Vec::new();
        list(Path::new("/nowhere"), OutputFormat::Human, &mut out).unwrap();
        assert_eq!(out, b"no runs in /nowhere\n");
    }
}
