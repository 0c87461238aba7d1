//! OpenId clients: their dates, and whether the secret on a host is the one that the server knows.

use std::collections::{BTreeMap, HashMap, HashSet};

use base64::Engine as _;

use super::agents::{on_agent, subject};
use super::view::View;
use super::words::{fold, names};
use crate::audit::catalogue as rules;
use crate::audit::{Client, SecretHash};
use crate::preflight::Finding;
use crate::source::suggestion;

const DAY: i64 = 24 * 60 * 60;

fn found(rule: &rules::Rule, client: &Client, message: String) -> Finding {
    rule.found(format!("client {}", client.identifier), &*client.place, message)
}

/// Clients that are expired, or soon will be.
pub(super) fn dates(view: &View<'_>, findings: &mut Vec<Finding>) {
    let (now, within) = (view.options.now.as_second(), i64::from(view.options.expires_within) * DAY);
    for client in view.configuration.into_iter().flat_map(|configuration| &configuration.clients) {
        let Some(expires) = client.expires else { continue };
        let name = &client.identifier;
        let day = expires.strftime("%Y-%m-%d");
        if expires.as_second() <= now {
            findings.push(found(
                &rules::CLIENT_EXPIRED,
                client,
                format!("the OpenId client `{name}` expired on {day}"),
            ));
        } else if expires.as_second() - now < within {
            findings.push(found(
                &rules::CLIENT_EXPIRES_SOON,
                client,
                format!("the OpenId client `{name}` expires on {day}"),
            ));
        }
    }
}

/// The bytes of a hash, if it is one of SHA-256.
fn digest(hash: &str) -> Option<Vec<u8>> {
    base64::engine::general_purpose::STANDARD.decode(hash.trim()).ok().filter(|bytes| bytes.len() == 32)
}

/// Hashes that no secret fits.
pub(super) fn hashes(view: &View<'_>, findings: &mut Vec<Finding>) {
    for client in view.configuration.into_iter().flat_map(|configuration| &configuration.clients) {
        let message = match client.hashed_secret.as_deref() {
            None | Some("") => format!("the OpenId client `{}` has no `HashedSecret`", client.identifier),
            Some(hash) if digest(hash).is_none() => {
                format!(
                    "the `HashedSecret` of the OpenId client `{}` is no base64 of a SHA-256",
                    client.identifier
                )
            }
            Some(_) => continue,
        };
        findings.push(found(&rules::CLIENT_HASH_INVALID, client, message));
    }
}

/// The server's hashes for clients that are nowhere.
pub(super) fn overrides(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(configuration) = view.configuration else { return };
    // Keys of .NET's settings are the same whatever the case.
    let known: HashSet<String> =
        configuration.clients.iter().map(|client| fold(&client.identifier)).collect();
    let spelt = || configuration.clients.iter().map(|client| client.identifier.as_str());
    for (name, (_, place)) in &configuration.server.client_hashes {
        if known.contains(&fold(name)) {
            continue;
        }
        let message = format!(
            "the server's settings override the secret of the OpenId client `{name}`, which the configuration does not have"
        );
        let mut found = rules::CLIENT_OVERRIDE_UNKNOWN.found(format!("client {name}"), &**place, message);
        if let Some(hint) = suggestion(name, spelt()) {
            found.hint = hint;
        }
        findings.push(found);
    }
}

/// Secrets on hosts against the server's hashes: one finding for a client, whatever the number of hosts.
pub(super) fn secrets(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(configuration) = view.configuration else { return };
    let clients: HashMap<&str, &Client> =
        configuration.clients.iter().map(|client| (client.identifier.as_str(), client)).collect();
    let mut wrong: BTreeMap<&str, Vec<(&str, &SecretHash)>> = BTreeMap::new();
    let mut unknown: BTreeMap<&str, Vec<(&str, &SecretHash)>> = BTreeMap::new();
    for (host, one) in view.installations() {
        for (name, secret) in &one.clients {
            let Some(client) = clients.get(name.as_str()) else {
                unknown.entry(name).or_default().push((host, secret));
                continue;
            };
            let known = client.hashed_secret.as_deref().and_then(digest);
            let (Some(known), Some(own)) = (known, &secret.hash) else { continue };
            if digest(own) != Some(known) {
                wrong.entry(name).or_default().push((host, secret));
            }
        }
    }
    let mut add = |rule: &rules::Rule, name: &str, hosts: Vec<(&str, &SecretHash)>, what: &str| {
        let (first, secret) = hosts[0];
        let message = format!(
            "the secret of the OpenId client `{name}` on {} {what}",
            names(hosts.iter().map(|(host, _)| *host))
        );
        let found = rule.found(format!("client {name}"), &*secret.place, message);
        findings.push(if hosts.len() == 1 { found.on(first) } else { found });
    };
    for (name, hosts) in wrong {
        add(&rules::CLIENT_SECRET_MISMATCH, name, hosts, "is not the one that the server knows by its hash");
    }
    for (name, hosts) in unknown {
        add(&rules::CLIENT_UNKNOWN, name, hosts, "is for a client that the configuration does not have");
    }
}

/// Default clients without a secret.
pub(super) fn defaults(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (host, one) in view.installations().filter(|(_, one)| one.vault.is_none()) {
        let Some(name) = one.default_client.as_deref().filter(|name| !one.clients.contains_key(*name)) else {
            continue;
        };
        let message =
            format!("`DefaultOpenIdClient` on `{host}` is `{name}`, which is none of its `OpenIdClients`");
        let place =
            one.agent.as_ref().map_or_else(|| format!("{host}:{}", one.folder), |(_, place)| place.clone());
        let found = rules::CLIENT_DEFAULT_UNKNOWN.found(subject(host, one), place, message);
        findings.push(on_agent(found, host, one));
    }
}
