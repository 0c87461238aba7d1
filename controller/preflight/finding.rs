//! Findings: what preflight and audit have to say (DESIGN 3.5), the same for people and programs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How bad it is; later is worse.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// It works today, or policy frowns at it.
    Warning,
    /// A rollout would fail, or what it installs would.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing that was found. Its text may hold what a host or a foreign file said: whoever prints it
/// sanitises it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// Which rule, in kebab case; stable.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// The host that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The identifier of the agent that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The identifier of the connector that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector: Option<String>,
    /// What exactly it is about, such as `job Paris-Daily`: an audit has one finding per id and subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Where: `FILE:LINE`, `FILE` or `HOST:PATH`.
    pub place: String,
    /// What was seen, and what is wanted.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

impl Finding {
    /// Makes a finding about a place.
    pub fn new(
        id: &str,
        severity: Severity,
        place: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            id: id.to_owned(),
            severity,
            host: None,
            agent: None,
            connector: None,
            subject: None,
            place: place.into(),
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// Says what exactly it is about.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Says which host it is about.
    #[must_use]
    pub fn on(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    /// Says which agent it is about.
    #[must_use]
    pub fn of_agent(mut self, agent: &str) -> Self {
        self.agent = Some(agent.to_owned());
        self
    }

    /// Says which connector it is about.
    #[must_use]
    pub fn of_connector(mut self, connector: &str) -> Self {
        self.connector = Some(connector.to_owned());
        self
    }
}

/// A host that was asked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AskedHost {
    /// Its name in the inventory.
    pub host: String,
    /// Whether all that was asked was answered.
    pub answered: bool,
}

/// The worst severity of some findings.
pub fn worst(findings: &[Finding]) -> Option<Severity> {
    findings.iter().map(|finding| finding.severity).max()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn json_has_the_agreed_shape() {
        let finding = Finding::new("a-b", Severity::Warning, "x.pem:3", "seen", "mend").on("web-1");
        assert_eq!(
            serde_json::to_string(&finding).unwrap(),
            r#"{"id":"a-b","severity":"warning","host":"web-1","place":"x.pem:3","message":"seen","hint":"mend"}"#
        );
    }

    #[test]
    fn an_error_is_worse_than_a_warning() {
        let of = |severity| Finding::new("a", severity, "", "", "");
        assert_eq!(
            worst(&[of(Severity::Info), of(Severity::Error), of(Severity::Warning)]),
            Some(Severity::Error)
        );
        assert_eq!(worst(&[]), None);
    }
}
