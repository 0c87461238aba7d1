//! What is planned and not there yet. It is known to the command line, so that nobody is sent elsewhere by a
//! "similar" name, and refused with what to do instead.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::CommandError;

/// The words after a command that is refused; none of them matters.
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true)]
pub(super) struct Anything {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Planned subcommands.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Later {
    #[command(hide = true)]
    Vault(Anything),
    #[command(hide = true)]
    Schema(Anything),
}

impl Later {
    /// Refuses it.
    pub(super) fn refuse(&self) -> CommandError {
        match self {
            Self::Vault(_) => not_yet("paceline vault", VAULT),
            Self::Schema(_) => {
                not_yet("paceline schema", "`paceline apply --syntax-check` checks playbook and inventory")
            }
        }
    }
}

const VAULT: &str = "encrypt the file with another tool and give its values with `-e @FILE`";

/// Ansible's options for vault files.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct VaultArgs {
    #[arg(long, hide = true, alias = "vault-pass-file")]
    vault_password_file: Vec<PathBuf>,
    #[arg(long, hide = true)]
    vault_id: Vec<String>,
    #[arg(short = 'J', long, hide = true, alias = "ask-vault-pass")]
    ask_vault_password: bool,
}

impl VaultArgs {
    /// Refuses what was given.
    pub(super) fn check(&self) -> Result<(), CommandError> {
        let given = [
            (!self.vault_password_file.is_empty(), "--vault-password-file"),
            (!self.vault_id.is_empty(), "--vault-id"),
            (self.ask_vault_password, "-J"),
        ];
        refuse_first(&given, VAULT)
    }
}

/// `plan -o FILE`.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct PlanFile {
    #[arg(short = 'o', long = "out", hide = true, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl PlanFile {
    /// Refuses it.
    pub(super) fn check(&self) -> Result<(), CommandError> {
        let hint = "`paceline plan PLAYBOOK --output json` prints what would change";
        refuse_first(&[(self.file.is_some(), "plan -o")], hint)
    }
}

fn refuse_first(given: &[(bool, &str)], hint: &str) -> Result<(), CommandError> {
    match given.iter().find(|(given, _)| *given) {
        Some((_, what)) => Err(not_yet(what, hint)),
        None => Ok(()),
    }
}

fn not_yet(what: &str, hint: &str) -> CommandError {
    CommandError::user(format!("`{what}` is not supported yet")).hint(hint)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::super::{Cli, run, terminal::Environment};

    fn refused(line: &str) -> String {
        let words = std::iter::once("paceline").chain(line.split(' '));
        let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
        let error = run(cli, &Environment::read()).err().unwrap_or_else(|| panic!("{line}: not refused"));
        assert_eq!(error.exit_code(), 1, "{line}");
        assert!(!error.hints.is_empty(), "{line}: no hint");
        error.messages.concat()
    }

    #[test]
    fn what_is_planned_is_refused_by_its_name() {
        for (line, what) in [
            ("vault view file", "paceline vault"),
            ("schema playbook", "paceline schema"),
            ("apply p.yml --vault-password-file f", "--vault-password-file"),
            ("plan p.yml --vault-id dev@f", "--vault-id"),
            ("plan p.yml -o file", "plan -o"),
            ("inventory list -J", "-J"),
            ("rollback latest -J", "-J"),
            ("lab run p.yml -J", "-J"),
        ] {
            assert_eq!(refused(line), format!("`{what}` is not supported yet"));
        }
    }

    #[test]
    fn help_shows_only_what_there_is() {
        Cli::command().debug_assert();
        let help = Cli::try_parse_from(["paceline", "apply", "--help"]).unwrap_err().to_string();
        for word in ["vault"] {
            assert!(!help.contains(word), "{help}");
        }
        let help = Cli::command().render_help().to_string();
        for word in ["vault", "schema"] {
            assert!(!help.contains(word), "{help}");
        }
    }
}
