//! Where local files are looked for: Ansible's search path, and `~`.

use std::path::{Path, PathBuf};

/// Replaces `~` at the start of a path by the home folder, where that is known.
pub fn expand(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home.to_path_buf(),
        (Some(rest), Some(home)) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(path),
    }
}

/// Finds a file or folder: below each root first in its folder `kind` (`files`, `templates`), then in it.
///
/// # Errors
/// The places where it was looked for.
pub fn search<'a>(
    roots: impl IntoIterator<Item = &'a Path>,
    kind: &str,
    name: &str,
    home: Option<&Path>,
) -> Result<PathBuf, NotFound> {
    let given = expand(name, home);
    let candidates: Vec<PathBuf> = if given.is_absolute() {
        vec![given]
    } else {
        roots.into_iter().flat_map(|root| [root.join(kind).join(name), root.join(name)]).collect()
    };
    match candidates.iter().find(|path| path.exists()) {
        Some(found) => Ok(found.clone()),
        None => Err(NotFound { name: name.to_owned(), searched: candidates }),
    }
}

/// A local file that is nowhere.
#[derive(Debug, thiserror::Error)]
#[error("could not find `{name}`; searched {}", list(.searched))]
pub struct NotFound {
    /// Its name as written.
    pub name: String,
    /// Where it was looked for.
    pub searched: Vec<PathBuf>,
}

fn list(paths: &[PathBuf]) -> String {
    let mut seen: Vec<String> = Vec::new();
    let plain = |path: &Path| path.strip_prefix(".").unwrap_or(path).display().to_string();
    for path in paths.iter().map(|path| format!("`{}`", plain(path))) {
        if !seen.contains(&path) {
            seen.push(path);
        }
    }
    seen.join(", ")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn only_a_tilde_at_the_start_is_the_home_folder() {
        let home = Some(Path::new("/home/u"));
        for (path, expected) in [
            ("~", "/home/u"),
            ("~/a/b", "/home/u/a/b"),
            ("~//a", "/home/u/a"),
            ("~other/a", "~other/a"),
            ("a/~/b", "a/~/b"),
            ("/a", "/a"),
        ] {
            assert_eq!(expand(path, home), Path::new(expected), "{path}");
        }
        assert_eq!(expand("~/a", None), Path::new("~/a"));
    }

    #[test]
    fn the_folder_of_its_kind_and_the_first_root_win() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        for file in ["first/a", "second/files/a", "second/files/b", "second/b", "home/c"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let home = folder.path().join("home");
        let find = |name: &str| search([&*first, &*second], "files", name, Some(&home));
        assert_eq!(find("a").unwrap(), first.join("a"));
        assert_eq!(find("b").unwrap(), second.join("files/b"));
        assert_eq!(find("~/c").unwrap(), home.join("c"));
        let missing = find("d").unwrap_err();
        assert_eq!(missing.searched.len(), 4);
        assert!(missing.to_string().starts_with("could not find `d`; searched `"), "{missing}");
    }
}
