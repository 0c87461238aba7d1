//! As whom the steps of a task run: `become` from keywords, variables and the command line.

use secrecy::SecretString;
use serde_json::Value;
use thiserror::Error;

use crate::playbook::Become;
use crate::source::Node;

/// As whom a step runs.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub enum Login {
    /// As the login user.
    #[default]
    Plain,
    /// Through `sudo`.
    Sudo {
        /// The user to become.
        user: String,
        /// Path of `sudo`, if not the one on the `PATH`.
        exe: Option<String>,
        /// Flags besides those that are always given.
        flags: Option<String>,
    },
}

/// What command line and `ansible.cfg` say about `become`.
#[derive(Clone, Debug, Default)]
pub struct BecomeDefaults {
    /// `-b`, `[privilege_escalation] become`.
    pub enabled: bool,
    /// `--become-user`.
    pub user: Option<String>,
    /// `--become-method`.
    pub method: Option<String>,
    /// `become_exe`.
    pub exe: Option<String>,
    /// `become_flags`.
    pub flags: Option<String>,
    /// `-K`.
    pub password: Option<SecretString>,
}

/// Why a task cannot become another user.
#[derive(Debug, Error)]
pub enum LoginError {
    /// Only sudo is there.
    #[error("become method `{0}` is not supported; only `sudo` is")]
    Method(String),
    /// There is none on Windows.
    #[error(
        "`become` is not supported on Windows: `runas` would need a service on the host or a password kept there\n\
         hint: connect as that user, or let a scheduled task run as it (`win_scheduled_task`)"
    )]
    Windows,
    /// A keyword has a value of the wrong kind.
    #[error("`{0}` must be {1}")]
    Kind(&'static str, &'static str),
}

/// Reads one setting: the variable if the host has it, else the keyword, else nothing.
/// `variable` renders a variable of the host, `keyword` a node of the playbook.
pub fn resolve_login<E: From<LoginError>>(
    keywords: &Become,
    defaults: &BecomeDefaults,
    variable: &dyn Fn(&str) -> Result<Option<Value>, E>,
    keyword: &dyn Fn(&Node) -> Result<Value, E>,
) -> Result<(Login, Option<SecretString>), E> {
    let setting = |names: &[&str], node: &Option<Node>| -> Result<Option<Value>, E> {
        for name in names {
            if let Some(value) = variable(name)? {
                return Ok(Some(value));
            }
        }
        node.as_ref().map(keyword).transpose()
    };
    let text = |name: &'static str, value: Option<Value>| match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(LoginError::Kind(name, "text")),
    };
    let enabled = match setting(&["ansible_become"], &keywords.enabled)? {
        None => defaults.enabled,
        Some(value) => truth(&value).ok_or(LoginError::Kind("become", "a boolean"))?,
    };
    if !enabled {
        return Ok((Login::Plain, None));
    }
    let method = text("become_method", setting(&["ansible_become_method"], &keywords.method)?)?
        .or_else(|| defaults.method.clone());
    if method.as_deref().is_some_and(|method| matches!(method, "runas" | "ansible.builtin.runas")) {
        return Err(LoginError::Windows.into());
    }
    if let Some(method) = method.filter(|method| method != "sudo" && method != "ansible.builtin.sudo") {
        return Err(LoginError::Method(method).into());
    }
    let user = text("become_user", setting(&["ansible_become_user"], &keywords.user)?)?
        .or_else(|| defaults.user.clone())
        .unwrap_or_else(|| "root".to_owned());
    let exe = text("become_exe", setting(&["ansible_become_exe", "ansible_sudo_exe"], &keywords.exe)?)?
        .or_else(|| defaults.exe.clone());
    let flags =
        text("become_flags", setting(&["ansible_become_flags", "ansible_sudo_flags"], &keywords.flags)?)?
            .or_else(|| defaults.flags.clone());
    let password = setting(
        &["ansible_become_password", "ansible_become_pass", "ansible_sudo_pass", "ansible_sudo_password"],
        &None,
    )?;
    let password = text("ansible_become_password", password)?
        .map(SecretString::from)
        .or_else(|| defaults.password.clone());
    Ok((Login::Sudo { user, exe, flags }, password))
}

/// Reads a boolean in any of Ansible's spellings.
pub fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Number(number) => match number.as_i64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => Some(true),
            "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}
