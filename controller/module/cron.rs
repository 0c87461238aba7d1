//! `cron`: jobs and variables of crontabs.

use serde_json::Value;

use super::place::account;
use super::words::no_nul;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Work,
};
use crate::operation::attributes::{Attributes, FileMode};
use crate::operation::cron::{CronEdit, Crontab};
use crate::operation::edit::EditFile;
use crate::operation::put::PutOptions;

/// The module.
pub(super) struct Cron;

static SPEC: ModuleSpec = ModuleSpec {
    name: "cron",
    options: &[
        OptionSpec::new("name", OptionKind::Text).required().limited(one_line),
        OptionSpec::new("job", OptionKind::Text).aliases(&["value"]).limited(one_line),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
        OptionSpec::new("user", OptionKind::Text).limited(account),
        OptionSpec::new("cron_file", OptionKind::Path),
        OptionSpec::new("minute", OptionKind::Text).limited(time),
        OptionSpec::new("hour", OptionKind::Text).limited(time),
        OptionSpec::new("day", OptionKind::Text).aliases(&["dom"]).limited(time),
        OptionSpec::new("month", OptionKind::Text).limited(time),
        OptionSpec::new("weekday", OptionKind::Text).aliases(&["dow"]).limited(time),
        OptionSpec::new(
            "special_time",
            OptionKind::Choice(&["annually", "daily", "hourly", "monthly", "reboot", "weekly", "yearly"]),
        ),
        OptionSpec::new("disabled", OptionKind::Bool),
        OptionSpec::new("env", OptionKind::Bool),
        OptionSpec::new("insertafter", OptionKind::Text),
        OptionSpec::new("insertbefore", OptionKind::Text),
        OptionSpec::new("backup", OptionKind::Bool),
    ],
    ..ModuleSpec::EMPTY
};

fn one_line(text: &Value) -> Result<(), String> {
    match text.as_str() {
        Some(text) if text.trim_matches(['\r', '\n']).contains(['\r', '\n', '\0']) => {
            Err("it has more than one line, which a crontab cannot hold".to_owned())
        }
        _ => Ok(()),
    }
}

fn time(text: &Value) -> Result<(), String> {
    let text = text.as_str().unwrap_or_default();
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err(format!(
            "`{text}` is not a field of a crontab\nhint: write it as in `crontab(5)`, without a space"
        ));
    }
    Ok(())
}

impl Module for Cron {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let error = |message: &str| Err(ModuleError::new(message));
        let name = options.text("name").unwrap_or_default();
        let present = options.text("state") != Some("absent");
        let job = options.text("job").map(|job| job.trim_matches(['\r', '\n']));
        let env = options.flag("env", false);
        let disabled = options.flag("disabled", false);
        let user = options.text("user").filter(|user| !user.is_empty());
        let special = options.text("special_time");
        no_nul([name])?;
        if name.trim().is_empty() {
            return error("option `name` of `cron` is empty\nhint: jobs are found by their names");
        }
        let fields = ["minute", "hour", "day", "month", "weekday"];
        let timed = fields.iter().any(|field| options.text(field).is_some_and(|text| text != "*"));
        if special.is_some() && timed {
            return error("`cron` takes `special_time` or the fields of a time, not both");
        }
        if present && job.is_none() {
            return error("`cron` needs `job`");
        }
        if env && name.contains(char::is_whitespace) {
            return error("the name of a variable holds no space");
        }
        if (options.contains_key("insertafter") || options.contains_key("insertbefore")) && !(env && present)
        {
            return error(
                "`insertafter` and `insertbefore` of `cron` go with `env: true` and `state: present`",
            );
        }
        if options.contains_key("insertafter") && options.contains_key("insertbefore") {
            return error("`cron` takes `insertafter` or `insertbefore`, not both");
        }
        let file = options.text("cron_file").filter(|file| !file.is_empty());
        if file.is_some() && user.is_none() && present && !env {
            return error("`cron_file` needs `user`: its lines name whose job it is");
        }
        let job = job.unwrap_or_default();
        let line = if env {
            format!("{name}=\"{job}\"")
        } else {
            let comment = if disabled { "#" } else { "" };
            let when = match special {
                Some(special) => format!("@{special}"),
                None => fields.map(|field| options.text(field).unwrap_or("*")).join(" "),
            };
            match (file, user) {
                (Some(_), Some(user)) => format!("{comment}{when} {user} {job}"),
                _ => format!("{comment}{when} {job}"),
            }
        };
        let beside = |name: &str, behind| options.text(name).map(|variable| (variable.to_owned(), behind));
        let edit = CronEdit {
            name: name.to_owned(),
            line: present.then_some(line),
            variable: env,
            beside: beside("insertafter", true).or_else(|| beside("insertbefore", false)),
        };
        let backup = options.flag("backup", false);
        let Some(file) = file else {
            return Ok(Work::Host(Box::new(Crontab::new(user.map(str::to_owned), edit, backup))));
        };
        no_nul([file])?;
        let path =
            if file.starts_with(['/', '~', '$']) { file.to_owned() } else { format!("/etc/cron.d/{file}") };
        if !file.starts_with(['/', '~', '$']) && file.contains('/') {
            return Err(ModuleError::new(format!(
                "`{file}` is neither a name in `/etc/cron.d` nor an absolute path"
            )));
        }
        let attributes = Attributes { mode: Some(FileMode::Bits(0o644)), ..Attributes::default() };
        let put = PutOptions { attributes, backup, ..PutOptions::default() };
        Ok(Work::Host(Box::new(EditFile::new(path, edit, true, put))))
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
            (json!({"job": "a"}), "needs `name`"),
            (json!({"name": "a"}), "needs `job`"),
            (json!({"name": "a", "job": "b\nc"}), "more than one line"),
            (json!({"name": "a", "job": "b", "hour": "1 2"}), "not a field"),
            (json!({"name": "a", "job": "b", "hour": "1", "special_time": "daily"}), "not both"),
            (json!({"name": "a", "job": "b", "cron_file": "x"}), "needs `user`"),
            (json!({"name": "a", "job": "b", "cron_file": "x/y", "user": "root"}), "neither a name"),
            (json!({"name": "a", "job": "b", "insertafter": "A"}), "env: true"),
        ] {
            let error = plan("cron", options.clone()).unwrap_err().message;
            assert!(error.contains(expected), "{options}: {error}");
        }
        let work = plan("cron", json!({"name": "a", "job": "b", "minute": "*/5", "disabled": true})).unwrap();
        assert!(format!("{work:?}").contains("#*/5 * * * * b"));
        let work = plan(
            "cron",
            json!({"name": "a", "job": "b", "cron_file": "x", "user": "root", "special_time": "daily"}),
        );
        assert!(format!("{:?}", work.unwrap()).contains("@daily root b"));
    }
}
