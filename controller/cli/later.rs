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
    Schema(Anything),
}

impl Later {
    /// Refuses it.
    pub(super) fn refuse(&self) -> CommandError {
        match self {
            Self::Schema(_) => {
                not_yet("paceline schema", "`paceline apply --syntax-check` checks playbook and inventory")
            }
        }
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
        for (line, what) in [("schema playbook", "paceline schema"), ("plan p.yml -o file", "plan -o")] {
            assert_eq!(refused(line), format!("`{what}` is not supported yet"));
        }
    }

    #[test]
    fn help_shows_only_what_there_is() {
        Cli::command().debug_assert();
        let help = Cli::command().render_help().to_string();
        assert!(!help.contains("schema"), "{help}");
    }
}
