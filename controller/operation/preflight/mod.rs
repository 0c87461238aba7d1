//! Asks a host what preflight judges: machine, names, what it can reach, certificates. Changes nothing.
//!
//! One program after the other, because the next one depends on what the host has to look with.

mod posix;
mod reach;
mod server;
mod windows;

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::answer::{decode, failure};
use super::certificate::{found, look, opened};
use super::uri::Uri;
use super::{Mode, Operation, Outcome, Program, Progress, Reply};
use crate::preflight::Severity;
use crate::preflight::certificate::{Certificate, Opened, Policy, judge};
use crate::preflight::host::{self, Facts, Question, Reached, SettingsFile, route};
use crate::shell::Platform;
pub(super) use reach::{Reach, Reaching};

/// Asks a host and judges its answers.
#[derive(Debug)]
pub struct HostPreflight {
    question: Question,
    policy: Policy,
    /// From which severity on the task fails; nothing for never.
    fail_on: Option<Severity>,
    facts: Facts,
    opened: Vec<Opened>,
    stage: Stage,
}

/// What was asked last.
#[derive(Debug)]
enum Stage {
    Machine,
    Reach(Reach),
    /// The server's document, and then a token.
    Server(Box<Uri>, Request),
    /// Number of the certificate.
    Certificate(usize),
}

/// What the server is asked for.
#[derive(Clone, Copy, Debug)]
enum Request {
    Discovery,
    Token,
}

impl HostPreflight {
    /// Begins.
    #[must_use]
    pub fn new(question: Question, policy: Policy, fail_on: Option<Severity>) -> Self {
        let (facts, opened) = (Facts::default(), Vec::new());
        Self { question, policy, fail_on, facts, opened, stage: Stage::Machine }
    }

    fn machine(&self, platform: Platform) -> Program {
        let text = match platform {
            Platform::Posix => return posix::machine(&self.question),
            Platform::Windows => windows::machine(&self.question),
        };
        Program { text, ..Program::default() }
    }

    /// What comes behind the machine: what the host has to reach.
    fn reach(&mut self, mode: Mode) -> Progress {
        let limit = self.question.requirements.connect;
        let endpoints = self.question.endpoints(&route(&self.question, &self.facts));
        let Some(reach) = Reach::new(endpoints, limit) else {
            return self.ask_server(Request::Discovery, mode);
        };
        let program = reach.first(mode);
        self.stage = Stage::Reach(reach);
        Progress::Again(program)
    }

    /// Has the host ask the server, unless there is no way to it.
    fn ask_server(&mut self, request: Request, mode: Mode) -> Progress {
        let uri = match request {
            Request::Discovery => server::discovery(&self.question, &self.facts, mode.platform),
            Request::Token => server::token(&self.question, &self.facts, mode.platform),
        };
        let reachable = !matches!(self.facts.reached.first(), Some(Reached::No(_)));
        let Some(mut uri) = uri.filter(|_| reachable) else { return self.certificate(0, mode) };
        let program = uri.first(looking(mode));
        self.stage = Stage::Server(Box::new(uri), request);
        Progress::Again(program)
    }

    /// Takes what came of a request.
    fn asked(&mut self, mut uri: Box<Uri>, request: Request, reply: Reply, mode: Mode) -> Progress {
        let took = reply.duration_ms;
        let outcome = match uri.next(reply, looking(mode)) {
            Progress::Again(program) => {
                self.stage = Stage::Server(uri, request);
                return Progress::Again(program);
            }
            Progress::Done(outcome) => outcome,
        };
        let asked = server::asked(&self.question, &self.facts, &outcome);
        match request {
            Request::Discovery => {
                self.facts.server.clock = server::clock(&outcome, took, Timestamp::now());
                let good = matches!(asked, host::Asked::Answered { status: 200, json: Some(_) });
                self.facts.server.discovery = Some(asked);
                // What is no identity server does not get the secret.
                if good { self.ask_server(Request::Token, mode) } else { self.certificate(0, mode) }
            }
            Request::Token => {
                self.facts.server.token = Some(asked);
                self.certificate(0, mode)
            }
        }
    }

    fn certificate(&mut self, number: usize, mode: Mode) -> Progress {
        let Some(certificate) = self.question.certificates.get(number) else { return self.done() };
        match look(&certificate.at, mode) {
            Some(program) => {
                self.stage = Stage::Certificate(number);
                Progress::Again(program)
            }
            None => {
                let place = format!("{}:{}", self.question.host, certificate.at.place());
                self.opened.push(Opened::not_in_store(&place, "only Windows hosts have stores".to_owned()));
                self.certificate(number + 1, mode)
            }
        }
    }

    fn done(&mut self) -> Progress {
        let mut findings = host::judge(&self.question, &self.facts);
        let mut certificates: Vec<Certificate> = Vec::new();
        for (opened, certificate) in self.opened.drain(..).zip(&self.question.certificates) {
            let policy = Policy { private_key: certificate.private_key, ..self.policy.clone() };
            let judged = judge(vec![opened], &policy, Timestamp::now());
            let name = certificate.name.as_deref();
            let named = judged.certificates.iter().filter_map(|one| one.not_for(name?)).collect::<Vec<_>>();
            let found = judged.findings.into_iter().chain(named);
            findings.extend(found.map(|finding| finding.on(&self.question.host)));
            certificates.extend(judged.certificates);
        }
        let (failed, mut result) = found(&findings, self.fail_on);
        let value = serde_json::to_value(&certificates).unwrap_or_default();
        result.insert("certificates".to_owned(), value);
        Progress::Done(Outcome { failed, result, ..Outcome::default() })
    }
}

impl Operation for HostPreflight {
    fn first(&mut self, mode: Mode) -> Program {
        self.machine(mode.platform)
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        match std::mem::replace(&mut self.stage, Stage::Machine) {
            Stage::Machine => {
                if reply.status != 0 {
                    return Progress::Done(failure(&reply));
                }
                let now = Timestamp::now().as_second();
                self.facts = match mode.platform {
                    Platform::Posix => posix::facts(&self.question, &reply, now),
                    Platform::Windows => windows::facts(&self.question, &reply, now),
                };
                self.facts.now = Some(now);
                self.facts.settings = settings(&reply);
                self.reach(mode)
            }
            Stage::Reach(mut reach) => match reach.next(&reply) {
                Reaching::Again(program) => {
                    self.stage = Stage::Reach(reach);
                    Progress::Again(program)
                }
                Reaching::Done(reached) => {
                    self.facts.reached = reached;
                    self.ask_server(Request::Discovery, mode)
                }
                Reaching::Failed(outcome) => Progress::Done(outcome),
            },
            Stage::Server(uri, request) => self.asked(uri, request, reply, mode),
            Stage::Certificate(number) => {
                let certificate = &self.question.certificates[number];
                let password = certificate.password.as_ref().map(|password| password.expose_secret());
                let opened = opened(&certificate.at, &self.question.host, password, &reply);
                self.opened.push(opened);
                self.certificate(number + 1, mode)
            }
        }
    }

    fn judged_here(&self) -> bool {
        true
    }
}

/// A request that only looks is made in check mode, too.
fn looking(mode: Mode) -> Mode {
    Mode { check: false, ..mode }
}

/// The settings files that were reported: `settings` with number and path, and the bytes `settings.NUMBER`.
fn settings(reply: &Reply) -> Vec<SettingsFile> {
    let file = |line: String| {
        let (number, path) = line.split_once(' ')?;
        let name = host::FILES.get(number.parse::<usize>().ok()?.checked_sub(1)?)?;
        let content = reply.blob(&format!("settings.{number}")).map(|bytes| host::Hidden(bytes.to_vec()));
        Some(SettingsFile { name: (*name).to_owned(), path: path.to_owned(), content })
    };
    all(reply, "settings").into_iter().take(host::FILES.len()).filter_map(file).collect()
}

/// How far a clock is ahead that showed `theirs` at the beginning of an answer which came at `now`, and how exactly that is
/// known, in seconds.
fn ahead(theirs: Option<u64>, reply: &Reply, now: i64) -> Option<(i64, u64)> {
    let took = reply.duration_ms / 1000;
    let asked = now.saturating_sub(i64::try_from(took).unwrap_or_default());
    let theirs = i64::try_from(theirs?).ok()?;
    Some((theirs.saturating_sub(asked), took + 1))
}

/// All texts that were reported under a name, up to a number of them.
fn all(reply: &Reply, name: &str) -> Vec<String> {
    let named = reply.values.iter().filter(|(key, _)| key == name);
    named.take(100).map(|(_, text)| decode(text)).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::net::TcpListener;

    use serde_json::{Value, json};

    use super::super::testing::{Rehearsal, SHELLS};
    use super::posix::{addresses, disk, facts as machine};
    use super::*;
    use crate::inventory::Agent;

    fn ask(shell: &'static str, agent: &Value, options: &Value) -> (Outcome, Facts) {
        let agents = Agent::read(agent).unwrap();
        let question = Question::read("web-1", agents, options.as_object().unwrap()).unwrap();
        let mut operation = HostPreflight::new(question, Policy::default(), Some(Severity::Error));
        let outcome = Rehearsal::new(shell).run(&mut operation, Mode::default());
        (outcome, operation.facts)
    }

    fn ids(outcome: &Outcome) -> Vec<String> {
        let findings = outcome.result["findings"].as_array().unwrap().iter();
        findings.map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_shell_tells_about_its_machine() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a b.new"), "").unwrap();
        let agent = json!({"identifier": "A", "uri": format!("https://localhost:{port}")});
        let below = folder.path().join("not/yet/there");
        for shell in SHELLS {
            let (_, facts) = ask(shell, &agent, &json!({"folder": below}));
            assert!(facts.privileged.is_some(), "{shell}");
            assert!(facts.processors.unwrap() >= 1 && facts.memory.unwrap() > 100_000_000, "{shell}");
            let (size, free) = facts.disk.unwrap();
            assert!(size >= free && free > 0, "{shell}");
            let (ahead, unsure) = facts.clock.unwrap();
            assert!(ahead.unsigned_abs() <= unsure + 1, "{shell}: {ahead}");
            assert!(facts.listening.unwrap().contains(&port), "{shell}");
            let (_, facts) = ask(shell, &agent, &json!({"folder": folder.path()}));
            assert_eq!(facts.leftovers, [folder.path().join("a b.new").display().to_string()], "{shell}");
        }
        let (_, facts) = ask("bash", &agent, &json!({}));
        assert!(facts.names["localhost"].iter().any(|address| address == "127.0.0.1" || address == "::1"));
        let unknown = json!({"identifier": "A", "uri": "https://nosuch.invalid"});
        let (_, facts) = ask("dash", &unknown, &json!({}));
        assert!(facts.names.get("nosuch.invalid").is_none_or(Vec::is_empty));
    }

    #[test]
    fn what_a_host_reaches_is_asked_from_there() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap().port();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let system = |identifier: &str, address: String| json!({"identifier": identifier, "managed_system": {"name": "s", "address": address}});
        let agent = json!({"identifier": "A", "connectors": [
            system("Closed", format!("127.0.0.1:{closed}")),
            system("Open", format!("127.0.0.1:{open}")),
            system("Odd", "nosuch.invalid:1".to_owned()),
        ]});
        let options = json!({"server": format!("https://127.0.0.1:{open}"), "disk_gb": 0, "memory_gb": 0});
        for shell in ["dash", "bash"] {
            let (outcome, facts) = ask(shell, &agent, &options);
            assert!(outcome.failed);
            let refused = Reached::No("connection refused".to_owned());
            assert_eq!(facts.reached[..3], [Reached::Yes, refused, Reached::Yes], "{shell}");
            assert!(matches!(&facts.reached[3], Reached::No(_)), "{shell}");
            let mut ids = ids(&outcome);
            ids.retain(|id| !id.starts_with("requirement"));
            // What listens there is no identity server.
            assert_eq!(ids, ["managed-system-unreachable", "managed-system-unreachable", "server-discovery"]);
            assert_eq!(
                outcome.result["findings"].as_array().unwrap().iter().nth_back(1).unwrap()["connector"],
                "Odd"
            );
        }
        // Without a program that connects, the connection is asked; this stand-in refuses.
        let (_, facts) = ask("busybox", &agent, &options);
        assert_eq!(facts.reached.len(), 4);
        assert!(facts.reached.iter().all(|reached| matches!(reached, Reached::No(_))));
    }

    #[test]
    fn certificates_are_read_and_judged() {
        let options = json!({"certificates": ["/nosuch.pem", "/etc/passwd"], "disk_gb": 0, "memory_gb": 0, "processors": 0});
        let (outcome, _) = ask("dash", &json!({"identifier": "A"}), &options);
        let mut ids = ids(&outcome);
        ids.retain(|id| id != "requirement-privilege");
        assert_eq!(ids, ["certificate-unreadable", "certificate-unreadable"]);
        assert_eq!(
            outcome.result["findings"].as_array().unwrap().last().unwrap()["place"],
            "web-1:/etc/passwd"
        );
        assert!(outcome.failed);
    }

    #[test]
    fn answers_that_make_no_sense_are_no_facts() {
        let question = Question::read("web-1", Vec::new(), &serde_json::Map::new()).unwrap();
        let values =
            [("now", "x"), ("uid", "-1"), ("processors", "many"), ("memory", ""), ("listening", "GG FFFFF")];
        let reply = Reply {
            values: values.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec(),
            blobs: vec![("disk".to_owned(), b"a\nb c d\n".to_vec()), ("addresses".to_owned(), vec![0xff; 9])],
            ..Reply::default()
        };
        let facts = machine(&question, &reply, 1000);
        let expected = Facts { listening: Some(Vec::new()), addresses: Some(Vec::new()), ..Facts::default() };
        assert_eq!(facts, expected);
        assert_eq!(disk("h\n/dev/a b 100 40 60 40% /x y\n"), Some((102_400, 61_440)));
        assert_eq!(
            addresses("1: lo inet 127.0.0.1/8 scope\n2: e inet 10.0.0.1/8 x\n2: e inet6 fe80::1/64"),
            ["10.0.0.1", "fe80::1"]
        );
        assert_eq!(addresses("10.0.0.1 10.0.0.2 \n"), ["10.0.0.1", "10.0.0.2"]);
    }
}
