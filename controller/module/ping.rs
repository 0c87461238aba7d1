//! `ping`: shows that steps run on the host.

use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::ping::Ping;

/// The module.
pub(super) struct PingModule;

static SPEC: ModuleSpec = ModuleSpec {
    name: "ping",
    options: &[OptionSpec::new("data", OptionKind::Text)],
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

impl Module for PingModule {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let data = options.text("data").unwrap_or("pong");
        if data == "crash" {
            return Err(ModuleError::new("boom"));
        }
        Ok(Work::Host(Box::new(Ping { platform: context.platform, data: data.to_owned() })))
    }
}
