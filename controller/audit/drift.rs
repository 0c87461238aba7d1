//! Drift: what changed since an audit that was kept, in words.
//!
//! It compares rows by their names and findings by id and subject, never texts or lines: moving a connector within a file
//! is no drift.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Audit, JobRow};
use crate::preflight::Finding;

/// One thing that changed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Drift {
    /// What became of it, in kebab case, such as `connector-moved`.
    pub change: String,
    /// Whose, such as `connector CorpAD`.
    pub subject: String,
    /// In words.
    pub message: String,
}

/// Compares an audit with an earlier one, in the order of rows: agents, connectors, managed systems, jobs, findings.
#[must_use]
pub fn drift(before: &Audit, now: &Audit) -> Vec<Drift> {
    let mut changes = Changes::default();
    changes.agents(before, now);
    changes.connectors(before, now);
    changes.systems(before, now);
    changes.jobs(before, now);
    changes.findings(before, now);
    changes.0
}

#[derive(Default)]
struct Changes(Vec<Drift>);

/// A name or nothing, in words.
struct Name<'a>(Option<&'a str>);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "`{name}`"),
            None => f.write_str("nothing"),
        }
    }
}

/// Names of a list, or `nothing`.
fn list(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

/// Rows of both, by name.
fn pairs<'a, T>(
    before: &'a [T],
    now: &'a [T],
    name: fn(&T) -> &str,
) -> BTreeMap<&'a str, (Option<&'a T>, Option<&'a T>)> {
    let mut pairs: BTreeMap<&str, (Option<&T>, Option<&T>)> = BTreeMap::new();
    for row in before {
        pairs.entry(name(row)).or_default().0 = Some(row);
    }
    for row in now {
        pairs.entry(name(row)).or_default().1 = Some(row);
    }
    pairs
}

impl Changes {
    fn add(&mut self, change: &str, kind: &str, name: &str, message: String) {
        self.0.push(Drift { change: change.to_owned(), subject: format!("{kind} {name}"), message });
    }

    /// Says that a list of names changed, and how.
    fn lists(
        &mut self,
        change: &str,
        (kind, name): (&str, &str),
        what: &str,
        before: &[String],
        now: &[String],
    ) {
        if before != now {
            let message =
                format!("{what} of the {kind} `{name}`: {} before, {} now", list(before), list(now));
            self.add(change, kind, name, message);
        }
    }

    fn agents(&mut self, before: &Audit, now: &Audit) {
        for (name, pair) in pairs(&before.agents, &now.agents, |row| &row.identifier) {
            match pair {
                (None, Some(row)) => {
                    self.add(
                        "agent-added",
                        "agent",
                        name,
                        format!("the agent `{name}` is new, on {}", list(&row.hosts)),
                    );
                }
                (Some(row), None) => {
                    let message = format!("the agent `{name}` is gone; it was on {}", list(&row.hosts));
                    self.add("agent-removed", "agent", name, message);
                }
                (Some(old), Some(new)) => {
                    let of = ("agent", name);
                    self.lists("agent-hosts-changed", of, "hosts", &old.hosts, &new.hosts);
                    if old.uri != new.uri {
                        let (was, is) = (Name(old.uri.as_deref()), Name(new.uri.as_deref()));
                        self.add(
                            "agent-uri-changed",
                            "agent",
                            name,
                            format!("the agent `{name}` was at {was} and is at {is}"),
                        );
                    }
                    // A host that did not answer has no version, which is no change of it.
                    if !old.versions.is_empty() && !new.versions.is_empty() {
                        self.lists("agent-version-changed", of, "versions", &old.versions, &new.versions);
                    }
                    let (was, is) = (&old.maintenance_groups, &new.maintenance_groups);
                    self.lists("maintenance-group-changed", of, "maintenance groups", was, is);
                }
                (None, None) => {}
            }
        }
    }

    fn connectors(&mut self, before: &Audit, now: &Audit) {
        for (name, pair) in pairs(&before.connectors, &now.connectors, |row| &row.identifier) {
            match pair {
                (None, Some(row)) => {
                    let agent = Name(row.agent.as_deref());
                    self.add(
                        "connector-added",
                        "connector",
                        name,
                        format!("the connector `{name}` is new, on {agent}"),
                    );
                }
                (Some(row), None) => {
                    let agent = Name(row.agent.as_deref());
                    self.add(
                        "connector-removed",
                        "connector",
                        name,
                        format!("the connector `{name}` is gone; it was on {agent}"),
                    );
                }
                (Some(old), Some(new)) => {
                    if old.agent != new.agent {
                        let (was, is) = (Name(old.agent.as_deref()), Name(new.agent.as_deref()));
                        let message = format!("the connector `{name}` moved from {was} to {is}");
                        self.add("connector-moved", "connector", name, message);
                    }
                    let of = ("connector", name);
                    self.lists(
                        "connector-declared-elsewhere",
                        of,
                        "agents by the inventory",
                        &old.declared,
                        &new.declared,
                    );
                    self.lists(
                        "connector-connections-changed",
                        of,
                        "connections",
                        &old.connections,
                        &new.connections,
                    );
                    let (was, is) = (&old.managed_systems, &new.managed_systems);
                    self.lists("connector-managed-systems-changed", of, "managed systems", was, is);
                    if old.deactivated != new.deactivated {
                        let (change, how) = match new.deactivated {
                            true => ("connector-deactivated", "deactivated"),
                            false => ("connector-activated", "active"),
                        };
                        self.add(change, "connector", name, format!("the connector `{name}` is {how} now"));
                    }
                }
                (None, None) => {}
            }
        }
    }

    fn systems(&mut self, before: &Audit, now: &Audit) {
        for (name, pair) in pairs(&before.managed_systems, &now.managed_systems, |row| &row.name) {
            let kind = "managed system";
            match pair {
                (None, Some(_)) => self.add(
                    "managed-system-added",
                    kind,
                    name,
                    format!("the managed system `{name}` is new"),
                ),
                (Some(_), None) => self.add(
                    "managed-system-removed",
                    kind,
                    name,
                    format!("the managed system `{name}` is gone"),
                ),
                (Some(old), Some(new)) if (&old.address, &old.kind) != (&new.address, &new.kind) => {
                    let (was, is) = (Name(old.address.as_deref()), Name(new.address.as_deref()));
                    let message = match old.address == new.address {
                        true => format!("the managed system `{name}` is of another kind"),
                        false => format!("the managed system `{name}` was at {was} and is at {is}"),
                    };
                    self.add("managed-system-changed", kind, name, message);
                }
                _ => {}
            }
        }
    }

    fn jobs(&mut self, before: &Audit, now: &Audit) {
        type Jobs<'a> = BTreeMap<&'a str, (&'a JobRow, BTreeSet<&'a str>)>;
        fn jobs(audit: &Audit) -> Jobs<'_> {
            let mut jobs = Jobs::new();
            for row in &audit.agents {
                for job in &row.jobs {
                    jobs.entry(&job.identifier).or_insert((job, BTreeSet::new()));
                }
            }
            for row in &audit.connectors {
                for job in &row.jobs {
                    jobs.entry(&job.identifier).or_insert((job, BTreeSet::new())).1.insert(&row.identifier);
                }
            }
            jobs
        }
        let (old, new) = (jobs(before), jobs(now));
        let names: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
        for name in names {
            match (old.get(name), new.get(name)) {
                (None, Some((job, _))) => {
                    let schedule = Name(job.schedule.as_deref());
                    self.add(
                        "job-added",
                        "job",
                        name,
                        format!("the job `{name}` is new; its schedule: {schedule}"),
                    );
                }
                (Some(_), None) => self.add("job-removed", "job", name, format!("the job `{name}` is gone")),
                (Some((old, was_for)), Some((new, is_for))) => {
                    if old.schedule != new.schedule {
                        let (was, is) = (Name(old.schedule.as_deref()), Name(new.schedule.as_deref()));
                        let message = format!("schedule of the job `{name}`: {was} before, {is} now");
                        self.add("job-rescheduled", "job", name, message);
                    }
                    if old.agent != new.agent {
                        let (was, is) = (Name(old.agent.as_deref()), Name(new.agent.as_deref()));
                        self.add(
                            "job-moved",
                            "job",
                            name,
                            format!("the job `{name}` moved from {was} to {is}"),
                        );
                    }
                    let owned = |names: &BTreeSet<&str>| {
                        names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()
                    };
                    self.lists(
                        "job-connectors-changed",
                        ("job", name),
                        "connectors",
                        &owned(was_for),
                        &owned(is_for),
                    );
                }
                (None, None) => {}
            }
        }
    }

    fn findings(&mut self, before: &Audit, now: &Audit) {
        type Key<'a> = (&'a str, Option<&'a str>, Option<&'a str>, Option<&'a str>, Option<&'a str>);
        fn key(finding: &Finding) -> Key<'_> {
            let Finding { id, subject, host, agent, connector, .. } = finding;
            match subject {
                Some(subject) => (id, Some(subject), None, None, None),
                None => (id, None, host.as_deref(), agent.as_deref(), connector.as_deref()),
            }
        }
        fn keyed(audit: &Audit) -> BTreeMap<Key<'_>, &Finding> {
            audit.findings.iter().map(|finding| (key(finding), finding)).collect()
        }
        let (old, new) = (keyed(before), keyed(now));
        // About a host that did not answer nothing is known: what was found there is neither gone nor there.
        let silent: BTreeSet<&str> =
            now.hosts.iter().filter(|host| !host.answered).map(|host| host.host.as_str()).collect();
        let known = |finding: &Finding| finding.host.as_deref().is_none_or(|host| !silent.contains(host));
        for (key, finding) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
            self.found("finding-new", key.1, finding, &format!("{}: {}", finding.severity, finding.message));
        }
        for (key, finding) in old.iter().filter(|(key, finding)| !new.contains_key(*key) && known(finding)) {
            self.found("finding-gone", key.1, finding, &finding.message);
        }
    }

    fn found(&mut self, change: &str, subject: Option<&str>, finding: &Finding, message: &str) {
        let subject = subject.unwrap_or(&finding.place);
        let how = if change == "finding-new" { "new" } else { "gone" };
        let message = format!("`{}` is {how}: {message}", finding.id);
        self.0.push(Drift { change: change.to_owned(), subject: subject.to_owned(), message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{AgentRow, ConnectorRow, SystemRow};
    use crate::preflight::Severity;

    fn audit() -> Audit {
        let job = |cron: &str| JobRow {
            identifier: "Paris-Daily".into(),
            schedule: Some(cron.into()),
            agent: Some("ParisAD".into()),
        };
        Audit {
            findings: vec![
                Finding::new("agent-idle", Severity::Info, "a.xml:3", "idle", "h").about("agent Lyon"),
            ],
            connectors: vec![ConnectorRow {
                identifier: "CorpAD".into(),
                agent: Some("ParisAD".into()),
                jobs: vec![job("0 2 * * *")],
                ..ConnectorRow::default()
            }],
            agents: vec![AgentRow {
                identifier: "ParisAD".into(),
                hosts: vec!["par-ad-01".into()],
                versions: vec!["6.2.0".into()],
                ..AgentRow::default()
            }],
            managed_systems: vec![SystemRow { name: "corp".into(), ..SystemRow::default() }],
            ..Audit::default()
        }
    }

    #[test]
    fn an_audit_does_not_differ_from_itself_whatever_the_lines() {
        let mut other = audit();
        other.findings[0].place = "a.xml:300".into();
        other.findings[0].message = "in other words".into();
        assert_eq!(drift(&audit(), &other), []);
    }

    #[test]
    fn tells_each_change_in_words() {
        let mut now = audit();
        now.findings[0] =
            Finding::new("client-expired", Severity::Error, "a.xml:9", "over", "h").about("client Job");
        now.connectors[0].agent = Some("LyonAD".into());
        now.connectors[0].deactivated = true;
        now.connectors[0].jobs[0].schedule = None;
        now.agents[0].hosts = vec!["par-ad-02".into()];
        now.agents[0].versions = vec!["6.2.1".into()];
        now.managed_systems.clear();
        let told: Vec<_> =
            drift(&audit(), &now).into_iter().map(|one| format!("{}: {}", one.change, one.message)).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        agent-hosts-changed: hosts of the agent `ParisAD`: `par-ad-01` before, `par-ad-02` now
        agent-version-changed: versions of the agent `ParisAD`: `6.2.0` before, `6.2.1` now
        connector-moved: the connector `CorpAD` moved from `ParisAD` to `LyonAD`
        connector-deactivated: the connector `CorpAD` is deactivated now
        managed-system-removed: the managed system `corp` is gone
        job-rescheduled: schedule of the job `Paris-Daily`: `0 2 * * *` before, nothing now
        finding-new: `client-expired` is new: error: over
        finding-gone: `agent-idle` is gone: idle
        ");
    }

    #[test]
    fn a_host_that_does_not_answer_takes_nothing_away() {
        let mut before = audit();
        before.findings[0].host = Some("lyo".into());
        let mut now = audit();
        now.findings.clear();
        now.agents[0].versions.clear();
        now.hosts = vec![crate::preflight::AskedHost { host: "lyo".into(), answered: false }];
        assert_eq!(drift(&before, &now), []);
    }
}
