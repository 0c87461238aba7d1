//! What is known of hosts before a run, for its waves: what they serve, their maintenance groups, which of them a play
//! may change.
//!
//! Nothing of it concerns inventories without `agent`: a host counts only if that variable has the shape of agents.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use super::connection_variable::connection_variable;
use crate::inventory::{Agent, AgentShapeError, HostName};
use crate::plan::{
    CompiledPlay, CompiledTask, Foreseen, Foresight, HostScope, LoopScope, PlayScope, RunScope, Serving,
    TaskScope, may_change,
};
use crate::source::{Diagnostic, Diagnostics, Span};
use crate::template::Engine;
use crate::transport::Unrendered;

/// Without its agents a host would count for nothing in the waves: nobody would ask before it stops with all others that serve
/// the same.
fn malformed(host: &HostName, place: &Span, error: AgentShapeError) -> Diagnostic {
    let message = format!("the variable `agent` of `{host}` assigns no agent: {error}");
    let hint = error.hint.unwrap_or_else(|| "`identifier`, `uri` and `connectors` belong there".to_owned());
    Diagnostic::error(place, message).hint(hint)
}

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
                    match Agent::read(&value) {
                        Ok(agents) => {
                            serving.add(host, &agents);
                            with_agents.insert(host.clone());
                        }
                        Err(error) if error.meant => {
                            let place = self.run.inventory.variable(host, "agent");
                            let Some(place) = place.map(|variable| &variable.node.span) else { continue };
                            if warned.insert(place.place()) {
                                diagnostics.push(malformed(host, place, error));
                            }
                        }
                        // What has another shape is somebody else's variable; `audit` notes it.
                        Err(_) => {}
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
            frames: Vec::new(),
            of_task: true,
            as_applied: false,
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs;

    use indexmap::IndexMap;
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::executor::{PreparedPlay, Selection, groups_value, prepare};
    use crate::inventory::{Inventory, InventorySource};
    use crate::plan::FactStore;
    use crate::playbook::{self, LoadOptions};

    const HOSTS: &str = r#"
all:
  vars: { site: Paris }
  hosts:
    a: { agent: { identifier: A, connectors: ["{{ site }}AD"] }, maintenance_group: "{{ site }}" }
    b: { agent: [{ identifier: B, connectors: ["{{ site }}AD"] }], site: Berlin, ansible_shell_type: powershell }
    c: { agent: telegraf }
    d: {}
"#;

    fn prepared(inventory: &str, playbook: &str) -> (Vec<PreparedPlay>, Diagnostics) {
        let folder = tempfile::tempdir().unwrap();
        let (hosts, site) = (folder.path().join("hosts.yml"), folder.path().join("site.yml"));
        fs::write(&hosts, inventory).unwrap();
        fs::write(&site, playbook).unwrap();
        let (inventory, diagnostics) =
            Inventory::load(&[InventorySource::Path(hosts)], None, &crate::secrets::vault::Vault::default());
        assert!(!diagnostics.has_errors(), "{}", diagnostics.render(false));
        let scope = Arc::new(RunScope {
            groups: Arc::new(groups_value(&inventory)),
            inventory: Arc::new(inventory),
            extra: IndexMap::new(),
            magic: [("ansible_check_mode".to_owned(), Arc::new(json!(true)))].into(),
            facts: FactStore::default(),
            folder: folder.path().to_owned(),
        });
        let (playbook, diagnostics) = playbook::load(&site, &LoadOptions::default());
        assert!(!diagnostics.has_errors(), "{}", diagnostics.render(false));
        prepare(&[playbook.unwrap()], &scope, &Engine::new(), &Selection::default())
    }

    fn touched(play: &str) -> String {
        let (plays, diagnostics) = prepared(HOSTS, &format!("- hosts: all\n  gather_facts: false\n{play}"));
        assert!(!diagnostics.has_errors(), "{}", diagnostics.render(false));
        let mut hosts: Vec<String> = plays[0].touched.iter().map(ToString::to_string).collect();
        hosts.sort();
        hosts.join(" ")
    }

    const COPY: &str = "copy: { content: x, dest: /x }";

    #[rstest]
    #[case::a_change("{copy}", "a b")]
    #[case::a_look("stat: { path: /x }", "")]
    #[case::a_command("command: uptime", "a b")]
    #[case::a_command_that_looks("command: uptime\n      changed_when: false", "")]
    #[case::a_change_that_says_it_is_none("{copy}\n      changed_when: false", "a b")]
    #[case::a_question("uri: { url: 'http://x' }", "")]
    #[case::an_order("uri: { url: 'http://x', method: POST }", "a b")]
    #[case::only_checked("{copy}\n      check_mode: true", "")]
    #[case::for_one_host("{copy}\n      when: inventory_hostname == 'b'", "b")]
    #[case::by_the_inventory("{copy}\n      when: site == 'Paris'", "a")]
    #[case::by_a_connection("{copy}\n      when: ansible_shell_type | default('sh') == 'sh'", "a")]
    #[case::by_a_fact("{copy}\n      when: ansible_os_family | default('x') == 'Debian'", "a b")]
    #[case::by_facts("{copy}\n      when: ansible_facts.os_family is defined", "a b")]
    #[case::by_other_hosts("{copy}\n      when: hostvars['a'].x is defined", "a b")]
    #[case::by_an_item("{copy}\n      loop: [1, 2]\n      when: item | default(1) > 1", "a b")]
    #[case::in_a_plan_as_in_a_rollout("{copy}\n      when: not ansible_check_mode", "a b")]
    #[case::not_defined("{copy}\n      when: nothing_like_that", "a b")]
    #[case::by_a_block("block: [{ {copy} }]\n      when: site == 'Berlin'\n      rescue: [{ debug: }]", "b")]
    #[case::in_a_rescue("block: [{ debug: }]\n      rescue: [{ {copy} }]", "a b")]
    fn what_a_task_may_change(#[case] task: &str, #[case] hosts: &str) {
        let task = task.replace("{copy}", COPY);
        assert_eq!(touched(&format!("  tasks:\n    - {task}\n")), hosts);
    }

    #[rstest]
    #[case::set_before(
        "    - set_fact: { go: true }\n    - {copy}\n      when: go | default(false)\n",
        "a b"
    )]
    #[case::set_through(
        "    - stat: { path: /x }\n      register: there\n    - {copy}\n      when: go\n      vars: { go: '{{ there.stat.exists }}' }\n",
        "a b"
    )]
    #[case::gone_before("    - meta: end_host\n      when: site == 'Paris'\n    - {copy}\n", "b")]
    #[case::gone_perhaps(
        "    - stat: { path: /x }\n      register: there\n    - meta: end_host\n      when: there.stat.exists\n    - {copy}\n",
        "a b"
    )]
    #[case::gone_afterwards("    - {copy}\n    - meta: end_host\n", "a b")]
    #[case::told_to_a_handler(
        "    - stat: { path: /x }\n      register: there\n      changed_when: there.stat.exists\n      notify: Act\n  handlers:\n    - name: Act\n      {copy}\n",
        "a b"
    )]
    #[case::never_told(
        "    - stat: { path: /x }\n      notify: Act\n  handlers:\n    - name: Act\n      {copy}\n",
        ""
    )]
    fn what_tasks_may_change(#[case] tasks: &str, #[case] hosts: &str) {
        assert_eq!(touched(&format!("  tasks:\n{}", tasks.replace("{copy}", COPY))), hosts);
    }

    #[test]
    fn names_are_rendered_for_each_host() {
        let (plays, _) =
            prepared(HOSTS, "- { hosts: all, gather_facts: false, tasks: [{ command: uptime }] }");
        let hosts = plays[0].waves[0].iter().collect();
        let stops = plays[0].serving.stops(&hosts, &|_| false);
        let names: Vec<&str> = stops.iter().map(|stop| stop.connector.as_str()).collect();
        assert_eq!(names, ["ParisAD", "BerlinAD"]);
    }

    #[test]
    fn what_is_not_known_before_the_run_is_said() {
        let unknown = HOSTS.replace("\"{{ site }}AD\"", "\"{{ later }}\"");
        let (plays, diagnostics) = prepared(&unknown, "- { hosts: all, gather_facts: false }");
        assert!(plays[0].serving.is_empty());
        let said = diagnostics.render(false);
        assert!(
            said.contains("it is not known before the run what `a` serves") && said.contains("`later`"),
            "{said}"
        );
        let unknown =
            HOSTS.replace("maintenance_group: \"{{ site }}\"", "maintenance_group: \"{{ later }}\"");
        let playbook = "- { hosts: all, gather_facts: false, serial: 1 }";
        let (_, diagnostics) = prepared(&unknown, playbook);
        assert!(diagnostics.has_errors());
        let said = diagnostics.render(false);
        assert!(said.contains("`maintenance_group` of `a` is not known before the run"), "{said}");
        // Without waves, or with an order, it does not matter.
        for play in
            [playbook.replace("serial: 1", "serial: 1, order: sorted"), playbook.replace(", serial: 1", "")]
        {
            assert!(!prepared(&unknown, &play).1.has_errors(), "{play}");
        }
    }
}
