//! The lease of a host, seen from the controller: what a run says when it takes it, the heartbeat that keeps it, and
//! the words for a host that another run holds.
//!
//! A heartbeat is a task of its own with a channel of its own: it depends neither on the busy shell nor on the
//! worker. It ends with its session, so that nothing keeps the lease of a controller that is gone.

use std::sync::Arc;
use std::time::Duration;

use paceline_remote::{Aside, Dialect, Nonce};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use super::link::{LinkError, pipes};
use crate::hostlog::sanitize_line;
use crate::inventory::HostName;
use crate::journal::short_id;
use crate::operation::{Claim, Holder, LEASE_LEAST, LEASE_SECONDS, Renewal, SessionText};
use crate::shell::{Platform, quote};
use crate::transport::{Connection, Lookup, Target, TransportError, connect};

/// The variable that says how long a lease holds.
const VARIABLE: &str = "paceline_lease";
/// Longest that it may hold: a controller that died keeps others out for that long.
const MOST: u64 = 3600;
/// Limit for one heartbeat.
const BEAT: Duration = Duration::from_secs(20);

/// For whom hosts are leased. Runs that change nothing lease none.
#[derive(Clone, Debug)]
pub struct Claimant {
    /// The run.
    pub run: String,
    /// How often it was started.
    pub incarnation: u64,
    /// `USER@MACHINE`.
    pub operator: String,
    /// When it was asked for: RFC 3339, UTC.
    pub since: String,
    /// Whether the run goes on with the other hosts when one is held.
    pub skip_held: bool,
}

impl Claimant {
    /// The claim on one host.
    pub(super) fn on(&self, host: &HostName, seconds: u64) -> Claim {
        Claim {
            run: self.run.clone(),
            incarnation: self.incarnation,
            operator: self.operator.clone(),
            since: self.since.clone(),
            host: host.to_string(),
            seconds,
        }
    }
}

/// Reads `paceline_lease` of a host.
///
/// # Errors
/// It has no value, or is not a number of seconds.
pub fn lease_seconds(host: &HostName, variables: &Lookup<'_>) -> Result<u64, TransportError> {
    let value = variables(VARIABLE).map_err(|error| error.of(&host.0, VARIABLE))?;
    let seconds = match &value {
        None | Some(Value::Null) => return Ok(LEASE_SECONDS),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(value) => value.as_u64(),
    };
    seconds.filter(|seconds| (LEASE_LEAST..=MOST).contains(seconds)).ok_or_else(|| TransportError::Setting {
        host: host.to_string(),
        variable: VARIABLE.to_owned(),
        what: format!("it must be a number of seconds from {LEASE_LEAST} to {MOST}"),
    })
}

/// How a channel beside a session is opened.
#[derive(Clone)]
pub(super) struct Beside {
    pub connection: Connection,
    pub login: paceline_remote::Login,
    pub password: Option<Zeroizing<Vec<u8>>>,
    /// What the session calls its folder.
    pub session: Nonce,
    pub dialect: Dialect,
}

impl Beside {
    /// Runs trusted text and returns what it said.
    pub(super) async fn run(&self, text: &str, limit: Duration) -> Result<Vec<u8>, LinkError> {
        let nonce = Nonce::new();
        let line = self.dialect.command_line(&nonce, &self.login);
        let running = async {
            let process = self.connection.exec(&line).await?;
            let (pipes, password) = (pipes(process), self.password.clone());
            Ok(match self.dialect {
                Dialect::Posix => {
                    paceline_remote::beside(pipes, &nonce, &self.login, password, text, limit).await?
                }
                Dialect::PowerShell => {
                    let library = SessionText(Platform::Windows).beside_library();
                    let what = Aside::Calls { library, calls: text };
                    paceline_remote::beside_powershell(pipes, &nonce, &self.session, what, limit).await?
                }
            })
        };
        tokio::time::timeout(limit, running).await.unwrap_or(Err(LinkError::TimedOut))
    }
}

/// The lease of one session. Dropping it ends the heartbeat.
pub(super) struct Lease {
    beside: Beside,
    text: Arc<str>,
    lost: watch::Receiver<Option<Renewal>>,
    beat: JoinHandle<()>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.beat.abort();
    }
}

impl Lease {
    /// Begins to keep a claim that was just taken.
    pub(super) fn keep(beside: Beside, target: Target, claim: &Claim, folder: &str, number: u64) -> Self {
        let text: Arc<str> = SessionText(target.platform).renew(claim, folder, number).into();
        let (sender, lost) = watch::channel(None);
        // Twice in the time that it holds, and some of it for the way.
        let every = Duration::from_millis(claim.seconds * 1000 / 3);
        let beat = tokio::spawn(beat(beside.clone(), target, text.clone(), every, sender));
        Self { beside, text, lost, beat }
    }

    /// Asks the host whether the claim still holds, and renews it.
    ///
    /// # Errors
    /// The lease is lost.
    pub(super) async fn confirm(&self, limit: Duration) -> Result<(), LinkError> {
        let known = self.lost.borrow().clone();
        let found = match known {
            Some(lost) => lost,
            None => match self.beside.run(&self.text, limit).await {
                Ok(said) => Renewal::read(&said),
                Err(_) => Renewal::Unknown,
            },
        };
        match lost(&found) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// Renews a claim until it is lost. Where no second channel may be opened, a second connection is.
async fn beat(
    mut beside: Beside,
    target: Target,
    text: Arc<str>,
    every: Duration,
    lost: watch::Sender<Option<Renewal>>,
) {
    loop {
        tokio::time::sleep(every).await;
        let limit = BEAT.min(every.max(Duration::from_secs(1)));
        let mut found = beside.run(&text, limit).await;
        if found.is_err()
            && let Ok(Ok(connection)) = tokio::time::timeout(BEAT, connect(&target, &|_| {})).await
        {
            beside.connection = connection;
            found = beside.run(&text, limit).await;
        }
        match found.map(|said| Renewal::read(&said)) {
            Ok(Renewal::Renewed | Renewal::Unknown) | Err(_) => {}
            Ok(found) => {
                // Nobody may be left to be told.
                let _ = lost.send(Some(found));
                return;
            }
        }
    }
}

/// Why a host goes no further, if its lease is lost.
fn lost(found: &Renewal) -> Option<LinkError> {
    let (message, hint) = match found {
        Renewal::Renewed | Renewal::Unknown | Renewal::Over => return None,
        Renewal::Late => (
            "its lease ran out before it was renewed; no further step was started".to_owned(),
            "was this machine asleep, or the way to the host cut? roll out again".to_owned(),
        ),
        Renewal::Taken(holder) if holder.run == UNLOCK => (
            format!("its lease was broken by {}; no further step was started", by(holder)),
            "ask who unlocked it, then roll out again".to_owned(),
        ),
        Renewal::Taken(holder) => (
            format!("run {} took the host over; no further step was started", whose(holder)),
            "look at what that run did, then roll out again".to_owned(),
        ),
    };
    Some(LinkError::Held { message, hint: Some(hint) })
}

/// What a lease says that `runs unlock` broke.
const UNLOCK: &str = "unlock";

/// The lease was lost and the shell said why; who has it is not known.
pub(super) fn fenced(why: &str) -> LinkError {
    let message = format!("{}; no further step was started", sanitize_line(why));
    LinkError::Held {
        message,
        hint: Some("look at what was done on the host, then roll out again".to_owned()),
    }
}

/// Another run holds the host.
pub(super) fn held(host: &HostName, holder: &Holder) -> LinkError {
    let message = format!(
        "run {} is at work on it; its lease ends in {} s unless it is renewed",
        whose(holder),
        holder.left
    );
    LinkError::Held { message, hint: Some(unlock_hint(host, holder)) }
}

/// What to do about a host that is held.
fn unlock_hint(host: &HostName, holder: &Holder) -> String {
    let host = quote_if_needed(&host.0);
    format!(
        "wait for its end; if it is dead, `paceline runs unlock {} -l {host}` where it was started, \
         `paceline runs unlock --host {host} -i INVENTORY` elsewhere",
        short_id(&sanitize_line(&holder.run)),
    )
}

fn quote_if_needed(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { quote(&sanitize_line(word)) }
}

/// A step of an earlier session goes on.
pub(super) fn busy(process: &str, waited: &str) -> LinkError {
    let process = sanitize_line(process);
    LinkError::Held {
        message: format!(
            "a step of an earlier session is still going on (process {process}) and has no time limit; \
             waited {} s for it",
            sanitize_line(waited)
        ),
        hint: Some("wait for its end, or end it on the host; `timeout` gives a step a limit".to_owned()),
    }
}

/// `0198f1e2-3b4c of ann@desk since 2026-05-09 07:29:33Z`.
pub(super) fn whose(holder: &Holder) -> String {
    format!("{} of {}", short_id(&sanitize_line(&holder.run)), by(holder))
}

fn by(holder: &Holder) -> String {
    let since = holder.since.parse::<jiff::Timestamp>();
    let since = since.map_or_else(
        |_| sanitize_line(&holder.since).into_owned(),
        |since| since.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
    );
    format!("{} since {since}", sanitize_line(&holder.operator))
}

/// What is told of a claim that was not given back.
pub(super) fn taken_over(own: &str, holder: &Holder, waited: u64) -> Option<String> {
    let waited = if waited > 0 { format!("; waited {waited} s for its step in hand") } else { String::new() };
    if holder.run == own {
        return (!waited.is_empty()).then(|| format!("went on after an earlier start of this run{waited}"));
    }
    Some(format!("took the host over from run {}, which did not give it back{waited}", whose(holder)))
}

/// What is told while a session waits.
pub(super) fn waiting(said: &str) -> String {
    let mut words = said.split(' ');
    let mut word = || sanitize_line(words.next().unwrap_or_default()).into_owned();
    let (process, waited, bound) = (word(), word(), word());
    format!(
        "waiting for a step of an earlier session that is still going on (process {process}); \
         {waited} s so far, {bound} s at most"
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_a_number_of_seconds() {
        let host = HostName::from("web");
        let read = |value: Value| lease_seconds(&host, &|_: &str| Ok(Some(value.clone())));
        assert_eq!(read(Value::Null).unwrap(), 120);
        assert_eq!(read(2.into()).unwrap(), 2);
        assert_eq!(read("30".into()).unwrap(), 30);
        for wrong in [Value::from(1), "soon".into(), 3601.into(), true.into()] {
            let error = read(wrong).unwrap_err().to_string();
            assert_eq!(error, "`web`: `paceline_lease`: it must be a number of seconds from 2 to 3600");
        }
    }

    #[test]
    fn who_holds_a_host_is_named() {
        let holder = Holder {
            run: "0198f1e2-3b4c-7000-8000-000000000001".to_owned(),
            operator: "ann@desk\u{1b}[2J".to_owned(),
            since: "2026-05-09T07:29:33.123456Z".to_owned(),
            host: "web".to_owned(),
            left: 97,
        };
        let error = held(&HostName::from("web 1"), &holder);
        assert_eq!(
            error.to_string(),
            r"run 0198f1e2-3b4c of ann@desk\x1b[2J since 2026-05-09 07:29:33Z is at work on it; its lease ends in 97 s unless it is renewed"
        );
        assert!(error.hint().unwrap().contains("`paceline runs unlock 0198f1e2-3b4c -l 'web 1'`"));
    }
}
