//! Asks a host for its keys without logging in.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use russh::Preferred;
use russh::client::{self, Handler};
use russh::keys::{Algorithm, PublicKey, PublicKeyOrCertificate};
use tokio_util::sync::CancellationToken;

use super::{Connection, Hop, Warn, algorithms, chain, dial, log_in};
use crate::transport::{ByteStream, Target, TransportError, Via};

/// What came of asking a host for its keys.
#[derive(Debug)]
pub enum Offered {
    /// Its keys, one per type.
    Keys(Vec<PublicKey>),
    /// A jump host before it was not logged in to, for its own key is not trusted.
    Refused {
        /// That jump host, which can be asked in its turn.
        jump: Box<Target>,
        /// Why it is not trusted.
        error: TransportError,
    },
}

/// Asks a host for its keys. Jump hosts before it are logged in to; the host itself is not.
///
/// # Errors
/// The host cannot be reached, or offers no key at all.
pub async fn offered_keys(target: &Target, warn: Warn<'_>) -> Result<Offered, TransportError> {
    let mut hops = Vec::new();
    chain(target, &mut hops)?;
    let last = hops.pop().ok_or_else(|| TransportError::Local { message: "no address".to_owned() })?;
    let mut through: Option<Connection> = None;
    for (index, hop) in hops.iter().enumerate() {
        let connected = match &through {
            None => log_in(hop, dial::tcp(hop.address, hop.port, hop.timeout).await?, None, warn).await,
            Some(jump) => log_in(hop, jump.hop(hop).await?, through.clone(), warn).await,
        };
        through = Some(match connected {
            Ok(connection) => connection,
            Err(error @ TransportError::HostKey { .. }) => {
                return Ok(Offered::Refused { jump: Box::new(jump_host(target, index)), error });
            }
            Err(error) => return Err(error),
        });
    }
    let mut keys: Vec<PublicKey> = Vec::new();
    for family in families() {
        let key = match &through {
            None => {
                offered_key(&last, dial::tcp(last.address, last.port, last.timeout).await?, family).await?
            }
            Some(jump) => offered_key(&last, jump.hop(&last).await?, family).await?,
        };
        keys.extend(key);
    }
    if keys.is_empty() {
        let reason = "it offers no host key of a type that is accepted (Ed25519, ECDSA, RSA)".to_owned();
        return Err(TransportError::Handshake { address: last.address.to_owned(), port: last.port, reason });
    }
    Ok(Offered::Keys(keys))
}

/// The jump host `index` of those that lead to `target`, behind those before it.
fn jump_host(target: &Target, index: usize) -> Target {
    let mut before = Vec::new();
    way(target, &mut before);
    let mut jump = before.swap_remove(index);
    before.truncate(index);
    if let Via::Ssh { jumps, .. } = &mut jump.via {
        *jumps = before;
    }
    jump
}

/// The jump hosts of `target` in the order in which they are gone through, each without its own.
fn way(target: &Target, found: &mut Vec<Target>) {
    let Via::Ssh { jumps, .. } = &target.via else { return };
    for jump in jumps {
        way(jump, found);
        let mut alone = jump.clone();
        if let Via::Ssh { jumps, .. } = &mut alone.via {
            jumps.clear();
        }
        found.push(alone);
    }
}

/// A host has at most one key of each of these.
fn families() -> [Vec<Algorithm>; 3] {
    let family =
        |wanted: fn(&Algorithm) -> bool| super::host_key::supported().into_iter().filter(wanted).collect();
    [
        family(|algorithm| matches!(algorithm, Algorithm::Ed25519)),
        family(|algorithm| matches!(algorithm, Algorithm::Ecdsa { .. })),
        family(|algorithm| matches!(algorithm, Algorithm::Rsa { .. })),
    ]
}

/// Runs the key exchange up to the host's key, then hangs up. `None` if the host has none of these types.
async fn offered_key(
    hop: &Hop<'_>,
    stream: impl ByteStream + 'static,
    family: Vec<Algorithm>,
) -> Result<Option<PublicKey>, TransportError> {
    let seen = Arc::new(Mutex::new(None));
    let cut = CancellationToken::new();
    let config = client::Config {
        preferred: Preferred {
            key: Cow::Owned(family),
            host_key_certificates: Cow::Borrowed(&[]),
            ..algorithms()
        },
        ..client::Config::default()
    };
    let handshake = client::connect_stream(
        Arc::new(config),
        dial::Cuttable::new(stream, cut.clone()),
        Listener { seen: Arc::clone(&seen) },
    );
    let result = tokio::time::timeout(hop.timeout, handshake).await;
    cut.cancel();
    if let Some(key) = seen.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Ok(Some(key));
    }
    let reason = match result {
        Ok(Err(russh::Error::NoCommonAlgo { kind: russh::AlgorithmKind::Key, .. })) => return Ok(None),
        Ok(Err(error)) => super::describe(&error),
        Ok(Ok(_)) => "it showed no host key".to_owned(),
        Err(_) => format!("no answer within {} s", hop.timeout.as_secs_f32()),
    };
    Err(TransportError::Handshake { address: hop.address.to_owned(), port: hop.port, reason })
}

/// Remembers the key, and refuses it: the exchange proved that the host holds it, and no more is wanted.
struct Listener {
    seen: Arc<Mutex<Option<PublicKey>>>,
}

impl Handler for Listener {
    type Error = russh::Error;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(offered.public_key());
        Ok(false)
    }
}
