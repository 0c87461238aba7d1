//! The matrix as CSV (RFC 4180), one row for each connector and host, for spreadsheets.
//!
//! A cell that begins with `=`, `+`, `-`, `@`, a tab or a line break gets an apostrophe in front: a spreadsheet would take
//! it for a formula, and the names come from foreign files and hosts.

use std::io::Write;

use crate::audit::{Audit, ConnectorRow};
use crate::hostlog::sanitize_line;

const HEADING: [&str; 10] = [
    "connector",
    "agent",
    "host",
    "declared_agents",
    "managed_systems",
    "connections",
    "jobs",
    "schedules",
    "deactivated",
    "findings",
];

/// Writes the matrix. Lists within a cell are separated by `; `.
pub fn audit_csv(audit: &Audit, out: &mut dyn Write) -> std::io::Result<()> {
    record(out, HEADING.iter().map(|name| (*name).to_owned()))?;
    let mut found: std::collections::HashMap<&str, Vec<&str>> = std::collections::HashMap::new();
    for finding in &audit.findings {
        if let Some(connector) = &finding.connector {
            found.entry(connector).or_default().push(&finding.id);
        }
    }
    for row in &audit.connectors {
        let findings = found.get(row.identifier.as_str()).map(Vec::as_slice).unwrap_or_default();
        let hosts: Vec<&str> = match row.hosts.as_slice() {
            [] => vec![""],
            hosts => hosts.iter().map(String::as_str).collect(),
        };
        for host in hosts {
            record(out, cells(row, host, findings).into_iter())?;
        }
    }
    Ok(())
}

fn cells(row: &ConnectorRow, host: &str, findings: &[&str]) -> [String; 10] {
    let list = |names: &[String]| names.join("; ");
    let mut ids = findings.to_vec();
    ids.dedup();
    let jobs: Vec<String> = row.jobs.iter().map(|job| job.identifier.clone()).collect();
    let schedules: Vec<String> =
        row.jobs.iter().map(|job| job.schedule.clone().unwrap_or_else(|| "none".into())).collect();
    [
        row.identifier.clone(),
        row.agent.clone().unwrap_or_default(),
        host.to_owned(),
        list(&row.declared),
        list(&row.managed_systems),
        list(&row.connections),
        list(&jobs),
        list(&schedules),
        if row.deactivated { "yes" } else { "no" }.to_owned(),
        ids.join("; "),
    ]
}

fn record(out: &mut dyn Write, cells: impl Iterator<Item = String>) -> std::io::Result<()> {
    let cells: Vec<String> = cells.map(|cell| quoted(&inert(&cell))).collect();
    write!(out, "{}\r\n", cells.join(","))
}

/// The text, harmless for terminals and spreadsheets.
fn inert(cell: &str) -> String {
    let text = sanitize_line(cell);
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        format!("'{text}")
    } else {
        text.into_owned()
    }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\r', '\n', ';']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formula() {
        let row = ConnectorRow {
            identifier: "=cmd|' /C calc'!A0".into(),
            agent: Some("a,\"b\"".into()),
            hosts: vec!["@h1".into(), "h2".into()],
            managed_systems: vec!["-1+1".into(), "x".into()],
            ..ConnectorRow::default()
        };
        let mut out = Vec::new();
        audit_csv(&Audit { connectors: vec![row], ..Audit::default() }, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(lines[1], r#"'=cmd|' /C calc'!A0,"a,""b""",'@h1,,"'-1+1; x",,,,no,"#);
        assert!(lines[2].contains(",h2,"));
        assert_eq!((lines.len(), lines[3]), (4, ""));
    }
}
