//! `win_package`: MSI packages and installers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work, to_int,
};
use crate::operation::windows::{Act, Call, said};
use crate::operation::{Mode, Operation, Program, Progress, Reply};

/// The module.
pub(super) struct Package;

/// Exit codes that are fine: done, done and a restart is needed (twice), the same or a newer version is there.
/// <https://learn.microsoft.com/windows/win32/msi/error-codes>
const FINE: &[i64] = &[0, 3010, 1641, 1638];
/// Seconds to wait for another installation (1618).
const WAIT: i64 = 600;

const DOWNLOAD: &str = "get the file with `win_get_url` first, with a checksum";
const SECRET: &str =
    "an installer would be told it in its command line; connect as a user who may read the file";

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_package",
    aliases: &["ansible.windows.win_package"],
    options: &[
        OptionSpec::new("path", OptionKind::Path),
        OptionSpec::new("product_id", OptionKind::Text).aliases(&["productid"]),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])).aliases(&["ensure"]),
        OptionSpec::new("arguments", OptionKind::Any),
        OptionSpec::new("creates_path", OptionKind::Path),
        OptionSpec::new("creates_version", OptionKind::Text),
        OptionSpec::new("creates_service", OptionKind::Text),
        OptionSpec::new("expected_return_code", OptionKind::List),
        OptionSpec::new("log_path", OptionKind::Path),
        OptionSpec::new("chdir", OptionKind::Path),
        OptionSpec::new("provider", OptionKind::Choice(&["auto", "msi", "registry"])),
        // Of ours: how long to wait while another installation is at work.
        OptionSpec::new("wait_for_other", OptionKind::Int),
        OptionSpec::new("wait_for_children", OptionKind::Bool)
            .refused("a step ends with its installer; wait with `win_wait_for` or `until`"),
        OptionSpec::new("username", OptionKind::Text).refused(SECRET),
        OptionSpec::new("password", OptionKind::Text).refused(SECRET),
        OptionSpec::new("url_username", OptionKind::Text).refused(DOWNLOAD),
        OptionSpec::new("url_password", OptionKind::Text).refused(DOWNLOAD),
        OptionSpec::new("url_method", OptionKind::Text).refused(DOWNLOAD),
        OptionSpec::new("url_timeout", OptionKind::Int).refused(DOWNLOAD),
        OptionSpec::new("validate_certs", OptionKind::Bool).refused(DOWNLOAD),
        OptionSpec::new("checksum", OptionKind::Text).refused(DOWNLOAD),
        OptionSpec::new("checksum_algorithm", OptionKind::Text).refused(DOWNLOAD),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

/// An installer that runs until it ends: longer than a step without a limit may be silent.
#[derive(Debug)]
struct Install {
    act: Act,
}

impl Operation for Install {
    fn first(&mut self, mode: Mode) -> Program {
        let timeout = (!mode.check).then_some(Duration::from_secs(3600));
        Program { timeout, ..self.act.first(mode) }
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        self.act.next(reply, mode)
    }

    fn saves_first(&self) -> bool {
        true
    }

    fn irreversible(&self) -> bool {
        self.act.irreversible
    }
}

/// Whether the host can uninstall what a task installs: an MSI has a product code.
fn is_reversible(options: &Options, present: bool) -> bool {
    let is_msi = options.text("path").is_some_and(|path| path.to_lowercase().ends_with(".msi"))
        || options.text("provider") == Some("msi");
    present && is_msi
}

fn codes(options: &Options) -> Result<Vec<String>, ModuleError> {
    let Some(codes) = options.list("expected_return_code") else {
        return Ok(FINE.iter().map(i64::to_string).collect());
    };
    let number = |code: &Value| match code {
        Value::String(text) => to_int(&Value::from(text.trim())),
        code => to_int(code),
    };
    let codes = codes.iter().map(|code| number(code).map(|code| code.to_string()));
    codes.collect::<Result<Vec<_>, _>>().map_err(ModuleError::new)
}

impl Module for Package {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let present = options.text("state") != Some("absent");
        let (path, id) = (options.text("path"), options.text("product_id"));
        if path.is_none() && (present || id.is_none()) {
            return Err(ModuleError::new(
                "`win_package` needs `path`\nhint: for `state: absent`, `path` or `product_id`",
            ));
        }
        if let Some(path) = path
            && (path.starts_with("http://") || path.starts_with("https://"))
        {
            return Err(ModuleError::new(format!("`{path}` is no file of the host\nhint: {DOWNLOAD}")));
        }
        let is_msi = path.is_some_and(|path| path.to_lowercase().ends_with(".msi"));
        let known = ["product_id", "creates_path", "creates_service"];
        if present && !is_msi && !known.iter().any(|name| options.contains_key(*name)) {
            return Err(ModuleError::new(
                "nobody can tell whether this package is installed\nhint: give `product_id`, `creates_path` or \
                 `creates_service`",
            ));
        }
        if options.contains_key("creates_version") && !options.contains_key("creates_path") {
            return Err(ModuleError::new("`creates_version` needs `creates_path`"));
        }
        let codes = codes(options)?;
        let mut call = Call::new("package")
            .with("want", if present { "present" } else { "absent" })
            .maybe("path", path)
            .maybe("product_id", id)
            .maybe("creates_path", options.text("creates_path"))
            .maybe("creates_version", options.text("creates_version"))
            .maybe("creates_service", options.text("creates_service"))
            .maybe("log", options.text("log_path"))
            .maybe("chdir", options.text("chdir"))
            .maybe("provider", options.text("provider"))
            .list("codes", codes.iter().map(String::as_str))
            .with("wait", &options.int("wait_for_other").unwrap_or(WAIT).max(0).to_string());
        match options.get("arguments") {
            Some(Value::Array(_)) => {
                let words = options.texts("arguments").unwrap_or_default();
                call = call.list("arguments", words.iter().map(String::as_str));
            }
            Some(text) => call = call.with("line", &crate::module::to_text(text)),
            None => {}
        }
        let judge = |reply: &Reply, outcome: &mut crate::operation::Outcome| {
            let rc = said(reply, "rc").and_then(|rc| rc.parse::<i64>().ok()).unwrap_or(0);
            // The same or a newer version was there: the installer did nothing.
            outcome.changed &= rc != 1638;
            outcome.result.insert("rc".to_owned(), rc.into());
            outcome.result.insert("reboot_required".to_owned(), reply.value("reboot").is_some().into());
            for name in ["stdout", "stderr", "log"] {
                if let Some(text) = said(reply, name) {
                    outcome.result.insert(name.to_owned(), json!(text));
                }
            }
        };
        let act = Act { irreversible: !is_reversible(options, present), ..Act::new(call, Box::new(judge)) };
        Ok(Work::Host(Box::new(Install { act })))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, operation, refused, said};
    use super::*;

    #[test]
    fn what_is_asked_for() {
        for (options, expected) in [
            (
                json!({"path": "C:\\a.msi", "arguments": ["INSTALLDIR=C:\\Program Files\\A", "X=1"]}),
                "package want=present path=C:\\a.msi codes=[0|3010|1641|1638] wait=600 \
                 arguments=[INSTALLDIR=C:\\Program Files\\A|X=1]",
            ),
            (
                json!({"path": "C:\\b.exe", "creates_path": "C:\\p", "arguments": "/install /quiet",
                       "expected_return_code": "0,666"}),
                "package want=present path=C:\\b.exe creates_path=C:\\p codes=[0|666] wait=600 \
                 line=/install /quiet",
            ),
            (
                json!({"product_id": "{A}", "state": "absent"}),
                "package want=absent product_id={A} codes=[0|3010|1641|1638] wait=600",
            ),
        ] {
            assert_eq!(said("win_package", options), expected);
        }
        for options in [
            json!({}),
            json!({"product_id": "x"}),
            json!({"path": "C:\\b.exe"}),
            json!({"path": "https://a.example/b.msi"}),
            json!({"path": "C:\\b.msi", "creates_version": "1"}),
            json!({"path": "C:\\b.msi", "password": "x"}),
        ] {
            refused("win_package", options);
        }
        assert!(!operation("win_package", json!({"path": "C:\\a.msi"})).irreversible());
        assert!(operation("win_package", json!({"path": "C:\\a.msi", "state": "absent"})).irreversible());
        assert!(operation("win_package", json!({"path": "C:\\a.exe", "product_id": "A"})).irreversible());
    }

    #[test]
    fn exit_codes_are_judged() {
        let options = json!({"path": "C:\\a.msi"});
        let restart =
            answered("win_package", options.clone(), 0, &[("changed", "1"), ("rc", "3010"), ("reboot", "1")]);
        assert!(restart.changed);
        assert_eq!(restart.result["reboot_required"], true);
        let newer = answered("win_package", options.clone(), 0, &[("changed", "1"), ("rc", "1638")]);
        assert!(!newer.changed && !newer.failed);
        let fatal = answered(
            "win_package",
            options,
            1,
            &[("changed", "1"), ("rc", "1603"), ("msg", "unexpected rc 1603"), ("log", "Error 1722")],
        );
        assert!(fatal.failed && fatal.changed);
        assert_eq!(fatal.result["log"], "Error 1722");
    }
}
