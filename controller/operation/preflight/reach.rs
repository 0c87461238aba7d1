//! What a host reaches: addresses that it tries to connect to, all at once, or one by one through the connection where
//! it has no program for it.

use std::collections::VecDeque;
use std::time::Duration;

use super::super::answer::{decode, failure};
use super::super::{Mode, Outcome, Program, Reply, Tcp};
use super::{posix, windows};
use crate::preflight::host::{Endpoint, Reached};
use crate::shell::Platform;

/// Asks a host whether it reaches addresses.
#[derive(Debug)]
pub(crate) struct Reach {
    endpoints: Vec<Endpoint>,
    /// How long one connection may take, in seconds.
    limit: u64,
    /// Numbers of those that are asked for one by one.
    left: VecDeque<usize>,
    reached: Vec<Reached>,
}

/// What follows an answer.
#[derive(Debug)]
pub(crate) enum Reaching {
    /// Another program has to run first.
    Again(Program),
    /// What is reached, in the order of the addresses.
    Done(Vec<Reached>),
    /// The host could not look.
    Failed(Outcome),
}

impl Reach {
    /// Begins; nothing where there is nothing to ask.
    pub(crate) fn new(endpoints: Vec<Endpoint>, limit: u64) -> Option<Self> {
        let begun = Self { endpoints, limit, left: VecDeque::new(), reached: Vec::new() };
        (!begun.endpoints.is_empty()).then_some(begun)
    }

    /// The first program.
    pub(crate) fn first(&self, mode: Mode) -> Program {
        let text = match mode.platform {
            Platform::Posix => posix::reach(&self.endpoints, self.limit),
            Platform::Windows => windows::reach(&self.endpoints, self.limit),
        };
        Program { text, ..Program::default() }
    }

    /// Takes the answer to the last program.
    pub(crate) fn next(&mut self, reply: &Reply) -> Reaching {
        if self.left.pop_front().is_some() {
            self.reached.push(through_channel(reply));
            return self.channel();
        }
        if reply.status != 0 {
            return Reaching::Failed(failure(reply));
        }
        if reply.value("client").is_some() {
            self.left = (0..self.endpoints.len()).collect();
            return self.channel();
        }
        Reaching::Done(reached(self.endpoints.len(), reply))
    }

    /// Asks for the next one through the connection: the host has no program that connects.
    fn channel(&mut self) -> Reaching {
        let Some(endpoint) = self.left.front().and_then(|number| self.endpoints.get(*number)) else {
            return Reaching::Done(std::mem::take(&mut self.reached));
        };
        let tcp = Tcp {
            host: endpoint.host.clone(),
            port: endpoint.port,
            delay: Duration::ZERO,
            timeout: Duration::from_secs(self.limit),
            send: Vec::new(),
            read: 0,
        };
        Reaching::Again(Program { tcp: Some(tcp), ..Program::default() })
    }
}

/// Reads what `pf_reach` said about so many addresses.
fn reached(count: usize, reply: &Reply) -> Vec<Reached> {
    let said = |name: &str, number: usize| {
        reply.values.iter().filter(|(key, _)| key == name).find_map(|(_, text)| {
            let (key, text) = text.split_once(' ')?;
            (key.parse() == Ok(number)).then(|| decode(text))
        })
    };
    (1..=count)
        .map(|number| match said("reach", number).as_deref() {
            Some("0") => Reached::Yes,
            // What `timeout` of GNU, and that of busybox, ends with.
            Some("124" | "143") => Reached::No("no answer".to_owned()),
            Some(_) => Reached::No(reason(&said("why", number).unwrap_or_default())),
            None => Reached::Unknown("the host did not say".to_owned()),
        })
        .collect()
}

/// The end of a line like `bash: connect: Connection refused`.
fn reason(line: &str) -> String {
    let reason = line.rsplit(": ").next().unwrap_or_default().trim();
    if reason.is_empty() { "no connection".to_owned() } else { reason.to_lowercase() }
}

fn through_channel(reply: &Reply) -> Reached {
    let said = String::from_utf8_lossy(&reply.stderr);
    match reply.status {
        0 => Reached::Yes,
        // Refused by sshd itself, which says nothing about the address.
        _ if said.contains("forbids") => {
            Reached::Unknown(format!("the host has no bash to look with, and {}", said.trim()))
        }
        _ if reply.timed_out => Reached::No("no answer".to_owned()),
        _ => Reached::No(reason(&said)),
    }
}
