//! Certificates on hosts, as the policy judged them: one finding for a certificate, on however many hosts it is.

use std::collections::BTreeMap;

use super::agents::subject;
use super::view::View;
use super::words::names;
use crate::audit::{Installation, ObservedCertificate, Usage};
use crate::preflight::Finding;

/// A finding and the hosts that it was made on.
struct Found<'a> {
    finding: &'a Finding,
    certificate: &'a ObservedCertificate,
    hosts: Vec<(&'a str, &'a Installation)>,
}

pub(super) fn certificates(view: &View<'_>, findings: &mut Vec<Finding>) {
    let mut found: BTreeMap<(&str, String), Found<'_>> = BTreeMap::new();
    for (host, one) in view.installations() {
        for certificate in &one.certificates {
            for finding in &certificate.findings {
                // What cannot be read is told by its place; so is the purpose that one certificate has in two places.
                let own = certificate.judged.iter().find(|judged| !judged.chain);
                let about = own.map_or_else(
                    || format!("certificate of {} {}", subject(host, one), usage(certificate.usage)),
                    |judged| format!("certificate {}", judged.thumbprint),
                );
                let entry = found.entry((&finding.id, about)).or_insert(Found {
                    finding,
                    certificate,
                    hosts: Vec::new(),
                });
                if entry.hosts.last().is_none_or(|(last, _)| *last != host) {
                    entry.hosts.push((host, one));
                }
            }
        }
    }
    for ((id, about), Found { finding, certificate, hosts }) in found {
        let mut finding = finding.clone().about(about);
        if let Some(own) = certificate.judged.iter().find(|judged| !judged.chain)
            && id == "certificate-expires-soon"
        {
            // The number of days would make each day's document another one.
            let day = own.not_after.split('T').next().unwrap_or_default();
            finding.message = format!("`{}` expires on {day}", own.subject);
        }
        let on = names(hosts.iter().map(|(host, _)| *host));
        finding.message = format!("{} ({}, on {on})", finding.message, usage(certificate.usage));
        if let [(host, one)] = hosts.as_slice() {
            finding.host = Some((*host).to_owned());
            finding.agent = one.agent.as_ref().map(|(agent, _)| agent.clone());
        }
        findings.push(finding);
    }
}

/// What a certificate is for, in words.
fn usage(usage: Usage) -> &'static str {
    match usage {
        Usage::Identity => "for the server's tokens",
        Usage::Encryption => "for files",
        Usage::Reset => "for password resets",
        Usage::Tls => "of the site",
    }
}
