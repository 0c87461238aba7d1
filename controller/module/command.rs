//! `command`: runs a program without a shell.

use super::windows;
use super::words::{no_nul, split};
use super::{
    FreeForm, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options,
    Platforms, Work,
};
use crate::operation::command::{Command, Start};
use crate::shell::Platform;

/// The module.
pub(super) struct CommandModule;

static SPEC: ModuleSpec = ModuleSpec {
    name: "command",
    options: &[
        OptionSpec::new("cmd", OptionKind::Text).aliases(&["_raw_params"]),
        OptionSpec::new("argv", OptionKind::List),
        OptionSpec::new("chdir", OptionKind::Path),
        OptionSpec::new("creates", OptionKind::Path),
        OptionSpec::new("removes", OptionKind::Path),
        OptionSpec::new("stdin", OptionKind::Text),
        OptionSpec::new("stdin_add_newline", OptionKind::Bool),
        OptionSpec::new("strip_empty_ends", OptionKind::Bool),
        OptionSpec::new("expand_argument_vars", OptionKind::Bool),
        OptionSpec::new("executable", OptionKind::Path).refused("use `shell`, which has it"),
        OptionSpec::new("warn", OptionKind::Bool).refused("Ansible dropped it: leave it out"),
    ],
    free_form: FreeForm::Option("cmd"),
    platforms: Platforms::Any,
    ..ModuleSpec::EMPTY
};

impl Module for CommandModule {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        if context.platform == Platform::Windows {
            return windows::command::plain_command(options);
        }
        let argv = match (options.text("cmd"), options.texts("argv")) {
            (Some(_), Some(_)) => {
                return Err(ModuleError::new("`command` takes a command line or `argv`, not both"));
            }
            (Some(line), None) => split(line)?,
            (None, Some(argv)) => argv,
            (None, None) => Vec::new(),
        };
        if argv.is_empty() {
            return Err(ModuleError::new(
                "`command` has nothing to run\nhint: give it a command line, `cmd` or `argv`",
            ));
        }
        no_nul(argv.iter().map(String::as_str))?;
        let start = Start::Words { argv, expand: options.flag("expand_argument_vars", true) };
        Ok(Work::Host(Box::new(with_common_options(start, options)?)))
    }
}

/// Adds the options that `command`, `shell` and `script` share.
pub(super) fn with_common_options(start: Start, options: &Options) -> Result<Command, ModuleError> {
    let path = |name: &str| {
        let path = options.text(name).filter(|path| !path.is_empty());
        no_nul(path)?;
        Ok(path.map(str::to_owned))
    };
    // `script` gives the output as it is.
    let strip = !matches!(start, Start::Script { .. }) && options.flag("strip_empty_ends", true);
    let newline = if options.flag("stdin_add_newline", true) { "\n" } else { "" };
    Ok(Command {
        platform: Platform::Posix,
        executable: None,
        start,
        chdir: path("chdir")?,
        creates: path("creates")?,
        removes: path("removes")?,
        stdin: options.text("stdin").map(|text| format!("{text}{newline}").into_bytes()),
        strip,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    #[test]
    fn options_are_told_apart() {
        for (module, options, expected) in [
            (
                "command",
                json!({"_raw_params": "echo 'a b' c"}),
                r#"argv: ["echo", "a b", "c"], expand: true"#,
            ),
            ("command", json!({"argv": ["echo", 5, true]}), r#"argv: ["echo", "5", "True"]"#),
            ("command", json!({"cmd": "a", "expand_argument_vars": "no"}), "expand: false"),
            ("command", json!({"cmd": "a", "stdin": "x"}), "stdin: Some([120, 10])"),
            ("command", json!({"cmd": "a", "stdin": "x", "stdin_add_newline": false}), "stdin: Some([120])"),
            (
                "command",
                json!({"cmd": "a", "chdir": "/x", "creates": ""}),
                r#"chdir: Some("/x"), creates: None"#,
            ),
            ("shell", json!({"cmd": " a | b"}), r#"executable: "/bin/sh", text: " a | b""#),
            ("shell", json!({"cmd": "a", "executable": "/bin/bash"}), r#"executable: "/bin/bash""#),
            ("raw", json!({"cmd": "a 'b"}), r#"text: "a 'b""#),
            ("raw", json!({"cmd": "a 'b", "executable": "/bin/bash"}), r#"text: "/bin/bash -c 'a '\\''b'""#),
            ("script", json!({"cmd": "s.sh a 'b c' $X"}), r#"name: "s.sh", text: "\"$0\" a 'b c' $X""#),
            (
                "script",
                json!({"cmd": "'a b.py'", "executable": "python3 -u"}),
                r#"name: "a b.py", text: "python3 -u \"$0\"""#,
            ),
        ] {
            let work = format!("{:?}", plan(module, options.clone()).unwrap());
            assert!(work.contains(expected), "{options}: {work}");
        }
        assert!(format!("{:?}", plan("script", json!({"cmd": "s.sh"})).unwrap()).contains("strip: false"));
        for (module, options) in [
            ("command", json!({})),
            ("command", json!({"cmd": " "})),
            ("command", json!({"argv": []})),
            ("command", json!({"cmd": "a", "argv": ["a"]})),
            ("command", json!({"cmd": "a 'b"})),
            ("command", json!({"cmd": "a\u{0}"})),
            ("command", json!({"cmd": "a", "executable": "/bin/sh"})),
            ("shell", json!({"cmd": ""})),
            ("shell", json!({"cmd": "a", "argv": ["a"]})),
            ("raw", json!({})),
            ("script", json!({"cmd": ""})),
            ("script", json!({"cmd": "missing.sh"})),
            ("script", json!({"cmd": "a", "chdir": "relative"})),
        ] {
            assert!(plan(module, options.clone()).is_err(), "{module} {options}");
        }
    }
}
