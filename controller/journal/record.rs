//! `run.json`: what was asked. It holds no secret; values that came from the command line are named, not told.

use std::fs;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// The content of `run.json`. Every field may be missing in the file of another version.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct RunRecord {
    /// The run.
    pub run: String,
    /// When it was asked for: RFC 3339, UTC.
    pub started_at: String,
    /// `apply`, `plan`, `rollback`, `lab run`.
    pub command: String,
    /// Playbooks, as given.
    pub playbooks: Vec<String>,
    /// Inventories, as given.
    pub inventories: Vec<String>,
    /// `--limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Targets, in inventory order.
    pub targets: Vec<String>,
    /// The waves of each play, which a resumed run keeps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waves: Vec<Vec<Vec<String>>>,
    /// Names of the options that were given.
    pub options: Vec<String>,
    /// The whole command line, sealed with the key of the run since values on it may be secret: what `resume` repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
    /// SHA-256 of the files that were read, by path.
    pub digests: IndexMap<String, String>,
    /// Who asked: `USER@MACHINE`.
    pub operator: String,
    /// Version of the program.
    pub version: String,
    /// Number of times the run was started: 1, and 1 more for every `resume`.
    pub incarnation: u64,
    /// The folder that the program was started in.
    pub folder: PathBuf,
    /// Folder of the first playbook, whose `group_vars` and `host_vars` counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub playbook_dir: Option<PathBuf>,
    /// Where vault passwords came from: `LABEL@FILE`, `LABEL@prompt`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vault: Vec<String>,
    /// `-u`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `--private-key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key: Option<PathBuf>,
    /// `--known-hosts`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known_hosts: Vec<PathBuf>,
    /// Whether it changed nothing (`plan`, `--check`).
    pub check: bool,
    /// `-b`.
    pub r#become: bool,
    /// `--become-user`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub become_user: Option<String>,
}

impl RunRecord {
    /// Reads a `run.json`; none if it is missing or damaged, since the journal tells the rest.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_versions_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        fs::write(&path, r#"{"run":"r","operator":"ann@desk","from_the_future":[1]}"#).unwrap();
        let record = RunRecord::read(&path).unwrap();
        assert_eq!((record.operator.as_str(), record.incarnation), ("ann@desk", 0));
        fs::write(&path, "{").unwrap();
        assert_eq!(RunRecord::read(&path), None);
    }
}
