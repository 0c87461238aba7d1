//! What templates may read from the controller: files beside the playbook, environment variables.

use std::path::PathBuf;

use crate::template::Lookups;

/// Reads files below the working folder's playbook and the environment of the program.
#[derive(Debug, Default)]
pub(super) struct LocalLookups {
    /// Folder of the first playbook; relative names of files are looked for in `files/` of it and in it.
    pub folder: PathBuf,
}

impl Lookups for LocalLookups {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn template(&self, name: &str) -> Result<String, String> {
        self.read("templates", name)
    }

    fn file(&self, name: &str) -> Result<String, String> {
        self.read("files", name)
    }
}

impl LocalLookups {
    fn read(&self, kind: &str, name: &str) -> Result<String, String> {
        let candidates = [self.folder.join(kind).join(name), self.folder.join(name)];
        let found = candidates.iter().find(|path| path.is_file());
        let path = found.ok_or_else(|| format!("there is no file `{name}`"))?;
        std::fs::read_to_string(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
    }
}
