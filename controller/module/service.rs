//! `service`, and `systemd_service` with its other name `systemd`: state of a service.

use super::windows::plain_service;
use super::words::{no_nul, split};
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::service::{Manager, Service as Operation};
use crate::shell::Platform;

/// The module for any manager.
pub(super) struct Service;

/// The module for systemd.
pub(super) struct SystemdService;

const STATES: OptionKind = OptionKind::Choice(&["reloaded", "restarted", "started", "stopped"]);

static SERVICE: ModuleSpec = ModuleSpec {
    name: "service",
    options: &[
        OptionSpec::new("name", OptionKind::Text).required(),
        OptionSpec::new("state", STATES),
        OptionSpec::new("enabled", OptionKind::Bool),
        OptionSpec::new("pattern", OptionKind::Text),
        OptionSpec::new("sleep", OptionKind::Int),
        OptionSpec::new("runlevel", OptionKind::Text),
        OptionSpec::new("arguments", OptionKind::Text).aliases(&["args"]),
        OptionSpec::new("use", OptionKind::Text).refused("the host's manager is found by itself"),
    ],
    platforms: Platforms::Any,
    ..ModuleSpec::EMPTY
};

static SYSTEMD: ModuleSpec = ModuleSpec {
    name: "systemd_service",
    aliases: &["systemd", "ansible.builtin.systemd", "ansible.legacy.systemd"],
    options: &[
        OptionSpec::new("name", OptionKind::Text).aliases(&["service", "unit"]),
        OptionSpec::new("state", STATES),
        OptionSpec::new("enabled", OptionKind::Bool),
        OptionSpec::new("masked", OptionKind::Bool),
        OptionSpec::new("daemon_reload", OptionKind::Bool).aliases(&["daemon-reload"]),
        OptionSpec::new("force", OptionKind::Bool),
        OptionSpec::new("no_block", OptionKind::Bool),
        OptionSpec::new("scope", OptionKind::Choice(&["system"])),
        OptionSpec::new("daemon_reexec", OptionKind::Bool)
            .aliases(&["daemon-reexec"])
            .refused("use `command: systemctl daemon-reexec`"),
    ],
    ..ModuleSpec::EMPTY
};

fn name(options: &Options) -> Result<Option<String>, ModuleError> {
    let name = options.text("name").map(str::trim);
    no_nul(name)?;
    if let Some(name) = name
        && (name.is_empty() || name.starts_with('-') || name.contains(['/', '\n', '*', '?', '[']))
    {
        return Err(ModuleError::new(format!("`{name}` cannot be the name of a service")));
    }
    Ok(name.map(str::to_owned))
}

impl Module for Service {
    fn spec(&self) -> &'static ModuleSpec {
        &SERVICE
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let (state, enabled) = (options.text("state").map(str::to_owned), options.bool("enabled"));
        if state.is_none() && enabled.is_none() {
            return Err(ModuleError::new("`service` has nothing to do\nhint: give it `state` or `enabled`"));
        }
        if context.platform == Platform::Windows {
            return plain_service(options);
        }
        let text = |name: &str| options.text(name).unwrap_or_default().to_owned();
        let manager = Manager::Any {
            pattern: text("pattern"),
            sleep: options.int("sleep").map(|seconds| seconds.max(0).to_string()).unwrap_or_default(),
            level: text("runlevel"),
            arguments: split(&text("arguments"))?,
        };
        Ok(Work::Host(Box::new(Operation { name: name(options)?, state, enabled, manager })))
    }
}

impl Module for SystemdService {
    fn spec(&self) -> &'static ModuleSpec {
        &SYSTEMD
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let (state, enabled) = (options.text("state").map(str::to_owned), options.bool("enabled"));
        let (masked, reload) = (options.bool("masked"), options.flag("daemon_reload", false));
        let name = name(options)?;
        let unit = state.is_some() || enabled.is_some() || masked.is_some();
        if unit && name.is_none() {
            return Err(ModuleError::new(
                "`systemd_service` needs `name` for `state`, `enabled` and `masked`",
            ));
        }
        if !unit && !reload {
            return Err(ModuleError::new(
                "`systemd_service` has nothing to do\nhint: give it `state`, `enabled`, `masked` or `daemon_reload`",
            ));
        }
        let flags = [("force", "--force"), ("no_block", "--no-block")];
        let manager = Manager::Systemd {
            reload,
            masked,
            options: flags
                .iter()
                .filter(|(name, _)| options.flag(name, false))
                .map(|(_, option)| (*option).to_owned())
                .collect(),
        };
        Ok(Work::Host(Box::new(Operation { name, state, enabled, manager })))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    #[test]
    fn options_are_checked() {
        for (module, options) in [
            ("service", json!({"name": "x"})),
            ("service", json!({"state": "started"})),
            ("service", json!({"name": "../x", "state": "started"})),
            ("service", json!({"name": "-x", "state": "started"})),
            ("service", json!({"name": "x", "state": "running"})),
            ("service", json!({"name": "x", "state": "started", "use": "runit"})),
            ("systemd", json!({})),
            ("systemd", json!({"state": "started"})),
            ("systemd", json!({"name": "x", "state": "started", "scope": "user"})),
        ] {
            assert!(plan(module, options.clone()).is_err(), "{module} {options}");
        }
        let work = plan("service", json!({"name": "x", "state": "restarted", "sleep": 2, "args": "a 'b c'"}))
            .unwrap();
        let work = format!("{work:?}");
        assert!(work.contains(r#"sleep: "2""#) && work.contains(r#"["a", "b c"]"#), "{work}");
        let work = plan("systemd", json!({"daemon_reload": true, "no_block": true})).unwrap();
        assert!(format!("{work:?}").contains("--no-block"));
    }
}
