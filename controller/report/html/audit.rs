//! The page of an audit.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use askama::Template;
use jiff::Timestamp;

use super::certificates::{TimeLine, time_line};
use super::page::{Few, Mark, Page, some, write};
use super::picture::{Picture, picture, system_of};
use crate::audit::{AgentRow, Audit, ConnectorRow, JobRow, SystemRow, Waived};
use crate::preflight::{Finding, Severity};

/// Findings and rows of a table beyond these are counted, not shown: a browser shall stay quick.
const FINDINGS: usize = 5_000;
const ROWS: usize = 5_000;

/// What an audit was made of, in words.
#[derive(Clone, Debug)]
pub struct Meta {
    /// When it was made.
    pub at: Timestamp,
    /// Inventories, as given.
    pub inventories: Vec<String>,
    /// The folder of the server's configuration.
    pub configuration: Option<String>,
    /// `--limit`.
    pub limit: Option<String>,
    /// Whether hosts were asked.
    pub live: bool,
    /// What changed since an earlier audit.
    pub drift: Option<Drift>,
}

/// What changed since an earlier audit.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    /// The earlier audit: its file.
    pub since: String,
    /// Changes, one in a line.
    pub changes: Vec<String>,
}

/// Writes an audit as one HTML file that fetches nothing.
///
/// # Errors
/// `out` cannot be written.
pub fn audit(audit: &Audit, meta: &Meta, out: &mut dyn Write) -> io::Result<()> {
    write(&AuditPage::new(audit, meta), out)
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage<'a> {
    page: Page,
    verdict: String,
    worst: &'static str,
    sources: Vec<(&'static str, String)>,
    figures: Vec<Figure>,
    picture: Picture,
    connectors: Vec<ConnectorView<'a>>,
    connectors_left_out: usize,
    agents: Vec<AgentView<'a>>,
    agents_left_out: usize,
    systems: Vec<(&'a SystemRow, Few)>,
    findings: Vec<FindingView<'a>>,
    findings_left_out: usize,
    ids: Vec<(&'a str, usize)>,
    severities: Vec<(Mark, usize)>,
    subjects: Vec<&'a str>,
    certificates: TimeLine,
    waived: &'a [Waived],
    drift: Option<&'a Drift>,
}

/// A number at the head of the page.
struct Figure {
    number: usize,
    text: &'static str,
    about: String,
    class: &'static str,
}

struct FindingView<'a> {
    mark: Mark,
    finding: &'a Finding,
    /// The managed system that it is about.
    system: Option<&'a str>,
    /// Why it matters.
    why: Option<&'static str>,
}

struct ConnectorView<'a> {
    row: &'a ConnectorRow,
    hosts: Few,
    systems: Vec<(&'a str, &'a str)>,
    jobs: Vec<&'a JobRow>,
    more_jobs: usize,
    /// Agents of the inventory that are not the configured one.
    meant: Vec<&'a str>,
    marks: Vec<(Mark, usize)>,
}

struct AgentView<'a> {
    row: &'a AgentRow,
    hosts: Few,
    connectors: Few,
    marks: Vec<(Mark, usize)>,
}

/// Counts of findings by what they are about.
#[derive(Default)]
struct Marks<'a>(BTreeMap<(char, &'a str), [usize; 3]>);

const SEVERITIES: [Severity; 3] = [Severity::Error, Severity::Warning, Severity::Info];

impl<'a> Marks<'a> {
    fn new(findings: &'a [Finding]) -> Self {
        let mut marks = Self::default();
        for finding in findings {
            let at = SEVERITIES.iter().position(|one| *one == finding.severity).unwrap_or_default();
            for (kind, name) in [('a', &finding.agent), ('c', &finding.connector)] {
                if let Some(name) = name {
                    marks.0.entry((kind, name)).or_default()[at] += 1;
                }
            }
        }
        marks
    }

    fn of(&self, kind: char, name: &'a str) -> Vec<(Mark, usize)> {
        let counts = self.0.get(&(kind, name)).copied().unwrap_or_default();
        SEVERITIES.map(Mark).into_iter().zip(counts).filter(|(_, count)| *count > 0).collect()
    }
}

impl<'a> AuditPage<'a> {
    fn new(audit: &'a Audit, meta: &'a Meta) -> Self {
        let of = |severity| audit.findings.iter().filter(|finding| finding.severity == severity).count();
        let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
        let verdict = match (errors, warnings) {
            (0, 0) => "Nothing is wrong".to_owned(),
            (0, warnings) => format!("No errors, {}", some(warnings, "warning")),
            (errors, 0) => some(errors, "error"),
            (errors, warnings) => format!("{}, {}", some(errors, "error"), some(warnings, "warning")),
        };
        let worst = match (errors, warnings) {
            (0, 0) => "ok",
            (0, _) => "warning",
            _ => "error",
        };
        let marks = Marks::new(&audit.findings);
        let systems: BTreeMap<&str, &SystemRow> =
            audit.managed_systems.iter().map(|system| (system.name.as_str(), system)).collect();
        let certificates = time_line(&audit.certificates, meta.at);
        let picture = picture(audit);
        Self {
            page: Page::new("Agents and connectors".to_owned(), meta.at),
            verdict,
            worst,
            sources: sources(audit, meta),
            figures: figures(audit, picture.counts, &certificates),
            picture,
            connectors: audit
                .connectors
                .iter()
                .take(ROWS)
                .map(|row| connector(row, &systems, &marks))
                .collect(),
            connectors_left_out: audit.connectors.len().saturating_sub(ROWS),
            agents: audit
                .agents
                .iter()
                .take(ROWS)
                .map(|row| AgentView {
                    row,
                    hosts: Few::of(&row.hosts),
                    connectors: Few::of(&row.connectors),
                    marks: marks.of('a', &row.identifier),
                })
                .collect(),
            agents_left_out: audit.agents.len().saturating_sub(ROWS),
            systems: audit
                .managed_systems
                .iter()
                .take(ROWS)
                .map(|system| (system, Few::of(&system.connectors)))
                .collect(),
            findings: audit
                .findings
                .iter()
                .take(FINDINGS)
                .map(|finding| FindingView {
                    mark: Mark(finding.severity),
                    finding,
                    system: system_of(finding),
                    why: crate::audit::rule(&finding.id).map(|rule| rule.why),
                })
                .collect(),
            findings_left_out: audit.findings.len().saturating_sub(FINDINGS),
            ids: ids(&audit.findings),
            severities: SEVERITIES.map(|one| (Mark(one), of(one))).into(),
            subjects: subjects(&audit.findings),
            certificates,
            waived: &audit.waived,
            drift: meta.drift.as_ref(),
        }
    }
}

fn sources(audit: &Audit, meta: &Meta) -> Vec<(&'static str, String)> {
    let mut sources = vec![("Inventory", meta.inventories.join(", "))];
    sources.extend(meta.configuration.clone().map(|folder| ("Configuration", folder)));
    sources.extend(meta.limit.clone().map(|limit| ("Limit", limit)));
    let silent = audit.hosts.iter().filter(|host| !host.answered).count();
    let asked = match (meta.live, silent) {
        (false, _) => "not asked".to_owned(),
        (true, 0) => format!("{} asked, all answered", audit.hosts.len()),
        (true, silent) => format!("{} asked, {silent} did not answer", audit.hosts.len()),
    };
    sources.push(("Hosts", asked));
    sources
}

/// Numbers of things are those of the picture's headings, so that the page has one answer.
fn figures(audit: &Audit, counts: [usize; 4], certificates: &TimeLine) -> Vec<Figure> {
    let [hosts, agents, connectors, systems] = counts;
    let of = |severity| audit.findings.iter().filter(|finding| finding.severity == severity).count();
    let unserved = audit
        .connectors
        .iter()
        .filter(|row| row.hosts.is_empty() && row.agent.as_deref() != Some("Local") && !row.deactivated)
        .count();
    let idle = audit.agents.iter().filter(|agent| agent.connectors.is_empty()).count();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let note = |count: usize, text: &str| if count > 0 { format!("{count} {text}") } else { String::new() };
    let mut figures = vec![
        Figure { number: errors, text: "errors", about: String::new(), class: marked(errors, "error") },
        Figure {
            number: warnings,
            text: "warnings",
            about: String::new(),
            class: marked(warnings, "warning"),
        },
        Figure {
            number: connectors,
            text: "connectors",
            about: match unserved {
                0 => "all served".to_owned(),
                some => format!("{some} on no host"),
            },
            class: "",
        },
        Figure { number: agents, text: "agents", about: note(idle, "without connectors"), class: "" },
        Figure { number: hosts, text: "hosts", about: String::new(), class: "" },
        Figure { number: systems, text: "managed systems", about: String::new(), class: "" },
    ];
    if certificates.all > 0 {
        let about = match (certificates.expired, certificates.soon) {
            (0, 0) => "none expires soon".to_owned(),
            (0, soon) => format!("{soon} soon to expire"),
            (expired, 0) => format!("{expired} expired"),
            (expired, soon) => format!("{expired} expired, {soon} soon"),
        };
        figures.push(Figure { number: certificates.all, text: "certificates", about, class: "" });
    }
    figures
}

fn marked(count: usize, class: &'static str) -> &'static str {
    if count > 0 { class } else { "" }
}

fn connector<'a>(
    row: &'a ConnectorRow,
    systems: &BTreeMap<&str, &'a SystemRow>,
    marks: &Marks<'a>,
) -> ConnectorView<'a> {
    const JOBS: usize = 6;
    let about =
        |name: &str| systems.get(name).and_then(|system| system.address.as_deref()).unwrap_or_default();
    ConnectorView {
        row,
        hosts: Few::of(&row.hosts),
        systems: row.managed_systems.iter().map(|name| (name.as_str(), about(name))).collect(),
        jobs: row.jobs.iter().take(JOBS).collect(),
        more_jobs: row.jobs.len().saturating_sub(JOBS),
        meant: row
            .declared
            .iter()
            .filter(|agent| Some(*agent) != row.agent.as_ref())
            .map(String::as_str)
            .collect(),
        marks: marks.of('c', &row.identifier),
    }
}

/// Ids with their counts, the most frequent first.
fn ids(findings: &[Finding]) -> Vec<(&str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in findings {
        *counts.entry(&finding.id).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    counts
}

/// Names of hosts, agents, connectors and managed systems that findings are about.
fn subjects(findings: &[Finding]) -> Vec<&str> {
    const MOST: usize = 2_000;
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for finding in findings {
        names.extend(
            [&finding.host, &finding.agent, &finding.connector].into_iter().flatten().map(String::as_str),
        );
        names.extend(system_of(finding));
    }
    names.into_iter().take(MOST).collect()
}
