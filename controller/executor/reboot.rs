//! A host that goes away on purpose and comes back: `win_reboot`, and `wait_for_connection`, which needs no shell.
//!
//! The session ends with the restart, and a new one is opened behind it: the number of the boot tells whether Windows
//! really restarted. The lease is of the same run, and of another boot, so the new session takes it at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::evaluate::{Item, Settled};
use super::event::EventKind;
use super::link::{Link, LinkError};
use super::outside::raw;
use super::sink::StepLabel;
use super::slot::ItemResult;
use super::worker::{Stop, Worker};
use crate::module::{Reconnect, Restart};
use crate::plan::CompiledTask;

/// How often a login is tried again that the host left without an answer.
const MOST_SPENT: u32 = 1;
/// Limit for a test command.
const TEST: Duration = Duration::from_secs(60);

/// By what a host counts as being back.
#[derive(Clone, Copy, Default)]
struct Signs<'a> {
    /// Whether a shell can be opened.
    shell: bool,
    /// It is another boot than this one.
    boot: Option<&'a str>,
    /// This command succeeds.
    test: Option<&'a str>,
}

impl LinkError {
    /// Whether a host that is about to come back may answer otherwise. A credential that was refused is never tried
    /// again: that locks accounts.
    fn may_pass(&self) -> bool {
        match self {
            Self::Transport(error) => error.retry_may_help(),
            Self::Start(_) | Self::Lost(_) | Self::Closed | Self::TimedOut => !self.is_become(),
            Self::Held { .. } | Self::Lease(_) | Self::Journal(_) => false,
        }
    }
}

impl Worker<'_> {
    /// Restarts the host and waits until a shell of another boot is open.
    pub(super) async fn reboot(
        &mut self,
        (task, settled, item, label): (&Arc<CompiledTask>, &Settled, &Item, Option<&str>),
        restart: Restart,
    ) -> Result<ItemResult, Stop> {
        let Restart { ask, test_command, delay, settle, wait } = restart;
        let mut landed = self.at_once(task, settled, ask, label).await?;
        let began = Instant::now();
        let boot = landed.outcome.result.remove("boot").and_then(|boot| boot.as_str().map(str::to_owned));
        if !landed.outcome.failed {
            let mut problem = None;
            if !settled.check {
                self.leave().await;
                self.sleep(delay).await?;
                let away = Reconnect { delay: Duration::ZERO, ..wait };
                let signs = Signs { shell: true, boot: boot.as_deref(), test: test_command.as_deref() };
                problem = self.come_back(settled, away, signs).await?;
                if problem.is_none() {
                    self.sleep(settle).await?;
                }
            }
            let result = &mut landed.outcome.result;
            result.insert("rebooted".to_owned(), json!(problem.is_none()));
            result.insert("elapsed".to_owned(), json!(began.elapsed().as_secs()));
            if let Some(problem) = problem {
                landed.outcome.failed = true;
                result.insert("msg".to_owned(), json!(problem));
                result.insert("unreachable".to_owned(), json!(true));
            }
        }
        Ok(self.judged(task, item, settled, landed, label).await)
    }

    /// Waits until the host can be connected to.
    pub(super) async fn wait_for_connection(
        &mut self,
        settled: &Settled,
        wait: Reconnect,
    ) -> Result<ItemResult, Stop> {
        let began = Instant::now();
        if settled.check {
            return Ok(ItemResult::default());
        }
        self.leave().await;
        let problem = self.come_back(settled, wait, Signs::default()).await?;
        let mut result = match problem {
            Some(problem) => ItemResult::failure(problem),
            None => ItemResult::default(),
        };
        result.value.insert("elapsed".to_owned(), json!(began.elapsed().as_secs()));
        Ok(result)
    }

    /// Ends session and connection in order.
    async fn leave(&mut self) {
        if let Some(mut link) = self.host.link.take() {
            link.close(false).await;
        }
    }

    /// Connects until the host is there by these signs. Returns what was wrong when the time was over.
    async fn come_back(
        &mut self,
        settled: &Settled,
        wait: Reconnect,
        signs: Signs<'_>,
    ) -> Result<Option<String>, Stop> {
        self.sleep(wait.delay).await?;
        let began = Instant::now();
        let mut spent = 0;
        loop {
            let problem = match self.one_attempt(settled, wait.connect, signs.shell).await {
                Ok(link) => match self.is_back(settled, &link, signs).await {
                    None => {
                        self.host.link = Some(link);
                        return Ok(None);
                    }
                    Some(problem) => {
                        let mut link = link;
                        link.close(false).await;
                        problem
                    }
                },
                // A host that goes down may swallow a login; one that goes on doing so locks the account.
                Err(LinkError::Transport(error)) if error.spends_an_attempt() && spent < MOST_SPENT => {
                    spent += 1;
                    error.to_string()
                }
                Err(error) if error.may_pass() => error.to_string(),
                Err(error) => return Err(self.lost(error)),
            };
            if began.elapsed() + wait.pause >= wait.limit {
                let seconds = wait.limit.as_secs();
                return Ok(Some(format!("the host did not come back within {seconds} s: {problem}")));
            }
            self.sleep(wait.pause).await?;
        }
    }

    async fn one_attempt(
        &mut self,
        settled: &Settled,
        limit: Duration,
        shell: bool,
    ) -> Result<Link, LinkError> {
        let mut link = Link::of(self.run, self.play, self.place_of_work())?;
        let cancel = self.run.cancel.clone();
        let sink = &mut self.host.sink;
        let opening = async {
            let connected =
                tokio::time::timeout(limit, link.connect()).await.unwrap_or(Err(LinkError::TimedOut))?;
            if let Some(duration_ms) = connected {
                sink.host_event(EventKind::HostConnected { duration_ms, reached: link.reached() }).await;
            }
            for message in link.warnings.drain(..) {
                sink.host_event(EventKind::Warning { message }).await;
            }
            match shell {
                true => link.shell(&settled.login, settled.password.as_ref()).await.map(drop),
                false => Ok(()),
            }
        };
        let opened = tokio::select! {
            opened = opening => opened,
            () = cancel.reached(2) => Err(LinkError::Closed),
        };
        match opened {
            Ok(()) => Ok(link),
            Err(error) => {
                link.abort();
                Err(error)
            }
        }
    }

    /// Why the host does not count as being back yet.
    async fn is_back(&mut self, settled: &Settled, link: &Link, signs: Signs<'_>) -> Option<String> {
        let Signs { boot, test, .. } = signs;
        let now = link.boot(&settled.login);
        if boot.is_some() && (now.is_none() || now == boot) {
            return Some("it has not restarted yet".to_owned());
        }
        let line = test_line(test?);
        let label = StepLabel {
            task: settled.name.clone(),
            module: "win_reboot".to_owned(),
            item: None,
            hidden: settled.no_log,
            at: Default::default(),
        };
        let password = settled.password.as_ref();
        let ran = raw(link, &settled.login, password, &line, &mut self.host.sink, &label);
        match tokio::time::timeout(TEST, ran).await {
            Ok(Ok(reply)) if reply.status == 0 => None,
            Ok(Ok(reply)) => Some(format!("the test command ended with {}", reply.rc.unwrap_or(-1))),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the test command did not end".to_owned()),
        }
    }
}

/// The command line that runs a test command in a PowerShell of its own.
fn test_line(text: &str) -> String {
    use base64::Engine as _;
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
    format!("powershell.exe -NoProfile -NonInteractive -EncodedCommand {encoded}")
}
