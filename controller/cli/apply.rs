//! `paceline apply` and `paceline plan`.

use std::path::PathBuf;

use clap::Args;

use super::CommandError;
use super::args::{BecomeArgs, ConnectionArgs, Global, InventoryArgs, RolloutArgs};
use super::later::PlanFile;
use super::rollout::{self, Request};
use super::terminal::Environment;

/// Roll out a playbook
#[derive(Args, Debug)]
pub(super) struct ApplyArgs {
    /// The playbook (several run one after the other)
    #[arg(required = true, value_name = "PLAYBOOK")]
    pub(super) playbooks: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) inventory: InventoryArgs,
    #[command(flatten)]
    pub(super) rollout: RolloutArgs,
    /// Change nothing, tell what would change
    #[arg(short = 'C', long, help_heading = "Look first")]
    pub(super) check: bool,
    /// Show differences
    #[arg(short = 'D', long, help_heading = "Look first")]
    pub(super) diff: bool,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    #[command(flatten)]
    pub(super) r#become: BecomeArgs,
}

/// Show what would change, per host, with diffs; changes nothing
#[derive(Args, Debug)]
pub(super) struct PlanArgs {
    /// The playbook (several are looked at one after the other)
    #[arg(required = true, value_name = "PLAYBOOK")]
    playbooks: Vec<PathBuf>,
    #[command(flatten)]
    inventory: InventoryArgs,
    #[command(flatten)]
    rollout: RolloutArgs,
    /// Exit with 2 when something would change
    #[arg(long, help_heading = "Look first")]
    exit_code: bool,
    #[command(flatten)]
    file: PlanFile,
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    r#become: BecomeArgs,
}

impl ApplyArgs {
    /// What these options ask for.
    pub(super) fn request(&self) -> Request<'_> {
        Request {
            command: "apply",
            playbooks: &self.playbooks,
            inventory: &self.inventory,
            connection: &self.connection,
            r#become: &self.r#become,
            rollout: &self.rollout,
            check: self.check,
            diff: self.diff,
            exit_code: false,
            trusted: false,
        }
    }
}

pub(super) fn apply(args: ApplyArgs, global: &Global, environment: &Environment) -> Result<u8, CommandError> {
    rollout::run(&args.request(), global, environment)
}

pub(super) fn plan(args: PlanArgs, global: &Global, environment: &Environment) -> Result<u8, CommandError> {
    args.file.check()?;
    let request = Request {
        command: "plan",
        playbooks: &args.playbooks,
        inventory: &args.inventory,
        connection: &args.connection,
        r#become: &args.r#become,
        rollout: &args.rollout,
        check: true,
        diff: true,
        exit_code: args.exit_code,
        trusted: false,
    };
    rollout::run(&request, global, environment)
}
