//! `meta`: steers the run itself.

use super::{
    Control, FreeForm, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues,
    Options, Platforms, Work,
};

/// The module.
pub(super) struct Meta;

static SPEC: ModuleSpec = ModuleSpec {
    name: "meta",
    options: &[OptionSpec::new(
        "free_form",
        OptionKind::Choice(&[
            "clear_facts",
            "end_batch",
            "end_host",
            "end_play",
            "end_role",
            "flush_handlers",
            "noop",
            "reset_connection",
        ]),
    )
    .aliases(&["_raw_params"])
    .required()],
    free_form: FreeForm::Option("free_form"),
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

impl Module for Meta {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let action = options.text("free_form").unwrap_or_default();
        Ok(Work::Control(Control::Meta(action.to_owned())))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use super::*;
    use serde_json::json;

    #[test]
    fn known_actions_only() {
        let Work::Control(Control::Meta(action)) = plan("meta", json!({"free_form": "end_host"})).unwrap()
        else {
            panic!("not meta")
        };
        assert_eq!(action, "end_host");
        assert!(plan("meta", json!({"free_form": "refresh_inventory"})).is_err());
        assert!(plan("meta", json!({})).is_err());
    }
}
