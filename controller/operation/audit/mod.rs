//! Asks a host what agents it has: settings files, runtime, site and pool, certificates, and what it reaches. Changes nothing.
//!
//! One answer brings all files of an agent; certificates that they name are read one by one afterwards, because only the
//! settings say where they are. Secrets go no further than this operation: files are overwritten when they were read, and
//! what is left of a client's secret is its hash.

mod answer;
mod certificates;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::sync::{Arc, OnceLock};

use super::answer::failure;
use super::attributes::Attributes;
use super::certificate::look;
use super::preflight::{Reach, Reaching};
use super::script::Script;
use super::windows::Call;
use super::{Mode, Operation, Outcome, Program, Progress, Reply};
use crate::audit::ObservedHost;
use crate::audit::settings::{self, AgentSettings, HostFiles, LARGEST};
use crate::preflight::certificate::Policy;
use crate::preflight::host::Endpoint;
use crate::shell::Platform;
use answer::Site;
use certificates::Certificates;

/// Seconds that one connection to a managed system may take.
const CONNECT: u64 = 5;

/// What a host is asked.
#[derive(Clone, Debug, Default)]
pub struct AuditQuestion {
    /// Its name in the inventory.
    pub host: String,
    /// Whether its agents are looked at.
    pub agents: bool,
    /// Working directories of its agents; empty for the one that the shipped playbooks install into.
    pub folders: Vec<String>,
    /// The site that an agent should have, looked up where no site has its folder.
    pub site: Option<String>,
    /// The pool, likewise.
    pub pool: Option<String>,
    /// What it is asked to reach, each with the name under which the answer is kept.
    pub addresses: Vec<(String, Endpoint)>,
}

/// Where the answer will be, once the operation is over.
#[derive(Clone, Debug, Default)]
pub struct AuditAnswer(Arc<OnceLock<ObservedHost>>);

impl AuditAnswer {
    /// The answer; nothing while there is none.
    #[must_use]
    pub fn get(&self) -> Option<&ObservedHost> {
        self.0.get()
    }
}

/// Asks a host. The answer is typed and goes past the result, which journals and logs could show.
#[derive(Debug)]
pub struct HostAudit {
    question: AuditQuestion,
    policy: Policy,
    answer: AuditAnswer,
    found: ObservedHost,
    stage: Stage,
}

/// What was asked last.
#[derive(Debug)]
enum Stage {
    /// The folder of this number.
    Folder(usize),
    /// Settings of the user interface that lie elsewhere.
    Elsewhere(usize, Box<(HostFiles, Site, String)>),
    /// A certificate of an agent.
    Certificate(usize, Box<Certificates>),
    Reach(Reach),
    /// Nothing: it is over.
    Over,
}

impl HostAudit {
    /// Begins; the answer will be in what is returned beside it.
    #[must_use]
    pub fn new(question: AuditQuestion, policy: Policy) -> (Self, AuditAnswer) {
        let answer = AuditAnswer::default();
        let (found, stage) = (ObservedHost::default(), Stage::Over);
        (Self { question, policy, answer: answer.clone(), found, stage }, answer)
    }

    /// Asks for the agent of a folder; nothing if there is no such folder any more.
    fn folder(&self, number: usize, mode: Mode) -> Option<Program> {
        if !self.question.agents {
            return None;
        }
        let default = match mode.platform {
            Platform::Posix => "/opt/agent",
            Platform::Windows => r"C:\IdentityAgent",
        };
        let folder = match self.question.folders.as_slice() {
            [] if number == 0 => default,
            folders => folders.get(number)?,
        };
        let limit = LARGEST.to_string();
        let text = match mode.platform {
            Platform::Posix => {
                let mut script = Script::new(mode, &Attributes::default());
                let folder = script.quiet_path(folder);
                script.call("pf_audit", &[&folder], &[&limit]);
                return Some(script.program());
            }
            Platform::Windows => Call::new("audit")
                .with("folder", folder)
                .with("limit", &limit)
                .maybe("pool", self.question.pool.as_deref())
                .maybe("site", self.question.site.as_deref())
                .text(),
        };
        Some(Program { text, ..Program::default() })
    }

    /// Goes on with a folder, or with what comes behind the last one.
    fn go_on(&mut self, number: usize, mode: Mode) -> Progress {
        if let Some(program) = self.folder(number, mode) {
            self.stage = Stage::Folder(number);
            return Progress::Again(program);
        }
        let endpoints = self.question.addresses.iter().map(|(_, endpoint)| endpoint.clone()).collect();
        match Reach::new(endpoints, CONNECT) {
            Some(reach) => {
                let program = reach.first(mode);
                self.stage = Stage::Reach(reach);
                Progress::Again(program)
            }
            None => self.done(),
        }
    }

    fn done(&mut self) -> Progress {
        // Nobody else has it, so it is empty.
        let _ = self.answer.0.set(std::mem::take(&mut self.found));
        Progress::Done(Outcome::default())
    }

    /// The files of a folder are there: reads them, or asks for the one that lies elsewhere.
    fn files(&mut self, number: usize, files: HostFiles, site: Site, mode: Mode) -> Progress {
        let settings = settings::read(&files);
        let known = |path: &String| files.files.iter().all(|file| file.path != *path);
        if let Some(path) = settings.elsewhere.clone().filter(known) {
            let at = crate::preflight::host::CertificateAt::File(path.clone());
            if let Some(program) = look(&at, mode) {
                self.stage = Stage::Elsewhere(number, Box::new((files, site, path)));
                return Progress::Again(program);
            }
        }
        drop(files);
        self.agent(number, settings, site, mode)
    }

    /// The settings of an agent are read: asks for its certificates.
    fn agent(&mut self, number: usize, settings: AgentSettings, site: Site, mode: Mode) -> Progress {
        let AgentSettings { mut installation, certificates, .. } = settings;
        let certificates = Certificates::new(certificates, &site);
        site.tell(&mut installation, &self.question.host);
        self.found.installations.push(installation);
        self.certificates(number, certificates, mode)
    }

    fn certificates(&mut self, number: usize, mut certificates: Certificates, mode: Mode) -> Progress {
        let judging = (self.question.host.as_str(), &self.policy);
        let (seen, program) = certificates.next(judging, mode);
        self.see(seen);
        match program {
            Some(program) => {
                self.stage = Stage::Certificate(number, Box::new(certificates));
                Progress::Again(program)
            }
            None => self.go_on(number + 1, mode),
        }
    }

    fn see(&mut self, seen: Vec<crate::audit::ObservedCertificate>) {
        if let Some(installation) = self.found.installations.last_mut() {
            installation.certificates.extend(seen);
        }
    }
}

impl Operation for HostAudit {
    fn first(&mut self, mode: Mode) -> Program {
        match self.go_on(0, mode) {
            Progress::Again(program) => program,
            // It was asked for nothing.
            Progress::Done(_) => Program::default(),
        }
    }

    fn next(&mut self, mut reply: Reply, mode: Mode) -> Progress {
        let host = self.question.host.clone();
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Over => self.done(),
            Stage::Folder(_) if reply.status != 0 => Progress::Done(failure(&reply)),
            Stage::Folder(number) => {
                let windows = mode.platform == Platform::Windows;
                match answer::files(&host, windows, &mut reply) {
                    Some(files) => self.files(number, files, Site::read(&reply), mode),
                    None => self.go_on(number + 1, mode),
                }
            }
            Stage::Elsewhere(number, asked) => {
                let (mut files, site, path) = *asked;
                files.files.extend(answer::elsewhere(path, &mut reply));
                let settings = settings::read(&files);
                drop(files);
                self.agent(number, settings, site, mode)
            }
            Stage::Certificate(number, mut certificates) => {
                let seen = certificates.take((&host, &self.policy), &reply);
                answer::forget(&mut reply);
                self.see(vec![seen]);
                self.certificates(number, *certificates, mode)
            }
            Stage::Reach(mut reach) => match reach.next(&reply) {
                Reaching::Again(program) => {
                    self.stage = Stage::Reach(reach);
                    Progress::Again(program)
                }
                Reaching::Done(reached) => {
                    let names = self.question.addresses.iter().map(|(name, _)| name.clone());
                    self.found.reached = names.zip(reached).collect();
                    self.done()
                }
                Reaching::Failed(outcome) => Progress::Done(outcome),
            },
        }
    }

    fn judged_here(&self) -> bool {
        true
    }
}
