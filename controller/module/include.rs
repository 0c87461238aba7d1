//! `include_tasks` and `include_role`: tasks whose place is known before the run, and whose turn is decided by each host.

use super::{
    Control, FreeForm, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, Options,
    Platforms, Work,
};

/// The modules.
pub(super) struct IncludeTasks;
pub(super) struct IncludeRole;

static TASKS: ModuleSpec = ModuleSpec {
    name: "include_tasks",
    options: &[
        OptionSpec::new("file", OptionKind::Text).aliases(&["_raw_params"]).required(),
        OptionSpec::new("apply", OptionKind::Map),
    ],
    free_form: FreeForm::Option("file"),
    raw_options: &["apply"],
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

static ROLE: ModuleSpec = ModuleSpec {
    name: "include_role",
    options: &[
        OptionSpec::new("name", OptionKind::Text).aliases(&["role"]).required(),
        OptionSpec::new("tasks_from", OptionKind::Text),
        OptionSpec::new("vars_from", OptionKind::Text),
        OptionSpec::new("defaults_from", OptionKind::Text),
        OptionSpec::new("handlers_from", OptionKind::Text),
        OptionSpec::new("apply", OptionKind::Map),
        OptionSpec::new("public", OptionKind::Bool),
        OptionSpec::new("allow_duplicates", OptionKind::Bool),
        OptionSpec::new("rolespec_validate", OptionKind::Bool),
    ],
    raw_options: &["apply"],
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

impl Module for IncludeTasks {
    fn spec(&self) -> &'static ModuleSpec {
        &TASKS
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        Ok(Work::Control(Control::Include(options.clone())))
    }
}

impl Module for IncludeRole {
    fn spec(&self) -> &'static ModuleSpec {
        &ROLE
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        Ok(Work::Control(Control::Include(options.clone())))
    }
}
