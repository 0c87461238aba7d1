//! The names that a person may log in with: `DOMAIN\user`, `user@realm`, `.\user` for a user of the host itself, `user`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Longest name, in bytes. Windows takes 20 characters for a user and 255 for a domain.
const LONGEST: usize = 1024;

/// Who logs in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    form: Form,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Form {
    /// `DOMAIN\user`
    Domain { domain: String, user: String },
    /// `user@realm`
    Principal { name: String },
    /// `.\user`
    Local { user: String },
    /// `user`
    Plain { user: String },
}

/// A name that nobody can have.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("`{name}` is not a user name\nhint: write `DOMAIN\\user`, `user@realm`, `.\\user` or `user`")]
pub struct AccountError {
    name: String,
}

impl FromStr for Account {
    type Err = AccountError;

    fn from_str(name: &str) -> Result<Self, AccountError> {
        let error = || AccountError { name: name.chars().take(80).collect() };
        if name.is_empty() || name.len() > LONGEST || name.chars().any(char::is_control) {
            return Err(error());
        }
        let form = match name.split_once('\\') {
            Some((_, user)) if user.is_empty() || user.contains('\\') => return Err(error()),
            Some(("", _)) => return Err(error()),
            Some((".", user)) => Form::Local { user: user.to_owned() },
            Some((domain, user)) => Form::Domain { domain: domain.to_owned(), user: user.to_owned() },
            None if name.starts_with('@') || name.ends_with('@') => return Err(error()),
            None if name.contains('@') => Form::Principal { name: name.to_owned() },
            None => Form::Plain { user: name.to_owned() },
        };
        Ok(Self { form })
    }
}

impl Account {
    /// User and domain as NTLM sends them. The domain of the host's own users is `.` for Windows; a principal stands in the
    /// user's place alone.
    pub(crate) fn for_ntlm(&self) -> (&str, &str) {
        match &self.form {
            Form::Domain { domain, user } => (user, domain),
            Form::Principal { name } => (name, ""),
            Form::Local { user } => (user, "."),
            Form::Plain { user } => (user, ""),
        }
    }

    /// The name as Basic sends it. A local user has no prefix there.
    pub(crate) fn for_basic(&self) -> String {
        match &self.form {
            Form::Local { user } => user.clone(),
            _ => self.to_string(),
        }
    }

    /// The principal; None for names that are none. A plain name is one of the default realm.
    pub(crate) fn for_kerberos(&self) -> Option<String> {
        match &self.form {
            Form::Principal { name } => {
                let (user, realm) = name.rsplit_once('@')?;
                Some(format!("{user}@{}", realm.to_uppercase()))
            }
            Form::Plain { user } => Some(user.clone()),
            Form::Domain { .. } | Form::Local { .. } => None,
        }
    }

    /// Whether it names a domain, so that Basic, which knows the host's own users only, cannot be meant.
    pub(crate) fn is_of_a_domain(&self) -> bool {
        matches!(self.form, Form::Domain { .. } | Form::Principal { .. })
    }

    /// Whether it may be looked up among the host's own users.
    pub(crate) fn may_be_local(&self) -> bool {
        matches!(self.form, Form::Local { .. } | Form::Plain { .. })
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            Form::Domain { domain, user } => write!(f, "{domain}\\{user}"),
            Form::Principal { name } => f.write_str(name),
            Form::Local { user } => write!(f, ".\\{user}"),
            Form::Plain { user } => f.write_str(user),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn forms_are_kept() {
        for name in ["CORP\\ann", "ann@corp.example", ".\\ann", "ann", "corp.example\\ann"] {
            assert_eq!(name.parse::<Account>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn principals_have_realms_in_upper_case() {
        for (name, principal) in [
            ("ann@corp.example", Some("ann@CORP.EXAMPLE")),
            ("ann", Some("ann")),
            ("CORP\\ann", None),
            (".\\ann", None),
        ] {
            assert_eq!(name.parse::<Account>().unwrap().for_kerberos().as_deref(), principal, "{name}");
        }
    }

    #[test]
    fn what_nobody_can_have_is_refused() {
        for name in ["", "\\ann", "CORP\\", "a\\b\\c", "@corp", "ann@", "a\nb"] {
            let error = name.parse::<Account>().unwrap_err();
            assert!(error.to_string().contains("hint:"), "{name}");
        }
    }
}
