//! Logs in: agent and keys, then keyboard-interactive, then password, as OpenSSH orders them.
//!
//! A key that the agent holds and the user named goes first, then the agent's other keys, then key files. Each
//! credential is offered once; a password that was typed into a keyboard-interactive prompt is not sent again.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Interactive};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg, PublicKey};
use russh::{MethodKind, MethodSet};
use secrecy::ExposeSecret as _;
use tokio::net::UnixStream;

use super::Hop;
use super::connection::{Client, State};
use super::identity::{Identity, IdentityError};
use crate::transport::{Authentication, TransportError};

/// An agent is a local program; one that hangs must not hold up a rollout.
const AGENT_LIMIT: Duration = Duration::from_secs(10);
/// Rounds of keyboard-interactive; a server may ask for ever.
const ROUNDS: usize = 8;

/// Proves to the host that we are `hop.user`.
pub(super) async fn log_in(
    handle: &mut Handle<Client>,
    hop: &Hop<'_>,
    state: &State,
) -> Result<(), TransportError> {
    let mut attempt = Attempt::new(handle, hop, state);
    let (keys, agent) = attempt.keys().await?;
    attempt.agent = agent;
    match attempt.run(keys).await? {
        true => Ok(()),
        false => Err(attempt.failure()),
    }
}

/// A key that can be offered.
enum Key {
    Agent(Box<AgentIdentity>),
    File(Box<Identity>),
}

struct Attempt<'a> {
    handle: &'a mut Handle<Client>,
    hop: &'a Hop<'a>,
    state: &'a State,
    agent: Option<AgentClient<UnixStream>>,
    /// What the host accepts next; unknown before the first answer.
    methods: Option<MethodSet>,
    /// What was tried, in a person's words.
    tried: Vec<String>,
    /// What could not be tried, and why.
    passed_over: Vec<String>,
    /// What to do about the first key file that could not be tried.
    key_hint: Option<String>,
    partial: bool,
    password_sent: bool,
    rsa: Option<Option<HashAlg>>,
}

impl<'a> Attempt<'a> {
    fn new(handle: &'a mut Handle<Client>, hop: &'a Hop<'a>, state: &'a State) -> Self {
        Self {
            handle,
            hop,
            state,
            agent: None,
            methods: None,
            tried: Vec::new(),
            passed_over: Vec::new(),
            key_hint: None,
            partial: false,
            password_sent: false,
            rsa: None,
        }
    }

    fn credentials(&self) -> &'a Authentication {
        self.hop.authentication
    }

    /// The keys to offer, in order.
    async fn keys(&mut self) -> Result<(VecDeque<Key>, Option<AgentClient<UnixStream>>), TransportError> {
        let credentials = self.credentials();
        let mut files = Vec::new();
        for path in &credentials.keys {
            match Identity::read(path) {
                Ok(identity) => files.push(identity),
                Err(error) if error.is_missing() && !credentials.keys_named => {}
                Err(error) if credentials.keys_named => return Err(error.into()),
                Err(error) => self.pass_over(&error),
            }
        }
        let (mut held, agent) = self.ask_agent().await;
        let mut keys = VecDeque::new();
        let mut only_file = Vec::new();
        for file in files {
            let same = |identity: &AgentIdentity| {
                file.public
                    .as_ref()
                    .is_some_and(|public| public.key_data() == identity.public_key().key_data())
            };
            let (named, others): (Vec<_>, Vec<_>) = held.into_iter().partition(same);
            held = others;
            if named.is_empty() {
                only_file.push(Key::File(Box::new(file)));
            }
            keys.extend(named.into_iter().map(|identity| Key::Agent(Box::new(identity))));
        }
        if !credentials.keys_named {
            keys.extend(held.into_iter().map(|identity| Key::Agent(Box::new(identity))));
        }
        keys.extend(only_file);
        Ok((keys, agent))
    }

    /// Notes a key file that nobody named and that cannot be used.
    fn pass_over(&mut self, error: &IdentityError) {
        self.passed_over.push(error.to_string());
        self.key_hint = self.key_hint.take().or_else(|| error.hint());
    }

    async fn ask_agent(&mut self) -> (Vec<AgentIdentity>, Option<AgentClient<UnixStream>>) {
        let Some(socket) = &self.credentials().agent else { return (Vec::new(), None) };
        let asking = async {
            let mut agent = AgentClient::connect_uds(socket).await?;
            let identities = agent.request_identities().await?;
            Ok::<_, russh::keys::Error>((identities, agent))
        };
        let reason = match tokio::time::timeout(AGENT_LIMIT, asking).await {
            Ok(Ok((identities, agent))) => return (identities, Some(agent)),
            Ok(Err(error)) => error.to_string().to_lowercase(),
            Err(_) => "no answer".to_owned(),
        };
        self.passed_over.push(format!("the agent at `{}`: {reason}", socket.display()));
        (Vec::new(), None)
    }

    async fn run(&mut self, mut keys: VecDeque<Key>) -> Result<bool, TransportError> {
        let mut interactive_tried = false;
        if keys.is_empty() {
            let asking = self.handle.authenticate_none(self.hop.user);
            let answer = within(self.hop, asking).await?;
            if self.learn(answer)? {
                return Ok(true);
            }
        }
        loop {
            if self.accepts(MethodKind::PublicKey)
                && let Some(key) = keys.pop_front()
            {
                if self.offer(key).await? {
                    return Ok(true);
                }
            } else if self.methods.is_none() {
                // No key could be offered after all; the host has not yet said what it accepts.
                let asking = self.handle.authenticate_none(self.hop.user);
                let answer = within(self.hop, asking).await?;
                if self.learn(answer)? {
                    return Ok(true);
                }
            } else if self.accepts(MethodKind::KeyboardInteractive)
                && !interactive_tried
                && self.password().is_some()
            {
                interactive_tried = true;
                if self.interactive().await? {
                    return Ok(true);
                }
            } else if self.accepts(MethodKind::Password)
                && let Some(password) = self.password()
            {
                self.password_sent = true;
                self.tried.push("the password".to_owned());
                let asking = self.handle.authenticate_password(self.hop.user, password);
                let answer = within(self.hop, asking).await?;
                if self.learn(answer)? {
                    return Ok(true);
                }
            } else {
                return Ok(false);
            }
        }
    }

    /// The password, as long as it was not sent.
    fn password(&self) -> Option<String> {
        if self.password_sent {
            return None;
        }
        self.credentials().password.as_ref().map(|password| password.expose_secret().to_owned())
    }

    fn accepts(&self, method: MethodKind) -> bool {
        match &self.methods {
            Some(methods) => methods.contains(&method),
            None => method == MethodKind::PublicKey,
        }
    }

    fn learn(&mut self, answer: AuthResult) -> Result<bool, TransportError> {
        match answer {
            AuthResult::Success => Ok(true),
            AuthResult::Failure { remaining_methods, partial_success } => {
                self.answered(remaining_methods, partial_success)?;
                Ok(false)
            }
        }
    }

    fn answered(&mut self, remaining: MethodSet, partial: bool) -> Result<(), TransportError> {
        // The library reports a lost connection as a failure with no methods left.
        if remaining.is_empty() && self.state.reason.get().is_some() {
            return Err(self.cut_off());
        }
        if partial {
            self.partial = true;
            if let Some(last) = self.tried.last_mut() {
                last.push_str(" (accepted, but more is needed)");
            }
        }
        self.methods = Some(remaining);
        Ok(())
    }

    async fn offer(&mut self, key: Key) -> Result<bool, TransportError> {
        match key {
            Key::Agent(identity) => self.offer_agent(&identity).await,
            Key::File(identity) => self.offer_file(&identity).await,
        }
    }

    async fn offer_agent(&mut self, identity: &AgentIdentity) -> Result<bool, TransportError> {
        let public = identity.public_key().into_owned();
        let name = name_of(&public, identity.comment());
        let Some(hash) = self.hash_for(&public).await? else {
            self.passed_over.push(format!("the agent's key {name}: the host takes RSA only with SHA-1"));
            return Ok(false);
        };
        let Some(agent) = self.agent.as_mut() else { return Ok(false) };
        let user = self.hop.user;
        // A key in hardware may want to be touched, so the signature has no less time than a person needs.
        let limit = self.hop.timeout.max(Duration::from_secs(60));
        let asking = async {
            match identity {
                AgentIdentity::PublicKey { key, .. } => {
                    self.handle.authenticate_publickey_with(user, key.clone(), hash, agent).await
                }
                AgentIdentity::Certificate { certificate, .. } => {
                    self.handle.authenticate_certificate_with(user, certificate.clone(), hash, agent).await
                }
            }
        };
        match tokio::time::timeout(limit, asking).await {
            Ok(Ok(answer)) => {
                self.tried.push(format!("the agent's key {name}"));
                self.learn(answer)
            }
            Ok(Err(error)) => {
                if self.handle.is_closed() {
                    return Err(self.cut_off());
                }
                self.passed_over
                    .push(format!("the agent's key {name}: {}", error.to_string().to_lowercase()));
                Ok(false)
            }
            Err(_) => Err(silent(self.hop, limit)),
        }
    }

    async fn offer_file(&mut self, identity: &Identity) -> Result<bool, TransportError> {
        let path = identity.path.display().to_string();
        let (copy, credentials) = (identity.clone(), self.credentials());
        let (passphrase, ask) = (credentials.passphrase.clone(), credentials.ask.clone());
        // Decrypting takes long on purpose, and asking takes as long as a person needs.
        let reading = tokio::task::spawn_blocking(move || copy.private(passphrase.as_ref(), ask.as_ref()));
        let private = reading.await.map_err(|error| TransportError::Local { message: error.to_string() })?;
        let key = match private {
            Ok(Some(key)) => key,
            Ok(None) => {
                self.passed_over
                    .push(format!("`{path}`: it holds a public key that the agent does not have"));
                return Ok(false);
            }
            Err(error) if self.credentials().keys_named => return Err(error.into()),
            Err(error) => {
                self.pass_over(&error);
                return Ok(false);
            }
        };
        if let Some(certificate) = &identity.certificate {
            self.tried.push(format!("the certificate `{path}-cert.pub`"));
            let (key, certificate) = (Arc::clone(&key), certificate.clone());
            let asking = self.handle.authenticate_openssh_cert(self.hop.user, key, certificate);
            let answer = within(self.hop, asking).await?;
            if self.learn(answer)? {
                return Ok(true);
            }
            if !self.accepts(MethodKind::PublicKey) {
                return Ok(false);
            }
        }
        let Some(hash) = self.hash_for(key.public_key()).await? else {
            self.passed_over.push(format!("`{path}`: the host takes RSA only with SHA-1"));
            return Ok(false);
        };
        self.tried.push(format!("the key `{path}`"));
        let asking = self.handle.authenticate_publickey(self.hop.user, PrivateKeyWithHashAlg::new(key, hash));
        let answer = within(self.hop, asking).await?;
        self.learn(answer)
    }

    /// The hash for signatures of this key: `Some(None)` if its type has only one, `None` if the host
    /// would take nothing better than SHA-1.
    async fn hash_for(&mut self, key: &PublicKey) -> Result<Option<Option<HashAlg>>, TransportError> {
        if !matches!(key.algorithm(), Algorithm::Rsa { .. }) {
            return Ok(Some(None));
        }
        if self.rsa.is_none() {
            let asking = self.handle.best_supported_rsa_hash();
            // A host that does not say what it takes is old, or is not OpenSSH; most of them take SHA-512.
            self.rsa = Some(within(self.hop, asking).await?.unwrap_or(Some(HashAlg::Sha512)));
        }
        Ok(self.rsa.flatten().map(Some))
    }

    async fn interactive(&mut self) -> Result<bool, TransportError> {
        let starting = self.handle.authenticate_keyboard_interactive_start(self.hop.user, None);
        let mut answer = within(self.hop, starting).await?;
        for _ in 0..ROUNDS {
            let prompts = match answer {
                Interactive::Success => return Ok(true),
                Interactive::Failure { remaining_methods, partial_success } => {
                    self.answered(remaining_methods, partial_success)?;
                    return Ok(false);
                }
                Interactive::InfoRequest { prompts, .. } => prompts,
            };
            let responses = match prompts.as_slice() {
                [] => Vec::new(),
                [prompt] if !prompt.echo && !self.password_sent => {
                    let password = self.password().unwrap_or_default();
                    self.password_sent = true;
                    self.tried.push("the password (keyboard-interactive)".to_owned());
                    vec![password]
                }
                several => {
                    let asked: Vec<&str> = several.iter().map(|prompt| prompt.prompt.trim()).collect();
                    self.passed_over.push(format!(
                        "keyboard-interactive: the host asks `{}`, which a password does not answer",
                        asked.join("`, `")
                    ));
                    vec![String::new(); several.len()]
                }
            };
            let responding = self.handle.authenticate_keyboard_interactive_respond(responses);
            answer = within(self.hop, responding).await?;
        }
        self.passed_over.push("keyboard-interactive: the host keeps asking".to_owned());
        Err(self.failure())
    }

    fn cut_off(&self) -> TransportError {
        let why = self.state.ended_because();
        let mut reason = format!("{why}; tried {}", list(&self.tried, "nothing"));
        if self.tried.len() > 1 {
            reason.push_str(
                "\nhint: the host counts every key that is offered; name the right one (`ansible_ssh_private_key_file`, or \
                 `IdentityFile` with `IdentitiesOnly yes`)",
            );
        }
        self.error(reason)
    }

    fn failure(&self) -> TransportError {
        let mut reason = format!("tried {}", list(&self.tried, "nothing"));
        let methods = self.methods.as_ref();
        let accepted: Vec<&str> = methods.iter().flat_map(|methods| methods.iter()).map(Into::into).collect();
        if !accepted.is_empty() {
            let still = if self.partial { "still wants" } else { "accepts" };
            let _ = write!(reason, "; the host {still} `{}`", accepted.join("`, `"));
        }
        if !self.passed_over.is_empty() {
            let _ = write!(reason, "; not tried: {}", self.passed_over.join("; "));
        }
        let wants_password =
            accepted.iter().any(|method| matches!(*method, "password" | "keyboard-interactive"));
        let hint = if let (true, Some(hint)) = (self.tried.is_empty(), &self.key_hint) {
            hint
        } else if wants_password && self.credentials().password.is_none() {
            "the host takes a password: ask for it with -k, or set `ansible_password`"
        } else if self.tried.is_empty() {
            "there was nothing to offer: start an agent, name a key with --private-key, or ask for a password with -k"
        } else if self.password_sent {
            "check the login name and the password"
        } else {
            "check the login name, and that the public key is in the host's authorized_keys"
        };
        let _ = write!(reason, "\nhint: {hint}");
        self.error(reason)
    }

    fn error(&self, reason: String) -> TransportError {
        let (user, address) = (self.hop.user.to_owned(), self.hop.address.to_owned());
        TransportError::Authenticate { user, address, reason }
    }
}

/// Waits for the host's answer, no longer than the limit of the phase.
async fn within<T>(
    hop: &Hop<'_>,
    asking: impl Future<Output = Result<T, russh::Error>>,
) -> Result<T, TransportError> {
    match tokio::time::timeout(hop.timeout, asking).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(TransportError::Authenticate {
            user: hop.user.to_owned(),
            address: hop.address.to_owned(),
            reason: super::describe(&error),
        }),
        Err(_) => Err(silent(hop, hop.timeout)),
    }
}

fn silent(hop: &Hop<'_>, limit: Duration) -> TransportError {
    TransportError::Authenticate {
        user: hop.user.to_owned(),
        address: hop.address.to_owned(),
        reason: format!("no answer within {} s", limit.as_secs_f32()),
    }
}

fn name_of(key: &PublicKey, comment: &str) -> String {
    let fingerprint = key.fingerprint(HashAlg::Sha256);
    if comment.is_empty() { format!("{fingerprint}") } else { format!("`{comment}` ({fingerprint})") }
}

fn list(items: &[String], none: &str) -> String {
    if items.is_empty() { none.to_owned() } else { items.join(", ") }
}

#[cfg(test)]
#[path = "authenticate_tests.rs"]
mod tests;
