//! Waivers: what a site has decided about findings, in a YAML file. It tunes severities and accepts single findings for a
//! reason and a time.

use std::path::Path;

use jiff::civil::Date;

use super::catalogue::{self, CATALOGUE};
use super::check::sort;
use super::{Audit, Waived};
use crate::preflight::{Finding, Severity};
use crate::secrets::vault::Vault;
use crate::source::{self, Diagnostic, Diagnostics, Node, suggestion};

/// What a file of waivers says.
#[derive(Clone, Debug, Default)]
pub struct Waivers {
    /// Severities by id.
    pub severities: Vec<(String, Severity)>,
    /// Findings that are accepted.
    pub waive: Vec<Waiver>,
}

/// A finding, or several, that somebody accepts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Waiver {
    /// Which rule.
    pub id: String,
    /// On which host.
    pub host: Option<String>,
    /// About which agent.
    pub agent: Option<String>,
    /// About which connector.
    pub connector: Option<String>,
    /// About what exactly, such as `job Paris-Daily`.
    pub subject: Option<String>,
    /// Where: the place of the finding, with or without its line.
    pub file: Option<String>,
    /// Why.
    pub reason: String,
    /// The last day.
    pub until: Date,
    /// Where it is written: `FILE:LINE`.
    pub place: String,
}

const KEYS: &[&str] = &["severity", "waive"];
const WAIVER_KEYS: &[&str] = &["id", "host", "agent", "connector", "subject", "place", "reason", "until"];

impl Waivers {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, or says what is not known; all of it is told at once.
    pub fn read(path: &Path, name: &str) -> Result<Self, Diagnostics> {
        let (node, mut diagnostics) = source::load(path, name, &Vault::default());
        let mut waivers = Self::default();
        if let Some(node) = node.filter(|node| !node.is_null()) {
            ReadWaivers { waivers: &mut waivers, diagnostics: &mut diagnostics }.all(&node);
        }
        if diagnostics.has_errors() { Err(diagnostics) } else { Ok(waivers) }
    }

    /// Tunes the findings of an audit and moves those that are waived on that day to [`Audit::waived`]. Waivers that are
    /// over, or that match nothing, are findings themselves.
    pub fn apply(&self, audit: &mut Audit, today: Date) {
        for (id, severity) in &self.severities {
            for finding in audit.findings.iter_mut().filter(|finding| finding.id == *id) {
                finding.severity = *severity;
            }
        }
        let mut used = vec![false; self.waive.len()];
        let mut kept = Vec::new();
        for finding in std::mem::take(&mut audit.findings) {
            // All that match are used, so that none of two that overlap is called unused.
            let mut by = None;
            for (waiver, used) in self.waive.iter().zip(&mut used) {
                if waiver.until >= today && waiver.matches(&finding) {
                    *used = true;
                    by = by.or(Some(waiver));
                }
            }
            match by {
                None => kept.push(finding),
                Some(Waiver { reason, until, .. }) => {
                    let (reason, until) = (reason.clone(), Some(until.to_string()));
                    audit.waived.push(Waived { finding, reason, until });
                }
            }
        }
        for (waiver, used) in self.waive.iter().zip(used) {
            let about = format!("waiver {}", waiver.place);
            let (id, place) = (&waiver.id, &*waiver.place);
            let finding = if waiver.until < today {
                let message = format!("the waiver of `{id}` was good until {}", waiver.until);
                catalogue::WAIVER_EXPIRED.found(about, place, message)
            } else if !used {
                catalogue::WAIVER_UNUSED.found(
                    about,
                    place,
                    format!("the waiver of `{id}` matches no finding"),
                )
            } else {
                continue;
            };
            let tuned = self.severities.iter().rfind(|(tuned, _)| *tuned == finding.id);
            kept.push(Finding {
                severity: tuned.map_or(finding.severity, |(_, severity)| *severity),
                ..finding
            });
        }
        sort(&mut kept);
        audit.findings = kept;
    }
}

impl Waiver {
    fn matches(&self, finding: &Finding) -> bool {
        let is = |wanted: &Option<String>, is: &Option<String>| wanted.is_none() || wanted == is;
        let file = |wanted: &String| {
            let without_line = finding.place.rsplit_once(':').map_or("", |(file, _)| file);
            *wanted == finding.place || wanted == without_line
        };
        self.id == finding.id
            && is(&self.host, &finding.host)
            && is(&self.agent, &finding.agent)
            && is(&self.connector, &finding.connector)
            && is(&self.subject, &finding.subject)
            && self.file.as_ref().is_none_or(file)
    }
}

struct ReadWaivers<'a> {
    waivers: &'a mut Waivers,
    diagnostics: &'a mut Diagnostics,
}

impl ReadWaivers<'_> {
    fn all(&mut self, node: &Node) {
        if !node.is_mapping() {
            self.wrong(node, "a file of waivers is a mapping", "`severity` and `waive` belong there");
            return;
        }
        for (key, value) in node.entries() {
            match key.key_text().as_str() {
                "severity" => self.severities(value),
                "waive" => self.waive(value),
                other => self.unknown(key, "a file of waivers", other, KEYS),
            }
        }
    }

    fn severities(&mut self, node: &Node) {
        if !node.is_mapping() && !node.is_null() {
            self.wrong(node, "`severity` is a mapping of ids", "write `client-expires-soon: error`");
        }
        for (key, value) in node.entries() {
            let id = key.key_text();
            if !self.is_id(key, &id) {
                continue;
            }
            let severity = match value.as_str() {
                Some("error") => Severity::Error,
                Some("warning") => Severity::Warning,
                Some("info") => Severity::Info,
                _ => {
                    self.wrong(
                        value,
                        "a severity is `error`, `warning` or `info`",
                        "`waive` accepts findings",
                    );
                    continue;
                }
            };
            self.waivers.severities.push((id, severity));
        }
    }

    fn waive(&mut self, node: &Node) {
        if !node.is_sequence() && !node.is_null() {
            self.wrong(node, "`waive` is a list", "each entry has `id`, `reason` and `until`");
        }
        for item in node.items() {
            if let Some(waiver) = self.waiver(item) {
                self.waivers.waive.push(waiver);
            }
        }
    }

    fn waiver(&mut self, node: &Node) -> Option<Waiver> {
        if !node.is_mapping() {
            self.wrong(node, "a waiver is a mapping", "`id`, `reason` and `until` belong there");
            return None;
        }
        let before = self.diagnostics.0.len();
        let (mut id, mut reason, mut until) = (None, None, None);
        let span = &node.span;
        let place = format!("{}:{}", span.file.name(), span.file.line_column(span.start).0);
        let mut waiver = Waiver { place, ..Waiver::default() };
        for (key, value) in node.entries() {
            let name = key.key_text();
            if !WAIVER_KEYS.contains(&name.as_str()) {
                self.unknown(key, "a waiver", &name, WAIVER_KEYS);
                continue;
            }
            let Some(text) = value.as_str().filter(|text| !text.trim().is_empty()) else {
                self.wrong(value, &format!("`{name}` is text"), "put it into quotes");
                continue;
            };
            let text = text.to_owned();
            match name.as_str() {
                "id" if self.is_id(value, &text) => id = Some(text),
                "id" => {}
                "host" => waiver.host = Some(text),
                "agent" => waiver.agent = Some(text),
                "connector" => waiver.connector = Some(text),
                "subject" => waiver.subject = Some(text),
                "place" => waiver.file = Some(text),
                "reason" => reason = Some(text),
                _ => match text.parse::<Date>() {
                    // A date with a time of day would parse as well, and is not what is compared.
                    Ok(date) if text.len() == 10 => until = Some(date),
                    _ => self.wrong(
                        value,
                        "`until` is a day",
                        "write it as `2027-01-31`: the last day on which it counts",
                    ),
                },
            }
        }
        if self.diagnostics.0.len() > before {
            return None;
        }
        let (Some(id), Some(reason), Some(until)) = (id, reason, until) else {
            let hint = "nobody can judge a waiver without its reason, and none is for ever";
            self.wrong(node, "a waiver has `id`, `reason` and `until`", hint);
            return None;
        };
        Some(Waiver { id, reason, until, ..waiver })
    }

    fn is_id(&mut self, node: &Node, id: &str) -> bool {
        let known = catalogue::rule(id).is_some();
        if !known {
            let hint = suggestion(id, CATALOGUE.iter().map(|rule| rule.id))
                .unwrap_or_else(|| "the README lists the ids".to_owned());
            self.wrong(node, &format!("no finding has the id `{id}`"), &hint);
        }
        known
    }

    fn unknown(&mut self, key: &Node, what: &str, name: &str, keys: &[&'static str]) {
        let hint = suggestion(name, keys.iter().copied())
            .unwrap_or_else(|| format!("known are `{}`", keys.join("`, `")));
        self.wrong(key, &format!("{what} has no `{name}`"), &hint);
    }

    fn wrong(&mut self, node: &Node, message: &str, hint: &str) {
        self.diagnostics.push(Diagnostic::error(&node.span, message).hint(hint));
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Waivers, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Waivers::read(file.path(), "waivers.yml").map_err(|diagnostics| diagnostics.render(false))
    }

    fn audit() -> Audit {
        let of = |id: &str, agent: &str| {
            Finding::new(id, Severity::Warning, "conf/AD.xml:3", "m", "h").of_agent(agent)
        };
        let findings = vec![
            of("agent-uri-override", "Paris"),
            of("agent-uri-override", "Lyon"),
            of("agent-idle", "Lyon"),
        ];
        Audit { findings, ..Audit::default() }
    }

    const WAIVERS: &str = "severity: {agent-idle: error}
waive:
  - {id: agent-uri-override, agent: Paris, place: conf/AD.xml, reason: staging, until: 2027-03-31}
  - {id: agent-uri-override, agent: Lyon, reason: over, until: 2027-01-31}
  - {id: encrypt-file-off, reason: nothing has it, until: '2027-12-31'}
";

    #[test]
    fn tunes_waives_and_tells_what_is_over_or_for_nothing() {
        let waivers = read(WAIVERS).unwrap();
        let on = |day: &str| {
            let mut audit = audit();
            waivers.apply(&mut audit, day.parse().unwrap());
            audit
        };
        let after = on("2027-03-31");
        let ids: Vec<_> =
            after.findings.iter().map(|found| (&*found.id, found.severity, &*found.place)).collect();
        assert_eq!(
            ids,
            [
                ("agent-idle", Severity::Error, "conf/AD.xml:3"),
                ("agent-uri-override", Severity::Warning, "conf/AD.xml:3"),
                ("waiver-expired", Severity::Warning, "waivers.yml:4"),
                ("waiver-unused", Severity::Info, "waivers.yml:5"),
            ]
        );
        assert_eq!(after.waived.len(), 1);
        assert_eq!(
            (&*after.waived[0].reason, after.waived[0].until.as_deref()),
            ("staging", Some("2027-03-31"))
        );
        assert_eq!(on("2027-01-31").waived.len(), 2);
        assert_eq!(on("2027-04-01").waived.len(), 0);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let error = read(
            "severety: {}\nseverity: {agent-idel: error, agent-idle: off}\nwaive:\n  - {id: agent-idle, until: 2027-01-01}\n  - {id: agent-idle, hosts: a, reason: b, until: tomorrow}\n",
        )
        .unwrap_err();
        for part in [
            "no `severety`",
            "did you mean `severity`?",
            "no finding has the id `agent-idel`",
            "did you mean `agent-idle`?",
            "is `error`, `warning` or `info`",
            "has `id`, `reason` and `until`",
            "a waiver has no `hosts`",
            "`until` is a day",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(read("").unwrap().waive.is_empty());
    }
}
