//! The files of certificates and keys that variables of a host name. They are read before a run, so that a name that is wrong is
//! an error of the user, and again when the host is connected to.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::{Method, WinRmSetting};
use crate::transport::TransportError;

/// Longest file of certificates or keys.
const LONGEST: u64 = 1 << 20;
const MARK: &[u8] = b"-----BEGIN ";

impl WinRmSetting {
    /// The name of one of this host's variables, for `winrm` or `psrp`.
    pub(super) fn variable(&self, winrm: &'static str, psrp: &'static str) -> &'static str {
        if self.psrp { psrp } else { winrm }
    }

    /// Looks whether the files that the variables name are there and hold what they should.
    ///
    /// # Errors
    /// A file that cannot be read or holds no PEM, with its variable.
    pub fn check_files(&self, host: &str) -> Result<(), TransportError> {
        if let Some(path) =
            self.tls.as_ref().filter(|tls| tls.is_by_authority()).and_then(|tls| tls.ca.as_deref())
        {
            authorities(host, self, path)?;
        }
        if self.methods.contains(&Method::Certificate) {
            client_certificate(host, self)?;
        }
        Ok(())
    }

    fn file_error(
        &self,
        host: &str,
        (winrm, psrp): (&'static str, &'static str),
        what: String,
    ) -> TransportError {
        TransportError::Setting {
            host: host.to_owned(),
            variable: self.variable(winrm, psrp).to_owned(),
            what,
        }
    }
}

/// The certificates of a file, or of all files of a folder.
pub(super) fn authorities(
    host: &str,
    setting: &WinRmSetting,
    path: &Path,
) -> Result<Vec<u8>, TransportError> {
    let failed = |what: String| {
        setting.file_error(host, ("ansible_winrm_ca_trust_path", "ansible_psrp_ca_cert"), what)
    };
    let unread =
        |error: io::Error| failed(format!("cannot read the CA certificates `{}`: {error}", path.display()));
    let files = if path.is_dir() { files_of(path).map_err(unread)? } else { vec![path.to_owned()] };
    let mut all = Vec::new();
    for file in files {
        all.extend(
            read(&file).map_err(|error| failed(format!("cannot read `{}`: {error}", file.display())))?,
        );
        all.push(b'\n');
    }
    if !has_mark(&all) {
        return Err(failed(format!(
            "`{}` holds no certificate in PEM\nhint: give the authority's certificate, `-----BEGIN CERTIFICATE-----`",
            path.display()
        )));
    }
    Ok(all)
}

fn files_of(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    files.retain(|path| path.is_file());
    files.sort();
    Ok(files)
}

/// The client certificate and its key, both PEM.
pub(super) fn client_certificate(
    host: &str,
    setting: &WinRmSetting,
) -> Result<(Vec<u8>, SecretString), TransportError> {
    const CERTIFICATE: (&str, &str) = ("ansible_winrm_cert_pem", "ansible_psrp_certificate_pem");
    const KEY: (&str, &str) = ("ansible_winrm_cert_key_pem", "ansible_psrp_certificate_key_pem");
    let failed = |names, path: &Path, error: &dyn Display| {
        setting.file_error(host, names, format!("cannot read `{}`: {error}", path.display()))
    };
    let (certificate, key) = setting.certificate.as_ref().ok_or_else(|| {
        setting.file_error(
            host,
            CERTIFICATE,
            "a client certificate is to be used, and none is given".to_owned(),
        )
    })?;
    let certificate_pem = read(certificate).map_err(|error| failed(CERTIFICATE, certificate, &error))?;
    let key_pem = read(key).map_err(|error| failed(KEY, key, &error))?;
    for (names, path, pem) in [(CERTIFICATE, certificate, &certificate_pem), (KEY, key, &key_pem)] {
        if !has_mark(pem) {
            return Err(failed(names, path, &"it is not PEM"));
        }
    }
    let key_pem = String::from_utf8(key_pem).map_err(|_| failed(KEY, key, &"it is not text"))?;
    Ok((certificate_pem, key_pem.into()))
}

fn has_mark(pem: &[u8]) -> bool {
    pem.windows(MARK.len()).any(|window| window == MARK)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if std::fs::metadata(path)?.len() > LONGEST {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    std::fs::read(path)
}
