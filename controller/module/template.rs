//! `template`: a local template, rendered here, as the content of a file.

use std::sync::Arc;

use serde_json::Value;

use super::place::{self, CHATTR, SELINUX, UNSAFE};
use super::windows;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::Content;
use crate::operation::put::{PutFile, PutOptions};
use crate::shell::Platform;

/// The module.
pub(super) struct TemplateModule;

static SPEC: ModuleSpec = ModuleSpec {
    name: "template",
    options: &[
        OptionSpec::new("src", OptionKind::Text).required(),
        OptionSpec::new("dest", OptionKind::Path).required(),
        OptionSpec::new("mode", OptionKind::Mode),
        OptionSpec::new("owner", OptionKind::Text).limited(place::account),
        OptionSpec::new("group", OptionKind::Text).limited(place::account),
        OptionSpec::new("backup", OptionKind::Bool),
        OptionSpec::new("force", OptionKind::Bool),
        OptionSpec::new("follow", OptionKind::Bool),
        OptionSpec::new("validate", OptionKind::Text).limited(place::with_placeholder),
        OptionSpec::new(
            "newline_sequence",
            OptionKind::Choice(&["\n", "\r", "\r\n", "\\n", "\\r", "\\r\\n"]),
        ),
        OptionSpec::new("block_start_string", OptionKind::Text),
        OptionSpec::new("block_end_string", OptionKind::Text),
        OptionSpec::new("variable_start_string", OptionKind::Text),
        OptionSpec::new("variable_end_string", OptionKind::Text),
        OptionSpec::new("comment_start_string", OptionKind::Text),
        OptionSpec::new("comment_end_string", OptionKind::Text),
        OptionSpec::new("trim_blocks", OptionKind::Bool),
        OptionSpec::new("lstrip_blocks", OptionKind::Bool),
        OptionSpec::new("output_encoding", OptionKind::Text).limited(utf8),
        OptionSpec::new("attributes", OptionKind::Text).aliases(&["attr"]).refused(CHATTR),
        OptionSpec::new("selevel", OptionKind::Text).refused(SELINUX),
        OptionSpec::new("serole", OptionKind::Text).refused(SELINUX),
        OptionSpec::new("setype", OptionKind::Text).refused(SELINUX),
        OptionSpec::new("seuser", OptionKind::Text).refused(SELINUX),
        OptionSpec::new("unsafe_writes", OptionKind::Bool).refused(UNSAFE),
    ],
    platforms: Platforms::Any,
    ..ModuleSpec::EMPTY
};

pub(super) fn utf8(encoding: &Value) -> Result<(), String> {
    match encoding.as_str().map(str::to_lowercase).as_deref() {
        Some("utf-8" | "utf8" | "utf_8") | None => Ok(()),
        Some(encoding) => Err(format!("`{encoding}` is not supported\nhint: leave it out for `utf-8`")),
    }
}

impl Module for TemplateModule {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        if context.platform == Platform::Windows {
            return windows::template::plain(options, context);
        }
        let source = context.files.find("templates", &place::path(options, "src")?)?;
        let name = source.file_name().map(|name| name.to_string_lossy().into_owned());
        let mut attributes = place::attributes(options)?;
        if options.text("mode") == Some("preserve") {
            attributes.mode = Some(context.files.mode(&source)?);
        }
        let file = context.files.source(&source)?;
        let text = (context.render)(&file, options)?;
        let put = PutOptions {
            attributes,
            name,
            make_parents: true,
            follow: options.flag("follow", false),
            keep: !options.flag("force", true),
            backup: options.flag("backup", false),
            validate: place::validate(options)?,
            ..PutOptions::default()
        };
        let content = Arc::new(match file.is_encrypted() {
            true => Content::hidden(text.into_bytes()),
            false => Content::new(text.into_bytes()),
        });
        let shown = Some(source.display().to_string());
        Ok(Work::Host(Box::new(PutFile::new(place::path(options, "dest")?, content, put, shown))))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    #[test]
    fn the_destination_may_be_a_folder() {
        let crate::module::Work::Host(mut operation) =
            plan("template", json!({"src": "a.j2", "dest": "/x/", "mode": "0600", "follow": true})).unwrap()
        else {
            panic!("not for the host")
        };
        let text = operation.first(crate::operation::Mode::default()).text;
        assert!(text.contains("pf_put '/x' 'a.j2' 'e3b0c442"), "{text}");
        assert!(text.contains(" '0' 'dsmf' "), "{text}");
    }

    #[test]
    fn other_encodings_are_refused() {
        let error = plan("template", json!({"src": "a.j2", "dest": "/x", "output_encoding": "latin-1"}));
        assert!(error.unwrap_err().message.contains("latin-1"));
        assert!(plan("template", json!({"src": "missing", "dest": "/x"})).is_err());
    }
}
