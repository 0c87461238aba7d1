//! `paceline rollback --from-host`: the controller's state is lost, and the hosts tell what can be restored.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use secrecy::SecretString;
use serde_json::json;

use super::CommandError;
use super::args::{Global, Output};
use super::load::{self, Loaded, Reach};
use super::rollback::{RollbackArgs, carry_out};
use super::terminal::{self, Environment};
use super::trust::inventory_variable;
use crate::executor::event::covered;
use crate::executor::{AskHost, FoundHost, RestoreHost, find, lease_seconds};
use crate::hostlog::sanitize_line;
use crate::inventory::HostName;
use crate::operation::Point;
use crate::plan::Login;
use crate::template::Engine;
use crate::transport::settled;

/// Exit code when a host could not be asked.
const UNREACHABLE: u8 = 4;

/// Lists the runs that left points on the hosts, or restores the points of one.
pub(super) fn run(
    args: &RollbackArgs,
    global: &Global,
    environment: &Environment,
) -> Result<u8, CommandError> {
    if args.run.as_deref() == Some("latest") {
        return Err(CommandError::user("with `--from-host` a run is named by its id")
            .hint("`paceline rollback --from-host -i INVENTORY` lists the runs that the hosts know"));
    }
    let loaded = load::inventory(&args.inventory, None, global, environment)?;
    loaded.check(environment)?;
    let hosts = loaded.select(args.inventory.limit.as_deref(), environment)?;
    if hosts.is_empty() {
        return Err(CommandError::user("no host is selected"));
    }
    if args.to.is_some() && hosts.len() != 1 {
        return Err(
            CommandError::user("`--to` names a point of one host").hint("select the host with `-l HOST`")
        );
    }
    let ways = Ways::new(args, &loaded, environment)?;
    terminal::raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let asked = hosts.iter().map(|host| ways.ask(host)).collect();
    let found = runtime.block_on(settled(find(asked, args.run.as_deref(), args.forks as usize)));
    let Some(wanted) = args.run.as_deref() else { return list_runs(&found, global) };
    let run = named(&found, wanted)?;
    if args.plan {
        return list_points(args, &run, &found, global);
    }
    let _ = writeln!(
        std::io::stderr(),
        "warning: which tasks of the run nothing can undo is not known without its journal"
    );
    let restored = found.into_iter().filter_map(|found| ways.restore(args, found)).collect();
    runtime.block_on(settled(carry_out(args, &run, None, restored, global, environment)))
}

/// How the hosts are reached, and as whom.
struct Ways<'a> {
    loaded: &'a Loaded,
    reach: Reach,
    scope: Arc<crate::plan::RunScope>,
    engine: Engine,
    r#become: bool,
    password: Option<SecretString>,
}

impl<'a> Ways<'a> {
    fn new(args: &RollbackArgs, loaded: &'a Loaded, environment: &Environment) -> Result<Self, CommandError> {
        let ask = |asked: bool, text: &str| asked.then(|| terminal::password(text)).transpose();
        let login = ask(args.connection.ask_pass, "SSH password: ")?;
        let password = ask(args.ask_become_pass, "BECOME password: ")?;
        let reach = Reach::new(&args.connection, &loaded.settings, login, environment)?;
        let magic = load::magic(loaded, environment);
        let scope = Arc::new(load::run_scope(loaded, &[], magic, environment)?);
        let engine = Engine::with_vault(loaded.vault.clone());
        Ok(Self { loaded, reach, scope, engine, r#become: args.r#become, password })
    }

    fn ask(&self, host: &HostName) -> AskHost {
        let refused = RefCell::new(None);
        let variable = |name: &str| inventory_variable(&self.scope, &self.engine, host, name);
        let text = |name: &str| match variable(name) {
            Ok(value) => value.and_then(|value| value.as_str().map(str::to_owned)),
            Err(error) => {
                refused.borrow_mut().get_or_insert_with(|| error.of(&host.0, name));
                None
            }
        };
        let base = text("paceline_base");
        let mut password = None;
        let login = match self.r#become {
            false => Login::Plain,
            true => {
                password = text("ansible_become_password").or_else(|| text("ansible_become_pass"));
                let (exe, flags) = (text("ansible_become_exe"), text("ansible_become_flags"));
                Login::Sudo { user: "root".to_owned(), exe, flags }
            }
        };
        let password = password.map(SecretString::from).or_else(|| self.password.clone());
        let target = self.reach.target(host, &self.loaded.inventory, &variable);
        let target = refused.into_inner().map_or(target, Err);
        let (target, lease) = match (target, lease_seconds(host, &variable)) {
            (Err(error), _) | (Ok(_), Err(error)) => (Err(error), 0),
            (Ok(target), Ok(lease)) => (Ok(target), lease),
        };
        AskHost { name: host.clone(), target, base, lease, login, password }
    }

    /// A host to restore, if there is anything on it or that is not known.
    fn restore(&self, args: &RollbackArgs, found: FoundHost) -> Option<RestoreHost> {
        let AskHost { name, target, base, lease, login, password } = self.ask(&found.name);
        let (points, unreachable) = match found.found {
            Ok(found) => (chosen(args, found.points), None),
            Err(reason) => (Vec::new(), Some(reason)),
        };
        if points.is_empty() && unreachable.is_none() {
            return None;
        }
        let points = points.into_iter().map(|(point, _)| (login.clone(), point)).collect();
        Some(RestoreHost {
            name,
            target,
            base,
            lease,
            points,
            look: Vec::new(),
            password,
            irreversible: Vec::new(),
            unreachable,
        })
    }
}

/// The points down to the one that is named.
fn chosen(args: &RollbackArgs, points: Vec<(Point, bool)>) -> Vec<(Point, bool)> {
    points.into_iter().filter(|(point, _)| args.to.is_none_or(|to| point.number >= to)).collect()
}

/// The one run whose id begins so, on whatever host.
fn named(found: &[FoundHost], wanted: &str) -> Result<String, CommandError> {
    let answers = found.iter().filter_map(|host| host.found.as_ref().ok());
    let runs: BTreeSet<&str> =
        answers.flat_map(|found| &found.runs).map(|found| found.run.as_str()).collect();
    let mut matching = runs.iter().filter(|run| run.starts_with(wanted));
    match (matching.next(), matching.next()) {
        (Some(run), None) => Ok((*run).to_owned()),
        (Some(one), Some(other)) => {
            Err(CommandError::user(format!("`{wanted}` is the start of `{one}` and of `{other}`"))
                .hint("write more of it"))
        }
        (None, _) => {
            let lost: Vec<String> = found
                .iter()
                .filter_map(|host| Some(format!("`{}`: {}", host.name.0, host.found.as_ref().err()?.0)))
                .collect();
            let error = CommandError::user(format!("no host has points of a run `{wanted}`"));
            match lost.first() {
                Some(lost) => Err(error.hint(format!("not every host could be asked: {lost}"))),
                None => Err(error.hint(
                    "`paceline rollback --from-host -i INVENTORY` lists the runs that the hosts know; points of other users are found with `-u` and `-b`",
                )),
            }
        }
    }
}

/// Prints the runs of every host.
fn list_runs(found: &[FoundHost], global: &Global) -> Result<u8, CommandError> {
    let mut out = std::io::stdout().lock();
    if global.output == Output::Json {
        let hosts: Vec<_> = found
            .iter()
            .map(|host| match &host.found {
                Ok(found) => {
                    let runs: Vec<_> = found
                        .runs
                        .iter()
                        .map(|found| json!({"run": found.run, "points": found.points, "left": found.left}))
                        .collect();
                    json!({"host": &*host.name.0, "runs": runs})
                }
                Err((message, _)) => json!({"host": &*host.name.0, "error": message}),
            })
            .collect();
        writeln!(out, "{}", json!({"hosts": hosts}))?;
    } else {
        for host in found {
            writeln!(out, "{}:", sanitize_line(&host.name.0))?;
            match &host.found {
                Err((message, hint)) => {
                    writeln!(out, "  unreachable: {}", sanitize_line(message))?;
                    if let Some(hint) = hint {
                        writeln!(out, "  hint: {}", sanitize_line(hint))?;
                    }
                }
                Ok(found) if found.runs.is_empty() => writeln!(out, "  no rollback points of this user")?,
                Ok(found) => {
                    for found in &found.runs {
                        let (points, left) = (found.points, found.left);
                        writeln!(out, "  {}  points: {points}, not restored: {left}", found.run)?;
                    }
                }
            }
        }
    }
    terminal::flush(out)?;
    Ok(code(found))
}

/// Prints what would be restored.
fn list_points(
    args: &RollbackArgs,
    run: &str,
    found: &[FoundHost],
    global: &Global,
) -> Result<u8, CommandError> {
    let mut out = std::io::stdout().lock();
    let mut hosts = Vec::new();
    for host in found {
        let name = &*host.name.0;
        let points = match &host.found {
            Ok(found) => chosen(args, found.points.clone()),
            Err((message, _)) => {
                hosts.push(json!({"host": name, "error": message}));
                if global.output == Output::Human {
                    writeln!(out, "{}:\n  unreachable: {}", sanitize_line(name), sanitize_line(message))?;
                }
                continue;
            }
        };
        let listed: Vec<_> = points
            .iter()
            .map(|(point, restored)| {
                json!({"point": point.number, "covers": point.kind, "path": point.path, "restored": restored})
            })
            .collect();
        hosts.push(json!({"host": name, "points": listed}));
        if global.output == Output::Human && !points.is_empty() {
            writeln!(out, "{}:", sanitize_line(name))?;
            for (point, restored) in points {
                let verb = if restored { "restored already:" } else { "would restore" };
                let what = covered(&point.kind, &point.path);
                writeln!(out, "  {verb} point {}: {}", point.number, sanitize_line(&what))?;
            }
        }
    }
    if global.output == Output::Json {
        writeln!(out, "{}", json!({"run": run, "hosts": hosts}))?;
    }
    terminal::flush(out)?;
    Ok(code(found))
}

fn code(found: &[FoundHost]) -> u8 {
    if found.iter().any(|host| host.found.is_err()) { UNREACHABLE } else { 0 }
}
