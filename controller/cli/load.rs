//! Settings, inventory and variables that the subcommands start from.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indexmap::IndexMap;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::args::{ConnectionArgs, Global, InventoryArgs};
use super::terminal::Environment;
use super::{CommandError, extra_vars};
use crate::executor::groups_value;
use crate::inventory::{HostName, Inventory, InventorySource};
use crate::pattern::{self, Limit, Pattern, PatternError};
use crate::plan::{FactStore, RunScope};
use crate::secrets::vault::Vault;
use crate::settings::{self, Settings};
use crate::source::Diagnostics;
use crate::transport::resolve::ConnectionOptions;
use crate::transport::ssh::config::SshConfig;
use crate::transport::{Lookup, Target, TransportError};

/// What was loaded from files.
pub(super) struct Loaded {
    pub settings: Settings,
    pub sources: Vec<InventorySource>,
    pub inventory: Arc<Inventory>,
    /// What opens encrypted files and values.
    pub vault: Vault,
    /// Warnings about all of it.
    pub diagnostics: Diagnostics,
}

/// Reads `ansible.cfg`, if one counts.
pub(super) fn settings(
    global: &Global,
    environment: &Environment,
    diagnostics: &mut Diagnostics,
) -> Settings {
    if global.no_ansible_cfg {
        return Settings::default();
    }
    let (path, found) = settings::choose(environment.ansible_config.as_deref(), &environment.folder);
    diagnostics.extend(found);
    let Some(path) = path else { return Settings::default() };
    let (settings, found) = Settings::load(&path);
    diagnostics.extend(found);
    match &environment.home {
        Some(home) => settings.with_home(home),
        None => settings,
    }
}

/// What is wrong where an inventory is needed and none is given.
pub(super) fn no_inventory() -> CommandError {
    CommandError::user("no inventory is given")
        .hint("name one with `-i FILE`, or try `paceline lab run playbooks/install-agent.yml`")
}

/// Loads the inventory that `-i` or `ansible.cfg` names; there has to be one.
pub(super) fn inventory(
    args: &InventoryArgs,
    playbook_dir: Option<&std::path::Path>,
    global: &Global,
    environment: &Environment,
) -> Result<Loaded, CommandError> {
    let loaded = optional_inventory(args, playbook_dir, global, environment)?;
    if loaded.sources.is_empty() { Err(no_inventory()) } else { Ok(loaded) }
}

/// Loads the inventory that `-i` or `ansible.cfg` names, if there is one. Without one there is `localhost`.
pub(super) fn optional_inventory(
    args: &InventoryArgs,
    playbook_dir: Option<&std::path::Path>,
    global: &Global,
    environment: &Environment,
) -> Result<Loaded, CommandError> {
    let mut diagnostics = Diagnostics::default();
    let settings = settings(global, environment, &mut diagnostics);
    let mut sources: Vec<InventorySource> =
        args.inventory.iter().map(|argument| InventorySource::from_argument(argument)).collect();
    if sources.is_empty() {
        sources.extend(settings.inventory.iter().cloned().map(InventorySource::Path));
    }
    let vault = args.vault.open(&settings, environment)?;
    let (inventory, found) = Inventory::load(&sources, playbook_dir, &vault);
    diagnostics.extend(found);
    Ok(Loaded { settings, sources, inventory: Arc::new(inventory), vault, diagnostics })
}

impl Loaded {
    /// Fails if anything was wrong; else prints the warnings.
    pub(super) fn check(&self, environment: &Environment) -> Result<(), CommandError> {
        check(&self.diagnostics, environment)
    }

    /// Selects hosts for commands without a playbook.
    pub(super) fn select(
        &self,
        limit: Option<&str>,
        environment: &Environment,
    ) -> Result<Vec<HostName>, CommandError> {
        let limit = parse_limit(limit, environment)?;
        let all = Pattern::parse("all").map_err(pattern_error)?;
        let selection = pattern::select(&self.inventory, &all, limit.as_ref()).map_err(pattern_error)?;
        Ok(selection.hosts)
    }
}

/// Fails if one of the messages is an error; else prints the warnings to standard error.
pub(super) fn check(diagnostics: &Diagnostics, environment: &Environment) -> Result<(), CommandError> {
    if diagnostics.has_errors() {
        return Err(CommandError::diagnostics(diagnostics, environment.error_color));
    }
    super::terminal::warn(diagnostics, environment);
    Ok(())
}

/// Parses `--limit`.
pub(super) fn parse_limit(
    limit: Option<&str>,
    environment: &Environment,
) -> Result<Option<Limit>, CommandError> {
    limit.map(|text| Limit::parse(text, &environment.folder)).transpose().map_err(pattern_error)
}

/// Shows what is wrong with a pattern of the command line.
pub(super) fn pattern_error(error: PatternError) -> CommandError {
    let hint = error.hint();
    let error = CommandError::failed(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Makes the scope that is the same for all hosts.
pub(super) fn run_scope(
    loaded: &Loaded,
    extra: &[String],
    magic: IndexMap<String, Arc<Value>>,
    environment: &Environment,
) -> Result<RunScope, CommandError> {
    Ok(RunScope {
        inventory: loaded.inventory.clone(),
        extra: extra_vars::read(extra, environment.home.as_deref(), &loaded.vault, environment.error_color)?,
        magic,
        groups: Arc::new(groups_value(&loaded.inventory)),
        facts: FactStore::default(),
        folder: environment.folder.clone(),
    })
}

/// Magic variables that every run has.
pub(super) fn magic(loaded: &Loaded, environment: &Environment) -> IndexMap<String, Arc<Value>> {
    let absolute = |path: &PathBuf| environment.folder.join(path);
    let source = loaded.sources.iter().find_map(|source| match source {
        InventorySource::Path(path) => Some(absolute(path)),
        InventorySource::List(_) => None,
    });
    let folder = source.as_ref().map(|path| match path.is_dir() {
        true => path.clone(),
        false => path.parent().map(PathBuf::from).unwrap_or_default(),
    });
    let mut magic = IndexMap::new();
    let mut set = |name: &str, value: Value| magic.insert(name.to_owned(), Arc::new(value));
    set("inventory_dir", json!(folder));
    set("inventory_file", json!(source));
    set(
        "ansible_version",
        json!({"full": "2.19.0", "major": 2, "minor": 19, "revision": 0, "string": "2.19.0"}),
    );
    let paths = loaded.sources.iter().map(|source| match source {
        InventorySource::Path(path) => json!(absolute(path)),
        InventorySource::List(list) => json!(list),
    });
    set("ansible_inventory_sources", paths.collect());
    set("paceline_version", json!(env!("CARGO_PKG_VERSION")));
    magic
}

/// How to reach hosts, without what each host says itself.
pub(super) struct Reach {
    options: ConnectionOptions<'static>,
    ssh_config: SshConfig,
}

/// Tells the user what the connection options mean, each thing once.
fn warn_once(message: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(message.to_owned()) {
        let _ = writeln!(std::io::stderr(), "warning: {message}");
    }
}

impl Reach {
    /// Settles the connection options of command line, `ansible.cfg` and environment.
    pub(super) fn new(
        args: &ConnectionArgs,
        settings: &Settings,
        password: Option<SecretString>,
        environment: &Environment,
    ) -> Result<Self, CommandError> {
        let home = environment.home.clone().ok_or_else(|| {
            CommandError::user("`HOME` is not set").hint("keys and known_hosts are looked for there")
        })?;
        let ssh_config = SshConfig::load(&home).map_err(CommandError::failed)?;
        let options = ConnectionOptions {
            user: args.user.clone().or_else(|| settings.remote_user.clone()),
            private_key: args.private_key.clone().or_else(|| settings.private_key_file.clone()),
            timeout: args.timeout.or(settings.timeout).map(Duration::from_secs),
            known_hosts: args.known_hosts.clone(),
            password,
            passphrase: None,
            agent: environment.agent.clone(),
            local_user: environment.user.clone().unwrap_or_else(|| "root".to_owned()),
            accept_any: settings.host_key_checking == Some(false),
            warn: &warn_once,
            home,
        };
        Ok(Self { options, ssh_config })
    }

    /// Resolves how a host is reached from its variables.
    pub(super) fn target(
        &self,
        host: &HostName,
        inventory: &Inventory,
        variables: &Lookup<'_>,
    ) -> Result<Target, TransportError> {
        if pattern::is_localhost(&host.0) && !inventory.hosts.contains_key(host) {
            return Ok(crate::transport::resolve::local(&host.0));
        }
        crate::transport::resolve::target(&host.0, variables, &self.options, &self.ssh_config)
    }
}
