//! `win_lineinfile`, and `lineinfile` on a Windows host.

use serde_json::Value;

use super::place;
use crate::module::lineinfile::{LineOptions, edit};
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::EditFile;

/// The module.
pub(super) struct WinLineInFile;

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_lineinfile",
    aliases: &["community.windows.win_lineinfile"],
    options: &[
        OptionSpec::new("path", OptionKind::Path).required().aliases(&["dest", "destfile", "name"]),
        OptionSpec::new("line", OptionKind::Text),
        OptionSpec::new("regex", OptionKind::Text).aliases(&["regexp"]),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
        OptionSpec::new("backrefs", OptionKind::Bool),
        OptionSpec::new("insertafter", OptionKind::Text),
        OptionSpec::new("insertbefore", OptionKind::Text),
        OptionSpec::new("create", OptionKind::Bool),
        OptionSpec::new("backup", OptionKind::Bool),
        OptionSpec::new("newline", OptionKind::Choice(&["unix", "windows"])),
        OptionSpec::new("encoding", OptionKind::Text).limited(by_its_mark),
        OptionSpec::new("validate", OptionKind::Text)
            .refused("check the file with `win_command` in a `block`, and take it back in `rescue`"),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

fn by_its_mark(encoding: &Value) -> Result<(), String> {
    match encoding.as_str() {
        None | Some("auto" | "utf-8" | "") => Ok(()),
        Some(encoding) => Err(format!(
            "`{encoding}` is not supported\nhint: leave it out: the byte order mark of the file says it"
        )),
    }
}

impl Module for WinLineInFile {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let mut file = file("win_lineinfile", options)?;
        file.carriage_returns = Some(options.text("newline") != Some("unix"));
        Ok(Work::Host(Box::new(file)))
    }
}

/// `lineinfile` on a Windows host: lines end as those of the file do.
pub(in crate::module) fn plain(options: &Options) -> Result<Work, ModuleError> {
    place::no_posix("lineinfile", options)?;
    Ok(Work::Host(Box::new(file("lineinfile", options)?)))
}

fn file(module: &str, options: &Options) -> Result<EditFile, ModuleError> {
    let regexp = options.text("regex").or_else(|| options.text("regexp"));
    let edit = edit(&LineOptions { module, regexp, options })?;
    let mut file = EditFile::new(place::path(options, "path")?, edit, options.flag("create", false));
    file.backup = options.flag("backup", false);
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{refused, text};
    use serde_json::json;

    #[test]
    fn the_file_is_read_first() {
        for module in ["win_lineinfile", "lineinfile"] {
            let text = text(module, json!({"path": "C:\\a.ini", "line": "b", "regexp": "^b"}));
            assert_eq!(text, "read path=C:\\a.ini limit=16777216 digest=1 edit=1");
        }
        for (module, options, expected) in [
            ("win_lineinfile", json!({"path": "C:\\x"}), "needs `line`"),
            ("win_lineinfile", json!({"path": "C:\\x", "line": "a", "regexp": "("}), "not valid"),
            (
                "win_lineinfile",
                json!({"path": "C:\\x", "line": "a", "encoding": "cp1252"}),
                "byte order mark",
            ),
            ("lineinfile", json!({"path": "C:\\x", "line": "a", "owner": "b"}), "win_owner"),
        ] {
            let error = refused(module, options);
            assert!(error.contains(expected), "{error}");
        }
    }
}
