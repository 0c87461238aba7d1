//! Hosts as a run reached them: for commands that go back to the hosts of a run that is over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;

use super::CommandError;
use super::args::{ConnectionArgs, Global, InventoryArgs};
use super::load::{self, Loaded, Reach};
use super::terminal::{self, Environment};
use super::trust::inventory_variable;
use crate::executor::event::EventKind;
use crate::executor::{Given, Reached, Visit};
use crate::inventory::HostName;
use crate::journal::{self, RunFolder, RunRecord};
use crate::plan::{Login, RunScope};
use crate::template::Engine;
use crate::transport::{Target, TransportError};

/// What the journal of a run tells about one host.
#[derive(Clone, Debug, Default)]
pub(super) struct RecordedHost {
    /// How it was reached last.
    pub reached: Option<Box<Reached>>,
    /// The users that worked there; none is the login user.
    pub users: BTreeSet<Option<String>>,
}

/// Reads which hosts a run reached, and as whom it worked there.
pub(super) fn hosts(folder: &RunFolder) -> Result<BTreeMap<String, RecordedHost>, CommandError> {
    let mut hosts: BTreeMap<String, RecordedHost> = BTreeMap::new();
    for event in journal::read(&folder.journal()).map_err(CommandError::failed)? {
        // A damaged line loses what it said; what the others say still helps.
        let Ok(event) = event else { continue };
        let Some(host) = event.host else { continue };
        match event.kind {
            EventKind::HostConnected { reached, .. } => {
                let host = hosts.entry(host).or_default();
                host.reached = reached.or(host.reached.take());
            }
            EventKind::LeaseTaken { become_user, .. } | EventKind::RollbackPoint { become_user, .. } => {
                hosts.entry(host).or_default().users.insert(become_user);
            }
            _ => {}
        }
    }
    Ok(hosts)
}

/// What a run was asked with counts unless it is said otherwise now.
pub(super) fn as_recorded(
    inventory: &mut InventoryArgs,
    connection: &mut ConnectionArgs,
    record: &RunRecord,
) -> Given {
    let given = Given {
        user: connection.user.is_some(),
        private_key: connection.private_key.is_some(),
        known_hosts: !connection.known_hosts.is_empty(),
    };
    if inventory.inventory.is_empty() {
        inventory.inventory.clone_from(&record.inventories);
    }
    if inventory.vault.is_empty() {
        inventory.vault.vault_id.clone_from(&record.vault);
    }
    if connection.user.is_none() {
        connection.user.clone_from(&record.user);
    }
    if connection.private_key.is_none() {
        connection.private_key.clone_from(&record.private_key);
    }
    if connection.known_hosts.is_empty() {
        connection.known_hosts.clone_from(&record.known_hosts);
    }
    given
}

/// Finds the way to hosts.
pub(super) struct Way {
    pub loaded: Loaded,
    reach: Reach,
    scope: Arc<RunScope>,
    engine: Engine,
    given: Given,
    /// Where the run was started: relative paths begin there.
    started_in: PathBuf,
    become_password: Option<SecretString>,
}

/// Passwords that were asked for once.
#[derive(Clone, Default)]
pub(super) struct Passwords {
    pub login: Option<SecretString>,
    pub r#become: Option<SecretString>,
}

impl Passwords {
    /// Asks for those that the options want.
    pub(super) fn ask(login: bool, r#become: bool) -> Result<Self, CommandError> {
        let ask = |asked: bool, text: &str| match asked {
            true => terminal::password(text).map(Some),
            false => Ok(None),
        };
        Ok(Self { login: ask(login, "SSH password: ")?, r#become: ask(r#become, "BECOME password: ")? })
    }
}

impl Way {
    /// To the hosts of a run, as its record says and the command line adds.
    pub(super) fn of_run(
        record: &RunRecord,
        inventory: &InventoryArgs,
        connection: &ConnectionArgs,
        passwords: Passwords,
        global: &Global,
        environment: &Environment,
    ) -> Result<Self, CommandError> {
        let (mut inventory, mut connection) = (inventory.clone(), connection.clone());
        let given = as_recorded(&mut inventory, &mut connection, record);
        let directory = record.playbook_dir.as_deref();
        let loaded = load::optional_inventory(&inventory, directory, global, environment)?;
        Self::new(loaded, &connection, given, record.folder.clone(), passwords, environment)
    }

    /// To the hosts of an inventory.
    pub(super) fn of_inventory(
        inventory: &InventoryArgs,
        connection: &ConnectionArgs,
        passwords: Passwords,
        global: &Global,
        environment: &Environment,
    ) -> Result<Self, CommandError> {
        let loaded = load::inventory(inventory, None, global, environment)?;
        Self::new(loaded, connection, Given::default(), environment.folder.clone(), passwords, environment)
    }

    fn new(
        loaded: Loaded,
        connection: &ConnectionArgs,
        given: Given,
        started_in: PathBuf,
        passwords: Passwords,
        environment: &Environment,
    ) -> Result<Self, CommandError> {
        loaded.check(environment)?;
        let reach = Reach::new(connection, &loaded.settings, passwords.login, environment)?;
        let magic = load::magic(&loaded, environment);
        let scope = Arc::new(load::run_scope(&loaded, &[], magic, environment)?);
        let become_password = passwords.r#become;
        let engine = Engine::with_vault(loaded.vault.clone());
        Ok(Self { loaded, reach, scope, engine, given, started_in, become_password })
    }

    /// The way to a host, to be there as `user`, or as the login user without one.
    pub(super) fn visit(&self, name: &str, reached: Option<&Reached>, user: Option<String>) -> Visit {
        let host = HostName::from(name);
        let variable = |name: &str| inventory_variable(&self.scope, &self.engine, &host, name);
        let text = |name: &str| -> Result<Option<String>, TransportError> {
            let value = variable(name).map_err(|error| error.of(&host.0, name))?;
            Ok(value.and_then(|value| value.as_str().map(str::to_owned)))
        };
        let mut base = None;
        let (mut exe, mut flags, mut password) = (None, None, None);
        let target = (|| -> Result<Target, TransportError> {
            let mut target = self.reach.target(&host, &self.loaded.inventory, &variable)?;
            match reached {
                Some(reached) => {
                    reached.apply(&mut target, self.given, &self.started_in);
                    base.clone_from(&reached.base);
                    exe.clone_from(&reached.become_exe);
                    flags.clone_from(&reached.become_flags);
                }
                None => {
                    base = text("paceline_base")?;
                    exe = text("ansible_become_exe")?;
                    flags = text("ansible_become_flags")?;
                }
            }
            if user.is_some() {
                password = match text("ansible_become_password")? {
                    Some(password) => Some(password),
                    None => text("ansible_become_pass")?,
                };
            }
            Ok(target)
        })();
        let login = match user {
            None => Login::Plain,
            Some(user) => Login::Sudo { user, exe, flags },
        };
        let password = password.map(SecretString::from).or_else(|| self.become_password.clone());
        Visit { name: host, target, base, login, password }
    }
}
