//! Which settings are secret, so that a difference does not show their values.

/// What stands for a secret value.
pub(super) const MASK: &str = "********";

/// What stands for a secret value that an edit changes, so that the change itself is seen.
pub(super) const NEW: &str = "******** (new)";

/// Parts of names whose values are secret, in lower case.
const PARTS: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "apikey",
    "privatekey",
    "connectionstring",
    "credential",
];

/// Names below which everything is secret: clients with their clear secrets, connection strings.
const SECTIONS: &[&str] = &["openidclients", "databases", "connectionstrings"];

/// Whether the value of a setting with this name is secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    PARTS.iter().any(|part| name.contains(part))
        || name.ends_with("token")
        || name.ends_with("instrumentationkey")
}

/// Whether all below a section with this name is secret.
pub(super) fn is_secret_section(name: &str) -> bool {
    SECTIONS.contains(&name.to_lowercase().as_str())
}

/// Whether a text holds a secret by itself, as a connection string does.
pub(crate) fn holds_secret(value: &str) -> bool {
    let compact: String =
        value.chars().filter(|char| !char.is_whitespace()).collect::<String>().to_lowercase();
    ["password=", "pwd=", "secret=", "accountkey=", "sharedaccesskey="]
        .iter()
        .any(|part| compact.contains(part))
        || compact.split("://").skip(1).any(|rest| {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            authority.split_once('@').is_some_and(|(user, _)| user.contains(':'))
        })
}

/// A comment as it may be shown: nothing of it if it could hold a setting that is secret.
pub(super) fn comment(text: &str) -> Option<String> {
    if !is_secret_name(text)
        && !SECTIONS.iter().any(|section| text.to_lowercase().contains(section))
        && !holds_secret(text)
    {
        return None;
    }
    // The line ends stay, so that lines are still compared with lines.
    Some(
        text.split('\n')
            .map(|line| if line.trim().is_empty() { line } else { MASK })
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_by_name_and_by_form() {
        for name in ["Password", "X509KeyFilePassword", "api_key", "clientSecret", "AccessToken", "DbPwd"] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["ApplicationUri", "TokenBuildingSettings", "ValidFor", "Login", "Thumbprint"] {
            assert!(!is_secret_name(name), "{name}");
        }
        assert!(is_secret_section("OpenIdClients"));
        assert!(holds_secret("data source=sql1;User Id=a;Password = b;"));
        assert!(holds_secret("http://user:word@proxy.example:3128"));
        assert!(!holds_secret("data source=sql1;Integrated Security=SSPI"));
        assert!(!holds_secret("https://identity.corp.example/a?b=c"));
        assert_eq!(comment("// \"Password\": \"x\"").as_deref(), Some(MASK));
        assert_eq!(comment("// see the guide"), None);
    }
}
