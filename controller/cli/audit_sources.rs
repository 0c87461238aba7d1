//! What `paceline audit` looks at: the rendered inventory, the server's configuration, the hosts.

use std::sync::Arc;

use super::asking::Asking;
use super::audit::AuditArgs;
use super::load::{self, Loaded};
use super::terminal::Environment;
use super::trust::inventory_variable;
use super::{CommandError, audit_live};
use crate::audit::{Configuration, Declared, DeclaredHost, Observed};
use crate::inventory::HostName;
use crate::plan::RunScope;
use crate::preflight::certificate::Policy;
use crate::preflight::host::place_of;
use crate::template::Engine;

/// How the sources are read.
pub(super) struct Reading<'a> {
    args: &'a AuditArgs,
    loaded: &'a Loaded,
    environment: &'a Environment,
    scope: Arc<RunScope>,
    engine: Engine,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        args: &'a AuditArgs,
        loaded: &'a Loaded,
        environment: &'a Environment,
    ) -> Result<Self, CommandError> {
        let magic = load::magic(loaded, environment);
        let scope = Arc::new(load::run_scope(&loaded.inventory, &args.extra_vars, magic, environment)?);
        Ok(Self { args, loaded, environment, scope, engine: Engine::new() })
    }

    fn variable(&self, host: &HostName, name: &str) -> Result<Option<serde_json::Value>, CommandError> {
        inventory_variable(&self.scope, &self.engine, host, name)
            .map_err(|error| CommandError::failed(error.of(&host.0, name)))
    }

    /// What the inventory declares: all of its hosts, those that `--limit` leaves out as well.
    pub(super) fn declared(&self) -> Result<Declared, CommandError> {
        let selected = self.loaded.select(self.args.inventory.limit.as_deref(), self.environment)?;
        if selected.is_empty() {
            return Err(CommandError::user("no host is selected")
                .hint("`paceline inventory list` shows what there is; `-l` selects"));
        }
        let selected: std::collections::HashSet<&HostName> = selected.iter().collect();
        let mut declared = Declared::default();
        for name in self.loaded.inventory.hosts.keys() {
            let place = place_of(&self.loaded.inventory, name, "agent");
            let mut host = DeclaredHost::read(&name.0, place, self.variable(name, "agent")?.as_ref());
            host.selected = selected.contains(name);
            let group = self.variable(name, "maintenance_group")?;
            host.maintenance_group = group.and_then(|group| group.as_str().map(str::to_owned));
            declared.hosts.push(host);
        }
        Ok(declared)
    }

    /// What the server's configuration says.
    pub(super) fn configuration(&self) -> Result<Option<Configuration>, CommandError> {
        match &self.args.config {
            None => Ok(None),
            Some(_) => Err(not_yet("--config")),
        }
    }

    /// What the hosts say: all that are selected, or those with agents where it is asked who could serve a connector.
    pub(super) fn observed(
        &self,
        declared: &Declared,
        policy: &Policy,
    ) -> Result<Option<Observed>, CommandError> {
        let args = self.args;
        if !args.live {
            return Ok(None);
        }
        let mut hosts = self.loaded.select(args.inventory.limit.as_deref(), self.environment)?;
        let mut addresses = Vec::new();
        if let Some(connector) = &args.who_could_serve {
            addresses = declared.addresses(connector);
            if addresses.is_empty() {
                // There is nothing to ask anybody.
                return Ok(Some(Observed::default()));
            }
            let has_agents = |host: &HostName| {
                declared.hosts.iter().any(|known| *known.name == *host.0 && !known.agents.is_empty())
            };
            hosts.retain(has_agents);
        }
        let asking =
            Asking::new(&args.connection, &args.r#become, &args.extra_vars, self.loaded, self.environment)?;
        audit_live::ask(&asking, &hosts, &addresses, policy, args.forks).map(Some)
    }
}

fn not_yet(option: &str) -> CommandError {
    CommandError::user(format!("`paceline audit {option}` is not supported yet"))
        .hint("without it the inventory alone is judged")
}
