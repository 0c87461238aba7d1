//! `tempfile`: a file or folder under a name that nobody else has.

use serde_json::Value;

use super::words::no_nul;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Work,
};
use crate::operation::temporary::Temporary;

/// The module.
pub(super) struct TempFile;

static SPEC: ModuleSpec = ModuleSpec {
    name: "tempfile",
    options: &[
        OptionSpec::new("state", OptionKind::Choice(&["directory", "file"])),
        OptionSpec::new("path", OptionKind::Path),
        OptionSpec::new("prefix", OptionKind::Text).limited(part_of_a_name),
        OptionSpec::new("suffix", OptionKind::Text).limited(part_of_a_name),
    ],
    ..ModuleSpec::EMPTY
};

fn part_of_a_name(text: &Value) -> Result<(), String> {
    match text.as_str() {
        Some(text) if text.contains(['/', '\0']) => {
            Err(format!("`{text}` cannot be a part of a file's name"))
        }
        _ => Ok(()),
    }
}

impl Module for TempFile {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let path = options.text("path").filter(|path| !path.is_empty());
        no_nul(path)?;
        Ok(Work::Host(Box::new(Temporary {
            directory: options.text("state") == Some("directory"),
            path: path.map(str::to_owned),
            prefix: options.text("prefix").unwrap_or("ansible.").to_owned(),
            suffix: options.text("suffix").unwrap_or_default().to_owned(),
        })))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    #[test]
    fn names_are_parts_of_names() {
        assert!(
            plan("tempfile", json!({"prefix": "a/b"})).unwrap_err().message.contains("part of a file's name")
        );
        assert!(plan("tempfile", json!({"state": "link"})).is_err());
        assert!(format!("{:?}", plan("tempfile", json!({})).unwrap()).contains("ansible."));
    }
}
