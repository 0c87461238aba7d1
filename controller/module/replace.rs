//! `replace`: all matches of a pattern in a text file.

use serde_json::Value;

use super::place::{self, CHATTR, SELINUX, UNSAFE};
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Work,
};
use crate::operation::edit::EditFile;
use crate::operation::put::PutOptions;
use crate::operation::replace::ReplaceEdit;

/// The module.
pub(super) struct Replace;

static SPEC: ModuleSpec = ModuleSpec {
    name: "replace",
    options: &[
        OptionSpec::new("path", OptionKind::Path).required().aliases(&["dest", "destfile", "name"]),
        OptionSpec::new("regexp", OptionKind::Text).required(),
        OptionSpec::new("replace", OptionKind::Text),
        OptionSpec::new("after", OptionKind::Text),
        OptionSpec::new("before", OptionKind::Text),
        OptionSpec::new("backup", OptionKind::Bool),
        OptionSpec::new("encoding", OptionKind::Text).limited(utf_8),
        OptionSpec::new("validate", OptionKind::Text).limited(place::with_placeholder),
        OptionSpec::new("mode", OptionKind::Mode).limited(place::not_preserved),
        OptionSpec::new("owner", OptionKind::Text).limited(place::account),
        OptionSpec::new("group", OptionKind::Text).limited(place::account),
        OptionSpec::new("attributes", OptionKind::Text).aliases(&["attr"]).refused(CHATTR),
        OptionSpec::new("selevel", OptionKind::Text).refused(SELINUX),
        OptionSpec::new("serole", OptionKind::Text).refused(SELINUX),
        OptionSpec::new("setype", OptionKind::Text).refused(SELINUX),
        OptionSpec::new("seuser", OptionKind::Text).refused(SELINUX),
        OptionSpec::new("unsafe_writes", OptionKind::Bool).refused(UNSAFE),
    ],
    ..ModuleSpec::EMPTY
};

/// A limit of `encoding`.
pub(super) fn utf_8(encoding: &Value) -> Result<(), String> {
    let name = encoding.as_str().unwrap_or_default().to_lowercase();
    match name.as_str() {
        "utf-8" | "utf8" | "u8" | "utf_8" => Ok(()),
        _ => Err(format!(
            "`{name}` is not supported\nhint: only `utf-8` is; use `lineinfile`, which works on bytes"
        )),
    }
}

impl Module for Replace {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let edit = ReplaceEdit::new(
            options.text("regexp").unwrap_or_default(),
            options.text("replace").unwrap_or_default(),
            options.text("after"),
            options.text("before"),
        )
        .map_err(ModuleError::new)?;
        let put = PutOptions {
            attributes: place::attributes(options)?,
            backup: options.flag("backup", false),
            validate: place::validate(options)?,
            ..PutOptions::default()
        };
        Ok(Work::Host(Box::new(EditFile::new(place::path(options, "path")?, edit, false, put))))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (options, expected) in [
            (json!({"path": "/x"}), "needs `regexp`"),
            (json!({"path": "/x", "regexp": "("}), "not valid"),
            (json!({"path": "/x", "regexp": "a", "after": "["}), "not valid"),
            (json!({"path": "/x", "regexp": "a", "encoding": "latin-1"}), "only `utf-8`"),
            (json!({"path": "/x", "regexp": "a", "unsafe_writes": true}), "replaced whole"),
        ] {
            let error = plan("replace", options.clone()).unwrap_err().message;
            assert!(error.contains(expected), "{options}: {error}");
        }
    }
}
