//! What only Windows hosts have: versions, restarts, the environment of the machine, jobs.

use super::super::{Finding, Severity};
use super::{Facts, Question};

/// Windows Server 2016, the oldest that the product supports.
const WINDOWS: [u64; 3] = [10, 0, 14_393];
/// The oldest PowerShell that the remote shell works with.
const POWERSHELL: [u64; 2] = [5, 1];

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

fn dotted(version: &[u64]) -> String {
    version.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

pub(super) fn version(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    for (name, found, wanted, hint) in [
        ("Windows", &facts.windows, &WINDOWS[..], "the product wants Windows Server 2016 or newer"),
        ("PowerShell", &facts.powershell, &POWERSHELL[..], "install Windows Management Framework 5.1"),
    ] {
        if let Some(found) = found.as_ref().filter(|found| found.as_slice() < wanted) {
            let message = format!(
                "`{}` has {name} {}; wanted is {} or newer",
                question.host,
                dotted(found),
                dotted(wanted)
            );
            findings.push(finding(question, "requirement-platform", Severity::Error, name, message, hint));
        }
    }
}

pub(super) fn restart(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    if facts.reboot_pending == Some(true) {
        let message = format!("`{}` waits for a restart", question.host);
        let hint = "restart it before the rollout: features and installers may refuse to work";
        findings.push(finding(question, "reboot-pending", Severity::Warning, "restart", message, hint));
    }
}

pub(super) fn environment(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    for name in &facts.environment {
        let message = format!(
            "the environment of `{}` has `{name}`, which wins over the agent's settings",
            question.host
        );
        let hint = "remove the variable of the machine, or set it on purpose only";
        findings.push(finding(question, "environment-override", Severity::Warning, name, message, hint));
    }
}

pub(super) fn jobs(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    if !facts.jobs.is_empty() {
        let message = format!("jobs are at work on `{}`: {}", question.host, facts.jobs.join(", "));
        let hint = "wait for their end: stopping the pool cuts them off";
        findings.push(finding(question, "jobs-running", Severity::Warning, "jobs", message, hint));
    } else if let Some(lock) = &facts.lock {
        let message = format!("the scheduler on `{}` has its lock `{lock}`", question.host);
        let hint =
            "the agent is at work, or ended without taking it away; then no job starts for half an hour";
        findings.push(finding(question, "scheduler-lock", Severity::Info, lock, message, hint));
    }
}
