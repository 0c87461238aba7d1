//! Host keys as a person reviews them: scan what hosts offer, write what was confirmed, list, forget.
//!
//! A scan proves only that whoever answers holds the key. That the key is the host's is for a person to say, by
//! comparing fingerprints; so nothing is written without being asked.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::{HashAlg, PublicKey};
use sha1::{Digest as _, Sha1};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::ssh::known_hosts::{self, KnownHosts, KnownHostsError, Marker};
use super::ssh::{Warn, offered_keys};
use super::{HostKeyPolicy, Target, TransportError, Via};

/// Handshakes at a time.
const PARALLEL: usize = 32;

/// What the files say about a key that was scanned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Status {
    /// It is there.
    Known,
    /// Nothing is known about this type of key.
    Unknown,
    /// Another key of this type is there.
    Changed {
        /// Where: `FILE:LINE`.
        place: String,
        /// `SHA256:...` of the other key.
        fingerprint: String,
    },
    /// It is revoked.
    Revoked {
        /// Where: `FILE:LINE`.
        place: String,
    },
}

/// A key that a host offers.
#[derive(Clone, Debug)]
pub struct ScannedKey {
    /// Name in the inventory.
    pub host: String,
    /// Name or address that was connected to.
    pub address: String,
    /// Port.
    pub port: u16,
    /// The name under which `known_hosts` lists it.
    pub name: String,
    /// Type of the key, such as `ssh-ed25519`.
    pub algorithm: String,
    /// `SHA256:...`.
    pub fingerprint: String,
    /// Type and key in base64, as they stand in `known_hosts`.
    pub key: String,
    /// What is known about it.
    pub status: Status,
}

/// The outcome of a scan, in the order of the targets.
#[derive(Debug, Default)]
pub struct Scan {
    /// The keys.
    pub keys: Vec<ScannedKey>,
    /// The hosts that showed none, by inventory name.
    pub failures: Vec<(String, TransportError)>,
}

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
}

/// Asks every SSH target for its keys, one handshake per type, many hosts at a time. Local targets have none.
pub async fn scan(targets: &[Target], warn: Warn<'_>) -> Scan {
    let permits = Arc::new(Semaphore::new(PARALLEL));
    let mut tasks = JoinSet::new();
    for (index, target) in targets.iter().enumerate() {
        if matches!(target.via, Via::Local) {
            continue;
        }
        let (target, permits) = (target.clone(), Arc::clone(&permits));
        tasks.spawn(async move {
            let _permit = permits.acquire().await;
            let warnings = std::sync::Mutex::new(Vec::new());
            let collect = |text: &str| {
                warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(text.to_owned());
            };
            let scanned = scan_one(&target, &collect).await;
            let warnings = warnings.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            (index, target.host, scanned, warnings)
        });
    }
    let mut results = Vec::new();
    while let Some(finished) = tasks.join_next().await {
        results.extend(finished.ok());
    }
    results.sort_by_key(|(index, ..)| *index);
    let mut scan = Scan::default();
    for (_, host, scanned, warnings) in results {
        for warning in warnings {
            warn(&warning);
        }
        match scanned {
            Ok(keys) => scan.keys.extend(keys),
            Err(error) => scan.failures.push((host, error)),
        }
    }
    scan
}

async fn scan_one(target: &Target, warn: Warn<'_>) -> Result<Vec<ScannedKey>, TransportError> {
    let Via::Ssh { address, port, host_key, .. } = &target.via else { return Ok(Vec::new()) };
    let keys = offered_keys(target, warn).await?;
    keys.into_iter().map(|key| describe(&target.host, address, *port, host_key, &key)).collect()
}

fn describe(
    host: &str,
    address: &str,
    port: u16,
    policy: &HostKeyPolicy,
    key: &PublicKey,
) -> Result<ScannedKey, TransportError> {
    let local = |message: String| TransportError::Local { message };
    let known = known_hosts::lookup(&policy.known_hosts, address, port, policy.alias.as_deref())
        .map_err(|error| local(error.to_string()))?;
    let blob = key.to_bytes().map_err(|error| local(error.to_string()))?;
    let algorithm = key.algorithm().as_str().to_owned();
    let status = if let Some(entry) = known.revoked.iter().find(|entry| entry.blob == blob) {
        Status::Revoked { place: entry.place() }
    } else if known.keys.iter().chain(&known.portless).any(|entry| entry.blob == blob) {
        Status::Known
    } else if let Some(entry) = known.keys.iter().find(|entry| entry.key_type == algorithm) {
        Status::Changed { place: entry.place(), fingerprint: fingerprint(&entry.blob) }
    } else {
        Status::Unknown
    };
    let plain = PublicKey::new(key.key_data().clone(), "");
    Ok(ScannedKey {
        host: host.to_owned(),
        address: address.to_owned(),
        port,
        name: match &policy.alias {
            Some(alias) => alias.clone(),
            None => known_hosts::host_name(address, port),
        },
        fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
        key: plain.to_openssh().map_err(|error| local(error.to_string()))?,
        algorithm,
        status,
    })
}

/// Adds the keys that are not known yet to a `known_hosts` file, with names hashed if the file's are. Returns how
/// many were added. All are written or none.
///
/// # Errors
/// A changed or revoked key is among them, or the file cannot be read or written.
pub fn write(path: &Path, keys: &[ScannedKey]) -> Result<usize, TrustError> {
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

/// Lists what `files` say: all lines, or those about one host.
///
/// # Errors
/// A file that cannot be read.
pub fn list(files: &[PathBuf], host: Option<(&str, u16)>) -> Result<Vec<Listed>, TrustError> {
    let mut listed = Vec::new();
    for file in files {
        let known = KnownHosts::load(file)?;
        let entries: Vec<_> = match host {
            None => known.entries().iter().collect(),
            Some((address, port)) => known.find(&known_hosts::host_name(address, port)),
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

/// Removes the keys of a host from a `known_hosts` file and returns how many lines went. Lines with wildcards,
/// authorities and revocations stay; a line that also names other hosts keeps those.
///
/// # Errors
/// The file cannot be read or written.
pub fn forget(path: &Path, address: &str, port: u16) -> Result<usize, TrustError> {
    let known = KnownHosts::load(path)?;
    let name = known_hosts::host_name(address, port);
    let concerned: Vec<_> = known
        .find(&name)
        .into_iter()
        .filter(|entry| entry.marker == Marker::HostKey)
        .filter(|entry| {
            entry.is_hashed() || entry.names.split(',').any(|part| part.eq_ignore_ascii_case(&name))
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
                    entry.names.split(',').filter(|part| !part.eq_ignore_ascii_case(&name)).collect();
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

/// The scan as a table, with what to do next.
#[must_use]
pub fn render_scan(scan: &Scan) -> String {
    let mut text = String::new();
    let width = scan.keys.iter().map(|key| key.host.chars().count()).max().unwrap_or(0);
    let kind = scan.keys.iter().map(|key| key.algorithm.len()).max().unwrap_or(0);
    for key in &scan.keys {
        let status = match &key.status {
            Status::Known => "known".to_owned(),
            Status::Unknown => "new".to_owned(),
            Status::Changed { place, fingerprint } => format!("CHANGED: {place} has {fingerprint}"),
            Status::Revoked { place } => format!("REVOKED by {place}"),
        };
        let (host, algorithm) = (&key.host, &key.algorithm);
        text.push_str(&format!("{host:width$}  {algorithm:kind$}  {}  {status}\n", key.fingerprint));
    }
    for (host, error) in &scan.failures {
        text.push_str(&format!("{host:width$}  no key: {error}\n"));
    }
    text
}

/// Known keys as a table.
#[must_use]
pub fn render_list(listed: &[Listed]) -> String {
    let width = listed.iter().map(|entry| entry.place.len()).max().unwrap_or(0);
    let kind = listed.iter().map(|entry| entry.algorithm.len()).max().unwrap_or(0);
    listed
        .iter()
        .map(|entry| {
            let marker = if entry.marker.is_empty() { String::new() } else { format!("{} ", entry.marker) };
            let names = if entry.names.starts_with('|') { "(hashed)" } else { &entry.names };
            let Listed { place, algorithm, fingerprint, .. } = entry;
            format!("{place:width$}  {algorithm:kind$}  {fingerprint}  {marker}{names}\n")
        })
        .collect()
}

fn fingerprint(blob: &[u8]) -> String {
    PublicKey::from_bytes(blob)
        .map_or_else(|_| "(unreadable)".to_owned(), |key| key.fingerprint(HashAlg::Sha256).to_string())
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

/// Replaces a file in one step, so that an interrupted write leaves the old one. A new file and its folder are
/// for their owner only; an old file keeps its mode, and a link is followed.
fn replace(path: &Path, text: &[u8]) -> Result<(), TrustError> {
    let failed = |source| TrustError::Write { path: path.to_path_buf(), source };
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
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

    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN4YDE8kZKtfwcNWLXowKA0fDvhp4wGAzm1xfE8WVKxT";
    const FINGERPRINT: &str = "SHA256:Urm0dS8isLhp0nhIU3D6O81VseftmAXc7ErEV3tgB8Y";

    fn scanned(host: &str, port: u16, status: Status) -> ScannedKey {
        ScannedKey {
            host: host.to_owned(),
            address: host.to_owned(),
            port,
            name: known_hosts::host_name(host, port),
            algorithm: "ssh-ed25519".to_owned(),
            fingerprint: FINGERPRINT.to_owned(),
            key: KEY.to_owned(),
            status,
        }
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known_hosts");
        std::fs::write(&path, text.replace("KEY", KEY)).unwrap();
        (folder, path)
    }

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
        assert_eq!(list(&[path], Some(("b", 22))).unwrap().len(), 1);
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
        let cases: &[(&str, u16, &str, usize)] = &[
            ("a KEY\nb KEY\n", 22, "b KEY\n", 1),
            ("# a\nA,b,10.0.0.1 KEY note\nc KEY", 22, "# a\nb,10.0.0.1 KEY note\nc KEY", 1),
            ("[a]:2222 KEY\na KEY\n", 2222, "a KEY\n", 1),
            (
                "* KEY\n@cert-authority a KEY\n@revoked a KEY\n",
                22,
                "* KEY\n@cert-authority a KEY\n@revoked a KEY\n",
                0,
            ),
            ("a KEY\n  a KEY\n", 22, "", 2),
            ("b KEY\n", 22, "b KEY\n", 0),
        ];
        for (before, port, after, removed) in cases {
            let (_folder, path) = file(before);
            assert_eq!(forget(&path, "a", *port).unwrap(), *removed, "{before}");
            assert_eq!(text(&path), *after, "{before}");
        }
    }

    #[test]
    fn lists_and_tables_show_what_a_person_compares() {
        let (_folder, path) = file("a,b KEY\n@revoked * KEY\n|1|c2FsdA==|AAAA KEY\n");
        let table = render_list(&list(&[path], None).unwrap());
        let lines: Vec<&str> = table.lines().collect();
        assert!(
            lines[0].contains("known_hosts:1") && lines[0].ends_with(&format!("{FINGERPRINT}  a,b")),
            "{table}"
        );
        assert!(lines[1].ends_with("@revoked *") && lines[2].ends_with("(hashed)"), "{table}");
        let scan = Scan {
            keys: vec![scanned("web-01", 22, Status::Unknown), scanned("db", 22, Status::Known)],
            failures: vec![("dead".to_owned(), TransportError::Lost { reason: "gone".to_owned() })],
        };
        let expected = format!(
            "web-01  ssh-ed25519  {FINGERPRINT}  new\ndb      ssh-ed25519  {FINGERPRINT}  known\n\
             dead    no key: connection lost: gone\n"
        );
        assert_eq!(render_scan(&scan), expected);
    }
}
