//! HTTP over one stream that is never exchanged behind anybody's back: a login belongs to its connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT, WWW_AUTHENTICATE};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::endpoint::Endpoint;
use crate::error::{Error, Operation};
use crate::limits::Limits;
use crate::tls;

/// Room for the head of an answer and for reading ahead.
const BUFFER: usize = 128 * 1024;
/// Addresses of a name that are tried, each for as long as a connection may take.
const MOST_ADDRESSES: usize = 4;
/// More `WWW-Authenticate` lines than methods exist.
const MOST_OFFERS: usize = 16;

/// An answer of HTTP.
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    /// The values of `WWW-Authenticate`.
    pub(crate) offers: Vec<String>,
    pub(crate) body: Vec<u8>,
}

/// How far a request came that has no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It did not leave.
    NotSent(String),
    /// It may have arrived.
    Lost(String),
    /// Something that is not HTTP came back.
    NotHttp(String),
    /// It may have arrived; nothing came in time.
    Silent(Duration),
    /// The answer is too long.
    TooLong(usize),
}

impl Failure {
    /// As an error of an operation.
    pub(crate) fn of(self, operation: Operation, endpoint: &Endpoint) -> Error {
        match self {
            Self::NotSent(reason) => Error::NotSent { operation, reason },
            Self::Lost(reason) if operation == Operation::Receive => Error::OutputLost { reason },
            Self::Lost(reason) => Error::AnswerLost { operation, reason },
            Self::Silent(limit) if operation == Operation::Receive => {
                Error::OutputLost { reason: format!("no answer within {} s", limit.as_secs()) }
            }
            Self::Silent(limit) => Error::Silent { operation, limit },
            Self::TooLong(limit) => Error::TooLong { operation, limit },
            Self::NotHttp(reason) => Error::NotHttp {
                host: endpoint.host.clone(),
                port: endpoint.port,
                reason,
                is_tls: endpoint.is_tls,
            },
        }
    }
}

/// One stream.
pub(crate) struct Stream {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
    host: HeaderValue,
    path: String,
    answer_limit: usize,
    used: Instant,
    /// The data of the channel binding, over TLS.
    pub(crate) binding: Option<Vec<u8>>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Stream {
    /// Connects, with TLS where the endpoint has it.
    pub(crate) async fn open(
        endpoint: &Endpoint,
        tls: Option<&Arc<ClientConfig>>,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let host = HeaderValue::from_str(&endpoint.authority()).map_err(|_| Error::Setting {
            what: format!("`{}` is not the name of a host", endpoint.host),
            hint: "check the address of the host",
        })?;
        let (sender, driver, binding) = match tls {
            None => {
                let stream = plain(endpoint, limits).await?;
                let (sender, driver) = drive(TokioIo::new(stream), endpoint).await?;
                (sender, driver, None)
            }
            Some(config) => {
                let stream = over_tls(endpoint, config, limits).await?;
                let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                let binding = certificate.map(|certificate| tls::server_end_point(certificate));
                let (sender, driver) = drive(TokioIo::new(stream), endpoint).await?;
                (sender, driver, binding)
            }
        };
        let (path, answer_limit) = (endpoint.path.clone(), limits.answer);
        Ok(Self { sender, driver, host, path, answer_limit, used: Instant::now(), binding })
    }

    /// Whether it may be used: open, and not idle for so long that the host may be about to close it.
    pub(crate) fn is_fresh(&self, idle: Duration) -> bool {
        !self.sender.is_closed() && self.used.elapsed() < idle
    }

    /// Sends one request and waits for its answer.
    pub(crate) async fn post(
        &mut self,
        body: Bytes,
        content_type: &str,
        authorization: Option<HeaderValue>,
        limit: Duration,
    ) -> Result<Response, Failure> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() =
            self.path.parse().map_err(|_| Failure::NotSent("the path cannot be sent".into()))?;
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static("paceline"));
        let kind = HeaderValue::from_str(content_type);
        headers.insert(
            CONTENT_TYPE,
            kind.map_err(|_| Failure::NotSent("the content type cannot be sent".into()))?,
        );
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        let answer = timeout(limit, self.exchange(request)).await.unwrap_or(Err(Failure::Silent(limit)));
        self.used = Instant::now();
        answer
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Response, Failure> {
        self.sender.ready().await.map_err(|error| Failure::NotSent(reason(&error)))?;
        let response = match self.sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut error) => {
                // Hyper gives the request back if not a byte of it was written.
                let is_unsent = error.take_message().is_some();
                let error = error.into_error();
                return Err(match reason(&error) {
                    reason if is_unsent => Failure::NotSent(reason),
                    reason if error.is_parse() => Failure::NotHttp(reason),
                    reason => Failure::Lost(reason),
                });
            }
        };
        let (head, mut body) = response.into_parts();
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let content_type = head.headers.get(CONTENT_TYPE).map(text).unwrap_or_default();
        let offers = head.headers.get_all(WWW_AUTHENTICATE).iter().take(MOST_OFFERS).map(text).collect();
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Failure::Lost(reason(&error)))?;
            if let Some(data) = frame.data_ref() {
                if bytes.len() + data.len() > self.answer_limit {
                    return Err(Failure::TooLong(self.answer_limit));
                }
                bytes.extend_from_slice(data);
            }
        }
        Ok(Response { status: head.status, content_type, offers, body: bytes })
    }
}

type Io<T> = TokioIo<T>;

/// Starts the task that reads and writes the stream.
async fn drive<T>(io: Io<T>, endpoint: &Endpoint) -> Result<(SendRequest<Full<Bytes>>, AbortHandle), Error>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(BUFFER)
        .handshake(io)
        .await
        .map_err(|error| Failure::NotSent(reason(&error)).of(Operation::Login, endpoint))?;
    // The task ends with the stream; what went wrong reaches whoever waits for an answer.
    let driver = tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok((sender, driver.abort_handle()))
}

/// Opens a TCP connection to the first address that answers.
async fn plain(endpoint: &Endpoint, limits: &Limits) -> Result<TcpStream, Error> {
    let stream = connect(endpoint, endpoint.port, limits.connect).await?;
    // Requests are written as a whole; waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// A stream over TLS, its certificate judged by the configuration.
pub(crate) async fn over_tls(
    endpoint: &Endpoint,
    config: &Arc<ClientConfig>,
    limits: &Limits,
) -> Result<TlsStream<TcpStream>, Error> {
    let name = ServerName::try_from(endpoint.host.clone()).map_err(|_| Error::Setting {
        what: format!("`{}` is not a name that a certificate can have", endpoint.host),
        hint: "use the host's DNS name",
    })?;
    let stream = plain(endpoint, limits).await?;
    let connector = TlsConnector::from(Arc::clone(config));
    timeout(limits.connect, connector.connect(name, stream))
        .await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        .map_err(|error| tls::failure(endpoint, &error))
}

async fn connect(endpoint: &Endpoint, port: u16, limit: Duration) -> Result<TcpStream, Error> {
    let host = endpoint.address.as_deref().unwrap_or(&endpoint.host);
    let failed = |reason: String| Error::Connect { host: host.to_owned(), port, reason, other_port: None };
    let addresses = timeout(limit, tokio::net::lookup_host((host, port)))
        .await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        .map_err(|error| Error::Resolve { host: host.to_owned(), reason: error.to_string() })?;
    let mut reason = "it has no address".to_owned();
    for address in addresses.take(MOST_ADDRESSES) {
        match timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => reason = error.to_string(),
            Err(_) => reason = format!("no answer within {} s", limit.as_secs()),
        }
    }
    Err(failed(reason))
}

/// Which port of WinRM answers where the one that was asked for does not; so that an error can say so.
pub(crate) async fn other_port(endpoint: &Endpoint) -> Option<u16> {
    let port = match endpoint.port {
        5985 => 5986,
        5986 => 5985,
        _ => return None,
    };
    connect(endpoint, port, Duration::from_secs(2)).await.ok().map(|_| port)
}

/// The innermost cause says most.
fn reason(error: &hyper::Error) -> String {
    let mut source: &dyn std::error::Error = error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    match source.to_string() {
        text if text.is_empty() => error.to_string(),
        text => text,
    }
}
