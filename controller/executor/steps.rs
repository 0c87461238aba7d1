//! One task on one host: its condition, its items, their steps and results.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::evaluate::{EvaluateError, Item, Settled};
use super::event::{EventKind, Status};
use super::landed::{Landed, Ticket};
use super::recover::Start;
use super::slot::ItemResult;
use super::worker::{Stop, Worker};
use crate::journal::{Kept, KeptResult};
use crate::module::Work;
use crate::operation::Operation;
use crate::plan::{self, CompiledTask, Login};
use crate::shell::Platform;
use crate::source::{Node, NodeValue};
use crate::template::Binding;
use paceline_remote::Group;

/// Largest value that may be registered (DESIGN section 7).
const REGISTERED: usize = 16 * 1024 * 1024;

impl Settled {
    /// The keywords of a task whose own could not be evaluated.
    pub(super) fn plain(name: Arc<str>) -> Self {
        Self {
            name,
            ignore_errors: false,
            ignore_unreachable: false,
            any_errors_fatal: false,
            no_log: false,
            check: false,
            diff: false,
            timeout: None,
            login: Login::Plain,
            password: None,
            exports: String::new(),
            platform: Platform::Posix,
        }
    }
}

/// Evaluates, waiting for values that are still on their way.
macro_rules! settled {
    ($worker:ident, $evaluate:expr) => {
        loop {
            match $evaluate {
                Err(EvaluateError::Pending) => $worker.values_arrive().await?,
                Err(EvaluateError::Failed(message)) => break Err(message),
                Ok(value) => break Ok(value),
            }
        }
    };
}

impl Worker<'_> {
    /// Runs a task whose keywords are settled.
    pub(super) async fn run_task(&mut self, task: &Arc<CompiledTask>, settled: Settled) -> Result<(), Stop> {
        let items = match &task.task.looping {
            None => None,
            Some(looping) => Some(settled!(self, self.evaluator().items(task, looping))),
        };
        if let Some(Err(problem)) = &items {
            // A loop over something undefined is no failure when the condition is false anyway.
            let no_item = Item::default();
            let when = settled!(self, self.evaluator().all_hold(task, &task.directives.when, &no_item, &[]));
            let result = match when {
                Ok(Err(condition)) => ItemResult::skip(condition),
                _ => ItemResult::failure(problem.clone()),
            };
            self.open_slot(task, settled, None);
            self.add(Item::default(), None, Some(result));
            self.close_slot();
            return self.drain().await;
        }
        let waits = Self::waits_for_verdict(task, &settled);
        let looped = items.is_some();
        let items = items.and_then(Result::ok).unwrap_or_else(|| vec![Item::default()]);
        let count = items.len();
        self.open_slot(task, settled.clone(), looped.then_some(count));
        let mut unfinished_group = false;
        for (index, item) in items.into_iter().enumerate() {
            (self.item, self.attempt) = (index, 0);
            if index > 0 && !self.is_kept(task) {
                self.pause_between(task, &item).await?;
            }
            let group = match (looped, index + 1 == count) {
                (false, _) => Group::Alone,
                (true, false) => Group::Item,
                (true, true) => Group::LastItem,
            };
            let over = task.task.looping.as_ref().map(|looping| &looping.break_when);
            let judged =
                over.filter(|conditions| !conditions.is_empty()).map(|conditions| (conditions, item.clone()));
            let on_its_way = self.item(task, &settled, item, group).await?;
            // The host ends a loop at its last item; when that one is no step, the loop ends here.
            unfinished_group = looped && (unfinished_group || on_its_way);
            unfinished_group &= !(on_its_way && group == Group::LastItem);
            if let Some((conditions, item)) = judged {
                self.await_steps().await?;
                match settled!(self, self.evaluator().all_hold(task, conditions, &item, &[])) {
                    Ok(Ok(())) => break,
                    Ok(Err(_)) => {}
                    Err(problem) => {
                        let problem = format!("`break_when` cannot be evaluated: {problem}");
                        if let Some(last) = self.slots.back_mut().and_then(|slot| slot.results.last_mut()) {
                            *last = Some(ItemResult::failure(problem));
                        }
                        break;
                    }
                }
            }
            if self.run.cancel.level() > 0 && index + 1 < count {
                // The task has not come to its end: the rest of its items is for the resumed run.
                self.drain().await?;
                return Err(Stop::Cancelled);
            }
        }
        self.close_slot();
        if self.host.replay.is_some() {
            // A failure that is known already stops the host before it is asked for anything behind it.
            self.commit().await?;
        }
        if waits || unfinished_group { self.drain().await } else { self.relieve().await }
    }

    /// Tells whether the controller has a say in how the task ends.
    fn waits_for_verdict(task: &CompiledTask, settled: &Settled) -> bool {
        let literal = |conditions: &Option<Vec<Node>>| {
            conditions.iter().flatten().all(|node| matches!(node.value, NodeValue::Bool(_)))
        };
        settled.ignore_errors
            || settled.ignore_unreachable
            || task.task.failed_when.is_some()
            || !literal(&task.task.changed_when)
            || task.task.retry.is_some()
    }

    async fn pause_between(&mut self, task: &CompiledTask, item: &Item) -> Result<(), Stop> {
        let Some(pause) = task.task.looping.as_ref().and_then(|looping| looping.pause.as_ref()) else {
            return Ok(());
        };
        self.drain().await?;
        let rendered = self.run.engine.render(pause, &self.evaluator().scope(task, item, &[]));
        let seconds = rendered.ok().and_then(|value| crate::module::to_text(&value).parse::<f64>().ok());
        self.sleep(Duration::try_from_secs_f64(seconds.unwrap_or(0.0)).unwrap_or_default()).await
    }

    pub(super) async fn sleep(&self, time: Duration) -> Result<(), Stop> {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            () = self.run.cancel.reached(1) => Err(Stop::Cancelled),
        }
    }

    /// Waits until every step that was sent is over.
    async fn await_steps(&mut self) -> Result<(), Stop> {
        while !self.pipeline.is_idle() {
            self.land().await?;
        }
        Ok(())
    }

    pub(super) fn add(&mut self, item: Item, label: Option<String>, result: Option<ItemResult>) {
        if let Some(slot) = self.slots.back_mut() {
            slot.items.push(item);
            slot.labels.push(label);
            slot.results.push(result);
        }
    }

    /// Runs one item, or sends its step; tells whether a step is on its way.
    async fn item(
        &mut self,
        task: &Arc<CompiledTask>,
        settled: &Settled,
        item: Item,
        group: Group,
    ) -> Result<bool, Stop> {
        let label = match &task.task.looping {
            None => None,
            Some(looping) => {
                let label = settled!(self, self.evaluator().label(task, looping, &item));
                Some(label.unwrap_or_default())
            }
        };
        if task.is_delegated() {
            return match settled!(self, self.evaluator().delegate(task, &item)) {
                Ok(Some(delegate)) => self.delegated(task, &item, label, delegate).await.map(|()| false),
                Ok(None) => self.undelegated(task, item, label).await.map(|()| false),
                Err(problem) => {
                    self.add(item, label, Some(ItemResult::failure(problem)));
                    Ok(false)
                }
            };
        }
        if let Some(result) = self.kept_result(task, &item).await? {
            self.add(item, label, Some(result));
            return Ok(false);
        }
        match self.condition(task, &item).await? {
            Ok(None) => {}
            Ok(Some(skipped)) => {
                self.add(item, label, Some(skipped));
                return Ok(false);
            }
            Err(problem) => {
                self.add(item, label, Some(ItemResult::failure(problem)));
                return Ok(false);
            }
        }
        if task.task.retry.is_some() {
            return self.retried(task, settled, item, label).await.map(|()| false);
        }
        let work = settled!(self, self.evaluator().work(task, &item));
        let work = match work {
            Ok(Work::Host(operation)) => {
                self.undoable(task, settled, &item, operation, true).await?.map(Work::Host)
            }
            other => other,
        };
        match work {
            Err(problem) => {
                self.add(item, label, Some(ItemResult::failure(problem)));
                Ok(false)
            }
            Ok(Work::Host(operation)) => {
                let judged = operation.judged_here();
                self.send(task, settled, operation, group, item, label).await?;
                if judged {
                    self.drain().await?;
                }
                Ok(!judged)
            }
            Ok(Work::Control(control)) => {
                self.drain().await?;
                let result = self.control(task, settled, control, &item, label.as_deref()).await?;
                self.add(item, label, Some(result));
                Ok(false)
            }
        }
    }

    /// Whether the condition of a task holds for an item: nothing if so, else the result of skipping it.
    pub(super) async fn condition(
        &mut self,
        task: &Arc<CompiledTask>,
        item: &Item,
    ) -> Result<Result<Option<ItemResult>, String>, Stop> {
        let when = settled!(self, self.evaluator().all_hold(task, &task.directives.when, item, &[]));
        Ok(match when {
            Ok(Ok(())) => Ok(None),
            Ok(Err(condition)) => {
                let unplanned = self.run.options.check && self.evaluator().would_hold_later(task, item);
                let mut skipped = ItemResult { unplanned, ..ItemResult::skip(condition) };
                add_loop_fields(task, item, &mut skipped);
                Ok(Some(skipped))
            }
            Err(problem) => Err(format!("the condition cannot be evaluated: {problem}")),
        })
    }

    /// Hands an operation to the pipeline.
    async fn send(
        &mut self,
        task: &Arc<CompiledTask>,
        settled: &Settled,
        operation: Box<dyn Operation>,
        group: Group,
        item: Item,
        label: Option<String>,
    ) -> Result<(), Stop> {
        let shell = operation.needs_shell() || self.host.replay.is_some();
        if let Some(problem) = self.ready(settled, shell).await? {
            self.add(item, label, Some(ItemResult::failure(problem)));
            return Ok(());
        }
        let ticket = self.ticket();
        let begun = self.flight(task, settled, label.as_deref(), operation, (ticket, group));
        // Boxed, as all that a worker seldom does and that is large: it would take room on the stack of every step.
        match Box::pin(begun).await? {
            Start::Flight(flight) => {
                self.add(item, label, None);
                self.pipeline.push(*flight);
                self.relieve().await
            }
            Start::Landed(landed) => {
                let result = self.judged(task, &item, settled, *landed, label.as_deref()).await;
                self.add(item, label, Some(result));
                Ok(())
            }
        }
    }

    /// Sees to it that the host is connected and, where it is needed, the shell for this task is open; a change of user waits for all results.
    /// Returns why the task fails when it cannot become its user.
    async fn ready(&mut self, settled: &Settled, shell: bool) -> Result<Option<String>, Stop> {
        if self.login != settled.login {
            self.drain().await?;
            self.login = settled.login.clone();
        }
        match Box::pin(self.open(settled, shell)).await {
            Ok(()) if self.toward.is_some() => Ok(None),
            Ok(()) => match self.settle_left_guards(settled).await? {
                None => self.arm(settled).await,
                problem => Ok(problem),
            },
            Err(error) if error.is_become() => {
                self.login = Login::Plain;
                Ok(Some(error.to_string()))
            }
            Err(error) => Err(self.lost(error)),
        }
    }

    async fn open(&mut self, settled: &Settled, shell: bool) -> Result<(), super::link::LinkError> {
        if self.host.link.is_none() {
            self.host.link = Some(super::link::Link::of(self.run, self.play, self.place_of_work())?);
        }
        let Some(link) = &mut self.host.link else { return Ok(()) };
        if link.open(&settled.login).is_some() {
            return Ok(());
        }
        let cancelled = self.run.cancel.reached(2);
        let opening = async {
            if let Some(duration_ms) = link.connect().await? {
                self.host
                    .sink
                    .host_event(EventKind::HostConnected { duration_ms, reached: link.reached() })
                    .await;
            }
            for message in link.warnings.drain(..) {
                self.host.sink.host_event(EventKind::Warning { message }).await;
            }
            if shell {
                link.shell(&settled.login, settled.password.as_ref()).await?;
            }
            Ok(())
        };
        tokio::select! {
            opened = opening => opened,
            () = cancelled => Err(super::link::LinkError::Closed),
        }
    }

    /// `until`, `retries`, `delay`: one attempt after the other.
    pub(super) async fn retried(
        &mut self,
        task: &Arc<CompiledTask>,
        settled: &Settled,
        item: Item,
        label: Option<String>,
    ) -> Result<(), Stop> {
        self.drain().await?;
        let Some(retry) = &task.task.retry else { return Ok(()) };
        let number = |node: &Option<Node>, default: f64| -> Result<f64, String> {
            let Some(node) = node else { return Ok(default) };
            let evaluator = self.evaluator();
            let value = self.run.engine.render(node, &evaluator.scope(task, &item, &[]));
            let value = value.map_err(|error| EvaluateError::from(error).to_string())?;
            crate::module::to_text(&value).parse().map_err(|_| format!("not a number: {value}"))
        };
        let (retries, delay) = match (number(&retry.retries, 3.0), number(&retry.delay, 5.0)) {
            (Ok(retries), Ok(delay)) => (retries.max(0.0) as u64, delay.max(0.0)),
            (Err(problem), _) | (_, Err(problem)) => {
                self.add(item, label, Some(ItemResult::failure(problem)));
                return Ok(());
            }
        };
        let delay = Duration::try_from_secs_f64(delay).unwrap_or_default();
        let mut attempt: usize = 0;
        self.add(item.clone(), label.clone(), None);
        loop {
            attempt += 1;
            self.attempt = attempt;
            let mut result = self.attempt(task, settled, &item, label.as_deref(), attempt == 1).await?;
            result.value.insert("attempts".into(), json!(attempt));
            let local = Self::registered(task, &result);
            let done = if retry.until.is_empty() {
                Ok(!result.failed)
            } else {
                self.evaluator()
                    .all_hold(task, &retry.until, &item, &local)
                    .map(|verdict| verdict.is_ok())
                    .map_err(|error| error.to_string())
            };
            match done {
                Ok(true) => {}
                Ok(false) if attempt as u64 <= retries => {
                    self.attempt = attempt + 1;
                    if !self.is_kept(task) {
                        // Others may use the session of a delegate meanwhile.
                        self.come_home();
                        self.sleep(delay).await?;
                        self.go_there().await?;
                    }
                    continue;
                }
                Ok(false) => {
                    result.judge("failed", true);
                    result.value.remove("failed_when_result");
                    // As in Ansible, the number that was given; the first attempt is not counted.
                    result.value.insert("attempts".into(), json!(retries.max(1)));
                    if result.message().is_none() {
                        let message =
                            format!("the condition of `until` did not hold after {attempt} attempts");
                        result.value.insert("msg".into(), json!(message));
                    }
                }
                Err(problem) => result = ItemResult::failure(problem),
            }
            if let Some(slot) = self.slots.back_mut()
                && let Some(last) = slot.results.last_mut()
            {
                *last = Some(result);
            }
            return Ok(());
        }
    }

    /// One attempt of a task with `until`.
    pub(super) async fn attempt(
        &mut self,
        task: &Arc<CompiledTask>,
        settled: &Settled,
        item: &Item,
        label: Option<&str>,
        first: bool,
    ) -> Result<ItemResult, Stop> {
        if let Some(result) = self.kept_result(task, item).await? {
            return Ok(result);
        }
        match settled!(self, self.evaluator().work(task, item)) {
            Err(problem) => Ok(ItemResult::failure(problem)),
            Ok(Work::Control(control)) => self.control(task, settled, control, item, label).await,
            Ok(Work::Host(operation)) => {
                let operation = match self.undoable(task, settled, item, operation, first).await? {
                    Ok(operation) => operation,
                    Err(problem) => return Ok(ItemResult::failure(problem)),
                };
                let landed = self.at_once(task, settled, operation, label).await?;
                Ok(self.judged(task, item, settled, landed, label).await)
            }
        }
    }

    /// Runs one operation and waits for it.
    pub(super) async fn at_once(
        &mut self,
        task: &Arc<CompiledTask>,
        settled: &Settled,
        operation: Box<dyn Operation>,
        label: Option<&str>,
    ) -> Result<Landed, Stop> {
        let shell = operation.needs_shell() || self.host.replay.is_some();
        if let Some(problem) = self.ready(settled, shell).await? {
            return Ok(Landed::failed(problem));
        }
        let slot = self.slots.back().map_or(0, |slot| slot.id);
        let ticket = Ticket { slot, item: usize::MAX };
        let begun = self.flight(task, settled, label, operation, (ticket, Group::Alone));
        match Box::pin(begun).await? {
            Start::Flight(flight) => self.pipeline.push(*flight),
            Start::Landed(landed) => return Ok(*landed),
        }
        loop {
            if let Some(landed) = self.fetch().await? {
                return Ok(landed);
            }
            if self.pipeline.is_idle() {
                // It was taken back after Ctrl-C, before it began.
                return Err(Stop::Cancelled);
            }
        }
    }

    /// Takes the result of a step into its task.
    pub(super) async fn conclude(&mut self, landed: Landed) {
        let ticket = landed.ticket;
        let Some(slot) = self.slots.iter().find(|slot| slot.id == ticket.slot) else { return };
        let (task, settled) = (slot.task.clone(), slot.settled.clone());
        let item = slot.items.get(ticket.item).cloned().unwrap_or_default();
        let label = slot.labels.get(ticket.item).cloned().flatten();
        let result = self.judged(&task, &item, &settled, landed, label.as_deref()).await;
        let slot = self.slots.iter_mut().find(|slot| slot.id == ticket.slot);
        if let Some(place) = slot.and_then(|slot| slot.results.get_mut(ticket.item)) {
            *place = Some(result);
        }
    }

    /// Turns the outcome of an operation into the result of an item, and emits its events.
    pub(super) async fn judged(
        &mut self,
        task: &CompiledTask,
        item: &Item,
        settled: &Settled,
        landed: Landed,
        label: Option<&str>,
    ) -> ItemResult {
        self.host.eager |= landed.wanted_content && landed.outcome.changed;
        for point in &landed.outcome.points {
            let event = EventKind::RollbackPoint {
                point: point.number,
                covers: point.kind.clone(),
                path: point.path.clone(),
                become_user: match &settled.login {
                    Login::Plain => None,
                    Login::Sudo { user, .. } => Some(user.clone()),
                },
            };
            self.host.sink.step_event(landed.step, &settled.name, event).await;
            self.host.left.points.push((settled.login.clone(), point.clone()));
            self.host.left.password = settled.password.clone().or(self.host.left.password.take());
        }
        let diff = super::diff::unified(&landed.outcome.diff);
        let cut = landed.outcome.cut;
        let would_run =
            self.run.options.check && task.directives.check_mode.is_none() && landed.outcome.skipped;
        let is_irreversible = landed.irreversible && !self.in_handlers && plan::is_irreversible(&task.task);
        let mut result = ItemResult::of_outcome(&landed.outcome, landed.tail);
        let facts = landed.outcome.facts;
        if !facts.is_empty() {
            let mut learned = self.taught().write().unwrap_or_else(std::sync::PoisonError::into_inner);
            learned.add_facts(facts.clone());
        }
        if task.task.register.is_some() && (cut || too_large(&result)) {
            result =
                ItemResult::failure("its output is over 16 MiB and cannot be registered; write it to a file");
        }
        super::delegate::awaited(task, &mut result);
        self.verdicts(task, item, &mut result);
        result.irreversible = is_irreversible && (result.changed || would_run);
        let status = match result.status(settled.ignore_errors) {
            Status::Failed if self.rescue_depth > 0 => Status::Rescued,
            status => status,
        };
        let event = EventKind::StepFinished {
            status,
            changed: result.changed,
            rc: landed.rc.map(i64::from),
            duration_ms: landed.duration_ms,
            item: label.filter(|_| !settled.no_log).map(str::to_owned),
            message: if !result.failed {
                None
            } else if settled.no_log {
                Some("the result is hidden because of `no_log`".to_owned())
            } else {
                result.message()
            },
            diff: diff.filter(|_| settled.diff && !settled.no_log),
        };
        let kept = KeptResult { facts, ..result.keep(self.keeps_whole(task)) };
        let kept = Kept::result(landed.at, kept);
        self.host.sink.finished(Some(landed.step), &settled.name, event, kept, settled.no_log).await;
        add_loop_fields(task, item, &mut result);
        result
    }

    /// Applies `changed_when` and `failed_when`.
    pub(super) fn verdicts(&self, task: &CompiledTask, item: &Item, result: &mut ItemResult) {
        for (name, conditions) in [("changed", &task.task.changed_when), ("failed", &task.task.failed_when)] {
            let Some(conditions) = conditions else { continue };
            let local = Self::registered(task, result);
            match self.evaluator().all_hold(task, conditions, item, &local) {
                Ok(verdict) => result.judge(name, verdict.is_ok()),
                Err(error) => {
                    let message = format!("`{name}_when` cannot be evaluated: {error}");
                    result.value.insert("msg".into(), json!(message));
                    result.judge("failed", true);
                    result.value.remove("failed_when_result");
                    return;
                }
            }
        }
    }

    /// The registered variable while its task is being judged.
    fn registered(task: &CompiledTask, result: &ItemResult) -> Vec<(String, Binding)> {
        let value = || Binding::Data(Arc::new(Value::Object(result.value.clone())));
        task.task.register.iter().map(|name| (name.clone(), value())).collect()
    }
}

/// Adds what the loop set (its variable, the index, `ansible_loop`) to the result of an item, as Ansible does.
pub(super) fn add_loop_fields(task: &CompiledTask, item: &Item, result: &mut ItemResult) {
    if task.task.looping.is_some() {
        result.value.extend(item.values.iter().map(|(name, value)| (name.clone(), (**value).clone())));
    }
}

/// Tells whether a text of the result is too large to keep.
fn too_large(result: &ItemResult) -> bool {
    result.value.values().any(|value| value.as_str().is_some_and(|text| text.len() > REGISTERED))
}
