//! Looks at the disk: the folder of the server's XML configuration, and the files of the server's settings.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::assemble::assemble;
use super::drafts::Notes;
use super::elements::Definitions;
use super::encoding::decode;
use super::model::{Configuration, ServerSettings};
use super::{settings, xml};
use crate::source::{Diagnostic, Diagnostics, SourceFile};

/// What is read at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one file.
    pub file: u64,
    /// Bytes of all files.
    pub all: u64,
    /// XML files.
    pub files: usize,
    /// Levels of folders.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file: 64 << 20, all: 512 << 20, files: 10_000, depth: 32 }
    }
}

/// Reads every `*.xml` below a folder, and the server's settings.
///
/// Files are read in the order of their paths, those of a folder before those of its folders. Names that begin with a dot are passed over. Links
/// are not followed: what they lead to inside the folder is read where it is, and one that leads out of it is told.
///
/// `settings` are the server's settings files, a later one over an earlier one. If none is given, `appsettings.json` is looked for in the
/// folder, in its parent's folder `Runtime`, and in its parent; `appsettings.Production.json` beside the one that is found counts as well, as it
/// does for the product unless `ASPNETCORE_ENVIRONMENT` says otherwise.
///
/// All files are read whatever is wrong with one. If there is an error among the messages, parts of the configuration are missing.
pub fn read(folder: &Path, settings: &[PathBuf], limits: Limits) -> (Configuration, Diagnostics) {
    let mut definitions = Definitions::default();
    let server = read_settings(folder, settings, &mut definitions.notes);
    let mut walk = Walk { limits, files: Vec::new(), root: folder.to_owned(), full: false };
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => walk.folder(folder, 0, &mut definitions.notes),
        Ok(_) => definitions.notes.push(
            Diagnostic::bare(format!("`{}` is not a folder", folder.display()))
                .hint("give the folder that holds the configuration's XML files"),
        ),
        Err(error) => {
            definitions.notes.push(Diagnostic::bare(format!("cannot read `{}`: {error}", folder.display())));
            return finish(definitions, server);
        }
    }
    let mut all = 0;
    for path in &walk.files {
        let name = path.display().to_string();
        let most = limits.file.min(limits.all.saturating_sub(all));
        match read_file(path, most) {
            Ok(Some(bytes)) => {
                all += bytes.len() as u64;
                read_text(bytes, path, &name, &mut definitions);
            }
            Ok(None) => {
                let (over, hint) = if most < limits.file {
                    (
                        format!("with `{name}` the configuration has more than {} MiB", limits.all >> 20),
                        "is this the right folder?",
                    )
                } else {
                    (
                        format!("`{name}` is larger than {} MiB", limits.file >> 20),
                        "split it into several files",
                    )
                };
                definitions.notes.push(Diagnostic::bare(over).hint(hint));
                if most < limits.file {
                    break;
                }
            }
            Err(error) => definitions.notes.push(Diagnostic::bare(format!("cannot read `{name}`: {error}"))),
        }
    }
    if definitions.roots == 0 && fs::metadata(folder).is_ok_and(|metadata| metadata.is_dir()) {
        let what = format!("there is no file of the server's configuration in `{}`", folder.display());
        definitions.notes.push(Diagnostic::bare(what).hint(
            "give the folder that `Usercube-Export-Configuration` or your repository has the XML files in",
        ));
    }
    finish(definitions, server)
}

fn finish(mut definitions: Definitions, server: ServerSettings) -> (Configuration, Diagnostics) {
    let configuration = assemble(definitions.drafts, server, &mut definitions.notes);
    (configuration, definitions.notes.finish())
}

/// Reads one file's bytes into the definitions.
pub(super) fn read_text(bytes: Vec<u8>, path: &Path, name: &str, definitions: &mut Definitions) {
    let (file, warning) = match decode(bytes, path, name) {
        Ok(decoded) => decoded,
        Err(error) => return definitions.cut_off(error),
    };
    if let Some(warning) = warning {
        definitions.notes.push(warning);
    }
    if let Err(error) = xml::walk(&file, definitions) {
        definitions.cut_off(error);
    }
}

/// Reads a regular file; nothing if it is larger than `most` bytes. What stands in place of one, such as a FIFO, does not hold this up.
fn read_file(path: &Path, most: u64) -> std::io::Result<Option<Vec<u8>>> {
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    read_open(file, most)
}

fn read_open(file: File, most: u64) -> std::io::Result<Option<Vec<u8>>> {
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

/// Finds files.
struct Walk {
    limits: Limits,
    root: PathBuf,
    files: Vec<PathBuf>,
    full: bool,
}

impl Walk {
    fn folder(&mut self, folder: &Path, depth: usize, notes: &mut Notes) {
        if depth > self.limits.depth {
            let what = format!(
                "folders are nested deeper than {} levels at `{}`",
                self.limits.depth,
                folder.display()
            );
            return notes.push(Diagnostic::bare(what));
        }
        let mut entries: Vec<_> = match fs::read_dir(folder).and_then(Iterator::collect) {
            Ok(entries) => entries,
            Err(error) => {
                return notes.push(Diagnostic::bare(format!("cannot read `{}`: {error}", folder.display())));
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        let mut folders = Vec::new();
        for entry in entries {
            let (name, path) = (entry.file_name(), entry.path());
            if name.as_encoded_bytes().starts_with(b".") || self.full {
                continue;
            }
            let xml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("xml"));
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(kind) if kind.is_symlink() => self.link(&path, xml, notes),
                Ok(kind) if xml && kind.is_file() => self.file(path, notes),
                Ok(_) if xml => {
                    let what = format!("`{}` is not a regular file, so it was not read", path.display());
                    notes.push(warning(what));
                }
                Ok(_) => {}
                Err(error) => {
                    notes.push(Diagnostic::bare(format!("cannot read `{}`: {error}", path.display())));
                }
            }
        }
        for folder in folders {
            self.folder(&folder, depth + 1, notes);
        }
    }

    fn file(&mut self, path: PathBuf, notes: &mut Notes) {
        if self.files.len() < self.limits.files {
            return self.files.push(path);
        }
        self.full = true;
        let what =
            format!("there are more than {} XML files in `{}`", self.limits.files, self.root.display());
        notes.push(Diagnostic::bare(what).hint("is this the right folder?"));
    }

    /// Tells of a link that would have mattered: to an XML file or a folder that is not read where it is.
    fn link(&self, path: &Path, xml: bool, notes: &mut Notes) {
        let target = fs::canonicalize(path);
        let inside = match (&target, fs::canonicalize(&self.root)) {
            (Ok(target), Ok(root)) => target.starts_with(root),
            _ => false,
        };
        let folder = target.as_ref().is_ok_and(|target| target.is_dir());
        if !inside && (xml || folder) {
            let to = if target.is_ok() { "leads out of the folder" } else { "leads nowhere" };
            let what = format!("the link `{}` {to}, so it was not followed", path.display());
            notes.push(warning(what).hint("put the files themselves into the folder"));
        }
    }
}

fn warning(what: String) -> Diagnostic {
    Diagnostic { severity: crate::source::Severity::Warning, ..Diagnostic::bare(what) }
}

fn read_settings(folder: &Path, given: &[PathBuf], notes: &mut Notes) -> ServerSettings {
    let mut settings = ServerSettings::default();
    let mut files = given.to_vec();
    if files.is_empty() {
        // `DIR/..` is wrong where DIR is a link; its real parent is what people see.
        let real = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let parent = match folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) if fs::canonicalize(parent).ok().as_deref() == real.parent() => {
                Some(parent.to_owned())
            }
            _ => real.parent().map(Path::to_owned),
        };
        let places = [Some(folder.to_owned()), parent.as_ref().map(|parent| parent.join("Runtime")), parent];
        let found = places.into_iter().flatten().find(|place| place.join("appsettings.json").is_file());
        if let Some(place) = found {
            files.push(place.join("appsettings.json"));
            files.extend(Some(place.join("appsettings.Production.json")).filter(|file| file.is_file()));
        }
    }
    for path in files {
        let name = path.display().to_string();
        let read = File::open(&path).and_then(|file| read_open(file, crate::document::LARGEST as u64));
        let bytes = match read {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                notes.push(Diagnostic::bare(format!("`{name}` is too large for a file of settings")));
                continue;
            }
            Err(error) => {
                notes.push(Diagnostic::bare(format!("cannot read `{name}`: {error}")));
                continue;
            }
        };
        let read = settings::text(&bytes, &name).and_then(|text| {
            settings::read_over(&SourceFile::new(name.as_str(), &path, &*text), &mut settings)
        });
        if let Err(error) = read {
            notes.push(error);
        }
    }
    settings
}
