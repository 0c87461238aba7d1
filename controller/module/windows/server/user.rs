//! `win_user`: local users.

use serde_json::{Map, Value, json};

use super::values::{name, set_flags, set_texts, tell_flags, tell_texts};
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::{Ensure, States};

/// The module.
pub(super) struct User;

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_user",
    aliases: &["ansible.windows.win_user"],
    options: &[
        OptionSpec::new("name", OptionKind::Text).required(),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present", "query"])),
        OptionSpec::new("fullname", OptionKind::Text),
        OptionSpec::new("description", OptionKind::Text),
        OptionSpec::new("password", OptionKind::Text),
        OptionSpec::new("update_password", OptionKind::Choice(&["always", "on_create"])),
        OptionSpec::new("password_expired", OptionKind::Bool),
        OptionSpec::new("password_never_expires", OptionKind::Bool),
        OptionSpec::new("user_cannot_change_password", OptionKind::Bool),
        OptionSpec::new("account_disabled", OptionKind::Bool),
        OptionSpec::new("account_locked", OptionKind::Bool),
        OptionSpec::new("groups", OptionKind::List),
        OptionSpec::new("groups_action", OptionKind::Choice(&["add", "remove", "replace"])),
        OptionSpec::new("home_directory", OptionKind::Text),
        OptionSpec::new("login_script", OptionKind::Text),
        OptionSpec::new("profile", OptionKind::Text),
        OptionSpec::new("account_expires", OptionKind::Text)
            .refused("use `win_command: net user NAME /expires:...`"),
        OptionSpec::new("groups_missing_behaviour", OptionKind::Text)
            .refused("a group that is missing is an error"),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

fn describe(states: &States, user: &str) -> Map<String, Value> {
    let mut result = Map::from_iter([("name".to_owned(), user.into())]);
    result.insert("state".to_owned(), if states.there() { "present" } else { "absent" }.into());
    let texts =
        [("fullname", "fullname"), ("description", "description"), (".sid", "sid"), (".path", "path")];
    tell_texts(&mut result, states, &texts);
    let flags = [
        "account_disabled",
        "account_locked",
        "password_expired",
        "password_never_expires",
        "user_cannot_change_password",
    ];
    tell_flags(&mut result, states, &flags.map(|name| (name, name)));
    if states.there() {
        let groups = states.all_now("groups").iter().map(|name| json!({ "name": name }));
        result.insert("groups".to_owned(), groups.collect());
    }
    result
}

impl Module for User {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let name = name(options, "name")?;
        if name.contains('\\') || name.contains('@') {
            return Err(ModuleError::new(format!(
                "`{name}` is no local user\nhint: `win_user` makes users of the host, not of a domain"
            )));
        }
        let mut user = Ensure::new("user", vec![("name", name.clone())]);
        user.describe = Box::new(move |states| describe(states, &name));
        let state = options.text("state").unwrap_or("present");
        user.present = state != "absent";
        if state == "query" {
            return Err(ModuleError::new(
                "`state: query` of `win_user` is not supported\nhint: run the task with `check_mode: true`, and register it",
            ));
        }
        if !user.present {
            return Ok(Work::Host(Box::new(user)));
        }
        let texts = ["fullname", "description", "home_directory", "login_script", "profile"];
        set_texts(&mut user, options, &texts.map(|name| (name, name)));
        let flags =
            ["password_expired", "password_never_expires", "user_cannot_change_password", "account_disabled"];
        set_flags(&mut user, options, &flags.map(|name| (name, name)));
        match options.bool("account_locked") {
            Some(true) => return Err(ModuleError::new("an account cannot be locked, only unlocked")),
            Some(false) => user.set.push(("account_locked".to_owned(), vec!["false".to_owned()])),
            None => {}
        }
        if let Some(password) = options.text("password") {
            user.secret.push(("password".to_owned(), password.to_owned()));
            if options.text("update_password") == Some("on_create") {
                user.options.push(("keep_secret", vec!["1".to_owned()]));
            }
        }
        if let Some(groups) = options.texts("groups") {
            let groups: Vec<String> =
                groups.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
            let list = match options.text("groups_action") {
                Some("add") => &mut user.add,
                Some("remove") => &mut user.remove,
                _ => &mut user.set,
            };
            list.push(("groups".to_owned(), groups));
        }
        Ok(Work::Host(Box::new(user)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, refused, said};
    use super::*;

    #[test]
    fn what_is_asked_for_and_answered() {
        let options = json!({"name": "svc", "password": "p", "groups": "Users, IIS_IUSRS", "groups_action": "add",
            "password_never_expires": true, "update_password": "on_create", "fullname": "Service"});
        assert_eq!(
            said("win_user", options.clone()),
            "ensure kind=user key.name=svc want=present set.fullname=Service set.password_never_expires=true \
             add.groups=[Users|IIS_IUSRS] secret.password=p keep_secret=1"
        );
        let outcome = answered(
            "win_user",
            options,
            0,
            &[
                ("changed", "1"),
                ("after_exists", "1"),
                ("after.groups", "Users"),
                ("after..sid", "S-1-5-21-1"),
                ("after.account_disabled", "false"),
            ],
        );
        assert_eq!(
            Value::Object(outcome.result),
            json!({"name": "svc", "state": "present", "sid": "S-1-5-21-1", "account_disabled": false,
                   "groups": [{"name": "Users"}]})
        );
        refused("win_user", json!({"name": "D\\x"}));
        refused("win_user", json!({"name": "x", "account_locked": true}));
        refused("win_user", json!({"name": "x", "state": "query"}));
    }
}
