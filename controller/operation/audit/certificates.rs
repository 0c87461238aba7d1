//! The certificates of an agent, one behind the other, judged by preflight's policy.

use std::collections::VecDeque;

use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::super::certificate::{look, opened};
use super::super::{Mode, Program, Reply};
use super::answer::Site;
use crate::audit::settings::{CertificateSetting, CertificateWhere};
use crate::audit::{ObservedCertificate, Usage};
use crate::preflight::certificate::{Opened, Policy, judge};
use crate::preflight::host::{CertificateAt, InStore};
use crate::preflight::{Finding, Severity};

/// Certificates that are still to be looked at; the first one is the one that was asked for.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    left: VecDeque<CertificateSetting>,
}

/// The host and what is wanted of its certificates.
type Judging<'a> = (&'a str, &'a Policy);

impl Certificates {
    /// Those of the settings, with the account that has to read the private keys, and those of the site.
    pub(super) fn new(mut settings: Vec<CertificateSetting>, site: &Site) -> Self {
        for setting in &mut settings {
            // The agent needs the server's public key only.
            if setting.usage != Usage::Identity
                && let CertificateWhere::Here(CertificateAt::Store(store), _) = &mut setting.at
            {
                store.identity.clone_from(&site.identity);
            }
        }
        let of_site = site.certificates().into_iter().map(|(thumbprint, store)| {
            let (location, thumbprint) = ("LocalMachine".to_owned(), Some(thumbprint.to_ascii_uppercase()));
            let at =
                CertificateAt::Store(InStore { location, store, thumbprint, subject: None, identity: None });
            CertificateSetting { usage: Usage::Tls, at: CertificateWhere::Here(at, None) }
        });
        let left = settings.into_iter().chain(of_site).take(20).collect();
        Self { left }
    }

    /// Goes to the next one that the host is asked for; what nobody can look at is seen on the way.
    pub(super) fn next(
        &mut self,
        judging: Judging<'_>,
        mode: Mode,
    ) -> (Vec<ObservedCertificate>, Option<Program>) {
        let mut seen = Vec::new();
        while let Some(setting) = self.left.front() {
            match &setting.at {
                CertificateWhere::Closed(place, why) => {
                    seen.push(closed(setting.usage, judging.0, place, why));
                }
                CertificateWhere::Here(at, _) => match look(at, mode) {
                    Some(program) => return (seen, Some(program)),
                    None => {
                        let place = format!("{}:{}", judging.0, at.place());
                        let reason = "only Windows hosts have stores".to_owned();
                        seen.push(judged(
                            setting.usage,
                            place.clone(),
                            Opened::unreadable(&place, reason),
                            judging,
                        ));
                    }
                },
            }
            self.left.pop_front();
        }
        (seen, None)
    }

    /// Takes the answer for the one that was asked for. What opened it is overwritten with it.
    pub(super) fn take(&mut self, judging: Judging<'_>, reply: &Reply) -> ObservedCertificate {
        let Some(CertificateSetting { usage, at: CertificateWhere::Here(at, password) }) =
            self.left.pop_front()
        else {
            let place = judging.0.to_owned();
            return judged(
                Usage::Tls,
                place.clone(),
                Opened::unreadable(&place, "it was not asked for".to_owned()),
                judging,
            );
        };
        let place = format!("{}:{}", judging.0, at.place());
        let password = password.as_ref().map(|password| password.expose_secret());
        judged(usage, place, opened(&at, judging.0, password, reply), judging)
    }
}

fn judged(usage: Usage, place: String, opened: Opened, (host, policy): Judging<'_>) -> ObservedCertificate {
    let policy = Policy { private_key: usage != Usage::Identity, ..policy.clone() };
    let judged = judge(vec![opened], &policy, Timestamp::now());
    let findings = judged.findings.into_iter().map(|finding| finding.on(host)).collect();
    ObservedCertificate { usage, place, judged: judged.certificates, findings }
}

/// One that only the agent can open: that is as it should be, and nobody knows when it expires.
fn closed(usage: Usage, host: &str, place: &str, why: &str) -> ObservedCertificate {
    let message = format!("this certificate was not judged: {why}");
    let hint = "judge the file that it came from with `paceline preflight --certificate FILE`";
    let finding = Finding::new("certificate-not-judged", Severity::Info, place, message, hint).on(host);
    ObservedCertificate { usage, place: place.to_owned(), judged: Vec::new(), findings: vec![finding] }
}
