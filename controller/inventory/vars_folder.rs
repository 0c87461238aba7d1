//! `group_vars` and `host_vars`: which files belong to a group or host, and what they hold.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::build::VariableEntry;
use super::source::sorted_entries;
use super::{GroupName, HostName};
use crate::secrets::vault::Vault;
use crate::source::{self, Diagnostic, Diagnostics, NodeValue, Span};

/// Endings of variable files, in the order in which they are looked for; the first that exists is read.
const ENDINGS: [&str; 4] = ["", "yml", "yaml", "json"];

/// The variables that lie beside an inventory or a playbook.
#[derive(Debug, Default)]
pub(super) struct VarsFolder {
    pub(super) groups: HashMap<GroupName, Vec<VariableEntry>>,
    pub(super) hosts: HashMap<HostName, Vec<VariableEntry>>,
}

impl VarsFolder {
    /// Reads what `root` holds for these groups and hosts.
    pub(super) fn load<'a>(
        root: &Path,
        groups: impl Iterator<Item = &'a GroupName>,
        hosts: impl Iterator<Item = &'a HostName>,
        vault: &Vault,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut folder = Self::default();
        let group_files = Listing::read(&root.join("group_vars"), diagnostics);
        for group in groups {
            let entries = group_files.variables(&group.0, vault, diagnostics);
            if let Some(priority) = entries.iter().find(|entry| entry.name == "ansible_group_priority") {
                let message = "`ansible_group_priority` has no effect here";
                let hint = format!("set it under `vars:` of the group `{group}` in the inventory file");
                diagnostics.push(Diagnostic::warning(&priority.node.span, message).hint(hint));
            }
            if !entries.is_empty() {
                folder.groups.insert(group.clone(), entries);
            }
        }
        let host_files = Listing::read(&root.join("host_vars"), diagnostics);
        for host in hosts {
            let entries = host_files.variables(&host.0, vault, diagnostics);
            if !entries.is_empty() {
                folder.hosts.insert(host.clone(), entries);
            }
        }
        folder
    }
}

/// The names in one folder, read once: asking the disk for each of 20,000 hosts would be slow.
struct Listing {
    entries: HashMap<String, PathBuf>,
}

impl Listing {
    fn read(folder: &Path, diagnostics: &mut Diagnostics) -> Self {
        let mut entries = HashMap::new();
        if folder.is_dir() {
            match sorted_entries(folder) {
                Ok(paths) => {
                    for path in paths {
                        if let Some(name) = path.file_name().and_then(OsStr::to_str) {
                            entries.insert(name.to_owned(), path);
                        }
                    }
                }
                Err(error) => {
                    let message = format!("cannot read the folder `{}`: {error}", folder.display());
                    diagnostics.push(Diagnostic::bare(message));
                }
            }
        }
        Self { entries }
    }

    fn variables(&self, name: &str, vault: &Vault, diagnostics: &mut Diagnostics) -> Vec<VariableEntry> {
        if self.entries.is_empty() {
            return Vec::new();
        }
        let mut candidates = ENDINGS.iter().filter_map(|ending| {
            let file = if ending.is_empty() { name.to_owned() } else { format!("{name}.{ending}") };
            self.entries.get(&file)
        });
        let Some(chosen) = candidates.next() else { return Vec::new() };
        for ignored in candidates {
            let message =
                format!("`{}` is not read, because `{}` exists", ignored.display(), chosen.display());
            let mut warning =
                Diagnostic::bare(message).hint("merge the two, or put both into a folder of that name");
            warning.severity = source::Severity::Warning;
            diagnostics.push(warning);
        }
        let mut files = Vec::new();
        if chosen.is_dir() {
            collect(chosen, &mut files, diagnostics);
        } else {
            files.push(chosen.clone());
        }
        files.iter().flat_map(|file| read(file, vault, diagnostics)).collect()
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>, diagnostics: &mut Diagnostics) {
    let entries = match sorted_entries(folder) {
        Ok(entries) => entries,
        Err(error) => {
            diagnostics
                .push(Diagnostic::bare(format!("cannot read the folder `{}`: {error}", folder.display())));
            return;
        }
    };
    for path in entries {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        if path.is_dir() {
            if ending.is_empty() {
                collect(&path, files, diagnostics);
            }
        } else if ENDINGS.contains(&ending) {
            files.push(path);
        }
    }
}

fn read(path: &Path, vault: &Vault, diagnostics: &mut Diagnostics) -> Vec<VariableEntry> {
    let file = match source::read(path, &path.display().to_string(), vault) {
        Ok(file) => file,
        Err(error) => {
            diagnostics.push(error);
            return Vec::new();
        }
    };
    let (node, more) = source::parse(&file);
    diagnostics.extend(more);
    match node.map(|node| (node.span, node.value)) {
        None | Some((_, NodeValue::Null)) => Vec::new(),
        Some((_, NodeValue::Mapping(entries))) => entries
            .into_iter()
            .map(|(key, value)| VariableEntry::checked(&key, Arc::new(value), diagnostics))
            .collect(),
        Some((span, other)) => {
            let kind = source::Node::new(span.clone(), other).kind();
            let place = Span::new(span.file.clone(), span.start, span.start);
            diagnostics
                .push(Diagnostic::error(&place, format!("a variables file holds a mapping, not {kind}")));
            Vec::new()
        }
    }
}
