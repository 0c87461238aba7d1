//! Certificates made by the `openssl` program: an implementation that is not ours, with every date, size and hash.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A folder with keys, certificates and an authority that signs them.
pub(crate) struct Certificates {
    folder: tempfile::TempDir,
}

/// What is wanted of a certificate.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Its common name, and the name of its files.
    pub name: &'a str,
    /// `rsa:BITS`, or the name of a curve.
    pub key: &'a str,
    /// `sha256`, `sha1` ...
    pub hash: &'a str,
    /// Days from today on which it begins and ends.
    pub days: (i64, i64),
    /// Who signs: the name of another certificate of the folder, or itself.
    pub issuer: Option<&'a str>,
    /// Whether it may sign others.
    pub ca: bool,
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self {
            name: "agent.example",
            key: "rsa:3072",
            hash: "sha256",
            days: (-10, 365),
            issuer: Some("Example CA"),
            ca: false,
        }
    }
}

impl Certificates {
    /// A folder with the authority `Example CA` in it.
    pub(crate) fn new() -> Self {
        let certificates = Self { folder: tempfile::tempdir().unwrap() };
        certificates.make(Wanted {
            name: "Example CA",
            key: "rsa:2048",
            issuer: None,
            ca: true,
            days: (-400, 4000),
            ..Wanted::default()
        });
        certificates
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Path of a file as an argument.
    pub(crate) fn argument(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.argument(name)
    }

    /// Makes `NAME.crt`, `NAME.key` and both together as `NAME.pem`.
    pub(crate) fn make(&self, wanted: Wanted<'_>) {
        let file = |ending: &str| self.argument(&format!("{}.{ending}", wanted.name));
        fs::write(file("key"), key(wanted.key)).unwrap();
        self.openssl(&[
            "req",
            "-new",
            "-key",
            &file("key"),
            "-subj",
            &format!("/O=Example/CN={}", wanted.name),
            "-out",
            &file("csr"),
        ]);
        let signer = wanted.issuer.unwrap_or(wanted.name);
        let basic = if wanted.ca { "critical,CA:TRUE" } else { "critical,CA:FALSE" };
        self.write("empty.db", "");
        self.write(
            "ca.conf",
            &format!(
                "[ca]\ndefault_ca=a\n[a]\ndatabase={}\nnew_certs_dir={}\nrand_serial=yes\npolicy=p\nx509_extensions=x\nunique_subject=no\nemail_in_dn=no\n[p]\norganizationName=optional\ncommonName=supplied\n[x]\nbasicConstraints={basic}\n",
                self.argument("empty.db"),
                self.folder.path().display(),
            ),
        );
        let (signing_key, signing_certificate) =
            (self.argument(&format!("{signer}.key")), self.argument(&format!("{signer}.crt")));
        let (start, end) = (day(wanted.days.0), day(wanted.days.1));
        let config = self.argument("ca.conf");
        let (csr, out) = (file("csr"), file("crt"));
        let mut arguments = vec!["ca", "-config", &config, "-batch", "-notext", "-in", &csr, "-out", &out];
        arguments.extend([
            "-md",
            wanted.hash,
            "-startdate",
            &start,
            "-enddate",
            &end,
            "-keyfile",
            &signing_key,
        ]);
        match wanted.issuer {
            None => arguments.push("-selfsign"),
            Some(_) => arguments.extend(["-cert", &signing_certificate]),
        }
        self.openssl(&arguments);
        let both = format!(
            "{}{}",
            self.text(&format!("{}.crt", wanted.name)),
            self.text(&format!("{}.key", wanted.name))
        );
        fs::write(file("pem"), both).unwrap();
    }

    /// Runs `openssl`.
    #[track_caller]
    pub(crate) fn openssl(&self, arguments: &[&str]) {
        openssl(self.folder.path(), arguments);
    }
}

/// A private key as PKCS#8. Keys take seconds to make, so each kind is made once for all tests.
fn key(kind: &str) -> String {
    static KEYS: OnceLock<std::sync::Mutex<std::collections::HashMap<String, String>>> = OnceLock::new();
    let mut keys = KEYS.get_or_init(Default::default).lock().unwrap();
    // Two of a kind have to differ where a key must not fit: the kind may have a number behind it.
    let (algorithm, _) = kind.split_once('#').unwrap_or((kind, ""));
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key").to_str().unwrap().to_owned();
        match algorithm.split_once(':') {
            Some((_, bits)) => {
                let bits = format!("rsa_keygen_bits:{bits}");
                openssl(folder.path(), &["genpkey", "-algorithm", "RSA", "-pkeyopt", &bits, "-out", &path]);
            }
            None if algorithm == "ed25519" => {
                openssl(folder.path(), &["genpkey", "-algorithm", "ED25519", "-out", &path]);
            }
            None => {
                let curve = format!("ec_paramgen_curve:{algorithm}");
                openssl(folder.path(), &["genpkey", "-algorithm", "EC", "-pkeyopt", &curve, "-out", &path]);
            }
        }
        fs::read_to_string(path).unwrap()
    };
    keys.entry(kind.to_owned()).or_insert_with(make).clone()
}

#[track_caller]
fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("install the Debian package `openssl`: {error}"));
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A day as `openssl ca` takes it.
fn day(from_today: i64) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * from_today);
    at.strftime("%Y%m%d%H%M%SZ").to_string()
}
