//! Certificates on hosts: where they are, and what is wanted of them.

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::question::{QuestionError, text};

/// A certificate on a host.
#[derive(Debug)]
pub struct HostCertificate {
    /// Where it is.
    pub at: CertificateAt,
    /// Opens it.
    pub password: Option<SecretString>,
    /// Whether its private key has to be there.
    pub private_key: bool,
    /// The name of the host that browsers call it by, for the certificate of a site.
    pub name: Option<String>,
}

/// Where a certificate is on a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CertificateAt {
    /// In a file.
    File(String),
    /// In a store of Windows.
    Store(InStore),
}

/// A certificate in a store of Windows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InStore {
    /// `LocalMachine` or `CurrentUser`.
    pub location: String,
    /// `My`, `Root` ...
    pub store: String,
    /// Its thumbprint, in capitals without blanks.
    pub thumbprint: Option<String>,
    /// Its subject as Windows writes it, where no thumbprint is given.
    pub subject: Option<String>,
    /// Who has to be able to read its private key: the identity of the pool.
    pub identity: Option<String>,
}

impl InStore {
    /// Reads the options that name a certificate in a store: `thumbprint` or `subject`, `store_location`, `store_name`,
    /// `identity`; nothing if neither of the first two is there.
    ///
    /// # Errors
    /// Both are there, or one of them makes no sense.
    pub fn read(options: &Map<String, Value>) -> Result<Option<Self>, QuestionError> {
        let get = |name: &str| options.get(name).filter(|value| !value.is_null());
        let one = |name: &str| get(name).map(|value| text(name, value)).transpose();
        let (thumbprint, subject) = (one("thumbprint")?, one("subject")?);
        let thumbprint = thumbprint.map(|given| {
            let digits: String = given.chars().filter(char::is_ascii_hexdigit).collect();
            let odd = given.chars().any(|c| c.is_ascii() && !c.is_ascii_hexdigit() && c != ':' && c != ' ');
            match digits.len() {
                40 if !odd => Ok(digits.to_ascii_uppercase()),
                _ => Err(QuestionError::new("`thumbprint` is 40 hexadecimal digits (SHA-1)")),
            }
        });
        let thumbprint = thumbprint.transpose()?;
        if thumbprint.is_some() && subject.is_some() {
            return Err(QuestionError::new("`thumbprint` and `subject` exclude each other".to_owned()));
        }
        if thumbprint.is_none() && subject.is_none() {
            return Ok(None);
        }
        let location = one("store_location")?.unwrap_or_else(|| "LocalMachine".to_owned());
        if !["LocalMachine", "CurrentUser"].contains(&location.as_str()) {
            return Err(QuestionError::new("`store_location` is `LocalMachine` or `CurrentUser`".to_owned()));
        }
        let store = one("store_name")?.unwrap_or_else(|| "My".to_owned());
        Ok(Some(Self { location, store, thumbprint, subject, identity: one("identity")? }))
    }
}

impl CertificateAt {
    /// Where it is, as findings call it behind the name of the host.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::File(path) => path.clone(),
            Self::Store(InStore { location, store, thumbprint, subject, .. }) => {
                let name = thumbprint.as_deref().or(subject.as_deref()).unwrap_or_default();
                format!("{location}\\{store}\\{name}")
            }
        }
    }
}

/// What an entry of `certificates` may have.
const OF_CERTIFICATE: [&str; 9] = [
    "path",
    "password",
    "private_key",
    "thumbprint",
    "subject",
    "store_name",
    "store_location",
    "identity",
    "name",
];

pub(super) fn certificates(value: &Value) -> Result<Vec<HostCertificate>, QuestionError> {
    let shape = || {
        let known = OF_CERTIFICATE.join("`, `");
        QuestionError::new(format!("`certificates` is a list of paths, or of mappings with `{known}`"))
    };
    let one = |item: &Value| match item {
        Value::String(_) => {
            let at = CertificateAt::File(text("certificates", item)?);
            Ok(HostCertificate { at, password: None, private_key: true, name: None })
        }
        Value::Object(entries) => {
            if entries.keys().any(|key| !OF_CERTIFICATE.contains(&key.as_str())) {
                return Err(shape());
            }
            let password = match entries.get("password") {
                None | Some(Value::Null) => None,
                Some(Value::String(password)) => Some(SecretString::from(password.as_str())),
                Some(_) => return Err(shape()),
            };
            let private_key = match entries.get("private_key") {
                None | Some(Value::Null) => true,
                Some(value) => value.as_bool().ok_or_else(shape)?,
            };
            let at = match (entries.get("path"), InStore::read(entries)?) {
                (Some(path), None) => CertificateAt::File(text("path", path)?),
                (None, Some(store)) => CertificateAt::Store(store),
                _ => return Err(shape()),
            };
            let name = entries.get("name").filter(|name| !name.is_null());
            let name = name.map(|name| text("name", name)).transpose()?;
            Ok(HostCertificate { at, password, private_key, name })
        }
        _ => Err(shape()),
    };
    value.as_array().ok_or_else(shape)?.iter().map(one).collect()
}
