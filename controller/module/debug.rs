//! `debug`: says something.

use serde_json::{Map, Value};

use super::{
    Control, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options,
    Platforms, Work,
};

/// The module.
pub(super) struct Debug;

static SPEC: ModuleSpec = ModuleSpec {
    name: "debug",
    options: &[
        OptionSpec::new("msg", OptionKind::Any).nullable(),
        OptionSpec::new("var", OptionKind::Text),
        OptionSpec::new("verbosity", OptionKind::Int),
    ],
    raw_options: &["var"],
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

impl Module for Debug {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let mut result = Map::new();
        result.insert("changed".to_owned(), Value::Bool(false));
        if options.int("verbosity").unwrap_or(0) > i64::from(context.verbosity) {
            result.insert("skipped".to_owned(), Value::Bool(true));
            result.insert("skipped_reason".to_owned(), "Verbosity threshold not met.".into());
            return Ok(Work::Control(Control::Result(result)));
        }
        match (options.get("msg"), context.raw_option("var")) {
            (Some(_), Some(_)) => {
                return Err(ModuleError::new("`debug` takes `msg` or `var`, not both\nhint: use two tasks"));
            }
            (msg, None) => {
                result.insert("msg".to_owned(), msg.cloned().unwrap_or_else(|| "Hello world!".into()));
            }
            (None, Some(var)) => {
                let name = var.as_str().ok_or_else(|| {
                    ModuleError::new(format!("option `var` of `debug` wants a name, not {}", var.kind()))
                })?;
                if name.contains("{{") {
                    return Err(ModuleError::new(
                        "option `var` of `debug` takes an expression without braces\nhint: drop the `{{ }}`, or use `msg`",
                    ));
                }
                let value = match (context.variable)(var) {
                    // As in Ansible, what is not defined is shown, and every other error fails the task.
                    Err(error) if error.undefined => {
                        Value::String(format!("<< error 1 - {} >>", error.message))
                    }
                    other => other?,
                };
                result.insert(name.to_owned(), value);
            }
        }
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
    fn says_what_it_is_given() {
        for (options, expected) in [
            (json!({"msg": [1, 2]}), json!({"changed": false, "msg": [1, 2]})),
            (json!({}), json!({"changed": false, "msg": "Hello world!"})),
            (json!({"msg": null}), json!({"changed": false, "msg": null})),
            (json!({"var": "name"}), json!({"changed": false, "name": "name"})),
            (
                json!({"var": "nosuch"}),
                json!({"changed": false, "nosuch": "<< error 1 - 'nosuch' is undefined >>"}),
            ),
            (
                json!({"msg": "x", "verbosity": 2}),
                json!({"changed": false, "skipped": true, "skipped_reason": "Verbosity threshold not met."}),
            ),
        ] {
            let Work::Control(Control::Result(result)) = plan("debug", options).unwrap() else {
                panic!("not a result")
            };
            assert_eq!(Value::Object(result), expected);
        }
        assert!(plan("debug", json!({"var": "pending"})).unwrap_err().pending);
        assert!(plan("debug", json!({"var": "{{ x }}"})).is_err());
        assert!(plan("debug", json!({"var": "x", "msg": "x"})).is_err());
    }
}
