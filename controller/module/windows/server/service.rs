//! `win_service`, `win_service_info`, and `service` on Windows hosts.

use serde_json::{Map, Value, json};

use super::values::{name, set_texts, tell_flags, tell_texts};
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::{Act, Call, Ensure, States, Values, all_said};

/// `win_service`.
pub(super) struct Service;
/// `win_service_info`.
pub(super) struct ServiceInfo;

const RARE: &str = "only what the service manager shows on its pages is set; use `win_command: sc.exe ...`";

static SERVICE: ModuleSpec = ModuleSpec {
    name: "win_service",
    aliases: &["ansible.windows.win_service"],
    options: &[
        OptionSpec::new("name", OptionKind::Text).required(),
        OptionSpec::new(
            "state",
            OptionKind::Choice(&["absent", "paused", "started", "stopped", "restarted"]),
        ),
        OptionSpec::new("start_mode", OptionKind::Choice(&["auto", "delayed", "disabled", "manual"])),
        OptionSpec::new("display_name", OptionKind::Text),
        OptionSpec::new("description", OptionKind::Text),
        OptionSpec::new("path", OptionKind::Text),
        OptionSpec::new("username", OptionKind::Text),
        OptionSpec::new("password", OptionKind::Text),
        OptionSpec::new("update_password", OptionKind::Choice(&["always", "on_create"])),
        OptionSpec::new("dependencies", OptionKind::List),
        OptionSpec::new("dependency_action", OptionKind::Choice(&["add", "remove", "set"])),
        OptionSpec::new("failure_actions", OptionKind::List),
        OptionSpec::new("failure_reset_period_sec", OptionKind::Int).aliases(&["failure_reset_period"]),
        OptionSpec::new("force_dependent_services", OptionKind::Bool),
        OptionSpec::new("desktop_interact", OptionKind::Bool)
            .refused("services have no desktop since Windows Server 2008"),
        OptionSpec::new("error_control", OptionKind::Text).refused(RARE),
        OptionSpec::new("failure_actions_on_non_crash_failure", OptionKind::Bool).refused(RARE),
        OptionSpec::new("failure_command", OptionKind::Text).refused(RARE),
        OptionSpec::new("failure_reboot_msg", OptionKind::Text).refused(RARE),
        OptionSpec::new("load_order_group", OptionKind::Text).refused(RARE),
        OptionSpec::new("pre_shutdown_timeout_ms", OptionKind::Int).refused(RARE),
        OptionSpec::new("required_privileges", OptionKind::List).refused(RARE),
        OptionSpec::new("service_type", OptionKind::Text).refused(RARE),
        OptionSpec::new("sid_info", OptionKind::Text).refused(RARE),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

static INFO: ModuleSpec = ModuleSpec {
    name: "win_service_info",
    aliases: &["ansible.windows.win_service_info"],
    options: &[OptionSpec::new("name", OptionKind::Text)],
    platforms: Platforms::Windows,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

/// The state as the wire names it.
fn running(state: &str) -> Option<&'static str> {
    match state {
        "started" | "restarted" => Some("running"),
        "stopped" => Some("stopped"),
        "paused" => Some("paused"),
        _ => None,
    }
}

/// `failure_actions` as rows: `reset=SECONDS`, then `ACTION/MILLISECONDS`.
fn failures(options: &Options) -> Result<Option<Vec<String>>, ModuleError> {
    let Some(actions) = options.list("failure_actions") else {
        return match options.int("failure_reset_period_sec") {
            None => Ok(None),
            Some(_) => Err(ModuleError::new("`failure_reset_period_sec` needs `failure_actions`")),
        };
    };
    let mut rows = vec![format!("reset={}", options.int("failure_reset_period_sec").unwrap_or(0).max(0))];
    for action in actions {
        let Value::Object(action) = action else {
            return Err(ModuleError::new(
                "each of `failure_actions` is a mapping with `type` and `delay_ms`",
            ));
        };
        if let Some(other) = action.keys().find(|key| !["type", "delay_ms", "delay"].contains(&key.as_str()))
        {
            return Err(ModuleError::new(format!(
                "`failure_actions` has no `{other}`\nhint: it has `type` and `delay_ms`"
            )));
        }
        let kind = action.get("type").and_then(Value::as_str).unwrap_or_default();
        if !["none", "reboot", "restart"].contains(&kind) {
            return Err(ModuleError::new(format!(
                "`{kind}` is no type of `failure_actions`\nhint: one of `none`, `reboot`, `restart`"
            )));
        }
        let delay = action.get("delay_ms").or_else(|| action.get("delay"));
        let delay = delay.map_or(Ok(0), crate::module::to_int).map_err(ModuleError::new)?;
        rows.push(format!("{kind}/{}", delay.max(0)));
    }
    Ok(Some(rows))
}

/// The result of a service that there is, or is not.
fn describe(states: &States) -> Map<String, Value> {
    let mut result = Map::from_iter([("exists".to_owned(), states.there().into())]);
    tell_texts(
        &mut result,
        states,
        &[
            (".service_name", "name"),
            ("display_name", "display_name"),
            ("description", "description"),
            ("path", "path"),
            ("start_mode", "start_mode"),
            ("username", "username"),
            ("state", "state"),
        ],
    );
    tell_flags(&mut result, states, &[(".can_pause", "can_pause_and_continue")]);
    if states.there() {
        result.insert("dependencies".to_owned(), json!(states.all_now("dependencies")));
        result.insert("depended_by".to_owned(), json!(states.all_now(".depended_by")));
    }
    result
}

impl Module for Service {
    fn spec(&self) -> &'static ModuleSpec {
        &SERVICE
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let name = name(options, "name")?;
        let mut service = Ensure::new("service", vec![("name", name.clone())]);
        service.describe = Box::new(describe);
        let state = options.text("state");
        if state == Some("absent") {
            service.present = false;
            return Ok(Work::Host(Box::new(service)));
        }
        set_texts(
            &mut service,
            options,
            &[
                ("start_mode", "start_mode"),
                ("display_name", "display_name"),
                ("description", "description"),
                ("path", "path"),
                ("username", "username"),
            ],
        );
        if let Some(dependencies) = options.texts("dependencies") {
            let list = match options.text("dependency_action") {
                Some("add") => &mut service.add,
                Some("remove") => &mut service.remove,
                _ => &mut service.set,
            };
            list.push(("dependencies".to_owned(), dependencies));
        }
        if let Some(rows) = failures(options)? {
            service.set.push(("failure_actions".to_owned(), rows));
        }
        if let Some(password) = options.text("password") {
            service.secret.push(("password".to_owned(), password.to_owned()));
            // Windows tells nobody a password: it is written for a new service and for another account, unless the
            // task asks for more.
            if options.text("update_password") != Some("always") {
                service.options.push(("keep_secret", vec!["1".to_owned()]));
            }
        }
        if options.flag("force_dependent_services", false) {
            service.options.push(("force_dependent", vec!["1".to_owned()]));
        }
        match state.and_then(running) {
            Some(_) if state == Some("restarted") => service.then.push(restart(&name, options)),
            Some(wanted) => service.set.push(("state".to_owned(), vec![wanted.to_owned()])),
            None => {}
        }
        Ok(Work::Host(Box::new(service)))
    }
}

fn restart(name: &str, options: &Options) -> Call {
    Call::new("activate")
        .with("kind", "service")
        .with("key.name", name)
        .with("action", "restart")
        .flag("force_dependent", options.flag("force_dependent_services", false))
}

/// `service` on a Windows host: `name`, `state`, `enabled`.
///
/// # Errors
/// An option that only other systems have.
pub(in crate::module) fn plain_service(options: &Options) -> Result<Work, ModuleError> {
    if let Some(other) =
        ["pattern", "sleep", "runlevel", "arguments"].into_iter().find(|name| options.contains_key(*name))
    {
        return Err(ModuleError::new(format!(
            "`{other}` of `service` means nothing on Windows\nhint: use `win_service`"
        )));
    }
    let name = name(options, "name")?;
    let mut service = Ensure::new("service", vec![("name", name.clone())]);
    match options.text("state") {
        Some("reloaded") => {
            return Err(ModuleError::new(
                "services of Windows cannot be reloaded\nhint: use `state: restarted`",
            ));
        }
        Some("restarted") => service.then.push(restart(&name, options)),
        Some(state) => {
            service.set.push(("state".to_owned(), vec![running(state).unwrap_or_default().to_owned()]));
        }
        None => {}
    }
    match options.bool("enabled") {
        // Whatever starts it with the host will do.
        Some(true) => {
            service.set.push(("start_mode".to_owned(), vec!["auto".to_owned()]));
            let like = ["auto", "delayed", "boot", "system"].map(str::to_owned).to_vec();
            service.options.push(("like.start_mode", like));
        }
        Some(false) => {
            service.set.push(("start_mode".to_owned(), vec!["manual".to_owned()]));
            service.options.push(("like.start_mode", ["manual", "disabled"].map(str::to_owned).to_vec()));
        }
        None => {}
    }
    let state = options.text("state").map(|state| if state == "stopped" { "stopped" } else { "started" });
    let enabled = options.bool("enabled");
    service.describe = Box::new(move |_| {
        let mut result = Map::from_iter([("name".to_owned(), name.clone().into())]);
        if let Some(state) = state {
            result.insert("state".to_owned(), state.into());
        }
        if let Some(enabled) = enabled {
            result.insert("enabled".to_owned(), enabled.into());
        }
        result
    });
    Ok(Work::Host(Box::new(service)))
}

/// One value `item`: words `NAME=ELEMENTS`.
fn item(text: &str) -> Map<String, Value> {
    let mut service = Map::new();
    for word in text.split(' ') {
        let Some((name, elements)) = word.split_once('=') else { continue };
        let Some(Values(values)) = Values::read(elements) else { continue };
        let first = || values.first().cloned().unwrap_or_default();
        let (field, value) = match name {
            "name" | "display_name" | "description" | "path" | "username" | "state" | "start_mode" => {
                (name, json!(first()))
            }
            "dependencies" => (name, json!(values)),
            ".depended_by" => ("dependency_of", json!(values)),
            _ => continue,
        };
        service.insert(field.to_owned(), value);
    }
    service
}

impl Module for ServiceInfo {
    fn spec(&self) -> &'static ModuleSpec {
        &INFO
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let wanted = options.text("name").map(str::to_lowercase);
        let call = Call::new("probe").with("kind", "service");
        let act = Act::new(
            call,
            Box::new(move |reply, outcome| {
                let mut services: Vec<Value> = Vec::new();
                for text in all_said(reply, "item") {
                    let service = item(&text);
                    let is = |field: &str| {
                        service.get(field).and_then(Value::as_str).map(str::to_lowercase) == wanted
                    };
                    if wanted.is_none() || is("name") || is("display_name") {
                        services.push(Value::Object(service));
                    }
                }
                outcome.result.insert("exists".to_owned(), (!services.is_empty()).into());
                outcome.result.insert("services".to_owned(), services.into());
            }),
        );
        Ok(Work::Host(Box::new(act)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, refused, said};
    use super::*;

    #[test]
    fn what_is_asked_for() {
        for (options, expected) in [
            (
                json!({"name": "w3svc", "state": "started", "start_mode": "auto"}),
                "ensure kind=service key.name=w3svc want=present set.start_mode=auto set.state=running",
            ),
            (json!({"name": "x", "state": "absent"}), "ensure kind=service key.name=x want=absent"),
            (
                json!({"name": "x", "state": "restarted", "force_dependent_services": true}),
                "ensure kind=service key.name=x want=present force_dependent=1\n\
                 activate kind=service key.name=x action=restart force_dependent=1",
            ),
            (
                json!({"name": "x", "dependencies": ["a", "b"], "dependency_action": "add"}),
                "ensure kind=service key.name=x want=present add.dependencies=[a|b]",
            ),
            (
                json!({"name": "x", "username": ".\\svc", "password": "p", "update_password": "on_create"}),
                "ensure kind=service key.name=x want=present set.username=.\\svc secret.password=p keep_secret=1",
            ),
            (
                json!({"name": "x", "username": ".\\svc", "password": "p"}),
                "ensure kind=service key.name=x want=present set.username=.\\svc secret.password=p keep_secret=1",
            ),
            (
                json!({"name": "x", "username": ".\\svc", "password": "p", "update_password": "always"}),
                "ensure kind=service key.name=x want=present set.username=.\\svc secret.password=p",
            ),
            (
                json!({"name": "x", "failure_reset_period": 60,
                       "failure_actions": [{"type": "restart", "delay_ms": 5000}, {"type": "none"}]}),
                "ensure kind=service key.name=x want=present set.failure_actions=[reset=60|restart/5000|none/0]",
            ),
        ] {
            assert_eq!(said("win_service", options), expected);
        }
        for options in [
            json!({"name": " "}),
            json!({"name": "x", "failure_actions": ["restart"]}),
            json!({"name": "x", "failure_actions": [{"type": "run_command"}]}),
            json!({"name": "x", "failure_reset_period_sec": 1}),
        ] {
            refused("win_service", options);
        }
    }

    #[test]
    fn the_plain_module_does_it_too() {
        for (options, expected) in [
            (
                json!({"name": "x", "state": "started", "enabled": true}),
                "ensure kind=service key.name=x want=present set.state=running set.start_mode=auto \
                 like.start_mode=[auto|delayed|boot|system]",
            ),
            (
                json!({"name": "x", "enabled": false}),
                "ensure kind=service key.name=x want=present set.start_mode=manual \
                 like.start_mode=[manual|disabled]",
            ),
        ] {
            assert_eq!(said("service", options), expected);
        }
        assert!(refused("service", json!({"name": "x", "state": "reloaded"})).contains("restarted"));
        assert!(refused("service", json!({"name": "x", "state": "started", "sleep": 1})).contains("`sleep`"));
    }

    #[test]
    fn results_are_those_of_ansible() {
        let outcome = answered(
            "win_service",
            json!({"name": "x", "state": "started"}),
            0,
            &[
                ("before_exists", "1"),
                ("before.state", "stopped"),
                ("changed", "1"),
                ("point", "3 service service x"),
                ("after_exists", "1"),
                ("after.state", "running"),
                ("after.start_mode", "auto"),
                ("after..service_name", "X"),
                ("after.dependencies", "-"),
                ("after..can_pause", "false"),
            ],
        );
        assert!(outcome.changed && !outcome.failed);
        assert_eq!(outcome.points.len(), 1);
        let result = Value::Object(outcome.result);
        assert_eq!(
            result,
            json!({"exists": true, "state": "running", "start_mode": "auto", "name": "X",
                   "dependencies": [], "depended_by": [], "can_pause_and_continue": false})
        );
        let gone =
            answered("win_service", json!({"name": "x", "state": "absent"}), 0, &[("before_exists", "0")]);
        assert_eq!(Value::Object(gone.result), json!({"exists": false}));
    }

    #[test]
    fn information_is_a_list() {
        // name=W3SVC display_name=Web state=running
        let items = [
            ("item", "name=VzNTVkM= display_name=V2Vi state=cnVubmluZw== dependencies=-"),
            ("item", "name=YWJj state=c3RvcHBlZA=="),
            ("item", "nonsense"),
        ];
        let outcome = answered("win_service_info", json!({"name": "web"}), 0, &items);
        assert_eq!(
            Value::Object(outcome.result),
            json!({"exists": true, "services":
                [{"name": "W3SVC", "display_name": "Web", "state": "running", "dependencies": []}]})
        );
        let none = answered("win_service_info", json!({"name": "other"}), 0, &items);
        assert_eq!(none.result["exists"], false);
    }
}
