//! Where passwords come from: a prompt on the terminal, or a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

use super::SecretText;

/// A password file holds one line; anything larger is the wrong file.
const MAX_FILE: u64 = 64 * 1024;

/// A secret could not be had.
#[derive(Debug, Error)]
pub enum SecretError {
    /// There is no terminal to ask on, or it was closed.
    #[error(
        "cannot ask for a password: there is no terminal\nhint: the variables `ansible_password` and `ansible_become_password` give one without asking; `-e @FILE` reads them from a file"
    )]
    Prompt(#[source] io::Error),
    /// The person at the terminal pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// The file cannot be read.
    #[error("cannot read the password file `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file holds more than a password.
    #[error(
        "the password file `{path}` is larger than 64 KiB\nhint: it should hold the password and nothing else"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file holds nothing.
    #[error("the password file `{path}` is empty")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is not text.
    #[error("the password file `{path}` is not UTF-8 text")]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Ansible would run the file and read its output.
    #[error(
        "the password file `{path}` is a program, and programs are not run\nhint: write the password to a file that only you can read"
    )]
    Program {
        /// The file.
        path: PathBuf,
    },
}

/// Asks on the terminal, without echo. The text ends as it should be shown (`SSH password: `).
pub fn prompt(text: &str) -> Result<SecretText, SecretError> {
    rpassword::prompt_password(text).map(SecretText::from).map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted => SecretError::Interrupted,
        _ => SecretError::Prompt(error),
    })
}

/// Reads a password from a file; one line end at its end is dropped, and a byte order mark in front, which editors and
/// PowerShell put there and no keyboard can type. Everything else counts.
pub fn read_password_file(path: &Path) -> Result<SecretText, SecretError> {
    let fail = |source| SecretError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(fail)?;
    let executable = is_executable(&file).map_err(fail)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(SecretError::TooLarge { path: path.to_owned() });
    }
    if executable && (bytes.starts_with(b"#!") || bytes.starts_with(b"\x7fELF")) {
        return Err(SecretError::Program { path: path.to_owned() });
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::NotText { path: path.to_owned() })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if text.is_empty() {
        return Err(SecretError::Empty { path: path.to_owned() });
    }
    Ok(SecretText::from(text))
}

fn is_executable(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    fn read(content: &[u8], mode: u32) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        read_password_file(&path)
            .map(|secret| secret.expose_secret().to_owned())
            .map_err(|error| error.to_string().replace(folder.path().to_str().unwrap(), ""))
    }

    #[test]
    fn drops_one_line_end() {
        assert_eq!(read(b"pass word\n", 0o600).unwrap(), "pass word");
        assert_eq!(read(b"pass\r\n", 0o600).unwrap(), "pass");
        assert_eq!(read(b" pass\n\n", 0o600).unwrap(), " pass\n");
        assert_eq!(read(b"pass", 0o777).unwrap(), "pass");
        assert_eq!(read("\u{feff}pass\r\n".as_bytes(), 0o600).unwrap(), "pass");
    }

    #[test]
    fn refuses_what_is_not_a_password() {
        assert_eq!(read(b"\n", 0o600).unwrap_err(), "the password file `/password` is empty");
        assert_eq!(read(b"\xff\n", 0o600).unwrap_err(), "the password file `/password` is not UTF-8 text");
        assert!(read(b"#!/bin/sh\necho x\n", 0o700).unwrap_err().contains("programs are not run"));
        assert_eq!(read(b"#!secret", 0o600).unwrap(), "#!secret");
        assert!(read(&[b'a'; 70_000], 0o600).unwrap_err().contains("larger than 64 KiB"));
    }

    #[test]
    fn names_a_missing_file() {
        let error = read_password_file(Path::new("/nowhere/password")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the password file `/nowhere/password`");
    }
}
