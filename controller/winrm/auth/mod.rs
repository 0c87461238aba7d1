mod account;
pub(crate) mod der;
mod ntlm;
mod spnego;
