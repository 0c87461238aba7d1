//! `authorized_key` of `ansible.posix`, and `known_hosts`.

use serde_json::Value;

use super::place::{self, account};
use super::words::no_nul;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Work,
};
use crate::operation::attributes::{Attributes, FileMode};
use crate::operation::edit::EditFile;
use crate::operation::keys::{AuthorizedKeys, Key, KnownHost};
use crate::operation::put::PutOptions;

/// Which keys may log in as a user.
pub(super) struct AuthorizedKey;

/// Which hosts are known by which keys.
pub(super) struct KnownHosts;

static AUTHORIZED: ModuleSpec = ModuleSpec {
    name: "authorized_key",
    aliases: &["ansible.posix.authorized_key"],
    options: &[
        OptionSpec::new("user", OptionKind::Text).required().limited(account),
        OptionSpec::new("key", OptionKind::Text).required(),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
        OptionSpec::new("path", OptionKind::Path),
        OptionSpec::new("manage_dir", OptionKind::Bool),
        OptionSpec::new("key_options", OptionKind::Text).limited(one_line),
        OptionSpec::new("comment", OptionKind::Text).limited(one_line),
        OptionSpec::new("exclusive", OptionKind::Bool),
        OptionSpec::new("follow", OptionKind::Bool).refused("leave it out: links are always followed"),
        OptionSpec::new("validate_certs", OptionKind::Bool)
            .refused("leave it out: keys are not fetched from an address"),
    ],
    ..ModuleSpec::EMPTY
};

static KNOWN: ModuleSpec = ModuleSpec {
    name: "known_hosts",
    options: &[
        OptionSpec::new("name", OptionKind::Text).required().aliases(&["host"]).limited(one_line),
        OptionSpec::new("key", OptionKind::Text),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
        OptionSpec::new("path", OptionKind::Path),
        OptionSpec::new("hash_host", OptionKind::Bool),
    ],
    ..ModuleSpec::EMPTY
};

fn one_line(text: &Value) -> Result<(), String> {
    match text.as_str() {
        Some(text) if text.contains(['\r', '\n', '\0']) => Err("it has more than one line".to_owned()),
        _ => Ok(()),
    }
}

impl Module for AuthorizedKey {
    fn spec(&self) -> &'static ModuleSpec {
        &AUTHORIZED
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let user = options.text("user").unwrap_or_default();
        let text = options.text("key").unwrap_or_default();
        if user.is_empty() || user.contains(['$', '~', '\\']) {
            return Err(ModuleError::new(format!("`{user}` cannot be the name of a user")));
        }
        if text.starts_with("http://") || text.starts_with("https://") {
            return Err(ModuleError::new(
                "keys of `authorized_key` are not fetched from an address\nhint: whoever answers there would decide who may log in: keep them with the playbook and use `lookup('file', ...)`",
            ));
        }
        let mut keys = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#')) {
            let mut key = Key::read(line).ok_or_else(|| {
                let start: String = line.chars().take(30).collect();
                ModuleError::new(format!("`{start}` is not a public key of SSH\nhint: write `TYPE BASE64 COMMENT`, as in a `.pub` file"))
            })?;
            if let Some(options) = options.text("key_options") {
                options.clone_into(&mut key.options);
            }
            if let Some(comment) = options.text("comment") {
                comment.clone_into(&mut key.comment);
            }
            keys.push(key);
        }
        let exclusive = options.flag("exclusive", false);
        if keys.is_empty() && !exclusive {
            return Err(ModuleError::new("there is no key in option `key` of `authorized_key`"));
        }
        let path = match options.text("path").filter(|path| !path.is_empty()) {
            Some(path) => {
                no_nul([path])?;
                path.to_owned()
            }
            None => format!("~{user}/.ssh/authorized_keys"),
        };
        let manage = options.flag("manage_dir", true);
        let private = |mode| Attributes { mode: Some(FileMode::Bits(mode)), ..Attributes::default() };
        let owner = Some(user.to_owned());
        let put = PutOptions {
            attributes: Attributes { owner, ..private(0o600) },
            directory: private(0o700),
            ..PutOptions::default()
        };
        let present = options.text("state") != Some("absent");
        let edit = AuthorizedKeys { keys, present, exclusive };
        let mut file = EditFile::new(path, edit, true, put);
        file.parents = manage;
        Ok(Work::Host(Box::new(file)))
    }
}

impl Module for KnownHosts {
    fn spec(&self) -> &'static ModuleSpec {
        &KNOWN
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let name = options.text("name").unwrap_or_default().to_owned();
        let present = options.text("state") != Some("absent");
        let line = options.text("key").map(str::trim).filter(|key| !key.is_empty());
        if name.is_empty() || name.contains(char::is_whitespace) || name.starts_with(['#', '@', '|']) {
            return Err(ModuleError::new(format!("`{name}` cannot be the name of a host")));
        }
        if present && line.is_none() {
            return Err(ModuleError::new("`known_hosts` needs `key`"));
        }
        let mut key = None;
        if let Some(line) = line {
            let hint = "hint: write `HOST TYPE BASE64`, as `ssh-keyscan` prints it";
            let words: Vec<&str> = line.split_whitespace().collect();
            let [names, kind, data, ..] = words.as_slice() else {
                return Err(ModuleError::new(format!(
                    "option `key` of `known_hosts` is not a line for a host\n{hint}"
                )));
            };
            if line.contains('\n') || Key::read(&format!("{kind} {data}")).is_none() {
                return Err(ModuleError::new(format!(
                    "option `key` of `known_hosts` is not one key\n{hint}"
                )));
            }
            if !names.starts_with('|') && !names.split(',').any(|known| known == name) {
                return Err(ModuleError::new(format!(
                    "the key is for `{names}`, and not for `{name}`\n{hint}"
                )));
            }
            key = Some(((*kind).to_owned(), (*data).to_owned()));
        }
        let path = match options.text("path").filter(|path| !path.is_empty()) {
            Some(_) => place::path(options, "path")?,
            None => "~/.ssh/known_hosts".to_owned(),
        };
        let edit = KnownHost {
            name,
            key,
            line: line.unwrap_or_default().to_owned(),
            present,
            hash: options.flag("hash_host", false),
        };
        Ok(Work::Host(Box::new(EditFile::new(path, edit, true, PutOptions::default()))))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (module, options, expected) in [
            ("authorized_key", json!({"user": "a", "key": "x"}), "not a public key"),
            ("authorized_key", json!({"user": "a", "key": "https://a.example/k"}), "not fetched"),
            ("authorized_key", json!({"user": "$a", "key": "x"}), "name of a user"),
            (
                "authorized_key",
                json!({"user": "a", "key": "ssh-rsa AAAA", "key_options": "a\nb"}),
                "more than one line",
            ),
            ("known_hosts", json!({"name": "a"}), "needs `key`"),
            ("known_hosts", json!({"name": "a", "key": "b ssh-rsa AAAA"}), "and not for `a`"),
            ("known_hosts", json!({"name": "a", "key": "a ssh-rsa"}), "not a line"),
            ("known_hosts", json!({"name": "a b", "state": "absent"}), "name of a host"),
        ] {
            let error = plan(module, options.clone()).unwrap_err().message;
            assert!(error.contains(expected), "{options}: {error}");
        }
        let work =
            plan("ansible.posix.authorized_key", json!({"user": "ann", "key": "ssh-rsa AAAA c"})).unwrap();
        assert!(format!("{work:?}").contains("~ann/.ssh/authorized_keys"));
    }
}
