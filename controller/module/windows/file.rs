//! `win_file`, and `file` on a Windows host: folders, empty files, removal, times.

use serde_json::Value;

use super::place;
use crate::module::place as posix;
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::attributes::FileTime;
use crate::operation::windows::{Call, Step, stat};

/// The module.
pub(super) struct WinFile;

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_file",
    aliases: &["ansible.windows.win_file"],
    options: &[
        OptionSpec::new("path", OptionKind::Path).required().aliases(&["dest", "name"]),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "directory", "file", "touch"])),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

impl Module for WinFile {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let state = options.text("state").unwrap_or("any");
        let call = Call::new("file").with("path", &place::path(options, "path")?).with("state", state);
        // An empty file that is there already is touched by `win_file` only in name: Ansible sets its times.
        let call = if state == "touch" { call.with("modified", "now").with("accessed", "now") } else { call };
        Ok(Work::Host(Box::new(step(call, state))))
    }
}

fn step(call: Call, state: &str) -> Step {
    let state = state.to_owned();
    Step::new(call).telling(move |reply, _, outcome| {
        let path = reply.text("path").map_or(Value::Null, Value::from);
        outcome.result.insert("path".to_owned(), path);
        let now = match reply.value("now") {
            Some(now) => now.to_owned(),
            None if state == "touch" => "file".to_owned(),
            None => state.clone(),
        };
        outcome.result.insert("state".to_owned(), now.into());
    })
}

/// `file` on a Windows host.
pub(in crate::module) fn plain(options: &Options) -> Result<Work, ModuleError> {
    place::no_posix("file", options)?;
    for (name, hint) in [
        ("src", "links need a privilege of their own on Windows: use `win_command` with `cmd /c mklink`"),
        ("recurse", "it is for permissions: use `win_acl`, whose rules are inherited"),
    ] {
        place::without("file", options, name, hint)?;
    }
    let state = options.text("state").unwrap_or("any");
    if matches!(state, "link" | "hard") {
        return Err(ModuleError::new(format!(
            "`state: {state}` of `file` is not supported on a Windows host\nhint: use `win_command` with `cmd /c mklink`"
        )));
    }
    let otherwise = (state == "touch").then_some(FileTime::Now);
    let modified = posix::time(options, "modification_time", otherwise.clone())?;
    let accessed = posix::time(options, "access_time", otherwise)?;
    let call = Call::new("file")
        .with("path", &place::path(options, "path")?)
        .with("state", state)
        .maybe("modified", modified.map(|time| ticks(&time)).as_deref())
        .maybe("accessed", accessed.map(|time| ticks(&time)).as_deref());
    Ok(Work::Host(Box::new(step(call, state))))
}

/// A time as the host takes it. A time that is written out is one of the controller's zone.
fn ticks(time: &FileTime) -> String {
    match time {
        FileTime::Now => "now".to_owned(),
        FileTime::At(text) => jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", text)
            .ok()
            .and_then(|time| jiff::tz::TimeZone::system().to_timestamp(time).ok())
            .map_or_else(|| "now".to_owned(), |time| stat::ticks(time.as_second()).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{refused, text};
    use serde_json::json;

    #[test]
    fn options_become_calls() {
        for (module, options, expected) in [
            (
                "win_file",
                json!({"path": "C:\\a b", "state": "directory"}),
                "file path=C:\\a b state=directory",
            ),
            ("win_file", json!({"dest": "C:/x"}), "file path=C:/x state=any"),
            ("file", json!({"name": "C:\\x", "state": "absent"}), "file path=C:\\x state=absent"),
            (
                "file",
                json!({"path": "C:\\x", "state": "touch", "access_time": "preserve"}),
                "file path=C:\\x state=touch modified=now",
            ),
            (
                "win_file",
                json!({"path": "C:\\x", "state": "touch"}),
                "file path=C:\\x state=touch modified=now accessed=now",
            ),
        ] {
            assert_eq!(text(module, options), expected);
        }
    }

    #[test]
    fn what_windows_does_not_have_is_refused() {
        for (module, options, expected) in [
            ("file", json!({"path": "C:\\x", "mode": "0644"}), "win_acl"),
            ("file", json!({"path": "C:\\x", "owner": "a"}), "win_owner"),
            ("file", json!({"path": "C:\\x", "state": "link"}), "mklink"),
            ("win_file", json!({"path": "C:\\x", "state": "link"}), "not possible"),
            ("win_file", json!({"path": ""}), "empty"),
        ] {
            let error = refused(module, options);
            assert!(error.contains(expected), "{error}");
        }
    }
}
