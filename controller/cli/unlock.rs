//! `paceline runs unlock`: breaks the lease of a run that is dead. It ends no process: a step that is still going on
//! goes on, and the next run waits for it.

use std::io::Write;

use clap::Args;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::CommandError;
use super::args::{BecomeArgs, ConnectionArgs, Global, InventoryArgs, Output};
use super::recorded::{self, Passwords, Way};
use super::terminal::{self, Environment};
use crate::executor::{Visit, VisitError, Visitor};
use crate::hostlog::{escape_json, sanitize_line};
use crate::inventory::HostName;
use crate::journal::{self, RunRecord, short_id};
use crate::operation::{Holder, LeaseAnswer};
use crate::pattern;
use crate::transport::settled;

/// Break the lease of a run on its hosts
#[derive(Args, Clone, Debug)]
pub(super) struct UnlockArgs {
    /// The run that holds the hosts: any unique prefix of its id, or `latest`
    #[arg(required_unless_present = "host")]
    run: Option<String>,
    /// One host of the inventory instead, whoever holds it
    #[arg(long, value_name = "HOST", conflicts_with_all = ["run", "limit"])]
    host: Option<String>,
    #[command(flatten)]
    inventory: InventoryArgs,
    /// Unlock although the run is at work on this machine
    #[arg(long)]
    force: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    r#become: BecomeArgs,
}

/// A host and what became of its lease.
struct Looked {
    host: String,
    user: Option<String>,
    visitor: Option<Visitor>,
    state: State,
    number: u64,
    holder: Holder,
    message: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Nobody holds it.
    Free,
    /// It ran out.
    RanOut,
    /// Another run than the one that was named holds it.
    OtherRun,
    /// It is held, and may be broken.
    Held,
    Unlocked,
    Failed,
    Unreachable,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::RanOut => "ran_out",
            Self::OtherRun => "other_run",
            Self::Held => "held",
            Self::Unlocked => "unlocked",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
        }
    }
}

pub(super) fn run(args: &UnlockArgs, global: &Global, environment: &Environment) -> Result<u8, CommandError> {
    let passwords = Passwords::ask(args.connection.ask_pass, args.r#become.ask_become_pass)?;
    let (visits, run) = match (&args.run, &args.host) {
        (Some(run), _) => of_run(args, run, passwords, global, environment)?,
        (None, Some(host)) => (of_host(args, host, passwords, global, environment)?, None),
        (None, None) => return Err(CommandError::user("neither a run nor `--host` is given")),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(settled(unlock(args, visits, run, global, environment)))
}

type Visits = Vec<(Visit, Option<String>)>;

/// The hosts that a run of the state folder works on.
fn of_run(
    args: &UnlockArgs,
    run: &str,
    passwords: Passwords,
    global: &Global,
    environment: &Environment,
) -> Result<(Visits, Option<String>), CommandError> {
    let folder = journal::resolve(&global.state_dir, run).map_err(CommandError::failed)?;
    if folder.is_running() && !args.force {
        return Err(CommandError::user(format!("run `{}` is at work on this machine", folder.id()))
            .hint("wait for its end or stop it with Ctrl-C; `--force` breaks its leases all the same"));
    }
    let record = RunRecord::read(&folder.record()).unwrap_or_default();
    let recorded = recorded::hosts(&folder)?;
    let way = Way::of_run(&record, &args.inventory, &args.connection, passwords, global, environment)?;
    let mut hosts = way.loaded.select(args.inventory.limit.as_deref(), environment)?;
    // The controller itself is a target that no inventory has to name.
    let unnamed: Vec<HostName> = recorded
        .keys()
        .filter(|name| pattern::is_localhost(name) && !hosts.iter().any(|host| *host.0 == ***name))
        .filter(|name| args.inventory.limit.as_ref().is_none_or(|limit| limit == *name))
        .map(|name| name.as_str().into())
        .collect();
    hosts.extend(unnamed);
    let mut visits = Vec::new();
    for host in hosts {
        let Some(known) = recorded.get(&*host.0) else { continue };
        let mut users: Vec<Option<String>> = known.users.iter().cloned().collect();
        if let Some(user) = become_user(&args.r#become)
            && !users.contains(&Some(user.clone()))
        {
            users.push(Some(user));
        }
        if users.is_empty() {
            users.push(None);
        }
        let visit = |user: Option<String>| (way.visit(&host.0, known.reached.as_deref(), user.clone()), user);
        visits.extend(users.into_iter().map(visit));
    }
    if visits.is_empty() {
        return Err(CommandError::user(format!(
            "run `{}` reached none of the selected hosts",
            short_id(folder.id())
        ))
        .hint(format!("`paceline runs show {}` tells what it did", short_id(folder.id()))));
    }
    Ok((visits, Some(folder.id().to_owned())))
}

/// A host of the inventory, whoever works on it.
fn of_host(
    args: &UnlockArgs,
    host: &str,
    passwords: Passwords,
    global: &Global,
    environment: &Environment,
) -> Result<Visits, CommandError> {
    let way = Way::of_inventory(&args.inventory, &args.connection, passwords, global, environment)?;
    if !way.loaded.inventory.hosts.contains_key(&HostName::from(host)) && !pattern::is_localhost(host) {
        return Err(CommandError::user(format!("`{host}` is not a host of the inventory"))
            .hint("`paceline inventory list` shows what there is"));
    }
    let user = become_user(&args.r#become);
    Ok(vec![(way.visit(host, None, user.clone()), user)])
}

/// The user of `-b` and `--become-user`.
fn become_user(args: &BecomeArgs) -> Option<String> {
    match (&args.become_user, args.enabled) {
        (Some(user), _) => Some(user.clone()),
        (None, true) => Some("root".to_owned()),
        (None, false) => None,
    }
}

async fn unlock(
    args: &UnlockArgs,
    visits: Visits,
    run: Option<String>,
    global: &Global,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let mut looking = JoinSet::new();
    for (index, (visit, user)) in visits.into_iter().enumerate() {
        let run = run.clone();
        looking.spawn(async move { (index, look(visit, user, run.as_deref()).await) });
    }
    let mut looked = looking.join_all().await;
    looked.sort_by_key(|(index, _)| *index);
    let mut looked: Vec<Looked> = looked.into_iter().map(|(_, looked)| looked).collect();
    let held: Vec<&Looked> = looked.iter().filter(|looked| looked.state == State::Held).collect();
    if !held.is_empty() {
        for looked in &held {
            let left = looked.holder.left;
            writeln!(
                std::io::stderr(),
                "{}; its lease ends in {left} s unless it is renewed",
                sentence(looked)
            )?;
        }
        if !args.yes && !environment.can_ask {
            return Err(
                CommandError::user("nobody can be asked, so nothing was unlocked").hint("say `--yes`")
            );
        }
        let question = "Is that run dead? Two runs at work on one host break each other's changes. Unlock?";
        if !args.yes && !terminal::confirm(question)? {
            return Err(CommandError::user("not confirmed; nothing was unlocked"));
        }
    }
    let operator = terminal::operator(environment);
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    for looked in &mut looked {
        let Some(mut visitor) = looked.visitor.take() else { continue };
        if looked.state == State::Held {
            let answered =
                visitor.ask(visitor.texts().break_lease(looked.number, &operator, &now, &looked.host)).await;
            (looked.state, looked.message) = match answered {
                Ok(answered) if answered.done => (State::Unlocked, None),
                Ok(answered) => (State::Failed, answered.value("msg").map(str::to_owned)),
                Err(error) => (State::Failed, Some(error.to_string())),
            };
        }
        visitor.leave().await;
    }
    told(&looked, run.as_deref(), global)?;
    Ok(if looked.iter().any(|looked| looked.state == State::Unreachable) {
        4
    } else {
        2 * u8::from(looked.iter().any(|looked| looked.state == State::Failed))
    })
}

/// Looks who holds a host.
async fn look(visit: Visit, user: Option<String>, run: Option<&str>) -> Looked {
    let host = visit.name.to_string();
    let seen = async {
        let mut visitor = Visitor::enter(visit).await?;
        let answered = visitor.ask(visitor.texts().show_lease()).await?;
        let answer = LeaseAnswer::read(|name| answered.value(name).map(str::to_owned));
        Ok::<_, VisitError>((visitor, answer))
    };
    let none = |state, message| Looked {
        host: host.clone(),
        user: user.clone(),
        visitor: None,
        state,
        number: 0,
        holder: Holder::default(),
        message,
    };
    match seen.await {
        Err(error) => none(State::Unreachable, Some(error.to_string())),
        Ok((visitor, Some(LeaseAnswer::Held { number, holder, late }))) => {
            let state = match run {
                _ if late => State::RanOut,
                Some(run) if holder.run != run => State::OtherRun,
                _ => State::Held,
            };
            Looked { visitor: Some(visitor), number, holder, ..none(state, None) }
        }
        Ok((visitor, _)) => Looked { visitor: Some(visitor), ..none(State::Free, None) },
    }
}

/// `h01: held by run X of ann@desk since ...`.
fn sentence(looked: &Looked) -> String {
    let Holder { run, operator, since, .. } = &looked.holder;
    let whose = format!(
        "run {} of {} since {}",
        short_id(&sanitize_line(run)),
        sanitize_line(operator),
        sanitize_line(since)
    );
    let what = match looked.state {
        State::Free => "nobody holds it".to_owned(),
        State::RanOut => format!("the lease of {whose} ran out; nothing to unlock"),
        State::OtherRun => format!("held by {whose}; left as it is"),
        State::Held => format!("held by {whose}"),
        State::Unlocked => format!("unlocked, was held by {whose}"),
        State::Failed => "could not be unlocked".to_owned(),
        State::Unreachable => "unreachable".to_owned(),
    };
    let user = looked.user.as_ref().map(|user| format!(" as {}", sanitize_line(user))).unwrap_or_default();
    let message =
        looked.message.as_ref().map(|text| format!(": {}", sanitize_line(text))).unwrap_or_default();
    format!("{}{user}: {what}{message}", sanitize_line(&looked.host))
}

fn told(all: &[Looked], run: Option<&str>, global: &Global) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    if global.output == Output::Human {
        for looked in all {
            writeln!(out, "{}", sentence(looked))?;
        }
        return terminal::flush(out);
    }
    let hosts: Vec<Value> = all
        .iter()
        .map(|looked| {
            let mut host = Map::new();
            let mut set = |name: &str, value: Value| host.insert(name.to_owned(), value);
            set("host", json!(looked.host));
            set("state", json!(looked.state.word()));
            if let Some(user) = &looked.user {
                set("become_user", json!(user));
            }
            if looked.number > 0 {
                set("run", json!(looked.holder.run));
                set("operator", json!(looked.holder.operator));
                set("since", json!(looked.holder.since));
            }
            if let Some(message) = &looked.message {
                set("message", json!(message));
            }
            Value::Object(host)
        })
        .collect();
    let mut document = json!({ "hosts": hosts });
    if let Some(run) = run {
        document["run"] = json!(run);
    }
    writeln!(out, "{}", escape_json(&document.to_string()))?;
    terminal::flush(out)
}
