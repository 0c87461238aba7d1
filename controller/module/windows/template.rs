//! `win_template`, and `template` on a Windows host.

use std::sync::Arc;

use serde_json::Value;

use super::place;
use crate::module::template::utf8;
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::Content;
use crate::operation::windows::{PutFile, PutOptions};

/// The module.
pub(super) struct WinTemplate;

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_template",
    aliases: &["ansible.windows.win_template"],
    options: &[
        OptionSpec::new("src", OptionKind::Text).required(),
        OptionSpec::new("dest", OptionKind::Path).required(),
        OptionSpec::new("backup", OptionKind::Bool),
        OptionSpec::new("force", OptionKind::Bool),
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
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

impl Module for WinTemplate {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        // Unlike `template`, `win_template` writes CR LF unless it is told otherwise.
        let mut options = options.clone();
        options.entry("newline_sequence").or_insert_with(|| Value::from("\r\n"));
        template(&options, context, true)
    }
}

/// `template` on a Windows host.
pub(in crate::module) fn plain(options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
    place::no_posix("template", options)?;
    template(options, context, false)
}

fn template(options: &Options, context: &ModuleContext<'_>, as_win_copy: bool) -> Result<Work, ModuleError> {
    let source = context.files.find("templates", &place::path(options, "src")?)?;
    let file = context.files.source(&source)?;
    let text = (context.render)(&file, options)?;
    let dest = place::path(options, "dest")?;
    let put = PutOptions {
        name: source.file_name().map(|name| name.to_string_lossy().into_owned()),
        parents: place::is_folder(&dest),
        keep: !options.flag("force", true),
        backup: options.flag("backup", false),
        as_win_copy,
        ..PutOptions::default()
    };
    let content = Arc::new(match file.is_encrypted() {
        true => Content::hidden(text.into_bytes()),
        false => Content::new(text.into_bytes()),
    });
    Ok(Work::Host(Box::new(PutFile::new(dest, content, put, Some(source.display().to_string())))))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{refused, text};
    use serde_json::json;

    #[test]
    fn it_is_put() {
        let text = text("win_template", json!({"src": "a.j2", "dest": "C:\\x\\a.conf", "backup": true}));
        assert!(text.starts_with("put path=C:\\x\\a.conf digest=e3b0c442"), "{text}");
        assert!(text.ends_with(" size=0 name=a.j2 backup=1"), "{text}");
        assert!(
            refused("template", json!({"src": "a.j2", "dest": "C:\\x", "mode": "0600"})).contains("win_acl")
        );
        assert!(
            refused("win_template", json!({"src": "a.j2", "dest": "C:\\x", "output_encoding": "latin-1"}))
                .contains("latin-1")
        );
    }
}
