//! `win_command` and `win_shell`, and `command`, `shell` and `script` on a Windows host.

use serde_json::Value;

use super::place;
use crate::module::words::no_nul;
use crate::module::{
    FreeForm, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options,
    Platforms, Work,
};
use crate::operation::command::{Command, Start};
use crate::shell::Platform;

/// The module that runs a program.
pub(super) struct WinCommand;

/// The module that runs text for a shell.
pub(super) struct WinShell;

static COMMAND: ModuleSpec = ModuleSpec {
    name: "win_command",
    aliases: &["ansible.windows.win_command"],
    options: &[
        OptionSpec::new("cmd", OptionKind::Text).aliases(&["_raw_params"]),
        OptionSpec::new("argv", OptionKind::List),
        OptionSpec::new("chdir", OptionKind::Path),
        OptionSpec::new("creates", OptionKind::Path),
        OptionSpec::new("removes", OptionKind::Path),
        OptionSpec::new("stdin", OptionKind::Text),
        OptionSpec::new("expand_argument_vars", OptionKind::Bool).limited(not_expanded),
        OptionSpec::new("output_encoding_override", OptionKind::Text).limited(utf8),
    ],
    free_form: FreeForm::Option("cmd"),
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

static SHELL: ModuleSpec = ModuleSpec {
    name: "win_shell",
    aliases: &["ansible.windows.win_shell"],
    options: &[
        OptionSpec::new("cmd", OptionKind::Text).aliases(&["_raw_params"]).required(),
        OptionSpec::new("chdir", OptionKind::Path),
        OptionSpec::new("creates", OptionKind::Path),
        OptionSpec::new("removes", OptionKind::Path),
        OptionSpec::new("executable", OptionKind::Path),
        OptionSpec::new("no_profile", OptionKind::Bool),
        OptionSpec::new("stdin", OptionKind::Text),
        OptionSpec::new("output_encoding_override", OptionKind::Text).limited(utf8),
    ],
    free_form: FreeForm::Option("cmd"),
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

fn not_expanded(expand: &Value) -> Result<(), String> {
    match expand {
        Value::Bool(true) => {
            Err("`true` is not supported\nhint: use `win_shell` with `executable: cmd`".to_owned())
        }
        _ => Ok(()),
    }
}

fn utf8(encoding: &Value) -> Result<(), String> {
    match encoding.as_str().map(str::to_lowercase).as_deref() {
        None | Some("utf-8" | "utf8" | "") => Ok(()),
        Some(encoding) => {
            Err(format!("`{encoding}` is not supported\nhint: output is read as UTF-8; leave it out"))
        }
    }
}

impl Module for WinCommand {
    fn spec(&self) -> &'static ModuleSpec {
        &COMMAND
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        command("win_command", options)
    }
}

impl Module for WinShell {
    fn spec(&self) -> &'static ModuleSpec {
        &SHELL
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        shell("win_shell", options, !options.flag("no_profile", false))
    }
}

/// `command` on a Windows host: the line is one for Windows, which takes it apart itself.
pub(in crate::module) fn plain_command(options: &Options) -> Result<Work, ModuleError> {
    command("command", options)
}

/// `shell` on a Windows host: PowerShell, or what `executable` names.
pub(in crate::module) fn plain_shell(options: &Options) -> Result<Work, ModuleError> {
    shell("shell", options, false)
}

fn command(module: &str, options: &Options) -> Result<Work, ModuleError> {
    let start =
        match (options.text("cmd").map(str::trim).filter(|line| !line.is_empty()), options.texts("argv")) {
            (Some(_), Some(_)) => {
                return Err(ModuleError::new(format!("`{module}` takes a command line or `argv`, not both")));
            }
            (Some(line), None) if line.starts_with('@') => {
                return Err(ModuleError::new(format!("`{line}` is not the name of a program")));
            }
            (Some(line), None) => {
                no_nul([line])?;
                Start::Line { text: line.to_owned() }
            }
            (None, Some(argv))
                if argv.first().is_some_and(|word| !word.is_empty() && !word.starts_with('@')) =>
            {
                no_nul(argv.iter().map(String::as_str))?;
                Start::Words { argv, expand: false }
            }
            _ => {
                return Err(ModuleError::new(format!(
                    "`{module}` has nothing to run\nhint: give it a command line, `cmd` or `argv`"
                )));
            }
        };
    finish(module, start, options)
}

fn shell(module: &str, options: &Options, profile: bool) -> Result<Work, ModuleError> {
    let text = options.text("cmd").unwrap_or_default().to_owned();
    if text.trim().is_empty() {
        return Err(ModuleError::new(format!("`{module}` has nothing to run\nhint: give it a command line")));
    }
    no_nul([text.as_str()])?;
    let start = match options.text("executable").filter(|name| !name.is_empty()) {
        None => Start::PowerShell { text, profile },
        Some(name) if is_powershell(name) => {
            return Err(ModuleError::new(format!(
                "`executable: {name}` of `{module}` is not supported\nhint: leave it out for Windows PowerShell; `win_powershell` has `executable` for PowerShell 7"
            )));
        }
        Some(name) => {
            no_nul([name])?;
            let executable = if name.eq_ignore_ascii_case("cmd") { "@cmd" } else { name };
            Start::Shell { executable: quoted(executable), text }
        }
    };
    finish(module, start, options)
}

fn is_powershell(name: &str) -> bool {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name).to_lowercase();
    matches!(last.strip_suffix(".exe").unwrap_or(&last), "powershell" | "pwsh")
}

/// A program's path with blanks in it, as the first word of a command line.
fn quoted(path: &str) -> String {
    if path.contains(' ') && !path.contains('"') { format!("\"{path}\"") } else { path.to_owned() }
}

fn finish(module: &str, start: Start, options: &Options) -> Result<Work, ModuleError> {
    let newline =
        if module.starts_with("win_") || !options.flag("stdin_add_newline", true) { "" } else { "\n" };
    let command = Command {
        chdir: place::some_path(options, "chdir")?,
        creates: place::some_path(options, "creates")?,
        removes: place::some_path(options, "removes")?,
        stdin: options.text("stdin").map(|text| format!("{text}{newline}").into_bytes()),
        strip: !module.starts_with("win_") && options.flag("strip_empty_ends", true),
        ..Command::new(Platform::Windows, start)
    };
    Ok(Work::Host(Box::new(command)))
}

/// `script` on a Windows host: a `.ps1` runs in PowerShell, another file by itself.
pub(in crate::module) fn plain_script(
    content: std::sync::Arc<crate::operation::Content>,
    name: String,
    arguments: &str,
    options: &Options,
) -> Result<Work, ModuleError> {
    let executable = options.text("executable").filter(|name| !name.is_empty());
    if executable.is_some_and(|name| name.starts_with('@')) || arguments.contains(['\r', '\n']) {
        return Err(ModuleError::new("the command line of `script` cannot be one on Windows"));
    }
    let start = Start::Script { content, name, text: arguments.trim_start().to_owned() };
    let command = Command {
        chdir: place::some_path(options, "chdir")?,
        creates: place::some_path(options, "creates")?,
        removes: place::some_path(options, "removes")?,
        executable: executable.map(str::to_owned),
        strip: false,
        ..Command::new(Platform::Windows, start)
    };
    Ok(Work::Host(Box::new(command)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{operation, refused, text, told};
    use serde_json::json;

    #[test]
    fn options_become_calls() {
        for (module, options, expected) in [
            ("win_command", json!({"_raw_params": "whoami.exe /all"}), "command line=whoami.exe /all"),
            ("win_command", json!({"argv": ["a b.exe", 5]}), "command argv=a b.exe|5"),
            (
                "command",
                json!({"cmd": "net stop x", "chdir": "C:\\x", "creates": "C:\\y"}),
                "command chdir=C:\\x creates=C:\\y line=net stop x",
            ),
            ("win_shell", json!({"cmd": "dir", "executable": "cmd"}), "command line=@cmd /c dir"),
            (
                "shell",
                json!({"cmd": "x", "executable": "C:\\P F\\bash.exe"}),
                "command line=\"C:\\P F\\bash.exe\" /c x",
            ),
            ("script", json!({"cmd": "a.ps1 -Name 'b c'"}), "command script=a.ps1 arguments=-Name 'b c'"),
        ] {
            assert_eq!(text(module, options), expected);
        }
        let shell = text("win_shell", json!({"cmd": "Get-Date", "no_profile": true}));
        assert!(shell.contains("@powershell|-NonInteractive|-NoProfile|") && shell.ends_with(" stdin=1"));
        assert!(!text("win_shell", json!({"cmd": "Get-Date"})).contains("-NoProfile"));
    }

    #[test]
    fn what_cannot_run_is_refused() {
        for (module, options, expected) in [
            ("win_command", json!({}), "nothing to run"),
            ("win_command", json!({"cmd": "a", "argv": ["b"]}), "not both"),
            ("win_command", json!({"cmd": "@cmd /c x"}), "not the name"),
            ("win_command", json!({"cmd": "a", "output_encoding_override": "cp850"}), "UTF-8"),
            ("win_shell", json!({"cmd": " "}), "nothing to run"),
            ("win_shell", json!({"cmd": "a", "executable": "pwsh.exe"}), "win_powershell"),
        ] {
            let error = refused(module, options);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_guard_skips_the_task() {
        let options = json!({"cmd": "a", "creates": "C:\\x"});
        let (outcome, result) = told("win_command", options, 0, &[("skip", "creates")]);
        assert!(outcome.skipped && !outcome.changed);
        assert_eq!(result["msg"], "skipped, since C:\\x exists");
        assert!(!operation("win_command", json!({"cmd": "a", "creates": "C:\\x"})).irreversible());
        assert!(operation("win_command", json!({"cmd": "a", "creates": "C:\\x\\..\\y"})).irreversible());
        assert!(operation("win_shell", json!({"cmd": "a"})).irreversible());
    }
}
