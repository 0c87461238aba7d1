//! The file that trusted keys are kept in: lines are added, listed and removed, the rest stays as it is.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha1::{Digest as _, Sha1};
use thiserror::Error;

use super::{ScannedKey, Status, fingerprint};
use crate::transport::ssh::known_hosts::{self, KnownHosts, KnownHostsError, Marker};

/// Symbolic links that are followed, one after the other.
const LINKS: usize = 40;

/// A problem with a `known_hosts` file.
#[derive(Debug, Error)]
pub enum TrustError {
    /// It cannot be understood.
    #[error(transparent)]
    Read(#[from] KnownHostsError),
    /// It cannot be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The old key is still there.
    #[error(
        "`{host}`: {place} has another {algorithm} key\nhint: remove it first with `paceline trust forget`, if the host's key was replaced on purpose"
    )]
    Changed {
        /// The host.
        host: String,
        /// Type of the key.
        algorithm: String,
        /// `FILE:LINE`.
        place: String,
    },
    /// A revoked key cannot become trusted.
    #[error("`{host}`: {place} revokes the key that it offers")]
    Revoked {
        /// The host.
        host: String,
        /// `FILE:LINE`.
        place: String,
    },
    /// A device, a pipe or a folder, such as `/dev/null`.
    #[error(
        "`{}` is not a regular file, so no keys are kept there\nhint: name a file with `--known-hosts FILE`",
        .0.display()
    )]
    NotAFile(PathBuf),
}

/// Adds the keys that are not known yet to a `known_hosts` file, with names hashed if the file's are. Returns how
/// many were added. All are written or none.
///
/// # Errors
/// A changed or revoked key is among them, or the file cannot be read or written or is none.
pub fn write(path: &Path, keys: &[ScannedKey]) -> Result<usize, TrustError> {
    writable(path)?;
    let known = KnownHosts::load(path)?;
    let hashed = known.entries().iter().any(known_hosts::Entry::is_hashed);
    let mut lines = String::new();
    let mut added = 0;
    for key in keys {
        match &key.status {
            Status::Known => continue,
            Status::Unknown => {}
            Status::Changed { place, .. } => {
                return Err(TrustError::Changed {
                    host: key.host.clone(),
                    algorithm: key.algorithm.clone(),
                    place: place.clone(),
                });
            }
            Status::Revoked { place } => {
                return Err(TrustError::Revoked { host: key.host.clone(), place: place.clone() });
            }
        }
        let name = if hashed { known_hosts::hashed_name(&salt(), &key.name) } else { key.name.clone() };
        let line = format!("{name} {}\n", key.key);
        // Hosts of the inventory may share an address.
        if hashed || !lines.contains(&line) {
            lines.push_str(&line);
            added += 1;
        }
    }
    if added > 0 {
        let mut text = existing(path)?;
        if !text.is_empty() && !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        text.extend_from_slice(lines.as_bytes());
        replace(path, &text)?;
    }
    Ok(added)
}

/// One line of a `known_hosts` file, for people.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// `FILE:LINE`.
    pub place: String,
    /// The names as written.
    pub names: String,
    /// `@cert-authority`, `@revoked`, or nothing.
    pub marker: &'static str,
    /// Type of the key.
    pub algorithm: String,
    /// `SHA256:...`.
    pub fingerprint: String,
}

/// Lists what `files` say: all lines, or those about the host that they list as `name`
/// ([`HostKeyPolicy::name`](crate::transport::HostKeyPolicy::name)).
///
/// # Errors
/// A file that cannot be read.
pub fn list(files: &[PathBuf], name: Option<&str>) -> Result<Vec<Listed>, TrustError> {
    let mut listed = Vec::new();
    for file in files {
        let known = KnownHosts::load(file)?;
        let entries: Vec<_> = match name {
            None => known.entries().iter().collect(),
            Some(name) => known.find(name),
        };
        listed.extend(entries.into_iter().map(|entry| Listed {
            place: entry.place(),
            names: entry.names.clone(),
            marker: match entry.marker {
                Marker::HostKey => "",
                Marker::CertAuthority => "@cert-authority",
                Marker::Revoked => "@revoked",
            },
            algorithm: entry.key_type.clone(),
            fingerprint: fingerprint(&entry.blob),
        }));
    }
    Ok(listed)
}

/// Removes the keys of the host `name` from a `known_hosts` file and returns how many lines went. Lines with wildcards,
/// authorities and revocations stay; a line that also names other hosts keeps those.
///
/// # Errors
/// The file cannot be read or written.
pub fn forget(path: &Path, name: &str) -> Result<usize, TrustError> {
    writable(path)?;
    let known = KnownHosts::load(path)?;
    let concerned: Vec<_> = known
        .find(name)
        .into_iter()
        .filter(|entry| entry.marker == Marker::HostKey)
        .filter(|entry| {
            entry.is_hashed() || entry.names.split(',').any(|part| part.eq_ignore_ascii_case(name))
        })
        .collect();
    if concerned.is_empty() {
        return Ok(0);
    }
    let mut text = Vec::new();
    for (index, line) in existing(path)?.split_inclusive(|byte| *byte == b'\n').enumerate() {
        match concerned.iter().find(|entry| entry.line == index + 1) {
            None => text.extend_from_slice(line),
            Some(entry) => {
                let others: Vec<&str> =
                    entry.names.split(',').filter(|part| !part.eq_ignore_ascii_case(name)).collect();
                if !entry.is_hashed() && !others.is_empty() {
                    let line = String::from_utf8_lossy(line);
                    let rest = line.trim_start().strip_prefix(entry.names.as_str()).unwrap_or_default();
                    text.extend_from_slice(format!("{}{rest}", others.join(",")).as_bytes());
                }
            }
        }
    }
    replace(path, &text)?;
    Ok(concerned.len())
}

/// Twenty bytes that were not used before.
fn salt() -> Vec<u8> {
    let mut digest = Sha1::new();
    digest.update(uuid::Uuid::now_v7().as_bytes());
    digest.update(uuid::Uuid::now_v7().as_bytes());
    digest.finalize().to_vec()
}

fn existing(path: &Path) -> Result<Vec<u8>, TrustError> {
    match std::fs::read(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(KnownHostsError::Read { path: path.to_path_buf(), source }.into()),
    }
}

/// Tells whether keys can be kept in `path`: a regular file or one that is not there yet. Returns the file itself,
/// at the end of all links.
///
/// # Errors
/// It is something else, or cannot be looked at.
pub fn writable(path: &Path) -> Result<PathBuf, TrustError> {
    let failed = |source| TrustError::Write { path: path.to_path_buf(), source };
    let mut place = path.to_path_buf();
    for _ in 0..LINKS {
        match std::fs::symlink_metadata(&place) {
            Ok(metadata) if metadata.is_symlink() => {
                let target = std::fs::read_link(&place).map_err(failed)?;
                place = place.parent().map_or_else(|| target.clone(), |folder| folder.join(&target));
            }
            Ok(metadata) if metadata.is_file() => return Ok(place),
            Ok(_) => return Err(TrustError::NotAFile(path.to_path_buf())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(place),
            Err(error) => return Err(failed(error)),
        }
    }
    Err(failed(io::Error::other("too many symbolic links")))
}

/// Replaces a file in one step, so that an interrupted write leaves the old one. A new file and its folder are
/// for their owner only; an old file keeps its mode, and a link is followed.
fn replace(path: &Path, text: &[u8]) -> Result<(), TrustError> {
    let failed = |source| TrustError::Write { path: path.to_path_buf(), source };
    let path = writable(path)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let writing = || {
        if !folder.exists() {
            create_private(folder)?;
        }
        let mut file = tempfile::Builder::new().prefix(".known_hosts").tempfile_in(folder)?;
        file.write_all(text)?;
        if let Ok(metadata) = std::fs::metadata(&path) {
            file.as_file().set_permissions(metadata.permissions())?;
        }
        file.as_file().sync_all()?;
        file.persist(&path)?;
        Ok(())
    };
    writing().map_err(failed)
}

#[cfg(unix)]
fn create_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn create_private(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::super::Status;
    use super::super::testing::{KEY, file, scanned};
    use super::*;

    fn text(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap().replace(KEY, "KEY")
    }

    #[test]
    fn new_keys_are_appended_in_the_manner_of_the_file() {
        let (_folder, path) = file("# mine\na KEY");
        let keys = [
            scanned("b", 22, Status::Unknown),
            scanned("b", 22, Status::Unknown),
            scanned("C.example", 2222, Status::Unknown),
            scanned("a", 22, Status::Known),
        ];
        assert_eq!(write(&path, &keys).unwrap(), 2);
        assert_eq!(text(&path), "# mine\na KEY\nb KEY\n[c.example]:2222 KEY\n");

        let (_folder, path) = file(&format!("{} KEY\n", known_hosts::hashed_name(b"salt", "a")));
        assert_eq!(write(&path, &keys[..1]).unwrap(), 1);
        assert_eq!(text(&path).matches("|1|").count(), 2);
        assert_eq!(list(&[path], Some("b")).unwrap().len(), 1);
    }

    #[test]
    fn changed_and_revoked_keys_are_not_written_and_nothing_else_is() {
        let (_folder, path) = file("a KEY\n");
        let changed = Status::Changed { place: "kh:1".to_owned(), fingerprint: String::new() };
        for (status, expected) in [
            (changed, "has another ssh-ed25519 key"),
            (Status::Revoked { place: "kh:1".to_owned() }, "revokes"),
        ] {
            let error =
                write(&path, &[scanned("b", 22, Status::Unknown), scanned("a", 22, status)]).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(text(&path), "a KEY\n");
        }
    }

    #[test]
    fn forgetting_removes_the_names_of_one_host_only() {
        let cases: &[(&str, &str, &str, usize)] = &[
            ("a KEY\nb KEY\n", "a", "b KEY\n", 1),
            ("# a\nA,b,10.0.0.1 KEY note\nc KEY", "a", "# a\nb,10.0.0.1 KEY note\nc KEY", 1),
            ("[a]:2222 KEY\na KEY\n", "[a]:2222", "a KEY\n", 1),
            (
                "* KEY\n@cert-authority a KEY\n@revoked a KEY\n",
                "a",
                "* KEY\n@cert-authority a KEY\n@revoked a KEY\n",
                0,
            ),
            ("a KEY\n  a KEY\n", "a", "", 2),
            ("b KEY\n", "a", "b KEY\n", 0),
            // An alias has no port; the address and port that it stands for may be another host's.
            ("web KEY\n[a]:2222 KEY\n", "web", "[a]:2222 KEY\n", 1),
        ];
        for (before, name, after, removed) in cases {
            let (_folder, path) = file(before);
            assert_eq!(forget(&path, name).unwrap(), *removed, "{before}");
            assert_eq!(text(&path), *after, "{before}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn links_are_followed_and_only_regular_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink("kept", at("known_hosts")).unwrap();
        let key = [scanned("a", 22, Status::Unknown)];
        // The link's target is not there yet, then it is.
        for added in [1, 1] {
            assert_eq!(write(&at("known_hosts"), &key).unwrap(), added);
        }
        assert_eq!(text(&at("kept")), "a KEY\na KEY\n");
        assert_eq!(forget(&at("known_hosts"), "a").unwrap(), 2);
        assert!(std::fs::symlink_metadata(at("known_hosts")).unwrap().is_symlink());

        // Nothing here would be lost if it was replaced after all.
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        std::os::unix::fs::symlink("socket", at("to_socket")).unwrap();
        std::os::unix::fs::symlink("turns", at("turns")).unwrap();
        for (path, says) in [
            (at("socket"), "is not a regular file"),
            (at("to_socket"), "hint: name a file with `--known-hosts FILE`"),
            (folder.path().to_path_buf(), "is not a regular file"),
            (at("turns"), "too many symbolic links"),
        ] {
            for error in [write(&path, &key).unwrap_err(), forget(&path, "a").unwrap_err()] {
                assert!(error.to_string().contains(says), "{error}");
            }
        }
        assert!(writable(Path::new("/dev/null")).unwrap_err().to_string().contains("`/dev/null` is not"));
    }
}
