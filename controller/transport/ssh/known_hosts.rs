//! Reads `known_hosts` files: which keys belong to a host name, who may certify it, what is revoked.
//!
//! The format is that of `sshd(8)`, SSH_KNOWN_HOSTS FILE FORMAT: hashed names, patterns with `*`, `?` and
//! `!`, `[host]:port`, and the markers `@cert-authority` and `@revoked`. A missing file is empty, an
//! unreadable one is an error. Files are parsed once and read again only when they change.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use thiserror::Error;

/// A `known_hosts` file that cannot be used.
#[derive(Debug, Error)]
pub enum KnownHostsError {
    /// It exists but cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A revocation that cannot be understood must not be passed over.
    #[error("{}:{line}: this `@revoked` line cannot be read, so it is not known which key it revokes", path.display())]
    Revocation {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

/// What a line says about its key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Marker {
    /// The key of the host.
    HostKey,
    /// A key that signs host certificates.
    CertAuthority,
    /// A key that must never be accepted.
    Revoked,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The file.
    pub path: Arc<Path>,
    /// The line, from 1.
    pub line: usize,
    /// What the line says about its key.
    pub marker: Marker,
    /// The key's type as written.
    pub key_type: String,
    /// The key's wire encoding.
    pub blob: Vec<u8>,
    /// The names as written: patterns, or one hashed name.
    pub names: String,
    matcher: Names,
}

impl Entry {
    /// `FILE:LINE`.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.path.display(), self.line)
    }

    /// Whether the names of the line are hashed.
    #[must_use]
    pub fn is_hashed(&self) -> bool {
        matches!(self.matcher, Names::Hashed { .. })
    }

    /// Whether the line speaks about `name` (lower case, `[host]:port` for another port than 22).
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match &self.matcher {
            Names::Hashed { salt, hash } => hash_name(salt, name).as_slice() == hash.as_slice(),
            Names::Patterns(patterns) => matches_patterns(patterns, name),
        }
    }
}

#[derive(Clone, Debug)]
enum Names {
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
    Patterns(Vec<String>),
}

/// A parsed file.
#[derive(Debug, Default)]
pub struct KnownHosts {
    entries: Vec<Entry>,
    /// Entries whose names are all literal, by name.
    literal: HashMap<String, Vec<usize>>,
    /// Entries that must be asked one by one.
    scanned: Vec<usize>,
}

impl KnownHosts {
    /// Parses the text of a file.
    ///
    /// # Errors
    /// An unreadable `@revoked` line; any other line that is not understood is passed over, as OpenSSH does.
    pub fn parse(path: &Path, text: &str) -> Result<Self, KnownHostsError> {
        let path: Arc<Path> = path.into();
        let mut known = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match parse_line(&path, index + 1, line) {
                Some(entry) => known.add(entry),
                None if line.starts_with("@revoked") => {
                    return Err(KnownHostsError::Revocation { path: path.to_path_buf(), line: index + 1 });
                }
                None => {}
            }
        }
        Ok(known)
    }

    /// Reads a file, from memory if it has not changed since the last time.
    ///
    /// # Errors
    /// The file exists and cannot be read, or has an unreadable revocation.
    pub fn load(path: &Path) -> Result<Arc<Self>, KnownHostsError> {
        type Cache = HashMap<PathBuf, (Stamp, Arc<KnownHosts>)>;
        static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);

        let unreadable = |source| KnownHostsError::Read { path: path.to_path_buf(), source };
        let metadata = match std::fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Arc::default()),
            Err(error) => return Err(unreadable(error)),
        };
        let stamp = Stamp::of(&metadata);
        let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, known)) = cache.get(path)
            && *then == stamp
        {
            return Ok(Arc::clone(known));
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let known = Arc::new(Self::parse(path, &String::from_utf8_lossy(&bytes))?);
        cache.insert(path.to_path_buf(), (stamp, Arc::clone(&known)));
        Ok(known)
    }

    /// All lines that were understood.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The lines about `name`, in the order of the file.
    #[must_use]
    pub fn find(&self, name: &str) -> Vec<&Entry> {
        let literal = self.literal.get(name).into_iter().flatten().copied();
        let scanned = self.scanned.iter().copied().filter(|&at| self.entries[at].matches(name));
        let mut found: Vec<usize> = literal.chain(scanned).collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|at| &self.entries[at]).collect()
    }

    fn add(&mut self, entry: Entry) {
        let at = self.entries.len();
        match &entry.matcher {
            Names::Patterns(patterns) if patterns.iter().all(|name| !name.contains(['*', '?', '!'])) => {
                for name in patterns {
                    self.literal.entry(name.clone()).or_default().push(at);
                }
            }
            _ => self.scanned.push(at),
        }
        self.entries.push(entry);
    }
}

/// By what a changed file is noticed.
#[derive(Eq, PartialEq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Stamp {
    fn of(metadata: &std::fs::Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self { modified: metadata.modified().ok(), length: metadata.len(), inode }
    }
}

/// What all files together say about a host.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Keys of the host under its own name and port.
    pub keys: Vec<Entry>,
    /// Keys under the name without the port; they may confirm a key, never contradict one.
    pub portless: Vec<Entry>,
    /// Keys that may sign certificates of the host.
    pub authorities: Vec<Entry>,
    /// Revoked keys.
    pub revoked: Vec<Entry>,
}

/// Looks a host up in all `files`. `alias` replaces name and port (`HostKeyAlias`).
///
/// # Errors
/// A file that cannot be used.
pub fn lookup(
    files: &[PathBuf],
    host: &str,
    port: u16,
    alias: Option<&str>,
) -> Result<Known, KnownHostsError> {
    let name = match alias {
        Some(alias) => alias.to_lowercase(),
        None => host_name(host, port),
    };
    let plain = (alias.is_none() && port != 22).then(|| host.to_lowercase());
    let mut known = Known::default();
    for file in files {
        let parsed = KnownHosts::load(file)?;
        for entry in parsed.find(&name) {
            match entry.marker {
                Marker::HostKey => known.keys.push(entry.clone()),
                Marker::CertAuthority => known.authorities.push(entry.clone()),
                Marker::Revoked => known.revoked.push(entry.clone()),
            }
        }
        for entry in plain.iter().flat_map(|plain| parsed.find(plain)) {
            match entry.marker {
                Marker::HostKey => known.portless.push(entry.clone()),
                Marker::Revoked => known.revoked.push(entry.clone()),
                Marker::CertAuthority => {}
            }
        }
    }
    Ok(known)
}

/// The name under which a host is listed: lower case, and `[host]:port` for another port than 22.
#[must_use]
pub fn host_name(host: &str, port: u16) -> String {
    let host = host.to_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

/// The hashed form of a name, as `HashKnownHosts` writes it.
#[must_use]
pub fn hashed_name(salt: &[u8], name: &str) -> String {
    format!("|1|{}|{}", BASE64.encode(salt), BASE64.encode(hash_name(salt, name)))
}

/// Whether `text` fits a pattern with `*` and `?`, letters in any case.
#[must_use]
pub fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || c.eq_ignore_ascii_case(&text[t]) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// Whether a list of patterns selects `name`: one must fit, and none that begins with `!` may.
#[must_use]
pub fn matches_patterns(patterns: &[String], name: &str) -> bool {
    let mut selected = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(negated) if wildcard(negated, name) => return false,
            Some(_) => {}
            None => selected |= wildcard(pattern, name),
        }
    }
    selected
}

fn hash_name(salt: &[u8], name: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha1>::new_from_slice(salt).expect("HMAC takes a key of any length");
    mac.update(name.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn parse_line(path: &Arc<Path>, line: usize, text: &str) -> Option<Entry> {
    let mut words = text.split_ascii_whitespace();
    let mut names = words.next()?;
    let marker = match names {
        "@revoked" => Marker::Revoked,
        "@cert-authority" => Marker::CertAuthority,
        _ if names.starts_with('@') => return None,
        _ => Marker::HostKey,
    };
    if marker != Marker::HostKey {
        names = words.next()?;
    }
    let key_type = words.next()?.to_owned();
    let blob = BASE64.decode(words.next()?).ok()?;
    // The wire encoding begins with the type's name; a line that disagrees with itself is damaged.
    let length = u32::from_be_bytes(*blob.first_chunk::<4>()?) as usize;
    if blob.get(4..4usize.checked_add(length)?)? != key_type.as_bytes() {
        return None;
    }
    let matcher = match names.strip_prefix("|1|") {
        Some(hashed) => {
            let (salt, hash) = hashed.split_once('|')?;
            Names::Hashed { salt: BASE64.decode(salt).ok()?, hash: BASE64.decode(hash).ok()? }
        }
        None if names.starts_with('|') => return None,
        None => {
            Names::Patterns(names.split(',').filter(|name| !name.is_empty()).map(str::to_lowercase).collect())
        }
    };
    Some(Entry { path: Arc::clone(path), line, marker, key_type, blob, names: names.to_owned(), matcher })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN4YDE8kZKtfwcNWLXowKA0fDvhp4wGAzm1xfE8WVKxT";

    fn parse(text: &str) -> KnownHosts {
        KnownHosts::parse(Path::new("kh"), &text.replace("KEY", KEY)).unwrap()
    }

    fn lines(known: &KnownHosts, name: &str) -> Vec<usize> {
        known.find(name).iter().map(|entry| entry.line).collect()
    }

    #[test]
    fn names_select_hosts() {
        let cases: &[(&str, &str, bool)] = &[
            ("a.example KEY", "a.example", true),
            ("A.Example KEY", "a.example", true),
            ("b.example,a.example KEY", "a.example", true),
            ("a.example KEY", "aa.example", false),
            ("*.example KEY", "a.example", true),
            ("*.example KEY", "[a.example]:2222", false),
            ("?.example KEY", "a.example", true),
            ("?.example KEY", "aa.example", false),
            ("*.example,!a.example KEY", "a.example", false),
            ("!a.example,*.example KEY", "b.example", true),
            ("!a.example KEY", "b.example", false),
            ("[a.example]:2222 KEY", "[a.example]:2222", true),
            ("[a.example]:2222 KEY", "a.example", false),
            ("a.example\tKEY a comment", "a.example", true),
            ("  a.example KEY", "a.example", true),
            ("10.0.0.* KEY", "10.0.0.9", true),
            ("# a.example KEY", "a.example", false),
        ];
        for (text, name, expected) in cases {
            assert_eq!(!parse(text).find(name).is_empty(), *expected, "{text} / {name}");
        }
    }

    #[test]
    fn reads_hashed_names_of_ssh_keygen() {
        let known = parse(
            "|1|dk07G+UdGn2PqRg+avSVpQufYpY=|NW6f6Qk09tjxdJU8o+xOWW+1QB4= KEY\n\
             |1|o6GcpD+3Ssi8lFvMgH3yf11Hx9g=|lwWgA5VDy/KnFtLAXVVnuG36sEQ= KEY\n",
        );
        assert_eq!(lines(&known, "mail.example"), [1]);
        assert_eq!(lines(&known, "[db.example]:2222"), [2]);
        assert_eq!(lines(&known, "db.example"), [0usize; 0]);
        let name = hashed_name(b"12345678901234567890", "web.example");
        assert_eq!(lines(&parse(&format!("{name} KEY")), "web.example"), [1]);
    }

    #[test]
    fn passes_over_what_it_does_not_understand_except_revocations() {
        let damaged = KEY.replace("AAAAC3", "AAAAC4");
        let known = parse(&format!(
            "a.example\na.example ssh-ed25519 !!!\na.example {damaged}\n@other a.example KEY\n|2|x a KEY\na.example KEY"
        ));
        assert_eq!(lines(&known, "a.example"), [6]);
        let error = KnownHosts::parse(Path::new("kh"), "\n@revoked * ssh-ed25519 !!!\n").unwrap_err();
        assert!(error.to_string().starts_with("kh:2: "), "{error}");
    }

    #[test]
    fn sorts_keys_by_marker_and_port() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        let text =
            "@cert-authority *.example KEY\n@revoked * KEY\na.example KEY\n[a.example]:2222 KEY\nalias KEY\n";
        std::fs::write(&file, text.replace("KEY", KEY)).unwrap();
        let files = [folder.path().join("missing"), file];
        let counts = |port, alias| {
            let known = lookup(&files, "A.example", port, alias).unwrap();
            [known.keys.len(), known.portless.len(), known.authorities.len(), known.revoked.len()]
        };
        assert_eq!(counts(22, None), [1, 0, 1, 1]);
        assert_eq!(counts(2222, None), [1, 1, 0, 2]);
        assert_eq!(counts(2222, Some("Alias")), [1, 0, 0, 1]);
    }

    #[test]
    fn a_missing_file_is_empty_an_unreadable_one_an_error_and_a_change_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        assert!(KnownHosts::load(&file).unwrap().entries().is_empty());
        std::fs::write(&file, format!("a {KEY}\n")).unwrap();
        assert_eq!(KnownHosts::load(&file).unwrap().entries().len(), 1);
        std::fs::write(&file, format!("a {KEY}\nb {KEY}\n")).unwrap();
        assert_eq!(KnownHosts::load(&file).unwrap().entries().len(), 2);
        let error = KnownHosts::load(folder.path()).unwrap_err();
        assert!(matches!(error, KnownHostsError::Read { .. }));
    }
}
