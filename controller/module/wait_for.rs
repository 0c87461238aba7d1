//! `wait_for`: waits until a port, a file or a text in it is as wanted.

use fancy_regex::Regex;

use super::words::no_nul;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Work,
};
use crate::operation::wait_for::{Subject, WaitFor as Operation};

/// The module.
pub(super) struct WaitFor;

static SPEC: ModuleSpec = ModuleSpec {
    name: "wait_for",
    options: &[
        OptionSpec::new("host", OptionKind::Text),
        OptionSpec::new("port", OptionKind::Int),
        OptionSpec::new("path", OptionKind::Path),
        OptionSpec::new("state", OptionKind::Choice(&["started", "present", "stopped", "absent"])),
        OptionSpec::new("search_regex", OptionKind::Text),
        OptionSpec::new("timeout", OptionKind::Int),
        OptionSpec::new("delay", OptionKind::Int),
        OptionSpec::new("sleep", OptionKind::Int),
        OptionSpec::new("connect_timeout", OptionKind::Int),
        OptionSpec::new("msg", OptionKind::Text),
        OptionSpec::new("exclude_hosts", OptionKind::List).refused("it belongs to `state: drained`"),
        OptionSpec::new("active_connection_states", OptionKind::List)
            .refused("it belongs to `state: drained`"),
    ],
    ..ModuleSpec::EMPTY
};

impl Module for WaitFor {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let seconds = |name: &str, default: u64| match options.int(name) {
            None => Ok(default),
            Some(seconds) => u64::try_from(seconds)
                .map_err(|_| ModuleError::new(format!("option `{name}` of `wait_for` cannot be negative"))),
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
                port: u16::try_from(port)
                    .ok()
                    .filter(|port| *port > 0)
                    .ok_or_else(|| ModuleError::new(format!("{port} is not the number of a TCP port")))?,
                connect_timeout: seconds("connect_timeout", 5)?.max(1),
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
            Some(text) => {
                let regex = Regex::new(&format!("(?m){text}")).map_err(|error| {
                    ModuleError::new(format!("option `search_regex` of `wait_for`: {error}"))
                })?;
                Some((text.to_owned(), regex))
            }
        };
        Ok(Work::Host(Box::new(Operation {
            subject,
            state: state.to_owned(),
            search,
            delay: seconds("delay", 0)?,
            sleep: seconds("sleep", 1)?.max(1),
            timeout: seconds("timeout", 300)?,
            message: options.text("msg").map(str::to_owned),
            since: None,
        })))
    }
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
