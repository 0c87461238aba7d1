//! `win_reboot`, also as `reboot` on Windows hosts, and `wait_for_connection`.

use std::time::Duration;

use crate::module::work::{Reconnect, Restart};
use crate::module::{
    Control, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options,
    Platforms, Work,
};
use crate::operation::windows::{Act, Call, said};

/// `win_reboot`.
pub(super) struct Reboot;
/// `wait_for_connection`.
pub(super) struct WaitForConnection;

static REBOOT: ModuleSpec = ModuleSpec {
    name: "win_reboot",
    aliases: &["ansible.windows.win_reboot", "reboot", "ansible.builtin.reboot", "ansible.legacy.reboot"],
    options: &[
        OptionSpec::new("msg", OptionKind::Text),
        OptionSpec::new("pre_reboot_delay", OptionKind::Float).aliases(&["pre_reboot_delay_sec"]),
        OptionSpec::new("post_reboot_delay", OptionKind::Float).aliases(&["post_reboot_delay_sec"]),
        OptionSpec::new("reboot_timeout", OptionKind::Float).aliases(&["reboot_timeout_sec"]),
        OptionSpec::new("connect_timeout", OptionKind::Float).aliases(&["connect_timeout_sec"]),
        OptionSpec::new("test_command", OptionKind::Text),
        OptionSpec::new("boot_time_command", OptionKind::Text)
            .refused("the number of the boot is read from Windows itself"),
        OptionSpec::new("reboot_command", OptionKind::Text).refused("Windows is asked with shutdown.exe"),
        OptionSpec::new("search_paths", OptionKind::List).refused("Windows is asked with shutdown.exe"),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

static WAIT: ModuleSpec = ModuleSpec {
    name: "wait_for_connection",
    options: &[
        OptionSpec::new("connect_timeout", OptionKind::Int),
        OptionSpec::new("delay", OptionKind::Int),
        OptionSpec::new("sleep", OptionKind::Int),
        OptionSpec::new("timeout", OptionKind::Int),
    ],
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

/// Seconds as a time; what is negative is none.
fn seconds(options: &Options, name: &str, default: f64) -> Duration {
    let seconds = options.float(name).or_else(|| options.int(name).map(|seconds| seconds as f64));
    Duration::try_from_secs_f64(seconds.unwrap_or(default).max(0.0)).unwrap_or(Duration::MAX)
}

impl Module for Reboot {
    fn spec(&self) -> &'static ModuleSpec {
        &REBOOT
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        // As in Ansible: Windows needs two seconds to answer before it goes.
        let delay = seconds(options, "pre_reboot_delay", 2.0).as_secs().max(2);
        let message = options.text("msg").unwrap_or("Reboot initiated by Paceline");
        if message.len() > 512 || message.chars().any(char::is_control) {
            return Err(ModuleError::new("`msg` is one line of at most 512 bytes"));
        }
        let call = Call::new("reboot").with("delay", &delay.to_string()).with("message", message);
        let judge = |reply: &crate::operation::Reply, outcome: &mut crate::operation::Outcome| {
            if let Some(boot) = said(reply, "boot") {
                outcome.result.insert("boot".to_owned(), boot.into());
            }
        };
        let ask = Act { repeatable: false, irreversible: false, ..Act::new(call, Box::new(judge)) };
        let test = options.text("test_command").map(str::to_owned);
        Ok(Work::Control(Control::Reboot(Restart {
            ask: Box::new(ask),
            test_command: test,
            delay: Duration::from_secs(delay),
            settle: seconds(options, "post_reboot_delay", 0.0),
            wait: Reconnect {
                delay: Duration::ZERO,
                pause: Duration::from_secs(5),
                connect: seconds(options, "connect_timeout", 5.0).max(Duration::from_secs(1)),
                limit: seconds(options, "reboot_timeout", 600.0),
            },
        })))
    }
}

impl Module for WaitForConnection {
    fn spec(&self) -> &'static ModuleSpec {
        &WAIT
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        Ok(Work::Control(Control::WaitForConnection(Reconnect {
            delay: seconds(options, "delay", 0.0),
            pause: seconds(options, "sleep", 1.0).max(Duration::from_millis(100)),
            connect: seconds(options, "connect_timeout", 5.0).max(Duration::from_secs(1)),
            limit: seconds(options, "timeout", 600.0),
        })))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::module::testing::plan_on;
    use crate::operation::Mode;
    use crate::shell::Platform;
    use serde_json::json;

    #[test]
    fn windows_is_asked_and_waited_for() {
        let options = json!({"msg": "Updates", "reboot_timeout": 60, "post_reboot_delay_sec": 1.5,
            "pre_reboot_delay": 0, "test_command": "whoami"});
        let Work::Control(Control::Reboot(mut restart)) =
            plan_on(Platform::Windows, "reboot", options).unwrap()
        else {
            panic!("no restart")
        };
        assert_eq!(restart.ask.first(Mode::default()).text, "reboot delay:Mg== message:VXBkYXRlcw==");
        assert!(!restart.ask.repeatable());
        assert_eq!(restart.wait.limit, Duration::from_secs(60));
        assert_eq!(restart.settle, Duration::from_millis(1500));
        assert_eq!(restart.test_command.as_deref(), Some("whoami"));
        assert!(plan_on(Platform::Windows, "win_reboot", json!({"msg": "a\nb"})).is_err());
        let Work::Control(Control::WaitForConnection(wait)) =
            plan_on(Platform::Posix, "wait_for_connection", json!({"timeout": 9, "sleep": 2})).unwrap()
        else {
            panic!("no wait")
        };
        assert_eq!((wait.limit, wait.pause), (Duration::from_secs(9), Duration::from_secs(2)));
    }
}
