//! Playbooks in temporary folders, for the tests of this folder.

use std::path::{Path, PathBuf};

use super::{LoadOptions, Playbook, load};
use crate::source::{Diagnostics, Severity};

/// A folder with files, removed when it is dropped.
pub(super) struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    /// Writes the files.
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        Self { folder }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Loads `site.yml`.
    pub(super) fn load(&self) -> (Option<Playbook>, Diagnostics) {
        self.load_with(&LoadOptions::default())
    }

    pub(super) fn load_with(&self, options: &LoadOptions) -> (Option<Playbook>, Diagnostics) {
        load(&self.path().join("site.yml"), options)
    }

    /// Loads `site.yml`, which has to be free of mistakes.
    pub(super) fn good(&self) -> Playbook {
        let (playbook, diagnostics) = self.load();
        playbook.unwrap_or_else(|| panic!("{}", self.said(&diagnostics)))
    }

    /// Loads `site.yml` and returns the messages, one a line.
    pub(super) fn messages(&self) -> String {
        self.said(&self.load().1)
    }

    fn said(&self, diagnostics: &Diagnostics) -> String {
        let here = format!("{}/", self.path().display());
        let lines = diagnostics.0.iter().map(|diagnostic| {
            let place = diagnostic.span.as_ref().map(crate::source::Span::place).unwrap_or_default();
            let kind = match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "info",
            };
            let hint = diagnostic.hint.as_ref().map(|hint| format!(" | {hint}")).unwrap_or_default();
            format!("{place}: {kind}: {}{hint}", diagnostic.message)
                .replace(&here, "")
                .replace(here.trim_end_matches('/'), "FOLDER")
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// One playbook without other files.
pub(super) fn site(text: &str) -> Files {
    Files::new(&[("site.yml", text)])
}

/// The path of a file in a folder, for comparisons.
pub(super) fn below(files: &Files, name: &str) -> PathBuf {
    files.path().join(name)
}
