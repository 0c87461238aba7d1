//! A client for WS-Management and WinRS ([MS-WSMV]): one shell on a Windows host, commands in it as byte streams.
//!
//! [`Client::connect`] logs in, [`Client::open_shell`] makes a shell, [`Shell::run`] starts a command whose input is an
//! [`AsyncWrite`](tokio::io::AsyncWrite) and whose output and errors are [`AsyncRead`](tokio::io::AsyncRead)s.
//!
//! ```no_run
//! use paceline_winrm::{Client, CommandLine, Credentials, Endpoint, Limits, ShellOptions};
//! use tokio::io::AsyncReadExt as _;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = Endpoint::http("web-01.corp.example", 5985);
//! let credentials = Credentials::Ntlm {
//!     account: r"CORP\deploy".parse()?,
//!     password: std::fs::read_to_string("password")?.into(),
//! };
//! let client = Client::connect(endpoint, credentials, Limits::default()).await?;
//! let shell = client.open_shell(ShellOptions::default()).await?;
//! let line = CommandLine { program: "whoami.exe".into(), skip_cmd_shell: true, ..CommandLine::default() };
//! let mut process = shell.run(line).await?;
//! let mut name = String::new();
//! process.stdout.read_to_string(&mut name).await?;
//! assert_eq!(process.wait().await?, 0);
//! shell.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Rules that this crate keeps:
//!
//! - **One stream, one login.** NTLM and Kerberos authenticate a connection, so a request never moves to another one by itself. A client
//!   has up to four connections: one waits for output while others send input and signals.
//! - **Nothing is done twice.** A request that may have reached the host is never sent again. [`Error::may_have_been_done`] tells where the
//!   outcome is unknown; a lost answer with output in it is [`Error::OutputLost`], never silence.
//! - **One attempt.** Credentials that were refused are not tried again, so that no account is locked out.
//! - **Sealed or TLS.** Over http every message is sealed in both directions; an answer that is not is an error. Over https the login is bound
//!   to the TLS connection.
//! - **Shells are deleted**, also when they are dropped and when the future that makes them is.
//! - **Everything is bounded**: waits, answers, nesting, identifiers, what waits for a reader or for the host.
//!
//! What it does not do: PSRP, CredSSP, TLS renegotiation (so a client certificate works where the host asks for it within the
//! first handshake, `clientcertnegotiation=enable`), proxies.

mod answer;
mod auth;
mod client;
mod command;
mod connection;
mod endpoint;
mod envelope;
mod error;
mod fault;
mod http;
mod limits;
mod seal;
mod shell;
mod shown;
mod tls;
mod underway;
mod xml;

pub use answer::Unreadable;
pub use auth::{Account, AccountError, ChallengeError, Credentials, Service, TokenError};
pub use client::{Client, Identity};
pub use command::{CommandLine, Signal};
pub use endpoint::{Endpoint, Trust};
pub use error::{Error, Operation};
pub use fault::{Fault, FaultKind};
pub use limits::Limits;
pub use shell::{Control, Input, Output, Process, Shell, ShellOptions};
pub use shown::ShownCertificate;
pub use underway::settled;
pub use xml::NotXml;
