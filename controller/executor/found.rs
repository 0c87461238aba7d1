//! Asks hosts which runs left rollback points on them. Changes nothing, and leaves no run behind.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::dispatcher::Dispatcher;
use super::link::{Link, LinkError, PointsPlace};
use super::restore::run;
use super::sink::Sink;
use crate::hostlog::percent_encode_host;
use crate::inventory::HostName;
use crate::operation::{Operation, Outcome, Point};
use crate::plan::Login;
use crate::rollback::{FindPoints, FindRuns, FoundRun, ListedPoint};
use crate::secrets::Masks;
use crate::transport::{Target, TransportError};

/// The most time that a connected host may take for its answers.
const ANSWERS: Duration = Duration::from_secs(120);

/// A host to be asked.
pub struct AskHost {
    /// The host.
    pub name: HostName,
    /// How to reach it, or why that is not known.
    pub target: Result<Target, TransportError>,
    /// `paceline_base`, if the host has one.
    pub base: Option<String>,
    /// As whom.
    pub login: Login,
    /// Password of that login, if it needs one.
    pub password: Option<SecretString>,
}

/// What a host answered.
#[derive(Debug)]
pub struct FoundHost {
    /// The host.
    pub name: HostName,
    /// What is on it, or why that is not known, with a hint.
    pub found: Result<FoundPoints, (String, Option<String>)>,
}

/// What is on a host.
#[derive(Debug, Default)]
pub struct FoundPoints {
    /// All runs that left points, the newest first.
    pub runs: Vec<FoundRun>,
    /// The points of the run that was asked for, the newest first, and whether each is restored.
    pub points: Vec<(Point, bool)>,
}

/// Asks all hosts, `forks` of them at once, for their runs, and for the points of the one run whose id begins with
/// `wanted`. The answers come in the order of the hosts.
pub async fn find(hosts: Vec<AskHost>, wanted: Option<&str>, forks: usize) -> Vec<FoundHost> {
    let (emitter, dispatcher) = Dispatcher::start(String::new(), None, Vec::new());
    let permits = Arc::new(Semaphore::new(forks));
    let mut asked = JoinSet::new();
    let names: Vec<HostName> = hosts.iter().map(|host| host.name.clone()).collect();
    for (index, host) in hosts.into_iter().enumerate() {
        let (permits, wanted) = (permits.clone(), wanted.map(str::to_owned));
        let sink = Sink::new(emitter.clone(), host.name.0.clone(), None, Masks::default());
        asked.spawn(async move {
            let _permit = permits.acquire().await;
            (index, ask(host, wanted.as_deref(), sink).await)
        });
    }
    drop(emitter);
    let mut answers: Vec<Option<Result<FoundPoints, LinkError>>> = names.iter().map(|_| None).collect();
    while let Some(joined) = asked.join_next().await {
        if let Ok((index, answer)) = joined {
            answers[index] = Some(answer);
        }
    }
    // Nobody listens, so there is nothing to be told about its end.
    let _ = tokio::task::spawn_blocking(move || dispatcher.finish()).await;
    let told = |answer: Option<Result<FoundPoints, LinkError>>| match answer {
        Some(answer) => answer.map_err(|error| (error.to_string(), error.hint())),
        None => Err(("internal error: its worker ended".to_owned(), None)),
    };
    names.into_iter().zip(answers).map(|(name, answer)| FoundHost { name, found: told(answer) }).collect()
}

async fn ask(host: AskHost, wanted: Option<&str>, mut sink: Sink) -> Result<FoundPoints, LinkError> {
    let AskHost { name, target, base, login, password } = host;
    let encoded = percent_encode_host(&name.0);
    // The folder of no run: nothing is ever saved in this session.
    let place = PointsPlace { base: base.clone(), run: "none".to_owned(), host: encoded.clone() };
    let mut link = Link::new(target?, place);
    link.connect().await?;
    let asking = async {
        let mut operate = async |step: u64, operation: Box<dyn Operation>| -> Result<Outcome, LinkError> {
            let landed =
                run(&mut link, &mut sink, &login, password.as_ref(), (step, "points"), operation).await?;
            Ok(landed.outcome)
        };
        let mut answer = operate(1, Box::new(FindRuns)).await?.result;
        let runs = answer.remove("runs").unwrap_or_default();
        let runs: Vec<FoundRun> = serde_json::from_value(runs).unwrap_or_default();
        let mut named =
            runs.iter().filter(|found| wanted.is_some_and(|wanted| found.run.starts_with(wanted)));
        let mut points = Vec::new();
        if let (Some(found), None) = (named.next(), named.next()) {
            let find = FindPoints { base, run: found.run.clone(), host: encoded };
            let listed = ListedPoint::of(&operate(2, Box::new(find)).await?);
            // One that is not complete belongs to a step that never changed anything.
            let complete = listed.into_iter().filter(|listed| listed.state != "incomplete");
            points = complete.map(|listed| (listed.point, listed.state == "restored")).collect();
        }
        Ok(FoundPoints { runs, points })
    };
    let answer = tokio::time::timeout(ANSWERS, asking).await.unwrap_or(Err(LinkError::TimedOut));
    link.close().await;
    answer
}
