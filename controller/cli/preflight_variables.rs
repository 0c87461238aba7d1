//! What the variables of the shipped playbooks say of a host, as options of preflight; and the digests of files that
//! are going to hosts.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Options that are the same as a variable.
const SAME: [(&str, &str); 14] = [
    ("folder", "agent_root"),
    ("server", "server_uri"),
    ("server_version", "server_version"),
    ("site", "agent_site"),
    ("client", "agent_client"),
    ("secret_expires", "agent_secret_expires"),
    ("https_proxy", "agent_https_proxy"),
    ("no_proxy", "agent_no_proxy"),
    ("license", "agent_license"),
    ("archive", "agent_archive"),
    ("archive_sha256", "agent_archive_sha256"),
    ("bundle", "agent_bundle"),
    ("bundle_sha256", "agent_bundle_sha256"),
    ("version", "agent_version"),
];

/// Variables of certificates, and whether the agent needs their private keys.
const CERTIFICATES: [(&str, bool); 4] = [
    ("agent_identity_certificate", false),
    ("agent_encryption_certificate", true),
    ("agent_reset_certificate", true),
    ("agent_tls_certificate", true),
];

/// Keys of the settings file of an agent, and the variables that give them.
const SETTINGS: [(&str, &str); 4] = [
    ("Connections", "agent_connections"),
    ("Databases", "agent_databases"),
    ("SourcesRootPaths", "agent_sources"),
    ("MailSettings", "agent_mail"),
];

/// A variable of a host: nothing where there is none, an error where its value cannot be made.
type Variable<'a> = &'a dyn Fn(&str) -> Result<Option<Value>, String>;

/// Adds to the options what the variables say. Returns the variables whose values are not known here, as secrets are not
/// without their file.
/// `host_name` is what browsers call the agent by.
pub(super) fn add(
    options: &mut Map<String, Value>,
    host_name: Option<&str>,
    variable: Variable<'_>,
) -> Vec<&'static str> {
    let mut unknown = Vec::new();
    let mut get = |name: &'static str| match variable(name) {
        Ok(value) => value.filter(|value| !value.is_null() && value.as_str() != Some("")),
        Err(_) => {
            unknown.push(name);
            None
        }
    };
    for (option, name) in SAME {
        if !options.contains_key(option)
            && let Some(value) = get(name)
        {
            options.insert(option.to_owned(), value);
        }
    }
    let client = options.get("client").and_then(Value::as_str).unwrap_or("Job").to_owned();
    for (option, name) in [("secret", "agent_secrets"), ("hashed_secret", "agent_hashed_secrets")] {
        if !options.contains_key(option)
            && let Some(value) = get(name).as_ref().and_then(|secrets| secrets.get(&client))
        {
            options.insert(option.to_owned(), value.clone());
        }
    }
    if !options.contains_key("settings") {
        let named = SETTINGS.iter().filter_map(|(key, name)| Some(((*key).to_owned(), get(name)?)));
        let mut settings: Map<String, Value> = named.collect();
        if let Some(mail) = settings.remove("MailSettings") {
            settings.insert("PasswordResetSettings".to_owned(), json!({"MailSettings": mail}));
        }
        if !settings.is_empty() {
            options.insert("settings".to_owned(), json!({"appsettings.agent.json": settings}));
        }
    }
    if !options.contains_key("certificates") {
        let in_store = |(name, private_key): (&'static str, bool)| {
            let certificate = get(name)?;
            // With a file it is the rollout that brings it in.
            let thumbprint = certificate.get("thumbprint").filter(|_| certificate.get("file").is_none())?;
            let mut entry = json!({"thumbprint": thumbprint, "private_key": private_key});
            if name == "agent_tls_certificate"
                && let Some(host) = host_name
            {
                entry["name"] = host.into();
            }
            Some(entry)
        };
        let certificates: Vec<Value> = CERTIFICATES.into_iter().filter_map(in_store).collect();
        if !certificates.is_empty() {
            options.insert("certificates".to_owned(), certificates.into());
        }
    }
    unknown
}

/// Digests of files of this machine, each computed once.
#[derive(Debug, Default)]
pub(super) struct Digests(HashMap<String, Result<String, String>>);

impl Digests {
    /// The SHA-256 of a file in hexadecimal digits.
    pub(super) fn of(&mut self, path: &str) -> Result<String, String> {
        self.0
            .entry(path.to_owned())
            .or_insert_with(|| sha256(path).map_err(|error| error.to_string()))
            .clone()
    }
}

fn sha256(path: &str) -> std::io::Result<String> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let (mut file, mut digest) = (file, Sha256::new());
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        digest.update(&buffer[..count]);
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_playbooks_become_options() {
        let variables = json!({
            "agent_root": "/opt/agent", "agent_license": "", "agent_client": "Job2",
            "agent_secrets": {"Job": "one", "Job2": "two"}, "agent_hashed_secrets": {"Job": "x"},
            "agent_mail": {"Host": "mail.example"},
            "agent_encryption_certificate": {"thumbprint": "AB"},
            "agent_tls_certificate": {"thumbprint": "CD"},
            "agent_reset_certificate": {"thumbprint": "EF", "file": "x.pfx"},
            "agent_https_proxy": "proxy.example:1",
        });
        let variable = |name: &str| match name {
            "agent_archive" => Err("undefined".to_owned()),
            name => Ok(variables.get(name).cloned()),
        };
        let mut options = json!({"https_proxy": "mine:2"}).as_object().unwrap().clone();
        assert_eq!(add(&mut options, Some("a.example"), &variable), ["agent_archive"]);
        let expected = json!({
            "https_proxy": "mine:2", "folder": "/opt/agent", "client": "Job2", "secret": "two",
            "settings": {"appsettings.agent.json": {"PasswordResetSettings": {"MailSettings": {"Host": "mail.example"}}}},
            "certificates": [
                {"thumbprint": "AB", "private_key": true},
                {"thumbprint": "CD", "private_key": true, "name": "a.example"},
            ],
        });
        assert_eq!(Value::Object(options), expected);
    }

    #[test]
    fn a_file_has_its_digest() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        let mut digests = Digests::default();
        let path = file.path().display().to_string();
        assert_eq!(
            digests.of(&path).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(digests.of("/").is_err() && digests.of("/nosuch/file").is_err());
    }
}
