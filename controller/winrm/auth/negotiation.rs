//! A login that takes tokens back and forth, whatever its mechanism.

use std::time::Duration;

use super::context::Context;
use super::credentials::Credentials;
use super::kerberos::{KerberosHandshake, Tickets};
use super::negotiate::NtlmNegotiation;
use crate::error::Error;

/// A login that is under way.
pub(crate) struct Negotiation<'a> {
    credentials: &'a Credentials,
    mechanism: Mechanism<'a>,
}

enum Mechanism<'a> {
    Ntlm(NtlmNegotiation<'a>),
    Kerberos(KerberosHandshake),
}

/// What comes next.
pub(crate) enum Next {
    /// This token goes to the host.
    Token(Vec<u8>),
    /// Both sides agree.
    Done(Context),
}

impl<'a> Negotiation<'a> {
    /// Starts a login at a host, bound to the connection by `bindings`, and gives the first token.
    pub(crate) async fn start(
        credentials: &'a Credentials,
        host: &str,
        bindings: Option<Vec<u8>>,
        tickets: &Tickets,
        limit: Duration,
    ) -> Result<(Self, Vec<u8>), Error> {
        let (mechanism, token) = if let Credentials::Kerberos { .. } = credentials {
            let (handshake, token) =
                KerberosHandshake::start(credentials, host, bindings, tickets, limit).await?;
            (Mechanism::Kerberos(handshake), token)
        } else {
            let (negotiation, token) = NtlmNegotiation::start(credentials, format!("HTTP/{host}"), bindings);
            (Mechanism::Ntlm(negotiation), token)
        };
        Ok((Self { credentials, mechanism }, token))
    }

    /// The scheme of HTTP that carries the tokens.
    pub(crate) fn scheme(&self) -> &'static str {
        match self.mechanism {
            Mechanism::Ntlm(_) => "Negotiate",
            Mechanism::Kerberos(_) => "Kerberos",
        }
    }

    /// Whether the credentials went out, so that a refusal is about them.
    pub(crate) fn has_answered(&self) -> bool {
        match &self.mechanism {
            Mechanism::Ntlm(negotiation) => negotiation.has_answered(),
            // The first token holds the ticket.
            Mechanism::Kerberos(_) => true,
        }
    }

    /// Takes the host's token.
    pub(crate) async fn step(&mut self, token: Vec<u8>) -> Result<Next, Error> {
        match &mut self.mechanism {
            Mechanism::Ntlm(negotiation) => negotiation.step(&token),
            Mechanism::Kerberos(handshake) => match handshake.step(token, self.credentials).await? {
                Some(token) => Ok(Next::Token(token)),
                None => handshake.finish().map(Next::Done),
            },
        }
    }

    /// The host agreed without a last token.
    pub(crate) fn finish(&mut self) -> Result<Context, Error> {
        match &mut self.mechanism {
            Mechanism::Ntlm(negotiation) => negotiation.finish(),
            Mechanism::Kerberos(handshake) => handshake.finish(),
        }
    }
}
