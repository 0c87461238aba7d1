//! `user`: a user of a POSIX host.

use jiff::Timestamp;
use serde_json::Value;

use super::group::number;
use super::place::account;
use super::words::no_nul;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Work,
};
use crate::operation::account::user::User as Operation;

/// The module.
pub(super) struct User;

/// Hint for options about keys.
const KEYS: &str = "make the key with `command: ssh-keygen` and `creates`";
/// Hint for options of other systems.
const ELSEWHERE: &str = "it means something on macOS, Solaris or a BSD only";

static SPEC: ModuleSpec = ModuleSpec {
    name: "user",
    options: &[
        OptionSpec::new("name", OptionKind::Text).required().aliases(&["user"]).limited(account),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
        OptionSpec::new("uid", OptionKind::Int),
        OptionSpec::new("non_unique", OptionKind::Bool),
        OptionSpec::new("group", OptionKind::Text).limited(account),
        OptionSpec::new("groups", OptionKind::List),
        OptionSpec::new("append", OptionKind::Bool),
        OptionSpec::new("comment", OptionKind::Text).limited(field),
        OptionSpec::new("home", OptionKind::Path).limited(field),
        OptionSpec::new("create_home", OptionKind::Bool).aliases(&["createhome"]),
        OptionSpec::new("move_home", OptionKind::Bool),
        OptionSpec::new("skeleton", OptionKind::Text),
        OptionSpec::new("umask", OptionKind::Text).limited(octal),
        OptionSpec::new("shell", OptionKind::Path).limited(field),
        OptionSpec::new("password", OptionKind::Text).limited(digest),
        OptionSpec::new("update_password", OptionKind::Choice(&["always", "on_create"])),
        OptionSpec::new("password_lock", OptionKind::Bool),
        OptionSpec::new("password_expire_min", OptionKind::Int),
        OptionSpec::new("password_expire_max", OptionKind::Int),
        OptionSpec::new("password_expire_warn", OptionKind::Int),
        OptionSpec::new("password_expire_account_disable", OptionKind::Int),
        OptionSpec::new("expires", OptionKind::Float),
        OptionSpec::new("system", OptionKind::Bool),
        OptionSpec::new("uid_min", OptionKind::Int),
        OptionSpec::new("uid_max", OptionKind::Int),
        OptionSpec::new("remove", OptionKind::Bool),
        OptionSpec::new("force", OptionKind::Bool),
        OptionSpec::new("local", OptionKind::Bool)
            .refused("`useradd` of the host is used: leave it out, users of a directory are not changed"),
        OptionSpec::new("generate_ssh_key", OptionKind::Bool).refused(KEYS),
        OptionSpec::new("ssh_key_bits", OptionKind::Int).refused(KEYS),
        OptionSpec::new("ssh_key_comment", OptionKind::Text).refused(KEYS),
        OptionSpec::new("ssh_key_file", OptionKind::Path).refused(KEYS),
        OptionSpec::new("ssh_key_passphrase", OptionKind::Text).refused(KEYS),
        OptionSpec::new("ssh_key_type", OptionKind::Text).refused(KEYS),
        OptionSpec::new("seuser", OptionKind::Text).refused(super::place::SELINUX),
        OptionSpec::new("authorization", OptionKind::Text).refused(ELSEWHERE),
        OptionSpec::new("hidden", OptionKind::Bool).refused(ELSEWHERE),
        OptionSpec::new("login_class", OptionKind::Text).refused(ELSEWHERE),
        OptionSpec::new("profile", OptionKind::Text).refused(ELSEWHERE),
        OptionSpec::new("role", OptionKind::Text).refused(ELSEWHERE),
    ],
    ..ModuleSpec::EMPTY
};

/// A limit of what goes into a field of the host's database.
fn field(text: &Value) -> Result<(), String> {
    match text.as_str() {
        Some(text) if text.contains([':', '\n', '\0']) => {
            Err("it holds a colon or a line end, which the host's database cannot hold".to_owned())
        }
        _ => Ok(()),
    }
}

/// A limit of `password`, whose message does not tell it.
fn digest(text: &Value) -> Result<(), String> {
    match text.as_str() {
        Some(text) if text.contains([':', '\n', '\0']) => {
            Err("the digest of a password holds no colon and no line end".to_owned())
        }
        Some(text) if !text.is_empty() && !text.starts_with(['$', '*', '!', '_']) && text.len() != 13 => Err(
            "this is not the digest of a password\nhint: the host stores what is given: make the digest outside (`openssl passwd -6`) and keep it in a vault file".to_owned(),
        ),
        _ => Ok(()),
    }
}

fn octal(text: &Value) -> Result<(), String> {
    let text = text.as_str().unwrap_or_default();
    if text.len() <= 4 && u32::from_str_radix(text, 8).is_ok() {
        return Ok(());
    }
    Err(format!("`{text}` is not a umask\nhint: write it in octal (`\"0027\"`)"))
}

/// The day on which a user expires, as a date and as a number of days.
fn expires(seconds: f64) -> Result<(String, String), ModuleError> {
    if seconds < 0.0 {
        return Ok((String::new(), String::new()));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a time that is too large is refused by the next line"
    )]
    let whole = seconds.floor() as i64;
    let time = Timestamp::from_second(whole).map_err(|error| {
        ModuleError::new(format!("option `expires` of `user`: `{seconds}` is not a time: {error}"))
    })?;
    Ok((time.strftime("%Y-%m-%d").to_string(), (whole / 86_400).to_string()))
}

impl Module for User {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let text = |name: &str| options.text(name).map(str::to_owned);
        let name = text("name").unwrap_or_default();
        no_nul(["name", "group", "skeleton"].into_iter().filter_map(|name| options.text(name)))?;
        if name.is_empty() {
            return Err(ModuleError::new("option `name` of `user` is empty"));
        }
        let groups = options.texts("groups").map(|groups| {
            let groups = groups.into_iter().map(|group| group.trim().to_owned());
            groups.filter(|group| !group.is_empty()).collect::<Vec<_>>()
        });
        for group in groups.iter().flatten() {
            account(&Value::String(group.clone()))
                .map_err(|error| ModuleError::new(format!("option `groups` of `user`: {error}")))?;
            if group.contains(',') {
                return Err(ModuleError::new(format!("`{group}` cannot be the name of a group")));
            }
        }
        let uid = number(options, "uid")?;
        let non_unique = options.flag("non_unique", false);
        if non_unique && uid.is_none() {
            return Err(ModuleError::new("`non_unique` of `user` needs `uid`"));
        }
        if options.flag("append", false) && groups.is_none() {
            return Err(ModuleError::new("`append` of `user` needs `groups`"));
        }
        for name in ["home", "shell", "skeleton"] {
            if options.text(name).is_some_and(|path| !path.is_empty() && !path.starts_with('/')) {
                return Err(ModuleError::new(format!(
                    "option `{name}` of `user` has to be an absolute path"
                )));
            }
        }
        Ok(Work::Host(Box::new(Operation {
            name,
            present: options.text("state") != Some("absent"),
            uid,
            non_unique,
            group: text("group").filter(|group| !group.is_empty()),
            groups,
            append: options.flag("append", false),
            comment: text("comment"),
            home: text("home").filter(|home| !home.is_empty()),
            create_home: options.flag("create_home", true),
            move_home: options.flag("move_home", false),
            skeleton: text("skeleton"),
            umask: text("umask"),
            shell: text("shell"),
            password: text("password"),
            update_password: options.text("update_password") != Some("on_create"),
            lock: options.bool("password_lock"),
            expires: options.float("expires").map(expires).transpose()?,
            aging: [
                options.int("password_expire_min"),
                options.int("password_expire_max"),
                options.int("password_expire_warn"),
                options.int("password_expire_account_disable"),
            ],
            system: options.flag("system", false),
            range: [number(options, "uid_min")?, number(options, "uid_max")?],
            remove: options.flag("remove", false),
            force: options.flag("force", false),
            ..Operation::default()
        })))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (options, expected) in [
            (json!({"name": "a b"}), "cannot be the name"),
            (json!({"name": "a", "append": true}), "needs `groups`"),
            (json!({"name": "a", "groups": "a:b"}), "cannot be the name"),
            (json!({"name": "a", "comment": "a:b"}), "holds a colon"),
            (json!({"name": "a", "password": "plain text"}), "not the digest"),
            (json!({"name": "a", "umask": "99"}), "not a umask"),
            (json!({"name": "a", "home": "x"}), "absolute path"),
            (json!({"name": "a", "generate_ssh_key": true}), "ssh-keygen"),
            (json!({"name": "a", "role": "x"}), "Solaris"),
        ] {
            let error = plan("user", options.clone()).unwrap_err().message;
            assert!(error.contains(expected), "{options}: {error}");
            assert!(!error.contains("plain text"), "{error}");
        }
        assert_eq!(super::expires(1_893_456_000.0).unwrap().1, "21915");
        assert_eq!(super::expires(-1.0).unwrap().0, "");
    }
}
