//! The files that a run was made of, as they were: their digests stand in `run.json`, their text, sealed, in `inputs`.
//!
//! A resumed run goes on only if they are still the same, and shows what is different if not. They are sealed because an
//! inventory may hold passwords.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use similar::TextDiff;

use super::create::private_file;
use super::{RunFolder, digests};
use crate::secrets::Seal;

/// Most text that is kept; of what is beyond there is only the digest.
const MOST: usize = 16 << 20;

/// Keeps the text of the files in `digests`.
///
/// # Errors
/// The file cannot be written.
pub fn keep(folder: &RunFolder, seal: &Seal, digests: &IndexMap<String, String>) -> io::Result<()> {
    let mut room = MOST;
    let mut texts = IndexMap::new();
    for path in digests.keys() {
        let Ok(text) = fs::read_to_string(path) else { continue };
        if text.len() <= room {
            room -= text.len();
            texts.insert(path.as_str(), text);
        }
    }
    let path = folder.inputs();
    drop(private_file(&path)?);
    fs::write(path, seal.seal(&serde_json::to_vec(&texts)?))
}

/// A file that is not as it was.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChangedInput {
    /// The file.
    pub path: String,
    /// What is different: a unified diff, or a sentence.
    pub difference: String,
}

/// Compares the files that a run was made of with what they are now. `now` lists the files of today.
pub fn changed(
    folder: &RunFolder,
    seal: Option<&Seal>,
    before: &IndexMap<String, String>,
    now: impl IntoIterator<Item = PathBuf>,
) -> Vec<ChangedInput> {
    let now = digests(now);
    let kept = || -> Option<IndexMap<String, String>> {
        let bytes = seal?.open(&fs::read_to_string(folder.inputs()).ok()?)?;
        serde_json::from_slice(&bytes).ok()
    };
    let mut texts = None;
    let mut changed = Vec::new();
    for (path, digest) in before {
        if now.get(path) == Some(digest) {
            continue;
        }
        let old = texts.get_or_insert_with(|| kept().unwrap_or_default()).get(path).cloned();
        changed.push(ChangedInput { path: path.clone(), difference: difference(path, old) });
    }
    for path in now.keys().filter(|path| !before.contains_key(*path)) {
        changed.push(ChangedInput { path: path.clone(), difference: "it was not there".to_owned() });
    }
    changed
}

fn difference(path: &str, old: Option<String>) -> String {
    match (old, fs::read_to_string(path)) {
        (_, Err(_)) if !Path::new(path).exists() => "it is gone".to_owned(),
        (Some(old), Ok(new)) => {
            let lines = TextDiff::from_lines(&old, &new);
            lines.unified_diff().context_radius(2).header("then", "now").to_string()
        }
        _ => "it is not the same".to_owned(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_shown_line_by_line_and_kept_out_of_sight() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, text) in [("a", "one\nsecret\n"), ("b", "b\n"), ("c", "c\n")] {
            fs::write(path(name), text).unwrap();
        }
        let run = RunFolder::new(folder.path(), "r");
        fs::create_dir_all(run.path()).unwrap();
        let seal = Seal::new(&Seal::generate());
        let before = digests([path("a"), path("b"), path("c")]);
        keep(&run, &seal, &before).unwrap();
        assert!(!fs::read_to_string(run.inputs()).unwrap().contains("secret"));
        assert_eq!(changed(&run, Some(&seal), &before, [path("a"), path("b"), path("c")]), []);
        fs::write(path("a"), "one\nother\n").unwrap();
        fs::remove_file(path("b")).unwrap();
        fs::write(path("d"), "").unwrap();
        let found = changed(&run, Some(&seal), &before, ["a", "b", "c", "d"].map(path));
        let of = |name: &str| {
            let path = path(name).display().to_string();
            found.iter().find(|input| input.path == path).map(|input| input.difference.clone())
        };
        assert_eq!(of("a").unwrap(), "--- then\n+++ now\n@@ -1,2 +1,2 @@\n one\n-secret\n+other\n");
        assert_eq!(of("b").as_deref(), Some("it is gone"));
        assert_eq!((of("c"), of("d").as_deref()), (None, Some("it was not there")));
    }
}
