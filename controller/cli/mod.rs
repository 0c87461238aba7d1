//! The command line: one file per subcommand; the only user of clap and of the environment.

mod apply;
mod args;
mod asking;
mod audit;
mod audit_live;
mod audit_sources;
mod completions;
mod confirm;
mod connections;
mod error;
mod extra_vars;
mod from_host;
mod interrupt;
mod inventory;
mod lab;
mod later;
mod later_runs;
mod load;
mod lookups;
mod preflight;
mod preflight_hosts;
mod preflight_variables;
mod prune;
mod recorded;
mod resume;
mod rollback;
mod rollout;
mod runs;
mod show;
mod terminal;
mod trust;
mod unlock;
mod vault;
mod vault_args;
mod vault_files;

use clap::{Parser, Subcommand};

pub use args::{Global, Output};
pub use error::{CommandError, ErrorKind};
pub use terminal::Environment;

/// Roll out agents to many hosts, in parallel, with a log for every host and a way back for every change.
#[derive(Debug, Parser)]
#[command(name = "paceline", version, max_term_width = 100, propagate_version = true)]
#[command(
    after_help = "Start with `paceline lab run playbooks/install-agent.yml`: a rollout to disposable hosts on this machine."
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what would change, per host, with diffs; changes nothing
    Plan(apply::PlanArgs),
    /// Roll out a playbook
    Apply(apply::ApplyArgs),
    /// Go on with every host of a run that is not done
    Resume(resume::ResumeArgs),
    /// Restore what a run changed, newest first
    Rollback(rollback::RollbackArgs),
    /// List runs, show one, read host logs
    Runs(runs::RunsArgs),
    /// Look at requirements and certificates before a rollout; changes nothing
    Preflight(Box<preflight::PreflightArgs>),
    /// See which agent serves which connector, what is wrong with that, and what changed
    Audit(Box<audit::AuditArgs>),
    /// Look at hosts, groups and variables
    Inventory(inventory::InventoryCommand),
    /// Review host keys and write them to known_hosts
    Trust(trust::TrustArgs),
    /// Look at, encrypt and decrypt files in Ansible's vault format
    Vault(vault::VaultCommand),
    /// Disposable hosts on loopback, for trying things out
    Lab(lab::LabArgs),
    /// Print the completion script of a shell
    Completions(completions::CompletionsArgs),
    #[command(flatten)]
    Later(later::Later),
}

/// Parses the command line, runs the subcommand, prints what went wrong, and returns the exit code.
pub fn main() -> u8 {
    let environment = Environment::read();
    let ended = caught(|| {
        let cli = match parse() {
            Ok(cli) => cli,
            Err(code) => return Ok(code),
        };
        interrupt::watch()?;
        run(cli, &environment)
    });
    ended.unwrap_or_else(|error| {
        terminal::report(&error, &environment);
        error.exit_code()
    })
}

/// Reads the command line; what clap has to say is printed, and only its exit code is left.
fn parse() -> Result<Cli, u8> {
    Cli::try_parse_from(vault::spelled(std::env::args_os())).map_err(|error| {
        let _ = error.print();
        u8::from(error.use_stderr())
    })
}

/// Turns a panic into an internal error. What panicked, and where, stands on standard error already.
fn caught(program: impl FnOnce() -> Result<u8, CommandError>) -> Result<u8, CommandError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(program)).unwrap_or_else(|_| {
        Err(CommandError::internal("Paceline has crashed; this is a defect of the program")
            .hint("please report it with the lines above; `paceline runs` tells how far a run came"))
    })
}

fn run(cli: Cli, environment: &Environment) -> Result<u8, CommandError> {
    let global = &cli.global;
    global.check(match &cli.command {
        Command::Audit(_) => &[Output::Csv, Output::Html],
        _ => &[],
    })?;
    match cli.command {
        Command::Plan(args) => apply::plan(args, global, environment),
        Command::Apply(args) => apply::apply(args, global, environment),
        Command::Resume(args) => resume::run(args, global, environment),
        Command::Rollback(args) => rollback::run(args, global, environment),
        Command::Runs(args) => {
            let format = global.format();
            if let Some(code) = args.on_hosts(global, environment) {
                return code;
            }
            runs::run(&args, &global.state_dir, format, &mut std::io::stdout().lock())
                .map_err(CommandError::failed)
        }
        Command::Preflight(args) => preflight::run(&args, global, environment),
        Command::Audit(args) => audit::run(&args, global, environment),
        Command::Inventory(args) => inventory::run(args, global, environment),
        Command::Trust(args) => trust::run(args, global, environment),
        Command::Vault(command) => vault::run(&command, global, environment),
        Command::Lab(args) => lab::run(args, global, environment),
        Command::Completions(args) => completions::run(&args, global),
        Command::Later(later) => Err(later.refuse()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_internal_error() {
        assert_eq!(caught(|| Ok(2)).ok(), Some(2));
        let error = caught(|| panic!("on purpose")).err();
        assert_eq!(error.map(|error| error.exit_code()), Some(250));
    }
}
