//! `stat`: what is known about a path.

use serde_json::Value;

use super::place;
use super::windows;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::stat::StatPath;
use crate::shell::Platform;

/// The module.
pub(super) struct Stat;

static SPEC: ModuleSpec = ModuleSpec {
    name: "stat",
    options: &[
        OptionSpec::new("path", OptionKind::Path).required().aliases(&["dest", "name"]),
        OptionSpec::new("follow", OptionKind::Bool),
        OptionSpec::new("get_checksum", OptionKind::Bool),
        OptionSpec::new(
            "checksum_algorithm",
            OptionKind::Choice(&["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]),
        )
        .aliases(&["checksum", "checksum_algo"]),
        OptionSpec::new("get_mime", OptionKind::Bool)
            .aliases(&["mime", "mime_type", "mime-type"])
            .limited(|mime| without("file", mime)),
        OptionSpec::new("get_attributes", OptionKind::Bool)
            .aliases(&["attr", "attributes"])
            .limited(|attributes| without("lsattr", attributes)),
    ],
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

fn without(program: &str, wanted: &Value) -> Result<(), String> {
    if wanted == &Value::Bool(true) {
        return Err(format!(
            "`true` is not supported\nhint: leave it out, or run `{program}` with `command`"
        ));
    }
    Ok(())
}

impl Module for Stat {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        if context.platform == Platform::Windows {
            return windows::stat::plain(options);
        }
        let algorithm = options.text("checksum_algorithm").unwrap_or("sha1").to_owned();
        Ok(Work::Host(Box::new(StatPath {
            path: place::path(options, "path")?,
            follow: options.flag("follow", false),
            checksum: options.flag("get_checksum", true).then_some(algorithm),
        })))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    #[test]
    fn what_needs_other_programs_is_refused() {
        assert!(plan("stat", json!({"path": "/x", "get_mime": false, "get_attributes": false})).is_ok());
        let error = plan("stat", json!({"path": "/x", "mime": true})).unwrap_err().message;
        assert!(error.contains("option `mime` of `stat`: `true` is not supported"), "{error}");
        assert!(plan("stat", json!({"path": "/x", "checksum": "crc"})).is_err());
    }
}
