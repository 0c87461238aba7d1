//! The machine: privilege, processors, memory, disk, clock.

use super::super::{Finding, Severity};
use super::{Facts, Question};

fn finding(
    question: &Question,
    id: &str,
    severity: Severity,
    what: &str,
    message: String,
    hint: &str,
) -> Finding {
    Finding::new(id, severity, format!("{}:{what}", question.host), message, hint).on(&question.host)
}

/// Installing needs root.
pub(super) fn privilege(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    if facts.privileged == Some(false) {
        findings.push(finding(
            question,
            "requirement-privilege",
            Severity::Warning,
            "login",
            format!("the login on `{}` is neither root nor an elevated administrator", question.host),
            "become root with `-b`, or log in as an administrator; what only needs its own folder works without",
        ));
    }
}

pub(super) fn processors(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    let wanted = question.requirements.processors;
    if let Some(found) = facts.processors.filter(|found| *found < wanted) {
        findings.push(finding(
            question,
            "requirement-processors",
            Severity::Warning,
            "processors",
            format!(
                "`{}` has {found} processor{}; wanted are {wanted}",
                question.host,
                if found == 1 { "" } else { "s" }
            ),
            "give the machine more processors, or say less with `processors`",
        ));
    }
}

pub(super) fn memory(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    let wanted = question.requirements.memory;
    if let Some(found) = facts.memory.filter(|found| *found < wanted) {
        findings.push(finding(
            question,
            "requirement-memory",
            Severity::Warning,
            "memory",
            format!("`{}` has {} GB of memory; wanted are {} GB", question.host, giga(found), giga(wanted)),
            "give the machine more memory, or say less with `memory_gb`",
        ));
    }
}

/// Free space below a twentieth of what is wanted is not enough to unpack the runtime.
pub(super) fn disk(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    let wanted = question.requirements.disk;
    let Some((_, free)) = facts.disk.filter(|(_, free)| *free < wanted) else { return };
    let severity = if free < wanted / 20 { Severity::Error } else { Severity::Warning };
    let folder = question.folder.as_deref().unwrap_or("/");
    findings.push(finding(
        question,
        "requirement-disk",
        severity,
        folder,
        format!(
            "`{}` has {} GB free for `{folder}`; wanted are {} GB",
            question.host,
            giga(free),
            giga(wanted)
        ),
        "free space there, or say less with `disk_gb`",
    ));
}

/// The server refuses tokens, and Kerberos refuses tickets, of a clock that is off.
pub(super) fn clock(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    let Some((ahead, unsure)) = facts.clock else { return };
    let wanted = question.requirements.clock;
    let off = ahead.unsigned_abs();
    if off > wanted.saturating_add(unsure) {
        let side = if ahead > 0 { "ahead of" } else { "behind" };
        findings.push(finding(
            question,
            "time-skew",
            Severity::Error,
            "clock",
            format!(
                "the clock of `{}` is {off} s {side} that of the controller; allowed are {wanted} s",
                question.host
            ),
            "let both take their time from the same source (NTP)",
        ));
    }
}

/// Gigabytes with one digit behind the point, rounded down: 7.96 is not 8.0.
fn giga(bytes: u64) -> String {
    let tenths = bytes / 100_000_000;
    if tenths.is_multiple_of(10) {
        format!("{}", tenths / 10)
    } else {
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}
