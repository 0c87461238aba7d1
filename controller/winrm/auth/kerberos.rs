//! Kerberos ([MS-WSMV] 2.2.9.1.2) through the system's library: its configuration, ticket caches and keytabs are the machine's own. What
//! talks to a KDC runs on a thread that may block.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::account::Account;
use super::context::Context;
use super::credentials::Credentials;
use super::gssapi_ffi::{Credential, Failure, GssContext, NoCredential};
use crate::error::Error;

/// How long tickets are used before new ones are asked for. Domains give them for 10 hours.
const REUSE: Duration = Duration::from_secs(4 * 3600);

/// The services that a host may be known as.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Service {
    /// `HTTP/host`, which a domain maps to the host's own account unless a web server took it.
    #[default]
    Http,
    /// `WSMAN/host`, which WinRM registers by itself.
    Wsman,
    /// `HOST/host`.
    Host,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Wsman => "WSMAN",
            Self::Host => "host",
        }
    }
}

/// The tickets of a client, so that each connection does not ask for them again.
#[derive(Default)]
pub(crate) struct Tickets(Mutex<Option<(Arc<Credential>, Instant)>>);

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tickets")
    }
}

/// A handshake that is under way.
pub(crate) struct KerberosHandshake {
    context: Option<GssContext>,
    /// Whether the library is through with the exchange. The flag of mutual authentication says what was asked for until then, so
    /// that it proves nothing before ([RFC 2743] 1.2.7).
    is_complete: bool,
    limit: Duration,
}

impl KerberosHandshake {
    /// Gets tickets and makes the first token.
    pub(crate) async fn start(
        credentials: &Credentials,
        host: &str,
        bindings: Option<Vec<u8>>,
        tickets: &Tickets,
        limit: Duration,
    ) -> Result<(Self, Vec<u8>), Error> {
        let Credentials::Kerberos { account, password, service, host: other } = credentials else {
            return Err(failed("it was not asked for", "use the credentials of Kerberos"));
        };
        let service = format!("{}@{}", service.name(), other.as_deref().unwrap_or(host));
        // The lock is held while tickets are fetched, so that connections of one client wait for the same ones.
        let mut kept = tickets.0.lock().await;
        let (credential, since) = match kept.take().filter(|(_, since)| since.elapsed() < REUSE) {
            Some(known) => known,
            None => {
                let (user, password) = (account.as_ref().map(principal).transpose()?, password.clone());
                let made = blocking(limit, move || acquire(user.as_deref(), password.as_ref())).await?;
                (Arc::new(made.map_err(|error| explain_credential(error, credentials))?), Instant::now())
            }
        };
        let (owned, name) = (Arc::clone(&credential), service.clone());
        let step = blocking(limit, move || {
            let mut context = GssContext::new(owned, &name, bindings)?;
            context.step(&[]).map(|step| (context, step))
        })
        .await?;
        let (context, (token, is_complete)) =
            step.map_err(|failure| explain(&failure, credentials, &service))?;
        // Kept only now: some libraries get tickets when they are first needed.
        *kept = Some((credential, since));
        Ok((Self { context: Some(context), is_complete, limit }, token))
    }

    /// Takes the host's token. The host has to prove itself with it.
    pub(crate) async fn step(
        &mut self,
        token: Vec<u8>,
        credentials: &Credentials,
    ) -> Result<Option<Vec<u8>>, Error> {
        let mut context = self.context.take().ok_or_else(unfinished)?;
        let step = blocking(self.limit, move || context.step(&token).map(|step| (context, step))).await?;
        let (context, (token, is_complete)) =
            step.map_err(|failure| explain(&failure, credentials, "the host's answer"))?;
        (self.context, self.is_complete) = (Some(context), is_complete);
        Ok((!is_complete).then_some(token))
    }

    /// The context, once the host has proved itself.
    pub(crate) fn finish(&mut self) -> Result<Context, Error> {
        let context = self.context.take().filter(|context| self.is_complete && context.is_protected());
        let context = context.ok_or_else(unfinished)?;
        Ok(Context::Kerberos(Box::new(context)))
    }
}

fn acquire(user: Option<&str>, password: Option<&SecretString>) -> Result<Credential, NoCredential> {
    match (user, password) {
        (Some(user), Some(password)) => Credential::with_password(user, password.expose_secret().as_bytes()),
        _ => Credential::from_system(user),
    }
}

/// Runs what may wait for a KDC. When it takes too long, the thread is left to the library's own limits.
async fn blocking<T: Send + 'static>(
    limit: Duration,
    what: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, tokio::task::spawn_blocking(what)).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) => Err(failed("the library crashed", "report it")),
        Err(_) => Err(Error::Kerberos {
            reason: format!("no answer of the KDC within {} s", limit.as_secs()),
            hint: "check that the domain controllers in `krb5.conf` or DNS can be reached".into(),
            is_temporary: true,
        }),
    }
}

/// The name as Kerberos knows it. Realms of Windows domains are in upper case.
fn principal(account: &Account) -> Result<String, Error> {
    account.for_kerberos().ok_or_else(|| {
        failed(
            &format!("`{account}` is no principal"),
            "write it `user@REALM`, with the domain's DNS name as realm",
        )
    })
}

fn failed(reason: &str, hint: &str) -> Error {
    Error::Kerberos { reason: reason.to_owned(), hint: hint.to_owned(), is_temporary: false }
}

fn unfinished() -> Error {
    failed("the host did not prove that it is the one", "somebody may answer in the host's place")
}

fn explain_credential(error: NoCredential, credentials: &Credentials) -> Error {
    match error {
        NoCredential::Failed(failure) => explain(&failure, credentials, "the login"),
        NoCredential::Library(reason) => failed(
            &format!("the system's GSSAPI cannot be loaded: {reason}"),
            "install MIT Kerberos (`libgssapi-krb5-2` on Debian, `krb5-libs` on Red Hat), or use `ntlm`",
        ),
    }
}

/// Names what failed, by the code of `krb5.h`, and what can be done.
fn explain(failure: &Failure, credentials: &Credentials, what: &str) -> Error {
    let rejected = |hint: &str| Error::Rejected {
        account: credentials.who(),
        method: credentials.method(),
        offered: String::new(),
        hint: hint.to_owned(),
    };
    let (hint, is_temporary) = match failure.code {
        // KRB5KDC_ERR_PREAUTH_FAILED, KRB5KRB_AP_ERR_BAD_INTEGRITY: what the KDC sent does not open with the password.
        -1_765_328_360 | -1_765_328_353 => {
            return rejected("check the password; it is not tried again, so as not to lock the account out");
        }
        -1_765_328_378 => return rejected("the realm does not know the user: check name and realm"),
        -1_765_328_366 => return rejected("the account is locked, disabled or expired"),
        -1_765_328_361 => return rejected("the password has expired"),
        -1_765_328_377 => (
            "the domain does not know the service: use the host's full DNS name, or `WSMAN` as the service"
                .to_owned(),
            false,
        ),
        -1_765_328_347 => {
            ("the clocks differ by more than 5 minutes: set this machine's clock".to_owned(), false)
        }
        -1_765_328_228 | -1_765_328_164 => {
            ("check that the domain controllers in `krb5.conf` or DNS can be reached".to_owned(), true)
        }
        -1_765_328_230 => ("name the realm's domain controllers in `krb5.conf` or DNS".to_owned(), false),
        -1_765_328_352 => {
            ("the tickets have expired: get new ones with `kinit`, or give a password".to_owned(), false)
        }
        _ => {
            let hint = if matches!(credentials, Credentials::Kerberos { password: None, .. }) {
                "get tickets with `kinit` (they are looked for where `KRB5CCNAME` says), or give a password"
            } else {
                "`KRB5_TRACE=/dev/stderr` shows what the library does"
            };
            (hint.to_owned(), false)
        }
    };
    Error::Kerberos { reason: format!("{what}: {}", failure.text), hint, is_temporary }
}
