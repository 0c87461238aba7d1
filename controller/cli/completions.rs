//! `paceline completions SHELL`.

use std::io::Write;

use clap::{Args, Command, CommandFactory};
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
    clap_complete::generate(args.shell, &mut shown(&Cli::command()), "paceline", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(0)
}

/// The command without what is hidden, which the scripts would offer too.
fn shown(command: &Command) -> Command {
    // Clap keeps names for ever; this is done once in a program that ends then.
    let name: &'static str = Box::leak(command.get_name().to_owned().into_boxed_str());
    let copy = Command::new(name)
        .args(command.get_arguments().filter(|argument| !argument.is_hide_set()).cloned())
        .subcommands(command.get_subcommands().filter(|command| !command.is_hide_set()).map(shown));
    match command.get_about() {
        Some(about) => copy.about(about.clone()),
        None => copy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_offered_that_is_refused() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut shown(&Cli::command()), "paceline", &mut script);
            let script = String::from_utf8_lossy(&script);
            // It is refused.
            assert!(!script.contains("schema"), "{shell} offers `schema`");
            for word in [
                "resume",
                "rollback",
                "on-failure",
                "known-hosts",
                "list-tasks",
                "completions",
                "prune",
                "unlock",
            ] {
                assert!(script.contains(word), "{shell} does not offer `{word}`");
            }
        }
    }
}
