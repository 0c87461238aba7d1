//! Local files of a playbook: Ansible's search path, read once for all hosts.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::module::{Files, ModuleError};
use crate::operation::Content;
use crate::secrets::vault::Vault;
use crate::source::{self, SourceFile};

/// Largest local file that is read whole.
const LARGEST_FILE: u64 = 2 << 30;

/// What was read so far, shared by all hosts and plays of a run.
#[derive(Default)]
pub struct FileCache {
    home: Option<PathBuf>,
    vault: Vault,
    contents: Mutex<HashMap<PathBuf, Arc<Content>>>,
    /// Files that are encrypted, opened.
    opened: Mutex<HashMap<PathBuf, Arc<Content>>>,
    sources: Mutex<HashMap<PathBuf, Arc<SourceFile>>>,
}

impl FileCache {
    /// Makes an empty cache; `home` is what `~` stands for in the names of files, `vault` opens encrypted ones.
    pub fn new(home: Option<PathBuf>, vault: Vault) -> Self {
        Self { home, vault, ..Self::default() }
    }

    /// What `~` stands for.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }
}

impl fmt::Debug for FileCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileCache")
    }
}

/// The files that one task can name.
#[derive(Debug)]
pub struct LocalFiles<'a> {
    /// Folder of the playbook.
    pub playbook: &'a Path,
    /// Folder of the task's role.
    pub role: Option<&'a Path>,
    /// Folder of the file that the task stands in.
    pub task: Option<&'a Path>,
    /// What was read so far.
    pub cache: &'a FileCache,
}

impl LocalFiles<'_> {
    fn readable(path: &Path) -> Result<(), ModuleError> {
        let problem =
            |reason: String| ModuleError::new(format!("cannot read `{}`: {reason}", path.display()));
        let metadata = std::fs::metadata(path).map_err(|error| problem(error.to_string()))?;
        if !metadata.is_file() {
            return Err(problem("it is not a file".to_owned()));
        }
        if metadata.len() > LARGEST_FILE {
            return Err(problem(format!("it is larger than {} GiB", LARGEST_FILE >> 30)));
        }
        Ok(())
    }
}

impl Files for LocalFiles<'_> {
    fn find(&self, kind: &str, name: &str) -> Result<PathBuf, ModuleError> {
        let roots = self.role.into_iter().chain(self.task).chain([self.playbook]);
        source::search(roots, kind, name, self.cache.home.as_deref())
            .map_err(|error| ModuleError::new(error.to_string()))
    }

    fn content(&self, path: &Path) -> Result<Arc<Content>, ModuleError> {
        let mut contents = self.cache.contents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = contents.get(path) {
            return Ok(content.clone());
        }
        Self::readable(path)?;
        let bytes = std::fs::read(path)
            .map_err(|error| ModuleError::new(format!("cannot read `{}`: {error}", path.display())))?;
        let content = Arc::new(Content::new(bytes));
        contents.insert(path.to_owned(), content.clone());
        Ok(content)
    }

    fn opened(&self, path: &Path) -> Result<Arc<Content>, ModuleError> {
        let raw = self.content(path)?;
        if !Vault::is_encrypted(&raw.bytes) {
            return Ok(raw);
        }
        let mut opened = self.cache.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = opened.get(path) {
            return Ok(content.clone());
        }
        let plain = self
            .cache
            .vault
            .open_file(&raw.bytes)
            .map_err(|error| ModuleError::new(format!("cannot decrypt `{}`: {error}", path.display())))?;
        if let Some(line) =
            std::str::from_utf8(&plain).ok().map(str::trim).filter(|text| !text.contains('\n'))
        {
            // Commonly a password or a key by itself.
            self.cache.vault.learn(line);
        }
        let content = Arc::new(Content::hidden(plain.to_vec()));
        opened.insert(path.to_owned(), content.clone());
        Ok(content)
    }

    fn source(&self, path: &Path) -> Result<Arc<SourceFile>, ModuleError> {
        let mut sources = self.cache.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = sources.get(path) {
            return Ok(source.clone());
        }
        Self::readable(path)?;
        let name = path.display().to_string();
        let bytes = std::fs::read(path)
            .map_err(|error| ModuleError::new(format!("cannot read `{name}` as UTF-8 text: {error}")))?;
        let not_text = || ModuleError::new(format!("cannot read `{name}` as UTF-8 text"));
        let source = if Vault::is_encrypted(&bytes) {
            let plain = self
                .cache
                .vault
                .open_file(&bytes)
                .map_err(|error| ModuleError::new(format!("cannot decrypt `{name}`: {error}")))?;
            let text = String::from_utf8(plain.to_vec()).map_err(|_| not_text())?;
            SourceFile::encrypted(name.as_str(), path, text)
        } else {
            SourceFile::new(name.as_str(), path, String::from_utf8(bytes).map_err(|_| not_text())?)
        };
        sources.insert(path.to_owned(), source.clone());
        Ok(source)
    }

    fn walk(&self, path: &Path) -> Result<Vec<(PathBuf, bool)>, ModuleError> {
        let mut found = Vec::new();
        walk_into(path, Path::new(""), &mut found)?;
        Ok(found)
    }
}

fn walk_into(root: &Path, below: &Path, found: &mut Vec<(PathBuf, bool)>) -> Result<(), ModuleError> {
    let folder = root.join(below);
    let problem =
        |error: std::io::Error| ModuleError::new(format!("cannot list `{}`: {error}", folder.display()));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(problem)? {
        let entry = entry.map_err(problem)?;
        let is_folder = entry.path().is_dir();
        names.push((!is_folder, entry.file_name()));
    }
    names.sort();
    for (is_file, name) in names {
        let path = below.join(name);
        found.push((path.clone(), !is_file));
        if !is_file {
            walk_into(root, &path, found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn role_files_come_before_those_of_the_playbook() {
        let folder = tempfile::tempdir().unwrap();
        let role = folder.path().join("roles/agent");
        std::fs::create_dir_all(role.join("files")).unwrap();
        std::fs::create_dir_all(folder.path().join("files")).unwrap();
        std::fs::write(role.join("files/a"), "role").unwrap();
        std::fs::write(folder.path().join("files/a"), "playbook").unwrap();
        std::fs::write(folder.path().join("b"), "beside").unwrap();
        std::fs::create_dir_all(folder.path().join("home")).unwrap();
        std::fs::write(folder.path().join("home/d"), "at home").unwrap();
        let cache = FileCache::new(Some(folder.path().join("home")), Vault::default());
        let files = LocalFiles { playbook: folder.path(), role: Some(&role), task: None, cache: &cache };
        assert_eq!(files.content(&files.find("files", "a").unwrap()).unwrap().bytes, b"role");
        assert_eq!(files.content(&files.find("files", "b").unwrap()).unwrap().bytes, b"beside");
        assert_eq!(files.content(&files.find("files", "~/d").unwrap()).unwrap().bytes, b"at home");
        let missing = files.find("files", "c").unwrap_err().to_string();
        assert!(missing.starts_with("could not find `c`; searched"), "{missing}");
    }
}
