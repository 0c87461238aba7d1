//! The command line: one file per subcommand; the only user of clap and of the environment.

mod apply;
mod args;
mod completions;
mod error;
mod extra_vars;
mod inventory;
mod lab;
mod load;
mod lookups;
mod rollback;
mod rollout;
mod runs;
mod show;
mod terminal;
mod trust;

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
    /// Restore what a run changed, newest first
    Rollback(rollback::RollbackArgs),
    /// List runs, show one, read host logs
    Runs(runs::RunsArgs),
    /// Look at hosts, groups and variables
    Inventory(inventory::InventoryCommand),
    /// Review host keys and write them to known_hosts
    Trust(trust::TrustArgs),
    /// Disposable hosts on loopback, for trying things out
    Lab(lab::LabArgs),
    /// Print the completion script of a shell
    Completions(completions::CompletionsArgs),
}

/// Parses the command line, runs the subcommand, prints what went wrong, and returns the exit code.
pub fn main() -> u8 {
    let environment = Environment::read();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return u8::from(error.use_stderr());
        }
    };
    match run(cli, &environment) {
        Ok(code) => code,
        Err(error) => {
            terminal::report(&error, &environment);
            error.exit_code()
        }
    }
}

fn run(cli: Cli, environment: &Environment) -> Result<u8, CommandError> {
    let global = &cli.global;
    match cli.command {
        Command::Plan(args) => apply::plan(args, global, environment),
        Command::Apply(args) => apply::apply(args, global, environment),
        Command::Rollback(args) => rollback::run(args, global, environment),
        Command::Runs(args) => {
            let format = match global.output {
                Output::Human => crate::ui::OutputFormat::Human,
                Output::Json => crate::ui::OutputFormat::Json,
            };
            runs::run(&args, &global.state_dir, format, &mut std::io::stdout().lock())
                .map_err(CommandError::user)
        }
        Command::Inventory(args) => inventory::run(args, global, environment),
        Command::Trust(args) => trust::run(args, global, environment),
        Command::Lab(args) => lab::run(args, global, environment),
        Command::Completions(args) => completions::run(&args),
    }
}
