//! `shell`: runs a command line in a shell.

use super::command::with_common_options;
use super::windows;
use super::words::no_nul;
use super::{
    FreeForm, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options,
    Platforms, Work,
};
use crate::operation::command::Start;
use crate::shell::Platform;

/// The module.
pub(super) struct Shell;

static SPEC: ModuleSpec = ModuleSpec {
    name: "shell",
    options: &[
        OptionSpec::new("cmd", OptionKind::Text).aliases(&["_raw_params"]).required(),
        OptionSpec::new("chdir", OptionKind::Path),
        OptionSpec::new("creates", OptionKind::Path),
        OptionSpec::new("removes", OptionKind::Path),
        OptionSpec::new("executable", OptionKind::Path),
        OptionSpec::new("stdin", OptionKind::Text),
        OptionSpec::new("stdin_add_newline", OptionKind::Bool),
        OptionSpec::new("warn", OptionKind::Bool).refused("Ansible dropped it: leave it out"),
    ],
    free_form: FreeForm::Option("cmd"),
    platforms: Platforms::Any,
    ..ModuleSpec::EMPTY
};

impl Module for Shell {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        if context.platform == Platform::Windows {
            return windows::command::plain_shell(options);
        }
        let text = options.text("cmd").unwrap_or_default().to_owned();
        let executable = options.text("executable").unwrap_or("/bin/sh").to_owned();
        if text.trim().is_empty() {
            return Err(ModuleError::new("`shell` has nothing to run\nhint: give it a command line"));
        }
        no_nul([text.as_str(), &executable])?;
        let start = Start::Shell { executable, text };
        Ok(Work::Host(Box::new(with_common_options(start, options)?)))
    }
}
