//! `assert`: fails unless all conditions hold.

use serde_json::{Map, Value};

use super::{
    Control, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, Options, Platforms, Work,
};
use crate::source::{Node, NodeValue};

/// The module.
pub(super) struct Assert;

static SPEC: ModuleSpec = ModuleSpec {
    name: "assert",
    options: &[
        OptionSpec::new("that", OptionKind::Any).required(),
        OptionSpec::new("fail_msg", OptionKind::Any).aliases(&["msg"]),
        OptionSpec::new("success_msg", OptionKind::Any),
        OptionSpec::new("quiet", OptionKind::Bool),
    ],
    raw_options: &["that"],
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

impl Module for Assert {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let that = context.raw_option("that").ok_or_else(|| ModuleError::new("`assert` needs `that`"))?;
        let conditions = match &that.value {
            NodeValue::Sequence(conditions) => conditions.as_slice(),
            _ => std::slice::from_ref(that),
        };
        let message = |name: &str, default: &str| match options.get(name) {
            None => Ok(Value::from(default)),
            Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
                Ok(Value::Array(items.clone()))
            }
            Some(Value::String(text)) => Ok(Value::String(text.clone())),
            Some(_) => {
                Err(ModuleError::new(format!("option `{name}` of `assert` wants text or a list of text")))
            }
        };
        let (failed, passed) =
            (message("fail_msg", "Assertion failed")?, message("success_msg", "All assertions passed")?);
        let mut result = Map::new();
        result.insert("changed".to_owned(), Value::Bool(false));
        for condition in conditions {
            if !(context.condition)(condition)? {
                result.insert("failed".to_owned(), Value::Bool(true));
                result.insert("assertion".to_owned(), written(condition));
                result.insert("evaluated_to".to_owned(), Value::Bool(false));
                result.insert("msg".to_owned(), failed);
                return Ok(Work::Control(Control::Result(result)));
            }
        }
        result.insert("msg".to_owned(), passed);
        Ok(Work::Control(Control::Result(result)))
    }
}

fn written(condition: &Node) -> Value {
    match &condition.value {
        NodeValue::Bool(bool) => Value::Bool(*bool),
        _ => Value::String(condition.as_str().unwrap_or_default().to_owned()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use super::*;
    use serde_json::json;

    fn result(options: Value) -> Value {
        match plan("assert", options).unwrap() {
            Work::Control(Control::Result(result)) => Value::Object(result),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn results_are_those_of_ansible() {
        assert_eq!(
            result(json!({"that": "true"})),
            json!({"changed": false, "msg": "All assertions passed"})
        );
        assert_eq!(
            result(json!({"that": [true, "true"], "success_msg": "yeah"})),
            json!({"changed": false, "msg": "yeah"})
        );
        assert_eq!(
            result(json!({"that": ["true", "n == 6", "nosuch"], "msg": ["a", "b"]})),
            json!({"changed": false, "failed": true, "assertion": "n == 6", "evaluated_to": false, "msg": ["a", "b"]})
        );
        assert_eq!(
            result(json!({"that": false})),
            json!({"changed": false, "failed": true, "assertion": false, "evaluated_to": false, "msg": "Assertion failed"})
        );
    }

    #[test]
    fn a_condition_that_cannot_be_evaluated_is_an_error() {
        assert_eq!(plan("assert", json!({"that": "nosuch"})).unwrap_err().message, "'nosuch' is undefined");
        assert!(plan("assert", json!({"that": ["pending"]})).unwrap_err().pending);
        assert!(plan("assert", json!({"msg": "x"})).is_err());
        assert!(plan("assert", json!({"that": true, "fail_msg": 5})).is_err());
    }
}
