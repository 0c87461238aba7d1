//! `win_powershell`: a script whose streams are told apart, and which says itself whether it changed something.

use serde_json::Value;

use super::place;
use crate::module::words::no_nul;
use crate::module::{
    FreeForm, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options,
    Platforms, Work, to_text,
};
use crate::operation::windows::{PowerShell, Sensitive};

/// The module.
pub(super) struct WinPowerShell;

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_powershell",
    aliases: &["ansible.windows.win_powershell"],
    options: &[
        OptionSpec::new("script", OptionKind::Text),
        OptionSpec::new("path", OptionKind::Path),
        OptionSpec::new("parameters", OptionKind::Map),
        OptionSpec::new("sensitive_parameters", OptionKind::List),
        OptionSpec::new("chdir", OptionKind::Text),
        OptionSpec::new("creates", OptionKind::Path),
        OptionSpec::new("removes", OptionKind::Path),
        OptionSpec::new("depth", OptionKind::Int).limited(depth),
        OptionSpec::new("error_action", OptionKind::Choice(&["silently_continue", "continue", "stop"])),
        OptionSpec::new("executable", OptionKind::Text),
        OptionSpec::new("arguments", OptionKind::List),
        OptionSpec::new("remote_src", OptionKind::Bool).limited(local),
    ],
    free_form: FreeForm::Pairs,
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

fn depth(depth: &Value) -> Result<(), String> {
    match depth.as_i64() {
        Some(0..=20) | None => Ok(()),
        Some(depth) => Err(format!("{depth} is not from 0 to 20")),
    }
}

fn local(remote: &Value) -> Result<(), String> {
    match remote {
        Value::Bool(true) => {
            Err("`true` is not supported\nhint: run a script of the host with `win_command`".to_owned())
        }
        _ => Ok(()),
    }
}

impl Module for WinPowerShell {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let script = match (options.text("script"), options.text("path")) {
            (Some(script), None) => script.to_owned(),
            (None, Some(name)) => {
                let content = context.files.opened(&context.files.find("files", name)?)?;
                let text = String::from_utf8(content.bytes.clone())
                    .map_err(|_| ModuleError::new(format!("the script `{name}` is not UTF-8")))?;
                text.trim_start_matches('\u{feff}').to_owned()
            }
            _ => return Err(ModuleError::new("`win_powershell` needs `script` or `path`, and not both")),
        };
        no_nul([script.as_str()])?;
        let executable = options.text("executable").filter(|name| !name.is_empty()).map(str::to_owned);
        let arguments = options.texts("arguments").unwrap_or_default();
        if executable.as_deref().is_some_and(|name| name.starts_with('@')) {
            return Err(ModuleError::new(
                "option `executable` of `win_powershell` is not the name of a program",
            ));
        }
        if executable.is_none() && !arguments.is_empty() {
            return Err(ModuleError::new(
                "option `arguments` of `win_powershell` is for another `executable`",
            ));
        }
        no_nul(arguments.iter().chain(executable.iter()).map(String::as_str))?;
        Ok(Work::Host(Box::new(PowerShell {
            script,
            parameters: options.map("parameters").cloned().unwrap_or_default(),
            sensitive: sensitive(options)?,
            chdir: options.text("chdir").filter(|path| !path.is_empty()).map(str::to_owned),
            creates: place::some_path(options, "creates")?,
            removes: place::some_path(options, "removes")?,
            depth: options.int("depth").unwrap_or(2),
            error_action: match options.text("error_action") {
                Some("stop") => "Stop",
                Some("silently_continue") => "SilentlyContinue",
                _ => "Continue",
            },
            executable,
            arguments,
            verbosity: context.verbosity,
        })))
    }
}

/// `name` with `value`, or with `username` and `password`.
fn sensitive(options: &Options) -> Result<Vec<(String, Sensitive)>, ModuleError> {
    let wrong =
        |why: &str| ModuleError::new(format!("option `sensitive_parameters` of `win_powershell`: {why}"));
    let mut found = Vec::new();
    for item in options.list("sensitive_parameters").into_iter().flatten() {
        let entries = item.as_object().ok_or_else(|| wrong("each is a mapping"))?;
        if let Some(name) =
            entries.keys().find(|name| !["name", "value", "username", "password"].contains(&name.as_str()))
        {
            return Err(wrong(&format!("`{name}` is not one of `name`, `value`, `username`, `password`")));
        }
        let text = |name: &str| entries.get(name).filter(|value| !value.is_null()).map(to_text);
        let name = text("name").ok_or_else(|| wrong("each needs a `name`"))?;
        let value = match (text("value"), text("username"), text("password")) {
            (Some(value), None, None) => Sensitive::Text(value),
            (None, Some(username), Some(password)) => Sensitive::Credential { username, password },
            _ => return Err(wrong("each needs `value`, or `username` and `password`")),
        };
        found.push((name, value));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{operation, refused, text};
    use serde_json::json;

    #[test]
    fn it_is_a_command_that_reads_its_script() {
        let options = json!({"script": "x", "creates": "C:\\x", "sensitive_parameters": [{"name": "a", "value": "hunter2"}]});
        let text = text("win_powershell", options.clone());
        assert!(text.starts_with("command creates=C:\\x argv=@powershell|"), "{text}");
        assert!(!format!("{:?}", operation("win_powershell", options)).contains("hunter2"));
    }

    #[test]
    fn contradictions_are_refused() {
        for (options, expected) in [
            (json!({}), "needs `script`"),
            (json!({"script": "a", "path": "b"}), "not both"),
            (json!({"script": "a", "depth": 99}), "from 0 to 20"),
            (json!({"script": "a", "arguments": ["-x"]}), "executable"),
            (json!({"script": "a", "sensitive_parameters": ["x"]}), "mapping"),
            (json!({"script": "a", "sensitive_parameters": [{"name": "x"}]}), "needs `value`"),
            (json!({"script": "a", "sensitive_parameters": [{"name": "x", "secret": "y"}]}), "`secret`"),
            (json!({"path": "a", "remote_src": true}), "win_command"),
        ] {
            let error = refused("win_powershell", options);
            assert!(error.contains(expected), "{error}");
        }
    }
}
