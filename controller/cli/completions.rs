//! `paceline completions SHELL`.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::args::{Global, Output};
use super::{Cli, CommandError};

/// Print the completion script of a shell
#[derive(Args, Debug)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs, global: &Global) -> Result<u8, CommandError> {
    if global.output == Output::Json {
        return Err(CommandError::user("a completion script is text and cannot be a JSON document")
            .hint("leave out `--output json`"));
    }
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "paceline", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(0)
}
