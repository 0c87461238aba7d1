//! What the command line reads from its surroundings, once, and how it prints its own errors.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use super::interrupt::Cleanup;
use super::{CommandError, ErrorKind};
use crate::inventory::InventorySource;
use crate::secrets::{self, SecretError, SecretText};
use crate::source::Diagnostics;

/// What was found around the program.
#[derive(Clone, Debug)]
pub struct Environment {
    /// `$HOME`.
    pub home: Option<PathBuf>,
    /// `$USER` or `$LOGNAME`.
    pub user: Option<String>,
    /// `$SSH_AUTH_SOCK`.
    pub agent: Option<PathBuf>,
    /// `$ANSIBLE_CONFIG`.
    pub ansible_config: Option<String>,
    /// The folder that the program was started in.
    pub folder: PathBuf,
    /// Whether standard output is a terminal.
    pub stdout_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_terminal: bool,
    /// Whether the terminal can only print line after line (`TERM=dumb`).
    pub dumb_terminal: bool,
    /// Whether a person can be asked.
    pub can_ask: bool,
    /// Whether to colour standard output.
    pub color: bool,
    /// Whether to colour standard error.
    pub error_color: bool,
}

impl Environment {
    /// Reads environment variables and the kind of the standard streams.
    pub(super) fn read() -> Self {
        let text = |name: &str| std::env::var(name).ok();
        let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let stdout_terminal = std::io::stdout().is_terminal();
        let stderr_terminal = std::io::stderr().is_terminal();
        let (no_color, term) = (text("NO_COLOR"), text("TERM"));
        let force = text("CLICOLOR_FORCE").is_some_and(|value| value != "0" && !value.is_empty());
        let color = |terminal| crate::ui::color_wanted(no_color.as_deref(), term.as_deref(), terminal, force);
        Self {
            home: path("HOME"),
            user: text("USER").or_else(|| text("LOGNAME")),
            agent: path("SSH_AUTH_SOCK"),
            ansible_config: text("ANSIBLE_CONFIG"),
            folder: std::env::current_dir().unwrap_or_default(),
            stdout_terminal,
            stderr_terminal,
            dumb_terminal: term.as_deref() == Some("dumb"),
            can_ask: std::io::stdin().is_terminal() && stderr_terminal,
            color: color(stdout_terminal),
            error_color: color(stderr_terminal),
        }
    }
}

/// The state folder unless an option names another: `PACELINE_STATE_DIR`, if it says something.
pub(super) fn state_dir() -> PathBuf {
    let named = std::env::var_os("PACELINE_STATE_DIR").filter(|value| !value.is_empty());
    named.map_or_else(|| PathBuf::from(".paceline"), PathBuf::from)
}

/// Prints an error to standard error.
pub(super) fn report(error: &CommandError, environment: &Environment) {
    if matches!(error.kind, ErrorKind::BrokenPipe | ErrorKind::Interrupted) {
        return;
    }
    let mut stderr = std::io::stderr().lock();
    let (red, cyan, plain) = match environment.error_color {
        true => ("\x1b[1;31m", "\x1b[1;36m", "\x1b[0m"),
        false => ("", "", ""),
    };
    if let Some(rendered) = &error.rendered {
        let _ = writeln!(stderr, "{rendered}");
    }
    for message in &error.messages {
        let _ = writeln!(stderr, "{red}error{plain}: {message}");
    }
    for hint in &error.hints {
        let _ = writeln!(stderr, "{cyan}hint{plain}: {hint}");
    }
}

/// Asks a yes-or-no question on standard error; anything but `y` or `yes` is no.
pub(super) fn confirm(question: &str) -> std::io::Result<bool> {
    write!(std::io::stderr(), "{question} [y/N] ")?;
    let _terminal = Cleanup::terminal();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Asks for a password at the terminal, without echo.
pub(super) fn password(text: &str) -> Result<SecretText, CommandError> {
    secret(text).map_err(|error| match error {
        SecretError::Interrupted => CommandError::interrupted(),
        error => CommandError::failed(error),
    })
}

/// As [`password`], for those who have something else to say when nobody can be asked.
pub(super) fn secret(text: &str) -> Result<SecretText, SecretError> {
    let _terminal = Cleanup::terminal();
    secrets::prompt(text)
}

/// Prints warnings about files to standard error.
pub(super) fn warn(diagnostics: &Diagnostics, environment: &Environment) {
    if !diagnostics.0.is_empty() {
        let _ = std::io::stderr().lock().write_all(diagnostics.render(environment.error_color).as_bytes());
    }
}

/// Flushes what was printed; a reader that went away is no error.
pub(super) fn flush(mut out: impl Write) -> Result<(), CommandError> {
    out.flush().map_err(CommandError::from)
}

/// Who runs the program, for `run.json` and for others who find a host in use: `USER@MACHINE`.
pub(super) fn operator(environment: &Environment) -> String {
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let uid = || format!("uid{}", rustix::process::getuid().as_raw());
    let user = environment.user.clone().unwrap_or_else(uid);
    format!("{user}@{machine}")
}

/// An inventory source as it is noted for later commands: paths are absolute.
pub(super) fn source_text(source: &InventorySource, environment: &Environment) -> String {
    match source {
        InventorySource::Path(path) => environment.folder.join(path).display().to_string(),
        InventorySource::List(names) => names.clone(),
    }
}

/// Allows as many open files as the system lets this program have: one connection is one file.
pub(super) fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Names of the options on the command line, without their values.
pub(super) fn option_names() -> Vec<String> {
    let options = std::env::args().skip(1).filter(|argument| argument.starts_with('-') && argument.len() > 1);
    let name = |option: String| match option.starts_with("--") {
        true => option.split('=').next().unwrap_or_default().to_owned(),
        // The value may follow the letter without a space.
        false => option.chars().take(2).collect(),
    };
    options.map(name).collect()
}
