//! Where an inventory comes from: files, folders, and lists of names on the command line.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::source::{Diagnostic, Diagnostics};

/// One `-i`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum InventorySource {
    /// A file or a folder.
    Path(PathBuf),
    /// Names, with commas between them.
    List(String),
}

/// Endings that Ansible skips in an inventory folder (`inventory_ignore_extensions`).
const SKIPPED_ENDINGS: &[&str] =
    &[".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"];
const SKIPPED_NAMES: &[&str] = &["host_vars", "group_vars", "vars_plugins"];

impl InventorySource {
    /// Reads the argument of `-i` as Ansible does: text with a comma that is no existing path is a list.
    pub fn from_argument(argument: &str) -> Self {
        if argument.contains(',') && !Path::new(argument).exists() {
            Self::List(argument.to_owned())
        } else {
            Self::Path(PathBuf::from(argument))
        }
    }

    /// Returns the folder beside whose content `group_vars` and `host_vars` are looked for.
    pub(super) fn vars_root(&self) -> Option<PathBuf> {
        match self {
            Self::List(_) => None,
            Self::Path(path) if path.is_dir() => Some(path.clone()),
            Self::Path(path) => Some(path.parent().unwrap_or(Path::new("")).to_owned()),
        }
    }
}

/// Finds the inventory files at `path`: itself, or what a folder holds, sorted by name.
pub(super) fn files(path: &Path, diagnostics: &mut Diagnostics) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if !path.exists() {
        let shown = path.display().to_string();
        let mut error = Diagnostic::bare(format!("there is no inventory at `{shown}`"));
        if !shown.contains('/') {
            error = error
                .hint(format!("for a list of host names write a comma behind the last one: `-i {shown},`"));
        }
        diagnostics.push(error);
    } else if path.is_dir() {
        walk(path, &mut found, diagnostics);
        if found.is_empty() {
            diagnostics
                .push(Diagnostic::bare(format!("the folder `{}` holds no inventory file", path.display())));
        }
    } else {
        found.push(path.to_owned());
    }
    found
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>, diagnostics: &mut Diagnostics) {
    match sorted_entries(folder) {
        Ok(entries) => {
            for path in entries {
                let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
                let skipped = name.starts_with('.')
                    || SKIPPED_NAMES.contains(&name)
                    || SKIPPED_ENDINGS.iter().any(|ending| name.ends_with(ending));
                if skipped {
                    continue;
                }
                if path.is_dir() {
                    walk(&path, found, diagnostics);
                } else {
                    found.push(path);
                }
            }
        }
        Err(error) => {
            diagnostics
                .push(Diagnostic::bare(format!("cannot read the folder `{}`: {error}", folder.display())));
        }
    }
}

/// Lists a folder, sorted by name.
pub(super) fn sorted_entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}

/// How an inventory file is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    /// YAML or JSON.
    Yaml,
    /// INI.
    Ini,
}

/// Tells the form of a file as Ansible does with its default plugins: by its ending, and without one by how its text begins.
pub(super) fn format(path: &Path, text: &str) -> Result<Format, Diagnostic> {
    let shown = path.display();
    let convert =
        format!("convert it once: `ansible-inventory -i {shown} --list --yaml --export > hosts.yml`");
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    let message = if text.starts_with("#!") {
        format!("`{shown}` is a program; executable inventories are not supported")
    } else if ending == "toml" {
        format!("`{shown}` is a TOML inventory, which is not supported")
    } else if is_yaml_ending(ending) || (ending.is_empty() && !looks_like_ini(text)) {
        return Ok(Format::Yaml);
    } else {
        return Ok(Format::Ini);
    };
    Err(Diagnostic::bare(message).hint(convert))
}

fn is_yaml_ending(ending: &str) -> bool {
    matches!(ending, "yml" | "yaml" | "json")
}

/// Whether a file without an ending has a heading, or begins with a host (and its variables).
fn looks_like_ini(text: &str) -> bool {
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with(['#', ';']))
        .peekable();
    let Some(first) = lines.peek() else { return false };
    let mut words = first.split_whitespace();
    let assigns = words.next().is_some_and(|word| !word.ends_with(':'))
        && words.next().is_some_and(|word| word.contains('=') && !word.starts_with(['"', '\'']));
    let yaml = first.ends_with(':') || first.contains(": ") || first.starts_with(['{', '-', '%', '[']);
    let heading = |line: &str| {
        line.starts_with('[') && line.split(['#', ';']).next().is_some_and(|line| line.trim().ends_with(']'))
    };
    assigns || !yaml || lines.any(heading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_lists_from_paths() {
        assert_eq!(InventorySource::from_argument("a,"), InventorySource::List("a,".to_owned()));
        assert_eq!(InventorySource::from_argument("a,b"), InventorySource::List("a,b".to_owned()));
        assert_eq!(InventorySource::from_argument("hosts.yml"), InventorySource::Path("hosts.yml".into()));
    }

    #[test]
    fn tells_the_form_of_a_file() {
        let form = |name: &str, text: &str| format(Path::new(name), text).map_err(|found| found.message);
        assert_eq!(form("hosts", "all:\n  hosts:\n"), Ok(Format::Yaml));
        assert_eq!(form("hosts", "{\"all\": {}}"), Ok(Format::Yaml));
        assert_eq!(form("hosts.yml", "[x]\n"), Ok(Format::Yaml));
        for text in [
            "[web]\nweb1\n",
            "# c\nweb1 ansible_host=10.0.0.1\n",
            "web1\nweb2\n",
            "a:22 b='{1: 2}'\n",
            "a b={1: 2}\n",
        ] {
            assert_eq!(form("hosts", text), Ok(Format::Ini), "{text}");
        }
        for name in ["hosts.ini", "hosts.conf", "hosts.prod"] {
            assert_eq!(form(name, "x: 1"), Ok(Format::Ini), "{name}");
        }
        for (name, text, word) in
            [("hosts.py", "#!/usr/bin/python3\n", "program"), ("hosts.toml", "", "TOML")]
        {
            assert!(form(name, text).is_err_and(|message| message.contains(word)), "{name}");
        }
    }
}
