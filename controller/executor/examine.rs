//! Runs one operation that only looks on many hosts, outside of any run: nothing is leased, noted or saved.

use std::sync::Arc;
use std::time::Duration;

use paceline_remote::Group;
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::dispatcher::Dispatcher;
use super::landed::Ticket;
use super::link::{Link, LinkError, PointsPlace};
use super::outside::over_tcp;
use super::pipeline::{Flight, Next, Pipeline};
use super::sink::{Sink, StepLabel};
use crate::hostlog::percent_encode_host;
use crate::inventory::HostName;
use crate::journal::Position;
use crate::operation::{Mode, Operation, Outcome, Reply};
use crate::plan::Login;
use crate::secrets::Masks;
use crate::transport::{Target, TransportError};

/// The most time that a connected host may take for its answers.
const ANSWERS: Duration = Duration::from_secs(180);

/// A host to be looked at.
pub struct ExamineHost {
    /// The host.
    pub name: HostName,
    /// How to reach it, or why that is not known.
    pub target: Result<Target, TransportError>,
    /// As whom.
    pub login: Login,
    /// Password of that login, if it needs one.
    pub password: Option<SecretString>,
    /// `ansible_become_exe` and the like are in the login already; what is done there.
    pub operation: Box<dyn Operation>,
}

/// A host that was looked at.
#[derive(Debug)]
pub struct Examined {
    /// The host.
    pub name: HostName,
    /// What the operation found, or why the host did not answer.
    pub outcome: Result<Outcome, NoAnswer>,
    /// What the connection warns about.
    pub warnings: Vec<String>,
}

/// A host that did not answer.
#[derive(Clone, Debug)]
pub struct NoAnswer {
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the host was reached and `become` was refused.
    pub refused: bool,
}

impl From<LinkError> for NoAnswer {
    fn from(error: LinkError) -> Self {
        Self { message: error.to_string(), hint: error.hint(), refused: error.is_become() }
    }
}

/// Looks at all hosts, `forks` of them at once. The answers come in the order of the hosts.
pub async fn examine(hosts: Vec<ExamineHost>, forks: usize) -> Vec<Examined> {
    let (emitter, dispatcher) = Dispatcher::start(String::new(), None, Vec::new());
    let permits = Arc::new(Semaphore::new(forks));
    let mut asked = JoinSet::new();
    let names: Vec<HostName> = hosts.iter().map(|host| host.name.clone()).collect();
    for (index, host) in hosts.into_iter().enumerate() {
        let permits = permits.clone();
        let sink = Sink::new(emitter.clone(), host.name.0.clone(), None, Masks::default());
        asked.spawn(async move {
            let _permit = permits.acquire().await;
            let mut warnings = Vec::new();
            let outcome = ask(host, sink, &mut warnings).await;
            (index, outcome.map_err(NoAnswer::from), warnings)
        });
    }
    drop(emitter);
    let lost =
        NoAnswer { message: "internal error: its worker ended".to_owned(), hint: None, refused: false };
    let mut examined: Vec<Examined> = names
        .into_iter()
        .map(|name| Examined { name, outcome: Err(lost.clone()), warnings: Vec::new() })
        .collect();
    while let Some(joined) = asked.join_next().await {
        if let Ok((index, outcome, warnings)) = joined {
            examined[index].outcome = outcome;
            examined[index].warnings = warnings;
        }
    }
    // Nobody listens, so there is nothing to be told about its end.
    let _ = tokio::task::spawn_blocking(move || dispatcher.finish()).await;
    examined
}

async fn ask(host: ExamineHost, mut sink: Sink, warnings: &mut Vec<String>) -> Result<Outcome, LinkError> {
    let ExamineHost { name, target, login, password, operation } = host;
    // The folder of no run: nothing is ever saved in this session.
    let place =
        PointsPlace { base: None, run: "none".to_owned(), host: percent_encode_host(&name.0), ledger: false };
    let mut link = Link::new(target?, place);
    let connected = link.connect().await;
    warnings.append(&mut link.warnings);
    connected?;
    let asking = operate(&mut link, &mut sink, &login, password.as_ref(), operation);
    let answer = tokio::time::timeout(ANSWERS, asking).await.unwrap_or(Err(LinkError::TimedOut));
    link.close(false).await;
    answer
}

/// Runs the operation to its end.
async fn operate(
    link: &mut Link,
    sink: &mut Sink,
    login: &Login,
    password: Option<&SecretString>,
    operation: Box<dyn Operation>,
) -> Result<Outcome, LinkError> {
    let label = StepLabel {
        task: "preflight".into(),
        module: "preflight".to_owned(),
        item: None,
        at: Position::default(),
        hidden: true,
    };
    let mut pipeline = Pipeline::default();
    // In check mode, so that an operation that would change something does not.
    let mode = Mode { check: true, platform: link.texts().0, ..Mode::default() };
    let ticket = Ticket { slot: 1, item: 0 };
    pipeline.push(Flight::new(ticket, 1, label, operation, mode, Group::Alone, String::new()));
    loop {
        let shell = link.shell(login, password).await?;
        match pipeline.next(shell, sink).await? {
            Some(Next::Landed(landed)) => return Ok(landed.outcome),
            Some(Next::Outside(flight)) => {
                let reply = match &flight.program().tcp {
                    Some(tcp) => over_tcp(link, tcp).await,
                    // Only looking needs no command of a user.
                    None => Reply { status: 1, ..Reply::default() },
                };
                pipeline.resume(*flight, reply, sink).await;
            }
            None => return Err(LinkError::Closed),
        }
    }
}
