//! Which certificates of a file are meant, and which ones only stand behind them.

use super::facts::{Certificate, Signed};
use super::open::Opened;

/// Longest chain that is followed.
const LONGEST: usize = 16;

/// Marks in every certificate whether its key is there, and whether it only belongs to a chain.
///
/// Meant are those with a private key. Where no key was found, those that signed no other one of the file.
/// What remains and is no authority is meant as well: it was put there for something.
pub(super) fn mark(opened: &mut Opened) {
    for certificate in &mut opened.certificates {
        let public = certificate.details.public.as_ref();
        certificate.has_private_key =
            public.is_some_and(|public| opened.keys.iter().any(|key| key.fits(public)));
    }
    let certificates = &opened.certificates;
    let meant: Vec<bool> = certificates
        .iter()
        .map(|one| {
            let signs_another = || {
                certificates.iter().any(|other| {
                    other.thumbprint_sha256 != one.thumbprint_sha256
                        && matches!(other.signed_by(one), Signed::Yes | Signed::Unknown)
                })
            };
            one.has_private_key || !signs_another()
        })
        .collect();
    let with_key = certificates.iter().any(|certificate| certificate.has_private_key);
    for (certificate, meant) in opened.certificates.iter_mut().zip(meant) {
        // An authority beside a certificate with a key is somebody's chain, whole or not.
        certificate.chain = !meant || with_key && !certificate.has_private_key && certificate.details.ca;
    }
}

/// Those who signed a certificate, nearest first, as far as the file holds them.
pub(super) fn signers<'a>(certificate: &Certificate, opened: &'a Opened) -> Vec<&'a Certificate> {
    let mut signers: Vec<&Certificate> = Vec::new();
    let mut below = certificate;
    while signers.len() < LONGEST && !below.self_signed {
        let signed = |signer: &&Certificate| matches!(below.signed_by(signer), Signed::Yes | Signed::Unknown);
        let Some(next) = opened.certificates.iter().find(signed) else { break };
        if signers.iter().any(|known| known.thumbprint_sha256 == next.thumbprint_sha256) {
            break;
        }
        signers.push(next);
        below = next;
    }
    signers
}

/// One that has the issuer's name and did not sign, where nobody else with that name did.
pub(super) fn forged<'a>(certificate: &Certificate, opened: &'a Opened) -> Option<&'a Certificate> {
    let mut named = opened.certificates.iter().map(|other| (other, certificate.signed_by(other)));
    if named.clone().any(|(_, signed)| matches!(signed, Signed::Yes | Signed::Unknown)) {
        return None;
    }
    named.find(|(_, signed)| *signed == Signed::Forged).map(|(other, _)| other)
}
