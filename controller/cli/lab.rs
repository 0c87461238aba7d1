//! `paceline lab`: disposable hosts on loopback, a rollout to them, and the sample agent.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::json;

use super::CommandError;
use super::args::{BecomeArgs, ConnectionArgs, Global, InventoryArgs, Output, RolloutArgs};
use super::interrupt::{Cleanup, Interruptions};
use super::rollout::{self, Request};
use super::terminal::{self, Environment};
use super::vault_args::VaultArgs;
use crate::lab::{Found, Lab, LabFolder, agent};
use crate::source::counted;

/// Where a lab that was started with `lab up` lives, below the state folder.
const FOLDER: &str = "lab";
/// How long a lab may take to end.
const PATIENCE: Duration = Duration::from_secs(15);

/// Disposable hosts on loopback, for trying things out
///
/// Each host has its own SSH server with its own host key, home folder, temporary folder and place for
/// rollback points, and runs real commands with the real `/bin/sh`. It is not a security boundary: the
/// commands run on this machine, as you.
#[derive(Args, Debug)]
pub(super) struct LabArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start hosts, roll a playbook out to them, clean up
    Run {
        /// The playbook
        #[arg(required = true, value_name = "PLAYBOOK")]
        playbooks: Vec<PathBuf>,
        /// Number of hosts
        #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=1000))]
        hosts: u16,
        /// Leave the hosts' files where they are and say where
        #[arg(long)]
        keep: bool,
        /// Only hosts that match
        #[arg(short, long, value_name = "PATTERN", help_heading = "Targets")]
        limit: Option<String>,
        #[command(flatten)]
        rollout: Box<RolloutArgs>,
        /// Change nothing, tell what would change
        #[arg(short = 'C', long, help_heading = "Look first")]
        check: bool,
        /// Show differences
        #[arg(short = 'D', long, help_heading = "Look first")]
        diff: bool,
        #[command(flatten)]
        vault: VaultArgs,
    },
    /// Start hosts and keep them until Ctrl-C or `paceline lab down`
    Up {
        /// Number of hosts
        #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=1000))]
        hosts: u16,
        /// Where the hosts' files, the inventory and the key go [default: STATE/lab]
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
    },
    /// Stop the hosts that `paceline lab up` started, and remove their files
    Down {
        /// Where they live [default: STATE/lab]
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
    },
    /// The sample agent that `playbooks/install-agent.yml` installs
    #[command(hide = true)]
    Agent {
        /// Its working folder
        #[arg(long)]
        root: PathBuf,
        /// Its port on loopback
        #[arg(long)]
        port: u16,
    },
}

pub(super) fn run(args: LabArgs, global: &Global, environment: &Environment) -> Result<u8, CommandError> {
    match args.action {
        Action::Agent { root, port } => {
            agent::serve(&root, port).map_err(CommandError::failed)?;
            Ok(0)
        }
        Action::Up { hosts, folder } => up(hosts, &folder_of(folder, global), global),
        Action::Down { folder } => down(&folder_of(folder, global), global),
        Action::Run { playbooks, hosts, keep, limit, rollout, check, diff, vault } => {
            let folder = tempfile::Builder::new().prefix("paceline-lab-").tempdir()?;
            let path = folder.path().to_owned();
            let _files = Cleanup::register(move || {
                if !keep {
                    remove_all(&path);
                }
            });
            let runtime = runtime()?;
            let lab = runtime.block_on(start(hosts, folder.path()))?;
            let _processes = Cleanup::register(lab.killer());
            let inventory =
                InventoryArgs { inventory: vec![lab.inventory().display().to_string()], limit, vault };
            let mut rollout = *rollout;
            rollout.extra_vars.insert(0, agent_program()?);
            let request = Request {
                command: "lab run",
                playbooks: &playbooks,
                inventory: &inventory,
                connection: &ConnectionArgs::default(),
                r#become: &BecomeArgs::default(),
                rollout: &rollout,
                check,
                diff,
                exit_code: false,
                trusted: true,
            };
            let result = rollout::run(&request, global, environment);
            runtime.block_on(lab.stop());
            if keep {
                let path = folder.keep();
                let _ =
                    writeln!(std::io::stderr(), "the hosts' files are in {}", path.join("hosts").display());
            }
            result
        }
    }
}

fn folder_of(folder: Option<PathBuf>, global: &Global) -> PathBuf {
    folder.unwrap_or_else(|| global.state_dir.join(FOLDER))
}

fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

async fn start(hosts: u16, folder: &Path) -> Result<Lab, CommandError> {
    terminal::raise_file_limit();
    let failed = |error: std::io::Error| {
        CommandError::user(format!("cannot start the lab in `{}`: {error}", folder.display()))
    };
    Lab::start(usize::from(hosts), folder).await.map_err(failed)
}

/// Removes a folder in which processes that were just killed may still have written a moment ago.
fn remove_all(folder: &Path) {
    for _ in 0..20 {
        if std::fs::remove_dir_all(folder).is_ok() || !folder.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The variable that makes the shipped playbook install the sample agent of this very program.
fn agent_program() -> Result<String, CommandError> {
    let program = std::env::current_exe()?;
    Ok(json!({ "agent_program": [program, "lab", "agent"] }).to_string())
}

fn up(hosts: u16, folder: &Path, global: &Global) -> Result<u8, CommandError> {
    let claimed = LabFolder::claim(folder).map_err(CommandError::failed)?;
    let path = claimed.path().to_owned();
    let files = Cleanup::register(move || {
        let _ = LabFolder::remove_files(&path);
    });
    let runtime = runtime()?;
    let lab = match runtime.block_on(start(hosts, folder)) {
        Ok(lab) => lab,
        Err(error) => {
            let _ = claimed.remove();
            return Err(error);
        }
    };
    let processes = Cleanup::register(lab.killer());
    let mut interruptions = Interruptions::take();
    let told = announce(&lab, hosts, global);
    runtime.block_on(async {
        if told.is_ok() {
            interruptions.next().await;
        }
        lab.stop().await;
    });
    drop((files, processes));
    let empty = claimed.remove().map_err(|error| {
        CommandError::user(format!("cannot remove the files of the lab in `{}`: {error}", folder.display()))
    })?;
    if !empty {
        let _ = writeln!(std::io::stderr(), "`{}` stays: it holds other files too", folder.display());
    }
    told.map(|()| 0)
}

/// Tells that the lab is up and how to reach it.
fn announce(lab: &Lab, hosts: u16, global: &Global) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    if global.output == Output::Json {
        let names: Vec<&str> = lab.hosts().iter().map(crate::lab::LabHost::name).collect();
        let document = json!({
            "hosts": names, "inventory": lab.inventory(), "known_hosts": lab.known_hosts(),
            "private_key": lab.key(), "process": std::process::id(), "extra_vars": agent_program()?,
        });
        writeln!(out, "{document}")?;
    } else {
        let program = std::env::current_exe()?;
        writeln!(out, "{} up; stop with Ctrl-C or `paceline lab down`\n", counted(hosts.into(), "host"))?;
        writeln!(out, "inventory: {}", lab.inventory().display())?;
        writeln!(out, "try:       {} apply playbooks/install-agent.yml \\", program.display())?;
        writeln!(out, "             -i {} \\", lab.inventory().display())?;
        writeln!(out, "             -e '{}'", agent_program()?)?;
    }
    terminal::flush(out)
}

fn down(folder: &Path, global: &Global) -> Result<u8, CommandError> {
    let (was_running, empty) = match LabFolder::find(folder).map_err(CommandError::failed)? {
        Found::Left(left) => (false, left.remove()?),
        Found::Running(pid) => {
            end(folder, pid)?;
            (true, !folder.exists())
        }
    };
    if global.output == Output::Json {
        let document = json!({ "folder": folder, "was_running": was_running, "folder_removed": empty });
        writeln!(std::io::stdout(), "{document}")?;
        return Ok(0);
    }
    let what = if was_running { "the lab is down" } else { "the lab had ended already" };
    let rest = if empty { "" } else { "; other files in its folder stay" };
    let _ = writeln!(std::io::stderr(), "{what} and its files are removed{rest}");
    Ok(0)
}

/// Asks a lab to end and waits until it has. It holds the lock of its folder, so the number is its own.
fn end(folder: &Path, pid: i32) -> Result<(), CommandError> {
    let process = rustix::process::Pid::from_raw(pid)
        .ok_or_else(|| CommandError::user(format!("`{pid}` is not the number of a process")))?;
    rustix::process::kill_process(process, rustix::process::Signal::TERM).map_err(CommandError::failed)?;
    let patience = Instant::now();
    while let Ok(Found::Running(_)) = LabFolder::find(folder) {
        if patience.elapsed() > PATIENCE {
            return Err(CommandError::user(format!("the lab (process {pid}) does not end")));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
