//! Local files that `fetch` writes.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes `bytes` to `destination` unless it holds them already; tells whether it changed.
/// The file appears whole or not at all.
pub(super) fn store(destination: &Path, bytes: &[u8], check: bool) -> io::Result<bool> {
    if std::fs::read(destination).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    if check {
        return Ok(true);
    }
    let folder = destination.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder)?;
    // As every new file: what the umask leaves.
    let permissions = std::fs::Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(destination)?;
    Ok(true)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn writes_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("host/etc/motd");
        assert!(store(&file, b"hello", true).unwrap());
        assert!(!file.exists());
        assert!(store(&file, b"hello", false).unwrap());
        assert!(!store(&file, b"hello", false).unwrap());
        assert_eq!(std::fs::read(&file).unwrap(), b"hello");
    }
}
