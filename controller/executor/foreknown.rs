//! What is known of hosts before a run, for its waves: what they serve, their maintenance groups, which of them a play
//! may change.
//!
//! Nothing of it concerns inventories without `agent`: a host counts only if that variable has the shape of agents.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use super::connection_variable::connection_variable;
use crate::inventory::{Agent, HostName};
use crate::plan::{
    CompiledPlay, CompiledTask, Foreseen, Foresight, HostScope, LoopScope, PlayScope, RunScope, Serving,
    TaskScope, may_change,
};
use crate::source::{Diagnostic, Diagnostics};
use crate::template::Engine;
use crate::transport::Unrendered;

/// The variable that names the hosts which may be worked on at the same time.
const GROUP: &str = "maintenance_group";

/// Reads variables of hosts before a run.
pub(super) struct Foreknown<'a> {
    pub run: &'a Arc<RunScope>,
    pub engine: &'a Engine,
}

impl Foreknown<'_> {
    /// Reads the agents of all hosts of the inventory. Where they are not known before the run, a warning says so.
    pub(super) fn serving(&self, diagnostics: &mut Diagnostics) -> (Serving, HashSet<HostName>) {
        let (mut serving, mut with_agents) = (Serving::default(), HashSet::new());
        let mut warned = HashSet::new();
        for host in self.run.inventory.hosts.keys() {
            match self.variable(host, "agent") {
                Ok(None) => {}
                Ok(Some(value)) => {
                    // What has another shape is somebody else's variable; `inventory` notes it.
                    if let Ok(agents) = Agent::read(&value) {
                        serving.add(host, &agents);
                        with_agents.insert(host.clone());
                    }
                }
                Err(unrendered) => {
                    let variable = self.run.inventory.variable(host, "agent");
                    let meant = variable.filter(|variable| Agent::read(&variable.node.to_value()).is_ok());
                    if let Some(variable) = meant.filter(|variable| warned.insert(variable.node.span.place()))
                    {
                        let message = format!(
                            "it is not known before the run what `{host}` serves: {}",
                            unrendered.reason
                        );
                        let warning = Diagnostic::warning(&variable.node.span, message);
                        diagnostics.push(warning.hint("waves are made as if it served nothing"));
                    }
                }
            }
        }
        (serving, with_agents)
    }

    /// Reads the maintenance group of a host; nothing if it has none.
    ///
    /// # Errors
    /// It is not known before the run, or no text.
    pub(super) fn maintenance_group(&self, host: &HostName) -> Result<Option<String>, Diagnostic> {
        let problem = match self.variable(host, GROUP) {
            Ok(None | Some(Value::Null)) => return Ok(None),
            Ok(Some(Value::String(name))) if name.is_empty() => return Ok(None),
            Ok(Some(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_)))) => {
                return Ok(Some(crate::module::to_text(&value)));
            }
            Ok(Some(_)) => format!("`{GROUP}` of `{host}` is not text"),
            Err(unrendered) => {
                format!("`{GROUP}` of `{host}` is not known before the run: {}", unrendered.reason)
            }
        };
        let hint = "waves keep to maintenance groups; `order: inventory` in the play makes them without";
        let span = self.run.inventory.variable(host, GROUP).map(|variable| variable.node.span.clone());
        let mut diagnostic = match span {
            Some(span) => Diagnostic::error(&span, problem),
            None => Diagnostic::bare(problem),
        };
        diagnostic.hint = Some(hint.to_owned());
        Err(diagnostic)
    }

    /// Finds the hosts that a play may change.
    pub(super) fn touched(
        &self,
        hosts: impl Iterator<Item = HostName>,
        play: &PlayScope,
        compiled: &CompiledPlay,
        foresight: &Foresight,
    ) -> HashSet<HostName> {
        hosts.filter(|host| may_change(compiled, &|task| self.holds(task, host, play, foresight))).collect()
    }

    /// What is known of the conditions of a task: nothing as long as one of them reads what is still to come.
    fn holds(
        &self,
        task: &CompiledTask,
        host: &HostName,
        play: &PlayScope,
        foresight: &Foresight,
    ) -> Option<bool> {
        let learned = self.run.facts.of(host);
        let of_task = TaskScope {
            vars: &task.directives.vars,
            role: task.role.as_deref(),
            folder: task.task.span.file.path().parent(),
            local: Vec::new(),
            of_task: true,
        };
        let scope = HostScope {
            run: self.run,
            play: Some(play),
            host,
            learned: &learned,
            task: of_task,
            item: LoopScope::default(),
        };
        let foreseen = Foreseen { scope, foresight, task: Some(task) };
        let mut known = Some(true);
        for condition in &task.directives.when {
            match self.engine.condition(condition, &foreseen) {
                Ok(true) => {}
                Ok(false) => return Some(false),
                Err(_) => known = None,
            }
        }
        known
    }

    fn variable(&self, host: &HostName, name: &str) -> Result<Option<Value>, Unrendered> {
        let learned = self.run.facts.of(host);
        let (task, item) = (TaskScope::default(), LoopScope::default());
        let scope = HostScope { run: self.run, play: None, host, learned: &learned, task, item };
        connection_variable(self.engine, &scope, name, None)
    }
}
