//! Modules that only look: `win_ping`, `win_whoami`, `win_find`, `win_wait_for`; and `win_tempfile`.

use serde_json::{Map, Value, json};

use super::place;
use crate::module::wait_for;
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::ping::Ping;
use crate::operation::windows::{Call, Step, Values};
use crate::shell::Platform;

/// Answers.
pub(super) struct WinPing;
/// Tells who is logged on.
pub(super) struct WinWhoami;
/// Waits.
pub(super) struct WinWaitFor;
/// Makes a file that nobody else has.
pub(super) struct WinTempfile;

static PING: ModuleSpec = ModuleSpec {
    name: "win_ping",
    aliases: &["ansible.windows.win_ping"],
    options: &[OptionSpec::new("data", OptionKind::Text)],
    platforms: Platforms::Windows,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

static WHOAMI: ModuleSpec = ModuleSpec {
    name: "win_whoami",
    aliases: &["ansible.windows.win_whoami"],
    platforms: Platforms::Windows,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

static WAIT_FOR: ModuleSpec = ModuleSpec {
    name: "win_wait_for",
    aliases: &["ansible.windows.win_wait_for"],
    options: &[
        OptionSpec::new("host", OptionKind::Text),
        OptionSpec::new("port", OptionKind::Int).limited(wait_for::a_port),
        OptionSpec::new("path", OptionKind::Path),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present", "started", "stopped"])),
        OptionSpec::new("search_regex", OptionKind::Text)
            .aliases(&["regex", "regexp"])
            .limited(wait_for::an_expression),
        OptionSpec::new("timeout", OptionKind::Int).limited(wait_for::not_negative),
        OptionSpec::new("delay", OptionKind::Int).limited(wait_for::not_negative),
        OptionSpec::new("sleep", OptionKind::Int).limited(wait_for::not_negative),
        OptionSpec::new("connect_timeout", OptionKind::Int).limited(wait_for::not_negative),
        OptionSpec::new("exclude_hosts", OptionKind::List).refused("it belongs to `state: drained`"),
    ],
    platforms: Platforms::Windows,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

static TEMPFILE: ModuleSpec = ModuleSpec {
    name: "win_tempfile",
    aliases: &["ansible.windows.win_tempfile"],
    options: &[
        OptionSpec::new("state", OptionKind::Choice(&["directory", "file"])),
        OptionSpec::new("path", OptionKind::Path).aliases(&["dest"]),
        OptionSpec::new("prefix", OptionKind::Text).limited(a_part),
        OptionSpec::new("suffix", OptionKind::Text).limited(a_part),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

fn a_part(text: &Value) -> Result<(), String> {
    match text.as_str() {
        Some(text) if text.contains(['/', '\\', ':', '*', '?', '"', '<', '>', '|', '\0']) => {
            Err(format!("`{text}` cannot be part of a file's name"))
        }
        _ => Ok(()),
    }
}

impl Module for WinPing {
    fn spec(&self) -> &'static ModuleSpec {
        &PING
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let data = options.text("data").unwrap_or("pong");
        if data == "crash" {
            return Err(ModuleError::new("boom"));
        }
        Ok(Work::Host(Box::new(Ping { platform: Platform::Windows, data: data.to_owned() })))
    }
}

/// `DOMAIN\NAME` as the fields that Ansible makes of it.
fn account(sid: &str, name: &str) -> Map<String, Value> {
    let (domain, account) = name.split_once('\\').unwrap_or(("", name));
    Map::from_iter([
        ("sid".to_owned(), sid.into()),
        ("domain_name".to_owned(), domain.into()),
        ("account_name".to_owned(), account.into()),
    ])
}

impl Module for WinWhoami {
    fn spec(&self) -> &'static ModuleSpec {
        &WHOAMI
    }

    fn plan(&self, _options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let step = Step::new(Call::new("whoami")).looking().telling(|reply, _, outcome| {
            let fact = |name: &str| reply.text(&format!("fact.{name}")).unwrap_or_default();
            let mut put = |name: &str, value: Value| {
                outcome.result.insert(name.to_owned(), value);
            };
            let name = format!("{}\\{}", fact("user_domain"), fact("user"));
            put("account", Value::Object(account(&fact("user_sid"), &name)));
            put("user_sid", fact("user_sid").into());
            put("elevated", (fact("elevated") == "True").into());
            put("authentication_package", fact("authentication").into());
            put("impersonation_level", fact("impersonation").into());
            let groups = reply.values.iter().filter(|(name, _)| name == "group");
            let groups = groups.filter_map(|(_, text)| Values::read(text)).filter_map(|group| {
                match group.0.as_slice() {
                    [sid, name] => Some(Value::Object(account(sid, name))),
                    _ => None,
                }
            });
            put("groups", groups.collect());
        });
        Ok(Work::Host(Box::new(step)))
    }
}

impl Module for WinWaitFor {
    fn spec(&self) -> &'static ModuleSpec {
        &WAIT_FOR
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        wait_for::wait(options, context.platform)
    }
}

impl Module for WinTempfile {
    fn spec(&self) -> &'static ModuleSpec {
        &TEMPFILE
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let state = options.text("state").unwrap_or("file").to_owned();
        let call = Call::new("tempfile")
            .with("kind", &state)
            .with("prefix", options.text("prefix").unwrap_or("ansible."))
            .with("suffix", options.text("suffix").unwrap_or_default())
            .maybe("path", place::some_path(options, "path")?.as_deref());
        let step = Step::new(call).once().telling(move |reply, mode, outcome| {
            outcome.changed = !outcome.failed;
            if !mode.check && !outcome.failed {
                outcome.result.insert("path".to_owned(), reply.text("path").map_or(Value::Null, Value::from));
            }
            outcome.result.insert("state".to_owned(), json!(state));
        });
        Ok(Work::Host(Box::new(step)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{refused, text, told};
    use serde_json::json;

    #[test]
    fn options_become_calls() {
        for (module, options, expected) in [
            ("win_ping", json!({}), "ping"),
            ("ping", json!({"data": "x"}), "ping"),
            ("win_whoami", json!({}), "whoami"),
            (
                "win_wait_for",
                json!({"port": 443, "host": "a.example", "connect_timeout": 3}),
                "wait_port host=a.example port=443 want=open pause=0 limit=3",
            ),
            (
                "wait_for",
                json!({"path": "C:\\x", "state": "absent"}),
                "wait_path path=C:\\x want=absent pause=0",
            ),
            ("win_wait_for", json!({"path": "C:\\x", "regex": "done"}), "wait_text path=C:\\x pause=0"),
            ("win_tempfile", json!({"suffix": ".txt"}), "tempfile kind=file prefix=ansible. suffix=.txt"),
        ] {
            assert_eq!(text(module, options), expected);
        }
        assert!(refused("win_tempfile", json!({"prefix": "..\\x"})).contains("cannot be part"));
        assert!(refused("win_wait_for", json!({"port": 1, "state": "drained"})).contains("not possible"));
    }

    #[test]
    fn results_are_told() {
        let (_, result) = told("win_ping", json!({"data": "x"}), 0, &[("ping", "pong")]);
        assert_eq!(result["ping"], "x");
        let values = [
            ("fact.user", "svc"),
            ("fact.user_domain", "CORP"),
            ("fact.user_sid", "S-1-5-21-1"),
            ("fact.elevated", "True"),
            ("group", "Uy0xLTUtMzItNTQ0,QlVJTFRJTlxBZG1pbmlzdHJhdG9ycw=="),
        ];
        let (_, result) = told("win_whoami", json!({}), 0, &values);
        assert_eq!(result["account"]["account_name"], "svc");
        assert_eq!(result["groups"][0]["domain_name"], "BUILTIN");
        let (outcome, result) = told("win_tempfile", json!({}), 0, &[("path", "C:\\t\\ansible.x")]);
        assert!(outcome.changed);
        assert_eq!((&result["path"], &result["state"]), (&json!("C:\\t\\ansible.x"), &json!("file")));
    }
}
