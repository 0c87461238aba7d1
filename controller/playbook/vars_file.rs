//! Files of variables, as `vars_files` and roles name them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::LoadOptions;
use super::load::Loader;
use crate::secrets::vault::Vault;
use crate::source::{self, Diagnostic, Diagnostics, Node};

/// Finds the file that an entry of `vars_files` means: in `vars/` of the folder, then in the folder itself.
pub fn find(directory: &Path, name: &str) -> Option<PathBuf> {
    [directory.join("vars").join(name), directory.join(name)].into_iter().find(|path| path.is_file())
}

/// Reads a file of variables: a mapping, or nothing.
pub fn read(path: &Path, vault: &Vault) -> (Vec<(String, Arc<Node>)>, Diagnostics) {
    let options = LoadOptions { vault: vault.clone(), ..LoadOptions::default() };
    let mut loader = Loader::new(&options, PathBuf::new());
    let (node, diagnostics) = source::load(path, &path.display().to_string(), vault);
    loader.report_all(diagnostics);
    let mut variables = Vec::new();
    if let Some(node) = node {
        if node.is_mapping() || node.is_null() {
            variables = loader.variables("vars", &node);
        } else {
            let message = format!("a file of variables is a mapping, not {}", node.kind());
            loader.report(Diagnostic::error(&node.span, message));
        }
    }
    (variables, loader.diagnostics)
}
