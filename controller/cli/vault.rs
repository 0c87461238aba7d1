//! `paceline vault`: looks at, encrypts and decrypts files in Ansible's vault format.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum as _};
use serde_json::json;
use zeroize::Zeroizing;

use super::args::{Global, Output};
use super::later::Anything;
use super::terminal::{self, Environment};
use super::vault_args::{VaultArgs, asked};
use super::vault_files::{self, Place};
use super::{CommandError, load};
use crate::secrets::vault::{Vault, VaultId, seal};
use crate::secrets::{ExposeSecret as _, SecretText};
use crate::settings::Settings;
use crate::source::Diagnostics;

/// Look at, encrypt and decrypt files in Ansible's vault format
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  paceline vault view group_vars/all/vault.yml --vault-password-file password.txt
  paceline vault encrypt group_vars/prod/vault.yml --vault-id prod@prompt
  paceline vault decrypt vault.yml --out - -J | grep user
  printf %s \"$TOKEN\" | paceline vault encrypt -    a value to put under `NAME: !vault |`, indented

Without an option that names a password, it is asked for.")]
pub(super) struct VaultCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print what is encrypted; nothing is written to a file
    View {
        #[command(flatten)]
        files: Files,
    },
    /// Encrypt files in place, or to another one
    Encrypt {
        #[command(flatten)]
        files: Files,
        /// Write to this file, or with `-` to standard output
        #[arg(short = 'o', long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Whose password encrypts, if there are several
        #[arg(long, value_name = "LABEL", help_heading = "Vault")]
        encrypt_vault_id: Option<String>,
    },
    /// Decrypt files in place, or to another one
    Decrypt {
        #[command(flatten)]
        files: Files,
        /// Write to this file, or with `-` to standard output
        #[arg(short = 'o', long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    #[command(hide = true)]
    Edit(Anything),
    #[command(hide = true)]
    Create(Anything),
    #[command(hide = true)]
    Rekey(Anything),
    #[command(hide = true, name = "encrypt_string", alias = "encrypt-string")]
    EncryptString(Anything),
}

#[derive(Args, Debug)]
struct Files {
    /// The files; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    vault: VaultArgs,
}

/// Takes `--output FILE`, as `ansible-vault` has it, for `--out FILE`; `--output` names a format everywhere else.
pub(super) fn spelled(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.into_iter().collect();
    if words.get(1).is_none_or(|word| word != "vault") {
        return words;
    }
    let is_format = |word: &OsStr| {
        Output::value_variants()
            .iter()
            .any(|known| known.to_possible_value().is_some_and(|known| word == known.get_name()))
    };
    for at in 2..words.len() {
        if words[at] == "--output" && words.get(at + 1).is_some_and(|word| !is_format(word)) {
            words[at] = "--out".into();
        } else if let Some(file) = words[at].to_str().and_then(|word| word.strip_prefix("--output="))
            && !is_format(OsStr::new(file))
        {
            words[at] = format!("--out={file}").into();
        }
    }
    words
}

pub(super) fn run(
    command: &VaultCommand,
    global: &Global,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let mut diagnostics = Diagnostics::default();
    let settings = load::settings(global, environment, &mut diagnostics);
    load::check(&diagnostics, environment)?;
    match &command.action {
        Action::View { files } => view(files, &settings, global, environment)?,
        Action::Encrypt { files, out, encrypt_vault_id } => {
            let wanted = encrypt_vault_id.as_deref();
            encrypt(files, out.as_ref(), wanted, &settings, global, environment)?;
        }
        Action::Decrypt { files, out } => {
            decrypt(files, out.as_ref(), &settings, global, environment)?;
        }
        Action::Edit(_) => {
            return Err(refused(
                "edit",
                "`paceline vault decrypt FILE`, edit it, then `paceline vault encrypt FILE`; or `ansible-vault edit`",
            ));
        }
        Action::Create(_) => {
            return Err(refused("create", "write the file, then `paceline vault encrypt FILE`"));
        }
        Action::Rekey(_) => {
            return Err(refused(
                "rekey",
                "`paceline vault decrypt FILE --out - | paceline vault encrypt - --out FILE`, each with its password",
            ));
        }
        Action::EncryptString(_) => {
            return Err(refused(
                "encrypt_string",
                "`printf %s \"$VALUE\" | paceline vault encrypt -` prints what belongs under `NAME: !vault |`, indented",
            ));
        }
    }
    Ok(0)
}

fn refused(action: &str, hint: &str) -> CommandError {
    CommandError::user(format!("there is no `paceline vault {action}`")).hint(hint)
}

fn view(
    files: &Files,
    settings: &Settings,
    global: &Global,
    environment: &Environment,
) -> Result<(), CommandError> {
    let opened = open_all(files, settings, environment)?;
    let mut out = std::io::stdout().lock();
    if global.output == Output::Json {
        let mut documents = Vec::new();
        for (place, plain) in &opened {
            let text = std::str::from_utf8(plain).map_err(|_| {
                CommandError::user(format!("what is encrypted in {place} is not UTF-8 text"))
                    .hint("without `--output json` its bytes are printed as they are")
            })?;
            documents.push(json!({ "file": place.name(), "text": text }));
        }
        writeln!(out, "{}", json!({ "files": documents }))?;
        return terminal::flush(out);
    }
    for (_, plain) in &opened {
        match std::str::from_utf8(plain) {
            // A terminal would act on what is no text.
            Ok(text) if environment.stdout_terminal => {
                out.write_all(crate::hostlog::sanitize_text(text).as_bytes())?;
            }
            _ => out.write_all(plain)?,
        }
    }
    terminal::flush(out)
}

fn decrypt(
    files: &Files,
    output: Option<&PathBuf>,
    settings: &Settings,
    global: &Global,
    environment: &Environment,
) -> Result<(), CommandError> {
    one_output(files, output)?;
    let opened = open_all(files, settings, environment)?;
    let mut done = Vec::new();
    for (place, plain) in &opened {
        done.push((place, place.destination(output).write(plain)?));
    }
    tell("decrypted", &done, global)
}

fn encrypt(
    files: &Files,
    output: Option<&PathBuf>,
    wanted: Option<&str>,
    settings: &Settings,
    global: &Global,
    environment: &Environment,
) -> Result<(), CommandError> {
    one_output(files, output)?;
    let mut read: Vec<(Place, Zeroizing<Vec<u8>>)> = Vec::new();
    for file in &files.files {
        let place = Place::of(file);
        let plain = place.read(vault_files::MOST_PLAIN)?;
        if Vault::is_encrypted(&plain) {
            return Err(CommandError::user(format!("{place} is encrypted already"))
                .hint("`paceline vault decrypt` decrypts it; nothing was written"));
        }
        read.push((place, plain));
    }
    let (label, password) = encrypting(files, wanted, settings, environment)?;
    let mut done = Vec::new();
    for (place, plain) in &read {
        let sealed = seal(plain, &password, &label);
        done.push((place, place.destination(output).write(sealed.as_bytes())?));
    }
    tell("encrypted", &done, global)
}

/// The password that encrypts, and its label.
fn encrypting(
    files: &Files,
    wanted: Option<&str>,
    settings: &Settings,
    environment: &Environment,
) -> Result<(String, SecretText), CommandError> {
    let wanted = wanted.or(settings.vault.encrypt_identity.as_deref());
    let ids = files.vault.sources(settings, environment)?;
    let mut labels: Vec<&str> = ids.iter().map(|id| id.label.as_str()).collect();
    labels.sort_unstable();
    labels.dedup();
    let chosen = match wanted {
        Some(wanted) if labels.is_empty() => VaultId { label: wanted.to_owned(), file: None },
        Some(wanted) => ids.iter().find(|id| id.label == wanted).cloned().ok_or_else(|| {
            CommandError::user(format!(
                "there is no vault password with the label `{}`",
                wanted.escape_debug()
            ))
            .hint(format!("there is one of: {}", listed(&labels)))
        })?,
        None => match (ids.first(), labels.len()) {
            (None, _) => VaultId { label: VaultId::DEFAULT.to_owned(), file: None },
            (Some(id), 1) => id.clone(),
            _ => {
                return Err(CommandError::user("there are several vault passwords that could encrypt")
                    .hint(format!("`--encrypt-vault-id LABEL` says which one: {}", listed(&labels))));
            }
        },
    };
    // A label of the command line may hold what no header can.
    VaultId::read(&format!("{}@prompt", chosen.label)).map_err(CommandError::user)?;
    let password = match &chosen.file {
        Some(_) => super::vault_args::of(&chosen, settings, environment)?,
        None => new_password(&chosen.label)?,
    };
    Ok((chosen.label, password))
}

/// Asks for a new password, twice.
fn new_password(label: &str) -> Result<SecretText, CommandError> {
    let of = if label == VaultId::DEFAULT { String::new() } else { format!(" ({})", label.escape_debug()) };
    let first = asked(&format!("New vault password{of}: "))?;
    let second = asked(&format!("Confirm new vault password{of}: "))?;
    if first.expose_secret() != second.expose_secret() {
        return Err(
            CommandError::user("the two vault passwords are not the same").hint("nothing was written")
        );
    }
    Ok(first)
}

fn listed(labels: &[&str]) -> String {
    let labels: Vec<String> = labels.iter().map(|label| format!("`{}`", label.escape_debug())).collect();
    labels.join(", ")
}

fn one_output(files: &Files, output: Option<&PathBuf>) -> Result<(), CommandError> {
    if output.is_some() && files.files.len() > 1 {
        return Err(CommandError::user("`--out` is for one file, and several are given")
            .hint("without it each file is replaced"));
    }
    Ok(())
}

/// A file and its plain content.
type Opened = (Place, Zeroizing<Vec<u8>>);

/// Reads and opens all files before anything is written or printed.
fn open_all(
    files: &Files,
    settings: &Settings,
    environment: &Environment,
) -> Result<Vec<Opened>, CommandError> {
    let mut read = Vec::new();
    for file in &files.files {
        let place = Place::of(file);
        let bytes = place.read(vault_files::MOST_SEALED)?;
        if !Vault::is_encrypted(&bytes) {
            return Err(CommandError::user(format!("{place} is not encrypted"))
                .hint("an encrypted file begins with `$ANSIBLE_VAULT;`"));
        }
        read.push((place, bytes));
    }
    let mut keyring = files.vault.keyring(settings, environment)?;
    if keyring.is_empty() {
        keyring.add(VaultId::DEFAULT, asked("Vault password: ")?);
    }
    read.into_iter()
        .map(|(place, bytes)| {
            let plain = keyring
                .open_bytes(&bytes)
                .map_err(|error| CommandError::user(format!("cannot decrypt {place}: {error}")))?;
            Ok((place, plain))
        })
        .collect()
}

/// Says what was done: on standard error, or as a document. Where the content went to standard output, nothing.
fn tell(what: &str, done: &[(&Place, Option<PathBuf>)], global: &Global) -> Result<(), CommandError> {
    let files = done.iter().filter_map(|(place, to)| to.as_ref().map(|to| (place, to)));
    if global.output == Output::Json {
        let files: Vec<_> =
            files.map(|(place, to)| json!({ "file": place.name(), "to": to, "done": what })).collect();
        if files.is_empty() {
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", json!({ "files": files }))?;
        return terminal::flush(out);
    }
    for (place, to) in files {
        let to = to.display().to_string();
        let to = crate::hostlog::sanitize_line(&to);
        let mut stderr = std::io::stderr();
        let _ = match place.name() == to {
            true => writeln!(stderr, "{what} `{to}`"),
            false => writeln!(stderr, "{what} {place} to `{to}`"),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::spelled;

    #[test]
    fn ansibles_name_of_the_option_is_known() {
        let spelled = |line: &str| {
            let words = spelled(line.split(' ').map(Into::into));
            words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
        };
        for (given, taken) in [
            ("p vault decrypt f --output -", "p vault decrypt f --out -"),
            ("p vault decrypt f --output=x", "p vault decrypt f --out=x"),
            ("p vault decrypt f --output json", "p vault decrypt f --output json"),
            ("p vault decrypt f --output=human", "p vault decrypt f --output=human"),
            ("p apply f --output x", "p apply f --output x"),
        ] {
            assert_eq!(spelled(given), taken);
        }
    }
}
