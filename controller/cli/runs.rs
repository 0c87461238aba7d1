//! `paceline runs`: what the state folder tells about runs.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::args::Global;
use super::terminal::Environment;
use super::{CommandError, prune, unlock};
use crate::journal::resolve;
use crate::report::{self, ReportError};
use crate::ui::OutputFormat;

/// Lists runs, tells their story and prints the logs of their hosts.
#[derive(Args, Clone, Debug)]
pub(super) struct RunsArgs {
    #[command(subcommand)]
    command: Option<RunsCommand>,
}

#[derive(Clone, Debug, Subcommand)]
enum RunsCommand {
    /// All runs, newest first (what `paceline runs` alone does)
    List,
    /// The story of a run: waves, tasks, failures, rollback points, recap; or that of a host over all runs
    Show {
        /// The run: any unique prefix of its id, or `latest`
        run: Option<String>,
        /// One host: every step of it in the run, or without a run what changed on it over all runs
        #[arg(long)]
        host: Option<String>,
        /// Without a run: show that many, the newest first
        #[arg(short, long = "number", default_value_t = 20, value_name = "N", conflicts_with = "run")]
        number: usize,
    },
    /// The log of a host: every step with its output
    Logs {
        /// The run: any unique prefix of its id, or `latest`
        run: String,
        /// The host, as the inventory names it
        host: String,
        /// Go on until the run ends
        #[arg(short, long)]
        follow: bool,
    },
    /// One HTML file about a run: time line, failures, changes, rollback points, logs
    Report {
        /// The run: any unique prefix of its id, or `latest`
        run: String,
        /// The file, or `-` for standard output [default: report.html in the folder of the run]
        #[arg(short = 'o', long = "out", value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Break the lease of a run that is dead, so that another one may work on its hosts
    Unlock(Box<unlock::UnlockArgs>),
    /// Remove old runs, here and on their hosts
    Prune(Box<prune::PruneArgs>),
}

impl RunsArgs {
    /// Runs what goes to hosts, and so is no report; nothing for the others.
    pub(super) fn on_hosts(
        &self,
        global: &Global,
        environment: &Environment,
    ) -> Option<Result<u8, CommandError>> {
        match self.command.as_ref()? {
            RunsCommand::Unlock(args) => Some(unlock::run(args, global, environment)),
            RunsCommand::Prune(args) => Some(prune::run(args, global, environment)),
            _ => None,
        }
    }
}

/// Runs the subcommand and returns the exit code. An `out` that was closed (`| head`) is no error.
pub(super) fn run(
    args: &RunsArgs,
    state_dir: &Path,
    output: OutputFormat,
    out: &mut dyn Write,
) -> Result<u8, ReportError> {
    let result = match args.command.as_ref().unwrap_or(&RunsCommand::List) {
        // Those that go to hosts are run elsewhere.
        RunsCommand::List | RunsCommand::Unlock(_) | RunsCommand::Prune(_) => {
            report::list(state_dir, output, out)
        }
        RunsCommand::Report { run, file } => {
            report::run_page(&resolve(state_dir, run)?, file.as_deref(), output, out)
        }
        RunsCommand::Show { run: None, host: None, .. } => Err(ReportError::NothingNamed),
        RunsCommand::Show { run: None, host: Some(host), number } => {
            report::history(state_dir, host, *number, output, out)
        }
        RunsCommand::Show { run: Some(run), host: None, .. } => {
            report::show(&resolve(state_dir, run)?, output, out)
        }
        RunsCommand::Show { run: Some(run), host: Some(host), .. } => {
            report::show_host(&resolve(state_dir, run)?, host, output, out)
        }
        RunsCommand::Logs { run, host, follow } => {
            report::logs(&resolve(state_dir, run)?, host, *follow, output, out)
        }
    };
    match result.and_then(|()| Ok(out.flush()?)) {
        Err(ReportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        result => result.map(|()| 0),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        runs: RunsArgs,
    }

    fn answer(args: &[&str], state_dir: &Path) -> Result<(u8, String), String> {
        let program =
            Program::try_parse_from([&["runs"], args].concat()).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        let code = run(&program.runs, state_dir, OutputFormat::Human, &mut out)
            .map_err(|error| error.to_string())?;
        Ok((code, String::from_utf8(out).unwrap()))
    }

    #[test]
    fn lists_by_default() {
        let state = tempfile::tempdir().unwrap();
        let expected = Ok((0, format!("no runs in {}\n", state.path().display())));
        assert_eq!(answer(&[], state.path()), expected);
        assert_eq!(answer(&["list"], state.path()), expected);
    }

    #[test]
    fn resolves_runs_before_anything_else() {
        let state = tempfile::tempdir().unwrap();
        for args in [
            &["show", "latest"][..],
            &["show", "latest", "--host", "a"],
            &["logs", "latest", "a", "-f"],
            &["report", "latest", "-o", "-"],
        ] {
            assert!(answer(args, state.path()).unwrap_err().starts_with("there are no runs in `"));
        }
    }

    #[test]
    fn a_run_or_a_host_is_named() {
        let state = tempfile::tempdir().unwrap();
        assert!(answer(&["show"], state.path()).unwrap_err().starts_with("say which run"));
        assert!(answer(&["show", "--host", "a"], state.path()).unwrap_err().starts_with("no run in `"));
        assert!(answer(&["show", "x", "-n", "3"], state.path()).is_err());
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let args = RunsArgs { command: None };
        assert_eq!(run(&args, Path::new("/nowhere"), OutputFormat::Human, &mut Closed).unwrap(), 0);
    }
}
