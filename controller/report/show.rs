//! `paceline runs show`.

use std::io::{self, Write};

use super::list::write_json;
use super::story::{Counts, HostStory, PlayStory, StepStory, Story};
use super::summary::second;
use super::table::table;
use super::{ReportError, RunResult};
use crate::executor::event::{HostStatus, Status, covered};
use crate::hostlog::{sanitize_line, sanitize_text};
use crate::journal::RunFolder;
use crate::ui::{OutputFormat, Palette, counted, duration, recap_lines};

/// Writes the story of a run.
pub fn show(folder: &RunFolder, output: OutputFormat, out: &mut dyn Write) -> Result<(), ReportError> {
    let story = Story::read(folder)?;
    if output == OutputFormat::Json {
        return write_json(&story, out);
    }
    head(&story, out)?;
    for play in &story.plays {
        play_lines(play, out)?;
    }
    trouble(&story, out)?;
    unknown(&story, out)?;
    if !story.points.is_empty() {
        let points: u64 = story.points.values().sum();
        writeln!(out, "\nrollback points: {points} on {}", counted(story.points.len(), "host"))?;
    }
    if !story.recap.is_empty() {
        writeln!(out)?;
        for line in recap_lines(&story.recap, Palette { color: false }, None) {
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    writeln!(out, "\nlogs: {}/", folder.hosts().display())?;
    Ok(())
}

fn head(story: &Story, out: &mut dyn Write) -> io::Result<()> {
    let summary = &story.summary;
    let check = if summary.check { ", nothing was changed" } else { "" };
    let asked = format!("{} {}", summary.command, summary.playbooks.join(" "));
    writeln!(out, "run {}: {}{check}", summary.run, sanitize_line(asked.trim_end()))?;
    let by = [(&story.operator, " by "), (&story.version, " with paceline ")];
    let by: String =
        by.iter().filter(|(text, _)| !text.is_empty()).map(|(text, lead)| format!("{lead}{text}")).collect();
    writeln!(out, "started {}{}", second(&summary.started_at), sanitize_line(&by))?;
    let took = duration(summary.duration_ms);
    match (summary.result, summary.exit_code) {
        (RunResult::Running, _) => writeln!(out, "running for {took}")?,
        (result, Some(code)) => writeln!(out, "{} after {took}, exit code {code}", result.word())?,
        (result, None) => {
            writeln!(out, "{} after {took}: the controller ended before the run did", result.word())?;
        }
    }
    if story.damaged > 0 {
        writeln!(out, "{} of the journal damaged and left out", counted(story.damaged as usize, "line"))?;
    }
    Ok(())
}

fn play_lines(play: &PlayStory, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "\nPLAY [{}] {}", sanitize_line(&play.play), counted(play.hosts, "host"))?;
    if play.waves.len() > 1 || play.waves.first().is_some_and(|&hosts| hosts < play.hosts) {
        let sizes: Vec<String> = play.waves.iter().map(usize::to_string).collect();
        let hosts = if sizes == ["1"] { "host" } else { "hosts" };
        write!(out, ", {} of {} {hosts}", counted(play.waves.len(), "wave"), sizes.join(", "))?;
    }
    writeln!(out)?;
    if let Some(stopped) = &play.stopped {
        writeln!(out, "  stopped: {}", sanitize_line(stopped))?;
    }
    let numbers = |c: &Counts| [c.ok, c.changed, c.skipped, c.failed, c.ignored, c.rescued];
    let rows: Vec<Vec<String>> = play
        .tasks
        .iter()
        .map(|(task, counts)| {
            let cells = numbers(counts).into_iter().map(|n| n.to_string());
            std::iter::once(sanitize_line(task).into_owned()).chain(cells).collect()
        })
        .collect();
    if !rows.is_empty() {
        for line in table(2, &["TASK", "OK", "CHANGED", "SKIPPED", "FAILED", "IGNORED", "RESCUED"], &rows) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

fn trouble(story: &Story, out: &mut dyn Write) -> io::Result<()> {
    if !story.failures.is_empty() {
        writeln!(out, "\nfailures")?;
    }
    for failure in &story.failures {
        writeln!(out, "  {}: {}", sanitize_line(&failure.host), sanitize_line(&failure.task))?;
        indented(&failure.message, 4, out)?;
        if let Some(place) = &failure.place {
            writeln!(out, "    at {}", sanitize_line(place))?;
        }
        for line in &failure.output_tail {
            writeln!(out, "    | {}", sanitize_line(line))?;
        }
    }
    let others: Vec<_> = story
        .ends
        .iter()
        .filter(|end| {
            !(end.status == HostStatus::Failed && story.failures.iter().any(|f| f.host == end.host))
        })
        .collect();
    if !others.is_empty() {
        writeln!(out, "\nhosts that did not end well")?;
    }
    for end in others {
        writeln!(out, "  {}: {}", sanitize_line(&end.host), end.status.words())?;
        indented(end.message.as_deref().unwrap_or_default(), 4, out)?;
        indented(&end.hint.as_ref().map(|hint| format!("hint: {hint}")).unwrap_or_default(), 4, out)?;
    }
    if !story.warnings.is_empty() {
        writeln!(out, "\nwarnings")?;
    }
    story.warnings.iter().try_for_each(|warning| indented(warning, 2, out))
}

fn unknown(story: &Story, out: &mut dyn Write) -> io::Result<()> {
    if !story.unknown.is_empty() {
        let steps = counted(story.unknown.len(), "step");
        writeln!(out, "\n{steps} with unknown result: started, and nobody knows how it ended")?;
    }
    for step in &story.unknown {
        let lost = !story.summary.check && !step.point && step.may_change();
        let way = if lost { ", no way back" } else { "" };
        let line = format!("{}: step {} {} [{}]{way}", step.host, step.step, step.task, step.module);
        writeln!(out, "  {}", sanitize_line(&line))?;
    }
    Ok(())
}

fn indented(text: &str, by: usize, out: &mut dyn Write) -> io::Result<()> {
    sanitize_text(text).lines().try_for_each(|line| writeln!(out, "{:by$}{line}", ""))
}

/// Writes the story of one host of a run: every step.
pub fn show_host(
    folder: &RunFolder,
    host: &str,
    output: OutputFormat,
    out: &mut dyn Write,
) -> Result<(), ReportError> {
    let story = HostStory::read(folder, host)?;
    if output == OutputFormat::Json {
        return write_json(&story, out);
    }
    let end = story.status.map_or("not at its end", HostStatus::words);
    writeln!(out, "{} in run {}: {end}", sanitize_line(&story.host), story.run)?;
    indented(story.message.as_deref().unwrap_or_default(), 2, out)?;
    indented(&story.hint.as_ref().map(|hint| format!("hint: {hint}")).unwrap_or_default(), 2, out)?;
    story.warnings.iter().try_for_each(|warning| indented(&format!("warning: {warning}"), 2, out))?;
    writeln!(out)?;
    for step in &story.steps {
        step_lines(step, out)?;
    }
    if let Some(recap) = story.recap {
        let recap = indexmap::IndexMap::from([(story.host.clone(), recap)]);
        writeln!(out)?;
        for line in recap_lines(&recap, Palette { color: false }, None) {
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    writeln!(out, "\nlog: {}", story.log)?;
    Ok(())
}

fn step_lines(step: &StepStory, out: &mut dyn Write) -> io::Result<()> {
    let number = step.step.map(|step| step.to_string()).unwrap_or_default();
    let item = step.item.as_ref().map(|item| format!(" (item={item})")).unwrap_or_default();
    let module = if step.module.is_empty() { String::new() } else { format!(" [{}]", step.module) };
    let status = step.status.map_or("no result", Status::word);
    let also = if step.changed && step.status != Some(Status::Changed) { ", changed" } else { "" };
    let rc = step.rc.map(|rc| format!(", rc={rc}")).unwrap_or_default();
    let took = step.duration_ms.map(|ms| format!(", {}", duration(ms))).unwrap_or_default();
    let line = format!("{}{item}{module}: {status}{also}{rc}{took}", step.task);
    writeln!(out, "{number:>4}  {}  {}", second(&step.at), sanitize_line(&line))?;
    if step.status.is_some_and(|status| !matches!(status, Status::Ok | Status::Changed)) {
        indented(step.message.as_deref().unwrap_or_default(), 8, out)?;
    }
    for (point, covers, path) in &step.points {
        writeln!(out, "        point {point}: {}", sanitize_line(&covered(covers, path)))?;
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::testing::State;
    use super::*;

    fn text(state: &State, write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap().replace(state.path().to_str().unwrap(), "STATE")
    }

    #[test]
    fn tells_the_story_of_a_run() {
        let state = State::new();
        let shown = text(&state, |out| show(&state.run(), OutputFormat::Human, out).unwrap());
        insta::assert_snapshot!(shown, @r"
        run 0198f1e2-9999-7000-8000-000000000002: apply site.yml
        started 2026-05-09 07:29:33Z by ann@desk with paceline 0.1.0
        unreachable after 9.5 s, exit code 4

        PLAY [Install the agent] 4 hosts, 1 wave of 3 hosts
          stopped: 2 of 3 hosts failed (max_fail_percentage: 30)
          TASK           OK  CHANGED  SKIPPED  FAILED  IGNORED  RESCUED
          Copy            1        1        0       0        0        0
          agent : Start   1        0        0       1        0        0
          Later           0        0        1       0        0        0

        failures
          web-2: agent : Start
            exit status 3\x1b[2J
            at site.yml:12:7
            | Cannot open port
            | bye

        hosts that did not end well
          web-3: unreachable
            connection refused
            hint: is sshd running there?

        warnings
          the clock of web-2 is 4 minutes off

        rollback points: 1 on 1 host

        web-1                      : ok=2    changed=1    unreachable=0    failed=0    skipped=1    rescued=0    ignored=0
        web-2                      : ok=1    changed=0    unreachable=0    failed=1    skipped=0    rescued=0    ignored=0
        web-3                      : ok=0    changed=0    unreachable=1    failed=0    skipped=0    rescued=0    ignored=0

        logs: STATE/runs/0198f1e2-9999-7000-8000-000000000002/hosts/
        ");
    }

    #[test]
    fn tells_the_story_of_a_run_that_broke_off() {
        let state = State::new();
        state.cut_last_line();
        let shown = text(&state, |out| show(&state.run(), OutputFormat::Human, out).unwrap());
        assert!(
            shown.contains("\ninterrupted after 9.0 s: the controller ended before the run did\n"),
            "{shown}"
        );
    }

    #[test]
    fn tells_of_steps_that_a_killed_controller_left_open() {
        let state = State::new();
        state.keep_lines(10);
        let shown = text(&state, |out| show(&state.run(), OutputFormat::Human, out).unwrap());
        let told = "\n1 step with unknown result: started, and nobody knows how it ended\n  web-1: step 2 agent : Start [command], no way back\n";
        assert!(shown.contains(told), "{shown}");
    }

    #[test]
    fn tells_the_story_of_a_host() {
        let state = State::new();
        let shown = text(&state, |out| show_host(&state.run(), "web-1", OutputFormat::Human, out).unwrap());
        insta::assert_snapshot!(shown, @"
        web-1 in run 0198f1e2-9999-7000-8000-000000000002: done

           1  2026-05-09 07:29:34Z  Copy (item=a.json) [copy]: changed, 12 ms
                point 1: file /etc/agent/a.json
           2  2026-05-09 07:29:36Z  agent : Start [command]: ok, rc=0, 1.2 s
              2026-05-09 07:29:38Z  Later: skipped
                `when` was false

        web-1                      : ok=2    changed=1    unreachable=0    failed=0    skipped=1    rescued=0    ignored=0

        log: STATE/runs/0198f1e2-9999-7000-8000-000000000002/hosts/web-1.log
        ");
        let shown = text(&state, |out| show_host(&state.run(), "web-2", OutputFormat::Human, out).unwrap());
        insta::assert_snapshot!(shown, @r"
        web-2 in run 0198f1e2-9999-7000-8000-000000000002: failed
          exit status 3

           1  2026-05-09 07:29:38Z  Copy (item=a.json) [copy]: ok, 9 ms
           2  2026-05-09 07:29:40Z  agent : Start [command]: failed, changed, rc=3, 70 ms
                exit status 3\x1b[2J

        web-2                      : ok=1    changed=0    unreachable=0    failed=1    skipped=0    rescued=0    ignored=0

        log: STATE/runs/0198f1e2-9999-7000-8000-000000000002/hosts/web-2.log
        ");
    }

    #[test]
    fn json_holds_the_same() {
        let state = State::new();
        let shown = text(&state, |out| show(&state.run(), OutputFormat::Json, out).unwrap());
        let story: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(story["result"], "unreachable");
        assert_eq!(story["plays"][0]["tasks"]["agent : Start"]["failed"], 1);
        assert_eq!(story["failures"][0]["output_tail"][0], "Cannot open port");
        assert_eq!(story["recap"]["web-1"]["ok"], 2);
        let shown = text(&state, |out| show_host(&state.run(), "web-1", OutputFormat::Json, out).unwrap());
        let story: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(story["steps"][0]["points"][0], serde_json::json!([1, "file", "/etc/agent/a.json"]));
    }
}
