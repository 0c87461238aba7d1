//! `slurp`: the content of a file as base64.

use super::place;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, Options, Platforms, Work,
};
use crate::operation::read::Slurp;

/// The module.
pub(super) struct SlurpModule;

static SPEC: ModuleSpec = ModuleSpec {
    name: "slurp",
    options: &[OptionSpec::new("src", OptionKind::Path).required().aliases(&["path"])],
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

impl Module for SlurpModule {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        Ok(Work::Host(Box::new(Slurp { platform: context.platform, path: place::path(options, "src")? })))
    }
}
