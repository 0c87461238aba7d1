//! What is going to be installed: the runtime's archive and the hosting bundle against their digests, and the version
//! against that of the server, which has to be upgraded first.

use std::path::Path;

use super::super::{Finding, Severity};
use super::{Facts, Question};

/// A file of the controller that goes to hosts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shipped {
    /// `archive` or `bundle`, as the option is called.
    pub option: &'static str,
    /// Its path as given.
    pub path: String,
    /// The SHA-256 that it has to have, as given.
    pub wanted: Option<String>,
    /// The SHA-256 that it has, or why that is not known; nothing while nobody looked.
    pub found: Option<Result<String, String>>,
}

impl Question {
    /// Looks at the files that go to hosts with a function that knows their SHA-256 in hexadecimal digits.
    pub fn look_at_shipped(&mut self, mut digest: impl FnMut(&str) -> Result<String, String>) {
        for file in &mut self.shipped {
            file.found = Some(digest(&file.path));
        }
    }
}

/// Archive and bundle are there, and are what was ordered.
pub(super) fn digests(question: &Question, _facts: &Facts, findings: &mut Vec<Finding>) {
    for file in &question.shipped {
        let Shipped { option, path, .. } = file;
        let place = format!("{}:{option}", question.host);
        let mut add = |what: &str, severity, message: String, hint: String| {
            let id = format!("{option}-{what}");
            findings.push(Finding::new(&id, severity, &*place, message, hint).on(&question.host));
        };
        let wanted = file.wanted.as_deref().map(str::trim).filter(|wanted| !wanted.is_empty());
        if let Some(wanted) = wanted
            && (wanted.len() != 64 || !wanted.bytes().all(|digit| digit.is_ascii_hexdigit()))
        {
            let message = format!("`{option}_sha256` is no SHA-256");
            add("digest", Severity::Error, message, "write its 64 hexadecimal digits".to_owned());
            continue;
        }
        match (&file.found, wanted) {
            (None, _) => {}
            // A role has folders of its own, which only a playbook knows.
            (Some(Err(why)), _) if Path::new(path).is_relative() => add(
                "missing",
                Severity::Info,
                format!("cannot look at `{path}`: {why}"),
                "a playbook looks for it in its own folder `files` and that of the role".to_owned(),
            ),
            (Some(Err(why)), _) => add(
                "missing",
                Severity::Error,
                format!("cannot read `{path}`: {why}"),
                format!("put the file there, or correct `{option}`"),
            ),
            (Some(Ok(found)), Some(wanted)) if !found.eq_ignore_ascii_case(wanted) => add(
                "digest",
                Severity::Error,
                format!("`{path}` has the SHA-256 {found}; wanted is {}", wanted.to_ascii_lowercase()),
                format!("get the right file, or correct `{option}_sha256`"),
            ),
            (Some(Ok(_)), Some(_)) => {}
            (Some(Ok(found)), None) => add(
                "digest",
                Severity::Warning,
                format!("nothing says which SHA-256 `{path}` has to have"),
                format!("set `{option}_sha256`; now it is {found}"),
            ),
        }
    }
}

/// An agent is not newer than its server.
pub(super) fn version(question: &Question, _facts: &Facts, findings: &mut Vec<Finding>) {
    let (Some(agent), Some(server)) = (&question.version, &question.server_version) else { return };
    let place = format!("{}:version", question.host);
    let (severity, message, hint) = match (numbers(agent), numbers(server)) {
        (Some(ours), Some(theirs)) if ours <= theirs => return,
        (Some(_), Some(_)) => (
            Severity::Error,
            format!("the agent for `{}` is {agent}, and the server is {server}", question.host),
            "upgrade the server first: it works with older agents for a while, not with newer ones",
        ),
        _ => (
            Severity::Info,
            format!("the versions `{agent}` of the agent and `{server}` of the server cannot be compared"),
            "write both as numbers with points between them, such as `6.2.1`",
        ),
    };
    findings.push(Finding::new("agent-version", severity, place, message, hint).on(&question.host));
}

/// The numbers of a version, without zeros at its end: `6.2` is `6.2.0`.
fn numbers(text: &str) -> Option<Vec<u64>> {
    let mut numbers: Vec<u64> =
        text.trim().split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some(numbers)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn found(options: Value, digest: Result<String, String>) -> Vec<String> {
        let mut question = Question::read("h1", Vec::new(), options.as_object().unwrap()).unwrap();
        question.look_at_shipped(|_| digest.clone());
        let mut findings = Vec::new();
        digests(&question, &Facts::default(), &mut findings);
        version(&question, &Facts::default(), &mut findings);
        findings.iter().map(|finding| format!("{} {}", finding.severity, finding.id)).collect()
    }

    #[test]
    fn files_are_what_was_ordered() {
        let (digest, other) = ("ab".repeat(32), "cd".repeat(32));
        let good = || Ok(digest.clone());
        let archive = |sha: &str| json!({"archive": "/a.zip", "archive_sha256": sha});
        assert_eq!(found(archive(&digest.to_uppercase()), good()), [""; 0]);
        assert_eq!(found(archive(&other), good()), ["error archive-digest"]);
        assert_eq!(found(archive("abc"), good()), ["error archive-digest"]);
        assert_eq!(found(archive(""), good()), ["warning archive-digest"]);
        assert_eq!(found(json!({"bundle": "/b.exe"}), good()), ["warning bundle-digest"]);
        let gone = || Err("no such file".to_owned());
        assert_eq!(found(archive(&digest), gone()), ["error archive-missing"]);
        assert_eq!(found(json!({"bundle": "b.exe"}), gone()), ["info bundle-missing"]);
        assert_eq!(found(json!({"archive": ""}), gone()), [""; 0]);
    }

    #[test]
    fn an_agent_is_not_newer_than_its_server() {
        let of = |agent: &str, server: &str| {
            found(json!({"version": agent, "server_version": server}), Err(String::new()))
        };
        assert_eq!(of("6.2.1", "6.2.1.0"), [""; 0]);
        assert_eq!(of("6.2", "6.10"), [""; 0]);
        assert_eq!(of("6.2.1", "6.2"), ["error agent-version"]);
        assert_eq!(of("7", "6.9.9"), ["error agent-version"]);
        assert_eq!(of("six", "6.2"), ["info agent-version"]);
        assert_eq!(found(json!({"version": "9"}), Err(String::new())), [""; 0]);
    }
}
