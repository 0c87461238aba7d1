//! `win_scheduled_task`: scheduled tasks.

use serde_json::{Map, Value};

use super::values::{name, scalar, set_flags, set_texts};
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::Ensure;

/// The module.
pub(super) struct ScheduledTask;

const OLD: &str = "it is gone from Ansible's module, too; see `actions`, `triggers` and `run_level`";

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_scheduled_task",
    aliases: &["community.windows.win_scheduled_task"],
    options: &[
        OptionSpec::new("name", OptionKind::Text).required(),
        OptionSpec::new("path", OptionKind::Text),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
        OptionSpec::new("actions", OptionKind::List),
        OptionSpec::new("triggers", OptionKind::List),
        OptionSpec::new("description", OptionKind::Text),
        OptionSpec::new("author", OptionKind::Text),
        OptionSpec::new("enabled", OptionKind::Bool),
        OptionSpec::new("hidden", OptionKind::Bool),
        OptionSpec::new("username", OptionKind::Text).aliases(&["user"]),
        OptionSpec::new("group", OptionKind::Text),
        OptionSpec::new("password", OptionKind::Text),
        OptionSpec::new("update_password", OptionKind::Bool),
        OptionSpec::new(
            "logon_type",
            OptionKind::Choice(&["none", "password", "s4u", "interactive_token", "group", "service_account"]),
        ),
        OptionSpec::new("run_level", OptionKind::Choice(&["limited", "highest"])),
        OptionSpec::new("allow_demand_start", OptionKind::Bool),
        OptionSpec::new("allow_hard_terminate", OptionKind::Bool),
        OptionSpec::new("disallow_start_if_on_batteries", OptionKind::Bool),
        OptionSpec::new("stop_if_going_on_batteries", OptionKind::Bool),
        OptionSpec::new("execution_time_limit", OptionKind::Text),
        OptionSpec::new("delete_expired_task_after", OptionKind::Text),
        OptionSpec::new("multiple_instances", OptionKind::Int),
        OptionSpec::new("priority", OptionKind::Int),
        OptionSpec::new("restart_count", OptionKind::Int),
        OptionSpec::new("restart_interval", OptionKind::Text),
        OptionSpec::new("run_only_if_idle", OptionKind::Bool),
        OptionSpec::new("run_only_if_network_available", OptionKind::Bool),
        OptionSpec::new("start_when_available", OptionKind::Bool),
        OptionSpec::new("wake_to_run", OptionKind::Bool),
        OptionSpec::new("compatibility", OptionKind::Int).refused("Windows chooses the newest that it has"),
        OptionSpec::new("date", OptionKind::Text).refused("Windows sets it"),
        OptionSpec::new("display_name", OptionKind::Text).refused("a task has none"),
        OptionSpec::new("source", OptionKind::Text).refused("use `author` or `description`"),
        OptionSpec::new("version", OptionKind::Text).refused("use `description`"),
        OptionSpec::new("store_password", OptionKind::Bool).refused(OLD),
        OptionSpec::new("days_of_week", OptionKind::Text).refused(OLD),
        OptionSpec::new("frequency", OptionKind::Text).refused(OLD),
        OptionSpec::new("time", OptionKind::Text).refused(OLD),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

const DAYS: &[&str] = &["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

fn error<T>(message: String) -> Result<T, ModuleError> {
    Err(ModuleError::new(message))
}

/// Checks a text that becomes part of a row.
fn part(text: String) -> Result<String, ModuleError> {
    if text.contains(['|', '\n', '\r']) {
        return error(format!("`{text}` holds `|` or a line break, which a task cannot be given here"));
    }
    Ok(text)
}

/// An action as a row: program, folder, arguments. Arguments may hold `|`: they come last but one, and the folder is
/// checked.
fn action(value: &Value) -> Result<String, ModuleError> {
    let Value::Object(fields) = value else {
        return error("each of `actions` is a mapping with `path` and `arguments`".to_owned());
    };
    let known = ["path", "arguments", "working_directory", "type"];
    if let Some(other) = fields.keys().find(|key| !known.contains(&key.as_str())) {
        return error(format!("an action has no `{other}`\nhint: `path`, `arguments`, `working_directory`"));
    }
    let text = |name: &str| part(fields.get(name).map(scalar).unwrap_or_default());
    let path = text("path")?;
    if path.is_empty() {
        return error("an action needs `path`".to_owned());
    }
    // The arguments come last: only they may hold a `|`.
    let arguments = fields.get("arguments").map(scalar).unwrap_or_default();
    Ok(format!("{path}|{}|{arguments}", text("working_directory")?))
}

/// Names as bits: the first one is `1 << shift`.
fn bits(value: &Value, names: &[&str], shift: u32, what: &str) -> Result<String, ModuleError> {
    let words: Vec<String> = match value {
        Value::Array(items) => items.iter().map(scalar).collect(),
        other => scalar(other).split(',').map(str::to_owned).collect(),
    };
    let mut all = 0_u32;
    for word in words.iter().map(|word| word.trim().to_lowercase()) {
        let Some(at) = names.iter().position(|name| *name == word) else {
            return error(format!("`{word}` is no {what}\nhint: one of `{}`", names.join("`, `")));
        };
        all |= 1 << (at as u32 + shift);
    }
    Ok(all.to_string())
}

/// Days of a month as bits.
fn month_days(value: &Value) -> Result<String, ModuleError> {
    let names: Vec<String> = (1..=31).map(|day: u32| day.to_string()).collect();
    bits(value, &names.iter().map(String::as_str).collect::<Vec<_>>(), 0, "day of a month")
}

/// A trigger as a row: its type, then `NAME=VALUE` with the names that Windows has.
fn trigger(value: &Value) -> Result<String, ModuleError> {
    let Value::Object(fields) = value else {
        return error("each of `triggers` is a mapping with `type`".to_owned());
    };
    let types = [
        "boot",
        "daily",
        "event",
        "idle",
        "logon",
        "monthly",
        "monthlydow",
        "registration",
        "session_state_change",
        "time",
        "weekly",
    ];
    let kind = fields.get("type").map(scalar).unwrap_or_default();
    if !types.contains(&kind.as_str()) {
        return error(format!("`{kind}` is no type of a trigger\nhint: one of `{}`", types.join("`, `")));
    }
    let mut row = vec![kind];
    for (field, value) in fields {
        let (name, text) = match field.as_str() {
            "type" => continue,
            "enabled" => {
                let enabled = crate::module::to_bool(value).map_err(ModuleError::new)?;
                ("Enabled", enabled.to_string())
            }
            "start_boundary" => ("StartBoundary", time(field, value)?),
            "end_boundary" => ("EndBoundary", time(field, value)?),
            "execution_time_limit" => ("ExecutionTimeLimit", scalar(value)),
            "delay" => ("Delay", scalar(value)),
            "random_delay" => ("RandomDelay", scalar(value)),
            "days_interval" => ("DaysInterval", scalar(value)),
            "weeks_interval" => ("WeeksInterval", scalar(value)),
            "days_of_week" => ("DaysOfWeek", bits(value, DAYS, 0, "day of a week")?),
            "days_of_month" => ("DaysOfMonth", month_days(value)?),
            "months_of_year" => ("MonthsOfYear", bits(value, MONTHS, 0, "month")?),
            "weeks_of_month" => ("WeeksOfMonth", bits(value, &["1", "2", "3", "4"], 0, "week of a month")?),
            "run_on_last_day_of_month" => ("RunOnLastDayOfMonth", scalar(value)),
            "run_on_last_week_of_month" => ("RunOnLastWeekOfMonth", scalar(value)),
            "subscription" => ("Subscription", scalar(value)),
            "user_id" => ("UserId", scalar(value)),
            "state_change" => ("StateChange", scalar(value)),
            "repetition" => {
                row.extend(repetition(value)?);
                continue;
            }
            other => {
                return error(format!(
                    "a trigger has no `{other}`\nhint: see `start_boundary`, `days_of_week`, `repetition` ..."
                ));
            }
        };
        row.push(format!("{name}={}", part(text)?));
    }
    if ["time", "daily", "weekly", "monthly", "monthlydow"].contains(&row[0].as_str())
        && !fields.contains_key("start_boundary")
    {
        return error(format!("a trigger of type `{}` needs `start_boundary`", row[0]));
    }
    Ok(row.join("|"))
}

/// A time as tasks have it, `YYYY-MM-DDThh:mm:ss` with a zone or not
/// (learn.microsoft.com/windows/win32/taskschd/trigger-startboundary).
fn time(field: &str, value: &Value) -> Result<String, ModuleError> {
    let text = scalar(value);
    let plain = text.parse::<jiff::civil::DateTime>().is_ok();
    let shape = |text: &str| {
        text.len() >= 19
            && text.bytes().take(19).enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                10 => byte == b'T',
                13 | 16 => byte == b':',
                _ => byte.is_ascii_digit(),
            })
    };
    if !shape(&text) || !(plain || text.parse::<jiff::Timestamp>().is_ok()) {
        return error(format!(
            "`{text}` in `{field}` of a trigger is no time\nhint: write `2026-01-31T03:00:00`, in quotes"
        ));
    }
    Ok(text)
}

/// `repetition`: a mapping, or a list with one.
fn repetition(value: &Value) -> Result<Vec<String>, ModuleError> {
    let value = match value {
        Value::Array(items) if items.len() == 1 => &items[0],
        value => value,
    };
    let Value::Object(fields) = value else {
        return error("`repetition` is a mapping with `interval` and `duration`".to_owned());
    };
    let mut row = Vec::new();
    for (field, value) in fields {
        let name = match field.as_str() {
            "interval" => "Interval",
            "duration" => "Duration",
            "stop_at_duration_end" => "StopAtDurationEnd",
            other => return error(format!("`repetition` has no `{other}`")),
        };
        let text = part(scalar(value))?;
        if text != "false" {
            row.push(format!("Repetition.{name}={text}"));
        }
    }
    Ok(row)
}

fn list(
    options: &Options,
    name: &str,
    row: fn(&Value) -> Result<String, ModuleError>,
) -> Result<Option<Vec<String>>, ModuleError> {
    options.list(name).map(|items| items.iter().map(row).collect()).transpose()
}

impl Module for ScheduledTask {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let name = name(options, "name")?;
        let folder = options.text("path").unwrap_or("\\").replace('/', "\\");
        let folder = format!("\\{}", folder.trim_matches('\\'));
        if name.contains(['\\', '/', ':', '*', '?', '"', '<', '>', '|']) {
            return error(format!("`{name}` cannot be the name of a task\nhint: its folder is `path`"));
        }
        let mut task = Ensure::new("task", vec![("path", folder), ("name", name)]);
        task.describe = Box::new(|_| Map::new());
        task.present = options.text("state") != Some("absent");
        if !task.present {
            return Ok(Work::Host(Box::new(task)));
        }
        for (option, row) in
            [("actions", action as fn(&Value) -> Result<String, ModuleError>), ("triggers", trigger)]
        {
            if let Some(rows) = list(options, option, row)? {
                task.set.push((option.to_owned(), rows));
            }
        }
        let texts = [
            "description",
            "author",
            "username",
            "group",
            "logon_type",
            "run_level",
            "execution_time_limit",
            "delete_expired_task_after",
            "restart_interval",
        ];
        set_texts(&mut task, options, &texts.map(|name| (name, name)));
        let flags = [
            "enabled",
            "hidden",
            "allow_demand_start",
            "allow_hard_terminate",
            "disallow_start_if_on_batteries",
            "stop_if_going_on_batteries",
            "run_only_if_idle",
            "run_only_if_network_available",
            "start_when_available",
            "wake_to_run",
        ];
        set_flags(&mut task, options, &flags.map(|name| (name, name)));
        for option in ["multiple_instances", "priority", "restart_count"] {
            if let Some(number) = options.int(option) {
                task.set.push((option.to_owned(), vec![number.to_string()]));
            }
        }
        if options.contains_key("username") && options.contains_key("group") {
            return error("a task runs as a `username` or a `group`, not both".to_owned());
        }
        if let Some(password) = options.text("password") {
            task.secret.push(("password".to_owned(), password.to_owned()));
            if !options.flag("update_password", true) {
                task.options.push(("keep_secret", vec!["1".to_owned()]));
            }
        }
        Ok(Work::Host(Box::new(task)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{refused, said};
    use serde_json::json;

    #[test]
    fn what_is_asked_for() {
        assert_eq!(
            said(
                "win_scheduled_task",
                json!({"name": "Clean", "path": "Acme", "username": "SYSTEM", "run_level": "highest", "enabled": true,
                       "priority": 7,
                       "actions": [{"path": "cmd.exe", "arguments": "/c x"}],
                       "triggers": [
                           {"type": "daily", "start_boundary": "2026-01-01T02:00:00", "days_interval": 2},
                           {"type": "weekly", "start_boundary": "2026-01-01T02:00:00Z", "days_of_week": "monday,friday"},
                           {"type": "monthly", "start_boundary": "2026-01-01T02:00:00+01:00", "days_of_month": [1, 15],
                            "repetition": [{"interval": "PT5M", "stop_at_duration_end": false}]}]})
            ),
            "ensure kind=task key.path=\\Acme key.name=Clean want=present set.actions=cmd.exe||/c x \
             set.triggers=[daily|StartBoundary=2026-01-01T02:00:00|DaysInterval=2|weekly|\
             StartBoundary=2026-01-01T02:00:00Z|DaysOfWeek=34|\
             monthly|StartBoundary=2026-01-01T02:00:00+01:00|DaysOfMonth=16385|Repetition.Interval=PT5M] set.username=SYSTEM set.run_level=highest \
             set.enabled=true set.priority=7"
        );
        assert_eq!(
            said("win_scheduled_task", json!({"name": "Clean", "state": "absent"})),
            "ensure kind=task key.path=\\ key.name=Clean want=absent"
        );
        for options in [
            json!({"name": "a\\b"}),
            json!({"name": "a", "actions": [{"arguments": "x"}]}),
            json!({"name": "a", "actions": [{"path": "x|y"}]}),
            json!({"name": "a", "triggers": [{"type": "hourly"}]}),
            json!({"name": "a", "triggers": [{"type": "weekly", "days_of_week": "mon"}]}),
            json!({"name": "a", "triggers": [{"type": "boot", "when": "now"}]}),
            json!({"name": "a", "triggers": [{"type": "weekly", "days_of_week": "monday"}]}),
            json!({"name": "a", "triggers": [{"type": "daily", "start_boundary": "2026-02-30T02:00:00"}]}),
            json!({"name": "a", "triggers": [{"type": "daily", "start_boundary": "tomorrow"}]}),
            json!({"name": "a", "triggers": [{"type": "boot", "end_boundary": "2026-02-03 02:00"}]}),
            json!({"name": "a", "username": "x", "group": "y"}),
        ] {
            refused("win_scheduled_task", options);
        }
    }
}
