//! `include_vars`: variables of files, for one host, until the end of the run.

use super::{
    Control, FreeForm, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, Options,
    Platforms, Work,
};

/// The module.
pub(super) struct IncludeVars;

static SPEC: ModuleSpec = ModuleSpec {
    name: "include_vars",
    options: &[
        OptionSpec::new("file", OptionKind::Text).aliases(&["_raw_params"]),
        OptionSpec::new("dir", OptionKind::Text),
        OptionSpec::new("depth", OptionKind::Int),
        OptionSpec::new("files_matching", OptionKind::Text),
        OptionSpec::new("ignore_files", OptionKind::List),
        OptionSpec::new("extensions", OptionKind::List),
        OptionSpec::new("ignore_unknown_extensions", OptionKind::Bool),
        OptionSpec::new("name", OptionKind::Text),
        OptionSpec::new("hash_behaviour", OptionKind::Choice(&["merge", "replace"])),
    ],
    free_form: FreeForm::Option("file"),
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

impl Module for IncludeVars {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let given = |name: &str| options.contains_key(name);
        match (given("file"), given("dir")) {
            (true, true) => return Err(ModuleError::new("`include_vars` takes `file` or `dir`, not both")),
            (false, false) => return Err(ModuleError::new("`include_vars` needs `file` or `dir`")),
            _ => {}
        }
        let of_dir = ["depth", "files_matching", "ignore_files", "extensions", "ignore_unknown_extensions"];
        if let Some(name) = of_dir.into_iter().find(|name| given("file") && given(name)) {
            let message = format!(
                "option `{name}` of `include_vars` goes with `dir`\nhint: leave it out beside `file`"
            );
            return Err(ModuleError::new(message));
        }
        Ok(Work::Control(Control::IncludeVars(options.clone())))
    }
}
