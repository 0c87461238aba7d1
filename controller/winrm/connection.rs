//! A connection with its login: every message goes out as the login wants it and comes back as the login wants it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use rustls::ClientConfig;
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use crate::answer::Answer;
use crate::auth::{Context, Credentials, Negotiation, Next, Tickets, TokenError};
use crate::endpoint::Endpoint;
use crate::error::{Error, Operation};
use crate::http::{Failure, Response, Stream};
use crate::limits::Limits;

const SOAP: &str = "application/soap+xml;charset=UTF-8";
/// What Windows wants in place of a token when the TLS connection has authenticated ([MS-WSMV] 2.2.3).
const MUTUAL: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual";
const NOTHING: &str = "nothing";
/// More round trips than any login takes.
const MOST_STEPS: usize = 8;
/// Longest token of a login, in characters of base64. Kerberos tickets with many groups come near 64 KiB.
const LONGEST_TOKEN: usize = 128 * 1024;

/// What a connection is opened with.
pub(crate) struct Target<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) credentials: &'a Credentials,
    pub(crate) limits: &'a Limits,
    pub(crate) tls: Option<&'a Arc<ClientConfig>>,
    pub(crate) tickets: &'a Tickets,
}

/// A stream that is logged in.
pub(crate) struct Connection {
    stream: Stream,
    login: Login,
}

/// How requests of a connection are recognised as the user's.
enum Login {
    /// The host knows the connection; messages are sealed.
    Sealed(Context),
    /// The host knows the connection; TLS protects the messages.
    Bound,
    /// Every request says who asks.
    Header(HeaderValue),
}

/// Why a request has no usable answer.
pub(crate) enum Refusal {
    /// The host wants a login, so it did nothing. What it offers.
    LoginWanted(String),
    /// It did not leave.
    NotSent(String),
    /// Anything else.
    Failed(Error),
}

impl Connection {
    /// Connects and logs in.
    pub(crate) async fn open(target: &Target<'_>) -> Result<Self, Error> {
        let mut stream = Stream::open(target.endpoint, target.tls, target.limits).await?;
        let login = match target.credentials {
            Credentials::Ntlm { .. } | Credentials::Kerberos { .. } => negotiate(&mut stream, target).await?,
            Credentials::Basic { account, password, .. } => {
                let plain = Zeroizing::new(format!("{}:{}", account.for_basic(), password.expose_secret()));
                let mut header = Zeroizing::new(String::from("Basic "));
                STANDARD.encode_string(plain.as_bytes(), &mut header);
                Login::Header(header_value(&header)?)
            }
            Credentials::Certificate { .. } => Login::Header(header_value(MUTUAL)?),
        };
        Ok(Self { stream, login })
    }

    /// Whether it may be used once more.
    pub(crate) fn is_fresh(&self, idle: Duration) -> bool {
        self.stream.is_fresh(idle)
    }

    /// Whether the host knew the connection, so that a new login may be what it wants.
    pub(crate) fn is_logged_in(&self) -> bool {
        !matches!(self.login, Login::Header(_))
    }

    /// Sends a document and reads the answer to it.
    pub(crate) async fn ask(
        &mut self,
        operation: Operation,
        document: &str,
        limit: Duration,
        endpoint: &Endpoint,
    ) -> Result<Answer, Refusal> {
        let response = match &mut self.login {
            Login::Sealed(context) => {
                let body = context.seal(document.as_bytes()).map_err(Refusal::Failed)?;
                let kind = crate::seal::content_type(context.protocol());
                self.stream.post(body.into(), &kind, None, limit).await
            }
            Login::Bound => {
                self.stream.post(Bytes::copy_from_slice(document.as_bytes()), SOAP, None, limit).await
            }
            Login::Header(header) => {
                let header = Some(header.clone());
                self.stream.post(Bytes::copy_from_slice(document.as_bytes()), SOAP, header, limit).await
            }
        };
        let response = response.map_err(|failure| match failure {
            Failure::NotSent(reason) => Refusal::NotSent(reason),
            other => Refusal::Failed(other.of(operation, endpoint)),
        })?;
        self.read(operation, response)
    }

    fn read(&mut self, operation: Operation, response: Response) -> Result<Answer, Refusal> {
        let failed = |error| Err(Refusal::Failed(error));
        let status = response.status.as_u16();
        match response.status {
            StatusCode::UNAUTHORIZED => return Err(Refusal::LoginWanted(offers(&response))),
            StatusCode::INTERNAL_SERVER_ERROR if response.body.is_empty() => {
                return failed(match &self.login {
                    Login::Sealed(_) => Error::Status { operation, status },
                    _ => Error::UnencryptedRefused,
                });
            }
            // Faults come with 400 and 500; whatever else has no envelope in it.
            StatusCode::OK | StatusCode::BAD_REQUEST | StatusCode::INTERNAL_SERVER_ERROR => {}
            _ => return failed(Error::Status { operation, status }),
        }
        let document = match &mut self.login {
            Login::Sealed(context) => {
                context.open(&response.content_type, response.body).map_err(Refusal::Failed)?
            }
            _ if response
                .content_type
                .trim_start()
                .to_ascii_lowercase()
                .starts_with("application/soap+xml") =>
            {
                response.body
            }
            _ => return failed(Error::Status { operation, status }),
        };
        Answer::parse(&document).or_else(|source| failed(Error::Unreadable { operation, source }))
    }
}

/// Logs in by tokens. What fails before the credentials went out is told as it is; what fails afterwards is the host's doing and must
/// neither be repeated nor give way to another method.
async fn negotiate(stream: &mut Stream, target: &Target<'_>) -> Result<Login, Error> {
    let limit = target.limits.answer_time();
    let host = &target.endpoint.host;
    let (mut negotiation, token) =
        Negotiation::start(target.credentials, host, stream.binding.clone(), target.tickets, limit).await?;
    let result = exchange(stream, target, &mut negotiation, token, limit).await;
    result.map_err(|error| if negotiation.has_answered() { after_credentials(target, error) } else { error })
}

/// Exchanges tokens in requests without content, so that nothing can be done twice by a login.
async fn exchange(
    stream: &mut Stream,
    target: &Target<'_>,
    negotiation: &mut Negotiation<'_>,
    mut token: Vec<u8>,
    limit: Duration,
) -> Result<Login, Error> {
    let scheme = negotiation.scheme();
    for _ in 0..MOST_STEPS {
        let mut header = Zeroizing::new(format!("{scheme} "));
        STANDARD.encode_string(&token, &mut header);
        let response = stream
            .post(Bytes::new(), SOAP, Some(header_value(&header)?), limit)
            .await
            .map_err(|failure| failure.of(Operation::Login, target.endpoint))?;
        let answer = host_token(&response, scheme)?;
        let next = match (response.status, answer) {
            (StatusCode::UNAUTHORIZED, Some(answer)) => match negotiation.step(answer).await? {
                Next::Token(next) => next,
                Next::Done(_) => return Err(rejected(target, offers(&response))),
            },
            (StatusCode::UNAUTHORIZED, None) if negotiation.has_answered() => {
                return Err(rejected(target, offers(&response)));
            }
            (StatusCode::UNAUTHORIZED, None) => {
                return Err(Error::NotOffered {
                    method: target.credentials.method(),
                    offered: offers(&response),
                });
            }
            (StatusCode::OK, answer) => {
                let context = match answer {
                    None => negotiation.finish()?,
                    Some(answer) => match negotiation.step(answer).await? {
                        Next::Done(context) => context,
                        Next::Token(_) => return Err(TokenError::Unreadable.into()),
                    },
                };
                let is_sealed = !target.endpoint.is_tls || target.endpoint.is_sealed;
                return Ok(if is_sealed { Login::Sealed(context) } else { Login::Bound });
            }
            (status, _) => {
                return Err(Error::Status { operation: Operation::Login, status: status.as_u16() });
            }
        };
        token = next;
    }
    Err(TokenError::Unreadable.into())
}

/// What a failure means once the credentials went out. An answer that cannot be used is a refusal; a connection that is lost may be
/// one, and with a password that is wrong every further attempt counts for the account. A ticket cannot lock anybody out.
fn after_credentials(target: &Target<'_>, error: Error) -> Error {
    let is_ticket = matches!(target.credentials, Credentials::Kerberos { .. });
    match error {
        Error::Token(TokenError::Refused) => rejected(target, NOTHING.into()),
        Error::Token(_) | Error::Challenge(_) | Error::NotOffered { .. } | Error::Kerberos { .. } => {
            let who = if is_ticket { "the ticket" } else { "the credentials" };
            Error::Rejected {
                account: target.credentials.who(),
                method: target.credentials.method(),
                offered: NOTHING.into(),
                hint: format!(
                    "the host's answer to {who} cannot be used ({error}): something else may answer in its place, so no other \
                     method is tried"
                ),
            }
        }
        Error::AnswerLost { .. }
        | Error::Silent { .. }
        | Error::TooLong { .. }
        | Error::NotHttp { .. }
        | Error::Status { .. }
            if !is_ticket =>
        {
            Error::LoginLost { account: target.credentials.who(), reason: error.to_string() }
        }
        other => other,
    }
}

/// The token in the answer of a host.
fn host_token(response: &Response, wanted: &str) -> Result<Option<Vec<u8>>, Error> {
    for offer in &response.offers {
        let Some((scheme, token)) = offer.split_once(' ') else { continue };
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case(wanted) || token.is_empty() {
            continue;
        }
        let bytes = if token.len() > LONGEST_TOKEN { None } else { STANDARD.decode(token).ok() };
        return bytes.map(Some).ok_or(crate::auth::TokenError::Unreadable.into());
    }
    Ok(None)
}

/// The methods that a host offers, without the tokens.
fn offers(response: &Response) -> String {
    let mut names: Vec<String> = response
        .offers
        .iter()
        .filter_map(|offer| offer.split_whitespace().next())
        .map(|name| if name == MUTUAL { "Certificate".to_owned() } else { name.chars().take(40).collect() })
        .collect();
    names.sort();
    names.dedup();
    if names.is_empty() { NOTHING.into() } else { names.join(", ") }
}

/// The error for credentials that a host did not take, with what may be the reason. It is a refusal whatever the host says that it
/// offers: the credentials went out, so that nothing else may be tried.
pub(crate) fn rejected(target: &Target<'_>, offered: String) -> Error {
    let (credentials, endpoint) = (target.credentials, target.endpoint);
    let method = credentials.method();
    let offers = |name: &str| offered.split(", ").any(|one| one.eq_ignore_ascii_case(name));
    let is_offered = match credentials {
        Credentials::Ntlm { .. } => offers("Negotiate"),
        Credentials::Kerberos { .. } => offers("Kerberos"),
        Credentials::Basic { .. } => offers("Basic"),
        Credentials::Certificate { .. } => offers("Certificate"),
    };
    let not_offered = Error::NotOffered { method, offered: offered.clone() };
    let hint = match credentials {
        Credentials::Kerberos { .. } if !is_offered && offered != NOTHING => {
            format!("{not_offered}: {}", not_offered.hint().unwrap_or_default())
        }
        // These have no exchange: a host that does not offer them says so in its first answer.
        Credentials::Basic { .. } | Credentials::Certificate { .. } if !is_offered => return not_offered,
        Credentials::Basic { account, .. } if account.is_of_a_domain() => {
            "Basic knows the host's own users only: use `ntlm` or `kerberos` for users of a domain".to_owned()
        }
        Credentials::Basic { .. } => "check name and password; Basic knows the host's own users only".into(),
        Credentials::Certificate { .. } => {
            "the host has to map the certificate to a user, trust its issuer, and ask for it within the TLS handshake \
             (`netsh http update sslcert ipport=0.0.0.0:5986 ... clientcertnegotiation=enable`)"
                .into()
        }
        Credentials::Kerberos { .. } => {
            "the host did not take the ticket: its clock may differ by more than 5 minutes, or the service's name may belong to \
             another account of the domain (try `WSMAN` as the service)"
                .into()
        }
        Credentials::Ntlm { account, .. } => {
            let mut hint = String::from("check name and password; they are not tried again, so as not to lock the account out");
            if account.may_be_local() {
                hint.push_str(
                    "; a user of the host itself is written `.\\user`, one of a domain `DOMAIN\\user`; a local administrator \
                     other than the built-in one needs `LocalAccountTokenFilterPolicy` = 1",
                );
            }
            if endpoint.is_tls {
                hint.push_str("; a proxy that ends TLS in between breaks the channel binding");
            }
            hint
        }
    };
    Error::Rejected { account: credentials.who(), method, offered, hint }
}

fn header_value(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text).map_err(|_| Error::Setting {
        what: "the credentials cannot stand in a request".into(),
        hint: "check the name for characters that cannot be in it",
    })?;
    value.set_sensitive(true);
    Ok(value)
}
