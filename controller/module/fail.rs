//! `fail`: fails with a message.

use serde_json::{Map, Value};

use super::{
    Control, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, Options, Platforms, Work,
};

/// The module.
pub(super) struct Fail;

static SPEC: ModuleSpec = ModuleSpec {
    name: "fail",
    options: &[OptionSpec::new("msg", OptionKind::Any)],
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

impl Module for Fail {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let message = options.get("msg").cloned().unwrap_or_else(|| "Failed as requested from task".into());
        let mut result = Map::new();
        result.insert("changed".to_owned(), Value::Bool(false));
        result.insert("failed".to_owned(), Value::Bool(true));
        result.insert("msg".to_owned(), message);
        Ok(Work::Control(Control::Result(result)))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use super::*;
    use serde_json::json;

    #[test]
    fn fails_with_its_message() {
        for (options, message) in
            [(json!({}), json!("Failed as requested from task")), (json!({"msg": "no"}), json!("no"))]
        {
            let Work::Control(Control::Result(result)) = plan("fail", options).unwrap() else {
                panic!("not a result")
            };
            assert_eq!(Value::Object(result), json!({"changed": false, "failed": true, "msg": message}));
        }
    }
}
