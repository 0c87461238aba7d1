//! `lineinfile`: one line of a text file.

use super::place::{self, CHATTR, SELINUX, UNSAFE};
use super::windows;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::edit::EditFile;
use crate::operation::lines::{Find, Insert, LineEdit, pattern};
use crate::operation::put::PutOptions;
use crate::shell::Platform;

/// The module.
pub(super) struct LineInFile;

static SPEC: ModuleSpec = ModuleSpec {
    name: "lineinfile",
    options: &[
        OptionSpec::new("path", OptionKind::Path).required().aliases(&["dest", "destfile", "name"]),
        OptionSpec::new("line", OptionKind::Text).aliases(&["value"]),
        OptionSpec::new("regexp", OptionKind::Text).aliases(&["regex"]),
        OptionSpec::new("search_string", OptionKind::Text),
        OptionSpec::new("state", OptionKind::Choice(&["absent", "present"])),
        OptionSpec::new("backrefs", OptionKind::Bool),
        OptionSpec::new("insertafter", OptionKind::Text),
        OptionSpec::new("insertbefore", OptionKind::Text),
        OptionSpec::new("create", OptionKind::Bool),
        OptionSpec::new("firstmatch", OptionKind::Bool),
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
    platforms: Platforms::Any,
    ..ModuleSpec::EMPTY
};

impl Module for LineInFile {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        if context.platform == Platform::Windows {
            return windows::lineinfile::plain(options);
        }
        let regexp = options.text("regexp");
        let edit = edit(&LineOptions { module: "lineinfile", regexp, options })?;
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

/// The options of a module that edits lines.
pub(super) struct LineOptions<'o> {
    /// The module's name.
    pub(super) module: &'o str,
    /// The pattern, under whichever name.
    pub(super) regexp: Option<&'o str>,
    /// All options.
    pub(super) options: &'o Options,
}

/// What is to be done to the lines, for `win_lineinfile` too.
pub(super) fn edit(line: &LineOptions<'_>) -> Result<LineEdit, ModuleError> {
    let LineOptions { module, regexp, options } = line;
    for pair in [["insertbefore", "insertafter"], ["regexp", "search_string"], ["backrefs", "search_string"]]
    {
        if pair.iter().all(|name| options.contains_key(*name)) {
            return Err(ModuleError::new(format!(
                "`{module}` takes `{}` or `{}`, not both",
                pair[0], pair[1]
            )));
        }
    }
    let backrefs = options.flag("backrefs", false);
    let regex = |text: &str| pattern(text).map_err(ModuleError::new);
    let find = match (*regexp, options.text("search_string")) {
        (Some(text), _) => Find::Pattern(regex(text)?),
        (None, Some(text)) => Find::Text(text.to_owned()),
        (None, None) => Find::Line,
    };
    let line = options.text("line").map(str::to_owned);
    Ok(if options.text("state") == Some("absent") {
        if line.is_none() && matches!(find, Find::Line) {
            return Err(ModuleError::new(format!(
                "`{module}` with `state: absent` needs `line`, `search_string` or `regexp`"
            )));
        }
        LineEdit::Absent { find, line: line.unwrap_or_default() }
    } else {
        if backrefs && !matches!(find, Find::Pattern(_)) {
            return Err(ModuleError::new(format!("`{module}` with `backrefs: true` needs `regexp`")));
        }
        let line = line.ok_or_else(|| ModuleError::new(format!("`{module}` needs `line`")))?;
        let insert = match (options.text("insertafter"), options.text("insertbefore")) {
            (Some("BOF"), _) | (_, Some("BOF")) => Insert::Start,
            (Some("EOF"), _) | (None, None) => Insert::End,
            (Some(text), _) => Insert::After(regex(text)?),
            (None, Some(text)) => Insert::Before(regex(text)?),
        };
        LineEdit::Present { find, line, backrefs, insert, first: options.flag("firstmatch", false) }
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    #[test]
    fn contradictions_are_refused() {
        for (options, expected) in [
            (json!({"path": "/x"}), "needs `line`"),
            (json!({"path": "/x", "state": "absent"}), "needs `line`, `search_string` or `regexp`"),
            (json!({"path": "/x", "line": "a", "backrefs": true}), "needs `regexp`"),
            (json!({"path": "/x", "line": "a", "regexp": "("}), "not valid"),
            (json!({"path": "/x", "line": "a", "insertafter": "("}), "not valid"),
            (json!({"path": "/x", "line": "a", "insertafter": "b", "insertbefore": "c"}), "not both"),
            (json!({"path": "/x", "line": "a", "regexp": "b", "search_string": "c"}), "not both"),
            (json!({"path": "/x", "line": "a", "unsafe_writes": true}), "replaced whole"),
        ] {
            let error = plan("lineinfile", options.clone()).unwrap_err().message;
            assert!(error.contains(expected), "{options}: {error}");
        }
    }
}
