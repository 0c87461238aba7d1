//! What a client logs in with.

use std::fmt;

use secrecy::SecretString;

use super::account::Account;
use super::kerberos::Service;

/// How a client logs in. Nothing falls back to another method: what was asked for is done or fails.
#[derive(Clone)]
#[non_exhaustive]
pub enum Credentials {
    /// NTLMv2, over http with every message sealed, over https bound to the connection.
    Ntlm {
        /// Who.
        account: Account,
        /// The password.
        password: SecretString,
    },
    /// Kerberos through the system's library, over http with every message sealed, over https bound to the connection.
    Kerberos {
        /// Who: `user@realm`, or `user` of the default realm. None takes whoever the tickets are for.
        account: Option<Account>,
        /// The password. None takes the system's tickets or keytab (`KRB5CCNAME`, `KRB5_CLIENT_KTNAME`).
        password: Option<SecretString>,
        /// What the host is known as.
        service: Service,
        /// The host's name in the domain, where it is not the endpoint's.
        host: Option<String>,
    },
    /// The name and password in every request, for users of the host itself. Over https only, unless `allow_plain`.
    Basic {
        /// Who.
        account: Account,
        /// The password.
        password: SecretString,
        /// Sends them over http, where everybody in between can read them.
        allow_plain: bool,
    },
    /// A client certificate that the host maps to a user; https only.
    Certificate {
        /// The certificate and those that it is signed by, PEM.
        certificate_pem: Vec<u8>,
        /// Its private key, PEM, not encrypted.
        key_pem: SecretString,
    },
}

impl Credentials {
    /// The method's name in messages.
    pub(crate) fn method(&self) -> &'static str {
        match self {
            Self::Ntlm { .. } => "NTLM",
            Self::Kerberos { .. } => "Kerberos",
            Self::Basic { .. } => "Basic",
            Self::Certificate { .. } => "certificate",
        }
    }

    /// Who logs in, for messages.
    pub(crate) fn who(&self) -> String {
        match self {
            Self::Ntlm { account, .. } | Self::Basic { account, .. } => account.to_string(),
            Self::Kerberos { account: Some(account), .. } => account.to_string(),
            Self::Kerberos { account: None, .. } => "the owner of the tickets".into(),
            Self::Certificate { .. } => "the client certificate".into(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} of {})", self.method(), self.who())
    }
}
