//! `paceline audit`: which agent serves which connector, by inventory, configuration and hosts; findings and drift.

use std::fs::{File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Args;

use super::args::{AskArgs, Global, InventoryArgs, Output};
use super::preflight::{FailOn, UNANSWERED};
use super::terminal::Environment;
use super::{CommandError, audit_sources, load};
use crate::audit::{Audit, CheckOptions, Sources, UnknownName, Waivers, drift};
use crate::preflight;
use crate::report;

/// A baseline beyond this many bytes is none of ours.
const LARGEST_BASELINE: u64 = 256 << 20;

/// See which agent serves which connector, what is wrong with that, and what changed
#[derive(Args, Debug)]
#[command(after_help = "\
Sources: the inventory says what is meant, `--config` what the server has, `--live` what is on the hosts. Each one more lets more be judged; nothing is changed anywhere.

Exit code: 4 if a host that was asked did not answer, 2 if a finding reaches `--fail-on`, 0 else.")]
pub(super) struct AuditArgs {
    #[command(flatten)]
    pub(super) inventory: InventoryArgs,
    #[command(flatten)]
    pub(super) asked: AskArgs,
    /// Folder of the server's configuration: its XML files, and its `appsettings.json` if that is there
    #[arg(long, value_name = "DIR", help_heading = "Sources")]
    pub(super) config: Option<PathBuf>,
    /// The server's settings, where they are not in or beside that folder (repeatable; a later one counts)
    #[arg(long, value_name = "FILE", requires = "config", help_heading = "Sources")]
    pub(super) server_settings: Vec<PathBuf>,
    /// Ask the hosts: settings, versions, pools, sites, certificates
    #[arg(long, help_heading = "Sources")]
    pub(super) live: bool,
    /// The server's version, such as 6.2.1: agents are compared with it
    #[arg(long, value_name = "VERSION", value_parser = version, help_heading = "Rules")]
    server_version: Option<String>,
    /// Warn about certificates and clients that expire within this time [default: 30]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=36_500), help_heading = "Rules")]
    expires_within: Option<u32>,
    /// YAML file with what is wanted of certificates, as for `paceline preflight`
    #[arg(long, value_name = "FILE", help_heading = "Rules")]
    policy: Option<PathBuf>,
    /// YAML file with severities, and with findings that are accepted for a reason and a time
    #[arg(long, value_name = "FILE", help_heading = "Rules")]
    waivers: Option<PathBuf>,
    /// The exit code is 2 from this severity on
    #[arg(long, value_enum, default_value_t = FailOn::Error, value_name = "SEVERITY", help_heading = "Rules")]
    fail_on: FailOn,
    /// Who serves this connector?
    #[arg(long, value_name = "CONNECTOR", group = "question", help_heading = "Questions")]
    connector: Option<String>,
    /// What stops if this agent stops?
    #[arg(long, value_name = "AGENT", group = "question", help_heading = "Questions")]
    agent: Option<String>,
    /// Whose hosts reach the managed system of this connector? Needs `--live`
    #[arg(long, value_name = "CONNECTOR", group = "question", requires = "live", help_heading = "Questions")]
    pub(super) who_could_serve: Option<String>,
    /// Keep the result as JSON in this file, to commit it or to compare with it later
    #[arg(long, value_name = "FILE", conflicts_with = "question", help_heading = "Drift")]
    save: Option<PathBuf>,
    /// Tell what changed since the result that is in this file
    #[arg(long, value_name = "FILE", conflicts_with = "question", help_heading = "Drift")]
    baseline: Option<PathBuf>,
    /// The exit code is 2 when something changed
    #[arg(long, requires = "baseline", help_heading = "Drift")]
    fail_on_drift: bool,
}

/// A version that can be compared.
fn version(text: &str) -> Result<String, String> {
    let numbers = text.split('.').collect::<Vec<_>>();
    let fine = (1..=4).contains(&numbers.len()) && numbers.iter().all(|part| part.parse::<u32>().is_ok());
    if fine { Ok(text.to_owned()) } else { Err("write it as 6.2.1".to_owned()) }
}

pub(super) fn run(args: &AuditArgs, global: &Global, environment: &Environment) -> Result<u8, CommandError> {
    if args.who_could_serve.is_some() && !matches!(global.output, Output::Human | Output::Json) {
        return Err(CommandError::user("`--who-could-serve` has no such form")
            .hint("leave `--output` out, or use `json`"));
    }
    // What is wrong with files is told before any host is asked.
    let waivers = args.waivers.as_deref().map(|path| read_waivers(path, environment)).transpose()?;
    let baseline = args.baseline.as_deref().map(read_baseline).transpose()?;
    let policy = super::preflight::read_policy(args.policy.as_deref(), environment)?;
    let loaded = load::inventory(&args.inventory, None, global, environment)?;
    loaded.check(environment)?;
    let reading = audit_sources::Reading::new(args, &loaded, environment)?;
    let declared = reading.declared()?;
    let configuration = reading.configuration()?;
    let options = CheckOptions {
        now: jiff::Timestamp::now(),
        expires_within: args.expires_within.unwrap_or(policy.expires_within),
        server_version: args.server_version.clone(),
    };
    let (configured, options) = (configuration.as_ref(), &options);
    let files = Sources { declared: &declared, configuration: configured, observed: None, options };
    known(args, files)?;
    let observed = reading.observed(&declared, configured, &policy)?;
    let sources = Sources { observed: observed.as_ref(), ..files };
    let mut audit = crate::audit::audit(sources, args.inventory.limit.clone());
    if let Some(waivers) = &waivers {
        // A day is that of UTC, so that an audit says the same wherever it is made.
        waivers.apply(&mut audit, jiff::tz::Offset::UTC.to_datetime(options.now).date());
    }
    let changed = baseline.map(|before| compare(&before, &audit)).transpose()?;
    if let Some(path) = &args.save {
        save(path, &audit)?;
    }
    audit.drift = changed;
    let audit = ask(args, audit, observed.as_ref())?;
    show(args, &audit, global, environment)?;
    Ok(exit_code(args, &audit))
}

fn unknown(error: UnknownName) -> CommandError {
    let hint = error.hint();
    CommandError::failed(error).hint(hint)
}

/// Refuses a question about a connector that nobody knows, or that nobody can answer, before any host is asked.
fn known(args: &AuditArgs, files: Sources<'_>) -> Result<(), CommandError> {
    let Some(connector) = args.connector.as_ref().or(args.who_could_serve.as_ref()) else { return Ok(()) };
    let audit = crate::audit::audit(files, None).of_connector(connector).map_err(unknown)?;
    let systems: Vec<String> = audit.managed_systems.iter().map(|system| system.name.clone()).collect();
    if args.who_could_serve.is_some() && audit.addresses(&systems).is_empty() {
        return Err(CommandError::user(format!(
            "nobody knows the address of what `{connector}` connects to"
        ))
        .hint("give its `managed_system` an `address` in the inventory: `HOST:PORT`"));
    }
    Ok(())
}

/// Narrows the audit to what was asked.
fn ask(
    args: &AuditArgs,
    mut audit: Audit,
    observed: Option<&crate::audit::Observed>,
) -> Result<Audit, CommandError> {
    if let Some(connector) = &args.connector {
        return audit.of_connector(connector).map_err(unknown);
    }
    if let Some(agent) = &args.agent {
        return audit.of_agent(agent).map_err(unknown);
    }
    if let Some((connector, observed)) = args.who_could_serve.as_ref().zip(observed) {
        let could = audit.could_serve(connector, observed).map_err(unknown)?;
        if could.is_empty() {
            return Err(CommandError::user(format!(
                "nobody can tell who reaches what `{connector}` connects to"
            ))
            .hint("give its `managed_system` an `address` in the inventory, and agents to hosts"));
        }
        audit.could_serve = Some(could);
    }
    Ok(audit)
}

fn show(
    args: &AuditArgs,
    audit: &Audit,
    global: &Global,
    environment: &Environment,
) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    let color = environment.color;
    let written = match (global.output, &args.who_could_serve) {
        (Output::Json, _) => report::audit_json(audit, &mut out),
        (Output::Csv, _) => report::audit_csv(audit, &mut out),
        (Output::Html, _) => report::html::audit(audit, &meta(args, audit), &mut out),
        (Output::Human, Some(connector)) => {
            let could = audit.could_serve.as_deref().unwrap_or_default();
            report::could_serve(connector, could, &mut out)
        }
        (Output::Human, None) if args.connector.is_some() => {
            report::audit_of_connector(audit, color, &mut out)
        }
        (Output::Human, None) if args.agent.is_some() => report::audit_of_agent(audit, color, &mut out),
        (Output::Human, None) => report::audit(audit, color, &mut out),
    };
    match written.and_then(|()| out.flush()) {
        // Whoever read it has seen enough; the exit code still tells.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// What the page says about where the audit came from.
fn meta(args: &AuditArgs, audit: &Audit) -> report::html::Meta {
    let drift = audit.drift.as_ref().map(|changes| report::html::Drift {
        since: args.baseline.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
        changes: changes.iter().map(|change| change.message.clone()).collect(),
    });
    report::html::Meta {
        at: jiff::Timestamp::now(),
        inventories: args.inventory.inventory.clone(),
        configuration: args.config.as_ref().map(|path| path.display().to_string()),
        limit: args.inventory.limit.clone(),
        live: args.live,
        drift,
    }
}

fn exit_code(args: &AuditArgs, audit: &Audit) -> u8 {
    if audit.hosts.iter().any(|host| !host.answered) {
        return UNANSWERED;
    }
    if args.who_could_serve.is_some() {
        return 0;
    }
    let reached = preflight::worst(&audit.findings).is_some_and(|worst| worst >= args.fail_on.into());
    let drifted = args.fail_on_drift && audit.drift.as_ref().is_some_and(|drift| !drift.is_empty());
    if reached || drifted { 2 } else { 0 }
}

fn read_waivers(path: &Path, environment: &Environment) -> Result<Waivers, CommandError> {
    Waivers::read(path, &path.display().to_string())
        .map_err(|found| CommandError::diagnostics(&found, environment.error_color))
}

fn read_baseline(path: &Path) -> Result<Audit, CommandError> {
    let name = path.display();
    let cannot = |error: std::io::Error| {
        CommandError::user(format!("cannot read the baseline `{name}`: {error}"))
            .hint("make one with `paceline audit ... --save FILE`")
    };
    let mut text = String::new();
    let file = File::open(path).map_err(cannot)?;
    file.take(LARGEST_BASELINE + 1).read_to_string(&mut text).map_err(cannot)?;
    if text.len() as u64 > LARGEST_BASELINE {
        return Err(
            CommandError::user(format!("the baseline `{name}` is too large")).hint("the limit is 256 MiB")
        );
    }
    serde_json::from_str(&text).map_err(|error| {
        CommandError::user(format!("`{name}` is no result of an audit: {error}"))
            .hint("make one with `paceline audit ... --save FILE`")
    })
}

/// Compares with a baseline that was made of the same sources: what one of them could not see has not changed.
fn compare(before: &Audit, now: &Audit) -> Result<Vec<crate::audit::Drift>, CommandError> {
    let (old, new) = (&before.sources, &now.sources);
    let differs = [
        (old.configuration != new.configuration, "`--config`"),
        (old.hosts != new.hosts, "`--live`"),
        (old.limit != new.limit, "`--limit`"),
    ];
    match differs.iter().find(|(differs, _)| *differs) {
        Some((_, option)) => {
            Err(CommandError::user(format!("the baseline was made with another {option} than this audit"))
                .hint("use the same options for both, or save a new baseline with `--save`"))
        }
        None => Ok(drift(before, now)),
    }
}

/// Writes the result beside the file and renames it: a reader sees the old one or the new one.
fn save(path: &Path, audit: &Audit) -> Result<(), CommandError> {
    let cannot = |error: std::io::Error| {
        CommandError::user(format!("cannot save `{}`: {error}", path.display()))
            .hint("the folder has to be there and writable")
    };
    // A rename would put a file in the place of whatever is there, a device such as `/dev/null` included.
    if path.symlink_metadata().is_ok_and(|about| !about.is_file()) {
        return Err(CommandError::user(format!("cannot save `{}`: it is no regular file", path.display()))
            .hint("name a new file, or leave `--save` out"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    let mut file = builder
        .prefix(".paceline-audit-")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(cannot)?;
    report::audit_json(audit, &mut file).and_then(|()| file.as_file().sync_all()).map_err(cannot)?;
    file.persist(path).map_err(|error| cannot(error.error))?;
    Ok(())
}
