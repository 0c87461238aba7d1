//! `paceline inventory`: what the inventory says, and why.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::args::{Global, InventoryArgs, Output};
use super::load;
use super::terminal::Environment;
use super::{CommandError, terminal};
use crate::inventory::{self, GroupName, HostName};
use crate::source::suggestion;

/// Look at hosts, groups and variables
#[derive(Args, Debug)]
pub(super) struct InventoryCommand {
    #[command(subcommand)]
    view: View,
}

#[derive(Debug, Subcommand)]
enum View {
    /// List the hosts; with `--output json` what `ansible-inventory --list` prints
    List(ViewArgs),
    /// Draw the groups as a tree
    Graph {
        /// The group to start from
        #[arg(default_value = "all")]
        group: String,
        /// Show variables too
        #[arg(long)]
        vars: bool,
        #[command(flatten)]
        args: ViewArgs,
    },
    /// Show the variables of a host
    Host {
        /// The host
        host: String,
        #[command(flatten)]
        args: ViewArgs,
    },
    /// Explain where the value of a variable comes from: every candidate, and why the winner won
    Explain {
        /// The variable
        variable: String,
        /// The host
        host: String,
        #[command(flatten)]
        args: ViewArgs,
    },
}

#[derive(Args, Debug)]
struct ViewArgs {
    #[command(flatten)]
    inventory: InventoryArgs,
    /// Folder whose `group_vars` and `host_vars` count too
    #[arg(long, value_name = "DIR", help_heading = "Targets")]
    playbook_dir: Option<PathBuf>,
}

pub(super) fn run(
    command: InventoryCommand,
    global: &Global,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let args = match &command.view {
        View::List(args)
        | View::Graph { args, .. }
        | View::Host { args, .. }
        | View::Explain { args, .. } => args,
    };
    let loaded = load::inventory(&args.inventory, args.playbook_dir.as_deref(), global, environment)?;
    loaded.check(environment)?;
    let all = &loaded.inventory;
    load::check(&all.malformed_agents(), environment)?;
    let limit = args.inventory.limit.as_deref();
    let known = |name: &str| -> Result<HostName, CommandError> {
        let host = HostName::from(name);
        if all.hosts.contains_key(&host) {
            return Ok(host);
        }
        let error = CommandError::user(format!("the inventory has no host `{name}`"));
        let names = all.hosts.keys().map(|host| &*host.0);
        Err(match suggestion(name, names) {
            Some(hint) => error.hint(hint),
            None => error,
        })
    };
    let json = global.output == Output::Json;
    let text = match &command.view {
        View::List(_) => {
            let selected = load::Loaded::select(&loaded, limit, environment)?;
            match json {
                true => pretty(&inventory::list(all, limit.is_some().then_some(&selected[..]))),
                false => inventory::human_list(all, &selected),
            }
        }
        View::Graph { group, vars, .. } => {
            if limit.is_some() {
                return Err(CommandError::user("`inventory graph` shows groups; `-l` selects hosts")
                    .hint("name the group to start from: `paceline inventory graph GROUP`"));
            }
            let text = inventory::graph(all, &GroupName::from(group.as_str()), *vars)
                .ok_or_else(|| CommandError::user(format!("the inventory has no group `{group}`")))?;
            if json { pretty(&json!({ "graph": text })) } else { text }
        }
        View::Host { host, .. } => {
            let host = known(host)?;
            pretty(&inventory::host(all, &host).unwrap_or_default())
        }
        View::Explain { variable, host, .. } => {
            let host = known(host)?;
            let Some(explanation) = inventory::explain(all, variable, &host) else {
                return Err(CommandError::user(format!("nothing gives `{host}` a variable `{variable}`"))
                    .hint("variables of plays, roles and `-e` are not part of the inventory"));
            };
            if json { pretty(&explanation.to_json()) } else { explanation.to_text() }
        }
    };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    terminal::flush(out)?;
    Ok(0)
}

fn pretty(value: &serde_json::Value) -> String {
    let mut text = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, format);
    match serde::Serialize::serialize(value, &mut serializer) {
        Ok(()) => String::from_utf8_lossy(&text).into_owned(),
        Err(_) => value.to_string(),
    }
}
