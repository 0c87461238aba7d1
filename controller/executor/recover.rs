//! Going on where an earlier incarnation of the run stopped: kept results, and steps whose results were lost.
//!
//! A step that was handed to its host and has no result in the journal is looked up in the host's ledger. It either never
//! began, then it is sent as in any run; or it ended, then its reply is taken from there; or it was cut off, then it is
//! repeated where that does no harm, and else the host stops *in doubt* until a person says what to take for true.

use std::sync::Arc;
use std::time::Duration;

use paceline_remote::{Group, ShellEvent, Step};
use serde_json::{Map, Value, json};

use super::context::Assume;
use super::evaluate::{Evaluator, Item, Settled};
use super::landed::{Carried, Landed, Ticket};
use super::ledger::{Ledger, Noted, NotedStep};
use super::link::{Link, LinkError, OpenShell};
use super::pipeline::Flight;
use super::slot::{ItemResult, Slot};
use super::steps::add_loop_fields;
use super::worker::{Stop, Worker};
use crate::journal::{KeptResult, Position};
use crate::operation::{self, Operation, Outcome, Progress, Reply, SessionText, reported_points};
use crate::plan::CompiledTask;

/// Limit for reading a ledger or the output of a command.
const READING: Duration = Duration::from_secs(120);
/// Numbers of the steps that read: beyond those of a pipeline.
const READERS: u64 = 1 << 40;

/// How a step begins.
pub(super) enum Start {
    /// It has to be sent.
    Flight(Box<Flight>),
    /// It is over: it ran in an earlier incarnation.
    Landed(Box<Landed>),
}

/// What is known of a step whose result was lost.
enum Fate {
    /// It did not begin, or it may be repeated: what the cut-off attempt did is carried along.
    Repeat(Carried),
    /// It came to this end.
    Ended(Outcome, Reply),
    /// Its programs so far are over, and this one comes next.
    Continue(operation::Program, u64),
    /// It began, and nobody knows how far it came.
    Doubt,
}

impl Worker<'_> {
    /// Tells whether the result of the item and attempt at work is known from an earlier incarnation.
    pub(super) fn is_kept(&self, task: &CompiledTask) -> bool {
        let Some(replay) = &self.host.replay else { return false };
        // What files give is given again: they are the same.
        if matches!(task.task.module, "include_tasks" | "include_role" | "include_vars") {
            return false;
        }
        let at = self.place();
        self.kept_of_task(&at).is_some()
            || (self.attempt > 0 || task.task.retry.is_none())
                && replay.step(&at).is_some_and(|step| step.result.is_some())
    }

    /// Returns the kept result of an item without a step.
    fn kept_of_task(&self, at: &Position) -> Option<&KeptResult> {
        self.host.replay.as_ref()?.task(&at.of_task())?.get(at.item)?.as_ref()
    }

    /// Returns the result that an earlier incarnation kept of the item and attempt at work, and learns what it taught.
    pub(super) async fn kept_result(
        &mut self,
        task: &Arc<CompiledTask>,
        item: &Item,
    ) -> Result<Option<ItemResult>, Stop> {
        if !self.is_kept(task) {
            return Ok(None);
        }
        let at = self.place();
        let of_task = self.kept_of_task(&at).cloned();
        let of_step = of_task.is_none();
        let kept = of_task.or_else(|| self.host.replay.as_ref()?.step(&at)?.result.clone());
        let Some(kept) = kept else { return Ok(None) };
        // It is as if it had been waited for.
        self.drain().await?;
        if !kept.facts.is_empty() {
            let mut learned = self.taught().write().unwrap_or_else(std::sync::PoisonError::into_inner);
            learned.add_facts(kept.facts.clone());
        }
        if task.task.module == "set_fact"
            && let Some(Value::Object(facts)) = kept.value.get("ansible_facts")
        {
            for (name, value) in facts {
                self.teach(name, value.clone());
            }
        }
        let mut result = ItemResult::of_kept(&kept, of_step);
        if of_step {
            add_loop_fields(task, item, &mut result);
        }
        Ok(Some(result))
    }

    /// Tells whether something may read the fields of the results of a task.
    pub(super) fn keeps_whole(&self, task: &CompiledTask) -> bool {
        task.task.register.is_some() || task.task.retry.is_some() || task.task.module == "set_fact"
    }

    /// The results of the items of a task that had no step.
    pub(super) fn kept_items(&self, slot: &Slot) -> Vec<Option<KeptResult>> {
        let whole = self.keeps_whole(&slot.task);
        let items = slot.results.iter().flatten();
        items.map(|result| (!result.of_step).then(|| result.keep(whole))).collect()
    }

    /// Why the host was passed over by a task with `ignore_unreachable`.
    pub(super) fn was_unreachable(&self, at: &Position) -> Option<String> {
        let kept = self.kept_of_task(at)?;
        kept.value.get("unreachable")?;
        kept.value.get("msg").and_then(Value::as_str).map(str::to_owned)
    }

    /// Begins a step: as in any run, or where an earlier incarnation of the run left it. The shell of its login is open.
    pub(super) async fn flight(
        &mut self,
        task: &Arc<CompiledTask>,
        settled: &Settled,
        label: Option<&str>,
        operation: Box<dyn Operation>,
        (ticket, group): (Ticket, Group),
    ) -> Result<Start, Stop> {
        let at = self.place();
        let lost = self.host.replay.as_ref().and_then(|replay| replay.step(&at));
        let lost = lost.filter(|step| step.result.is_none()).map(|step| step.step);
        let label = self.step_label(settled, task.task.module, label);
        let mode = Evaluator::mode(settled, self.host.eager);
        let exports = settled.exports.clone();
        let new = |step, operation| {
            let mut flight =
                Flight::new(ticket, step, label.clone(), operation, mode, group, exports.clone());
            flight.limit(settled.timeout);
            Box::new(flight)
        };
        let Some(step) = lost else {
            let step = self.next_step();
            return Ok(Start::Flight(new(step, operation)));
        };
        self.drain().await?;
        let irreversible = operation.irreversible();
        let (fate, operation) = self.fate(step, operation, mode).await?;
        let doubt = matches!(fate, Fate::Doubt);
        match (fate, if doubt { self.run.assume } else { None }) {
            (Fate::Ended(outcome, reply), _) => {
                let (rc, duration_ms) = (reply.rc, 0);
                let tail = super::pipeline::tail(&reply);
                self.host.sink.output_again(&label, &reply).await;
                self.host.sink.output_ended(step, &label, reply.dropped).await;
                let wanted_content = false;
                Ok(Start::Landed(Box::new(Landed {
                    ticket,
                    step,
                    at,
                    outcome,
                    rc,
                    duration_ms,
                    tail,
                    wanted_content,
                    irreversible,
                })))
            }
            (Fate::Continue(program, programs), _) => {
                let mut flight = *new(step, operation);
                flight = flight.continued(program, programs);
                flight.limit(settled.timeout);
                Ok(Start::Flight(Box::new(flight)))
            }
            (Fate::Repeat(carried), _) => Ok(Start::Flight(Box::new(new(step, operation).carrying(carried)))),
            (Fate::Doubt, Some(Assume::NotDone)) => {
                // Under a new number, so that the ledger keeps apart what came before.
                let step = self.next_step();
                Ok(Start::Flight(new(step, operation)))
            }
            (Fate::Doubt, Some(Assume::Done)) => {
                let outcome = assumed();
                let tail = Vec::new();
                let landed = Landed {
                    ticket,
                    step,
                    at,
                    outcome,
                    rc: Some(0),
                    duration_ms: 0,
                    tail,
                    wanted_content: false,
                    irreversible,
                };
                Ok(Start::Landed(Box::new(landed)))
            }
            (Fate::Doubt, None) => Err(Stop::InDoubt {
                message: format!(
                    "step {step}, `{}`{}, was begun and nobody knows whether it came to its end",
                    settled.name,
                    label.item.as_ref().map_or_else(String::new, |item| format!(" (item `{item}`)"))
                ),
                hint: format!(
                    "look on the host for what its `{}` does ({}), then `paceline resume {} -l {} --assume done` or `--assume not-done`",
                    task.task.module,
                    task.task.span.place(),
                    self.run.id,
                    self.host.name
                ),
            }),
        }
    }

    /// Finds out what became of a step. The operation comes back in the state that its replies so far brought it to.
    async fn fate(
        &mut self,
        step: u64,
        mut operation: Box<dyn Operation>,
        mode: operation::Mode,
    ) -> Result<(Fate, Box<dyn Operation>), Stop> {
        let repeatable = operation.repeatable();
        let program = operation.first(mode);
        let repeat = |carried| if repeatable { Fate::Repeat(carried) } else { Fate::Doubt };
        if program.raw || program.tcp.is_some() {
            return Ok((repeat(Carried::default()), operation));
        }
        let Some(ledger) = self.ledger().await? else {
            // It was there when the step was sent, so that it says nothing that it is gone.
            return Ok((repeat(Carried::default()), operation));
        };
        let Some(noted) = ledger.step(step).cloned() else {
            return Ok((Fate::Repeat(Carried::default()), operation));
        };
        let carried = carried(&noted);
        if noted.changed_before || noted.programs.iter().any(|noted| !noted.over || noted.blobs && repeatable)
        {
            return Ok((repeat(carried), operation));
        }
        let mut next = program;
        let mut count = 0;
        for noted in noted.programs {
            count += 1;
            let reply = self.reply(noted).await?;
            let kept = reply.clone();
            match operation.next(reply, mode) {
                Progress::Done(outcome) => return Ok((Fate::Ended(outcome, kept), operation)),
                // What does not run in the shell is in no ledger.
                Progress::Again(program) if program.raw || program.tcp.is_some() => {
                    return Ok((repeat(carried), operation));
                }
                Progress::Again(program) => next = program,
            }
        }
        Ok((Fate::Continue(next, count), operation))
    }

    /// The reply that the host noted, with the output of its commands.
    async fn reply(&mut self, noted: Noted) -> Result<Reply, Stop> {
        let outputs = noted.outputs.clone();
        let mut reply = noted.finished();
        for (folder, number) in outputs {
            let blobs = self.read(&self.texts().tell_output(&folder, &number)).await?;
            for (name, bytes) in blobs {
                match name.as_str() {
                    "stdout" => reply.stdout.extend(bytes),
                    _ => reply.stderr.extend(bytes),
                }
            }
        }
        Ok(reply)
    }

    /// Returns the ledger of the shell at work, as it was when it was first looked at; nothing if the host keeps none.
    async fn ledger(&mut self) -> Result<Option<Arc<Ledger>>, Stop> {
        let login = self.login.clone();
        let link = self.host.link.as_mut();
        if let Some(known) = link.and_then(|link| link.open(&login)).and_then(|shell| shell.ledger.clone()) {
            return Ok(Some(known));
        }
        let blobs = self.read(&self.texts().tell_ledger()).await?;
        let Some((_, bytes)) = blobs.into_iter().find(|(name, _)| name == "ledger") else { return Ok(None) };
        let ledger = Arc::new(Ledger::parse(&bytes));
        if let Some(shell) = self.host.link.as_mut().and_then(|link| link.open(&login)) {
            shell.ledger = Some(ledger.clone());
        }
        Ok(Some(ledger))
    }

    /// The language of the host's shell.
    fn texts(&self) -> SessionText {
        self.host.link.as_ref().map_or_else(SessionText::default, Link::texts)
    }

    /// Runs a program that only reads, and returns what it reported. Nothing else is on its way.
    async fn read(&mut self, text: &str) -> Result<Vec<(String, Vec<u8>)>, Stop> {
        let login = self.login.clone();
        let shell = self.host.link.as_mut().and_then(|link| link.open(&login));
        let read = async {
            let shell = shell.ok_or(LinkError::Closed)?;
            match tokio::time::timeout(READING, read(shell, text)).await {
                Ok(read) => read,
                Err(_) => Err(LinkError::TimedOut),
            }
        };
        let cancel = self.run.cancel.clone();
        let read = tokio::select! {
            read = read => read,
            () = cancel.reached(2) => return Err(Stop::Cancelled),
        };
        read.map_err(|error| self.lost(error))
    }
}

async fn read(shell: &mut OpenShell, text: &str) -> Result<Vec<(String, Vec<u8>)>, LinkError> {
    shell.readers += 1;
    let id = READERS + shell.readers;
    let step = Step { id, epoch: READERS, text: text.to_owned(), ..Step::default() };
    shell.handle.send(step).await.map_err(|_| LinkError::Closed)?;
    let mut blobs = Vec::new();
    loop {
        match shell.events.recv().await.ok_or(LinkError::Closed)? {
            ShellEvent::Blob { name, bytes, .. } => blobs.push((name, bytes)),
            ShellEvent::Finished { .. } | ShellEvent::Skipped { .. } => return Ok(blobs),
            ShellEvent::Closed(reason) => return Err(LinkError::Lost(reason.to_string())),
            _ => {}
        }
    }
}

/// What the attempts so far have done.
fn carried(noted: &NotedStep) -> Carried {
    let values = noted.programs.iter().flat_map(Noted::points).chain(&noted.points_before);
    Carried {
        changed: noted.changed_before || noted.programs.iter().any(Noted::changed_for_good),
        points: reported_points(values),
    }
}

impl Noted {
    /// Whether it changed something: it said so, and did not only ask for content.
    fn changed_for_good(&self) -> bool {
        const DECIDE: i32 = 75;
        self.changed() && !(self.over && self.reply.status == DECIDE) && self.points().next().is_some()
    }
}

/// The outcome of a step of which a person says that it is done.
fn assumed() -> Outcome {
    let mut result = Map::new();
    result.insert("msg".to_owned(), json!("taken for done (`--assume done`)"));
    result.insert("rc".to_owned(), json!(0));
    for name in ["stdout", "stderr"] {
        result.insert(name.to_owned(), json!(""));
        result.insert(format!("{name}_lines"), json!([]));
    }
    Outcome { changed: true, result, ..Outcome::default() }
}
