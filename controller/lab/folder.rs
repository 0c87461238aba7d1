//! The folder of a lab that stays up: whose it is, whether the lab is at work, and its removal.
//!
//! `pid` names the process of the lab, and the lab holds a lock on it for as long as it runs. A number alone
//! proves nothing: the process may have ended long ago, and another may have its number now.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::command::create_private;

/// Holds the number of the process and the lock.
const PID: &str = "pid";
/// What `pid` begins with, so that the file of another program is not taken for ours.
const MARK: &str = "paceline lab ";
/// What a lab makes in its folder besides `pid`. Nothing else is ever removed.
const MADE: [&str; 5] = ["hosts", "inventory.yml", "known_hosts", "key", "key.pub"];

/// A lab cannot have its folder, or cannot be ended.
#[derive(Debug, Error)]
pub enum LabFolderError {
    /// A lab is at work in it.
    #[error("a lab is running in `{folder}` already (process {pid})\nhint: stop it with `paceline lab down`")]
    Running {
        /// The folder.
        folder: PathBuf,
        /// The process of the lab.
        pid: i32,
    },
    /// It holds files of somebody else.
    #[error(
        "`{folder}` is not empty and is not the folder of a lab\nhint: name a new folder with `--folder`"
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
    },
    /// There is no lab in it.
    #[error(
        "no lab is running in `{folder}`\nhint: `--folder` or `--state-dir` name another place; nothing was touched"
    )]
    None {
        /// The folder.
        folder: PathBuf,
    },
    /// It cannot be read or written.
    #[error("cannot use `{folder}` for a lab: {source}")]
    Io {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A folder that a lab has for itself.
#[derive(Debug)]
pub struct LabFolder {
    path: PathBuf,
    lock: File,
}

/// What is known of a lab's folder.
#[derive(Debug)]
pub enum Found {
    /// A lab is at work in it, as this process.
    Running(i32),
    /// A lab was at work in it and left its files.
    Left(LabFolder),
}

impl LabFolder {
    /// Takes a folder for a new lab: one that does not exist, is empty, or was left by a lab.
    ///
    /// # Errors
    /// A lab is at work in it, it is somebody else's, or it cannot be written.
    pub fn claim(folder: &Path) -> Result<Self, LabFolderError> {
        match Self::find(folder) {
            Ok(Found::Running(pid)) => {
                return Err(LabFolderError::Running { folder: folder.to_owned(), pid });
            }
            Ok(Found::Left(mut left)) => {
                left.sign().map_err(at(folder))?;
                return Ok(left);
            }
            Err(LabFolderError::None { .. }) => {}
            Err(error) => return Err(error),
        }
        create_private(folder).map_err(at(folder))?;
        if fs::read_dir(folder).map_err(at(folder))?.next().is_some() {
            return Err(LabFolderError::Foreign { folder: folder.to_owned() });
        }
        let mut options = OpenOptions::new();
        options.create_new(true).read(true).write(true).mode(0o600);
        let lock = options.open(folder.join(PID)).map_err(at(folder))?;
        lock.lock().map_err(at(folder))?;
        let mut claimed = Self { path: folder.to_owned(), lock };
        claimed.sign().map_err(at(folder))?;
        Ok(claimed)
    }

    /// Finds out about the lab of a folder. One that was left is locked, so that nobody else takes it.
    ///
    /// # Errors
    /// There is none, or the folder cannot be read.
    pub fn find(folder: &Path) -> Result<Found, LabFolderError> {
        let none = || LabFolderError::None { folder: folder.to_owned() };
        let path = folder.join(PID);
        let is_file = fs::symlink_metadata(&path).is_ok_and(|about| about.is_file());
        if !is_file {
            return Err(none());
        }
        let mut lock = OpenOptions::new().read(true).write(true).open(&path).map_err(at(folder))?;
        let mut text = String::new();
        // A file of another program need not be text.
        let read = (&lock).take(64).read_to_string(&mut text);
        let pid = read.ok().and_then(|_| text.strip_prefix(MARK)?.trim().parse().ok()).ok_or_else(none)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Found::Running(pid)),
            Err(TryLockError::Error(error)) => return Err(at(folder)(error)),
        }
        if lock.metadata().map_err(at(folder))?.nlink() == 0 {
            // It was removed between the two looks.
            return Err(none());
        }
        lock.rewind().map_err(at(folder))?;
        Ok(Found::Left(Self { path: folder.to_owned(), lock }))
    }

    fn sign(&mut self) -> io::Result<()> {
        self.lock.set_len(0)?;
        self.lock.rewind()?;
        write!(self.lock, "{MARK}{}", std::process::id())
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what the lab made, and the folder if it is empty then; tells whether it was.
    ///
    /// # Errors
    /// Something cannot be removed; the lab can be found again.
    pub fn remove(self) -> io::Result<bool> {
        Self::remove_files(&self.path)?;
        fs::remove_file(self.path.join(PID))?;
        match fs::remove_dir(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes what a lab made in its folder besides `pid`, and nothing else.
    ///
    /// # Errors
    /// Something cannot be removed.
    pub fn remove_files(folder: &Path) -> io::Result<()> {
        for name in MADE {
            let path = folder.join(name);
            let removed = match fs::symlink_metadata(&path) {
                Ok(about) if about.is_dir() => fs::remove_dir_all(&path),
                Ok(_) => fs::remove_file(&path),
                Err(error) => Err(error),
            };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn at(folder: &Path) -> impl Fn(io::Error) -> LabFolderError {
    let folder = folder.to_owned();
    move |source| LabFolderError::Io { folder: folder.clone(), source }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn made(folder: &Path) {
        fs::create_dir_all(folder.join("hosts/lab-01/home")).unwrap();
        for name in ["inventory.yml", "known_hosts", "key", "key.pub"] {
            fs::write(folder.join(name), "").unwrap();
        }
    }

    #[test]
    fn a_lab_has_its_folder_while_it_runs() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("new/lab");
        let claimed = LabFolder::claim(&folder).unwrap();
        made(&folder);
        let own = std::process::id().cast_signed();
        assert!(matches!(LabFolder::find(&folder), Ok(Found::Running(pid)) if pid == own));
        assert!(matches!(LabFolder::claim(&folder), Err(LabFolderError::Running { .. })));
        drop(claimed);
        // It ended without a word: the next one takes its place, keys and all.
        let again = LabFolder::claim(&folder).unwrap();
        assert!(folder.join("key").exists());
        assert!(again.remove().unwrap());
        assert!(!folder.exists() && folder.parent().unwrap().exists());
        assert!(matches!(LabFolder::find(&folder), Err(LabFolderError::None { .. })));
    }

    #[test]
    fn files_of_somebody_else_stay() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        fs::write(folder.join("data"), "precious").unwrap();
        assert!(matches!(LabFolder::claim(folder), Err(LabFolderError::Foreign { .. })));
        // A number in `pid` makes no lab, whoever has it now.
        fs::write(folder.join(PID), std::process::id().to_string()).unwrap();
        assert!(matches!(LabFolder::find(folder), Err(LabFolderError::None { .. })));
        assert!(matches!(LabFolder::claim(folder), Err(LabFolderError::Foreign { .. })));
        assert_eq!(fs::read_dir(folder).unwrap().count(), 2);
        assert_eq!(fs::read_to_string(folder.join("data")).unwrap(), "precious");
    }

    #[test]
    fn what_came_later_stays_too() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("lab");
        let claimed = LabFolder::claim(&folder).unwrap();
        made(&folder);
        fs::write(folder.join("notes"), "mine").unwrap();
        assert!(!claimed.remove().unwrap());
        let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["notes"]);
    }
}
