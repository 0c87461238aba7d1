//! `raw`: runs a command line through the login shell, without anything of ours around it.

use super::words::no_nul;
use super::{
    FreeForm, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options,
    Platforms, Work,
};
use crate::operation::command::Raw;
use crate::shell::{Platform, quote};

/// The module.
pub(super) struct RawModule;

static SPEC: ModuleSpec = ModuleSpec {
    name: "raw",
    options: &[
        OptionSpec::new("cmd", OptionKind::Text).aliases(&["_raw_params", "free_form"]).required(),
        OptionSpec::new("executable", OptionKind::Path),
    ],
    free_form: FreeForm::Verbatim("cmd"),
    platforms: Platforms::Any,
    ..ModuleSpec::EMPTY
};

impl Module for RawModule {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let text = options.text("cmd").unwrap_or_default();
        let executable = options.text("executable");
        no_nul(std::iter::once(text).chain(executable))?;
        let text = match (context.platform, executable) {
            (Platform::Windows, executable) => on_windows(text, executable)?,
            (Platform::Posix, Some(executable)) => [executable, "-c", &quote(text)].join(" "),
            (Platform::Posix, None) => text.to_owned(),
        };
        Ok(Work::Host(Box::new(Raw { text })))
    }
}

/// Longest command line that CreateProcess takes.
const LONGEST: usize = 32_000;

/// The command line on Windows: the text as it is for PowerShell, or, for `cmd`, as it is.
fn on_windows(text: &str, executable: Option<&str>) -> Result<String, ModuleError> {
    let name = executable.map(|path| path.rsplit(['\\', '/']).next().unwrap_or(path).to_ascii_lowercase());
    let line = match name.as_deref() {
        None | Some("powershell" | "powershell.exe") => powershell("powershell.exe", text),
        Some("pwsh" | "pwsh.exe") => powershell("pwsh.exe", text),
        Some("cmd" | "cmd.exe") => text.to_owned(),
        Some(_) => {
            let name = executable.unwrap_or_default();
            let what =
                format!("`{name}` cannot run `raw` on Windows\nhint: `powershell`, `pwsh` and `cmd` can");
            return Err(ModuleError::new(format!("`executable`: {what}")));
        }
    };
    if line.len() > LONGEST {
        let what =
            "the command line is too long for Windows\nhint: use `win_powershell`, which sends it as content";
        return Err(ModuleError::new(what));
    }
    Ok(line)
}

fn powershell(program: &str, text: &str) -> String {
    let encoded = paceline_remote::encode_command(text);
    format!(
        "{program} -NoProfile -NonInteractive -InputFormat None -OutputFormat Text -ExecutionPolicy Bypass -EncodedCommand {encoded}"
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn on_windows_the_text_goes_to_powershell_or_cmd_as_it_is() {
        let line = on_windows("hi", None).unwrap();
        assert!(
            line.starts_with("powershell.exe -NoProfile ") && line.ends_with(" -EncodedCommand aABpAA=="),
            "{line}"
        );
        assert_eq!(
            on_windows("dir \"C:\\a b\" & ver", Some(r"C:\Windows\System32\CMD.exe")).unwrap(),
            "dir \"C:\\a b\" & ver"
        );
        assert!(on_windows("x", Some("pwsh")).unwrap().starts_with("pwsh.exe "));
        assert!(on_windows("x", Some("/bin/bash")).is_err());
        assert!(on_windows(&"x".repeat(20_000), None).is_err());
    }
}
