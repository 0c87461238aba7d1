//! `set_fact`: sets variables of the host for the rest of the run.

use super::{
    Control, FreeForm, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, Options,
    Platforms, Work,
};

/// The module.
pub(super) struct SetFact;

static SPEC: ModuleSpec = ModuleSpec {
    name: "set_fact",
    aliases: &[],
    options: &[OptionSpec::new("cacheable", OptionKind::Bool)
        .refused("facts last until the end of the run, there is no cache: leave it out")],
    free_form: FreeForm::Pairs,
    open: true,
    raw_options: &[],
    platforms: Platforms::Any,
    only_looks: true,
};

impl Module for SetFact {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        if options.is_empty() {
            return Err(ModuleError::new(
                "`set_fact` has nothing to set\nhint: give it at least one `name: value`",
            ));
        }
        for name in options.keys() {
            let mut chars = name.chars();
            let starts = chars.next().is_some_and(|first| first == '_' || first.is_ascii_alphabetic());
            if is_constant(name) {
                return Err(ModuleError::new(format!(
                    "`{name}` cannot be the name of a variable: in templates it is a value\nhint: give it another name"
                )));
            }
            if !starts || !chars.all(|char| char == '_' || char.is_ascii_alphanumeric()) {
                return Err(ModuleError::new(format!(
                    "`{name}` cannot be the name of a variable\nhint: use letters, digits and `_`, no digit first"
                )));
            }
        }
        Ok(Work::Control(Control::SetFacts(options.clone())))
    }
}

/// Names that templates take for values, whatever variables there are.
fn is_constant(name: &str) -> bool {
    matches!(name, "true" | "True" | "false" | "False" | "none" | "None" | "not")
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn any_proper_name_is_set() {
        let Work::Control(Control::SetFacts(facts)) =
            plan("set_fact", json!({"a": 1, "_b2": null, "c": "x"})).unwrap()
        else {
            panic!("no facts")
        };
        assert_eq!(Value::Object(facts), json!({"a": 1, "_b2": null, "c": "x"}));
        for options in [
            json!({}),
            json!({"a-b": 1}),
            json!({"1a": 1}),
            json!({"none": 1}),
            json!({"cacheable": true, "a": 1}),
        ] {
            assert!(plan("set_fact", options.clone()).is_err(), "{options}");
        }
    }
}
