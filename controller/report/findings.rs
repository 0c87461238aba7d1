//! Findings and certificates: a table and paragraphs for people, one JSON document for programs.

use std::io::Write;

use serde::Serialize;

use super::table::table;
use crate::hostlog::{escape_json, sanitize_line};
use crate::preflight::certificate::Certificate;
use crate::preflight::{AskedHost, Finding, Severity};
use crate::source::counted;
use crate::ui::{OutputFormat, Palette, Tone, shorten, width};

/// What preflight found.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// The certificates that were judged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Certificate>,
    /// Hosts that were asked, and whether they answered; none where no host was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<AskedHost>,
}

/// Columns of a terminal that text has to fit into.
pub(super) const COLUMNS: usize = 80;

/// Writes findings.
pub fn findings(
    report: &Findings,
    output: OutputFormat,
    color: bool,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    if output == OutputFormat::Json {
        let json = serde_json::to_string_pretty(report)?;
        writeln!(out, "{}", escape_json(&json))?;
        return Ok(());
    }
    let palette = Palette { color };
    if !report.certificates.is_empty() {
        for line in certificates(&report.certificates) {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
    }
    for finding in &report.findings {
        paragraphs(out, palette, finding, None)?;
    }
    if !report.findings.is_empty() {
        writeln!(out)?;
    }
    writeln!(out, "{}", summary(report))?;
    Ok(())
}

/// One finding: a line with severity, place and id, what was seen, why it matters if that is told, and what to do.
pub(super) fn paragraphs(
    out: &mut dyn Write,
    palette: Palette,
    finding: &Finding,
    why: Option<&str>,
) -> std::io::Result<()> {
    let tone = match finding.severity {
        Severity::Error => Tone::Failed,
        Severity::Warning => Tone::Warning,
        Severity::Info => Tone::Faint,
    };
    let severity = palette.paint(tone, &finding.severity.to_string());
    writeln!(out, "{severity}: {} {}", sanitize_line(&finding.place), sanitize_line(&finding.id))?;
    paragraph(out, "  ", "  ", &sanitize_line(&finding.message))?;
    if let Some(why) = why {
        paragraph(out, "  why: ", "       ", why)?;
    }
    if !finding.hint.is_empty() {
        paragraph(out, "  hint: ", "        ", &sanitize_line(&finding.hint))?;
    }
    Ok(())
}

/// Text in lines that fit; a word that is longer than a line keeps its length.
pub(super) fn paragraph(out: &mut dyn Write, first: &str, next: &str, text: &str) -> std::io::Result<()> {
    let mut line = first.to_owned();
    let mut fresh = true;
    for word in text.split(' ') {
        if !fresh && width(&line) + 1 + width(word) > COLUMNS - 1 {
            writeln!(out, "{line}")?;
            line = next.to_owned();
            fresh = true;
        }
        if !fresh {
            line.push(' ');
        }
        line.push_str(word);
        fresh = false;
    }
    writeln!(out, "{line}")
}

fn certificates(certificates: &[Certificate]) -> Vec<String> {
    let row = |certificate: &Certificate| -> Vec<String> {
        let key = match certificate.has_private_key {
            true => "yes",
            false if certificate.chain => "-",
            false => "no",
        };
        let subject = match certificate.chain {
            true => format!("chain: {}", certificate.subject),
            false => certificate.subject.clone(),
        };
        vec![
            sanitize_line(&subject).into_owned(),
            format!("{} {}", sanitize_line(&certificate.key_algorithm), certificate.key_size),
            sanitize_line(certificate.signature.trim_end_matches("WithRSAEncryption")).into_owned(),
            certificate.not_after.split('T').next().unwrap_or_default().to_owned(),
            key.to_owned(),
            certificate.thumbprint.clone(),
        ]
    };
    let mut rows: Vec<Vec<String>> = certificates.iter().map(row).collect();
    for row in &mut rows {
        // The start of a thumbprint is enough to tell one from another; JSON has all of it.
        row[5].truncate(8);
    }
    let heading = ["SUBJECT", "KEY", "SIGNED", "EXPIRES", "PRIVATE KEY", "THUMBPRINT"];
    let others: usize = (1..heading.len())
        .map(|column| {
            let widest = rows.iter().map(|row| width(&row[column])).max().unwrap_or_default();
            widest.max(width(heading[column])) + 2
        })
        .sum();
    let room = (COLUMNS - 1).saturating_sub(others + 2).max(12);
    for row in &mut rows {
        row[0] = shorten(&row[0], room).into_owned();
    }
    table(0, &heading, &rows)
}

fn summary(report: &Findings) -> String {
    let mut parts = Vec::new();
    let mut count = |number: usize, one: &str| {
        if number > 0 {
            parts.push(counted(number, one));
        }
    };
    count(report.hosts.len(), "host");
    count(report.certificates.len(), "certificate");
    let of = |severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
    count(of(Severity::Error), "error");
    count(of(Severity::Warning), "warning");
    count(of(Severity::Info), "note");
    if report.findings.is_empty() {
        parts.push("nothing is wrong".to_owned());
    }
    parts.join(", ")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn text(report: &Findings, output: OutputFormat) -> String {
        let mut out = Vec::new();
        findings(report, output, false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn certificate(subject: &str) -> Certificate {
        serde_json::from_value(serde_json::json!({
            "place": "a.pem:1", "subject": subject, "issuer": "CN=Corp CA", "serial": "01",
            "thumbprint": "AB".repeat(20), "thumbprint_sha256": "CD".repeat(32),
            "not_before": "2026-01-01T00:00:00Z", "not_after": "2027-01-01T00:00:00Z",
            "key_algorithm": "RSA", "key_size": 4096, "signature": "sha256WithRSAEncryption",
            "has_private_key": true, "self_signed": false, "chain": false,
        }))
        .unwrap()
    }

    #[test]
    fn fits_into_80_columns_and_is_harmless() {
        let finding = Finding::new(
            "certificate-expired",
            Severity::Error,
            "a.pem:1",
            format!("`CN=\x1b[31m{}` expired on 2024-01-01", "agent ".repeat(20)),
            "replace it before the rollout",
        );
        let report = Findings {
            findings: vec![finding],
            certificates: vec![certificate("CN=a\x1b[2J"), certificate(&"CN=very long, ".repeat(9))],
            hosts: Vec::new(),
        };
        let text = text(&report, OutputFormat::Human);
        insta::assert_snapshot!(text, @r#"
        SUBJECT                 KEY       SIGNED  EXPIRES     PRIVATE KEY  THUMBPRINT
        CN=a\x1b[2J             RSA 4096  sha256  2027-01-01  yes          ABABABAB
        CN=very long, CN=very…  RSA 4096  sha256  2027-01-01  yes          ABABABAB

        error: a.pem:1 certificate-expired
          `CN=\x1b[31magent agent agent agent agent agent agent agent agent agent agent
          agent agent agent agent agent agent agent agent agent ` expired on 2024-01-01
          hint: replace it before the rollout

        2 certificates, 1 error
        "#);
        assert!(text.lines().all(|line| width(line) < COLUMNS), "{text}");
    }

    #[test]
    fn json_is_one_document() {
        let report = Findings { certificates: vec![certificate("CN=a\u{202e}")], ..Findings::default() };
        let text = text(&report, OutputFormat::Json);
        assert!(text.contains("\\u202e") && !text.contains("\"hosts\""), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["findings"], serde_json::json!([]));
        assert_eq!(value["certificates"][0]["subject"], "CN=a\u{202e}");
    }
}
