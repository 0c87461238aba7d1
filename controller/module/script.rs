//! `script`: sends a local file and runs it.

use super::command::with_common_options;
use super::copy::local_content;
use super::windows;
use super::words::{no_nul, split};
use super::{
    FreeForm, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options,
    Platforms, Work,
};
use crate::operation::command::Start;
use crate::shell::Platform;

/// The module.
pub(super) struct Script;

static SPEC: ModuleSpec = ModuleSpec {
    name: "script",
    options: &[
        OptionSpec::new("cmd", OptionKind::Text).aliases(&["_raw_params"]).required(),
        OptionSpec::new("chdir", OptionKind::Path),
        OptionSpec::new("creates", OptionKind::Path),
        OptionSpec::new("removes", OptionKind::Path),
        OptionSpec::new("executable", OptionKind::Path),
        OptionSpec::new("decrypt", OptionKind::Bool),
    ],
    free_form: FreeForm::Option("cmd"),
    platforms: Platforms::Any,
    ..ModuleSpec::EMPTY
};

/// Refuses a folder that is not whole. On Windows it may begin with a drive, a share or a variable.
fn absolute(options: &Options, platform: Platform) -> Result<(), ModuleError> {
    let Some(path) = options.text("chdir").filter(|path| !path.is_empty()) else { return Ok(()) };
    let windows = path.get(1..2) == Some(":") || path.starts_with(['%', '\\']);
    if path.starts_with('/') || platform == Platform::Windows && windows {
        return Ok(());
    }
    Err(ModuleError::new(format!("option `chdir`: `{path}` is not an absolute path")))
}

impl Module for Script {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let line = options.text("cmd").unwrap_or_default().trim();
        no_nul([line])?;
        absolute(options, context.platform)?;
        let (file, arguments) = first_word(line)?;
        let path = context.files.find("files", &file)?;
        let content = local_content(&path, options, context)?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("script").to_owned();
        if context.platform == Platform::Windows {
            return windows::command::plain_script(content, name, arguments, options);
        }
        let executable = options.text("executable").map(|executable| format!("{executable} "));
        // The host's shell reads the arguments, as Ansible has it; `$0` is the file.
        let text = format!("{}\"$0\"{arguments}", executable.unwrap_or_default());
        let start = Start::Script { content, name, text };
        Ok(Work::Host(Box::new(with_common_options(start, options)?)))
    }
}

/// Splits the name of the file from the arguments, which stay as they were written.
fn first_word(line: &str) -> Result<(String, &str), ModuleError> {
    let ends = line.char_indices().filter(|(_, char)| char.is_whitespace()).map(|(at, _)| at);
    for end in ends.chain([line.len()]) {
        if let Ok(words) = split(&line[..end])
            && let [word] = words.as_slice()
        {
            return Ok((word.clone(), &line[end..]));
        }
    }
    Err(ModuleError::new(format!("`script` names no file: `{line}`")))
}
