//! `paceline preflight`: what has to be true before a rollout.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use secrecy::ExposeSecret;

use super::args::{AskArgs, Global, InventoryArgs};
use super::terminal::Environment;
use super::{CommandError, preflight_hosts};
use crate::preflight::certificate::{LARGEST, Opened, Policy, Source, judge, open};
use crate::preflight::{self, Severity};
use crate::report::{self, Findings};
use crate::secrets::{SecretError, SecretText, read_password_file};

/// Exit code when a host did not answer.
pub(super) const UNANSWERED: u8 = 4;

/// Look at requirements and certificates before a rollout; changes nothing
#[derive(Args, Debug)]
pub(super) struct PreflightArgs {
    #[command(flatten)]
    pub(super) inventory: InventoryArgs,
    #[command(flatten)]
    pub(super) asked: AskArgs,
    /// Judge these certificates, offline and alone: PEM, DER or PFX files (repeatable)
    #[arg(long, num_args = 1.., value_name = "FILE", help_heading = "Certificates")]
    certificate: Vec<PathBuf>,
    /// File with the password of PFX files and encrypted keys
    #[arg(long, value_name = "FILE", requires = "certificate", help_heading = "Certificates")]
    password_file: Option<PathBuf>,
    /// A key of exactly 2048 bits is an error, not a warning
    #[arg(long, help_heading = "Certificates")]
    strict: bool,
    /// Warn about certificates that expire within this time [default: 30]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=36_500), help_heading = "Certificates")]
    expires_within: Option<u32>,
    /// Who may have signed: a name, a common name or a thumbprint (repeatable; default: everybody)
    #[arg(long = "issuer", value_name = "NAME", help_heading = "Certificates")]
    issuers: Vec<String>,
    /// YAML file with what is wanted of certificates: `strict`, `expires_within`, `key_size`, `issuers`, `private_key`, `sdk`
    #[arg(long, value_name = "FILE", help_heading = "Certificates")]
    policy: Option<PathBuf>,
    /// The exit code is 2 from this severity on
    #[arg(long, value_enum, default_value_t = FailOn::Error, value_name = "SEVERITY")]
    fail_on: FailOn,
}

/// From which severity on it counts as a failure.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum FailOn {
    /// Errors
    Error,
    /// Errors and warnings
    Warning,
    /// Whatever was found
    Info,
}

impl From<FailOn> for Severity {
    fn from(severity: FailOn) -> Self {
        match severity {
            FailOn::Error => Self::Error,
            FailOn::Warning => Self::Warning,
            FailOn::Info => Self::Info,
        }
    }
}

pub(super) fn run(
    args: &PreflightArgs,
    global: &Global,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let policy = policy(args, environment)?;
    if args.certificate.is_empty() {
        let report = preflight_hosts::ask(args, &policy, global, environment)?;
        return finish(&report, args.fail_on, global, environment);
    }
    if !args.inventory.inventory.is_empty() || args.inventory.limit.is_some() {
        return Err(CommandError::user("`--certificate` judges files and asks no host")
            .hint("leave `-i` and `-l` out, or leave `--certificate` out"));
    }
    let password = password(args.password_file.as_deref())?;
    let password = password.as_ref().map(|password| password.expose_secret());
    let opened = args.certificate.iter().map(|path| open_file(path, password)).collect();
    let judged = judge(opened, &policy, jiff::Timestamp::now());
    let report = Findings { findings: judged.findings, certificates: judged.certificates, hosts: Vec::new() };
    finish(&report, args.fail_on, global, environment)
}

/// Prints what was found; the exit code says whether it is too bad.
fn finish(
    report: &Findings,
    fail_on: FailOn,
    global: &Global,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let format = global.format();
    let mut out = std::io::stdout().lock();
    match report::findings(report, format, environment.color, &mut out).and_then(|()| out.flush()) {
        // Whoever read it has seen enough; the exit code still tells.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
    if report.hosts.iter().any(|host| !host.answered) {
        return Ok(UNANSWERED);
    }
    let reached = preflight::worst(&report.findings).is_some_and(|worst| worst >= fail_on.into());
    Ok(if reached { 2 } else { 0 })
}

/// What the options and the file say about certificates.
fn policy(args: &PreflightArgs, environment: &Environment) -> Result<Policy, CommandError> {
    let mut policy = read_policy(args.policy.as_deref(), environment)?;
    policy.strict |= args.strict;
    policy.expires_within = args.expires_within.unwrap_or(policy.expires_within);
    if args.issuers.iter().any(|issuer| issuer.trim().is_empty()) {
        return Err(CommandError::user("`--issuer` is empty, which is the name of nobody")
            .hint("give a name, a common name or a thumbprint, or leave the option out for everybody"));
    }
    policy.issuers.extend(args.issuers.iter().cloned());
    Ok(policy)
}

/// Reads the file of `--policy`; without one it is the default.
pub(super) fn read_policy(path: Option<&Path>, environment: &Environment) -> Result<Policy, CommandError> {
    let read = |path: &Path| {
        preflight::read_policy(path, &path.display().to_string())
            .map_err(|found| CommandError::diagnostics(&found, environment.error_color))
    };
    path.map_or_else(|| Ok(Policy::default()), read)
}

/// The password of the file; an empty file is the empty password.
fn password(path: Option<&Path>) -> Result<Option<SecretText>, CommandError> {
    match path.map(read_password_file).transpose() {
        Err(SecretError::Empty { .. }) => Ok(Some(SecretText::from(""))),
        password => password.map_err(CommandError::failed),
    }
}

/// Reads a file, or as much of it as tells that it is too large.
fn open_file(path: &Path, password: Option<&str>) -> Opened {
    let place = path.display().to_string();
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(16 << 10));
    // A pipe that nobody writes to would be waited for without an end.
    let regular = std::fs::metadata(path).and_then(|there| match there.is_file() {
        true => Ok(()),
        false => Err(std::io::Error::other("it is no regular file")),
    });
    let read = regular
        .and_then(|()| File::open(path))
        .and_then(|file| file.take(LARGEST as u64 + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) => open(&bytes, Source::file(&place), password),
        Err(error) => Opened::unreadable(&place, error.to_string()),
    }
}
