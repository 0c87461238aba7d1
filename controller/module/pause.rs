//! `pause`: waits, or asks a person to go on.

use super::{
    Control, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options,
    Platforms, Work,
};

/// The module.
pub(super) struct Pause;

static SPEC: ModuleSpec = ModuleSpec {
    name: "pause",
    options: &[
        OptionSpec::new("minutes", OptionKind::Int),
        OptionSpec::new("seconds", OptionKind::Int),
        OptionSpec::new("prompt", OptionKind::Text),
        OptionSpec::new("echo", OptionKind::Bool),
    ],
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

impl Module for Pause {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let seconds = match (options.int("minutes"), options.int("seconds")) {
            (Some(_), Some(_)) => {
                return Err(ModuleError::new("`pause` takes `minutes` or `seconds`, not both"));
            }
            (Some(minutes), None) => Some(minutes.saturating_mul(60)),
            (None, seconds) => seconds,
        };
        Ok(Work::Control(Control::Pause {
            // Ansible waits at least one second, whatever is given.
            seconds: seconds.map(|seconds| u64::try_from(seconds).unwrap_or(0).max(1)),
            prompt: options.text("prompt").map(str::to_owned),
            echo: options.flag("echo", true),
        }))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use super::*;
    use serde_json::json;

    #[test]
    fn minutes_and_seconds() {
        for (options, expected) in [
            (json!({"minutes": 2}), Some(120)),
            (json!({"seconds": "5"}), Some(5)),
            (json!({"seconds": -5}), Some(1)),
            (json!({"prompt": "go on?", "echo": false}), None),
        ] {
            let Work::Control(Control::Pause { seconds, .. }) = plan("pause", options).unwrap() else {
                panic!("no pause")
            };
            assert_eq!(seconds, expected);
        }
        assert!(plan("pause", json!({"minutes": 1, "seconds": 1})).is_err());
    }
}
