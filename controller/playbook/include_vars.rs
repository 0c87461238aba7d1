//! The files that an `include_vars` may read: read and checked before the run, chosen by each host.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::load::{Loader, normal};
use super::model::Loop;
use super::names::{Names, names_of};
use super::tasks::Folder;
use super::vars_file;
use crate::source::{Diagnostic, Diagnostics, Node, Severity, search};

/// How many files a name with a template, or a folder, may stand for.
const MOST: usize = 256;
/// How deep a folder is read.
const DEPTH: usize = 16;

/// Variables of a file.
type Variables = Vec<(String, Arc<Node>)>;

/// Files of variables that were read for a task.
#[derive(Debug, Default)]
pub struct VarsCandidates {
    /// Folders that names are relative to, the first one first; in each one its folder `vars` comes first.
    pub roots: Vec<PathBuf>,
    /// Folder of the role of the task.
    role: Option<PathBuf>,
    /// The files, with their variables or their first mistake.
    files: BTreeMap<PathBuf, Result<Variables, String>>,
}

impl VarsCandidates {
    /// Their paths.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.files.keys().cloned()
    }

    /// The variables of a file; `absolute` makes paths comparable.
    ///
    /// # Errors
    /// Its first mistake, or that it was not read before the run.
    pub fn variables(
        &self,
        path: &Path,
        absolute: &dyn Fn(&Path) -> PathBuf,
    ) -> Result<&[(String, Arc<Node>)], String> {
        let wanted = absolute(path);
        match self.files.iter().find(|(known, _)| absolute(known) == wanted).map(|(_, read)| read) {
            Some(Ok(variables)) => Ok(variables),
            Some(Err(problem)) => Err(problem.clone()),
            None => Err(format!(
                "`{}` was not read before the run, so it is not read now; hint: keep it below the folder of the playbook \
                 or role, as `.yml`, `.yaml` or `.json`",
                path.display()
            )),
        }
    }

    /// Finds what the name of a folder means: in a role below its `vars`, elsewhere beside the file of the task.
    ///
    /// # Errors
    /// Where it was looked for.
    pub fn find_folder(&self, name: &str) -> Result<PathBuf, String> {
        let place = match &self.role {
            Some(role) if name.split('/').next() == Some("vars") => role.join(name),
            Some(role) => role.join("vars").join(name),
            None => self.roots.first().map(|root| root.join(name)).unwrap_or_default(),
        };
        let place = normal(&place);
        if place.is_dir() { Ok(place) } else { Err(format!("there is no folder `{}`", place.display())) }
    }

    /// Finds what a name means.
    ///
    /// # Errors
    /// Where it was looked for.
    pub fn find(&self, name: &str, home: Option<&Path>) -> Result<PathBuf, String> {
        let roots = self.roots.iter().map(PathBuf::as_path);
        search(roots, "vars", name, home).map(|path| normal(&path)).map_err(|error| error.to_string())
    }
}

impl Loader<'_> {
    /// Reads what a task may read.
    pub(super) fn vars_candidates(
        &mut self,
        options: &[(String, Node)],
        looping: Option<&Loop>,
        place: &Folder,
    ) -> Arc<VarsCandidates> {
        let role = place.role.as_ref().map(|role| role.path.clone());
        let of_role = role.clone();
        let roots = role.into_iter().chain([place.path.clone(), self.directory.clone()]).collect();
        let mut candidates = VarsCandidates { roots, role: of_role, ..VarsCandidates::default() };
        let known = self.known_folders(place);
        for (option, value) in options.iter().filter(|(name, _)| name == "file" || name == "dir") {
            let is_dir = option == "dir";
            let (paths, plain) = match names_of(value, looping, &known) {
                Names::Plain(names) => {
                    let mut paths = Vec::new();
                    for name in names {
                        let text = name.as_str().unwrap_or_default();
                        let found = match is_dir {
                            true => candidates.find_folder(text),
                            false => candidates.find(text, self.options.home.as_deref()),
                        };
                        match found {
                            Ok(path) if is_dir => paths.extend(below(&path, 0)),
                            Ok(path) if path.is_file() => paths.push(path),
                            Ok(path) => {
                                let message = format!("`{}` is no file", path.display());
                                self.report(Diagnostic::error(&name.span, message));
                            }
                            Err(problem) => self.report(Diagnostic::error(&name.span, problem)),
                        }
                    }
                    (paths, !is_dir)
                }
                Names::Pattern(pattern) => {
                    let folders = candidates.roots.iter().flat_map(|root| [root.join("vars"), root.clone()]);
                    let mut paths = match is_dir {
                        // Whatever folder it is, its files lie below one of these.
                        true => folders.flat_map(|folder| below(&folder, 0)).take(MOST).collect(),
                        false => pattern.files(&folders.collect::<Vec<_>>(), false, MOST),
                    };
                    paths.dedup();
                    if paths.is_empty() {
                        let message = format!("no file is known that `{}` may name", pattern.text);
                        self.report(
                            Diagnostic::error(&value.span, message).hint("name the files under `loop`"),
                        );
                    }
                    (paths, false)
                }
            };
            if paths.len() >= MOST {
                let message = format!("this may name over {MOST} files");
                self.report(
                    Diagnostic::error(&value.span, message).hint("keep them in a folder of their own"),
                );
            }
            for path in paths.into_iter().take(MOST) {
                let (variables, found) = vars_file::read(&path, &self.options.vault);
                let read = match first_error(&found) {
                    None => Ok(variables),
                    Some(problem) => Err(problem),
                };
                if plain || read.is_ok() {
                    self.report_all(found);
                }
                candidates.files.insert(normal(&path), read);
            }
        }
        Arc::new(candidates)
    }
}

fn first_error(found: &Diagnostics) -> Option<String> {
    let first = found.0.iter().find(|problem| problem.severity == Severity::Error)?;
    let place = first.span.as_ref().map(|span| format!(" (at {})", span.place())).unwrap_or_default();
    Some(format!("{}{place}", first.message))
}

/// Lists the files in a folder and those below, by name, a folder's own first.
pub(super) fn below(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    let mut found: Vec<PathBuf> = paths.iter().filter(|path| path.is_file()).cloned().collect();
    for path in paths.iter().filter(|path| path.is_dir() && depth < DEPTH) {
        if found.len() < MOST {
            found.extend(below(path, depth + 1));
        }
    }
    found
}
