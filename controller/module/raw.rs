//! `raw`: runs a command line through the login shell, without anything of ours around it.

use super::words::no_nul;
use super::{
    FreeForm, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options,
    Platforms, Work,
};
use crate::operation::command::Raw;
use crate::shell::quote;

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

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let text = options.text("cmd").unwrap_or_default();
        let executable = options.text("executable");
        no_nul(std::iter::once(text).chain(executable))?;
        let text = match executable {
            Some(executable) => [executable, "-c", &quote(text)].join(" "),
            None => text.to_owned(),
        };
        Ok(Work::Host(Box::new(Raw { text })))
    }
}
