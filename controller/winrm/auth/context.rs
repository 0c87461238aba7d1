//! What a login agreed on, for the messages of its connection.

use super::NtlmSession;
use super::gssapi_ffi::GssContext;
use crate::error::Error;
use crate::seal;

/// The keys of one connection. Messages have to be opened in the order in which they came.
pub(crate) enum Context {
    Ntlm(Box<NtlmSession>),
    Kerberos(Box<GssContext>),
}

impl Context {
    /// The protocol as sealed bodies name it ([MS-WSMV] 2.2.9.1).
    pub(crate) fn protocol(&self) -> &'static str {
        match self {
            Self::Ntlm(_) => "application/HTTP-SPNEGO-session-encrypted",
            Self::Kerberos(_) => "application/HTTP-Kerberos-session-encrypted",
        }
    }

    /// The body that carries `message`. It is for this connection and this moment: never sent twice.
    pub(crate) fn seal(&mut self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let protocol = self.protocol();
        match self {
            Self::Ntlm(session) => {
                let mut sealed = message.to_vec();
                let signature = session.seal(&mut sealed);
                Ok(seal::wrap(protocol, message.len(), &signature, &sealed))
            }
            Self::Kerberos(context) => {
                let mut sealed = message.to_vec();
                let (header, padding) = context.wrap(&mut sealed).map_err(|failure| Error::Kerberos {
                    reason: format!("sealing a message: {}", failure.text),
                    hint: "the tickets may have expired".into(),
                    is_temporary: false,
                })?;
                sealed.extend_from_slice(&padding);
                Ok(seal::wrap(protocol, sealed.len(), &header, &sealed))
            }
        }
    }

    /// The message in a body, which has to be sealed by the host.
    pub(crate) fn open(&mut self, content_type: &str, body: Vec<u8>) -> Result<Vec<u8>, Error> {
        let mut sealed = seal::unwrap(content_type, body, self.protocol())?;
        // Ciphers that pad count the padding in.
        let mut padding = 0;
        let message = match self {
            Self::Ntlm(session) => {
                let mut message = sealed.sealed;
                if !session.unseal(&mut message, &sealed.signature) {
                    return Err(Error::NotSealed { what: "the signature is wrong" });
                }
                message
            }
            Self::Kerberos(context) => {
                let mut message = sealed.sealed;
                let length = message.len();
                let range = context
                    .unwrap(&mut sealed.signature, &mut message)
                    .map_err(|_| Error::NotSealed { what: "the signature is wrong" })?;
                message.truncate(range.end);
                message.drain(..range.start);
                padding = length - message.len();
                message
            }
        };
        if message.len() != sealed.plain_length && message.len() + padding != sealed.plain_length {
            return Err(Error::NotSealed { what: "its length is not the one that it names" });
        }
        Ok(message)
    }
}
