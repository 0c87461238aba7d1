//! Where vault passwords come from: files, prompts, `ansible.cfg`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use clap::Args;

use super::CommandError;
use super::terminal::{self, Environment};
use crate::secrets::vault::{Keyring, Vault, VaultId};
use crate::secrets::{ExposeSecret as _, SecretError, SecretText, read_password_file};
use crate::settings::Settings;
use crate::source;

/// Ansible's options for encrypted files and values.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct VaultArgs {
    /// File that holds a vault password (repeatable)
    #[arg(
        long,
        visible_alias = "vault-pass-file",
        value_name = "FILE",
        conflicts_with = "ask_vault_password",
        help_heading = "Vault"
    )]
    pub vault_password_file: Vec<PathBuf>,
    /// Vault password with its label: `LABEL@FILE`, `LABEL@prompt` (repeatable)
    #[arg(long, value_name = "LABEL@SOURCE", help_heading = "Vault")]
    pub vault_id: Vec<String>,
    /// Ask for the vault password
    #[arg(short = 'J', long, visible_alias = "ask-vault-pass", help_heading = "Vault")]
    pub ask_vault_password: bool,
    /// What was made of them: a person is asked once, however often files are read.
    #[arg(skip)]
    opened: Arc<OnceLock<Vault>>,
}

impl VaultArgs {
    /// What opens encrypted files and values: the passwords of these options and of `ansible.cfg`. Asks if it has to.
    ///
    /// # Errors
    /// A password cannot be had.
    pub(super) fn open(&self, settings: &Settings, environment: &Environment) -> Result<Vault, CommandError> {
        if let Some(vault) = self.opened.get() {
            return Ok(vault.clone());
        }
        let vault = Vault::new(self.keyring(settings, environment)?);
        Ok(self.opened.get_or_init(|| vault).clone())
    }

    /// The passwords, in Ansible's order: those with a label from `ansible.cfg` and the command line, then the others.
    ///
    /// # Errors
    /// A password cannot be had.
    pub(super) fn keyring(
        &self,
        settings: &Settings,
        environment: &Environment,
    ) -> Result<Keyring, CommandError> {
        let mut keyring = Keyring::default();
        keyring.set_matching(settings.vault.identity.as_deref(), settings.vault.match_labels == Some(true));
        for id in self.sources(settings, environment)? {
            keyring.add(&id.label, of(&id, settings, environment)?);
        }
        Ok(keyring)
    }

    /// Whether one of these options was given.
    pub(super) fn is_empty(&self) -> bool {
        self.vault_password_file.is_empty() && self.vault_id.is_empty() && !self.ask_vault_password
    }

    /// Where the passwords come from, as `run.json` has it and [`VaultArgs::vault_id`] takes it: files are named from the root.
    pub(super) fn recorded(&self, environment: &Environment) -> Vec<String> {
        let absolute = |path: &Path| {
            let path = source::expand(&path.to_string_lossy(), environment.home.as_deref());
            environment.folder.join(path).display().to_string()
        };
        let ids = self.vault_id.iter().filter_map(|text| VaultId::read(text).ok());
        let labelled = ids.map(|id| match &id.file {
            Some(path) => format!("{}@{}", id.label, absolute(path)),
            None => format!("{}@prompt", id.label),
        });
        let files =
            self.vault_password_file.iter().map(|path| format!("{}@{}", VaultId::DEFAULT, absolute(path)));
        let asked = self.ask_vault_password.then(|| format!("{}@prompt", VaultId::DEFAULT));
        labelled.chain(files).chain(asked).collect()
    }

    /// The sources of passwords with their labels, in order.
    ///
    /// # Errors
    /// One of them is not `LABEL@SOURCE`.
    pub(super) fn sources(
        &self,
        settings: &Settings,
        environment: &Environment,
    ) -> Result<Vec<VaultId>, CommandError> {
        let settings = &settings.vault;
        let unlabelled = settings.identity.as_deref().unwrap_or(VaultId::DEFAULT);
        let mut ids = Vec::new();
        for (text, origin) in settings
            .identities
            .iter()
            .map(|text| (text, "`vault_identity_list` in `ansible.cfg`"))
            .chain(self.vault_id.iter().map(|text| (text, "`--vault-id`")))
        {
            let mut id = VaultId::read(text).map_err(|problem| {
                CommandError::user(format!("{origin}: `{}`: {problem}", text.escape_debug()))
                    .hint("for example `prod@prod-password.txt` or `prod@prompt`")
            })?;
            if !text.contains('@') {
                unlabelled.clone_into(&mut id.label);
            }
            ids.push(id);
        }
        let labelled = |file: Option<PathBuf>| VaultId { label: unlabelled.to_owned(), file };
        let files = self.vault_password_file.iter().chain(&settings.password_file);
        ids.extend(files.map(|path| labelled(Some(environment.folder.join(path)))));
        if self.ask_vault_password || settings.ask_password == Some(true) {
            ids.push(labelled(None));
        }
        Ok(ids)
    }
}

/// The password of one source.
///
/// # Errors
/// It cannot be had.
pub(super) fn of(
    id: &VaultId,
    settings: &Settings,
    environment: &Environment,
) -> Result<SecretText, CommandError> {
    match &id.file {
        Some(path) => read(&source::expand(&path.to_string_lossy(), environment.home.as_deref())),
        None => ask(&id.label, settings),
    }
}

/// Reads a password file: as in Ansible, blanks and line ends around the password do not count.
fn read(path: &Path) -> Result<SecretText, CommandError> {
    let text = read_password_file(path).map_err(|error| {
        CommandError::failed(error).hint("a vault password file holds the password and nothing else")
    })?;
    if Vault::is_encrypted(text.expose_secret().as_bytes()) {
        return Err(CommandError::user(format!(
            "the vault password file `{}` is encrypted itself",
            path.display()
        ))
        .hint("`paceline vault decrypt` makes a plain one; keep it readable for yourself only"));
    }
    trimmed(text.expose_secret())
        .ok_or_else(|| CommandError::failed(SecretError::Empty { path: path.to_owned() }))
}

/// Asks for the password of a label at the terminal.
fn ask(label: &str, settings: &Settings) -> Result<SecretText, CommandError> {
    let unlabelled = settings.vault.identity.as_deref().unwrap_or(VaultId::DEFAULT);
    let text = match label == unlabelled {
        true => "Vault password: ".to_owned(),
        false => format!("Vault password ({}): ", label.escape_debug()),
    };
    asked(&text)
}

/// Asks for a vault password at the terminal.
pub(super) fn asked(text: &str) -> Result<SecretText, CommandError> {
    let password = terminal::secret(text).map_err(|error| match error {
        SecretError::Prompt(_) => {
            CommandError::user("cannot ask for the vault password: there is no terminal")
                .hint("`--vault-password-file FILE` or `--vault-id LABEL@FILE` reads it from a file")
        }
        SecretError::Interrupted => CommandError::interrupted(),
        error => CommandError::failed(error),
    })?;
    trimmed(password.expose_secret()).ok_or_else(|| CommandError::user("the vault password is empty"))
}

fn trimmed(text: &str) -> Option<SecretText> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
    (!text.is_empty()).then(|| SecretText::from(text))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::secrets::vault::seal;
    use crate::settings::VaultSettings;

    fn environment(folder: &Path) -> Environment {
        Environment { folder: folder.to_path_buf(), home: Some(folder.join("home")), ..Environment::read() }
    }

    #[test]
    fn passwords_come_from_all_sources_in_ansibles_order() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        file("home/dev", "of dev\r\n");
        let of_settings = file("cfg", " of settings \n\n");
        file("plain", "plain");
        let args = VaultArgs {
            vault_password_file: vec!["plain".into()],
            vault_id: vec!["dev@~/dev".to_owned()],
            ..VaultArgs::default()
        };
        let vault = VaultSettings {
            password_file: Some(of_settings.clone()),
            identities: vec![format!("prod@{}", of_settings.display())],
            ..VaultSettings::default()
        };
        let settings = Settings { vault, ..Settings::default() };
        let environment = environment(folder.path());
        let keyring = args.keyring(&settings, &environment).unwrap();
        assert_eq!(keyring.labels().collect::<Vec<_>>(), ["prod", "dev", "default", "default"]);
        for (password, label) in [("of dev", "dev"), ("of settings", "x"), ("plain", "default")] {
            assert!(keyring.open(&seal(b"x", &SecretText::from(password), label)).is_ok(), "{password}");
        }
        let recorded = args.recorded(&environment);
        let at = |name: &str| folder.path().join(name).display().to_string();
        assert_eq!(recorded, [format!("dev@{}", at("home/dev")), format!("default@{}", at("plain"))]);
    }

    #[test]
    fn what_gives_no_password_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("blank", " \n");
        write("sealed", &seal(b"x", &SecretText::from("y"), "default"));
        let refused = |file: &str, id: &str| {
            let args = VaultArgs {
                vault_password_file: [file]
                    .iter()
                    .filter(|file| !file.is_empty())
                    .map(PathBuf::from)
                    .collect(),
                vault_id: [id].iter().filter(|id| !id.is_empty()).map(|id| (*id).to_owned()).collect(),
                ..VaultArgs::default()
            };
            args.keyring(&Settings::default(), &environment(folder.path())).unwrap_err().messages.concat()
        };
        assert!(refused("nope", "").contains("nope`"));
        assert!(refused("blank", "").contains("is empty"));
        assert!(refused("sealed", "").contains("is encrypted itself"));
        assert!(refused("", "a b@x").contains("`--vault-id`: `a b@x`"));
    }
}
