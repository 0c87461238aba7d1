//! `wait_for`: waits until a port, a file or a text in it is as wanted.

use fancy_regex::Regex;
use serde_json::Value;

use super::words::no_nul;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::wait_for::{Subject, WaitFor as Operation};
use crate::shell::Platform;

/// The module.
pub(super) struct WaitFor;

static SPEC: ModuleSpec = ModuleSpec {
    name: "wait_for",
    options: &[
        OptionSpec::new("host", OptionKind::Text),
        OptionSpec::new("port", OptionKind::Int).limited(a_port),
        OptionSpec::new("path", OptionKind::Path),
        OptionSpec::new("state", OptionKind::Choice(&["started", "present", "stopped", "absent"])),
        OptionSpec::new("search_regex", OptionKind::Text).limited(an_expression),
        OptionSpec::new("timeout", OptionKind::Int).limited(not_negative),
        OptionSpec::new("delay", OptionKind::Int).limited(not_negative),
        OptionSpec::new("sleep", OptionKind::Int).limited(not_negative),
        OptionSpec::new("connect_timeout", OptionKind::Int).limited(not_negative),
        OptionSpec::new("msg", OptionKind::Text),
        OptionSpec::new("exclude_hosts", OptionKind::List).refused("it belongs to `state: drained`"),
        OptionSpec::new("active_connection_states", OptionKind::List)
            .refused("it belongs to `state: drained`"),
    ],
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

pub(super) fn not_negative(seconds: &Value) -> Result<(), String> {
    match seconds.as_i64() {
        Some(seconds) if seconds < 0 => Err(format!("{seconds} is negative")),
        _ => Ok(()),
    }
}

pub(super) fn a_port(port: &Value) -> Result<(), String> {
    port.as_i64().map_or(Ok(()), |port| port_number(port).map(drop))
}

fn port_number(port: i64) -> Result<u16, String> {
    let number = u16::try_from(port).ok().filter(|port| *port > 0);
    number.ok_or_else(|| format!("{port} is not the number of a TCP port"))
}

pub(super) fn an_expression(text: &Value) -> Result<(), String> {
    text.as_str().map_or(Ok(()), |text| expression(text).map(drop))
}

fn expression(text: &str) -> Result<Regex, String> {
    Regex::new(&format!("(?m){text}")).map_err(|error| error.to_string())
}

impl Module for WaitFor {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        wait(options, context.platform)
    }
}

/// Makes the operation, for `win_wait_for` too.
pub(super) fn wait(options: &Options, platform: Platform) -> Result<Work, ModuleError> {
    let seconds = |name: &str, default: u64| {
        options.int(name).map_or(default, |seconds| u64::try_from(seconds).unwrap_or_default())
    };
    let state = options.text("state").unwrap_or("started");
    let host = options.text("host").unwrap_or("127.0.0.1");
    no_nul(options.text("path").into_iter().chain([host]))?;
    let subject = match (options.int("port"), options.text("path")) {
        (Some(_), Some(_)) => {
            return Err(ModuleError::new("port and path parameter can not both be passed to wait_for"));
        }
        (Some(port), None) => Subject::Port {
            host: host.to_owned(),
            port: port_number(port).map_err(ModuleError::new)?,
            connect_timeout: seconds("connect_timeout", 5).max(1),
        },
        (None, Some(path)) if state == "stopped" => {
            return Err(ModuleError::new(format!(
                "state=stopped should only be used for checking a port in the wait_for module\nhint: use `state: absent` for `{path}`"
            )));
        }
        (None, Some(path)) => Subject::Path(path.to_owned()),
        (None, None) if state != "started" => {
            return Err(ModuleError::new(format!(
                "`state: {state}` of `wait_for` needs a `port` or a `path`"
            )));
        }
        (None, None) => Subject::Time,
    };
    let search = match options.text("search_regex") {
        None => None,
        Some(text) => Some((text.to_owned(), expression(text).map_err(ModuleError::new)?)),
    };
    Ok(Work::Host(Box::new(Operation {
        platform,
        subject,
        state: state.to_owned(),
        search,
        delay: seconds("delay", 0),
        sleep: seconds("sleep", 1).max(1),
        timeout: seconds("timeout", 300),
        message: options.text("msg").map(str::to_owned),
        since: None,
        pausing: (0, false),
    })))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    #[test]
    fn options_are_checked() {
        let work = plan("wait_for", json!({"port": "8080", "host": "::1", "sleep": 0})).unwrap();
        let work = format!("{work:?}");
        assert!(work.contains(r#"Port { host: "::1", port: 8080, connect_timeout: 5 }"#), "{work}");
        for options in [
            json!({"port": 1, "path": "/x"}),
            json!({"port": 70000}),
            json!({"port": 1, "state": "drained"}),
            json!({"path": "/x", "state": "stopped"}),
            json!({"state": "absent"}),
            json!({"port": 1, "timeout": -1}),
            json!({"path": "/x", "search_regex": "("}),
            json!({"path": "/x", "exclude_hosts": ["a"]}),
        ] {
            assert!(plan("wait_for", options.clone()).is_err(), "{options}");
        }
    }
}
