//! `win_iis_webapplication` and `win_iis_virtualdirectory`, with their names in `microsoft.iis`.

use serde_json::{Map, Value};

use super::values::{name, set_texts, tell_texts};
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::Ensure;

/// `win_iis_webapplication`.
pub(super) struct WebApplication;
/// `win_iis_virtualdirectory`.
pub(super) struct VirtualDirectory;

const STATES: OptionKind = OptionKind::Choice(&["absent", "present"]);

static APPLICATION: ModuleSpec = ModuleSpec {
    name: "win_iis_webapplication",
    aliases: &["community.windows.win_iis_webapplication", "microsoft.iis.web_application"],
    options: &[
        OptionSpec::new("name", OptionKind::Text).required(),
        OptionSpec::new("site", OptionKind::Text).required(),
        OptionSpec::new("state", STATES),
        OptionSpec::new("application_pool", OptionKind::Text),
        OptionSpec::new("physical_path", OptionKind::Text),
        OptionSpec::new("preload_enabled", OptionKind::Bool),
        OptionSpec::new("connect_as", OptionKind::Text)
            .refused("give the folder's rights to the pool's identity with `win_acl`"),
        OptionSpec::new("username", OptionKind::Text)
            .refused("give the folder's rights to the pool's identity with `win_acl`"),
        OptionSpec::new("password", OptionKind::Text)
            .refused("give the folder's rights to the pool's identity with `win_acl`"),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

static DIRECTORY: ModuleSpec = ModuleSpec {
    name: "win_iis_virtualdirectory",
    aliases: &["community.windows.win_iis_virtualdirectory", "microsoft.iis.virtual_directory"],
    options: &[
        OptionSpec::new("name", OptionKind::Text).required(),
        OptionSpec::new("site", OptionKind::Text).required(),
        OptionSpec::new("application", OptionKind::Text),
        OptionSpec::new("state", STATES),
        OptionSpec::new("physical_path", OptionKind::Text),
        OptionSpec::new("connect_as", OptionKind::Choice(&["specific_user", "pass_through"])),
        OptionSpec::new("username", OptionKind::Text),
        OptionSpec::new("password", OptionKind::Text),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

/// A name as the path of an application or directory.
fn path(name: &str) -> String {
    format!("/{}", name.replace('\\', "/").trim_matches('/'))
}

impl Module for WebApplication {
    fn spec(&self) -> &'static ModuleSpec {
        &APPLICATION
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let key = vec![("site", name(options, "site")?), ("path", path(&name(options, "name")?))];
        let mut application = Ensure::new("app", key);
        application.present = options.text("state") != Some("absent");
        if application.present {
            set_texts(
                &mut application,
                options,
                &[("application_pool", "applicationPool"), ("physical_path", "physicalPath")],
            );
            super::values::set_flags(&mut application, options, &[("preload_enabled", "preloadEnabled")]);
        }
        application.describe = Box::new(|states| {
            let mut result = Map::new();
            let pairs = [("applicationPool", "application_pool"), ("physicalPath", "physical_path")];
            tell_texts(&mut result, states, &pairs);
            result
        });
        Ok(Work::Host(Box::new(application)))
    }
}

impl Module for VirtualDirectory {
    fn spec(&self) -> &'static ModuleSpec {
        &DIRECTORY
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let application = options.text("application").map_or_else(|| "/".to_owned(), path);
        let key = vec![
            ("site", name(options, "site")?),
            ("application", application),
            ("path", path(&name(options, "name")?)),
        ];
        let mut directory = Ensure::new("vdir", key);
        directory.present = options.text("state") != Some("absent");
        if directory.present {
            set_texts(&mut directory, options, &[("physical_path", "physicalPath")]);
            match (options.text("connect_as"), options.text("username")) {
                (Some("pass_through"), Some(_)) => {
                    return Err(ModuleError::new("`connect_as: pass_through` has no `username`"));
                }
                (Some("specific_user"), None) => {
                    return Err(ModuleError::new(
                        "`connect_as: specific_user` needs `username` and `password`",
                    ));
                }
                (Some("pass_through"), None) => {
                    directory.set.push(("userName".to_owned(), vec![String::new()]));
                }
                (_, Some(user)) => {
                    directory.set.push(("userName".to_owned(), vec![user.to_owned()]));
                    let password = options.text("password").unwrap_or_default();
                    directory.secret.push(("password".to_owned(), password.to_owned()));
                }
                (_, None) => {}
            }
        }
        directory.describe = Box::new(|states| {
            let mut result: Map<String, Value> = Map::new();
            tell_texts(&mut result, states, &[("physicalPath", "physical_path"), ("userName", "username")]);
            result
        });
        Ok(Work::Host(Box::new(directory)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{refused, said};
    use serde_json::json;

    #[test]
    fn what_is_asked_for() {
        for (module, options, expected) in [
            (
                "win_iis_webapplication",
                json!({"name": "api", "site": "A", "application_pool": "P", "physical_path": "C:\\api",
                       "preload_enabled": true}),
                "ensure kind=app key.site=A key.path=/api want=present set.applicationPool=P \
                 set.physicalPath=C:\\api set.preloadEnabled=true",
            ),
            (
                "microsoft.iis.web_application",
                json!({"name": "/api", "site": "A", "state": "absent"}),
                "ensure kind=app key.site=A key.path=/api want=absent",
            ),
            (
                "win_iis_virtualdirectory",
                json!({"name": "files", "site": "A", "application": "api", "physical_path": "D:\\f",
                       "username": "D\\u", "password": "p"}),
                "ensure kind=vdir key.site=A key.application=/api key.path=/files want=present \
                 set.physicalPath=D:\\f set.userName=D\\u secret.password=p",
            ),
            (
                "win_iis_virtualdirectory",
                json!({"name": "files", "site": "A", "connect_as": "pass_through"}),
                "ensure kind=vdir key.site=A key.application=/ key.path=/files want=present set.userName=",
            ),
        ] {
            assert_eq!(said(module, options), expected);
        }
        refused("win_iis_webapplication", json!({"name": "a", "site": "A", "username": "x"}));
        refused("win_iis_virtualdirectory", json!({"name": "a", "site": "A", "connect_as": "specific_user"}));
    }
}
