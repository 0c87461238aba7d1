//! Asks the hosts of an inventory without a run: how they are reached, as whom, and what is asked at once.
//!
//! `preflight` and `audit` share it; what they ask is an operation of theirs.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use secrecy::SecretString;
use serde_json::Value;

use super::CommandError;
use super::args::AskArgs;
use super::load::{self, Loaded, Reach};
use super::terminal::{self, Environment};
use super::trust::inventory_variable;
use crate::executor::{ExamineHost, Examined, examine};
use crate::hostlog::sanitize_line;
use crate::inventory::HostName;
use crate::operation::Operation;
use crate::plan::{BecomeDefaults, Login, LoginError, RunScope, resolve_login};
use crate::playbook::Become;
use crate::preflight::host::place_of;
use crate::template::Engine;
use crate::transport::settled;
use crate::transport::{Target, TransportError};

/// How the hosts are reached and as whom, and their variables.
pub(super) struct Asking<'a> {
    pub(super) loaded: &'a Loaded,
    reach: Reach,
    scope: Arc<RunScope>,
    engine: Engine,
    become_defaults: BecomeDefaults,
}

/// A variable that cannot be read, as a connection error.
struct Refused(TransportError);

impl From<LoginError> for Refused {
    fn from(error: LoginError) -> Self {
        Self(TransportError::Setting {
            host: String::new(),
            variable: "ansible_become".to_owned(),
            what: error.to_string(),
        })
    }
}

impl<'a> Asking<'a> {
    /// Settles options of the command line; asks for passwords where it says so.
    pub(super) fn new(
        args: &AskArgs,
        loaded: &'a Loaded,
        environment: &Environment,
    ) -> Result<Self, CommandError> {
        let AskArgs { connection, r#become, extra_vars, .. } = args;
        let settings = &loaded.settings.r#become;
        let ask = |asked: bool, text: &str| -> Result<Option<SecretString>, CommandError> {
            asked.then(|| terminal::password(text)).transpose()
        };
        let login = ask(connection.ask_pass, "SSH password: ")?;
        let asks = r#become.ask_become_pass || settings.ask_password == Some(true);
        let become_defaults = BecomeDefaults {
            enabled: r#become.enabled || settings.enabled == Some(true),
            user: r#become.become_user.clone().or_else(|| settings.user.clone()),
            method: r#become.become_method.clone().or_else(|| settings.method.clone()),
            exe: settings.exe.clone(),
            flags: settings.flags.clone(),
            password: ask(asks, "BECOME password: ")?,
        };
        let reach = Reach::new(connection, &loaded.settings, login, environment)?;
        let magic = load::magic(loaded, environment);
        let scope = Arc::new(load::run_scope(loaded, extra_vars, magic, environment)?);
        let engine = Engine::with_vault(loaded.vault.clone());
        Ok(Self { loaded, reach, scope, engine, become_defaults })
    }

    /// A variable of a host, rendered.
    pub(super) fn variable(&self, host: &HostName, name: &str) -> Result<Option<Value>, TransportError> {
        inventory_variable(&self.scope, &self.engine, host, name).map_err(|error| error.of(&host.0, name))
    }

    /// Where the inventory assigns agents to a host: `FILE:LINE`, else `HOST:agent`.
    pub(super) fn agents_place(&self, host: &HostName) -> String {
        place_of(&self.loaded.inventory, host, "agent").unwrap_or_else(|| format!("{}:agent", host.0))
    }

    /// A host with the operation that asks it.
    pub(super) fn host(&self, host: &HostName, operation: Box<dyn Operation>) -> ExamineHost {
        let (target, login, password) = self.way(host);
        ExamineHost { name: host.clone(), target, login, password, operation }
    }

    /// Asks hosts, so many at once, and prints what their connections warn about. The answers come in the order of the
    /// hosts.
    pub(super) fn all(
        &self,
        hosts: Vec<ExamineHost>,
        forks: Option<u32>,
    ) -> Result<Vec<Examined>, CommandError> {
        terminal::raise_file_limit();
        let forks = forks.map(|forks| forks as usize).or(self.loaded.settings.forks).unwrap_or(50);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let examined = runtime.block_on(settled(examine(hosts, forks)));
        warn(&examined);
        Ok(examined)
    }

    /// How a host is reached, and as whom.
    fn way(&self, host: &HostName) -> (Result<Target, TransportError>, Login, Option<SecretString>) {
        let variable = |name: &str| inventory_variable(&self.scope, &self.engine, host, name);
        let target = self.reach.target(host, &self.loaded.inventory, &variable);
        let rendered = |name: &str| self.variable(host, name).map_err(Refused);
        // There are no keywords without a play.
        let keyword = |_: &crate::source::Node| Ok(Value::Null);
        match resolve_login(&Become::default(), &self.become_defaults, &rendered, &keyword) {
            Ok((login, password)) => (target, login, password),
            Err(Refused(TransportError::Setting { variable, what, .. })) => {
                let host = host.0.to_string();
                (Err(TransportError::Setting { host, variable, what }), Login::Plain, None)
            }
            Err(Refused(error)) => (Err(error), Login::Plain, None),
        }
    }
}

/// Prints what connections warn about, each thing once.
fn warn(examined: &[Examined]) {
    let warnings: BTreeSet<String> = examined
        .iter()
        .flat_map(|host| host.warnings.iter().map(|text| format!("{}: {text}", host.name.0)))
        .collect();
    for warning in warnings {
        let _ = writeln!(std::io::stderr(), "warning: {}", sanitize_line(&warning));
    }
}
