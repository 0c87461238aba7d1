//! Logging in. A login belongs to one connection; what it agrees on seals the messages of that connection.

mod account;
mod context;
mod credentials;
pub(crate) mod der;
mod gssapi_ffi;
mod kerberos;
mod negotiate;
mod negotiation;
mod ntlm;
mod spnego;

pub use account::{Account, AccountError};
pub(crate) use context::Context;
pub use credentials::Credentials;
pub use kerberos::Service;
pub(crate) use kerberos::Tickets;
pub(crate) use negotiation::{Negotiation, Next};
pub use ntlm::ChallengeError;
pub(crate) use ntlm::Session as NtlmSession;
pub use spnego::TokenError;
