//! What goes wrong, with the likely cause: [`Error::hint`] says what a person can do, [`Error::is_retryable`] whether trying
//! again can help without anybody doing something.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::answer::Unreadable;
use crate::auth::{ChallengeError, TokenError};
use crate::fault::Fault;
use crate::xml::NotXml;

/// What a request was for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operation {
    /// Logging in.
    Login,
    /// Asking who answers.
    Identify,
    /// Making a shell.
    Create,
    /// Starting a command.
    Command,
    /// Handing over input.
    Send,
    /// Asking for output.
    Receive,
    /// Signalling a command.
    Signal,
    /// Ending a shell.
    Delete,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "login",
            Self::Identify => "Identify",
            Self::Create => "Create",
            Self::Command => "Command",
            Self::Send => "Send",
            Self::Receive => "Receive",
            Self::Signal => "Signal",
            Self::Delete => "Delete",
        })
    }
}

/// A failure. The variants say how far a request came, which decides whether anything may have been done.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The name has no address.
    #[error("cannot resolve `{host}`: {reason}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// No TCP connection.
    #[error("cannot connect to {host}:{port}: {reason}")]
    Connect {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What happened.
        reason: String,
        /// The port of WinRM that does answer, if one does.
        other_port: Option<u16>,
    },
    /// No TLS connection, or a certificate that is not trusted.
    #[error("{host}:{port}: {reason}")]
    Tls {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What happened.
        reason: String,
        /// What to do.
        hint: &'static str,
        /// Whether it stays so until somebody does something, as with certificates.
        is_permanent: bool,
    },
    /// Something that is not HTTP answered.
    #[error("{host}:{port} does not answer in HTTP: {reason}")]
    NotHttp {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What happened.
        reason: String,
        /// Whether the client spoke TLS.
        is_tls: bool,
    },
    /// The host refused the credentials. Trying again may lock the account out.
    #[error("`{account}` was rejected ({method})")]
    Rejected {
        /// Who tried.
        account: String,
        /// How: `NTLM`, `Kerberos`, `Basic`, `certificate`.
        method: &'static str,
        /// The methods that the host offers, as it writes them.
        offered: String,
        /// What to do.
        hint: String,
    },
    /// The credentials went out and nothing usable came back: they may have been refused, which may count for the account.
    #[error("`{account}`: no answer to the credentials: {reason}")]
    LoginLost {
        /// Who tried.
        account: String,
        /// What happened.
        reason: String,
    },
    /// The host does not offer the method.
    #[error("the host does not offer {method}; it offers {offered}")]
    NotOffered {
        /// The method.
        method: &'static str,
        /// What it offers.
        offered: String,
    },
    /// The host's part of the login cannot be used.
    #[error("login failed: {0}")]
    Token(#[from] TokenError),
    /// The host's NTLM challenge cannot be used.
    #[error("NTLM login failed: {0}")]
    Challenge(#[from] ChallengeError),
    /// Kerberos failed.
    #[error("Kerberos login failed: {reason}")]
    Kerberos {
        /// What the library said.
        reason: String,
        /// What to do.
        hint: String,
        /// Whether it may pass by itself.
        is_temporary: bool,
    },
    /// The host refuses messages that are not sealed.
    #[error("the host refuses a message that is not encrypted")]
    UnencryptedRefused,
    /// The host answered without sealing, or the seal is not the host's. Somebody may be in between.
    #[error("the answer is not sealed as it has to be: {what}")]
    NotSealed {
        /// What is wrong.
        what: &'static str,
    },
    /// A status that is not one of WS-Management.
    #[error("{operation}: the host answers HTTP status {status}")]
    Status {
        /// What was asked.
        operation: Operation,
        /// The status.
        status: u16,
    },
    /// The host says no.
    #[error("{operation}: {fault}")]
    Fault {
        /// What was asked.
        operation: Operation,
        /// The fault.
        fault: Fault,
    },
    /// An answer that cannot be read. What was asked for may have been done.
    #[error("{operation}: the answer cannot be read: {source}")]
    Unreadable {
        /// What was asked.
        operation: Operation,
        /// Why.
        source: Unreadable,
    },
    /// An answer, or a part of it, was lost with output in it.
    #[error("the connection was lost while output was on its way, so output is lost: {reason}")]
    OutputLost {
        /// What happened.
        reason: String,
    },
    /// The request left and no answer came: it may have been done.
    #[error("{operation}: the connection was lost before the answer came: {reason}")]
    AnswerLost {
        /// What was asked.
        operation: Operation,
        /// What happened.
        reason: String,
    },
    /// The request did not leave: nothing was done.
    #[error("{operation}: the connection was lost: {reason}")]
    NotSent {
        /// What was asked.
        operation: Operation,
        /// What happened.
        reason: String,
    },
    /// No answer in time. What was asked for may have been done.
    #[error("{operation}: no answer within {} s", limit.as_secs())]
    Silent {
        /// What was asked.
        operation: Operation,
        /// How long was waited.
        limit: Duration,
    },
    /// The answer is longer than the limit.
    #[error("{operation}: the answer is longer than {limit} bytes")]
    TooLong {
        /// What was asked.
        operation: Operation,
        /// The limit.
        limit: usize,
    },
    /// A value cannot be sent.
    #[error(transparent)]
    NotXml(#[from] NotXml),
    /// The shell was closed.
    #[error("the shell is closed")]
    Closed,
    /// A setting cannot be used.
    #[error("{what}")]
    Setting {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: &'static str,
    },
}

impl Error {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Resolve { .. } => "check the name, or give the address with `ansible_host`".into(),
            Self::Connect { other_port: Some(5985), .. } => {
                "port 5985 answers: the host has no listener for https; make one, or use http with port 5985, where messages are \
                 sealed"
                    .into()
            }
            Self::Connect { other_port: Some(port), .. } => {
                format!("port {port} answers: use https with port {port}")
            }
            Self::Connect { .. } => {
                "check that the host is up, that WinRM listens (`winrm enumerate winrm/config/listener`) and that its firewall \
                 lets this machine in"
                    .into()
            }
            Self::Tls { hint, .. } | Self::Setting { hint, .. } => (*hint).into(),
            Self::NotHttp { is_tls: false, .. } => {
                "the port may be one of https: use https, or port 5985 for http".into()
            }
            Self::NotHttp { .. } => "the port may belong to something else than WinRM".into(),
            Self::Rejected { hint, .. } | Self::Kerberos { hint, .. } => hint.clone(),
            Self::LoginLost { .. } => {
                "nothing was done on the host; check name and password before you try again, since an account may be locked after a \
                 few attempts"
                    .into()
            }
            Self::NotOffered { method: "Basic", .. } => {
                "Basic is off by default: use `ntlm`, or set `winrm/config/service/auth/Basic` to `true`".into()
            }
            Self::NotOffered { method: "Kerberos", .. } => {
                "set `winrm/config/service/auth/Kerberos` to `true` on the host, or use `ntlm`".into()
            }
            Self::NotOffered { method: "certificate", .. } => {
                "set `winrm/config/service/auth/Certificate` to `true` on the host".into()
            }
            Self::NotOffered { .. } => "use a method that the host offers".into(),
            Self::Token(TokenError::OtherMechanism) => "the host may take Kerberos only: use `kerberos`".into(),
            Self::Token(_) | Self::Challenge(ChallengeError::NotAChallenge | ChallengeError::CutOff { .. }) => {
                "something between here and the host may change messages".into()
            }
            Self::Challenge(ChallengeError::Weak { .. }) => {
                "allow NTLMv2 with 128-bit encryption in the host's security policy".into()
            }
            Self::UnencryptedRefused => {
                "use https, or a method that seals messages (`ntlm`, `kerberos`); do not set `AllowUnencrypted`".into()
            }
            Self::NotSealed { .. } => {
                "something between here and the host may read or change messages: use https".into()
            }
            Self::Status { status: 404, .. } => "the path of WinRM is `/wsman` unless the host's listener says else".into(),
            Self::Status { status: 503, .. } => "WinRM is starting, stopping or busy on the host".into(),
            Self::Status { status: 413, .. } => {
                "raise `winrm/config/MaxEnvelopeSizekb` to 500, the default of current Windows".into()
            }
            Self::Status { .. } => "a proxy may answer in the host's place".into(),
            Self::Fault { fault, .. } => return fault.hint().map(Into::into),
            Self::Silent { .. } => {
                "the host is busy or the network is slow: give it more time".into()
            }
            Self::AnswerLost { operation: Operation::Login, .. } => {
                "nothing was done: try again; if it happens every time over http, the port may be one of https".into()
            }
            Self::OutputLost { .. } | Self::AnswerLost { .. } => {
                "find out what the host did before it is asked again".into()
            }
            Self::NotSent { .. } => "nothing was done: try again".into(),
            Self::TooLong { .. } | Self::Unreadable { .. } => {
                "something else than WinRM may answer".into()
            }
            Self::NotXml(_) | Self::Closed => return None,
        })
    }

    /// Whether trying again can help without anybody doing something. Never so for credentials, which could lock the
    /// account out, and never where the request may have been done.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Resolve { .. } | Self::Connect { .. } | Self::NotSent { .. } => true,
            Self::Tls { is_permanent, .. } => !is_permanent,
            Self::Status { status, .. } => *status == 503,
            Self::Kerberos { is_temporary, .. } => *is_temporary,
            Self::Fault { fault, .. } => fault.is_retryable(),
            Self::AnswerLost { operation, .. } | Self::Silent { operation, .. } => {
                matches!(operation, Operation::Login | Operation::Identify)
            }
            _ => false,
        }
    }

    /// Whether credentials went out that may have been refused without a word. It may pass by itself, as with a host that goes
    /// down, but whoever tries again has to count.
    #[must_use]
    pub fn spends_an_attempt(&self) -> bool {
        matches!(self, Self::LoginLost { .. })
    }

    /// Whether the request may have been done although it failed.
    #[must_use]
    pub fn may_have_been_done(&self) -> bool {
        matches!(
            self,
            Self::Unreadable { .. }
                | Self::OutputLost { .. }
                | Self::AnswerLost { .. }
                | Self::Silent { .. }
                | Self::TooLong { .. }
                | Self::NotSealed { .. }
        )
    }
}
