//! An audit for people: the matrix as a table, jobs, findings with why they matter, what changed; and as one JSON document.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use super::findings::{COLUMNS, paragraph, paragraphs};
use super::table::{fit, table};
use crate::audit::{Audit, JobRow, why};
use crate::hostlog::{escape_json, sanitize_line};
use crate::preflight::Severity;
use crate::source::counted;
use crate::ui::{Palette, Tone};

/// Writes an audit as one JSON document that is the same as long as its sources are.
pub fn audit_json(audit: &Audit, out: &mut dyn Write) -> std::io::Result<()> {
    let json = serde_json::to_string_pretty(audit)?;
    writeln!(out, "{}", escape_json(&json))
}

/// Writes an audit for people.
pub fn audit(audit: &Audit, color: bool, out: &mut dyn Write) -> std::io::Result<()> {
    matrix(audit, out)?;
    rest(audit, color, out)
}

/// Writes what stands below every answer: findings, changes, and the summary.
pub(super) fn rest(audit: &Audit, color: bool, out: &mut dyn Write) -> std::io::Result<()> {
    let palette = Palette { color };
    for finding in &audit.findings {
        paragraphs(out, palette, finding, why(&finding.id))?;
    }
    if !audit.findings.is_empty() {
        writeln!(out)?;
    }
    if !audit.waived.is_empty() {
        writeln!(out, "waived:")?;
        for waived in &audit.waived {
            let subject = waived.finding.subject.as_deref().unwrap_or(&waived.finding.place);
            let until = waived.until.as_deref().unwrap_or("?");
            let text = format!("{} ({subject}) until {until}: {}", waived.finding.id, waived.reason);
            paragraph(out, "  ", "    ", &sanitize_line(&text))?;
        }
        writeln!(out)?;
    }
    if let Some(drift) = &audit.drift {
        writeln!(
            out,
            "{}",
            if drift.is_empty() {
                "nothing changed since the baseline"
            } else {
                "changed since the baseline:"
            }
        )?;
        for change in drift {
            let mark = palette.paint(Tone::Changed, &change.change);
            paragraph(out, &format!("  {mark}: "), "    ", &sanitize_line(&change.message))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "{}", summary(audit))
}

/// Writes a table that fits into 80 columns, and an empty line behind it; nothing where there are no rows.
pub(super) fn rows(heading: &[&str], mut rows: Vec<Vec<String>>, out: &mut dyn Write) -> std::io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    for cell in rows.iter_mut().flatten() {
        *cell = sanitize_line(cell).into_owned();
    }
    fit(COLUMNS - 1, heading, &mut rows);
    for line in table(0, heading, &rows) {
        writeln!(out, "{line}")?;
    }
    writeln!(out)
}

/// Names in a cell; `-` for none.
pub(super) fn cell(names: &[String]) -> String {
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

fn matrix(audit: &Audit, out: &mut dyn Write) -> std::io::Result<()> {
    let configured = audit.sources.configuration;
    let mut heading = vec!["CONNECTOR", "AGENT", "HOST", "MANAGED SYSTEM"];
    if configured {
        heading.push("JOBS");
    }
    let connectors = audit.connectors.iter().map(|row| {
        let mut agent = row.agent.clone().unwrap_or_else(|| "-".to_owned());
        if row.deactivated {
            agent.push_str(" (off)");
        }
        let mut cells = vec![row.identifier.clone(), agent, cell(&row.hosts), cell(&row.managed_systems)];
        if configured {
            cells.push(row.jobs.len().to_string());
        }
        cells
    });
    rows(&heading, connectors.collect(), out)?;
    let idle = audit.agents.iter().filter(|agent| agent.connectors.is_empty());
    let idle = idle.map(|agent| vec![agent.identifier.clone(), cell(&agent.hosts)]);
    rows(&["AGENT WITHOUT CONNECTORS", "HOST"], idle.collect(), out)?;
    rows(JOB_HEADING, jobs(audit), out)
}

const JOB_HEADING: &[&str] = &["JOB", "AGENT", "SCHEDULE", "CONNECTORS"];

/// Jobs with what they are for. A job without an agent runs on the server.
fn jobs(audit: &Audit) -> Vec<Vec<String>> {
    let mut all: BTreeMap<&JobRow, BTreeSet<&str>> = BTreeMap::new();
    for job in audit.agents.iter().flat_map(|agent| &agent.jobs) {
        all.entry(job).or_default();
    }
    for connector in &audit.connectors {
        for job in &connector.jobs {
            all.entry(job).or_default().insert(&connector.identifier);
        }
    }
    all.into_iter()
        .map(|(job, connectors)| {
            let connectors: Vec<String> = connectors.into_iter().map(str::to_owned).collect();
            vec![
                job.identifier.clone(),
                job.agent.clone().unwrap_or_else(|| "server".to_owned()),
                job.schedule.clone().unwrap_or_else(|| "-".to_owned()),
                cell(&connectors),
            ]
        })
        .collect()
}

fn summary(audit: &Audit) -> String {
    let mut parts = Vec::new();
    let mut count = |number: usize, one: &str| {
        if number > 0 {
            parts.push(counted(number, one));
        }
    };
    let of = |severity| audit.findings.iter().filter(|finding| finding.severity == severity).count();
    count(audit.connectors.len(), "connector");
    count(audit.agents.len(), "agent");
    count(audit.hosts.len(), "asked host");
    count(of(Severity::Error), "error");
    count(of(Severity::Warning), "warning");
    count(of(Severity::Info), "note");
    if !audit.waived.is_empty() {
        parts.push(format!("{} waived", audit.waived.len()));
    }
    if audit.findings.is_empty() {
        parts.push("nothing is wrong".to_owned());
    }
    parts.join(", ")
}
