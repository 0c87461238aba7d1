//! `blockinfile`: a block of lines between two marker lines of a text file.

use super::place::{self, CHATTR, SELINUX, UNSAFE};
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Work,
};
use crate::operation::block::{BlockEdit, Place};
use crate::operation::edit::EditFile;
use crate::operation::lines::pattern;
use crate::operation::put::PutOptions;

/// The module.
pub(super) struct BlockInFile;

static SPEC: ModuleSpec = ModuleSpec {
    name: "blockinfile",
    options: &[
        OptionSpec::new("path", OptionKind::Path).required().aliases(&["dest", "destfile", "name"]),
        OptionSpec::new("block", OptionKind::Text).aliases(&["content"]),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
        OptionSpec::new("marker", OptionKind::Text),
        OptionSpec::new("marker_begin", OptionKind::Text),
        OptionSpec::new("marker_end", OptionKind::Text),
        OptionSpec::new("insertafter", OptionKind::Text),
        OptionSpec::new("insertbefore", OptionKind::Text),
        OptionSpec::new("append_newline", OptionKind::Bool),
        OptionSpec::new("prepend_newline", OptionKind::Bool),
        OptionSpec::new("create", OptionKind::Bool),
        OptionSpec::new("backup", OptionKind::Bool),
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

impl Module for BlockInFile {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let text = |name: &str, default: &str| options.text(name).unwrap_or(default).to_owned();
        let marker = text("marker", "# {mark} ANSIBLE MANAGED BLOCK");
        let marked = |name: &str, default: &str| marker.replace("{mark}", &text(name, default));
        let (begin, end) = (marked("marker_begin", "BEGIN"), marked("marker_end", "END"));
        if begin == end {
            return Err(ModuleError::new(format!(
                "both marker lines of `blockinfile` are `{begin}`, so that the end of the block cannot be found\nhint: put `{{mark}}` into `marker`"
            )));
        }
        if begin.contains('\n') || end.contains('\n') {
            return Err(ModuleError::new(
                "`marker` of `blockinfile` has to be one line, or the block is never found again",
            ));
        }
        let regex = |text: &str| pattern(text).map_err(ModuleError::new);
        // A pattern with this flag sees all lines at once, others see one after the other.
        let multiline = |text: &str| {
            text.strip_prefix("(?").and_then(|flags| flags.split_once(')')).is_some_and(|(flags, _)| {
                flags.contains('m') && flags.chars().all(|flag| "aiLmsux".contains(flag))
            })
        };
        let place = match (options.text("insertafter"), options.text("insertbefore")) {
            (Some(_), Some(_)) => {
                return Err(ModuleError::new(
                    "`blockinfile` takes `insertafter` or `insertbefore`, not both",
                ));
            }
            (None | Some("EOF"), None) => Place::End,
            (None, Some("BOF")) => Place::Start,
            (Some(text), None) if multiline(text) => Place::AfterText(regex(text)?),
            (None, Some(text)) if multiline(text) => Place::BeforeText(regex(text)?),
            (Some(text), None) => Place::After(regex(text)?),
            (None, Some(text)) => Place::Before(regex(text)?),
        };
        let edit = BlockEdit {
            begin,
            end,
            block: text("block", ""),
            place,
            append_newline: options.flag("append_newline", false),
            prepend_newline: options.flag("prepend_newline", false),
            present: options.text("state") != Some("absent"),
        };
        let put = PutOptions {
            attributes: place::attributes(options)?,
            backup: options.flag("backup", false),
            validate: place::validate(options)?,
            ..PutOptions::default()
        };
        let path = place::path(options, "path")?;
        Ok(Work::Host(Box::new(EditFile::new(path, edit, options.flag("create", false), put))))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    #[test]
    fn contradictions_are_refused() {
        for (options, expected) in [
            (json!({"path": "/x", "marker": "# same"}), "{mark}"),
            (json!({"path": "/x", "marker": "{mark}\nx"}), "one line"),
            (json!({"path": "/x", "insertafter": "a", "insertbefore": "b"}), "not both"),
            (json!({"path": "/x", "insertafter": "("}), "not valid"),
            (json!({"path": "/x", "validate": "sh"}), "must contain %s"),
            (json!({"path": "/x", "setype": "t"}), "SELinux"),
        ] {
            let error = plan("blockinfile", options.clone()).unwrap_err().message;
            assert!(error.contains(expected), "{options}: {error}");
        }
        let work = plan("blockinfile", json!({"path": "/x", "insertafter": "(?m)a"})).unwrap();
        assert!(format!("{work:?}").contains("AfterText"));
    }
}
