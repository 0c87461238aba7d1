//! `paceline runs list`.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::summary::second;
use super::table::table;
use super::{ReportError, RunSummary};
use crate::hostlog::{escape_json, sanitize_line};
use crate::journal::{JournalError, runs, short_id};
use crate::ui::{OutputFormat, duration};

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
    let heading =
        ["RUN", "STARTED", "COMMAND", "PLAYBOOK", "HOSTS", "OK", "FAILED", "UNREACHABLE", "RESULT", "TOOK"];
    for line in table(0, &heading, &rows) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn row(run: &RunSummary) -> Vec<String> {
    let check = if run.check && run.command != "plan" { " --check" } else { "" };
    vec![
        short_id(&run.run).to_owned(),
        second(&run.started_at),
        sanitize_line(&format!("{}{check}", run.command)).into_owned(),
        sanitize_line(&run.playbooks.join(" ")).into_owned(),
        run.hosts.to_string(),
        run.ok.to_string(),
        run.failed.to_string(),
        run.unreachable.to_string(),
        run.result.word().to_owned(),
        duration(run.duration_ms),
    ]
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
        RUN            STARTED               COMMAND  PLAYBOOK  HOSTS  OK  FAILED  UNREACHABLE  RESULT       TOOK
        0198f1e2-9999  2026-05-09 07:29:33Z  apply    site.yml      4   1       1            1  unreachable  9.5 s
        0198f1e2-3b4c  2026-05-09 07:29:33Z  apply    site.yml      4   0       0            0  interrupted  0 ms
        ");
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
