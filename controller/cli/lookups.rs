//! What templates may read from the controller: files beside the playbook, environment variables.

use std::path::{Path, PathBuf};

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

    fn find(&self, kind: &str, name: &str, folders: &[PathBuf]) -> Option<String> {
        let own = folders.is_empty().then_some(self.folder.as_path());
        let roots = folders.iter().map(PathBuf::as_path).chain(own);
        let path = source::search(roots, kind, name, self.home.as_deref()).ok()?;
        Some(whole(&path).display().to_string())
    }

    fn glob(&self, kind: &str, pattern: &str, folders: &[PathBuf]) -> Result<Vec<String>, String> {
        let own = folders.is_empty().then_some(self.folder.as_path());
        let given = source::expand(pattern, self.home.as_deref());
        let name = given.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let below = given.parent().unwrap_or(Path::new(""));
        for root in folders.iter().map(PathBuf::as_path).chain(own) {
            for folder in [root.join(kind).join(below), root.join(below)] {
                let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
                let fits = |entry: &std::fs::DirEntry| {
                    let found = entry.file_name().to_string_lossy().into_owned();
                    // As for a shell, a pattern does not name hidden files unless it begins as they do.
                    let hidden = found.starts_with('.') && !name.starts_with('.');
                    !hidden && crate::pattern::glob_matches(&name, &found) && entry.path().is_file()
                };
                let mut found: Vec<String> =
                    entries.filter(fits).map(|entry| whole(&entry.path()).display().to_string()).collect();
                if !found.is_empty() {
                    found.sort();
                    return Ok(found);
                }
            }
        }
        Ok(Vec::new())
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

/// A path from the root on.
fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
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
