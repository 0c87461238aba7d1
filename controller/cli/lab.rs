//! `paceline lab`: disposable hosts on loopback, a rollout to them, and the sample agent.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::CommandError;
use super::args::{BecomeArgs, ConnectionArgs, Global, InventoryArgs, RolloutArgs};
use super::rollout::{self, Request};
use super::terminal::Environment;
use crate::lab::{Lab, agent};

/// Where a lab that was started with `lab up` lives, below the state folder.
const FOLDER: &str = "lab";
/// What the running lab is known by.
const PID: &str = "pid";

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
            agent::serve(&root, port).map_err(CommandError::user)?;
            Ok(0)
        }
        Action::Up { hosts, folder } => up(hosts, &folder_of(folder, global)),
        Action::Down { folder } => down(&folder_of(folder, global)),
        Action::Run { playbooks, hosts, keep, limit, rollout, check, diff } => {
            let folder = tempfile::Builder::new().prefix("paceline-lab-").tempdir()?;
            let runtime = runtime()?;
            let lab = runtime.block_on(start(hosts, folder.path()))?;
            let inventory = InventoryArgs { inventory: vec![lab.inventory().display().to_string()], limit };
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
                writeln!(std::io::stderr(), "the hosts' files are in {}", path.join("hosts").display())?;
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
    super::terminal::raise_file_limit();
    let failed = |error: std::io::Error| {
        CommandError::user(format!("cannot start the lab in `{}`: {error}", folder.display()))
    };
    Lab::start(usize::from(hosts), folder).await.map_err(failed)
}

/// The variable that makes the shipped playbook install the sample agent of this very program.
fn agent_program() -> Result<String, CommandError> {
    let program = std::env::current_exe()?;
    Ok(serde_json::json!({ "agent_program": [program, "lab", "agent"] }).to_string())
}

fn up(hosts: u16, folder: &Path) -> Result<u8, CommandError> {
    if let Some(pid) = running(folder) {
        let message = format!("a lab is running in `{}` already (process {pid})", folder.display());
        return Err(CommandError::user(message).hint("stop it with `paceline lab down`"));
    }
    let runtime = runtime()?;
    let lab = runtime.block_on(start(hosts, folder))?;
    let pid = folder.join(PID);
    std::fs::write(&pid, std::process::id().to_string())?;
    let mut out = std::io::stdout().lock();
    let program = std::env::current_exe()?;
    writeln!(out, "{hosts} hosts are up; stop them with Ctrl-C or `paceline lab down`\n")?;
    writeln!(out, "inventory: {}", lab.inventory().display())?;
    writeln!(out, "try:       {} apply playbooks/install-agent.yml \\", program.display())?;
    writeln!(out, "             -i {} \\", lab.inventory().display())?;
    writeln!(out, "             -e '{}'", agent_program()?)?;
    out.flush()?;
    drop(out);
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        lab.stop().await;
        std::io::Result::Ok(())
    })?;
    std::fs::remove_dir_all(folder)?;
    Ok(0)
}

/// Returns the process of the lab that runs in `folder`.
fn running(folder: &Path) -> Option<rustix::process::Pid> {
    let pid = std::fs::read_to_string(folder.join(PID)).ok()?.trim().parse().ok()?;
    let pid = rustix::process::Pid::from_raw(pid)?;
    rustix::process::test_kill_process(pid).ok().map(|()| pid)
}

fn down(folder: &Path) -> Result<u8, CommandError> {
    let Some(pid) = running(folder) else {
        if folder.join(PID).exists() {
            std::fs::remove_dir_all(folder)?;
            writeln!(std::io::stderr(), "the lab had ended already; its files are removed")?;
            return Ok(0);
        }
        return Err(CommandError::user(format!("no lab is running in `{}`", folder.display()))
            .hint("`--folder` or `--state-dir` name another place"));
    };
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).map_err(CommandError::user)?;
    let patience = std::time::Instant::now();
    while running(folder).is_some() {
        if patience.elapsed().as_secs() > 15 {
            return Err(CommandError::user(format!("the lab (process {pid:?}) does not end")));
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    writeln!(std::io::stderr(), "the lab is down and its files are removed")?;
    Ok(0)
}
