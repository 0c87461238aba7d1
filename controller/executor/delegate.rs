//! Tasks that another host does (`delegate_to`).
//!
//! The variables are those of the host that the task is for; how the other host is reached, as whom, and in which
//! language its shell speaks are that host's. Its steps are events of the other host, with the name of the one that they
//! are for; the end of the task is an event of the host that it is for, and so are its failure and an unreachable
//! delegate. The hosts of a wave meet in front of such a task and behind it.

use std::sync::{Arc, RwLock};

use serde_json::{Map, json};

use super::desk::Seat;
use super::evaluate::{EvaluateError, Evaluator, Item, Settled};
use super::slot::ItemResult;
use super::worker::{Stop, Worker};
use crate::inventory::HostName;
use crate::pattern::is_localhost;
use crate::plan::{CompiledTask, HostValues, Login};
use crate::template::Binding;

/// Connection variables of the delegate that its tasks see where their host has none.
const SHOWN: [&str; 4] = ["ansible_host", "ansible_port", "ansible_user", "ansible_connection"];

/// The host that does a task for another one.
#[derive(Clone)]
pub(super) struct Delegate {
    pub name: HostName,
    pub learned: Arc<RwLock<HostValues>>,
    /// `delegate_facts`.
    pub facts: bool,
    /// The variables that the task sees besides those of its own host.
    pub shown: Vec<(String, Binding)>,
}

/// A worker that sits at the desk of another host.
pub(super) struct Away {
    host: HostName,
    seat: Seat,
    login: Login,
    /// Points that the run had saved there.
    points: usize,
}

impl Evaluator<'_> {
    /// Returns who does a task for this host; nothing if it does it itself.
    pub(super) fn delegate(
        &self,
        task: &CompiledTask,
        item: &Item,
    ) -> Result<Option<Delegate>, EvaluateError> {
        let Some(node) = task.directives.delegate_to.as_ref().filter(|_| task.is_delegated()) else {
            return Ok(None);
        };
        let scope = self.scope(task, item, &[]);
        let Some(value) = self.run.engine.render_option(node, &scope)? else { return Ok(None) };
        let text = crate::module::to_text(&value);
        let name = text.trim();
        if name.is_empty() || name.len() > 255 || name.chars().any(char::is_control) {
            let message = format!("`delegate_to` names no host: `{name}`");
            return Err(EvaluateError::Failed(message));
        }
        let name = self.known_as(name);
        let facts = self.boolean(task, task.directives.delegate_facts.as_ref(), "delegate_facts")?;
        let learned = self.run.scope.facts.of(&name);
        let mut delegate = Delegate { name, learned, facts, shown: Vec::new() };
        delegate.shown = self.shown(&delegate)?;
        Ok(Some(delegate))
    }

    /// A host of the inventory is found by its address as well, as in Ansible.
    fn known_as(&self, name: &str) -> HostName {
        let (host, inventory) = (HostName::from(name), self.run.scope.inventory());
        if inventory.hosts.contains_key(&host) || is_localhost(name) {
            return host;
        }
        let at = |host: &&HostName| {
            let address = inventory.variable(host, "ansible_host");
            address.is_some_and(|variable| variable.node.as_str() == Some(name))
        };
        inventory.hosts.keys().find(at).cloned().unwrap_or(host)
    }

    /// The variables about the delegate; no secret is among them.
    fn shown(&self, delegate: &Delegate) -> Result<Vec<(String, Binding)>, EvaluateError> {
        let there = Evaluator {
            on: Some(delegate),
            frames: self.frames.clone(),
            run: self.run,
            play: self.play,
            host: self.host,
            learned: self.learned,
            brought: self.brought,
        };
        let mut about = Map::new();
        let mut shown = Vec::new();
        for name in SHOWN {
            let value = there.connection_variable(name);
            let value =
                value.map_err(|error| EvaluateError::Failed(error.of(&delegate.name.0, name).to_string()))?;
            let value = match (name, value) {
                ("ansible_host", None) => Some(json!(&*delegate.name.0)),
                (_, value) => value,
            };
            let Some(value) = value else { continue };
            about.insert(name.to_owned(), value.clone());
            // As in Ansible, what the host has itself counts more.
            let own = self.connection_variable(name).ok().flatten();
            if name != "ansible_connection" && own.is_none() {
                shown.push((name.to_owned(), Binding::Data(Arc::new(value))));
            }
        }
        about.insert("inventory_hostname".to_owned(), json!(&*delegate.name.0));
        about.insert("ansible_delegated_host".to_owned(), json!(&*delegate.name.0));
        let all = json!({ &*delegate.name.0: about });
        shown.push(("ansible_delegated_vars".to_owned(), Binding::Data(Arc::new(all))));
        Ok(shown)
    }
}

impl Worker<'_> {
    /// Does one item of a task at the host that it is delegated to.
    pub(super) async fn delegated(
        &mut self,
        task: &Arc<CompiledTask>,
        item: &Item,
        label: Option<String>,
        delegate: Delegate,
    ) -> Result<(), Stop> {
        self.drain().await?;
        let name = delegate.name.clone();
        if let Some(slot) = self.slots.back_mut()
            && name != self.host.name
            && !slot.delegates.iter().any(|known| **known == *name.0)
        {
            slot.delegates.push(name.to_string());
        }
        self.toward = Some(delegate);
        let done = self.item_there(task, item, label).await;
        self.go_home(done.is_err());
        done.map_err(|stop| match stop {
            Stop::Unreachable { message, hint } => {
                Stop::Unreachable { message: format!("delegate `{name}`: {message}"), hint }
            }
            Stop::Held { message, hint } => {
                Stop::Held { message: format!("delegate `{name}`: {message}"), hint }
            }
            Stop::InDoubt { message, hint } => {
                Stop::InDoubt { message: format!("on delegate `{name}`: {message}"), hint }
            }
            other => other,
        })
    }

    async fn item_there(
        &mut self,
        task: &Arc<CompiledTask>,
        item: &Item,
        label: Option<String>,
    ) -> Result<(), Stop> {
        if let Some(result) = self.kept_result(task, item).await? {
            self.add(item.clone(), label, Some(result));
            return Ok(());
        }
        let failed = |problem| Some(ItemResult::failure(problem));
        match self.condition(task, item).await? {
            Ok(None) => {}
            Ok(Some(skipped)) => {
                self.add(item.clone(), label, Some(skipped));
                return Ok(());
            }
            Err(problem) => {
                self.add(item.clone(), label, failed(problem));
                return Ok(());
            }
        }
        let settled = loop {
            match self.evaluator().settle_item(task, item) {
                Err(EvaluateError::Pending) => self.values_arrive().await?,
                Err(EvaluateError::Failed(problem)) => {
                    self.add(item.clone(), label, failed(problem));
                    return Ok(());
                }
                Ok(settled) => break settled,
            }
        };
        self.adopt(&settled);
        self.go_there().await?;
        if task.task.retry.is_some() {
            return self.retried(task, &settled, item.clone(), label).await;
        }
        // Its result is in the slot when the desk is left.
        let result = self.attempt(task, &settled, item, label.as_deref(), true).await?;
        self.add(item.clone(), label, Some(result));
        Ok(())
    }

    /// The slot of the task has the login and the language of the delegate.
    fn adopt(&mut self, settled: &Settled) {
        if let Some(slot) = self.slots.back_mut() {
            slot.settled = settled.clone();
        }
    }

    /// Sits down at the desk of the delegate, once nobody else does. Nothing without one.
    pub(super) async fn go_there(&mut self) -> Result<(), Stop> {
        let Some(delegate) = self.toward.as_ref().filter(|_| self.away.is_none()) else { return Ok(()) };
        let name = delegate.name.clone();
        self.host.leave_desk();
        let desk = self.run.desks.of(self.run, &name);
        let mut seat = tokio::select! {
            seat = desk.lock_owned() => seat,
            () = self.run.cancel.reached(1) => return Err(Stop::Cancelled),
        };
        let mut sink = seat.sink.take().unwrap_or_else(|| self.host.sink.of_other(self.run, &name));
        sink.works_for(Some(self.host.name.0.clone()));
        seat.sink = Some(std::mem::replace(&mut self.host.sink, sink));
        self.host.link = seat.link.take();
        self.host.left = std::mem::take(&mut seat.left);
        (self.host.steps, self.host.eager) = (seat.steps, seat.eager);
        let login = std::mem::take(&mut self.login);
        let points = self.host.left.points.len();
        self.away = Some(Away { host: name, seat, login, points });
        Ok(())
    }

    /// Leaves the desk of the delegate. The own one is taken behind the task, when all have met.
    pub(super) fn come_home(&mut self) {
        let Some(Away { host, mut seat, login, points }) = self.away.take() else { return };
        if let Some(own) = seat.sink.take() {
            let mut sink = std::mem::replace(&mut self.host.sink, own);
            sink.rest();
            seat.sink = Some(sink);
        }
        seat.link = self.host.link.take();
        seat.left = std::mem::take(&mut self.host.left);
        (seat.steps, seat.eager) = (self.host.steps, self.host.eager);
        if seat.left.points.len() > points && host != self.host.name {
            self.host.left.changed_elsewhere(host);
        }
        self.login = login;
    }

    /// Does an item of a task whose `delegate_to` was left out (`omit`).
    pub(super) async fn undelegated(
        &mut self,
        task: &Arc<CompiledTask>,
        item: Item,
        label: Option<String>,
    ) -> Result<(), Stop> {
        // As if it was delegated to the host itself, which nobody is told.
        let (name, learned) = (self.host.name.clone(), self.host.learned.clone());
        self.toward = Some(Delegate { name, learned, facts: false, shown: Vec::new() });
        let done = self.item_there(task, &item, label).await;
        self.go_home(done.is_err());
        done
    }

    fn go_home(&mut self, stopped: bool) {
        if stopped && !self.pipeline.is_idle() {
            self.abandon();
        }
        self.come_home();
        self.toward = None;
    }

    /// Sets a fact where those of the task at work go.
    pub(super) fn teach(&self, name: &str, value: serde_json::Value) {
        let mut learned = self.taught().write().unwrap_or_else(std::sync::PoisonError::into_inner);
        learned.values.insert(name.to_owned(), Binding::Data(Arc::new(value)));
    }

    /// Where facts of the task at work go.
    pub(super) fn taught(&self) -> &RwLock<HostValues> {
        match &self.toward {
            Some(delegate) if delegate.facts => &delegate.learned,
            _ => &self.host.learned,
        }
    }

    /// Where the host is at work: here, or at its delegate.
    pub(super) fn place_of_work(&self) -> (&HostName, &RwLock<HostValues>) {
        match &self.toward {
            Some(delegate) => (&delegate.name, &delegate.learned),
            None => (&self.host.name, &self.host.learned),
        }
    }
}

/// The value of `delegates` for people: nothing, or ` -> NAME`.
pub fn arrow(delegates: &[String]) -> String {
    match delegates {
        [] => String::new(),
        names => format!(" -> {}", names.join(", ")),
    }
}

/// The result of a task with `async` says that it was waited for, and, as in Ansible, that its time was over.
pub(super) fn awaited(task: &CompiledTask, result: &mut ItemResult) {
    if task.directives.within.is_none() {
        return;
    }
    for name in ["started", "finished"] {
        result.value.insert(name.to_owned(), json!(true));
    }
    if result.failed && result.value.contains_key("timedout") {
        result.value.insert("msg".to_owned(), json!("Timeout exceeded"));
    }
}
