//! Options that several subcommands share. Ansible's keep their letters and their meaning.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::CommandError;
use super::vault_args::VaultArgs;
use crate::playbook;
use crate::ui::OutputFormat;

/// For people or for programs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Output {
    /// Lines, tables and progress
    #[default]
    Human,
    /// JSON on standard output and nothing else: events one a line for commands that make a run, one document for all others
    Json,
    /// The matrix for spreadsheets (`audit`)
    Csv,
    /// A page of its own (`audit`)
    Html,
}

/// What becomes of a host on which a task failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum OnFailure {
    /// It stops, the others go on
    Stop,
    /// It stops and is restored
    Rollback,
    /// It goes on with the next task
    Continue,
}

impl From<OnFailure> for playbook::OnFailure {
    fn from(policy: OnFailure) -> Self {
        match policy {
            OnFailure::Stop => Self::Stop,
            OnFailure::Rollback => Self::Rollback,
            OnFailure::Continue => Self::Continue,
        }
    }
}

/// Whom a spent failure budget takes back.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum RollbackScope {
    /// The hosts that failed
    Host,
    /// Every host of the wave that was changed
    Wave,
}

impl From<RollbackScope> for playbook::RollbackScope {
    fn from(scope: RollbackScope) -> Self {
        match scope {
            RollbackScope::Host => Self::Host,
            RollbackScope::Wave => Self::Wave,
        }
    }
}

/// Options of every subcommand.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// What standard output carries
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        help_heading = "Global options"
    )]
    pub output: Output,
    /// Folder of runs: journals, host logs [env: PACELINE_STATE_DIR]
    #[arg(
        long,
        global = true,
        default_value_os_t = super::terminal::state_dir(),
        value_name = "DIR",
        help_heading = "Global options"
    )]
    pub state_dir: PathBuf,
    /// Say more; repeat for more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
    /// Ignore `ANSIBLE_CONFIG` and `./ansible.cfg`
    #[arg(long, global = true, help_heading = "Global options")]
    pub no_ansible_cfg: bool,
}

impl Global {
    /// The format of commands that know people and programs only; the others were refused ([`Global::check`]).
    pub(super) fn format(&self) -> OutputFormat {
        match self.output {
            Output::Json => OutputFormat::Json,
            Output::Human | Output::Csv | Output::Html => OutputFormat::Human,
        }
    }

    /// Refuses formats that a command does not have.
    pub(super) fn check(&self, has: &[Output]) -> Result<(), CommandError> {
        let name = match self.output {
            Output::Human | Output::Json => return Ok(()),
            Output::Csv => "csv",
            Output::Html => "html",
        };
        if has.contains(&self.output) {
            return Ok(());
        }
        Err(CommandError::user(format!("this command has no `--output {name}`"))
            .hint("use `human` or `json`"))
    }
}

/// Which inventory, and which of its hosts.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct InventoryArgs {
    /// Inventory: a YAML file, a folder, or `host1,host2,` (repeatable)
    #[arg(short, long = "inventory", value_name = "INVENTORY", help_heading = "Targets")]
    pub inventory: Vec<String>,
    /// Only hosts that match: names, groups, `,` `:&` `:!`, globs, `~regex`, `group[0:2]`, `@file`
    #[arg(short, long, value_name = "PATTERN", help_heading = "Targets")]
    pub limit: Option<String>,
    #[command(flatten)]
    pub vault: VaultArgs,
}

/// How hosts are reached.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ConnectionArgs {
    /// Login user
    #[arg(short, long = "user", value_name = "USER", help_heading = "Connection")]
    pub user: Option<String>,
    /// Ask for the login password
    #[arg(short = 'k', long, help_heading = "Connection")]
    pub ask_pass: bool,
    /// Private key to log in with
    #[arg(long, visible_alias = "key-file", value_name = "FILE", help_heading = "Connection")]
    pub private_key: Option<PathBuf>,
    /// Seconds for each phase of connecting
    #[arg(short = 'T', long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "Connection")]
    pub timeout: Option<u64>,
    /// File of known host keys (repeatable; replaces `~/.ssh/known_hosts`)
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub known_hosts: Vec<PathBuf>,
}

/// As whom tasks run.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct BecomeArgs {
    /// Become another user for every task that does not say otherwise
    #[arg(short = 'b', long = "become", help_heading = "Become")]
    pub enabled: bool,
    /// Ask for the password of become
    #[arg(short = 'K', long, help_heading = "Become")]
    pub ask_become_pass: bool,
    /// The user to become
    #[arg(long, value_name = "USER", help_heading = "Become")]
    pub become_user: Option<String>,
    /// How to become it
    #[arg(long, value_name = "METHOD", value_parser = ["sudo"], help_heading = "Become")]
    pub become_method: Option<String>,
}

/// What a rollout does.
/// How hosts are asked without a run: how they are reached, as whom, with which variables, how many at once.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct AskArgs {
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    #[command(flatten)]
    pub(super) r#become: BecomeArgs,
    /// Variables: `name=value`, YAML or JSON, or `@file` (repeatable)
    #[arg(short, long, value_name = "VARS", help_heading = "Targets")]
    pub(super) extra_vars: Vec<String>,
    /// Hosts that are asked at once [default: 50]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = "Targets")]
    pub(super) forks: Option<u32>,
}

#[derive(Args, Clone, Debug, Default)]
pub(super) struct RolloutArgs {
    /// Variables: `name=value`, YAML or JSON, or `@file` (repeatable)
    #[arg(short, long, value_name = "VARS", help_heading = "Rollout")]
    pub extra_vars: Vec<String>,
    /// Hosts at work at once [default: 50]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = "Rollout")]
    pub forks: Option<u32>,
    /// Only tasks with one of these tags
    #[arg(short, long, value_delimiter = ',', value_name = "TAGS", help_heading = "Rollout")]
    pub tags: Vec<String>,
    /// No task with one of these tags
    #[arg(long, value_delimiter = ',', value_name = "TAGS", help_heading = "Rollout")]
    pub skip_tags: Vec<String>,
    /// Begin with the first task of this name, or one that this pattern matches; what is in front of it is left out
    #[arg(long, value_name = "NAME", help_heading = "Rollout")]
    pub start_at_task: Option<String>,
    /// Sizes of waves for plays without `serial`: `1,10%,50%`
    #[arg(long, value_delimiter = ',', value_name = "LIST", help_heading = "Rollout")]
    pub serial: Vec<String>,
    /// Run handlers on hosts that failed too
    #[arg(long, help_heading = "Rollout")]
    pub force_handlers: bool,
    /// What becomes of a host on which a task failed, whatever the plays say [default: stop]
    #[arg(long, value_enum, value_name = "POLICY", help_heading = "Rollout")]
    pub on_failure: Option<OnFailure>,
    /// Whom `--on-failure rollback` restores when the failure budget is exceeded [default: host]
    #[arg(long, value_enum, value_name = "SCOPE", help_heading = "Rollout")]
    pub rollback_scope: Option<RollbackScope>,
    /// Refuse to start when more hosts are targeted
    #[arg(long, value_name = "N", help_heading = "Rollout")]
    pub max_hosts: Option<usize>,
    /// Go on with the other hosts when another run holds one
    #[arg(long, help_heading = "Rollout")]
    pub skip_held: bool,
    /// Answer yes to every confirmation
    #[arg(short, long, help_heading = "Rollout")]
    pub yes: bool,
    /// List the targets and stop
    #[arg(long, help_heading = "Look first")]
    pub list_hosts: bool,
    /// List the tasks and stop
    #[arg(long, help_heading = "Look first")]
    pub list_tasks: bool,
    /// List the tags and stop
    #[arg(long, help_heading = "Look first")]
    pub list_tags: bool,
    /// Check all files and stop
    #[arg(long, help_heading = "Look first")]
    pub syntax_check: bool,
}
