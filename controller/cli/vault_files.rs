//! Files of `paceline vault`: read within limits, and replaced whole or not at all.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::CommandError;

/// Most bytes that are encrypted.
pub(super) const MOST_PLAIN: u64 = 64 << 20;
/// Most bytes that are decrypted: encrypted text takes four times the room, and a line end for 80 digits.
pub(super) const MOST_SEALED: u64 = MOST_PLAIN * 4 + (MOST_PLAIN >> 3);

/// A file, or one of the standard streams.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// `-`.
    Stream,
    /// A file.
    File(PathBuf),
}

/// As messages name it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream => f.write_str("standard input"),
            Self::File(_) => write!(f, "`{}`", self.name()),
        }
    }
}

impl Place {
    /// What a word of the command line means.
    pub(super) fn of(word: &Path) -> Self {
        if word == Path::new("-") { Self::Stream } else { Self::File(word.to_path_buf()) }
    }

    /// The name within one line, `-` for a stream.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stream => "-".to_owned(),
            Self::File(path) => crate::hostlog::sanitize_line(&path.display().to_string()).into_owned(),
        }
    }

    /// Where the result goes: to the file that is named, else back to where it came from.
    pub(super) fn destination(&self, named: Option<&PathBuf>) -> Self {
        named.map_or_else(|| self.clone(), |path| Self::of(path))
    }

    /// Reads it whole.
    ///
    /// # Errors
    /// It cannot be read, or holds more than `most` bytes.
    pub(super) fn read(&self, most: u64) -> Result<Zeroizing<Vec<u8>>, CommandError> {
        let failed = |error: io::Error| CommandError::user(format!("cannot read {self}: {error}"));
        let (input, size): (Box<dyn Read>, u64) = match self {
            Self::Stream => (Box::new(io::stdin().lock()), 0),
            Self::File(path) => {
                let file = File::open(path).map_err(failed)?;
                let about = file.metadata().map_err(failed)?;
                if about.is_dir() {
                    return Err(CommandError::user(format!("cannot read {self}: it is a folder"))
                        .hint("name the files in it"));
                }
                (Box::new(file), about.len())
            }
        };
        // The room at once, so that no copies of the text stay behind in memory.
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size.min(most)).unwrap_or(0) + 1));
        input.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > most {
            return Err(CommandError::user(format!("{self} is larger than {} MiB", most >> 20))
                .hint("vault files are for settings and keys; nothing was written"));
        }
        Ok(bytes)
    }

    /// Writes it whole: a file takes its name when it is complete, with the mode and the owner that it had, or readable for its
    /// owner only. Returns the file that was written.
    ///
    /// # Errors
    /// It cannot be written; a file is then as it was.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<Option<PathBuf>, CommandError> {
        match self {
            Self::Stream => {
                let mut out = io::stdout().lock();
                out.write_all(bytes)?;
                super::terminal::flush(out)?;
                Ok(None)
            }
            Self::File(path) => {
                replace(path, bytes).map_err(|error| {
                    CommandError::user(format!("cannot write {self}: {error}")).hint("it is as it was")
                })?;
                Ok(Some(path.clone()))
            }
        }
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let before = match fs::metadata(path) {
        Ok(about) if !about.is_file() => return Err(io::Error::other("it is no ordinary file")),
        Ok(about) => Some(about),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    // A link stays one: the file that it names is replaced.
    let path = if before.is_some() { fs::canonicalize(path)? } else { path.to_path_buf() };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut fresh = tempfile::Builder::new().prefix(".vault-").tempfile_in(folder)?;
    fresh.write_all(bytes)?;
    if let Some(before) = before {
        let about = fresh.as_file().metadata()?;
        if (about.uid(), about.gid()) != (before.uid(), before.gid()) {
            std::os::unix::fs::fchown(fresh.as_file(), Some(before.uid()), Some(before.gid()))?;
        }
        fresh.as_file().set_permissions(fs::Permissions::from_mode(before.mode() & 0o7777))?;
    }
    fresh.as_file().sync_all()?;
    fresh.persist(&path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_file_keeps_its_mode_and_a_new_one_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let (old, link, new) =
            (folder.path().join("old"), folder.path().join("link"), folder.path().join("new"));
        fs::write(&old, "one").unwrap();
        fs::set_permissions(&old, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("old", &link).unwrap();
        assert_eq!(Place::of(&link).write(b"two").unwrap(), Some(link.clone()));
        assert_eq!((fs::read(&old).unwrap().as_slice(), mode(&old)), (&b"two"[..], 0o640));
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        Place::of(&new).write(b"three").unwrap();
        assert_eq!(mode(&new), 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing else is left");
    }

    #[test]
    fn what_cannot_be_replaced_stays_and_what_is_too_large_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let error = Place::of(folder.path()).write(b"x").unwrap_err();
        assert!(error.messages.concat().contains("no ordinary file"));
        assert!(Place::of(folder.path()).read(9).unwrap_err().messages.concat().contains("it is a folder"));
        let file = folder.path().join("f");
        fs::write(&file, "12345").unwrap();
        assert_eq!(**Place::of(&file).read(5).unwrap(), *b"12345");
        assert!(Place::of(&file).read(4).unwrap_err().messages.concat().contains("larger than"));
    }
}
