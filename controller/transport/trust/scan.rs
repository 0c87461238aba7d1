//! Asks hosts for their keys, and the jump hosts before them where those are not known.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use russh::keys::{HashAlg, PublicKey};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::fingerprint;
use crate::transport::ssh::{Offered, Warn, known_hosts, offered_keys};
use crate::transport::{HostKeyPolicy, Target, TransportError, Via};

/// Handshakes at a time.
const PARALLEL: usize = 32;

/// What the files say about a key that was scanned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Status {
    /// It is there.
    Known,
    /// Nothing is known about this type of key.
    Unknown,
    /// Another key of this type is there.
    Changed {
        /// Where: `FILE:LINE`.
        place: String,
        /// `SHA256:...` of the other key.
        fingerprint: String,
    },
    /// It is revoked.
    Revoked {
        /// Where: `FILE:LINE`.
        place: String,
    },
}

/// A key that a host offers.
#[derive(Clone, Debug)]
pub struct ScannedKey {
    /// Name in the inventory.
    pub host: String,
    /// Name or address that was connected to.
    pub address: String,
    /// Port.
    pub port: u16,
    /// The name under which `known_hosts` lists it.
    pub name: String,
    /// Type of the key, such as `ssh-ed25519`.
    pub algorithm: String,
    /// `SHA256:...`.
    pub fingerprint: String,
    /// Type and key in base64, as they stand in `known_hosts`.
    pub key: String,
    /// What is known about it.
    pub status: Status,
    /// The file to add it to ([`HostKeyPolicy::own`]).
    pub file: Option<PathBuf>,
    /// Whether this is a jump host, and `host` its name in `ProxyJump`.
    pub jump: bool,
}

/// The outcome of a scan, in the order of the targets.
#[derive(Debug, Default)]
pub struct Scan {
    /// The keys; those of jump hosts first.
    pub keys: Vec<ScannedKey>,
    /// The hosts that could not be asked yet: once the key of the jump host was written, scan them again.
    pub waiting: Vec<Waiting>,
    /// The hosts that showed none, by inventory name.
    pub failures: Vec<(String, TransportError)>,
}

/// A host behind a jump host whose key is not known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Waiting {
    /// Name in the inventory.
    pub host: String,
    /// The jump host as `known_hosts` would list it.
    pub jump: String,
}

/// Asks every SSH target for its keys, one handshake per type, many hosts at a time. Local targets have none. Of a
/// jump host that is not trusted the keys are shown instead of those of the hosts behind it.
pub async fn scan(targets: &[Target], warn: Warn<'_>) -> Scan {
    let mut scan = Scan::default();
    let mut refused = Vec::new();
    for (target, asked) in targets.iter().zip(ask(targets, warn).await) {
        match asked.and_then(|offered| answer(target, offered)) {
            Ok(Answer::Keys(keys)) => scan.keys.extend(keys),
            Ok(Answer::Refused(jump, error)) => refused.push((target.host.clone(), *jump, error)),
            Err(error) => scan.failures.push((target.host.clone(), error)),
        }
    }
    jump_hosts(&mut scan, refused, warn).await;
    scan
}

/// Asks the jump hosts that were refused, each of them once.
async fn jump_hosts(scan: &mut Scan, refused: Vec<(String, Target, TransportError)>, warn: Warn<'_>) {
    let mut jumps: Vec<(String, Target)> = Vec::new();
    for (_, jump, _) in &refused {
        let name = listed_name(jump);
        if !jumps.iter().any(|(known, target)| *known == name && own_file(target) == own_file(jump)) {
            jumps.push((name, jump.clone()));
        }
    }
    let targets: Vec<Target> = jumps.into_iter().map(|(_, target)| target).collect();
    let mut keys: Vec<ScannedKey> = Vec::new();
    for (jump, asked) in targets.iter().zip(ask(&targets, warn).await) {
        // What went wrong is told of the hosts behind it.
        if let Ok(Answer::Keys(found)) = asked.and_then(|offered| answer(jump, offered)) {
            keys.extend(found.into_iter().map(|key| ScannedKey { jump: true, ..key }));
        }
    }
    for (host, jump, error) in refused {
        let name = listed_name(&jump);
        let of_jump: Vec<_> =
            keys.iter().filter(|key| key.name == name && key.file == own_file(&jump)).collect();
        let new = of_jump.iter().any(|key| key.status == Status::Unknown)
            && of_jump.iter().all(|key| matches!(key.status, Status::Unknown | Status::Known));
        if new {
            scan.waiting.push(Waiting { host, jump: name });
        } else {
            scan.failures.push((host, error));
        }
    }
    scan.keys.splice(0..0, keys);
}

/// What a target offers, in the order of the targets. Warnings are told in that order, too.
async fn ask(targets: &[Target], warn: Warn<'_>) -> Vec<Result<Offered, TransportError>> {
    let permits = Arc::new(Semaphore::new(PARALLEL));
    let mut tasks = JoinSet::new();
    for (index, target) in targets.iter().enumerate() {
        let (target, permits) = (target.clone(), Arc::clone(&permits));
        tasks.spawn(async move {
            if matches!(target.via, Via::Local | Via::WinRm(_)) {
                return (index, Ok(Offered::Keys(Vec::new())), Vec::new());
            }
            let _permit = permits.acquire().await;
            let warnings = Mutex::new(Vec::new());
            let collect = |text: &str| {
                warnings.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
            };
            let offered = offered_keys(&target, &collect).await;
            (index, offered, warnings.into_inner().unwrap_or_else(PoisonError::into_inner))
        });
    }
    let mut results = Vec::new();
    while let Some(finished) = tasks.join_next().await {
        results.extend(finished.ok());
    }
    results.sort_by_key(|(index, ..)| *index);
    let mut offers = Vec::new();
    for (_, offered, warnings) in results {
        for warning in warnings {
            warn(&warning);
        }
        offers.push(offered);
    }
    offers
}

/// What a target's answer means.
enum Answer {
    Keys(Vec<ScannedKey>),
    Refused(Box<Target>, TransportError),
}

fn answer(target: &Target, offered: Offered) -> Result<Answer, TransportError> {
    let keys = match offered {
        Offered::Keys(keys) => keys,
        Offered::Refused { jump, error } => return Ok(Answer::Refused(jump, error)),
    };
    let Via::Ssh { address, port, host_key, .. } = &target.via else { return Ok(Answer::Keys(Vec::new())) };
    let described: Result<Vec<_>, _> =
        keys.iter().map(|key| describe(&target.host, address, *port, host_key, key)).collect();
    described.map(Answer::Keys)
}

fn listed_name(target: &Target) -> String {
    match &target.via {
        Via::Ssh { address, port, host_key, .. } => host_key.name(address, *port),
        Via::Local | Via::WinRm(_) => target.host.clone(),
    }
}

fn own_file(target: &Target) -> Option<PathBuf> {
    match &target.via {
        Via::Ssh { host_key, .. } => host_key.own.clone(),
        Via::Local | Via::WinRm(_) => None,
    }
}

fn describe(
    host: &str,
    address: &str,
    port: u16,
    policy: &HostKeyPolicy,
    key: &PublicKey,
) -> Result<ScannedKey, TransportError> {
    let local = |message: String| TransportError::Local { message };
    let known = known_hosts::lookup(&policy.known_hosts, address, port, policy.alias.as_deref())
        .map_err(|error| local(error.to_string()))?;
    let blob = key.to_bytes().map_err(|error| local(error.to_string()))?;
    let algorithm = key.algorithm().as_str().to_owned();
    let status = if let Some(entry) = known.revoked.iter().find(|entry| entry.blob == blob) {
        Status::Revoked { place: entry.place() }
    } else if known.keys.iter().chain(&known.portless).any(|entry| entry.blob == blob) {
        Status::Known
    } else if let Some(entry) = known.keys.iter().find(|entry| entry.key_type == algorithm) {
        Status::Changed { place: entry.place(), fingerprint: fingerprint(&entry.blob) }
    } else {
        Status::Unknown
    };
    let plain = PublicKey::new(key.key_data().clone(), "");
    Ok(ScannedKey {
        host: host.to_owned(),
        address: address.to_owned(),
        port,
        name: policy.name(address, port),
        fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
        key: plain.to_openssh().map_err(|error| local(error.to_string()))?,
        algorithm,
        status,
        file: policy.own.clone(),
        jump: false,
    })
}
