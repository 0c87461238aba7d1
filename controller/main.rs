//! The `paceline` program: parse, run, map the outcome to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(paceline::cli::main())
}
