//! Visits: a session on a host that takes part in no run, for questions and for tidying up.

use std::time::Duration;

use paceline_remote::{ShellEvent, Step};
use secrecy::SecretString;
use thiserror::Error;

use super::link::{Link, LinkError, PointsPlace};
use crate::hostlog::percent_encode_host;
use crate::inventory::HostName;
use crate::operation::{SessionText, decode};
use crate::plan::Login;
use crate::shell::Platform;
use crate::transport::{Target, TransportError};

/// Limit for one question.
const ANSWER: Duration = Duration::from_secs(300);
/// What is kept of an answer.
const VALUES: usize = 10_000;

/// A host to visit, and as whom.
#[derive(Debug)]
pub struct Visit {
    /// The host.
    pub name: HostName,
    /// How to reach it, or why that is not known.
    pub target: Result<Target, TransportError>,
    /// `paceline_base`, if the host has one.
    pub base: Option<String>,
    /// The user to be there.
    pub login: Login,
    /// Password of the login, if it needs one.
    pub password: Option<SecretString>,
}

/// A visit failed: the host could not be reached, or did not answer.
#[derive(Clone, Debug, Error)]
#[error("{message}")]
pub struct VisitError {
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl From<LinkError> for VisitError {
    fn from(error: LinkError) -> Self {
        Self { message: error.to_string(), hint: error.hint() }
    }
}

/// A session that was opened for a visit.
pub struct Visitor {
    link: Link,
    login: Login,
    steps: u64,
}

/// What a step answered.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    /// Whether it did what it was asked for.
    pub done: bool,
    values: Vec<(String, String)>,
}

impl Answered {
    /// The text that was reported under a name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(key, _)| key == name).map(|(_, text)| text.as_str())
    }
}

impl Visitor {
    /// Connects and opens a session.
    ///
    /// # Errors
    /// The host cannot be reached, or not as that user.
    pub async fn enter(visit: Visit) -> Result<Self, VisitError> {
        let Visit { name, target, base, login, password } = visit;
        let target = target.map_err(LinkError::from)?;
        let place =
            PointsPlace { base, run: "none".to_owned(), host: percent_encode_host(&name.0), ledger: false };
        let mut link = Link::new(target, place);
        link.connect().await?;
        link.shell(&login, password.as_ref()).await?;
        Ok(Self { link, login, steps: 0 })
    }

    /// The language of the host's shell.
    pub fn texts(&self) -> SessionText {
        self.link.texts()
    }

    /// Runs a step of trusted text, made by [`Self::texts`].
    ///
    /// # Errors
    /// The session ended before it answered.
    pub async fn ask(&mut self, text: String) -> Result<Answered, VisitError> {
        self.steps += 1;
        let windows = self.texts().0 == Platform::Windows;
        let id = self.steps;
        let shell = self.link.open(&self.login).ok_or(LinkError::Closed)?;
        let step = Step { id, epoch: id, text, ..Step::default() };
        shell.handle.send(step).await.map_err(|_| LinkError::Closed)?;
        let mut answered = Answered::default();
        let answer = async {
            loop {
                match shell.events.recv().await {
                    Some(ShellEvent::Value { name, text, .. }) if answered.values.len() < VALUES => {
                        // PowerShell writes every value as one line.
                        let text = if windows { decode(&text) } else { text };
                        answered.values.push((name, text));
                    }
                    Some(ShellEvent::Finished { status, .. }) => {
                        answered.done = status == 0;
                        return Ok(());
                    }
                    Some(ShellEvent::Closed(reason)) => return Err(LinkError::Lost(reason.to_string())),
                    Some(_) => {}
                    None => return Err(LinkError::Closed),
                }
            }
        };
        tokio::time::timeout(ANSWER, answer).await.unwrap_or(Err(LinkError::TimedOut))?;
        Ok(answered)
    }

    /// Closes session and connection.
    pub async fn leave(mut self) {
        self.link.close(false).await;
    }
}
