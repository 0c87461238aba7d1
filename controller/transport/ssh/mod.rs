//! SSH in process: connects, checks host keys, logs in, runs commands. Needs no `ssh` program.
//!
//! [`connect`] goes through the jump hosts one by one; each of them is checked and logged in to by itself.
//! What a command's bytes mean is left to the caller.

mod authenticate;
pub mod config;
mod connection;
mod dial;
mod host_key;
mod identity;
pub mod known_hosts;
mod probe;
pub mod setting;
mod streams;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use russh::Preferred;
use russh::client::{self, GexParams};
use russh::{cipher, compression, kex, mac};
use tokio_util::sync::CancellationToken;

pub use connection::Connection;
pub use probe::{Offered, offered_keys};

use super::target::{Authentication, HostKeyPolicy, Target, Via};
use super::{ByteStream, TransportError};
use connection::{Client, Link, State};
use host_key::HostKeyCheck;

/// Receives what the user must be told though the connection goes on.
pub type Warn<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// What one hop needs: the SSH part of a [`Target`].
pub(super) struct Hop<'a> {
    pub(super) address: &'a str,
    pub(super) port: u16,
    pub(super) user: &'a str,
    pub(super) authentication: &'a Authentication,
    pub(super) host_key: &'a HostKeyPolicy,
    pub(super) timeout: Duration,
    pub(super) keepalive: Duration,
}

/// Connects to `target` through its jump hosts.
///
/// # Errors
/// The stage that failed, of the hop that failed.
pub async fn connect(target: &Target, warn: Warn<'_>) -> Result<Connection, TransportError> {
    let mut hops = Vec::new();
    chain(target, &mut hops)?;
    let mut through: Option<Connection> = None;
    for hop in hops {
        let connection = match &through {
            None => {
                let stream = dial::tcp(hop.address, hop.port, hop.timeout).await?;
                log_in(&hop, stream, None, warn).await?
            }
            Some(jump) => {
                let stream = jump.stream(hop.address, hop.port).await.map_err(|error| {
                    let (address, port) = (hop.address.to_owned(), hop.port);
                    TransportError::Connect {
                        address,
                        port,
                        reason: format!("through the jump host: {error}"),
                    }
                })?;
                log_in(&hop, stream, through.clone(), warn).await?
            }
        };
        through = Some(connection);
    }
    through.ok_or_else(|| TransportError::Local { message: "the target has no address".to_owned() })
}

fn chain<'a>(target: &'a Target, hops: &mut Vec<Hop<'a>>) -> Result<(), TransportError> {
    let Via::Ssh { address, port, user, authentication, host_key, jumps, timeout, keepalive } = &target.via
    else {
        return Err(TransportError::Local {
            message: format!(
                "`{}` is reached without SSH, so SSH cannot go there or through it",
                target.host
            ),
        });
    };
    for jump in jumps {
        chain(jump, hops)?;
    }
    hops.push(Hop {
        address,
        port: *port,
        user,
        authentication,
        host_key,
        timeout: *timeout,
        keepalive: *keepalive,
    });
    Ok(())
}

async fn log_in(
    hop: &Hop<'_>,
    stream: impl ByteStream + 'static,
    through: Option<Connection>,
    warn: Warn<'_>,
) -> Result<Connection, TransportError> {
    let check = HostKeyCheck::new(hop.address, hop.port, hop.host_key)?;
    let state = Arc::new(State::default());
    let (cut, ended) = (CancellationToken::new(), CancellationToken::new());
    let config = Arc::new(configuration(&check, hop.keepalive));
    let handshake = client::connect_stream(
        config,
        dial::Cuttable::new(stream, cut.clone()),
        Client::new(check, Arc::clone(&state), ended.clone()),
    );
    let failed =
        |reason| TransportError::Handshake { address: hop.address.to_owned(), port: hop.port, reason };
    let mut handle = match tokio::time::timeout(hop.timeout, handshake).await {
        Ok(Ok(handle)) => handle,
        Ok(Err(error)) => {
            let refused = state.refused.lock().unwrap_or_else(PoisonError::into_inner).take();
            return Err(refused.unwrap_or_else(|| failed(describe(&error))));
        }
        Err(_) => {
            cut.cancel();
            return Err(failed(format!(
                "no answer within {} s\nhint: something listens on the port, but it may not be SSH, or the host is \
                 overloaded",
                hop.timeout.as_secs_f32()
            )));
        }
    };
    if let Some(warning) = state.accepted.get().and_then(|accepted| accepted.warning.as_deref()) {
        warn(warning);
    }
    if let Err(error) = authenticate::log_in(&mut handle, hop, &state).await {
        cut.cancel();
        return Err(error);
    }
    let link = Link { handle, state, cut, ended, limit: hop.timeout, through };
    Ok(Connection { link: Arc::new(link) })
}

fn configuration(check: &HostKeyCheck, keepalive: Duration) -> client::Config {
    client::Config {
        client_id: russh::SshId::Standard(Cow::Borrowed(concat!(
            "SSH-2.0-Paceline_",
            env!("CARGO_PKG_VERSION")
        ))),
        preferred: Preferred {
            key: Cow::Owned(check.algorithms()),
            host_key_certificates: Cow::Owned(check.certificate_algorithms()),
            ..algorithms()
        },
        window_size: 1024 * 1024,
        channel_buffer_size: 16,
        keepalive_interval: (!keepalive.is_zero()).then_some(keepalive),
        keepalive_max: 3,
        gex: GexParams::new(2048, 3072, 8192).expect("the sizes are in order and 2048 is allowed"),
        ..client::Config::default()
    }
}

/// Algorithms in the order of preference: the fastest safe ones first, then whatever a server of the last ten
/// years has. SHA-1, CBC, DSA and compression are left out.
fn algorithms() -> Preferred {
    const KEX: &[kex::Name] = &[
        kex::CURVE25519,
        kex::CURVE25519_PRE_RFC_8731,
        kex::ECDH_SHA2_NISTP256,
        kex::ECDH_SHA2_NISTP384,
        kex::ECDH_SHA2_NISTP521,
        kex::MLKEM768X25519_SHA256,
        kex::DH_G16_SHA512,
        kex::DH_G18_SHA512,
        kex::DH_GEX_SHA256,
        kex::DH_G14_SHA256,
        kex::EXTENSION_SUPPORT_AS_CLIENT,
        kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
    ];
    const CIPHERS: &[cipher::Name] = &[
        cipher::AES_256_GCM,
        cipher::CHACHA20_POLY1305,
        cipher::AES_256_CTR,
        cipher::AES_192_CTR,
        cipher::AES_128_CTR,
    ];
    const MACS: &[mac::Name] =
        &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM, mac::HMAC_SHA256, mac::HMAC_SHA512];
    Preferred {
        kex: Cow::Borrowed(KEX),
        cipher: Cow::Borrowed(CIPHERS),
        mac: Cow::Borrowed(MACS),
        compression: Cow::Borrowed(&[compression::NONE]),
        ..Preferred::DEFAULT
    }
}

/// A failure of the protocol in a person's words.
pub(super) fn describe(error: &russh::Error) -> String {
    use russh::Error;
    match error {
        Error::Version => "it sent something else than an SSH version line".to_owned(),
        Error::HUP | Error::Disconnect => "the host closed the connection".to_owned(),
        Error::KeepaliveTimeout => {
            "the host stopped answering (three keepalives without an answer)".to_owned()
        }
        Error::NoCommonAlgo { kind, theirs, .. } => {
            let kind = match kind {
                russh::AlgorithmKind::Kex => "key exchange",
                russh::AlgorithmKind::Key => "host key",
                russh::AlgorithmKind::Cipher => "cipher",
                russh::AlgorithmKind::Compression => "compression",
                russh::AlgorithmKind::Mac => "MAC",
            };
            format!(
                "no common {kind} algorithm; the host has {}\nhint: the host has only algorithms that are refused as \
                 unsafe, update its SSH server",
                theirs.join(", ")
            )
        }
        Error::IO(error) => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or(&text).to_lowercase()
        }
        other => other.to_string().to_lowercase(),
    }
}
