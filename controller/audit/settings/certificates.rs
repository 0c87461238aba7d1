//! Where the certificates of an agent are, and what opens them.
//!
//! A certificate is a PFX file, or one of a store of Windows; a file wins where both are named (the product's page
//! "appsettings"). The password of a file may be what the product's tool made of it, which only the product opens.

use std::fmt;

use serde_json::{Map, Value};

use super::path::join;
use super::secret::{is_encrypted, is_protected};
use super::sources::Loaded;
use super::{HostFiles, runtime};
use crate::audit::Usage;
use crate::preflight::host::{CertificateAt, InStore};
use crate::secrets::SecretText;

/// A certificate that the settings name.
#[derive(Debug)]
pub struct CertificateSetting {
    /// What it is for.
    pub usage: Usage,
    /// Where it is.
    pub at: CertificateWhere,
}

/// Where a certificate is.
pub enum CertificateWhere {
    /// In a file or a store, with what opens it.
    Here(CertificateAt, Option<SecretText>),
    /// Where only the agent can look: its place, and why that is so.
    Closed(String, &'static str),
}

impl fmt::Debug for CertificateWhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(at, _) => write!(f, "Here({})", at.place()),
            Self::Closed(place, why) => write!(f, "Closed({place}: {why})"),
        }
    }
}

/// The keys of one certificate.
struct Keys {
    usage: Usage,
    section: &'static [&'static str],
    file: &'static str,
    password: &'static str,
    thumbprint: &'static str,
    subject: &'static str,
    location: &'static str,
    store: &'static str,
}

const IDENTITY: Keys = Keys {
    usage: Usage::Identity,
    section: &["IdentityServer"],
    file: "X509KeyFilePath",
    password: "X509KeyFilePassword",
    thumbprint: "X509Thumbprint",
    subject: "X509SubjectDistinguishedName",
    location: "X509StoreLocation",
    store: "X509StoreName",
};
const ENCRYPTION: Keys = Keys {
    usage: Usage::Encryption,
    section: &["EncryptionCertificate"],
    file: "File",
    password: "Password",
    thumbprint: "Thumbprint",
    subject: "DistinguishedName",
    location: "StoreLocation",
    store: "StoreName",
};
const RESET: Keys =
    Keys { usage: Usage::Reset, section: &["PasswordResetSettings", "EncryptionCertificate"], ..ENCRYPTION };
/// One page of the documentation leaves the inner section out.
const RESET_FLAT: Keys = Keys { section: &["PasswordResetSettings"], ..RESET };

/// The certificates that the settings name.
pub(super) fn of(files: &HostFiles, loaded: &mut Loaded) -> Vec<CertificateSetting> {
    let mut found = Vec::new();
    for keys in [IDENTITY, ENCRYPTION, RESET] {
        let at = keys.read(files, loaded);
        let at = match at {
            None if keys.usage == Usage::Reset => RESET_FLAT.read(files, loaded),
            at => at,
        };
        found.extend(at.map(|at| CertificateSetting { usage: keys.usage, at }));
    }
    found
}

impl Keys {
    fn read(&self, files: &HostFiles, loaded: &mut Loaded) -> Option<CertificateWhere> {
        let key = |name: &'static str| [self.section, &[name]].concat();
        let text = |loaded: &Loaded, name| loaded.tree.text(&key(name)).map(str::to_owned);
        let place = |loaded: &Loaded, name| {
            loaded
                .tree
                .leaf(&key(name))
                .map(|leaf| loaded.sources[leaf.source].place.clone())
                .unwrap_or_default()
        };
        for name in [self.file, self.thumbprint, self.subject] {
            if text(loaded, name).is_some_and(|text| is_encrypted(&text)) {
                return Some(CertificateWhere::Closed(
                    place(loaded, name),
                    "only the host can read which it is",
                ));
            }
        }
        if let Some(file) = text(loaded, self.file) {
            return Some(self.file(files, loaded, &file, &place(loaded, self.password)));
        }
        if text(loaded, "CertificateAzureKeyVault").is_some() {
            let place = place(loaded, "CertificateAzureKeyVault");
            return Some(CertificateWhere::Closed(place, "it is in Azure Key Vault"));
        }
        let thumbprint = text(loaded, self.thumbprint);
        let subject = text(loaded, self.subject).filter(|_| thumbprint.is_none());
        let named = if thumbprint.is_some() { self.thumbprint } else { self.subject };
        let mut options = Map::new();
        for (option, value) in [
            ("thumbprint", thumbprint),
            ("subject", subject),
            ("store_location", text(loaded, self.location)),
            ("store_name", text(loaded, self.store)),
        ] {
            options.extend(value.map(|value| (option.to_owned(), Value::String(value))));
        }
        match InStore::read(&options) {
            Ok(Some(store)) if store.location == "CurrentUser" => Some(CertificateWhere::Closed(
                place(loaded, named),
                "it is in the store of the agent's own account",
            )),
            Ok(store) => Some(CertificateWhere::Here(CertificateAt::Store(store?), None)),
            Err(error) => {
                let what = format!("`{}` names no certificate: {error}", self.section.join("."));
                let place = place(loaded, named);
                loaded.told.odd(place, what);
                None
            }
        }
    }

    /// A PFX file. A password with an `@` in it has one more in front (the product's page "settings files").
    fn file(&self, files: &HostFiles, loaded: &mut Loaded, file: &str, at: &str) -> CertificateWhere {
        let path = join(&runtime(&files.folder, files.windows), file, files.windows);
        let key = [self.section, &[self.password]].concat();
        let Some(leaf) = loaded.tree.leaf(&key) else {
            return CertificateWhere::Here(CertificateAt::File(path), None);
        };
        if is_encrypted(&leaf.text) || is_protected(&leaf.text) {
            return CertificateWhere::Closed(
                format!("{}:{path}", files.host),
                "its password is encrypted, as it should be, and only the product opens it",
            );
        }
        let text = leaf.text.as_str();
        let password = text.strip_prefix('@').unwrap_or(text);
        let bare = password.len() == text.len() && text.contains('@');
        let password = SecretText::from(password);
        if bare {
            let what = format!(
                "the password at `{}` has an `@` in it and none in front\nhint: write one more `@` in front of it",
                key.join(".")
            );
            loaded.told.odd(at, what);
        }
        CertificateWhere::Here(CertificateAt::File(path), Some(password))
    }
}
