//! What a task means on one host right now: its condition, its items, its options, as whom it runs.
//!
//! Everything here is a pure function of the host's variables. A value that is still on its way makes
//! the evaluation fail with [`EvaluateError::Pending`]; the worker then waits and evaluates again.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::connection_variable::connection_variable;
use super::context::{PlayContext, RunContext};
use super::delegate::Delegate;
use crate::inventory::HostName;
use crate::module::{self, ModuleContext, ModuleError, Work};
use crate::operation::{Mode, windows};
use crate::plan::{
    CompiledTask, HostScope, HostValues, LocalFiles, Login, LoginError, LoopScope, TaskScope, resolve_login,
    truth,
};
use crate::playbook::Loop;
use crate::shell::{self, Platform};
use crate::source::{Node, NodeValue};
use crate::template::{Binding, Scope as _, TemplateError, TextOptions};
use crate::transport::Unrendered;
use crate::transport::resolve::platform;

/// Why an evaluation has no value.
#[derive(Debug, Error)]
pub(super) enum EvaluateError {
    /// A value is still on its way.
    #[error("a value is still on its way")]
    Pending,
    /// The task fails with this message.
    #[error("{0}")]
    Failed(String),
}

impl From<TemplateError> for EvaluateError {
    fn from(error: TemplateError) -> Self {
        match error {
            TemplateError::Pending { .. } => Self::Pending,
            other => {
                let diagnostic = other.into_diagnostic();
                let place = diagnostic.span.as_ref().map(|span| format!(" (at {})", span.place()));
                let hint = diagnostic.hint.as_ref().map(|hint| format!("; hint: {hint}"));
                let [place, hint] = [place, hint].map(Option::unwrap_or_default);
                Self::Failed(format!("{}{place}{hint}", diagnostic.message))
            }
        }
    }
}

impl From<ModuleError> for EvaluateError {
    fn from(error: ModuleError) -> Self {
        if error.pending { Self::Pending } else { Self::Failed(error.message) }
    }
}

impl From<LoginError> for EvaluateError {
    fn from(error: LoginError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Keywords of a task that are settled before its first item.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    pub name: Arc<str>,
    pub ignore_errors: bool,
    pub ignore_unreachable: bool,
    pub any_errors_fatal: bool,
    pub no_log: bool,
    pub check: bool,
    pub diff: bool,
    pub timeout: Option<Duration>,
    pub login: Login,
    pub password: Option<SecretString>,
    /// What sets the variables of `environment`, in the language of the host's shell.
    pub exports: String,
    pub platform: Platform,
}

/// One item of a task's loop, or the task itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Item {
    /// Values that the loop sets.
    pub values: Vec<(String, Arc<Value>)>,
    /// The item itself, for the result.
    pub item: Option<Arc<Value>>,
}

/// Evaluates tasks of one host.
pub(super) struct Evaluator<'a> {
    pub run: &'a RunContext,
    pub play: &'a PlayContext,
    pub host: &'a HostName,
    pub learned: &'a RwLock<HostValues>,
    /// Who does the task for it.
    pub on: Option<&'a Delegate>,
    /// Variables of the includes around the task.
    pub frames: Vec<(String, Binding)>,
    /// Roles that `include_role` brought, by address.
    pub brought: Option<&'a [usize]>,
}

impl<'a> Evaluator<'a> {
    /// Evaluates for a host outside any task.
    pub(super) fn at(
        run: &'a RunContext,
        play: &'a PlayContext,
        (host, learned): (&'a HostName, &'a RwLock<HostValues>),
    ) -> Self {
        Self { run, play, host, learned, on: None, frames: Vec::new(), brought: None }
    }

    /// Returns a variable that decides how the host is reached, rendered; the play's own keywords come last.
    pub(super) fn connection_variable(&self, name: &str) -> Result<Option<Value>, Unrendered> {
        let (host, learned) = self.worked_on();
        let scope = HostScope {
            run: &self.run.scope,
            play: Some(&self.play.scope),
            host,
            learned,
            task: TaskScope::default(),
            item: LoopScope::default(),
        };
        let keyword = self.play.connection.iter().find(|(key, _)| *key == name).map(|(_, node)| node);
        connection_variable(&self.run.engine, &scope, name, keyword)
    }

    /// Where the work is done: the host, or its delegate.
    fn worked_on(&self) -> (&'a HostName, &'a RwLock<HostValues>) {
        self.on.map_or((self.host, self.learned), |on| (&on.name, &*on.learned))
    }

    /// Whether the work is done on the controller, which no inventory describes.
    fn is_on_controller(&self) -> bool {
        let (host, _) = self.worked_on();
        crate::pattern::is_localhost(&host.0) && !self.run.scope.inventory().hosts.contains_key(host)
    }

    /// Returns what the host is taken for, by its connection variables.
    pub(super) fn platform(&self) -> Result<Platform, EvaluateError> {
        if self.is_on_controller() {
            return Ok(Platform::Posix);
        }
        let lookup = |name: &str| self.connection_variable(name);
        platform(&self.worked_on().0.0, &lookup).map_err(|error| EvaluateError::Failed(error.to_string()))
    }

    /// Returns the variables of a task and item; `local` values come on top.
    pub(super) fn scope<'b>(
        &'b self,
        task: &'b CompiledTask,
        item: &Item,
        local: &[(String, Binding)],
    ) -> HostScope<'b> {
        let mut frames = self.frames.clone();
        if !task.bodies.is_empty() {
            // The variables of an include hold for itself as they do for its tasks.
            let own = task.task.directives.vars.iter();
            frames.extend(own.map(|(name, node)| (name.clone(), Binding::Source(node.clone()))));
        }
        let shown = self.on.map_or(&[][..], |on| &on.shown);
        HostScope {
            run: &self.run.scope,
            play: Some(&self.play.scope),
            host: self.host,
            learned: self.learned,
            task: TaskScope {
                vars: &task.directives.vars,
                role: task.role.as_deref(),
                folder: task.task.span.file.path().parent(),
                local: shown.iter().chain(local).cloned().collect(),
                frames,
                of_task: true,
                as_applied: false,
            },
            item: LoopScope { values: item.values.clone() },
        }
    }

    pub(super) fn boolean(
        &self,
        task: &CompiledTask,
        node: Option<&Node>,
        name: &str,
    ) -> Result<bool, EvaluateError> {
        let Some(node) = node else { return Ok(false) };
        let value = self.run.engine.render(node, &self.scope(task, &Item::default(), &[]))?;
        truth(&value).ok_or_else(|| EvaluateError::Failed(format!("`{name}` must be a boolean, not {value}")))
    }

    /// Returns the name to show: `ROLE : NAME`. A name that cannot be rendered is shown as it stands.
    pub(super) fn name(&self, task: &CompiledTask) -> Arc<str> {
        if task.gathering {
            return "Gathering Facts".into();
        }
        let name = match task.name() {
            Ok(node) => self
                .run
                .engine
                .render_string(node, &self.scope(task, &Item::default(), &[]))
                .unwrap_or_else(|_| node.as_str().unwrap_or_default().to_owned()),
            Err(module) => module.to_owned(),
        };
        match &task.role {
            Some(role) => format!("{} : {name}", role.name).into(),
            None => name.into(),
        }
    }

    /// Settles the keywords of a task. Those of one that is delegated are settled for each item, when it is known to whom.
    pub(super) fn settle(&self, task: &CompiledTask) -> Result<Settled, EvaluateError> {
        self.settle_item(task, &Item::default())
    }

    /// Settles the keywords of a task for one of its items.
    pub(super) fn settle_item(&self, task: &CompiledTask, item: &Item) -> Result<Settled, EvaluateError> {
        let directives = &task.directives;
        let engine = &self.run.engine;
        let scope = self.scope(task, item, &[]);
        let check = match &directives.check_mode {
            Some(node) => self.boolean(task, Some(node), "check_mode")?,
            None => self.run.options.check,
        };
        let diff = match &directives.diff {
            Some(node) => self.boolean(task, Some(node), "diff")?,
            None => self.run.options.diff,
        };
        let timeout = match &directives.timeout {
            None => None,
            Some(node) => match crate::module::to_int(&engine.render(node, &scope)?) {
                Ok(seconds) => {
                    u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs)
                }
                Err(problem) => return Err(EvaluateError::Failed(format!("`timeout`: {problem}"))),
            },
        };
        let timeout = match &directives.within {
            None => timeout,
            Some(node) => {
                let within = crate::module::to_int(&engine.render(node, &scope)?)
                    .map_err(|problem| EvaluateError::Failed(format!("`async`: {problem}")))?;
                let within = u64::try_from(within).ok().filter(|within| *within > 0).map(Duration::from_secs);
                timeout.into_iter().chain(within).min()
            }
        };
        if task.is_delegated() && self.on.is_none() {
            return self.settled_later(task, (check, diff, timeout));
        }
        let there = self.on.map(|on| HostScope {
            host: &on.name,
            learned: &on.learned,
            ..self.scope(task, item, &[])
        });
        let scope = there.unwrap_or(scope);
        let variable = |name: &str| match scope.lookup(name) {
            None => Ok(None),
            Some(Binding::Pending) => Err(EvaluateError::Pending),
            Some(Binding::Data(value)) => Ok(Some((*value).clone())),
            Some(Binding::Source(node)) => Ok(Some(engine.render(&node, &scope)?)),
            Some(Binding::Scopes(_)) => Ok(None),
        };
        let keyword = |node: &Node| Ok(engine.render(node, &scope)?);
        let platform = self.platform()?;
        let (login, password) =
            resolve_login(&directives.r#become, &self.run.become_defaults, &variable, &keyword)?;
        if platform == Platform::Windows && login != Login::Plain {
            return Err(LoginError::Windows.into());
        }
        Ok(Settled {
            name: self.name(task),
            ignore_errors: self.boolean(task, directives.ignore_errors.as_ref(), "ignore_errors")?,
            ignore_unreachable: self.boolean(
                task,
                directives.ignore_unreachable.as_ref(),
                "ignore_unreachable",
            )?,
            any_errors_fatal: self.boolean(task, directives.any_errors_fatal.as_ref(), "any_errors_fatal")?,
            no_log: self.boolean(task, directives.no_log.as_ref(), "no_log")?,
            check,
            diff,
            timeout,
            login,
            password,
            exports: self.exports(task, item, platform)?,
            platform,
        })
    }

    /// The keywords of a task that do not depend on who does it.
    fn settled_later(
        &self,
        task: &CompiledTask,
        (check, diff, timeout): (bool, bool, Option<Duration>),
    ) -> Result<Settled, EvaluateError> {
        let directives = &task.directives;
        Ok(Settled {
            ignore_errors: self.boolean(task, directives.ignore_errors.as_ref(), "ignore_errors")?,
            ignore_unreachable: self.boolean(
                task,
                directives.ignore_unreachable.as_ref(),
                "ignore_unreachable",
            )?,
            any_errors_fatal: self.boolean(task, directives.any_errors_fatal.as_ref(), "any_errors_fatal")?,
            no_log: self.boolean(task, directives.no_log.as_ref(), "no_log")?,
            check,
            diff,
            timeout,
            ..Settled::plain(self.name(task))
        })
    }

    /// Merges `environment` from the outside in and returns what sets it.
    fn exports(&self, task: &CompiledTask, item: &Item, platform: Platform) -> Result<String, EvaluateError> {
        let mut merged = Map::new();
        for node in &task.directives.environment {
            let value = self.run.engine.render(node, &self.scope(task, item, &[]))?;
            let maps = match value {
                Value::Array(list) => list,
                other => vec![other],
            };
            for map in maps {
                match map {
                    Value::Object(map) => merged.extend(map),
                    Value::Null => {}
                    other => {
                        let message = format!("`environment` must be a mapping, not {other}");
                        return Err(EvaluateError::Failed(message));
                    }
                }
            }
        }
        let mut pairs = Vec::new();
        for (name, value) in merged {
            pairs.push((name, crate::module::to_text(&value)));
        }
        match platform {
            Platform::Posix => shell::exports(&pairs).map_err(EvaluateError::Failed),
            Platform::Windows => windows::environment(&pairs).map_err(EvaluateError::Failed),
        }
    }

    /// Tells whether all of `conditions` hold; the text of the first one that does not.
    pub(super) fn all_hold(
        &self,
        task: &CompiledTask,
        conditions: &[Node],
        item: &Item,
        local: &[(String, Binding)],
    ) -> Result<Result<(), Value>, EvaluateError> {
        let scope = self.scope(task, item, local);
        for condition in conditions {
            if !self.run.engine.condition(condition, &scope)? {
                return Ok(Err(condition.to_json()));
            }
        }
        Ok(Ok(()))
    }

    /// Tells whether a condition that does not hold in a plan may hold in the rollout. What cannot be evaluated yet may.
    pub(super) fn would_hold_later(&self, task: &CompiledTask, item: &Item) -> bool {
        let mut scope = self.scope(task, item, &[]);
        scope.task.as_applied = true;
        let holds = |condition: &Node| self.run.engine.condition(condition, &scope);
        let reads = |condition: &Node| !matches!(holds(condition), Ok(false));
        task.directives.when.iter().all(reads)
    }

    /// Returns the items of a loop with the variables that each one sets.
    pub(super) fn items(&self, task: &CompiledTask, looping: &Loop) -> Result<Vec<Item>, EvaluateError> {
        let scope = self.scope(task, &Item::default(), &[]);
        let list = match (looping.lookup, self.run.engine.render(&looping.items, &scope)?) {
            (Some(lookup), terms) => {
                let kind = match task.task.module {
                    "template" | "win_template" => "templates",
                    "include_vars" => "vars",
                    _ => "files",
                };
                self.run.engine.loop_items(lookup, terms, &scope, kind).map_err(EvaluateError::Failed)?
            }
            (None, Value::Array(list)) => list,
            (None, other) => {
                let hint = "write a list, or use `dict2items` for a mapping";
                let message = format!("`loop` needs a list, not {}; hint: {hint}", kind(&other));
                return Err(EvaluateError::Failed(message));
            }
        };
        let items: Vec<Arc<Value>> = list.into_iter().map(Arc::new).collect();
        Ok(items.iter().enumerate().map(|(index, item)| loop_item(looping, &items, index, item)).collect())
    }

    /// Returns the label that is shown for an item.
    pub(super) fn label(
        &self,
        task: &CompiledTask,
        looping: &Loop,
        item: &Item,
    ) -> Result<String, EvaluateError> {
        match &looping.label {
            Some(label) => Ok(self.run.engine.render_string(label, &self.scope(task, item, &[]))?),
            None => Ok(item.item.as_ref().map_or_else(String::new, |item| crate::module::to_text(item))),
        }
    }

    /// Renders the options and asks the module what is to be done.
    pub(super) fn work(&self, task: &CompiledTask, item: &Item) -> Result<Work, EvaluateError> {
        let module = module::lookup(task.task.module).ok_or_else(|| {
            EvaluateError::Failed(format!("no module is called `{}`", task.task.module_as_written))
        })?;
        let spec = module.spec();
        let scope = self.scope(task, item, &[]);
        let engine = &self.run.engine;
        let mut rendered = Map::new();
        if let Some(template) = &task.task.options_template {
            match engine.render(template, &scope)? {
                Value::Object(map) => rendered.extend(map),
                other => {
                    let message = format!("the options must be a mapping, not {}", kind(&other));
                    return Err(EvaluateError::Failed(message));
                }
            }
        }
        for (name, node) in &task.task.options {
            if spec.raw_options.contains(&name.as_str()) {
                continue;
            }
            if let Some(value) = engine.render_option(node, &scope)? {
                // Where any name is an option, a name may be a template too.
                let name = match spec.open {
                    true => {
                        let key = Node::new(node.span.clone(), NodeValue::String(name.clone()));
                        engine.render_string(&key, &scope)?
                    }
                    false => name.clone(),
                };
                rendered.insert(name, value);
            }
        }
        let options = module::convert(spec, rendered)?;
        let role = task.role.as_ref().map(|role| role.path.as_path());
        let folder = task.task.span.file.path().parent();
        let files = LocalFiles { playbook: &self.play.directory, role, task: folder, cache: &self.run.files };
        let render = |file: &Arc<crate::source::SourceFile>, options: &module::Options| {
            let text_options = text_options(options);
            engine.text(file, &text_options, &self.template_scope(task, item, file.path())).map_err(to_module)
        };
        let condition = |node: &Node| engine.condition(node, &scope).map_err(to_module);
        let variable = |node: &Node| {
            let text = node.as_str().map(|text| ["{{ ", text, " }}"].concat());
            let value = text.map_or_else(|| node.value.clone(), NodeValue::String);
            engine.render(&Node::new(node.span.clone(), value), &scope).map_err(to_module)
        };
        let platform = self.platform()?;
        spec.check_platform(&self.worked_on().0.0, platform).map_err(EvaluateError::Failed)?;
        let context = ModuleContext {
            host: &self.host.0,
            platform,
            files: &files,
            render: &render,
            raw: &task.task.options,
            condition: &condition,
            variable: &variable,
            verbosity: self.run.options.verbosity,
        };
        Ok(module.plan(&options, &context)?)
    }

    /// The variables of a template file: those of the task and `ansible_managed`, `template_path`, ...
    fn template_scope<'b>(&'b self, task: &'b CompiledTask, item: &Item, path: &Path) -> HostScope<'b> {
        let text = |value: String| Binding::Data(Arc::new(Value::String(value)));
        let local = [
            ("ansible_managed".to_owned(), text("Ansible managed".to_owned())),
            ("template_path".to_owned(), text(self.run.scope.absolute(path).display().to_string())),
            ("template_fullpath".to_owned(), text(self.run.scope.absolute(path).display().to_string())),
        ];
        self.scope(task, item, &local)
    }

    /// How the operations of a task act.
    pub(super) fn mode(settled: &Settled, eager: bool) -> Mode {
        Mode { check: settled.check, diff: settled.diff, eager, platform: settled.platform }
    }

    /// Adds what a task learned to the host's variables.
    pub(super) fn learn(&self, name: &str, value: Value) {
        let mut learned = self.learned.write().unwrap_or_else(PoisonError::into_inner);
        learned.values.insert(name.to_owned(), Binding::Data(Arc::new(value)));
    }
}

fn to_module(error: TemplateError) -> ModuleError {
    let undefined = matches!(error, TemplateError::Undefined(_));
    match EvaluateError::from(error) {
        EvaluateError::Pending => {
            ModuleError { pending: true, ..ModuleError::new("a value is still on its way") }
        }
        EvaluateError::Failed(message) => ModuleError { undefined, ..ModuleError::new(message) },
    }
}

/// Reads the options of `template` that decide how its text is read.
fn text_options(options: &module::Options) -> TextOptions {
    let mut read = TextOptions::default();
    let flag = |name: &str| options.get(name).and_then(Value::as_bool);
    read.trim_blocks = flag("trim_blocks").unwrap_or(read.trim_blocks);
    read.lstrip_blocks = flag("lstrip_blocks").unwrap_or(read.lstrip_blocks);
    for (name, place) in [
        ("newline_sequence", &mut read.newline_sequence),
        ("block_start_string", &mut read.block_start_string),
        ("block_end_string", &mut read.block_end_string),
        ("variable_start_string", &mut read.variable_start_string),
        ("variable_end_string", &mut read.variable_end_string),
        ("comment_start_string", &mut read.comment_start_string),
        ("comment_end_string", &mut read.comment_end_string),
    ] {
        if let Some(text) = options.get(name).and_then(Value::as_str) {
            *place = text.to_owned();
        }
    }
    // In single quotes YAML leaves the escapes as they are; Ansible takes both forms.
    if read.newline_sequence.starts_with('\\') {
        read.newline_sequence = read.newline_sequence.replace("\\r", "\r").replace("\\n", "\n");
    }
    read
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn loop_item(looping: &Loop, items: &[Arc<Value>], index: usize, item: &Arc<Value>) -> Item {
    let mut values = vec![
        (looping.variable.clone(), item.clone()),
        ("ansible_loop_var".to_owned(), Arc::new(json!(looping.variable))),
    ];
    if let Some(name) = &looping.index {
        values.push((name.clone(), Arc::new(json!(index))));
        values.push(("ansible_index_var".to_owned(), Arc::new(json!(name))));
    }
    if looping.extended {
        let mut extended = json!({
            "index": index + 1, "index0": index, "length": items.len(),
            "first": index == 0, "last": index + 1 == items.len(),
            "revindex": items.len() - index, "revindex0": items.len() - index - 1,
        });
        if looping.all_items {
            extended["allitems"] = json!(items);
        }
        if index > 0 {
            extended["previtem"] = (*items[index - 1]).clone();
        }
        if let Some(next) = items.get(index + 1) {
            extended["nextitem"] = (**next).clone();
        }
        values.push(("ansible_loop".to_owned(), Arc::new(extended)));
    }
    Item { values, item: Some(item.clone()) }
}
