//! What templates may read from the controller: files beside the playbook, environment variables.

use std::path::PathBuf;

use crate::secrets::vault::Vault;
use crate::source;
use crate::template::Lookups;

/// Reads files of the task, the playbook and the user, and the environment of the program.
#[derive(Debug, Default)]
pub(super) struct LocalLookups {
    /// Folder of the first playbook: what is not about a task looks for files here.
    pub folder: PathBuf,
    /// What `~` stands for.
    pub home: Option<PathBuf>,
    /// What opens encrypted files.
    pub vault: Vault,
}

impl Lookups for LocalLookups {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn template(&self, name: &str, folders: &[PathBuf]) -> Result<String, String> {
        self.read("templates", name, folders)
    }

    fn file(&self, name: &str, folders: &[PathBuf]) -> Result<String, String> {
        self.read("files", name, folders)
    }
}

impl LocalLookups {
    fn read(&self, kind: &str, name: &str, folders: &[PathBuf]) -> Result<String, String> {
        let own = folders.is_empty().then_some(self.folder.as_path());
        let roots = folders.iter().map(PathBuf::as_path).chain(own);
        let path =
            source::search(roots, kind, name, self.home.as_deref()).map_err(|error| error.to_string())?;
        let problem = |reason: String| format!("cannot read `{}`: {reason}", path.display());
        let bytes = std::fs::read(&path).map_err(|error| problem(error.to_string()))?;
        let not_text = || problem("it is not UTF-8 text".to_owned());
        if !Vault::is_encrypted(&bytes) {
            return String::from_utf8(bytes).map_err(|_| not_text());
        }
        let plain = self.vault.open_file(&bytes).map_err(|error| problem(error.to_string()))?;
        let text = String::from_utf8(plain.to_vec()).map_err(|_| not_text())?;
        self.vault.learn(&text);
        Ok(text)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn the_folders_of_the_task_come_before_that_of_the_run() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["files/a", "role/files/a", "role/templates/t", "home/v"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
        let home = Some(folder.path().join("home"));
        let lookups = LocalLookups { folder: folder.path().to_path_buf(), home, vault: Vault::default() };
        let role = [folder.path().join("role")];
        assert_eq!(lookups.file("a", &role).unwrap(), "role/files/a");
        assert_eq!(lookups.file("a", &[]).unwrap(), "files/a");
        assert_eq!(lookups.template("t", &role).unwrap(), "role/templates/t");
        assert_eq!(lookups.file("~/v", &role).unwrap(), "home/v");
        assert!(lookups.file("t", &role).unwrap_err().starts_with("could not find `t`; searched"));
    }
}
