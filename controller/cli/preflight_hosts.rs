//! `paceline preflight -i`: asks the hosts of an inventory. Nothing is changed on them, and no run is made.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::CommandError;
use super::args::Global;
use super::load::{self, Loaded, Reach};
use super::preflight::PreflightArgs;
use super::preflight_variables::{self, Digests};
use super::terminal::{self, Environment};
use super::trust::inventory_variable;
use crate::executor::{ExamineHost, Examined, examine};
use crate::hostlog::sanitize_line;
use crate::inventory::{Agent, HostName};
use crate::operation::preflight::HostPreflight;
use crate::plan::{BecomeDefaults, Login, LoginError, RunScope, resolve_login};
use crate::playbook::Become;
use crate::preflight::certificate::Policy;
use crate::preflight::host::{AssignedAgents, Question, place_of};
use crate::preflight::{AskedHost, Finding, Severity};
use crate::report::Findings;
use crate::template::Engine;
use crate::transport::TransportError;

/// Asks the hosts; what they answered, and whether all of them did.
pub(super) fn ask(
    args: &PreflightArgs,
    policy: &Policy,
    global: &Global,
    environment: &Environment,
) -> Result<Findings, CommandError> {
    let loaded = load::inventory(&args.inventory, None, global, environment)?;
    loaded.check(environment)?;
    let hosts = loaded.select(args.inventory.limit.as_deref(), environment)?;
    if hosts.is_empty() {
        return Err(CommandError::user("no host is selected")
            .hint("`paceline inventory list` shows what there is; `-l` selects"));
    }
    let asking = Asking::new(args, &loaded, environment)?;
    let mut findings = asking.twice(&hosts);
    let (mut asked, mut digests) = (Vec::new(), Digests::default());
    for host in &hosts {
        let (host, found) = asking.host(host, policy, &mut digests)?;
        asked.push(host);
        findings.extend(found);
    }
    terminal::raise_file_limit();
    let forks = args.forks.map(|forks| forks as usize).or(loaded.settings.forks).unwrap_or(50);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let examined = runtime.block_on(examine(asked, forks));
    let mut report = Findings { findings, ..Findings::default() };
    warn(&examined);
    for examined in examined {
        add(&mut report, examined);
    }
    Ok(report)
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

/// Adds what one host answered.
fn add(report: &mut Findings, examined: Examined) {
    let name = examined.name.0.to_string();
    let mut answered = true;
    match examined.outcome {
        Ok(mut outcome) => {
            let mut take = |name: &str| outcome.result.remove(name).unwrap_or(Value::Array(Vec::new()));
            let findings: Vec<Finding> = serde_json::from_value(take("findings")).unwrap_or_default();
            report
                .certificates
                .extend(serde_json::from_value::<Vec<_>>(take("certificates")).unwrap_or_default());
            if outcome.failed && findings.is_empty() {
                let said = outcome.result.get("msg").and_then(Value::as_str).unwrap_or_default();
                let (said, hint) = said.split_once("\nhint: ").unwrap_or((said, "look at the host"));
                let message = format!("`{name}` could not look: {said}");
                report.findings.push(
                    Finding::new("preflight-incomplete", Severity::Error, &*name, message, hint).on(&name),
                );
            }
            report.findings.extend(findings);
        }
        Err(no) => {
            answered = no.refused;
            let id = if no.refused { "requirement-privilege" } else { "host-unreachable" };
            let (said, hint) = no.message.split_once("\nhint: ").unwrap_or((&no.message, ""));
            let hint = no.hint.as_deref().unwrap_or(hint);
            let message = format!("`{name}` did not answer: {said}");
            report.findings.push(Finding::new(id, Severity::Error, &*name, message, hint).on(&name));
        }
    }
    report.hosts.push(AskedHost { host: name, answered });
}

/// How the hosts are reached, as whom, and what they are asked.
struct Asking<'a> {
    loaded: &'a Loaded,
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
    fn new(
        args: &PreflightArgs,
        loaded: &'a Loaded,
        environment: &Environment,
    ) -> Result<Self, CommandError> {
        let settings = &loaded.settings.r#become;
        let ask = |asked: bool, text: &str| -> Result<Option<SecretString>, CommandError> {
            asked.then(|| terminal::password(text)).transpose()
        };
        let login = ask(args.connection.ask_pass, "SSH password: ")?;
        let asks = args.r#become.ask_become_pass || settings.ask_password == Some(true);
        let become_defaults = BecomeDefaults {
            enabled: args.r#become.enabled || settings.enabled == Some(true),
            user: args.r#become.become_user.clone().or_else(|| settings.user.clone()),
            method: args.r#become.become_method.clone().or_else(|| settings.method.clone()),
            exe: settings.exe.clone(),
            flags: settings.flags.clone(),
            password: ask(asks, "BECOME password: ")?,
        };
        let reach = Reach::new(&args.connection, &loaded.settings, login, environment)?;
        let magic = load::magic(loaded, environment);
        let scope = Arc::new(load::run_scope(&loaded.inventory, &args.extra_vars, magic, environment)?);
        Ok(Self { loaded, reach, scope, engine: Engine::new(), become_defaults })
    }

    fn variable(&self, host: &HostName, name: &str) -> Result<Option<Value>, TransportError> {
        inventory_variable(&self.scope, &self.engine, host, name).map_err(|error| error.of(&host.0, name))
    }

    /// Agents that are assigned to several hosts of the inventory, as far as the asked ones have to do with it.
    fn twice(&self, asked: &[HostName]) -> Vec<Finding> {
        let agents = |host: &HostName| {
            let value = self.variable(host, "agent").ok().flatten()?;
            let agents = Agent::read(&value).ok()?;
            let identifiers: Vec<String> = agents.into_iter().map(|agent| agent.identifier).collect();
            Some((host.clone(), identifiers, self.agents_place(host)))
        };
        let hosts: Vec<_> = self.loaded.inventory.hosts.keys().filter_map(agents).collect();
        let of_asked: BTreeSet<&str> = hosts
            .iter()
            .filter(|(host, ..)| asked.contains(host))
            .flat_map(|(_, agents, _)| agents.iter().map(String::as_str))
            .collect();
        let mut findings = AssignedAgents { hosts: hosts.clone() }.twice();
        findings.retain(|finding| finding.agent.as_deref().is_some_and(|agent| of_asked.contains(agent)));
        findings
    }

    fn agents_place(&self, host: &HostName) -> String {
        place_of(&self.loaded.inventory, host, "agent").unwrap_or_else(|| format!("{}:agent", host.0))
    }

    /// What a host is asked, and what can be said of it before.
    fn host(
        &self,
        host: &HostName,
        policy: &Policy,
        digests: &mut Digests,
    ) -> Result<(ExamineHost, Vec<Finding>), CommandError> {
        let wrong = |error: TransportError| CommandError::failed(error);
        let mut findings = Vec::new();
        let agents = match self.variable(host, "agent").map_err(wrong)? {
            None => Vec::new(),
            Some(value) => Agent::read(&value).unwrap_or_else(|error| {
                let place = self.agents_place(host);
                let message = format!("the variable `agent` of `{}` assigns no agent: {error}", host.0);
                let hint =
                    error.hint.as_deref().unwrap_or("`identifier`, `uri` and `connectors` belong there");
                findings
                    .push(Finding::new("agent-variable", Severity::Info, place, message, hint).on(&host.0));
                Vec::new()
            }),
        };
        let mut options = match self.variable(host, "preflight").map_err(wrong)? {
            None => Map::new(),
            Some(Value::Object(options)) => options,
            Some(_) => {
                return Err(CommandError::user(format!(
                    "the variable `preflight` of `{}` is no mapping",
                    host.0
                ))
                .hint("`folder`, `server`, `certificates` and the like belong there"));
            }
        };
        // The variables of the shipped playbooks say it where `preflight` does not. What they need may not be at hand: then it
        // is told what nobody looked at.
        let named = Question { agents: agents.clone(), ..Question::default() };
        let host_name = named.names().into_iter().next();
        let known = |name: &str| self.variable(host, name).map_err(|error| error.to_string());
        let unknown = preflight_variables::add(&mut options, host_name.as_deref(), &known);
        if !unknown.is_empty() {
            let names = unknown.join("`, `");
            let message =
                format!("`{names}` of `{}` cannot be made, so what they say is not looked at", host.0);
            let hint = "give the file of secrets with `-e @FILE`";
            let place = format!("{}:{}", host.0, unknown[0]);
            findings
                .push(Finding::new("preflight-variable", Severity::Info, place, message, hint).on(&host.0));
        }
        let mut question = Question::read(&host.0, agents, &options).map_err(|error| {
            CommandError::user(format!("the variable `preflight` of `{}`: {error}", host.0))
        })?;
        question.agents_place = self.agents_place(host);
        question.look_at_shipped(|path| digests.of(path));
        let operation = Box::new(HostPreflight::new(question, policy.clone(), None));
        let (target, login, password) = self.way(host);
        Ok((ExamineHost { name: host.clone(), target, login, password, operation }, findings))
    }

    /// How a host is reached, and as whom.
    fn way(
        &self,
        host: &HostName,
    ) -> (Result<crate::transport::Target, TransportError>, Login, Option<SecretString>) {
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
