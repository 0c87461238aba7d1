//! The scheme `Negotiate` of HTTP ([RFC 4559]) with NTLM in SPNEGO: tokens go back and forth on one connection until the host agrees.
//! Both sides sign the list of mechanisms, so that nobody in between can have changed it.

use super::context::Context;
use super::credentials::Credentials;
use super::negotiation::Next;
use super::ntlm::{Entropy, Handshake, Identity, Session, bindings_digest};
use super::spnego::{self, NTLM, State, TokenError};
use crate::error::Error;

/// A handshake that is under way.
pub(crate) struct NtlmNegotiation<'a> {
    credentials: &'a Credentials,
    service: String,
    bindings: Option<Vec<u8>>,
    stage: Stage,
    has_answered: bool,
}

enum Stage {
    Offered(Handshake),
    Answered(Box<Session>),
    Over,
}

impl<'a> NtlmNegotiation<'a> {
    /// Starts a handshake for a service (`HTTP/host`), bound to the connection by `bindings`, and gives the first token.
    pub(crate) fn start(
        credentials: &'a Credentials,
        service: String,
        bindings: Option<Vec<u8>>,
    ) -> (Self, Vec<u8>) {
        let (handshake, first) = Handshake::start();
        let token = spnego::offer(NTLM, &first);
        (
            Self { credentials, service, bindings, stage: Stage::Offered(handshake), has_answered: false },
            token,
        )
    }

    /// Whether the credentials went out, so that a refusal is about them.
    pub(crate) fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// Takes the host's token.
    pub(crate) fn step(&mut self, token: &[u8]) -> Result<Next, Error> {
        let answer = spnego::read(token, NTLM)?;
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Offered(handshake) => {
                let Credentials::Ntlm { account, password } = self.credentials else {
                    return Err(TokenError::OtherMechanism.into());
                };
                let challenge = answer.token.ok_or(TokenError::Unreadable)?;
                let bindings = self.bindings.as_deref().map(bindings_digest);
                let identity = Identity { account, password, service: &self.service, bindings };
                let entropy = Entropy::new().map_err(|error| Error::Setting {
                    what: format!("this system gives no random numbers: {error}"),
                    hint: "check `/dev/urandom`",
                })?;
                let (message, mut session) = handshake.answer(&challenge, &identity, &entropy)?;
                let signature = session.sign(&spnego::mechanisms(NTLM));
                session.restart_ours();
                self.stage = Stage::Answered(Box::new(session));
                self.has_answered = true;
                Ok(Next::Token(spnego::go_on(&message, &signature)))
            }
            Stage::Answered(mut session) => {
                if answer.state != State::Completed || answer.token.is_some_and(|token| !token.is_empty()) {
                    return Err(TokenError::Unreadable.into());
                }
                if let Some(signature) = answer.list_signature {
                    if !session.verify(&spnego::mechanisms(NTLM), &signature) {
                        return Err(Error::NotSealed {
                            what: "the host's signature over the login is wrong",
                        });
                    }
                    session.restart_theirs();
                }
                Ok(Next::Done(Context::Ntlm(session)))
            }
            Stage::Over => Err(TokenError::Unreadable.into()),
        }
    }

    /// The host agreed without a last token, which a host may do that has nothing to sign ([RFC 4178] 5).
    pub(crate) fn finish(&mut self) -> Result<Context, Error> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Answered(session) => Ok(Context::Ntlm(session)),
            _ => Err(TokenError::Unreadable.into()),
        }
    }
}
