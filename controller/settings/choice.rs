//! Which `ansible.cfg` counts.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::source::{Diagnostic, Diagnostics, Severity};

/// Chooses the file: the one that `ANSIBLE_CONFIG` names (a folder means the `ansible.cfg` in it), else
/// `ansible.cfg` in the working folder, unless anybody may write to that folder.
pub fn choose(environment: Option<&str>, folder: &Path) -> (Option<PathBuf>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    if let Some(named) = environment.filter(|name| !name.is_empty()) {
        let mut path = folder.join(named);
        if path.is_dir() {
            path.push("ansible.cfg");
        }
        if path.is_file() {
            return (Some(path), diagnostics);
        }
        let message = format!("there is no `{}`, which `ANSIBLE_CONFIG` names", path.display());
        diagnostics.push(warning(message, "unset it, or name a file that exists"));
    }
    let path = folder.join("ansible.cfg");
    if !path.is_file() {
        return (None, diagnostics);
    }
    let open_to_all = folder.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o002 != 0);
    if open_to_all {
        let message = format!("`{}` is ignored: anybody may write to its folder", path.display());
        diagnostics.push(warning(
            message,
            "take the right away with `chmod o-w`, or name the file in `ANSIBLE_CONFIG`",
        ));
        return (None, diagnostics);
    }
    (Some(path), diagnostics)
}

fn warning(message: String, hint: &str) -> Diagnostic {
    Diagnostic { severity: Severity::Warning, ..Diagnostic::bare(message) }.hint(hint)
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_environment_comes_before_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(choose(None, folder.path()).0, None);
        fs::write(at("ansible.cfg"), "").unwrap();
        fs::create_dir(at("more")).unwrap();
        fs::write(at("more/ansible.cfg"), "").unwrap();
        fs::write(at("other.cfg"), "").unwrap();
        assert_eq!(choose(None, folder.path()).0, Some(at("ansible.cfg")));
        assert_eq!(choose(Some("other.cfg"), folder.path()).0, Some(at("other.cfg")));
        assert_eq!(choose(Some("more"), folder.path()).0, Some(at("more/ansible.cfg")));
        let (path, diagnostics) = choose(Some("missing.cfg"), folder.path());
        assert_eq!(path, Some(at("ansible.cfg")));
        assert!(diagnostics.0.len() == 1 && !diagnostics.has_errors());
    }

    #[test]
    fn a_folder_that_anybody_may_write_to_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ansible.cfg");
        fs::write(&path, "").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let (chosen, diagnostics) = choose(None, folder.path());
        assert_eq!(chosen, None);
        assert!(diagnostics.0[0].message.contains("anybody may write"));
        assert_eq!(choose(path.to_str(), folder.path()).0, Some(path));
    }
}
